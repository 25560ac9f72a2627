//! Groups of ranks that add up their gradients (section 4 of the paper).
//!
//! A rank of a group is a [`Collective`]. [`run_ranks`] starts a group on the threads of this process, and with the feature
//! `mpi` the function `mpi::run` makes each process of an MPI job a rank. Every [`Algorithm`] is written once, as a schedule
//! of messages, and carried out by [`Ranks`] over a [`Transport`]; [`cost`] predicts from the same schedule how long that
//! takes.

use std::fmt::Debug;

mod board;
pub mod cost;
mod error;
mod memory;
#[cfg(feature = "mpi")]
pub mod mpi;
mod ranks;
mod schedule;
mod sums;
mod threads;
mod transport;

pub use error::CollectiveError;
pub use ranks::Ranks;
pub use schedule::{Algorithm, Step, Then};
#[cfg(feature = "cli")]
pub(crate) use sums::add;
pub use threads::{run_ranks, InProcess, Options};
pub use transport::{Call, Frame, Kind, Traffic, Transport};

/// A group of ranks, one of which this is. All ranks of a group make the same calls in the same order.
pub trait Collective: Send + Debug {
    /// Which rank this is, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// Replaces `values` by the sum of every rank's, the same bits on every rank.
    ///
    /// After an error `values` holds nothing of use, and every later call gives the same error.
    ///
    /// # Errors
    /// [`CollectiveError`] where a rank is lost, is late, or gave another length.
    fn all_reduce(&mut self, values: &mut [f32]) -> Result<(), CollectiveError>;

    /// What every rank gave, in the order of ranks; lengths may differ.
    ///
    /// # Errors
    /// [`CollectiveError`] where a rank is lost or late.
    fn all_gather(&mut self, mine: &[u8]) -> Result<Vec<Vec<u8>>, CollectiveError>;

    /// What this rank has sent and received in the calls so far; nothing where nobody counts.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

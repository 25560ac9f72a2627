//! Groups of ranks that add up their gradients (section 4 of the paper).

use std::fmt::Debug;

/// A group of ranks, one of which this is. All ranks of a group make the same calls in the same order.
pub trait Collective: Send + Debug {
    /// Which rank this is, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// Replaces `values` by the sum of every rank's, the same bits on every rank.
    ///
    /// # Errors
    /// [`CollectiveError`] where a rank is lost, is late, or gave another length.
    fn all_reduce(&mut self, values: &mut [f32]) -> Result<(), CollectiveError>;

    /// What every rank gave, in the order of ranks; lengths may differ.
    ///
    /// # Errors
    /// [`CollectiveError`] where a rank is lost or late.
    fn all_gather(&mut self, mine: &[u8]) -> Result<Vec<Vec<u8>>, CollectiveError>;
}

/// A call that not every rank came through.
#[derive(Debug, thiserror::Error)]
pub enum CollectiveError {}

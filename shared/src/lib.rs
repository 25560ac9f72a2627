//! What the eight Eightfold paper crates share.
pub mod claims;
#[cfg(feature = "cli")]
pub mod cli;
pub mod device;
pub mod files;
pub mod graph;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod testing;
pub mod train;

/// The tensor library, re-exported so that a user's version cannot drift from ours.
pub use dfdx;
/// Float traits, as dfdx uses them; the `module!` macro needs them by name.
pub use num_traits;
/// The graph library, re-exported so that a user's version cannot drift from ours.
pub use petgraph;
/// Distributions, as dfdx uses them; the `module!` macro needs them by name.
pub use rand_distr;
/// The sparse-matrix library, re-exported so that a user's version cannot drift from ours.
pub use sprs;

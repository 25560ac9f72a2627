//! Images in the form that a network takes them.

mod batch;

pub use batch::Batch;

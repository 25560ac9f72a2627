//! Work on many threads whose results do not depend on how many there are: many trainings at once, and tasks that wait for
//! earlier ones.

mod pipeline;
mod side_by_side;

pub use pipeline::{pipeline, Earlier};
pub use side_by_side::side_by_side;

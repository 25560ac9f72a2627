//! The training loop that every paper shares, and what a run needs to be stopped and gone on with.
//!
//! A paper implements [`Learner`]: one gradient step, one validation, and how its state is saved. [`fit`] does
//! the rest, in one function that can be read from top to bottom: shuffling, early stopping, checkpoints, the
//! JSONL record, resuming, and stopping when the loss is no longer a number.
//!
//! # Determinism
//! The order of the examples in an epoch is a function of (seed, epoch) alone, so a checkpoint holds a cursor and
//! no generator for it; generators that a learner owns travel in its state. A run that was killed at any moment
//! and resumed ends with the same bits as one that was not.
//!
//! # Being asked to end
//! A process that is to end soon says so by [`interrupt::request`]: the loop then writes a checkpoint after the step it is
//! at and gives [`FitError::Interrupted`].

mod batches;
mod checkpoint;
mod early_stopping;
mod fit;
pub mod interrupt;
pub mod metrics;
mod record;
mod rng;

pub use batches::epoch_order;
pub use checkpoint::{Checkpoint, CheckpointError, Cursor, Sampling, State, CHECKPOINT_FILE};
pub use early_stopping::{EarlyStopping, StopState};
pub use fit::{fit, FitError, FitPlan, Fitted, Learner, Progress, Storage};
pub use record::{EpochRecord, Record, RECORD_FILE};
pub use rng::RunRng;

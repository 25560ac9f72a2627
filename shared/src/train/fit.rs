//! The loop.

mod run;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde_json::Value;

use super::{epoch_order, interrupt, CheckpointError, Cursor, EarlyStopping, EpochRecord, State};
use crate::files::FileError;
use run::Run;

/// What a paper brings to the loop.
pub trait Learner {
    /// Its own errors.
    type Error: std::error::Error + Send + Sync + 'static;

    /// One gradient step on the examples at these positions of the training set; returns their mean loss.
    ///
    /// # Errors
    /// The learner's own.
    fn step(&mut self, examples: &[usize]) -> Result<f64, Self::Error>;

    /// Loss and accuracy on the validation set; `None` without one.
    ///
    /// # Errors
    /// The learner's own.
    fn validate(&mut self) -> Result<Option<(f64, f64)>, Self::Error>;

    /// Whether the learner has reached what it was to reach, which ends the run; asked after every epoch's validation.
    fn reached(&self) -> bool {
        false
    }

    /// Everything that the next step depends on: weights, optimisers, generators.
    ///
    /// # Errors
    /// The learner's own.
    fn save(&self) -> Result<State, Self::Error>;

    /// Takes back what [`save`](Self::save) gave.
    ///
    /// # Errors
    /// The learner's own, with the learner as it was.
    fn load(&mut self, state: &State) -> Result<(), Self::Error>;
}

/// How long to train, in what portions, and what to keep.
#[derive(Clone, Debug, Default)]
pub struct FitPlan {
    /// Passes over the training set, at most.
    pub epochs: usize,
    /// Examples a step; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Whether the examples of an epoch that fill no whole batch are left out of it.
    pub drop_last: bool,
    /// Fixes the order of the examples.
    pub seed: u64,
    /// When to stop before the last epoch. Without a validation set no rule stops anything.
    pub early_stopping: EarlyStopping,
    /// Where and how often to keep the run; `None` keeps it in memory alone.
    pub storage: Option<Storage>,
    /// Whether another process, or another thread, trains the same run and keeps it: this one resumes from its folder and writes
    /// nothing there.
    pub follows: bool,
}

/// The folder of a run, which belongs to one run at a time.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Gets `checkpoint.safetensors` and `record.jsonl`.
    pub folder: PathBuf,
    /// Steps between checkpoints; one is written after every epoch besides. 0 writes those alone.
    pub every_steps: usize,
    /// Whether to go on with the checkpoint in the folder; without it, what an earlier run left there is replaced.
    pub resume: bool,
    /// The settings a checkpoint must share to be resumed. The number of examples, the batch size and the seed are
    /// compared besides, because they fix which examples a step sees.
    pub config: Value,
}

/// A run that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// Where it ended.
    pub cursor: Cursor,
    /// What each epoch came to; after a resume, those since.
    pub epochs: Vec<EpochRecord>,
    /// Whether early stopping, or the learner's [`reached`](Learner::reached), ended it.
    pub stopped_early: bool,
}

/// What the loop says while it runs.
#[derive(Clone, Debug)]
pub enum Progress<'a> {
    /// It goes on from a checkpoint.
    Resumed(Cursor),
    /// An epoch is done.
    Epoch(&'a EpochRecord),
}

/// A run that did not end well.
#[derive(Debug, thiserror::Error)]
pub enum FitError<E: std::error::Error + 'static> {
    /// The learner's own error.
    #[error(transparent)]
    Learner(E),
    /// A checkpoint could not be written or used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The record could not be read or written.
    #[error(transparent)]
    Record(#[from] FileError),
    /// The loss is NaN or infinite.
    #[error("the loss became {loss} at step {step} (epoch {epoch}): lower the learning rate, or look at the data{kept}")]
    Diverged {
        /// The step, from 1.
        step: usize,
        /// The epoch, from 1.
        epoch: usize,
        /// The loss.
        loss: f64,
        /// Where the last good checkpoint is, as the end of the sentence.
        kept: String,
    },
    /// The weights or the optimiser's slots have become NaN or infinite, though the loss has not yet.
    #[error("tensor `{tensor}` holds a number that is not finite after step {step}: lower the learning rate, or look at the data{kept}")]
    NotFinite {
        /// The tensor, as the learner saves it.
        tensor: String,
        /// Steps done.
        step: usize,
        /// Where the last good checkpoint is, as the end of the sentence.
        kept: String,
    },
    /// The process was asked to end.
    #[error("training was interrupted after step {step}{kept}")]
    Interrupted {
        /// Steps done.
        step: usize,
        /// Where the checkpoint is, as the end of the sentence.
        kept: String,
    },
    /// There is nothing to train on.
    #[error("the training set is empty: give a split with at least one training example")]
    NoExamples,
    /// A batch of nothing.
    #[error("the batch size is 0: it must be at least 1")]
    NoBatch,
    /// Every batch would be dropped.
    #[error("a batch of {batch} examples is more than the {examples} of the training set, and incomplete batches are dropped: give a smaller batch or more examples")]
    NoWholeBatch {
        /// Examples a step.
        batch: usize,
        /// Examples of the training set.
        examples: usize,
    },
}

/// Trains `learner` on `examples` examples.
///
/// A process killed at any moment leaves a folder that `resume` goes on with, to the same bits. The order that makes
/// it so: an epoch's line reaches the record first and the checkpoint that counts the epoch second, so the record may
/// be ahead, and what it has too much is dropped on resuming; a fresh run replaces the checkpoint before it empties
/// the record.
///
/// A process that is [asked to end](interrupt::request) keeps the run after the step it is at.
///
/// # Errors
/// [`FitError`]. Once training has begun, the last checkpoint that was kept stays, and holds finite numbers only.
pub fn fit<L: Learner>(
    learner: &mut L,
    examples: usize,
    plan: &FitPlan,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<Fitted, FitError<L::Error>> {
    match (examples, plan.batch_size) {
        (0, _) => return Err(FitError::NoExamples),
        (_, 0) => return Err(FitError::NoBatch),
        (_, batch) if plan.drop_last && batch > examples => {
            return Err(FitError::NoWholeBatch { batch, examples })
        }
        _ => {}
    }
    let mut run = Run::start(learner, examples, plan, tell)?;
    while run.cursor.epoch < plan.epochs && !run.finished {
        let order = epoch_order(examples, plan.seed, run.cursor.epoch);
        let whole = order.len() / plan.batch_size * plan.batch_size;
        let used = if plan.drop_last { &order[..whole] } else { &order[..] };
        run.heed(learner)?;
        for batch in used.chunks(plan.batch_size).skip(run.cursor.batch) {
            let loss = learner.step(batch).map_err(|error| run.failed(error))?;
            run.cursor.step += 1;
            run.cursor.batch += 1;
            if !loss.is_finite() {
                return Err(run.diverged(loss));
            }
            run.epoch_loss.0 += loss * batch.len() as f64;
            run.epoch_loss.1 += batch.len();
            if run.checkpoint_due() {
                run.keep(learner)?;
            }
            run.heed(learner)?;
        }
        let validation = learner.validate().map_err(FitError::Learner)?;
        run.end_epoch(validation, learner.reached(), tell)?;
        run.keep(learner)?;
    }
    Ok(Fitted { cursor: run.cursor, epochs: run.epochs, stopped_early: run.finished })
}

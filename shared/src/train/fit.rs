//! The loop.

use std::path::PathBuf;

use serde_json::Value;

use super::{
    epoch_order, Checkpoint, CheckpointError, Cursor, EarlyStopping, EpochRecord, Record, State, StopState,
    CHECKPOINT_FILE,
};
use crate::files::FileError;

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
    /// Fixes the order of the examples.
    pub seed: u64,
    /// When to stop before the last epoch.
    pub early_stopping: EarlyStopping,
    /// Where and how often to keep the run; `None` keeps it in memory alone.
    pub storage: Option<Storage>,
}

/// The folder of a run.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Gets `checkpoint.safetensors` and `record.jsonl`.
    pub folder: PathBuf,
    /// Steps between checkpoints; one is written after every epoch besides. 0 writes those alone.
    pub every_steps: usize,
    /// Whether to go on with the checkpoint in the folder.
    pub resume: bool,
    /// The settings a checkpoint must share to be resumed.
    pub config: Value,
}

/// A run that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// Where it ended.
    pub cursor: Cursor,
    /// What each epoch came to; after a resume, those since.
    pub epochs: Vec<EpochRecord>,
    /// Whether early stopping ended it.
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
    /// There is nothing to train on.
    #[error("the training set is empty: give a split with at least one training example")]
    NoExamples,
    /// A batch of nothing.
    #[error("the batch size is 0: it must be at least 1")]
    NoBatch,
}

/// Trains `learner` on `examples` examples.
///
/// # Errors
/// [`FitError`]; whatever was kept before stays as it was.
pub fn fit<L: Learner>(
    learner: &mut L,
    examples: usize,
    plan: &FitPlan,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<Fitted, FitError<L::Error>> {
    match (examples, plan.batch_size) {
        (0, _) => return Err(FitError::NoExamples),
        (_, 0) => return Err(FitError::NoBatch),
        _ => {}
    }
    let mut run = Run::start(learner, plan, tell)?;
    while run.cursor.epoch < plan.epochs && !run.finished {
        let order = epoch_order(examples, plan.seed, run.cursor.epoch);
        for batch in order.chunks(plan.batch_size).skip(run.cursor.batch) {
            let loss = learner.step(batch).map_err(FitError::Learner)?;
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
        }
        let validation = learner.validate().map_err(FitError::Learner)?;
        run.end_epoch(validation, tell)?;
        run.keep(learner)?;
    }
    Ok(Fitted { cursor: run.cursor, epochs: run.epochs, stopped_early: run.finished })
}

/// The loop's own state.
struct Run<'p> {
    plan: &'p FitPlan,
    record: Option<Record>,
    cursor: Cursor,
    stopping: StopState,
    epoch_loss: (f64, usize),
    epochs: Vec<EpochRecord>,
    finished: bool,
    kept_at: Option<usize>,
}

impl<'p> Run<'p> {
    fn start<L: Learner>(
        learner: &mut L,
        plan: &'p FitPlan,
        tell: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, FitError<L::Error>> {
        let mut run = Run {
            plan,
            record: None,
            cursor: Cursor::default(),
            stopping: StopState::default(),
            epoch_loss: (0.0, 0),
            epochs: Vec::new(),
            finished: false,
            kept_at: None,
        };
        let Some(storage) = &plan.storage else { return Ok(run) };
        if storage.resume {
            let kept = Checkpoint::load_for(&storage.folder.join(CHECKPOINT_FILE), &storage.config)?;
            learner.load(&kept.state).map_err(FitError::Learner)?;
            (run.cursor, run.stopping, run.epoch_loss) = (kept.cursor, kept.stopping, kept.epoch_loss);
            (run.finished, run.kept_at) = (kept.finished, Some(kept.cursor.step));
            tell(Progress::Resumed(run.cursor));
        }
        run.record = Some(Record::open_at(&storage.folder, run.cursor.epoch)?);
        if run.kept_at.is_none() {
            // Whatever happens from the first step on, there is something to resume.
            run.keep(learner)?;
        }
        Ok(run)
    }

    fn checkpoint_due(&self) -> bool {
        let every = self.plan.storage.as_ref().map_or(0, |s| s.every_steps);
        every > 0 && self.cursor.step % every == 0
    }

    fn keep<L: Learner>(&mut self, learner: &L) -> Result<(), FitError<L::Error>> {
        let Some(storage) = &self.plan.storage else { return Ok(()) };
        let checkpoint = Checkpoint {
            config: storage.config.clone(),
            cursor: self.cursor,
            stopping: self.stopping.clone(),
            epoch_loss: self.epoch_loss,
            finished: self.finished,
            state: learner.save().map_err(FitError::Learner)?,
        };
        checkpoint.save(&storage.folder.join(CHECKPOINT_FILE))?;
        self.kept_at = Some(self.cursor.step);
        Ok(())
    }

    fn end_epoch<E: std::error::Error>(
        &mut self,
        validation: Option<(f64, f64)>,
        tell: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), FitError<E>> {
        self.cursor.epoch += 1;
        self.cursor.batch = 0;
        let (sum, examples) = std::mem::take(&mut self.epoch_loss);
        let line = EpochRecord {
            epoch: self.cursor.epoch,
            step: self.cursor.step,
            train_loss: sum / examples.max(1) as f64,
            validation_loss: validation.map(|v| v.0),
            validation_accuracy: validation.map(|v| v.1),
        };
        if let Some((loss, _)) = validation {
            if !loss.is_finite() {
                return Err(self.diverged(loss));
            }
            self.finished = self.stopping.stops(self.plan.early_stopping, loss);
        }
        tell(Progress::Epoch(&line));
        if let Some(record) = &self.record {
            record.write(&line)?;
        }
        self.epochs.push(line);
        Ok(())
    }

    fn diverged<E: std::error::Error>(&self, loss: f64) -> FitError<E> {
        let kept = match (&self.plan.storage, self.kept_at) {
            (Some(storage), Some(step)) => {
                format!("; the checkpoint of step {step} is kept in {}", storage.folder.display())
            }
            _ => String::new(),
        };
        let epoch = if self.cursor.batch == 0 { self.cursor.epoch } else { self.cursor.epoch + 1 };
        FitError::Diverged { step: self.cursor.step, epoch, loss, kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{nn::state::NamedTensor, train::RunRng};
    use rand::Rng;

    /// A random walk pulled towards the examples: depends on their order, on its own generator and on how many
    /// steps were done.
    #[derive(Clone, Debug, PartialEq)]
    struct Walk {
        w: f32,
        rng: [u64; 3],
        /// Steps left until something happens.
        fuse: Option<(usize, bool)>,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("killed")]
    struct Killed;

    impl Walk {
        fn new() -> Self {
            Walk { w: 0.0, rng: RunRng::new(9, 0).position(), fuse: None }
        }
    }

    impl Learner for Walk {
        type Error = Killed;
        fn step(&mut self, examples: &[usize]) -> Result<f64, Killed> {
            if let Some((left, nan)) = &mut self.fuse {
                if *left == 0 {
                    return if *nan { Ok(f64::NAN) } else { Err(Killed) };
                }
                *left -= 1;
            }
            let mut rng = RunRng::at(self.rng);
            for e in examples {
                self.w += 0.1 * (*e as f32 - self.w) + rng.gen_range(-1.0..1.0);
            }
            self.rng = rng.position();
            Ok(f64::from(self.w.abs()))
        }
        fn validate(&mut self) -> Result<Option<(f64, f64)>, Killed> {
            Ok(Some((f64::from(self.w), 0.5)))
        }
        fn save(&self) -> Result<State, Killed> {
            let mut state = State::default();
            state.tensors.push(NamedTensor::new("w", vec![1], vec![self.w]).unwrap());
            state.put("rng", &self.rng).unwrap();
            Ok(state)
        }
        fn load(&mut self, state: &State) -> Result<(), Killed> {
            self.w = state.tensors[0].values()[0];
            self.rng = state.get("rng").unwrap();
            Ok(())
        }
    }

    fn plan(folder: &std::path::Path, resume: bool) -> FitPlan {
        FitPlan {
            epochs: 4,
            batch_size: 3,
            seed: 5,
            early_stopping: EarlyStopping::Never,
            storage: Some(Storage {
                folder: folder.into(),
                every_steps: 2,
                resume,
                config: serde_json::json!({"a": 1}),
            }),
        }
    }

    #[test]
    fn stopped_at_any_step_and_resumed_it_ends_the_same() {
        let whole = tempfile::tempdir().unwrap();
        let mut reference = Walk::new();
        let fitted = fit(&mut reference, 10, &plan(whole.path(), false), &mut |_| {}).unwrap();
        assert_eq!(fitted.cursor, Cursor { epoch: 4, batch: 0, step: 16 });
        for steps in 0..16 {
            let dir = tempfile::tempdir().unwrap();
            let mut cut = Walk { fuse: Some((steps, false)), ..Walk::new() };
            assert!(matches!(
                fit(&mut cut, 10, &plan(dir.path(), false), &mut |_| {}),
                Err(FitError::Learner(Killed))
            ));
            let mut resumed = Walk { w: 77.0, ..Walk::new() };
            fit(&mut resumed, 10, &plan(dir.path(), true), &mut |_| {}).unwrap();
            assert_eq!(resumed, reference, "killed after {steps} steps");
            for file in [CHECKPOINT_FILE, super::super::RECORD_FILE] {
                let read = |dir: &std::path::Path| std::fs::read(dir.join(file)).unwrap();
                assert!(read(dir.path()) == read(whole.path()), "{file} after {steps} steps");
            }
        }
    }

    #[test]
    fn a_loss_that_is_no_number_stops_with_the_last_good_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let mut walk = Walk { fuse: Some((7, true)), ..Walk::new() };
        let error = fit(&mut walk, 10, &plan(dir.path(), false), &mut |_| {}).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("NaN at step 8 (epoch 2)") && text.contains("step 6 is kept"), "{text}");
        let kept = Checkpoint::load(&dir.path().join(CHECKPOINT_FILE)).unwrap();
        assert_eq!(kept.cursor.step, 6);
        assert!(kept.state.tensors[0].values()[0].is_finite());
    }

    #[test]
    fn resuming_what_has_ended_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut walk = Walk::new();
        fit(&mut walk, 10, &plan(dir.path(), false), &mut |_| {}).unwrap();
        let before = std::fs::read(dir.path().join(CHECKPOINT_FILE)).unwrap();
        let mut again = Walk::new();
        let fitted = fit(&mut again, 10, &plan(dir.path(), true), &mut |_| {}).unwrap();
        assert!(fitted.epochs.is_empty());
        assert_eq!(again.w, walk.w);
        assert_eq!(before, std::fs::read(dir.path().join(CHECKPOINT_FILE)).unwrap());
    }

    #[test]
    fn nothing_to_train_on_is_said() {
        let mut walk = Walk::new();
        let no_batch = FitPlan { epochs: 1, batch_size: 0, ..FitPlan::default() };
        assert!(matches!(fit(&mut walk, 5, &no_batch, &mut |_| {}), Err(FitError::NoBatch)));
        assert!(matches!(fit(&mut walk, 0, &no_batch, &mut |_| {}), Err(FitError::NoExamples)));
    }
}

//! The loop's own state, and how it gets to the disk and back.

use super::{interrupt, FitError, FitPlan, Learner, Progress};
use crate::{
    files::remove_leftovers,
    nn::state::NamedTensor,
    train::{Checkpoint, Cursor, EpochRecord, Record, Sampling, StopState, CHECKPOINT_FILE},
};

/// The loop's own state.
pub(super) struct Run<'p> {
    plan: &'p FitPlan,
    sampling: Sampling,
    record: Option<Record>,
    pub(super) cursor: Cursor,
    stopping: StopState,
    /// Summed over the batches of the epoch so far, and how many examples they held.
    pub(super) epoch_loss: (f64, usize),
    pub(super) epochs: Vec<EpochRecord>,
    /// Whether early stopping or the learner has ended the run.
    pub(super) finished: bool,
    /// The step of the last checkpoint.
    kept_at: Option<usize>,
    /// Tells the process that it is worth waiting for this run; `None` without storage.
    _keeping: Option<interrupt::Keeping>,
}

impl<'p> Run<'p> {
    /// Begins a run, or goes on with the one in the folder.
    pub(super) fn start<L: Learner>(
        learner: &mut L,
        examples: usize,
        plan: &'p FitPlan,
        tell: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, FitError<L::Error>> {
        let mut run = Run {
            plan,
            sampling: Sampling { examples, batch_size: plan.batch_size, seed: plan.seed },
            record: None,
            cursor: Cursor::default(),
            stopping: StopState::default(),
            epoch_loss: (0.0, 0),
            epochs: Vec::new(),
            finished: false,
            kept_at: None,
            _keeping: plan.storage.as_ref().map(|_| interrupt::Keeping::new()),
        };
        let Some(storage) = &plan.storage else { return Ok(run) };
        if !plan.follows {
            remove_leftovers(&storage.folder);
        }
        if storage.resume {
            let file = storage.folder.join(CHECKPOINT_FILE);
            let kept = Checkpoint::load_for(&file, &storage.config, run.sampling)?;
            learner.load(&kept.state).map_err(FitError::Learner)?;
            (run.cursor, run.stopping, run.epoch_loss) = (kept.cursor, kept.stopping, kept.epoch_loss);
            (run.finished, run.kept_at) = (kept.finished, Some(kept.cursor.step));
            interrupt::kept(&storage.folder, kept.cursor.step);
            tell(Progress::Resumed(run.cursor));
        } else {
            // From here on there is something to resume, and it is this run: only then may the record of an
            // earlier one go.
            run.keep(learner)?;
        }
        if !plan.follows {
            run.record = Some(Record::open_at(&storage.folder, run.cursor.epoch)?);
        }
        Ok(run)
    }

    /// Whether the plan asks for a checkpoint after this step.
    pub(super) fn checkpoint_due(&self) -> bool {
        let every = self.plan.storage.as_ref().map_or(0, |s| s.every_steps);
        every > 0 && self.cursor.step.is_multiple_of(every)
    }

    /// Writes a checkpoint, unless that would replace a good one by one that cannot be trained on.
    pub(super) fn keep<L: Learner>(&mut self, learner: &L) -> Result<(), FitError<L::Error>> {
        let Some(storage) = self.plan.storage.as_ref().filter(|_| !self.plan.follows) else { return Ok(()) };
        let state = learner.save().map_err(FitError::Learner)?;
        let finite = |t: &NamedTensor| t.values().iter().all(|v| v.is_finite());
        if let Some(tensor) = state.tensors.iter().find(|t| !finite(t)) {
            let (tensor, step) = (tensor.name().to_owned(), self.cursor.step);
            return Err(FitError::NotFinite { tensor, step, kept: self.kept() });
        }
        let checkpoint = Checkpoint {
            config: storage.config.clone(),
            sampling: self.sampling,
            cursor: self.cursor,
            stopping: self.stopping.clone(),
            epoch_loss: self.epoch_loss,
            finished: self.finished,
            state,
        };
        checkpoint.save(&storage.folder.join(CHECKPOINT_FILE))?;
        self.kept_at = Some(self.cursor.step);
        interrupt::kept(&storage.folder, self.cursor.step);
        Ok(())
    }

    /// Ends the run, kept, where the process was asked to end. A run that follows another ends with that one.
    pub(super) fn heed<L: Learner>(&mut self, learner: &L) -> Result<(), FitError<L::Error>> {
        if self.plan.follows || interrupt::requested().is_none() {
            return Ok(());
        }
        if self.kept_at != Some(self.cursor.step) {
            self.keep(learner)?;
        }
        Err(self.interrupted())
    }

    /// The error of a step: of a run that follows another, the end of that one where the process was asked to end.
    pub(super) fn failed<E: std::error::Error>(&self, error: E) -> FitError<E> {
        match interrupt::requested().filter(|_| self.plan.follows) {
            Some(_) => self.interrupted(),
            None => FitError::Learner(error),
        }
    }

    fn interrupted<E: std::error::Error>(&self) -> FitError<E> {
        interrupt::answer();
        FitError::Interrupted { step: self.cursor.step, kept: self.kept() }
    }

    /// Closes an epoch: asks the stopping rule, or ends the run where the learner has `reached` its end, and writes the epoch's line.
    pub(super) fn end_epoch<E: std::error::Error>(
        &mut self,
        validation: Option<(f64, f64)>,
        reached: bool,
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
        self.finished |= reached;
        tell(Progress::Epoch(&line));
        if let Some(record) = &self.record {
            record.write(&line)?;
        }
        self.epochs.push(line);
        Ok(())
    }

    /// The error for a loss that is no number.
    pub(super) fn diverged<E: std::error::Error>(&self, loss: f64) -> FitError<E> {
        let epoch = if self.cursor.batch == 0 { self.cursor.epoch } else { self.cursor.epoch + 1 };
        FitError::Diverged { step: self.cursor.step, epoch, loss, kept: self.kept() }
    }

    /// Where the last good checkpoint is, as the end of a sentence.
    fn kept(&self) -> String {
        match (&self.plan.storage, self.kept_at) {
            (Some(storage), Some(step)) => {
                format!("; the checkpoint of step {step} is kept in {}", storage.folder.display())
            }
            _ => String::new(),
        }
    }
}

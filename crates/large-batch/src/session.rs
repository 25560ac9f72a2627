//! A rank's part in the training loop.

use shared::{
    optim::Schedule,
    train::{fit, FitError, FitPlan, Fitted, Learner, Progress, State},
};

use crate::{collective::Collective, DataParallel, LargeBatchError, NoiseScale, Replica, StepOutcome};

/// What the loop asks of the outside.
pub trait Watch<R> {
    /// After a step: its number, from 0, its rate, and what it came to.
    ///
    /// # Errors
    /// Ends the run.
    fn step(&mut self, _step: usize, _lr: f64, _outcome: &StepOutcome) -> Result<(), LargeBatchError> {
        Ok(())
    }

    /// After an epoch: loss and accuracy on a validation set.
    ///
    /// # Errors
    /// Ends the run.
    fn epoch(&mut self, _replica: &R) -> Result<Option<(f64, f64)>, LargeBatchError> {
        Ok(None)
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl<R> Watch<R> for Unwatched {}

/// Trains a rank's part of a data-parallel run to the end of `plan`, whose batch size is kn, with the rate of every iteration
/// from `schedule`. Every rank calls it with the same arguments, but for the plan's
/// [`follows`](FitPlan::follows): rank 0 keeps the run, the others follow.
///
/// `settings` is what ranks must agree on, as text.
///
/// # Errors
/// [`FitError`]. A lost rank leaves the last checkpoint, with which any number of ranks goes on.
#[allow(clippy::too_many_arguments)]
pub fn train<R: Replica>(
    parallel: &mut DataParallel<R>,
    group: &mut dyn Collective,
    examples: usize,
    plan: &FitPlan,
    schedule: &Schedule,
    settings: &str,
    watch: &mut dyn Watch<R>,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<(Fitted, NoiseScale), FitError<LargeBatchError>> {
    let noise = NoiseScale::new(parallel.per_worker());
    let agreed = false;
    let mut session = Session { parallel, group, schedule, settings, watch, step: 0, noise, agreed };
    let fitted = fit(&mut session, examples, plan, tell)?;
    Ok((fitted, session.noise))
}

struct Session<'a, R> {
    parallel: &'a mut DataParallel<R>,
    group: &'a mut dyn Collective,
    schedule: &'a Schedule,
    settings: &'a str,
    watch: &'a mut dyn Watch<R>,
    step: usize,
    noise: NoiseScale,
    /// Whether the ranks have found out that they train the same.
    agreed: bool,
}

impl<R: Replica> Learner for Session<'_, R> {
    type Error = LargeBatchError;

    fn step(&mut self, examples: &[usize]) -> Result<f64, LargeBatchError> {
        let group = &mut *self.group;
        if !self.agreed {
            self.parallel.agree(group, &format!("{} at step {}", self.settings, self.step))?;
            self.agreed = true;
        }
        let lr = self.schedule.lr(self.step);
        let outcome = self.parallel.step(group, examples, lr)?;
        self.noise.add(&outcome);
        self.watch.step(self.step, lr, &outcome)?;
        self.step += 1;
        Ok(outcome.loss)
    }

    fn validate(&mut self) -> Result<Option<(f64, f64)>, LargeBatchError> {
        self.watch.epoch(&self.parallel.replica)
    }

    fn save(&self) -> Result<State, LargeBatchError> {
        let mut state = self.parallel.replica.save()?;
        state.put("step", &self.step)?;
        state.put("noise", &self.noise)?;
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<(), LargeBatchError> {
        let (step, noise) = (state.get("step")?, state.get("noise")?);
        self.parallel.replica.load(state)?;
        (self.step, self.noise) = (step, noise);
        Ok(())
    }
}

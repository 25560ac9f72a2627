//! Training with few labels in the shared loop: checkpoints, resuming, divergence.

use rand::{seq::SliceRandom, Rng};
use shared::{
    device::Backend,
    train::{fit, FitPlan, Fitted, Learner, Progress, RunRng, State},
};

use super::semi_supervised::{SemiReport, SemiSupervised};
use crate::{
    gan::{rows_of, Batch},
    net::{Discriminator, Generator},
    trainer::Plan,
    GanError,
};

/// Streams of the seed.
const CHOICE_STREAM: u64 = 24;
const DRAW_STREAM: u64 = 25;

/// Which examples keep their labels: `each` of every class, drawn by the seed, in the order of the classes. A class with
/// fewer gives all it has.
#[must_use]
pub fn choose_labelled(labels: &[usize], each: usize, seed: u64) -> Vec<usize> {
    let classes = labels.iter().max().map_or(0, |last| last + 1);
    let mut rng = RunRng::new(seed, CHOICE_STREAM);
    let mut chosen = Vec::with_capacity(each * classes);
    for class in 0..classes {
        let mut members: Vec<usize> = (0..labels.len()).filter(|i| labels[*i] == class).collect();
        members.shuffle(&mut rng);
        chosen.extend(members.into_iter().take(each));
    }
    chosen
}

/// The examples whose classes are known.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// Example after example.
    pub values: &'a [f32],
    /// The class of each.
    pub labels: &'a [usize],
}

/// What training says while it runs.
pub enum SemiTold<'a> {
    /// What the loop says.
    Loop(Progress<'a>),
    /// A step is done: its number from 1, and what it saw.
    Step(usize, &'a SemiReport),
}

impl<G, C, D: Backend, const Z: usize, const X: usize, const F: usize, const K: usize>
    SemiSupervised<G, C, D, Z, X, F, K>
where
    G: Generator<Z, X, D>,
    C: Discriminator<X, F, D>,
{
    /// Passes over the unlabelled examples; each step has as many labelled ones, drawn with replacement.
    ///
    /// # Errors
    /// [`GanError::Values`] for examples of another width or classes that there are not, [`GanError::Training`] where it
    /// diverges, else the device's.
    pub fn train(
        &mut self,
        labelled: Labelled<'_>,
        unlabelled: &[f32],
        plan: &Plan,
        tell: &mut dyn FnMut(SemiTold<'_>),
    ) -> Result<Fitted, GanError> {
        let rows = rows_of("labelled examples", labelled.values, X)?;
        let (found, what) = (labelled.labels.len(), "classes of the labelled examples");
        if found != rows {
            return Err(GanError::Values { what, found, examples: rows, width: 1, expected: rows });
        }
        let examples = rows_of("unlabelled examples", unlabelled, X)?;
        let batch_size = plan.batch.max(1);
        let fit_plan = FitPlan {
            epochs: plan.steps.div_ceil(examples.div_ceil(batch_size).max(1)),
            batch_size,
            seed: plan.seed,
            storage: plan.storage.clone(),
            ..FitPlan::default()
        };
        let tell = std::cell::RefCell::new(tell);
        let mut session = Session {
            game: self,
            labelled,
            unlabelled,
            draws: RunRng::new(plan.seed, DRAW_STREAM),
            tell: &|told| (tell.borrow_mut())(told),
        };
        let fitted = fit(&mut session, examples, &fit_plan, &mut |progress| {
            (tell.borrow_mut())(SemiTold::Loop(progress))
        })?;
        Ok(fitted)
    }
}

struct Session<'a, G, C, D: Backend, const Z: usize, const X: usize, const F: usize, const K: usize>
where
    C: Discriminator<X, F, D>,
{
    game: &'a mut SemiSupervised<G, C, D, Z, X, F, K>,
    labelled: Labelled<'a>,
    unlabelled: &'a [f32],
    draws: RunRng,
    tell: &'a dyn Fn(SemiTold<'_>),
}

impl<G, C, D: Backend, const Z: usize, const X: usize, const F: usize, const K: usize> Learner
    for Session<'_, G, C, D, Z, X, F, K>
where
    G: Generator<Z, X, D>,
    C: Discriminator<X, F, D>,
{
    type Error = GanError;

    fn step(&mut self, members: &[usize]) -> Result<f64, GanError> {
        let row =
            |values: &[f32], i: usize, to: &mut Vec<f32>| to.extend_from_slice(&values[i * X..(i + 1) * X]);
        let (mut values, mut labels) = (Vec::with_capacity(members.len() * X), Vec::new());
        for _ in members {
            let drawn = self.draws.gen_range(0..self.labelled.labels.len());
            row(self.labelled.values, drawn, &mut values);
            labels.push(self.labelled.labels[drawn]);
        }
        let mut unlabelled = Vec::with_capacity(members.len() * X);
        members.iter().for_each(|member| row(self.unlabelled, *member, &mut unlabelled));
        let report = self.game.step(Batch { values: &values, labels: &labels }, &unlabelled)?;
        (self.tell)(SemiTold::Step(self.game.steps(), &report));
        // a loss that is no number ends the run, whichever player's it is
        let losses = report.supervised + report.unsupervised;
        Ok(if report.generator_loss.is_finite() { losses } else { report.generator_loss })
    }

    fn validate(&mut self) -> Result<Option<(f64, f64)>, GanError> {
        Ok(None)
    }

    fn save(&self) -> Result<State, GanError> {
        let mut state = self.game.save()?;
        state.put("draws", &self.draws.position())?;
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<(), GanError> {
        let draws = RunRng::at(state.get("draws")?);
        self.game.load(state)?;
        self.draws = draws;
        Ok(())
    }
}

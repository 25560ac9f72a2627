//! One run: a network trained dense, or an arm that goes on from there.

use serde::{Deserialize, Serialize};
use shared::{
    nn::state::NamedTensor,
    train::{fit, FitPlan, Learner, Progress, State, Storage},
};

use super::subject::{Part, Score, Subject};
use crate::{
    diagnostics::{Bins, Progression},
    Achieved, Dsd, DsdConfig, DsdError, Kind,
};

/// Bins of a histogram of weights.
pub const BINS: usize = 61;

/// What the end of a phase came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseEnd {
    /// What the phase did to the weights.
    pub kind: Kind,
    /// Loss and error on the training examples.
    pub train: Score,
    /// Loss and error on the test examples.
    pub test: Score,
    /// The sparsity found in its last epoch.
    pub achieved: Achieved,
}

/// The weights of the largest pruned layer through sparse and re-dense training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// The layer.
    pub layer: String,
    /// Its weights in numbers.
    pub progression: Progression,
    /// The ends of the histograms' axis: four standard deviations of the dense weights.
    pub limit: f64,
    /// Dense; just pruned; end of sparse; let go; end of re-dense. Masked weights are in none of the second and third.
    pub histograms: [Bins; 5],
}

/// What a run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Phase by phase.
    pub phases: Vec<PhaseEnd>,
    /// What became of the weights, where a sparse phase is followed by a dense one.
    pub weights: Option<Weights>,
}

impl Run {
    /// The end of the last phase.
    #[must_use]
    pub fn last(&self) -> Option<&PhaseEnd> {
        self.phases.last()
    }
}

/// How a run is trained, besides its phases.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) batch: usize,
    /// Fixes the order of the examples.
    pub(super) order: u64,
    pub(super) storage: Option<Storage>,
}

/// A run, and the network's state at its end.
pub(super) struct Ended {
    pub(super) run: Run,
    pub(super) state: State,
}

/// Trains a subject through the phases of `config`.
pub(super) fn train(
    subject: Box<dyn Subject + '_>,
    config: DsdConfig,
    plan: Plan,
    tell: &mut dyn FnMut(Progress<'_>),
    step: &mut dyn FnMut(),
) -> Result<Ended, DsdError> {
    let (examples, epochs) = (subject.examples(), config.epochs());
    let fit_plan = FitPlan {
        epochs,
        batch_size: plan.batch,
        seed: plan.order,
        storage: plan.storage,
        ..FitPlan::default()
    };
    let batches = examples.div_ceil(plan.batch.max(1));
    let mut session = Session {
        subject,
        dsd: Dsd::new(config)?,
        batches,
        before: Vec::new(),
        at: Place::default(),
        sparse: None,
        step,
    };
    fit(&mut session, examples, &fit_plan, tell)?;
    let weights = session.weights()?;
    let Session { subject, at, .. } = session;
    Ok(Ended { run: Run { phases: at.phases, weights }, state: subject.save()? })
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Place {
    steps: usize,
    phases: Vec<PhaseEnd>,
}

/// The largest pruned layer as a sparse phase left it.
struct Sparse {
    layer: String,
    weights: Vec<f32>,
    mask: Vec<bool>,
}

struct Session<'a, 't> {
    subject: Box<dyn Subject + 'a>,
    dsd: Dsd,
    /// Steps of an epoch.
    batches: usize,
    /// The weights as the first sparse phase found them.
    before: Vec<NamedTensor>,
    at: Place,
    sparse: Option<Sparse>,
    step: &'t mut dyn FnMut(),
}

impl Session<'_, '_> {
    /// Keeps the largest pruned layer, where the phase that ends is the first sparse one.
    fn keep_sparse(&mut self, achieved: &Achieved) {
        let largest = achieved.layers.iter().max_by_key(|layer| layer.len);
        let (None, Some(layer)) = (&self.sparse, largest) else { return };
        let weights = values(&self.subject.weights(), &layer.name);
        let mask = self.subject.optimizer().mask(&layer.name).map(<[bool]>::to_vec);
        if let (Some(weights), Some(mask)) = (weights, mask) {
            self.sparse = Some(Sparse { layer: layer.name.clone(), weights, mask });
        }
    }

    fn weights(&self) -> Result<Option<Weights>, DsdError> {
        let redense = self.dsd.config().phases.last().is_some_and(|phase| phase.kind == Kind::Dense);
        let (Some(sparse), true) = (&self.sparse, redense) else { return Ok(None) };
        let found = values(&self.before, &sparse.layer).zip(values(&self.subject.weights(), &sparse.layer));
        let Some((dense, after)) = found else { return Ok(None) };
        let mean = dense.iter().map(|w| f64::from(*w)).sum::<f64>() / dense.len().max(1) as f64;
        let squares = dense.iter().map(|w| (f64::from(*w) - mean).powi(2)).sum::<f64>();
        let limit = 4.0 * (squares / dense.len().max(1) as f64).sqrt();
        let kept = |of: &[f32]| -> Vec<f32> {
            of.iter().zip(&sparse.mask).filter(|(_, kept)| **kept).map(|(w, _)| *w).collect()
        };
        let bins = |of: &[f32]| Bins::count(of.iter().copied(), limit as f32, BINS);
        let (pruned, trained) = (kept(&dense), kept(&sparse.weights));
        Ok(Some(Weights {
            layer: sparse.layer.clone(),
            progression: Progression::of(&dense, &sparse.weights, &after, &sparse.mask),
            limit,
            histograms: [bins(&dense), bins(&pruned), bins(&trained), bins(&sparse.weights), bins(&after)],
        }))
    }
}

fn values(weights: &[NamedTensor], name: &str) -> Option<Vec<f32>> {
    weights.iter().find(|tensor| tensor.name() == name).map(|tensor| tensor.values().to_vec())
}

impl Learner for Session<'_, '_> {
    type Error = DsdError;

    fn step(&mut self, members: &[usize]) -> Result<f64, DsdError> {
        if self.at.steps.is_multiple_of(self.batches) {
            let begins = self.dsd.config().place(self.dsd.epoch()).filter(|(_, within)| *within == 0);
            let sparse =
                |(phase, _): (usize, usize)| matches!(self.dsd.config().phases[phase].kind, Kind::Sparse(_));
            if self.before.is_empty() && begins.is_some_and(sparse) {
                self.before = self.subject.weights();
            }
            self.dsd.begin_epoch_of(&mut *self.subject)?;
        }
        let loss = self.subject.step(members)?;
        self.at.steps += 1;
        (self.step)();
        Ok(loss)
    }

    fn validate(&mut self) -> Result<Option<(f64, f64)>, DsdError> {
        let epoch = self.dsd.epoch();
        let achieved = self.dsd.end_epoch_of(&*self.subject)?;
        let place = |epoch| self.dsd.config().place(epoch).map(|(phase, _)| phase);
        let (this, next) = (place(epoch), place(epoch + 1));
        if let Some(phase) = this.filter(|_| this != next) {
            let kind = self.dsd.config().phases[phase].kind;
            self.keep_sparse(&achieved);
            let (train, test) = (self.subject.score(Part::Train)?, self.subject.score(Part::Test)?);
            self.at.phases.push(PhaseEnd { kind, train, test, achieved });
        }
        Ok(None)
    }

    fn save(&self) -> Result<State, DsdError> {
        let mut state = self.subject.save()?;
        state.put("arm", &self.at)?;
        self.dsd.save(&mut state)?;
        state.put_tensors("before", self.before.clone())?;
        let flat = |values: &[f32]| NamedTensor::new("weights", vec![values.len()], values.to_vec());
        if let Some(Sparse { layer, weights, mask }) = &self.sparse {
            let mask: Vec<f32> = mask.iter().map(|kept| f32::from(u8::from(*kept))).collect();
            state.put("sparse", layer)?;
            state.put_tensors("sparse", vec![flat(weights)?])?;
            state.put_tensors("sparse-mask", vec![flat(&mask)?])?;
        }
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<(), DsdError> {
        let at = state.get("arm")?;
        let one = |prefix: &str| -> Result<Vec<f32>, DsdError> {
            let tensors = state.take_tensors(prefix)?.into_iter();
            Ok(tensors.map(NamedTensor::into_values).next().unwrap_or_default())
        };
        let sparse = match state.values.contains_key("sparse") {
            false => None,
            true => Some(Sparse {
                layer: state.get("sparse")?,
                weights: one("sparse")?,
                mask: one("sparse-mask")?.iter().map(|kept| *kept != 0.0).collect(),
            }),
        };
        let before = state.take_tensors("before")?;
        self.dsd.load(state)?;
        self.subject.load(state)?;
        (self.at, self.sparse, self.before) = (at, sparse, before);
        Ok(())
    }
}

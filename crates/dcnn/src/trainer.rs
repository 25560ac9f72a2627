//! Training: the paper's step and validation, brought to the shared loop.

use datasets::splits::Split;
use shared::{
    device::DeviceKind,
    train::{fit, FitPlan, Fitted, Learner, Progress, State, Storage},
};

use crate::{
    config::CheckedConfig,
    examples::{Examples, Labels},
    network::{build, Network},
    DcnnError,
};

#[cfg(test)]
mod tests;

/// Rows scored at a time.
const SCORE_BATCH: usize = 1024;

/// A network with its settings: what training gives and predicting takes.
pub(crate) struct Trained {
    pub(crate) network: Box<dyn Network>,
    pub(crate) config: CheckedConfig,
    pub(crate) features: usize,
    pub(crate) classes: usize,
}

/// Where to train and what to keep.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The device.
    pub device: DeviceKind,
    /// The run's folder; `None` keeps nothing on disk.
    pub storage: Option<Storage>,
}

/// Trains a network on the examples of a split.
pub(crate) fn train(
    examples: &Examples,
    labels: &Labels,
    split: &Split,
    config: &CheckedConfig,
    options: &RunOptions,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<(Trained, Fitted), DcnnError> {
    check(examples, labels, split)?;
    let (features, classes) = (examples.features(), labels.classes());
    let network = build(options.device, config, features, classes)?;
    let mut session = Session { network, examples, labels, split, config };
    let plan = FitPlan {
        epochs: config.epochs,
        batch_size: config.batch_size,
        seed: config.seed,
        early_stopping: config.early_stopping,
        storage: options.storage.clone(),
        ..FitPlan::default()
    };
    let fitted = fit(&mut session, split.train.len(), &plan, tell)?;
    Ok((Trained { network: session.network, config: config.clone(), features, classes }, fitted))
}

fn check(examples: &Examples, labels: &Labels, split: &Split) -> Result<(), DcnnError> {
    let count = examples.len();
    if labels.len() != count {
        let why = "one an example";
        return Err(DcnnError::Count { what: "labels", found: labels.len(), expected: count, why });
    }
    for (part, members) in [("training", &split.train), ("validation", &split.validation)] {
        if members.is_empty() {
            return Err(DcnnError::EmptySplit { part });
        }
    }
    let mut all = split.train.iter().chain(&split.validation).chain(&split.test).copied();
    match all.find(|e| *e >= count) {
        Some(index) => Err(DcnnError::Index { what: "example", index, count }),
        None => Ok(()),
    }
}

/// One run.
struct Session<'a> {
    network: Box<dyn Network>,
    examples: &'a Examples,
    labels: &'a Labels,
    split: &'a Split,
    config: &'a CheckedConfig,
}

impl Session<'_> {
    fn step_on(&mut self, members: &[usize]) -> Result<f64, DcnnError> {
        self.network.step(&self.examples.batch(members)?, &self.labels.targets(members)?)
    }
}

impl Learner for Session<'_> {
    type Error = DcnnError;

    fn step(&mut self, positions: &[usize]) -> Result<f64, DcnnError> {
        let members: Vec<usize> = positions.iter().map(|p| self.split.train[*p]).collect();
        self.step_on(&members)
    }

    fn validate(&mut self) -> Result<Option<(f64, f64)>, DcnnError> {
        let members = &self.split.validation;
        let leaked = if self.config.leak_validation {
            // The authors' mistake: the loss that decides when to stop is that of training steps.
            let mut sum = 0.0;
            for batch in members.chunks(self.config.batch_size) {
                sum += self.step_on(batch)? * batch.len() as f64;
            }
            Some(sum / members.len() as f64)
        } else {
            None
        };
        let (mut loss, mut right) = (0.0, 0);
        for batch in members.chunks(SCORE_BATCH) {
            let targets = self.labels.targets(batch)?;
            let (scores, mean) = self.network.evaluate(&self.examples.batch(batch)?, &targets)?;
            loss += mean * batch.len() as f64;
            let classes = best_classes(&scores, self.labels.classes());
            right += classes.zip(targets.iter()).filter(|(class, (_, target))| class == target).count();
        }
        let count = members.len() as f64;
        Ok(Some((leaked.unwrap_or(loss / count), right as f64 / count)))
    }

    fn save(&self) -> Result<State, DcnnError> {
        self.network.save()
    }

    fn load(&mut self, state: &State) -> Result<(), DcnnError> {
        self.network.load(state)
    }
}

impl Trained {
    /// f(scores) of examples, row-major.
    pub(crate) fn scores(&self, examples: &Examples, members: &[usize]) -> Result<Vec<f32>, DcnnError> {
        if examples.features() != self.features {
            let (found, expected) = (examples.features(), self.features);
            let why = "as many as the network was trained on (the constant feature included)";
            return Err(DcnnError::Count { what: "features", found, expected, why });
        }
        let (found, expected) = (examples.diffused().slices(), self.config.slices());
        if found != expected {
            let why = "one more than the hops the network was trained with";
            return Err(DcnnError::Count { what: "slices", found, expected, why });
        }
        let mut scores = Vec::with_capacity(members.len() * self.classes);
        for batch in members.chunks(SCORE_BATCH) {
            scores.extend(self.network.scores(&examples.batch(batch)?)?);
        }
        Ok(scores)
    }
}

impl Trained {
    /// softmax(f(scores)) of examples, row-major.
    pub(crate) fn probabilities(
        &self,
        examples: &Examples,
        members: &[usize],
    ) -> Result<Vec<f32>, DcnnError> {
        let mut scores = self.scores(examples, members)?;
        for row in scores.chunks_exact_mut(self.classes.max(1)) {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|o| *o = (*o - max).exp());
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= sum);
        }
        Ok(scores)
    }
}

/// The best class of each row, the first where several are.
pub(crate) fn best_classes(scores: &[f32], classes: usize) -> impl Iterator<Item = usize> + '_ {
    scores.chunks_exact(classes.max(1)).map(|row| {
        row.iter()
            .enumerate()
            .fold((0, f32::NEG_INFINITY), |best, (k, o)| if *o > best.1 { (k, *o) } else { best })
            .0
    })
}

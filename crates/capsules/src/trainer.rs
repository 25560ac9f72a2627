//! Training: a network and the images of a task, brought to the shared loop.

use std::cell::RefCell;

use shared::{
    device::DeviceKind,
    nn::state::NamedTensor,
    train::{fit, FitPlan, Fitted, Learner, Progress, State, Storage},
};

use crate::{
    config::CheckedConfig,
    data::{Source, View},
    network::{build, Network},
    task::Parts,
    CapsError,
};

#[cfg(test)]
mod tests;

/// Images scored at a time.
const SCORE_BATCH: usize = 200;

/// Where to train and what to keep.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The device.
    pub device: DeviceKind,
    /// The run's folder; `None` keeps nothing on disk.
    pub storage: Option<Storage>,
    /// Whether the validation images are scored after every epoch.
    pub validate: bool,
}

/// What training says while it runs.
pub enum Told<'a> {
    /// What the loop says.
    Loop(Progress<'a>),
    /// A step is done, with this loss.
    Step(f64),
    /// An epoch, counted from 1, is done, and these are the weights.
    Weights(usize, &'a dyn Fn() -> Vec<NamedTensor>),
}

/// A trained network.
pub struct Trained {
    pub(crate) network: Box<dyn Network>,
    config: CheckedConfig,
    side: usize,
    fitted: Option<Fitted>,
}

impl Trained {
    /// Trains a network on the images of a task.
    ///
    /// # Errors
    /// [`CapsError`]; the last checkpoint that was kept stays.
    pub fn fit(
        parts: &Parts,
        config: &CheckedConfig,
        options: &RunOptions,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<Self, CapsError> {
        let side = parts.train.layout().side;
        let network = build(options.device, config, side)?;
        let validation = options.validate.then_some(&*parts.validation);
        let batches = parts.train.len().div_ceil(config.batch_size) as u64;
        let tell = RefCell::new(tell);
        let mut session =
            Session { network, train: &*parts.train, validation, batches, steps: 0, tell: &tell };
        let plan = FitPlan {
            epochs: config.epochs,
            batch_size: config.batch_size,
            seed: config.seed,
            storage: options.storage.clone(),
            ..FitPlan::default()
        };
        let fitted =
            fit(&mut session, parts.train.len(), &plan, &mut |p| (tell.borrow_mut())(Told::Loop(p)))?;
        Ok(Trained { network: session.network, config: config.clone(), side, fitted: Some(fitted) })
    }

    /// A network with these weights, for images of `side` pixels a side.
    ///
    /// # Errors
    /// [`CapsError::State`] where weights are missing or do not fit.
    pub fn with_weights(
        weights: &[NamedTensor],
        config: &CheckedConfig,
        side: usize,
        device: DeviceKind,
    ) -> Result<Self, CapsError> {
        let mut network = build(device, config, side)?;
        network.load_weights(weights)?;
        Ok(Trained { network, config: config.clone(), side, fitted: None })
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &CheckedConfig {
        &self.config
    }

    /// Pixels on a side of the images.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// How training went; `None` for weights that came from elsewhere.
    #[must_use]
    pub fn fitted(&self) -> Option<&Fitted> {
        self.fitted.as_ref()
    }

    /// The weights under their names.
    #[must_use]
    pub fn weights(&self) -> Vec<NamedTensor> {
        self.network.weights()
    }

    /// How the network does on a source.
    ///
    /// # Errors
    /// The source's and the device's.
    pub fn score(&self, source: &dyn Source) -> Result<Score, CapsError> {
        score(&*self.network, source, false)
    }
}

/// How a network does on images.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Images whose K highest classes are not exactly those that they show, in their order.
    pub wrong: Vec<usize>,
    /// Images.
    pub images: usize,
    /// The mean loss; 0 where it was not asked for.
    pub loss: f64,
}

impl Score {
    /// The share of images that are wrong.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.wrong.len() as f64 / self.images.max(1) as f64
    }
}

fn score(network: &dyn Network, source: &dyn Source, loss: bool) -> Result<Score, CapsError> {
    let classes = source.layout().classes;
    let mut result = Score { wrong: Vec::new(), images: source.len(), loss: 0.0 };
    let members: Vec<usize> = (0..source.len()).collect();
    for members in members.chunks(SCORE_BATCH) {
        let batch = source.batch(members, View::Fixed)?;
        let scores = network.scores(&batch.images)?;
        for (image, scores) in scores.chunks_exact(classes).enumerate() {
            if !are_highest(scores, batch.labels_of(image)) {
                result.wrong.push(members[image]);
            }
        }
        if loss {
            result.loss += network.loss(&batch)? * members.len() as f64 / source.len() as f64;
        }
    }
    Ok(result)
}

/// Whether `labels` are the classes of the highest scores; not, where another class ties with one of them.
pub(crate) fn are_highest(scores: &[f32], labels: &[usize]) -> bool {
    let lowest = labels.iter().map(|label| scores[*label]).fold(f32::INFINITY, f32::min);
    let others = scores.iter().enumerate().filter(|(k, _)| !labels.contains(k));
    others.map(|(_, score)| *score).all(|score| score < lowest)
}

/// One run.
struct Session<'a, 't> {
    network: Box<dyn Network>,
    train: &'a dyn Source,
    validation: Option<&'a dyn Source>,
    /// Steps of an epoch.
    batches: u64,
    /// Steps done.
    steps: u64,
    tell: &'a RefCell<&'t mut (dyn FnMut(Told<'_>) + 't)>,
}

impl Learner for Session<'_, '_> {
    type Error = CapsError;

    fn step(&mut self, members: &[usize]) -> Result<f64, CapsError> {
        let batch = self.train.batch(members, View::Epoch(self.steps / self.batches))?;
        let loss = self.network.step(&batch)?;
        self.steps += 1;
        (self.tell.borrow_mut())(Told::Step(loss));
        Ok(loss)
    }

    fn validate(&mut self) -> Result<Option<(f64, f64)>, CapsError> {
        let epoch = usize::try_from(self.steps / self.batches).unwrap_or(usize::MAX);
        let network = &self.network;
        (self.tell.borrow_mut())(Told::Weights(epoch, &|| network.weights()));
        let Some(source) = self.validation else { return Ok(None) };
        let score = score(&**network, source, true)?;
        Ok(Some((score.loss, 1.0 - score.error())))
    }

    fn save(&self) -> Result<State, CapsError> {
        let mut state = self.network.save()?;
        state.put("steps", &self.steps)?;
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<(), CapsError> {
        let steps = state.get("steps")?;
        self.network.load(state)?;
        self.steps = steps;
        Ok(())
    }
}

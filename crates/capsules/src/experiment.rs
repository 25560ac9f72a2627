//! The paper's experiments: networks trained with one thing changed, once for each seed, and scored once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use datasets::Folder;
use rayon::prelude::*;
use shared::{claims::Context, device::DeviceKind, nn::state::NamedTensor};

use crate::{
    data::{load_from, Limits, Sets, SYNTHETIC},
    trainer::Told,
    CapsError, Config, Model, Parts, RunOptions, Size, Task, Trained,
};

/// A network that was trained and scored.
#[derive(Debug)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// The share of test images that it gets wrong.
    pub error: f64,
    /// The same of the turned, sheared and scaled images, for [`Task::AffNist`].
    pub affine_error: Option<f64>,
    /// The mean loss of each epoch.
    pub losses: Vec<f64>,
    /// Its weights.
    pub weights: Vec<NamedTensor>,
    task: Task,
    config: Config,
}

impl Run {
    /// How many weights the network has.
    #[must_use]
    pub fn weight_count(&self) -> usize {
        self.weights.iter().map(|tensor| tensor.values().len()).sum()
    }
}

/// How much is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    size: Size,
    images: usize,
    epochs: usize,
    batch: usize,
    /// Tiny networks bear a high one, and have few steps.
    lr: f64,
}

/// Experiments on one set of digits, at a scale that suits a claim's short or full form.
pub struct Lab {
    sets: Sets,
    quick: bool,
    device: DeviceKind,
}

/// Runs of this process by all that they depend on: claims share them.
static RUNS: Mutex<BTreeMap<String, Arc<Run>>> = Mutex::new(BTreeMap::new());

/// How far the learning rate falls in a run, by [`Config::decay`].
const LAST_LR: f64 = 0.1;

impl Lab {
    /// On the set that the context names: else the embedded digits for the short form, MNIST for the full one.
    ///
    /// # Errors
    /// [`CapsError::Data`] for a set that cannot be read.
    pub fn open(context: &Context<'_>) -> Result<Self, CapsError> {
        let default = if context.quick { SYNTHETIC } else { "mnist" };
        let name = context.dataset.as_deref().unwrap_or(default);
        let limits = if context.quick {
            Limits { train: Some(2500), validation: Some(500), test: Some(1000) }
        } else {
            Limits::default()
        };
        let sets = load_from(&Folder::new(context.data_dir.as_deref(), context.offline), name, limits)?;
        Ok(Lab { sets, quick: context.quick, device: context.device })
    }

    /// The digits.
    #[must_use]
    pub fn sets(&self) -> &Sets {
        &self.sets
    }

    /// The device that networks are trained on.
    #[must_use]
    pub fn device(&self) -> DeviceKind {
        self.device
    }

    fn scale(&self, task: Task) -> Scale {
        let (images, epochs) = match (self.quick, task) {
            (true, Task::Digits) => (1500, 3),
            (true, Task::MultiMnist) => (2000, 3),
            (true, Task::AffNist) => (1500, 4),
            (false, Task::Digits) => (10_000, 6),
            (false, Task::MultiMnist) => (20_000, 5),
            (false, Task::AffNist) => (16_000, 5),
        };
        if self.quick {
            Scale { size: Size::Tiny, images, epochs, batch: 16, lr: 0.006 }
        } else {
            Scale { size: Size::Small, images, epochs, batch: 64, lr: 0.001 }
        }
    }

    /// The settings of a task at this scale: [`Config::default`] but for size and length.
    #[must_use]
    pub fn config(&self, task: Task) -> Config {
        let scale = self.scale(task);
        let images = scale.images.min(self.sets.train.len());
        let steps = (images.div_ceil(scale.batch) * scale.epochs) as f64;
        let config = Config::default();
        let decay_steps = (steps * config.decay.ln() / LAST_LR.ln()).max(1.0) as u32;
        let Scale { size, epochs, batch: batch_size, lr, .. } = scale;
        Config { size, epochs, batch_size, lr, decay_steps, ..config }
    }

    /// Makes the convolutional network of settings for capsules. It takes the paper's learning rate: it does not train
    /// with the one that tiny capsules bear.
    pub fn convolutional(config: &mut Config) {
        (config.model, config.lr) = (Model::Cnn, Config::default().lr);
    }

    /// The images of a task, as many as an epoch has.
    ///
    /// # Errors
    /// [`CapsError::Data`].
    pub fn parts(&self, task: Task, seed: u64) -> Result<Parts, CapsError> {
        let images = self.scale(task).images.min(self.sets.train.len());
        let train = Arc::new(self.sets.train.slice(0..images)?);
        task.parts(&Sets { train, ..self.sets.clone() }, seed)
    }

    /// Trains and scores a network for each seed, with `change` made to the settings; seeds side by side. A run that
    /// this process has made before is not made again.
    ///
    /// # Errors
    /// The first error of a run.
    pub fn runs(
        &self,
        context: &Context<'_>,
        task: Task,
        seeds: &[u64],
        change: impl Fn(&mut Config) + Sync,
    ) -> Result<Vec<Arc<Run>>, CapsError> {
        seeds
            .par_iter()
            .with_max_len(1)
            .map(|seed| {
                let mut config = Config { seed: *seed, ..self.config(task) };
                change(&mut config);
                let run = self.run(task, config)?;
                context.progress.advance(1);
                Ok(run)
            })
            .collect()
    }

    fn run(&self, task: Task, config: Config) -> Result<Arc<Run>, CapsError> {
        let key = format!("{} {:?} {task:?} {config:?} {}", self.sets.name, self.scale(task), self.device);
        if let Some(run) = RUNS.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(run.clone());
        }
        let parts = self.parts(task, config.seed)?;
        let options = RunOptions { device: self.device, ..RunOptions::default() };
        let trained = Trained::fit(&parts, &config.clone().validate()?, &options, &mut |_: Told<'_>| {})?;
        let losses = trained.fitted().map(|f| f.epochs.iter().map(|e| e.train_loss).collect());
        let affine = parts.affine.as_ref().map(|affine| trained.score(&**affine)).transpose()?;
        let run = Arc::new(Run {
            seed: config.seed,
            error: trained.score(&*parts.test)?.error(),
            affine_error: affine.map(|score| score.error()),
            losses: losses.unwrap_or_default(),
            weights: trained.weights(),
            task,
            config,
        });
        RUNS.lock().unwrap_or_else(PoisonError::into_inner).insert(key, run.clone());
        Ok(run)
    }

    /// The network of a run.
    ///
    /// # Errors
    /// [`CapsError`] where the device cannot be had.
    pub fn trained(&self, run: &Run) -> Result<Trained, CapsError> {
        let config = run.config.clone().validate()?;
        Trained::with_weights(&run.weights, &config, run.task.side(), self.device)
    }
}

/// One number of each run.
#[must_use]
pub fn each(runs: &[Arc<Run>], number: impl Fn(&Run) -> f64) -> Vec<f64> {
    runs.iter().map(|run| number(run)).collect()
}

//! The settings of one cell of an experiment.

use serde::{Deserialize, Serialize};
use shared::{
    device::DeviceKind,
    nn::init::he_normal,
    ops::dropout::DropRate,
    optim::{Decay, HeavyBallForm, Momentum, OptimizerConfig, Schedule, SgdConfig, WeightDecay},
    train::RunRng,
    zoo::{ImageNetwork, ZooModel, ZooOptions},
};

use crate::{trial::PAPER_EPOCH_STEPS, Corruption, LabError, Plan, TestLabels};

/// The stream of a seed that He's weights are drawn from.
const HE_STREAM: u64 = 0xAB << 56;

/// Momentum of every run.
const MOMENTUM: f64 = 0.9;

/// The weight decay of runs that have it. The paper does not give its coefficient; public versions take this.
pub const WEIGHT_DECAY: f64 = 5e-4;

/// The explicit regularizers, all off by default (section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Regularizers {
    /// A square at random out of each image, anew every epoch.
    pub crop: bool,
    /// Every second image mirrored, anew every epoch.
    pub flip: bool,
    /// The coefficient of λ/2 ‖w‖².
    pub weight_decay: f64,
    /// The share of hidden values that is dropped.
    pub dropout: f64,
}

/// How weights begin. The paper does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Init {
    /// Uniform within 1 over the root of the inputs, as layers begin by default.
    #[default]
    Layers,
    /// He et al. (2015): N(0, 2 / inputs). Inception does not begin to learn without batch normalisation otherwise: its
    /// activations shrink by a factor of about 6 in variance with each of eleven layers.
    He,
}

/// A name that no rule for initial weights has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{0}` for initial weights: use layers or he")]
pub struct InitError(pub String);

impl std::str::FromStr for Init {
    type Err = InitError;
    fn from_str(text: &str) -> Result<Self, InitError> {
        match text {
            "layers" => Ok(Init::Layers),
            "he" => Ok(Init::He),
            _ => Err(InitError(text.to_owned())),
        }
    }
}

impl Init {
    fn is_default(&self) -> bool {
        *self == Init::default()
    }
}

/// The settings of a run on images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The network.
    pub model: ZooModel,
    /// What is randomized.
    pub corruption: Corruption,
    /// Whether test labels are corrupted too.
    pub test_labels: TestLabels,
    /// Training images, the first of the set; all where none is given.
    pub images: Option<usize>,
    /// How weights begin.
    #[serde(default, skip_serializing_if = "Init::is_default")]
    pub init: Init,
    /// The explicit regularizers.
    pub regularizers: Regularizers,
    /// Passes over the training set, at most.
    pub epochs: usize,
    /// Images a step.
    pub batch_size: usize,
    /// The learning rate of the first step.
    pub lr: f64,
    /// What the rate is multiplied by every `decay_steps`.
    pub decay: f64,
    /// Steps between falls of the rate.
    pub decay_steps: usize,
    /// The training accuracy that ends the run; above 1 for all epochs.
    pub target: f64,
    /// Test images that are scored after every epoch.
    pub tracked: usize,
    /// Fixes weights, corruption, order and augmentation.
    pub seed: u64,
}

impl Config {
    /// The paper's settings for a model, without regularizers.
    #[must_use]
    pub fn new(model: ZooModel) -> Self {
        let lr = match model {
            ZooModel::Inception => 0.1,
            // diverges at 0.1 without normalisation
            ZooModel::InceptionPlain => 0.02,
            // not one of the paper's
            ZooModel::SmallCnn => 0.05,
            _ => 0.01,
        };
        Config {
            model,
            corruption: Corruption::True,
            test_labels: TestLabels::Clean,
            images: None,
            init: if model == ZooModel::InceptionPlain { Init::He } else { Init::Layers },
            regularizers: Regularizers::default(),
            epochs: 100,
            batch_size: 128,
            lr,
            decay: 0.95,
            decay_steps: PAPER_EPOCH_STEPS,
            target: 0.999,
            tracked: 0,
            seed: 0,
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`LabError::Setting`] naming the first that is out of it.
    pub fn validate(&self) -> Result<(), LabError> {
        let check = |holds: bool, field, value: &dyn ToString, allowed| match holds {
            true => Ok(()),
            false => Err(LabError::Setting { field, value: value.to_string(), allowed }),
        };
        let positive = |value: f64| value.is_finite() && value > 0.0;
        self.corruption.check()?;
        check(self.images != Some(0), "images", &0, "at least 1, or none for all")?;
        check(self.epochs >= 1, "epochs", &self.epochs, "at least 1")?;
        check(self.batch_size >= 1, "batch_size", &self.batch_size, "at least 1")?;
        check(positive(self.lr), "lr", &self.lr, "a finite number above 0")?;
        check(positive(self.decay) && self.decay <= 1.0, "decay", &self.decay, "above 0 and at most 1")?;
        check(self.decay_steps >= 1, "decay_steps", &self.decay_steps, "at least 1")?;
        check(positive(self.target), "target", &self.target, "above 0; 1 is every image, above 1 is never")?;
        let Regularizers { weight_decay, dropout, .. } = self.regularizers;
        let allowed = "a finite number of at least 0";
        check(weight_decay.is_finite() && weight_decay >= 0.0, "weight_decay", &weight_decay, allowed)?;
        DropRate::new(dropout)?;
        Ok(())
    }

    /// A fresh network.
    ///
    /// # Errors
    /// [`LabError::Network`] where the device cannot be had, [`LabError::Dropout`] for a rate that is none.
    pub fn build(&self, device: DeviceKind) -> Result<Box<dyn ImageNetwork>, LabError> {
        let mut network = self.model.build(device, &self.zoo_options()?)?;
        if self.init == Init::He {
            let drawn = he_normal(network.weights(), &mut RunRng::new(self.seed, HE_STREAM));
            network.load_weights(&drawn)?;
        }
        Ok(network)
    }

    /// How the network steps.
    ///
    /// # Errors
    /// [`LabError::Dropout`].
    fn zoo_options(&self) -> Result<ZooOptions, LabError> {
        let weight_decay = match self.regularizers.weight_decay {
            0.0 => WeightDecay::None,
            lambda => WeightDecay::L2(lambda),
        };
        let sgd = SgdConfig {
            lr: self.lr,
            momentum: Momentum::HeavyBall { mu: MOMENTUM, form: HeavyBallForm::RateOutside },
            weight_decay,
            ..SgdConfig::default()
        };
        let dropout = DropRate::new(self.regularizers.dropout)?;
        Ok(ZooOptions { dropout, ..ZooOptions::new(OptimizerConfig::Sgd(sgd), self.seed) })
    }

    /// How it is trained.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let decay = Decay::Every { every: self.decay_steps, gamma: self.decay };
        Plan {
            epochs: self.epochs,
            batch_size: self.batch_size,
            schedule: Schedule { decay, ..Schedule::constant(self.lr) },
            target: self.target,
            tracked: self.tracked,
            test_labels: self.test_labels,
            seed: self.seed,
            storage: None,
        }
    }
}

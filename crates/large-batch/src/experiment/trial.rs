//! One training run, and what came of it.

use serde::{Deserialize, Serialize};
use shared::{
    optim::{AnyOptimizer, HeavyBallForm, Momentum, OptimizerConfig, ParamFilter, SgdConfig, WeightDecay},
    zoo::ZooModel,
};

use crate::{LargeBatchError, LinearScaling};

/// How examples come to workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// One permutation an epoch, cut into disjoint shards (Remark 4).
    #[default]
    Permutation,
    /// Each worker draws its own examples, with replacement.
    Replacement,
}

/// The kind of momentum, of strength 0.9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Nesterov's, the paper's.
    #[default]
    Nesterov,
    /// Equation 9: the velocity is of gradients.
    Outside,
    /// Equation 10: the velocity is of updates.
    Inside,
    /// Equation 10 with momentum correction (Remark 2).
    Corrected,
}

impl Form {
    /// As the optimiser has it.
    #[must_use]
    pub fn momentum(self) -> Momentum {
        let ball = |form| Momentum::HeavyBall { mu: 0.9, form };
        match self {
            Form::Nesterov => Momentum::Nesterov(0.9),
            Form::Outside => ball(HeavyBallForm::RateOutside),
            Form::Inside => ball(HeavyBallForm::RateInside),
            Form::Corrected => ball(HeavyBallForm::RateInsideCorrected),
        }
    }
}

/// Everything that a run's result depends on, besides its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The network.
    pub model: ZooModel,
    /// Images to train on, the first of the set.
    pub train: usize,
    /// Images to measure on.
    pub test: usize,
    /// n, the images of a worker.
    pub per_worker: usize,
    /// k, the workers.
    pub workers: usize,
    /// The rate.
    pub scaling: LinearScaling,
    /// Passes over the images.
    pub epochs: usize,
    /// The momentum.
    pub form: Form,
    /// λ of the decay, which spares γ and β.
    pub weight_decay: f64,
    /// Whether residual blocks begin as the identity (section 5.1).
    pub zero_gamma: bool,
    /// How examples come to workers.
    pub sampling: Sampling,
    /// Fine-tuning on other classes afterwards; none by default.
    pub transfer: Option<Transfer>,
    /// Fixes weights and order.
    pub seed: u64,
}

/// Training on half of the classes, and fine-tuning on the other half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Passes over the images of the other classes.
    pub epochs: usize,
    /// Images of the other classes to fine-tune on.
    pub train: usize,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The mean training loss of each epoch.
    pub train_loss: Vec<f64>,
    /// The share of test images told wrongly after each of the last epochs, at most five.
    pub test_error: Vec<f64>,
    /// The gradient noise scale over the second half of training, in images; none for one worker.
    pub noise_scale: Option<f64>,
    /// The test error after fine-tuning on the other classes.
    pub transfer_error: Option<f64>,
    /// The loss became infinite, or no number: the errors are then those of a guess.
    pub diverged: bool,
}

impl Outcome {
    /// The paper's measure: the median test error of the last epochs.
    #[must_use]
    pub fn error(&self) -> f64 {
        let mut sorted = self.test_error.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[n / 2],
            n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
        }
    }
}

impl Trial {
    /// kn.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.workers * self.per_worker
    }

    /// The same with `workers` workers.
    #[must_use]
    pub fn of_workers(&self, workers: usize) -> Self {
        Trial { workers, ..self.clone() }
    }

    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// [`LargeBatchError::Setting`].
    pub fn validate(&self) -> Result<(), LargeBatchError> {
        let counts = [
            ("training images", self.train),
            ("test images", self.test),
            ("images of a worker", self.per_worker),
            ("workers", self.workers),
        ];
        for (field, value) in counts {
            if value == 0 {
                return Err(LargeBatchError::Setting { field, value: "0".into(), allowed: "at least 1" });
            }
        }
        let most = 1 << 20;
        if self.per_worker.saturating_mul(self.workers) > most {
            let (field, value) =
                ("the minibatch kn", self.per_worker.saturating_mul(self.workers).to_string());
            return Err(LargeBatchError::Setting { field, value, allowed: "at most 1,048,576" });
        }
        self.scaling.schedule(self.batch(), 1)?;
        AnyOptimizer::new(OptimizerConfig::Sgd(self.optimizer(&[])))?;
        Ok(())
    }

    /// The optimiser for a network with these parameters.
    #[must_use]
    pub fn optimizer(&self, norms: &[String]) -> SgdConfig {
        SgdConfig {
            lr: self.scaling.base_lr,
            momentum: self.form.momentum(),
            weight_decay: WeightDecay::L2(self.weight_decay),
            decay_on: ParamFilter::Except(norms.to_vec()),
            ..SgdConfig::default()
        }
    }

    /// Iterations an epoch of `train` images.
    #[must_use]
    pub fn steps(&self, train: usize) -> usize {
        train.div_ceil(self.batch().max(1)).max(1)
    }
}

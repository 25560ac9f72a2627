//! How large an experiment is.

use serde::{Deserialize, Serialize};

use crate::{layers::check_sparsity, DsdConfig, DsdError, Kind, Model, Phase};

/// A network, how many examples it sees, and the phases of the paper on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The network.
    pub model: Model,
    /// Examples to train on, the first of the set.
    pub train: usize,
    /// Examples to measure on, the first of its test part.
    pub test: usize,
    /// Epochs of the dense, the sparse and the re-dense phase.
    pub epochs: [usize; 3],
    /// Examples a step.
    pub batch: usize,
    /// Learning rate of the dense phase; the later ones have a tenth and a hundredth of it.
    pub lr: f64,
    /// Coefficient of weight decay, of tensors that are no biases or norms.
    pub weight_decay: f64,
    /// The share that is pruned.
    pub sparsity: f64,
}

impl Setting {
    /// The dense phase alone. Its rate falls to a tenth for the last quarter, so that it ends converged.
    #[must_use]
    pub fn dense(&self) -> DsdConfig {
        let at = vec![self.epochs[0] - self.epochs[0] / 4];
        let decay = shared::optim::Decay::Milestones { at, gamma: 0.1 };
        DsdConfig::new(vec![Phase { decay, ..Phase::new(Kind::Dense, self.epochs[0], self.lr) }])
    }

    /// What comes after the dense phase: sparse at a tenth of the rate, dense at a hundredth.
    #[must_use]
    pub fn dsd(&self) -> DsdConfig {
        self.at_sparsity(self.sparsity)
    }

    /// [`dsd`](Self::dsd) with another share pruned.
    #[must_use]
    pub fn at_sparsity(&self, sparsity: f64) -> DsdConfig {
        let mut config = DsdConfig::paper(self.lr, self.epochs, sparsity);
        config.phases.remove(0);
        config
    }

    /// The same epochs at the same rates without a mask.
    #[must_use]
    pub fn control(&self) -> DsdConfig {
        self.dsd().control()
    }

    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// [`DsdError::Setting`].
    pub fn validate(&self) -> Result<(), DsdError> {
        for (field, value) in [("train", self.train), ("test", self.test), ("batch", self.batch)] {
            if value == 0 {
                return Err(DsdError::Setting { field, value: "0".into(), allowed: "at least 1" });
            }
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            let (field, value) = ("weight_decay", self.weight_decay.to_string());
            return Err(DsdError::Setting { field, value, allowed: "a finite number of at least 0" });
        }
        check_sparsity(self.sparsity)?;
        DsdConfig::paper(self.lr, self.epochs, self.sparsity).validate()
    }
}

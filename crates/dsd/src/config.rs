//! The phases of a run, and every rule of the method as a setting.

use serde::{Deserialize, Serialize};
use shared::optim::{Decay, Schedule};

use crate::{layers::check_sparsity, DsdError, Layers, Scope, Selection};

/// What a phase does to the weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// D: all weights train. After a sparse phase the pruned ones come back.
    Dense,
    /// S: at its start this share of each layer is pruned, and stays 0 to its end.
    Sparse(f64),
}

/// A phase: so many epochs, at a learning rate of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// What it does to the weights.
    pub kind: Kind,
    /// Its epochs, at least 1.
    pub epochs: usize,
    /// The learning rate of its first epoch. Finite, above 0.
    pub lr: f64,
    /// How the rate falls inside the phase, counted in its epochs; the default is not at all.
    #[serde(default)]
    pub decay: Decay,
}

/// What pruned weights come back as when they are let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restore {
    /// 0: the paper's.
    #[default]
    Zero,
    /// What they were when they were pruned, which is what removing a mask of `torch.nn.utils.prune` gives.
    Old,
    /// Draws from a normal distribution around 0 with the deviation that the layer had when it was pruned.
    Gaussian,
}

/// What happens to the optimiser's state (velocities, averages) where phases change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatePolicy {
    /// That of pruned weights is held at its beginning while they are pruned, so that they come back without a past. The
    /// default: gradients are dense even where weights are not, so under [`Keep`](Self::Keep) the velocity of a pruned weight
    /// grows through the whole phase and throws it far off in the first step after. Surviving weights notice nothing, which
    /// is what lets a sparsity of 0 be bit-equal to training on.
    #[default]
    Mask,
    /// All of it is forgotten at every change of phase, as in a port that builds a new optimiser for each.
    Reset,
    /// It goes on under the mask, as in a port that only multiplies weights by it.
    Keep,
}

/// A DSD run.
///
/// # Reference
/// Han et al. (2017), Algorithm 1 and section 3; the rates are those of its tables, a tenth of the last phase's each.
///
/// # Example
/// ```
/// use dsd::{DsdConfig, Kind};
/// let config = DsdConfig::paper(0.1, [20, 10, 10], 0.3);
/// assert_eq!(config.phases[1].kind, Kind::Sparse(0.3));
/// assert!((config.phases[2].lr - 0.001).abs() < 1e-12);
/// config.validate()?;
/// # Ok::<(), dsd::DsdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DsdConfig {
    /// The phases, in order: D-S-D, D-S-D-S-D, or any others.
    pub phases: Vec<Phase>,
    /// Which layers are pruned.
    #[serde(default)]
    pub layers: Layers,
    /// Which of their weights survive.
    #[serde(default)]
    pub selection: Selection,
    /// Whether each layer is ranked by itself.
    #[serde(default)]
    pub scope: Scope,
    /// What pruned weights come back as.
    #[serde(default)]
    pub restore: Restore,
    /// What happens to the optimiser's state.
    #[serde(default)]
    pub state: StatePolicy,
    /// Fixes what is drawn: random masks, Gaussian weights.
    #[serde(default)]
    pub seed: u64,
}

impl Phase {
    /// A phase at one rate.
    #[must_use]
    pub fn new(kind: Kind, epochs: usize, lr: f64) -> Self {
        Phase { kind, epochs, lr, decay: Decay::Constant }
    }

    /// The rate of one of its epochs, from 0.
    #[must_use]
    pub fn lr(&self, epoch: usize) -> f64 {
        self.schedule().lr(epoch)
    }

    fn schedule(&self) -> Schedule {
        Schedule { decay: self.decay.clone(), ..Schedule::constant(self.lr) }
    }
}

impl DsdConfig {
    /// The given phases with the paper's rules: each layer by itself, by magnitude, back as 0.
    #[must_use]
    pub fn new(phases: Vec<Phase>) -> Self {
        DsdConfig {
            phases,
            layers: Layers::default(),
            selection: Selection::default(),
            scope: Scope::default(),
            restore: Restore::default(),
            state: StatePolicy::default(),
            seed: 0,
        }
    }

    /// Dense, sparse, dense for so many epochs, at `lr`, a tenth and a hundredth of it.
    #[must_use]
    pub fn paper(lr: f64, epochs: [usize; 3], sparsity: f64) -> Self {
        DsdConfig::new(vec![
            Phase::new(Kind::Dense, epochs[0], lr),
            Phase::new(Kind::Sparse(sparsity), epochs[1], lr / 10.0),
            Phase::new(Kind::Dense, epochs[2], lr / 100.0),
        ])
    }

    /// The same epochs at the same rates without any mask: the control that tells what pruning is worth.
    #[must_use]
    pub fn control(&self) -> Self {
        let dense = |phase: &Phase| Phase { kind: Kind::Dense, ..phase.clone() };
        DsdConfig { phases: self.phases.iter().map(dense).collect(), ..self.clone() }
    }

    /// The epochs of all phases.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.phases.iter().fold(0, |sum, phase| sum.saturating_add(phase.epochs))
    }

    /// The phase that an epoch (from 0) lies in, and its number within that phase; `None` after the last.
    #[must_use]
    pub fn place(&self, epoch: usize) -> Option<(usize, usize)> {
        let mut within = epoch;
        for (at, phase) in self.phases.iter().enumerate() {
            match within.checked_sub(phase.epochs) {
                None => return Some((at, within)),
                Some(rest) => within = rest,
            }
        }
        None
    }

    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// [`DsdError::Setting`], or [`DsdError::Optim`] for a rate.
    pub fn validate(&self) -> Result<(), DsdError> {
        let setting = |field, value: String, allowed| Err(DsdError::Setting { field, value, allowed });
        if self.phases.is_empty() {
            return setting(
                "phases",
                "empty".into(),
                "one phase or more, such as those of `DsdConfig::paper`",
            );
        }
        for phase in &self.phases {
            if phase.epochs == 0 {
                return setting("the epochs of a phase", "0".into(), "at least 1");
            }
            if let Kind::Sparse(sparsity) = phase.kind {
                check_sparsity(sparsity)?;
            }
            phase.schedule().validate()?;
        }
        if self.scope == Scope::Global && self.selection != Selection::Magnitude {
            return setting("scope", "global".into(), "layer unless weights are selected by magnitude");
        }
        if self.scope == Scope::Global && !self.layers.sparsity.is_empty() {
            return setting("scope", "global".into(), "layer where layers have a sparsity of their own");
        }
        self.layers.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_fall_into_their_phases() {
        let config = DsdConfig::paper(0.1, [2, 1, 3], 0.5);
        let places: Vec<_> = (0..7).map(|epoch| config.place(epoch)).collect();
        let at = |phase, within| Some((phase, within));
        assert_eq!(places, [at(0, 0), at(0, 1), at(1, 0), at(2, 0), at(2, 1), at(2, 2), None]);
        assert_eq!(config.epochs(), 6);
        let control = config.control();
        assert!(control.phases.iter().all(|phase| phase.kind == Kind::Dense));
        assert_eq!(control.phases[2].lr, config.phases[2].lr);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let refuse = |change: &dyn Fn(&mut DsdConfig), part: &str| {
            let mut config = DsdConfig::paper(0.1, [1, 1, 1], 0.5);
            change(&mut config);
            let said = config.validate().unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        };
        refuse(&|c| c.phases.clear(), "one phase or more");
        refuse(&|c| c.phases[1].epochs = 0, "at least 1");
        refuse(&|c| c.phases[1].kind = Kind::Sparse(1.0), "sparsity is 1");
        refuse(&|c| c.phases[1].kind = Kind::Sparse(f64::NAN), "sparsity is NaN");
        refuse(&|c| c.phases[2].lr = -1.0, "base_lr is -1.0");
        refuse(&|c| (c.scope, c.selection) = (Scope::Global, Selection::Random), "by magnitude");
    }

    #[test]
    fn settings_survive_json() {
        let config = DsdConfig { restore: Restore::Gaussian, ..DsdConfig::paper(0.1, [2, 1, 3], 0.5) };
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<DsdConfig>(&json).unwrap(), config);
        assert!(serde_json::from_str::<DsdConfig>(&json.replace("restore", "restored")).is_err());
    }
}

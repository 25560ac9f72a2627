//! Learning rates for large minibatches (section 2.1 and 2.2 of the paper).

use serde::{Deserialize, Serialize};
use shared::optim::{Decay, Schedule, Warmup};

use crate::LargeBatchError;

/// The linear scaling rule with warmup: the learning rate of a minibatch of kn examples, from the rate of a small one.
///
/// ```text
/// η̂ = η · kn / B                          the rate of kn, from the base rate η of B examples
/// η_t = η + (η̂ − η) t / T   for t < T      gradual warmup over T iterations, where kn > B
/// η_t = η̂ · γ^(milestones at or before t)  after it
/// ```
///
/// Warmup begins at η and not at 0, moves every iteration, and takes its place inside the ordinary schedule: milestones are
/// not shifted by it. A milestone inside the warmup acts on it as well.
///
/// # Reference
/// Goyal et al. (2017), sections 2.1, 2.2 and 5.1. The default is the paper's: η = 0.1 for B = 256, five epochs of gradual
/// warmup, a tenth at epochs 30, 60 and 80.
///
/// # Example
/// ```
/// use large_batch::LinearScaling;
/// let schedule = LinearScaling::default().schedule(8192, 157)?; // kn = 8192 of 1.28 million: 157 steps an epoch
/// assert!((schedule.lr(0) - 0.1).abs() < 1e-12);
/// assert!((schedule.lr(5 * 157) - 3.2).abs() < 1e-12);
/// assert!((schedule.lr(30 * 157) - 0.32).abs() < 1e-12);
/// # Ok::<(), large_batch::LargeBatchError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearScaling {
    /// η, the rate of a minibatch of [`base_batch`](Self::base_batch). Finite, above 0.
    pub base_lr: f64,
    /// B, the minibatch that `base_lr` is for; at least 1.
    pub base_batch: usize,
    /// How the rate follows the minibatch.
    pub rule: RateRule,
    /// How training gets to the rate of a large minibatch.
    pub warmup: WarmupRule,
    /// Epochs of it.
    pub warmup_epochs: usize,
    /// The epochs at whose start the rate falls, ascending.
    pub milestones: Vec<usize>,
    /// What it is multiplied by there. Finite, above 0.
    pub gamma: f64,
}

/// How the learning rate follows the minibatch, with r = kn / B.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateRule {
    /// η̂ = r η, the paper's.
    #[default]
    Linear,
    /// η̂ = √r η (Table 2a).
    Sqrt,
    /// η̂ = η (Table 2a).
    Fixed,
}

/// How training begins where kn > B (section 2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarmupRule {
    /// From η to η̂ by the same amount every iteration.
    #[default]
    Gradual,
    /// η, then η̂ at once.
    Constant,
    /// η̂ from the first iteration.
    None,
}

impl Default for LinearScaling {
    fn default() -> Self {
        LinearScaling {
            base_lr: 0.1,
            base_batch: 256,
            rule: RateRule::Linear,
            warmup: WarmupRule::Gradual,
            warmup_epochs: 5,
            milestones: vec![30, 60, 80],
            gamma: 0.1,
        }
    }
}

impl LinearScaling {
    /// η̂ of a minibatch of `batch` examples, after warmup and before any milestone.
    #[must_use]
    pub fn lr(&self, batch: usize) -> f64 {
        let ratio = batch as f64 / self.base_batch as f64;
        match self.rule {
            RateRule::Linear => self.base_lr * ratio,
            RateRule::Sqrt => self.base_lr * ratio.sqrt(),
            RateRule::Fixed => self.base_lr,
        }
    }

    /// The rate of every iteration with minibatches of `batch` examples, of which an epoch has `steps`.
    ///
    /// # Errors
    /// [`LargeBatchError::Setting`] or [`LargeBatchError::Optim`] for a setting out of its range.
    pub fn schedule(&self, batch: usize, steps: usize) -> Result<Schedule, LargeBatchError> {
        for (field, value) in [("base_batch", self.base_batch), ("batch", batch), ("steps an epoch", steps)] {
            if value == 0 {
                return Err(LargeBatchError::Setting { field, value: "0".into(), allowed: "at least 1" });
            }
        }
        let warmup_steps = self.warmup_epochs.saturating_mul(steps);
        let warmup = match self.warmup {
            _ if batch <= self.base_batch || warmup_steps == 0 => Warmup::None,
            WarmupRule::None => Warmup::None,
            WarmupRule::Constant => {
                Warmup::Constant { steps: warmup_steps, factor: self.base_lr / self.lr(batch) }
            }
            WarmupRule::Gradual => {
                Warmup::Linear { steps: warmup_steps, from: self.base_lr / self.lr(batch) }
            }
        };
        let at = self.milestones.iter().map(|epoch| epoch.saturating_mul(steps)).collect();
        let decay = match self.milestones.is_empty() {
            true => Decay::Constant,
            false => Decay::Milestones { at, gamma: self.gamma },
        };
        let schedule = Schedule { base_lr: self.lr(batch), decay, warmup };
        schedule.validate()?;
        Ok(schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scaling(rule: RateRule, warmup: WarmupRule) -> LinearScaling {
        LinearScaling { rule, warmup, ..LinearScaling::default() }
    }

    /// Table 1 and Table 2a: kn = 8k.
    #[test]
    fn rates_are_the_papers() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        near(scaling(RateRule::Linear, WarmupRule::Gradual).lr(8192), 3.2);
        near(scaling(RateRule::Sqrt, WarmupRule::Gradual).lr(8192), 0.1 * 32f64.sqrt());
        near(scaling(RateRule::Fixed, WarmupRule::Gradual).lr(8192), 0.1);
        let constant = scaling(RateRule::Linear, WarmupRule::Constant).schedule(8192, 10).unwrap();
        near(constant.lr(49), 0.1);
        near(constant.lr(50), 3.2);
        near(scaling(RateRule::Linear, WarmupRule::None).schedule(8192, 10).unwrap().lr(0), 3.2);
    }

    #[test]
    fn no_warmup_up_to_the_base() {
        let schedule = LinearScaling::default().schedule(256, 10).unwrap();
        assert_eq!(schedule.lr(0), 0.1);
        assert_eq!(LinearScaling::default().schedule(64, 10).unwrap().lr(0), 0.025);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(LinearScaling::default().schedule(0, 10).is_err());
        assert!(LinearScaling::default().schedule(64, 0).is_err());
        let bad = LinearScaling { base_batch: 0, ..LinearScaling::default() };
        assert!(bad.schedule(64, 10).unwrap_err().to_string().contains("base_batch"));
        let bad = LinearScaling { base_lr: f64::NAN, ..LinearScaling::default() };
        assert!(bad.schedule(64, 10).is_err());
        let bad = LinearScaling { milestones: vec![5, 5], ..LinearScaling::default() };
        assert!(bad.schedule(64, 10).is_err());
    }

    proptest! {
        #[test]
        fn gradual_warmup_is_a_straight_line_that_ends_at_the_scaled_rate(k in 2usize..64, steps in 1usize..50) {
            let scaling = LinearScaling { base_batch: 32, milestones: vec![], ..LinearScaling::default() };
            let schedule = scaling.schedule(32 * k, steps).unwrap();
            let all = 5 * steps;
            let step = (schedule.lr(all) - schedule.lr(0)) / all as f64;
            prop_assert!((schedule.lr(0) - 0.1).abs() < 1e-12);
            prop_assert!((schedule.lr(all) - 0.1 * k as f64).abs() < 1e-9);
            for t in 0..all {
                prop_assert!((schedule.lr(t + 1) - schedule.lr(t) - step).abs() < 1e-9);
            }
        }
    }
}

//! Learning rates over time.

use serde::{Deserialize, Serialize};

use super::error::{ensure, OptimError};

/// A learning rate for every step: a base rate, a decay, and a warm-up before it.
///
/// ```text
/// lr(t) = base_lr * decay(t) * warmup(t)
/// ```
///
/// A step is whatever the caller counts; with iterations, milestones at epochs 30 and 60 are
/// `[30 * batches, 60 * batches]`. Decay counts from step 0, warm-up included, as PyTorch's
/// `ChainedScheduler` does and as Goyal et al. train.
///
/// # Example
/// ```
/// use shared::optim::{Decay, Schedule, Warmup};
///
/// let schedule = Schedule {
///     base_lr: 3.2,
///     decay: Decay::Milestones { at: vec![30, 60], gamma: 0.1 },
///     warmup: Warmup::Linear { steps: 5, from: 0.1 / 3.2 },
/// };
/// schedule.validate()?;
/// assert!((schedule.lr(0) - 0.1).abs() < 1e-12);
/// assert_eq!(schedule.lr(5), 3.2);
/// assert!((schedule.lr(60) - 0.032).abs() < 1e-12);
/// # Ok::<(), shared::optim::OptimError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The rate that decay and warm-up are factors of. Finite, above 0.
    pub base_lr: f64,
    /// How the rate falls; default not at all.
    #[serde(default)]
    pub decay: Decay,
    /// How the rate gets to its base; default at once.
    #[serde(default)]
    pub warmup: Warmup,
}

/// How the rate falls, as a factor of the base rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// `1`.
    #[default]
    Constant,
    /// `gamma^(number of milestones at or before t)`. PyTorch's `MultiStepLR`.
    Milestones {
        /// The steps at which the rate changes, ascending.
        at: Vec<usize>,
        /// The factor of each change. Finite, above 0.
        gamma: f64,
    },
    /// `gamma^floor(t / every)`. PyTorch's `StepLR`.
    Every {
        /// The number of steps between changes, at least 1.
        every: usize,
        /// The factor of each change. Finite, above 0.
        gamma: f64,
    },
    /// `gamma^t`. PyTorch's `ExponentialLR`.
    Exponential {
        /// The factor of each step. Finite, above 0.
        gamma: f64,
    },
    /// `floor + (1 - floor) (1 + cos(pi t / steps)) / 2` up to `steps`, then `floor`. PyTorch's
    /// `CosineAnnealingLR` with `eta_min = floor base_lr`, which would climb again after `steps`.
    ///
    /// Reference: Loshchilov and Hutter, "SGDR", 2017, equation 5.
    Cosine {
        /// The length of the half wave, at least 1.
        steps: usize,
        /// What it ends at, as a factor of the base rate, in [0, 1].
        floor: f64,
    },
}

/// How the rate gets to its base, as one more factor.
///
/// # Reference
/// Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.2: constant and gradual warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warmup {
    /// At once.
    #[default]
    None,
    /// `factor` before step `steps`, then 1. PyTorch's `ConstantLR`.
    Constant {
        /// How many steps it takes.
        steps: usize,
        /// The factor. Finite, above 0.
        factor: f64,
    },
    /// `from + (1 - from) t / steps` before step `steps`, then 1: a little more every step. PyTorch's `LinearLR`.
    Linear {
        /// How many steps it takes.
        steps: usize,
        /// The factor of step 0, such as `1 / k` for `k` workers. Finite, at least 0.
        from: f64,
    },
}

impl Schedule {
    /// The same rate for ever.
    pub fn constant(base_lr: f64) -> Self {
        Self { base_lr, decay: Decay::Constant, warmup: Warmup::None }
    }

    /// The rate of step `step`, where the first is step 0.
    pub fn lr(&self, step: usize) -> f64 {
        self.base_lr * self.decay.factor(step) * self.warmup.factor(step)
    }

    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// [`OptimError::Config`], naming the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), OptimError> {
        const OWNER: &str = "schedule";
        const POSITIVE: &str = "a finite number above 0";
        let positive =
            |field, value: f64| ensure(value.is_finite() && value > 0.0, OWNER, field, value, POSITIVE);
        positive("base_lr", self.base_lr)?;
        match &self.decay {
            Decay::Constant => {}
            Decay::Milestones { at, gamma } => {
                let ascending = at.windows(2).all(|pair| pair[0] < pair[1]);
                ensure(ascending, OWNER, "milestones", at, "a list of ascending steps")?;
                positive("gamma", *gamma)?;
            }
            Decay::Every { every, gamma } => {
                ensure(*every > 0, OWNER, "every", every, "at least 1")?;
                positive("gamma", *gamma)?;
            }
            Decay::Exponential { gamma } => positive("gamma", *gamma)?,
            Decay::Cosine { steps, floor } => {
                ensure(*steps > 0, OWNER, "steps", steps, "at least 1")?;
                ensure((0.0..=1.0).contains(floor), OWNER, "floor", floor, "between 0 and 1")?;
            }
        }
        match self.warmup {
            Warmup::None => Ok(()),
            Warmup::Constant { factor, .. } => positive("factor", factor),
            Warmup::Linear { from, .. } => {
                let allowed = "a finite number of at least 0";
                ensure(from.is_finite() && from >= 0.0, OWNER, "from", from, allowed)
            }
        }
    }
}

impl Decay {
    fn factor(&self, step: usize) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Milestones { at, gamma } => power(*gamma, at.iter().filter(|&&m| m <= step).count()),
            Self::Every { every, gamma } => power(*gamma, step / (*every).max(1)),
            Self::Exponential { gamma } => power(*gamma, step),
            Self::Cosine { steps, floor } if step >= *steps => *floor,
            Self::Cosine { steps, floor } => {
                let wave = (std::f64::consts::PI * step as f64 / *steps as f64).cos();
                floor + (1.0 - floor) * (1.0 + wave) / 2.0
            }
        }
    }
}

impl Warmup {
    fn factor(&self, step: usize) -> f64 {
        match *self {
            Self::Constant { steps, factor } if step < steps => factor,
            Self::Linear { steps, from } if step < steps => from + (1.0 - from) * step as f64 / steps as f64,
            _ => 1.0,
        }
    }
}

fn power(gamma: f64, times: usize) -> f64 {
    gamma.powf(times as f64)
}

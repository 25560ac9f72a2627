//! Stochastic gradient descent: plain, with heavy-ball momentum in both of its forms, and Nesterov's.

use pulp::Arch;
use serde::{Deserialize, Serialize};

use super::error::{ensure, OptimError};
use super::program::{Instruction, Register};
use super::rule::{decayed, Slot, StepPoint, UpdateRule, MAX_SLOTS};
use super::{Optimizer, ParamFilter, WeightDecay};

/// Stochastic gradient descent; see [`SgdConfig`].
///
/// # Example
/// ```
/// use shared::optim::{HeavyBallForm, Momentum, Sgd, SgdConfig};
///
/// let momentum = Momentum::HeavyBall { mu: 0.5, form: HeavyBallForm::RateOutside };
/// let mut sgd = Sgd::new(SgdConfig { lr: 0.1, momentum, ..SgdConfig::default() })?;
/// let mut w = [1.0, 2.0];
/// for _ in 0..2 {
///     sgd.begin_step();
///     sgd.update("w", &mut w, &[1.0, 0.0])?;
/// }
/// assert_eq!(w, [1.0 - 0.1 - 0.15, 2.0]);
/// # Ok::<(), shared::optim::OptimError>(())
/// ```
pub type Sgd = Optimizer<SgdConfig>;

/// Settings of stochastic gradient descent.
///
/// With gradient `g`, weights `w`, learning rate `lr`, momentum `mu` and dampening `d`:
///
/// | momentum | update |
/// |---|---|
/// | none | `w <- w - lr g` |
/// | heavy ball, rate outside | `v <- mu v + (1 - d) g`, `w <- w - lr v` |
/// | heavy ball, rate inside | `v <- mu v + (1 - d) lr g`, `w <- w - v` |
/// | Nesterov | `v <- mu v + (1 - d) g`, `w <- w - lr (g + mu v)` |
///
/// As in PyTorch, dampening spares a parameter's first step.
///
/// # Reference
/// Polyak 1964; Sutskever et al. 2013 (Nesterov); the two heavy-ball forms: Goyal et al., "Accurate, Large
/// Minibatch SGD", 2017, equations 9 and 10.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// Learning rate; default 0.01. Finite, above 0.
    pub lr: f64,
    /// Momentum; default none.
    pub momentum: Momentum,
    /// `d` above; default 0. In [0, 1], and 0 unless there is momentum; 0 with Nesterov's.
    pub dampening: f64,
    /// Weight decay; default none.
    pub weight_decay: WeightDecay,
    /// The parameters that weight decay applies to; default all.
    pub decay_on: ParamFilter,
}

/// The kind of momentum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Momentum {
    /// None.
    #[default]
    None,
    /// Polyak's heavy ball.
    HeavyBall {
        /// The decay `mu` of the velocity, in [0, 1).
        mu: f64,
        /// On which side of the velocity the learning rate stands.
        form: HeavyBallForm,
    },
    /// Nesterov's accelerated gradient, as PyTorch writes it, with its `mu` in (0, 1).
    Nesterov(f64),
}

/// Where the learning rate stands in heavy-ball momentum. The forms are one while the rate is constant:
/// the inner velocity is the outer one times the rate. They part when the rate changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeavyBallForm {
    /// `v <- mu v + g`, `w <- w - lr v`: velocity of gradients. PyTorch and Caffe2; equation 9 of Goyal et
    /// al. A change of rate acts at once.
    #[default]
    RateOutside,
    /// `v <- mu v + lr g`, `w <- w - v`: velocity of updates. The classic text-book form; equation
    /// 10. After a change of rate the velocity still moves at the old one.
    RateInside,
    /// `v <- mu (lr / last lr) v + lr g`, `w <- w - v`: the same with momentum correction, which makes it
    /// equal to `RateOutside` through every change of rate. Where the last rate was 0 the velocity has lost
    /// its scale and goes uncorrected.
    RateInsideCorrected,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self {
            lr: 0.01,
            momentum: Momentum::None,
            dampening: 0.0,
            weight_decay: WeightDecay::None,
            decay_on: ParamFilter::All,
        }
    }
}

impl UpdateRule for SgdConfig {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn validate(&self) -> Result<(), OptimError> {
        const OWNER: &str = "sgd";
        ensure(self.lr.is_finite() && self.lr > 0.0, OWNER, "lr", self.lr, "a finite number above 0")?;
        match self.momentum {
            Momentum::None => {
                ensure(self.dampening == 0.0, OWNER, "dampening", self.dampening, "0 without momentum")?;
            }
            Momentum::HeavyBall { mu, .. } => {
                ensure((0.0..1.0).contains(&mu), OWNER, "momentum", mu, "at least 0 and below 1")?;
                let allowed = "between 0 and 1";
                ensure((0.0..=1.0).contains(&self.dampening), OWNER, "dampening", self.dampening, allowed)?;
            }
            Momentum::Nesterov(mu) => {
                ensure(mu > 0.0 && mu < 1.0, OWNER, "momentum", mu, "above 0 and below 1 for Nesterov's")?;
                let allowed = "0 with Nesterov's momentum";
                ensure(self.dampening == 0.0, OWNER, "dampening", self.dampening, allowed)?;
            }
        }
        self.weight_decay.validate(OWNER)
    }

    fn initial_lr(&self) -> f64 {
        self.lr
    }

    fn slots(&self) -> Vec<Slot> {
        match self.momentum {
            Momentum::None => vec![],
            Momentum::HeavyBall { .. } | Momentum::Nesterov(_) => vec![Slot::zeros("velocity")],
        }
    }

    fn weight_decay(&self) -> (WeightDecay, &ParamFilter) {
        (self.weight_decay, &self.decay_on)
    }

    fn update(&self, at: &StepPoint, w: &mut [f32], g: &[f32], [v, ..]: [&mut [f32]; MAX_SLOTS]) {
        let lr = at.lr as f32;
        match self.momentum {
            Momentum::None => Arch::new().dispatch(|| {
                for (w, &g) in w.iter_mut().zip(g) {
                    let (g, w0) = decayed(at, *w, g);
                    *w = w0 - lr * g;
                }
            }),
            Momentum::HeavyBall { mu, form } => {
                let [keep, fresh, rate] = self.heavy_ball(at, mu, form).map(|factor| factor as f32);
                heavy_ball(at, keep, fresh, rate, w, g, v);
            }
            Momentum::Nesterov(mu) => {
                let mu = mu as f32;
                Arch::new().dispatch(|| {
                    for ((w, &g), v) in w.iter_mut().zip(g).zip(v) {
                        let (g, w0) = decayed(at, *w, g);
                        *v = mu * *v + g;
                        *w = w0 - lr * (g + mu * *v);
                    }
                });
            }
        }
    }

    fn program(&self, at: &StepPoint) -> Option<Vec<Instruction>> {
        use Register::{Gradient, Slot, Weight};
        let blend = |to, keep, from, share| Instruction::Blend { to, keep, from, share };
        let shrink = f64::from(at.shrink);
        Some(match self.momentum {
            Momentum::None => vec![blend(Weight, shrink, Gradient, -at.lr)],
            Momentum::HeavyBall { mu, form } => {
                let [keep, fresh, rate] = self.heavy_ball(at, mu, form);
                vec![blend(Slot(0), keep, Gradient, fresh), blend(Weight, shrink, Slot(0), -rate)]
            }
            Momentum::Nesterov(mu) => vec![
                blend(Slot(0), mu, Gradient, 1.0),
                blend(Weight, shrink, Gradient, -at.lr),
                blend(Weight, 1.0, Slot(0), -at.lr * mu),
            ],
        })
    }
}

impl SgdConfig {
    /// The factors of `v <- keep v + fresh g`, `w <- w - rate v`.
    fn heavy_ball(&self, at: &StepPoint, mu: f64, form: HeavyBallForm) -> [f64; 3] {
        let fresh = if at.step == 1 { 1.0 } else { 1.0 - self.dampening };
        match form {
            HeavyBallForm::RateOutside => [mu, fresh, at.lr],
            HeavyBallForm::RateInside => [mu, fresh * at.lr, 1.0],
            HeavyBallForm::RateInsideCorrected => {
                let correction = if at.last_lr > 0.0 { at.lr / at.last_lr } else { 1.0 };
                [mu * correction, fresh * at.lr, 1.0]
            }
        }
    }
}

/// `v <- keep v + fresh g`, `w <- w - rate v`.
fn heavy_ball(at: &StepPoint, keep: f32, fresh: f32, rate: f32, w: &mut [f32], g: &[f32], v: &mut [f32]) {
    Arch::new().dispatch(|| {
        for ((w, &g), v) in w.iter_mut().zip(g).zip(v) {
            let (g, w0) = decayed(at, *w, g);
            *v = keep * *v + fresh * g;
            *w = w0 - rate * *v;
        }
    });
}

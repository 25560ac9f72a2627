//! Adam, its AMSGrad variant and, with decoupled decay, AdamW.

use pulp::Arch;
use serde::{Deserialize, Serialize};

use super::error::{ensure, is_eps, OptimError, EPS_RANGE};
use super::program::{Instruction, Register};
use super::rule::{decayed, Slot, StepPoint, UpdateRule, MAX_SLOTS};
use super::{Optimizer, ParamFilter, WeightDecay};

/// Adam and AdamW; see [`AdamConfig`].
pub type Adam = Optimizer<AdamConfig>;

/// Settings of Adam.
///
/// With gradient `g` in a parameter's `t`-th step:
///
/// ```text
/// m <- beta1 m + (1 - beta1) g          m^ = m / (1 - beta1^t)
/// s <- beta2 s + (1 - beta2) g^2        s^ = s / (1 - beta2^t)     AMSGrad: s^ = max over time of s / (..)
/// w <- w - lr m^ / (sqrt(s^) + eps)
/// ```
///
/// # Reference
/// Kingma and Ba 2015, algorithm 1; AMSGrad: Reddi et al. 2018, in PyTorch's form, where the maximum is
/// taken before the bias correction; AdamW: [`WeightDecay::Decoupled`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// Learning rate; default 0.001. Finite, above 0.
    pub lr: f64,
    /// Decay of the mean of gradients; default 0.9. In [0, 1).
    pub beta1: f64,
    /// Decay of the mean of squared gradients; default 0.999. In [0, 1).
    pub beta2: f64,
    /// Added to the root; default 1e-8. At least 1e-45, the least `f32`; finite.
    pub eps: f64,
    /// Whether to divide by the greatest mean of squares so far; default false.
    pub amsgrad: bool,
    /// Weight decay; default none.
    pub weight_decay: WeightDecay,
    /// The parameters that weight decay applies to; default all.
    pub decay_on: ParamFilter,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            amsgrad: false,
            weight_decay: WeightDecay::None,
            decay_on: ParamFilter::All,
        }
    }
}

impl UpdateRule for AdamConfig {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn validate(&self) -> Result<(), OptimError> {
        const OWNER: &str = "adam";
        ensure(self.lr.is_finite() && self.lr > 0.0, OWNER, "lr", self.lr, "a finite number above 0")?;
        for (field, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            ensure((0.0..1.0).contains(&beta), OWNER, field, beta, "at least 0 and below 1")?;
        }
        ensure(is_eps(self.eps), OWNER, "eps", self.eps, EPS_RANGE)?;
        self.weight_decay.validate(OWNER)
    }

    fn initial_lr(&self) -> f64 {
        self.lr
    }

    fn slots(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::zeros("exp_avg"), Slot::zeros("exp_avg_sq")];
        if self.amsgrad {
            slots.push(Slot::zeros("max_exp_avg_sq"));
        }
        slots
    }

    fn weight_decay(&self) -> (WeightDecay, &ParamFilter) {
        (self.weight_decay, &self.decay_on)
    }

    fn update(&self, at: &StepPoint, w: &mut [f32], g: &[f32], [m, s, max]: [&mut [f32]; MAX_SLOTS]) {
        let t = at.step as f64;
        // lr m^ / (sqrt(s^) + eps) with both bias corrections drawn out of the loop.
        let rate = (at.lr / (1.0 - self.beta1.powf(t))) as f32;
        let root = (1.0 - self.beta2.powf(t)).sqrt() as f32;
        let (fresh1, keep2, fresh2) =
            ((1.0 - self.beta1) as f32, self.beta2 as f32, (1.0 - self.beta2) as f32);
        let eps = self.eps as f32;
        if self.amsgrad {
            Arch::new().dispatch(|| {
                for ((((w, &g), m), s), max) in w.iter_mut().zip(g).zip(m).zip(s).zip(max) {
                    let (g, w0) = decayed(at, *w, g);
                    *m += fresh1 * (g - *m);
                    *s = keep2 * *s + fresh2 * (g * g);
                    // Not f32::max, which would swallow a NaN.
                    *max = if *s <= *max { *max } else { *s };
                    *w = w0 - rate * (*m / (max.sqrt() / root + eps));
                }
            });
        } else {
            Arch::new().dispatch(|| {
                for (((w, &g), m), s) in w.iter_mut().zip(g).zip(m).zip(s) {
                    let (g, w0) = decayed(at, *w, g);
                    *m += fresh1 * (g - *m);
                    *s = keep2 * *s + fresh2 * (g * g);
                    *w = w0 - rate * (*m / (s.sqrt() / root + eps));
                }
            });
        }
    }
    fn program(&self, at: &StepPoint) -> Option<Vec<Instruction>> {
        use Register::{Gradient, Scratch, Slot, Weight};
        let blend = |to, keep, from, share| Instruction::Blend { to, keep, from, share };
        let t = at.step as f64;
        let mut program = vec![
            blend(Slot(0), self.beta1, Gradient, 1.0 - self.beta1),
            Instruction::Square { to: Scratch, of: Gradient },
            blend(Slot(1), self.beta2, Scratch, 1.0 - self.beta2),
        ];
        if self.amsgrad {
            program.push(Instruction::Maximum { to: Slot(2), of: Slot(1) });
        }
        let (numerator, square) = (Slot(0), Slot(1 + usize::from(self.amsgrad)));
        let (inside, root, outside) = (0.0, (1.0 - self.beta2.powf(t)).sqrt(), self.eps);
        program.push(Instruction::OverRoot { to: Scratch, numerator, square, inside, root, outside });
        let rate = at.lr / (1.0 - self.beta1.powf(t));
        program.push(blend(Weight, f64::from(at.shrink), Scratch, -rate));
        Some(program)
    }
}

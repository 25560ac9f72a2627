//! AdaGrad, in PyTorch's form and in Lasagne's.

use pulp::Arch;
use serde::{Deserialize, Serialize};

use super::error::{ensure, is_eps, OptimError, EPS_RANGE};
use super::program::{Instruction, Register};
use super::rule::{decayed, Slot, StepPoint, UpdateRule, MAX_SLOTS};
use super::{Optimizer, ParamFilter, WeightDecay};

/// AdaGrad; see [`AdaGradConfig`].
pub type AdaGrad = Optimizer<AdaGradConfig>;

/// Settings of AdaGrad.
///
/// With gradient `g` in a parameter's `t`-th step:
///
/// ```text
/// s <- s + g^2
/// w <- w - lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)        eps outside the root
/// w <- w - lr / (1 + (t - 1) lr_decay) * g / sqrt(s + eps)          eps inside the root
/// ```
///
/// # Reference
/// Duchi, Hazan and Singer 2011. The defaults are PyTorch's; Lasagne's are `eps: 1e-6` inside the root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaGradConfig {
    /// Learning rate; default 0.01. Finite, above 0.
    pub lr: f64,
    /// How fast the rate itself falls; default 0. Finite, at least 0.
    pub lr_decay: f64,
    /// What the sum of squares starts at; default 0. Finite, at least 0.
    pub initial_accumulator: f64,
    /// Keeps the division finite; default 1e-10. At least 1e-45, the least `f32`; finite.
    pub eps: f64,
    /// Where `eps` stands; default outside the root.
    pub eps_placement: EpsPlacement,
    /// Weight decay; default none.
    pub weight_decay: WeightDecay,
    /// The parameters that weight decay applies to; default all.
    pub decay_on: ParamFilter,
}

/// On which side of the root `eps` is added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpsPlacement {
    /// `sqrt(s) + eps`: PyTorch.
    #[default]
    Outside,
    /// `sqrt(s + eps)`: Lasagne, and TensorFlow's RMSProp.
    Inside,
}

impl EpsPlacement {
    /// `(inside, outside)` such that the denominator is `sqrt(s + inside) + outside`; adding zero is exact.
    pub(crate) fn split(self, eps: f64) -> (f32, f32) {
        match self {
            Self::Outside => (0.0, eps as f32),
            Self::Inside => (eps as f32, 0.0),
        }
    }
}

impl Default for AdaGradConfig {
    fn default() -> Self {
        Self {
            lr: 0.01,
            lr_decay: 0.0,
            initial_accumulator: 0.0,
            eps: 1e-10,
            eps_placement: EpsPlacement::Outside,
            weight_decay: WeightDecay::None,
            decay_on: ParamFilter::All,
        }
    }
}

impl UpdateRule for AdaGradConfig {
    fn name(&self) -> &'static str {
        "adagrad"
    }

    fn validate(&self) -> Result<(), OptimError> {
        const OWNER: &str = "adagrad";
        ensure(self.lr.is_finite() && self.lr > 0.0, OWNER, "lr", self.lr, "a finite number above 0")?;
        ensure(is_eps(self.eps), OWNER, "eps", self.eps, EPS_RANGE)?;
        for (field, value) in [("lr_decay", self.lr_decay), ("initial_accumulator", self.initial_accumulator)]
        {
            let allowed = "a finite number of at least 0";
            ensure(value.is_finite() && value >= 0.0, OWNER, field, value, allowed)?;
        }
        self.weight_decay.validate(OWNER)
    }

    fn initial_lr(&self) -> f64 {
        self.lr
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot { name: "sum", initial: self.initial_accumulator as f32 }]
    }

    fn weight_decay(&self) -> (WeightDecay, &ParamFilter) {
        (self.weight_decay, &self.decay_on)
    }

    fn update(&self, at: &StepPoint, w: &mut [f32], g: &[f32], [sum, ..]: [&mut [f32]; MAX_SLOTS]) {
        let rate = (at.lr / (1.0 + (at.step - 1) as f64 * self.lr_decay)) as f32;
        let (inside, outside) = self.eps_placement.split(self.eps);
        Arch::new().dispatch(|| {
            for ((w, &g), sum) in w.iter_mut().zip(g).zip(sum) {
                let (g, w0) = decayed(at, *w, g);
                *sum += g * g;
                *w = w0 - rate * (g / ((*sum + inside).sqrt() + outside));
            }
        });
    }
    fn program(&self, at: &StepPoint) -> Option<Vec<Instruction>> {
        use Register::{Gradient, Scratch, Slot, Weight};
        let blend = |to, keep, from, share| Instruction::Blend { to, keep, from, share };
        let (inside, outside) = self.eps_placement.split(self.eps);
        let (inside, outside) = (f64::from(inside), f64::from(outside));
        let rate = at.lr / (1.0 + (at.step - 1) as f64 * self.lr_decay);
        let (numerator, square, root) = (Gradient, Slot(0), 1.0);
        Some(vec![
            Instruction::Square { to: Scratch, of: Gradient },
            blend(Slot(0), 1.0, Scratch, 1.0),
            Instruction::OverRoot { to: Scratch, numerator, square, inside, root, outside },
            blend(Weight, f64::from(at.shrink), Scratch, -rate),
        ])
    }
}

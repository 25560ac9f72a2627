//! RMSProp: plain, centred, and with momentum.

use pulp::Arch;
use serde::{Deserialize, Serialize};

use super::error::{ensure, is_eps, OptimError, EPS_RANGE};
use super::program::{Instruction, Register};
use super::rule::{decayed, Slot, StepPoint, UpdateRule, MAX_SLOTS};
use super::{EpsPlacement, Optimizer, ParamFilter, WeightDecay};

/// RMSProp; see [`RmsPropConfig`].
pub type RmsProp = Optimizer<RmsPropConfig>;

/// Settings of RMSProp.
///
/// ```text
/// s <- alpha s + (1 - alpha) g^2
/// a <- alpha a + (1 - alpha) g                   centred only; then s^ = s - a^2, else s^ = s
/// u  = g / (sqrt(s^) + eps)                      or g / sqrt(s^ + eps), with eps inside the root
/// b <- momentum b + u,  w <- w - lr b            without momentum: w <- w - lr u
/// ```
///
/// Rounding can push `s - a^2` below 0, where PyTorch's root is NaN; here it counts as 0.
///
/// # Reference
/// Tieleman and Hinton 2012, lecture 6.5; centred: Graves 2013. Defaults and momentum are PyTorch's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsPropConfig {
    /// Learning rate; default 0.01. Finite, above 0.
    pub lr: f64,
    /// Decay of the means; default 0.99. In [0, 1).
    pub alpha: f64,
    /// Keeps the division finite; default 1e-8. At least 1e-45, the least `f32`; finite.
    pub eps: f64,
    /// Where `eps` stands; default outside the root.
    pub eps_placement: EpsPlacement,
    /// Momentum; default 0. In [0, 1).
    pub momentum: f64,
    /// Whether to divide by an estimate of the variance in place of the second moment; default false.
    pub centered: bool,
    /// Weight decay; default none.
    pub weight_decay: WeightDecay,
    /// The parameters that weight decay applies to; default all.
    pub decay_on: ParamFilter,
}

impl Default for RmsPropConfig {
    fn default() -> Self {
        Self {
            lr: 0.01,
            alpha: 0.99,
            eps: 1e-8,
            eps_placement: EpsPlacement::Outside,
            momentum: 0.0,
            centered: false,
            weight_decay: WeightDecay::None,
            decay_on: ParamFilter::All,
        }
    }
}

impl UpdateRule for RmsPropConfig {
    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn validate(&self) -> Result<(), OptimError> {
        const OWNER: &str = "rmsprop";
        ensure(self.lr.is_finite() && self.lr > 0.0, OWNER, "lr", self.lr, "a finite number above 0")?;
        for (field, value) in [("alpha", self.alpha), ("momentum", self.momentum)] {
            ensure((0.0..1.0).contains(&value), OWNER, field, value, "at least 0 and below 1")?;
        }
        ensure(is_eps(self.eps), OWNER, "eps", self.eps, EPS_RANGE)?;
        self.weight_decay.validate(OWNER)
    }

    fn initial_lr(&self) -> f64 {
        self.lr
    }

    fn slots(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::zeros("square_avg")];
        if self.centered {
            slots.push(Slot::zeros("grad_avg"));
        }
        if self.momentum > 0.0 {
            slots.push(Slot::zeros("momentum_buffer"));
        }
        slots
    }

    fn weight_decay(&self) -> (WeightDecay, &ParamFilter) {
        (self.weight_decay, &self.decay_on)
    }

    fn update(&self, at: &StepPoint, w: &mut [f32], g: &[f32], [s, second, third]: [&mut [f32]; MAX_SLOTS]) {
        let lr = at.lr as f32;
        let (keep, fresh, mu) = (self.alpha as f32, (1.0 - self.alpha) as f32, self.momentum as f32);
        let (inside, outside) = self.eps_placement.split(self.eps);
        // One element's mean of squares, and its u above.
        let plain = move |g: f32, s: &mut f32| {
            *s = keep * *s + fresh * (g * g);
            g / ((*s + inside).sqrt() + outside)
        };
        let centred = move |g: f32, s: &mut f32, a: &mut f32| {
            *s = keep * *s + fresh * (g * g);
            *a += fresh * (g - *a);
            let variance = *s - *a * *a;
            let variance = if variance < 0.0 { 0.0 } else { variance };
            g / ((variance + inside).sqrt() + outside)
        };
        match (self.centered, self.momentum > 0.0) {
            (false, false) => Arch::new().dispatch(|| {
                for ((w, &g), s) in w.iter_mut().zip(g).zip(s) {
                    let (g, w0) = decayed(at, *w, g);
                    *w = w0 - lr * plain(g, s);
                }
            }),
            (false, true) => Arch::new().dispatch(|| {
                for (((w, &g), s), b) in w.iter_mut().zip(g).zip(s).zip(second) {
                    let (g, w0) = decayed(at, *w, g);
                    *b = mu * *b + plain(g, s);
                    *w = w0 - lr * *b;
                }
            }),
            (true, false) => Arch::new().dispatch(|| {
                for (((w, &g), s), a) in w.iter_mut().zip(g).zip(s).zip(second) {
                    let (g, w0) = decayed(at, *w, g);
                    *w = w0 - lr * centred(g, s, a);
                }
            }),
            (true, true) => Arch::new().dispatch(|| {
                for ((((w, &g), s), a), b) in w.iter_mut().zip(g).zip(s).zip(second).zip(third) {
                    let (g, w0) = decayed(at, *w, g);
                    *b = mu * *b + centred(g, s, a);
                    *w = w0 - lr * *b;
                }
            }),
        }
    }
    fn program(&self, at: &StepPoint) -> Option<Vec<Instruction>> {
        use Register::{Gradient, Scratch, Slot, Weight};
        let blend = |to, keep, from, share| Instruction::Blend { to, keep, from, share };
        let (inside, outside) = self.eps_placement.split(self.eps);
        let (inside, outside) = (f64::from(inside), f64::from(outside));
        let (keep, fresh, shrink) = (self.alpha, 1.0 - self.alpha, f64::from(at.shrink));
        let mut program =
            vec![Instruction::Square { to: Scratch, of: Gradient }, blend(Slot(0), keep, Scratch, fresh)];
        let (numerator, root) = (Gradient, 1.0);
        let mut square = Slot(0);
        if self.centered {
            program.extend([
                blend(Slot(1), keep, Gradient, fresh),
                Instruction::Square { to: Scratch, of: Slot(1) },
                blend(Scratch, -1.0, Slot(0), 1.0),
                Instruction::Positive { to: Scratch },
            ]);
            square = Scratch;
        }
        program.push(Instruction::OverRoot { to: Scratch, numerator, square, inside, root, outside });
        if self.momentum > 0.0 {
            let buffer = Slot(1 + usize::from(self.centered));
            program.push(blend(buffer, self.momentum, Scratch, 1.0));
            program.push(blend(Weight, shrink, buffer, -at.lr));
        } else {
            program.push(blend(Weight, shrink, Scratch, -at.lr));
        }
        Some(program)
    }
}

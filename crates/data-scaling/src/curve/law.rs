//! The laws that a score may follow as data grows.

use serde::{Deserialize, Serialize};

/// How a score y depends on the number of examples n. Parameters are named in the order in which fits give them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// y = a + b log₁₀ n, the paper's (section 5).
    LogLinear,
    /// y = b n^c: a straight line on two logarithmic axes.
    Power,
    /// y = a + b n^(−c), c > 0: a power law on the way to a floor, or to a ceiling, a.
    PowerFloor,
    /// y = a + b n / (n + h), h > 0: from a to a + b, half of the way at n = h.
    Saturating,
}

impl Law {
    /// All of them.
    pub const ALL: [Law; 4] = [Law::LogLinear, Law::Power, Law::PowerFloor, Law::Saturating];

    /// As a formula.
    #[must_use]
    pub fn formula(self) -> &'static str {
        match self {
            Law::LogLinear => "a + b log10 n",
            Law::Power => "b n^c",
            Law::PowerFloor => "a + b n^-c",
            Law::Saturating => "a + b n/(n + h)",
        }
    }

    /// What its parameters are called.
    #[must_use]
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Law::LogLinear => &["a", "b"],
            Law::Power => &["b", "c"],
            Law::PowerFloor => &["a", "b", "c"],
            Law::Saturating => &["a", "b", "h"],
        }
    }

    /// y at n for parameters in the order of [`parameters`](Self::parameters).
    #[must_use]
    pub fn value(self, p: &[f64], n: f64) -> f64 {
        match (self, p) {
            (Law::LogLinear, [a, b]) => a + b * n.log10(),
            (Law::Power, [b, c]) => b * n.powf(*c),
            (Law::PowerFloor, [a, b, c]) => a + b * n.powf(-c),
            (Law::Saturating, [a, b, h]) => a + b * n / (n + h),
            _ => f64::NAN,
        }
    }

    /// ∂y/∂p at n.
    #[must_use]
    pub fn gradient(self, p: &[f64], n: f64) -> Vec<f64> {
        match (self, p) {
            (Law::LogLinear, _) => vec![1.0, n.log10()],
            (Law::Power, [b, c]) => vec![n.powf(*c), b * n.powf(*c) * n.ln()],
            (Law::PowerFloor, [_, b, c]) => vec![1.0, n.powf(-c), -b * n.powf(-c) * n.ln()],
            (Law::Saturating, [_, b, h]) => vec![1.0, n / (n + h), -b * n / (n + h).powi(2)],
            _ => Vec::new(),
        }
    }

    /// The n at which y is `target`; `None` where it never is.
    #[must_use]
    pub fn examples_for(self, p: &[f64], target: f64) -> Option<f64> {
        let n = match (self, p) {
            (Law::LogLinear, [a, b]) => 10f64.powf((target - a) / b),
            (Law::Power, [b, c]) => (target / b).powf(1.0 / c),
            (Law::PowerFloor, [a, b, c]) => ((target - a) / b).powf(-1.0 / c),
            (Law::Saturating, [a, b, h]) => {
                let share = (target - a) / b;
                h * share / (1.0 - share)
            }
            _ => f64::NAN,
        };
        (n.is_finite() && n > 0.0).then_some(n)
    }
}

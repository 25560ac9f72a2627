//! The divergences that an adversarial game can minimise, and the bound that any critic gives.

use std::f64::consts::LN_2;

use serde::{Deserialize, Serialize};

use super::{
    density::{sigmoid, softplus, weighted, GaussianMixture, Quadrature},
    error::TheoryError,
};

/// A divergence between densities p and q, made of one convex function f.
///
/// D_f(p ‖ q) = ∫ q f(p / q) ≥ E_p[g_f(V)] − E_q[f*(g_f(V))]  for every critic V,
///
/// with equality where g_f(V) = f'(p / q). Here f*(t) = sup_u (u t − f(u)) is the conjugate, and g_f maps a critic's
/// output, any number, into its domain. With log u for the log-ratio of the densities:
///
/// | divergence | f(u) | f*(t) | domain | g_f(v) | best v |
/// |---|---|---|---|---|---|
/// | KL | u log u | e^(t − 1) | all t | v | 1 + log u |
/// | reverse KL | −log u | −1 − log(−t) | t < 0 | −e^−v | log u |
/// | Pearson χ² | (u − 1)² | t² / 4 + t | all t | v | 2 (u − 1) |
/// | squared Hellinger | (√u − 1)² | t / (1 − t) | t < 1 | 1 − e^−v | ½ log u |
/// | Jensen-Shannon | u log u − (u + 1) log((1 + u) / 2) | −log(2 − e^t) | t < log 2 | log 2 − log(1 + e^−v) | log u |
/// | GAN | u log u − (u + 1) log(u + 1) | −log(1 − e^t) | t < 0 | −log(1 + e^−v) | log u |
///
/// The last two are 2 JSD and 2 JSD − log 4, so that f(1) is 0 in all rows but the last, where it is −log 4. The row of
/// Pearson χ² takes f on all numbers, as the table of the paper does.
///
/// # Reference
/// The survey's section on alternative formulations; Nowozin, Cseke and Tomioka 2016, tables 1, 2 and 6.
///
/// # Example
/// ```
/// use gan::theory::{Divergence, GaussianMixture};
/// # fn main() -> Result<(), gan::theory::TheoryError> {
/// let (p, q) = (GaussianMixture::normal(0.0, 1.0)?, GaussianMixture::normal(1.0, 1.0)?);
/// let kl = Divergence::Kl.between(&p, &q);
/// assert!((kl - 0.5).abs() < 1e-12);
/// // any critic bounds it from below, and the best critic reaches it
/// assert!(Divergence::Kl.lower_bound(&p, &q, |x| 1.0 - x)? < kl);
/// let best = Divergence::Kl.lower_bound(&p, &q, |x| 1.5 - x)?; // log (p / q) = ½ − x
/// assert!((best - kl).abs() < 1e-12);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Divergence {
    /// KL(p ‖ q): heavy on places that q misses.
    Kl,
    /// KL(q ‖ p): heavy on places that only q has.
    ReverseKl,
    /// ∫ (p − q)² / q.
    PearsonChi2,
    /// ∫ (√p − √q)².
    SquaredHellinger,
    /// 2 JSD(p ‖ q), between 0 and log 4.
    JensenShannon,
    /// 2 JSD(p ‖ q) − log 4, the value of the original game.
    Gan,
}

impl Divergence {
    /// Every divergence, in the order of the table.
    pub const ALL: [Divergence; 6] = [
        Divergence::Kl,
        Divergence::ReverseKl,
        Divergence::PearsonChi2,
        Divergence::SquaredHellinger,
        Divergence::JensenShannon,
        Divergence::Gan,
    ];

    /// The name in files, such as `squared-hellinger`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Divergence::Kl => "kl",
            Divergence::ReverseKl => "reverse-kl",
            Divergence::PearsonChi2 => "pearson-chi2",
            Divergence::SquaredHellinger => "squared-hellinger",
            Divergence::JensenShannon => "jensen-shannon",
            Divergence::Gan => "gan",
        }
    }

    /// f(u), for a ratio of densities u > 0.
    #[must_use]
    pub fn f(self, u: f64) -> f64 {
        match self {
            Divergence::Kl => u * u.ln(),
            Divergence::ReverseKl => -u.ln(),
            Divergence::PearsonChi2 => (u - 1.0) * (u - 1.0),
            Divergence::SquaredHellinger => (u.sqrt() - 1.0).powi(2),
            Divergence::JensenShannon => u * u.ln() - (u + 1.0) * (u.ln_1p() - LN_2),
            Divergence::Gan => u * u.ln() - (u + 1.0) * u.ln_1p(),
        }
    }

    /// f'(u) = T*, the output after g_f at which the bound is tight; u > 0.
    #[must_use]
    pub fn derivative(self, u: f64) -> f64 {
        match self {
            Divergence::Kl => 1.0 + u.ln(),
            Divergence::ReverseKl => -1.0 / u,
            Divergence::PearsonChi2 => 2.0 * (u - 1.0),
            Divergence::SquaredHellinger => 1.0 - 1.0 / u.sqrt(),
            Divergence::JensenShannon => LN_2 - (1.0 / u).ln_1p(),
            Divergence::Gan => -(1.0 / u).ln_1p(),
        }
    }

    /// f*(t); +∞ at and above [`domain_end`](Self::domain_end).
    #[must_use]
    pub fn f_star(self, t: f64) -> f64 {
        if t >= self.domain_end() {
            return f64::INFINITY;
        }
        match self {
            Divergence::Kl => (t - 1.0).exp(),
            Divergence::ReverseKl => -1.0 - (-t).ln(),
            Divergence::PearsonChi2 => t * t / 4.0 + t,
            Divergence::SquaredHellinger => t / (1.0 - t),
            // 2 − e^t = 1 − (e^t − 1)
            Divergence::JensenShannon => -(-t.exp_m1()).ln_1p(),
            Divergence::Gan => -(-t.exp_m1()).ln(),
        }
    }

    /// Where f* ends: it is finite for t below this.
    #[must_use]
    pub fn domain_end(self) -> f64 {
        match self {
            Divergence::Kl | Divergence::PearsonChi2 => f64::INFINITY,
            Divergence::ReverseKl | Divergence::Gan => 0.0,
            Divergence::SquaredHellinger => 1.0,
            Divergence::JensenShannon => LN_2,
        }
    }

    /// g_f(v), increasing, from a critic's output to the domain of f*.
    #[must_use]
    pub fn activation(self, v: f64) -> f64 {
        match self {
            Divergence::Kl | Divergence::PearsonChi2 => v,
            Divergence::ReverseKl => -(-v).exp(),
            Divergence::SquaredHellinger => -(-v).exp_m1(),
            Divergence::JensenShannon => LN_2 - softplus(-v),
            Divergence::Gan => -softplus(-v),
        }
    }

    /// f*(g_f(v)) in one step, without the overflow and the cancellation of two.
    #[must_use]
    pub fn penalty(self, v: f64) -> f64 {
        match self {
            Divergence::Kl => (v - 1.0).exp(),
            Divergence::ReverseKl => v - 1.0,
            Divergence::PearsonChi2 => v * v / 4.0 + v,
            Divergence::SquaredHellinger => v.exp_m1(),
            Divergence::JensenShannon => softplus(v) - LN_2,
            Divergence::Gan => softplus(v),
        }
    }

    /// v*(u) with g_f(v*) = f'(u): what the best critic says where log (p / q) = `log_ratio`.
    #[must_use]
    pub fn optimal_output(self, log_ratio: f64) -> f64 {
        match self {
            Divergence::Kl => 1.0 + log_ratio,
            Divergence::PearsonChi2 => 2.0 * log_ratio.exp_m1(),
            Divergence::SquaredHellinger => 0.5 * log_ratio,
            Divergence::ReverseKl | Divergence::JensenShannon | Divergence::Gan => log_ratio,
        }
    }

    /// The ratio p / q that a critic's output stands for: the inverse of [`optimal_output`](Self::optimal_output).
    ///
    /// 0 for Pearson χ² where v ≤ −2, which no ratio gives.
    #[must_use]
    pub fn ratio(self, v: f64) -> f64 {
        match self {
            Divergence::Kl => (v - 1.0).exp(),
            Divergence::PearsonChi2 => (1.0 + 0.5 * v).max(0.0),
            Divergence::SquaredHellinger => (2.0 * v).exp(),
            Divergence::ReverseKl | Divergence::JensenShannon | Divergence::Gan => v.exp(),
        }
    }

    /// D_f(p ‖ q) by quadrature.
    ///
    /// Pearson χ² is infinite where q's widest part has at most half the variance of p's.
    ///
    /// # Complexity
    /// O(m²) for m parts in all.
    #[must_use]
    pub fn between(self, p: &GaussianMixture, q: &GaussianMixture) -> f64 {
        match self.line(p, q) {
            Some(line) => line.integrate(|x| self.integrand(p.log_pdf(x), q.log_pdf(x))),
            None => f64::INFINITY,
        }
    }

    /// E_p[g_f(V)] − E_q[f*(g_f(V))] by quadrature, at most [`between`](Self::between) for every critic V.
    ///
    /// # Errors
    /// A critic that is not finite.
    ///
    /// # Complexity
    /// 768 evaluations of the critic for each part of the mixtures.
    pub fn lower_bound(
        self,
        p: &GaussianMixture,
        q: &GaussianMixture,
        mut critic: impl FnMut(f64) -> f64,
    ) -> Result<f64, TheoryError> {
        // Where the divergence is infinite no critic's bound is, unless the critic itself grows without end.
        let line = self.line(p, q).unwrap_or_else(|| Quadrature::over(&[p, q]));
        line.try_integrate(|x| {
            let value = critic(x);
            if !value.is_finite() {
                return Err(TheoryError::Function { what: "the critic", x, value });
            }
            Ok(self.reward(p.log_pdf(x), value) - self.cost(q.log_pdf(x), value))
        })
    }

    /// q f(p / q) from log p and log q.
    fn integrand(self, p: f64, q: f64) -> f64 {
        let log_ratio = p - q;
        match self {
            Divergence::Kl => weighted(p, log_ratio),
            Divergence::ReverseKl => weighted(q, -log_ratio),
            Divergence::PearsonChi2 if log_ratio > 0.0 => {
                (p + log_ratio).exp() * (-log_ratio).exp_m1().powi(2)
            }
            Divergence::PearsonChi2 => weighted(q, log_ratio.exp_m1().powi(2)),
            Divergence::SquaredHellinger => ((0.5 * p).exp() - (0.5 * q).exp()).powi(2),
            Divergence::JensenShannon => {
                weighted(p, LN_2 - softplus(-log_ratio)) + weighted(q, LN_2 - softplus(log_ratio))
            }
            Divergence::Gan => -weighted(p, softplus(-log_ratio)) - weighted(q, softplus(log_ratio)),
        }
    }

    /// p g_f(v) from log p, also where e^−v alone would overflow.
    fn reward(self, p: f64, v: f64) -> f64 {
        match self {
            Divergence::ReverseKl => -(p - v).exp(),
            Divergence::SquaredHellinger => p.exp() - (p - v).exp(),
            _ => weighted(p, self.activation(v)),
        }
    }

    /// q f*(g_f(v)) from log q, also where e^v alone would overflow.
    fn cost(self, q: f64, v: f64) -> f64 {
        match self {
            Divergence::Kl => (q + v - 1.0).exp(),
            Divergence::SquaredHellinger => (q + v).exp() - q.exp(),
            _ => weighted(q, self.penalty(v)),
        }
    }

    /// Nodes for integrals of this divergence, or none where it is infinite.
    ///
    /// p² / q of two Gaussians is again one, of precision 2 / σ_p² − 1 / σ_q², and it may be far wider than both and
    /// far from both: its place and width are then resolved too.
    fn line(self, p: &GaussianMixture, q: &GaussianMixture) -> Option<Quadrature> {
        if self != Divergence::PearsonChi2 {
            return Some(Quadrature::over(&[p, q]));
        }
        let mut scales: Vec<(f64, f64)> = p.scales().chain(q.scales()).collect();
        let widest = q.scales().map(|(_, width)| width).fold(0.0, f64::max);
        for (q_mean, q_width) in q.scales().filter(|scale| scale.1 == widest) {
            for (p_mean, p_width) in p.scales() {
                let (of_p, of_q) = (2.0 / (p_width * p_width), 1.0 / (q_width * q_width));
                let precision = of_p - of_q;
                if precision <= 0.0 {
                    return None;
                }
                scales.push(((of_p * p_mean - of_q * q_mean) / precision, precision.recip().sqrt()));
            }
        }
        Some(Quadrature::resolving(scales.into_iter()))
    }
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// D of the discriminator that a critic's output stands for, p / (p + q) if the critic is the best one.
///
/// # Example
/// ```
/// use gan::theory::{f_divergence::discriminator, Divergence};
/// let v = Divergence::Kl.optimal_output(3f64.ln()); // p is three times q
/// assert!((discriminator(Divergence::Kl, v) - 0.75).abs() < 1e-15);
/// ```
#[must_use]
pub fn discriminator(divergence: Divergence, v: f64) -> f64 {
    sigmoid(divergence.ratio(v).ln())
}

#[cfg(test)]
mod tests;

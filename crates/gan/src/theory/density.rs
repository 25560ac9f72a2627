//! Densities on the line that can be evaluated, sampled and integrated.

use std::f64::consts::{LN_2, TAU};

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use shared::train::RunRng;

use super::error::{finite, positive, TheoryError};

/// The stream of a seed that samples are drawn from.
const STREAM: u64 = 0x6761_0001;

/// A mixture of Gaussians on the line.
///
/// p(x) = Σ_j w_j N(x; μ_j, σ_j²),  Σ_j w_j = 1
///
/// # Example
/// ```
/// use gan::theory::GaussianMixture;
/// # fn main() -> Result<(), gan::theory::TheoryError> {
/// let two = GaussianMixture::new(&[(1.0, -2.0, 0.5), (3.0, 1.0, 1.0)])?;
/// assert!((two.pdf(1.0) - 0.75 * 0.398942).abs() < 1e-6); // the other mode is six deviations away
/// let mean = two.sample(10_000, 0).iter().sum::<f64>() / 1e4;
/// assert!((mean - 0.25).abs() < 0.1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianMixture {
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    weight: f64,
    mean: f64,
    deviation: f64,
}

impl Part {
    /// log (w N(x; μ, σ²)).
    fn log_pdf(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.deviation;
        self.weight.ln() - 0.5 * z * z - self.deviation.ln() - 0.5 * TAU.ln()
    }
}

impl GaussianMixture {
    /// N(mean, deviation²).
    ///
    /// # Errors
    /// A mean that is not finite, or a deviation that is not finite and above 0.
    pub fn normal(mean: f64, deviation: f64) -> Result<Self, TheoryError> {
        Self::new(&[(1.0, mean, deviation)])
    }

    /// Parts as (weight, mean, deviation); the weights are divided by their sum.
    ///
    /// # Errors
    /// No part, a mean that is not finite, or a weight or deviation that is not finite and above 0.
    pub fn new(parts: &[(f64, f64, f64)]) -> Result<Self, TheoryError> {
        if parts.is_empty() {
            return Err(TheoryError::Empty { what: "the mixture", item: "part" });
        }
        for &(weight, mean, deviation) in parts {
            positive("a weight", weight)?;
            positive("a deviation", deviation)?;
            finite("a mean", &[mean])?;
        }
        let total: f64 = parts.iter().map(|part| part.0).sum();
        positive("the sum of the weights", total)?;
        let part = |&(weight, mean, deviation)| Part { weight: weight / total, mean, deviation };
        Ok(Self { parts: parts.iter().map(part).collect() })
    }

    /// The parts as (weight, mean, deviation), with weights that sum to 1.
    pub fn parts(&self) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        self.parts.iter().map(|part| (part.weight, part.mean, part.deviation))
    }

    /// p(x).
    #[must_use]
    pub fn pdf(&self, x: f64) -> f64 {
        self.log_pdf(x).exp()
    }

    /// log p(x), also where p(x) is too small for `f64`.
    #[must_use]
    pub fn log_pdf(&self, x: f64) -> f64 {
        let most = self.parts.iter().map(|part| part.log_pdf(x)).fold(f64::NEG_INFINITY, f64::max);
        if most == f64::NEG_INFINITY {
            return most;
        }
        most + self.parts.iter().map(|part| (part.log_pdf(x) - most).exp()).sum::<f64>().ln()
    }

    /// d/dx log p(x), the score.
    ///
    /// The mean of (μ_j − x) / σ_j² over the parts, each with its share of p(x).
    #[must_use]
    pub fn score(&self, x: f64) -> f64 {
        let log = self.log_pdf(x);
        let slope = |part: &Part| (part.mean - x) / (part.deviation * part.deviation);
        self.parts.iter().map(|part| (part.log_pdf(x) - log).exp() * slope(part)).sum()
    }

    /// `n` draws; the first of them are those of any smaller `n`.
    ///
    /// Mixtures that are sampled with one seed share their random numbers, so give each a seed of its own where
    /// draws should be independent.
    #[must_use]
    pub fn sample(&self, n: usize, seed: u64) -> Vec<f64> {
        self.draws(n, RunRng::new(seed, STREAM))
    }

    /// `n` draws with a given generator.
    pub(super) fn draws(&self, n: usize, mut rng: RunRng) -> Vec<f64> {
        let mut draw = || {
            let mut place: f64 = rng.r#gen();
            let mut chosen = &self.parts[self.parts.len() - 1];
            for part in &self.parts {
                if place < part.weight {
                    chosen = part;
                    break;
                }
                place -= part.weight;
            }
            let z: f64 = StandardNormal.sample(&mut rng);
            chosen.mean + chosen.deviation * z
        };
        (0..n).map(|_| draw()).collect()
    }

    /// (mean, deviation) of every part, for [`Quadrature::resolving`].
    pub(super) fn scales(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.parts.iter().map(|part| (part.mean, part.deviation))
    }
}

/// Nodes and weights with which integrals over the line become sums.
///
/// ∫ f(x) dx ≈ Σ_i w_i f(x_i)
///
/// The line is cut at every quarter of a deviation within twelve of each mean, so that every part of a mixture is
/// resolved at its own scale, and Gauss's rule with eight nodes is used between the cuts. What lies beyond is below
/// 1e-32 of the mass.
///
/// # Example
/// ```
/// use gan::theory::{GaussianMixture, Quadrature};
/// # fn main() -> Result<(), gan::theory::TheoryError> {
/// let p = GaussianMixture::new(&[(0.5, 0.0, 1e-3), (0.5, 4.0, 3.0)])?;
/// let line = Quadrature::over(&[&p]);
/// assert!((line.integrate(|x| p.pdf(x)) - 1.0).abs() < 1e-13);
/// assert!((line.integrate(|x| x * p.pdf(x)) - 2.0).abs() < 1e-13);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Quadrature {
    nodes: Vec<(f64, f64)>,
}

/// How far the interval reaches past each mean, in deviations.
const REACH: i32 = 12;
/// Cuts in one deviation.
const CUTS: i32 = 4;
/// Gauss's rule with eight nodes on [−1, 1]: the positive nodes and their weights.
const GAUSS: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

impl Quadrature {
    /// For integrals against any of these densities.
    ///
    /// # Complexity
    /// 768 nodes for each part of a mixture, after a sort.
    #[must_use]
    pub fn over(densities: &[&GaussianMixture]) -> Self {
        Self::resolving(densities.iter().flat_map(|density| density.scales()))
    }

    /// For integrands that vary on these scales, each a place and a width.
    pub(super) fn resolving(scales: impl Iterator<Item = (f64, f64)>) -> Self {
        let cut = |step: i32| f64::from(step) / f64::from(CUTS);
        let steps = -REACH * CUTS..=REACH * CUTS;
        let mut cuts: Vec<f64> =
            scales.flat_map(|(at, width)| steps.clone().map(move |step| at + width * cut(step))).collect();
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
        let panel = |ends: &[f64]| {
            let (middle, half) = ((ends[0] + ends[1]) / 2.0, (ends[1] - ends[0]) / 2.0);
            GAUSS.into_iter().flat_map(move |(node, weight)| {
                [(middle - half * node, half * weight), (middle + half * node, half * weight)]
            })
        };
        Self { nodes: cuts.windows(2).flat_map(panel).collect() }
    }

    /// Σ_i w_i f(x_i).
    pub fn integrate(&self, mut f: impl FnMut(f64) -> f64) -> f64 {
        self.nodes.iter().map(|&(x, weight)| weight * f(x)).sum()
    }

    /// As [`integrate`](Self::integrate), for a function that may refuse.
    pub(super) fn try_integrate(
        &self,
        mut f: impl FnMut(f64) -> Result<f64, TheoryError>,
    ) -> Result<f64, TheoryError> {
        self.nodes.iter().map(|&(x, weight)| f(x).map(|value| weight * value)).sum()
    }

    /// The places where functions are evaluated.
    pub fn nodes(&self) -> impl Iterator<Item = f64> + '_ {
        self.nodes.iter().map(|&(x, _)| x)
    }
}

/// KL(p ‖ q) = ∫ p log (p / q), in nats.
///
/// # Complexity
/// O(m²) for m parts in all.
#[must_use]
pub fn kl(p: &GaussianMixture, q: &GaussianMixture) -> f64 {
    Quadrature::over(&[p, q]).integrate(|x| {
        let log = p.log_pdf(x);
        weighted(log, log - q.log_pdf(x))
    })
}

/// JSD(p ‖ q) = ½ KL(p ‖ m) + ½ KL(q ‖ m) with m = (p + q) / 2; between 0 and log 2.
///
/// # Reference
/// The survey's section on training, after Goodfellow et al. 2014.
///
/// # Complexity
/// O(m²) for m parts in all.
///
/// # Example
/// ```
/// use gan::theory::{jensen_shannon, GaussianMixture};
/// # fn main() -> Result<(), gan::theory::TheoryError> {
/// let (p, far) = (GaussianMixture::normal(0.0, 1.0)?, GaussianMixture::normal(100.0, 1.0)?);
/// assert!(jensen_shannon(&p, &p).abs() < 1e-15);
/// assert!((jensen_shannon(&p, &far) - 2f64.ln()).abs() < 1e-13);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn jensen_shannon(p: &GaussianMixture, q: &GaussianMixture) -> f64 {
    Quadrature::over(&[p, q]).integrate(|x| {
        let (p, q) = (p.log_pdf(x), q.log_pdf(x));
        let to_middle = |own: f64, other: f64| weighted(own, LN_2 - softplus(other - own));
        0.5 * (to_middle(p, q) + to_middle(q, p))
    })
}

/// e^log · value, and 0 where the density e^log is 0, however large the value.
pub(super) fn weighted(log: f64, value: f64) -> f64 {
    match log.exp() {
        0.0 => 0.0,
        density => density * value,
    }
}

/// log (1 + e^a) without overflow.
pub(super) fn softplus(a: f64) -> f64 {
    a.max(0.0) + (-a.abs()).exp().ln_1p()
}

/// 1 / (1 + e^−a).
pub(super) fn sigmoid(a: f64) -> f64 {
    let small = (-a.abs()).exp();
    if a < 0.0 {
        small / (1.0 + small)
    } else {
        1.0 / (1.0 + small)
    }
}

/// A mean of independent draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error, s / √n.
    pub standard_error: f64,
}

impl Estimate {
    /// Of at least two values.
    pub(super) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let spread: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, standard_error: (spread / (n - 1.0) / n).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use proptest::prelude::*;

    fn normal(mean: f64, deviation: f64) -> GaussianMixture {
        GaussianMixture::normal(mean, deviation).unwrap()
    }

    #[test]
    fn gauss_is_exact_to_degree_fifteen() {
        for degree in 0..16 {
            let of = |x: f64| x.powi(degree);
            let sum: f64 = GAUSS.iter().map(|(node, weight)| weight * (of(*node) + of(-node))).sum();
            let exact = if degree % 2 == 0 { 2.0 / f64::from(degree + 1) } else { 0.0 };
            assert_abs_diff_eq!(sum, exact, epsilon = 1e-15);
        }
        let sum: f64 = GAUSS.iter().map(|(node, weight)| 2.0 * weight * node.powi(16)).sum();
        assert!((sum - 2.0 / 17.0).abs() > 1e-6, "degree 16 would be exact");
    }

    #[test]
    fn bad_mixtures_are_named() {
        let cases: [(&[(f64, f64, f64)], &str); 5] = [
            (&[], "the mixture is empty: give at least one part"),
            (&[(0.0, 0.0, 1.0)], "a weight is 0: it must be finite and above 0"),
            (&[(1.0, 0.0, -1.0)], "a deviation is -1: "),
            (&[(1.0, f64::NAN, 1.0)], "a mean has NaN at position 0: "),
            (&[(f64::MAX, 0.0, 1.0), (f64::MAX, 0.0, 1.0)], "the sum of the weights is inf: "),
        ];
        for (parts, start) in cases {
            let message = GaussianMixture::new(parts).unwrap_err().to_string();
            assert!(message.starts_with(start), "{message}");
        }
    }

    #[test]
    fn samples_follow_the_density_and_share_their_beginnings() {
        let p = GaussianMixture::new(&[(1.0, -1.0, 0.3), (2.0, 2.0, 0.7)]).unwrap();
        let draws = p.sample(40_000, 5);
        assert_eq!(draws[..100], p.sample(100, 5));
        let line = Quadrature::over(&[&p]);
        for power in 1..=4 {
            let exact = line.integrate(|x| x.powi(power) * p.pdf(x));
            let estimate = Estimate::of(&draws.iter().map(|x| x.powi(power)).collect::<Vec<_>>());
            let off = (estimate.mean - exact) / estimate.standard_error;
            assert!(off.abs() < 4.0, "moment {power}: {off} standard errors");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn divergences_of_gaussians_are_those_of_the_formula(
            m in -5.0f64..5.0, s in 0.2f64..3.0, n in -5.0f64..5.0, t in 0.2f64..3.0,
        ) {
            let (p, q) = (normal(m, s), normal(n, t));
            let exact = (t / s).ln() + (s * s + (m - n).powi(2)) / (2.0 * t * t) - 0.5;
            prop_assert!((kl(&p, &q) - exact).abs() < 1e-11 * (1.0 + exact), "{} {exact}", kl(&p, &q));
            let both = jensen_shannon(&p, &q);
            prop_assert!((-1e-14..=LN_2 + 1e-13).contains(&both), "{both}");
            prop_assert!((both - jensen_shannon(&q, &p)).abs() < 1e-14);
            // ½ KL to a mixture, from the other formula
            let middle = GaussianMixture::new(&[(1.0, m, s), (1.0, n, t)]).unwrap();
            prop_assert!((both - 0.5 * (kl(&p, &middle) + kl(&q, &middle))).abs() < 1e-12);
        }

        #[test]
        fn scores_are_slopes(x in -4.0f64..4.0, w in 0.1f64..5.0) {
            let p = GaussianMixture::new(&[(w, -1.0, 0.6), (1.0, 1.5, 1.1)]).unwrap();
            let slope = (p.log_pdf(x + 1e-5) - p.log_pdf(x - 1e-5)) / 2e-5;
            prop_assert!((p.score(x) - slope).abs() < 1e-7, "{} {slope}", p.score(x));
        }
    }
}

//! Density ratios by classification: what a discriminator knows when it has learnt to tell two samples apart.

use std::f64::consts::TAU;

use rand_distr::{Distribution, StandardNormal};
use shared::train::RunRng;

use super::{
    error::{finite, TheoryError},
    logistic::{self, Side},
};

/// The stream of a seed that samples are drawn from.
const STREAM: u64 = 0x6761_2001;

/// A Gaussian in the plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian2 {
    mean: [f64; 2],
    /// L with L Lᵀ the covariance: its three entries that are not 0, by rows.
    factor: [f64; 3],
}

impl Gaussian2 {
    /// N(mean, [[xx, xy], [xy, yy]]).
    ///
    /// # Errors
    /// A mean that is not finite, or a covariance that is not positive definite.
    pub fn new(mean: [f64; 2], [xx, xy, yy]: [f64; 3]) -> Result<Self, TheoryError> {
        finite("the mean", &mean)?;
        let first = xx.sqrt();
        let across = xy / first;
        let second = (yy - across * across).sqrt();
        // NaN compares as false
        if !(first > 0.0 && second > 0.0 && first.is_finite() && second.is_finite()) {
            return Err(TheoryError::Covariance { xx, xy, yy });
        }
        Ok(Self { mean, factor: [first, across, second] })
    }

    /// log p(x).
    #[must_use]
    pub fn log_pdf(&self, x: [f64; 2]) -> f64 {
        let [first, across, second] = self.factor;
        let u = (x[0] - self.mean[0]) / first;
        let v = (x[1] - self.mean[1] - across * u) / second;
        -0.5 * (u * u + v * v) - TAU.ln() - first.ln() - second.ln()
    }

    /// `n` draws; the first of them are those of any smaller `n`.
    ///
    /// # Shapes
    /// Row-major: 2 numbers a point.
    #[must_use]
    pub fn sample(&self, n: usize, seed: u64) -> Vec<f64> {
        let mut rng = RunRng::new(seed, STREAM);
        let [first, across, second] = self.factor;
        let mut draw = || {
            let [u, v]: [f64; 2] = [StandardNormal.sample(&mut rng), StandardNormal.sample(&mut rng)];
            [self.mean[0] + first * u, self.mean[1] + across * u + second * v]
        };
        (0..n).flat_map(|_| draw()).collect()
    }
}

/// log (p_data / p_g) in the plane, estimated from a sample of each.
///
/// A classifier with logit a(x) = <w, (1, x, y, x², x y, y²)> is fitted to tell the samples apart. The best logit is
/// log (p_data / p_g), which for two Gaussians has this form, so that the estimate converges to it; for other densities
/// it is the nearest such form in the sense of the logistic loss.
///
/// # Reference
/// The survey's section on training: D* / (1 − D*) = p_data / p_g.
///
/// # Example
/// ```
/// use gan::theory::{correlation, Gaussian2, LogRatio};
/// # fn main() -> Result<(), gan::theory::TheoryError> {
/// let data = Gaussian2::new([0.0, 0.0], [1.0, 0.5, 1.0])?;
/// let model = Gaussian2::new([1.0, -0.5], [2.0, 0.0, 0.5])?;
/// let ratio = LogRatio::fit(&data.sample(2000, 0), &model.sample(2000, 1), 1e-9)?;
/// let points = data.sample(200, 2); // held out
/// let pairs = || points.chunks(2).map(|point| [point[0], point[1]]);
/// let estimated: Vec<f64> = pairs().map(|x| ratio.at(x)).collect();
/// let exact: Vec<f64> = pairs().map(|x| data.log_pdf(x) - model.log_pdf(x)).collect();
/// assert!(correlation(&estimated, &exact)? > 0.95);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LogRatio {
    /// Mean and deviation of either coordinate, over both samples.
    scale: [[f64; 2]; 2],
    weights: Vec<f64>,
}

impl LogRatio {
    /// Fits the classifier to convergence.
    ///
    /// # Shapes
    /// `data` and `model`: row-major, 2 numbers a point; the samples may differ in size.
    ///
    /// # Errors
    /// An empty or odd sample, numbers that are not finite, a coordinate that is the same everywhere, a ridge that is
    /// not above 0, or no convergence: the samples can be told apart without error and the ridge is tiny.
    ///
    /// # Complexity
    /// O(n) a step for n points in all, in about ten steps.
    pub fn fit(data: &[f64], model: &[f64], ridge: f64) -> Result<Self, TheoryError> {
        logistic::check("the sample of data", data, 2)?;
        logistic::check("the sample of the model", model, 2)?;
        let [across, up] = [0, 1].map(|axis| scale(data, model, axis));
        let scale = [across?, up?];
        let sides = [Side { points: data, label: 1.0 }, Side { points: model, label: 0.0 }];
        let phi =
            |point: &[f64], row: &mut [f64]| row.copy_from_slice(&features(&scale, [point[0], point[1]]));
        let weights = logistic::fit(sides, 2, FEATURES, phi, ridge)?;
        Ok(Self { scale, weights })
    }

    /// The estimate of log (p_data / p_g) at x.
    #[must_use]
    pub fn at(&self, x: [f64; 2]) -> f64 {
        features(&self.scale, x).iter().zip(&self.weights).map(|(feature, weight)| feature * weight).sum()
    }
}

const FEATURES: usize = 6;

/// (1, x, y, x², x y, y²) of standardised coordinates, which span the same functions and are far better conditioned.
fn features(scale: &[[f64; 2]; 2], x: [f64; 2]) -> [f64; FEATURES] {
    let [x, y] = [0, 1].map(|axis| (x[axis] - scale[axis][0]) / scale[axis][1]);
    [1.0, x, y, x * x, x * y, y * y]
}

/// Mean and deviation of a coordinate over both samples.
fn scale(data: &[f64], model: &[f64], axis: usize) -> Result<[f64; 2], TheoryError> {
    let values = || data.iter().chain(model).skip(axis).step_by(2);
    let n = ((data.len() + model.len()) / 2) as f64;
    let mean = values().sum::<f64>() / n;
    let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    if !(deviation > 0.0 && deviation.is_finite()) {
        let allowed = "finite and above 0, so that the samples spread along both axes";
        return Err(TheoryError::Setting {
            what: "the deviation of a coordinate",
            value: deviation,
            allowed,
        });
    }
    Ok([mean, deviation])
}

/// Pearson's correlation of two equally long lists.
///
/// # Errors
/// Lists of different lengths, of fewer than two numbers, with numbers that are not finite, or without spread.
///
/// # Complexity
/// O(n).
pub fn correlation(first: &[f64], second: &[f64]) -> Result<f64, TheoryError> {
    if first.len() != second.len() {
        let expected = format!("as many as the first, {}", first.len());
        return Err(TheoryError::Length { what: "the second list", found: second.len(), expected });
    }
    if first.len() < 2 {
        let expected = "at least 2".to_owned();
        return Err(TheoryError::Length { what: "either list", found: first.len(), expected });
    }
    finite("the first list", first)?;
    finite("the second list", second)?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (a, b) = (mean(first), mean(second));
    let product = |left: &[f64], from: f64, right: &[f64], to: f64| -> f64 {
        left.iter().zip(right).map(|(x, y)| (x - from) * (y - to)).sum()
    };
    let spread = product(first, a, first, a).sqrt() * product(second, b, second, b).sqrt();
    if !(spread > 0.0 && spread.is_finite()) {
        let allowed = "finite and above 0: a constant list correlates with nothing";
        return Err(TheoryError::Setting { what: "the spread of the lists", value: spread, allowed });
    }
    Ok(product(first, a, second, b) / spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(points: &[f64]) -> impl Iterator<Item = [f64; 2]> + '_ {
        points.chunks_exact(2).map(|point| [point[0], point[1]])
    }

    #[test]
    fn gaussians_are_normalised_and_sampled_as_they_are() {
        let p = Gaussian2::new([0.3, -0.2], [0.5, 0.3, 0.4]).unwrap();
        let at = |step: i32| f64::from(step) * 0.1;
        let cells = (-60..=60).flat_map(|i| (-60..=60).map(move |j| [at(i), at(j)]));
        let total: f64 = cells.map(|x| p.log_pdf(x).exp() * 0.01).sum();
        assert!((total - 1.0).abs() < 1e-12, "{total}");

        let n = 20_000;
        let points = p.sample(n, 3);
        assert_eq!(points[..20], p.sample(10, 3));
        let mean = |of: fn([f64; 2]) -> f64| pairs(&points).map(of).sum::<f64>() / n as f64;
        let (x, y) = (mean(|p| p[0]), mean(|p| p[1]));
        assert!((x - 0.3).abs() < 0.02 && (y + 0.2).abs() < 0.02, "{x} {y}");
        let covariance = mean(|p| p[0] * p[1]) - x * y;
        assert!((covariance - 0.3).abs() < 0.02, "{covariance}");
    }

    /// Claim 4 of the survey: the logit estimates the log-ratio.
    #[test]
    fn the_logit_is_the_log_ratio_on_points_held_out() {
        let data = Gaussian2::new([0.0, 0.0], [1.0, 0.6, 1.0]).unwrap();
        for (model, least) in [
            (Gaussian2::new([1.0, -0.5], [1.5, -0.2, 0.7]).unwrap(), 0.999),
            (Gaussian2::new([0.2, 0.0], [1.0, 0.6, 1.0]).unwrap(), 0.95), // all but equal
        ] {
            let ratio = LogRatio::fit(&data.sample(20_000, 0), &model.sample(30_000, 1), 1e-9).unwrap();
            let mut held_out = data.sample(1000, 2);
            held_out.extend(model.sample(1000, 3));
            let exact: Vec<f64> = pairs(&held_out).map(|x| data.log_pdf(x) - model.log_pdf(x)).collect();
            let estimated: Vec<f64> = pairs(&held_out).map(|x| ratio.at(x)).collect();
            let found = correlation(&estimated, &exact).unwrap();
            assert!(found > least, "{found}");
            let off = estimated.iter().zip(&exact).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2000.0;
            assert!(off < 0.06, "mean error {off}");
        }
    }

    #[test]
    fn bad_inputs_are_named() {
        let message = |covariance| Gaussian2::new([0.0; 2], covariance).unwrap_err().to_string();
        for covariance in [[1.0, 1.0, 1.0], [-1.0, 0.0, 1.0], [1.0, f64::NAN, 1.0], [f64::INFINITY, 0.0, 1.0]]
        {
            assert!(message(covariance).contains("is not positive definite"), "{covariance:?}");
        }
        let error = |data: &[f64]| LogRatio::fit(data, &[0.0, 1.0], 1e-6).unwrap_err().to_string();
        assert!(error(&[1.0, 2.0, 3.0]).contains("a multiple of 2"));
        assert!(error(&[1.0, 1.0]).starts_with("the deviation of a coordinate is 0: "));
        assert!(correlation(&[1.0, 2.0], &[1.0]).is_err() && correlation(&[1.0], &[1.0]).is_err());
        assert!(correlation(&[1.0, 2.0], &[3.0, 3.0]).is_err());
    }

    proptest! {
        #[test]
        fn correlation_ignores_scale_and_follows_order(
            values in prop::collection::vec(-10.0f64..10.0, 3..40), factor in 0.1f64..5.0, shift in -5.0f64..5.0,
        ) {
            let spread = values.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b)) - values.iter().fold(f64::INFINITY, |a, b| a.min(*b));
            prop_assume!(spread > 0.1);
            let scaled: Vec<f64> = values.iter().map(|value| factor * value + shift).collect();
            let turned: Vec<f64> = scaled.iter().map(|value| -value).collect();
            prop_assert!((correlation(&values, &scaled).unwrap() - 1.0).abs() < 1e-12);
            prop_assert!((correlation(&values, &turned).unwrap() + 1.0).abs() < 1e-12);
        }
    }
}

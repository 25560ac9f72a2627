//! A discriminator on the line that is flexible, and trained to convergence, so that it can be held against D*.

use super::{
    error::TheoryError,
    logistic::{self, Side},
    optimal::{Discrimination, Labels},
};

/// Settings of [`SplineDiscriminator`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplineConfig {
    /// Pieces of the spline, at least 1; it has 3 weights more.
    pub pieces: usize,
    /// The weight of ½ ‖w‖², above 0.
    pub ridge: f64,
    /// What the discriminator is told.
    pub labels: Labels,
}

impl Default for SplineConfig {
    /// 24 pieces, a ridge of 1e-7 that only matters where hardly any points are, hard labels.
    fn default() -> Self {
        SplineConfig { pieces: 24, ridge: 1e-7, labels: Labels::HARD }
    }
}

/// D(x) = σ(a(x)) with a cubic spline a, fitted to tell two samples on the line apart.
///
/// a(x) = Σ_j w_j B_j(x) with cubic B-splines on equal pieces of the interval that holds the middle 99.8 % of all
/// points; beyond it D is constant. The loss is convex, so Newton's method finds its one minimum, and with many points
/// D comes near to D* = p_data / (p_data + p_g).
///
/// # Reference
/// The survey's section on training: the optimal discriminator for a fixed generator.
///
/// # Example
/// ```
/// use gan::theory::{central, Discrimination, GaussianMixture, SplineConfig, SplineDiscriminator};
/// # fn main() -> Result<(), gan::theory::TheoryError> {
/// let (data, model) = (GaussianMixture::normal(0.0, 1.0)?, GaussianMixture::normal(1.0, 1.5)?);
/// let samples = [data.sample(10_000, 0), model.sample(10_000, 1)];
/// let config = SplineConfig { pieces: 8, ..SplineConfig::default() };
/// let learnt = SplineDiscriminator::fit(&samples[0], &samples[1], &config)?;
/// let bulk = central([&samples[0], &samples[1]], 0.9)?;
/// assert!(learnt.largest_error(&Discrimination::new(&data, &model), bulk) < 0.05);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SplineDiscriminator {
    interval: [f64; 2],
    weights: Vec<f64>,
}

impl SplineDiscriminator {
    /// Fits to convergence. Each sample counts one half, whatever its size.
    ///
    /// # Errors
    /// An empty sample, numbers that are not finite, points that are all but one and the same, no pieces, a ridge that
    /// is not above 0, or no convergence.
    ///
    /// # Complexity
    /// O(n k) a step for n points and k pieces, in about ten steps, after a sort.
    pub fn fit(data: &[f64], model: &[f64], config: &SplineConfig) -> Result<Self, TheoryError> {
        if config.pieces == 0 {
            return Err(TheoryError::Setting { what: "pieces", value: 0.0, allowed: "at least 1" });
        }
        let interval = central([data, model], 0.998)?;
        let sides = [
            Side { points: data, label: config.labels.real() },
            Side { points: model, label: config.labels.fake() },
        ];
        let phi = |point: &[f64], row: &mut [f64]| {
            row.fill(0.0);
            let (first, values) = basis(interval, config.pieces, point[0]);
            row[first..first + 4].copy_from_slice(&values);
        };
        let weights = logistic::fit(sides, 1, config.pieces + 3, phi, config.ridge)?;
        Ok(Self { interval, weights })
    }

    /// a(x).
    #[must_use]
    pub fn logit(&self, x: f64) -> f64 {
        let (first, values) = basis(self.interval, self.weights.len() - 3, x);
        self.weights[first..].iter().zip(values).map(|(weight, value)| weight * value).sum()
    }

    /// D(x).
    #[must_use]
    pub fn discriminate(&self, x: f64) -> f64 {
        super::density::sigmoid(self.logit(x))
    }

    /// max |D(x) − D*(x)| over 2001 places, evenly spread over an interval with its ends.
    #[must_use]
    pub fn largest_error(&self, problem: &Discrimination<'_>, [least, most]: [f64; 2]) -> f64 {
        let at = |step: u32| least + (most - least) * f64::from(step) / 2000.0;
        let miss = |x: f64| (self.discriminate(x) - problem.optimal(x)).abs();
        (0..=2000).map(|step| miss(at(step))).fold(0.0, f64::max)
    }
}

/// The interval that holds the middle `share` of all points, each sample counting as it is.
///
/// # Errors
/// An empty sample, numbers that are not finite, a share outside 0 to 1, or an interval without length.
///
/// # Complexity
/// O(n log n).
pub fn central(samples: [&[f64]; 2], share: f64) -> Result<[f64; 2], TheoryError> {
    logistic::check("the sample of data", samples[0], 1)?;
    logistic::check("the sample of the model", samples[1], 1)?;
    if !(share > 0.0 && share <= 1.0) {
        return Err(TheoryError::Setting { what: "the share", value: share, allowed: "above 0, at most 1" });
    }
    let mut all = samples.concat();
    all.sort_by(f64::total_cmp);
    let cut = (all.len() as f64 * (1.0 - share) / 2.0) as usize;
    // less than half of them are cut, so a middle is left
    let cut = cut.min((all.len() - 1) / 2);
    let [least, most] = [all[cut], all[all.len() - 1 - cut]];
    if !(most - least > 0.0 && (most - least).is_finite()) {
        let allowed = "finite and above 0, so that the points spread";
        return Err(TheoryError::Setting { what: "the middle of the points", value: most - least, allowed });
    }
    Ok([least, most])
}

/// The four cubic B-splines that are not 0 at x, and the index of the first of them.
fn basis([least, most]: [f64; 2], pieces: usize, x: f64) -> (usize, [f64; 4]) {
    let place = (x.clamp(least, most) - least) / (most - least) * pieces as f64;
    let piece = (place as usize).min(pieces - 1);
    let u = place - piece as f64;
    let (square, cube, back) = (u * u, u * u * u, 1.0 - u);
    let values = [
        back * back * back,
        3.0 * cube - 6.0 * square + 4.0,
        -3.0 * cube + 3.0 * square + 3.0 * u + 1.0,
        cube,
    ];
    (piece, values.map(|value| value / 6.0))
}

#[cfg(test)]
mod tests {
    use super::super::density::GaussianMixture;
    use super::*;
    use proptest::prelude::*;

    const PER_SIDE: usize = 100_000;

    /// Claim 1 of the survey: the discriminator of a fixed generator comes to D*.
    #[test]
    fn the_trained_discriminator_is_the_optimal_one() {
        let data = GaussianMixture::new(&[(1.0, -1.5, 0.6), (1.0, 1.5, 0.6)]).unwrap();
        let model = GaussianMixture::normal(0.5, 1.3).unwrap();
        let samples = [data.sample(PER_SIDE, 0), model.sample(PER_SIDE, 1)];
        let bulk = central([&samples[0], &samples[1]], 0.95).unwrap();
        for labels in [Labels::HARD, Labels::new(0.9, 0.0).unwrap(), Labels::new(0.9, 0.1).unwrap()] {
            let config = SplineConfig { labels, ..SplineConfig::default() };
            let learnt = SplineDiscriminator::fit(&samples[0], &samples[1], &config).unwrap();
            let problem = Discrimination::new(&data, &model).with_labels(labels);
            let error = learnt.largest_error(&problem, bulk);
            assert!(error < 0.03, "{labels:?}: {error}");
            // it is a fit of this problem, not a constant: D* itself varies far more
            let other = Discrimination::new(&model, &data).with_labels(labels);
            assert!(learnt.largest_error(&other, bulk) > 0.3);
        }
    }

    #[test]
    fn few_pieces_or_few_points_leave_an_error() {
        let data = GaussianMixture::new(&[(1.0, -1.5, 0.3), (1.0, 1.5, 0.3)]).unwrap();
        let model = GaussianMixture::normal(0.0, 1.5).unwrap();
        let problem = Discrimination::new(&data, &model);
        let error = |n: usize, pieces: usize| {
            let config = SplineConfig { pieces, ..SplineConfig::default() };
            let learnt = SplineDiscriminator::fit(&data.sample(n, 0), &model.sample(n, 1), &config).unwrap();
            learnt.largest_error(&problem, [-2.0, 2.0])
        };
        let full = error(20_000, 24);
        assert!(error(20_000, 2) > 3.0 * full && error(200, 24) > 3.0 * full, "{full}");
    }

    #[test]
    fn bad_inputs_are_named() {
        let config = SplineConfig::default();
        let error = |data: &[f64], config: &SplineConfig| {
            SplineDiscriminator::fit(data, &[0.0, 1.0], config).unwrap_err().to_string()
        };
        assert!(error(&[], &config).starts_with("the sample of data is empty"));
        assert!(error(&[f64::NAN], &config).starts_with("the sample of data has NaN"));
        assert!(error(&[0.5], &SplineConfig { pieces: 0, ..config }).starts_with("pieces is 0: "));
        assert!(error(&[0.5], &SplineConfig { ridge: 0.0, ..config }).starts_with("the ridge is 0: "));
        assert!(central([&[1.0], &[1.0]], 1.0)
            .unwrap_err()
            .to_string()
            .starts_with("the middle of the points is 0"));
        assert!(central([&[1.0], &[2.0]], 0.0).is_err());
        assert_eq!(central([&[3.0, 1.0], &[2.0, 0.0]], 0.5).unwrap(), [1.0, 2.0]);
    }

    proptest! {
        #[test]
        fn splines_hold_constants_and_lines_and_are_smooth(x in -1.0f64..3.0, pieces in 1usize..30) {
            let interval = [-1.0, 3.0];
            let (first, values) = basis(interval, pieces, x);
            prop_assert!(first + 4 <= pieces + 3 && values.iter().all(|value| *value >= 0.0));
            prop_assert!((values.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            // weights at the splines' centres give back x
            let centre = |j: usize| -1.0 + 4.0 * (j as f64 - 1.0) / pieces as f64;
            let line: f64 = values.iter().enumerate().map(|(i, value)| value * centre(first + i)).sum();
            prop_assert!((line - x).abs() < 1e-12, "{line} {x}");
            // and where pieces meet, either side says the same
            let knot = -1.0 + 4.0 * (pieces / 2) as f64 / pieces as f64;
            let weights: Vec<f64> = (0..pieces + 3).map(|j| ((j * j) as f64).sin()).collect();
            let spline = SplineDiscriminator { interval, weights };
            let [before, after] = [-1e-9, 1e-9].map(|step| spline.logit(knot + step));
            prop_assert!((before - after).abs() < 1e-6);
            // beyond the interval it stays
            prop_assert_eq!((spline.logit(-9.0), spline.logit(9.0)), (spline.logit(-1.0), spline.logit(3.0)));
        }
    }
}

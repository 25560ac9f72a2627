//! The log-likelihood of data under a window on every sample.

use serde::{Deserialize, Serialize};

use super::{
    mean_deviation,
    pairs::{map_rows, Pair},
    positive, some, MeasureError, Points,
};

/// What [`parzen`] found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parzen {
    /// The width that validation points like best.
    pub sigma: f64,
    /// Whether that is the least or the greatest of the grid, which should then reach further.
    pub at_edge: bool,
    /// The mean log-likelihood of the validation points under it, in nats.
    pub validation: f64,
    /// The mean log-likelihood of the test points under it, in nats.
    pub mean: f64,
    /// Its standard error over the test points.
    pub standard_error: f64,
}

/// The mean log-likelihood of test points, with the width chosen on validation points.
///
/// log p(x) = log (1/n) Σ_i N(x; s_i, σ² I),  σ the value of the grid of the greatest mean over the validation points
/// (the first of several)
///
/// # Faults
/// Read it beside another measure or not at all (Theis et al. 2016, section 3): in many dimensions the estimate is far
/// from the truth with any number of samples one can draw; its ranking of models need not be that of their likelihoods;
/// cluster centres of the training data get a higher value than the training data, so a sampler that only memorises
/// them wins; and good samples and a high likelihood do not imply one another.
///
/// # Shapes
/// samples: n · d, validation: v · d, test: t · d. Results change with the units of the data: each halving of all
/// numbers adds d log 2.
///
/// # Errors
/// Sets of different dimensions, an empty grid, or a width that is not above 0.
///
/// # Complexity
/// O(n v (d + widths) + n t d).
///
/// # Reference
/// Goodfellow et al. 2014, section 5 (σ by cross-validation); Breuleux et al. 2010; Theis et al. 2016, section 3.
///
/// # Example
/// ```
/// use gan::measures::{log_spaced, parzen, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let samples = Points::new(&[-1., -0.5, 0., 0.5, 1.], 1)?;
/// let (validation, test) = (Points::new(&[-0.7, 0.1, 0.8], 1)?, Points::new(&[-0.2, 0.4], 1)?);
/// let found = parzen(&samples, &validation, &test, &log_spaced(0.05, 5., 9)?)?;
/// assert!(!found.at_edge && found.mean < 0.);
/// # Ok(())
/// # }
/// ```
pub fn parzen(
    samples: &Points<'_>,
    validation: &Points<'_>,
    test: &Points<'_>,
    grid: &[f64],
) -> Result<Parzen, MeasureError> {
    some("the number of widths", grid.len())?;
    let likelihoods = windows(samples, validation, grid)?;
    let (mut best, mut at) = (f64::NEG_INFINITY, 0);
    for width in 0..grid.len() {
        let column: Vec<f64> = likelihoods.iter().map(|row| row[width]).collect();
        let (mean, _) = mean_deviation(&column, 1);
        if mean > best {
            (best, at) = (mean, width);
        }
    }
    let sigma = grid[at];
    let (mean, deviation) = mean_deviation(&parzen_log_likelihoods(samples, test, sigma)?, 1);
    let others = |beyond: fn(&f64, &f64) -> bool| grid.iter().any(|width| beyond(width, &sigma));
    Ok(Parzen {
        sigma,
        at_edge: !(others(f64::lt) && others(f64::gt)),
        validation: best,
        mean,
        standard_error: deviation / (test.count() as f64).sqrt(),
    })
}

/// log (1/n) Σ_i N(x; s_i, σ² I) of every point x, in nats.
///
/// Σ is taken relative to its largest term, so nothing underflows: far points have large negative values, never −∞.
///
/// # Errors
/// Sets of different dimensions, or σ that is not above 0.
///
/// # Complexity
/// O(n t d) for n samples and t points.
///
/// # Example
/// ```
/// use gan::measures::{parzen_log_likelihoods, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let (samples, far) = (Points::new(&[0., 0.], 2)?, Points::new(&[600., 800.], 2)?);
/// let found = parzen_log_likelihoods(&samples, &far, 1.)?;
/// assert!((found[0] + 5e5 + std::f64::consts::TAU.ln()).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
pub fn parzen_log_likelihoods(
    samples: &Points<'_>,
    points: &Points<'_>,
    sigma: f64,
) -> Result<Vec<f64>, MeasureError> {
    Ok(windows(samples, points, &[sigma])?.concat())
}

/// `count` numbers from `least` to `greatest`, each the same multiple of the one before.
///
/// # Errors
/// No numbers, or bounds that are not 0 < `least` ≤ `greatest`.
///
/// # Example
/// ```
/// use gan::measures::log_spaced;
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let grid = log_spaced(0.1, 1., 10)?;
/// assert_eq!((grid.len(), grid[0], grid[9]), (10, 0.1, 1.));
/// # Ok(())
/// # }
/// ```
pub fn log_spaced(least: f64, greatest: f64, count: usize) -> Result<Vec<f64>, MeasureError> {
    some("the number of widths", count)?;
    positive("the least width", least)?;
    positive("the greatest width", greatest)?;
    if greatest < least {
        let allowed = "it must not be below the least";
        return Err(MeasureError::Setting { what: "the greatest width", value: greatest, allowed });
    }
    let step = (greatest / least).ln() / (count.max(2) - 1) as f64;
    Ok((0..count)
        .map(|i| if i > 0 && i + 1 == count { greatest } else { least * (i as f64 * step).exp() })
        .collect())
}

/// The log-likelihood of each point under each width.
fn windows(samples: &Points<'_>, points: &Points<'_>, widths: &[f64]) -> Result<Vec<Vec<f64>>, MeasureError> {
    samples.same_space(points)?;
    widths.iter().try_for_each(|sigma| positive("the width of the window", *sigma))?;
    let (n, d) = (samples.count() as f64, samples.dim() as f64);
    Ok(map_rows(points, samples, Pair::SquaredDistance, |_, row| {
        let least = row.iter().copied().fold(f64::INFINITY, f64::min);
        let of = |sigma: &f64| {
            let variance = sigma * sigma;
            let sum: f64 = row.iter().map(|v| ((least - v) / (2.0 * variance)).exp()).sum();
            (sum / n).ln() - least / (2.0 * variance) - 0.5 * d * (std::f64::consts::TAU * variance).ln()
        };
        widths.iter().map(of).collect()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn one_sample_is_one_gaussian() {
        let (sample, point) = (Points::new(&[1., 2.], 2).unwrap(), Points::new(&[1., 5.], 2).unwrap());
        let found = parzen_log_likelihoods(&sample, &point, 2.0).unwrap();
        assert_relative_eq!(found[0], -9.0 / 8.0 - (4.0 * std::f64::consts::TAU).ln(), max_relative = 1e-14);
    }

    #[test]
    fn the_width_that_validation_likes_is_taken() {
        // one sample at 0, validation at ±2: the likelihood is greatest at σ = 2
        let (sample, validation) = (Points::new(&[0.], 1).unwrap(), Points::new(&[2., -2.], 1).unwrap());
        let found = parzen(&sample, &validation, &validation, &[0.5, 1., 2., 4.]).unwrap();
        assert_eq!((found.sigma, found.at_edge, found.standard_error), (2.0, false, 0.0));
        assert_eq!(found.mean, found.validation);
        assert!(parzen(&sample, &validation, &validation, &[0.5, 1., 1.9]).unwrap().at_edge);
    }

    #[test]
    fn grids_and_settings_are_checked() {
        let grid = log_spaced(0.1, 10.0, 3).unwrap();
        assert_relative_eq!(grid[1], 1.0, max_relative = 1e-14);
        assert_eq!((grid[0], grid[2]), (0.1, 10.0));
        assert_eq!(log_spaced(0.3, 0.7, 1).unwrap(), [0.3]);
        assert!(log_spaced(1.0, 0.5, 3).is_err() && log_spaced(0.0, 0.5, 3).is_err());
        let p = Points::new(&[0.], 1).unwrap();
        assert!(parzen(&p, &p, &p, &[]).is_err() && parzen(&p, &p, &p, &[1.0, -1.0]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_density_integrates_to_one(xs in prop::collection::vec(-2f32..2., 1..12), sigma in 0.2f64..1.) {
            let line: Vec<f32> = (0..2400).map(|i| i as f32 / 100.0 - 12.0).collect();
            let (samples, line) = (Points::new(&xs, 1).unwrap(), Points::new(&line, 1).unwrap());
            let mass: f64 = parzen_log_likelihoods(&samples, &line, sigma).unwrap().iter().map(|l| l.exp() * 0.01).sum();
            assert_relative_eq!(mass, 1.0, max_relative = 1e-5);
        }
    }
}

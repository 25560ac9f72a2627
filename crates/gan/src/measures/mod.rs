//! How good samples are: numbers from two sets of points, and no networks.
//!
//! | measure | asks | best |
//! |---|---|---|
//! | [`coverage`] | which modes of a known mixture are reached, and how cleanly | all modes, [`Coverage::high_quality`] of the mixture |
//! | [`frechet_distance`] | do the means and covariances of features agree | 0 |
//! | [`classifier_score`] | is each sample clearly of one class, and are all classes there | number of classes |
//! | [`mmd_squared`] | do the means in the space of a kernel agree | 0, on average over samples |
//! | [`parzen`] | how likely is held-out data under blurred samples | not known, see its faults |
//! | [`precision_recall`] | do samples lie near data, and data near samples | 1 and 1 |
//! | [`sliced_wasserstein`] | how far apart are the sets along lines | 0 |
//! | [`two_sample_test`] | can a neighbour tell samples from data | ½ |
//!
//! No one of them is enough: a classifier's score does not see missing variety within a class, precision does not see
//! missing modes at all, and a Parzen window can prefer other samples to the data itself.
//!
//! # Numbers
//! Points are `f32`, results `f64`. Up to 16 dimensions, distances and inner products of pairs are taken in `f64`.
//! Above, they come from matrix products in `f32`: a squared distance is then within about 1e-5 of itself, since pairs
//! whose difference would cancel are taken again in `f64`. Sums over pairs are always in `f64`, in the order of the
//! rows, so no result depends on the number of threads.
//!
//! # Reference
//! Creswell et al. 2018, the discussion of evaluation; each measure names its own paper.

mod classifier_score;
mod coverage;
mod error;
mod frechet;
mod kernel;
mod mmd;
mod pairs;
mod parzen;
mod precision_recall;
mod sliced_wasserstein;
#[cfg(test)]
mod tests;
mod two_sample;

pub use classifier_score::{classifier_score, ClassifierScore};
pub use coverage::{coverage, Coverage, HIGH_QUALITY_DEVIATIONS};
pub use error::MeasureError;
pub use frechet::{frechet_distance, FeatureStats};
pub use kernel::Kernel;
pub use mmd::{kid, mmd_null, mmd_squared, MmdNull};
pub use parzen::{log_spaced, parzen, parzen_log_likelihoods, Parzen};
pub use precision_recall::{precision_recall, PrecisionRecall, DEFAULT_NEIGHBOURS};
pub use sliced_wasserstein::{sliced_wasserstein, sliced_wasserstein_along, wasserstein_1d};
pub use two_sample::{two_sample_test, TwoSampleTest};

/// Points in a row-major slice: at least one, all finite.
///
/// # Shapes
/// values: n · dim.
///
/// # Example
/// ```
/// use gan::measures::Points;
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let points = Points::new(&[0., 1., 2., 3.], 2)?;
/// assert_eq!(points.count(), 2);
/// assert_eq!(points.row(1), [2., 3.]);
///
/// let error = Points::new(&[0., f32::NAN], 2).unwrap_err().to_string();
/// assert!(error.starts_with("point 0 has NaN in dimension 1"), "{error}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Points<'a> {
    values: &'a [f32],
    dim: usize,
}

impl<'a> Points<'a> {
    /// The points in `values`, of `dim` numbers each.
    ///
    /// # Errors
    /// No values, `dim` 0, a last point that is cut, or a number that is not finite.
    pub fn new(values: &'a [f32], dim: usize) -> Result<Self, MeasureError> {
        if dim == 0 {
            let allowed = "a point has at least one number";
            return Err(MeasureError::Setting { what: "the dimension", value: 0.0, allowed });
        }
        if values.is_empty() {
            return Err(MeasureError::TooFew { what: "points", found: 0, least: 1 });
        }
        if !values.len().is_multiple_of(dim) {
            return Err(MeasureError::Cut { found: values.len(), dim });
        }
        match values.iter().position(|v| !v.is_finite()) {
            Some(at) => {
                let (point, dimension, value) = (at / dim, at % dim, values[at]);
                Err(MeasureError::NotFinite { point, dimension, value })
            }
            None => Ok(Points { values, dim }),
        }
    }

    /// How many points there are; at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Numbers in a point; at least 1.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All numbers, row-major.
    #[must_use]
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// One point.
    ///
    /// # Panics
    /// If there are not so many points.
    #[must_use]
    pub fn row(&self, point: usize) -> &'a [f32] {
        &self.values[point * self.dim..(point + 1) * self.dim]
    }

    /// All points in order.
    pub fn rows(&self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.dim)
    }

    /// Whether both sets live in the same space.
    fn same_space(&self, other: &Points<'_>) -> Result<(), MeasureError> {
        if self.dim == other.dim {
            return Ok(());
        }
        Err(MeasureError::Dimensions { first: self.dim, second: other.dim })
    }

    /// Whether there are `least` points or more.
    fn at_least(&self, least: usize, what: &'static str) -> Result<(), MeasureError> {
        if self.count() >= least {
            return Ok(());
        }
        Err(MeasureError::TooFew { what, found: self.count(), least })
    }
}

/// The mean, and the standard deviation with `freedom` subtracted from the count.
///
/// The deviation is 0 where nothing is left of the count.
fn mean_deviation(values: &[f64], freedom: usize) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let count = values.len().saturating_sub(freedom);
    (mean, if count > 0 { (squares / count as f64).sqrt() } else { 0.0 })
}

/// Whether a setting is above 0 and finite.
fn positive(what: &'static str, value: f64) -> Result<(), MeasureError> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(MeasureError::Setting { what, value, allowed: "it must be above 0 and finite" })
}

/// Whether a count is at least 1.
fn some(what: &'static str, count: usize) -> Result<(), MeasureError> {
    if count > 0 {
        return Ok(());
    }
    Err(MeasureError::Setting { what, value: 0.0, allowed: "it must be at least 1" })
}

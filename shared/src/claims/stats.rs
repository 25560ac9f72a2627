//! The statistics behind a verdict: intervals over seeds, paired differences, equivalence, ranks.
//!
//! Everything about seeds speaks about a handful of runs (n = 3 … 100), so the normal approximation is not
//! good enough: the intervals use Student's t with exact quantiles.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::float;
pub use super::ranks::{auc, midranks, spearman};
pub use super::student::{student_t_cdf, student_t_quantile};

/// The level of every interval in a report.
pub const LEVEL: f64 = 0.95;

/// A sample mean with its confidence interval.
///
/// `mean ± t(½ + level/2, n − 1) · sd / √n`. With one value nothing is known about the spread: `sd` is
/// NaN and the interval is the whole real line, so no check that needs an interval can hold.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Interval {
    /// Sample mean.
    pub mean: f64,
    /// Sample standard deviation (divisor n − 1); NaN for one value, `null` in JSON.
    #[serde(with = "float::or_nan")]
    pub sd: f64,
    /// Lower end; −∞ for one value, `null` in JSON.
    #[serde(with = "float::lower")]
    pub lo: f64,
    /// Upper end; +∞ for one value, `null` in JSON.
    #[serde(with = "float::upper")]
    pub hi: f64,
    /// How many values were seen.
    pub n: usize,
    /// Confidence level, 0.95 unless asked otherwise.
    pub level: f64,
}

/// Outcome of the two one-sided tests of `|mean difference| < margin`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tost {
    /// p-value of the test that the mean lies above −margin.
    pub p_lower: f64,
    /// p-value of the test that the mean lies below +margin.
    pub p_upper: f64,
}

/// Why a statistic could not be computed.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum StatsError {
    /// No values.
    #[error("a mean over seeds needs at least one value and got none; measure at least one seed")]
    Empty,
    /// A NaN or an infinity.
    #[error(
        "value {index} of {n} is {value}, and statistics need finite values; a run has probably diverged, so \
         lower its learning rate or report divergence as a check of its own"
    )]
    NotFinite {
        /// Position in the sample, from 0.
        index: usize,
        /// Size of the sample.
        n: usize,
        /// The offending value.
        value: f64,
    },
    /// A paired statistic over samples of two sizes.
    #[error("a paired difference needs one value a side for each seed and got {left} and {right}; run both sides on the same seeds")]
    Unpaired {
        /// Size of the first sample.
        left: usize,
        /// Size of the second sample.
        right: usize,
    },
    /// A correlation of samples of two sizes.
    #[error("a correlation needs pairs of values and got {left} on one side and {right} on the other; give as many on both")]
    Unequal {
        /// Size of the first sample.
        left: usize,
        /// Size of the second sample.
        right: usize,
    },
    /// Nothing to rank.
    #[error(
        "ranks need at least one value on either side and one side has none; measure at least one of each"
    )]
    NoValues,
    /// A probability, level or margin outside its range.
    #[error("{name} is {value}, and must lie {allowed}")]
    OutOfRange {
        /// Which parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The allowed range.
        allowed: &'static str,
    },
}

/// Arithmetic mean, `x̄ = Σ xᵢ / n`.
///
/// # Errors
/// [`StatsError::Empty`] and [`StatsError::NotFinite`].
pub fn mean(values: &[f64]) -> Result<f64, StatsError> {
    check_finite(values)?;
    Ok(values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation, `s = √(Σ (xᵢ − x̄)² / (n − 1))`; NaN for one value.
///
/// # Errors
/// [`StatsError::Empty`] and [`StatsError::NotFinite`].
pub fn sample_sd(values: &[f64]) -> Result<f64, StatsError> {
    let mean = mean(values)?;
    if values.len() < 2 {
        return Ok(f64::NAN);
    }
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    Ok((squares / (values.len() - 1) as f64).sqrt())
}

/// Confidence interval of the mean at a given level, from Student's t with n − 1 degrees of freedom.
///
/// # Errors
/// [`StatsError::Empty`], [`StatsError::NotFinite`], and [`StatsError::OutOfRange`] for a level outside (0, 1).
///
/// # Reference
/// "Student", *The probable error of a mean*, Biometrika 6 (1908).
///
/// # Example
/// ```
/// use shared::claims::stats::interval;
/// let accuracy = interval(&[0.861, 0.858, 0.866, 0.859, 0.863], 0.95)?;
/// assert!((accuracy.mean - 0.8614).abs() < 1e-12);
/// assert!((accuracy.hi - 0.86538).abs() < 1e-5); // t(0.975, 4) = 2.776
/// # Ok::<(), shared::claims::stats::StatsError>(())
/// ```
pub fn interval(values: &[f64], level: f64) -> Result<Interval, StatsError> {
    check_level(level)?;
    let (mean, sd, n) = (mean(values)?, sample_sd(values)?, values.len());
    if n < 2 {
        return Ok(Interval { mean, sd, lo: f64::NEG_INFINITY, hi: f64::INFINITY, n, level });
    }
    let t = student_t_quantile(0.5 + level / 2.0, (n - 1) as f64)?;
    let half = t * sd / (n as f64).sqrt();
    Ok(Interval { mean, sd, lo: mean - half, hi: mean + half, n, level })
}

/// The 95 % interval of the mean: [`interval`] at [`LEVEL`].
///
/// # Errors
/// As [`interval`].
pub fn interval95(values: &[f64]) -> Result<Interval, StatsError> {
    interval(values, LEVEL)
}

/// Interval of the mean of `leftᵢ − rightᵢ`, where both sides ran on seed i.
///
/// Pairing removes the spread that both sides share (the split, the initial weights), and is usually far
/// sharper than comparing two intervals by eye.
///
/// # Errors
/// As [`interval`], and [`StatsError::Unpaired`] when the sides differ in length.
///
/// # Example
/// ```
/// use shared::claims::stats::paired;
/// let gain = paired(&[0.86, 0.84, 0.88], &[0.73, 0.72, 0.75], 0.95)?;
/// assert!(gain.lo > 0.10 && gain.hi < 0.15);
/// # Ok::<(), shared::claims::stats::StatsError>(())
/// ```
pub fn paired(left: &[f64], right: &[f64], level: f64) -> Result<Interval, StatsError> {
    interval(&differences(left, right)?, level)
}

/// `leftᵢ − rightᵢ`, seed by seed.
///
/// # Errors
/// [`StatsError::Unpaired`] when the sides differ in length; [`StatsError::NotFinite`].
pub fn differences(left: &[f64], right: &[f64]) -> Result<Vec<f64>, StatsError> {
    if left.len() != right.len() {
        return Err(StatsError::Unpaired { left: left.len(), right: right.len() });
    }
    check_finite(left)?;
    check_finite(right)?;
    Ok(left.iter().zip(right).map(|(l, r)| l - r).collect())
}

/// Two one-sided t tests: is the mean of `differences` shown to lie within ±`margin`?
///
/// `t₋ = (x̄ + margin) / (s/√n)` and `t₊ = (x̄ − margin) / (s/√n)`, both with n − 1 degrees of freedom.
/// Not finding a difference is no evidence of equality; this is the test that is.
///
/// # Errors
/// [`StatsError::Empty`], [`StatsError::NotFinite`], and [`StatsError::OutOfRange`] for a margin that is not
/// positive.
///
/// # Reference
/// Schuirmann, *A comparison of the two one-sided tests procedure and the power approach*, 1987.
///
/// # Example
/// ```
/// use shared::claims::stats::tost;
/// let five_against_two_hops = [0.004, -0.002, 0.001, 0.003, -0.001];
/// assert!(tost(&five_against_two_hops, 0.01)?.p() < 0.05);
/// # Ok::<(), shared::claims::stats::StatsError>(())
/// ```
pub fn tost(differences: &[f64], margin: f64) -> Result<Tost, StatsError> {
    if !(margin > 0.0 && margin.is_finite()) {
        return Err(StatsError::OutOfRange { name: "the margin", value: margin, allowed: "above 0" });
    }
    let (mean, sd, n) = (mean(differences)?, sample_sd(differences)?, differences.len());
    if n < 2 {
        return Ok(Tost { p_lower: 1.0, p_upper: 1.0 });
    }
    let p_above = |distance: f64| -> Result<f64, StatsError> {
        if sd == 0.0 {
            return Ok(if distance > 0.0 { 0.0 } else { 1.0 });
        }
        student_t_cdf(-distance / (sd / (n as f64).sqrt()), (n - 1) as f64)
    };
    Ok(Tost { p_lower: p_above(mean + margin)?, p_upper: p_above(margin - mean)? })
}

/// Outcome of a paired t test: is the mean difference 0?
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TTest {
    /// `mean / (sd / √n)`; 0 where all differences are 0.
    pub t: f64,
    /// n − 1.
    pub degrees: usize,
    /// Two-sided p-value; 1 for one difference, which says nothing.
    pub p: f64,
}

/// The two-sided t test of a mean of 0, of paired [`differences`]: `t = x̄ / (s / √n)` with n − 1 degrees of freedom.
///
/// # Errors
/// [`StatsError::Empty`] and [`StatsError::NotFinite`].
///
/// # Example
/// ```
/// use shared::claims::stats::t_test;
/// let test = t_test(&[0.4, 0.1, 0.3, 0.2, 0.5])?;
/// assert!((test.t - 4.242_641).abs() < 1e-6 && (test.p - 0.013_236).abs() < 1e-6);
/// assert_eq!(t_test(&[0.4])?.p, 1.0);
/// # Ok::<(), shared::claims::stats::StatsError>(())
/// ```
pub fn t_test(differences: &[f64]) -> Result<TTest, StatsError> {
    let (mean, sd, n) = (mean(differences)?, sample_sd(differences)?, differences.len());
    let degrees = n - 1;
    let (t, p) = match (n, sd) {
        (1, _) => (0.0, 1.0),
        (_, 0.0) if mean == 0.0 => (0.0, 1.0),
        (_, 0.0) => (f64::MAX.copysign(mean), 0.0),
        _ => {
            let t = mean / (sd / (n as f64).sqrt());
            (t, 2.0 * student_t_cdf(-t.abs(), degrees as f64)?)
        }
    };
    Ok(TTest { t, degrees, p })
}

impl Tost {
    /// The p-value of equivalence: the larger of the two.
    #[must_use]
    pub fn p(&self) -> f64 {
        self.p_lower.max(self.p_upper)
    }
}

impl Interval {
    /// Half the width of the interval, `t · sd / √n`; infinite for one value.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.hi - self.lo) / 2.0
    }
}

/// A NaN standard deviation equals another: two intervals are equal when they would print alike.
impl PartialEq for Interval {
    fn eq(&self, other: &Self) -> bool {
        let bits = |i: &Self| [i.mean, i.lo, i.hi, i.level].map(f64::to_bits);
        let same_sd = self.sd == other.sd || (self.sd.is_nan() && other.sd.is_nan());
        same_sd && self.n == other.n && bits(self) == bits(other)
    }
}

fn check_finite(values: &[f64]) -> Result<(), StatsError> {
    if values.is_empty() {
        return Err(StatsError::Empty);
    }
    match values.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(StatsError::NotFinite { index, n: values.len(), value: values[index] }),
        None => Ok(()),
    }
}

fn check_level(level: f64) -> Result<(), StatsError> {
    if level > 0.0 && level < 1.0 {
        return Ok(());
    }
    Err(StatsError::OutOfRange { name: "the confidence level", value: level, allowed: "between 0 and 1" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[derive(Deserialize)]
    struct Golden {
        samples: Vec<Sample>,
    }

    #[derive(Deserialize)]
    struct Sample {
        values: Vec<f64>,
        mean: f64,
        sd: f64,
        lo: f64,
        hi: f64,
        margin: f64,
        p_lower: f64,
        p_upper: f64,
    }

    #[test]
    fn intervals_and_equivalence_agree_with_scipy() {
        let golden: Golden = serde_json::from_str(include_str!("golden/student.json")).unwrap();
        assert_eq!(golden.samples.len(), 6);
        for s in golden.samples {
            let ours = interval95(&s.values).unwrap();
            assert_relative_eq!(ours.mean, s.mean, max_relative = 1e-12);
            assert_relative_eq!(ours.sd, s.sd, max_relative = 1e-12);
            assert_relative_eq!(ours.lo, s.lo, max_relative = 1e-10);
            assert_relative_eq!(ours.hi, s.hi, max_relative = 1e-10);
            let ours = tost(&s.values, s.margin).unwrap();
            assert_relative_eq!(ours.p_lower, s.p_lower, max_relative = 1e-9);
            assert_relative_eq!(ours.p_upper, s.p_upper, max_relative = 1e-9);
        }
    }

    #[test]
    fn one_value_knows_nothing_of_its_spread() {
        let one = interval95(&[0.9]).unwrap();
        assert_eq!((one.lo, one.hi, one.n), (f64::NEG_INFINITY, f64::INFINITY, 1));
        assert!(one.sd.is_nan());
        assert_eq!(tost(&[0.0], 1.0).unwrap().p(), 1.0);
        let back: Interval = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(one, back);
    }

    #[test]
    fn equal_values_give_a_point_and_a_sure_test() {
        let point = interval95(&[0.5; 4]).unwrap();
        assert_eq!((point.lo, point.hi, point.sd), (0.5, 0.5, 0.0));
        assert_eq!(tost(&[0.5; 4], 0.6).unwrap().p(), 0.0);
        assert_eq!(tost(&[0.5; 4], 0.5).unwrap().p(), 1.0);
    }

    #[test]
    fn bad_input_is_named() {
        assert_eq!(interval95(&[]), Err(StatsError::Empty));
        let diverged = interval95(&[0.1, f64::NAN]).unwrap_err().to_string();
        assert!(diverged.starts_with("value 1 of 2 is NaN"), "{diverged}");
        assert_eq!(paired(&[1.0], &[1.0, 2.0], 0.95), Err(StatsError::Unpaired { left: 1, right: 2 }));
        assert!(interval(&[1.0, 2.0], 1.0).is_err());
        assert!(tost(&[1.0, 2.0], 0.0).is_err());
    }

    proptest! {
        #[test]
        fn pairing_is_the_interval_of_the_differences(
            pairs in prop::collection::vec((-1e3f64..1e3, -1e3f64..1e3), 2..30),
        ) {
            let (left, right): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let forth = paired(&left, &right, 0.9).unwrap();
            let back = paired(&right, &left, 0.9).unwrap();
            prop_assert!(forth.lo <= forth.mean && forth.mean <= forth.hi);
            prop_assert_eq!(forth.lo, -back.hi);
        }
    }
}

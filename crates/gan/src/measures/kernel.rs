//! Kernels on points, their matrices row by row, and the median heuristic.

use serde::{Deserialize, Serialize};

use super::{
    pairs::{map_rows, Pair},
    positive, some, MeasureError, Points,
};

/// Points of each set that the median distance is taken from, at most.
const MEDIAN_POINTS: usize = 1000;

/// A kernel on points.
///
/// # Example
/// ```
/// use gan::measures::{Kernel, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let (a, b) = (Points::new(&[0., 3.], 1)?, Points::new(&[1.], 1)?);
/// // the distances are 1, 2 and 3
/// assert_eq!(Kernel::gaussian_median(&a, &b)?, Kernel::Gaussian { bandwidth: 2. });
/// assert_eq!(Kernel::kid(4), Kernel::Polynomial { degree: 3, scale: 0.25, offset: 1. });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Kernel {
    /// exp(−‖x − y‖² / (2 σ²)).
    Gaussian {
        /// σ.
        bandwidth: f64,
    },
    /// (s x·y + c)^q.
    Polynomial {
        /// q.
        degree: u8,
        /// s.
        scale: f64,
        /// c.
        offset: f64,
    },
}

impl Kernel {
    /// The Gaussian kernel whose σ is the median distance between points of both sets together.
    ///
    /// Sets of more than 1,000 points are represented by every k-th point, so that the median stays cheap.
    ///
    /// # Errors
    /// Sets of different dimensions, or a median of 0.
    ///
    /// # Complexity
    /// O(m² d) for m ≤ 2,000 points.
    ///
    /// # Reference
    /// Gretton et al. 2012, section 8.
    pub fn gaussian_median(a: &Points<'_>, b: &Points<'_>) -> Result<Self, MeasureError> {
        a.same_space(b)?;
        let thinned = |p: &Points<'_>| {
            let step = p.count().div_ceil(MEDIAN_POINTS);
            p.rows().step_by(step).flatten().copied().collect::<Vec<f32>>()
        };
        let pool = [thinned(a), thinned(b)].concat();
        let pool = Points { values: &pool, dim: a.dim() };
        let later = |i: usize, row: &mut [f64]| row[i + 1..].to_vec();
        let mut all: Vec<f64> = map_rows(&pool, &pool, Pair::SquaredDistance, later).concat();
        let middle = all.len() / 2;
        let even = all.len().is_multiple_of(2);
        let (below, upper, _) = all.select_nth_unstable_by(middle, f64::total_cmp);
        let upper = upper.sqrt();
        let lower = if even { below.iter().copied().fold(0.0, f64::max).sqrt() } else { upper };
        let bandwidth = 0.5 * (lower + upper);
        if bandwidth > 0.0 {
            Ok(Kernel::Gaussian { bandwidth })
        } else {
            Err(MeasureError::NoScale)
        }
    }

    /// The kernel of KID: (x·y / d + 1)³ for features of size d.
    ///
    /// # Reference
    /// Bińkowski et al. 2018, section 4.
    #[must_use]
    pub fn kid(dim: usize) -> Self {
        Kernel::Polynomial { degree: 3, scale: 1.0 / dim as f64, offset: 1.0 }
    }

    /// Whether the settings are in range.
    pub(super) fn check(&self) -> Result<(), MeasureError> {
        match *self {
            Kernel::Gaussian { bandwidth } => positive("the bandwidth", bandwidth),
            Kernel::Polynomial { degree, scale, offset } => {
                some("the degree of the kernel", usize::from(degree))?;
                positive("the scale of the kernel", scale)?;
                if offset >= 0.0 && offset.is_finite() {
                    return Ok(());
                }
                let allowed = "it must be 0 or above";
                Err(MeasureError::Setting { what: "the offset of the kernel", value: offset, allowed })
            }
        }
    }

    /// `f` of each row of k(a, b), in order.
    pub(super) fn rows<R: Send>(
        &self,
        a: &Points<'_>,
        b: &Points<'_>,
        f: impl Fn(usize, &[f64]) -> R + Sync,
    ) -> Vec<R> {
        match *self {
            Kernel::Gaussian { bandwidth } => {
                let factor = -0.5 / (bandwidth * bandwidth);
                map_rows(a, b, Pair::SquaredDistance, |i, row| {
                    row.iter_mut().for_each(|v| *v = (*v * factor).exp());
                    f(i, row)
                })
            }
            Kernel::Polynomial { degree, scale, offset } => map_rows(a, b, Pair::Product, |i, row| {
                row.iter_mut().for_each(|v| *v = (*v * scale + offset).powi(i32::from(degree)));
                f(i, row)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_all_pairs() {
        // distances of 0, 1, 3, 7: 1, 2, 3, 4, 6, 7, and of 0, 1, 3: 1, 2, 3
        let (a, b) = (Points::new(&[0., 3.], 1).unwrap(), Points::new(&[7., 1.], 1).unwrap());
        assert_eq!(Kernel::gaussian_median(&a, &b).unwrap(), Kernel::Gaussian { bandwidth: 3.5 });
        assert_eq!(Kernel::gaussian_median(&b, &a).unwrap(), Kernel::Gaussian { bandwidth: 3.5 });
        let b = Points::new(&[1.], 1).unwrap();
        assert_eq!(Kernel::gaussian_median(&a, &b).unwrap(), Kernel::Gaussian { bandwidth: 2.0 });
        let error = Kernel::gaussian_median(&b, &b).unwrap_err().to_string();
        assert!(error.starts_with("the median distance between the points is 0"), "{error}");
    }

    #[test]
    fn a_thinned_median_is_near_the_full_one() {
        // pairs of a uniform grid on [0, 1] are within r with probability 1 - (1 - r)²
        let values: Vec<f32> = (0..5000).map(|i| i as f32 / 5000.0).collect();
        let points = Points::new(&values, 1).unwrap();
        let Kernel::Gaussian { bandwidth } = Kernel::gaussian_median(&points, &points).unwrap() else {
            panic!("a Gaussian kernel was asked for");
        };
        approx::assert_abs_diff_eq!(bandwidth, 1.0 - 0.5f64.sqrt(), epsilon = 2e-3);
    }

    #[test]
    fn settings_are_checked() {
        let message = |kernel: Kernel| kernel.check().unwrap_err().to_string();
        let gaussian = Kernel::Gaussian { bandwidth: f64::NAN };
        assert_eq!(message(gaussian), "the bandwidth is NaN: it must be above 0 and finite");
        let offset = Kernel::Polynomial { degree: 1, scale: 1.0, offset: -1.0 };
        assert_eq!(message(offset), "the offset of the kernel is -1: it must be 0 or above");
        assert!(Kernel::Polynomial { degree: 0, scale: 1.0, offset: 0.0 }.check().is_err());
        assert!(Kernel::Polynomial { degree: 1, scale: 0.0, offset: 0.0 }.check().is_err());
    }
}

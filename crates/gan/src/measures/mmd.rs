//! The maximum mean discrepancy, with a Gaussian kernel or the polynomial one of KID.

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use shared::{ops::math::vectorised, train::RunRng};

use super::{mean_deviation, some, Kernel, MeasureError, Points};

/// The unbiased estimate of the squared maximum mean discrepancy.
///
/// MMD²_u = Σ_{i≠j} k(x_i, x_j) / (n (n − 1)) + Σ_{i≠j} k(y_i, y_j) / (m (m − 1)) − 2 Σ_{ij} k(x_i, y_j) / (n m)
///
/// Its mean is 0 for samples of one distribution, so it is below 0 about half of the time there: [`mmd_null`] says how
/// far from 0 is nothing.
///
/// # Shapes
/// a: n · d, b: m · d.
///
/// # Errors
/// Fewer than 2 points in a set, sets of different dimensions, or a kernel out of its range.
///
/// # Complexity
/// O((n² + m² + n m) d); memory O((n + m) d).
///
/// # Reference
/// Gretton et al. 2012, equation 3.
///
/// # Example
/// ```
/// use gan::measures::{mmd_squared, Kernel, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let (a, b) = (Points::new(&[0., 1.], 1)?, Points::new(&[0., 1.], 1)?);
/// // 2 e^(-1/2) - 2 (2 + 2 e^(-1/2)) / 4
/// let found = mmd_squared(&a, &b, &Kernel::Gaussian { bandwidth: 1. })?;
/// assert!((found - ((-0.5f64).exp() - 1.)).abs() < 1e-12);
/// # Ok(())
/// # }
/// ```
pub fn mmd_squared(a: &Points<'_>, b: &Points<'_>, kernel: &Kernel) -> Result<f64, MeasureError> {
    a.same_space(b)?;
    a.at_least(2, "points in the first set")?;
    b.at_least(2, "points in the second set")?;
    kernel.check()?;
    let across = kernel.rows(a, b, |_, row| row.iter().sum::<f64>()).iter().sum::<f64>();
    let pairs = a.count() as f64 * b.count() as f64;
    Ok(within(a, kernel) + within(b, kernel) - 2.0 * across / pairs)
}

/// The kernel inception distance's estimate: [`mmd_squared`] with [`Kernel::kid`].
///
/// Of all points at once; the paper averages the same estimate over subsets, which has the same mean and a larger
/// spread. Only with features of an Inception network is it KID.
///
/// # Errors
/// Those of [`mmd_squared`].
///
/// # Reference
/// Bińkowski et al. 2018, section 4.
pub fn kid(a: &Points<'_>, b: &Points<'_>) -> Result<f64, MeasureError> {
    mmd_squared(a, b, &Kernel::kid(a.dim()))
}

/// MMD² between random halves of one set: what no difference looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MmdNull {
    /// MMD² of each split, in the order of the splits.
    pub values: Vec<f64>,
    /// Their mean, near 0.
    pub mean: f64,
    /// Their standard deviation, divided by splits − 1.
    pub deviation: f64,
}

impl MmdNull {
    /// The share of splits with a value of at least `observed`, both counted once more: (1 + #) / (1 + splits).
    ///
    /// A p-value where `observed` compares two sets of half the size; with larger sets it errs to the safe side.
    #[must_use]
    pub fn share_above(&self, observed: f64) -> f64 {
        let above = self.values.iter().filter(|v| **v >= observed).count();
        (1 + above) as f64 / (1 + self.values.len()) as f64
    }
}

/// The spread of MMD² between random halves of one set.
///
/// Every kernel value is taken once and serves all splits. Halves of n points have n/2 each (the second one more where
/// n is odd), so this is the spread for sets of that size.
///
/// # Errors
/// Fewer than 4 points, no splits, or a kernel out of its range.
///
/// # Complexity
/// O(n² (d + splits)); memory O(n (d + splits)).
///
/// # Reference
/// The permutation test of Gretton et al. 2012, on one set: there is nothing to tell apart, so every split is the null.
///
/// # Example
/// ```
/// use gan::measures::{mmd_null, Kernel, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let values: Vec<f32> = (0..100).map(|i| i as f32 / 100.).collect();
/// let points = Points::new(&values, 1)?;
/// let null = mmd_null(&points, &Kernel::Gaussian { bandwidth: 0.3 }, 7, 50)?;
/// assert_eq!(null.values.len(), 50);
/// assert!(null.mean.abs() < null.deviation);
/// # Ok(())
/// # }
/// ```
pub fn mmd_null(
    points: &Points<'_>,
    kernel: &Kernel,
    seed: u64,
    splits: usize,
) -> Result<MmdNull, MeasureError> {
    points.at_least(4, "points")?;
    some("the number of splits", splits)?;
    kernel.check()?;
    let n = points.count();
    let first = n / 2;
    // row i, column s: 1 where point i is in the first half of split s
    let mut member = vec![0.0f64; n * splits];
    for split in 0..splits {
        let mut order: Vec<usize> = (0..n).collect();
        let (half, _) = order.partial_shuffle(&mut RunRng::new(seed, split as u64), first);
        half.iter().for_each(|i| member[i * splits + split] = 1.0);
    }
    let sums = kernel.rows(points, points, |i, row| {
        let mut firsts = vec![0.0; splits];
        vectorised(|| accumulate(row, &member, &mut firsts));
        let own = row[i];
        firsts.iter_mut().zip(&member[i * splits..]).for_each(|(sum, m)| *sum -= m * own);
        (sum_without(row, i), firsts)
    });
    let (n1, n2) = (first as f64, (n - first) as f64);
    let values: Vec<f64> = (0..splits)
        .map(|s| {
            let (mut one, mut two, mut across) = (0.0, 0.0, 0.0);
            for (i, (all, firsts)) in sums.iter().enumerate() {
                if member[i * splits + s] > 0.0 {
                    one += firsts[s];
                    across += all - firsts[s];
                } else {
                    two += all - firsts[s];
                }
            }
            one / (n1 * (n1 - 1.0)) + two / (n2 * (n2 - 1.0)) - 2.0 * across / (n1 * n2)
        })
        .collect();
    let (mean, deviation) = mean_deviation(&values, 1);
    Ok(MmdNull { values, mean, deviation })
}

/// The mean of k over pairs of different points.
fn within(points: &Points<'_>, kernel: &Kernel) -> f64 {
    let n = points.count() as f64;
    let sums = kernel.rows(points, points, |i, row| sum_without(row, i));
    sums.iter().sum::<f64>() / (n * (n - 1.0))
}

/// `sums` += row · member, for a row-major `member`.
#[inline(always)]
fn accumulate(row: &[f64], member: &[f64], sums: &mut [f64]) {
    for (value, flags) in row.iter().zip(member.chunks_exact(sums.len())) {
        for (sum, flag) in sums.iter_mut().zip(flags) {
            *sum += value * flag;
        }
    }
}

fn sum_without(row: &[f64], own: usize) -> f64 {
    row[..own].iter().sum::<f64>() + row[own + 1..].iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use proptest::prelude::*;
    use rand::Rng;
    use rand_distr::StandardNormal;

    const GAUSSIAN: Kernel = Kernel::Gaussian { bandwidth: 1.5 };

    fn normal(n: usize, dim: usize, shift: f32, stream: u64) -> Vec<f32> {
        let rng = RunRng::new(3, stream);
        rng.sample_iter::<f32, _>(StandardNormal).take(n * dim).map(|v| v + shift).collect()
    }

    #[test]
    fn a_linear_kernel_is_the_distance_of_means() {
        // k = x y: mean of pairs of 1, 3 is 3, of 0, 2 is 0, across 2 · 1
        let (a, b) = (Points::new(&[1., 3.], 1).unwrap(), Points::new(&[0., 2.], 1).unwrap());
        let linear = Kernel::Polynomial { degree: 1, scale: 1.0, offset: 0.0 };
        assert_eq!(mmd_squared(&a, &b, &linear).unwrap(), 3.0 + 0.0 - 4.0);
        // (x y + 1)³: 4³ + 1³ - 2 (1 + 3³ + 1 + 7³) / 4
        assert_eq!(kid(&a, &b).unwrap(), 64.0 + 1.0 - 186.0);
    }

    #[test]
    fn splits_of_the_null_are_what_they_say() {
        let values = normal(9, 2, 0.0, 0);
        let points = Points::new(&values, 2).unwrap();
        let null = mmd_null(&points, &GAUSSIAN, 4, 3).unwrap();
        for (split, value) in null.values.iter().enumerate() {
            let mut order: Vec<usize> = (0..9).collect();
            let (one, two) = order.partial_shuffle(&mut RunRng::new(4, split as u64), 4);
            assert_eq!((one.len(), two.len()), (4, 5));
            let gather = |at: &[usize]| at.iter().flat_map(|i| points.row(*i)).copied().collect::<Vec<_>>();
            let (one, two) = (gather(one), gather(two));
            let (one, two) = (Points::new(&one, 2).unwrap(), Points::new(&two, 2).unwrap());
            assert_abs_diff_eq!(*value, mmd_squared(&one, &two, &GAUSSIAN).unwrap(), epsilon = 1e-12);
        }
        assert_eq!(null.share_above(f64::INFINITY), 0.25);
        assert_eq!(null.share_above(f64::NEG_INFINITY), 1.0);
    }

    #[test]
    fn the_null_is_calibrated_and_a_shift_is_outside() {
        let (dim, n) = (20, 100);
        let reference = normal(2 * n, dim, 0.0, 0);
        let reference = Points::new(&reference, dim).unwrap();
        for kernel in [Kernel::gaussian_median(&reference, &reference).unwrap(), Kernel::kid(dim)] {
            let null = mmd_null(&reference, &kernel, 1, 99).unwrap();
            assert!(null.mean.abs() < null.deviation);
            let share = |shift: f32, stream: u64| {
                let (a, b) = (normal(n, dim, 0.0, stream), normal(n, dim, shift, stream + 1));
                let (a, b) = (Points::new(&a, dim).unwrap(), Points::new(&b, dim).unwrap());
                null.share_above(mmd_squared(&a, &b, &kernel).unwrap())
            };
            // uniform without a shift: a mean of 40 is within 0.05 of 1/2 in two of three cases
            let fresh: Vec<f64> = (0..40).map(|k| share(0.0, 1 + 2 * k)).collect();
            let mean = fresh.iter().sum::<f64>() / 40.0;
            assert!((0.35..0.65).contains(&mean), "{kernel:?}: {fresh:?}");
            assert!(fresh.iter().filter(|p| **p <= 0.1).count() <= 12, "{kernel:?}: {fresh:?}");
            (0..5).for_each(|k| assert_eq!(share(0.5, 101 + 2 * k), 0.01, "{kernel:?}"));
        }
    }

    #[test]
    fn small_sets_are_refused() {
        let (one, two) = (Points::new(&[1.], 1).unwrap(), Points::new(&[1., 2.], 1).unwrap());
        let message = mmd_squared(&two, &one, &GAUSSIAN).unwrap_err().to_string();
        assert!(message.starts_with("there are 1 points in the second set"), "{message}");
        assert!(mmd_null(&two, &GAUSSIAN, 0, 1).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn sides_and_order_do_not_matter(
            xs in prop::collection::vec(-5f32..5., 2..20),
            ys in prop::collection::vec(-5f32..5., 2..20),
        ) {
            let (a, b) = (Points::new(&xs, 1).unwrap(), Points::new(&ys, 1).unwrap());
            let reversed: Vec<f32> = xs.iter().rev().copied().collect();
            let found = mmd_squared(&a, &b, &GAUSSIAN).unwrap();
            assert_abs_diff_eq!(mmd_squared(&b, &a, &GAUSSIAN).unwrap(), found, epsilon = 1e-12);
            let again = mmd_squared(&Points::new(&reversed, 1).unwrap(), &b, &GAUSSIAN).unwrap();
            assert_abs_diff_eq!(again, found, epsilon = 1e-12);
            // the biased estimate of a set and itself is 0: the unbiased one is short of the diagonals
            let n = xs.len() as f64;
            let itself = mmd_squared(&a, &a, &GAUSSIAN).unwrap();
            assert_abs_diff_eq!(itself, 2.0 / n * (within(&a, &GAUSSIAN) - 1.0), epsilon = 1e-12);
        }
    }
}

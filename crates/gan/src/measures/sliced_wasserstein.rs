//! The Wasserstein distance, averaged over lines.

use rand::Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use shared::train::RunRng;

use super::{some, MeasureError, Points};

/// The sliced 2-Wasserstein distance along random directions.
///
/// SW₂ = ((1/L) Σ_l W₂²(θ_l·a, θ_l·b))^½,  θ_l uniform on the sphere
///
/// Direction l is drawn from stream l of the seed, so the first L of more directions are the same. In d dimensions a
/// shift by δ has SW₂² = ‖δ‖² / d on average, not ‖δ‖².
///
/// # Shapes
/// a: n · d, b: m · d; n and m may differ.
///
/// # Errors
/// Sets of different dimensions, or no directions.
///
/// # Complexity
/// O(L ((n + m) d + n log n + m log m)), in `f64`.
///
/// # Reference
/// Bonneel et al. 2015; Karras et al. 2018, section 5, for its use on samples.
///
/// # Example
/// ```
/// use gan::measures::{sliced_wasserstein, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let (a, b) = (Points::new(&[0., 0., 1., 0.], 2)?, Points::new(&[0., 3., 1., 3.], 2)?);
/// let found = sliced_wasserstein(&a, &b, 500, 1)?; // a shift by (0, 3): 3 / √2
/// assert!((found - 2.12).abs() < 0.15, "{found}");
/// # Ok(())
/// # }
/// ```
pub fn sliced_wasserstein(
    a: &Points<'_>,
    b: &Points<'_>,
    directions: usize,
    seed: u64,
) -> Result<f64, MeasureError> {
    some("the number of directions", directions)?;
    let normal = |l: usize| RunRng::new(seed, l as u64).sample_iter::<f64, _>(StandardNormal);
    let draw = |l: usize| normal(l).take(a.dim()).collect();
    along(a, b, directions, draw)
}

/// The same along directions of the caller's choice, each scaled to length 1.
///
/// # Shapes
/// a: n · d, b: m · d, directions: L · d.
///
/// # Errors
/// Sets of different dimensions, or a direction of length 0.
///
/// # Complexity
/// That of [`sliced_wasserstein`].
pub fn sliced_wasserstein_along(
    a: &Points<'_>,
    b: &Points<'_>,
    directions: &Points<'_>,
) -> Result<f64, MeasureError> {
    a.same_space(directions)?;
    if directions.rows().any(|row| row.iter().all(|v| *v == 0.0)) {
        let allowed = "it must be above 0";
        return Err(MeasureError::Setting { what: "the length of a direction", value: 0.0, allowed });
    }
    along(a, b, directions.count(), |l| directions.row(l).iter().map(|v| f64::from(*v)).collect())
}

/// W₂ between two samples on a line: (∫₀¹ (F_a⁻¹(t) − F_b⁻¹(t))² dt)^½.
///
/// Exact for any sizes: the quantile functions are steps, and between two steps of either the difference is constant.
///
/// # Errors
/// Points of more than one dimension.
///
/// # Complexity
/// O(n log n + m log m).
///
/// # Example
/// ```
/// use gan::measures::{wasserstein_1d, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let (a, b) = (Points::new(&[1., 0.], 1)?, Points::new(&[4., 2., 3.], 1)?);
/// // thirds of 2, 3, 4 against halves of 0, 1: (2² 2 + 3² + 2² + 3² 2) / 6
/// assert!((wasserstein_1d(&a, &b)?.powi(2) - 39. / 6.).abs() < 1e-12);
/// # Ok(())
/// # }
/// ```
pub fn wasserstein_1d(a: &Points<'_>, b: &Points<'_>) -> Result<f64, MeasureError> {
    for points in [a, b] {
        if points.dim() != 1 {
            let (what, value, allowed) = ("the dimension", points.dim() as f64, "points on a line have 1");
            return Err(MeasureError::Setting { what, value, allowed });
        }
    }
    Ok(squared(&sorted(a, &[1.0]), &sorted(b, &[1.0])).sqrt())
}

fn along(
    a: &Points<'_>,
    b: &Points<'_>,
    count: usize,
    direction: impl Fn(usize) -> Vec<f64> + Sync,
) -> Result<f64, MeasureError> {
    a.same_space(b)?;
    let slice = |l| {
        let mut theta = direction(l);
        let length = theta.iter().map(|v| v * v).sum::<f64>().sqrt();
        theta.iter_mut().for_each(|v| *v /= length);
        squared(&sorted(a, &theta), &sorted(b, &theta))
    };
    let slices: Vec<f64> = (0..count).into_par_iter().map(slice).collect();
    Ok((slices.iter().sum::<f64>() / count as f64).sqrt())
}

/// The projections of all points, in ascending order.
fn sorted(points: &Points<'_>, theta: &[f64]) -> Vec<f64> {
    let project = |row: &[f32]| row.iter().zip(theta).map(|(x, t)| f64::from(*x) * t).sum();
    let mut values: Vec<f64> = points.rows().map(project).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// W₂² of two ascending samples: t runs in units of 1 / (n m), where all steps are whole.
fn squared(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len() as u64, b.len() as u64);
    let (mut i, mut j, mut t, mut sum) = (0, 0, 0, 0.0);
    while t < n * m {
        let (end_a, end_b) = ((i as u64 + 1) * m, (j as u64 + 1) * n);
        let end = end_a.min(end_b);
        sum += (end - t) as f64 * (a[i] - b[j]).powi(2);
        i += usize::from(end == end_a);
        j += usize::from(end == end_b);
        t = end;
    }
    sum / (n as f64 * m as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::{assert_abs_diff_eq, assert_relative_eq};
    use proptest::prelude::*;

    fn line(values: &[f32]) -> Points<'_> {
        Points::new(values, 1).unwrap()
    }

    #[test]
    fn on_a_line_slices_are_the_distance() {
        let (a, b) = (line(&[0., 4., 1., 2., 9.]), line(&[3., -1., 0.5]));
        let exact = wasserstein_1d(&a, &b).unwrap();
        assert_relative_eq!(sliced_wasserstein(&a, &b, 5, 3).unwrap(), exact, max_relative = 1e-12);
        // a copy of each point changes nothing
        let twice = [0., 4., 1., 2., 9., 0., 4., 1., 2., 9.];
        assert_relative_eq!(wasserstein_1d(&line(&twice), &b).unwrap(), exact, max_relative = 1e-12);
    }

    #[test]
    fn a_shift_moves_every_slice_by_its_part() {
        let a = [0., 1., 2., -1., 5., 3.];
        let b: Vec<f32> = a.iter().enumerate().map(|(i, v)| v + [3., -4.][i % 2]).collect();
        let (a, b) = (Points::new(&a, 2).unwrap(), Points::new(&b, 2).unwrap());
        let directions = Points::new(&[2., 0., 0., 1., 3., -4.], 2).unwrap();
        let found = sliced_wasserstein_along(&a, &b, &directions).unwrap();
        assert_relative_eq!(found * found, (9. + 16. + 25.) / 3.0, max_relative = 1e-12);
        // E (θ·δ)² = ‖δ‖² / d
        let many = sliced_wasserstein(&a, &b, 4000, 11).unwrap();
        assert_relative_eq!(many * many, 12.5, max_relative = 0.05);
    }

    #[test]
    fn what_is_asked_is_checked() {
        let (a, plane) = (line(&[0., 1.]), Points::new(&[0., 1.], 2).unwrap());
        assert!(sliced_wasserstein(&a, &plane, 3, 0).is_err() && sliced_wasserstein(&a, &a, 0, 0).is_err());
        assert!(wasserstein_1d(&plane, &plane).is_err());
        let nowhere = sliced_wasserstein_along(&a, &a, &line(&[1., 0.])).unwrap_err().to_string();
        assert_eq!(nowhere, "the length of a direction is 0: it must be above 0");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_is_a_distance(
            xs in prop::collection::vec(-5f32..5., 2..24),
            ys in prop::collection::vec(-5f32..5., 2..24),
            zs in prop::collection::vec(-5f32..5., 2..24),
        ) {
            let sets = [&xs, &ys, &zs].map(|v| Points::new(&v[..v.len() / 2 * 2], 2).unwrap());
            let w = |i: usize, j: usize| sliced_wasserstein(&sets[i], &sets[j], 8, 5).unwrap();
            prop_assert_eq!(w(0, 0), 0.0);
            assert_abs_diff_eq!(w(0, 1), w(1, 0), epsilon = 1e-12);
            prop_assert!(w(0, 2) <= w(0, 1) + w(1, 2) + 1e-9);
            let reversed: Vec<f32> = sets[0].rows().rev().flatten().copied().collect();
            let reversed = Points::new(&reversed, 2).unwrap();
            prop_assert_eq!(sliced_wasserstein(&reversed, &sets[1], 8, 5).unwrap(), w(0, 1));
        }
    }
}

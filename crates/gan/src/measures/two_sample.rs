//! Whether the nearest neighbour can tell two samples apart.

use serde::{Deserialize, Serialize};

use super::{
    pairs::{map_rows, Pair},
    MeasureError, Points,
};

/// How often the nearest neighbour is of the same set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwoSampleTest {
    /// Of all points; ½ is ideal.
    pub accuracy: f64,
    /// Of the first set. Low with the other one high: the data's neighbours are samples, as when samples cover few modes.
    pub first: f64,
    /// Of the second set.
    pub second: f64,
}

/// The leave-one-out accuracy of the 1-nearest-neighbour classifier on two sets of equal size.
///
/// Each point is classified by its nearest neighbour among all others of both sets; of several at one distance, each
/// has an equal part of the vote. For two samples of one distribution the accuracy is (n − 1) / (2 n − 1) on average,
/// about ½. At 1 the sets are apart. At 0 one is a copy of the other, so far below ½ speaks of memorised data.
///
/// # Shapes
/// a: n · d, b: n · d.
///
/// # Errors
/// Sets of different dimensions or sizes.
///
/// # Complexity
/// O(n² d); memory O(n d).
///
/// # Reference
/// Lopez-Paz and Oquab 2017, section 3; Xu et al. 2018 for the two parts and their reading.
///
/// # Example
/// ```
/// use gan::measures::{two_sample_test, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let data = Points::new(&[0., 1., 5., 6.], 1)?;
/// let apart = Points::new(&[100., 101., 102., 103.], 1)?;
/// assert_eq!(two_sample_test(&data, &apart)?.accuracy, 1.);
/// assert_eq!(two_sample_test(&data, &data)?.accuracy, 0.);
/// # Ok(())
/// # }
/// ```
pub fn two_sample_test(a: &Points<'_>, b: &Points<'_>) -> Result<TwoSampleTest, MeasureError> {
    a.same_space(b)?;
    let n = a.count();
    if n != b.count() {
        return Err(MeasureError::Sizes { first: n, second: b.count() });
    }
    let all = [a.values(), b.values()].concat();
    let all = Points { values: &all, dim: a.dim() };
    let votes = map_rows(&all, &all, Pair::SquaredDistance, |own, row| {
        row[own] = f64::INFINITY;
        let least = row.iter().copied().fold(f64::INFINITY, f64::min);
        let nearest = |part: &[f64]| part.iter().filter(|v| **v == least).count() as f64;
        let (first, second) = (nearest(&row[..n]), nearest(&row[n..]));
        (if own < n { first } else { second }) / (first + second)
    });
    let share = |part: &[f64]| part.iter().sum::<f64>() / n as f64;
    let (first, second) = (share(&votes[..n]), share(&votes[n..]));
    Ok(TwoSampleTest { accuracy: 0.5 * (first + second), first, second })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::Rng;
    use shared::train::RunRng;

    fn of(a: &[f32], b: &[f32], dim: usize) -> TwoSampleTest {
        two_sample_test(&Points::new(a, dim).unwrap(), &Points::new(b, dim).unwrap()).unwrap()
    }

    #[test]
    fn votes_and_ties_are_by_hand() {
        // neighbours: 0 -> 1 (own), 1 -> 0 (own), 9 -> 10 (other); 3 -> 1 (other), 10 -> 9 (other), 20 -> 10 (own)
        let found = of(&[0., 1., 9.], &[3., 10., 20.], 1);
        assert_eq!((found.first, found.second, found.accuracy), (2. / 3., 1. / 3., 0.5));
        // 0 has 1 and -1 at one distance, half a vote for its own set
        let tied = of(&[0., 1.], &[-1., 50.], 1);
        assert_eq!((tied.first, tied.second), (0.75, 0.0));
    }

    #[test]
    fn equal_distributions_are_near_one_half_and_a_collapse_shows_its_parts() {
        for dim in [2, 24] {
            let mut rng = RunRng::new(5, 0);
            let mut draw = |n: usize| (0..n * dim).map(|_| rng.r#gen::<f32>()).collect::<Vec<_>>();
            let (a, b) = (draw(300), draw(300));
            let accuracy = of(&a, &b, dim).accuracy;
            assert!((0.43..0.57).contains(&accuracy), "{dim} dimensions: {accuracy}");
        }
        // samples on one point in the middle of the data
        let data: Vec<f32> = (0..21).map(|i| i as f32).collect();
        let found = of(&data, &[10.2; 21], 1);
        assert_eq!(found.second, 1.0);
        assert!(found.first < 1.0);
    }

    #[test]
    fn sizes_must_agree() {
        let (a, b) = (Points::new(&[0., 1.], 1).unwrap(), Points::new(&[0.], 1).unwrap());
        let message = two_sample_test(&a, &b).unwrap_err().to_string();
        assert!(message.starts_with("the first set has 2 points and the second 1"), "{message}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn sides_swap_and_order_does_not_matter(
            pairs in prop::collection::vec((-5f32..5., -5f32..5.), 1..30),
        ) {
            let (xs, ys): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let (found, swapped) = (of(&xs, &ys, 1), of(&ys, &xs, 1));
            prop_assert_eq!((found.first, found.second), (swapped.second, swapped.first));
            let reversed: Vec<f32> = xs.iter().rev().copied().collect();
            let again = of(&reversed, &ys, 1);
            approx::assert_abs_diff_eq!(again.accuracy, found.accuracy, epsilon = 1e-12);
            prop_assert!((0.0..=1.0).contains(&found.accuracy));
        }
    }
}

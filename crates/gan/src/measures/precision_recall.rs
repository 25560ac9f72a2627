//! Precision and recall between two sets, by balls around their points.

use serde::{Deserialize, Serialize};

use super::{
    pairs::{map_rows, Pair},
    some, MeasureError, Points,
};

/// The neighbour whose distance is the radius of a ball, as in the paper.
pub const DEFAULT_NEIGHBOURS: usize = 3;

/// How much of each set lies in the balls of the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecall {
    /// The share of generated points that lie in a ball of the data: are samples real?
    pub precision: f64,
    /// The share of data that lies in a ball of the generated points: is all of the data there?
    pub recall: f64,
}

/// Improved precision and recall.
///
/// Each point of a set has a closed ball that reaches to its k-th nearest neighbour of the same set, itself not counted;
/// the union of the balls stands for where the set lives. Precision is the share of generated points in the union of
/// the real balls, recall the share of real points in the union of the generated balls.
///
/// One far outlier has a large ball, so a few bad real points can raise precision, and one wild generated point recall.
/// Both grow with the size of the sets and with k: compare equal sizes and the same k only.
///
/// # Shapes
/// real: n · d, generated: m · d.
///
/// # Errors
/// Sets of different dimensions, k = 0, or no more than k points in a set.
///
/// # Complexity
/// O((n + m)² d) and no matrix of all distances: memory O((n + m) d).
///
/// # Reference
/// Kynkäänniemi et al. 2019, section 3, equations 1 and 2; k = 3 ([`DEFAULT_NEIGHBOURS`]).
///
/// # Example
/// ```
/// use gan::measures::{precision_recall, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// // two modes of data, of which the samples know one
/// let real = Points::new(&[0., 0.1, 0.2, 9., 9.1, 9.2], 1)?;
/// let generated = Points::new(&[0.05, 0.12, 0.2], 1)?;
/// let found = precision_recall(&real, &generated, 1)?;
/// assert_eq!(found.precision, 1.);
/// assert_eq!(found.recall, 0.5); // 0, 0.1 and 0.2
/// # Ok(())
/// # }
/// ```
pub fn precision_recall(
    real: &Points<'_>,
    generated: &Points<'_>,
    neighbours: usize,
) -> Result<PrecisionRecall, MeasureError> {
    real.same_space(generated)?;
    some("the number of neighbours", neighbours)?;
    real.at_least(neighbours + 1, "real points")?;
    generated.at_least(neighbours + 1, "generated points")?;
    Ok(PrecisionRecall {
        precision: share_inside(generated, real, neighbours),
        recall: share_inside(real, generated, neighbours),
    })
}

/// The share of `points` in a ball of `set`.
fn share_inside(points: &Points<'_>, set: &Points<'_>, neighbours: usize) -> f64 {
    let radii = map_rows(set, set, Pair::SquaredDistance, |own, row| {
        row[own] = f64::INFINITY;
        *row.select_nth_unstable_by(neighbours - 1, f64::total_cmp).1
    });
    let inside =
        map_rows(points, set, Pair::SquaredDistance, |_, row| row.iter().zip(&radii).any(|(v, r)| v <= r));
    inside.iter().filter(|found| **found).count() as f64 / points.count() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(real: &[f32], generated: &[f32], k: usize) -> PrecisionRecall {
        precision_recall(&Points::new(real, 1).unwrap(), &Points::new(generated, 1).unwrap(), k).unwrap()
    }

    #[test]
    fn balls_are_closed_and_reach_the_kth_neighbour() {
        // k = 2: the radii of 0, 1, 3 are 3, 2, 3, so the balls reach from -3 to 6
        let found = of(&[0., 1., 3.], &[-3., 6., 6.5, -3.5], 2);
        assert_eq!(found.precision, 0.5);
        // the radii of -3, 6, 6.5, -3.5 are 9, 9, 9.5, 9.5
        assert_eq!(found.recall, 1.0);
    }

    #[test]
    fn a_collapsed_set_is_precise_and_recalls_little() {
        let real: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let found = of(&real, &[50.0; 40], DEFAULT_NEIGHBOURS);
        assert_eq!((found.precision, found.recall), (1.0, 0.01));
        // the same in a dimension where distances come from products
        let wide = |values: &[f32]| values.iter().flat_map(|v| [*v; 20]).collect::<Vec<_>>();
        let (real, generated) = (wide(&real), wide(&[50.0; 40]));
        let (real, generated) = (Points::new(&real, 20).unwrap(), Points::new(&generated, 20).unwrap());
        assert_eq!(precision_recall(&real, &generated, 3).unwrap(), found);
    }

    #[test]
    fn sets_need_more_than_k_points() {
        let (few, more) =
            (Points::new(&[0., 1., 2.], 1).unwrap(), Points::new(&[0., 1., 2., 3.], 1).unwrap());
        let message = precision_recall(&more, &few, 3).unwrap_err().to_string();
        assert_eq!(message, "there are 3 generated points and the measure needs at least 4: give more");
        assert!(precision_recall(&more, &more, 0).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn sides_swap_and_order_does_not_matter(
            xs in prop::collection::vec(-5f32..5., 4..30),
            ys in prop::collection::vec(-5f32..5., 4..30),
        ) {
            let found = of(&xs, &ys, 3);
            let swapped = of(&ys, &xs, 3);
            prop_assert_eq!((found.precision, found.recall), (swapped.recall, swapped.precision));
            prop_assert_eq!(of(&xs, &xs, 3), PrecisionRecall { precision: 1.0, recall: 1.0 });
            let reversed: Vec<f32> = xs.iter().rev().copied().collect();
            prop_assert_eq!(of(&reversed, &ys, 3), found);
        }
    }
}

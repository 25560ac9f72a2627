//! Statistics of ranks, which ask for the order of values and not for their scale.

use super::stats::StatsError;

/// Ranks from 1, where equal values share the mean of their ranks.
///
/// # Errors
/// [`StatsError::NotFinite`].
///
/// # Complexity
/// O(n log n).
///
/// # Example
/// ```
/// use shared::claims::stats::midranks;
/// assert_eq!(midranks(&[0.3, 0.1, 0.3, 0.9])?, [2.5, 1.0, 2.5, 4.0]);
/// # Ok::<(), shared::claims::stats::StatsError>(())
/// ```
pub fn midranks(values: &[f64]) -> Result<Vec<f64>, StatsError> {
    if let Some(index) = values.iter().position(|x| !x.is_finite()) {
        return Err(StatsError::NotFinite { index, n: values.len(), value: values[index] });
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    // equal by value, so that -0 and 0, which the sort tells apart, share a rank
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = first as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|&at| ranks[at] = rank);
        first += equal.len();
    }
    Ok(ranks)
}

/// Spearman's rank correlation: Pearson's correlation of the [`midranks`] of both sides, −1 to 1.
///
/// ρ = Σ (rᵢ − r̄)(sᵢ − s̄) / √(Σ (rᵢ − r̄)² · Σ (sᵢ − s̄)²), and r̄ = s̄ = (n + 1) / 2. It is 1 exactly where one side
/// rises whenever the other does. `None` where a side has one value throughout: there is then no order to compare.
///
/// # Errors
/// [`StatsError::Unequal`] when the sides differ in length, [`StatsError::NoValues`] when they are empty, and
/// [`StatsError::NotFinite`].
///
/// # Complexity
/// O(n log n).
///
/// # Reference
/// C. Spearman, *The proof and measurement of association between two things*, 1904.
///
/// # Example
/// ```
/// use shared::claims::stats::spearman;
/// let (change, ink) = ([-0.2, -0.1, 0.0, 0.1, 0.2], [90.0, 91.0, 95.0, 94.0, 99.0]);
/// assert!((spearman(&change, &ink)?.ok_or("no order")? - 0.9).abs() < 1e-12);
/// assert_eq!(spearman(&change, &[1.0; 5])?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn spearman(left: &[f64], right: &[f64]) -> Result<Option<f64>, StatsError> {
    if left.len() != right.len() {
        return Err(StatsError::Unequal { left: left.len(), right: right.len() });
    }
    if left.is_empty() {
        return Err(StatsError::NoValues);
    }
    let middle = (left.len() as f64 + 1.0) / 2.0;
    let (mut both, mut of_left, mut of_right) = (0.0, 0.0, 0.0);
    for (r, s) in midranks(left)?.iter().zip(&midranks(right)?) {
        let (r, s) = (r - middle, s - middle);
        both += r * s;
        of_left += r * r;
        of_right += s * s;
    }
    if of_left == 0.0 || of_right == 0.0 {
        return Ok(None);
    }
    // the root of a product and not two roots: one order on both sides then gives exactly 1
    Ok(Some((both / f64::sqrt(of_left * of_right)).clamp(-1.0, 1.0)))
}

/// Area under the ROC curve: how probable it is that a positive's score lies above a negative's, with half of the
/// ties, 0 to 1.
///
/// AUC = (R − n₊ (n₊ + 1) / 2) / (n₊ n₋), with R the sum of the positives' [`midranks`] among all scores.
///
/// # Errors
/// [`StatsError::NoValues`] when a side is empty, and [`StatsError::NotFinite`], whose index counts on from the
/// positives into the negatives.
///
/// # Complexity
/// O(n log n) for n scores in all.
///
/// # Reference
/// J. A. Hanley and B. J. McNeil, *The meaning and use of the area under a receiver operating characteristic (ROC)
/// curve*, 1982.
///
/// # Example
/// ```
/// use shared::claims::stats::auc;
/// let (present, absent) = ([0.9, 0.8, 0.4], [0.1, 0.4]);
/// assert!((auc(&present, &absent)? - 5.5 / 6.0).abs() < 1e-12);
/// # Ok::<(), shared::claims::stats::StatsError>(())
/// ```
pub fn auc(positive: &[f64], negative: &[f64]) -> Result<f64, StatsError> {
    if positive.is_empty() || negative.is_empty() {
        return Err(StatsError::NoValues);
    }
    let ranks = midranks(&[positive, negative].concat())?;
    let (above, below) = (positive.len() as f64, negative.len() as f64);
    let sum: f64 = ranks[..positive.len()].iter().sum();
    Ok((sum - above * (above + 1.0) / 2.0) / (above * below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Golden;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn ranks_agree_with_scipy() {
        let golden = Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/ranks/ranks.json"));
        for case in ["smooth", "noise", "ties", "falling", "two"] {
            let side = |name: &str| golden.get(&format!("{case}.{name}"));
            let (x, y) = (side("x"), side("y"));
            assert_eq!(midranks(x).unwrap(), side("ranks"));
            assert_relative_eq!(spearman(x, y).unwrap().unwrap(), side("spearman")[0], epsilon = 1e-14);
            assert_relative_eq!(auc(x, y).unwrap(), side("auc")[0], epsilon = 1e-14);
        }
    }

    #[test]
    fn what_has_no_order_or_is_no_pair_is_said() {
        assert_eq!(spearman(&[1.0, 2.0], &[3.0, 3.0]), Ok(None));
        assert_eq!(spearman(&[0.0, -0.0], &[1.0, 2.0]), Ok(None));
        assert_eq!(spearman(&[1.0], &[2.0]), Ok(None));
        assert_eq!(spearman(&[1.0], &[]), Err(StatsError::Unequal { left: 1, right: 0 }));
        assert_eq!(spearman(&[], &[]), Err(StatsError::NoValues));
        assert_eq!(auc(&[1.0], &[]), Err(StatsError::NoValues));
        let diverged = auc(&[1.0, 2.0], &[0.0, f64::NAN]).unwrap_err().to_string();
        assert!(diverged.starts_with("value 3 of 4 is NaN"), "{diverged}");
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_order(
            positive in prop::collection::vec(0u8..20, 1..30), negative in prop::collection::vec(0u8..20, 1..30),
        ) {
            let floats = |values: &[u8]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
            let pairs = positive.iter().flat_map(|p| negative.iter().map(move |n| p.cmp(n) as i8));
            let won: f64 = pairs.map(|order| f64::from(order + 1) / 2.0).sum();
            let (p, n) = (floats(&positive), floats(&negative));
            let share = won / (p.len() * n.len()) as f64;
            prop_assert!((auc(&p, &n).unwrap() - share).abs() < 1e-12);
            prop_assert!((auc(&n, &p).unwrap() - (1.0 - share)).abs() < 1e-12);
        }

        #[test]
        fn correlation_asks_for_order_alone(values in prop::collection::vec(-50i32..50, 2..40)) {
            let x: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            let bent: Vec<f64> = x.iter().map(|v| (v / 10.0).exp()).collect();
            let back: Vec<f64> = x.iter().map(|v| -v * v * v).collect();
            let constant = values.iter().all(|v| *v == values[0]);
            prop_assert_eq!(spearman(&x, &bent).unwrap(), (!constant).then_some(1.0));
            prop_assert_eq!(spearman(&x, &back).unwrap(), (!constant).then_some(-1.0));
        }
    }
}

//! The score of a classifier's beliefs about samples, known as the Inception score.

use serde::{Deserialize, Serialize};

use super::{mean_deviation, some, MeasureError, Points};

/// How far the sum of a row may be from 1: single precision and a softmax of many classes.
const SUM_TOLERANCE: f64 = 1e-3;

/// The score of all rows and of its splits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierScore {
    /// The score of all rows, 1 to the number of classes.
    pub score: f64,
    /// The mean of the scores of the splits.
    pub mean: f64,
    /// Their standard deviation (divided by their number, as reported in papers).
    pub deviation: f64,
}

/// exp(E_x KL(p(y|x) ‖ p(y))), p(y) being the mean of the rows.
///
/// It is the number of classes where every sample is of one class for sure and all classes are equally frequent, and 1
/// where no class can be told or all samples are of one. The splits are runs of rows of nearly equal length, so the rows
/// should come in no order; papers use 10 and report their mean and deviation. It grows with the rows in a split:
/// compare equal numbers only. Only with an Inception network of ImageNet is this the Inception score.
///
/// What it cannot see: variety within a class (one perfect image of each class has the highest score), the data
/// (none is used), and samples that fool the classifier.
///
/// # Shapes
/// probabilities: n · classes, rows that sum to 1. What rounding left of the sum is divided out.
///
/// # Errors
/// A row that is no distribution within 1e-3, no splits, or more splits than rows.
///
/// # Complexity
/// O(n classes).
///
/// # Reference
/// Salimans et al. 2016, section 4; Barratt and Sharma 2018 for its faults.
///
/// # Example
/// ```
/// use gan::measures::{classifier_score, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let sure_and_varied = Points::new(&[1., 0., 0., 1., 1., 0., 0., 1.], 2)?;
/// let score = classifier_score(&sure_and_varied, 2)?;
/// assert!((score.score - 2.).abs() < 1e-12 && (score.mean - 2.).abs() < 1e-12);
/// # Ok(())
/// # }
/// ```
pub fn classifier_score(probabilities: &Points<'_>, splits: usize) -> Result<ClassifierScore, MeasureError> {
    some("the number of splits", splits)?;
    probabilities.at_least(splits, "rows")?;
    let classes = probabilities.dim();
    let mut rows = Vec::with_capacity(probabilities.values().len());
    for (row, values) in probabilities.rows().enumerate() {
        let sum: f64 = values.iter().map(|p| f64::from(*p)).sum();
        let value = values.iter().fold(f64::INFINITY, |least, p| least.min(f64::from(*p)));
        if value < 0.0 || (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(MeasureError::NotProbabilities { row, value, sum });
        }
        rows.extend(values.iter().map(|p| f64::from(*p) / sum));
    }
    let n = probabilities.count();
    let scores: Vec<f64> = (0..splits)
        .map(|s| score(&rows[s * n / splits * classes..(s + 1) * n / splits * classes], classes))
        .collect();
    let (mean, deviation) = mean_deviation(&scores, 0);
    Ok(ClassifierScore { score: score(&rows, classes), mean, deviation })
}

/// exp of the mean of Σ_y p(y|x) log(p(y|x) / p(y)).
fn score(rows: &[f64], classes: usize) -> f64 {
    let count = (rows.len() / classes) as f64;
    let mut marginal = vec![0.0; classes];
    for row in rows.chunks_exact(classes) {
        marginal.iter_mut().zip(row).for_each(|(m, p)| *m += p / count);
    }
    let divergence = |row: &[f64]| -> f64 {
        row.iter().zip(&marginal).filter(|(p, _)| **p > 0.0).map(|(p, m)| p * (p / m).ln()).sum()
    };
    (rows.chunks_exact(classes).map(divergence).sum::<f64>() / count).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn extremes_are_one_and_the_number_of_classes() {
        let eye: Vec<f32> = (0..25).map(|i| if i % 6 == 0 { 1.0 } else { 0.0 }).collect();
        let sure = classifier_score(&Points::new(&eye, 5).unwrap(), 1).unwrap();
        assert_relative_eq!(sure.score, 5.0, max_relative = 1e-12);
        let flat = classifier_score(&Points::new(&[0.25; 12], 4).unwrap(), 3).unwrap();
        assert_relative_eq!(flat.score, 1.0, max_relative = 1e-12);
        let collapsed = classifier_score(&Points::new(&eye[..5].repeat(6), 5).unwrap(), 2).unwrap();
        assert_relative_eq!(collapsed.score, 1.0, max_relative = 1e-12);
        assert_eq!(collapsed.deviation, 0.0);
    }

    #[test]
    fn splits_are_runs_of_rows() {
        // split 1 has one class, split 2 has two: scores 1 and 2
        let rows = [1., 0., 1., 0., 1., 0., 0., 1.];
        let found = classifier_score(&Points::new(&rows, 2).unwrap(), 2).unwrap();
        assert_relative_eq!(found.mean, 1.5, max_relative = 1e-12);
        assert_relative_eq!(found.deviation, 0.5, max_relative = 1e-12);
        // p(y) = (3/4, 1/4)
        let expected = (0.75 * (4f64 / 3.).ln() + 0.25 * 4f64.ln()).exp();
        assert_relative_eq!(found.score, expected, max_relative = 1e-12);
    }

    #[test]
    fn logits_are_refused() {
        let logits = Points::new(&[0.5, 0.5, 2.0, -1.0], 2).unwrap();
        let message = classifier_score(&logits, 1).unwrap_err().to_string();
        assert!(message.starts_with("row 1 holds -1 and sums to 1: give probabilities"), "{message}");
        let rows = Points::new(&[0.5, 0.5], 2).unwrap();
        assert!(classifier_score(&rows, 0).is_err() && classifier_score(&rows, 2).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_score_is_within_its_bounds_in_any_order(raw in prop::collection::vec(0.001f32..1., 3..90)) {
            let raw = &raw[..raw.len() / 3 * 3];
            let normal = |r: &[f32]| { let s: f32 = r.iter().sum(); r.iter().map(|v| v / s).collect::<Vec<_>>() };
            let rows: Vec<f32> = raw.chunks_exact(3).flat_map(normal).collect();
            let found = classifier_score(&Points::new(&rows, 3).unwrap(), 1).unwrap();
            prop_assert!(found.score >= 1.0 - 1e-12 && found.score <= 3.0 + 1e-12);
            let reversed: Vec<f32> = rows.iter().rev().copied().collect();
            let again = classifier_score(&Points::new(&reversed, 3).unwrap(), 1).unwrap();
            assert_relative_eq!(again.score, found.score, max_relative = 1e-9);
        }
    }
}

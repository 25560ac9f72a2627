//! Accuracy, micro-F1 and macro-F1 of single-label predictions.

use super::error::BaselineError;
use serde::{Deserialize, Serialize};

/// The three scores of the paper's tables.
///
/// With TP, FP and FN counted per class c, F1(c) = 2 TP / (2 TP + FP + FN);
/// micro-F1 pools the counts over classes, macro-F1 is the mean of F1(c).
/// When every sample has exactly one label, micro-F1 equals accuracy.
///
/// # Example
/// ```
/// use dcnn::baselines::Scores;
/// let scores = Scores::of(&[0, 1, 1, 1], &[0, 1, 1, 0], 2)?;
/// assert_eq!(scores.accuracy, 0.75);
/// assert!((scores.macro_f1 - (2.0 / 3.0 + 0.8) / 2.0).abs() < 1e-12);
/// # Ok::<(), dcnn::baselines::BaselineError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Share of predictions that are right.
    pub accuracy: f64,
    /// F1 of the counts pooled over classes.
    pub micro_f1: f64,
    /// Mean F1 over the classes that occur in the truth or in the predictions.
    pub macro_f1: f64,
}

impl Scores {
    /// Scores `predicted` against `truth`.
    ///
    /// A class that occurs in neither is left out of the macro mean; one that is never predicted
    /// rightly counts as 0. Both are scikit-learn's conventions.
    ///
    /// # Errors
    /// [`BaselineError::PredictionCount`] for lengths that differ or are 0, and
    /// [`BaselineError::LabelOutOfRange`] for a label or prediction of `classes` or more.
    ///
    /// # Complexity
    /// O(samples + classes).
    pub fn of(predicted: &[usize], truth: &[usize], classes: usize) -> Result<Self, BaselineError> {
        if predicted.len() != truth.len() || truth.is_empty() {
            return Err(BaselineError::PredictionCount { predicted: predicted.len(), truth: truth.len() });
        }
        let mut counts = vec![Counts::default(); classes.min(MAX_CLASSES)];
        for (row, (&p, &t)) in predicted.iter().zip(truth).enumerate() {
            if let Some(&label) = [p, t].iter().find(|&&label| label >= counts.len()) {
                return Err(BaselineError::LabelOutOfRange { row, label, classes: counts.len() });
            }
            if p == t {
                counts[t].true_positives += 1;
            } else {
                counts[p].false_positives += 1;
                counts[t].false_negatives += 1;
            }
        }
        let pooled = counts.iter().fold(Counts::default(), |sum, c| sum.plus(c));
        let seen: Vec<f64> = counts.iter().filter_map(Counts::f1).collect();
        Ok(Scores {
            accuracy: pooled.true_positives as f64 / truth.len() as f64,
            micro_f1: pooled.f1().unwrap_or(0.0),
            macro_f1: seen.iter().sum::<f64>() / seen.len() as f64,
        })
    }
}

/// More classes than any data set here has; a bound on what is allocated.
pub(super) const MAX_CLASSES: usize = 1 << 20;

/// Outcomes of one class against the rest.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    true_positives: usize,
    false_positives: usize,
    false_negatives: usize,
}

impl Counts {
    fn plus(self, other: &Counts) -> Counts {
        Counts {
            true_positives: self.true_positives + other.true_positives,
            false_positives: self.false_positives + other.false_positives,
            false_negatives: self.false_negatives + other.false_negatives,
        }
    }

    /// F1, or `None` for a class that occurs nowhere.
    fn f1(&self) -> Option<f64> {
        let twice_hits = 2 * self.true_positives;
        let denominator = twice_hits + self.false_positives + self.false_negatives;
        (denominator > 0).then(|| twice_hits as f64 / denominator as f64)
    }
}

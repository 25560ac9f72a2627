//! Accuracy, micro-F1 and macro-F1 of single-label predictions, and how alike two images are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How good predictions of one class a sample are.
///
/// With TP, FP and FN counted per class c, F1(c) = 2 TP / (2 TP + FP + FN);
/// micro-F1 pools the counts over classes, macro-F1 is the mean of F1(c).
/// When every sample has exactly one label, micro-F1 equals accuracy.
///
/// # Example
/// ```
/// use shared::train::metrics::Scores;
/// let scores = Scores::of(&[0, 1, 1, 1], &[0, 1, 1, 0], 2)?;
/// assert_eq!(scores.accuracy, 0.75);
/// assert!((scores.macro_f1 - (2.0 / 3.0 + 0.8) / 2.0).abs() < 1e-12);
/// # Ok::<(), shared::train::metrics::ScoresError>(())
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

/// Predictions that cannot be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoresError {
    /// Predictions and truth disagree in number, or there are none.
    #[error("there are {predicted} predictions for {truth} true labels; give as many of each, at least one")]
    Count {
        /// How many predictions.
        predicted: usize,
        /// How many true labels.
        truth: usize,
    },
    /// A label that names no class.
    #[error("sample {sample} has label {label}; labels must be below the class count {classes}")]
    Label {
        /// Its position.
        sample: usize,
        /// Its label, true or predicted.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// Two images disagree in size, or have none.
    #[error("an image of {image} pixels is compared with one of {reference}; give two of one size, at least one pixel")]
    Pixels {
        /// Pixels of the image.
        image: usize,
        /// Pixels of the reference.
        reference: usize,
    },
    /// A largest value that no pixel can have.
    #[error(
        "the peak is {peak}, and must be finite and above 0; it is 1 for images in [0, 1] and 255 for bytes"
    )]
    Peak {
        /// What was given.
        peak: f64,
    },
}

impl Scores {
    /// Scores `predicted` against `truth`, labels below `classes`.
    ///
    /// A class that occurs in neither is left out of the macro mean; one that is never predicted
    /// rightly counts as 0. Both are scikit-learn's conventions.
    ///
    /// # Errors
    /// [`ScoresError`] for lengths that differ or are 0, and for a label or prediction of `classes` or more.
    ///
    /// # Complexity
    /// O(samples · log classes) time; memory for the classes that occur.
    pub fn of(predicted: &[usize], truth: &[usize], classes: usize) -> Result<Self, ScoresError> {
        if predicted.len() != truth.len() || truth.is_empty() {
            return Err(ScoresError::Count { predicted: predicted.len(), truth: truth.len() });
        }
        // In order of the classes, so that the macro mean is summed in one order.
        let mut counts: BTreeMap<usize, Counts> = BTreeMap::new();
        for (sample, (&p, &t)) in predicted.iter().zip(truth).enumerate() {
            if let Some(&label) = [p, t].iter().find(|&&label| label >= classes) {
                return Err(ScoresError::Label { sample, label, classes });
            }
            if p == t {
                counts.entry(t).or_default().true_positives += 1;
            } else {
                counts.entry(p).or_default().false_positives += 1;
                counts.entry(t).or_default().false_negatives += 1;
            }
        }
        let pooled = counts.values().fold(Counts::default(), |sum, c| sum.plus(c));
        Ok(Scores {
            accuracy: pooled.true_positives as f64 / truth.len() as f64,
            micro_f1: pooled.f1(),
            macro_f1: counts.values().map(Counts::f1).sum::<f64>() / counts.len() as f64,
        })
    }
}

/// Peak signal-to-noise ratio of an image against a reference, in dB.
///
/// 10 log₁₀(peak² / MSE) with MSE = mean (image − reference)²; infinite where both are equal.
///
/// # Shapes
/// `image, reference`: of one length, in any one order of pixels.
///
/// # Units
/// `peak`: the largest value a pixel can have, 1 for images in [0, 1].
///
/// # Errors
/// [`ScoresError::Pixels`] for lengths that differ or are 0, and [`ScoresError::Peak`] for a peak that is not above 0.
///
/// # Example
/// ```
/// use shared::train::metrics::psnr;
/// assert!((psnr(&[0.1, 0.9], &[0.0, 1.0], 1.0)? - 20.0).abs() < 1e-5); // MSE .01
/// # Ok::<(), shared::train::metrics::ScoresError>(())
/// ```
pub fn psnr(image: &[f32], reference: &[f32], peak: f64) -> Result<f64, ScoresError> {
    if image.len() != reference.len() || image.is_empty() {
        return Err(ScoresError::Pixels { image: image.len(), reference: reference.len() });
    }
    if !(peak > 0.0 && peak.is_finite()) {
        return Err(ScoresError::Peak { peak });
    }
    let squares: f64 =
        image.iter().zip(reference).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    Ok(10.0 * (peak * peak / (squares / image.len() as f64)).log10())
}

/// Outcomes of one class against the rest; at least one of them is not 0.
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

    fn f1(&self) -> f64 {
        let twice_hits = 2 * self.true_positives;
        twice_hits as f64 / (twice_hits + self.false_positives + self.false_negatives) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Golden;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn scores_are_scikit_learns() {
        let golden = Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/metrics/scores.json"));
        let labels = |name: String| golden.get(&name).iter().map(|v| *v as usize).collect::<Vec<_>>();
        for case in ["random", "mostly_right", "always_the_largest", "class_never_in_the_truth", "one"] {
            let (predicted, truth) = (labels(format!("{case}.predicted")), labels(format!("{case}.truth")));
            let scores = Scores::of(&predicted, &truth, 5).unwrap();
            let ours = [scores.accuracy, scores.micro_f1, scores.macro_f1];
            for (ours, theirs) in ours.iter().zip(golden.get(&format!("{case}.scores"))) {
                assert_relative_eq!(ours, theirs, max_relative = 1e-14);
            }
        }
    }

    #[test]
    fn what_cannot_be_scored_is_said() {
        assert_eq!(Scores::of(&[], &[], 2), Err(ScoresError::Count { predicted: 0, truth: 0 }));
        assert_eq!(Scores::of(&[0], &[0, 1], 2), Err(ScoresError::Count { predicted: 1, truth: 2 }));
        let out_of_range = ScoresError::Label { sample: 1, label: 2, classes: 2 };
        assert_eq!(Scores::of(&[0, 2], &[0, 1], 2), Err(out_of_range.clone()));
        assert_eq!(Scores::of(&[0, 1], &[0, 2], 2), Err(out_of_range));
    }

    #[test]
    fn noise_is_measured_as_numpy_does() {
        let golden = Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/ranks/ranks.json"));
        let image = |name: &str| golden.get(name).iter().map(|v| *v as f32).collect::<Vec<_>>();
        let (a, b) = (image("psnr.image"), image("psnr.reference"));
        assert_relative_eq!(psnr(&a, &b, 1.0).unwrap(), golden.get("psnr.unit")[0], max_relative = 1e-12);
        assert_relative_eq!(psnr(&a, &b, 255.0).unwrap(), golden.get("psnr.byte")[0], max_relative = 1e-12);
        assert_eq!(psnr(&a, &a, 1.0), Ok(f64::INFINITY));
        assert_eq!(
            psnr(&a, &b[1..], 1.0),
            Err(ScoresError::Pixels { image: a.len(), reference: b.len() - 1 })
        );
        assert_eq!(psnr(&[], &[], 1.0), Err(ScoresError::Pixels { image: 0, reference: 0 }));
        assert_eq!(psnr(&a, &b, 0.0), Err(ScoresError::Peak { peak: 0.0 }));
    }

    proptest! {
        #[test]
        fn micro_f1_is_accuracy(pairs in prop::collection::vec((0usize..5, 0usize..5), 1..60)) {
            let (predicted, truth): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
            let scores = Scores::of(&predicted, &truth, 5).unwrap();
            prop_assert!((scores.micro_f1 - scores.accuracy).abs() < 1e-14);
            prop_assert!((0.0..=1.0).contains(&scores.macro_f1));
        }
    }
}

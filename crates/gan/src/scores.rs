//! How samples of a game are measured.

use serde::{Deserialize, Serialize};

use crate::{
    data::{Part, Sets},
    measures::{
        classifier_score, coverage, frechet_distance, kid, precision_recall, Coverage, FeatureStats, Points,
        DEFAULT_NEIGHBOURS,
    },
    recogniser::{Recogniser, CLASSES, FEATURES},
    GanError,
};

/// How samples do beside real images, by the features of our own classifier.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageScores {
    /// Fréchet distance of features; 0 is best.
    pub frechet: f64,
    /// exp E KL(p(y|x) ‖ p(y)), 1 to the number of classes.
    pub classifier_score: f64,
    /// Kernel distance of features; 0 is best.
    pub kernel: f64,
    /// The share of samples that lie among the real images.
    pub precision: f64,
    /// The share of real images that lie among the samples.
    pub recall: f64,
    /// How many of the classes have at least a hundredth of the samples.
    pub classes: usize,
}

/// Scores samples against real images of as large a number.
///
/// # Errors
/// [`GanError::Training`] where there are too few of either, or they are not finite.
pub fn image_scores(recogniser: &Recogniser, real: &Part, samples: &[f32]) -> Result<ImageScores, GanError> {
    let count = (samples.len() / 784).min(real.len());
    let real = recogniser.look(&real.values[..count * 784])?;
    let fake = recogniser.look(&samples[..count * 784])?;
    let measured = || -> Result<ImageScores, crate::measures::MeasureError> {
        let (a, b) = (Points::new(&real.features, FEATURES)?, Points::new(&fake.features, FEATURES)?);
        let scores = classifier_score(&Points::new(&fake.probabilities, CLASSES)?, 1)?;
        let near = precision_recall(&a, &b, DEFAULT_NEIGHBOURS)?;
        let mut counts = [0usize; CLASSES];
        fake.classes().into_iter().for_each(|class| counts[class] += 1);
        Ok(ImageScores {
            frechet: frechet_distance(&FeatureStats::of(&a)?, &FeatureStats::of(&b)?)?,
            classifier_score: scores.score,
            kernel: kid(&a, &b)?,
            precision: near.precision,
            recall: near.recall,
            classes: counts.iter().filter(|n| **n * 100 >= count).count(),
        })
    };
    measured().map_err(|why| GanError::Training(why.to_string()))
}

/// How samples cover the mixture of a toy set; `None` for images.
///
/// # Errors
/// [`GanError::Training`] where samples are not finite.
pub fn toy_coverage(sets: &Sets, samples: &[f32]) -> Result<Option<Coverage>, GanError> {
    let Some(mixture) = &sets.mixture else { return Ok(None) };
    let centres: Vec<f32> = mixture.centres().iter().flatten().map(|c| *c as f32).collect();
    let measured = Points::new(samples, 2)
        .and_then(|points| coverage(&points, &Points::new(&centres, 2)?, mixture.sigma()));
    measured.map(Some).map_err(|why| GanError::Training(why.to_string()))
}

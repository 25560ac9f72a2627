//! The randomizations of section 2.1: what is done to labels or inputs, drawn once and frozen.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What is randomized in a data set. Model, optimiser and learning rates stay as they are.
///
/// | corruption | definition |
/// |---|---|
/// | [`True`](Self::True) | nothing |
/// | [`Partial`](Self::Partial)`(p)` | each label, with probability p, becomes Uniform{1..K}; the true one may be drawn again, so p (1 − 1/K) are wrong |
/// | [`RandomLabels`](Self::RandomLabels) | p = 1 |
/// | [`ShuffledPixels`](Self::ShuffledPixels) | one permutation of positions for all inputs, training and test |
/// | [`RandomPixels`](Self::RandomPixels) | a permutation of its own for every input |
/// | [`Gaussian`](Self::Gaussian) | every value N(μ, σ²), with each channel's mean and variance over the training set |
///
/// # Reference
/// Zhang et al. (2017), section 2.1.
///
/// # Example
/// ```
/// use rethinking_generalization::Corruption;
/// assert_eq!("partial:0.4".parse(), Ok(Corruption::Partial(0.4)));
/// assert_eq!(Corruption::RandomPixels.to_string(), "random-pixels");
/// assert!("partial:1.5".parse::<Corruption>().unwrap_err().to_string().contains("0 to 1"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Corruption {
    /// Nothing is randomized.
    #[default]
    True,
    /// Each label is drawn anew with this probability, 0 to 1.
    Partial(f64),
    /// Every label is drawn anew.
    RandomLabels,
    /// One permutation of the positions of all inputs.
    ShuffledPixels,
    /// A permutation of the positions of each input.
    RandomPixels,
    /// Inputs are noise.
    Gaussian,
}

/// A text that names no corruption.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no corruption `{0}`: use true, partial:P with P from 0 to 1, random-labels, shuffled-pixels, \
     random-pixels or gaussian"
)]
pub struct CorruptionError(pub String);

/// Whether the labels of the test set are corrupted like those of the training set.
///
/// The paper measures on clean ones. A well-known port corrupts both, which hides what the model learned from the labels
/// that were left true: at p its test accuracy a is seen as about a (1 − p) + p / K.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TestLabels {
    /// As the data set has them.
    #[default]
    Clean,
    /// Corrupted with the same probability.
    Corrupted,
}

impl Corruption {
    /// The five of figure 1a, in the order in which the paper finds them to be fitted.
    pub const FIGURE_1A: [Corruption; 5] = [
        Corruption::True,
        Corruption::ShuffledPixels,
        Corruption::Gaussian,
        Corruption::RandomPixels,
        Corruption::RandomLabels,
    ];

    /// The probability with which a label is drawn anew.
    #[must_use]
    pub fn label_probability(self) -> f64 {
        match self {
            Corruption::Partial(p) => p,
            Corruption::RandomLabels => 1.0,
            _ => 0.0,
        }
    }

    /// Checks the probability.
    ///
    /// # Errors
    /// [`CorruptionError`] where it is not in 0 to 1.
    pub fn check(self) -> Result<Self, CorruptionError> {
        match self {
            Corruption::Partial(p) if !(0.0..=1.0).contains(&p) => Err(CorruptionError(self.to_string())),
            other => Ok(other),
        }
    }

    /// What a legend says.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Corruption::True => "true labels".into(),
            Corruption::Partial(p) => format!("{:.0} % of labels redrawn", 100.0 * p),
            Corruption::RandomLabels => "random labels".into(),
            Corruption::ShuffledPixels => "shuffled pixels".into(),
            Corruption::RandomPixels => "random pixels".into(),
            Corruption::Gaussian => "Gaussian inputs".into(),
        }
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Corruption::True => f.write_str("true"),
            Corruption::Partial(p) => write!(f, "partial:{p}"),
            Corruption::RandomLabels => f.write_str("random-labels"),
            Corruption::ShuffledPixels => f.write_str("shuffled-pixels"),
            Corruption::RandomPixels => f.write_str("random-pixels"),
            Corruption::Gaussian => f.write_str("gaussian"),
        }
    }
}

impl FromStr for Corruption {
    type Err = CorruptionError;

    fn from_str(text: &str) -> Result<Self, CorruptionError> {
        let unknown = || CorruptionError(text.to_owned());
        match text {
            "true" => Ok(Corruption::True),
            "random-labels" => Ok(Corruption::RandomLabels),
            "shuffled-pixels" => Ok(Corruption::ShuffledPixels),
            "random-pixels" => Ok(Corruption::RandomPixels),
            "gaussian" => Ok(Corruption::Gaussian),
            other => {
                let p = other.strip_prefix("partial:").and_then(|p| p.parse().ok()).ok_or_else(unknown)?;
                Corruption::Partial(p).check().map_err(|_| unknown())
            }
        }
    }
}

impl From<Corruption> for String {
    fn from(corruption: Corruption) -> Self {
        corruption.to_string()
    }
}

impl TryFrom<String> for Corruption {
    type Error = CorruptionError;
    fn try_from(text: String) -> Result<Self, CorruptionError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let all =
            Corruption::FIGURE_1A.into_iter().chain([Corruption::Partial(0.25), Corruption::Partial(1.0)]);
        for corruption in all {
            assert_eq!(corruption.to_string().parse(), Ok(corruption));
        }
        for bad in ["", "partial", "partial:", "partial:-0.1", "partial:NaN", "partial:inf", "noise", "True"]
        {
            let told = bad.parse::<Corruption>().unwrap_err().to_string();
            assert!(told.contains("random-pixels"), "{bad}: {told}");
        }
        assert!(Corruption::Partial(f64::NAN).check().is_err());
    }
}

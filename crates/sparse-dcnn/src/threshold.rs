//! What is kept of a transition matrix and its powers.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How far below σ an entry may lie and still be kept, relative to σ.
///
/// An entry is kept if it is at least σ (1 − 10⁻⁶). With P = D⁻¹A a node of degree m has entries 1/m, which for
/// σ = 1/m lie on the edge exactly, and sums of products in `f32` miss it by a few parts in 10⁷: without a tolerance,
/// rounding would decide.
pub const TOLERANCE: f64 = 1e-6;

/// Which entries are kept.
///
/// The text form, for flags and files, is `none`, `pre:0.05`, `post:0.05` or `top:20`.
///
/// # Reference
/// Section 2 of the paper: pre- and post-thresholding. [`TopK`](Self::TopK) is not the paper's; it is what graph
/// diffusion libraries offer beside a threshold.
///
/// # Example
/// ```
/// use sparse_dcnn::Threshold;
/// assert_eq!("pre:0.05".parse::<Threshold>()?, Threshold::Pre(0.05));
/// assert_eq!(Threshold::TopK(20).to_string(), "top:20");
/// # Ok::<(), sparse_dcnn::ThresholdError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Threshold {
    /// Everything: the exact powers P, P², …
    #[default]
    None,
    /// P̄_ij = P_ij where P_ij ≥ σ, and then the powers of P̄. All powers are those of the thresholded matrix.
    Pre(f64),
    /// The exact powers, of each of which the entries ≥ σ are kept.
    Post(f64),
    /// The exact powers, of each row of which the k largest entries are kept; of equal ones those of lower column.
    TopK(usize),
}

/// A threshold outside what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the threshold is {found}: it must be none, pre:SIGMA or post:SIGMA with SIGMA above 0, or top:K with K from 1")]
pub struct ThresholdError {
    /// What was found.
    pub found: String,
}

impl Threshold {
    /// Checks σ and k.
    ///
    /// # Errors
    /// [`ThresholdError`] for σ that is not above 0 or not finite, and for k = 0.
    pub fn check(self) -> Result<Self, ThresholdError> {
        let allowed = match self {
            Self::None => true,
            Self::Pre(sigma) | Self::Post(sigma) => sigma.is_finite() && sigma > 0.0,
            Self::TopK(k) => k > 0,
        };
        if allowed {
            Ok(self)
        } else {
            Err(ThresholdError { found: self.to_string() })
        }
    }

    /// Whether rows of the powers are computed one by one, because what is kept of P^k is no power of a kept matrix.
    #[must_use]
    pub fn needs_rows(self) -> bool {
        matches!(self, Self::Post(_) | Self::TopK(_))
    }
}

/// The smallest value that σ keeps: σ (1 − [`TOLERANCE`]). Above 0 for every σ above 0, so that a zero is never kept.
#[must_use]
pub fn edge(sigma: f64) -> f32 {
    const LEAST: f32 = f32::from_bits(1);
    ((sigma * (1.0 - TOLERANCE)) as f32).max(LEAST)
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Pre(sigma) => write!(f, "pre:{sigma}"),
            Self::Post(sigma) => write!(f, "post:{sigma}"),
            Self::TopK(k) => write!(f, "top:{k}"),
        }
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let error = || ThresholdError { found: format!("'{text}'") };
        let sigma = |text: &str| text.parse().map_err(|_| error());
        let parsed = match text.split_once(':') {
            None if text == "none" => Self::None,
            Some(("pre", value)) => Self::Pre(sigma(value)?),
            Some(("post", value)) => Self::Post(sigma(value)?),
            Some(("top", value)) => Self::TopK(value.parse().map_err(|_| error())?),
            _ => return Err(error()),
        };
        parsed.check()
    }
}

impl TryFrom<String> for Threshold {
    type Error = ThresholdError;

    fn try_from(text: String) -> Result<Self, ThresholdError> {
        text.parse()
    }
}

impl From<Threshold> for String {
    fn from(threshold: Threshold) -> Self {
        threshold.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_allowed_is_refused_with_what_is() {
        for text in [
            "", "pre", "pre:", "pre:x", "pre:0", "pre:-1", "post:nan", "post:inf", "top:0", "top:-1", "Pre:1",
        ] {
            let error = text.parse::<Threshold>().unwrap_err().to_string();
            assert!(error.contains("must be none, pre:SIGMA"), "{text}: {error}");
        }
        assert!(Threshold::Pre(f64::NAN).check().is_err());
    }

    #[test]
    fn fractions_on_the_edge_are_kept() {
        for m in 1..1000u32 {
            let sigma = 1.0 / f64::from(m);
            assert!((1.0 / m as f32) >= edge(sigma), "1/{m}");
            assert!((1.0 / (m + 1) as f32) < edge(sigma), "1/{m}");
        }
    }

    proptest! {
        #[test]
        fn text_and_json_round_trip(sigma in 1e-9f64..2.0, k in 1usize..1000, kind in 0..4) {
            let threshold = [Threshold::None, Threshold::Pre(sigma), Threshold::Post(sigma), Threshold::TopK(k)][kind as usize];
            prop_assert_eq!(threshold.to_string().parse::<Threshold>().unwrap(), threshold);
            let json = serde_json::to_string(&threshold).unwrap();
            prop_assert_eq!(serde_json::from_str::<Threshold>(&json).unwrap(), threshold);
        }
    }
}

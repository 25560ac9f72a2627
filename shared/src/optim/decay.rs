//! Weight decay, and which parameters it leaves alone.

use serde::{Deserialize, Serialize};

use super::error::{ensure, OptimError};

/// How weights are pulled towards zero.
///
/// # Reference
/// Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightDecay {
    /// Not at all.
    #[default]
    None,
    /// `g <- g + l w`, before the rule sees the gradient: the gradient of `l/2 |w|^2`. PyTorch's
    /// `weight_decay`.
    L2(f64),
    /// `w <- w - lr l w`, before the rule's own update, outside its averages. PyTorch's `AdamW`.
    Decoupled(f64),
}

impl WeightDecay {
    pub(crate) fn validate(&self, owner: &'static str) -> Result<(), OptimError> {
        let (Self::L2(l) | Self::Decoupled(l)) = *self else { return Ok(()) };
        ensure(l.is_finite() && l >= 0.0, owner, "weight_decay", l, "a finite number of at least 0")
    }
}

/// A choice of parameters by name.
///
/// A pattern is one or more trailing segments of a name: `bias` means `bias`, `0.bias` and
/// `encoder.2.bias`, but not `unbias`; `bn.weight` means `block.bn.weight` and not `weight`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamFilter {
    /// Every parameter.
    #[default]
    All,
    /// Every parameter that no pattern means.
    Except(Vec<String>),
    /// Every parameter that some pattern means.
    Only(Vec<String>),
}

impl ParamFilter {
    /// Every parameter that none of `patterns` means.
    pub fn except<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Except(patterns.into_iter().map(str::to_string).collect())
    }

    /// Every parameter that one of `patterns` means.
    pub fn only<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Only(patterns.into_iter().map(str::to_string).collect())
    }

    /// Whether the parameter called `name` is among the chosen.
    pub fn chooses(&self, name: &str) -> bool {
        let meant = |patterns: &[String]| patterns.iter().any(|p| is_tail(p, name));
        match self {
            Self::All => true,
            Self::Except(patterns) => !meant(patterns),
            Self::Only(patterns) => meant(patterns),
        }
    }
}

fn is_tail(pattern: &str, name: &str) -> bool {
    name.strip_suffix(pattern).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_whole_trailing_segments() {
        let filter = ParamFilter::except(["bias", "bn.weight"]);
        for name in ["bias", "0.bias", "a.b.bias", "bn.weight", "block.bn.weight"] {
            assert!(!filter.chooses(name), "{name}");
        }
        for name in ["weight", "unbias", "0.weight", "abn.weight", "bias.weight"] {
            assert!(filter.chooses(name), "{name}");
        }
        assert!(ParamFilter::only(["bias"]).chooses("0.bias"));
        assert!(!ParamFilter::only(["bias"]).chooses("0.weight"));
        assert!(ParamFilter::All.chooses(""));
    }
}

//! Every setting of a run.

use dcnn::ConfigError;
use serde::{Deserialize, Serialize};

use crate::{powers::Sparsify, SparseError};

/// Settings of a sparse DCNN: what is kept of the powers, and the settings of the network, which thresholding does not
/// change.
///
/// [`Config::default`] keeps everything: the same network as [`dcnn`]'s, computed without any power. Set a threshold
/// where the kernel must be small, or to measure what it costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What is kept of the transition matrix or its powers. Default all.
    pub sparsify: Sparsify,
    /// Hops, normalization, loss, optimiser and epochs: the defaults are the DCNN paper's.
    pub network: dcnn::Config,
}

/// A [`Config`] that was found valid.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedConfig(Config);

impl Config {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`SparseError`] for the first that is not allowed.
    pub fn validate(self) -> Result<CheckedConfig, SparseError> {
        self.sparsify.threshold.check()?;
        self.network.clone().validate()?;
        if self.network.leak_validation {
            // The switch of dcnn measures a mistake of the authors' program for the first paper.
            let (field, value) = ("network.leak_validation", "true".into());
            let allowed =
                "false here; `dcnn reproduce validation-leak` measures what the mistake is worth".into();
            return Err(ConfigError { field, value, allowed }.into());
        }
        Ok(CheckedConfig(self))
    }
}

impl std::ops::Deref for CheckedConfig {
    type Target = Config;
    fn deref(&self) -> &Config {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threshold;

    #[test]
    fn the_defaults_are_allowed_and_survive_json() {
        let config = Config { sparsify: Threshold::Post(0.05).into(), ..Config::default() };
        let json = serde_json::to_string(&config).unwrap();
        assert!(json.contains("\"post:0.05\""), "{json}");
        assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
        assert!(config.validate().is_ok());
        assert!(serde_json::from_str::<Config>(r#"{"sparsify":{"threshold":"pre:-1"}}"#).is_err());
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let mut config = Config::default();
        config.sparsify.threshold = Threshold::TopK(0);
        assert!(config.clone().validate().unwrap_err().to_string().contains("top:K with K from 1"));
        config.sparsify.threshold = Threshold::None;
        config.network.hops = 99;
        assert!(config.validate().unwrap_err().to_string().contains("hops is 99"));
    }
}

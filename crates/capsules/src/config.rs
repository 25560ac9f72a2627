//! Every setting of a run, with the paper's values as defaults.

use serde::{Deserialize, Serialize};
use shared::ops::routing::Routing;

use crate::loss::Margin;

/// The paper's weight of the reconstruction loss.
pub const RECONSTRUCTION: f64 = 0.0005;

/// Settings of a network and its training. [`Config::default`] is the paper's MNIST network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The kind of network. Default a CapsNet.
    pub model: Model,
    /// How large. Default the paper's.
    pub size: Size,
    /// Passes, gradients and coupling. Default r = 3, gradients through the last weighted sum.
    pub routing: Routing,
    /// The loss of the class capsules.
    pub margin: Margin,
    /// The weight of the reconstruction loss, as a factor of its sum over pixels; 0 trains no decoder. Default 0.0005.
    pub reconstruction: f64,
    /// Whether the reconstruction loss is the mean over pixels, as in many public versions. Default no, the sum.
    pub reconstruction_mean: bool,
    /// The factor of the convolution behind the first capsules. Default 1.
    pub primary_scale: PrimaryScale,
    /// Whether s has a learned bias, as in the authors' code. Default no.
    pub routing_bias: bool,
    /// How weights start. Default as layers are built.
    pub init: Init,
    /// Adam's learning rate. Default 0.001.
    pub lr: f64,
    /// The factor of the learning rate each [`decay_steps`](Self::decay_steps). Default 0.96.
    pub decay: f64,
    /// Steps in which the learning rate falls by [`decay`](Self::decay), smoothly. Default 2000, the authors'.
    pub decay_steps: u32,
    /// Examples a step. Default 128.
    pub batch_size: usize,
    /// Passes over the training set. Default 5.
    pub epochs: usize,
    /// Fixes initial weights, the order of examples and their shifts. Default 0.
    pub seed: u64,
}

/// Kinds of network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// Capsules.
    #[default]
    CapsNet,
    /// The convolutional network that the paper compares with, at the CapsNet's number of weights.
    Cnn,
}

/// Sizes of network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// The paper's: 256 maps, 32 kinds of capsules.
    #[default]
    Paper,
    /// 64 maps, 8 kinds: about 13 times cheaper.
    Small,
    /// 16 maps, 4 kinds: for seconds.
    Tiny,
}

/// The factor of the convolution behind the first capsules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrimaryScale {
    /// 1: the paper's text.
    #[default]
    One,
    /// 1 / kinds of capsules: what the authors' code comes to.
    Types,
}

/// Initial weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Convolutions and decoder uniform within ±1/√inputs, W from N(0, 0.05²), biases of convolutions likewise uniform.
    /// The paper does not say.
    #[default]
    Layers,
    /// Truncated normals with σ = 0.05 (first convolution) and 0.1 (all else), biases 0.1: the authors' code.
    Authors,
}

/// A setting outside what is allowed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field} is {value}: it must be {allowed}")]
pub struct ConfigError {
    /// The setting.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What it may be, and what to do.
    pub allowed: String,
}

/// A [`Config`] that was found valid; all that training accepts.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedConfig(Config);

impl Default for Config {
    fn default() -> Self {
        Config {
            model: Model::CapsNet,
            size: Size::Paper,
            routing: Routing::default(),
            margin: Margin::default(),
            reconstruction: RECONSTRUCTION,
            reconstruction_mean: false,
            primary_scale: PrimaryScale::One,
            routing_bias: false,
            init: Init::Layers,
            lr: 1e-3,
            decay: 0.96,
            decay_steps: 2000,
            batch_size: 128,
            epochs: 5,
            seed: 0,
        }
    }
}

impl Config {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`ConfigError`] for the first that is not allowed.
    pub fn validate(self) -> Result<CheckedConfig, ConfigError> {
        let error =
            |field, value: String, allowed: &str| Err(ConfigError { field, value, allowed: allowed.into() });
        if !(1..=100).contains(&self.routing.iterations) {
            let allowed = "from 1 (no routing, c = 1 / J) to 100; the paper has 3";
            return error("routing.iterations", self.routing.iterations.to_string(), allowed);
        }
        let margin = self.margin;
        for (field, value) in [("margin.present", margin.present), ("margin.absent", margin.absent)] {
            if !(0.0..=1.0).contains(&value) {
                return error(field, value.to_string(), "from 0 to 1, as lengths of capsules are");
            }
        }
        for (field, value) in [
            ("margin.absent_weight", margin.absent_weight),
            ("margin.scale", margin.scale),
            ("reconstruction", self.reconstruction),
        ] {
            if !(0.0..=1e6).contains(&value) {
                return error(field, value.to_string(), "from 0 to 1000000");
            }
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return error("lr", self.lr.to_string(), "a finite number above 0; the paper has 0.001");
        }
        if !(self.decay > 0.0 && self.decay <= 1.0) {
            return error("decay", self.decay.to_string(), "above 0 and at most 1, which is no decay");
        }
        if self.decay_steps == 0 {
            return error("decay_steps", "0".into(), "at least 1");
        }
        if !(1..=1 << 16).contains(&self.batch_size) {
            return error("batch_size", self.batch_size.to_string(), "from 1 to 65536");
        }
        if !(1..=100_000).contains(&self.epochs) {
            return error("epochs", self.epochs.to_string(), "from 1 to 100000");
        }
        if self.routing_bias && self.size == Size::Paper {
            let allowed = "left out at the paper's size: add `--size small`, where its cost is measured";
            return error("routing_bias", "set".into(), allowed);
        }
        if self.routing_bias && self.model == Model::Cnn {
            return error(
                "routing_bias",
                "set".into(),
                "left out of a convolutional network, which routes nothing",
            );
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

    #[test]
    fn the_defaults_are_allowed_and_survive_json() {
        let config = Config::default();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
        assert_eq!(config.clone().validate().unwrap().routing.iterations, 3);
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let sentence = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert!(
            sentence(|c| c.routing.iterations = 0).starts_with("routing.iterations is 0: it must be from 1")
        );
        assert!(sentence(|c| c.margin.present = 1.5).contains("margin.present is 1.5"));
        assert!(sentence(|c| c.reconstruction = f64::NAN).contains("reconstruction is NaN"));
        assert!(sentence(|c| c.lr = -1.0).contains("lr is -1"));
        assert!(sentence(|c| c.decay = 0.0).contains("decay is 0"));
        assert!(sentence(|c| c.batch_size = 0).contains("batch_size is 0"));
        assert!(sentence(|c| c.epochs = 0).contains("epochs is 0"));
        assert!(sentence(|c| c.routing_bias = true).contains("--size small"));
        let biased_cnn = |c: &mut Config| {
            (c.model, c.size, c.routing_bias) = (Model::Cnn, Size::Small, true);
        };
        assert!(sentence(biased_cnn).contains("convolutional"));
    }
}

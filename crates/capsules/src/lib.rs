#![doc = include_str!("../README.md")]

mod baseline;
mod capsnet;
#[cfg(feature = "cli")]
pub mod cli;
mod config;
pub mod data;
mod decoder;
mod digit_caps;
mod error;
mod loss;
mod network;
mod primary_caps;
mod task;
mod trainer;

#[doc(hidden)]
pub use shared as __shared;

#[doc(hidden)]
pub use capsnet::primary_side;
pub use capsnet::{presets, CapsModel, CapsSizes};
pub use config::{CheckedConfig, Config, ConfigError, Init, Model, PrimaryScale, Size, RECONSTRUCTION};
pub use decoder::Decoder;
pub use digit_caps::{route, BiasedDigitCaps, DigitCaps, WEIGHT_STD};
pub use error::CapsError;
pub use loss::{margin_loss, reconstruction_loss, Margin};
pub use primary_caps::PrimaryCaps;
pub use task::{Parts, Task};
pub use trainer::{RunOptions, Score, Told, Trained};

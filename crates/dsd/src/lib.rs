#![doc = include_str!("../README.md")]

mod claims;
#[cfg(feature = "cli")]
pub mod cli;
mod config;
mod controller;
pub mod diagnostics;
mod error;
pub mod experiment;
mod layers;
mod mask;
mod model;
mod target;

pub use claims::{CLAIMS, DEVIATIONS};
pub use config::{DsdConfig, Kind, Phase, Restore, StatePolicy};
pub use controller::{Achieved, Begun, Dsd, LayerReport};
pub use error::DsdError;
pub use layers::{Layer, Layers};
pub use mask::{mask_of, survivors, Scope, Selection};
pub use model::{Lenet300, Model, ModelError};
pub use target::{Masked, Target};

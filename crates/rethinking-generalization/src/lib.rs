#![doc = include_str!("../README.md")]

mod claims;
#[cfg(feature = "cli")]
pub mod cli;
mod config;
mod corruption;
mod error;
mod examples;
pub mod experiment;
pub mod kernel;
pub mod probe;
mod product;
pub mod theory;
pub mod trial;

pub use claims::{CLAIMS, DEVIATIONS};
pub use config::{Config, Init, InitError, Regularizers, WEIGHT_DECAY};
pub use corruption::{Corruption, CorruptionError, TestLabels};
pub use error::LabError;
pub use examples::{Corrupted, Examples, Images, Layout, Part, Preparation, Table};
pub use trial::{randomization_test, EpochPoint, Plan, Trial};

#![doc = include_str!("../README.md")]

mod config;
mod dcnn;
mod error;
mod examples;
mod layer;
mod network;
mod trainer;

pub use config::{CheckedConfig, Config, ConfigError, Init, Loss, MAX_HOPS};
pub use dcnn::{Dcnn, SavedDcnn};
pub use error::DcnnError;
pub use examples::{Examples, Labels};
pub use layer::{slices, DiffusionConv};
pub use trainer::RunOptions;

#![doc = include_str!("../README.md")]

pub mod baselines;
mod claims;
#[cfg(feature = "cli")]
pub mod cli;
mod config;
mod data;
mod dcnn;
mod error;
mod examples;
pub mod experiment;
mod layer;
mod network;
mod trainer;

pub use claims::{CLAIMS, DEVIATIONS};
pub use config::{CheckedConfig, Config, ConfigError, Init, Loss, Pooling, MAX_HOPS};
pub use data::{load_graphs, load_nodes, GraphData, NodeData, Source, SYNTHETIC};
pub use dcnn::{Dcnn, SavedDcnn};
pub use error::DcnnError;
pub use examples::{Examples, Labels};
pub use layer::{slices, DiffusionConv};
pub use trainer::RunOptions;

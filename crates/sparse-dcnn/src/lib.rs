#![doc = include_str!("../README.md")]

pub mod bounds;
mod config;
mod diffusion;
mod error;
mod graph;
mod model;
mod powers;
mod series;
mod threshold;

pub use config::{CheckedConfig, Config};
pub use diffusion::{diffuse, Features};
pub use error::SparseError;
pub use graph::{Additions, Graph};
pub use model::{examples, SavedSparseDcnn, SparseDcnn};
pub use powers::{keep_entries, pre_threshold, Powers, Sparsify, Walk};
pub use series::{count_entries, power_series, power_series_rows, Series};
pub use threshold::{edge, Threshold, ThresholdError, TOLERANCE};

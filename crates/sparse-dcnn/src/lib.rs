#![doc = include_str!("../README.md")]

pub mod bounds;
mod diffusion;
mod error;
mod powers;
mod series;
mod threshold;

pub use diffusion::{diffuse, Features};
pub use error::SparseError;
pub use powers::{keep_entries, pre_threshold, Powers, Sparsify, Walk};
pub use series::{count_entries, power_series, power_series_rows, Series};
pub use threshold::{edge, Threshold, ThresholdError, TOLERANCE};

#![doc = include_str!("../README.md")]

mod blocks;
pub mod bounds;
mod budget;
mod claims;
#[cfg(feature = "cli")]
pub mod cli;
mod config;
pub mod data;
mod diffusion;
mod error;
pub mod experiment;
mod graph;
mod memory;
mod model;
mod powers;
mod series;
mod threshold;

pub use blocks::{block_from_bytes, block_to_bytes, blocks, matrix_digest, shard_blocks, SeriesHeader};
pub use budget::{sigma_for, Side};
pub use claims::{CLAIMS, DEVIATIONS};
pub use config::{CheckedConfig, Config};
pub use diffusion::{diffuse, Features};
pub use error::SparseError;
pub use graph::{Additions, Graph};
pub use memory::{
    dense_bytes, estimate_sparse, memory_bytes, plan, series_bytes, Bytes, MemoryPlan, Sizes, SparseEntries,
    BASE_BYTES,
};
pub use model::{examples, SavedSparseDcnn, SparseDcnn};
pub use powers::{keep_entries, pre_threshold, Powers, Sparsify, Walk};
pub use series::{count_entries, power_series, power_series_rows, Series};
pub use threshold::{edge, Threshold, ThresholdError, TOLERANCE};

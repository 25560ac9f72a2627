//! Interpolation with kernels: no regularizer, no training, one linear system.
mod available_memory;
mod bandwidth;
mod cholesky;
mod error;
mod exp;
mod gaussian;
mod machine;
mod memory;
mod pipeline;
mod points;
mod preprocess;
mod scores;
mod solve;
mod tiles;

pub use available_memory::available_memory;
pub use bandwidth::{choose_bandwidth, BandwidthChoice, BandwidthTrial, LabelledRows};
pub use cholesky::{Progress, TiledCholesky};
pub use error::KernelError;
pub use gaussian::{Kernel, KernelMatrix};
pub use machine::{one_hot, FitOptions, KernelMachine, TrainingSet};
pub use memory::{estimate, MemoryEstimate};
pub use points::Points;
pub use preprocess::{deskew, gaussian_blur, unit_norm, Preprocess};
pub use scores::Residual;
pub use tiles::{TileGrid, TileSource, TiledSymmetric, TILE};

//! Interpolation with kernels: no regularizer, no training, one linear system (section 5 and Table 3 of the paper).
//!
//! [`KernelMachine`] solves K α = Y for one-hot targets Y, and from one factorization for every prefix of the rows;
//! [`choose_bandwidth`] picks σ on held-out training rows; [`Preprocess`] blurs, straightens and scales images first.
//! [`ConvFeatures`] and [`gram_accumulate`] do the same for more random convolutional features than can be held.
//! Under all of it lies [`TiledCholesky`]: half of the matrix in memory, all threads busy, the same bits at any number
//! of them. [`estimate`] says what a fit takes before it takes it.

mod bandwidth;
mod cholesky;
mod conv_features;
mod conv_gram;
mod error;
mod exp;
mod gaussian;
mod machine;
mod memory;
mod points;
mod preprocess;
mod scores;
mod solve;
mod tiles;

pub use bandwidth::{choose_bandwidth, BandwidthChoice, BandwidthTrial, LabelledRows};
pub use cholesky::{Progress, TiledCholesky};
pub use conv_features::{ConvFeatures, ConvOptions};
pub use conv_gram::{gram_accumulate, ConvGram, ConvMachine};
pub use error::KernelError;
pub use gaussian::{Kernel, KernelMatrix};
pub use machine::{one_hot, FitOptions, KernelMachine, TrainingSet};
pub use memory::{estimate, MemoryEstimate};
pub use points::Points;
pub use preprocess::{deskew, gaussian_blur, unit_norm, Preprocess};
pub use scores::Residual;
pub use tiles::{TileGrid, TileSource, TiledSymmetric, TILE};

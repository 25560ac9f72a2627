//! Interpolation with kernels: no regularizer, no training, one linear system.
mod cholesky;
mod error;
mod exp;
mod pipeline;
mod solve;
mod tiles;

pub use cholesky::{Progress, TiledCholesky};
pub use error::KernelError;
pub use tiles::{TileGrid, TileSource, TiledSymmetric, TILE};

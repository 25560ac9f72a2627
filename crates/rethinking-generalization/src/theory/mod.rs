//! The paper's mathematics, executable: what networks of a given size can express, and what least norm means.
//!
//! | module | the paper says | here |
//! |---|---|---|
//! | [`finite_sample`] | Theorem 1: 2n + d weights fit any labels of any n points | the network, in O(n d + n log n) |
//! | [`classifier`] | so they fit any classes | the same network, rounded to the nearest class |
//! | [`triangular`] | Lemma 1: the system is triangular, its eigenvalues are on the diagonal | the matrix of the proof |
//! | [`deep`] | the corollary: depth k, width O(n/k), O(n + d) weights | the network, layer by layer |
//! | [`export`] | | the same network as a dfdx model |
//! | [`min_norm`] | section 5: X Xᵀ α = y has one solution, of least norm | that solution |
//! | [`linear_sgd`] | section 5: SGD from 0 finds it; the curvature cannot tell minima apart | SGD and the Hessian |
//!
//! Everything is `f64`, and every result is the same to the last bit at any number of threads.

pub mod classifier;
pub mod deep;
pub mod direction;
mod double;
pub mod error;
pub mod export;
pub mod finite_sample;
pub mod linear_sgd;
pub mod min_norm;
pub mod triangular;

pub use classifier::FiniteSampleClassifier;
pub use deep::DeepNet;
pub use direction::Direction;
pub use error::TheoryError;
pub use finite_sample::{FiniteSampleNet, FitReport, Fitted};
pub use linear_sgd::{LinearSgd, StepSize};
pub use min_norm::MinNorm;

//! The paper's baselines, tuned on validation data.
//!
//! | baseline | here | the paper's name |
//! |---|---|---|
//! | most frequent class | [`majority_fit_and_test`] | (none) |
//! | softmax regression on node features, L1 or L2 penalty | [`Logistic`], [`logistic_fit_and_test`] | `l1logistic`, `l2logistic` |
//! | linear SVM on rows of exp(alpha A) | [`GraphKernel`], [`LinearSvm`], [`kernel_fit_and_test`] | KED |
//! | linear SVM on rows of exp(-alpha L) | the same | KLED |
//!
//! Each is fitted on the training rows for every setting of a [`Grid`], chosen on the validation rows
//! and scored once on the test rows: the protocol that the DCNN itself keeps. The kernels are exact
//! and alpha and C are really tuned, where the paper's authors cut the series after five terms with
//! one coefficient for all of them.
//!
//! Nothing here depends on the number of threads: results are the same to the last bit.
//!
//! # Reference
//! Atwood and Towsley, "Diffusion-Convolutional Neural Networks", NIPS 2016, the baselines of the experiments.

mod check;
mod error;
mod kernels;
mod logistic;
mod matrix;
mod newton;
mod owlqn;
mod select;
mod svm;
#[cfg(test)]
mod tests;

pub use error::BaselineError;
pub use kernels::{GraphKernel, KernelKind, Normalisation};
pub use logistic::{Logistic, LogisticOptions, Penalty};
pub use matrix::Matrix;
pub use select::{
    kernel_fit_and_test, logistic_fit_and_test, majority_fit_and_test, BaselineResult, Chosen, Doubling,
    Grid, Setting, Split, Task,
};
pub use svm::{LinearSvm, SvmOptions};

pub use shared::graph::Csr;
pub use shared::train::metrics::Scores;

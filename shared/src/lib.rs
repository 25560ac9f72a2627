//! What the eight Eightfold paper crates share: tensors and ops, layers, training, graphs, claims, programs.
//!
//! | module | holds |
//! |---|---|
//! | [`device`] | the one place that picks a device, the bridge that puts an op on dfdx's tape |
//! | [`ops`] | differentiable ops, each with a fast CPU kernel and a form composed of dfdx's ops |
//! | [`nn`] | layers with their sizes in their types, the [`module!`] macro, state dictionaries and their files |
//! | [`zoo`] | the image classifiers that several papers train, and the step that trains them; a model of text |
//! | [`optim`] | SGD, Adam, AdaGrad, RMSprop with state that can be read, masked and saved; schedules |
//! | [`train`] | the training loop, checkpoints, early stopping, the record of a run, scores |
//! | [`parallel`] | many trainings side by side, tasks that wait for earlier ones; the same results at any number of threads |
//! | [`graph`] | petgraph in; transition matrices, diffusions, generators, statistics out |
//! | [`claims`] | a paper's claims as values: measured over seeds, judged by intervals, written down |
//! | `cli` (feature `cli`) | the verbs, flags, figures and exit codes of every program |
//! | [`files`] | atomic writing |
//! | [`testing`] | finite differences and golden files |
//!
//! dfdx supplies tensors and the tape. Whatever is trained here works on any dfdx model, and every result is the same
//! to the last bit at any number of threads.
//!
//! # Features
//! `cli` brings the programs' half with clap and plotters; `cuda` the CUDA device; `cuda-check` type-checks the CUDA
//! build on a machine without its toolkit; `testing` the path of a device without kernels, for tests.
//!
//! # Example
//! A two-layer network learns exclusive or.
//!
//! ```
//! use shared::dfdx::prelude::*;
//! use shared::nn::{Activation, Linear};
//! use shared::ops::{cross_entropy::softmax_cross_entropy, targets::Targets};
//! use shared::optim::{Adam, AdamConfig};
//!
//! shared::module! {
//!     /// Two inputs, eight hidden units, two classes.
//!     struct Mlp<E, D> {
//!         hidden: Linear<2, 8, E, D>,
//!         output: Linear<8, 2, E, D>,
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dev = Cpu::seed_from_u64(0);
//! let mut mlp: Mlp<f32, Cpu> = BuildModule::build(&dev);
//! let mut optimizer = Adam::new(AdamConfig { lr: 0.05, ..AdamConfig::default() })?;
//! let x: Tensor<(Const<4>, Const<2>), f32, _> = dev.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]]);
//! let y = Targets::new(vec![0, 1, 1, 0], 2)?;
//!
//! let mut grads = mlp.alloc_grads();
//! let mut last = f32::INFINITY;
//! for _ in 0..200 {
//!     let hidden = mlp.hidden.forward(x.trace(grads), Activation::Tanh)?;
//!     let scores = mlp.output.forward(hidden, Activation::Identity)?;
//!     let loss = softmax_cross_entropy(scores, &y)?;
//!     last = loss.array();
//!     grads = loss.backward();
//!     optimizer.step(&mut mlp, &mut grads)?;
//! }
//! assert!(last < 0.05, "{last}");
//! # Ok(())
//! # }
//! ```
pub mod claims;
#[cfg(feature = "cli")]
pub mod cli;
pub mod device;
pub mod files;
pub mod graph;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod parallel;
pub mod testing;
pub mod train;
pub mod zoo;

/// The tensor library, re-exported so that a user's version cannot drift from ours.
pub use dfdx;
/// Float traits, as dfdx uses them; the `module!` macro needs them by name.
pub use num_traits;
/// The graph library, re-exported so that a user's version cannot drift from ours.
pub use petgraph;
/// Distributions, as dfdx uses them; the `module!` macro needs them by name.
pub use rand_distr;
/// The sparse-matrix library, re-exported so that a user's version cannot drift from ours.
pub use sprs;

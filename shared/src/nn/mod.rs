//! Layers with their shapes in their types, and the macro that makes models of them.
//!
//! A layer is a struct of dfdx tensors with an inherent `forward`; a model is a struct of layers declared with
//! [`module!`](crate::module), which writes dfdx's `TensorCollection` for it (so gradients, optimisers and
//! state files work) and checks at compile time that every layer's sizes fit ([`Checked`]).
//!
//! ```
//! use shared::{dfdx::prelude::*, device::Backend, nn::{Linear, Activation}};
//!
//! shared::module! {
//!     /// 784 pixels to 10 classes.
//!     pub struct Mlp<E, D> {
//!         /// Hidden layer.
//!         pub hidden: Linear<784, 128, E, D>,
//!         /// Class scores.
//!         pub output: Linear<128, 10, E, D>,
//!     }
//! }
//!
//! impl<D: Backend> Mlp<f32, D> {
//!     fn forward<B: Dim, T: Tape<f32, D>>(
//!         &self,
//!         x: Tensor<(B, Const<784>), f32, D, T>,
//!     ) -> Result<Tensor<(B, Const<10>), f32, D, T>, D::Err> {
//!         let x: Tensor<(B, Const<128>), _, _, _> = self.hidden.forward(x, Activation::Relu)?;
//!         self.output.forward(x, Activation::Identity)
//!     }
//! }
//!
//! let dev = Cpu::seed_from_u64(0);
//! let mlp: Mlp<f32, Cpu> = BuildModule::try_build(&dev)?;
//! let scores = mlp.forward(dev.zeros_like(&(3, Const)))?;
//! assert_eq!(scores.shape(), &(3, Const::<10>));
//! # Ok::<(), CpuError>(())
//! ```

mod batch_norm;
mod conv;
mod conv_fits;
mod conv_transpose;
mod dim;
mod dropout;
mod embedding;
mod flatten;
pub mod init;
mod linear;
mod lstm;
mod module;
mod pass;
mod pool;
pub mod state;
pub(crate) mod walk;

pub use crate::ops::conv2d::{conv_out, conv_transpose_out};
pub use crate::ops::linear::Activation;
pub use batch_norm::{BatchNorm1d, BatchNorm2d};
pub use conv::{Conv2d, Conv2dNoBias};
pub use conv_transpose::ConvTranspose2d;
pub use dim::RunTime;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use linear::Linear;
pub use lstm::{Gates, Lstm};
pub use module::Checked;
pub use pass::{Pass, Training};
pub use pool::{AvgPool2d, GlobalAvgPool2d, MaxPool2d};

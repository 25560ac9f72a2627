//! The diffusion-convolution, on dense activations and fused with its classifier on sparse ones.
//!
//! Atwood and Towsley's layer is Z = f(W^c ⊙ P*X): one weight for each hop and feature, f = tanh. P*X does not
//! depend on any weight, so it is computed once ([`crate::graph`]) and enters here as S = [X, PX, .., P^H X].
//! S has few non-zeros and tanh 0 = 0, so Z has the same few; [`diffusion_classifier`] works on those alone.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod sparse_rows;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Axis, Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use crate::device::kernel_or;
pub use sparse_rows::{SparseRows, SparseRowsError};

use super::linear::{self, Activation};

/// Z = tanh(W^c ⊙ S), for activations held dense.
///
/// # Shapes
/// S: (B, H, F), W^c: (H, F), Z: (B, H, F), with B nodes (or graphs), H slices (hops + 1) and F features.
///
/// # Errors
/// The device's: out of memory.
///
/// # Reference
/// Atwood and Towsley (2016), equations 2 and 4.
pub fn diffusion_conv<B: Dim, H: Dim, F: Dim, D: DiffusionKernel, T: Tape<f32, D>>(
    diffused: Tensor<(B, H, F), f32, D, T>,
    weight: &Tensor<(H, F), f32, D>,
) -> Result<Tensor<(B, H, F), f32, D, T>, D::Err> {
    kernel_or!(D::diffusion_conv(diffused, weight), composed_conv(diffused, weight))
}

/// f(tanh(W^c ⊙ S) Wᵀ + b), for activations held sparse: a whole DCNN in one op.
///
/// The tape comes in on W^c, the first tensor of the computation.
///
/// # Shapes
/// S: B sparse rows of H F columns (column j F + k is feature k at hop j), W^c: (H, F), W: (C, H F), b: (C),
/// result: (B, C).
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// O(nnz(S) C) forward and backward, plus O(H F C) to lay out the weights.
///
/// # Reference
/// Atwood and Towsley (2016), equations 2 to 5.
pub fn diffusion_classifier<H: Dim, F: Dim, K: Dim, C: Dim, D: DiffusionKernel, T: Tape<f32, D>>(
    diffused: &SparseRows,
    conv: Tensor<(H, F), f32, D, T>,
    weight: &Tensor<(C, K), f32, D>,
    bias: &Tensor<(C,), f32, D>,
    activation: Activation,
) -> Result<Tensor<(usize, C), f32, D, T>, D::Err> {
    let (h, f) = (conv.shape().0.size(), conv.shape().1.size());
    assert_eq!(
        (diffused.cols(), weight.shape().1.size()),
        (h * f, h * f),
        "columns of S and of W against hops and features"
    );
    kernel_or!(
        D::diffusion_classifier(diffused, conv, weight, bias, activation),
        composed_classifier(diffused, conv, weight, bias, activation)
    )
}

/// [`diffusion_conv`] and [`diffusion_classifier`] on a device. The provided methods compose dfdx ops.
pub trait DiffusionKernel: linear::LinearKernel {
    /// See [`diffusion_conv`].
    ///
    /// # Errors
    /// The device's.
    fn diffusion_conv<B: Dim, H: Dim, F: Dim, T: Tape<f32, Self>>(
        diffused: Tensor<(B, H, F), f32, Self, T>,
        weight: &Tensor<(H, F), f32, Self>,
    ) -> Result<Tensor<(B, H, F), f32, Self, T>, Self::Err> {
        composed_conv(diffused, weight)
    }

    /// See [`diffusion_classifier`].
    ///
    /// # Errors
    /// The device's.
    fn diffusion_classifier<H: Dim, F: Dim, K: Dim, C: Dim, T: Tape<f32, Self>>(
        diffused: &SparseRows,
        conv: Tensor<(H, F), f32, Self, T>,
        weight: &Tensor<(C, K), f32, Self>,
        bias: &Tensor<(C,), f32, Self>,
        activation: Activation,
    ) -> Result<Tensor<(usize, C), f32, Self, T>, Self::Err> {
        composed_classifier(diffused, conv, weight, bias, activation)
    }
}

/// The oracle of [`diffusion_conv`], for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed_conv<B: Dim, H: Dim, F: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    diffused: Tensor<(B, H, F), E, D, T>,
    weight: &Tensor<(H, F), E, D>,
) -> Result<Tensor<(B, H, F), E, D, T>, D::Err> {
    let shape = *diffused.shape();
    let weight = weight.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?;
    diffused.try_mul(weight)?.try_tanh()
}

/// The oracle of [`diffusion_classifier`]: S made dense, then dfdx's ops.
///
/// # Errors
/// The device's.
pub fn composed_classifier<H: Dim, F: Dim, K: Dim, C: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    diffused: &SparseRows,
    conv: Tensor<(H, F), E, D, T>,
    weight: &Tensor<(C, K), E, D>,
    bias: &Tensor<(C,), E, D>,
    activation: Activation,
) -> Result<Tensor<(usize, C), E, D, T>, D::Err> {
    let (columns, device) = (weight.shape().1, conv.device().clone());
    let dense = diffused.to_dense().into_iter().map(|v| E::from_f32(v).unwrap_or_default()).collect();
    let dense = device.try_tensor_from_vec(dense, (diffused.rows(), columns))?;
    let conv =
        conv.try_reshape_like(&(columns,))?.try_broadcast_like::<_, Axis<0>>(&(diffused.rows(), columns))?;
    linear::composed(conv.try_mul(dense)?.try_tanh()?, weight, bias, activation)
}

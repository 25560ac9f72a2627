//! Softmax cross-entropy over class scores.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Axis, Dim, Dtype, Rank0},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::targets::{one_hot, scalar, Targets};

/// Mean over the batch of −log softmax(oᵢ)ᵧ, with y the target of row i.
///
/// # Shapes
/// scores o: (B, C), result: a scalar.
///
/// # Errors
/// The device's: out of memory.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::{cross_entropy::softmax_cross_entropy, targets::Targets}};
/// let dev = Cpu::default();
/// let scores = dev.tensor([[0.0, 0.0], [0.0, 0.0]]);
/// let loss = softmax_cross_entropy(scores, &Targets::new(vec![0, 1], 2)?)?;
/// assert!((loss.array() - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn softmax_cross_entropy<B: Dim, C: Dim, D: CrossEntropyKernel, T: Tape<f32, D>>(
    scores: Tensor<(B, C), f32, D, T>,
    targets: &Targets,
) -> Result<Tensor<Rank0, f32, D, T>, D::Err> {
    let sizes = (scores.shape().0.size(), scores.shape().1.size());
    D::softmax_cross_entropy(scores.try_reshape_like(&sizes)?, targets)
}

/// [`softmax_cross_entropy`] on a device. The provided method is the composition of dfdx ops.
pub trait CrossEntropyKernel: Device<f32> {
    /// See [`softmax_cross_entropy`].
    ///
    /// # Errors
    /// The device's.
    fn softmax_cross_entropy<B: Dim, C: Dim, T: Tape<f32, Self>>(
        scores: Tensor<(B, C), f32, Self, T>,
        targets: &Targets,
    ) -> Result<Tensor<Rank0, f32, Self, T>, Self::Err> {
        composed(scores, targets)
    }
}

/// The oracle: [`softmax_cross_entropy`] from dfdx's own ops, for any device and float type.
///
/// dfdx 0.13's `log_softmax` mixes up the gradient of a permuted tensor, so the scores are made contiguous first.
///
/// # Errors
/// The device's.
pub fn composed<B: Dim, C: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    scores: Tensor<(B, C), E, D, T>,
    targets: &Targets,
) -> Result<Tensor<Rank0, E, D, T>, D::Err> {
    let shape = *scores.shape();
    let chosen = one_hot::<B, C, E, D>(scores.device(), targets, shape)?;
    let rows = shape.0.size() as f64;
    let log_probabilities = scores.try_contiguous()?.try_log_softmax::<Axis<1>>()?;
    log_probabilities.try_mul(chosen)?.try_sum::<Rank0, _>()?.try_div(scalar::<E>(-rows))
}

//! Softmax cross-entropy over class scores, for one class a row and for sets of labels.

mod cpu;
mod cpu_label_sets;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_label_sets;

use dfdx::{
    prelude::*,
    shapes::{Axis, Dim, Dtype, Rank0},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::targets::{multi_hot, one_hot, scalar, LabelSets, Targets};
use crate::device::kernel_or;

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
    let scores = scores.try_reshape_like(&sizes)?;
    kernel_or!(D::softmax_cross_entropy(scores, targets), composed(scores, targets))
}

/// Mean over the batch of −Σ log softmax(oᵢ)ᵧ / |Yᵢ|, summed over the labels y of the set Yᵢ of row i: the target is
/// uniform over the labels of the row.
///
/// A row without labels has no target: it adds nothing to the sum and gets no gradient, but it is one of the rows that the
/// mean divides by.
///
/// # Shapes
/// scores o: (B, C), result: a scalar.
///
/// # Errors
/// The device's: out of memory.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::{cross_entropy::label_set_cross_entropy, targets::LabelSets}};
/// let dev = Cpu::default();
/// let scores = dev.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]);
/// let loss = label_set_cross_entropy(scores, &LabelSets::new([vec![0, 2], vec![3]], 4)?)?;
/// assert!((loss.array() - 4f32.ln()).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn label_set_cross_entropy<B: Dim, C: Dim, D: CrossEntropyKernel, T: Tape<f32, D>>(
    scores: Tensor<(B, C), f32, D, T>,
    labels: &LabelSets,
) -> Result<Tensor<Rank0, f32, D, T>, D::Err> {
    let sizes = (scores.shape().0.size(), scores.shape().1.size());
    let scores = scores.try_reshape_like(&sizes)?;
    kernel_or!(D::label_set_cross_entropy(scores, labels), composed_label_sets(scores, labels))
}

/// [`softmax_cross_entropy`] and [`label_set_cross_entropy`] on a device. The provided methods are the compositions of dfdx
/// ops.
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

    /// See [`label_set_cross_entropy`].
    ///
    /// # Errors
    /// The device's.
    fn label_set_cross_entropy<B: Dim, C: Dim, T: Tape<f32, Self>>(
        scores: Tensor<(B, C), f32, Self, T>,
        labels: &LabelSets,
    ) -> Result<Tensor<Rank0, f32, Self, T>, Self::Err> {
        composed_label_sets(scores, labels)
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

/// The oracle: [`label_set_cross_entropy`] from dfdx's own ops, for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed_label_sets<B: Dim, C: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    scores: Tensor<(B, C), E, D, T>,
    labels: &LabelSets,
) -> Result<Tensor<Rank0, E, D, T>, D::Err> {
    let shape = *scores.shape();
    let share = |labels: usize| scalar::<E>(1.0 / labels as f64);
    let target = multi_hot::<B, C, E, D>(scores.device(), labels, shape, share)?;
    let rows = shape.0.size().max(1) as f64;
    let log_probabilities = scores.try_contiguous()?.try_log_softmax::<Axis<1>>()?;
    log_probabilities.try_mul(target)?.try_sum::<Rank0, _>()?.try_div(scalar::<E>(-rows))
}

//! Logistic loss of every class on its own, for images with any number of labels.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod prior;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Dim, Dtype, Rank0},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::targets::{multi_hot, scalar, LabelSets};
use crate::device::kernel_or;

pub use prior::{prior_bias, LEAST_PRIOR};

/// What becomes of the losses of an image's classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelReduction {
    /// Their sum: an image weighs the more, the more classes there are.
    #[default]
    Sum,
    /// Their mean; PyTorch's `BCEWithLogitsLoss`.
    Mean,
}

impl LabelReduction {
    /// What divides the sum over all images and classes.
    fn divisor(self, rows: usize, classes: usize) -> f64 {
        match self {
            LabelReduction::Sum => rows.max(1) as f64,
            LabelReduction::Mean => (rows * classes).max(1) as f64,
        }
    }
}

/// Mean over the batch of the sum or the mean over the classes of
/// −y log σ(z) − (1 − y) log(1 − σ(z)) = max(0, z) − z y + log(1 + e^−|z|), with y 1 for the labels of the row and 0 for
/// all other classes. The gradient is (σ(z) − y) / B, or (σ(z) − y) / (B C) for the mean.
///
/// The paper trains with the logistic loss on every class (Sun et al. 2017, section 3.1) and does not say whether classes
/// are summed or averaged. A row without labels is an image that shows none of the classes; it counts like any other.
///
/// # Shapes
/// scores z: (B, C), result: a scalar.
///
/// # Errors
/// The device's: out of memory.
///
/// # Example
/// ```
/// use shared::{
///     dfdx::prelude::*,
///     ops::{logistic::{multi_label_logistic_loss, LabelReduction}, targets::LabelSets},
/// };
/// let dev = Cpu::default();
/// let scores = dev.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]);
/// let labels = LabelSets::new([vec![0, 2], vec![]], 3)?;
/// let loss = multi_label_logistic_loss(scores, &labels, LabelReduction::Sum)?;
/// assert!((loss.array() - 3.0 * 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn multi_label_logistic_loss<B: Dim, C: Dim, D: LogisticKernel, T: Tape<f32, D>>(
    scores: Tensor<(B, C), f32, D, T>,
    labels: &LabelSets,
    over: LabelReduction,
) -> Result<Tensor<Rank0, f32, D, T>, D::Err> {
    let sizes = (scores.shape().0.size(), scores.shape().1.size());
    let scores = scores.try_reshape_like(&sizes)?;
    kernel_or!(D::multi_label_logistic_loss(scores, labels, over), composed(scores, labels, over))
}

/// [`multi_label_logistic_loss`] on a device. The provided method is the composition of dfdx ops.
pub trait LogisticKernel: Device<f32> {
    /// See [`multi_label_logistic_loss`].
    ///
    /// # Errors
    /// The device's.
    fn multi_label_logistic_loss<B: Dim, C: Dim, T: Tape<f32, Self>>(
        scores: Tensor<(B, C), f32, Self, T>,
        labels: &LabelSets,
        over: LabelReduction,
    ) -> Result<Tensor<Rank0, f32, Self, T>, Self::Err> {
        composed(scores, labels, over)
    }
}

/// The oracle: [`multi_label_logistic_loss`] from dfdx's own ops, for any device and float type.
///
/// dfdx has no log(1 + x), so what a score adds below the float type's ε is lost here.
///
/// # Errors
/// The device's.
pub fn composed<B: Dim, C: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    scores: Tensor<(B, C), E, D, T>,
    labels: &LabelSets,
    over: LabelReduction,
) -> Result<Tensor<Rank0, E, D, T>, D::Err> {
    let shape = *scores.shape();
    let divisor = over.divisor(shape.0.size(), shape.1.size());
    let targets = multi_hot::<B, C, E, D>(scores.device(), labels, shape, |_| E::ONE)?;
    let losses = scores.try_bce_with_logits(targets)?;
    losses.try_sum::<Rank0, _>()?.try_div(scalar::<E>(divisor))
}

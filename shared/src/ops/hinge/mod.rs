//! The two multiclass hinge losses.

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
use crate::device::kernel_or;

/// Which classes a multiclass hinge pushes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hinge {
    /// The strongest rival only: max(0, 1 + max_{k≠y} oₖ − oᵧ). Crammer and Singer (2001); Lasagne's
    /// `multiclass_hinge_loss`.
    #[default]
    CrammerSinger,
    /// Every class: (1/C) Σ_{k≠y} max(0, 1 + oₖ − oᵧ). Weston and Watkins (1999); PyTorch's
    /// `multi_margin_loss`.
    WestonWatkins,
}

/// Mean over the batch of a multiclass hinge with margin 1.
///
/// Where the strongest rivals tie, the kernel gives the gradient to the first, and dfdx's composition to each;
/// both are subgradients.
///
/// # Shapes
/// scores o: (B, C), result: a scalar.
///
/// # Errors
/// The device's: out of memory.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::{hinge::{multiclass_hinge, Hinge}, targets::Targets}};
/// let dev = Cpu::default();
/// let scores = dev.tensor([[0.5, 0.25, -3.0]]);
/// let loss = multiclass_hinge(scores, &Targets::new(vec![0], 3)?, Hinge::CrammerSinger)?;
/// assert_eq!(loss.array(), 0.75);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn multiclass_hinge<B: Dim, C: Dim, D: HingeKernel, T: Tape<f32, D>>(
    scores: Tensor<(B, C), f32, D, T>,
    targets: &Targets,
    hinge: Hinge,
) -> Result<Tensor<Rank0, f32, D, T>, D::Err> {
    kernel_or!(D::multiclass_hinge(scores, targets, hinge), composed(scores, targets, hinge))
}

/// [`multiclass_hinge`] on a device. The provided method is the composition of dfdx ops.
pub trait HingeKernel: Device<f32> {
    /// See [`multiclass_hinge`].
    ///
    /// # Errors
    /// The device's.
    fn multiclass_hinge<B: Dim, C: Dim, T: Tape<f32, Self>>(
        scores: Tensor<(B, C), f32, Self, T>,
        targets: &Targets,
        hinge: Hinge,
    ) -> Result<Tensor<Rank0, f32, Self, T>, Self::Err> {
        composed(scores, targets, hinge)
    }
}

/// The oracle: [`multiclass_hinge`] from dfdx's own ops, for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed<B: Dim, C: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    scores: Tensor<(B, C), E, D, T>,
    targets: &Targets,
    hinge: Hinge,
) -> Result<Tensor<Rank0, E, D, T>, D::Err> {
    let shape = *scores.shape();
    let (rows, classes) = (shape.0.size() as f64, shape.1.size() as f64);
    let chosen = one_hot::<B, C, E, D>(scores.device(), targets, shape)?;
    let own = scores
        .with_empty_tape()
        .try_mul(chosen.clone())?
        .try_sum::<(B,), Axis<1>>()?
        .try_broadcast_like::<(B, C), Axis<1>>(&shape)?;
    // 1 + o_k - o_y for the rivals and 0 for y itself, so that a maximum over all k is at least 0
    let margin = chosen.try_negate()?.try_add(E::ONE)?;
    let violation = scores.try_sub(own)?.try_add(margin)?;
    match hinge {
        Hinge::CrammerSinger => {
            violation.try_max::<(B,), Axis<1>>()?.try_sum::<Rank0, _>()?.try_div(scalar::<E>(rows))
        }
        Hinge::WestonWatkins => {
            violation.try_relu()?.try_sum::<Rank0, _>()?.try_div(scalar::<E>(rows * classes))
        }
    }
}

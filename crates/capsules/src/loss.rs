//! What is minimised: the margin loss of the class capsules, and the error of the images that they decode to.

use serde::{Deserialize, Serialize};
use shared::{
    device::Backend,
    dfdx::{
        prelude::*,
        shapes::{Axis, Dim},
        tensor::{Tape, Tensor},
    },
};

#[cfg(test)]
mod tests;

/// Added to the squared length of a capsule under the root, so that a capsule of length 0 has a gradient.
const EPSILON: f32 = 1e-8;

/// The margin loss of a class k: L = T max(0, m⁺ − ‖v‖)² + λ (1 − T) max(0, ‖v‖ − m⁻)², T being 1 where the class is
/// present.
///
/// # Reference
/// Section 3, eq. 4.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Margin {
    /// m⁺, below which a present class costs. Default 0.9.
    pub present: f64,
    /// m⁻, above which an absent class costs. Default 0.1.
    pub absent: f64,
    /// λ, the weight of absent classes. Default 0.5.
    pub absent_weight: f64,
    /// Whether the margins are squared. Default yes; public versions that forget it are why this can be changed.
    pub squared: bool,
    /// A factor of the whole. Default 1; the authors' code halves it and takes the mean over ten classes, 1 / 20.
    pub scale: f64,
}

impl Default for Margin {
    fn default() -> Self {
        Margin { present: 0.9, absent: 0.1, absent_weight: 0.5, squared: true, scale: 1.0 }
    }
}

/// The margin loss summed over the classes, mean over the examples.
///
/// # Shapes
/// v: (B, J, N), targets: (B, J) with 1 for a present class and 0 for an absent one, several of them allowed; result: a
/// scalar.
///
/// # Errors
/// The device's: out of memory.
///
/// # Example
/// ```
/// use capsules::{margin_loss, Margin};
/// use shared::dfdx::prelude::*;
/// let dev = Cpu::default();
/// let v: Tensor<Rank3<1, 2, 2>, f32, _> = dev.tensor([[[0.3, 0.4], [0.6, 0.0]]]);
/// let loss = margin_loss(v, dev.tensor([[1.0, 0.0]]), Margin::default())?;
/// // (0.9 - 0.5)² + 0.5 (0.6 - 0.1)²
/// assert!((loss.array() - 0.285).abs() < 1e-6);
/// # Ok::<(), CpuError>(())
/// ```
pub fn margin_loss<B: Dim, J: Dim, N: Dim, D: Backend, T: Tape<f32, D>>(
    v: Tensor<(B, J, N), f32, D, T>,
    targets: Tensor<(B, J), f32, D>,
    margin: Margin,
) -> Result<Tensor<(), f32, D, T>, D::Err> {
    let (batch, ..) = *v.shape();
    let squares: Tensor<(B, J), f32, D, T> = v.try_square()?.try_sum::<_, Axis<2>>()?;
    let lengths = squares.try_add(EPSILON)?.try_sqrt()?;
    let penalty = |x: Tensor<(B, J), f32, D, T>| {
        let x = x.try_relu()?;
        if margin.squared {
            x.try_square()
        } else {
            Ok(x)
        }
    };
    let absent = targets.clone().try_negate()?.try_add(1.0)?.try_mul(margin.absent_weight as f32)?;
    let of_present = penalty(lengths.with_empty_tape().try_negate()?.try_add(margin.present as f32)?)?;
    let of_absent = penalty(lengths.try_sub(margin.absent as f32)?)?;
    let total = of_absent.try_mul(absent)?.try_add(of_present.try_mul(targets)?)?;
    total.try_sum::<(), _>()?.try_mul((margin.scale / batch.size().max(1) as f64) as f32)
}

/// Σ (x − y)² over the pixels of an image, mean over the images, times `weight`.
///
/// # Shapes
/// decoded and images: (B, P), result: a scalar.
///
/// # Errors
/// The device's: out of memory.
///
/// # Reference
/// Section 4.1: the sum of squares, "scaled down by 0.0005".
pub fn reconstruction_loss<B: Dim, P: Dim, D: Backend, T: Tape<f32, D>>(
    decoded: Tensor<(B, P), f32, D, T>,
    images: Tensor<(B, P), f32, D>,
    weight: f64,
) -> Result<Tensor<(), f32, D, T>, D::Err> {
    let (batch, _) = *decoded.shape();
    let squares = decoded.try_sub(images)?.try_square()?;
    squares.try_sum::<(), _>()?.try_mul((weight / batch.size().max(1) as f64) as f32)
}

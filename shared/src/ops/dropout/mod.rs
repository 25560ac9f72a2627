//! Dropout with a mask from a generator that can be kept in a checkpoint.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::Dtype,
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};
use rand::RngCore;

use super::targets::scalar;
use crate::{device::kernel_or, train::RunRng};

/// The share of values that a dropout sets to 0: a number of [0, 1).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct DropRate(f64);

/// A drop rate outside [0, 1).
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the dropout rate is {0}: it must be at least 0 and below 1")]
pub struct DropRateError(pub f64);

impl DropRate {
    /// Nothing is dropped.
    pub const NONE: DropRate = DropRate(0.0);

    /// Checks the range.
    ///
    /// # Errors
    /// [`DropRateError`] outside [0, 1), and for NaN.
    pub fn new(p: f64) -> Result<Self, DropRateError> {
        if (0.0..1.0).contains(&p) {
            Ok(DropRate(p))
        } else {
            Err(DropRateError(p))
        }
    }

    /// p.
    #[must_use]
    pub fn p(self) -> f64 {
        self.0
    }

    /// What kept values are multiplied by, so that the mean stays: 1 / (1 − p).
    fn scale(self) -> f64 {
        1.0 / (1.0 - self.0)
    }

    /// A value is dropped where its 32-bit word is below this.
    fn threshold(self) -> u32 {
        // below 2^32, because p < 1; `as` saturates besides
        (self.0 * 4_294_967_296.0) as u32
    }
}

impl TryFrom<f64> for DropRate {
    type Error = DropRateError;
    fn try_from(p: f64) -> Result<Self, DropRateError> {
        DropRate::new(p)
    }
}

impl From<DropRate> for f64 {
    fn from(rate: DropRate) -> f64 {
        rate.0
    }
}

/// x ⊙ m / (1 − p), with each mᵢ 0 with probability p and 1 otherwise ("inverted" dropout).
///
/// Element i in row-major order takes word i of `rng`, so the mask depends on the generator's position alone: not on the
/// device, nor on the number of threads. With p = 0 nothing is drawn, and x comes back as it is.
///
/// # Shapes
/// x and the result: any, the same.
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// One word of ChaCha8 an element, in parallel.
///
/// # Reference
/// Srivastava et al. (2014), in the inverted form.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::dropout::{dropout, DropRate}, train::RunRng};
/// let dev = Cpu::default();
/// let x: Tensor<Rank1<1000>, f32, _> = dev.ones();
/// let y = dropout(x, DropRate::new(0.75)?, &mut RunRng::new(0, 2))?.array();
/// assert!(y.iter().all(|y| [0.0, 4.0].contains(y)));
/// assert!((200..300).contains(&y.iter().filter(|y| **y > 0.0).count()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dropout<S: Shape, D: DropoutKernel, T: Tape<f32, D>>(
    x: Tensor<S, f32, D, T>,
    rate: DropRate,
    rng: &mut RunRng,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    if rate == DropRate::NONE {
        return Ok(x);
    }
    let (shape, sizes) = (*x.shape(), (x.shape().num_elements(),));
    let x = x.try_reshape_like(&sizes)?;
    kernel_or!(D::dropout(x, rate, rng), composed(x, rate, rng))?.try_reshape_like(&shape)
}

/// [`dropout`] on a device. The provided method is the composition of dfdx ops.
pub trait DropoutKernel: Device<f32> {
    /// See [`dropout`].
    ///
    /// # Errors
    /// The device's.
    fn dropout<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        rate: DropRate,
        rng: &mut RunRng,
    ) -> Result<Tensor<S, f32, Self, T>, Self::Err> {
        composed(x, rate, rng)
    }
}

/// The oracle: [`dropout`] as a product with a mask, for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed<S: Shape, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    rate: DropRate,
    rng: &mut RunRng,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    let kept = scalar::<E>(rate.scale());
    let draw = |_| if rng.next_u32() < rate.threshold() { E::default() } else { kept };
    let mask: Vec<E> = (0..x.shape().num_elements()).map(draw).collect();
    let mask = x.device().try_tensor_from_vec(mask, *x.shape())?;
    x.try_mul(mask)
}

//! Local response normalisation.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::{erased::sizes4, targets::scalar};
use crate::device::kernel_or;

/// The constants of a local response normalisation, in TensorFlow's convention: α multiplies the plain sum of squares
/// (PyTorch's and the paper's α divides by the number of channels first).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ResponseNorm {
    /// Channels on either side that count.
    pub radius: usize,
    /// k.
    pub bias: f64,
    /// α.
    pub alpha: f64,
    /// β.
    pub beta: f64,
}

impl ResponseNorm {
    /// The constants of TensorFlow's CIFAR-10 tutorial, which small AlexNets go by: radius 4, k = 1, α = 0.001 / 9,
    /// β = 0.75.
    pub const CIFAR10: ResponseNorm = ResponseNorm { radius: 4, bias: 1.0, alpha: 0.001 / 9.0, beta: 0.75 };
}

/// y_c = x_c s_c^−β with s_c = k + α Σ x_j², over the channels j from c − radius to c + radius that exist.
///
/// # Shapes
/// x and the result: (B, C, H, W).
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// 2 radius + 1 multiply-adds and a power a value.
///
/// # Reference
/// Krizhevsky, Sutskever and Hinton (2012), section 3.3, with TensorFlow's α.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::response_norm::{local_response_norm, ResponseNorm}};
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<1, 2, 1, 1>, f32, _> = dev.tensor([[[[1.0]], [[2.0]]]]);
/// let norm = ResponseNorm { radius: 1, bias: 4.0, alpha: 1.0, beta: 0.5 };
/// let y = local_response_norm(x, norm)?.as_vec();
/// assert!((y[0] - 1.0 / 3.0).abs() < 1e-6 && (y[1] - 2.0 / 3.0).abs() < 1e-6);
/// # Ok::<(), CpuError>(())
/// ```
pub fn local_response_norm<B: Dim, C: Dim, H: Dim, W: Dim, D: ResponseNormKernel, T: Tape<f32, D>>(
    x: Tensor<(B, C, H, W), f32, D, T>,
    norm: ResponseNorm,
) -> Result<Tensor<(B, C, H, W), f32, D, T>, D::Err> {
    let (shape, sizes) = (*x.shape(), sizes4(x.shape()));
    let x = x.try_reshape_like(&sizes)?;
    kernel_or!(D::local_response_norm(x, norm), composed(x, norm))?.try_reshape_like(&shape)
}

/// [`local_response_norm`] on a device. The provided method is the composition of dfdx ops.
pub trait ResponseNormKernel: Device<f32> {
    /// See [`local_response_norm`].
    ///
    /// # Errors
    /// The device's.
    fn local_response_norm<B: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        norm: ResponseNorm,
    ) -> Result<Tensor<(B, C, H, W), f32, Self, T>, Self::Err> {
        composed(x, norm)
    }
}

/// The oracle: [`local_response_norm`] from dfdx's own ops, for any device and float type. The sums over neighbouring
/// channels are products with a band matrix.
///
/// # Errors
/// The device's.
pub fn composed<B: Dim, C: Dim, H: Dim, W: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<(B, C, H, W), E, D, T>,
    norm: ResponseNorm,
) -> Result<Tensor<(B, C, H, W), E, D, T>, D::Err> {
    let (device, shape) = (x.device().clone(), *x.shape());
    let (b, c, pixels) = (shape.0.size(), shape.1.size(), shape.2.size() * shape.3.size());
    if b * c * pixels == 0 {
        return Ok(x);
    }
    let near = |i: usize, j: usize| i.abs_diff(j) <= norm.radius;
    let band = (0..c * c).map(|at| if near(at / c, at % c) { scalar(norm.alpha) } else { E::default() });
    let band = device.try_tensor_from_vec(band.collect(), (c, c))?;
    let band = band.try_broadcast_like::<_, Axis<0>>(&(b, c, c))?;
    let x = x.try_reshape_like(&(b, c, pixels))?;
    let sums = band.put_tape(T::default()).try_matmul(x.retaped::<T>().try_square()?)?;
    let powers = sums.try_add(scalar::<E>(norm.bias))?.try_powf(-norm.beta)?;
    powers.try_mul(x)?.try_reshape_like(&shape)
}

//! The residual sum with its activation.

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

use super::{erased::erased, functions, linear::Activation};
use crate::device::kernel_or;

/// f(x + r).
///
/// # Shapes
/// x, r and the result: any, the same.
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// One pass each way.
///
/// # Panics
/// If the shapes differ: like dfdx's run-time shapes, a bug of the caller.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, nn::Activation, ops::residual::add_activate};
/// let dev = Cpu::default();
/// let y = add_activate(dev.tensor([1.0, -2.0]), &dev.tensor([2.0, 1.0]), Activation::Relu)?;
/// assert_eq!(y.array(), [3.0, 0.0]);
/// # Ok::<(), CpuError>(())
/// ```
pub fn add_activate<S: Shape, D: ResidualKernel, T: Tape<f32, D>>(
    x: Tensor<S, f32, D, T>,
    residual: &Tensor<S, f32, D>,
    activation: Activation,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    assert_eq!(x.shape().concrete(), residual.shape().concrete(), "add_activate: the two shapes");
    let (shape, sizes) = (*x.shape(), (x.shape().num_elements(),));
    let (x, tape) = x.try_reshape_like(&sizes)?.split_tape();
    let (residual, tape) = erased(residual, sizes, tape)?;
    let x = x.put_tape(tape);
    kernel_or!(D::add_activate(x, &residual, activation), composed(x, &residual, activation))?
        .try_reshape_like(&shape)
}

/// [`add_activate`] on a device. The provided method is the composition of dfdx ops.
pub trait ResidualKernel: Device<f32> {
    /// See [`add_activate`].
    ///
    /// # Errors
    /// The device's.
    fn add_activate<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        residual: &Tensor<S, f32, Self>,
        activation: Activation,
    ) -> Result<Tensor<S, f32, Self, T>, Self::Err> {
        composed(x, residual, activation)
    }
}

/// The oracle: [`add_activate`] from dfdx's own ops, for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed<S: Shape, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    residual: &Tensor<S, E, D>,
    activation: Activation,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    functions::composed(x.try_add(residual.retaped::<T>())?, activation)
}

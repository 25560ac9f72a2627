//! A linear map with its bias and activation in one op.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Axes2, Axis, Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::erased::erased;
use crate::device::kernel_or;

/// The slope of [`Activation::LeakyRelu`] below 0.
pub const LEAK: f32 = 0.2;

/// The function applied to each output of a layer, f in the formulas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// f(a) = a.
    #[default]
    Identity,
    /// f(a) = max(0, a); derivative 0 at 0, as in PyTorch.
    Relu,
    /// f(a) = a above 0 and [`LEAK`] a elsewhere, as in the discriminator of DCGAN.
    LeakyRelu,
    /// f(a) = tanh a.
    Tanh,
    /// f(a) = 1 / (1 + e⁻ᵃ).
    Sigmoid,
}

impl Activation {
    /// f'(a), given y = f(a).
    #[inline(always)]
    #[must_use]
    pub fn derivative_from_output(self, y: f32) -> f32 {
        match self {
            Activation::Identity => 1.0,
            Activation::Relu => f32::from(u8::from(y > 0.0)),
            Activation::LeakyRelu => {
                if y > 0.0 {
                    1.0
                } else {
                    LEAK
                }
            }
            Activation::Tanh => 1.0 - y * y,
            Activation::Sigmoid => y * (1.0 - y),
        }
    }
}

/// f(x Wᵀ + b).
///
/// # Shapes
/// x: (B, I), W: (O, I) as PyTorch stores it, b: (O), result: (B, O).
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// 2 B I O operations forward, 4 B I O backward.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::linear::{linear, Activation}};
/// let dev = Cpu::default();
/// let x = dev.tensor([[1.0, 2.0]]);
/// let w = dev.tensor([[1.0, 0.0], [0.0, -1.0], [1.0, 1.0]]);
/// let b = dev.tensor([0.5, 0.0, -1.0]);
/// let y: Tensor<Rank2<1, 3>, f32, _> = linear(x, &w, &b, Activation::Relu)?;
/// assert_eq!(y.array(), [[1.5, 0.0, 2.0]]);
/// # Ok::<(), CpuError>(())
/// ```
pub fn linear<B: Dim, I: Dim, O: Dim, D: LinearKernel, T: Tape<f32, D>>(
    x: Tensor<(B, I), f32, D, T>,
    weight: &Tensor<(O, I), f32, D>,
    bias: &Tensor<(O,), f32, D>,
    activation: Activation,
) -> Result<Tensor<(B, O), f32, D, T>, D::Err> {
    let (b, i, o) = (x.shape().0, x.shape().1, bias.shape().0);
    let (x, tape) = x.try_reshape_like(&(b.size(), i.size()))?.split_tape();
    let (weight, tape) = erased(weight, (o.size(), i.size()), tape)?;
    let (bias, tape) = erased(bias, (o.size(),), tape)?;
    let x = x.put_tape(tape);
    kernel_or!(D::linear(x, &weight, &bias, activation), composed(x, &weight, &bias, activation))?
        .try_reshape_like(&(b, o))
}

/// [`linear`] of data, such as a batch of images: no gradient goes to x, which saves a third of the backward pass's work.
/// `tape` records the op.
///
/// # Shapes
/// As [`linear`].
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// 2 B I O operations forward, 2 B I O backward.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::linear::{linear_of_data, Activation}};
/// let dev = Cpu::default();
/// let (w, b) = (dev.tensor([[1.0, -1.0]]), dev.tensor([0.5]));
/// let x = dev.tensor([[1.0, 2.0]]);
/// let y: Tensor<Rank2<1, 1>, f32, _, OwnedTape<f32, Cpu>> =
///     linear_of_data(x, OwnedTape::default(), &w, &b, Activation::Identity)?;
/// assert_eq!(y.sum::<Rank0, _>().backward().get(&w).array(), [[1.0, 2.0]]);
/// # Ok::<(), CpuError>(())
/// ```
pub fn linear_of_data<B: Dim, I: Dim, O: Dim, D: LinearKernel, T: Tape<f32, D>>(
    x: Tensor<(B, I), f32, D>,
    tape: T,
    weight: &Tensor<(O, I), f32, D>,
    bias: &Tensor<(O,), f32, D>,
    activation: Activation,
) -> Result<Tensor<(B, O), f32, D, T>, D::Err> {
    let (b, i, o) = (x.shape().0, x.shape().1, bias.shape().0);
    let x = x.try_reshape_like(&(b.size(), i.size()))?;
    let (weight, tape) = erased(weight, (o.size(), i.size()), tape)?;
    let (bias, tape) = erased(bias, (o.size(),), tape)?;
    kernel_or!(
        D::linear_of_data(x, tape, &weight, &bias, activation),
        composed(x.put_tape(tape), &weight, &bias, activation)
    )?
    .try_reshape_like(&(b, o))
}

/// [`linear`] on a device. The provided method is the composition of dfdx ops.
pub trait LinearKernel: Device<f32> {
    /// See [`linear`].
    ///
    /// # Errors
    /// The device's.
    fn linear<B: Dim, I: Dim, O: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, I), f32, Self, T>,
        weight: &Tensor<(O, I), f32, Self>,
        bias: &Tensor<(O,), f32, Self>,
        activation: Activation,
    ) -> Result<Tensor<(B, O), f32, Self, T>, Self::Err> {
        composed(x, weight, bias, activation)
    }

    /// See [`linear_of_data`].
    ///
    /// # Errors
    /// The device's.
    fn linear_of_data<B: Dim, I: Dim, O: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, I), f32, Self>,
        tape: T,
        weight: &Tensor<(O, I), f32, Self>,
        bias: &Tensor<(O,), f32, Self>,
        activation: Activation,
    ) -> Result<Tensor<(B, O), f32, Self, T>, Self::Err> {
        Self::linear(x.put_tape(tape), weight, bias, activation)
    }
}

/// The oracle: [`linear`] from dfdx's own ops, for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed<B: Dim, I: Dim, O: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<(B, I), E, D, T>,
    weight: &Tensor<(O, I), E, D>,
    bias: &Tensor<(O,), E, D>,
    activation: Activation,
) -> Result<Tensor<(B, O), E, D, T>, D::Err> {
    let shape = (x.shape().0, bias.shape().0);
    let bias = bias.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?;
    let transposed = weight.retaped::<T>().try_permute::<_, Axes2<1, 0>>()?;
    let a = x.try_matmul(transposed)?.try_add(bias)?;
    super::functions::composed(a, activation)
}

//! The two-dimensional convolution with its bias and activation in one op.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod gathered;
mod kernel;
mod size;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::{
    erased::{erased, erased_option, sizes4},
    linear::Activation,
};
use crate::device::kernel_or;
pub(crate) use cpu::{Direction, Op};
pub(crate) use gathered::gathered_product;
pub(crate) use kernel::Sizes;
pub use size::{conv_out, conv_transpose_out};

/// f(W ∗ x + b): y\[n, o, i, j\] = f(Σ x\[n, c, S i + p − P, S j + q − P\] w\[o, c, p, q\] + b\[o\]), summed over c, p and q, with
/// zeros outside the image.
///
/// What deep learning calls a convolution: the kernel is not mirrored.
///
/// # Shapes
/// x: (B, C, H, W), w: (O, C, K, K), b: (O), result: (B, O, HO, WO) with HO = [`conv_out`]`(H, K, S, P)` and WO likewise.
/// `out` names those two; it is checked, not free.
///
/// # Errors
/// The device's: out of memory.
///
/// # Panics
/// If `out` is not what the sizes give: a bug of the caller. [`nn::Conv2d`](crate::nn::Conv2d) finds it at compile time.
///
/// # Complexity
/// 2 B O HO WO C K² operations forward, twice that backward.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::{conv2d::conv2d, linear::Activation}};
/// let dev = Cpu::default();
/// let x = dev.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]]);
/// let w = dev.tensor([[[[1.0, 0.0], [0.0, -1.0]]]]);
/// let y: Tensor<Rank4<1, 1, 2, 2>, f32, _> =
///     conv2d(x, &w, Some(&dev.tensor([4.5])), 1, 0, (Const, Const), Activation::Relu)?;
/// assert_eq!(y.array(), [[[[0.5, 0.5], [0.5, 0.5]]]]);
/// # Ok::<(), CpuError>(())
/// ```
#[allow(clippy::too_many_arguments)]
#[track_caller]
pub fn conv2d<B, C, H, W, O, K, HO, WO, D, T>(
    x: Tensor<(B, C, H, W), f32, D, T>,
    weight: &Tensor<(O, C, K, K), f32, D>,
    bias: Option<&Tensor<(O,), f32, D>>,
    stride: usize,
    padding: usize,
    out: (HO, WO),
    activation: Activation,
) -> Result<Tensor<(B, O, HO, WO), f32, D, T>, D::Err>
where
    B: Dim,
    C: Dim,
    H: Dim,
    W: Dim,
    O: Dim,
    K: Dim,
    HO: Dim,
    WO: Dim,
    D: Conv2dKernel,
    T: Tape<f32, D>,
{
    check(x.shape(), weight.shape().2.size(), stride, padding, &out);
    let o = weight.shape().0;
    let shape = (x.shape().0, o, out.0, out.1);
    let sizes = sizes4(x.shape());
    let (x, tape) = x.try_reshape_like(&sizes)?.split_tape();
    let (weight, tape) = erased(weight, sizes4(weight.shape()), tape)?;
    let (bias, tape) = erased_option(bias, (o.size(),), tape)?;
    let out = (out.0.size(), out.1.size());
    let (x, bias) = (x.put_tape(tape), bias.as_ref());
    kernel_or!(
        D::conv2d(x, &weight, bias, stride, padding, out, activation),
        composed(x, &weight, bias, stride, padding, out, activation)
    )?
    .try_reshape_like(&shape)
}

/// [`conv2d`] of data, such as a batch of images: no gradient goes to x. `tape` records the op.
///
/// # Shapes
/// As [`conv2d`].
///
/// # Errors
/// The device's: out of memory.
///
/// # Panics
/// As [`conv2d`].
///
/// # Complexity
/// 2 B O HO WO C K² operations forward, as many backward.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::{conv2d::conv2d_of_data, linear::Activation}};
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<1, 1, 1, 2>, f32, _> = dev.tensor([[[[2.0, 3.0]]]]);
/// let w: Tensor<Rank4<1, 1, 1, 1>, f32, _> = dev.tensor([[[[5.0]]]]);
/// let y: Tensor<Rank4<1, 1, 1, 2>, f32, _, OwnedTape<f32, Cpu>> =
///     conv2d_of_data(x, OwnedTape::default(), &w, None, 1, 0, (Const, Const), Activation::Identity)?;
/// assert_eq!(y.sum::<Rank0, _>().backward().get(&w).array(), [[[[5.0]]]]);
/// # Ok::<(), CpuError>(())
/// ```
#[allow(clippy::too_many_arguments)]
#[track_caller]
pub fn conv2d_of_data<B, C, H, W, O, K, HO, WO, D, T>(
    x: Tensor<(B, C, H, W), f32, D>,
    tape: T,
    weight: &Tensor<(O, C, K, K), f32, D>,
    bias: Option<&Tensor<(O,), f32, D>>,
    stride: usize,
    padding: usize,
    out: (HO, WO),
    activation: Activation,
) -> Result<Tensor<(B, O, HO, WO), f32, D, T>, D::Err>
where
    B: Dim,
    C: Dim,
    H: Dim,
    W: Dim,
    O: Dim,
    K: Dim,
    HO: Dim,
    WO: Dim,
    D: Conv2dKernel,
    T: Tape<f32, D>,
{
    check(x.shape(), weight.shape().2.size(), stride, padding, &out);
    let o = weight.shape().0;
    let shape = (x.shape().0, o, out.0, out.1);
    let sizes = sizes4(x.shape());
    let x = x.try_reshape_like(&sizes)?;
    let (weight, tape) = erased(weight, sizes4(weight.shape()), tape)?;
    let (bias, tape) = erased_option(bias, (o.size(),), tape)?;
    let out = (out.0.size(), out.1.size());
    let bias = bias.as_ref();
    kernel_or!(
        D::conv2d_of_data(x, tape, &weight, bias, stride, padding, out, activation),
        composed(x.put_tape(tape), &weight, bias, stride, padding, out, activation)
    )?
    .try_reshape_like(&shape)
}

/// Holds a result's height and width against what the sizes give.
#[track_caller]
fn check<B: Dim, C: Dim, H: Dim, W: Dim, HO: Dim, WO: Dim>(
    (_, _, h, w): &(B, C, H, W),
    kernel: usize,
    stride: usize,
    padding: usize,
    out: &(HO, WO),
) {
    let side = |input: usize| conv_out(input, kernel, stride, padding);
    assert_eq!(
        (out.0.size(), out.1.size()),
        (side(h.size()), side(w.size())),
        "the result's height and width"
    );
}

/// [`conv2d`] on a device. The provided method is the composition of dfdx ops.
pub trait Conv2dKernel: Device<f32> {
    /// See [`conv2d`].
    ///
    /// # Errors
    /// The device's.
    #[allow(clippy::too_many_arguments)]
    fn conv2d<B: Dim, C: Dim, H: Dim, W: Dim, O: Dim, K: Dim, HO: Dim, WO: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        weight: &Tensor<(O, C, K, K), f32, Self>,
        bias: Option<&Tensor<(O,), f32, Self>>,
        stride: usize,
        padding: usize,
        out: (HO, WO),
        activation: Activation,
    ) -> Result<Tensor<(B, O, HO, WO), f32, Self, T>, Self::Err> {
        composed(x, weight, bias, stride, padding, out, activation)
    }

    /// See [`conv2d_of_data`].
    ///
    /// # Errors
    /// The device's.
    #[allow(clippy::too_many_arguments)]
    fn conv2d_of_data<
        B: Dim,
        C: Dim,
        H: Dim,
        W: Dim,
        O: Dim,
        K: Dim,
        HO: Dim,
        WO: Dim,
        T: Tape<f32, Self>,
    >(
        x: Tensor<(B, C, H, W), f32, Self>,
        tape: T,
        weight: &Tensor<(O, C, K, K), f32, Self>,
        bias: Option<&Tensor<(O,), f32, Self>>,
        stride: usize,
        padding: usize,
        out: (HO, WO),
        activation: Activation,
    ) -> Result<Tensor<(B, O, HO, WO), f32, Self, T>, Self::Err> {
        Self::conv2d(x.put_tape(tape), weight, bias, stride, padding, out, activation)
    }
}

/// The oracle: [`conv2d`] from dfdx's own ops (every window gathered into a column, one matrix product), for any
/// device and float type.
///
/// # Errors
/// The device's.
#[allow(clippy::too_many_arguments)]
pub fn composed<B, C, H, W, O, K, HO, WO, E, D, T>(
    x: Tensor<(B, C, H, W), E, D, T>,
    weight: &Tensor<(O, C, K, K), E, D>,
    bias: Option<&Tensor<(O,), E, D>>,
    stride: usize,
    padding: usize,
    out: (HO, WO),
    activation: Activation,
) -> Result<Tensor<(B, O, HO, WO), E, D, T>, D::Err>
where
    B: Dim,
    C: Dim,
    H: Dim,
    W: Dim,
    O: Dim,
    K: Dim,
    HO: Dim,
    WO: Dim,
    E: Dtype,
    D: Device<E>,
    T: Tape<E, D>,
{
    let (o, c, k, _) = *weight.shape();
    let weight = weight.retaped::<T>().try_reshape_like(&(o, c.size() * k.size() * k.size()))?;
    // the pixel under tap t of the window at i, if it is one
    let pixel = |i: usize, t: usize, side: usize| (i * stride + t).checked_sub(padding).filter(|p| *p < side);
    gathered_product(x, weight, bias, k.size(), pixel, out, activation)
}

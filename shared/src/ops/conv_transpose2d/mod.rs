//! The transposed two-dimensional convolution (a convolution's input gradient, as a layer) with its bias and activation.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;

use dfdx::{
    prelude::*,
    shapes::{Axes4, Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::{
    conv2d::{conv_transpose_out, gathered_product},
    erased::{erased, erased_option, sizes4},
    linear::Activation,
};
use crate::device::kernel_or;

/// f(W ∗ᵀ x + b): each pixel x\[n, c, i, j\] adds x w\[c, o, p, q\] to y\[n, o, S i + p − P, S j + q − P\]; then b and f.
///
/// # Shapes
/// x: (B, C, H, W), w: (C, O, K, K) as PyTorch stores it, b: (O), result: (B, O, HO, WO) with
/// HO = [`conv_transpose_out`]`(H, K, S, P)` and WO likewise. `out` names those two; it is checked, not free.
///
/// # Errors
/// The device's: out of memory.
///
/// # Panics
/// If `out` is not what the sizes give: a bug of the caller.
/// [`nn::ConvTranspose2d`](crate::nn::ConvTranspose2d) finds it at compile time.
///
/// # Complexity
/// 2 B C H W O K² operations forward, twice that backward.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::{conv_transpose2d::conv_transpose2d, linear::Activation}};
/// let dev = Cpu::default();
/// let x = dev.tensor([[[[1.0, 2.0]]]]);
/// let w = dev.tensor([[[[1.0, 10.0], [0.0, -1.0]]]]);
/// let y: Tensor<Rank4<1, 1, 2, 3>, f32, _> =
///     conv_transpose2d(x, &w, None, 1, 0, (Const, Const), Activation::Identity)?;
/// assert_eq!(y.array(), [[[[1.0, 12.0, 20.0], [0.0, -1.0, -2.0]]]]);
/// # Ok::<(), CpuError>(())
/// ```
#[allow(clippy::too_many_arguments)]
#[track_caller]
pub fn conv_transpose2d<B, C, H, W, O, K, HO, WO, D, T>(
    x: Tensor<(B, C, H, W), f32, D, T>,
    weight: &Tensor<(C, O, K, K), f32, D>,
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
    D: ConvTranspose2dKernel,
    T: Tape<f32, D>,
{
    let (_, _, h, w) = *x.shape();
    let k = weight.shape().2.size();
    let side = |input: usize| conv_transpose_out(input, k, stride, padding);
    assert_eq!(
        (out.0.size(), out.1.size()),
        (side(h.size()), side(w.size())),
        "the result's height and width"
    );
    let o = weight.shape().1;
    let shape = (x.shape().0, o, out.0, out.1);
    let sizes = sizes4(x.shape());
    let (x, tape) = x.try_reshape_like(&sizes)?.split_tape();
    let (weight, tape) = erased(weight, sizes4(weight.shape()), tape)?;
    let (bias, tape) = erased_option(bias, (o.size(),), tape)?;
    let out = (out.0.size(), out.1.size());
    let (x, bias) = (x.put_tape(tape), bias.as_ref());
    kernel_or!(
        D::conv_transpose2d(x, &weight, bias, stride, padding, out, activation),
        composed(x, &weight, bias, stride, padding, out, activation)
    )?
    .try_reshape_like(&shape)
}

/// [`conv_transpose2d`] on a device. The provided method is the composition of dfdx ops.
pub trait ConvTranspose2dKernel: Device<f32> {
    /// See [`conv_transpose2d`].
    ///
    /// # Errors
    /// The device's.
    #[allow(clippy::too_many_arguments)]
    fn conv_transpose2d<
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
        x: Tensor<(B, C, H, W), f32, Self, T>,
        weight: &Tensor<(C, O, K, K), f32, Self>,
        bias: Option<&Tensor<(O,), f32, Self>>,
        stride: usize,
        padding: usize,
        out: (HO, WO),
        activation: Activation,
    ) -> Result<Tensor<(B, O, HO, WO), f32, Self, T>, Self::Err> {
        composed(x, weight, bias, stride, padding, out, activation)
    }
}

/// The oracle: [`conv_transpose2d`] from dfdx's own ops (the pixels that reach each result gathered into a column, one
/// matrix product), for any device and float type.
///
/// # Errors
/// The device's.
#[allow(clippy::too_many_arguments)]
pub fn composed<B, C, H, W, O, K, HO, WO, E, D, T>(
    x: Tensor<(B, C, H, W), E, D, T>,
    weight: &Tensor<(C, O, K, K), E, D>,
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
    let (c, o, k, _) = *weight.shape();
    let weight: Tensor<(O, C, K, K), E, D, T> =
        weight.retaped::<T>().try_permute::<_, Axes4<1, 0, 2, 3>>()?;
    let weight = weight.try_reshape_like(&(o, c.size() * k.size() * k.size()))?;
    // the pixel that tap t carries to i, if there is one
    let pixel = |i: usize, t: usize, side: usize| {
        let at = (i + padding).checked_sub(t)?;
        Some(at / stride).filter(|p| at % stride == 0 && *p < side)
    };
    gathered_product(x, weight, bias, k.size(), pixel, out, activation)
}

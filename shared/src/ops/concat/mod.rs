//! Two maps side by side, along the channels.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Axis, Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use crate::device::kernel_or;
/// The channels of a and after them those of b.
///
/// # Shapes
/// a: (B, C1, H, W), b: (B, C2, H, W), result: (B, C, H, W) with C = C1 + C2.
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// One copy each way.
///
/// # Panics
/// If the sizes do not fit: like dfdx's run-time shapes, a bug of the caller.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::concat::concat_channels};
/// let dev = Cpu::default();
/// let a: Tensor<Rank4<1, 1, 1, 2>, f32, _> = dev.tensor([[[[1.0, 2.0]]]]);
/// let b: Tensor<Rank4<1, 2, 1, 2>, f32, _> = dev.tensor([[[[3.0, 4.0]], [[5.0, 6.0]]]]);
/// let y: Tensor<Rank4<1, 3, 1, 2>, f32, _> = concat_channels(a, b, Const)?;
/// assert_eq!(y.as_vec(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// # Ok::<(), CpuError>(())
/// ```
#[allow(clippy::type_complexity)]
pub fn concat_channels<B: Dim, C1: Dim, C2: Dim, C: Dim, H: Dim, W: Dim, D: ConcatKernel, T, R>(
    a: Tensor<(B, C1, H, W), f32, D, T>,
    b: Tensor<(B, C2, H, W), f32, D, R>,
    channels: C,
) -> Result<Tensor<(B, C, H, W), f32, D, T>, D::Err>
where
    T: Tape<f32, D> + Merge<R>,
    R: Tape<f32, D>,
{
    let ((n1, c1, h1, w1), (n2, c2, h2, w2)) = (*a.shape(), *b.shape());
    assert_eq!(
        (n1.size(), h1.size(), w1.size()),
        (n2.size(), h2.size(), w2.size()),
        "concat_channels: the two maps"
    );
    assert_eq!(c1.size() + c2.size(), channels.size(), "concat_channels: the channels");
    let (a, tape) = a.try_reshape_like(&(n1.size(), c1.size(), h1.size(), w1.size()))?.split_tape();
    let (b, tape_b) = b.try_reshape_like(&(n2.size(), c2.size(), h2.size(), w2.size()))?.split_tape();
    let (a, channels_out) = (a.put_tape(tape.merge(tape_b)), channels.size());
    let y = kernel_or!(D::concat_channels(a, &b, channels_out), composed(a, &b, channels_out))?;
    y.try_reshape_like(&(n1, channels, h1, w1))
}

/// Vectors of a and after them those of b: (B, C1) and (B, C2) to (B, C), which is [`concat_channels`] of one pixel.
///
/// # Errors
/// The device's: out of memory.
///
/// # Panics
/// If C is not C1 + C2 or the batches differ: a bug of the caller.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::concat::concat_vectors};
/// let dev = Cpu::default();
/// let y: Tensor<Rank2<1, 3>, f32, _> = concat_vectors(dev.tensor([[1.0]]), dev.tensor([[2.0, 3.0]]), Const)?;
/// assert_eq!(y.array(), [[1.0, 2.0, 3.0]]);
/// # Ok::<(), CpuError>(())
/// ```
pub fn concat_vectors<B: Dim, C1: Dim, C2: Dim, C: Dim, D: ConcatKernel, T, R>(
    a: Tensor<(B, C1), f32, D, T>,
    b: Tensor<(B, C2), f32, D, R>,
    width: C,
) -> Result<Tensor<(B, C), f32, D, T>, D::Err>
where
    T: Tape<f32, D> + Merge<R>,
    R: Tape<f32, D>,
{
    let ((n, c1), (_, c2)) = (*a.shape(), *b.shape());
    let a = a.try_reshape_like(&(n, c1, Const::<1>, Const::<1>))?;
    let b = b.try_reshape_like(&(n, c2, Const::<1>, Const::<1>))?;
    concat_channels(a, b, width)?.try_reshape_like(&(n, width))
}

/// [`concat_channels`] on a device. The provided method is the composition of dfdx ops.
pub trait ConcatKernel: Device<f32> {
    /// See [`concat_channels`].
    ///
    /// # Errors
    /// The device's.
    fn concat_channels<B: Dim, C1: Dim, C2: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Self>>(
        a: Tensor<(B, C1, H, W), f32, Self, T>,
        b: &Tensor<(B, C2, H, W), f32, Self>,
        channels: C,
    ) -> Result<Tensor<(B, C, H, W), f32, Self, T>, Self::Err> {
        composed(a, b, channels)
    }
}

/// The oracle: [`concat_channels`] from dfdx's own ops, for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed<B: Dim, C1: Dim, C2: Dim, C: Dim, H: Dim, W: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    a: Tensor<(B, C1, H, W), E, D, T>,
    b: &Tensor<(B, C2, H, W), E, D>,
    channels: C,
) -> Result<Tensor<(B, C, H, W), E, D, T>, D::Err> {
    let (n, c1, h, w) = *a.shape();
    let (c1, c2) = (c1.size(), b.shape().1.size());
    let a = a.try_reshape_like(&(n.size(), c1, h.size(), w.size()))?;
    let b = b.retaped::<T>().try_reshape_like(&(n.size(), c2, h.size(), w.size()))?;
    (a, b).try_concat_along(Axis::<1>)?.try_reshape_like(&(n, channels, h, w))
}

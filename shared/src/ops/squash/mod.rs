//! The squashing of capsules, and the change from feature maps to capsules that it comes with.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Axes4, Axis, Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::targets::scalar;
use crate::device::kernel_or;
pub(crate) use cpu::Factor;

/// ε under the root: a capsule of length 0 then has a gradient, and it is 0.
pub const EPSILON: f64 = 1e-8;

/// v = ‖s‖² / (1 + ‖s‖²) · s / √(‖s‖² + ε): the direction of s, and a length below 1 that stands for a probability.
///
/// # Shapes
/// s and the result: (B, I, D), I capsules of D numbers.
///
/// # Errors
/// The device's: out of memory.
///
/// # Reference
/// Sabour, Frosst and Hinton (2017), eq. 1.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::squash::squash};
/// let dev = Cpu::default();
/// let s: Tensor<Rank3<1, 2, 2>, f32, _> = dev.tensor([[[3.0, 4.0], [0.0, 0.0]]]);
/// let v = squash(s)?.array();
/// assert!((v[0][0][0] - 25.0 / 26.0 * 0.6).abs() < 1e-6);
/// assert_eq!(v[0][1], [0.0, 0.0]);
/// # Ok::<(), CpuError>(())
/// ```
pub fn squash<B: Dim, I: Dim, N: Dim, D: SquashKernel, T: Tape<f32, D>>(
    s: Tensor<(B, I, N), f32, D, T>,
) -> Result<Tensor<(B, I, N), f32, D, T>, D::Err> {
    let (b, i, n) = *s.shape();
    // a capsule of its own type on maps of one pixel
    let maps = s.try_reshape_like(&(b, i.size() * n.size(), Const::<1>, Const::<1>))?;
    kernel_or!(D::primary_capsules(maps, i, n), composed(maps, i, n))
}

/// Cuts feature maps into capsules and squashes them: capsule t H W + y W + x holds the values of the maps t D to
/// t D + D − 1 at (y, x).
///
/// # Shapes
/// maps: (B, T D, H, W), result: (B, I, D) with I = T H W.
///
/// # Errors
/// The device's: out of memory.
///
/// # Panics
/// If I D is not the number of values in the maps of an image, or D does not divide the number of maps: a bug of the
/// caller, which `nn::PrimaryCaps` finds at compile time.
///
/// # Reference
/// Sabour, Frosst and Hinton (2017), section 4 and eq. 1.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::squash::primary_capsules};
/// let dev = Cpu::default();
/// // two maps of two pixels are two capsules of two numbers
/// let maps: Tensor<Rank4<1, 2, 1, 2>, f32, _> = dev.tensor([[[[3.0, 0.0]], [[4.0, 0.0]]]]);
/// let v: Tensor<Rank3<1, 2, 2>, f32, _> = primary_capsules(maps, Const, Const)?;
/// assert!((v.array()[0][0][1] - 25.0 / 26.0 * 0.8).abs() < 1e-6);
/// # Ok::<(), CpuError>(())
/// ```
#[track_caller]
pub fn primary_capsules<B, C, H, W, I, N, D, T>(
    maps: Tensor<(B, C, H, W), f32, D, T>,
    capsules: I,
    length: N,
) -> Result<Tensor<(B, I, N), f32, D, T>, D::Err>
where
    B: Dim,
    C: Dim,
    H: Dim,
    W: Dim,
    I: Dim,
    N: Dim,
    D: SquashKernel,
    T: Tape<f32, D>,
{
    let (_, c, h, w) = *maps.shape();
    let (i, n) = (capsules.size(), length.size());
    assert!(n > 0 && c.size().is_multiple_of(n), "{} maps cannot be capsules of {n} numbers", c.size());
    assert_eq!(i * n, c.size() * h.size() * w.size(), "values in {i} capsules and in the maps");
    kernel_or!(D::primary_capsules(maps, capsules, length), composed(maps, capsules, length))
}

/// [`primary_capsules`] on a device. The provided method is the composition of dfdx ops.
pub trait SquashKernel: Device<f32> {
    /// See [`primary_capsules`].
    ///
    /// # Errors
    /// The device's.
    fn primary_capsules<B: Dim, C: Dim, H: Dim, W: Dim, I: Dim, N: Dim, T: Tape<f32, Self>>(
        maps: Tensor<(B, C, H, W), f32, Self, T>,
        capsules: I,
        length: N,
    ) -> Result<Tensor<(B, I, N), f32, Self, T>, Self::Err> {
        composed(maps, capsules, length)
    }
}

/// The oracle: [`primary_capsules`] from dfdx's own ops, for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed<B, C, H, W, I, N, E, D, T>(
    maps: Tensor<(B, C, H, W), E, D, T>,
    capsules: I,
    length: N,
) -> Result<Tensor<(B, I, N), E, D, T>, D::Err>
where
    B: Dim,
    C: Dim,
    H: Dim,
    W: Dim,
    I: Dim,
    N: Dim,
    E: Dtype,
    D: Device<E>,
    T: Tape<E, D>,
{
    let (b, c, h, w) = *maps.shape();
    let types = c.size() / length.size().max(1);
    let s: Tensor<(B, usize, usize, N), E, D, T> = maps
        .try_reshape_like(&(b, types, length, h.size() * w.size()))?
        .try_permute::<_, Axes4<0, 1, 3, 2>>()?;
    composed_squash(s.try_reshape_like(&(b, capsules, length))?)
}

/// [`squash`] from dfdx's own ops.
pub(crate) fn composed_squash<B: Dim, I: Dim, N: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    s: Tensor<(B, I, N), E, D, T>,
) -> Result<Tensor<(B, I, N), E, D, T>, D::Err> {
    let shape = *s.shape();
    let squares: Tensor<(B, I), E, D, T> = s.with_empty_tape().try_square()?.try_sum::<_, Axis<2>>()?;
    let root = squares.with_empty_tape().try_add(scalar::<E>(EPSILON))?.try_sqrt()?;
    let divisor = squares.with_empty_tape().try_add(scalar::<E>(1.0))?.try_mul(root)?;
    let factor = squares.try_div(divisor)?.try_broadcast_like::<_, Axis<2>>(&shape)?;
    s.try_mul(factor)
}

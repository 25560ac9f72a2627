//! How close the rows of a batch lie to each other: the pairwise part of minibatch discrimination.

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
/// oᵢₙ = Σ_{j ≠ i} exp(−‖mᵢₙ − mⱼₙ‖₁), each n for itself: a number near B − 1 where the rows of a batch are all the same, and
/// near 0 where they lie far apart.
///
/// Where two coordinates are equal, the absolute value's slope there is 0.
///
/// # Shapes
/// m: (B, N, M), result: (B, N).
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// B² N M differences and B² N exponentials, in parallel and without a table of pairs on the CPU; elsewhere a table of
/// B² N M numbers is made.
///
/// # Reference
/// Salimans et al., "Improved Techniques for Training GANs", 2016, section 3.2, where the sum counts j = i too; it adds 1 to
/// each o, which the next layer's bias takes up.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::minibatch::closeness};
/// let dev = Cpu::default();
/// let m: Tensor<Rank3<3, 1, 2>, f32, _> = dev.tensor([[[0.0, 0.0]], [[0.0, 0.0]], [[9.0, -9.0]]]);
/// let o = closeness(m)?.array();
/// assert!((o[0][0] - 1.0).abs() < 1e-6 && o[2][0] < 1e-6);
/// # Ok::<(), CpuError>(())
/// ```
pub fn closeness<B: Dim, N: Dim, M: Dim, D: MinibatchKernel, T: Tape<f32, D>>(
    m: Tensor<(B, N, M), f32, D, T>,
) -> Result<Tensor<(B, N), f32, D, T>, D::Err> {
    let (b, n, width) = *m.shape();
    let m = m.try_reshape_like(&(b.size(), n.size(), width.size()))?;
    kernel_or!(D::closeness(m), composed(m))?.try_reshape_like(&(b, n))
}

/// [`closeness`] on a device. The provided method is the composition of dfdx ops.
pub trait MinibatchKernel: Device<f32> {
    /// See [`closeness`].
    ///
    /// # Errors
    /// The device's.
    fn closeness<B: Dim, N: Dim, M: Dim, T: Tape<f32, Self>>(
        m: Tensor<(B, N, M), f32, Self, T>,
    ) -> Result<Tensor<(B, N), f32, Self, T>, Self::Err> {
        composed(m)
    }
}

/// The oracle: [`closeness`] from dfdx's own ops, for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed<B: Dim, N: Dim, M: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    m: Tensor<(B, N, M), E, D, T>,
) -> Result<Tensor<(B, N), E, D, T>, D::Err> {
    let (b, n, width) = (m.shape().0.size(), m.shape().1.size(), m.shape().2.size());
    let shape = (m.shape().0, m.shape().1);
    let m = m.try_reshape_like(&(b, n, width))?;
    let pairs = (b, b, n, width);
    let one = m.with_empty_tape().try_broadcast_like::<_, Axis<1>>(&pairs)?;
    // −mⱼ, a tensor of its own: dfdx takes no two operands with the same gradient
    let other = m.try_negate()?.try_broadcast_like::<_, Axis<0>>(&pairs)?;
    let distance: Tensor<(usize, usize, usize), E, D, T> =
        one.try_add(other)?.try_abs()?.try_sum::<_, Axis<3>>()?;
    // a row is not its own neighbour
    let mut others = vec![E::ONE; b * b * n];
    for i in 0..b {
        others[(i * b + i) * n..][..n].fill(E::default());
    }
    let others = distance.device().try_tensor_from_vec(others, (b, b, n))?;
    let close = distance.try_negate()?.try_exp()?.try_mul(others)?;
    close.try_sum::<(usize, usize), Axis<1>>()?.try_reshape_like(&shape)
}

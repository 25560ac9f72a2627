//! Routing by agreement, from the capsules of one layer to those of the next, as one op.
//!
//! The prediction vectors û are the bulk of it: B I J D numbers, read in every iteration. The kernel makes them for a
//! few examples at a time, routes those, and forgets them.

mod composed;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod kernel;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use crate::device::kernel_or;
use serde::{Deserialize, Serialize};

pub use composed::composed;
pub use kernel::{RoutingSizes, RoutingTrace};

/// How capsules are routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Routing {
    /// Passes r, at least 1; the paper recommends 3. With 1 nothing is routed: c = 1 / J.
    pub iterations: usize,
    /// How far gradients go back.
    pub gradient: RoutingGradient,
    /// What the coupling coefficients of a child sum to, and over what.
    pub coupling: Coupling,
}

/// How far gradients go back through the passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoutingGradient {
    /// Through the last weighted sum alone, the coupling coefficients being constants.
    #[default]
    Last,
    /// Through every pass, as in the authors' code.
    All,
}

/// The softmax that makes coupling coefficients of logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coupling {
    /// Over the parents: Σⱼ cᵢⱼ = 1. The paper's.
    #[default]
    Parents,
    /// Over the parents and one more of logit 0 whose share is dropped ("none of the above"): Σⱼ cᵢⱼ < 1. The authors'
    /// code has it for CIFAR-10.
    Leaky,
    /// Over the children: Σᵢ cᵢⱼ = 1. A mistake of many public versions, here so that its cost can be measured.
    Children,
}

impl Default for Routing {
    fn default() -> Self {
        Routing { iterations: 3, gradient: RoutingGradient::Last, coupling: Coupling::Parents }
    }
}

/// Routes children to parents by agreement: with prediction vectors û\[i, j\] = W\[i, j\] u\[i\] and logits b = 0, `r` times
///
/// c = softmax(b),  s\[j\] = Σᵢ c\[i, j\] û\[i, j\] + bias\[j\],  v\[j\] = squash(s\[j\]),  b\[i, j\] += û\[i, j\] · v\[j\];
///
/// the result is the last v. Logits are of each example alone, and begin at 0 every time.
///
/// # Shapes
/// u: (B, I, M), W: (I, J, N, M), bias: (J, N), result: (B, J, N).
///
/// # Errors
/// The device's: out of memory.
///
/// # Panics
/// If `routing.iterations` is 0: a bug of the caller.
///
/// # Complexity
/// 2 B I J N M operations for û and about 4 B I J N a pass. The kernel holds û of a few examples; with
/// [`RoutingGradient::All`] it keeps û of the whole batch for the way back.
///
/// # Reference
/// Sabour, Frosst and Hinton (2017), eq. 2 and 3, procedure 1.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::routing::{route, Routing}};
/// let dev = Cpu::default();
/// // two children that agree about parent 0 and contradict each other about parent 1
/// let u: Tensor<Rank3<1, 2, 1>, f32, _> = dev.tensor([[[1.0], [1.0]]]);
/// let w = dev.tensor([[[[2.0]], [[2.0]]], [[[2.0]], [[-2.0]]]]);
/// let v: Tensor<Rank3<1, 2, 1>, f32, _> = route(u, &w, None, Routing::default())?;
/// assert!(v.array()[0][0][0] > 0.8 && v.array()[0][1][0].abs() < 1e-6);
/// # Ok::<(), CpuError>(())
/// ```
#[track_caller]
pub fn route<B, I, M, J, N, D, T>(
    u: Tensor<(B, I, M), f32, D, T>,
    weight: &Tensor<(I, J, N, M), f32, D>,
    bias: Option<&Tensor<(J, N), f32, D>>,
    routing: Routing,
) -> Result<Tensor<(B, J, N), f32, D, T>, D::Err>
where
    B: Dim,
    I: Dim,
    M: Dim,
    J: Dim,
    N: Dim,
    D: RoutingKernel,
    T: Tape<f32, D>,
{
    assert!(routing.iterations > 0, "routing takes at least one pass");
    let ((_, i, m), (wi, j, n, wm)) = (*u.shape(), *weight.shape());
    assert_eq!((i.size(), m.size()), (wi.size(), wm.size()), "children and their weights");
    if let Some(bias) = bias {
        let (bj, bn) = *bias.shape();
        assert_eq!((j.size(), n.size()), (bj.size(), bn.size()), "parents and their biases");
    }
    kernel_or!(D::route(u, weight, bias, routing), composed(u, weight, bias, routing))
}

/// [`route`] on a device. The provided method is the composition of dfdx ops.
pub trait RoutingKernel: Device<f32> {
    /// See [`route`].
    ///
    /// # Errors
    /// The device's.
    fn route<B: Dim, I: Dim, M: Dim, J: Dim, N: Dim, T: Tape<f32, Self>>(
        u: Tensor<(B, I, M), f32, Self, T>,
        weight: &Tensor<(I, J, N, M), f32, Self>,
        bias: Option<&Tensor<(J, N), f32, Self>>,
        routing: Routing,
    ) -> Result<Tensor<(B, J, N), f32, Self, T>, Self::Err> {
        composed(u, weight, bias, routing)
    }
}

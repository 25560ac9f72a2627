//! Routing from dfdx's own ops.

use dfdx::{
    prelude::*,
    shapes::{Axes3, Axis, Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::{Coupling, Routing, RoutingGradient};
use crate::ops::squash::composed_squash;

/// Four sizes known at run time.
type Wide = (usize, usize, usize, usize);

/// The oracle: [`route`](super::route) from dfdx's own ops, for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed<B, I, M, J, N, E, D, T>(
    u: Tensor<(B, I, M), E, D, T>,
    weight: &Tensor<(I, J, N, M), E, D>,
    bias: Option<&Tensor<(J, N), E, D>>,
    routing: Routing,
) -> Result<Tensor<(B, J, N), E, D, T>, D::Err>
where
    B: Dim,
    I: Dim,
    M: Dim,
    J: Dim,
    N: Dim,
    E: Dtype,
    D: Device<E>,
    T: Tape<E, D>,
{
    let ((batch, children, length), (_, parents, width, _)) = (*u.shape(), *weight.shape());
    let (b, i, m) = (batch.size(), children.size(), length.size());
    let (j, n) = (parents.size(), width.size());
    // a matrix product for each child: (B, M) times (M, J N)
    let u = u.try_permute::<_, Axes3<1, 0, 2>>()?.try_reshape_like(&(i, b, m))?;
    let w = weight.retaped::<T>().try_reshape_like(&(i, j * n, m))?.try_permute::<_, Axes3<0, 2, 1>>()?;
    let predictions: Tensor<(usize, usize, usize), E, D, T> = u.try_matmul(w)?;
    let predictions = predictions
        .try_permute::<(usize, usize, usize), Axes3<1, 0, 2>>()?
        .try_reshape_like(&(b, i, j, n))?;
    let bias = match bias {
        None => None,
        Some(bias) => Some(bias.retaped::<T>().try_reshape_like(&(j, n))?),
    };
    let v = match routing.gradient {
        RoutingGradient::All => passes(predictions, bias, routing)?,
        RoutingGradient::Last => {
            // the logits of the last pass, as constants
            let plain_bias = bias.as_ref().map(|b| b.retaped::<NoneTape>());
            let plain = predictions.retaped::<NoneTape>();
            let logits = last_logits(&plain, plain_bias, routing)?.retaped::<T>();
            gather(predictions, couple(logits, routing.coupling)?, bias)?
        }
    };
    v.try_reshape_like(&(batch, parents, width))
}

fn passes<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    predictions: Tensor<Wide, E, D, T>,
    bias: Option<Tensor<(usize, usize), E, D, T>>,
    routing: Routing,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, D::Err> {
    let (b, i, j, _) = *predictions.shape();
    let device = predictions.device().clone();
    let mut logits: Tensor<_, E, D, T> = device.try_zeros_like(&(b, i, j))?.retaped();
    for _ in 1..routing.iterations {
        let v = gather(
            predictions.with_empty_tape(),
            couple(logits.with_empty_tape(), routing.coupling)?,
            bias.as_ref().map(|b| b.with_empty_tape()),
        )?;
        logits = logits.try_add(agreement(predictions.with_empty_tape(), v)?)?;
    }
    gather(predictions, couple(logits, routing.coupling)?, bias)
}

fn last_logits<E: Dtype, D: Device<E>>(
    predictions: &Tensor<Wide, E, D>,
    bias: Option<Tensor<(usize, usize), E, D>>,
    routing: Routing,
) -> Result<Tensor<(usize, usize, usize), E, D>, D::Err> {
    let (b, i, j, _) = *predictions.shape();
    let mut logits: Tensor<_, E, D> = predictions.device().try_zeros_like(&(b, i, j))?;
    for _ in 1..routing.iterations {
        let v = gather(predictions.clone(), couple(logits.clone(), routing.coupling)?, bias.clone())?;
        logits = logits.try_add(agreement(predictions.clone(), v)?)?;
    }
    Ok(logits)
}

/// The coupling coefficients of logits, (B, I, J) both.
fn couple<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    logits: Tensor<(usize, usize, usize), E, D, T>,
    coupling: Coupling,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, D::Err> {
    match coupling {
        Coupling::Parents => logits.try_softmax::<Axis<2>>(),
        Coupling::Children => logits.try_softmax::<Axis<1>>(),
        Coupling::Leaky => {
            let (b, i, j) = *logits.shape();
            let leak: Tensor<_, E, D> = logits.device().try_zeros_like(&(b, i, 1))?;
            let all: Tensor<(usize, usize, usize), E, D, T> = (logits, leak).try_concat_along(Axis::<2>)?;
            let all = all.try_softmax::<Axis<2>>()?;
            all.try_slice((.., .., 0..j))?.try_reshape_like(&(b, i, j))
        }
    }
}

/// squash(Σᵢ c û + bias).
fn gather<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    predictions: Tensor<Wide, E, D, T>,
    couplings: Tensor<(usize, usize, usize), E, D, T>,
    bias: Option<Tensor<(usize, usize), E, D, T>>,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, D::Err> {
    let shape = *predictions.shape();
    let couplings = couplings.try_broadcast_like::<_, Axis<3>>(&shape)?;
    let s: Tensor<(usize, usize, usize), E, D, T> =
        predictions.try_mul(couplings)?.try_sum::<_, Axis<1>>()?;
    let s = match bias {
        None => s,
        Some(bias) => {
            let shape = *s.shape();
            s.try_add(bias.try_broadcast_like::<_, Axis<0>>(&shape)?)?
        }
    };
    composed_squash(s)
}

/// û · v, (B, I, J).
fn agreement<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    predictions: Tensor<Wide, E, D, T>,
    v: Tensor<(usize, usize, usize), E, D, T>,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, D::Err> {
    let shape = *predictions.shape();
    let v = v.try_broadcast_like::<_, Axis<1>>(&shape)?;
    predictions.try_mul(v)?.try_sum::<_, Axis<3>>()
}

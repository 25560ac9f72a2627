//! Batch normalisation, with the residual sum and the activation that follow it in the same op.
//!
//! Both are memory-bound: what they cost is the passes over the images. One op makes one pass forward and two
//! backward where three ops would make three and six.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod kernel;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Axes2, Axes3, Axis, Dim, Dtype},
    tensor::{Storage, Tape, Tensor},
    tensor_ops::Device,
};

use super::{
    erased::{erased, erased_option, sizes4},
    functions,
    linear::Activation,
    targets::scalar,
};
use crate::device::kernel_or;

/// What is fixed about a batch normalisation, beside its tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormOptions {
    /// ε, added to the variance. PyTorch's default is 1e-5.
    pub epsilon: f64,
    /// Examples whose statistics are taken together ("ghost batch"); `None` takes the whole batch. Where the batch is
    /// not a multiple of it, the last group is smaller.
    pub group: Option<usize>,
    /// f.
    pub activation: Activation,
}

impl Default for BatchNormOptions {
    fn default() -> Self {
        BatchNormOptions { epsilon: 1e-5, group: None, activation: Activation::Identity }
    }
}

/// Mean and variance of each channel in each group, as a training pass took them: a row a group, a column a channel.
#[derive(Clone, Debug)]
pub struct BatchStatistics<D: Storage<f32>> {
    /// The mean of each channel.
    pub mean: Tensor<(usize, usize), f32, D>,
    /// The unbiased variance of each channel, Σ (x − μ)² / (n − 1): what running statistics are made of. 0 for a group of
    /// a single value.
    pub variance: Tensor<(usize, usize), f32, D>,
}

/// f(γ (x − μ) / √(σ² + ε) + β + r), with μ and σ² the mean and the biased variance of each channel over a group of
/// examples and all positions; r, the residual addend, may be absent. Gradients go through μ and σ².
///
/// # Shapes
/// x, r and the result: (B, C, H, W); γ and β: (C). A (B, C) batch is (B, C, 1, 1): reshape it, which moves nothing.
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// One pass over x (and r) forward, two backward; sums are in double precision.
///
/// # Panics
/// If x and r differ in shape, or a group is of 0 examples: like dfdx's run-time shapes, a bug of the caller.
///
/// # Reference
/// Ioffe and Szegedy (2015), algorithm 1; groups: Hoffer et al. (2017), algorithm 1.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::batch_norm::{batch_norm_train, BatchNormOptions}};
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<4, 1, 1, 1>, f32, _> = dev.tensor([[[[1.0]]], [[[2.0]]], [[[3.0]]], [[[4.0]]]]);
/// let (y, statistics) =
///     batch_norm_train(x, &dev.tensor([2.0]), &dev.tensor([1.0]), None, BatchNormOptions::default())?;
/// assert!((y.as_vec()[3] - (1.0 + 2.0 * 1.5 / 1.25f32.sqrt())).abs() < 1e-4);
/// assert_eq!((statistics.mean.as_vec(), statistics.variance.as_vec()), (vec![2.5], vec![5.0 / 3.0]));
/// # Ok::<(), CpuError>(())
/// ```
pub fn batch_norm_train<B: Dim, C: Dim, H: Dim, W: Dim, D: BatchNormKernel, T: Tape<f32, D>>(
    x: Tensor<(B, C, H, W), f32, D, T>,
    gamma: &Tensor<(C,), f32, D>,
    beta: &Tensor<(C,), f32, D>,
    residual: Option<&Tensor<(B, C, H, W), f32, D>>,
    options: BatchNormOptions,
) -> Result<Normalized<(B, C, H, W), D, T>, D::Err> {
    check(x.shape(), gamma.shape(), beta.shape(), residual.map(HasShape::shape));
    assert_ne!(options.group, Some(0), "batch_norm: a group of 0 examples");
    let (shape, sizes) = (*x.shape(), sizes4(x.shape()));
    let (x, tape) = x.try_reshape_like(&sizes)?.split_tape();
    let (gamma, tape) = erased(gamma, (sizes.1,), tape)?;
    let (beta, tape) = erased(beta, (sizes.1,), tape)?;
    let (residual, tape) = erased_option(residual, sizes, tape)?;
    let (x, residual) = (x.put_tape(tape), residual.as_ref());
    let (y, statistics) = kernel_or!(
        D::batch_norm_train(x, &gamma, &beta, residual, options),
        composed_normalized(x, &gamma, &beta, residual, options)
    )?;
    Ok((y.try_reshape_like(&shape)?, statistics))
}

/// What a training pass gives: the result, and the statistics that it took.
pub type Normalized<S, D, T> = (Tensor<S, f32, D, T>, BatchStatistics<D>);

/// f(γ (x − μ) / √(σ² + ε) + β + r), with μ and σ² given: the running statistics, as after training.
///
/// Gradients go to x, γ, β and r, and not to μ and σ². Groups play no part.
///
/// # Shapes
/// x, r and the result: (B, C, H, W); γ, β, μ and σ²: (C).
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// One pass over x (and r) forward, two backward.
///
/// # Panics
/// If x and r differ in shape: like dfdx's run-time shapes, a bug of the caller.
pub fn batch_norm_eval<B: Dim, C: Dim, H: Dim, W: Dim, D: BatchNormKernel, T: Tape<f32, D>>(
    x: Tensor<(B, C, H, W), f32, D, T>,
    gamma: &Tensor<(C,), f32, D>,
    beta: &Tensor<(C,), f32, D>,
    [mean, variance]: [&Tensor<(C,), f32, D>; 2],
    residual: Option<&Tensor<(B, C, H, W), f32, D>>,
    options: BatchNormOptions,
) -> Result<Tensor<(B, C, H, W), f32, D, T>, D::Err> {
    check(x.shape(), gamma.shape(), beta.shape(), residual.map(HasShape::shape));
    check(x.shape(), mean.shape(), variance.shape(), None);
    let (shape, sizes) = (*x.shape(), sizes4(x.shape()));
    let (x, tape) = x.try_reshape_like(&sizes)?.split_tape();
    let (gamma, tape) = erased(gamma, (sizes.1,), tape)?;
    let (beta, tape) = erased(beta, (sizes.1,), tape)?;
    let (mean, tape) = erased(mean, (sizes.1,), tape)?;
    let (variance, tape) = erased(variance, (sizes.1,), tape)?;
    let (residual, tape) = erased_option(residual, sizes, tape)?;
    let (x, statistics, residual) = (x.put_tape(tape), [&mean, &variance], residual.as_ref());
    kernel_or!(
        D::batch_norm_eval(x, &gamma, &beta, statistics, residual, options),
        composed_eval(x, &gamma, &beta, statistics, residual, options)
    )?
    .try_reshape_like(&shape)
}

/// Moves running statistics towards those of a batch, group after group: m ← (1 − η) m + η μ.
///
/// # Shapes
/// running: (C), batch: (groups, C).
///
/// # Errors
/// The device's: out of memory.
///
/// # Panics
/// If the channels differ: a bug of the caller.
pub fn follow<C: Dim, D: BatchNormKernel>(
    running: &mut Tensor<(C,), f32, D>,
    batch: &Tensor<(usize, usize), f32, D>,
    momentum: f64,
) -> Result<(), D::Err> {
    assert_eq!(batch.shape().1, running.shape().0.size(), "running statistics: channels");
    kernel_or!(D::follow(running, batch, momentum), composed_follow(running, batch, momentum))
}

#[track_caller]
fn check<B: Dim, C: Dim, H: Dim, W: Dim>(
    x: &(B, C, H, W),
    gamma: &(C,),
    beta: &(C,),
    residual: Option<&(B, C, H, W)>,
) {
    let channels = x.1.size();
    assert_eq!(
        (gamma.0.size(), beta.0.size()),
        (channels, channels),
        "batch_norm: parameters against channels"
    );
    assert!(
        residual.is_none_or(|r| r.concrete() == x.concrete()),
        "batch_norm: x is {x:?} and the residual {residual:?}"
    );
}

/// [`batch_norm_train`] and [`batch_norm_eval`] on a device. The provided methods are compositions of dfdx ops.
pub trait BatchNormKernel: Device<f32> {
    /// See [`batch_norm_train`].
    ///
    /// # Errors
    /// The device's.
    fn batch_norm_train<B: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        gamma: &Tensor<(C,), f32, Self>,
        beta: &Tensor<(C,), f32, Self>,
        residual: Option<&Tensor<(B, C, H, W), f32, Self>>,
        options: BatchNormOptions,
    ) -> Result<Normalized<(B, C, H, W), Self, T>, Self::Err> {
        composed_normalized(x, gamma, beta, residual, options)
    }

    /// See [`batch_norm_eval`].
    ///
    /// # Errors
    /// The device's.
    fn batch_norm_eval<B: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        gamma: &Tensor<(C,), f32, Self>,
        beta: &Tensor<(C,), f32, Self>,
        statistics: [&Tensor<(C,), f32, Self>; 2],
        residual: Option<&Tensor<(B, C, H, W), f32, Self>>,
        options: BatchNormOptions,
    ) -> Result<Tensor<(B, C, H, W), f32, Self, T>, Self::Err> {
        composed_eval(x, gamma, beta, statistics, residual, options)
    }

    /// See [`follow`].
    ///
    /// # Errors
    /// The device's.
    fn follow<C: Dim>(
        running: &mut Tensor<(C,), f32, Self>,
        batch: &Tensor<(usize, usize), f32, Self>,
        momentum: f64,
    ) -> Result<(), Self::Err> {
        composed_follow(running, batch, momentum)
    }
}

/// How many examples each group has.
pub(crate) fn group_sizes(batch: usize, group: Option<usize>) -> impl Iterator<Item = usize> {
    let group = group.unwrap_or(batch).max(1);
    (0..batch).step_by(group).map(move |start| group.min(batch - start))
}

/// Σ (x − μ)² / (n − 1) from Σ (x − μ)² / n.
pub(crate) fn unbiased(biased: f64, count: f64) -> f32 {
    if count > 1.0 {
        (biased * (count / (count - 1.0))) as f32
    } else {
        0.0
    }
}

/// What [`composed_train`] gives: the result, and the means and biased variances, (groups, C) each.
pub type Composed<S, C, E, D, T> = (Tensor<S, E, D, T>, [Tensor<(usize, C), E, D>; 2]);

/// The oracle of [`batch_norm_train`] from dfdx's own ops, for any device and float type.
///
/// Means over groups are products with a (groups, B) matrix that has 1 / group size where an example belongs to a
/// group, and a product with the transposed matrix of ones spreads them back over the examples.
///
/// # Errors
/// The device's.
pub fn composed_train<B: Dim, C: Dim, H: Dim, W: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<(B, C, H, W), E, D, T>,
    gamma: &Tensor<(C,), E, D>,
    beta: &Tensor<(C,), E, D>,
    residual: Option<&Tensor<(B, C, H, W), E, D>>,
    options: BatchNormOptions,
) -> Result<Composed<(B, C, H, W), C, E, D, T>, D::Err> {
    let (device, shape) = (x.device().clone(), *x.shape());
    let batch = shape.0.size();
    let sizes: Vec<usize> = group_sizes(batch, options.group).collect();
    if shape.num_elements() == 0 {
        let nothing = device.try_zeros_like(&(sizes.len(), shape.1))?;
        return Ok((x, [nothing.clone(), nothing]));
    }
    let (mut average, mut spread) =
        (vec![E::default(); sizes.len() * batch], vec![E::default(); sizes.len() * batch]);
    let mut example = 0;
    for (group, size) in sizes.iter().enumerate() {
        for _ in 0..*size {
            average[group * batch + example] = scalar(1.0 / *size as f64);
            spread[example * sizes.len() + group] = E::ONE;
            example += 1;
        }
    }
    let average = device.try_tensor_from_vec(average, (sizes.len(), shape.0))?;
    let spread = device.try_tensor_from_vec(spread, (shape.0, sizes.len()))?;

    let means = average.retaped::<T>().try_matmul(x.retaped::<T>().try_mean::<(B, C), Axes2<2, 3>>()?)?;
    let (means, tape) = means.split_tape();
    let mean = spread.clone().put_tape(tape).try_matmul(means.clone())?;
    let centred = x.try_sub(mean.try_broadcast_like::<_, Axes2<2, 3>>(&shape)?)?;
    let (centred, tape) = centred.split_tape();
    let squares = centred.clone().put_tape(tape).try_square()?.try_mean::<(B, C), Axes2<2, 3>>()?;
    let (variances, tape) = average.retaped::<T>().try_matmul(squares)?.split_tape();
    let deviation = variances.clone().put_tape(tape).try_add(scalar::<E>(options.epsilon))?.try_sqrt()?;
    let inverse = spread.retaped::<T>().try_matmul(deviation.try_recip()?)?;
    let normal = inverse.try_broadcast_like::<_, Axes2<2, 3>>(&shape)?.try_mul(centred)?;
    Ok((affine(normal, gamma, beta, residual, options.activation)?, [means, variances]))
}

/// [`composed_train`] with unbiased variances: what [`batch_norm_train`] gives.
fn composed_normalized<B: Dim, C: Dim, H: Dim, W: Dim, D: Device<f32>, T: Tape<f32, D>>(
    x: Tensor<(B, C, H, W), f32, D, T>,
    gamma: &Tensor<(C,), f32, D>,
    beta: &Tensor<(C,), f32, D>,
    residual: Option<&Tensor<(B, C, H, W), f32, D>>,
    options: BatchNormOptions,
) -> Result<Normalized<(B, C, H, W), D, T>, D::Err> {
    let (batch, channels, h, w) = *x.shape();
    let (y, [mean, biased]) = composed_train(x, gamma, beta, residual, options)?;
    let positions = h.size() * w.size();
    let factors: Vec<f32> = group_sizes(batch.size(), options.group)
        .map(|group| unbiased(1.0, (group * positions) as f64))
        .collect();
    let shape = (factors.len(), channels.size());
    if shape.0 * shape.1 == 0 {
        let nothing = y.device().try_zeros_like(&shape)?;
        return Ok((y, BatchStatistics { mean: nothing.clone(), variance: nothing }));
    }
    let factors = y.device().try_tensor_from_vec(factors, (shape.0,))?;
    let factors = factors.try_broadcast_like::<_, Axis<1>>(&shape)?;
    let variance = biased.try_reshape_like(&shape)?.try_mul(factors)?;
    Ok((y, BatchStatistics { mean: mean.try_reshape_like(&shape)?, variance }))
}

/// The oracle of [`follow`] from dfdx's own ops: Σ η (1 − η)ᴳ⁻¹⁻ᵍ μ\[g\] as one product.
fn composed_follow<C: Dim, D: Device<f32>>(
    running: &mut Tensor<(C,), f32, D>,
    batch: &Tensor<(usize, usize), f32, D>,
    momentum: f64,
) -> Result<(), D::Err> {
    let (groups, channels) = *batch.shape();
    if groups * channels == 0 {
        return Ok(());
    }
    let keep = 1.0 - momentum;
    let share = |group: usize| (momentum * keep.powi((groups - 1 - group) as i32)) as f32;
    let shares = (0..groups).map(share).collect();
    let shares = running.device().try_tensor_from_vec(shares, (1, groups))?;
    let moved = shares.try_matmul(batch.clone())?.try_reshape_like(running.shape())?;
    running.try_axpy(keep.powi(groups as i32), &moved, 1.0)
}

/// The oracle of [`batch_norm_eval`] from dfdx's own ops, for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed_eval<B: Dim, C: Dim, H: Dim, W: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<(B, C, H, W), E, D, T>,
    gamma: &Tensor<(C,), E, D>,
    beta: &Tensor<(C,), E, D>,
    [mean, variance]: [&Tensor<(C,), E, D>; 2],
    residual: Option<&Tensor<(B, C, H, W), E, D>>,
    options: BatchNormOptions,
) -> Result<Tensor<(B, C, H, W), E, D, T>, D::Err> {
    let shape = *x.shape();
    if shape.num_elements() == 0 {
        return Ok(x);
    }
    let mean = mean.clone().try_broadcast_like::<_, Axes3<0, 2, 3>>(&shape)?;
    let inverse = variance.clone().try_add(scalar::<E>(options.epsilon))?.try_sqrt()?.try_recip()?;
    let inverse = inverse.try_broadcast_like::<_, Axes3<0, 2, 3>>(&shape)?;
    affine(x.try_sub(mean)?.try_mul(inverse)?, gamma, beta, residual, options.activation)
}

fn affine<B: Dim, C: Dim, H: Dim, W: Dim, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    normal: Tensor<(B, C, H, W), E, D, T>,
    gamma: &Tensor<(C,), E, D>,
    beta: &Tensor<(C,), E, D>,
    residual: Option<&Tensor<(B, C, H, W), E, D>>,
    activation: Activation,
) -> Result<Tensor<(B, C, H, W), E, D, T>, D::Err> {
    let shape = *normal.shape();
    let gamma = gamma.retaped::<T>().try_broadcast_like::<_, Axes3<0, 2, 3>>(&shape)?;
    let beta = beta.retaped::<T>().try_broadcast_like::<_, Axes3<0, 2, 3>>(&shape)?;
    let mut sum = normal.try_mul(gamma)?.try_add(beta)?;
    if let Some(residual) = residual {
        sum = sum.try_add(residual.retaped::<T>())?;
    }
    functions::composed(sum, activation)
}

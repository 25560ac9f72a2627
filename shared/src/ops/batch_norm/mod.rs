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
    shapes::{Axes2, Axes3, Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::{
    erased::{erased, erased_option, sizes4},
    functions,
    linear::Activation,
    targets::scalar,
};

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

/// Mean and variance of each channel in each group, as a training pass took them.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchStatistics {
    /// The number of channels.
    pub channels: usize,
    /// Group after group, the mean of each channel.
    pub mean: Vec<f32>,
    /// Group after group, the unbiased variance of each channel, Σ (x − μ)² / (n − 1): what running statistics are made
    /// of. 0 for a group of a single value.
    pub variance: Vec<f32>,
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
/// assert_eq!((statistics.mean[0], statistics.variance[0]), (2.5, 5.0 / 3.0));
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
    let (y, statistics) = D::batch_norm_train(x.put_tape(tape), &gamma, &beta, residual.as_ref(), options)?;
    Ok((y.try_reshape_like(&shape)?, statistics))
}

/// What a training pass gives: the result, and the statistics that it took.
pub type Normalized<S, D, T> = (Tensor<S, f32, D, T>, BatchStatistics);

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
    let (x, statistics) = (x.put_tape(tape), [&mean, &variance]);
    D::batch_norm_eval(x, &gamma, &beta, statistics, residual.as_ref(), options)?.try_reshape_like(&shape)
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
        let (channels, [batch, positions]) =
            (x.shape().1.size(), [x.shape().0.size(), x.shape().2.size() * x.shape().3.size()]);
        let (y, [mean, biased]) = composed_train(x, gamma, beta, residual, options)?;
        let mut variance = host(&biased);
        for (variances, group) in
            variance.chunks_exact_mut(channels.max(1)).zip(group_sizes(batch, options.group))
        {
            let count = (group * positions) as f64;
            variances.iter_mut().for_each(|v| *v = unbiased(f64::from(*v), count));
        }
        Ok((y, BatchStatistics { channels, mean: host(&mean), variance }))
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

/// Row-major values; dfdx's iterators do not bear an empty tensor.
fn host<S: Shape, D: Device<f32>>(tensor: &Tensor<S, f32, D>) -> Vec<f32> {
    if tensor.shape().num_elements() == 0 {
        return Vec::new();
    }
    tensor.as_vec()
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

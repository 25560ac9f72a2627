//! The batch normalisation layer.

use dfdx::{
    prelude::*,
    shapes::{Const, Dim, Dtype},
    tensor::{Merge, Storage, Tape, Tensor},
};

use super::{Activation, Checked, Pass};
use crate::{
    device::Backend,
    ops::batch_norm::{
        batch_norm_eval, batch_norm_train, follow, BatchNormOptions, BatchStatistics, Normalized,
    },
};

#[cfg(test)]
mod tests;

/// f(γ (x − μ) / √(σ² + ε) + β + r) on images of C channels: μ and σ² are the batch's in training and the running
/// statistics in use; r is an optional residual.
///
/// Running statistics follow the batches (or the groups of a batch, one after another in their order): m ← (1 − η) m + η μ,
/// and the same with the unbiased variance. They are tensors that no optimiser touches, under PyTorch's names. Built with
/// γ = 1, β = 0, m = 0 and variance 1.
///
/// # Shapes
/// x, r and the result: (B, C, H, W), or (B, C) with [`forward_vectors`](Self::forward_vectors); parameters: (C).
///
/// # Reference
/// Ioffe and Szegedy (2015); groups and their order: Hoffer et al. (2017), algorithm 1; γ = 0: Goyal et al. (2017),
/// section 5.1.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, nn::{Activation, BatchNorm2d, Pass, Training}, train::RunRng};
/// let dev = Cpu::default();
/// let mut norm: BatchNorm2d<1, f32, Cpu> = BuildModule::try_build(&dev)?;
/// let x: Tensor<Rank4<2, 1, 1, 2>, f32, _> = dev.tensor([[[[1.0, 2.0]]], [[[3.0, 6.0]]]]);
/// let mut training = Training::new(RunRng::new(0, 0));
/// norm.forward(x, Activation::Identity, &mut Pass::Train(&mut training))?;
/// assert!((norm.running_mean.array()[0] - 0.1 * 3.0).abs() < 1e-6);
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BatchNorm2d<const C: usize, E: Dtype, D: Storage<E>> {
    /// γ.
    pub weight: Tensor<(Const<C>,), E, D>,
    /// β.
    pub bias: Tensor<(Const<C>,), E, D>,
    /// The running mean.
    pub running_mean: Tensor<(Const<C>,), E, D>,
    /// The running variance, of unbiased variances.
    pub running_var: Tensor<(Const<C>,), E, D>,
    /// η, the share of a new batch in the running statistics; 0.1.
    pub momentum: f64,
    /// ε; 1e-5.
    pub epsilon: f64,
}

/// Batch normalisation of vectors: the same layer, by its [`forward_vectors`](BatchNorm2d::forward_vectors).
pub type BatchNorm1d<const C: usize, E, D> = BatchNorm2d<C, E, D>;

/// Images of C channels.
type Images<B, const C: usize, H, W> = (B, Const<C>, H, W);

impl<const C: usize, D: Backend> BatchNorm2d<C, f32, D> {
    /// f(γ x̂ + β), in training or in use.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<B: Dim, H: Dim, W: Dim, T: Tape<f32, D>>(
        &mut self,
        x: Tensor<Images<B, C, H, W>, f32, D, T>,
        activation: Activation,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<Images<B, C, H, W>, f32, D, T>, D::Err> {
        self.run(x, None, activation, pass)
    }

    /// f(γ x̂ + β + r), in training or in use: the end of a residual block in one op.
    ///
    /// # Errors
    /// The device's: out of memory.
    ///
    /// # Panics
    /// If x and r differ in shape: like dfdx's run-time shapes, a bug of the caller.
    pub fn forward_residual<B: Dim, H: Dim, W: Dim, T: Tape<f32, D> + Merge<R>, R: Tape<f32, D>>(
        &mut self,
        x: Tensor<Images<B, C, H, W>, f32, D, T>,
        residual: Tensor<Images<B, C, H, W>, f32, D, R>,
        activation: Activation,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<Images<B, C, H, W>, f32, D, T>, D::Err> {
        let (residual, residual_tape) = residual.split_tape();
        let (x, tape) = x.split_tape();
        self.run(x.put_tape(tape.merge(residual_tape)), Some(&residual), activation, pass)
    }

    /// [`forward`](Self::forward) on vectors.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward_vectors<B: Dim, T: Tape<f32, D>>(
        &mut self,
        x: Tensor<(B, Const<C>), f32, D, T>,
        activation: Activation,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<(B, Const<C>), f32, D, T>, D::Err> {
        let shape = *x.shape();
        let x = x.try_reshape_like(&(shape.0, Const::<C>, Const::<1>, Const::<1>))?;
        self.run(x, None, activation, pass)?.try_reshape_like(&shape)
    }

    /// A training pass that leaves the running statistics as they are and gives back those of the batch.
    ///
    /// # Errors
    /// The device's: out of memory.
    #[allow(clippy::type_complexity)]
    pub fn train<B: Dim, H: Dim, W: Dim, T: Tape<f32, D>>(
        &self,
        x: Tensor<Images<B, C, H, W>, f32, D, T>,
        residual: Option<&Tensor<Images<B, C, H, W>, f32, D>>,
        activation: Activation,
        group: Option<usize>,
    ) -> Result<Normalized<Images<B, C, H, W>, D, T>, D::Err> {
        let options = BatchNormOptions { epsilon: self.epsilon, group, activation };
        batch_norm_train(x, &self.weight, &self.bias, residual, options)
    }

    /// A pass with the running statistics.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn eval<B: Dim, H: Dim, W: Dim, T: Tape<f32, D>>(
        &self,
        x: Tensor<Images<B, C, H, W>, f32, D, T>,
        residual: Option<&Tensor<Images<B, C, H, W>, f32, D>>,
        activation: Activation,
    ) -> Result<Tensor<Images<B, C, H, W>, f32, D, T>, D::Err> {
        let options = BatchNormOptions { epsilon: self.epsilon, group: None, activation };
        let statistics = [&self.running_mean, &self.running_var];
        batch_norm_eval(x, &self.weight, &self.bias, statistics, residual, options)
    }

    /// Moves the running statistics towards those of a batch, group after group.
    ///
    /// # Errors
    /// The device's: out of memory.
    ///
    /// # Panics
    /// If they are of another number of channels: a bug of the caller.
    pub fn update_running(&mut self, statistics: &BatchStatistics<D>) -> Result<(), D::Err> {
        follow(&mut self.running_mean, &statistics.mean, self.momentum)?;
        follow(&mut self.running_var, &statistics.variance, self.momentum)
    }

    fn run<B: Dim, H: Dim, W: Dim, T: Tape<f32, D>>(
        &mut self,
        x: Tensor<Images<B, C, H, W>, f32, D, T>,
        residual: Option<&Tensor<Images<B, C, H, W>, f32, D>>,
        activation: Activation,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<Images<B, C, H, W>, f32, D, T>, D::Err> {
        match pass {
            Pass::Eval => self.eval(x, residual, activation),
            Pass::Train(training) => {
                let (y, statistics) = self.train(x, residual, activation, training.group)?;
                if training.update_running {
                    self.update_running(&statistics)?;
                }
                Ok(y)
            }
        }
    }
}

impl<const C: usize, E: Dtype, D: Device<E>> BatchNorm2d<C, E, D> {
    /// Sets γ to 0, so that a residual block which ends in this layer begins as the identity.
    ///
    /// # Errors
    /// The device's.
    pub fn zero_gamma(&mut self) -> Result<(), D::Err> {
        self.weight.try_fill_with_zeros()
    }
}

impl<const C: usize, E: Dtype, D: Storage<E>> Checked for BatchNorm2d<C, E, D> {}

impl<const C: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for BatchNorm2d<C, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = BatchNorm2d<C, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let zeros = TensorOptions::detached(|t: &mut Tensor<_, E, D>| t.try_fill_with_zeros());
        let ones = TensorOptions::detached(|t: &mut Tensor<_, E, D>| t.try_fill_with_ones());
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_to_ones()),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
                Self::tensor("running_mean", |s| &s.running_mean, |s| &mut s.running_mean, zeros),
                Self::tensor("running_var", |s| &s.running_var, |s| &mut s.running_var, ones),
                Self::scalar(
                    "momentum",
                    |s| &s.momentum,
                    |s| &mut s.momentum,
                    ScalarOptions::from_default(0.1),
                ),
                Self::scalar(
                    "epsilon",
                    |s| &s.epsilon,
                    |s| &mut s.epsilon,
                    ScalarOptions::from_default(1e-5),
                ),
            ),
            |(weight, bias, running_mean, running_var, momentum, epsilon)| BatchNorm2d {
                weight,
                bias,
                running_mean,
                running_var,
                momentum,
                epsilon,
            },
        )
    }
}

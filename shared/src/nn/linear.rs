//! The fully connected layer.

use dfdx::{
    prelude::*,
    shapes::{Const, Dim, Dtype},
    tensor::{Storage, Tape, Tensor},
};
use num_traits::Float;
use rand_distr::{uniform::SampleUniform, Uniform};

use super::{Activation, Checked};
use crate::{device::Backend, ops};

/// f(x Wᵀ + b), with weights stored as PyTorch stores them.
///
/// Built with W and b drawn from U(−1/√I, 1/√I), PyTorch's default.
///
/// # Shapes
/// x: (B, I), W: (O, I), b: (O), result: (B, O). A wrong width is a compile error that names both:
///
/// ```compile_fail,E0308
/// # use shared::{dfdx::prelude::*, nn::{Linear, Activation}};
/// fn wrong(layer: &Linear<784, 10, f32, Cpu>, x: Tensor<Rank2<1, 785>, f32, Cpu>) {
///     let _ = layer.forward(x, Activation::Identity);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Linear<const I: usize, const O: usize, E: Dtype, D: Storage<E>> {
    /// W.
    pub weight: Tensor<(Const<O>, Const<I>), E, D>,
    /// b.
    pub bias: Tensor<(Const<O>,), E, D>,
}

impl<const I: usize, const O: usize, D: Backend> Linear<I, O, f32, D> {
    /// f(x Wᵀ + b).
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<B: Dim, T: Tape<f32, D>>(
        &self,
        x: Tensor<(B, Const<I>), f32, D, T>,
        activation: Activation,
    ) -> Result<Tensor<(B, Const<O>), f32, D, T>, D::Err> {
        ops::linear::linear(x, &self.weight, &self.bias, activation)
    }

    /// f(x Wᵀ + b) of data, to which no gradient goes; `tape` records it.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward_data<B: Dim, T: Tape<f32, D>>(
        &self,
        x: Tensor<(B, Const<I>), f32, D>,
        tape: T,
        activation: Activation,
    ) -> Result<Tensor<(B, Const<O>), f32, D, T>, D::Err> {
        ops::linear::linear_of_data(x, tape, &self.weight, &self.bias, activation)
    }
}

impl<const I: usize, const O: usize, E: Dtype, D: Storage<E>> Checked for Linear<I, O, E, D> {}

impl<const I: usize, const O: usize, E, D> TensorCollection<E, D> for Linear<I, O, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Linear<I, O, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor(
                    "weight",
                    |s| &s.weight,
                    |s| &mut s.weight,
                    TensorOptions::reset_with(|t| t.try_fill_with_distr(default_range::<I, E>())),
                ),
                Self::tensor(
                    "bias",
                    |s| &s.bias,
                    |s| &mut s.bias,
                    TensorOptions::reset_with(|t| t.try_fill_with_distr(default_range::<I, E>())),
                ),
            ),
            |(weight, bias)| Linear { weight, bias },
        )
    }
}

fn default_range<const I: usize, E: Dtype + Float + SampleUniform>() -> Uniform<E> {
    let bound = E::from_f64(1.0 / (I.max(1) as f64).sqrt()).unwrap_or(E::ONE);
    Uniform::new_inclusive(-bound, bound)
}

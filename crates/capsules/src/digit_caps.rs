//! A layer of capsules that other capsules are routed to.

use rand_distr::Normal;
use shared::{
    device::Backend,
    dfdx::{
        prelude::*,
        shapes::{Const, Dim, Dtype},
        tensor::{Storage, Tape, Tensor},
    },
    nn::Checked,
    num_traits::Float,
    ops::routing::{Routing, RoutingGradient},
    rand_distr::{uniform::SampleUniform, Distribution},
};

/// Standard deviation of the weights of a layer built out of nothing. With N(0, 1) training does not start.
pub const WEIGHT_STD: f64 = 0.05;

/// Routes children by agreement, with R passes known at compile time.
///
/// # Shapes
/// u: (B, I, M), W: (I, J, N, M), result: (B, J, N).
///
/// # Errors
/// The device's: out of memory.
///
/// # Reference
/// Procedure 1; gradients go through the last weighted sum.
///
/// # Example
/// ```
/// use capsules::route;
/// use shared::dfdx::prelude::*;
/// let dev = Cpu::seed_from_u64(0);
/// let u: Tensor<Rank3<2, 6, 4>, f32, _> = dev.sample_normal();
/// let w: Tensor<Rank4<6, 3, 5, 4>, f32, _> = dev.sample_normal();
/// let v: Tensor<Rank3<2, 3, 5>, f32, _> = route::<3, _, _, _, _, _, _, _>(u, &w)?;
/// assert!(v.square().sum::<_, Axis<2>>().as_vec().iter().all(|length| *length < 1.0));
/// # Ok::<(), CpuError>(())
/// ```
pub fn route<const R: usize, B: Dim, I: Dim, M: Dim, J: Dim, N: Dim, D: Backend, T: Tape<f32, D>>(
    u: Tensor<(B, I, M), f32, D, T>,
    weight: &Tensor<(I, J, N, M), f32, D>,
) -> Result<Tensor<(B, J, N), f32, D, T>, D::Err> {
    const { assert!(R > 0, "route::<R>: at least one pass") };
    let routing = Routing { iterations: R, gradient: RoutingGradient::Last, ..Routing::default() };
    shared::ops::routing::route(u, weight, None, routing)
}

/// J capsules of N numbers, each seeing all I children of M numbers through a matrix of its own.
///
/// # Shapes
/// u: (B, I, M), result: (B, J, N).
///
/// # Reference
/// Section 4: "DigitCaps", J = 10 and N = 16.
#[derive(Clone, Debug)]
pub struct DigitCaps<const I: usize, const M: usize, const J: usize, const N: usize, E: Dtype, D: Storage<E>>
{
    /// W: the matrix from child i to parent j is `weight[i][j]`.
    pub weight: Tensor<(Const<I>, Const<J>, Const<N>, Const<M>), E, D>,
}

/// [`DigitCaps`] with a learned bias that is added to s in every pass, as in the authors' code.
#[derive(Clone, Debug)]
pub struct BiasedDigitCaps<
    const I: usize,
    const M: usize,
    const J: usize,
    const N: usize,
    E: Dtype,
    D: Storage<E>,
> {
    /// W.
    pub weight: Tensor<(Const<I>, Const<J>, Const<N>, Const<M>), E, D>,
    /// The bias of each parent.
    pub bias: Tensor<(Const<J>, Const<N>), E, D>,
}

macro_rules! digit_caps {
    ($Layer:ident, $bias:expr) => {
        impl<const I: usize, const M: usize, const J: usize, const N: usize, D: Backend>
            $Layer<I, M, J, N, f32, D>
        {
            /// The parents' v.
            ///
            /// # Errors
            /// The device's: out of memory.
            ///
            /// # Panics
            /// If `routing.iterations` is 0.
            pub fn forward<B: Dim, T: Tape<f32, D>>(
                &self,
                u: Tensor<(B, Const<I>, Const<M>), f32, D, T>,
                routing: Routing,
            ) -> Result<Tensor<(B, Const<J>, Const<N>), f32, D, T>, D::Err> {
                shared::ops::routing::route(u, &self.weight, self.bias(), routing)
            }

            /// The bias, if the layer has one.
            pub fn bias(&self) -> Option<&Tensor<(Const<J>, Const<N>), f32, D>> {
                let bias: fn(&Self) -> Option<&Tensor<(Const<J>, Const<N>), f32, D>> = $bias;
                bias(self)
            }
        }

        impl<const I: usize, const M: usize, const J: usize, const N: usize, E: Dtype, D: Storage<E>> Checked
            for $Layer<I, M, J, N, E, D>
        {
        }
    };
}

digit_caps!(DigitCaps, |_| None);
digit_caps!(BiasedDigitCaps, |layer| Some(&layer.bias));

impl<const I: usize, const M: usize, const J: usize, const N: usize, E, D> TensorCollection<E, D>
    for DigitCaps<I, M, J, N, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = DigitCaps<I, M, J, N, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let reset = |t: &mut Tensor<_, E, D>| t.try_fill_with_distr(Weights);
        visitor.visit_fields(
            Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_with(reset)),
            |weight| DigitCaps { weight },
        )
    }
}

impl<const I: usize, const M: usize, const J: usize, const N: usize, E, D> TensorCollection<E, D>
    for BiasedDigitCaps<I, M, J, N, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = BiasedDigitCaps<I, M, J, N, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let reset = |t: &mut Tensor<_, E, D>| t.try_fill_with_distr(Weights);
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_with(reset)),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
            ),
            |(weight, bias)| BiasedDigitCaps { weight, bias },
        )
    }
}

/// N(0, WEIGHT_STD²) in any float type.
struct Weights;

impl<E: Dtype> Distribution<E> for Weights {
    fn sample<R: rand::Rng + ?Sized>(&self, rng: &mut R) -> E {
        let draw = Normal::new(0.0, WEIGHT_STD).map_or(0.0, |normal| normal.sample(rng));
        E::from_f64(draw).unwrap_or_default()
    }
}

//! Convolutional layers.

use dfdx::{
    prelude::*,
    shapes::{Const, Dim, Dtype},
    tensor::{Storage, Tape, Tensor},
};
use num_traits::Float;
use rand_distr::{uniform::SampleUniform, Uniform};

use super::{conv_fits::Sentence, conv_out, Activation, Checked};
use crate::{device::Backend, ops};

/// f(W ∗ x + b) on square images of IN pixels a side: a K x K kernel, stride S, P zeros around the image.
///
/// Built with W and b drawn from U(−1/√(C K²), 1/√(C K²)), PyTorch's default.
///
/// # Shapes
/// x: (B, C, IN, IN), W: (O, C, K, K), b: (O), result: (B, O, OUT, OUT) with OUT = [`conv_out`]`(IN, K, S, P)`. Another
/// OUT is a compile error that names the numbers:
///
/// ```compile_fail,E0080
/// shared::module! {
///     struct Net<E, D> {
///         // "Conv2d: IN = 28, K = 9, S = 1 and P = 0 give OUT = 20, not 21"
///         first: shared::nn::Conv2d<1, 256, 28, 21, 9, 1, 0, E, D>,
///     }
/// }
/// ```
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, nn::{conv_out, Activation, Conv2d}};
/// type First<E, D> = Conv2d<1, 4, 28, { conv_out(28, 9, 1, 0) }, 9, 1, 0, E, D>;
/// let dev = Cpu::seed_from_u64(0);
/// let first: First<f32, Cpu> = BuildModule::try_build(&dev)?;
/// let y = first.forward(dev.zeros_like(&(2, Const, Const, Const)), Activation::Relu)?;
/// assert_eq!(y.shape(), &(2, Const::<4>, Const::<20>, Const::<20>));
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conv2d<
    const C: usize,
    const O: usize,
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    E: Dtype,
    D: Storage<E>,
> {
    /// W.
    pub weight: Tensor<(Const<O>, Const<C>, Const<K>, Const<K>), E, D>,
    /// b.
    pub bias: Tensor<(Const<O>,), E, D>,
}

/// [`Conv2d`] without a bias, for a batch normalisation behind it, which has its own.
#[derive(Clone, Debug)]
pub struct Conv2dNoBias<
    const C: usize,
    const O: usize,
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    E: Dtype,
    D: Storage<E>,
> {
    /// W.
    pub weight: Tensor<(Const<O>, Const<C>, Const<K>, Const<K>), E, D>,
}

macro_rules! conv_layer {
    ($Layer:ident, $bias:expr) => {
        impl<
                const C: usize,
                const O: usize,
                const IN: usize,
                const OUT: usize,
                const K: usize,
                const S: usize,
                const P: usize,
                D: Backend,
            > $Layer<C, O, IN, OUT, K, S, P, f32, D>
        {
            /// f(W ∗ x + b), b = 0 without a bias.
            ///
            /// # Errors
            /// The device's: out of memory.
            pub fn forward<B: Dim, T: Tape<f32, D>>(
                &self,
                x: Tensor<(B, Const<C>, Const<IN>, Const<IN>), f32, D, T>,
                activation: Activation,
            ) -> Result<Tensor<(B, Const<O>, Const<OUT>, Const<OUT>), f32, D, T>, D::Err> {
                let () = Self::FITS;
                let bias: fn(&Self) -> Option<&Tensor<(Const<O>,), f32, D>> = $bias;
                ops::conv2d::conv2d(x, &self.weight, bias(self), S, P, (Const, Const), activation)
            }

            /// f(W ∗ x + b) of data, such as a batch of images, to which no gradient goes; `tape` records it.
            ///
            /// # Errors
            /// The device's: out of memory.
            pub fn forward_data<B: Dim, T: Tape<f32, D>>(
                &self,
                x: Tensor<(B, Const<C>, Const<IN>, Const<IN>), f32, D>,
                tape: T,
                activation: Activation,
            ) -> Result<Tensor<(B, Const<O>, Const<OUT>, Const<OUT>), f32, D, T>, D::Err> {
                let () = Self::FITS;
                let bias: fn(&Self) -> Option<&Tensor<(Const<O>,), f32, D>> = $bias;
                ops::conv2d::conv2d_of_data(
                    x,
                    tape,
                    &self.weight,
                    bias(self),
                    S,
                    P,
                    (Const, Const),
                    activation,
                )
            }
        }

        impl<
                const C: usize,
                const O: usize,
                const IN: usize,
                const OUT: usize,
                const K: usize,
                const S: usize,
                const P: usize,
                E: Dtype,
                D: Storage<E>,
            > Checked for $Layer<C, O, IN, OUT, K, S, P, E, D>
        {
            const FITS: () = assert!(
                OUT > 0 && OUT == conv_out(IN, K, S, P),
                "{}",
                Sentence::misfit(stringify!($Layer), [IN, OUT, K, S, P], conv_out(IN, K, S, P)).as_str()
            );
        }
    };
}

conv_layer!(Conv2d, |layer| Some(&layer.bias));
conv_layer!(Conv2dNoBias, |_| None);

impl<
        const C: usize,
        const O: usize,
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize,
        const P: usize,
        E,
        D,
    > TensorCollection<E, D> for Conv2d<C, O, IN, OUT, K, S, P, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Conv2d<C, O, IN, OUT, K, S, P, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let reset = |t: &mut Tensor<_, E, D>| t.try_fill_with_distr(fan_in_range(C * K * K));
        let reset_bias = |t: &mut Tensor<_, E, D>| t.try_fill_with_distr(fan_in_range(C * K * K));
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_with(reset)),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_with(reset_bias)),
            ),
            |(weight, bias)| Conv2d { weight, bias },
        )
    }
}

impl<
        const C: usize,
        const O: usize,
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize,
        const P: usize,
        E,
        D,
    > TensorCollection<E, D> for Conv2dNoBias<C, O, IN, OUT, K, S, P, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Conv2dNoBias<C, O, IN, OUT, K, S, P, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let reset = |t: &mut Tensor<_, E, D>| t.try_fill_with_distr(fan_in_range(C * K * K));
        visitor.visit_fields(
            Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_with(reset)),
            |weight| Conv2dNoBias { weight },
        )
    }
}

/// U(−1/√n, 1/√n) for n inputs of each output, PyTorch's default for weights and biases.
pub(super) fn fan_in_range<E: Dtype + Float + SampleUniform>(inputs: usize) -> Uniform<E> {
    let bound = E::from_f64(1.0 / (inputs.max(1) as f64).sqrt()).unwrap_or(E::ONE);
    Uniform::new_inclusive(-bound, bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::module! {
        /// A convolution of each kind.
        struct Net<E, D> {
            first: Conv2d<2, 3, 5, 3, 3, 2, 1, E, D>,
            second: Conv2dNoBias<3, 4, 3, 1, 3, 1, 0, E, D>,
        }
    }

    #[test]
    fn parameters_names_and_shapes() {
        let dev = Cpu::seed_from_u64(1);
        let net: Net<f32, Cpu> = BuildModule::build(&dev);
        assert_eq!(net.num_trainable_params(), 3 * 2 * 9 + 3 + 4 * 3 * 9);
        let x: Tensor<(usize, Const<2>, Const<5>, Const<5>), f32, _> =
            dev.sample_normal_like(&(6, Const, Const, Const));
        let y = net.first.forward(x.traced(net.alloc_grads()), Activation::Relu).unwrap();
        let y = net.second.forward(y, Activation::Identity).unwrap();
        assert_eq!(y.shape().0, 6);
        let grads = y.square().sum().backward();
        for gradient in [grads.get(&net.first.weight).as_vec(), grads.get(&net.second.weight).as_vec()] {
            assert!(gradient.iter().any(|g| *g != 0.0));
        }
        let bound = 1.0 / (18.0f32).sqrt();
        let weights = net.first.weight.as_vec();
        assert!(weights.iter().all(|w| w.abs() <= bound) && weights.iter().any(|w| w.abs() > 0.8 * bound));
    }
}

//! The first layer of capsules.

use shared::{
    device::Backend,
    dfdx::{
        prelude::*,
        shapes::{Const, Dim, Dtype},
        tensor::{Storage, Tape, Tensor},
    },
    nn::{conv_out, Activation, Checked, Conv2d},
    num_traits::Float,
    ops::squash::primary_capsules,
    rand_distr::uniform::SampleUniform,
};

/// Squashed pieces of a convolution: TYPES capsules of M numbers at each position.
///
/// # Shapes
/// x: (B, C, IN, IN), result: (B, I, M), where the convolution has MAPS = TYPES M outputs of OUT x OUT, and
/// I = TYPES OUT². Other sizes are compile errors.
///
/// # Reference
/// Section 4: "a convolutional capsule layer with 32 channels of convolutional 8D capsules (9 x 9, stride 2)".
#[derive(Clone, Debug)]
pub struct PrimaryCaps<
    const C: usize,
    const MAPS: usize,
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const I: usize,
    const M: usize,
    E: Dtype,
    D: Storage<E>,
> {
    /// The convolution, without a function behind it.
    pub conv: Conv2d<C, MAPS, IN, OUT, K, S, 0, E, D>,
}

impl<
        const C: usize,
        const MAPS: usize,
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize,
        const I: usize,
        const M: usize,
        D: Backend,
    > PrimaryCaps<C, MAPS, IN, OUT, K, S, I, M, f32, D>
{
    /// squash(scale · W ∗ x + b).
    ///
    /// `scale` is 1 in the paper. The authors' code has 1 / TYPES, because it sends the convolution through its routing
    /// with one pass and a softmax over the types.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<B: Dim, T: Tape<f32, D>>(
        &self,
        x: Tensor<(B, Const<C>, Const<IN>, Const<IN>), f32, D, T>,
        scale: f32,
    ) -> Result<Tensor<(B, Const<I>, Const<M>), f32, D, T>, D::Err> {
        let () = Self::FITS;
        // a convolution is linear in its input
        let x = if scale == 1.0 { x } else { x.try_mul(scale)? };
        primary_capsules(self.conv.forward(x, Activation::Identity)?, Const, Const)
    }
}

impl<
        const C: usize,
        const MAPS: usize,
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize,
        const I: usize,
        const M: usize,
        E: Dtype,
        D: Storage<E>,
    > Checked for PrimaryCaps<C, MAPS, IN, OUT, K, S, I, M, E, D>
{
    const FITS: () = {
        assert!(OUT == conv_out(IN, K, S, 0), "PrimaryCaps: OUT is not what IN, K and S give");
        assert!(M > 0 && MAPS.is_multiple_of(M), "PrimaryCaps: MAPS is not a multiple of M");
        assert!(I * M == MAPS * OUT * OUT, "PrimaryCaps: I is not MAPS / M OUT OUT");
    };
}

impl<
        const C: usize,
        const MAPS: usize,
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize,
        const I: usize,
        const M: usize,
        E: Dtype + Float + SampleUniform,
        D: Device<E>,
    > TensorCollection<E, D> for PrimaryCaps<C, MAPS, IN, OUT, K, S, I, M, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = PrimaryCaps<C, MAPS, IN, OUT, K, S, I, M, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(Self::module("conv", |s| &s.conv, |s| &mut s.conv), |conv| PrimaryCaps { conv })
    }
}

//! The transposed convolutional layer.

use dfdx::{
    prelude::*,
    shapes::{Const, Dim, Dtype},
    tensor::{Storage, Tape, Tensor},
};
use num_traits::Float;
use rand_distr::uniform::SampleUniform;

use super::{conv::fan_in_range, conv_fits::Sentence, conv_transpose_out, Activation, Checked};
use crate::{device::Backend, ops};

/// f(W ∗ᵀ x + b) on square images of IN pixels a side: a K x K kernel, stride S, P pixels cut off all around.
///
/// Built with W and b drawn from U(−1/√(O K²), 1/√(O K²)), PyTorch's default.
///
/// # Shapes
/// x: (B, C, IN, IN), W: (C, O, K, K), b: (O), result: (B, O, OUT, OUT) with
/// OUT = [`conv_transpose_out`]`(IN, K, S, P)`. Another OUT is a compile error that names the numbers.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, nn::{Activation, ConvTranspose2d}};
/// let dev = Cpu::seed_from_u64(0);
/// let up: ConvTranspose2d<8, 4, 7, 14, 4, 2, 1, f32, Cpu> = BuildModule::try_build(&dev)?;
/// let y = up.forward(dev.zeros_like(&(2, Const, Const, Const)), Activation::Relu)?;
/// assert_eq!(y.shape(), &(2, Const::<4>, Const::<14>, Const::<14>));
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConvTranspose2d<
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
    pub weight: Tensor<(Const<C>, Const<O>, Const<K>, Const<K>), E, D>,
    /// b.
    pub bias: Tensor<(Const<O>,), E, D>,
}

impl<
        const C: usize,
        const O: usize,
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize,
        const P: usize,
        D: Backend,
    > ConvTranspose2d<C, O, IN, OUT, K, S, P, f32, D>
{
    /// f(W ∗ᵀ x + b).
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<B: Dim, T: Tape<f32, D>>(
        &self,
        x: Tensor<(B, Const<C>, Const<IN>, Const<IN>), f32, D, T>,
        activation: Activation,
    ) -> Result<Tensor<(B, Const<O>, Const<OUT>, Const<OUT>), f32, D, T>, D::Err> {
        let () = Self::FITS;
        let (weight, bias) = (&self.weight, Some(&self.bias));
        ops::conv_transpose2d::conv_transpose2d(x, weight, bias, S, P, (Const, Const), activation)
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
    > Checked for ConvTranspose2d<C, O, IN, OUT, K, S, P, E, D>
{
    const FITS: () = assert!(
        OUT > 0 && OUT == conv_transpose_out(IN, K, S, P),
        "{}",
        Sentence::misfit("ConvTranspose2d", [IN, OUT, K, S, P], conv_transpose_out(IN, K, S, P)).as_str()
    );
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
    > TensorCollection<E, D> for ConvTranspose2d<C, O, IN, OUT, K, S, P, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = ConvTranspose2d<C, O, IN, OUT, K, S, P, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let reset = |t: &mut Tensor<_, E, D>| t.try_fill_with_distr(fan_in_range(O * K * K));
        let reset_bias = |t: &mut Tensor<_, E, D>| t.try_fill_with_distr(fan_in_range(O * K * K));
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_with(reset)),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_with(reset_bias)),
            ),
            |(weight, bias)| ConvTranspose2d { weight, bias },
        )
    }
}

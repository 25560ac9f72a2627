//! Images as vectors.

use dfdx::{
    prelude::*,
    shapes::{Const, Dim, Dtype},
    tensor::{Tape, Tensor},
};

use super::{conv_fits::Sentence, Checked};
use crate::device::Backend;

/// (B, C, IN, IN) as (B, F), pixel after pixel of channel after channel, as PyTorch's `nn.Flatten`. Nothing moves.
///
/// # Shapes
/// F = C IN². Another F is a compile error that names the numbers.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, nn::Flatten};
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<2, 3, 4, 4>, f32, _> = dev.sample_normal();
/// let y: Tensor<Rank2<2, 48>, f32, _> = Flatten::<3, 4, 48>.forward(x.clone())?;
/// assert_eq!(y.as_vec(), x.as_vec());
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Flatten<const C: usize, const IN: usize, const F: usize>;

impl<const C: usize, const IN: usize, const F: usize> Flatten<C, IN, F> {
    /// The same values, as vectors.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<B: Dim, D: Backend, T: Tape<f32, D>>(
        &self,
        x: Tensor<(B, Const<C>, Const<IN>, Const<IN>), f32, D, T>,
    ) -> Result<Tensor<(B, Const<F>), f32, D, T>, D::Err> {
        let () = Self::FITS;
        let batch = x.shape().0;
        x.try_reshape_like(&(batch, Const))
    }
}

impl<const C: usize, const IN: usize, const F: usize> Checked for Flatten<C, IN, F> {
    const FITS: () = assert!(F == C * IN * IN, "{}", misfit(C, IN, F).as_str());
}

/// "Flatten: C = 3 and IN = 4 give F = 48, not 50".
const fn misfit(channels: usize, side: usize, given: usize) -> Sentence {
    let start = Sentence::new().text("Flatten: C = ").number(channels).text(" and IN = ").number(side);
    start.text(" give F = ").number(channels * side * side).text(", not ").number(given)
}

impl<const C: usize, const IN: usize, const F: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for Flatten<C, IN, F>
{
    type To<E2: Dtype, D2: Device<E2>> = Self;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields((), |()| Flatten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_do_not_fit_are_named() {
        assert_eq!(misfit(3, 4, 50).as_str(), "Flatten: C = 3 and IN = 4 give F = 48, not 50");
    }

    #[test]
    fn gradients_come_back_in_the_shape_of_the_images() {
        let dev = Cpu::seed_from_u64(0);
        let x: Tensor<Rank4<1, 2, 3, 3>, f32, _> = dev.sample_normal();
        let y = Flatten::<2, 3, 18>.forward(x.leaky_trace()).unwrap();
        let grads = y.square().sum::<Rank0, _>().backward();
        assert_eq!(grads.get(&x).as_vec(), (x * 2.0).as_vec());
    }
}

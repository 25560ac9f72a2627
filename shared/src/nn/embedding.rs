//! The layer that turns symbols into vectors.

use dfdx::{
    prelude::*,
    shapes::{Const, Dtype},
    tensor::{Storage, Tape, Tensor},
};
use num_traits::Float;
use rand::Rng;
use rand_distr::{uniform::SampleUniform, Distribution, StandardNormal};

use super::Checked;
use crate::{
    device::Backend,
    ops::{
        embedding::{embedding, Symbols},
        targets::scalar,
    },
};

/// A vector of M numbers for each of V symbols.
///
/// Built with all of them drawn from N(0, 1), PyTorch's default.
///
/// # Shapes
/// N symbols: (N, M).
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, nn::Embedding, ops::embedding::Symbols};
/// let dev = Cpu::seed_from_u64(0);
/// let layer: Embedding<4, 2, f32, Cpu> = BuildModule::try_build(&dev)?;
/// let vectors = layer.forward(&Symbols::new(vec![3, 1], 4)?, NoneTape)?;
/// assert_eq!(vectors.as_vec()[..2], layer.weight.array()[3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Embedding<const V: usize, const M: usize, E: Dtype, D: Storage<E>> {
    /// The table, a row a symbol.
    pub weight: Tensor<(Const<V>, Const<M>), E, D>,
}

impl<const V: usize, const M: usize, D: Backend> Embedding<V, M, f32, D> {
    /// The vectors of `symbols`, in their order; `tape` records it.
    ///
    /// # Errors
    /// The device's: out of memory.
    ///
    /// # Panics
    /// If the symbols' vocabulary is not V: like dfdx's run-time shapes, a bug of the caller.
    pub fn forward<T: Tape<f32, D>>(
        &self,
        symbols: &Symbols,
        tape: T,
    ) -> Result<Tensor<(usize, Const<M>), f32, D, T>, D::Err> {
        embedding(&self.weight, symbols, tape)
    }
}

impl<const V: usize, const M: usize, E: Dtype, D: Storage<E>> Checked for Embedding<V, M, E, D> {}

impl<const V: usize, const M: usize, E, D> TensorCollection<E, D> for Embedding<V, M, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Embedding<V, M, E2, D2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, D>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(
            Self::tensor(
                "weight",
                |s| &s.weight,
                |s| &mut s.weight,
                TensorOptions::reset_with(|t| t.try_fill_with_distr(UnitNormal)),
            ),
            |weight| Embedding { weight },
        )
    }
}

/// N(0, 1) in any float type: the bounds of [`module!`](crate::module) do not promise dfdx's own.
struct UnitNormal;

impl<E: Dtype> Distribution<E> for UnitNormal {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> E {
        scalar(StandardNormal.sample(rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::state::parameters;

    #[test]
    fn it_is_drawn_from_a_normal_distribution_under_pytorchs_name() {
        let dev = Cpu::seed_from_u64(5);
        let layer: Embedding<50, 80, f32, Cpu> = BuildModule::build(&dev);
        let outline: Vec<_> = parameters(&layer).into_iter().map(|p| (p.name, p.shape)).collect();
        assert_eq!(outline, [("weight".to_string(), vec![50, 80])]);
        // 4,000 draws: the mean has a deviation of 0.016, the mean square one of 0.022
        let values = layer.weight.as_vec();
        let moment = |power| values.iter().map(|v| f64::from(*v).powi(power)).sum::<f64>() / 4000.0;
        assert!(moment(1).abs() < 0.08 && (moment(2) - 1.0).abs() < 0.11, "{} {}", moment(1), moment(2));
    }
}

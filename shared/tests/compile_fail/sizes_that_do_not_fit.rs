use shared::dfdx::{prelude::*, shapes::Dtype, tensor::Storage};
use shared::nn::Checked;
use shared::num_traits::Float;
use shared::rand_distr::uniform::SampleUniform;

/// A layer that halves its input.
#[derive(Clone, Debug)]
struct Halve<const IN: usize, const OUT: usize, E: Dtype, D: Storage<E>> {
    scale: Tensor<Rank1<OUT>, E, D>,
}

impl<const IN: usize, const OUT: usize, E: Dtype, D: Storage<E>> Checked for Halve<IN, OUT, E, D> {
    const FITS: () = assert!(IN == 2 * OUT, "Halve<IN, OUT> needs IN = 2 OUT");
}

impl<const IN: usize, const OUT: usize, E, D> TensorCollection<E, D> for Halve<IN, OUT, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Halve<IN, OUT, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let scale = Self::tensor("scale", |s| &s.scale, |s| &mut s.scale, TensorOptions::reset_to_ones());
        visitor.visit_fields(scale, |scale| Halve { scale })
    }
}

shared::module! {
    struct Net<E, D> {
        first: Halve<12, 6, E, D>,
        second: Halve<6, 2, E, D>,
    }
}

fn main() {}

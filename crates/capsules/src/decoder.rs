//! Images back from capsules.

use shared::{
    device::Backend,
    dfdx::{
        prelude::*,
        shapes::{Const, Dim, Dtype},
        tensor::{Storage, Tape, Tensor},
    },
    nn::{Activation, Checked, Linear},
    num_traits::Float,
    rand_distr::uniform::SampleUniform,
};

/// Three dense layers from the capsules of one class, all others being zero, to the pixels of an image.
///
/// # Shapes
/// x: (B, IN) with IN = J N, result: (B, OUT).
///
/// # Reference
/// Section 4.1, figure 2: 160-512-1024-784, ReLU, ReLU, sigmoid.
#[derive(Clone, Debug)]
pub struct Decoder<
    const IN: usize,
    const H1: usize,
    const H2: usize,
    const OUT: usize,
    E: Dtype,
    D: Storage<E>,
> {
    /// From masked capsules.
    pub fc1: Linear<IN, H1, E, D>,
    /// Between.
    pub fc2: Linear<H1, H2, E, D>,
    /// To pixels.
    pub fc3: Linear<H2, OUT, E, D>,
}

impl<const IN: usize, const H1: usize, const H2: usize, const OUT: usize, D: Backend>
    Decoder<IN, H1, H2, OUT, f32, D>
{
    /// Pixels in (0, 1).
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<B: Dim, T: Tape<f32, D>>(
        &self,
        x: Tensor<(B, Const<IN>), f32, D, T>,
    ) -> Result<Tensor<(B, Const<OUT>), f32, D, T>, D::Err> {
        let x = self.fc1.forward(x, Activation::Relu)?;
        let x = self.fc2.forward(x, Activation::Relu)?;
        self.fc3.forward(x, Activation::Sigmoid)
    }
}

impl<const IN: usize, const H1: usize, const H2: usize, const OUT: usize, E: Dtype, D: Storage<E>> Checked
    for Decoder<IN, H1, H2, OUT, E, D>
{
}

impl<const IN: usize, const H1: usize, const H2: usize, const OUT: usize, E, D> TensorCollection<E, D>
    for Decoder<IN, H1, H2, OUT, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Decoder<IN, H1, H2, OUT, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("fc1", |s| &s.fc1, |s| &mut s.fc1),
                Self::module("fc2", |s| &s.fc2, |s| &mut s.fc2),
                Self::module("fc3", |s| &s.fc3, |s| &mut s.fc3),
            ),
            |(fc1, fc2, fc3)| Decoder { fc1, fc2, fc3 },
        )
    }
}

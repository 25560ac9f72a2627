//! The two players as traits: what a model of your own has to say to be trained against another.

use shared::{
    device::Backend,
    dfdx::{
        nn::tensor_collection::TensorCollection,
        shapes::Const,
        tensor::{Tape, Tensor},
    },
    nn::Pass,
};

/// A batch of vectors of N values, on which a tape may lie. Images are vectors too, channel after channel and row after row.
pub type Vectors<const N: usize, D, T = shared::dfdx::tensor::NoneTape> =
    Tensor<(usize, Const<N>), f32, D, T>;

/// G: z → x.
///
/// # Shapes
/// z: (B, Z), result: (B, X). A discriminator of another X does not compile against it.
pub trait Generator<const Z: usize, const X: usize, D: Backend>: TensorCollection<f32, D> + Clone {
    /// G(z); `pass` says whether batch normalisations take the batch's statistics or the running ones.
    ///
    /// # Errors
    /// The device's: out of memory.
    fn generate<T: Tape<f32, D>>(
        &mut self,
        z: Vectors<Z, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<X, D, T>, D::Err>;
}

/// D: x → a real number, the logit of "x is real" or a critic's score, in two halves: features, and the score that is made of
/// them. Feature matching, minibatch discrimination and class heads work on the features.
///
/// # Shapes
/// x: (B, X), features: (B, F), score: (B, 1).
pub trait Discriminator<const X: usize, const F: usize, D: Backend>:
    TensorCollection<f32, D> + Clone
{
    /// f(x), the last layer but one.
    ///
    /// # Errors
    /// The device's: out of memory.
    fn features<T: Tape<f32, D>>(
        &mut self,
        x: Vectors<X, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<F, D, T>, D::Err>;

    /// The score of features.
    ///
    /// # Errors
    /// The device's: out of memory.
    fn score<T: Tape<f32, D>>(
        &mut self,
        features: Vectors<F, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<1, D, T>, D::Err>;
}

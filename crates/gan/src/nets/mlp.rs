//! Fully connected players.

use shared::{
    device::Backend,
    dfdx::tensor::Tape,
    nn::{Activation, Linear, Pass},
};

use crate::net::{Discriminator, Generator, Vectors};

/// The hidden layers' function as a number that a type can carry: max(0, a).
pub const RELU: usize = 0;
/// The leaky one.
pub const LEAKY: usize = 1;
/// tanh.
pub const TANH: usize = 2;

const fn function(of: usize) -> Activation {
    match of {
        RELU => Activation::Relu,
        LEAKY => Activation::LeakyRelu,
        _ => Activation::Tanh,
    }
}

shared::module! {
    /// z → H → H → x, with tanh at the end where BOUNDED is 1 (images in [−1, 1]) and nothing where it is 0.
    ///
    /// Goodfellow et al. (2014) had such generators for MNIST; Metz et al. (2017) for the ring.
    pub struct MlpGenerator<E, D, const Z: usize = 2, const H: usize = 128, const X: usize = 2, const A: usize = 0, const BOUNDED: usize = 0> {
        /// The first layer.
        pub first: Linear<Z, H, E, D>,
        /// The second.
        pub second: Linear<H, H, E, D>,
        /// The last.
        pub last: Linear<H, X, E, D>,
    }
}

shared::module! {
    /// x → H → H → a score; the features are the second hidden layer's.
    pub struct MlpDiscriminator<E, D, const X: usize = 2, const H: usize = 128, const A: usize = 0> {
        /// The first layer.
        pub first: Linear<X, H, E, D>,
        /// The second.
        pub second: Linear<H, H, E, D>,
        /// The score.
        pub last: Linear<H, 1, E, D>,
    }
}

impl<D: Backend, const Z: usize, const H: usize, const X: usize, const A: usize, const BOUNDED: usize>
    Generator<Z, X, D> for MlpGenerator<f32, D, Z, H, X, A, BOUNDED>
{
    fn generate<T: Tape<f32, D>>(
        &mut self,
        z: Vectors<Z, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Vectors<X, D, T>, D::Err> {
        let h = self.first.forward(z, function(A))?;
        let h = self.second.forward(h, function(A))?;
        let end = if BOUNDED == 1 { Activation::Tanh } else { Activation::Identity };
        self.last.forward(h, end)
    }
}

impl<D: Backend, const X: usize, const H: usize, const A: usize> Discriminator<X, H, D>
    for MlpDiscriminator<f32, D, X, H, A>
{
    fn features<T: Tape<f32, D>>(
        &mut self,
        x: Vectors<X, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Vectors<H, D, T>, D::Err> {
        let h = self.first.forward(x, function(A))?;
        self.second.forward(h, function(A))
    }

    fn score<T: Tape<f32, D>>(
        &mut self,
        features: Vectors<H, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Vectors<1, D, T>, D::Err> {
        self.last.forward(features, Activation::Identity)
    }
}

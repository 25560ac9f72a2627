//! Convolutional players by the rules of DCGAN (Radford et al. 2016): strides and no pooling, batch normalisation but at the
//! generator's end and the discriminator's start, ReLU and tanh in the generator, leaky ReLU in the discriminator.

use rand::Rng;
use rand_distr::StandardNormal;
use shared::{
    device::Backend,
    dfdx::{prelude::*, tensor::Tape},
    nn::{state::NamedTensor, Activation, BatchNorm2d, Conv2d, ConvTranspose2d, Flatten, Linear, Pass},
};

use crate::net::{Discriminator, Generator, Vectors};

shared::module! {
    /// z → W2 maps of 7 x 7 → W1 of 14 x 14 → one image of 28 x 28. S is 49 W2.
    ///
    /// The default is the paper's rules at the size that benchmarks of 28 x 28 images use: 100 → 128 → 64 → 1.
    pub struct DcganGenerator28<E, D, const Z: usize = 100, const W2: usize = 128, const W1: usize = 64, const S: usize = 6272> {
        /// The projection.
        pub project: Linear<Z, S, E, D>,
        /// Its images' sizes, checked.
        pub flat: Flatten<W2, 7, S>,
        /// After the projection.
        pub norm0: BatchNorm2d<W2, E, D>,
        /// To 14 x 14.
        pub up1: ConvTranspose2d<W2, W1, 7, 14, 4, 2, 1, E, D>,
        /// After it.
        pub norm1: BatchNorm2d<W1, E, D>,
        /// To 28 x 28.
        pub up2: ConvTranspose2d<W1, 1, 14, 28, 4, 2, 1, E, D>,
    }
}

shared::module! {
    /// C channels of 28 x 28 → W1 maps of 14 x 14 → W2 of 7 x 7, the features → a score. X is 784 C and S is 49 W2.
    pub struct DcganDiscriminator28<E, D, const C: usize = 1, const X: usize = 784, const W1: usize = 64, const W2: usize = 128, const S: usize = 6272> {
        /// What comes in, checked.
        pub image: Flatten<C, 28, X>,
        /// To 14 x 14.
        pub down1: Conv2d<C, W1, 28, 14, 4, 2, 1, E, D>,
        /// To 7 x 7.
        pub down2: Conv2d<W1, W2, 14, 7, 4, 2, 1, E, D>,
        /// After it.
        pub norm2: BatchNorm2d<W2, E, D>,
        /// As vectors.
        pub flat: Flatten<W2, 7, S>,
        /// The score.
        pub last: Linear<S, 1, E, D>,
    }
}

shared::module! {
    /// z → W3 maps of 4 x 4 → W2 of 8 x 8 → W1 of 16 x 16 → C channels of 32 x 32. S is 16 W3 and X is 1024 C.
    pub struct DcganGenerator32<E, D, const Z: usize = 100, const W3: usize = 256, const W2: usize = 128, const W1: usize = 64, const C: usize = 3, const S: usize = 4096, const X: usize = 3072> {
        /// The projection.
        pub project: Linear<Z, S, E, D>,
        /// Its images' sizes, checked.
        pub flat: Flatten<W3, 4, S>,
        /// After the projection.
        pub norm0: BatchNorm2d<W3, E, D>,
        /// To 8 x 8.
        pub up1: ConvTranspose2d<W3, W2, 4, 8, 4, 2, 1, E, D>,
        /// After it.
        pub norm1: BatchNorm2d<W2, E, D>,
        /// To 16 x 16.
        pub up2: ConvTranspose2d<W2, W1, 8, 16, 4, 2, 1, E, D>,
        /// After it.
        pub norm2: BatchNorm2d<W1, E, D>,
        /// To 32 x 32.
        pub up3: ConvTranspose2d<W1, C, 16, 32, 4, 2, 1, E, D>,
        /// What comes out, checked.
        pub image: Flatten<C, 32, X>,
    }
}

shared::module! {
    /// C channels of 32 x 32 → W1 maps of 16 x 16 → W2 of 8 x 8 → W3 of 4 x 4, the features → a score.
    pub struct DcganDiscriminator32<E, D, const C: usize = 3, const X: usize = 3072, const W1: usize = 64, const W2: usize = 128, const W3: usize = 256, const S: usize = 4096> {
        /// What comes in, checked.
        pub image: Flatten<C, 32, X>,
        /// To 16 x 16.
        pub down1: Conv2d<C, W1, 32, 16, 4, 2, 1, E, D>,
        /// To 8 x 8.
        pub down2: Conv2d<W1, W2, 16, 8, 4, 2, 1, E, D>,
        /// After it.
        pub norm2: BatchNorm2d<W2, E, D>,
        /// To 4 x 4.
        pub down3: Conv2d<W2, W3, 8, 4, 4, 2, 1, E, D>,
        /// After it.
        pub norm3: BatchNorm2d<W3, E, D>,
        /// As vectors.
        pub flat: Flatten<W3, 4, S>,
        /// The score.
        pub last: Linear<S, 1, E, D>,
    }
}

impl<D: Backend, const Z: usize, const W2: usize, const W1: usize, const S: usize> Generator<Z, 784, D>
    for DcganGenerator28<f32, D, Z, W2, W1, S>
{
    fn generate<T: Tape<f32, D>>(
        &mut self,
        z: Vectors<Z, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<784, D, T>, D::Err> {
        let rows = z.shape().0;
        let h = self.project.forward(z, Activation::Identity)?;
        let h = h.try_reshape_like(&(rows, Const::<W2>, Const::<7>, Const::<7>))?;
        let h = self.norm0.forward(h, Activation::Relu, pass)?;
        let h = self.up1.forward(h, Activation::Identity)?;
        let h = self.norm1.forward(h, Activation::Relu, pass)?;
        self.up2.forward(h, Activation::Tanh)?.try_reshape_like(&(rows, Const))
    }
}

impl<D: Backend, const C: usize, const X: usize, const W1: usize, const W2: usize, const S: usize>
    Discriminator<X, S, D> for DcganDiscriminator28<f32, D, C, X, W1, W2, S>
{
    fn features<T: Tape<f32, D>>(
        &mut self,
        x: Vectors<X, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<S, D, T>, D::Err> {
        let rows = x.shape().0;
        let h = x.try_reshape_like(&(rows, Const::<C>, Const::<28>, Const::<28>))?;
        let h = self.down1.forward(h, Activation::LeakyRelu)?;
        let h = self.down2.forward(h, Activation::Identity)?;
        self.flat.forward(self.norm2.forward(h, Activation::LeakyRelu, pass)?)
    }

    fn score<T: Tape<f32, D>>(
        &mut self,
        features: Vectors<S, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Vectors<1, D, T>, D::Err> {
        self.last.forward(features, Activation::Identity)
    }
}

impl<
        D: Backend,
        const Z: usize,
        const W3: usize,
        const W2: usize,
        const W1: usize,
        const C: usize,
        const S: usize,
        const X: usize,
    > Generator<Z, X, D> for DcganGenerator32<f32, D, Z, W3, W2, W1, C, S, X>
{
    fn generate<T: Tape<f32, D>>(
        &mut self,
        z: Vectors<Z, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<X, D, T>, D::Err> {
        let rows = z.shape().0;
        let h = self.project.forward(z, Activation::Identity)?;
        let h = h.try_reshape_like(&(rows, Const::<W3>, Const::<4>, Const::<4>))?;
        let h = self.norm0.forward(h, Activation::Relu, pass)?;
        let h = self.up1.forward(h, Activation::Identity)?;
        let h = self.norm1.forward(h, Activation::Relu, pass)?;
        let h = self.up2.forward(h, Activation::Identity)?;
        let h = self.norm2.forward(h, Activation::Relu, pass)?;
        self.image.forward(self.up3.forward(h, Activation::Tanh)?)
    }
}

impl<
        D: Backend,
        const C: usize,
        const X: usize,
        const W1: usize,
        const W2: usize,
        const W3: usize,
        const S: usize,
    > Discriminator<X, S, D> for DcganDiscriminator32<f32, D, C, X, W1, W2, W3, S>
{
    fn features<T: Tape<f32, D>>(
        &mut self,
        x: Vectors<X, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<S, D, T>, D::Err> {
        let rows = x.shape().0;
        let h = x.try_reshape_like(&(rows, Const::<C>, Const::<32>, Const::<32>))?;
        let h = self.down1.forward(h, Activation::LeakyRelu)?;
        let h = self.down2.forward(h, Activation::Identity)?;
        let h = self.norm2.forward(h, Activation::LeakyRelu, pass)?;
        let h = self.down3.forward(h, Activation::Identity)?;
        self.flat.forward(self.norm3.forward(h, Activation::LeakyRelu, pass)?)
    }

    fn score<T: Tape<f32, D>>(
        &mut self,
        features: Vectors<S, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Vectors<1, D, T>, D::Err> {
        self.last.forward(features, Activation::Identity)
    }
}

/// DCGAN's initial weights: N(0, 0.02²), γ ~ N(1, 0.02²), biases 0.
#[must_use]
pub fn dcgan_init(tensors: Vec<NamedTensor>, rng: &mut impl Rng) -> Vec<NamedTensor> {
    let mut again = |tensor: NamedTensor| {
        let (shape, count) = (tensor.shape().to_vec(), tensor.values().len());
        let last = tensor.name().rsplit('.').next().unwrap_or_default();
        let mean = match (last, shape.len()) {
            ("weight", 1) => 1.0,
            ("weight", _) => 0.0,
            ("bias", _) => return NamedTensor::new(tensor.name(), shape, vec![0.0; count]).unwrap_or(tensor),
            _ => return tensor,
        };
        let values = (0..count).map(|_| mean + 0.02 * rng.sample::<f32, _>(StandardNormal)).collect();
        NamedTensor::new(tensor.name(), shape, values).unwrap_or(tensor)
    };
    tensors.into_iter().map(&mut again).collect()
}

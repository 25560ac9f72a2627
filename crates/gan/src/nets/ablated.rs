//! The small DCGAN with one of its rules broken, to see what each is worth.

use shared::{
    device::Backend,
    dfdx::{prelude::*, tensor::Tape},
    nn::{Activation, BatchNorm2d, Conv2d, ConvTranspose2d, Flatten, Linear, MaxPool2d, Pass},
};

use crate::net::{Discriminator, Generator, Vectors};

shared::module! {
    /// The small generator without batch normalisation: 50 → 64 maps of 7 x 7 → 32 of 14 x 14 → 28 x 28.
    pub struct PlainGenerator28<E, D> {
        /// The projection.
        pub project: Linear<50, 3136, E, D>,
        /// To 14 x 14.
        pub up1: ConvTranspose2d<64, 32, 7, 14, 4, 2, 1, E, D>,
        /// To 28 x 28.
        pub up2: ConvTranspose2d<32, 1, 14, 28, 4, 2, 1, E, D>,
    }
}

shared::module! {
    /// The small discriminator without batch normalisation.
    pub struct PlainDiscriminator28<E, D> {
        /// To 14 x 14.
        pub down1: Conv2d<1, 32, 28, 14, 4, 2, 1, E, D>,
        /// To 7 x 7.
        pub down2: Conv2d<32, 64, 14, 7, 4, 2, 1, E, D>,
        /// As vectors.
        pub flat: Flatten<64, 7, 3136>,
        /// The score.
        pub last: Linear<3136, 1, E, D>,
    }
}

shared::module! {
    /// The small discriminator with ReLU where the rule is leaky ReLU.
    pub struct ReluDiscriminator28<E, D> {
        /// To 14 x 14.
        pub down1: Conv2d<1, 32, 28, 14, 4, 2, 1, E, D>,
        /// To 7 x 7.
        pub down2: Conv2d<32, 64, 14, 7, 4, 2, 1, E, D>,
        /// After it.
        pub norm2: BatchNorm2d<64, E, D>,
        /// As vectors.
        pub flat: Flatten<64, 7, 3136>,
        /// The score.
        pub last: Linear<3136, 1, E, D>,
    }
}

shared::module! {
    /// The small discriminator with convolutions of stride 1 and max pooling where the rule is strides.
    pub struct PooledDiscriminator28<E, D> {
        /// At 28 x 28.
        pub conv1: Conv2d<1, 32, 28, 28, 3, 1, 1, E, D>,
        /// To 14 x 14.
        pub pool1: MaxPool2d<28, 14, 2, 2, 0>,
        /// At 14 x 14.
        pub conv2: Conv2d<32, 64, 14, 14, 3, 1, 1, E, D>,
        /// After it.
        pub norm2: BatchNorm2d<64, E, D>,
        /// To 7 x 7.
        pub pool2: MaxPool2d<14, 7, 2, 2, 0>,
        /// As vectors.
        pub flat: Flatten<64, 7, 3136>,
        /// The score.
        pub last: Linear<3136, 1, E, D>,
    }
}

impl<D: Backend> Generator<50, 784, D> for PlainGenerator28<f32, D> {
    fn generate<T: Tape<f32, D>>(
        &mut self,
        z: Vectors<50, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Vectors<784, D, T>, D::Err> {
        let rows = z.shape().0;
        let h = self.project.forward(z, Activation::Relu)?;
        let h = h.try_reshape_like(&(rows, Const::<64>, Const::<7>, Const::<7>))?;
        let h = self.up1.forward(h, Activation::Relu)?;
        self.up2.forward(h, Activation::Tanh)?.try_reshape_like(&(rows, Const))
    }
}

/// Writes `score`, the same for all, around a `features` of its own.
macro_rules! discriminator {
    ($Name:ident, |$net:ident, $x:ident, $pass:pat_param| $features:expr) => {
        impl<D: Backend> Discriminator<784, 3136, D> for $Name<f32, D> {
            fn features<T: Tape<f32, D>>(
                &mut self,
                x: Vectors<784, D, T>,
                $pass: &mut Pass<'_>,
            ) -> Result<Vectors<3136, D, T>, D::Err> {
                let rows = x.shape().0;
                let $x = x.try_reshape_like(&(rows, Const::<1>, Const::<28>, Const::<28>))?;
                let $net = self;
                $features
            }

            fn score<T: Tape<f32, D>>(
                &mut self,
                features: Vectors<3136, D, T>,
                _: &mut Pass<'_>,
            ) -> Result<Vectors<1, D, T>, D::Err> {
                self.last.forward(features, Activation::Identity)
            }
        }
    };
}

discriminator!(PlainDiscriminator28, |net, x, _| {
    let h = net.down1.forward(x, Activation::LeakyRelu)?;
    net.flat.forward(net.down2.forward(h, Activation::LeakyRelu)?)
});

discriminator!(ReluDiscriminator28, |net, x, pass| {
    let h = net.down1.forward(x, Activation::Relu)?;
    let h = net.down2.forward(h, Activation::Identity)?;
    net.flat.forward(net.norm2.forward(h, Activation::Relu, pass)?)
});

discriminator!(PooledDiscriminator28, |net, x, pass| {
    let h = net.pool1.forward(net.conv1.forward(x, Activation::LeakyRelu)?)?;
    let h = net.conv2.forward(h, Activation::Identity)?;
    let h = net.norm2.forward(h, Activation::LeakyRelu, pass)?;
    net.flat.forward(net.pool2.forward(h)?)
});

//! An encoder and decoder with skips between them, for images of 28 x 28.

use shared::{
    device::Backend,
    dfdx::{prelude::*, tensor::Tape},
    nn::{Activation, BatchNorm2d, Conv2d, ConvTranspose2d, Pass},
    ops::concat::concat_channels,
};

use crate::net::{Generator, Vectors};

shared::module! {
    /// One image of 28 x 28 → W1 maps of 14 x 14 → W2 of 7 x 7 → W2 → W1 of 14 x 14, beside them the encoder's → one image
    /// in [−1, 1]. W11 is 2 W1.
    ///
    /// pix2pix's U-Net at two levels, without the dropout that stands for noise there: a translation is a function here.
    pub struct UNet28<E, D, const W1: usize = 32, const W2: usize = 64, const W11: usize = 64> {
        /// To 14 x 14.
        pub down1: Conv2d<1, W1, 28, 14, 4, 2, 1, E, D>,
        /// To 7 x 7.
        pub down2: Conv2d<W1, W2, 14, 7, 4, 2, 1, E, D>,
        /// After it.
        pub norm2: BatchNorm2d<W2, E, D>,
        /// The bottom.
        pub bottom: Conv2d<W2, W2, 7, 7, 3, 1, 1, E, D>,
        /// After it.
        pub norm3: BatchNorm2d<W2, E, D>,
        /// Back to 14 x 14.
        pub up1: ConvTranspose2d<W2, W1, 7, 14, 4, 2, 1, E, D>,
        /// After it.
        pub norm4: BatchNorm2d<W1, E, D>,
        /// Back to 28 x 28.
        pub up2: ConvTranspose2d<W11, 1, 14, 28, 4, 2, 1, E, D>,
    }
}

impl<D: Backend, const W1: usize, const W2: usize, const W11: usize> Generator<784, 784, D>
    for UNet28<f32, D, W1, W2, W11>
{
    fn generate<T: Tape<f32, D>>(
        &mut self,
        image: Vectors<784, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<784, D, T>, D::Err> {
        let rows = image.shape().0;
        let x = image.try_reshape_like(&(rows, Const::<1>, Const::<28>, Const::<28>))?;
        let skip = self.down1.forward(x, Activation::LeakyRelu)?;
        let h = self.down2.forward(skip.with_empty_tape(), Activation::Identity)?;
        let h = self.norm2.forward(h, Activation::LeakyRelu, pass)?;
        let h = self.bottom.forward(h, Activation::Identity)?;
        let h = self.norm3.forward(h, Activation::Relu, pass)?;
        let h = self.up1.forward(h, Activation::Identity)?;
        let h = self.norm4.forward(h, Activation::Relu, pass)?;
        let h = concat_channels(skip, h, Const::<W11>)?;
        self.up2.forward(h, Activation::Tanh)?.try_reshape_like(&(rows, Const))
    }
}

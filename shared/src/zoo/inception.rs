//! The small Inception, with and without batch normalisation. Dropout, where a run has it, comes before the scores.

use dfdx::{
    shapes::{Const, Dim},
    tensor::{NoneTape, Tape, Tensor},
};

use super::Classifier;
use crate::{
    device::Backend,
    nn::{Activation, AvgPool2d, BatchNorm2d, Conv2d, Conv2dNoBias, Flatten, Linear, MaxPool2d, Pass},
    ops::concat::concat_channels,
};

/// C channels of SIDE x SIDE pixels.
type Maps<B, const C: usize, const SIDE: usize, D, T> =
    Tensor<(B, Const<C>, Const<SIDE>, Const<SIDE>), f32, D, T>;

crate::module! {
    /// A convolution, its normalisation and ReLU.
    pub struct NormalizedConv<
        E, D, const C: usize = 3, const O: usize = 96, const IN: usize = 28, const OUT: usize = 28,
        const K: usize = 3, const S: usize = 1, const P: usize = 1
    > {
        /// The convolution.
        pub conv: Conv2dNoBias<C, O, IN, OUT, K, S, P, E, D>,
        /// Its normalisation.
        pub norm: BatchNorm2d<O, E, D>,
    }
}

crate::module! {
    /// A convolution with a bias, and ReLU.
    pub struct PlainConv<
        E, D, const C: usize = 3, const O: usize = 96, const IN: usize = 28, const OUT: usize = 28,
        const K: usize = 3, const S: usize = 1, const P: usize = 1
    > {
        /// The convolution.
        pub conv: Conv2d<C, O, IN, OUT, K, S, P, E, D>,
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
        D: Backend,
    > NormalizedConv<f32, D, C, O, IN, OUT, K, S, P>
{
    fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        x: Maps<B, C, IN, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Maps<B, O, OUT, D, T>, D::Err> {
        let x = self.conv.forward(x, Activation::Identity)?;
        self.norm.forward(x, Activation::Relu, pass)
    }

    fn forward_data<B: Dim, T: Tape<f32, D>>(
        &mut self,
        x: Maps<B, C, IN, D, NoneTape>,
        tape: T,
        pass: &mut Pass<'_>,
    ) -> Result<Maps<B, O, OUT, D, T>, D::Err> {
        let x = self.conv.forward_data(x, tape, Activation::Identity)?;
        self.norm.forward(x, Activation::Relu, pass)
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
        D: Backend,
    > PlainConv<f32, D, C, O, IN, OUT, K, S, P>
{
    fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        x: Maps<B, C, IN, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Maps<B, O, OUT, D, T>, D::Err> {
        self.conv.forward(x, Activation::Relu)
    }

    fn forward_data<B: Dim, T: Tape<f32, D>>(
        &mut self,
        x: Maps<B, C, IN, D, NoneTape>,
        tape: T,
        _: &mut Pass<'_>,
    ) -> Result<Maps<B, O, OUT, D, T>, D::Err> {
        self.conv.forward_data(x, tape, Activation::Relu)
    }
}

/// Writes the network and its two modules on a kind of convolution.
macro_rules! small_inception {
    ($(#[$doc:meta])* $Name:ident, $Module:ident, $Down:ident, $Conv:ident) => {
        crate::module! {
            /// 1x1 and 3x3 convolutions of the same C channels, C1 and C3 of them, side by side.
            pub struct $Module<
                E, D, const C: usize = 96, const C1: usize = 32, const C3: usize = 32, const O: usize = 64,
                const SIDE: usize = 28
            > {
                /// The 1x1 convolution.
                pub one: $Conv<E, D, C, C1, SIDE, SIDE, 1, 1, 0>,
                /// The 3x3 convolution.
                pub three: $Conv<E, D, C, C3, SIDE, SIDE, 3, 1, 1>,
            }
        }

        impl<const C: usize, const C1: usize, const C3: usize, const O: usize, const SIDE: usize, D: Backend>
            $Module<f32, D, C, C1, C3, O, SIDE>
        {
            fn forward<B: Dim, T: Tape<f32, D>>(
                &mut self,
                x: Maps<B, C, SIDE, D, T>,
                pass: &mut Pass<'_>,
            ) -> Result<Maps<B, O, SIDE, D, T>, D::Err> {
                let one = self.one.forward(x.retaped::<T>(), pass)?;
                let three = self.three.forward(x, pass)?;
                concat_channels(one, three, Const::<O>)
            }
        }

        crate::module! {
            /// A 3x3 convolution to C3 channels and a 3x3 maximum, both with stride 2, side by side.
            pub struct $Down<
                E, D, const C: usize = 80, const C3: usize = 80, const O: usize = 160, const IN: usize = 28,
                const OUT: usize = 14
            > {
                /// The convolution.
                pub three: $Conv<E, D, C, C3, IN, OUT, 3, 2, 1>,
                pool: MaxPool2d<IN, OUT, 3, 2, 1>,
            }
        }

        impl<const C: usize, const C3: usize, const O: usize, const IN: usize, const OUT: usize, D: Backend>
            $Down<f32, D, C, C3, O, IN, OUT>
        {
            fn forward<B: Dim, T: Tape<f32, D>>(
                &mut self,
                x: Maps<B, C, IN, D, T>,
                pass: &mut Pass<'_>,
            ) -> Result<Maps<B, O, OUT, D, T>, D::Err> {
                let three = self.three.forward(x.retaped::<T>(), pass)?;
                let pooled = self.pool.forward(x)?;
                concat_channels(three, pooled, Const::<O>)
            }
        }

        crate::module! {
            $(#[$doc])*
            pub struct $Name<E, D, const CLASSES: usize = 10> {
                /// The first convolution.
                pub conv: $Conv<E, D, 3, 96, 28, 28, 3, 1, 1>,
                /// 28x28.
                pub a1: $Module<E, D, 96, 32, 32, 64, 28>,
                /// 28x28.
                pub a2: $Module<E, D, 64, 32, 48, 80, 28>,
                /// To 14x14.
                pub down1: $Down<E, D, 80, 80, 160, 28, 14>,
                /// 14x14.
                pub b1: $Module<E, D, 160, 112, 48, 160, 14>,
                /// 14x14.
                pub b2: $Module<E, D, 160, 96, 64, 160, 14>,
                /// 14x14.
                pub b3: $Module<E, D, 160, 80, 80, 160, 14>,
                /// 14x14.
                pub b4: $Module<E, D, 160, 48, 96, 144, 14>,
                /// To 7x7.
                pub down2: $Down<E, D, 144, 96, 240, 14, 7>,
                /// 7x7.
                pub c1: $Module<E, D, 240, 176, 160, 336, 7>,
                /// 7x7.
                pub c2: $Module<E, D, 336, 176, 160, 336, 7>,
                pool: AvgPool2d<7, 1, 7, 7, 0>,
                flatten: Flatten<336, 1, 336>,
                /// The scores.
                pub output: Linear<336, CLASSES, E, D>,
            }
        }

        impl<const CLASSES: usize, D: Backend> Classifier<D> for $Name<f32, D, CLASSES> {
            type Channels = Const<3>;
            type Side = Const<28>;
            type Classes = Const<CLASSES>;

            fn forward<B: Dim, T: Tape<f32, D>>(
                &mut self,
                images: Maps<B, 3, 28, D, NoneTape>,
                tape: T,
                pass: &mut Pass<'_>,
            ) -> Result<Tensor<(B, Const<CLASSES>), f32, D, T>, D::Err> {
                let x: Maps<B, 96, 28, D, T> = self.conv.forward_data(images, tape, pass)?;
                let x: Maps<B, 64, 28, D, T> = self.a1.forward(x, pass)?;
                let x: Maps<B, 80, 28, D, T> = self.a2.forward(x, pass)?;
                let x: Maps<B, 160, 14, D, T> = self.down1.forward(x, pass)?;
                let x: Maps<B, 160, 14, D, T> = self.b1.forward(x, pass)?;
                let x: Maps<B, 160, 14, D, T> = self.b2.forward(x, pass)?;
                let x: Maps<B, 160, 14, D, T> = self.b3.forward(x, pass)?;
                let x: Maps<B, 144, 14, D, T> = self.b4.forward(x, pass)?;
                let x: Maps<B, 240, 7, D, T> = self.down2.forward(x, pass)?;
                let x: Maps<B, 336, 7, D, T> = self.c1.forward(x, pass)?;
                let x: Maps<B, 336, 7, D, T> = self.c2.forward(x, pass)?;
                let x: Maps<B, 336, 1, D, T> = self.pool.forward(x)?;
                let x: Tensor<(B, Const<336>), _, _, _> = self.flatten.forward(x)?;
                let x = pass.drop_hidden(x)?;
                self.output.forward(x, Activation::Identity)
            }
        }
    };
}

small_inception!(
    /// The "small Inception" of Zhang et al. (2017), appendix A, figure 3.
    ///
    /// 1,651,114 parameters for 10 classes: convolutions without biases, γ and β included. The paper's 1,649,402 counts 1,712
    /// biases of convolutions, which a batch normalisation takes away again, and not the 3,424 of γ and β.
    SmallInception, InceptionModule, InceptionDown, NormalizedConv
);

small_inception!(
    /// [`SmallInception`] without batch normalisation: convolutions with biases, 1,649,402 parameters for 10 classes.
    SmallInceptionPlain, PlainInceptionModule, PlainInceptionDown, PlainConv
);

//! Residual networks for 32x32 images.

use dfdx::{
    nn::modules::Repeated,
    prelude::*,
    shapes::{Const, Dim},
    tensor::{NoneTape, Tape, Tensor},
};

use super::Classifier;
use crate::{
    device::Backend,
    nn::{Activation, BatchNorm2d, Conv2dNoBias, GlobalAvgPool2d, Linear, Pass},
};

crate::module! {
    /// relu(x + BN(conv(relu(BN(conv(x)))))) with 3x3 convolutions, on C channels of SIDE x SIDE pixels.
    pub struct BasicBlock<E, D, const C: usize = 16, const SIDE: usize = 32> {
        /// The first convolution.
        pub conv1: Conv2dNoBias<C, C, SIDE, SIDE, 3, 1, 1, E, D>,
        /// Its normalisation.
        pub norm1: BatchNorm2d<C, E, D>,
        /// The second convolution.
        pub conv2: Conv2dNoBias<C, C, SIDE, SIDE, 3, 1, 1, E, D>,
        /// Its normalisation, the one that a zero γ silences.
        pub norm2: BatchNorm2d<C, E, D>,
    }
}

crate::module! {
    /// The block that goes from I channels of IN x IN pixels to O channels of OUT x OUT, half of IN: the first convolution has
    /// stride 2, and the shortcut is a 1x1 convolution with stride 2 and its own normalisation.
    pub struct DownBlock<
        E, D, const I: usize = 16, const O: usize = 32, const IN: usize = 32, const OUT: usize = 16
    > {
        /// The first convolution.
        pub conv1: Conv2dNoBias<I, O, IN, OUT, 3, 2, 1, E, D>,
        /// Its normalisation.
        pub norm1: BatchNorm2d<O, E, D>,
        /// The second convolution.
        pub conv2: Conv2dNoBias<O, O, OUT, OUT, 3, 1, 1, E, D>,
        /// Its normalisation, the one that a zero γ silences.
        pub norm2: BatchNorm2d<O, E, D>,
        /// The shortcut's convolution.
        pub shortcut: Conv2dNoBias<I, O, IN, OUT, 1, 2, 0, E, D>,
        /// Its normalisation.
        pub shortcut_norm: BatchNorm2d<O, E, D>,
    }
}

crate::module! {
    /// A residual network in three stages of 16, 32 and 64 channels, each of FIRST blocks, of which MORE = FIRST − 1 keep
    /// their size in the second and third. Shortcuts between stages are projections (option B of He et al., 2016).
    pub struct CifarResnet<
        E, D, const CLASSES: usize = 10, const FIRST: usize = 3, const MORE: usize = 2
    > {
        /// The first convolution.
        pub conv: Conv2dNoBias<3, 16, 32, 32, 3, 1, 1, E, D>,
        /// Its normalisation.
        pub norm: BatchNorm2d<16, E, D>,
        /// 16 channels, 32x32.
        pub stage1: Repeated<BasicBlock<E, D, 16, 32>, FIRST>,
        /// To 32 channels, 16x16.
        pub down2: DownBlock<E, D, 16, 32, 32, 16>,
        /// 32 channels, 16x16.
        pub stage2: Repeated<BasicBlock<E, D, 32, 16>, MORE>,
        /// To 64 channels, 8x8.
        pub down3: DownBlock<E, D, 32, 64, 16, 8>,
        /// 64 channels, 8x8.
        pub stage3: Repeated<BasicBlock<E, D, 64, 8>, MORE>,
        pool: GlobalAvgPool2d,
        /// The scores.
        pub output: Linear<64, CLASSES, E, D>,
    }
}

/// 1 block a stage: 78,042 parameters for 10 classes, γ and β included.
pub type Resnet8<E, D, const CLASSES: usize = 10> = CifarResnet<E, D, CLASSES, 1, 0>;

/// 3 blocks a stage: 272,474 parameters for 10 classes, γ and β included (269,722 and the two projections' 2,752).
pub type Resnet20<E, D, const CLASSES: usize = 10> = CifarResnet<E, D, CLASSES, 3, 2>;

/// 5 blocks a stage: 466,906 parameters for 10 classes, γ and β included.
pub type Resnet32<E, D, const CLASSES: usize = 10> = CifarResnet<E, D, CLASSES, 5, 4>;

/// C channels of SIDE x SIDE pixels.
type Maps<B, const C: usize, const SIDE: usize, D, T> =
    Tensor<(B, Const<C>, Const<SIDE>, Const<SIDE>), f32, D, T>;

impl<const C: usize, const SIDE: usize, D: Backend> BasicBlock<f32, D, C, SIDE> {
    /// The block's result.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        x: Maps<B, C, SIDE, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Maps<B, C, SIDE, D, T>, D::Err> {
        let shortcut = x.with_empty_tape();
        let x = self.conv1.forward(x, Activation::Identity)?;
        let x = self.norm1.forward(x, Activation::Relu, pass)?;
        let x = self.conv2.forward(x, Activation::Identity)?;
        self.norm2.forward_residual(x, shortcut, Activation::Relu, pass)
    }
}

impl<const I: usize, const O: usize, const IN: usize, const OUT: usize, D: Backend>
    DownBlock<f32, D, I, O, IN, OUT>
{
    /// The block's result.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        x: Maps<B, I, IN, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Maps<B, O, OUT, D, T>, D::Err> {
        let shortcut = self.shortcut.forward(x.retaped::<T>(), Activation::Identity)?;
        let shortcut = self.shortcut_norm.forward(shortcut, Activation::Identity, pass)?;
        let x = self.conv1.forward(x, Activation::Identity)?;
        let x = self.norm1.forward(x, Activation::Relu, pass)?;
        let x = self.conv2.forward(x, Activation::Identity)?;
        self.norm2.forward_residual(x, shortcut, Activation::Relu, pass)
    }
}

impl<const CLASSES: usize, const FIRST: usize, const MORE: usize, D: Backend> Classifier<D>
    for CifarResnet<f32, D, CLASSES, FIRST, MORE>
{
    type Channels = Const<3>;
    type Side = Const<32>;
    type Classes = Const<CLASSES>;

    fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        images: Maps<B, 3, 32, D, NoneTape>,
        tape: T,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<(B, Const<CLASSES>), f32, D, T>, D::Err> {
        let x: Maps<B, 16, 32, D, T> = self.conv.forward_data(images, tape, Activation::Identity)?;
        let mut x = self.norm.forward(x, Activation::Relu, pass)?;
        for block in &mut self.stage1.modules {
            x = block.forward(x, pass)?;
        }
        let mut x: Maps<B, 32, 16, D, T> = self.down2.forward(x, pass)?;
        for block in &mut self.stage2.modules {
            x = block.forward(x, pass)?;
        }
        let mut x: Maps<B, 64, 8, D, T> = self.down3.forward(x, pass)?;
        for block in &mut self.stage3.modules {
            x = block.forward(x, pass)?;
        }
        let x: Tensor<(B, Const<64>), _, _, _> = self.pool.forward(x)?;
        self.output.forward(x, Activation::Identity)
    }

    fn zero_gamma(&mut self) -> Result<(), D::Err> {
        self.stage1.modules.iter_mut().try_for_each(|block| block.norm2.zero_gamma())?;
        self.down2.norm2.zero_gamma()?;
        self.stage2.modules.iter_mut().try_for_each(|block| block.norm2.zero_gamma())?;
        self.down3.norm2.zero_gamma()?;
        self.stage3.modules.iter_mut().try_for_each(|block| block.norm2.zero_gamma())
    }
}

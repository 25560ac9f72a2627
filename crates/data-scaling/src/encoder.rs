//! What is pre-trained: a network from images to features.

use shared::{
    device::Backend,
    dfdx::{
        prelude::*,
        shapes::{Const, ConstDim, Dim},
        tensor::{NoneTape, Tape, Tensor},
    },
    nn::{Activation, BatchNorm2d, Conv2dNoBias, GlobalAvgPool2d, Pass},
};

/// A model that turns square images into features. Any model of dfdx's or of this workspace's layers can be one: a study asks
/// for nothing else.
pub trait Encoder<D: Backend>: TensorCollection<f32, D> + Clone {
    /// The channels of an image.
    type Channels: ConstDim;
    /// The pixels along a side of it.
    type Side: ConstDim;
    /// The features, F.
    type Features: ConstDim;

    /// The features of a batch, in training or in use, as `pass` says: in use nothing changes, running statistics of batch
    /// normalisations included, which is what frozen features need.
    ///
    /// # Shapes
    /// images: (B, channels, side, side), result: (B, F).
    ///
    /// # Errors
    /// The device's: out of memory.
    #[allow(clippy::type_complexity)]
    fn features<B: Dim, T: Tape<f32, D>>(
        &mut self,
        images: Tensor<(B, Self::Channels, Self::Side, Self::Side), f32, D, NoneTape>,
        tape: T,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<(B, Self::Features), f32, D, T>, D::Err>;
}

shared::module! {
    /// Four 3x3 convolutions with batch normalisation and ReLU, from 3 x 32 x 32 to A x 16 x 16, B x 8 x 8, C x 8 x 8 and
    /// F x 4 x 4, then the mean of each channel: F features.
    ///
    /// No paper's network. The paper's ResNet-101 takes 40 million times its arithmetic and more; the study is about what data
    /// does to a network, and this one can be trained a hundred times on a laptop.
    pub struct ConvEncoder<
        E, D, const A: usize = 16, const B: usize = 32, const C: usize = 64, const F: usize = 128
    > {
        /// The first convolution.
        pub conv1: Conv2dNoBias<3, A, 32, 16, 3, 2, 1, E, D>,
        /// Its normalisation.
        pub norm1: BatchNorm2d<A, E, D>,
        /// The second.
        pub conv2: Conv2dNoBias<A, B, 16, 8, 3, 2, 1, E, D>,
        /// Its normalisation.
        pub norm2: BatchNorm2d<B, E, D>,
        /// The third.
        pub conv3: Conv2dNoBias<B, C, 8, 8, 3, 1, 1, E, D>,
        /// Its normalisation.
        pub norm3: BatchNorm2d<C, E, D>,
        /// The fourth.
        pub conv4: Conv2dNoBias<C, F, 8, 4, 3, 2, 1, E, D>,
        /// Its normalisation.
        pub norm4: BatchNorm2d<F, E, D>,
        pool: GlobalAvgPool2d,
    }
}

impl<const A: usize, const B: usize, const C: usize, const F: usize, D: Backend> Encoder<D>
    for ConvEncoder<f32, D, A, B, C, F>
{
    type Channels = Const<3>;
    type Side = Const<32>;
    type Features = Const<F>;

    fn features<N: Dim, T: Tape<f32, D>>(
        &mut self,
        images: Tensor<(N, Const<3>, Const<32>, Const<32>), f32, D>,
        tape: T,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<(N, Const<F>), f32, D, T>, D::Err> {
        let x: Tensor<(N, Const<A>, Const<16>, Const<16>), _, _, _> =
            self.conv1.forward_data(images, tape, Activation::Identity)?;
        let x = self.norm1.forward(x, Activation::Relu, pass)?;
        let x: Tensor<(N, Const<B>, Const<8>, Const<8>), _, _, _> =
            self.conv2.forward(x, Activation::Identity)?;
        let x = self.norm2.forward(x, Activation::Relu, pass)?;
        let x: Tensor<(N, Const<C>, Const<8>, Const<8>), _, _, _> =
            self.conv3.forward(x, Activation::Identity)?;
        let x = self.norm3.forward(x, Activation::Relu, pass)?;
        let x: Tensor<(N, Const<F>, Const<4>, Const<4>), _, _, _> =
            self.conv4.forward(x, Activation::Identity)?;
        let x = self.norm4.forward(x, Activation::Relu, pass)?;
        self.pool.forward(x)
    }
}

/// The encoders of the experiments, by width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Width {
    /// 8, 16, 32 and 64 channels.
    Half,
    /// 16, 32, 64 and 128 channels.
    Whole,
    /// 32, 64, 128 and 256 channels.
    Double,
}

impl Width {
    /// All of them, the narrowest first.
    pub const ALL: [Width; 3] = [Width::Half, Width::Whole, Width::Double];

    /// What it is called on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Width::Half => "half",
            Width::Whole => "whole",
            Width::Double => "double",
        }
    }
}

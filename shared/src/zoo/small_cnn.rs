//! A convolutional network that trains in seconds.

use dfdx::{
    shapes::{Const, Dim},
    tensor::{Tape, Tensor},
};

use super::Classifier;
use crate::{
    device::Backend,
    nn::{Activation, Conv2d, Flatten, Linear, Pass},
};

crate::module! {
    /// Two 3x3 convolutions with stride 2 to 16 and 32 channels, then 1568 → 128 → CLASSES, with ReLU: 207,210 parameters for
    /// 10 classes, and some 1 % of AlexNet's arithmetic. No paper's; it is what short forms train.
    pub struct SmallCnn<E, D, const CLASSES: usize = 10> {
        /// The first convolution.
        pub conv1: Conv2d<3, 16, 28, 14, 3, 2, 1, E, D>,
        /// The second.
        pub conv2: Conv2d<16, 32, 14, 7, 3, 2, 1, E, D>,
        flatten: Flatten<32, 7, 1568>,
        /// The hidden layer.
        pub hidden: Linear<1568, 128, E, D>,
        /// The scores.
        pub output: Linear<128, CLASSES, E, D>,
    }
}

impl<const CLASSES: usize, D: Backend> Classifier<D> for SmallCnn<f32, D, CLASSES> {
    type Channels = Const<3>;
    type Side = Const<28>;
    type Classes = Const<CLASSES>;

    fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        images: Tensor<(B, Const<3>, Const<28>, Const<28>), f32, D>,
        tape: T,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<(B, Const<CLASSES>), f32, D, T>, D::Err> {
        let x: Tensor<(B, Const<16>, Const<14>, Const<14>), _, _, _> =
            self.conv1.forward_data(images, tape, Activation::Relu)?;
        let x: Tensor<(B, Const<32>, Const<7>, Const<7>), _, _, _> =
            self.conv2.forward(x, Activation::Relu)?;
        let x: Tensor<(B, Const<1568>), _, _, _> = self.flatten.forward(x)?;
        let x: Tensor<(B, Const<128>), _, _, _> = self.hidden.forward(x, Activation::Relu)?;
        let x = pass.drop_hidden(x)?;
        self.output.forward(x, Activation::Identity)
    }
}

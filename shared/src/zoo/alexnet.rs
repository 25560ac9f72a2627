//! The small AlexNet. Dropout, where a run has it, comes after each hidden linear layer.

use dfdx::{
    shapes::{Const, Dim},
    tensor::{Tape, Tensor},
};

use super::Classifier;
use crate::{
    device::Backend,
    nn::{Activation, Conv2d, Flatten, Linear, MaxPool2d, Pass},
    ops::response_norm::{local_response_norm, ResponseNorm},
};

crate::module! {
    /// Twice (5x5 convolution to 64 channels, ReLU, 3x3 maximum with stride 2, response normalisation), then
    /// 3136 → 384 → 192 → CLASSES: the "small AlexNet" of Zhang et al. (2017), appendix A, 1,387,786 parameters for 10
    /// classes. The normalisation's constants are [`ResponseNorm::CIFAR10`].
    pub struct SmallAlexNet<E, D, const CLASSES: usize = 10> {
        /// The first convolution.
        pub conv1: Conv2d<3, 64, 28, 28, 5, 1, 2, E, D>,
        pool1: MaxPool2d<28, 14, 3, 2, 1>,
        /// The second.
        pub conv2: Conv2d<64, 64, 14, 14, 5, 1, 2, E, D>,
        pool2: MaxPool2d<14, 7, 3, 2, 1>,
        flatten: Flatten<64, 7, 3136>,
        /// The first hidden layer.
        pub hidden1: Linear<3136, 384, E, D>,
        /// The second.
        pub hidden2: Linear<384, 192, E, D>,
        /// The scores.
        pub output: Linear<192, CLASSES, E, D>,
    }
}

impl<const CLASSES: usize, D: Backend> Classifier<D> for SmallAlexNet<f32, D, CLASSES> {
    type Channels = Const<3>;
    type Side = Const<28>;
    type Classes = Const<CLASSES>;

    fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        images: Tensor<(B, Const<3>, Const<28>, Const<28>), f32, D>,
        tape: T,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<(B, Const<CLASSES>), f32, D, T>, D::Err> {
        let x: Tensor<(B, Const<64>, Const<28>, Const<28>), _, _, _> =
            self.conv1.forward_data(images, tape, Activation::Relu)?;
        let x: Tensor<(B, Const<64>, Const<14>, Const<14>), _, _, _> = self.pool1.forward(x)?;
        let x = local_response_norm(x, ResponseNorm::CIFAR10)?;
        let x: Tensor<(B, Const<64>, Const<14>, Const<14>), _, _, _> =
            self.conv2.forward(x, Activation::Relu)?;
        let x: Tensor<(B, Const<64>, Const<7>, Const<7>), _, _, _> = self.pool2.forward(x)?;
        let x = local_response_norm(x, ResponseNorm::CIFAR10)?;
        let x: Tensor<(B, Const<3136>), _, _, _> = self.flatten.forward(x)?;
        let x: Tensor<(B, Const<384>), _, _, _> = self.hidden1.forward(x, Activation::Relu)?;
        let x = pass.drop_hidden(x)?;
        let x: Tensor<(B, Const<192>), _, _, _> = self.hidden2.forward(x, Activation::Relu)?;
        let x = pass.drop_hidden(x)?;
        self.output.forward(x, Activation::Identity)
    }
}

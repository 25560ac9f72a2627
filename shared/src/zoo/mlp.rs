//! Multilayer perceptrons of 512 units a layer. Dropout, where a run has it, comes after each of them.

use dfdx::{
    shapes::{Const, Dim},
    tensor::{Tape, Tensor},
};

use super::Classifier;
use crate::{
    device::Backend,
    nn::{Activation, Flatten, Linear, Pass},
};

crate::module! {
    /// 2352 → 512 → CLASSES with ReLU: the "MLP 1x512" of Zhang et al. (2017), 1,209,866 parameters for 10 classes.
    pub struct Mlp1<E, D, const CLASSES: usize = 10> {
        flatten: Flatten<3, 28, 2352>,
        /// The hidden layer.
        pub hidden: Linear<2352, 512, E, D>,
        /// The scores.
        pub output: Linear<512, CLASSES, E, D>,
    }
}

crate::module! {
    /// 2352 → 512 → 512 → 512 → CLASSES with ReLU: the "MLP 3x512" of Zhang et al. (2017), 1,735,178 parameters for 10
    /// classes.
    pub struct Mlp3<E, D, const CLASSES: usize = 10> {
        flatten: Flatten<3, 28, 2352>,
        /// The first hidden layer.
        pub hidden1: Linear<2352, 512, E, D>,
        /// The second.
        pub hidden2: Linear<512, 512, E, D>,
        /// The third.
        pub hidden3: Linear<512, 512, E, D>,
        /// The scores.
        pub output: Linear<512, CLASSES, E, D>,
    }
}

impl<const CLASSES: usize, D: Backend> Classifier<D> for Mlp1<f32, D, CLASSES> {
    type Channels = Const<3>;
    type Side = Const<28>;
    type Classes = Const<CLASSES>;

    fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        images: Tensor<(B, Const<3>, Const<28>, Const<28>), f32, D>,
        tape: T,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<(B, Const<CLASSES>), f32, D, T>, D::Err> {
        let x: Tensor<(B, Const<2352>), _, _> = self.flatten.forward(images)?;
        let x: Tensor<(B, Const<512>), _, _, _> = self.hidden.forward_data(x, tape, Activation::Relu)?;
        let x = pass.drop_hidden(x)?;
        self.output.forward(x, Activation::Identity)
    }
}

impl<const CLASSES: usize, D: Backend> Classifier<D> for Mlp3<f32, D, CLASSES> {
    type Channels = Const<3>;
    type Side = Const<28>;
    type Classes = Const<CLASSES>;

    fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        images: Tensor<(B, Const<3>, Const<28>, Const<28>), f32, D>,
        tape: T,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<(B, Const<CLASSES>), f32, D, T>, D::Err> {
        let x: Tensor<(B, Const<2352>), _, _> = self.flatten.forward(images)?;
        let x: Tensor<(B, Const<512>), _, _, _> = self.hidden1.forward_data(x, tape, Activation::Relu)?;
        let x = pass.drop_hidden(x)?;
        let x: Tensor<(B, Const<512>), _, _, _> = self.hidden2.forward(x, Activation::Relu)?;
        let x = pass.drop_hidden(x)?;
        let x: Tensor<(B, Const<512>), _, _, _> = self.hidden3.forward(x, Activation::Relu)?;
        let x = pass.drop_hidden(x)?;
        self.output.forward(x, Activation::Identity)
    }
}

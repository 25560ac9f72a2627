use shared::device::Backend;
use shared::dfdx::prelude::*;
use shared::nn::{Activation, BatchNorm2d, Conv2dNoBias, Pass};

shared::module! {
    struct Net<E, D> {
        conv: Conv2dNoBias<3, 16, 32, 32, 3, 1, 1, E, D>,
        norm: BatchNorm2d<32, E, D>,
    }
}

impl<D: Backend> Net<f32, D> {
    fn forward<B: Dim>(
        &mut self,
        x: Tensor<(B, Const<3>, Const<32>, Const<32>), f32, D>,
    ) -> Result<Tensor<(B, Const<32>, Const<32>, Const<32>), f32, D>, D::Err> {
        let x = self.conv.forward(x, Activation::Identity)?;
        self.norm.forward(x, Activation::Relu, &mut Pass::Eval)
    }
}

fn main() {}

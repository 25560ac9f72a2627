use shared::device::Backend;
use shared::dfdx::prelude::*;
use shared::nn::{Activation, Linear};

shared::module! {
    struct Mlp<E, D> {
        hidden: Linear<784, 128, E, D>,
        output: Linear<100, 10, E, D>,
    }
}

impl<D: Backend> Mlp<f32, D> {
    fn forward<B: Dim>(
        &self,
        x: Tensor<(B, Const<784>), f32, D>,
    ) -> Result<Tensor<(B, Const<10>), f32, D>, D::Err> {
        let x: Tensor<(B, Const<128>), _, _> = self.hidden.forward(x, Activation::Relu)?;
        self.output.forward(x, Activation::Identity)
    }
}

fn main() {}

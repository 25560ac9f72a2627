use shared::dfdx::prelude::*;
use shared::nn::{Activation, Linear};

fn scores(layer: &Linear<784, 10, f32, Cpu>, images: Tensor<Rank2<32, 785>, f32, Cpu>) {
    let _ = layer.forward(images, Activation::Identity);
}

fn main() {}

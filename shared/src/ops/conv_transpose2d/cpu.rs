use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Cpu, CpuError, Tape, Tensor},
};

use super::ConvTranspose2dKernel;
use crate::ops::{
    conv2d::{Direction, Op, Sizes},
    linear::Activation,
};

impl ConvTranspose2dKernel for Cpu {
    fn conv_transpose2d<
        B: Dim,
        C: Dim,
        H: Dim,
        W: Dim,
        O: Dim,
        K: Dim,
        HO: Dim,
        WO: Dim,
        T: Tape<f32, Self>,
    >(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        weight: &Tensor<(C, O, K, K), f32, Self>,
        bias: Option<&Tensor<(O,), f32, Self>>,
        stride: usize,
        padding: usize,
        out: (HO, WO),
        activation: Activation,
    ) -> Result<Tensor<(B, O, HO, WO), f32, Self, T>, CpuError> {
        let ((b, c, h, w), (_, o, k, _)) = (*x.shape(), *weight.shape());
        // the convolution that goes the other way: from this one's results to its images
        let sizes = Sizes {
            batch: b.size(),
            channels: o.size(),
            height: out.0.size(),
            width: out.1.size(),
            outputs: c.size(),
            rows: h.size(),
            cols: w.size(),
            kernel: k.size(),
            stride,
            padding,
        };
        Op { sizes, direction: Direction::Back, activation }.run(x, weight, bias, (b, o, out.0, out.1))
    }
}

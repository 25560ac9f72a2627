use std::borrow::Cow;

use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use rayon::prelude::*;

use super::{
    kernel::{convolve, spread, weight_gradient, Sizes, Store},
    Conv2dKernel,
};
use crate::{
    device::{host_op, zeros, HostTensor},
    ops::{
        linear::{Activation, LEAK},
        math::{sigmoid, tanh, vectorised},
    },
};

impl Conv2dKernel for Cpu {
    fn conv2d<B: Dim, C: Dim, H: Dim, W: Dim, O: Dim, K: Dim, HO: Dim, WO: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        weight: &Tensor<(O, C, K, K), f32, Self>,
        bias: Option<&Tensor<(O,), f32, Self>>,
        stride: usize,
        padding: usize,
        out: (HO, WO),
        activation: Activation,
    ) -> Result<Tensor<(B, O, HO, WO), f32, Self, T>, CpuError> {
        let sizes = sizes(x.shape(), weight.shape(), stride, padding, &out);
        let op = Op { sizes, direction: Direction::Forth, activation };
        let shape = (x.shape().0, weight.shape().0, out.0, out.1);
        op.run(x, weight, bias, shape)
    }

    fn conv2d_of_data<
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
        x: Tensor<(B, C, H, W), f32, Self>,
        tape: T,
        weight: &Tensor<(O, C, K, K), f32, Self>,
        bias: Option<&Tensor<(O,), f32, Self>>,
        stride: usize,
        padding: usize,
        out: (HO, WO),
        activation: Activation,
    ) -> Result<Tensor<(B, O, HO, WO), f32, Self, T>, CpuError> {
        let sizes = sizes(x.shape(), weight.shape(), stride, padding, &out);
        let op = Op { sizes, direction: Direction::Forth, activation };
        let (device, shape) = (x.device().clone(), (x.shape().0, weight.shape().0, out.0, out.1));
        op.run_on(&device, HostTensor::read_data(x)?, tape, weight, bias, shape)
    }
}

fn sizes<B: Dim, C: Dim, H: Dim, W: Dim, O: Dim, K: Dim, HO: Dim, WO: Dim>(
    (b, c, h, w): &(B, C, H, W),
    (o, _, k, _): &(O, C, K, K),
    stride: usize,
    padding: usize,
    out: &(HO, WO),
) -> Sizes {
    Sizes {
        batch: b.size(),
        channels: c.size(),
        height: h.size(),
        width: w.size(),
        outputs: o.size(),
        rows: out.0.size(),
        cols: out.1.size(),
        kernel: k.size(),
        stride,
        padding,
    }
}

/// Which way a convolution is gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From images to results: the convolution.
    Forth,
    /// From results to images: the transposed convolution.
    Back,
}

/// A convolution of either kind, with its gradients: each of the two is the other's input gradient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub(crate) sizes: Sizes,
    pub(crate) direction: Direction,
    pub(crate) activation: Activation,
}

impl Op {
    pub(crate) fn run<X: Shape, M: Shape, O: Dim, Y: Shape, T: Tape<f32, Cpu>>(
        self,
        x: Tensor<X, f32, Cpu, T>,
        weight: &Tensor<M, f32, Cpu>,
        bias: Option<&Tensor<(O,), f32, Cpu>>,
        shape: Y,
    ) -> Result<Tensor<Y, f32, Cpu, T>, CpuError> {
        let device = x.device().clone();
        let (x, tape) = HostTensor::read(x)?;
        self.run_on(&device, x, tape, weight, bias, shape)
    }

    /// The op on an input that wants a gradient or none.
    fn run_on<M: Shape, O: Dim, Y: Shape, T: Tape<f32, Cpu>>(
        self,
        device: &Cpu,
        x: HostTensor,
        tape: T,
        weight: &Tensor<M, f32, Cpu>,
        bias: Option<&Tensor<(O,), f32, Cpu>>,
        shape: Y,
    ) -> Result<Tensor<Y, f32, Cpu, T>, CpuError> {
        let (weight, tape_w) = HostTensor::read_weight::<_, T>(weight)?;
        let tape = tape.merge(tape_w);
        match bias {
            Some(bias) => {
                let (bias, tape_b) = HostTensor::read_weight::<_, T>(bias)?;
                host_op(
                    device,
                    tape.merge(tape_b),
                    [x, weight, bias],
                    shape,
                    move |[x, w, b]| (self.forward(x, w, Some(b)), ()),
                    move |[x, w, _], y, (), dy, [dx, dw, db]| self.backward([x, w, y, dy], dx, dw, Some(db)),
                )
            }
            None => host_op(
                device,
                tape,
                [x, weight],
                shape,
                move |[x, w]| (self.forward(x, w, None), ()),
                move |[x, w], y, (), dy, [dx, dw]| self.backward([x, w, y, dy], dx, dw, None),
            ),
        }
    }

    fn forward(&self, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let relu = self.activation == Activation::Relu;
        let mut y;
        match self.direction {
            Direction::Forth => {
                y = zeros(self.sizes.batch * self.sizes.result());
                convolve(&self.sizes, x, w, bias, relu, Store::Write, &mut y);
            }
            Direction::Back => {
                y = zeros(self.sizes.batch * self.sizes.image());
                spread(&self.sizes, x, w, bias, relu, Store::Write, &mut y);
            }
        }
        match self.activation {
            Activation::Identity | Activation::Relu => {}
            Activation::LeakyRelu => {
                in_chunks(&mut y, |y| y.iter_mut().for_each(|y| *y = if *y > 0.0 { *y } else { LEAK * *y }));
            }
            Activation::Tanh => in_chunks(&mut y, |y| y.iter_mut().for_each(|y| *y = tanh(*y))),
            Activation::Sigmoid => in_chunks(&mut y, |y| y.iter_mut().for_each(|y| *y = sigmoid(*y))),
        }
        y
    }

    fn backward(&self, [x, w, y, dy]: [&[f32]; 4], dx: &mut [f32], dw: &mut [f32], db: Option<&mut [f32]>) {
        let da = self.before_activation(y, dy);
        match self.direction {
            Direction::Forth => {
                if !dx.is_empty() {
                    spread(&self.sizes, &da, w, None, false, Store::Add, dx);
                }
                if !dw.is_empty() {
                    weight_gradient(&self.sizes, x, &da, Store::Add, dw, db.filter(|db| !db.is_empty()));
                }
            }
            Direction::Back => {
                convolve(&self.sizes, &da, w, None, false, Store::Add, dx);
                if !dw.is_empty() {
                    weight_gradient(&self.sizes, &da, x, Store::Add, dw, None);
                }
                if let Some(db) = db.filter(|db| !db.is_empty()) {
                    add_plane_sums(&da, self.sizes.height * self.sizes.width, db);
                }
            }
        }
    }

    /// dy f'(a), with f' written in y.
    fn before_activation<'a>(&self, y: &[f32], dy: &'a [f32]) -> Cow<'a, [f32]> {
        if self.activation == Activation::Identity {
            return Cow::Borrowed(dy);
        }
        let mut da = zeros(dy.len());
        da.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).zip(dy.par_chunks(CHUNK)).for_each(
            |((da, y), dy)| {
                // one closure a function, so that each loop is compiled with its function inside
                macro_rules! pass {
                    ($f:expr) => {
                        vectorised(|| {
                            da.iter_mut().zip(y).zip(dy).for_each(|((da, y), dy)| *da = $f(*y) * dy)
                        })
                    };
                }
                match self.activation {
                    Activation::Identity => {}
                    Activation::Relu => pass!(|y| Activation::Relu.derivative_from_output(y)),
                    Activation::LeakyRelu => pass!(|y| Activation::LeakyRelu.derivative_from_output(y)),
                    Activation::Tanh => pass!(|y| Activation::Tanh.derivative_from_output(y)),
                    Activation::Sigmoid => pass!(|y| Activation::Sigmoid.derivative_from_output(y)),
                }
            },
        );
        Cow::Owned(da)
    }
}

/// Elements handled by one thread at a time.
const CHUNK: usize = 1 << 16;

fn in_chunks(y: &mut [f32], pass: impl Fn(&mut [f32]) + Sync) {
    y.par_chunks_mut(CHUNK).for_each(|y| vectorised(|| pass(y)));
}

/// Adds to each channel's sum that of its planes, image after image.
fn add_plane_sums(values: &[f32], plane: usize, sums: &mut [f32]) {
    let channels = sums.len();
    if plane == 0 {
        return;
    }
    sums.par_iter_mut().enumerate().for_each(|(channel, sum)| {
        for plane in values.chunks_exact(plane).skip(channel).step_by(channels) {
            *sum += plane.iter().sum::<f32>();
        }
    });
}

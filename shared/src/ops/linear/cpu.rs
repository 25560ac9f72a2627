use std::borrow::Cow;

use dfdx::{
    prelude::*,
    tensor::{Cpu, CpuError, NoneTape, Tape, Tensor},
};
use rayon::prelude::*;

use super::{Activation, LinearKernel};
use crate::{
    device::{host_op, zeros, HostTensor},
    ops::{
        columns::add_column_sums,
        functions::{with_function, Function},
        math::vectorised,
        matmul::{matmul, Accumulate, Mat},
    },
};

/// Elements that one task takes, about.
const CHUNK: usize = 1 << 14;

impl LinearKernel for Cpu {
    fn linear<B: Dim, I: Dim, O: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, I), f32, Self, T>,
        weight: &Tensor<(O, I), f32, Self>,
        bias: &Tensor<(O,), f32, Self>,
        activation: Activation,
    ) -> Result<Tensor<(B, O), f32, Self, T>, CpuError> {
        let (device, rows) = (x.device().clone(), x.shape().0);
        let (x, tape) = HostTensor::read(x)?;
        op(&device, x, rows, weight, bias, tape, activation)
    }

    fn linear_of_data<B: Dim, I: Dim, O: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, I), f32, Self, NoneTape>,
        tape: T,
        weight: &Tensor<(O, I), f32, Self>,
        bias: &Tensor<(O,), f32, Self>,
        activation: Activation,
    ) -> Result<Tensor<(B, O), f32, Self, T>, CpuError> {
        let (device, rows) = (x.device().clone(), x.shape().0);
        op(&device, HostTensor::read_data(x)?, rows, weight, bias, tape, activation)
    }
}

/// The op on an input that wants a gradient or none.
fn op<B: Dim, I: Dim, O: Dim, T: Tape<f32, Cpu>>(
    device: &Cpu,
    x: HostTensor,
    rows: B,
    weight: &Tensor<(O, I), f32, Cpu>,
    bias: &Tensor<(O,), f32, Cpu>,
    tape: T,
    activation: Activation,
) -> Result<Tensor<(B, O), f32, Cpu, T>, CpuError> {
    let (outputs, inputs) = *weight.shape();
    let (b, i, o) = (rows.size(), inputs.size(), outputs.size());
    let (weight, tape_w) = HostTensor::read_weight::<_, T>(weight)?;
    let (bias, tape_b) = HostTensor::read_weight::<_, T>(bias)?;
    host_op(
        device,
        tape.merge(tape_w).merge(tape_b),
        [x, weight, bias],
        (rows, outputs),
        move |[x, w, bias]| {
            let mut y = zeros(b * o);
            let w = Mat::new(w, o, i).t();
            matmul(Mat::new(x, b, i), w, Mat::new(&mut y, b, o), Accumulate::Overwrite);
            with_function!(activation, F => add_bias::<F>(&mut y, bias));
            (y, ())
        },
        move |[x, w, _], y, (), dy, [dx, dw, db]| {
            let da = before_activation(y, dy, activation);
            if !dx.is_empty() {
                matmul(Mat::new(&da, b, o), Mat::new(w, o, i), Mat::new(dx, b, i), Accumulate::Add);
            }
            if !dw.is_empty() {
                matmul(Mat::new(&da[..], b, o).t(), Mat::new(x, b, i), Mat::new(dw, o, i), Accumulate::Add);
            }
            add_column_sums(&da, db);
        },
    )
}

/// y = f(y + b), rows of whole length in each chunk.
fn add_bias<F: Function>(y: &mut [f32], bias: &[f32]) {
    let width = bias.len().max(1);
    y.par_chunks_mut(CHUNK.div_ceil(width) * width).for_each(|y| {
        vectorised(|| {
            for row in y.chunks_exact_mut(width) {
                row.iter_mut().zip(bias).for_each(|(y, b)| *y = F::value(*y + b));
            }
        });
    });
}

/// da = dy f'(a), with f'(a) written in y = f(a).
fn before_activation<'a>(y: &[f32], dy: &'a [f32], activation: Activation) -> Cow<'a, [f32]> {
    if activation == Activation::Identity {
        return Cow::Borrowed(dy);
    }
    let mut da = zeros(dy.len());
    let chunks = da.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).zip(dy.par_chunks(CHUNK));
    with_function!(activation, F => chunks.for_each(|((da, y), dy)| {
        vectorised(|| da.iter_mut().zip(y).zip(dy).for_each(|((da, y), dy)| *da = dy * F::slope(*y)));
    }));
    Cow::Owned(da)
}

use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Cpu, CpuError, Tape, Tensor},
};

use super::{Activation, LinearKernel};
use crate::{
    device::{host_op, HostTensor},
    ops::{
        math::{sigmoid, tanh, vectorised},
        matmul::{matmul, Accumulate, Mat},
    },
};

impl LinearKernel for Cpu {
    fn linear<B: Dim, I: Dim, O: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, I), f32, Self, T>,
        weight: &Tensor<(O, I), f32, Self>,
        bias: &Tensor<(O,), f32, Self>,
        activation: Activation,
    ) -> Result<Tensor<(B, O), f32, Self, T>, CpuError> {
        let device = x.device().clone();
        let (rows, outputs) = (x.shape().0, bias.shape().0);
        let (b, i, o) = (rows.size(), x.shape().1.size(), outputs.size());
        let (x, tape) = HostTensor::read(x)?;
        let (weight, tape_w) = HostTensor::read_param::<_, T>(weight)?;
        let (bias, tape_b) = HostTensor::read_param::<_, T>(bias)?;
        host_op(
            &device,
            tape.merge(tape_w).merge(tape_b),
            [x, weight, bias],
            (rows, outputs),
            move |[x, w, bias]| {
                let mut y = vec![0.0; b * o];
                matmul(
                    Mat::new(x, b, i),
                    Mat::new(w, o, i).t(),
                    Mat::new(&mut y, b, o),
                    Accumulate::Overwrite,
                );
                add_bias_and_activate(&mut y, bias, activation);
                (y, ())
            },
            move |[x, w, _], y, (), dy, [dx, dw, db]| {
                // da = dy f'(a), with f'(a) written in y = f(a)
                let mut da = dy.to_vec();
                times_derivative(&mut da, y, activation);
                matmul(Mat::new(&da, b, o), Mat::new(w, o, i), Mat::new(dx, b, i), Accumulate::Add);
                matmul(Mat::new(&da[..], b, o).t(), Mat::new(x, b, i), Mat::new(dw, o, i), Accumulate::Add);
                for row in da.chunks_exact(o.max(1)) {
                    db.iter_mut().zip(row).for_each(|(db, da)| *db += da);
                }
            },
        )
    }
}

fn add_bias_and_activate(y: &mut [f32], bias: &[f32], activation: Activation) {
    // One closure a branch, so that each loop is compiled with its function inside.
    macro_rules! pass {
        ($f:expr) => {
            vectorised(|| {
                for row in y.chunks_exact_mut(bias.len().max(1)) {
                    row.iter_mut().zip(bias).for_each(|(y, b)| *y = $f(*y + b));
                }
            })
        };
    }
    match activation {
        Activation::Identity => pass!(|a| a),
        // not `max`, which would turn a NaN into a 0 and hide it from the loss
        Activation::Relu => pass!(|a: f32| if a < 0.0 { 0.0 } else { a }),
        Activation::Tanh => pass!(tanh),
        Activation::Sigmoid => pass!(sigmoid),
    }
}

fn times_derivative(da: &mut [f32], y: &[f32], activation: Activation) {
    if activation != Activation::Identity {
        vectorised(|| da.iter_mut().zip(y).for_each(|(da, y)| *da *= activation.derivative_from_output(*y)));
    }
}

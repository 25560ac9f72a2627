use std::marker::PhantomData;

use dfdx::{
    prelude::*,
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::ResidualKernel;
use crate::{
    device::{host_op, zeros, HostTensor},
    ops::{
        functions::{with_function, Function},
        linear::Activation,
    },
};

/// Values that one task takes.
const CHUNK: usize = 1 << 15;

impl ResidualKernel for Cpu {
    fn add_activate<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        residual: &Tensor<S, f32, Self>,
        activation: Activation,
    ) -> Result<Tensor<S, f32, Self, T>, CpuError> {
        let (device, shape) = (x.device().clone(), *x.shape());
        let (x, tape) = HostTensor::read(x)?;
        let (r, tape_r) = HostTensor::read_param::<_, T>(residual)?;
        host_op(
            &device,
            tape.merge(tape_r),
            [x, r],
            shape,
            move |[x, r]| {
                let mut y = zeros(x.len());
                let chunks = y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).zip(r.par_chunks(CHUNK));
                with_function!(activation, F => chunks.for_each(|((y, x), r)| {
                    Arch::new().dispatch(Sum::<F> { x, r, y, function: PhantomData });
                }));
                (y, ())
            },
            move |_, y, (), dy, gradients| {
                for d in gradients {
                    let chunks = d.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).zip(dy.par_chunks(CHUNK));
                    with_function!(activation, F => chunks.for_each(|((d, y), dy)| {
                        Arch::new().dispatch(Gradient::<F> { y, dy, d, function: PhantomData });
                    }));
                }
            },
        )
    }
}

/// y = f(x + r).
struct Sum<'a, F> {
    x: &'a [f32],
    r: &'a [f32],
    y: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Function> WithSimd for Sum<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((y, x), r) in self.y.iter_mut().zip(self.x).zip(self.r) {
            *y = F::value(x + r);
        }
    }
}

/// d += dy f'(y).
struct Gradient<'a, F> {
    y: &'a [f32],
    dy: &'a [f32],
    d: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Function> WithSimd for Gradient<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((d, y), dy) in self.d.iter_mut().zip(self.y).zip(self.dy) {
            *d += dy * F::slope(*y);
        }
    }
}

use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use rayon::prelude::*;

use super::ConcatKernel;
use crate::device::{host_op, zeros, HostTensor};

impl ConcatKernel for Cpu {
    fn concat_channels<B: Dim, C1: Dim, C2: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Self>>(
        a: Tensor<(B, C1, H, W), f32, Self, T>,
        b: &Tensor<(B, C2, H, W), f32, Self>,
        channels: C,
    ) -> Result<Tensor<(B, C, H, W), f32, Self, T>, CpuError> {
        let (device, (n, c1, h, w)) = (a.device().clone(), *a.shape());
        let plane = h.size() * w.size();
        let (size_a, size_b) = (c1.size() * plane, b.shape().1.size() * plane);
        let (a, tape) = HostTensor::read(a)?;
        let (b, tape_b) = HostTensor::read_param::<_, T>(b)?;
        host_op(
            &device,
            tape.merge(tape_b),
            [a, b],
            (n, channels, h, w),
            move |[a, b]| {
                let mut y = zeros(a.len() + b.len());
                y.par_chunks_mut((size_a + size_b).max(1)).enumerate().for_each(|(i, y)| {
                    let (to_a, to_b) = y.split_at_mut(size_a);
                    to_a.copy_from_slice(&a[i * size_a..(i + 1) * size_a]);
                    to_b.copy_from_slice(&b[i * size_b..(i + 1) * size_b]);
                });
                (y, ())
            },
            move |_, _, (), dy, [da, db]| {
                for (size, start, d) in [(size_a, 0, da), (size_b, size_a, db)] {
                    d.par_chunks_mut(size.max(1)).enumerate().for_each(|(i, d)| {
                        let dy = &dy[i * (size_a + size_b) + start..][..size];
                        d.iter_mut().zip(dy).for_each(|(d, dy)| *d += dy);
                    });
                }
            },
        )
    }
}

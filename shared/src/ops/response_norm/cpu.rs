use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use rayon::prelude::*;

use super::{ResponseNorm, ResponseNormKernel};
use crate::{
    device::{host_op, zeros, HostTensor},
    ops::math::vectorised,
};

impl ResponseNormKernel for Cpu {
    fn local_response_norm<B: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        norm: ResponseNorm,
    ) -> Result<Tensor<(B, C, H, W), f32, Self, T>, CpuError> {
        let (device, shape) = (x.device().clone(), *x.shape());
        let (c, pixels) = (shape.1.size(), shape.2.size() * shape.3.size());
        let image = (c * pixels).max(1);
        let (x, tape) = HostTensor::read(x)?;
        host_op(
            &device,
            tape,
            [x],
            shape,
            move |[x]| {
                let (mut y, mut s) = (zeros(x.len()), zeros(x.len()));
                let images = y.par_chunks_mut(image).zip(s.par_chunks_mut(image)).zip(x.par_chunks(image));
                images.for_each(|((y, s), x)| {
                    let squares: Vec<f32> = x.iter().map(|x| x * x).collect();
                    neighbours(&squares, norm.radius, pixels, s);
                    let (bias, alpha) = (norm.bias as f32, norm.alpha as f32);
                    vectorised(|| s.iter_mut().for_each(|s| *s = bias + alpha * *s));
                    powers(s, norm.beta, y);
                    vectorised(|| y.iter_mut().zip(x).for_each(|(y, x)| *y *= x));
                });
                (y, s)
            },
            move |[x], y, s, dy, [dx]| {
                // dx_c = dy_c s_c^−β − 2 α β x_c Σ dy_j x_j s_j^−β / s_j, and x s^−β = y
                let images = dx.par_chunks_mut(image).zip(dy.par_chunks(image)).zip(x.par_chunks(image));
                let images = images.zip(y.par_chunks(image).zip(s.par_chunks(image)));
                images.for_each(|(((dx, dy), x), (y, s))| {
                    let parts: Vec<f32> = dy.iter().zip(y).zip(s).map(|((dy, y), s)| dy * y / s).collect();
                    let (mut sums, mut power) = (vec![0.0; x.len()], vec![0.0; x.len()]);
                    neighbours(&parts, norm.radius, pixels, &mut sums);
                    powers(s, norm.beta, &mut power);
                    let factor = (2.0 * norm.alpha * norm.beta) as f32;
                    vectorised(|| {
                        for i in 0..x.len() {
                            dx[i] += dy[i] * power[i] - factor * x[i] * sums[i];
                        }
                    });
                });
            },
        )
    }
}

/// For each channel the sum of the planes of the channels around it, in their order.
fn neighbours(planes: &[f32], radius: usize, pixels: usize, sums: &mut [f32]) {
    let channels = planes.len() / pixels.max(1);
    for (channel, sum) in sums.chunks_exact_mut(pixels.max(1)).enumerate() {
        for near in channel.saturating_sub(radius)..(channel + radius + 1).min(channels) {
            let plane = &planes[near * pixels..(near + 1) * pixels];
            vectorised(|| sum.iter_mut().zip(plane).for_each(|(sum, v)| *sum += v));
        }
    }
}

/// s^−β; 1 / √(s √s) for the β = 0.75 that everybody uses.
fn powers(s: &[f32], beta: f64, out: &mut [f32]) {
    if beta == 0.75 {
        vectorised(|| out.iter_mut().zip(s).for_each(|(out, s)| *out = 1.0 / (s * s.sqrt()).sqrt()));
    } else {
        out.iter_mut().zip(s).for_each(|(out, s)| *out = s.powf(-beta as f32));
    }
}

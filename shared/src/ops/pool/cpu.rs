use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{max::MaxPlanes, PoolKernel, Window};
use crate::device::{host_op, zeros, HostTensor};

/// Planes that one task takes: small planes are not worth a task each.
const PLANES: usize = 16;

/// Planes of an image and of its result.
#[derive(Clone, Copy)]
struct Sizes {
    input: [usize; 2],
    output: [usize; 2],
    window: Window,
}

impl Sizes {
    /// Pixels of a portion of the input, and of the matching portion of the result.
    fn portions(self) -> [usize; 2] {
        [self.input, self.output].map(|[h, w]| (h * w * PLANES).max(1))
    }

    fn planes(self) -> [usize; 2] {
        [self.input, self.output].map(|[h, w]| (h * w).max(1))
    }
}

impl PoolKernel for Cpu {
    fn max_pool2d<B: Dim, C: Dim, H: Dim, W: Dim, HO: Dim, WO: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        window: Window,
        (ho, wo): (HO, WO),
    ) -> Result<Tensor<(B, C, HO, WO), f32, Self, T>, CpuError> {
        let (device, (b, c, h, w)) = (x.device().clone(), *x.shape());
        let shape = (b, c, ho, wo);
        let sizes = Sizes { input: [h.size(), w.size()], output: [ho.size(), wo.size()], window };
        let (x, tape) = HostTensor::read(x)?;
        host_op(
            &device,
            tape,
            [x],
            shape,
            move |[x]| {
                let mut y = zeros(shape.num_elements());
                let mut winners = vec![0u32; y.len()];
                let [portion_in, portion_out] = sizes.portions();
                let portions = y.par_chunks_mut(portion_out).zip(winners.par_chunks_mut(portion_out));
                portions.zip(x.par_chunks(portion_in)).for_each(|((y, winners), x)| {
                    MaxPlanes { x, size: sizes.input, window, out: sizes.output, y, winners }.run();
                });
                (y, winners)
            },
            move |_, _, winners, dy, [dx]| {
                let [portion_in, portion_out] = sizes.portions();
                let portions = dy.par_chunks(portion_out).zip(winners.par_chunks(portion_out));
                portions.zip(dx.par_chunks_mut(portion_in)).for_each(|((dy, winners), dx)| {
                    let [plane_in, plane_out] = sizes.planes();
                    let planes = dy.chunks_exact(plane_out).zip(winners.chunks_exact(plane_out));
                    for ((dy, winners), dx) in planes.zip(dx.chunks_exact_mut(plane_in)) {
                        dy.iter().zip(winners).for_each(|(dy, winner)| dx[*winner as usize] += dy);
                    }
                });
            },
        )
    }

    fn avg_pool2d<B: Dim, C: Dim, H: Dim, W: Dim, HO: Dim, WO: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        window: Window,
        (ho, wo): (HO, WO),
    ) -> Result<Tensor<(B, C, HO, WO), f32, Self, T>, CpuError> {
        let (device, (b, c, h, w)) = (x.device().clone(), *x.shape());
        let shape = (b, c, ho, wo);
        let sizes = Sizes { input: [h.size(), w.size()], output: [ho.size(), wo.size()], window };
        let share = 1.0 / (window.kernel * window.kernel) as f32;
        let (x, tape) = HostTensor::read(x)?;
        host_op(
            &device,
            tape,
            [x],
            shape,
            move |[x]| {
                let mut y = zeros(shape.num_elements());
                let [portion_in, portion_out] = sizes.portions();
                y.par_chunks_mut(portion_out).zip(x.par_chunks(portion_in)).for_each(|(y, x)| {
                    let [plane_in, plane_out] = sizes.planes();
                    for (y, x) in y.chunks_exact_mut(plane_out).zip(x.chunks_exact(plane_in)) {
                        each_window(sizes, |at, pixels| {
                            y[at] = x[pixels.clone()].iter().fold(y[at], |sum, x| sum + x);
                        });
                        y.iter_mut().for_each(|y| *y *= share);
                    }
                });
                (y, ())
            },
            move |_, _, (), dy, [dx]| {
                let [portion_in, portion_out] = sizes.portions();
                dx.par_chunks_mut(portion_in).zip(dy.par_chunks(portion_out)).for_each(|(dx, dy)| {
                    let [plane_in, plane_out] = sizes.planes();
                    for (dx, dy) in dx.chunks_exact_mut(plane_in).zip(dy.chunks_exact(plane_out)) {
                        each_window(sizes, |at, pixels| {
                            dx[pixels].iter_mut().for_each(|dx| *dx += share * dy[at]);
                        });
                    }
                });
            },
        )
    }

    fn global_avg_pool2d<B: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
    ) -> Result<Tensor<(B, C), f32, Self, T>, CpuError> {
        let (device, (b, c, h, w)) = (x.device().clone(), *x.shape());
        let pixels = h.size() * w.size();
        let (x, tape) = HostTensor::read(x)?;
        host_op(
            &device,
            tape,
            [x],
            (b, c),
            move |[x]| {
                let mut y = zeros(b.size() * c.size());
                y.par_chunks_mut(PLANES)
                    .zip(x.par_chunks((PLANES * pixels).max(1)))
                    .for_each(|(y, x)| Arch::new().dispatch(Means { x, pixels, y }));
                (y, ())
            },
            move |_, _, (), dy, [dx]| {
                let portions = dx.par_chunks_mut((PLANES * pixels).max(1)).zip(dy.par_chunks(PLANES));
                portions.for_each(|(dx, dy)| {
                    for (dx, dy) in dx.chunks_exact_mut(pixels.max(1)).zip(dy) {
                        let share = dy / pixels as f32;
                        dx.iter_mut().for_each(|dx| *dx += share);
                    }
                });
            },
        )
    }
}

/// Calls `work` with each window's place in the result and each row of its pixels inside the image.
#[inline(always)]
fn each_window(sizes: Sizes, mut work: impl FnMut(usize, std::ops::Range<usize>)) {
    let Sizes { input: [height, width], output: [rows, columns], window } = sizes;
    for at_row in 0..rows {
        for row in window.span(at_row, height) {
            for at_column in 0..columns {
                let span = window.span(at_column, width);
                work(at_row * columns + at_column, row * width + span.start..row * width + span.end);
            }
        }
    }
}

/// The mean of each plane, summed in 16 lanes whatever the machine's registers.
struct Means<'a> {
    x: &'a [f32],
    pixels: usize,
    y: &'a mut [f32],
}

impl WithSimd for Means<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (y, plane) in self.y.iter_mut().zip(self.x.chunks_exact(self.pixels.max(1))) {
            let (blocks, rest) = plane.as_chunks::<16>();
            let mut lanes = [0.0f64; 16];
            for block in blocks {
                for lane in 0..16 {
                    lanes[lane] += f64::from(block[lane]);
                }
            }
            let rest: f64 = rest.iter().map(|x| f64::from(*x)).sum();
            *y = ((lanes.iter().sum::<f64>() + rest) / self.pixels as f64) as f32;
        }
    }
}

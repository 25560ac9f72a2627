use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use rayon::prelude::*;

use super::{SquashKernel, EPSILON};
use crate::{
    device::{host_op, zeros, HostTensor},
    ops::math::vectorised,
};

impl SquashKernel for Cpu {
    fn primary_capsules<B: Dim, C: Dim, H: Dim, W: Dim, I: Dim, N: Dim, T: Tape<f32, Self>>(
        maps: Tensor<(B, C, H, W), f32, Self, T>,
        capsules: I,
        length: N,
    ) -> Result<Tensor<(B, I, N), f32, Self, T>, CpuError> {
        let (device, (b, _, h, w)) = (maps.device().clone(), *maps.shape());
        let sizes = Sizes { length: length.size(), plane: h.size() * w.size() };
        let image = (capsules.size() * length.size()).max(1);
        let (maps, tape) = HostTensor::read(maps)?;
        host_op(
            &device,
            tape,
            [maps],
            (b, capsules, length),
            move |[x]| {
                let mut y = zeros(b.size() * capsules.size() * length.size());
                y.par_chunks_mut(image)
                    .zip(x.par_chunks(image))
                    .for_each(|(y, x)| vectorised(|| sizes.forward(x, y)));
                (y, ())
            },
            move |[x], _, (), dy, [dx]| {
                dx.par_chunks_mut(image)
                    .zip(x.par_chunks(image))
                    .zip(dy.par_chunks(image))
                    .for_each(|((dx, x), dy)| vectorised(|| sizes.backward(x, dy, dx)));
            },
        )
    }
}

/// How the values of an image fall into capsules.
#[derive(Clone, Copy)]
struct Sizes {
    /// D.
    length: usize,
    /// H W.
    plane: usize,
}

impl Sizes {
    /// The values of one type: D maps in, as many rows of D out as a map has pixels.
    fn of_type(self) -> usize {
        (self.length * self.plane).max(1)
    }

    #[inline(always)]
    fn forward(self, x: &[f32], y: &mut [f32]) {
        let kind = self.of_type();
        for (x, y) in x.chunks_exact(kind).zip(y.chunks_exact_mut(kind)) {
            for (at, y) in y.chunks_exact_mut(self.length).enumerate() {
                let (mut squares, from) = (0.0, x.iter().skip(at).step_by(self.plane));
                y.iter_mut().zip(from).for_each(|(y, x)| {
                    *y = *x;
                    squares += x * x;
                });
                let factor = Factor::of(squares).value;
                y.iter_mut().for_each(|y| *y *= factor);
            }
        }
    }

    /// ds = f dv + 2 f' (s · dv) s, where v = f(‖s‖²) s.
    #[inline(always)]
    fn backward(self, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        let kind = self.of_type();
        for ((x, dy), dx) in x.chunks_exact(kind).zip(dy.chunks_exact(kind)).zip(dx.chunks_exact_mut(kind)) {
            for (at, dy) in dy.chunks_exact(self.length).enumerate() {
                let column = || x.iter().skip(at).step_by(self.plane);
                let (mut squares, mut along) = (0.0, 0.0);
                column().zip(dy).for_each(|(x, dy)| {
                    squares += x * x;
                    along += x * dy;
                });
                let factor = Factor::of(squares);
                let back = 2.0 * factor.slope * along;
                let to = dx.iter_mut().skip(at).step_by(self.plane);
                to.zip(column()).zip(dy).for_each(|((dx, x), dy)| *dx += factor.value * dy + back * x);
            }
        }
    }
}

/// f(n) = n / ((1 + n) √(n + ε)), by which squashing multiplies a vector of squared length n, and f'(n).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factor {
    pub(crate) value: f32,
    pub(crate) slope: f32,
}

impl Factor {
    #[inline(always)]
    pub(crate) fn of(squares: f32) -> Self {
        let shifted = squares + EPSILON as f32;
        let inverse = 1.0 / ((1.0 + squares) * shifted.sqrt());
        let value = squares * inverse;
        Factor { value, slope: inverse - value / (1.0 + squares) - value / (2.0 * shifted) }
    }
}

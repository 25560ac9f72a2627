//! The loops over the planes of one channel. They are memory-bound, so each does all it can in one pass.

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};

use crate::ops::functions::Function;

/// Sums run in this many independent lanes, whatever the machine's registers, so that they are the same on all.
const LANES: usize = 16;

/// Mean and biased variance of `count` values, in double precision and about one of the values, so that a mean far from
/// 0 takes nothing from the variance.
pub(super) fn moments(x: &[&[f32]], count: usize) -> [f64; 2] {
    let pivot = x.iter().find_map(|plane| plane.first()).map_or(0.0, |x| f64::from(*x));
    let [sum, squares] = Arch::new().dispatch(Moments { x, pivot }).map(|s| s / count.max(1) as f64);
    let variance = squares - sum * sum;
    // a NaN stays: `max` would turn it into 0
    [pivot + sum, if variance < 0.0 { 0.0 } else { variance }]
}

/// Σ (x − p) and Σ (x − p)².
struct Moments<'a> {
    x: &'a [&'a [f32]],
    pivot: f64,
}

impl WithSimd for Moments<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f64; 2] {
        let (mut sum, mut squares) = ([0.0f64; LANES], [0.0f64; LANES]);
        for plane in self.x {
            let (blocks, rest) = plane.as_chunks::<LANES>();
            for block in blocks {
                for lane in 0..LANES {
                    let x = f64::from(block[lane]) - self.pivot;
                    sum[lane] += x;
                    squares[lane] += x * x;
                }
            }
            for (lane, x) in rest.iter().enumerate() {
                let x = f64::from(*x) - self.pivot;
                sum[lane] += x;
                squares[lane] += x * x;
            }
        }
        [sum.iter().sum(), squares.iter().sum()]
    }
}

/// y = f(scale x + shift + r).
pub(super) struct Normalize<'a, 'y, F> {
    pub(super) x: &'a [&'a [f32]],
    pub(super) residual: Option<&'a [&'a [f32]]>,
    pub(super) y: &'a mut [&'y mut [f32]],
    pub(super) scale: f32,
    pub(super) shift: f32,
    pub(super) function: PhantomData<F>,
}

impl<F: Function> Normalize<'_, '_, F> {
    pub(super) fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl<F: Function> WithSimd for Normalize<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (scale, shift) = (self.scale, self.shift);
        match self.residual {
            None => {
                for (y, x) in self.y.iter_mut().zip(self.x) {
                    for (y, x) in y.iter_mut().zip(*x) {
                        *y = F::value(x * scale + shift);
                    }
                }
            }
            Some(residual) => {
                for ((y, x), r) in self.y.iter_mut().zip(self.x).zip(residual) {
                    for ((y, x), r) in y.iter_mut().zip(*x).zip(*r) {
                        *y = F::value(x * scale + shift + r);
                    }
                }
            }
        }
    }
}

/// Σ da and Σ da (x − μ), with da = dy f'(y).
pub(super) struct GradientMoments<'a, F> {
    pub(super) x: &'a [&'a [f32]],
    pub(super) y: &'a [&'a [f32]],
    pub(super) dy: &'a [&'a [f32]],
    pub(super) mean: f32,
    pub(super) function: PhantomData<F>,
}

impl<F: Function> GradientMoments<'_, F> {
    pub(super) fn run(self) -> [f64; 2] {
        Arch::new().dispatch(self)
    }
}

impl<F: Function> WithSimd for GradientMoments<'_, F> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f64; 2] {
        let (mut sum, mut product) = ([0.0f64; LANES], [0.0f64; LANES]);
        let mean = self.mean;
        for ((x, y), dy) in self.x.iter().zip(self.y).zip(self.dy) {
            let (x, x_rest) = x.as_chunks::<LANES>();
            let (y, y_rest) = y.as_chunks::<LANES>();
            let (dy, dy_rest) = dy.as_chunks::<LANES>();
            for ((x, y), dy) in x.iter().zip(y).zip(dy) {
                for lane in 0..LANES {
                    let da = dy[lane] * F::slope(y[lane]);
                    sum[lane] += f64::from(da);
                    product[lane] += f64::from(da * (x[lane] - mean));
                }
            }
            for (lane, ((x, y), dy)) in x_rest.iter().zip(y_rest).zip(dy_rest).enumerate() {
                let da = dy * F::slope(*y);
                sum[lane] += f64::from(da);
                product[lane] += f64::from(da * (x - mean));
            }
        }
        [sum.iter().sum(), product.iter().sum()]
    }
}

/// dx += a da + b (x − μ) + c and dr += da, with da = dy f'(y).
pub(super) struct Gradients<'a, 'g, F> {
    pub(super) x: &'a [&'a [f32]],
    pub(super) y: &'a [&'a [f32]],
    pub(super) dy: &'a [&'a [f32]],
    pub(super) mean: f32,
    pub(super) factors: [f32; 3],
    pub(super) dx: &'a mut [&'g mut [f32]],
    /// As many planes as `dx`, or none.
    pub(super) dr: &'a mut [&'g mut [f32]],
    pub(super) function: PhantomData<F>,
}

impl<F: Function> Gradients<'_, '_, F> {
    pub(super) fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl<F: Function> WithSimd for Gradients<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let ([a, b, c], mean) = (self.factors, self.mean);
        let planes = self.x.iter().zip(self.y).zip(self.dy).zip(self.dx.iter_mut());
        if self.dr.is_empty() {
            for (((x, y), dy), dx) in planes {
                for (((x, y), dy), dx) in x.iter().zip(*y).zip(*dy).zip(dx.iter_mut()) {
                    *dx += a * (dy * F::slope(*y)) + b * (x - mean) + c;
                }
            }
        } else {
            for ((((x, y), dy), dx), dr) in planes.zip(self.dr.iter_mut()) {
                let values = x.iter().zip(*y).zip(*dy).zip(dx.iter_mut()).zip(dr.iter_mut());
                for ((((x, y), dy), dx), dr) in values {
                    let da = dy * F::slope(*y);
                    *dx += a * da + b * (x - mean) + c;
                    *dr += da;
                }
            }
        }
    }
}

//! The linear maps for kernels of two weights a side.

use pulp::Simd;

use super::transforms::{fma, scaled, Map};

// The points are ±1, ±1/2 and ∞, so that all factors but those of the weights are exact.

/// Five pixels to five points: Bᵀ.
pub(super) struct Pixels;

impl Map<5, 5> for Pixels {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: [S::f32s; 5]) -> [S::f32s; 5] {
        let even_a = fma(simd, -0.25, x[0], x[2]);
        let odd_a = fma(simd, -0.25, x[1], x[3]);
        let even_b = scaled(simd, 0.5, simd.sub_f32s(x[2], x[0]));
        let odd_b = simd.sub_f32s(x[3], x[1]);
        [
            simd.add_f32s(even_a, odd_a),
            simd.sub_f32s(even_a, odd_a),
            simd.add_f32s(even_b, odd_b),
            simd.sub_f32s(even_b, odd_b),
            fma(simd, 0.25, x[0], fma(simd, -1.25, x[2], x[4])),
        ]
    }
}

/// Two weights to five points: G, the only one with the divisors M'(point) in it.
pub(super) struct Weights;

/// 1 / M'(1) and 1 / M'(1/2), of M(x) = (x² − 1) (x² − 1/4).
const FAR: f32 = 2.0 / 3.0;
const NEAR: f32 = -4.0 / 3.0;

impl Map<2, 5> for Weights {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: [S::f32s; 2]) -> [S::f32s; 5] {
        let (even_a, odd_a) = (scaled(simd, FAR, x[0]), scaled(simd, FAR, x[1]));
        let (even_b, odd_b) = (scaled(simd, NEAR, x[0]), scaled(simd, 0.5 * NEAR, x[1]));
        [
            simd.add_f32s(even_a, odd_a),
            simd.sub_f32s(even_a, odd_a),
            simd.add_f32s(even_b, odd_b),
            simd.sub_f32s(even_b, odd_b),
            x[1],
        ]
    }
}

/// Five points to four results: Aᵀ.
pub(super) struct Results;

impl Map<5, 4> for Results {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: [S::f32s; 5]) -> [S::f32s; 4] {
        let (even_a, odd_a) = (simd.add_f32s(x[0], x[1]), simd.sub_f32s(x[0], x[1]));
        let (even_b, odd_b) = (simd.add_f32s(x[2], x[3]), simd.sub_f32s(x[2], x[3]));
        [
            simd.add_f32s(even_a, even_b),
            fma(simd, 0.5, odd_b, odd_a),
            fma(simd, 0.25, even_b, even_a),
            fma(simd, 0.125, odd_b, simd.add_f32s(odd_a, x[4])),
        ]
    }
}

/// Four gradients of results to five points: A.
pub(super) struct ResultGradients;

impl Map<4, 5> for ResultGradients {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: [S::f32s; 4]) -> [S::f32s; 5] {
        let (even_a, odd_a) = (simd.add_f32s(x[0], x[2]), simd.add_f32s(x[1], x[3]));
        let even_b = fma(simd, 0.25, x[2], x[0]);
        let odd_b = fma(simd, 0.125, x[3], scaled(simd, 0.5, x[1]));
        [
            simd.add_f32s(even_a, odd_a),
            simd.sub_f32s(even_a, odd_a),
            simd.add_f32s(even_b, odd_b),
            simd.sub_f32s(even_b, odd_b),
            x[3],
        ]
    }
}

/// Five points to the gradients of two weights: Gᵀ.
pub(super) struct WeightGradients;

impl Map<5, 2> for WeightGradients {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: [S::f32s; 5]) -> [S::f32s; 2] {
        let (even_a, odd_a) = (simd.add_f32s(x[0], x[1]), simd.sub_f32s(x[0], x[1]));
        let (even_b, odd_b) = (simd.add_f32s(x[2], x[3]), simd.sub_f32s(x[2], x[3]));
        [
            fma(simd, FAR, even_a, scaled(simd, NEAR, even_b)),
            fma(simd, FAR, odd_a, fma(simd, 0.5 * NEAR, odd_b, x[4])),
        ]
    }
}

//! The linear maps for kernels of three weights a side, and how any map is taken along both axes.

use pulp::Simd;

use crate::ops::conv2d::kernel::tile::{load, store};

/// The points 0, ±A, ±B and ∞ at which polynomials are multiplied, with A B = 1, A² = 1/2 and B² = 2.
const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
const B: f32 = std::f32::consts::SQRT_2;

/// A linear map of I values to J, of vectors lane by lane.
pub(super) trait Map<const I: usize, const J: usize> {
    fn of<S: Simd>(simd: S, x: [S::f32s; I]) -> [S::f32s; J];
}

/// a x + y.
#[inline(always)]
pub(super) fn fma<S: Simd>(simd: S, a: f32, x: S::f32s, y: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(a), x, y)
}

/// a x.
#[inline(always)]
pub(super) fn scaled<S: Simd>(simd: S, a: f32, x: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.splat_f32s(a), x)
}

/// Six pixels to six points: Bᵀ.
pub(super) struct Pixels;

impl Map<6, 6> for Pixels {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: [S::f32s; 6]) -> [S::f32s; 6] {
        let even_a = fma(simd, -B * B, x[2], x[4]);
        let odd_a = scaled(simd, A, fma(simd, -B * B, x[1], x[3]));
        let even_b = fma(simd, -A * A, x[2], x[4]);
        let odd_b = scaled(simd, B, fma(simd, -A * A, x[1], x[3]));
        let both = -(A * A + B * B);
        [
            fma(simd, both, x[2], simd.add_f32s(x[0], x[4])),
            simd.add_f32s(even_a, odd_a),
            simd.sub_f32s(even_a, odd_a),
            simd.add_f32s(even_b, odd_b),
            simd.sub_f32s(even_b, odd_b),
            fma(simd, both, x[3], simd.add_f32s(x[1], x[5])),
        ]
    }
}

/// Three weights to six points: G, the only one with the divisors M'(point) in it.
pub(super) struct Weights;

/// 1 / (2 A² (A² − B²)) and 1 / (2 B² (B² − A²)).
const NEAR: f32 = -2.0 / 3.0;
const FAR: f32 = 1.0 / 6.0;

impl Map<3, 6> for Weights {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: [S::f32s; 3]) -> [S::f32s; 6] {
        let even_a = scaled(simd, NEAR, fma(simd, A * A, x[2], x[0]));
        let odd_a = scaled(simd, NEAR * A, x[1]);
        let even_b = scaled(simd, FAR, fma(simd, B * B, x[2], x[0]));
        let odd_b = scaled(simd, FAR * B, x[1]);
        [
            x[0],
            simd.add_f32s(even_a, odd_a),
            simd.sub_f32s(even_a, odd_a),
            simd.add_f32s(even_b, odd_b),
            simd.sub_f32s(even_b, odd_b),
            x[2],
        ]
    }
}

/// Six points to four results: Aᵀ.
pub(super) struct Results;

impl Map<6, 4> for Results {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: [S::f32s; 6]) -> [S::f32s; 4] {
        let (even_a, odd_a) = (simd.add_f32s(x[1], x[2]), simd.sub_f32s(x[1], x[2]));
        let (even_b, odd_b) = (simd.add_f32s(x[3], x[4]), simd.sub_f32s(x[3], x[4]));
        [
            simd.add_f32s(x[0], simd.add_f32s(even_a, even_b)),
            fma(simd, B, odd_b, scaled(simd, A, odd_a)),
            fma(simd, B * B, even_b, scaled(simd, A * A, even_a)),
            fma(simd, B * B * B, odd_b, fma(simd, A * A * A, odd_a, x[5])),
        ]
    }
}

/// Four gradients of results to six points: A.
pub(super) struct ResultGradients;

impl Map<4, 6> for ResultGradients {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: [S::f32s; 4]) -> [S::f32s; 6] {
        let even_a = fma(simd, A * A, x[2], x[0]);
        let odd_a = fma(simd, A * A * A, x[3], scaled(simd, A, x[1]));
        let even_b = fma(simd, B * B, x[2], x[0]);
        let odd_b = fma(simd, B * B * B, x[3], scaled(simd, B, x[1]));
        [
            x[0],
            simd.add_f32s(even_a, odd_a),
            simd.sub_f32s(even_a, odd_a),
            simd.add_f32s(even_b, odd_b),
            simd.sub_f32s(even_b, odd_b),
            x[3],
        ]
    }
}

/// Six points to the gradients of three weights: Gᵀ.
pub(super) struct WeightGradients;

impl Map<6, 3> for WeightGradients {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: [S::f32s; 6]) -> [S::f32s; 3] {
        let even_a = scaled(simd, NEAR, simd.add_f32s(x[1], x[2]));
        let odd_a = scaled(simd, NEAR * A, simd.sub_f32s(x[1], x[2]));
        let even_b = scaled(simd, FAR, simd.add_f32s(x[3], x[4]));
        let odd_b = scaled(simd, FAR * B, simd.sub_f32s(x[3], x[4]));
        [
            simd.add_f32s(x[0], simd.add_f32s(even_a, even_b)),
            simd.add_f32s(odd_a, odd_b),
            fma(simd, B * B, even_b, fma(simd, A * A, even_a, x[5])),
        ]
    }
}

/// M x Mᵀ of the I x I vectors at `from`, a row and a column apart by `from_steps`, to J x J vectors at `to`.
///
/// # Safety
/// There must be I x I vectors to read and room for J x J to write.
#[inline(always)]
pub(super) unsafe fn both_axes<S: Simd, M: Map<I, J>, const I: usize, const J: usize>(
    simd: S,
    from: *const f32,
    from_steps: [usize; 2],
    to: *mut f32,
    to_steps: [usize; 2],
) {
    let mut half = [[simd.splat_f32s(0.0); I]; J];
    for col in 0..I {
        let mut line = [simd.splat_f32s(0.0); I];
        for (row, vector) in line.iter_mut().enumerate() {
            // SAFETY: this function's contract.
            *vector = unsafe { load::<S>(from.add(row * from_steps[0] + col * from_steps[1])) };
        }
        let line = M::of(simd, line);
        for (half, vector) in half.iter_mut().zip(line) {
            half[col] = vector;
        }
    }
    for (row, half) in half.into_iter().enumerate() {
        for (col, vector) in M::of(simd, half).into_iter().enumerate() {
            // SAFETY: this function's contract.
            unsafe { store::<S>(to.add(row * to_steps[0] + col * to_steps[1]), vector) };
        }
    }
}

//! Transcendental functions that compilers can vectorise, and the loop that lets them.
//!
//! `f32::tanh` and `f32::exp` call into libm, one value at a time. These are polynomials on plain arithmetic,
//! so a loop over a slice becomes SIMD code; [`vectorised`] compiles such a loop for the widest instruction set
//! of the machine it runs on. No fused multiply-add is used, so the bits are the same on all of them.

use pulp::{Arch, WithSimd};

/// Runs `work` compiled for the widest SIMD instruction set this machine has.
///
/// `work` must be a closure whose loops are inlined into it (`#[inline(always)]` on what it calls).
#[inline]
pub fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    struct Work<F>(F);
    impl<R, F: FnOnce() -> R> WithSimd for Work<F> {
        type Output = R;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> R {
            (self.0)()
        }
    }
    Arch::new().dispatch(Work(work))
}

/// eˣ within 2 ulp for |x| <= 87; saturates at e^±87 beyond.
///
/// 2ⁿ eʳ with n = round(x / ln 2), |r| <= ln 2 / 2, eʳ by its Taylor polynomial of degree 7.
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    // ln 2 in two parts, so that r keeps its low bits
    const LN2_HI: f32 = 0.693_359_4;
    const LN2_LO: f32 = -2.121_944_4e-4;
    // adding and subtracting this rounds to the nearest integer
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN2_HI) - n * LN2_LO;
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    // 2ⁿ by its exponent bits: the low bits of `shifted` are n in two's complement
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    p * scale
}

/// tanh x within 4e-7 relative; NaN stays NaN.
///
/// x times an odd polynomial for |x| < 0.45, and 1 − 2 / (e²ˣ + 1) beyond.
#[inline(always)]
#[must_use]
pub fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let s = x * x;
    // Taylor: 1 - s/3 + 2 s^2/15 - 17 s^3/315 + 62 s^4/2835 - 1382 s^5/155925 + 21844 s^6/6081075
    let p = 21844.0 / 6_081_075.0;
    let p = p * s - 1382.0 / 155_925.0;
    let p = p * s + 62.0 / 2835.0;
    let p = p * s - 17.0 / 315.0;
    let p = p * s + 2.0 / 15.0;
    let p = p * s - 1.0 / 3.0;
    let small = x + x * (p * s);
    let large = (1.0 - 2.0 / (exp(2.0 * a) + 1.0)).copysign(x);
    if a < 0.45 {
        small
    } else {
        large
    }
}

/// 1 / (1 + e⁻ˣ), within 4e-7.
#[inline(always)]
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// How many running values [`by_lanes`] keeps. The number is fixed, and with it the order of every sum.
pub(crate) const LANES: usize = 16;

/// Folds every sixteenth value into the same of [`LANES`] lanes: a fold in an order that a SIMD loop can keep.
#[inline(always)]
pub(crate) fn by_lanes<A: Copy>(values: &[f32], start: A, fold: impl Fn(A, f32) -> A) -> [A; LANES] {
    let mut lanes = [start; LANES];
    let whole = values.chunks_exact(LANES);
    let rest = whole.remainder();
    for values in whole {
        lanes.iter_mut().zip(values).for_each(|(lane, value)| *lane = fold(*lane, *value));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, value)| *lane = fold(*lane, *value));
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(lo: f64, hi: f64) -> impl Iterator<Item = f32> {
        (0..200_001).map(move |i| (lo + (hi - lo) * f64::from(i) / 200_000.0) as f32)
    }

    fn worst(values: impl Iterator<Item = f32>, ours: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        values
            .filter(|x| *x != 0.0)
            .map(|x| (f64::from(ours(x)) / exact(f64::from(x)) - 1.0).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn relative_errors_stay_within_what_is_documented() {
        assert!(worst(sweep(-87.0, 87.0), exp, f64::exp) < 2.4e-7);
        assert!(worst(sweep(-12.0, 12.0), tanh, f64::tanh) < 4e-7);
        assert!(worst(sweep(-1e-3, 1e-3), tanh, f64::tanh) < 4e-7);
        assert!(worst(sweep(-60.0, 60.0), sigmoid, |x| 1.0 / (1.0 + (-x).exp())) < 4e-7);
    }

    #[test]
    fn ends_and_specials() {
        assert_eq!((tanh(0.0), tanh(1e9), tanh(-1e9)), (0.0, 1.0, -1.0));
        assert!(tanh(f32::NAN).is_nan());
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(1000.0), exp(87.0));
    }

    #[test]
    fn vectorised_loops_give_the_same_bits() {
        let x: Vec<f32> = sweep(-5.0, 5.0).collect();
        let plain: Vec<f32> = x.iter().map(|x| tanh(*x)).collect();
        let mut wide = vec![0.0; x.len()];
        vectorised(|| wide.iter_mut().zip(&x).for_each(|(y, x)| *y = tanh(*x)));
        assert_eq!(plain, wide);
    }
    #[test]
    fn lanes_hold_every_value_once() {
        for len in [0, 1, 15, 16, 17, 50] {
            let values: Vec<f32> = (1..=len).map(|v| v as f32).collect();
            let lanes = by_lanes(&values, 0.0f64, |sum, v| sum + f64::from(v));
            assert_eq!(lanes.iter().sum::<f64>(), f64::from(len * (len + 1) / 2));
            assert_eq!(lanes[0], (1..=len).step_by(LANES).map(f64::from).sum::<f64>());
        }
    }
}

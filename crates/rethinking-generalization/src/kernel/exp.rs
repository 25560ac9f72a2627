//! The exponential of numbers that are not positive, in a form that compilers turn into vector instructions.

/// Overwrites every `x` with exp(-scale · x), for `x >= 0` and `scale > 0`.
///
/// The same bits on every machine: products and sums of its own, no libm. Off by 2 units in the last place at most;
/// below exp(-708) it is 0.
pub(super) fn exp_of_negative(values: &mut [f64], scale: f64) {
    for value in values {
        *value = exp(-(*value * scale));
    }
}

/// exp(x) for x <= 0: 2^n · p(r), x = n ln 2 + r, |r| <= ln 2 / 2, with the Taylor polynomial of degree 13.
#[inline(always)]
fn exp(x: f64) -> f64 {
    // Adding 1.5 · 2^52 rounds to a whole number, which then stands in the low bits; 1023 is the exponent's bias.
    const ROUND: f64 = 6_755_399_441_055_744.0 + 1023.0;
    const LN2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
    const LN2_LOW: f64 = f64::from_bits(0x3DEA_39EF_3579_3C76);
    const TAYLOR: [f64; 12] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ];
    let clamped = if x < -708.0 { -708.0 } else { x };
    let shifted = clamped * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (clamped - n * LN2_HIGH) - n * LN2_LOW;
    let mut p = TAYLOR[0];
    for coefficient in &TAYLOR[1..] {
        p = p * r + coefficient;
    }
    // 1 + (r + r² p): the small part last, so that its rounding does not count.
    let p = 1.0 + (r + r * r * p);
    let power = f64::from_bits(shifted.to_bits() << 52);
    if x < -708.0 {
        0.0
    } else {
        p * power
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential() {
        let xs: Vec<f64> = (0..200_000).map(|k| f64::from(k) * f64::from(k) * 1.7e-8).collect();
        let mut ours = xs.clone();
        exp_of_negative(&mut ours, 1.0);
        for (x, y) in xs.iter().zip(&ours) {
            assert!((y - (-x).exp()).abs() <= 4.5e-16 * (-x).exp(), "exp(-{x}) = {y}");
        }
    }

    #[test]
    fn its_ends_are_exact() {
        let mut ends = [0.0, 709.0, 1e300, f64::INFINITY];
        exp_of_negative(&mut ends, 1.0);
        assert_eq!(ends, [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn it_falls() {
        let mut values: Vec<f64> = (0..10_000).map(|k| f64::from(k) * 1e-3).collect();
        exp_of_negative(&mut values, 0.5);
        assert!(values.windows(2).all(|pair| pair[1] < pair[0]));
    }
}

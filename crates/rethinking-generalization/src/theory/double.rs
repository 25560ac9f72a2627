//! Sums in twice the precision of `f64`, from error-free transformations.
//!
//! The network of Theorem 1 adds terms that are many orders larger than their sum. Its weights are therefore solved
//! for, and its sums are taken, in pairs of `f64` (Dekker 1971; Ogita, Rump and Oishi 2005).

/// An unevaluated sum of two `f64`, the second no larger than half a unit in the last place of the first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Double {
    high: f64,
    low: f64,
}

impl Double {
    /// a − b, without error.
    pub(super) fn difference(a: f64, b: f64) -> Self {
        let (high, low) = two_sum(a, -b);
        Double { high, low }
    }

    /// The nearest `f64`.
    pub(super) fn round(self) -> f64 {
        self.high
    }

    /// self + other.
    pub(super) fn plus(self, other: Double) -> Self {
        let (high, low) = two_sum(self.high, other.high);
        normal(high, low + (self.low + other.low))
    }

    /// self · factor.
    pub(super) fn times(self, factor: f64) -> Self {
        let high = self.high * factor;
        normal(high, self.high.mul_add(factor, -high) + self.low * factor)
    }

    /// self · other.
    pub(super) fn times_double(self, other: Double) -> Self {
        self.times(other.high).plus(self.times(other.low))
    }
}

impl From<f64> for Double {
    fn from(high: f64) -> Self {
        Double { high, low: 0.0 }
    }
}

/// (s, e) with s = fl(a + b) and s + e = a + b (Knuth).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// The pair renormalised.
fn normal(high: f64, low: f64) -> Double {
    let s = high + low;
    Double { high: s, low: low - (s - high) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cancels_in_f64_is_kept() {
        let big = Double::from(1e17);
        let sum = big.plus(Double::from(1.25)).plus(Double::from(-1e17));
        assert_eq!(sum.round(), 1.25);
        assert_eq!((1e17 + 1.25) - 1e17, 0.0);
    }

    #[test]
    fn products_and_differences_are_exact() {
        // (1 + u)(1 − u) = 1 − u², which one f64 rounds to 1
        let u = f64::EPSILON;
        let product = Double::from(1.0 + u).times(1.0 - u);
        assert_eq!(product.plus(Double::from(-1.0)).round(), -u * u);
        // 1 − u/4 rounds to 1; the difference keeps the rest
        let difference = Double::difference(1.0, u / 4.0);
        assert_eq!((difference.round(), difference.plus(Double::from(-1.0)).round()), (1.0, -u / 4.0));
        let square = difference.times_double(difference).plus(Double::from(-1.0)).round();
        approx::assert_relative_eq!(square, -u / 2.0, max_relative = 1e-12);
    }
}

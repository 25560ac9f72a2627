//! Theorem 1: 2n + d numbers represent any function on any sample of n points in d dimensions.
//!
//! c(x) = Σ_j w_j max(<a, x> − b_j, 0)
//!
//! with a ∈ R^d and b, w ∈ R^n. The proof takes a direction on which the projections z_i = <a, x_i> are distinct,
//! sorts them, puts b_1 < z_1 and z_{i−1} <= b_i < z_i, and solves a triangular system. Two choices are left open.
//!
//! - b_i = z_{i−1}. c is then the linear spline through (z_i, y_i). Its slopes s_i = (y_i − y_{i−1}) / (z_i − z_{i−1})
//!   are as small as slopes between those points can be, and the weights are their differences,
//!   w_1 = s_1 and w_i = s_i − s_{i−1}: O(n), no matrix. A threshold inside the gap only makes slopes steeper.
//! - b_1 = z_1 − δ with δ = z_n − z_1, the whole range. The first unit is active on every point and adds
//!   w_1 (z_i − b_1) = y_1 (1 + (z_i − z_1) / δ) to it, which a small δ makes large and the other units have to take
//!   back. With the range it is never more than 2 y_1; and δ is never the least eigenvalue of Lemma 1.
//!
//! # Rounding
//! The steepest slope is about n² labels a range, so slopes rounded on their own are wrong by n² units in the last
//! place, and a sum in `f64` adds as much again. Here each w_i is solved for, in twice the precision, against what the
//! already rounded w_1 .. w_{i−1} give at z_i, so errors do not add up: the error at point i is that of w_i alone,
//! ½ ε |w_i| (z_i − z_{i−1}). Sums are taken in twice the precision too, except where a name says otherwise.
//!
//! # Reference
//! Zhang et al. 2017, section 4 (Theorem 1) and its proof in the appendix.

use rayon::prelude::*;

use super::{
    direction::{least_gap, projection, projections, separate, Direction, Separated},
    double::Double,
    error::{rows, TheoryError},
};

/// The network of Theorem 1: 2n + d numbers and nothing else.
///
/// # Shapes
/// a: d, b: n, w: n; b is increasing. n is the number of distinct rows.
///
/// # Example
/// ```
/// use rethinking_generalization::theory::{Direction, FiniteSampleNet};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // exclusive or, which no linear function fits
/// let x = [0., 0., 0., 1., 1., 0., 1., 1.];
/// let y = [0., 1., 1., 0.];
/// let fitted = FiniteSampleNet::fit(&x, 2, &y, &Direction::random(0))?;
/// assert_eq!(fitted.net.parameters(), 2 * 4 + 2);
/// assert!(fitted.report.residual < 1e-14);
/// for (value, label) in fitted.net.predict(&x)?.iter().zip(&y) {
///     assert!((value - label).abs() < 1e-14);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FiniteSampleNet {
    a: Vec<f64>,
    b: Vec<f64>,
    w: Vec<f64>,
}

/// A network and how well it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The network.
    pub net: FiniteSampleNet,
    /// What the fit measured.
    pub report: FitReport,
}

/// What fitting measured.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct FitReport {
    /// max_i |c(x_i) − y_i|, evaluated in twice the precision and rounded.
    pub residual: f64,
    /// The number of distinct points n.
    pub points: usize,
    /// max_i z_i − min_i z_i.
    pub range: f64,
    /// min_i (z_{i+1} − z_i), infinite for a single point.
    pub least_gap: f64,
    /// min_i (z_i − b_i), the least eigenvalue of the triangular matrix (Lemma 1).
    pub least_eigenvalue: f64,
    /// max_i |s_i|: how much a change of <a, x> is blown up.
    pub steepest: f64,
    /// `steepest` · max_i |z_i| / max_i |y_i|: how much a relative change of <a, x> is blown up, relative to the
    /// labels. Times 1.1e-16 it is what one rounding of <a, x> does to the value; a sum of d terms taken in another
    /// order differs by several. 0 where all labels are 0.
    pub condition: f64,
}

impl FiniteSampleNet {
    /// The network that has the value `y[i]` at row i of `x`.
    ///
    /// Equal rows with equal labels are one point.
    ///
    /// # Shapes
    /// x: n · d, row-major; y: n.
    ///
    /// # Errors
    /// An empty sample, d = 0, a length that does not fit, a number that is not finite, equal rows with different
    /// labels (both are named), distinct rows that no direction tells apart, or weights that overflow.
    ///
    /// # Complexity
    /// O(n d + n log n) a direction tried.
    pub fn fit(x: &[f64], d: usize, y: &[f64], direction: &Direction) -> Result<Fitted, TheoryError> {
        let Separated { a, z, y, .. } = separate(x, d, y, direction)?;
        let n = z.len();
        let range = z[n - 1] - z[0];
        let delta = if n > 1 { range } else { z[0].abs().max(1.0) };
        let b: Vec<f64> = std::iter::once(z[0] - delta).chain(z[..n - 1].iter().copied()).collect();

        let mut spline = Spline::new();
        let mut w = Vec::with_capacity(n);
        let (mut residual, mut steepest) = (0.0f64, 0.0f64);
        for ((b, z), y) in b.iter().zip(&z).zip(&y) {
            w.push(spline.reach(*b, *z, *y));
            residual = residual.max(spline.at(*z).plus(Double::from(-y)).round().abs());
            steepest = steepest.max(spline.slope.round().abs());
        }
        if w.iter().chain(&b).chain([&residual, &steepest]).any(|v| !v.is_finite()) {
            return Err(TheoryError::Overflow { what: "a weight (a label over a gap of the projections)" });
        }
        let largest = |of: &[f64]| of.iter().fold(0.0f64, |most, v| most.max(v.abs()));
        let labels = largest(&y);
        let report = FitReport {
            residual,
            points: n,
            range,
            least_gap: least_gap(&z),
            least_eigenvalue: b.iter().zip(&z).map(|(b, z)| z - b).fold(f64::INFINITY, f64::min),
            steepest,
            condition: if labels > 0.0 { steepest * largest(&z) / labels } else { 0.0 },
        };
        Ok(Fitted { net: FiniteSampleNet { a, b, w }, report })
    }

    /// c at each row of `x`, by the definition: every term of the sum, in twice the precision.
    ///
    /// # Shapes
    /// m · d to m.
    ///
    /// # Errors
    /// Rows that are not of d finite numbers.
    ///
    /// # Complexity
    /// O(m (n + d)); [`sorted`](Self::sorted) needs O(n + m (d + log n)).
    pub fn predict(&self, x: &[f64]) -> Result<Vec<f64>, TheoryError> {
        rows("x", x, self.inputs())?;
        Ok(x.par_chunks_exact(self.inputs()).map(|row| self.value(projection(&self.a, row))).collect())
    }

    /// c at each row of `x`, by the definition, each operation rounded to `f64`: what an ordinary evaluation gives.
    ///
    /// # Errors
    /// Rows that are not of d finite numbers.
    ///
    /// # Complexity
    /// O(m (n + d)).
    pub fn predict_plain(&self, x: &[f64]) -> Result<Vec<f64>, TheoryError> {
        rows("x", x, self.inputs())?;
        let value = |z: f64| self.b.iter().zip(&self.w).map(|(b, w)| w * (z - b).max(0.0)).sum();
        Ok(x.par_chunks_exact(self.inputs()).map(|row| value(projection(&self.a, row))).collect())
    }

    /// The same function with its partial sums written down, for many predictions.
    #[must_use]
    pub fn sorted(&self) -> SortedNet<'_> {
        let mut spline = Spline::new();
        let pieces = self.b.iter().zip(&self.w).map(|(b, w)| {
            spline.bend(*b, *w);
            spline
        });
        SortedNet { pieces: pieces.collect(), net: self }
    }

    /// Each number rounded to `f32`.
    ///
    /// The gaps of n random projections go down to range / n², so from n of about a thousand on two thresholds are
    /// a few roundings apart, and the rounded network is no longer near its labels.
    #[must_use]
    pub fn to_f32(&self) -> FiniteSampleNetF32 {
        let round = |of: &[f64]| of.iter().map(|v| *v as f32).collect();
        FiniteSampleNetF32 { a: round(&self.a), b: round(&self.b), w: round(&self.w) }
    }

    /// How many numbers the network holds: 2n + d.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.a.len() + self.b.len() + self.w.len()
    }

    /// The dimension d.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.a.len()
    }

    /// The number n of hidden units.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.w.len()
    }

    /// a, the weights that all hidden units share.
    #[must_use]
    pub fn direction(&self) -> &[f64] {
        &self.a
    }

    /// b, the thresholds, increasing.
    #[must_use]
    pub fn thresholds(&self) -> &[f64] {
        &self.b
    }

    /// w, the output weights.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.w
    }

    /// <a, x> for each row of `x`, to the same bits that every prediction uses.
    ///
    /// # Errors
    /// Rows that are not of d finite numbers.
    pub fn project(&self, x: &[f64]) -> Result<Vec<f64>, TheoryError> {
        rows("x", x, self.inputs())?;
        Ok(projections(&self.a, x))
    }

    fn value(&self, z: f64) -> f64 {
        let terms = self.b.iter().zip(&self.w).take_while(|(b, _)| **b < z);
        terms.fold(Double::default(), |sum, (b, w)| sum.plus(Double::difference(z, *b).times(*w))).round()
    }
}

/// A [`FiniteSampleNet`] with its partial sums: between two thresholds it is a line.
#[derive(Clone, Debug)]
pub struct SortedNet<'a> {
    net: &'a FiniteSampleNet,
    /// Piece j holds from b_j on.
    pieces: Vec<Spline>,
}

impl SortedNet<'_> {
    /// c at each row of `x`.
    ///
    /// # Errors
    /// Rows that are not of d finite numbers.
    ///
    /// # Complexity
    /// O(m (d + log n)).
    pub fn predict(&self, x: &[f64]) -> Result<Vec<f64>, TheoryError> {
        rows("x", x, self.net.inputs())?;
        let value = |z: f64| match self.net.b.partition_point(|b| *b < z) {
            0 => 0.0,
            active => self.pieces[active - 1].at(z).round(),
        };
        Ok(x.par_chunks_exact(self.net.inputs()).map(|row| value(projection(&self.net.a, row))).collect())
    }
}

/// A [`FiniteSampleNet`] in `f32`, evaluated in `f32`: see [`FiniteSampleNet::to_f32`].
#[derive(Clone, Debug, PartialEq)]
pub struct FiniteSampleNetF32 {
    a: Vec<f32>,
    b: Vec<f32>,
    w: Vec<f32>,
}

impl FiniteSampleNetF32 {
    /// c at each row of `x`, which is rounded to `f32` first.
    ///
    /// # Errors
    /// Rows that are not of d finite numbers.
    ///
    /// # Complexity
    /// O(m (n + d)).
    pub fn predict(&self, x: &[f64]) -> Result<Vec<f32>, TheoryError> {
        rows("x", x, self.a.len())?;
        let value = |row: &[f64]| {
            let z: f32 = self.a.iter().zip(row).map(|(a, x)| a * *x as f32).sum();
            self.b.iter().zip(&self.w).map(|(b, w)| w * (z - b).max(0.0)).sum()
        };
        Ok(x.par_chunks_exact(self.a.len()).map(value).collect())
    }
}

/// The line that a sum of units has reached: value and slope from `from` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spline {
    from: f64,
    value: Double,
    slope: Double,
}

impl Spline {
    /// 0 everywhere.
    pub(super) fn new() -> Self {
        Spline { from: 0.0, value: Double::default(), slope: Double::default() }
    }

    /// The value at `z`, if no unit bends it before.
    pub(super) fn at(&self, z: f64) -> Double {
        self.value.plus(self.slope.times_double(Double::difference(z, self.from)))
    }

    /// The slope from the last threshold on.
    pub(super) fn slope(&self) -> Double {
        self.slope
    }

    /// Adds the unit w · max(z − b, 0).
    pub(super) fn bend(&mut self, b: f64, w: f64) {
        *self = Spline { from: b, value: self.at(b), slope: self.slope.plus(Double::from(w)) };
    }

    /// Adds the unit at `b` that brings the value at `z` to `y`, and returns its weight.
    pub(super) fn reach(&mut self, b: f64, z: f64, y: f64) -> f64 {
        let missing = Double::from(y).plus(self.at(z).times(-1.0));
        let gap = Double::difference(z, b);
        let near = missing.round() / gap.round();
        // the quotient of two rounded numbers is off by three roundings; what it leaves, divided again, by one
        let w = near + missing.plus(gap.times(-near)).round() / gap.round();
        self.bend(b, w);
        w
    }
}

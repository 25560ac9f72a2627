//! The interpolant of least norm: the one solution that is a combination of the data.
//!
//! For X ∈ R^{n×d} with linearly independent rows and targets Y ∈ R^{n×k},
//!
//! K α = Y  with  K = X Xᵀ + λ I,  and  W = Xᵀ α.
//!
//! With λ = 0, W is of all matrices with X W = Y the one of least norm ‖W‖ = (Σ w²)^½. With λ > 0 it is the ridge
//! solution, of least ‖X W − Y‖² + λ ‖W‖². There is no intercept: append a column of ones to X for one.
//!
//! # Reference
//! Zhang et al. 2017, section 5, equation 3 (X Xᵀ α = y) and the text before it.

use faer::{
    dyn_stack::{MemBuffer, MemStack},
    linalg::{
        cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch, LltError},
        cholesky::llt::solve::{solve_in_place, solve_in_place_scratch},
    },
    Accum, Mat, MatRef, Par,
};

use crate::product::multiply;

use super::error::{finite, length, rows, some_outputs, TheoryError};

/// How many times the solution is improved by solving for what it leaves of the targets.
const REFINEMENTS: usize = 2;

/// A linear function of least norm, and the coefficients that make it.
///
/// # Example
/// ```
/// use rethinking_generalization::theory::MinNorm;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // one equation in three unknowns: w is a multiple of its row
/// let solution = MinNorm::fit(&[1., 2., 2.], 3, &[9.], 1, 0.0)?;
/// assert_eq!(solution.alpha(), [1.0]);
/// assert_eq!(solution.weights(), [1., 2., 2.]);
/// assert_eq!(solution.norm(), 3.0);
///
/// let error = MinNorm::fit(&[1., 2., 2., 4.], 2, &[1., 2.], 1, 0.0).unwrap_err().to_string();
/// assert!(error.starts_with("row 1 is a linear combination of the rows before it"), "{error}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MinNorm {
    inputs: usize,
    outputs: usize,
    ridge: f64,
    alpha: Vec<f64>,
    weights: Vec<f64>,
}

impl MinNorm {
    /// The solution for rows `x`, targets `y` and ridge λ.
    ///
    /// The factorisation runs on one thread, so its bits do not depend on how many there are.
    ///
    /// # Shapes
    /// x: n · d, y: n · k, both row-major.
    ///
    /// # Errors
    /// An empty sample, d = 0, k = 0, a length that does not fit, a number that is not finite, a negative ridge, or
    /// rows that are linearly dependent while λ = 0, as they are whenever n > d. Pivots of the factorisation below
    /// n · ε times the largest entry of the diagonal count as 0.
    ///
    /// # Complexity
    /// O(n² d + n³ + n d k).
    pub fn fit(x: &[f64], d: usize, y: &[f64], outputs: usize, ridge: f64) -> Result<Self, TheoryError> {
        let n = rows("x", x, d)?;
        some_outputs(outputs)?;
        length("y", y.len(), n * outputs, "one row of targets for each row of x")?;
        finite("y", y)?;
        if !(ridge >= 0.0 && ridge.is_finite()) {
            let allowed = "a ridge is 0 (interpolation) or above";
            return Err(TheoryError::Setting { what: "the ridge", value: ridge, allowed });
        }
        let x = MatRef::from_row_major_slice(x, n, d);
        let y = MatRef::from_row_major_slice(y, n, outputs);
        let factor = Cholesky::of(x, ridge)?;

        let mut alpha = Mat::<f64>::zeros(n, outputs);
        let mut weights = Mat::<f64>::zeros(d, outputs);
        let mut left = y.to_owned();
        for round in 0..=REFINEMENTS {
            if round > 0 {
                // Y − X W − λ α
                left.copy_from(y);
                multiply(left.as_mut(), Accum::Add, x, weights.as_ref(), -1.0);
                left -= ridge * &alpha;
            }
            factor.solve(&mut left);
            alpha += &left;
            multiply(weights.as_mut(), Accum::Replace, x.transpose(), alpha.as_ref(), 1.0);
        }
        let (alpha, weights) = (row_major(&alpha), row_major(&weights));
        if alpha.iter().chain(&weights).any(|v| !v.is_finite()) {
            return Err(TheoryError::Overflow { what: "the solution" });
        }
        Ok(MinNorm { inputs: d, outputs, ridge, alpha, weights })
    }

    /// W, d · k row-major.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// α, n · k row-major: how much of each row of X is in W.
    #[must_use]
    pub fn alpha(&self) -> &[f64] {
        &self.alpha
    }

    /// ‖W‖, over all outputs.
    #[must_use]
    pub fn norm(&self) -> f64 {
        norm(&self.weights)
    }

    /// λ.
    #[must_use]
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// X W.
    ///
    /// # Shapes
    /// m · d to m · k, both row-major.
    ///
    /// # Errors
    /// Rows that are not of d finite numbers.
    ///
    /// # Complexity
    /// O(m d k).
    pub fn predict(&self, x: &[f64]) -> Result<Vec<f64>, TheoryError> {
        let m = rows("x", x, self.inputs)?;
        let weights = MatRef::from_row_major_slice(&self.weights, self.inputs, self.outputs);
        Ok(row_major(&product(MatRef::from_row_major_slice(x, m, self.inputs), weights)))
    }
}

/// The interpolant nearest to `w0`, which is where SGD from `w0` ends.
///
/// W* + (I − Xᵀ K⁻¹ X) W₀ = W₀ + Xᵀ K⁻¹ (Y − X W₀)
///
/// # Shapes
/// x: n · d, y: n · k, w0 and the result: d · k, all row-major.
///
/// # Errors
/// Those of [`MinNorm::fit`], or a start of another length.
///
/// # Complexity
/// That of [`MinNorm::fit`].
///
/// # Reference
/// Zhang et al. 2017, section 5: the paper takes W₀ = 0, where this is the solution of least norm.
pub fn nearest_interpolant(
    x: &[f64],
    d: usize,
    y: &[f64],
    outputs: usize,
    w0: &[f64],
) -> Result<Vec<f64>, TheoryError> {
    let n = rows("x", x, d)?;
    length("w0", w0.len(), d * outputs, "one row of outputs for each column of x")?;
    length("y", y.len(), n * outputs, "one row of targets for each row of x")?;
    finite("w0", w0)?;
    let at_start = row_major(&product(
        MatRef::from_row_major_slice(x, n, d),
        MatRef::from_row_major_slice(w0, d, outputs),
    ));
    let missing: Vec<f64> = y.iter().zip(&at_start).map(|(y, p)| y - p).collect();
    let step = MinNorm::fit(x, d, &missing, outputs, 0.0)?;
    Ok(w0.iter().zip(step.weights()).map(|(w, s)| w + s).collect())
}

/// How much of `w` is outside the span of the rows of `x`: ‖(I − Xᵀ K⁻¹ X) w‖ / ‖w‖, and 0 for w = 0.
///
/// # Shapes
/// x: n · d, w: d · k, row-major.
///
/// # Errors
/// Those of [`nearest_interpolant`].
///
/// # Complexity
/// That of [`MinNorm::fit`].
///
/// # Reference
/// Zhang et al. 2017, section 5: from 0, SGD stays in the span of the data, w = Xᵀ α.
pub fn outside_row_space(x: &[f64], d: usize, w: &[f64], outputs: usize) -> Result<f64, TheoryError> {
    let n = rows("x", x, d)?;
    let rest = nearest_interpolant(x, d, &vec![0.0; n * outputs], outputs, w)?;
    let whole = norm(w);
    Ok(if whole > 0.0 { norm(&rest) / whole } else { 0.0 })
}

/// (Σ v²)^½.
pub(super) fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// K = L Lᵀ.
struct Cholesky(Mat<f64>);

impl Cholesky {
    fn of(x: MatRef<'_, f64>, ridge: f64) -> Result<Self, TheoryError> {
        let n = x.nrows();
        let mut gram = product(x, x.transpose());
        (0..n).for_each(|i| gram[(i, i)] += ridge);
        let largest = (0..n).map(|i| gram[(i, i)]).fold(0.0, f64::max);
        if !largest.is_finite() {
            return Err(TheoryError::Overflow { what: "the Gram matrix" });
        }
        let scratch = cholesky_in_place_scratch::<f64>(n, Par::Seq, Default::default());
        let mut memory = MemBuffer::new(scratch);
        let stack = MemStack::new(&mut memory);
        match cholesky_in_place(gram.as_mut(), Default::default(), Par::Seq, stack, Default::default()) {
            Ok(_) => (),
            Err(LltError::NonPositivePivot { index }) => return Err(TheoryError::Dependent { row: index }),
        }
        let least = n as f64 * f64::EPSILON * largest;
        match (0..n).find(|i| gram[(*i, *i)] * gram[(*i, *i)] <= least) {
            Some(row) if ridge == 0.0 => Err(TheoryError::Dependent { row }),
            _ => Ok(Cholesky(gram)),
        }
    }

    /// K⁻¹ times each column, in place.
    fn solve(&self, columns: &mut Mat<f64>) {
        let scratch = solve_in_place_scratch::<f64>(self.0.nrows(), columns.ncols(), Par::Seq);
        let mut memory = MemBuffer::new(scratch);
        solve_in_place(self.0.as_ref(), columns.as_mut(), Par::Seq, MemStack::new(&mut memory));
    }
}

fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    multiply(out.as_mut(), Accum::Replace, a, b, 1.0);
    out
}

fn row_major(matrix: &Mat<f64>) -> Vec<f64> {
    (0..matrix.nrows()).flat_map(|i| (0..matrix.ncols()).map(move |j| matrix[(i, j)])).collect()
}

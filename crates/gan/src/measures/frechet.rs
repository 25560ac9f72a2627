//! The Fréchet distance between the Gaussians that have the moments of two feature sets.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{self, ComputeEigenvectors};
use faer::{Accum, Col, Mat, MatMut, MatRef, Par};
use serde::{Deserialize, Serialize};

use super::{pairs::mean, MeasureError, Points};

/// Rows whose products are summed at a time.
const BLOCK: usize = 512;

/// Mean and covariance of features.
///
/// # Example
/// ```
/// use gan::measures::{FeatureStats, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let stats = FeatureStats::of(&Points::new(&[0., 0., 2., 4.], 2)?)?;
/// assert_eq!(stats.mean(), [1., 2.]);
/// assert_eq!(stats.covariance(), [2., 4., 4., 8.]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Moments")]
pub struct FeatureStats {
    mean: Vec<f64>,
    covariance: Vec<f64>,
}

impl FeatureStats {
    /// The moments of a feature set: μ = Σ x / n and Σ = Σ (x − μ)(x − μ)ᵀ / (n − 1).
    ///
    /// # Errors
    /// Fewer than 2 points.
    ///
    /// # Complexity
    /// O(n d²), all in `f64`; memory O(d²).
    pub fn of(points: &Points<'_>) -> Result<Self, MeasureError> {
        points.at_least(2, "points")?;
        let (mean, d) = (mean(points), points.dim());
        let mut covariance = Mat::<f64>::zeros(d, d);
        let mut rows = Vec::with_capacity(BLOCK * d);
        let factor = 1.0 / (points.count() - 1) as f64;
        for block in points.values().chunks(BLOCK * d) {
            rows.clear();
            let centred =
                |row: &[f32]| row.iter().zip(&mean).map(|(x, m)| f64::from(*x) - m).collect::<Vec<_>>();
            rows.extend(block.chunks_exact(d).flat_map(centred));
            let x = MatRef::from_row_major_slice(&rows, block.len() / d, d);
            multiply(covariance.as_mut(), Accum::Add, x.transpose(), x, factor);
        }
        Ok(FeatureStats { mean, covariance: symmetric(&covariance) })
    }

    /// Moments known already, as of a reference set.
    ///
    /// # Shapes
    /// mean: d, covariance: d · d.
    ///
    /// # Errors
    /// No mean, a covariance of another size, or one that is not finite, not symmetric or negative on its diagonal.
    pub fn new(mean: Vec<f64>, covariance: Vec<f64>) -> Result<Self, MeasureError> {
        let d = mean.len();
        if d == 0 {
            return Err(MeasureError::TooFew { what: "features", found: 0, least: 1 });
        }
        if covariance.len() != d * d {
            let (what, found) = ("the covariance", covariance.len());
            return Err(MeasureError::Length { what, found, expected: d * d });
        }
        if let Some(at) = mean.iter().position(|m| !m.is_finite()) {
            return Err(MeasureError::NotFinite { point: 0, dimension: at, value: mean[at] as f32 });
        }
        let largest = (0..d).map(|i| covariance[i * d + i].abs()).fold(0.0, f64::max);
        for (at, &value) in covariance.iter().enumerate() {
            let (row, column) = (at / d, at % d);
            let far = (value - covariance[column * d + row]).abs() > 1e-9 * largest;
            if !value.is_finite() || far || (row == column && value < 0.0) {
                return Err(MeasureError::NotCovariance { row, column, value });
            }
        }
        Ok(FeatureStats { mean, covariance })
    }

    /// μ, d numbers.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Σ, d · d row-major.
    #[must_use]
    pub fn covariance(&self) -> &[f64] {
        &self.covariance
    }
}

/// Moments from a file, not checked yet.
#[derive(Deserialize)]
struct Moments {
    mean: Vec<f64>,
    covariance: Vec<f64>,
}

impl TryFrom<Moments> for FeatureStats {
    type Error = MeasureError;

    fn try_from(moments: Moments) -> Result<Self, MeasureError> {
        Self::new(moments.mean, moments.covariance)
    }
}

/// The squared Fréchet (2-Wasserstein) distance between two Gaussians, which is what FID reports.
///
/// ‖μ_a − μ_b‖² + Tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½),  with  Tr (Σ_a Σ_b)^½ = Σ_i λ_i(Σ_a^½ Σ_b Σ_a^½)^½
///
/// The matrix on the right is symmetric, so no complex root can appear; eigenvalues below 0, which are rounding, count
/// as 0. With sets of n points the estimate is too high by about 1/n: compare distances of equal n only, and report n.
/// With features of an Inception network this is FID; with any other features it is not, and must not be called so.
///
/// # Errors
/// Features of different sizes, or a decomposition that does not converge.
///
/// # Complexity
/// O(d³) on one thread, in `f64`.
///
/// # Reference
/// Heusel et al. 2017, section "Fréchet Inception Distance"; Dowson and Landau 1982 for the closed form.
///
/// # Example
/// ```
/// use gan::measures::{frechet_distance, FeatureStats};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// // N(0, 1) and N(3, 4): 3² + 1 + 4 - 2 · 2
/// let (a, b) = (FeatureStats::new(vec![0.], vec![1.])?, FeatureStats::new(vec![3.], vec![4.])?);
/// assert!((frechet_distance(&a, &b)? - 10.).abs() < 1e-12);
/// # Ok(())
/// # }
/// ```
pub fn frechet_distance(a: &FeatureStats, b: &FeatureStats) -> Result<f64, MeasureError> {
    let d = a.mean.len();
    if d != b.mean.len() {
        return Err(MeasureError::Dimensions { first: d, second: b.mean.len() });
    }
    let shift: f64 = a.mean.iter().zip(&b.mean).map(|(a, b)| (a - b) * (a - b)).sum();
    let trace = |s: &FeatureStats| (0..d).map(|i| s.covariance[i * d + i]).sum::<f64>();
    let root = root(MatRef::from_row_major_slice(&a.covariance, d, d))?;
    let (mut half, mut whole) = (Mat::zeros(d, d), Mat::zeros(d, d));
    let sigma_b = MatRef::from_row_major_slice(&b.covariance, d, d);
    multiply(half.as_mut(), Accum::Replace, root.as_ref(), sigma_b, 1.0);
    multiply(whole.as_mut(), Accum::Replace, half.as_ref(), root.as_ref(), 1.0);
    let values = eigen(whole.as_ref(), None)?;
    let cross: f64 = (0..d).map(|i| values[i].max(0.0).sqrt()).sum();
    Ok((shift + (trace(a) + trace(b) - 2.0 * cross)).max(0.0))
}

/// Σ^½ = U Λ^½ Uᵀ.
fn root(sigma: MatRef<'_, f64>) -> Result<Mat<f64>, MeasureError> {
    let d = sigma.nrows();
    let (mut vectors, mut root) = (Mat::zeros(d, d), Mat::zeros(d, d));
    let values = eigen(sigma, Some(vectors.as_mut()))?;
    let scaled = Mat::from_fn(d, d, |i, j| vectors[(i, j)] * values[j].max(0.0).sqrt());
    multiply(root.as_mut(), Accum::Replace, scaled.as_ref(), vectors.transpose(), 1.0);
    Ok(root)
}

/// Eigenvalues of a symmetric matrix, and its eigenvectors into `vectors`.
fn eigen(matrix: MatRef<'_, f64>, vectors: Option<MatMut<'_, f64>>) -> Result<Col<f64>, MeasureError> {
    let size = matrix.nrows();
    let compute = if vectors.is_some() { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let mut values = Col::zeros(size);
    let need = evd::self_adjoint_evd_scratch::<f64>(size, compute, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(need);
    let (stack, options) = (MemStack::new(&mut memory), Default::default());
    let outcome = evd::self_adjoint_evd(matrix, values.as_diagonal_mut(), vectors, Par::Seq, stack, options);
    clear_upper_halves();
    outcome.map_err(|_| MeasureError::Eigenvalues { size })?;
    Ok(values)
}

/// The row-major copy of a matrix that is symmetric but for rounding.
fn symmetric(matrix: &Mat<f64>) -> Vec<f64> {
    let d = matrix.nrows();
    (0..d * d).map(|at| matrix[((at / d).max(at % d), (at / d).min(at % d))]).collect()
}

/// `out` = or += `factor` · `left` · `right`, on one thread.
fn multiply(
    out: MatMut<'_, f64>,
    accumulate: Accum,
    left: MatRef<'_, f64>,
    right: MatRef<'_, f64>,
    factor: f64,
) {
    faer::linalg::matmul::matmul(out, accumulate, left, right, factor, Par::Seq);
    clear_upper_halves();
}

/// Sets the upper halves of the vector registers to 0: faer leaves them in use, and SSE code is slow until then.
fn clear_upper_halves() {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx") {
        // SAFETY: AVX is there, and code compiled for SSE holds nothing in the upper halves.
        unsafe { std::arch::x86_64::_mm256_zeroupper() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use proptest::prelude::*;

    fn stats(values: &[f32], dim: usize) -> FeatureStats {
        FeatureStats::of(&Points::new(values, dim).unwrap()).unwrap()
    }

    #[test]
    fn commuting_covariances_have_a_closed_form() {
        // diagonal ones: Σ (σ_a − σ_b)²; one of them is singular
        let a = FeatureStats::new(vec![0.; 3], vec![4., 0., 0., 0., 9., 0., 0., 0., 0.]).unwrap();
        let b = FeatureStats::new(vec![1., 0., 0.], vec![1., 0., 0., 0., 25., 0., 0., 0., 16.]).unwrap();
        assert_abs_diff_eq!(frechet_distance(&a, &b).unwrap(), 1. + 1. + 4. + 16., epsilon = 1e-12);
        assert_abs_diff_eq!(frechet_distance(&b, &a).unwrap(), 22., epsilon = 1e-12);
    }

    #[test]
    fn many_blocks_are_one_sum() {
        // 0, 1, .., n - 1 has variance n (n + 1) / 12
        let n = 2 * BLOCK + 3;
        let found = stats(&(0..n).map(|i| i as f32).collect::<Vec<_>>(), 1);
        assert_eq!(found.mean(), [(n - 1) as f64 / 2.0]);
        approx::assert_relative_eq!(found.covariance()[0], (n * (n + 1)) as f64 / 12.0, max_relative = 1e-13);
    }

    #[test]
    fn moments_are_checked() {
        let message = |m: Vec<f64>, c: Vec<f64>| FeatureStats::new(m, c).unwrap_err().to_string();
        assert_eq!(message(vec![0.; 2], vec![1.]), "the covariance has 1 numbers and should have 4");
        assert!(
            message(vec![0.; 2], vec![1., 2., 3., 1.]).starts_with("the covariance has 2 in row 0, column 1")
        );
        assert!(message(vec![0.], vec![-1.]).starts_with("the covariance has -1 in row 0"));
        // files are held to the same
        let kept = serde_json::to_string(&stats(&[0., 1., 2., 5.], 2)).unwrap();
        assert_eq!(serde_json::from_str::<FeatureStats>(&kept).unwrap(), stats(&[0., 1., 2., 5.], 2));
        let cut = serde_json::from_str::<FeatureStats>(r#"{"mean":[0,0],"covariance":[1]}"#);
        assert!(cut.unwrap_err().to_string().starts_with("the covariance has 1 numbers"));
        let one = Points::new(&[1.0], 1).unwrap();
        assert!(FeatureStats::of(&one).unwrap_err().to_string().contains("needs at least 2"));
        let (a, b) = (stats(&[0., 1.], 1), stats(&[0., 1., 2., 3.], 2));
        assert!(frechet_distance(&a, &b).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_shift_costs_its_square_and_sides_do_not_matter(
            xs in prop::collection::vec(-4f32..4., 24),
            ys in prop::collection::vec(-4f32..4., 30),
            shift in prop::array::uniform3(-8i8..8),
        ) {
            // shifts by whole numbers of 1/4, and points on a grid: the sums are exact in f32
            let xs: Vec<f32> = xs.iter().map(|x| (x * 64.0).round() / 64.0).collect();
            let shift = shift.map(|s| f32::from(s) / 4.0);
            let moved: Vec<f32> = xs.iter().enumerate().map(|(i, x)| x + shift[i % 3]).collect();
            let expected: f64 = shift.iter().map(|s| f64::from(s * s)).sum();
            let (a, b, c) = (stats(&xs, 3), stats(&moved, 3), stats(&ys, 3));
            assert_abs_diff_eq!(frechet_distance(&a, &b).unwrap(), expected, epsilon = 1e-6);
            assert_abs_diff_eq!(frechet_distance(&a, &a).unwrap(), 0.0, epsilon = 1e-6);
            let (ac, ca) = (frechet_distance(&a, &c).unwrap(), frechet_distance(&c, &a).unwrap());
            assert_abs_diff_eq!(ac, ca, epsilon = 1e-6);
            prop_assert!(ac >= 0.0);
        }
    }
}

//! The matrix of the proof: triangular, with a positive diagonal, hence of full rank.

use super::{
    error::{length, TheoryError},
    finite_sample::FiniteSampleNet,
};

/// The largest sample whose matrix is written out.
pub const MOST_POINTS: usize = 4096;

/// A_ij = max(z_i − b_j, 0) over the points of a sample in the order of their projections.
///
/// # Shapes
/// n × n, row-major; zero above the diagonal because b_j >= z_i for j > i.
///
/// # Reference
/// Zhang et al. 2017, section 4 and Lemma 1: the eigenvalues of A are its diagonal, and the least of them is
/// min_i (z_i − b_i). They are not its singular values: A is ill-conditioned for large n.
///
/// # Example
/// ```
/// use rethinking_generalization::theory::{Direction, FiniteSampleNet};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (x, y) = ([3., 1., 2.], [5., 7., 0.]);
/// let fitted = FiniteSampleNet::fit(&x, 1, &y, &Direction::Given(vec![1.]))?;
/// let matrix = fitted.net.lower_triangular(&x)?;
/// assert_eq!(matrix.entries(), [2., 0., 0., 3., 1., 0., 4., 2., 1.]);
/// assert_eq!(matrix.least_eigenvalue(), 1.0);
/// // A w = y, the labels in the order of the projections
/// assert_eq!(matrix.times(fitted.net.weights())?, [7., 0., 5.]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LowerTriangular {
    entries: Vec<f64>,
    row: Vec<usize>,
}

impl FiniteSampleNet {
    /// The matrix of the sample that this network was fitted to.
    ///
    /// The network holds no points, so the sample is given again; equal rows are one point.
    ///
    /// # Errors
    /// Rows that are not of d finite numbers, a sample with another number of points than hidden units, or more than
    /// [`MOST_POINTS`] of them.
    ///
    /// # Complexity
    /// O(n d + n²).
    pub fn lower_triangular(&self, x: &[f64]) -> Result<LowerTriangular, TheoryError> {
        let z = self.project(x)?;
        let mut row: Vec<usize> = (0..z.len()).collect();
        row.sort_by(|i, j| z[*i].total_cmp(&z[*j]).then(i.cmp(j)));
        row.dedup_by(|i, j| z[*i] == z[*j]);
        let n = row.len();
        length("x", n, self.hidden(), "as many distinct points as hidden units")?;
        if n > MOST_POINTS {
            return Err(TheoryError::TooLarge { points: n, limit: MOST_POINTS });
        }
        let entry = |i: usize| self.thresholds().iter().map(move |b| (i, b));
        let entries = row.iter().flat_map(|i| entry(*i)).map(|(i, b)| (z[i] - b).max(0.0)).collect();
        Ok(LowerTriangular { entries, row })
    }
}

impl LowerTriangular {
    /// The number of points n.
    #[must_use]
    pub fn size(&self) -> usize {
        self.row.len()
    }

    /// The n · n entries, row-major.
    #[must_use]
    pub fn entries(&self) -> &[f64] {
        &self.entries
    }

    /// The row of the sample that each row of A belongs to: the first of equal ones.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.row
    }

    /// The eigenvalues z_i − b_i.
    #[must_use]
    pub fn diagonal(&self) -> Vec<f64> {
        self.entries.iter().step_by(self.size() + 1).copied().collect()
    }

    /// min_i (z_i − b_i).
    #[must_use]
    pub fn least_eigenvalue(&self) -> f64 {
        self.diagonal().into_iter().fold(f64::INFINITY, f64::min)
    }

    /// A w.
    ///
    /// # Errors
    /// Another number of weights than points.
    pub fn times(&self, w: &[f64]) -> Result<Vec<f64>, TheoryError> {
        length("w", w.len(), self.size(), "one weight for each point")?;
        let dot = |row: &[f64]| row.iter().zip(w).map(|(a, w)| a * w).sum();
        Ok(self.entries.chunks_exact(self.size()).map(dot).collect())
    }

    /// The w with A w = y, by forward substitution.
    ///
    /// # Errors
    /// Another number of labels than points.
    ///
    /// # Complexity
    /// O(n²), where [`FiniteSampleNet::fit`] needs O(n).
    pub fn solve(&self, y: &[f64]) -> Result<Vec<f64>, TheoryError> {
        length("y", y.len(), self.size(), "one label for each point, in the order of the projections")?;
        let mut w: Vec<f64> = Vec::with_capacity(y.len());
        for (i, row) in self.entries.chunks_exact(self.size()).enumerate() {
            let known: f64 = row.iter().zip(&w).map(|(a, w)| a * w).sum();
            w.push((y[i] - known) / row[i]);
        }
        Ok(w)
    }
}

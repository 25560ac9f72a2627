//! The exponential and Laplacian exponential kernels on the nodes of a graph.

use super::error::BaselineError;
use super::matrix::{add_scaled, checked_entries, dot, Matrix};
use super::{check, Csr};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Which matrix is exponentiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KernelKind {
    /// KED: exp(alpha A), the sum over j of alpha^j A^j / j!.
    Exponential,
    /// KLED: exp(-alpha L) with L = D - A, the heat kernel.
    LaplacianExponential,
}

/// How kernel rows are scaled before they serve as features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Normalisation {
    /// K over the root-mean-square norm of its rows. One factor for the whole matrix, so the models
    /// are those of the plain kernel; it only makes C mean the same at every alpha.
    Global,
    /// K_ij / sqrt(K_ii K_jj), so that nodes of high degree do not drown the others.
    Cosine,
}

/// The kernel matrix of a graph: symmetric, positive definite, with entries that are not negative.
///
/// KED = exp(alpha A) and KLED = exp(-alpha L) = e^(-alpha d) exp(alpha (A + d I - D)), d being the
/// largest degree. Both exponentiate a matrix B without negative entries, so nothing cancels: a
/// Taylor series of B/2^s, with s such that the largest row sum is at most 16, cut where the rest is
/// below the rounding of f64, then s squarings. Against `scipy.linalg.expm` the relative error is
/// below 1e-12 entry by entry on the test graph (entries above 1e-16).
///
/// As exp(2 alpha A) = exp(alpha A)², a grid of doubling alpha costs one product a value:
/// [`GraphKernel::doubled`].
///
/// # Shapes
/// N x N for N nodes.
///
/// # Reference
/// The baselines KED and KLED of the paper's experiments; Kondor and Lafferty, ICML 2002. The paper's authors cut
/// the series after five terms and used one coefficient for all of them; here it is exact.
///
/// # Example
/// ```
/// use dcnn::baselines::{Csr, GraphKernel, KernelKind};
/// // two nodes and one edge: exp(alpha A) = [[cosh alpha, sinh alpha], [sinh alpha, cosh alpha]]
/// let edge = Csr::new((2, 2), vec![0, 1, 2], vec![1, 0], vec![1.0, 1.0]);
/// let kernel = GraphKernel::new(&edge, KernelKind::Exponential, 0.5)?.doubled()?;
/// assert!((kernel.matrix().row(0)[0] - 1f64.cosh()).abs() < 1e-14);
/// assert!((kernel.matrix().row(0)[1] - 1f64.sinh()).abs() < 1e-14);
/// # Ok::<(), dcnn::baselines::BaselineError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GraphKernel {
    matrix: Matrix,
    alpha: f64,
    largest_alpha: f64,
}

impl GraphKernel {
    /// The kernel of an undirected graph, given as its (weighted) adjacency matrix.
    ///
    /// # Errors
    /// A matrix that is not square, symmetric, finite, free of negative weights and of at most
    /// 11,585 nodes; alpha not above 0; and for KED [`BaselineError::AlphaTooLarge`] where an upper
    /// bound of alpha times the spectral radius of A exceeds 300, as entries grow to its exponential.
    /// KLED has no upper limit: its entries stay in [0, 1].
    ///
    /// # Complexity
    /// O(N E) for the series and N³ operations for each of the s squarings; O(N²) memory. The
    /// result does not depend on the number of threads.
    pub fn new(adjacency: &Csr, kind: KernelKind, alpha: f64) -> Result<Self, BaselineError> {
        check::positive("alpha", alpha)?;
        let generator = Generator::new(adjacency, kind)?;
        check_alpha(alpha, generator.largest_alpha)?;
        let row_sum = alpha * generator.largest_row_sum;
        let squarings = (row_sum / SERIES_ROW_SUM).log2().ceil().max(0.0);
        if squarings > MAX_SQUARINGS {
            return Err(BaselineError::AlphaTooLarge {
                alpha,
                largest: SERIES_ROW_SUM * MAX_SQUARINGS.exp2() / generator.largest_row_sum,
            });
        }
        let first = alpha / squarings.exp2();
        let largest_alpha = generator.largest_alpha;
        let mut kernel = GraphKernel { matrix: generator.series(first)?, alpha: first, largest_alpha };
        for _ in 0..squarings as usize {
            kernel = kernel.doubled()?;
        }
        // first * 2^s is alpha, but for the rounding of the division
        kernel.alpha = alpha;
        Ok(kernel)
    }

    /// The kernel at twice this alpha, by one squaring.
    ///
    /// # Errors
    /// As [`GraphKernel::new`].
    ///
    /// # Complexity
    /// N³ operations.
    pub fn doubled(self) -> Result<Self, BaselineError> {
        let alpha = 2.0 * self.alpha;
        check_alpha(alpha, self.largest_alpha)?;
        // K is symmetric, so K² is the Gram matrix of its rows
        let matrix = self.matrix.gram()?;
        Ok(GraphKernel { matrix, alpha, largest_alpha: self.largest_alpha })
    }

    /// K.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// The coefficient alpha.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The kernel rows of some nodes, scaled: their features for a linear classifier.
    ///
    /// # Shapes
    /// rows x N.
    ///
    /// # Errors
    /// An empty or out-of-range row list.
    pub fn features(&self, rows: &[usize], normalisation: Normalisation) -> Result<Matrix, BaselineError> {
        let k = &self.matrix;
        check::row_indices("node", rows, k.rows())?;
        let mut features = Matrix::zeros(rows.len(), k.cols())?;
        match normalisation {
            Normalisation::Global => {
                let norms = (0..k.rows()).map(|i| dot(k.row(i), k.row(i))).sum::<f64>();
                let scale = (k.rows() as f64 / norms).sqrt();
                for (&row, out) in rows.iter().zip(features.as_mut_slice().chunks_mut(k.cols())) {
                    add_scaled(out, scale, k.row(row));
                }
            }
            Normalisation::Cosine => {
                // K_ii > 0: at least 1 for KED, and at least 1/N for KLED
                let scales: Vec<f64> = (0..k.rows()).map(|i| 1.0 / k.row(i)[i].sqrt()).collect();
                for (&row, out) in rows.iter().zip(features.as_mut_slice().chunks_mut(k.cols())) {
                    for (out, (value, scale)) in out.iter_mut().zip(k.row(row).iter().zip(&scales)) {
                        *out = value * scale * scales[row];
                    }
                }
            }
        }
        Ok(features)
    }
}

/// Row sum of B/2^s up to which the series is used. Its products are sparse and cheap; a squaring is not.
const SERIES_ROW_SUM: f64 = 16.0;
/// Each squaring may double the relative error, and costs N³ operations.
const MAX_SQUARINGS: f64 = 20.0;
/// exp(2 * 300) still fits in f64, which the squared norms of kernel rows need.
const MAX_EXPONENT: f64 = 300.0;
/// Columns of the kernel that one task works out.
const COLUMNS: usize = 32;
/// Steps of power iteration that tighten the bound of the spectral radius.
const POWER_STEPS: usize = 50;

fn check_alpha(alpha: f64, largest: f64) -> Result<(), BaselineError> {
    if alpha > largest {
        return Err(BaselineError::AlphaTooLarge { alpha, largest });
    }
    Ok(())
}

/// The matrix B without negative entries, such that the kernel is e^(-alpha shift) exp(alpha B).
struct Generator {
    nodes: usize,
    starts: Vec<usize>,
    columns: Vec<usize>,
    values: Vec<f64>,
    shift: f64,
    largest_row_sum: f64,
    largest_alpha: f64,
}

impl Generator {
    fn new(adjacency: &Csr, kind: KernelKind) -> Result<Self, BaselineError> {
        check_undirected(adjacency)?;
        let nodes = adjacency.rows();
        let degrees: Vec<f64> = adjacency
            .outer_iterator()
            .map(|row| row.data().iter().map(|&weight| f64::from(weight)).sum())
            .collect();
        let largest_degree = degrees.iter().copied().fold(0.0, f64::max);
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for (i, row) in adjacency.outer_iterator().enumerate() {
            if kind == KernelKind::LaplacianExponential {
                columns.push(i);
                values.push(largest_degree - degrees[i]);
            }
            columns.extend(row.indices().iter().map(|&column| column as usize));
            values.extend(row.data().iter().map(|&weight| f64::from(weight)));
            starts.push(columns.len());
        }
        let shift = if kind == KernelKind::LaplacianExponential { largest_degree } else { 0.0 };
        let mut generator = Generator {
            nodes,
            starts,
            columns,
            values,
            shift,
            largest_row_sum: largest_degree,
            largest_alpha: f64::INFINITY,
        };
        if kind == KernelKind::Exponential {
            generator.largest_alpha = MAX_EXPONENT / generator.spectral_radius_bound();
        }
        Ok(generator)
    }

    fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[i]..self.starts[i + 1];
        self.columns[range.clone()].iter().copied().zip(self.values[range].iter().copied())
    }

    /// An upper bound of the spectral radius: the largest (B v)_i / v_i, which bounds it for every
    /// positive v (Collatz and Wielandt), at a v some power steps on.
    fn spectral_radius_bound(&self) -> f64 {
        let mut v = vec![1.0; self.nodes];
        let mut bound = self.largest_row_sum;
        for _ in 0..POWER_STEPS {
            let product: Vec<f64> =
                (0..self.nodes).map(|i| self.row(i).map(|(j, value)| value * v[j]).sum()).collect();
            let ratio = product.iter().zip(&v).map(|(p, v)| p / v).fold(0.0, f64::max);
            bound = bound.min(ratio);
            // B + I has the same eigenvectors, keeps v positive and does not oscillate
            for (v, p) in v.iter_mut().zip(&product) {
                *v = (*v + p).max(f64::MIN_POSITIVE) / (1.0 + bound);
            }
        }
        bound
    }

    /// e^(-alpha shift) exp(alpha B) by its Taylor series, a block of columns at a time.
    fn series(&self, alpha: f64) -> Result<Matrix, BaselineError> {
        let n = self.nodes;
        let mut kernel = Matrix::zeros(n, n)?;
        let terms = taylor_terms(alpha * self.largest_row_sum);
        let factor = (-alpha * self.shift).exp();
        // the kernel is symmetric, so a block of its columns is stored as a block of rows
        kernel.as_mut_slice().par_chunks_mut(COLUMNS * n.max(1)).enumerate().for_each(|(block, rows)| {
            let width = rows.len() / n;
            let mut term = vec![0.0; n * width];
            for j in 0..width {
                term[(block * COLUMNS + j) * width + j] = 1.0;
            }
            let mut sum = term.clone();
            let mut next = vec![0.0; n * width];
            for order in 1..=terms {
                let scale = alpha / order as f64;
                for (i, next) in next.chunks_mut(width).enumerate() {
                    next.fill(0.0);
                    for (j, value) in self.row(i) {
                        add_scaled(next, scale * value, &term[j * width..(j + 1) * width]);
                    }
                }
                add_scaled(&mut sum, 1.0, &next);
                std::mem::swap(&mut term, &mut next);
            }
            for (j, row) in rows.chunks_mut(n).enumerate() {
                for (i, value) in row.iter_mut().enumerate() {
                    *value = factor * sum[i * width + j];
                }
            }
        });
        kernel.mirror_upper();
        Ok(kernel)
    }
}

/// The order after which the rest of exp(x), x >= 0, is below 2^-54, and with it that of the matrix.
fn taylor_terms(x: f64) -> usize {
    let (mut term, mut order) = (1.0, 0);
    loop {
        order += 1;
        term *= x / order as f64;
        let ratio = x / (order + 1) as f64;
        if ratio < 0.5 && 2.0 * term * ratio < f64::EPSILON / 4.0 {
            return order;
        }
    }
}

fn check_undirected(adjacency: &Csr) -> Result<(), BaselineError> {
    let (rows, cols) = adjacency.shape();
    if rows != cols {
        return Err(BaselineError::NotSquare { rows, cols });
    }
    if rows == 0 {
        return Err(BaselineError::NoRows { what: "node" });
    }
    check::csr("adjacency", adjacency)?;
    checked_entries("graph kernel", rows, rows)?;
    for (row, entries) in adjacency.outer_iterator().enumerate() {
        for (col, &value) in entries.iter() {
            if value < 0.0 {
                return Err(BaselineError::NegativeWeight { row, col, value: f64::from(value) });
            }
            if adjacency.get(col, row).copied().unwrap_or(0.0) != value {
                return Err(BaselineError::NotSymmetric { row, col });
            }
        }
    }
    Ok(())
}

//! A dense row-major f64 matrix, and the one product the baselines need.

use super::error::BaselineError;
use gemm::{gemm, Parallelism};

/// The most numbers one dense matrix may hold here: 1 GiB of f64.
pub(super) const MAX_ENTRIES: usize = 1 << 27;

/// A dense matrix, row by row.
///
/// # Shapes
/// `data.len() == rows * cols`; entry (i, j) is `data[i * cols + j]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// A matrix of zeros.
    ///
    /// # Errors
    /// [`BaselineError::TooLarge`] beyond 2^27 entries (1 GiB).
    pub fn zeros(rows: usize, cols: usize) -> Result<Self, BaselineError> {
        let entries = checked_entries("dense matrix", rows, cols)?;
        Ok(Matrix { rows, cols, data: vec![0.0; entries] })
    }

    /// A matrix of the given entries, row by row.
    ///
    /// # Errors
    /// [`BaselineError::FeatureCount`] if `data` is not `rows * cols` long, counted per row, and
    /// [`BaselineError::TooLarge`] beyond 2^27 entries.
    pub fn from_vec(rows: usize, cols: usize, data: Vec<f64>) -> Result<Self, BaselineError> {
        if checked_entries("dense matrix", rows, cols)? != data.len() {
            return Err(BaselineError::FeatureCount { got: data.len() / rows.max(1), expected: cols });
        }
        Ok(Matrix { rows, cols, data })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Row `i`.
    ///
    /// # Panics
    /// If `i` is not below [`Matrix::rows`], as slice indexing does.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// All entries, row by row.
    pub fn as_slice(&self) -> &[f64] {
        &self.data
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// self · otherᵀ, as inner products of rows. The sum over columns runs in one fixed order, so
    /// the bits do not depend on the number of threads.
    ///
    /// # Errors
    /// [`BaselineError::FeatureCount`] if the two differ in columns, and
    /// [`BaselineError::TooLarge`] if the product has more than 2^27 entries.
    ///
    /// # Complexity
    /// `2 * rows * other.rows * cols` operations.
    pub fn times_transpose(&self, other: &Matrix) -> Result<Matrix, BaselineError> {
        if self.cols != other.cols {
            return Err(BaselineError::FeatureCount { got: other.cols, expected: self.cols });
        }
        let mut product = Matrix::zeros(self.rows, other.rows)?;
        rows_times_rows(self.cols, &self.data, &other.data, Write::Replace, &mut product.data, other.rows);
        Ok(product)
    }

    /// self · selfᵀ, the inner products of all pairs of rows: exactly symmetric, and for little more
    /// than half the operations of [`Matrix::times_transpose`].
    ///
    /// # Errors
    /// [`BaselineError::TooLarge`] if the product has more than 2^27 entries.
    ///
    /// # Complexity
    /// About `rows² * cols` operations.
    pub fn gram(&self) -> Result<Matrix, BaselineError> {
        let n = self.rows;
        let mut product = Matrix::zeros(n, n)?;
        // strips of rows from the diagonal on, then the rest by symmetry
        for start in (0..n).step_by(STRIP) {
            let end = (start + STRIP).min(n);
            let strip = &self.data[start * self.cols..end * self.cols];
            let rest = &self.data[start * self.cols..];
            let out = &mut product.data[start * n + start..end * n];
            rows_times_rows(self.cols, strip, rest, Write::Replace, out, n);
        }
        product.mirror_upper();
        Ok(product)
    }

    /// Copies the upper triangle onto the lower.
    pub(super) fn mirror_upper(&mut self) {
        let n = self.rows;
        for block in (0..n).step_by(MIRROR_BLOCK) {
            for i in block..n {
                for j in block..(block + MIRROR_BLOCK).min(i) {
                    self.data[i * n + j] = self.data[j * n + i];
                }
            }
        }
    }
}

/// Rows of a Gram matrix worked out by one product.
pub(super) const STRIP: usize = 256;
/// Columns mirrored at once, so that the reads stay in cache.
const MIRROR_BLOCK: usize = 32;

/// What a product does to what its buffer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// out = product
    Replace,
    /// out -= product
    Subtract,
}

/// Writes a_i · b_j to out[i * stride + j] for the rows a_i of `a` and b_j of `b`, each `cols` long.
pub(super) fn rows_times_rows(
    cols: usize,
    a: &[f64],
    b: &[f64],
    write: Write,
    out: &mut [f64],
    stride: usize,
) {
    if cols == 0 || a.is_empty() || b.is_empty() {
        return;
    }
    let (m, n) = (a.len() / cols, b.len() / cols);
    assert!(n <= stride && out.len() >= (m - 1) * stride + n, "the product's buffer is too short");
    let (read, kept, factor) = match write {
        Write::Replace => (false, 0.0, 1.0),
        Write::Subtract => (true, 1.0, -1.0),
    };
    // SAFETY: in order, the strides describe the m x n product, `stride` apart in `out`, whose last
    // entry (m - 1) * stride + n - 1 is inside it as asserted; the row-major m x cols `a`; and the
    // transpose of the row-major n x cols `b`, m and n being whole rows of them. All are initialised,
    // and `out` is borrowed mutably, so it aliases neither input.
    unsafe {
        gemm(
            m,
            n,
            cols,
            out.as_mut_ptr(),
            1,
            stride as isize,
            read,
            a.as_ptr(),
            1,
            cols as isize,
            b.as_ptr(),
            cols as isize,
            1,
            kept,
            factor,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}

/// rows · cols, if that many numbers may be allocated.
pub(super) fn checked_entries(what: &'static str, rows: usize, cols: usize) -> Result<usize, BaselineError> {
    let entries = rows.saturating_mul(cols);
    if entries > MAX_ENTRIES {
        return Err(BaselineError::TooLarge { what, entries, limit: MAX_ENTRIES });
    }
    Ok(entries)
}

/// Index of the largest value, the first of equals.
pub(super) fn argmax(values: &[f64]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}

/// Inner product in one fixed order: eight running sums, added pairwise at the end.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_blocks, b_blocks) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_blocks.zip(b_blocks) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)) + tail
}

/// y += a x.
pub(super) fn add_scaled(y: &mut [f64], a: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

//! Rows of numbers and their squared norms, as kernels need them.

use std::ops::Range;

use faer::MatRef;

use super::error::{check_finite, zeros, KernelError};

/// Rows in double precision, each with its squared norm.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    rows: Vec<f64>,
    squares: Vec<f64>,
    dim: usize,
}

impl Points {
    /// Copies `rows`, of `dim` numbers each.
    ///
    /// # Errors
    ///
    /// [`KernelError::Setting`] for `dim` 0, [`KernelError::Count`] where the last row is cut,
    /// [`KernelError::NotFinite`], [`KernelError::Allocation`].
    pub fn new<T: Copy + Into<f64>>(rows: &[T], dim: usize) -> Result<Self, KernelError> {
        if dim == 0 {
            let (name, allowed) = ("the number of features", "at least 1");
            return Err(KernelError::Setting { name, value: "0".into(), allowed });
        }
        if !rows.len().is_multiple_of(dim) {
            let (what, why) = ("numbers in the rows", "every row has all features");
            return Err(KernelError::Count {
                what,
                found: rows.len(),
                expected: rows.len().next_multiple_of(dim),
                why,
            });
        }
        let mut all = zeros(rows.len())?;
        for (to, &from) in all.iter_mut().zip(rows) {
            *to = from.into();
        }
        check_finite(&all, dim, "the features")?;
        let squares = all.chunks_exact(dim).map(|row| row.iter().map(|x| x * x).sum()).collect();
        Ok(Self { rows: all, squares, dim })
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.squares.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.squares.is_empty()
    }

    /// Numbers in a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// ||x||² of every row.
    pub fn squares(&self) -> &[f64] {
        &self.squares
    }

    /// One row.
    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.rows[row * self.dim..(row + 1) * self.dim]
    }

    /// The first rows, row-major.
    pub(super) fn rows_before(&self, count: usize) -> &[f64] {
        &self.rows[..count * self.dim]
    }

    /// A range of rows as a matrix.
    pub(super) fn view(&self, range: Range<usize>) -> MatRef<'_, f64> {
        let len = range.len();
        MatRef::from_row_major_slice(&self.rows[range.start * self.dim..range.end * self.dim], len, self.dim)
    }
}

//! Sparse rows as an op's input: constant, checked once, cheap to share with the tape.

use std::sync::Arc;

/// A batch of sparse rows in compressed form. Cloning shares the data.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseRows(Arc<Parts>);

#[derive(Debug, PartialEq)]
struct Parts {
    cols: usize,
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

/// Parts that do not form sparse rows.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SparseRowsError {
    /// Row pointers that do not span the entries.
    #[error(
        "row pointers must rise from 0 to the number of entries ({entries}), and these do not: \
         give one pointer a row and one at the end"
    )]
    Pointers {
        /// How many column indices there are.
        entries: usize,
    },
    /// Another number of values than of column indices.
    #[error("{indices} column indices came with {values} values: give one value an index")]
    Lengths {
        /// Column indices.
        indices: usize,
        /// Values.
        values: usize,
    },
    /// A column that does not exist.
    #[error("entry {entry} is in column {column}; columns must be below {cols}")]
    Column {
        /// Position among all entries.
        entry: usize,
        /// Its column.
        column: u32,
        /// The number of columns.
        cols: usize,
    },
}

impl SparseRows {
    /// Rows of `cols` columns; row i has the entries `indptr[i]..indptr[i + 1]` of `indices` and `values`.
    ///
    /// # Errors
    /// [`SparseRowsError`] if pointers, lengths or columns do not fit together.
    pub fn new(
        cols: usize,
        indptr: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, SparseRowsError> {
        let entries = indices.len();
        if values.len() != entries {
            return Err(SparseRowsError::Lengths { indices: entries, values: values.len() });
        }
        let spans = indptr.first() == Some(&0) && indptr.last() == Some(&entries);
        if !spans || indptr.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(SparseRowsError::Pointers { entries });
        }
        if let Some(entry) = indices.iter().position(|column| *column as usize >= cols) {
            return Err(SparseRowsError::Column { entry, column: indices[entry], cols });
        }
        Ok(SparseRows(Arc::new(Parts { cols, indptr, indices, values })))
    }

    /// The number of rows, B.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.0.indptr.len() - 1
    }

    /// The number of columns, H F.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.0.cols
    }

    /// The number of stored entries.
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.0.indices.len()
    }

    /// Where the entries of each row begin, and at last where they end.
    #[must_use]
    pub fn indptr(&self) -> &[usize] {
        &self.0.indptr
    }

    /// The columns of all entries, row after row.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.0.indices
    }

    /// The values of all entries, row after row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.0.values
    }

    /// All rows with their zeros, row-major. Entries of the same column add up.
    #[must_use]
    pub fn to_dense(&self) -> Vec<f32> {
        let mut dense = vec![0.0; self.rows() * self.cols()];
        for (row, span) in self.indptr().windows(2).enumerate() {
            for entry in span[0]..span[1] {
                dense[row * self.cols() + self.indices()[entry] as usize] += self.values()[entry];
            }
        }
        dense
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let new = |indptr: &[usize], indices: &[u32], values: &[f32]| {
            SparseRows::new(3, indptr.to_vec(), indices.to_vec(), values.to_vec())
        };
        assert!(new(&[0, 1, 1, 3], &[2, 0, 1], &[1.0, 2.0, 3.0]).is_ok());
        assert_eq!(new(&[], &[], &[]), Err(SparseRowsError::Pointers { entries: 0 }));
        assert_eq!(new(&[0, 2, 1], &[0], &[1.0]), Err(SparseRowsError::Pointers { entries: 1 }));
        assert_eq!(new(&[0, 1], &[0], &[]), Err(SparseRowsError::Lengths { indices: 1, values: 0 }));
        assert_eq!(new(&[0, 1], &[3], &[1.0]), Err(SparseRowsError::Column { entry: 0, column: 3, cols: 3 }));
    }
}

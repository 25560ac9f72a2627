//! Sparse node features in compressed sparse row form.

use crate::DatasetError;

/// A sparse `rows × cols` matrix of features in compressed sparse row (CSR) form.
///
/// Row `i` holds the values `values[indptr[i]..indptr[i + 1]]` in the columns
/// `indices[indptr[i]..indptr[i + 1]]`. The constructor checks that columns rise strictly within each row and
/// that every value is finite, so code that reads the matrix need not.
///
/// # Example
///
/// ```
/// use datasets::CsrFeatures;
///
/// let words = CsrFeatures::new(2, 4, vec![0, 2, 3], vec![0, 3, 1], vec![1.0; 3])?;
/// assert_eq!(words.row(0), Some((&[0, 3][..], &[1.0, 1.0][..])));
/// assert!(words.is_binary());
/// # Ok::<(), datasets::DatasetError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CsrFeatures {
    rows: usize,
    cols: usize,
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

/// Most entries that [`CsrFeatures::to_dense`] writes out: 2³⁰, which is 4 GiB.
pub const MAX_DENSE_ENTRIES: usize = 1 << 30;

impl CsrFeatures {
    /// Builds the matrix from its parts.
    ///
    /// # Shapes
    ///
    /// `indptr: rows + 1`, `indices: nnz`, `values: nnz`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] where `indptr` does not start at 0, fall nowhere and end at `nnz`, where the
    /// columns of a row do not rise strictly below `cols`, or where a value is not finite.
    ///
    /// # Complexity
    ///
    /// O(rows + nnz).
    pub fn new(
        rows: usize,
        cols: usize,
        indptr: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, DatasetError> {
        let bad =
            |expected: String, found: String| DatasetError::inconsistent("CsrFeatures", expected, found);
        if indptr.len().checked_sub(1) != Some(rows) {
            return Err(bad(
                format!("rows + 1 entries in indptr, with rows = {rows}"),
                indptr.len().to_string(),
            ));
        }
        if indices.len() != values.len() {
            return Err(bad(
                format!("one value for each of {} indices", indices.len()),
                values.len().to_string(),
            ));
        }
        if indptr.first() != Some(&0) || indptr.last() != Some(&indices.len()) {
            let found = format!("{:?} to {:?}", indptr.first(), indptr.last());
            return Err(bad(format!("indptr from 0 to {}", indices.len()), found));
        }
        for (row, bounds) in indptr.windows(2).enumerate() {
            let columns = indices.get(bounds[0]..bounds[1]).ok_or_else(|| {
                bad("an indptr that falls nowhere".into(), format!("{bounds:?} at row {row}"))
            })?;
            if columns.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(bad(
                    "strictly rising columns in each row".into(),
                    format!("others in row {row}"),
                ));
            }
            if let Some(&last) = columns.last().filter(|&&last| last as usize >= cols) {
                return Err(bad(format!("columns below {cols}"), format!("{last} in row {row}")));
            }
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(bad("finite values".into(), format!("{} at position {at}", values[at])));
        }
        Ok(Self { rows, cols, indptr, indices, values })
    }

    /// The number of rows (nodes).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns (features).
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The number of stored entries.
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// Where each row starts in [`indices`](Self::indices) and [`values`](Self::values); `rows + 1` entries.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// The columns of the stored entries, row after row.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The stored entries, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The columns and values of row `i`, or `None` where there is no such row.
    pub fn row(&self, i: usize) -> Option<(&[u32], &[f32])> {
        let (start, end) = (*self.indptr.get(i)?, *self.indptr.get(i.checked_add(1)?)?);
        Some((self.indices.get(start..end)?, self.values.get(start..end)?))
    }

    /// Every row in order, as its columns and values.
    pub fn iter_rows(&self) -> impl ExactSizeIterator<Item = (&[u32], &[f32])> {
        self.indptr.windows(2).map(|at| (&self.indices[at[0]..at[1]], &self.values[at[0]..at[1]]))
    }

    /// Whether every stored entry is exactly 1, as word-presence features are.
    pub fn is_binary(&self) -> bool {
        self.values.iter().all(|&value| value == 1.0)
    }

    /// The matrix written out, row after row, zeros included.
    ///
    /// # Shapes
    ///
    /// `rows * cols`, row-major.
    ///
    /// # Errors
    ///
    /// [`DatasetError::TooLarge`] past [`MAX_DENSE_ENTRIES`].
    pub fn to_dense(&self) -> Result<Vec<f32>, DatasetError> {
        let too_large = || DatasetError::TooLarge {
            place: format!("CsrFeatures::to_dense of {} x {}", self.rows, self.cols),
            what: "the number of entries",
            limit: MAX_DENSE_ENTRIES as u64,
        };
        let entries =
            self.rows.checked_mul(self.cols).filter(|&n| n <= MAX_DENSE_ENTRIES).ok_or_else(too_large)?;
        let mut dense = vec![0.0; entries];
        for (row, (columns, values)) in self.iter_rows().enumerate() {
            for (&column, &value) in columns.iter().zip(values) {
                dense[row * self.cols + column as usize] = value;
            }
        }
        Ok(dense)
    }

    /// Takes the matrix apart into `(rows, cols, indptr, indices, values)`, without a copy.
    pub fn into_parts(self) -> (usize, usize, Vec<usize>, Vec<u32>, Vec<f32>) {
        (self.rows, self.cols, self.indptr, self.indices, self.values)
    }
}

/// Collects rows one at a time; the loaders and twins build their matrices with it.
#[derive(Debug)]
pub(crate) struct CsrBuilder {
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl CsrBuilder {
    pub(crate) fn new() -> Self {
        Self { indptr: vec![0], indices: Vec::new(), values: Vec::new() }
    }

    /// Adds an entry to the row being built; columns must come in rising order.
    pub(crate) fn push(&mut self, column: u32, value: f32) {
        self.indices.push(column);
        self.values.push(value);
    }

    /// Ends the row being built.
    pub(crate) fn end_row(&mut self) {
        self.indptr.push(self.indices.len());
    }

    pub(crate) fn build(self, cols: usize) -> Result<CsrFeatures, DatasetError> {
        CsrFeatures::new(self.indptr.len() - 1, cols, self.indptr, self.indices, self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let build = |rows, cols, indptr: &[usize], indices: &[u32], values: &[f32]| {
            CsrFeatures::new(rows, cols, indptr.to_vec(), indices.to_vec(), values.to_vec())
        };
        assert!(build(2, 3, &[0, 1, 2], &[0, 2], &[1.0, 2.0]).is_ok());
        assert!(build(0, 0, &[0], &[], &[]).is_ok());
        for (bad, why) in [
            (build(2, 3, &[0, 2], &[0, 2], &[1.0, 2.0]), "rows + 1 entries"),
            (build(0, 3, &[], &[], &[]), "rows + 1 entries"),
            (build(usize::MAX, 3, &[], &[], &[]), "rows + 1 entries"),
            (build(1, 3, &[0, 2], &[0, 2], &[1.0]), "one value"),
            (build(1, 3, &[1, 2], &[0, 2], &[1.0, 1.0]), "indptr from 0"),
            (build(2, 3, &[0, 9, 2], &[0, 2], &[1.0, 1.0]), "falls nowhere"),
            (build(3, 3, &[0, 2, 1, 2], &[0, 2], &[1.0, 1.0]), "falls nowhere"),
            (build(1, 3, &[0, 2], &[2, 2], &[1.0, 1.0]), "strictly rising"),
            (build(1, 3, &[0, 2], &[0, 3], &[1.0, 1.0]), "columns below 3"),
            (build(1, 3, &[0, 1], &[0], &[f32::NAN]), "finite"),
        ] {
            let message = bad.unwrap_err().to_string();
            assert!(message.contains(why), "{message}");
        }
    }

    #[test]
    fn a_dense_matrix_too_large_to_hold_is_refused() {
        let wide = CsrFeatures::new(1, usize::MAX, vec![0, 0], vec![], vec![]).unwrap();
        assert!(matches!(wide.to_dense(), Err(DatasetError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn dense_and_sparse_hold_the_same_numbers(dense in prop::collection::vec(-2i8..3, 24)) {
            let mut builder = CsrBuilder::new();
            for row in dense.chunks(6) {
                for (column, &value) in row.iter().enumerate().filter(|&(_, &value)| value != 0) {
                    builder.push(column as u32, f32::from(value));
                }
                builder.end_row();
            }
            let csr = builder.build(6).unwrap();
            let back = csr.to_dense().unwrap();
            prop_assert_eq!(back, dense.iter().map(|&v| f32::from(v)).collect::<Vec<_>>());
            prop_assert_eq!(csr.nnz(), dense.iter().filter(|&&v| v != 0).count());
            prop_assert_eq!(csr.is_binary(), dense.iter().all(|&v| v == 0 || v == 1));
            prop_assert!(csr.row(4).is_none() && csr.row(usize::MAX).is_none());
        }
    }
}

//! Features of nodes in Matrix Market files.

use std::path::Path;

use crate::market::{self, Coordinates, Head, Item};
use crate::scan::{most_text_bytes, Bad};
use crate::two_pass::{self, Plan, Rows};
use crate::{atomic, CsrFeatures, DatasetError, MAX_DENSE_ENTRIES};

/// The features of nodes, a row for each.
#[derive(Debug, Clone, PartialEq)]
pub enum FeatureFile {
    /// From a file in coordinate form.
    Sparse(CsrFeatures),
    /// From a file in array form.
    Dense {
        /// The number of nodes.
        rows: usize,
        /// The number of features.
        columns: usize,
        /// `rows * columns` values, row after row.
        values: Vec<f32>,
    },
}

impl FeatureFile {
    /// The number of nodes.
    pub fn rows(&self) -> usize {
        match self {
            Self::Sparse(features) => features.rows(),
            Self::Dense { rows, .. } => *rows,
        }
    }

    /// The number of features of each node.
    pub fn columns(&self) -> usize {
        match self {
            Self::Sparse(features) => features.cols(),
            Self::Dense { columns, .. } => *columns,
        }
    }
}

/// What the head of a file of features announces, before any memory is taken for them.
///
/// # Example
///
/// ```
/// use datasets::matrix_file::FeatureShape;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("features.mtx");
/// std::fs::write(&path, "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n")?;
/// let shape = FeatureShape::read(&path)?;
/// assert_eq!((shape.rows, shape.columns, shape.bytes()), (2, 2, 16));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureShape {
    /// The number of nodes.
    pub rows: u64,
    /// The number of features.
    pub columns: u64,
    /// Values in the file.
    pub entries: u64,
    /// Whether the file lists every value.
    pub dense: bool,
}

impl FeatureShape {
    /// Reads the head of `path`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Malformed`] for a head that is not of a Matrix Market file; [`DatasetError::Io`].
    pub fn read(path: &Path) -> Result<Self, DatasetError> {
        let head = market::read_head(path)?;
        let Head { rows, columns, entries, array: dense, .. } = head;
        Ok(Self { rows, columns, entries, dense })
    }

    /// Bytes of the arrays that [`read_features`] makes of the file, before entries listed twice are joined.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self.dense {
            true => self.entries.saturating_mul(4),
            false => self.entries.saturating_mul(8).saturating_add(self.rows.saturating_mul(8)),
        }
    }
}

/// Reads the features of nodes from a `general` Matrix Market file of nodes by features.
///
/// A `coordinate` file (`pattern` for ones, `real` or `integer`) gives [`FeatureFile::Sparse`]: entries may come in
/// any order, those listed twice are added and zeros are dropped. An `array` file lists its values column after
/// column, one a line, and gives [`FeatureFile::Dense`], whose values lie row after row.
///
/// # Errors
///
/// [`DatasetError::Malformed`] for any other kind of file, an entry outside the matrix, a value that is not finite or
/// vanishes in 32 bits, more or fewer values than announced, and a size line out of all proportion to its file;
/// [`DatasetError::TooLarge`] past [`MAX_DENSE_ENTRIES`] dense values; [`DatasetError::Io`].
///
/// # Complexity
///
/// O(bytes of text). Sparse files are read twice, dense ones once; the result is all that is in memory.
///
/// # Example
///
/// ```
/// use datasets::matrix_file::{read_features, FeatureFile};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("features.mtx");
/// std::fs::write(&path, "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n")?;
/// let dense = FeatureFile::Dense { rows: 2, columns: 2, values: vec![1.0, 3.0, 2.0, 4.0] };
/// assert_eq!(read_features(&path)?, dense);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_features(path: &Path) -> Result<FeatureFile, DatasetError> {
    let head = market::read_head(path)?;
    if head.symmetric {
        let hint = "write the matrix in general form";
        return Err(
            Bad::new("a general matrix of nodes by features", "a symmetric one", hint).place(path, head.at)
        );
    }
    if head.array {
        return read_dense(path, &head);
    }
    for (what, size) in [("rows", head.rows), ("columns", head.columns)] {
        if size > u64::from(u32::MAX) {
            let hint = "split the matrix, because its indices are numbers of 32 bits";
            return Err(
                Bad::new(format!("at most {} {what}", u32::MAX), size.to_string(), hint).place(path, head.at)
            );
        }
    }
    let rows = Rows::Claimed(head.rows as usize, head.at);
    let file = Coordinates { file: path.to_path_buf(), head, both_ways: false, graph: false };
    let too_many_rows = "check the size line, or drop the nodes without features";
    let plan = Plan { rows, compact: false, sum: true, max_bytes: None, too_many_rows };
    let csr = two_pass::read(&file, plan)?;
    let (rows, columns) = (head.rows as usize, head.columns as usize);
    let values = csr.weights.unwrap_or_default();
    Ok(FeatureFile::Sparse(CsrFeatures::new(rows, columns, csr.indptr, csr.columns, values)?))
}

fn read_dense(path: &Path, head: &Head) -> Result<FeatureFile, DatasetError> {
    if head.entries > MAX_DENSE_ENTRIES as u64 {
        let place = format!("{}, line {}", path.display(), head.at.line);
        let (what, limit) = ("the number of dense values", MAX_DENSE_ENTRIES as u64);
        return Err(DatasetError::TooLarge { place, what, limit });
    }
    // A value takes a digit and a line end at least, so a short file can be told before memory is taken for it.
    let most = most_text_bytes(path)?.div_ceil(2);
    if head.entries > most {
        let (expected, hint) =
            (format!("{} values", head.entries), "fetch or write the file again, it may be cut");
        return Err(Bad::new(expected, format!("a file too short for {most}"), hint).place(path, head.at));
    }
    let (rows, columns) = (head.rows as usize, head.columns as usize);
    let mut values = vec![0.0; head.entries as usize];
    let (mut row, mut column) = (0, 0);
    market::read_entries(path, head, true, |item, _| {
        if let (Item::Value(value), Some(place)) = (item, values.get_mut(row * columns + column)) {
            *place = value;
        }
        row += 1;
        if row == rows {
            (row, column) = (0, column + 1);
        }
        Ok(())
    })?;
    Ok(FeatureFile::Dense { rows, columns, values })
}

/// Writes features to a Matrix Market file, sparse ones in coordinate form and dense ones as an array.
///
/// Values are written with the digits that give the same `f32` again; the file takes its place at once when it is
/// whole.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where the values of a dense matrix are not `rows * columns` finite numbers;
/// [`DatasetError::Io`], which leaves the file that was there before untouched.
///
/// # Complexity
///
/// O(values).
///
/// # Example
///
/// ```
/// use datasets::matrix_file::{read_features, write_features, FeatureFile};
/// use datasets::CsrFeatures;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("words.mtx");
/// let words = FeatureFile::Sparse(CsrFeatures::new(2, 4, vec![0, 2, 3], vec![0, 3, 1], vec![1.0, 0.5, 2.0])?);
/// write_features(&path, &words)?;
/// assert_eq!(read_features(&path)?, words);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_features(path: &Path, features: &FeatureFile) -> Result<(), DatasetError> {
    match features {
        FeatureFile::Sparse(sparse) => atomic::write(path, |file| {
            writeln!(file, "%%MatrixMarket matrix coordinate real general")?;
            writeln!(file, "{} {} {}", sparse.rows(), sparse.cols(), sparse.nnz())?;
            for (row, (columns, values)) in (1u64..).zip(sparse.iter_rows()) {
                for (&column, value) in columns.iter().zip(values) {
                    writeln!(file, "{row} {} {value}", u64::from(column) + 1)?;
                }
            }
            Ok(())
        }),
        FeatureFile::Dense { rows, columns, values } => {
            if rows.checked_mul(*columns) != Some(values.len())
                || !values.iter().all(|value| value.is_finite())
            {
                let expected = format!("{rows} x {columns} finite values");
                let found = format!("{} values, or others among them", values.len());
                return Err(DatasetError::inconsistent("write_features", expected, found));
            }
            atomic::write(path, |file| {
                writeln!(file, "%%MatrixMarket matrix array real general\n{rows} {columns}")?;
                for column in 0..*columns {
                    for row in 0..*rows {
                        writeln!(file, "{}", values[row * columns + column])?;
                    }
                }
                Ok(())
            })
        }
    }
}

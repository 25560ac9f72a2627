//! What can be wrong with a baseline's inputs.

use shared::train::metrics::ScoresError;
use thiserror::Error;

/// Why a baseline could not be fitted, applied or scored.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BaselineError {
    /// A sparse matrix stored by columns.
    #[error("the {what} matrix is stored by columns; convert it with `to_csr()` first")]
    NotCsr {
        /// Which matrix.
        what: &'static str,
    },
    /// A row index beyond the matrix.
    #[error("{what} index {row} is out of range; indices must be below the row count {rows}")]
    RowOutOfRange {
        /// Which index list.
        what: &'static str,
        /// The index.
        row: usize,
        /// The number of rows there are.
        rows: usize,
    },
    /// An index list with nothing in it.
    #[error("the {what} index list is empty; give at least one row")]
    NoRows {
        /// Which index list.
        what: &'static str,
    },
    /// One row in two parts of the split, or twice in one.
    #[error("row {row} is listed in {first} and again in {second}; the parts of a split must be disjoint")]
    Overlap {
        /// The row.
        row: usize,
        /// The part that listed it first.
        first: &'static str,
        /// The part that listed it again.
        second: &'static str,
    },
    /// Labels and rows disagree in number.
    #[error("there are {labels} labels for {rows} rows; give one label a row")]
    LabelCount {
        /// How many labels.
        labels: usize,
        /// How many rows.
        rows: usize,
    },
    /// A label that names no class.
    #[error("row {row} has label {label}; labels must be below the class count {classes}")]
    LabelOutOfRange {
        /// The row.
        row: usize,
        /// Its label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// Fewer than two classes.
    #[error("{classes} classes leave nothing to tell apart; give at least 2")]
    TooFewClasses {
        /// The number of classes.
        classes: usize,
    },
    /// A model or matrix beyond what is allocated here.
    #[error("the {what} would hold {entries} numbers; the limit is {limit}, so use fewer rows, columns or classes")]
    TooLarge {
        /// What would be allocated.
        what: &'static str,
        /// How many numbers it would hold; `usize::MAX` if the count itself overflows.
        entries: usize,
        /// The largest count allowed.
        limit: usize,
    },
    /// A NaN or an infinity.
    #[error("the {what} matrix has the value {value} in row {row}; every value must be finite")]
    NotFinite {
        /// Which matrix.
        what: &'static str,
        /// The row.
        row: usize,
        /// The value.
        value: f64,
    },
    /// Another number of columns than the model was fitted on.
    #[error(
        "the rows have {got} features, the model was fitted on {expected}; give rows of {expected} features"
    )]
    FeatureCount {
        /// What was given.
        got: usize,
        /// What the model has.
        expected: usize,
    },
    /// A setting outside its range.
    #[error("{name} is {value}; it must be {allowed}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range, in words.
        allowed: &'static str,
    },
    /// A grid without values, or not in increasing order.
    #[error("the grid `{name}` must list at least one value, in strictly increasing order")]
    Grid {
        /// The grid.
        name: &'static str,
    },
    /// A graph kernel of a matrix that is not square.
    #[error("the adjacency matrix is {rows} x {cols}; a graph kernel needs a square one")]
    NotSquare {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
    /// A graph kernel of a directed graph.
    #[error("adjacency entry ({row}, {col}) differs from ({col}, {row}); make the graph undirected first")]
    NotSymmetric {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        col: usize,
    },
    /// A graph kernel of a graph with a negative weight.
    #[error("adjacency entry ({row}, {col}) is {value}; edge weights must not be negative")]
    NegativeWeight {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        col: usize,
        /// The weight.
        value: f64,
    },
    /// A kernel whose entries would leave the range of f64.
    #[error("alpha {alpha} is too large for the edge weights of this graph; use at most {largest}")]
    AlphaTooLarge {
        /// The coefficient asked for.
        alpha: f64,
        /// The largest that is safe for this graph.
        largest: f64,
    },
    /// Predictions that cannot be scored.
    #[error(transparent)]
    Scores(#[from] ScoresError),
}

//! The sparse matrix of this module, and relabelling of nodes.

use std::borrow::Cow;

use sprs::CsMatI;

use super::GraphError;

/// A sparse matrix by rows: `f32` values, `u32` columns, `usize` row pointers.
///
/// Eight bytes an entry, so ten million nodes of mean degree four fit in 0.4 GB. Columns rise within a row; `sprs`
/// checks this when a matrix is built by `try_new`.
///
/// # Example
/// ```
/// use shared::graph::Csr;
/// // [0 2 0]
/// // [1 0 3]
/// let m = Csr::try_new((2, 3), vec![0, 1, 3], vec![1, 0, 2], vec![2.0, 1.0, 3.0]);
/// assert_eq!(m.expect("sorted").nnz(), 3);
/// ```
pub type Csr = CsMatI<f32, u32, usize>;

/// The n x n identity, P⁰.
///
/// # Errors
/// [`GraphError::TooManyNodes`] when n is beyond 32 bits.
pub fn identity(n: usize) -> Result<Csr, GraphError> {
    check_nodes(n)?;
    build((n, n), (0..=n).collect(), (0..n as u32).collect(), vec![1.0; n])
}

/// Relabels nodes: B = Π A Πᵀ, where node i is called `to[i]` afterwards, so `B[to[i], to[j]] = A[i, j]`.
///
/// # Shapes
/// A: N x N; `to`: a permutation of 0..N.
///
/// # Errors
/// A matrix that is not square or not by rows; a relabelling of another length, or not one-to-one.
///
/// # Complexity
/// O(N + nnz log d), with d the largest row.
///
/// # Example
/// ```
/// use shared::graph::{from_edges, permute};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let path = from_edges(3, &[(0, 1), (1, 2)])?;
/// let star = permute(&path, &[1, 0, 2])?; // node 1, the middle, becomes node 0
/// assert_eq!(star, from_edges(3, &[(0, 1), (0, 2)])?);
/// # Ok(())
/// # }
/// ```
pub fn permute(matrix: &Csr, to: &[usize]) -> Result<Csr, GraphError> {
    let n = check_square("the matrix to relabel", matrix)?;
    let from = invert(to, n)?;
    let rows = CsrRows::new(matrix);
    let mut out = RowBuilder::new((n, n), matrix.nnz());
    let mut row: Vec<(u32, f32)> = Vec::new();
    for &i in &from {
        let (columns, values) = rows.row(i);
        row.clear();
        row.extend(columns.iter().zip(values).map(|(&j, &v)| (to[j as usize] as u32, v)));
        row.sort_unstable_by_key(|&(j, _)| j);
        row.iter().for_each(|&(j, v)| out.push(j, v));
        out.end_row();
    }
    out.finish()
}

/// Moves whole rows: B = Π X, so `B[to[i], k] = X[i, k]`; the companion of [`permute`] for node features.
///
/// # Errors
/// A matrix not by rows; a relabelling of another length, or not one-to-one.
///
/// # Complexity
/// O(N + nnz).
pub fn permute_rows(matrix: &Csr, to: &[usize]) -> Result<Csr, GraphError> {
    check_csr("the matrix to relabel", matrix)?;
    let from = invert(to, matrix.rows())?;
    let rows = CsrRows::new(matrix);
    let mut out = RowBuilder::new(matrix.shape(), matrix.nnz());
    for &i in &from {
        let (columns, values) = rows.row(i);
        out.push_row(columns, values);
    }
    out.finish()
}

/// Lays graphs side by side as one graph without edges between them: the block-diagonal matrix.
///
/// Graph g keeps its own node order and starts where g-1 ended, so a set of small graphs is diffused in one call and
/// [`Diffused::mean_rows`](super::Diffused::mean_rows) takes each apart again.
///
/// # Shapes
/// Matrices of r_g x c_g give one of (Σ r_g) x (Σ c_g).
///
/// # Errors
/// A matrix not by rows, or more than `u32::MAX` nodes in total.
///
/// # Complexity
/// O(Σ r_g + nnz).
///
/// # Example
/// ```
/// use shared::graph::{disjoint_union, from_edges};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let both = disjoint_union(&[from_edges(2, &[(0, 1)])?, from_edges(3, &[(0, 2)])?])?;
/// assert_eq!(both, from_edges(5, &[(0, 1), (2, 4)])?);
/// # Ok(())
/// # }
/// ```
pub fn disjoint_union(graphs: &[Csr]) -> Result<Csr, GraphError> {
    let mut shape = (0usize, 0usize);
    let mut nnz = 0;
    for g in graphs {
        check_csr("a graph of the union", g)?;
        shape = (shape.0.saturating_add(g.rows()), shape.1.saturating_add(g.cols()));
        nnz += g.nnz();
    }
    check_nodes(shape.0.max(shape.1))?;
    let mut out = RowBuilder::new(shape, nnz);
    let mut first_column = 0u32;
    for g in graphs {
        let rows = CsrRows::new(g);
        for i in 0..g.rows() {
            let (columns, values) = rows.row(i);
            columns.iter().zip(values).for_each(|(&j, &v)| out.push(first_column + j, v));
            out.end_row();
        }
        first_column += g.cols() as u32;
    }
    out.finish()
}

/// Appends one column holding `value` in every row: the constant feature that stands for a bias.
///
/// # Shapes
/// N x F gives N x (F + 1).
///
/// # Errors
/// A matrix not by rows, or F + 1 beyond 32 bits.
///
/// # Reference
/// The DCNN authors' first code appends a constant-1 column to X before diffusing.
pub fn append_column(matrix: &Csr, value: f32) -> Result<Csr, GraphError> {
    check_csr("the matrix to widen", matrix)?;
    let (n, f) = matrix.shape();
    if f >= u32::MAX as usize {
        return Err(GraphError::TooManyColumns { slices: 1, features: f.saturating_add(1) });
    }
    let rows = CsrRows::new(matrix);
    let mut out = RowBuilder::new((n, f + 1), matrix.nnz() + n);
    for i in 0..n {
        let (columns, values) = rows.row(i);
        out.columns.extend_from_slice(columns);
        out.values.extend_from_slice(values);
        out.push(f as u32, value);
        out.end_row();
    }
    out.finish()
}

/// Something that has sparse rows of sorted columns.
pub(super) trait SparseRows: Sync {
    /// Number of rows.
    fn rows(&self) -> usize;
    /// Columns and values of row i.
    fn row(&self, i: usize) -> (&[u32], &[f32]);
}

/// The rows of a [`Csr`], with the row pointers at hand.
pub(super) struct CsrRows<'a> {
    indptr: Cow<'a, [usize]>,
    columns: &'a [u32],
    values: &'a [f32],
}

impl<'a> CsrRows<'a> {
    pub(super) fn new(matrix: &'a Csr) -> Self {
        // `proper_indptr` starts at 0 even where the matrix was cut out of a larger one.
        Self { indptr: matrix.proper_indptr(), columns: matrix.indices(), values: matrix.data() }
    }
}

impl SparseRows for CsrRows<'_> {
    fn rows(&self) -> usize {
        self.indptr.len() - 1
    }

    #[inline]
    fn row(&self, i: usize) -> (&[u32], &[f32]) {
        let range = self.indptr[i]..self.indptr[i + 1];
        (&self.columns[range.clone()], &self.values[range])
    }
}

/// Builds a [`Csr`] row after row.
pub(super) struct RowBuilder {
    shape: (usize, usize),
    indptr: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl RowBuilder {
    pub(super) fn new(shape: (usize, usize), nnz: usize) -> Self {
        let mut indptr = Vec::with_capacity(shape.0 + 1);
        indptr.push(0);
        Self { shape, indptr, columns: Vec::with_capacity(nnz), values: Vec::with_capacity(nnz) }
    }

    /// Adds an entry to the current row; columns must rise.
    pub(super) fn push(&mut self, column: u32, value: f32) {
        self.columns.push(column);
        self.values.push(value);
    }

    pub(super) fn end_row(&mut self) {
        self.indptr.push(self.columns.len());
    }

    pub(super) fn push_row(&mut self, columns: &[u32], values: &[f32]) {
        self.columns.extend_from_slice(columns);
        self.values.extend_from_slice(values);
        self.end_row();
    }

    pub(super) fn finish(self) -> Result<Csr, GraphError> {
        build(self.shape, self.indptr, self.columns, self.values)
    }
}

/// A checked [`Csr`] from its three arrays.
pub(super) fn build(
    shape: (usize, usize),
    indptr: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
) -> Result<Csr, GraphError> {
    Csr::try_new(shape, indptr, columns, values)
        .map_err(|(_, _, _, error)| GraphError::Structure { reason: error.to_string() })
}

pub(super) fn check_nodes(nodes: usize) -> Result<(), GraphError> {
    if nodes > u32::MAX as usize {
        return Err(GraphError::TooManyNodes { nodes });
    }
    Ok(())
}

pub(super) fn check_csr(what: &'static str, matrix: &Csr) -> Result<(), GraphError> {
    if !matrix.is_csr() {
        return Err(GraphError::NotCsr { what });
    }
    Ok(())
}

/// The side N of a square matrix by rows.
pub(super) fn check_square(what: &'static str, matrix: &Csr) -> Result<usize, GraphError> {
    check_csr(what, matrix)?;
    let (rows, cols) = matrix.shape();
    if rows != cols {
        return Err(GraphError::NotSquare { what, rows, cols });
    }
    check_nodes(rows)?;
    Ok(rows)
}

/// The side of a square matrix by rows whose entries can be edge weights.
pub(super) fn check_weights(what: &'static str, matrix: &Csr) -> Result<usize, GraphError> {
    let n = check_square(what, matrix)?;
    let rows = CsrRows::new(matrix);
    for i in 0..n {
        let (columns, values) = rows.row(i);
        if let Some(e) = values.iter().position(|&w| !valid_weight(w)) {
            let target_node = columns[e] as usize;
            return Err(GraphError::BadWeight { source_node: i, target_node, weight: values[e] });
        }
    }
    Ok(n)
}

pub(super) fn valid_weight(weight: f32) -> bool {
    weight.is_finite() && weight >= 0.0
}

/// The inverse of the permutation `to` of 0..n.
fn invert(to: &[usize], n: usize) -> Result<Vec<usize>, GraphError> {
    if to.len() != n {
        let why = "one for every row of the matrix";
        return Err(GraphError::SizeMismatch { what: "the relabelling", found: to.len(), expected: n, why });
    }
    let mut from = vec![usize::MAX; n];
    for (i, &target) in to.iter().enumerate() {
        let slot = from.get_mut(target).ok_or(GraphError::RowOutOfRange { row: target, rows: n })?;
        if *slot != usize::MAX {
            return Err(GraphError::NotAPermutation { target });
        }
        *slot = i;
    }
    Ok(from)
}

//! The diffusion S = [X, PX, …, P^H X], the input of every diffusion-convolution layer.

use std::ops::Range;

use super::csr::{build, check_csr, check_square, CsrRows, SparseRows};
use super::gustavson::RowBlocks;
use super::{Csr, GraphError};

/// Most hops that any function of this module accepts. A walk that long has mixed on any graph it can reach.
pub const MAX_HOPS: usize = 64;

/// Most entries of a dense result, 16 GiB: beyond it, a sparse result is what one wants.
const MAX_DENSE_ENTRIES: u128 = 1 << 32;

/// A diffusion S of sparse features: row i holds slices 0..=H of node i side by side.
///
/// Column `j * F + k` of row i is (P^j X)_ik, so a weight matrix W^c stored as (H+1) x F is indexed by the column
/// itself. Columns rise within a row. Entries are structural: one is stored wherever a walk of j steps from i reaches a
/// node that stores feature k, even if the sum is 0.
///
/// # Shapes
/// N x ((H+1)·F).
#[derive(Debug, Clone, PartialEq)]
pub struct Diffused {
    rows: RowBlocks,
    slices: usize,
    features: usize,
}

impl Diffused {
    pub(super) fn new(rows: RowBlocks, slices: usize, features: usize) -> Self {
        Self { rows, slices, features }
    }

    /// Number of rows: N nodes, or the number of groups after [`mean_rows`](Self::mean_rows).
    pub fn rows(&self) -> usize {
        self.rows.rows()
    }

    /// Number of slices, H + 1: hop 0 is the features themselves.
    pub fn slices(&self) -> usize {
        self.slices
    }

    /// Number of features a slice, F.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of columns, (H+1)·F.
    pub fn width(&self) -> usize {
        self.slices * self.features // at most u32::MAX, checked by `diffuse`
    }

    /// Number of stored entries.
    pub fn nnz(&self) -> usize {
        self.rows.nnz()
    }

    /// Bytes on the heap: 8 an entry and 8 a row, and about 80 for every 16 rows.
    pub fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes()
    }

    /// Columns and values of row i, all slices, in rising order of column.
    ///
    /// # Panics
    /// When i is not below [`rows`](Self::rows), as indexing a slice does.
    #[inline]
    pub fn row(&self, i: usize) -> (&[u32], &[f32]) {
        self.rows.row(i)
    }

    /// Columns and values of slice j in row i: the sparse row (P^j X)_i. Columns still count from the start of the row.
    ///
    /// # Panics
    /// When i is not below [`rows`](Self::rows).
    pub fn row_slice(&self, i: usize, j: usize) -> (&[u32], &[f32]) {
        let (columns, values) = self.rows.row(i);
        let start_of =
            |slice: usize| columns.partition_point(|&c| (c as usize) < slice.saturating_mul(self.features));
        let range = start_of(j)..start_of(j.saturating_add(1));
        (&columns[range.clone()], &values[range])
    }

    /// The rows named by `rows`, in that order, dense and row-major.
    ///
    /// # Shapes
    /// `rows.len()` x ((H+1)·F).
    ///
    /// # Errors
    /// A row that does not exist; a result that does not fit in memory.
    pub fn to_dense_rows(&self, rows: &[usize]) -> Result<Vec<f32>, GraphError> {
        self.check_rows(rows)?;
        let width = self.width();
        let mut dense = zeros("the dense rows", &[rows.len(), width], "ask for fewer rows at a time")?;
        for (&i, out) in rows.iter().zip(dense.chunks_exact_mut(width.max(1))) {
            let (columns, values) = self.row(i);
            columns.iter().zip(values).for_each(|(&c, &v)| out[c as usize] = v);
        }
        Ok(dense)
    }

    /// The rows named by `rows`, in that order; a row may be named more than once.
    ///
    /// # Errors
    /// [`GraphError::RowOutOfRange`] for a row that does not exist.
    ///
    /// # Complexity
    /// O(entries copied), in parallel.
    pub fn select_rows(&self, rows: &[usize]) -> Result<Self, GraphError> {
        self.check_rows(rows)?;
        Ok(self.with_rows(RowBlocks::compute(rows.len(), 0, |i, out| out.copy(self.row(rows[i]), 0))))
    }

    /// The mean row of each group of rows: (1/N_t) 1ᵀ P*_t X_t for every graph t of a [disjoint
    /// union](super::disjoint_union).
    ///
    /// # Shapes
    /// One row of (H+1)·F columns for each range of `groups`.
    ///
    /// # Errors
    /// A range that reaches beyond the last row, or an empty one, whose mean does not exist.
    ///
    /// # Complexity
    /// O(entries of the groups), in parallel over blocks of groups; memory (H+1)·F for each thread.
    ///
    /// # Reference
    /// Atwood and Towsley (NIPS 2016), equation 5: Z_t = f(W^c ⊙ 1ᵀ P*_t X_t / N_t).
    ///
    /// # Example
    /// ```
    /// use shared::graph::{diffuse, from_edges, identity, transition_matrix, Normalization};
    /// # fn main() -> Result<(), shared::graph::GraphError> {
    /// let p = transition_matrix(&from_edges(2, &[(0, 1)])?, Normalization::RANDOM_WALK)?;
    /// let s = diffuse(&p, &identity(2)?, 1)?;
    /// assert_eq!(s.mean_rows(&[0..2])?.to_dense_rows(&[0])?, [0.5, 0.5, 0.5, 0.5]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn mean_rows(&self, groups: &[Range<usize>]) -> Result<Self, GraphError> {
        for (g, group) in groups.iter().enumerate() {
            if group.is_empty() {
                return Err(GraphError::EmptyGroup { group: g });
            }
            self.check_rows(&[group.end - 1])?;
        }
        let mean = |g: usize, out: &mut super::gustavson::RowWriter| {
            out.scaled_sum(groups[g].clone(), &self.rows, 1.0 / groups[g].len() as f32);
        };
        Ok(self.with_rows(RowBlocks::compute(groups.len(), self.width(), mean)))
    }

    /// S as one sprs matrix, a copy.
    ///
    /// # Errors
    /// None in practice: the parts are valid by construction, and sprs checks them once more.
    pub fn to_csr(&self) -> Result<Csr, GraphError> {
        let (indptr, columns, values) = self.rows.join();
        build((self.rows(), self.width()), indptr, columns, values)
    }

    fn with_rows(&self, rows: RowBlocks) -> Self {
        Self { rows, slices: self.slices, features: self.features }
    }

    fn check_rows(&self, rows: &[usize]) -> Result<(), GraphError> {
        match rows.iter().find(|&&row| row >= self.rows()) {
            Some(&row) => Err(GraphError::RowOutOfRange { row, rows: self.rows() }),
            None => Ok(()),
        }
    }
}

/// The diffusion S = [X, PX, P²X, …, P^H X] of sparse features, without any power of P.
///
/// ```text
/// S_0 = X,    S_j = P S_{j-1},    S[i, j·F + k] = (P^j X)_ik = Σ_l P*_ijl X_lk
/// ```
///
/// P is constant, so S is all that a diffusion-convolution layer Z = f(W^c ⊙ P*X) ever needs, and it is the same for
/// every epoch. The result is exact: no threshold, no N x N matrix. Every sum runs over the neighbours in the order of
/// the row of P, so the bits do not depend on the number of threads.
///
/// # Shapes
/// P: N x N; X: N x F; S: N x ((H+1)·F) for `hops` = H.
///
/// # Errors
/// P not square, X without N rows, either stored by columns; more than [`MAX_HOPS`] hops; (H+1)·F beyond 32 bits.
///
/// # Complexity
/// Time O(H·Σ_ij nnz(S_j of a neighbour)) ≤ O(H·|E|·F); memory: the entries of S, once more those of its slices
/// 1..H-1 while it runs, and a row of F for each thread.
///
/// # Reference
/// Atwood and Towsley, "Diffusion-Convolutional Neural Networks" (NIPS 2016), equations 1 to 3; the row-wise sparse
/// product is Gustavson's, "Two Fast Algorithms for Sparse Matrices" (ACM TOMS 1978).
///
/// # Example
/// ```
/// use shared::graph::{diffuse, from_edges, transition_matrix, Csr, Normalization};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let p = transition_matrix(&from_edges(3, &[(0, 1), (1, 2)])?, Normalization::RANDOM_WALK)?;
/// // One feature, held by node 0 alone.
/// let x = Csr::new((3, 1), vec![0, 1, 1, 1], vec![0], vec![8.0]);
/// let s = diffuse(&p, &x, 2)?;
/// assert_eq!(s.row(0), (&[0, 2][..], &[8.0, 4.0][..])); // there at hop 0, half of it back at hop 2
/// assert_eq!(s.row(1), (&[1][..], &[4.0][..]));
/// # Ok(())
/// # }
/// ```
pub fn diffuse(p: &Csr, x: &Csr, hops: usize) -> Result<Diffused, GraphError> {
    let n = check_square("the transition matrix", p)?;
    check_csr("the feature matrix", x)?;
    check_hops(hops)?;
    check_height(x.rows(), n)?;
    let (features, slices) = (x.cols(), hops + 1);
    check_width(slices, features)?;

    let (p, x) = (CsrRows::new(p), CsrRows::new(x));
    // S_1 .. S_{H-1}; the last slice is computed straight into the rows of S.
    let mut middle: Vec<RowBlocks> = Vec::with_capacity(hops);
    for _ in 1..hops {
        let next = match middle.last() {
            None => product(&p, &x, features),
            Some(previous) => product(&p, previous, features),
        };
        middle.push(next);
    }
    let width = if hops == 0 { 0 } else { features };
    let rows = RowBlocks::compute(n, width, |i, out| {
        out.copy(x.row(i), 0);
        let mut offset = features as u32;
        for slice in &middle {
            out.copy(slice.row(i), offset);
            offset += features as u32;
        }
        match middle.last() {
            _ if hops == 0 => {}
            None => out.weighted_sum(p.row(i), &x, offset),
            Some(previous) => out.weighted_sum(p.row(i), previous, offset),
        }
    });
    Ok(Diffused::new(rows, slices, features))
}

/// The sparse product P Y, with the kernel and the determinism of [`diffuse`]; one hop at a time, for callers who want to
/// keep less than all of them.
///
/// # Shapes
/// P: N x M; Y: M x F; result: N x F.
///
/// # Errors
/// Inner sizes that differ, or a matrix stored by columns.
///
/// # Complexity
/// O(Σ_ij nnz(Y_j)) over the entries (i, j) of P; memory: the result twice, and a row of F for each thread.
///
/// # Example
/// ```
/// use shared::graph::{from_edges, identity, multiply};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let a = from_edges(3, &[(0, 1), (1, 2)])?;
/// assert_eq!(multiply(&a, &a)?.get(0, 2), Some(&1.0)); // one walk of two steps from 0 to 2
/// # Ok(())
/// # }
/// ```
pub fn multiply(p: &Csr, y: &Csr) -> Result<Csr, GraphError> {
    check_csr("the left matrix", p)?;
    check_csr("the right matrix", y)?;
    check_height(y.rows(), p.cols())?;
    let (indptr, columns, values) = product(&CsrRows::new(p), &CsrRows::new(y), y.cols()).join();
    build((p.rows(), y.cols()), indptr, columns, values)
}

fn product<Y: SparseRows>(p: &CsrRows<'_>, y: &Y, width: usize) -> RowBlocks {
    RowBlocks::compute(p.rows(), width, |i, out| out.weighted_sum(p.row(i), y, 0))
}

pub(super) fn check_hops(hops: usize) -> Result<(), GraphError> {
    if hops > MAX_HOPS {
        return Err(GraphError::TooManyHops { hops, max: MAX_HOPS });
    }
    Ok(())
}

pub(super) fn check_height(found: usize, expected: usize) -> Result<(), GraphError> {
    if found != expected {
        let why = "one row for every column of the matrix on its left";
        return Err(GraphError::SizeMismatch { what: "the matrix on the right", found, expected, why });
    }
    Ok(())
}

/// Refuses more columns than 32 bits number.
pub(super) fn check_width(slices: usize, features: usize) -> Result<(), GraphError> {
    if features.checked_mul(slices).is_none_or(|width| width > u32::MAX as usize) {
        return Err(GraphError::TooManyColumns { slices, features });
    }
    Ok(())
}

/// A vector of zeros as large as the product of `shape`.
pub(super) fn zeros(what: &'static str, shape: &[usize], hint: &'static str) -> Result<Vec<f32>, GraphError> {
    Ok(vec![0.0; check_entries(what, shape, hint)?])
}

/// The product of `shape`, refused where it is more than [`MAX_DENSE_ENTRIES`].
pub(super) fn check_entries(
    what: &'static str,
    shape: &[usize],
    hint: &'static str,
) -> Result<usize, GraphError> {
    let entries = shape.iter().map(|&s| s as u128).fold(1, u128::saturating_mul);
    match usize::try_from(entries) {
        Ok(fits) if entries <= MAX_DENSE_ENTRIES => Ok(fits),
        _ => Err(GraphError::TooLarge { what, entries, max: MAX_DENSE_ENTRIES, hint }),
    }
}

//! Powers given row by row, and a diffusion whose features are sparse or dense.

use super::csr::{build, check_csr, CsrRows, SparseRows};
use super::diffuse::{check_height, check_hops, check_width};
use super::gustavson::RowBlocks;
use super::{Csr, DenseDiffused, Diffused, GraphError};

/// The powers of a transition matrix, or what is kept of them, row by row and never as a whole.
///
/// [`diffuse_rows`] and [`diffuse_dense_rows`](super::diffuse_dense_rows) multiply them with features. A row must not
/// depend on the rows asked for before it: then the bits of a result depend neither on threads nor on how the rows are
/// shared out.
pub trait PowerRows: Sync {
    /// What one thread needs to compute rows.
    type Scratch;

    /// N, the number of rows and columns of every power.
    fn nodes(&self) -> usize;

    /// H, the highest power.
    fn hops(&self) -> usize;

    /// A fresh workspace.
    fn scratch(&self) -> Self::Scratch;

    /// Gives row i of the powers 1, 2, …, H in this order, as (hop, columns, values) with rising columns below N.
    fn rows(&self, i: usize, scratch: &mut Self::Scratch, give: &mut dyn FnMut(usize, &[u32], &[f32]));
}

/// The diffusion of sparse features by the rows of powers of any kind: slice k of row i is Σ_l `powers`_k\[i, l\] x_l.
///
/// # Shapes
/// X: N x F; result: N x ((H+1)·F).
///
/// # Errors
/// X without N rows or stored by columns; more than [`MAX_HOPS`](super::MAX_HOPS) hops; (H+1)·F beyond 32 bits.
///
/// # Complexity
/// The time of the rows and one term for each of their entries and each feature of its node; memory: the entries of the
/// result, and one scratch of `powers` and a row of F a thread.
pub fn diffuse_rows<P: PowerRows>(powers: &P, x: &Csr) -> Result<Diffused, GraphError> {
    let (n, hops) = (powers.nodes(), powers.hops());
    check_csr("the feature matrix", x)?;
    check_hops(hops)?;
    check_height(x.rows(), n)?;
    let features = x.cols();
    check_width(hops + 1, features)?;
    let x = CsrRows::new(x);
    let rows = RowBlocks::compute_with(
        n,
        features,
        || powers.scratch(),
        |i, scratch, out| {
            out.copy(x.row(i), 0);
            powers.rows(i, scratch, &mut |hop, columns, values| {
                out.weighted_sum((columns, values), &x, (hop * features) as u32);
            });
        },
    );
    Ok(Diffused::new(rows, hops + 1, features))
}

/// A diffusion S = [X, PX, …, P^H X] of features of either kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Diffusion {
    /// Of sparse features.
    Sparse(Diffused),
    /// Of dense features.
    Dense(DenseDiffused),
}

impl Diffusion {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Sparse(s) => s.rows(),
            Self::Dense(s) => s.rows(),
        }
    }

    /// Number of slices, H + 1.
    pub fn slices(&self) -> usize {
        match self {
            Self::Sparse(s) => s.slices(),
            Self::Dense(s) => s.slices(),
        }
    }

    /// Number of features a slice, F.
    pub fn features(&self) -> usize {
        match self {
            Self::Sparse(s) => s.features(),
            Self::Dense(s) => s.features(),
        }
    }

    /// Number of columns, (H+1)·F.
    pub fn width(&self) -> usize {
        self.slices() * self.features()
    }

    /// Number of stored entries.
    pub fn nnz(&self) -> usize {
        match self {
            Self::Sparse(s) => s.nnz(),
            Self::Dense(s) => s.rows() * s.slices() * s.features(),
        }
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Sparse(s) => s.memory_bytes(),
            Self::Dense(s) => s.memory_bytes(),
        }
    }

    /// Appends row i, all slices side by side, to a compressed row under construction.
    ///
    /// # Panics
    /// When i is not below [`rows`](Self::rows), as indexing a slice does.
    pub fn append_row(&self, i: usize, columns: &mut Vec<u32>, values: &mut Vec<f32>) {
        match self {
            Self::Sparse(s) => {
                let (from, row) = s.row(i);
                columns.extend_from_slice(from);
                values.extend_from_slice(row);
            }
            Self::Dense(s) => {
                columns.extend(0..(s.slices() * s.features()) as u32);
                s.row(i).for_each(|slice| values.extend_from_slice(slice));
            }
        }
    }

    /// S as one sprs matrix, a copy; of dense features every entry is stored.
    ///
    /// # Errors
    /// None in practice: the parts are valid by construction, and sprs checks them once more.
    pub fn to_csr(&self) -> Result<Csr, GraphError> {
        if let Self::Sparse(s) = self {
            return s.to_csr();
        }
        let (mut indptr, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for i in 0..self.rows() {
            self.append_row(i, &mut columns, &mut values);
            indptr.push(columns.len());
        }
        build((self.rows(), self.width()), indptr, columns, values)
    }

    /// The rows named by `rows`, in that order, dense and row-major.
    ///
    /// # Shapes
    /// `rows.len()` x ((H+1)·F).
    ///
    /// # Errors
    /// A row that does not exist; a result that does not fit in memory.
    pub fn to_dense_rows(&self, rows: &[usize]) -> Result<Vec<f32>, GraphError> {
        match self {
            Self::Sparse(s) => s.to_dense_rows(rows),
            Self::Dense(s) => {
                if let Some(&row) = rows.iter().find(|&&row| row >= s.rows()) {
                    return Err(GraphError::RowOutOfRange { row, rows: s.rows() });
                }
                Ok(rows.iter().flat_map(|&i| s.row(i).flatten().copied()).collect())
            }
        }
    }
}

impl From<Diffused> for Diffusion {
    fn from(diffused: Diffused) -> Self {
        Self::Sparse(diffused)
    }
}

impl From<DenseDiffused> for Diffusion {
    fn from(diffused: DenseDiffused) -> Self {
        Self::Dense(diffused)
    }
}

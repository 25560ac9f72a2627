//! Features, and their diffusion by thresholded powers.

use shared::graph::{
    append_column, diffuse as diffuse_sparse, diffuse_dense_rows, diffuse_dense_slices, diffuse_rows, Csr,
    Diffusion, GraphError, PowerRows,
};

use crate::{powers::Powers, SparseError};

/// X: one row of features a node, sparse or dense.
#[derive(Clone, Debug, PartialEq)]
pub enum Features {
    /// Mostly zeros, such as words.
    Sparse(Csr),
    /// Mostly not, such as embeddings.
    Dense {
        /// Row-major, N x F.
        values: Vec<f32>,
        /// F.
        columns: usize,
    },
}

impl Features {
    /// N. Without columns there are no rows either.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Sparse(x) => x.rows(),
            Self::Dense { values, columns } => values.len().checked_div(*columns).unwrap_or(0),
        }
    }

    /// F.
    #[must_use]
    pub fn columns(&self) -> usize {
        match self {
            Self::Sparse(x) => x.cols(),
            Self::Dense { columns, .. } => *columns,
        }
    }

    /// Checks that there are `nodes` rows of finite numbers.
    ///
    /// # Errors
    /// [`SparseError`], one sentence naming the row.
    pub fn check(&self, nodes: usize) -> Result<(), SparseError> {
        let count = |what, found, expected, why| Err(SparseError::Count { what, found, expected, why });
        match self {
            Self::Sparse(x) if !x.is_csr() => {
                return Err(GraphError::NotCsr { what: "the feature matrix" }.into());
            }
            Self::Dense { columns: 0, .. } => return count("feature columns", 0, 1, "or more"),
            Self::Dense { values, columns } if values.len() % columns != 0 => {
                return count(
                    "feature values",
                    values.len(),
                    nodes.saturating_mul(*columns),
                    "nodes times columns",
                );
            }
            _ if self.rows() != nodes => return count("feature rows", self.rows(), nodes, "one a node"),
            _ => {}
        }
        let bad = match self {
            Self::Sparse(x) => {
                let entry = x.data().iter().position(|v| !v.is_finite());
                entry.map(|e| {
                    let row = x.proper_indptr().partition_point(|start| *start <= e).saturating_sub(1);
                    (row, x.indices()[e] as usize, x.data()[e])
                })
            }
            Self::Dense { values, columns } => {
                let entry = values.iter().position(|v| !v.is_finite());
                entry.map(|e| (e / columns, e % columns, values[e]))
            }
        };
        match bad {
            Some((row, column, value)) => Err(dcnn::DcnnError::Feature { row, column, value }.into()),
            None => Ok(()),
        }
    }

    /// With a feature that is 1 everywhere.
    ///
    /// # Errors
    /// [`SparseError::Graph`] for more columns than 32 bits number.
    pub fn with_bias(self) -> Result<Self, SparseError> {
        match self {
            Self::Sparse(x) => Ok(Self::Sparse(append_column(&x, 1.0)?)),
            Self::Dense { values, columns } => {
                let mut wider = Vec::with_capacity(values.len() + values.len() / columns.max(1));
                for row in values.chunks_exact(columns.max(1)) {
                    wider.extend_from_slice(row);
                    wider.push(1.0);
                }
                Ok(Self::Dense { values: wider, columns: columns + 1 })
            }
        }
    }
}

impl From<Csr> for Features {
    fn from(x: Csr) -> Self {
        Self::Sparse(x)
    }
}

impl From<&Csr> for Features {
    fn from(x: &Csr) -> Self {
        Self::Sparse(x.clone())
    }
}

/// P*X = [X, P¹X, …, P^H X] with what is kept of each power, and no power stored.
///
/// ```text
/// None, Pre:    S_k = P̄ S_(k−1)            the matrix is multiplied with the last slice
/// Post, top-k:  (S_k)_i = Σ_l [P^k]_il x_l   over the kept entries of row i, which is computed and forgotten
/// ```
///
/// Without a threshold this is exact, in O(H |E| F) time and O(|E| + N F (H + 1)) memory: a DCNN on a sparse graph needs
/// no threshold at all when it is computed so. A threshold is needed where the powers themselves must be stored
/// ([`power_series`](crate::power_series)), or where |E| is not O(N).
///
/// # Shapes
/// X: (N, F), result: N rows of H + 1 slices of F.
///
/// # Errors
/// [`SparseError`] for features that are not N rows of finite numbers, or too large.
///
/// # Complexity
/// None and Pre: O(H |E| F), and a copy of the matrix where [`Powers::with_rows`] changed it. Post and top-k: the time of [`Powers`], and O(F) for each entry that is kept.
///
/// # Reference
/// Section 2 of the paper, equations of the layer; T5 of the notes in this crate's README.
///
/// # Example
/// ```
/// use shared::graph::{from_edges, transition_matrix, Normalization};
/// use sparse_dcnn::{diffuse, Features, Powers, Threshold};
/// let p = transition_matrix(&from_edges(3, &[(0, 1), (1, 2)])?, Normalization::RANDOM_WALK)?;
/// let x = Features::Dense { values: vec![8.0, 0.0, 0.0], columns: 1 };
/// let s = diffuse(&Powers::new(&p, Threshold::None, 2)?, x)?;
/// assert_eq!(s.to_dense_rows(&[0, 1])?, [8.0, 0.0, 4.0, 0.0, 4.0, 0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn diffuse(powers: &Powers<'_>, features: Features) -> Result<Diffusion, SparseError> {
    features.check(powers.nodes())?;
    diffuse_checked(powers, features)
}

/// [`diffuse()`] of features that were checked before: they may be large, and once is enough.
pub(crate) fn diffuse_checked(powers: &Powers<'_>, features: Features) -> Result<Diffusion, SparseError> {
    let hops = powers.hops();
    let by_rows = powers.sparsify().threshold.needs_rows();
    Ok(match features {
        Features::Sparse(x) if by_rows => diffuse_rows(powers, &x)?.into(),
        Features::Sparse(x) => diffuse_sparse(&*powers.whole_matrix()?, &x, hops)?.into(),
        Features::Dense { values, columns } if by_rows => diffuse_dense_rows(powers, values, columns)?.into(),
        Features::Dense { values, columns } => {
            diffuse_dense_slices(&*powers.whole_matrix()?, values, columns, hops)?.into()
        }
    })
}

//! Transition matrices P: how an adjacency matrix A is normalised before it is raised to powers.

use serde::{Deserialize, Serialize};

use super::csr::{check_weights, CsrRows, RowBuilder, SparseRows};
use super::{Csr, GraphError};

/// How A becomes P. D is the diagonal matrix of degrees d_i = Σ_j A_ij.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalization {
    /// P = D⁻¹A, the paper's: P_ij is the chance to step from i to j. Rows sum to 1.
    RandomWalk {
        /// What a node without edges gets.
        isolated: Isolated,
    },
    /// P_ij = A_ij / (d_j + 1) with d_j = Σ_i A_ij, the authors' second code: a neighbour's features are damped by the
    /// neighbour's own degree, and neither rows nor columns sum to 1.
    DegreePlusOneColumns,
    /// P = D̃⁻¹(A + I) with D̃ = D + I: a walk that may stay where it is. Rows sum to 1, isolated nodes included.
    SelfLoops,
    /// P = D^(-1/2) A D^(-1/2). On a directed graph the left D holds out-degrees and the right D in-degrees.
    Symmetric,
}

impl Normalization {
    /// P = D⁻¹A with zero rows for isolated nodes, the paper's choice.
    pub const RANDOM_WALK: Self = Self::RandomWalk { isolated: Isolated::ZeroRow };
}

impl Default for Normalization {
    fn default() -> Self {
        Self::RANDOM_WALK
    }
}

/// The row of P = D⁻¹A for a node with d_i = 0, where the formula says 0/0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolated {
    /// A row of zeros: beyond hop 0 the node sees nothing (the authors' first code).
    #[default]
    ZeroRow,
    /// P_ii = 1: the walk stays, every hop repeats the node's own features, and every row of P sums to 1.
    SelfLoop,
}

/// The transition matrix P of an adjacency matrix A.
///
/// Degrees are summed in `f64`; each entry is rounded to `f32` once. Entries of A that are 0 are not stored in P.
///
/// # Shapes
/// N x N gives N x N.
///
/// # Errors
/// A that is not square or not by rows; a weight that is negative, infinite or not a number.
///
/// # Complexity
/// O(N + |E|) time and memory.
///
/// # Reference
/// Atwood and Towsley, "Diffusion-Convolutional Neural Networks" (NIPS 2016), section 2: "the degree-normalized
/// transition matrix".
///
/// # Example
/// ```
/// use shared::graph::{from_edges, transition_matrix, Normalization};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let star = from_edges(3, &[(0, 1), (0, 2)])?;
/// let p = transition_matrix(&star, Normalization::RANDOM_WALK)?;
/// assert_eq!(p.data(), &[0.5, 0.5, 1.0, 1.0]);
/// # Ok(())
/// # }
/// ```
pub fn transition_matrix(adjacency: &Csr, normalization: Normalization) -> Result<Csr, GraphError> {
    let n = check_weights("the adjacency matrix", adjacency)?;
    let rows = CsrRows::new(adjacency);
    let out_degree: Vec<f64> = (0..n).map(|i| rows.row(i).1.iter().map(|&a| f64::from(a)).sum()).collect();
    let in_degree = match normalization {
        Normalization::DegreePlusOneColumns | Normalization::Symmetric => column_sums(adjacency),
        Normalization::RandomWalk { .. } | Normalization::SelfLoops => Vec::new(),
    };

    let mut out = RowBuilder::new((n, n), adjacency.nnz());
    for (i, &d_i) in out_degree.iter().enumerate() {
        let (columns, values) = rows.row(i);
        let edges = columns.iter().zip(values).filter(|&(_, &a)| a > 0.0).map(|(&j, &a)| (j, f64::from(a)));
        match normalization {
            Normalization::RandomWalk { isolated } => {
                edges.for_each(|(j, a)| out.push(j, (a / d_i) as f32));
                if d_i == 0.0 && isolated == Isolated::SelfLoop {
                    out.push(i as u32, 1.0);
                }
            }
            Normalization::DegreePlusOneColumns => {
                edges.for_each(|(j, a)| out.push(j, (a / (in_degree[j as usize] + 1.0)) as f32));
            }
            Normalization::SelfLoops => {
                let own = i as u32;
                let mut own_pending = true;
                for (j, a) in edges {
                    if own_pending && j >= own {
                        own_pending = false;
                        let loop_weight = if j == own { a + 1.0 } else { 1.0 };
                        out.push(own, (loop_weight / (d_i + 1.0)) as f32);
                    }
                    if j != own {
                        out.push(j, (a / (d_i + 1.0)) as f32);
                    }
                }
                if own_pending {
                    out.push(own, (1.0 / (d_i + 1.0)) as f32);
                }
            }
            Normalization::Symmetric => {
                // a > 0 makes both degrees positive.
                edges.for_each(|(j, a)| out.push(j, (a / (d_i * in_degree[j as usize]).sqrt()) as f32));
            }
        }
        out.end_row();
    }
    out.finish()
}

/// Σ_i A_ij for every column j.
fn column_sums(matrix: &Csr) -> Vec<f64> {
    let mut sums = vec![0.0; matrix.cols()];
    for (&j, &a) in matrix.indices().iter().zip(matrix.data()) {
        sums[j as usize] += f64::from(a);
    }
    sums
}

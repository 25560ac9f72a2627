//! The diffusion of dense features.

use rayon::prelude::*;

use super::csr::{check_square, CsrRows, SparseRows};
use super::diffuse::{check_hops, zeros};
use super::gustavson::BLOCK_ROWS;
use super::{Csr, GraphError};

/// The diffusion of dense features: (P^j X)_ik for every node i, hop j and feature k.
///
/// ```text
/// S[i][j][k] = (P^j X)_ik,    j = 0..=H
/// ```
///
/// The dense counterpart of [`diffuse`](super::diffuse()), for features that are mostly non-zero (TF-IDF topics,
/// embeddings, molecule features). Every sum runs over the neighbours in the order of the row of P.
///
/// # Shapes
/// P: N x N; `x`: N x F row-major (`n` = N, `f` = F); result: N x (H+1) x F row-major.
///
/// # Errors
/// P that is not `n` x `n` by rows; `x` of another length than `n * f`; more than [`MAX_HOPS`](super::MAX_HOPS) hops; a
/// result of more than 2³² entries.
///
/// # Complexity
/// O(H·|E|·F) time, O(N·(H+3)·F) memory.
///
/// # Reference
/// Atwood and Towsley, "Diffusion-Convolutional Neural Networks" (NIPS 2016), equations 1 to 3.
///
/// # Example
/// ```
/// use shared::graph::{diffuse_dense, from_edges, transition_matrix, Normalization};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let p = transition_matrix(&from_edges(2, &[(0, 1)])?, Normalization::RANDOM_WALK)?;
/// let s = diffuse_dense(&p, &[1.0, 2.0, 30.0, 40.0], 2, 2, 1)?;
/// assert_eq!(s, [1.0, 2.0, 30.0, 40.0, 30.0, 40.0, 1.0, 2.0]);
/// # Ok(())
/// # }
/// ```
pub fn diffuse_dense(p: &Csr, x: &[f32], n: usize, f: usize, hops: usize) -> Result<Vec<f32>, GraphError> {
    let nodes = check_square("the transition matrix", p)?;
    check_hops(hops)?;
    if nodes != n {
        let why = "one for every row of the transition matrix";
        return Err(GraphError::SizeMismatch { what: "the list of nodes", found: n, expected: nodes, why });
    }
    if n.checked_mul(f) != Some(x.len()) {
        let (expected, why) = (n.saturating_mul(f), "nodes times features");
        return Err(GraphError::SizeMismatch { what: "the feature matrix", found: x.len(), expected, why });
    }
    let slices = hops + 1;
    let hint = "lower the hops, or keep the features sparse and call `diffuse`";
    let mut s = zeros("the dense diffusion", &[n, slices, f], hint)?;
    if s.is_empty() {
        return Ok(s);
    }

    let p = CsrRows::new(p);
    let node = slices * f;
    s.chunks_exact_mut(node).zip(x.chunks_exact(f)).for_each(|(s_i, x_i)| s_i[..f].copy_from_slice(x_i));
    // A hop reads the whole slice before it, so that slice is kept apart from S while rows of S are being written.
    let mut previous = x.to_vec();
    let mut next = if hops > 0 { vec![0.0; n * f] } else { Vec::new() };
    for j in 1..slices {
        let blocks = s.par_chunks_mut(BLOCK_ROWS * node).zip(next.par_chunks_mut(BLOCK_ROWS * f)).enumerate();
        blocks.for_each(|(b, (s_block, next_block))| {
            let rows = s_block.chunks_exact_mut(node).zip(next_block.chunks_exact_mut(f)).enumerate();
            for (r, (s_i, next_i)) in rows {
                next_i.fill(0.0);
                let (neighbours, weights) = p.row(b * BLOCK_ROWS + r);
                for (&l, &p_il) in neighbours.iter().zip(weights) {
                    let start = l as usize * f;
                    next_i.iter_mut().zip(&previous[start..start + f]).for_each(|(sum, &y)| *sum += p_il * y);
                }
                s_i[j * f..(j + 1) * f].copy_from_slice(next_i);
            }
        });
        std::mem::swap(&mut previous, &mut next);
    }
    Ok(s)
}

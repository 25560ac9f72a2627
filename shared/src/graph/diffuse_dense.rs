//! The diffusion of dense features.

use rayon::prelude::*;

use super::csr::{check_square, CsrRows, SparseRows};
use super::dense_rows::{weighted_sums, DenseRows};
use super::diffuse::{check_entries, check_hops, zeros};
use super::{Csr, GraphError, PowerRows};

/// Rows a task. Whole blocks are computed by one thread, whichever it is.
const BLOCK_ROWS: usize = 64;

/// A diffusion S of dense features, slice by slice: slice j is P^j X, row-major.
///
/// Slices lie apart, so that the first is X itself without a copy and each is computed from the one before it in place:
/// the whole costs N·(H+1)·F floats and nothing besides.
///
/// # Shapes
/// H + 1 slices of N x F.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseDiffused {
    slices: Vec<Vec<f32>>,
    rows: usize,
    features: usize,
}

impl DenseDiffused {
    /// Slices that were computed elsewhere, each of `rows` x `features`, row-major.
    ///
    /// # Errors
    /// [`GraphError::SizeMismatch`] for a slice of another length, and for none.
    pub fn from_slices(slices: Vec<Vec<f32>>, rows: usize, features: usize) -> Result<Self, GraphError> {
        if slices.is_empty() {
            let why = "hop 0 at least";
            return Err(GraphError::SizeMismatch { what: "the list of slices", found: 0, expected: 1, why });
        }
        let expected = rows.saturating_mul(features);
        let why = "rows times features, for hop 0 and every other";
        match slices.iter().map(Vec::len).find(|len| *len != expected) {
            Some(found) => Err(GraphError::SizeMismatch { what: "a slice", found, expected, why }),
            None => Ok(Self { slices, rows, features }),
        }
    }

    /// Number of rows, N.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of slices, H + 1.
    pub fn slices(&self) -> usize {
        self.slices.len()
    }

    /// Number of features a slice, F.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Slice j, P^j X: N x F row-major; `None` beyond the last.
    pub fn slice(&self, j: usize) -> Option<&[f32]> {
        self.slices.get(j).map(Vec::as_slice)
    }

    /// The slices, X first: for a caller that wants X back.
    pub fn into_slices(self) -> Vec<Vec<f32>> {
        self.slices
    }

    /// Row i of every slice, from hop 0 on: H + 1 pieces of F floats.
    ///
    /// # Panics
    /// When i is not below [`rows`](Self::rows), as indexing a slice does.
    pub fn row(&self, i: usize) -> impl Iterator<Item = &[f32]> {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        self.slices.iter().map(move |slice| &slice[i * self.features..(i + 1) * self.features])
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.slices.iter().map(|slice| slice.capacity() * size_of::<f32>()).sum()
    }
}

/// The diffusion [X, PX, …, P^H X] of dense features, for features that are mostly non-zero (TF-IDF topics, embeddings,
/// molecule features); the counterpart of [`diffuse`](super::diffuse()).
///
/// X is taken by value and becomes the first slice. Every sum runs over the neighbours in the order of the row of P, so
/// the bits do not depend on the number of threads.
///
/// # Shapes
/// P: N x N; `x`: N x F row-major (`features` = F).
///
/// # Errors
/// P that is not square or not by rows; `x` of another length than N·F; more than [`MAX_HOPS`](super::MAX_HOPS) hops; a
/// result of more than 2³² entries.
///
/// # Complexity
/// O(H·|E|·F) time, N·(H+1)·F floats.
///
/// # Reference
/// Atwood and Towsley, "Diffusion-Convolutional Neural Networks" (NIPS 2016), equations 1 to 3.
///
/// # Example
/// ```
/// use shared::graph::{diffuse_dense_slices, from_edges, transition_matrix, Normalization};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let p = transition_matrix(&from_edges(2, &[(0, 1)])?, Normalization::RANDOM_WALK)?;
/// let s = diffuse_dense_slices(&p, vec![1.0, 2.0, 30.0, 40.0], 2, 1)?;
/// assert_eq!(s.slice(1), Some(&[30.0, 40.0, 1.0, 2.0][..]));
/// # Ok(())
/// # }
/// ```
pub fn diffuse_dense_slices(
    p: &Csr,
    x: Vec<f32>,
    features: usize,
    hops: usize,
) -> Result<DenseDiffused, GraphError> {
    let rows = check_square("the transition matrix", p)?;
    let mut slices = fresh_slices(rows, x, features, hops)?;
    if rows * features > 0 {
        let p = CsrRows::new(p);
        for j in 1..=hops {
            let (done, open) = slices.split_at_mut(j);
            let x = DenseRows::new(&done[j - 1], features);
            open[0].par_chunks_mut(BLOCK_ROWS * features).enumerate().for_each(|(b, out)| {
                weighted_sums(x, |r| p.row(b * BLOCK_ROWS + r), out);
            });
        }
    }
    Ok(DenseDiffused { slices, rows, features })
}

/// [`diffuse_dense_slices`] by the rows of powers of any kind: slice k, row i is Σ_l `powers`_k\[i, l\] x_l.
///
/// Where [`diffuse_dense_slices`] multiplies hop by hop and needs no power at all, this takes each power as `powers`
/// gives it, row by row: thresholded, for example. No power is stored.
///
/// # Errors
/// As [`diffuse_dense_slices`].
///
/// # Complexity
/// The time of the rows and O(F) for each of their entries; N·(H+1)·F floats and one scratch of `powers` a thread.
pub fn diffuse_dense_rows<P: PowerRows>(
    powers: &P,
    x: Vec<f32>,
    features: usize,
) -> Result<DenseDiffused, GraphError> {
    let (rows, hops) = (powers.nodes(), powers.hops());
    let mut slices = fresh_slices(rows, x, features, hops)?;
    if rows * features > 0 && hops > 0 {
        let (first, open) = slices.split_at_mut(1);
        let x = DenseRows::new(&first[0], features);
        let mut blocks: Vec<Vec<&mut [f32]>> =
            (0..rows.div_ceil(BLOCK_ROWS)).map(|_| Vec::with_capacity(hops)).collect();
        for slice in open.iter_mut() {
            slice
                .chunks_mut(BLOCK_ROWS * features)
                .zip(&mut blocks)
                .for_each(|(chunk, block)| block.push(chunk));
        }
        blocks.par_iter_mut().enumerate().for_each_init(
            || powers.scratch(),
            |scratch, (b, block)| {
                for r in 0..BLOCK_ROWS.min(rows - b * BLOCK_ROWS) {
                    powers.rows(b * BLOCK_ROWS + r, scratch, &mut |hop, columns, values| {
                        let out = &mut block[hop - 1][r * features..(r + 1) * features];
                        weighted_sums(x, |_| (columns, values), out);
                    });
                }
            },
        );
    }
    Ok(DenseDiffused { slices, rows, features })
}

/// The same numbers as [`diffuse_dense_slices`], node by node: S\[i\]\[j\]\[k\] = (P^j X)_ik.
///
/// # Shapes
/// P: N x N; `x`: N x F row-major (`n` = N, `f` = F); result: N x (H+1) x F row-major.
///
/// # Errors
/// As [`diffuse_dense_slices`], and for `n` other than the side of P.
///
/// # Complexity
/// O(H·|E|·F) time, O(2·N·(H+1)·F) memory.
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
    if nodes != n {
        let why = "one for every row of the transition matrix";
        return Err(GraphError::SizeMismatch { what: "the list of nodes", found: n, expected: nodes, why });
    }
    let sliced = diffuse_dense_slices(p, x.to_vec(), f, hops)?;
    let mut s = zeros("the dense diffusion", &[n, hops + 1, f], HINT)?;
    let node = (hops + 1) * f;
    s.par_chunks_exact_mut(node.max(1)).enumerate().for_each(|(i, s_i)| {
        s_i.chunks_exact_mut(f).zip(sliced.row(i)).for_each(|(to, from)| to.copy_from_slice(from));
    });
    Ok(s)
}

const HINT: &str = "lower the hops, or keep the features sparse and call `diffuse`";

/// X and `hops` slices of zeros.
fn fresh_slices(rows: usize, x: Vec<f32>, features: usize, hops: usize) -> Result<Vec<Vec<f32>>, GraphError> {
    check_hops(hops)?;
    if rows.checked_mul(features) != Some(x.len()) {
        let (expected, why) = (rows.saturating_mul(features), "nodes times features");
        return Err(GraphError::SizeMismatch { what: "the feature matrix", found: x.len(), expected, why });
    }
    check_entries("the dense diffusion", &[rows, hops + 1, features], HINT)?;
    let mut slices = vec![x];
    slices.extend((0..hops).map(|_| crate::device::zeros(rows * features)));
    Ok(slices)
}

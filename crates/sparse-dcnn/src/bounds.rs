//! The theorems: how many entries thresholding leaves, and how far off the result can be.
//!
//! | theorem | says | function |
//! |---|---|---|
//! | T1 (Pre) | nnz(P̄^k) ≤ N ⌊1/σ⌋^k | [`power_bound`] |
//! | T2 (Post) | nnz ≤ N ⌊1/σ⌋ for each power | [`power_bound`] |
//! | T3 (Post) | the error at node i is at most its dropped mass times max abs X | [`error_bound`] |
//! | T4 (Pre) | the error at node i is at most the chance that a k-step walk from i meets a dropped entry, times max abs X | [`error_bound`] |
//!
//! They hold for P with rows that sum to at most 1, such as D⁻¹A.

use rayon::prelude::*;
use shared::graph::{Csr, PowerRows};

use crate::{
    powers::{Powers, Sparsify},
    threshold::{Threshold, TOLERANCE},
    SparseError,
};

/// How far a row sum may be above 1 by rounding.
const SUM_SLACK: f64 = 1e-5;

/// The most entries that σ leaves in a row that sums to at most 1: ⌊1/σ⌋, with the [tolerance](TOLERANCE) at the edge.
///
/// # Example
/// ```
/// use sparse_dcnn::bounds::row_bound;
/// assert_eq!((row_bound(0.05), row_bound(0.3), row_bound(1.0), row_bound(1.5)), (20, 3, 1, 0));
/// ```
#[must_use]
pub fn row_bound(sigma: f64) -> u64 {
    // Saturates for σ near 0, where it bounds nothing.
    ((1.0 + TOLERANCE) / (sigma * (1.0 - TOLERANCE))).floor() as u64
}

/// The most entries that what is kept of P^k can have, for a graph of N nodes: T1 for Pre, T2 for Post, N·K for the K
/// largest of each row; never more than N².
///
/// # Example
/// ```
/// use sparse_dcnn::{bounds::power_bound, Threshold};
/// assert_eq!(power_bound(1_000_000, Threshold::Pre(0.25), 2), 16_000_000);
/// assert_eq!(power_bound(1_000_000, Threshold::Post(0.25), 2), 4_000_000);
/// ```
#[must_use]
pub fn power_bound(nodes: usize, threshold: Threshold, hop: usize) -> u128 {
    let n = nodes as u128;
    let row = match threshold {
        Threshold::None if hop == 0 => 1,
        Threshold::None => n,
        Threshold::Pre(sigma) => {
            u128::from(row_bound(sigma)).saturating_pow(hop.try_into().unwrap_or(u32::MAX))
        }
        Threshold::Post(_) | Threshold::TopK(_) if hop == 0 => 1,
        Threshold::Post(sigma) => u128::from(row_bound(sigma)),
        Threshold::TopK(k) => k as u128,
    };
    n.saturating_mul(row.min(n))
}

/// By how much thresholding can change the diffusion, for every node and hop.
///
/// Entry (k, i) is ε with |(P^k X)_ij − (P̄^k X)_ij| ≤ ε · max |X_lj| for every feature j, where P̄^k is what is kept of
/// power k.
///
/// - Post and top-k: ε is the mass that was dropped from row i of P^k (T3).
/// - Pre: ε is the mass of row i of P^k less that of P̄^k: the chance that a walk of k steps from i takes a dropped
///   entry (T4). Two matrix-vector products a hop; no power is computed.
/// - Renormalised rows: twice the dropped mass for Post and top-k, and Σ_s P^s |P − P̃| 1 for Pre.
///
/// # Shapes
/// H vectors of N.
///
/// # Errors
/// [`SparseError::NotStochastic`] for a row of P that sums to more than 1; as [`Powers::new`].
///
/// # Complexity
/// Pre: O(H |E|). Post and top-k: as all rows of [`Powers`], without storing any.
///
/// # Reference
/// Derived for this crate: P^k − P̄^k = Σ_s P^s (P − P̄) P̄^(k−1−s), all of whose terms are non-negative.
///
/// # Example
/// ```
/// use shared::graph::{from_edges, transition_matrix, Normalization};
/// use sparse_dcnn::{bounds::error_bound, Threshold};
/// let p = transition_matrix(&from_edges(4, &[(0, 1), (0, 2), (0, 3)])?, Normalization::RANDOM_WALK)?;
/// let bound = error_bound(&p, Threshold::Pre(0.5), 2)?;
/// assert_eq!(bound[0], [1.0, 0.0, 0.0, 0.0]); // the hub's row is dropped
/// assert_eq!(bound[1], [1.0, 1.0, 1.0, 1.0]); // every walk of two steps passes through it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn error_bound(
    p: &Csr,
    sparsify: impl Into<Sparsify>,
    hops: usize,
) -> Result<Vec<Vec<f32>>, SparseError> {
    let sparsify = sparsify.into();
    let powers = Powers::new(p, sparsify, hops)?;
    check_row_sums(p)?;
    let n = p.rows();
    let walked = match sparsify.threshold {
        Threshold::None => vec![vec![0.0f64; n]; hops],
        Threshold::Pre(_) if sparsify.renormalize => rescaled(p, powers.matrix(), hops),
        Threshold::Pre(_) => {
            let (mut exact, mut kept) = (vec![1.0f64; n], vec![1.0f64; n]);
            let mut bounds = Vec::with_capacity(hops);
            for _ in 0..hops {
                exact = times(p, &exact);
                kept = times(powers.matrix(), &kept);
                bounds.push(exact.iter().zip(&kept).map(|(e, k)| (e - k).max(0.0)).collect());
            }
            bounds
        }
        Threshold::Post(_) | Threshold::TopK(_) => dropped(p, &powers, hops)?,
    };
    let up = |bound: Vec<f64>| bound.into_par_iter().map(|b| b as f32).collect();
    Ok(walked.into_iter().map(up).collect())
}

/// The mass that is dropped from each row of each exact power; twice that where rows are rescaled.
fn dropped(p: &Csr, powers: &Powers<'_>, hops: usize) -> Result<Vec<Vec<f64>>, SparseError> {
    let n = p.rows();
    let mut exact = vec![1.0f64; n];
    let mut mass = Vec::with_capacity(hops);
    for _ in 0..hops {
        exact = times(p, &exact);
        mass.push(exact.clone());
    }
    // The kept rows as they are before any rescaling.
    let plain = Sparsify { renormalize: false, ..powers.sparsify() };
    let plain = Powers::new(p, plain, hops)?;
    let kept: Vec<Vec<f64>> = (0..n)
        .into_par_iter()
        .with_min_len(64)
        .map_init(
            || plain.scratch(),
            |walk, i| {
                let mut sums = Vec::with_capacity(hops);
                plain
                    .rows(i, walk, &mut |_, _, values| sums.push(values.iter().map(|v| f64::from(*v)).sum()));
                sums
            },
        )
        .collect();
    let rescaled = powers.sparsify().renormalize;
    for (k, mass) in mass.iter_mut().enumerate() {
        for (mass, kept) in mass.iter_mut().zip(&kept) {
            let gone = (*mass - kept[k]).max(0.0);
            *mass = if rescaled && kept[k] > 0.0 { 2.0 * gone } else { gone };
        }
    }
    Ok(mass)
}

/// Σ_{s<k} P^s d with d_i = Σ_j |P_ij − P̃_ij|, for a matrix P̃ that is not below P.
fn rescaled(p: &Csr, changed: &Csr, hops: usize) -> Vec<Vec<f64>> {
    let difference = |i: usize| -> f64 {
        let (a, b) = (entries(p, i), entries(changed, i));
        let mut kept = b.peekable();
        a.map(|(j, v)| match kept.peek() {
            Some(&(l, w)) if l == j => {
                kept.next();
                (v - w).abs()
            }
            _ => v,
        })
        .sum()
    };
    let mut walked: Vec<f64> = (0..p.rows()).into_par_iter().map(difference).collect();
    let mut sum = vec![0.0; p.rows()];
    let mut bounds = Vec::with_capacity(hops);
    for _ in 0..hops {
        sum.iter_mut().zip(&walked).for_each(|(s, w)| *s += w);
        bounds.push(sum.clone());
        walked = times(p, &walked);
    }
    bounds
}

/// P v.
fn times(p: &Csr, v: &[f64]) -> Vec<f64> {
    let row = |i: usize| entries(p, i).map(|(j, value)| value * v[j]).sum();
    (0..p.rows()).into_par_iter().with_min_len(1024).map(row).collect()
}

fn entries(p: &Csr, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
    let span = p.indptr().outer_inds_sz(i);
    p.indices()[span.clone()].iter().zip(&p.data()[span]).map(|(&j, &v)| (j as usize, f64::from(v)))
}

fn check_row_sums(p: &Csr) -> Result<(), SparseError> {
    let sums = times(p, &vec![1.0; p.cols()]);
    match sums.iter().position(|sum| *sum > 1.0 + SUM_SLACK) {
        Some(row) => Err(SparseError::NotStochastic { row, sum: sums[row] }),
        None => Ok(()),
    }
}

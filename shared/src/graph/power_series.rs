//! The power series P* = {P⁰, P¹, …, P^H}, the tensor that the paper's formulas are written with.
//!
//! [`diffuse`](super::diffuse()) gives P*X without it. The powers themselves are for looking at (how fast they fill up),
//! for thresholding, and as the reference that the diffusion is tested against.

use super::csr::check_square;
use super::diffuse::{check_entries, check_hops, multiply};
use super::{diffuse_dense, identity, Csr, GraphError};

/// The powers P⁰, P¹, …, P^H as sparse matrices, `hops` + 1 of them.
///
/// P^j = P·P^(j-1). For P = D⁻¹A on a graph without isolated nodes every row of every power sums to 1: (P^j)_il is the
/// chance that a walk of j steps from i ends at l.
///
/// # Shapes
/// P: N x N; result: H + 1 matrices of N x N.
///
/// # Errors
/// P that is not square or not by rows; more than [`MAX_HOPS`](super::MAX_HOPS) hops.
///
/// # Complexity
/// O(Σ_j Σ_il nnz(row l of P^j)) time. Memory is the non-zeros of all powers, which tend to N² each: Cora's first three
/// have 10,556, 94,728 and 330,614. Use [`diffuse`](super::diffuse()) where only P*X is wanted.
///
/// # Reference
/// Atwood and Towsley, "Diffusion-Convolutional Neural Networks" (NIPS 2016), section 2.
///
/// # Example
/// ```
/// use shared::graph::{from_edges, power_series, transition_matrix, Normalization};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let p = transition_matrix(&from_edges(3, &[(0, 1), (1, 2)])?, Normalization::RANDOM_WALK)?;
/// let powers = power_series(&p, 2)?;
/// assert_eq!(powers[1], p);
/// assert_eq!(powers[2].get(0, 2), Some(&0.5));
/// # Ok(())
/// # }
/// ```
pub fn power_series(p: &Csr, hops: usize) -> Result<Vec<Csr>, GraphError> {
    let n = check_square("the transition matrix", p)?;
    check_hops(hops)?;
    let mut powers = vec![identity(n)?];
    if hops > 0 {
        powers.push(p.clone());
    }
    for j in 2..=hops {
        powers.push(multiply(p, &powers[j - 1])?);
    }
    Ok(powers)
}

/// The dense tensor P*, `P*[i][j][l]` = (P^j)_il, as the authors' codes store it.
///
/// # Shapes
/// P: N x N; result: N x (H+1) x N row-major.
///
/// # Errors
/// As [`power_series`], and [`GraphError::TooLarge`] beyond 2³² entries.
///
/// # Complexity
/// O(H·|E|·N) time and O(N²·H) memory, which is why nothing else in this module uses it.
///
/// # Reference
/// Atwood and Towsley (NIPS 2016), section 2: "P*_t, an N_t x H x N_t tensor".
///
/// # Example
/// ```
/// use shared::graph::{from_edges, power_series_dense, transition_matrix, Normalization};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let p = transition_matrix(&from_edges(2, &[(0, 1)])?, Normalization::RANDOM_WALK)?;
/// assert_eq!(power_series_dense(&p, 1)?, [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
/// # Ok(())
/// # }
/// ```
pub fn power_series_dense(p: &Csr, hops: usize) -> Result<Vec<f32>, GraphError> {
    let n = check_square("the transition matrix", p)?;
    check_hops(hops)?;
    let hint = "use `power_series`, or `diffuse` where only P*X is wanted";
    // Refused here, before the identity is allocated, and with this function's hint.
    check_entries("the dense power series", &[n, hops + 1, n], hint)?;
    let mut eye = vec![0.0; n * n];
    eye.iter_mut().step_by(n + 1).for_each(|diagonal| *diagonal = 1.0);
    diffuse_dense(p, &eye, n, n, hops)
}

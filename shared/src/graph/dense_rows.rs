//! Weighted sums of dense rows, Σ_j p_j x_j: the inner loop of every diffusion of dense features.

use pulp::{Arch, Simd, WithSimd};

/// How many neighbours ahead of its sum a row is fetched.
const AHEAD: usize = 4;
/// Floats of a cache line.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 16;

/// A dense matrix by rows, as it lies in memory.
#[derive(Clone, Copy)]
pub(super) struct DenseRows<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> DenseRows<'a> {
    /// `values` holds whole rows of `width`.
    pub(super) fn new(values: &'a [f32], width: usize) -> Self {
        Self { values, width }
    }

    #[inline]
    fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.width..(i + 1) * self.width]
    }
}

/// Rows of weights times dense rows: `out` row r becomes Σ_j p_rj x_j, summed in the order of the row's entries.
///
/// One call computes a block of rows, so that choosing the instruction set costs once a block.
pub(super) fn weighted_sums<'w>(
    x: DenseRows<'_>,
    weights: impl Fn(usize) -> (&'w [u32], &'w [f32]),
    out: &mut [f32],
) {
    Arch::new().dispatch(Sums { x, weights, out });
}

struct Sums<'a, 'o, W> {
    x: DenseRows<'a>,
    weights: W,
    out: &'o mut [f32],
}

impl<'w, W: Fn(usize) -> (&'w [u32], &'w [f32])> WithSimd for Sums<'_, '_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Sums { x, weights, out } = self;
        for (r, out) in out.chunks_exact_mut(x.width.max(1)).enumerate() {
            let (columns, values) = (weights)(r);
            let mut at = 0;
            // Wide panels first: a row of x is read once for each panel, and its sums stay in registers meanwhile.
            at = panels::<S, 8>(simd, x, columns, values, out, at);
            at = panels::<S, 4>(simd, x, columns, values, out, at);
            at = panels::<S, 1>(simd, x, columns, values, out, at);
            if at < out.len() {
                let mut sum = simd.splat_f32s(0.0);
                for (&j, &p) in columns.iter().zip(values) {
                    let row = simd.partial_load_f32s(&x.row(j as usize)[at..]);
                    sum = simd.mul_add_e_f32s(simd.splat_f32s(p), row, sum);
                }
                simd.partial_store_f32s(&mut out[at..], sum);
            }
        }
    }
}

/// The sums of as many whole panels of `V` vectors as fit from column `at`; returns the first column left.
#[inline(always)]
fn panels<S: Simd, const V: usize>(
    simd: S,
    x: DenseRows<'_>,
    columns: &[u32],
    values: &[f32],
    out: &mut [f32],
    mut at: usize,
) -> usize {
    let panel = V * S::F32_LANES;
    while at + panel <= out.len() {
        let mut sums = [simd.splat_f32s(0.0); V];
        for (e, (&j, &p)) in columns.iter().zip(values).enumerate() {
            if let Some(&ahead) = columns.get(e + AHEAD) {
                prefetch(&x.row(ahead as usize)[at..at + panel]);
            }
            let (row, _) = S::as_simd_f32s(&x.row(j as usize)[at..at + panel]);
            let p = simd.splat_f32s(p);
            for (sum, row) in sums.iter_mut().zip(row) {
                *sum = simd.mul_add_e_f32s(p, *row, *sum);
            }
        }
        let (to, _) = S::as_mut_simd_f32s(&mut out[at..at + panel]);
        to.copy_from_slice(&sums);
        at += panel;
    }
    at
}

/// Asks the processor to have these values in its cache soon. Neighbours lie anywhere in memory, and one row is too
/// short for the processor to see a pattern.
#[inline(always)]
fn prefetch(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(LINE) {
        use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        // SAFETY: a prefetch reads nothing and cannot fault; every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_has_its_sum() {
        for width in [0, 1, 3, 4, 15, 16, 17, 63, 64, 100, 128, 200, 257] {
            let x: Vec<f32> = (0..4 * width).map(|i| ((i * 37) % 101) as f32 - 50.0).collect();
            let rows: [(&[u32], &[f32]); 3] =
                [(&[2, 0], &[0.5, 0.25]), (&[], &[]), (&[1, 2, 3], &[1.0, -2.0, 4.0])];
            let mut out = vec![7.0; 3 * width];
            weighted_sums(DenseRows::new(&x, width), |r| rows[r], &mut out);
            for (r, (columns, values)) in rows.iter().enumerate() {
                for k in 0..width {
                    let exact: f32 =
                        columns.iter().zip(*values).map(|(&j, p)| p * x[j as usize * width + k]).sum();
                    assert_eq!(out[r * width + k], exact, "width {width}, row {r}, column {k}");
                }
            }
        }
    }
}

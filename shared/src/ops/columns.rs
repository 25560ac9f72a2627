//! Sums down the columns of a matrix: the gradient of every bias.

use rayon::prelude::*;

use super::math::vectorised;

/// Columns whose sums one task takes.
const COLUMNS: usize = 128;

/// Adds to each column's sum its values, row after row.
pub(crate) fn add_column_sums(values: &[f32], sums: &mut [f32]) {
    if sums.is_empty() {
        return;
    }
    let width = sums.len().max(1);
    sums.par_chunks_mut(COLUMNS).enumerate().for_each(|(block, sums)| {
        vectorised(|| {
            for row in values.chunks_exact(width) {
                sums.iter_mut().zip(&row[block * COLUMNS..]).for_each(|(sum, v)| *sum += v);
            }
        });
    });
}

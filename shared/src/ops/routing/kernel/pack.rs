//! Between the order of tensors and that of vectors of children.

use rayon::prelude::*;

use super::{Lanes, RoutingSizes, LANES};

/// W (I, J N, M) as (block, J N, M) vectors.
pub(super) fn pack_weights(sizes: &RoutingSizes, w: &[f32]) -> Vec<Lanes> {
    let row = sizes.outputs() * sizes.length;
    let mut packed = vec![[0.0; LANES]; sizes.blocks() * row];
    packed.par_chunks_mut(row.max(1)).zip(w.par_chunks((LANES * row).max(1))).for_each(|(to, from)| {
        transpose(from, row, to);
    });
    packed
}

/// u (B, I, M) as (B, block, M) vectors.
pub(super) fn pack_children(sizes: &RoutingSizes, u: &[f32]) -> Vec<Lanes> {
    let (example, row) = (sizes.children * sizes.length, sizes.length.max(1));
    let mut packed = vec![[0.0; LANES]; sizes.batch * sizes.blocks() * sizes.length];
    packed.par_chunks_mut((sizes.blocks() * sizes.length).max(1)).zip(u.par_chunks(example.max(1))).for_each(
        |(to, from)| {
            for (to, from) in to.chunks_exact_mut(row).zip(from.chunks(LANES * row)) {
                transpose(from, row, to);
            }
        },
    );
    packed
}

/// Up to LANES rows into vectors.
fn transpose(from: &[f32], row: usize, to: &mut [Lanes]) {
    for (lane, from) in from.chunks_exact(row.max(1)).enumerate() {
        to.iter_mut().zip(from).for_each(|(to, from)| to[lane] = *from);
    }
}

/// Adds vectors to the rows that they stand for: as many as `to` has.
pub(super) fn add_rows(from: &[Lanes], row: usize, to: &mut [f32]) {
    for (lane, to) in to.chunks_exact_mut(row.max(1)).enumerate() {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += from[lane]);
    }
}

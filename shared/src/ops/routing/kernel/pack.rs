//! Between the order of tensors and that of vectors of children.

use rayon::prelude::*;

use super::Blocks;

/// W (I, J N, M) as (block, J N, M) vectors.
pub(super) fn pack_weights(blocks: &Blocks, w: &[f32]) -> Vec<f32> {
    let row = blocks.sizes.outputs() * blocks.sizes.length;
    let mut packed = vec![0.0; blocks.count() * blocks.weights()];
    packed.par_chunks_mut(blocks.weights()).zip(w.par_chunks(blocks.lanes * row)).for_each(|(to, from)| {
        transpose(from, row, blocks.lanes, to);
    });
    packed
}

/// u (B, I, M) as (B, block, M) vectors.
pub(super) fn pack_children(blocks: &Blocks, u: &[f32]) -> Vec<f32> {
    let (example, row) = (blocks.sizes.children * blocks.sizes.length, blocks.sizes.length);
    let mut packed = vec![0.0; blocks.sizes.batch * blocks.children()];
    packed.par_chunks_mut(blocks.children()).zip(u.par_chunks(example)).for_each(|(to, from)| {
        for (to, from) in to.chunks_exact_mut(row * blocks.lanes).zip(from.chunks(blocks.lanes * row)) {
            transpose(from, row, blocks.lanes, to);
        }
    });
    packed
}

/// Up to `lanes` rows into vectors.
fn transpose(from: &[f32], row: usize, lanes: usize, to: &mut [f32]) {
    for (lane, from) in from.chunks_exact(row).enumerate() {
        to[lane..].iter_mut().step_by(lanes).zip(from).for_each(|(to, from)| *to = *from);
    }
}

/// Adds vectors to the rows that they stand for: as many as `to` has.
pub(super) fn add_rows(from: &[f32], row: usize, lanes: usize, to: &mut [f32]) {
    for (lane, to) in to.chunks_exact_mut(row).enumerate() {
        to.iter_mut().zip(from[lane..].iter().step_by(lanes)).for_each(|(to, from)| *to += from);
    }
}

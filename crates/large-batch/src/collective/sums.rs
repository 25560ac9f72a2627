//! Sums of buffers, value by value.

/// Values of a block that is added up and handed out while it is in the fastest cache.
const BLOCK: usize = 4096;

/// mine <- mine + theirs, value by value.
pub(crate) fn add(mine: &mut [f32], theirs: &[f32]) {
    pulp::Arch::new().dispatch(|| {
        for (mine, theirs) in mine.iter_mut().zip(theirs) {
            *mine += *theirs;
        }
    });
}

/// Puts the sum of all buffers, ((b_0 + b_1) + b_2) + ..., into each of them. All have the length of the first.
pub(super) fn add_up_everywhere(buffers: &mut [&mut [f32]]) {
    let Some((first, others)) = buffers.split_first_mut() else { return };
    pulp::Arch::new().dispatch(|| {
        for start in (0..first.len()).step_by(BLOCK) {
            let end = first.len().min(start + BLOCK);
            let sum = &mut first[start..end];
            for other in others.iter() {
                for (sum, x) in sum.iter_mut().zip(&other[start..end]) {
                    *sum += *x;
                }
            }
            for other in others.iter_mut() {
                other[start..end].copy_from_slice(sum);
            }
        }
    });
}

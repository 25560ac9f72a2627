//! Fresh memory.

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// Below this many elements one thread is as fast as several.
const PARALLEL_MIN: usize = 1 << 16;

/// `len` zeros. Large ones are written by all threads: the first touch of memory costs as much as several passes over
/// it, and then every thread pays its part.
pub(crate) fn zeros(len: usize) -> Vec<f32> {
    if len < PARALLEL_MIN {
        return vec![0.0; len];
    }
    let mut values = Vec::with_capacity(len);
    let fresh = &mut values.spare_capacity_mut()[..len];
    fresh.par_chunks_mut(PARALLEL_MIN / 2).for_each(|chunk| chunk.fill(MaybeUninit::new(0.0)));
    // SAFETY: the chunks cover the first `len` elements of the capacity, and each has just been filled.
    unsafe { values.set_len(len) };
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_zero_whatever_the_length() {
        for len in [0, 1, PARALLEL_MIN - 1, PARALLEL_MIN, 5 * PARALLEL_MIN + 3] {
            let values = zeros(len);
            assert!(values.len() == len && values.iter().all(|v| *v == 0.0));
        }
    }
}

//! Squares of as many vectors as a vector has lanes, turned over in registers.

use pulp::Simd;

/// Lanes of the widest vectors.
pub(super) const LANES: usize = 16;

/// Up to [`LANES`] vectors; the type says nothing about what their bits are.
pub(super) type Square<S> = [<S as Simd>::u32s; LANES];

/// Vector i, lane j becomes vector j, lane i, for the first vectors of the square, as many as a vector has lanes.
///
/// # Reference
/// Eklundh, "A fast computer method for matrix transposing" (1972): log₂ of the side passes, which exchange halves.
#[inline(always)]
pub(super) fn turned<S: Simd>(simd: S, square: Square<S>) -> Square<S> {
    let square = exchanged::<S, 8>(simd, square);
    let square = exchanged::<S, 4>(simd, square);
    let square = exchanged::<S, 2>(simd, square);
    exchanged::<S, 1>(simd, square)
}

/// Exchanges, of vectors STEP apart, the upper lanes of the first with the lower lanes of the second.
#[inline(always)]
fn exchanged<S: Simd, const STEP: usize>(simd: S, mut square: Square<S>) -> Square<S> {
    if S::F32_LANES <= STEP {
        return square;
    }
    let mut upper = [0u32; LANES];
    upper.iter_mut().enumerate().for_each(|(lane, upper)| *upper = (lane & STEP) as u32);
    // SAFETY: a vector has at most LANES lanes, and every bit pattern is one.
    let upper = unsafe { upper.as_ptr().cast::<S::u32s>().read_unaligned() };
    let lower = simd.equal_u32s(upper, simd.splat_u32s(0));
    for i in 0..LANES {
        if i & STEP == 0 && i + STEP < S::F32_LANES {
            let (a, b) = (square[i], square[i + STEP]);
            square[i] = simd.select_u32s(lower, a, simd.rotate_right_u32s(b, STEP));
            square[i + STEP] = simd.select_u32s(lower, simd.rotate_right_u32s(a, S::F32_LANES - STEP), b);
        }
    }
    square
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    #[test]
    fn rows_become_columns() {
        struct Turn;
        impl WithSimd for Turn {
            type Output = ();
            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                let mut square = [simd.splat_u32s(0); LANES];
                for (i, vector) in square.iter_mut().enumerate().take(S::F32_LANES) {
                    let mut lanes = [0u32; LANES];
                    lanes.iter_mut().enumerate().for_each(|(j, lane)| *lane = (100 * i + j) as u32);
                    *vector = simd.partial_load_u32s(&lanes[..S::F32_LANES]);
                }
                for (i, vector) in turned::<S>(simd, square).into_iter().enumerate().take(S::F32_LANES) {
                    let mut lanes = [0u32; LANES];
                    simd.partial_store_u32s(&mut lanes[..S::F32_LANES], vector);
                    for (j, lane) in lanes.iter().enumerate().take(S::F32_LANES) {
                        assert_eq!(*lane as usize, 100 * j + i);
                    }
                }
            }
        }
        Arch::new().dispatch(Turn);
        Turn.with_simd(pulp::Scalar);
    }
}

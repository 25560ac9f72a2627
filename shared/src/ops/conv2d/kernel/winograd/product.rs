//! The products of matrices that the algorithm is made of.

use pulp::{Simd, WithSimd};

use crate::ops::conv2d::kernel::{
    tile::{load, store},
    Width,
};

/// Vectors of a row of the result at most.
pub(super) const VECTORS: usize = 4;

/// Rows that are computed at a time beside so many vectors: those with the fewest idle ones for `rows` of them.
pub(super) fn block_of(width: &Width, rows: usize, vectors: usize) -> usize {
    if width.registers < 32 {
        return 4;
    }
    if vectors == VECTORS {
        return 6;
    }
    // of equals the first
    [8, 7, 6].into_iter().min_by_key(|block| rows.next_multiple_of(*block)).unwrap_or(8)
}

/// sums\[r\]\[..\] = (or +=) Σₖ a\[r\]\[k\] b\[k\]\[..\], for `rows` rows rounded up to a multiple of `block`.
pub(super) struct Product<'a> {
    pub(super) a: &'a [f32],
    /// Elements of `a` from one row to the next, and from one k to the next.
    pub(super) a_steps: [usize; 2],
    pub(super) b: &'a [f32],
    /// Vectors of a row of `b` and of `sums`, which lie without gaps.
    pub(super) vectors: usize,
    pub(super) depth: usize,
    pub(super) rows: usize,
    /// 8, 7, 6 or 4.
    pub(super) block: usize,
    pub(super) add: bool,
    pub(super) sums: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (self.block, self.vectors) {
            (8, 3) => self.run::<S, 8, 3>(simd),
            (8, 2) => self.run::<S, 8, 2>(simd),
            (8, 1) => self.run::<S, 8, 1>(simd),
            (7, 3) => self.run::<S, 7, 3>(simd),
            (7, 2) => self.run::<S, 7, 2>(simd),
            (7, 1) => self.run::<S, 7, 1>(simd),
            (6, 4) => self.run::<S, 6, 4>(simd),
            (6, 3) => self.run::<S, 6, 3>(simd),
            (6, 2) => self.run::<S, 6, 2>(simd),
            (6, 1) => self.run::<S, 6, 1>(simd),
            (4, 4) => self.run::<S, 4, 4>(simd),
            (4, 3) => self.run::<S, 4, 3>(simd),
            (4, 2) => self.run::<S, 4, 2>(simd),
            (4, 1) => self.run::<S, 4, 1>(simd),
            other => unreachable!("no tile of {other:?}"),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize, const V: usize>(self, simd: S) {
        let (row, depth, [down, along]) = (V * S::F32_LANES, self.depth, self.a_steps);
        let blocks = self.rows.div_ceil(R);
        if blocks * depth == 0 {
            return;
        }
        // What the loops below read and write without looking.
        assert!((blocks * R - 1) * down + (depth - 1) * along < self.a.len(), "rows of a beyond its end");
        assert!(depth * row <= self.b.len(), "rows of b beyond its end");
        assert!(blocks * R * row <= self.sums.len(), "rows of sums beyond their end");
        for block in 0..blocks {
            // SAFETY: the assertions above.
            unsafe {
                let a = self.a.as_ptr().add(block * R * down);
                let sums = self.sums.as_mut_ptr().add(block * R * row);
                tile::<S, R, V>(simd, a, self.a_steps, self.b.as_ptr(), depth, self.add, sums);
            }
        }
    }
}

/// # Safety
/// R rows of `depth` elements of `a`, `depth` rows of `b` and R of `sums` must be there.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    a: *const f32,
    [down, along]: [usize; 2],
    b: *const f32,
    depth: usize,
    add: bool,
    sums: *mut f32,
) {
    let (mut a, mut b) = (a, b);
    let mut held = [[simd.splat_f32s(0.0); V]; R];
    for _ in 0..depth {
        let mut vectors = [simd.splat_f32s(0.0); V];
        for (v, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: this function's contract.
            *vector = unsafe { load::<S>(b.add(v * S::F32_LANES)) };
        }
        for (r, held) in held.iter_mut().enumerate() {
            // SAFETY: this function's contract.
            let factor = simd.splat_f32s(unsafe { *a.add(r * down) });
            for (held, vector) in held.iter_mut().zip(vectors) {
                *held = simd.mul_add_e_f32s(factor, vector, *held);
            }
        }
        (a, b) = (a.wrapping_add(along), b.wrapping_add(V * S::F32_LANES));
    }
    for (r, held) in held.into_iter().enumerate() {
        for (v, mut held) in held.into_iter().enumerate() {
            // SAFETY: this function's contract.
            unsafe {
                let to = sums.add((r * V + v) * S::F32_LANES);
                if add {
                    held = simd.add_f32s(held, load::<S>(to));
                }
                store::<S>(to, held);
            }
        }
    }
}

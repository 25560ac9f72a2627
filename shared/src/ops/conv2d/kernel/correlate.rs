//! Panels times packed weights: the loops around the tile.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{
    panels::{Panel, Panels, VECTORS},
    tile, Store, Width,
};
use crate::ops::scratch::Buffer;

/// Weights in the order in which tiles read them: block of taps, block of rows, tap, row.
///
/// Rows are what the caller computes a plane of: output channels, or input channels of a gradient.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) rows: usize,
    pub(super) block: usize,
    /// The place of each tap in the prepared image.
    pub(super) taps: Vec<usize>,
    /// Taps summed before the next panel's turn: what the caches hold.
    pub(super) blocks: Vec<Range<usize>>,
    values: Vec<f32>,
}

/// Bytes of weights that stay in the second-level cache.
const WEIGHT_BYTES: usize = 640 << 10;

/// Taps in a block at most, so that a packed panel stays near.
const TAPS: usize = 512;

impl Weights {
    /// Packs `rows` x `taps.len()` weights; that of row r and tap k is `from[r * row_step + columns[k]]`.
    pub(super) fn pack(
        width: &Width,
        from: &[f32],
        rows: usize,
        row_step: usize,
        columns: &[usize],
        taps: Vec<usize>,
    ) -> Self {
        use rayon::prelude::*;
        let block = width.block(rows);
        let padded = rows.next_multiple_of(block);
        let limit = (WEIGHT_BYTES / 4 / padded.max(1)).clamp(64, TAPS);
        let parts = taps.len().div_ceil(limit).max(1);
        let blocks: Vec<_> =
            (0..parts).map(|i| taps.len() * i / parts..taps.len() * (i + 1) / parts).collect();
        let mut values = vec![0.0; taps.len() * padded];
        let mut chunks = Vec::new();
        let mut rest = values.as_mut_slice();
        for span in &blocks {
            let (chunk, after) = rest.split_at_mut(span.len() * padded);
            chunks.push((span.clone(), chunk));
            rest = after;
        }
        chunks.into_par_iter().for_each(|(span, chunk)| {
            for (i, chunk) in chunk.chunks_exact_mut((span.len() * block).max(1)).enumerate() {
                for r in 0..block.min(rows - i * block) {
                    let row = &from[(i * block + r) * row_step..];
                    chunk[r..].iter_mut().step_by(block).zip(&columns[span.clone()]).for_each(
                        |(to, column)| {
                            *to = row[*column];
                        },
                    );
                }
            }
        });
        Weights { rows, block, taps, blocks, values }
    }
}

impl Weights {
    /// Blocks of rows.
    pub(super) fn row_blocks(&self) -> usize {
        self.rows.div_ceil(self.block)
    }

    /// Elements that `panels` read of their source: one more than the last one read.
    pub(super) fn reads(&self, panels: &Panels, lanes: usize) -> usize {
        let Some(farthest) = self.taps.iter().max() else { return 0 };
        let base = if panels.packed {
            panels.sources.iter().map(|s| s.at).max()
        } else {
            panels.panels.iter().flat_map(|p| &p.bases[..p.vectors]).max().copied()
        };
        base.map_or(0, |base| base + farthest + lanes)
    }
}

/// One group of images: reads `source`, writes `sink`.
pub(super) struct Correlation<'a> {
    pub(super) weights: &'a Weights,
    pub(super) panels: &'a Panels,
    pub(super) source: &'a [f32],
    /// Elements of the sink from one row of the weights to the next.
    pub(super) plane: usize,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) relu: bool,
    pub(super) store: Store,
    pub(super) sink: &'a mut [f32],
}

impl WithSimd for Correlation<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.weights.block {
            8 => self.run::<S, 8>(simd),
            _ => self.run::<S, 4>(simd),
        }
    }
}

impl Correlation<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize>(mut self, simd: S) {
        let lanes = S::F32_LANES;
        let (weights, panels) = (self.weights, self.panels);
        let row_blocks = weights.rows.div_ceil(R);
        // What the loops below read without looking.
        assert!(weights.reads(panels, lanes) <= self.source.len(), "a window reaches beyond its image");
        let longest = weights.blocks.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let packed = if panels.packed { (longest * VECTORS + 1) * lanes } else { 0 };
        let tile_len = R * VECTORS * lanes;
        // the sums of all tiles while there are more taps to come, else of one
        let tiles = if weights.blocks.len() > 1 { panels.panels.len() * row_blocks } else { 1 };
        let held = tiles * tile_len;
        let side_by_side: Vec<usize> = (0..longest).map(|k| k * VECTORS * lanes).collect();
        let mut buffer = Buffer::of(packed + held);
        let (buffer, held) = buffer[..packed + held].split_at_mut(packed);
        {
            for (nth, span) in weights.blocks.iter().enumerate() {
                let (first, last) = (nth == 0, nth + 1 == weights.blocks.len());
                let values = &weights.values[span.start * row_blocks * R..span.end * row_blocks * R];
                let taps = &weights.taps[span.clone()];
                for (p, panel) in panels.panels.iter().enumerate() {
                    let (x, taps) = if panels.packed {
                        // SAFETY: the assertion above: every segment can be read at every tap, a whole vector of it;
                        // the buffer has room for a vector beyond its last tap.
                        unsafe { pack::<S>(self.source.as_ptr(), panels, panel, taps, buffer.as_mut_ptr()) };
                        (buffer.as_ptr(), &side_by_side[..span.len()])
                    } else {
                        (self.source.as_ptr(), taps)
                    };
                    for block in 0..row_blocks {
                        let a = values[block * span.len() * R..][..span.len() * R].as_ptr();
                        let at = if tiles > 1 { (p * row_blocks + block) * tile_len } else { 0 };
                        let sums = &mut held[at..at + tile_len];
                        let rows = Rows { first: block * R, is_first: first, is_last: last };
                        // SAFETY: `a` holds R weights a tap, and by the assertion above all that is read of the
                        // source lies in it; a packed panel has VECTORS vectors a tap.
                        unsafe {
                            match panel.vectors {
                                1 => self.tile::<S, R, 1>(simd, a, x, taps, panel, rows, sums),
                                2 => self.tile::<S, R, 2>(simd, a, x, taps, panel, rows, sums),
                                _ => self.tile::<S, R, 3>(simd, a, x, taps, panel, rows, sums),
                            }
                        }
                    }
                }
            }
        }
    }

    /// # Safety
    /// As [`tile::correlate`] says of `a`, `x`, the panel's bases and `taps`; `sums` must hold R V vectors.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        a: *const f32,
        x: *const f32,
        taps: &[usize],
        panel: &Panel,
        rows: Rows,
        sums: &mut [f32],
    ) {
        if rows.is_first {
            let bias = self.bias.unwrap_or(&[]);
            for (r, sums) in sums.chunks_exact_mut(V * S::F32_LANES).enumerate().take(R) {
                sums.fill(bias.get(rows.first + r).copied().unwrap_or(0.0));
            }
        }
        // SAFETY: this function's own contract.
        unsafe { tile::correlate::<S, R, V>(simd, a, x, &panel.bases, taps, sums.as_mut_ptr()) };
        if rows.is_last {
            self.finish::<S, R, V>(simd, sums, panel, rows.first);
        }
    }

    /// Applies the function and writes a tile to where it belongs.
    #[inline(always)]
    fn finish<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        sums: &mut [f32],
        panel: &Panel,
        first: usize,
    ) {
        let lanes = S::F32_LANES;
        let rows = R.min(self.weights.rows - first);
        if self.relu {
            // not a maximum, which would turn a NaN into a 0
            sums.iter_mut().for_each(|sum| *sum = if *sum < 0.0 { 0.0 } else { *sum });
        }
        let add = self.store == Store::Add;
        for segment in &self.panels.sinks[panel.sinks.clone()] {
            let whole = segment.len == lanes && self.panels.step == 1;
            for r in 0..rows {
                let (v, from) = (segment.lane / lanes, segment.lane % lanes);
                let values = &sums[(r * V + v) * lanes + from..][..segment.len];
                let to = &mut self.sink[segment.at + (first + r) * self.plane..];
                if whole {
                    let to = &mut to[..lanes];
                    // SAFETY: both are a vector long.
                    unsafe {
                        let mut sum = tile::load::<S>(values.as_ptr());
                        if add {
                            sum = simd.add_f32s(sum, tile::load::<S>(to.as_ptr()));
                        }
                        tile::store::<S>(to.as_mut_ptr(), sum);
                    }
                    continue;
                }
                let to = to.iter_mut().step_by(self.panels.step);
                if add {
                    to.zip(values).for_each(|(to, value)| *to += value);
                } else {
                    to.zip(values).for_each(|(to, value)| *to = *value);
                }
            }
        }
    }
}

/// Which rows a tile has, and whether its sums begin or end with it.
#[derive(Clone, Copy)]
struct Rows {
    first: usize,
    is_first: bool,
    is_last: bool,
}

/// Copies a panel's pixels side by side, tap after tap. Each segment is copied as a whole vector: what it has too many
/// the next one overwrites.
///
/// # Safety
/// `from` must hold a whole vector at each segment and tap, and `to` `VECTORS` vectors a tap and one more.
#[inline(always)]
unsafe fn pack<S: Simd>(from: *const f32, panels: &Panels, panel: &Panel, taps: &[usize], to: *mut f32) {
    let segments = &panels.sources[panel.sources.clone()];
    let mut to = to;
    for tap in taps {
        for segment in segments {
            // SAFETY: this function's contract.
            unsafe {
                let pixels = tile::load::<S>(from.add(segment.at + tap));
                tile::store::<S>(to.add(segment.lane % (VECTORS * S::F32_LANES)), pixels);
            }
        }
        // SAFETY: at most one past the last tap.
        to = unsafe { to.add(VECTORS * S::F32_LANES) };
    }
}

//! The gradient of a convolution's weights and bias.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{layout::Layout, tile, winograd, Sizes, Store, Width};
use crate::ops::scratch::Buffer;

/// Tasks at least, where the sizes allow it.
const TASKS: usize = 8;

/// Elements of the weights above which the batch is not cut, because each part needs sums of its own.
const WEIGHTS_OF_PARTS: usize = 1 << 20;

/// Elements of the sums that a task works on at a time.
const SUMS: usize = 80 << 10;

/// Elements of output gradients laid side by side at a time.
const GRADIENTS: usize = 8 << 10;

/// Vectors of output channels in a tile at most.
const VECTORS: usize = 4;

/// dW\[o, c, p, q\] = Σ dy\[n, o, i, j\] x\[n, c, S i + p − P, S j + q − P\] over n, i, j, and db\[o\] = Σ dy\[n, o, i, j\].
///
/// A tile is a few vectors of output channels for a few taps; the sum runs over positions. The batch is cut into parts
/// by the sizes alone, and their sums are added in order.
///
/// # Shapes
/// x: (B, C, H, W), dy: (B, O, HO, WO), dW: (O, C, K, K), db: (O).
pub(crate) fn weight_gradient(
    sizes: &Sizes,
    x: &[f32],
    dy: &[f32],
    store: Store,
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) {
    if let Some(form) = winograd::Form::of(sizes) {
        winograd::weight_gradient(form, sizes, x, dy, store, dw);
        if let Some(db) = db {
            sum_planes(dy, sizes.rows * sizes.cols, store, db);
        }
        return;
    }
    let width = Width::of_machine();
    let taps = sizes.taps();
    let channels = channel_panels(sizes.outputs, width.lanes);
    let parts = TASKS.div_ceil(channels.len().max(1)).min(sizes.batch).max(1);
    let parts = if sizes.outputs * taps > WEIGHTS_OF_PARTS { 1 } else { parts };
    let images = sizes.batch.div_ceil(parts).max(1);
    let parts = sizes.batch.div_ceil(images).max(1);

    // What comes of each part: its weights' gradient and then its bias'.
    let one = sizes.outputs * taps;
    let mut sums = Buffer::of(if parts > 1 { parts * one } else { 0 });
    let mut bias_sums = vec![0.0; parts * sizes.outputs];
    let biased = db.is_some();
    let mut tasks = Vec::new();
    {
        let (mut weights, store) =
            if parts > 1 { (&mut sums[..parts * one], Store::Write) } else { (&mut *dw, store) };
        let mut biases = bias_sums.as_mut_slice();
        for part in 0..parts {
            for panel in &channels {
                let (dw, rest) = std::mem::take(&mut weights).split_at_mut(panel.len() * taps);
                let (db, rest_bias) = std::mem::take(&mut biases).split_at_mut(panel.len());
                (weights, biases) = (rest, rest_bias);
                let images = part * images..((part + 1) * images).min(sizes.batch);
                let outputs = panel.clone();
                tasks.push(Task { sizes, width, x, dy, images, outputs, store, dw, db, biased });
            }
        }
    }
    tasks.into_par_iter().for_each(Task::run);

    let add_parts = |to: &mut [f32], parts: &[f32], one: usize, first: usize| {
        for (nth, part) in parts.chunks_exact(one.max(1)).enumerate() {
            let part = &part[first..first + to.len()];
            if nth == 0 && store == Store::Write {
                to.copy_from_slice(part);
            } else {
                to.iter_mut().zip(part).for_each(|(to, part)| *to += part);
            }
        }
    };
    if parts > 1 {
        let sums = &sums[..parts * one];
        const CHUNK: usize = 1 << 14;
        dw.par_chunks_mut(CHUNK).enumerate().for_each(|(nth, dw)| add_parts(dw, sums, one, nth * CHUNK));
    }
    if let Some(db) = db {
        add_parts(db, &bias_sums, sizes.outputs, 0);
    }
}

/// Σ dy\[n, o, i, j\] over n, i, j, image after image.
fn sum_planes(dy: &[f32], plane: usize, store: Store, db: &mut [f32]) {
    let channels = db.len();
    db.par_iter_mut().enumerate().for_each(|(channel, db)| {
        if store == Store::Write {
            *db = 0.0;
        }
        for plane in dy.chunks_exact(plane.max(1)).skip(channel).step_by(channels) {
            *db += plane.iter().sum::<f32>();
        }
    });
}

/// Output channels in panels of one to [`VECTORS`] vectors, as equal as can be.
pub(super) fn channel_panels(outputs: usize, lanes: usize) -> Vec<Range<usize>> {
    let vectors = outputs.div_ceil(lanes);
    let panels = vectors.div_ceil(VECTORS);
    let end = |i: usize| (vectors * i / panels * lanes).min(outputs);
    (0..panels).map(|i| end(i)..end(i + 1)).collect()
}

/// Rows of a tile of so many vectors: what the registers hold beside a row of vectors.
pub(super) fn tile_rows(width: &Width, vectors: usize) -> usize {
    match (width.registers >= 32, vectors) {
        (true, 4..) => 6,
        (true, _) => 8,
        (false, _) => 2,
    }
}

/// A part of the batch for a panel of output channels.
struct Task<'a> {
    sizes: &'a Sizes,
    width: Width,
    x: &'a [f32],
    dy: &'a [f32],
    images: Range<usize>,
    outputs: Range<usize>,
    store: Store,
    /// (outputs, C, K, K).
    dw: &'a mut [f32],
    db: &'a mut [f32],
    /// Whether anybody reads `db`.
    biased: bool,
}

impl Task<'_> {
    fn run(mut self) {
        let Sizes { channels, kernel, padding, rows, cols, .. } = *self.sizes;
        let (area, lanes) = (kernel * kernel, self.width.lanes);
        let vectors = self.outputs.len().div_ceil(lanes);
        let block = tile_rows(&self.width, vectors);
        let layout = Layout::strided(self.sizes.height, self.sizes.width, kernel, 1, padding);
        let plane = rows * cols;
        let at_once = AtOnce {
            positions: (GRADIENTS / (vectors * lanes)).max(1),
            images: (GRADIENTS / (vectors * lanes)).div_ceil(plane.max(1)).clamp(1, self.images.len().max(1)),
            channels: (SUMS / (vectors * lanes * area)).clamp(1, channels.max(1)),
        };
        let prepared_len =
            if layout.in_place() { 0 } else { at_once.images * at_once.channels * layout.channel };
        let mut prepared = Buffer::of(prepared_len);
        prepared[..prepared_len].fill(0.0);
        let mut gradients = Buffer::of(at_once.positions * vectors * lanes);
        let mut sums = Buffer::of((at_once.channels * area).next_multiple_of(block) * vectors * lanes);
        let mut places = Vec::new();
        // the place of each position of one image
        let stride = self.sizes.stride;
        let of_image = |p: usize| layout.offset(p / cols * stride, p % cols * stride);
        let of_image: Vec<usize> = (0..plane).map(of_image).collect();

        for first in (0..channels).step_by(at_once.channels) {
            let here = first..(first + at_once.channels).min(channels);
            let tap = |k: usize| k / area * layout.channel + layout.offset(k / kernel % kernel, k % kernel);
            let taps: Vec<usize> = (0..here.len() * area).map(tap).collect();
            let sums = &mut sums[..taps.len().next_multiple_of(block) * vectors * lanes];
            sums.fill(0.0);
            for start in self.images.clone().step_by(at_once.images) {
                let images = start..(start + at_once.images).min(self.images.end);
                let (source, apart) = self.source(&layout, images.clone(), here.clone(), &mut prepared);
                let all = images.len() * plane;
                let pieces = all.div_ceil(at_once.positions);
                for piece in 0..pieces {
                    let span = all * piece / pieces..all * (piece + 1) / pieces;
                    places.clear();
                    while span.start + places.len() < span.end {
                        let at = span.start + places.len();
                        let (image, first) = (at / plane * apart, at % plane);
                        let run = &of_image[first..plane.min(first + span.end - at)];
                        places.extend(run.iter().map(|place| image + place));
                    }
                    let gradients = &mut gradients[..span.len() * vectors * lanes];
                    self.lay_side_by_side(start * plane + span.start, gradients, vectors * lanes);
                    if first == 0 && self.biased {
                        for gradients in gradients.chunks_exact(vectors * lanes) {
                            self.db.iter_mut().zip(gradients).for_each(|(db, dy)| *db += dy);
                        }
                    }
                    let (places, taps) = (places.as_slice(), taps.as_slice());
                    let work = Tiles { source, places, taps, gradients, vectors, block, sums: &mut *sums };
                    Arch::new().dispatch(work);
                }
            }
            self.flush(sums, here.start * area..here.end * area, vectors * lanes);
        }
    }

    /// Where these channels of these images can be read, and how far it is from one image to the next.
    fn source<'b>(
        &self,
        layout: &Layout,
        images: Range<usize>,
        channels: Range<usize>,
        prepared: &'b mut [f32],
    ) -> (&'b [f32], usize)
    where
        Self: 'b,
    {
        let (image, plane) = (self.sizes.image(), self.sizes.height * self.sizes.width);
        if layout.in_place() {
            return (&self.x[images.start * image + channels.start * plane..], image);
        }
        let apart = channels.len() * layout.channel;
        for (nth, n) in images.enumerate() {
            let from = &self.x[n * image + channels.start * plane..];
            layout.fill(from, channels.len(), &mut prepared[nth * apart..(nth + 1) * apart]);
        }
        (prepared, apart)
    }

    /// The output gradients of each position from `first` on, `width` of them with zeros beyond the last channel.
    fn lay_side_by_side(&self, first: usize, to: &mut [f32], width: usize) {
        let plane = self.sizes.rows * self.sizes.cols;
        let positions = to.len() / width;
        for lane in 0..width {
            let mut at = 0;
            while at < positions {
                let (n, p) = ((first + at) / plane, (first + at) % plane);
                let run = (plane - p).min(positions - at);
                let to = to[at * width + lane..].iter_mut().step_by(width).take(run);
                if lane < self.outputs.len() {
                    let from =
                        &self.dy[(n * self.sizes.outputs + self.outputs.start + lane) * plane + p..][..run];
                    to.zip(from).for_each(|(to, from)| *to = *from);
                } else {
                    to.for_each(|to| *to = 0.0);
                }
                at += run;
            }
        }
    }

    /// Stores the sums of some taps where they belong.
    fn flush(&mut self, sums: &[f32], taps: Range<usize>, width: usize) {
        let all = self.sizes.taps();
        for (lane, row) in self.dw.chunks_exact_mut(all.max(1)).enumerate() {
            let sums = sums[lane..].iter().step_by(width);
            let row = row[taps.clone()].iter_mut().zip(sums);
            match self.store {
                Store::Write => row.for_each(|(to, sum)| *to = *sum),
                Store::Add => row.for_each(|(to, sum)| *to += sum),
            }
        }
    }
}

/// How much a task handles before it turns to the next.
struct AtOnce {
    positions: usize,
    images: usize,
    channels: usize,
}

/// All taps of some channels for some positions: adds to `sums`, (taps, output channels of the panel).
pub(super) struct Tiles<'a> {
    pub(super) source: &'a [f32],
    pub(super) places: &'a [usize],
    pub(super) taps: &'a [usize],
    /// (positions, output channels of the panel).
    pub(super) gradients: &'a [f32],
    pub(super) vectors: usize,
    /// [`tile_rows`] of the vectors.
    pub(super) block: usize,
    pub(super) sums: &'a mut [f32],
}

impl WithSimd for Tiles<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (self.block, self.vectors) {
            (6, 4) => self.run::<S, 6, 4>(simd),
            (8, 3) => self.run::<S, 8, 3>(simd),
            (8, 2) => self.run::<S, 8, 2>(simd),
            (8, 1) => self.run::<S, 8, 1>(simd),
            (2, 4) => self.run::<S, 2, 4>(simd),
            (2, 3) => self.run::<S, 2, 3>(simd),
            (2, 2) => self.run::<S, 2, 2>(simd),
            (2, 1) => self.run::<S, 2, 1>(simd),
            other => unreachable!("no tile of {other:?}"),
        }
    }
}

impl Tiles<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize, const V: usize>(self, simd: S) {
        let lanes = S::F32_LANES;
        let (places, taps) = (self.places, self.taps);
        let (Some(last), Some(farthest)) = (places.iter().max(), taps.iter().max()) else { return };
        // What the loops below read and write without looking.
        assert!(last + farthest < self.source.len(), "a window reaches beyond its image");
        assert!(self.gradients.len() >= places.len() * V * lanes, "a position without its gradients");
        for (nth, sums) in self.sums.chunks_exact_mut(R * V * lanes).enumerate() {
            let mut block = [taps[taps.len() - 1]; R];
            block.iter_mut().zip(&taps[nth * R..]).for_each(|(to, tap)| *to = *tap);
            let (source, gradients) = (self.source.as_ptr(), self.gradients.as_ptr());
            // SAFETY: the assertions above; `sums` is a tile long.
            unsafe { tile::outer::<S, R, V>(simd, source, places, &block, gradients, sums.as_mut_ptr()) };
        }
    }
}

//! Planes as pixels with a vector of channels each, phase by phase, and back.

use std::ops::Range;

use pulp::Simd;

use super::square::{turned, LANES};
use crate::ops::conv2d::kernel::{
    tile::{load, store},
    Store,
};

/// Images whose planes lie one after the other.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Planes {
    pub(super) fn image(&self) -> usize {
        self.channels * self.height * self.width
    }

    fn plane(&self, image: usize, channel: usize) -> usize {
        (image * self.channels + channel) * self.height * self.width
    }
}

/// The pixels of a block: for each phase rows and columns of them, `lanes` channels each.
///
/// The coordinates of a pixel, counted from `before` rows and columns above and to the left of the image, are split into
/// what divides by 2^`shift` and the rest, its phase.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// 0, or 1 where there are two phases along either side.
    pub(super) shift: u32,
    /// Rows and columns of pixels before the image's first.
    pub(super) before: usize,
    /// Rows of the first block's window above this one's.
    pub(super) first: usize,
    pub(super) lanes: usize,
}

impl Window {
    /// Elements of one phase.
    pub(super) fn phase(&self) -> usize {
        self.rows * self.cols * self.lanes
    }

    /// Elements of all phases of an image.
    pub(super) fn image(&self) -> usize {
        self.phase() << (2 * self.shift)
    }

    /// Whether every column of such an image has its place.
    fn spans(&self, planes: &Planes) -> bool {
        (self.before + planes.width).saturating_sub(1) >> self.shift < self.cols
    }

    /// The rows of an image that lie in the window.
    fn lines(&self, planes: &Planes) -> Range<usize> {
        let start = (self.first << self.shift).saturating_sub(self.before);
        let end = ((self.first + self.rows) << self.shift).saturating_sub(self.before);
        start..end.min(planes.height).max(start)
    }

    /// Where the row begins that pixels of a row of the image lie in.
    #[inline(always)]
    fn line(&self, row: usize) -> usize {
        let (row, odd) = (row + self.before, (row + self.before) & self.odd());
        2 * odd * self.phase() + ((row >> self.shift) - self.first) * self.cols * self.lanes
    }

    /// Where a column of the image lies in it.
    #[inline(always)]
    fn column(&self, col: usize) -> usize {
        let (col, odd) = (col + self.before, (col + self.before) & self.odd());
        odd * self.phase() + (col >> self.shift) * self.lanes
    }

    fn odd(&self) -> usize {
        (1 << self.shift) - 1
    }

    /// Where the pixels from `at` on lie, of which all are in the window.
    #[inline(always)]
    fn places(&self, planes: &Planes, at: usize, count: usize) -> [usize; LANES] {
        let mut places = [0; LANES];
        let (mut row, mut col) = (at / planes.width, at % planes.width);
        let mut line = self.line(row);
        for to in &mut places[..count] {
            if col == planes.width {
                (row, col) = (row + 1, 0);
                line = self.line(row);
            }
            *to = line + self.column(col);
            col += 1;
        }
        places
    }

    /// Copies `channels`, a vector of them at most, of the block's images to `to`, where all else is zero already.
    #[inline(always)]
    pub(super) fn gather<S: Simd>(
        &self,
        simd: S,
        planes: &Planes,
        images: Range<usize>,
        from: &[f32],
        channels: Range<usize>,
        to: &mut [f32],
    ) {
        let (lanes, lines) = (S::F32_LANES, self.lines(planes));
        assert!(channels.len() <= lanes && self.spans(planes));
        let end = lines.end * planes.width;
        for (nth, image) in images.enumerate() {
            let to = &mut to[nth * self.image()..][..self.image()];
            let mut at = lines.start * planes.width;
            while at < end {
                let count = lanes.min(end - at);
                let mut square = [simd.splat_u32s(0); LANES];
                for (channel, vector) in channels.clone().zip(&mut square) {
                    let from = &from[planes.plane(image, channel) + at..];
                    *vector = if from.len() >= lanes {
                        // SAFETY: a whole vector is there.
                        unsafe { from.as_ptr().cast::<S::u32s>().read_unaligned() }
                    } else {
                        simd.partial_load_u32s(bits(from))
                    };
                }
                let places = self.places(planes, at, count);
                for (place, vector) in places.into_iter().zip(turned::<S>(simd, square)).take(count) {
                    let to = &mut to[place..][..lanes];
                    // SAFETY: there is room for a whole vector.
                    unsafe { to.as_mut_ptr().cast::<S::u32s>().write_unaligned(vector) };
                }
                at += count;
            }
        }
    }

    /// Copies the pixels to `channels`, a vector of them at most, of the block's images, which are the first ones of `to`.
    #[inline(always)]
    pub(super) fn scatter<S: Simd>(
        &self,
        simd: S,
        planes: &Planes,
        from: &[f32],
        channels: Range<usize>,
        finish: &Finish<'_>,
        to: &mut [f32],
    ) {
        let (lanes, lines) = (S::F32_LANES, self.lines(planes));
        assert!(channels.len() <= lanes && self.spans(planes));
        let images = to.len() / planes.image().max(1);
        let end = lines.end * planes.width;
        for image in 0..images {
            let from = &from[image * self.image()..][..self.image()];
            let mut at = lines.start * planes.width;
            while at < end {
                let count = lanes.min(end - at);
                let mut square = [simd.splat_u32s(0); LANES];
                let places = self.places(planes, at, count);
                for (place, vector) in places.into_iter().zip(&mut square).take(count) {
                    let from = &from[place..][..lanes];
                    // SAFETY: a whole vector is there.
                    *vector = unsafe { from.as_ptr().cast::<S::u32s>().read_unaligned() };
                }
                for (channel, vector) in channels.clone().zip(turned::<S>(simd, square)) {
                    let to = &mut to[planes.plane(image, channel) + at..][..count];
                    finish.run::<S>(simd, channel, vector, to);
                }
                at += count;
            }
        }
    }
}

fn bits(values: &[f32]) -> &[u32] {
    // SAFETY: same size and alignment, and every bit pattern is both.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

/// What happens to a result on its way to where it belongs.
#[derive(Clone, Copy)]
pub(super) struct Finish<'a> {
    pub(super) bias: Option<&'a [f32]>,
    pub(super) relu: bool,
    pub(super) store: Store,
}

impl Finish<'_> {
    /// The first of a vector's lanes to `to`, as many as it has.
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, channel: usize, vector: S::u32s, to: &mut [f32]) {
        let bias = self.bias.map_or(0.0, |bias| bias[channel]);
        let zero = simd.splat_f32s(0.0);
        let mut x: S::f32s = simd.add_f32s(simd.transmute_f32s_u32s(vector), simd.splat_f32s(bias));
        if self.relu {
            // not a maximum, which would turn a NaN into a 0
            let negative = simd.less_than_f32s(x, zero);
            let bits = simd.transmute_u32s_f32s(x);
            x = simd.transmute_f32s_u32s(simd.select_u32s(negative, simd.splat_u32s(0), bits));
        }
        let whole = to.len() == S::F32_LANES;
        if self.store == Store::Add {
            // SAFETY: a whole vector is there.
            let there = if whole { unsafe { load::<S>(to.as_ptr()) } } else { simd.partial_load_f32s(to) };
            x = simd.add_f32s(there, x);
        }
        if whole {
            // SAFETY: there is room for a whole vector.
            unsafe { store::<S>(to.as_mut_ptr(), x) }
        } else {
            simd.partial_store_f32s(to, x);
        }
    }
}

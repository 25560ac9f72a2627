//! Planes as pixels with a vector of channels each, and back.

use std::ops::Range;

use super::blocks::Block;
use crate::ops::conv2d::kernel::Store;

/// Channels that are moved together.
const QUAD: usize = 4;

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

    fn row(&self, image: usize, channel: usize, row: usize) -> Range<usize> {
        let start = ((image * self.channels + channel) * self.height + row) * self.width;
        start..start + self.width
    }
}

/// The pixels of a block: rows and columns of them, `lanes` channels each.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Rows and columns of the window before the image's first.
    pub(super) before: [usize; 2],
    /// The row of the image with the `before[0]`-th of the window, for blocks that begin further down.
    pub(super) first: usize,
    pub(super) lanes: usize,
}

impl Window {
    pub(super) fn image(&self) -> usize {
        self.rows * self.cols * self.lanes
    }

    /// The pixels of one channel and image that lie in both: (row of the image, where it goes, how many).
    fn rows_of(&self, planes: &Planes) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let Window { rows, cols, before, first, lanes, .. } = *self;
        let (height, len) = (planes.height, planes.width.min(cols - before[1].min(cols)));
        (0..rows).filter_map(move |row| {
            let line = (row + first).checked_sub(before[0]).filter(|line| *line < height)?;
            Some((line, (row * cols + before[1]) * lanes, len))
        })
    }

    /// Copies `channels` of the block's images to `to`, where all else is zero already.
    #[inline(always)]
    pub(super) fn gather(
        &self,
        planes: &Planes,
        block: &Block,
        from: &[f32],
        channels: Range<usize>,
        to: &mut [f32],
    ) {
        let lanes = self.lanes;
        for (nth, image) in block.images.clone().enumerate() {
            let to = &mut to[nth * self.image()..][..self.image()];
            for (line, at, len) in self.rows_of(planes) {
                let to = &mut to[at..at + len * lanes];
                let row = |channel: usize| &from[planes.row(image, channel, line)][..len];
                let quads = channels.len() / QUAD;
                for quad in 0..quads {
                    let first = channels.start + quad * QUAD;
                    let rows = [row(first), row(first + 1), row(first + 2), row(first + 3)];
                    for (x, to) in to.chunks_exact_mut(lanes).enumerate() {
                        let to = &mut to[quad * QUAD..][..QUAD];
                        to.copy_from_slice(&[rows[0][x], rows[1][x], rows[2][x], rows[3][x]]);
                    }
                }
                for lane in quads * QUAD..channels.len() {
                    let to = to[lane..].iter_mut().step_by(lanes);
                    to.zip(row(channels.start + lane)).for_each(|(to, x)| *to = *x);
                }
            }
        }
    }

    /// Copies the pixels to `channels` of the block's images, which are the first ones of `to`.
    #[inline(always)]
    pub(super) fn scatter(
        &self,
        planes: &Planes,
        from: &[f32],
        channels: Range<usize>,
        finish: &Finish<'_>,
        to: &mut [f32],
    ) {
        let lanes = self.lanes;
        let images = to.len() / planes.image().max(1);
        for image in 0..images {
            let from = &from[image * self.image()..][..self.image()];
            for (line, at, len) in self.rows_of(planes) {
                let from = &from[at..at + len * lanes];
                for (lane, channel) in channels.clone().enumerate() {
                    let to = &mut to[planes.row(image, channel, line)][..len];
                    finish.run(channel, from[lane..].iter().step_by(lanes), to);
                }
            }
        }
    }
}

/// What happens to a result on its way to where it belongs.
#[derive(Clone, Copy)]
pub(super) struct Finish<'a> {
    pub(super) bias: Option<&'a [f32]>,
    pub(super) relu: bool,
    pub(super) store: Store,
}

impl Finish<'_> {
    #[inline(always)]
    fn run<'f>(&self, channel: usize, from: impl Iterator<Item = &'f f32>, to: &mut [f32]) {
        let bias = self.bias.map_or(0.0, |bias| bias[channel]);
        let relu = self.relu;
        // not a maximum, which would turn a NaN into a 0
        let value = move |x: &f32| {
            let x = x + bias;
            if relu && x < 0.0 {
                0.0
            } else {
                x
            }
        };
        match self.store {
            Store::Write => to.iter_mut().zip(from).for_each(|(to, x)| *to = value(x)),
            Store::Add => to.iter_mut().zip(from).for_each(|(to, x)| *to += value(x)),
        }
    }
}

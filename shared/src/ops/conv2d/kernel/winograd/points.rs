//! A block's pixels at the points where polynomials are multiplied.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::{
    blocks::{Block, AREA, POINTS, TILE},
    pixels::{Planes, Window},
    transforms::{both_axes, Map, Pixels, ResultGradients},
};
use crate::ops::conv2d::kernel::Width;

/// What is transformed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Pixels, each of them part of up to four tiles: Bᵀ d B.
    Pixels {
        /// Zeros around the image.
        padding: usize,
    },
    /// Gradients of the results, each part of one tile: A d Aᵀ.
    Gradients,
}

impl Kind {
    /// The window of a block of such images.
    fn window(self, block: &Block, lanes: usize) -> Window {
        let (padding, beyond) = match self {
            Kind::Pixels { padding } => (padding, POINTS - TILE),
            Kind::Gradients => (0, 0),
        };
        Window {
            rows: block.down.len() * TILE + beyond,
            cols: block.across * TILE + beyond,
            before: [padding; 2],
            first: block.down.start * TILE,
            lanes,
        }
    }

    /// Elements of the windows of a block.
    pub(super) fn window_len(self, block: &Block, lanes: usize) -> usize {
        block.images.len() * self.window(block, lanes).image()
    }
}

/// The points of some channels of a block, (points, tiles, channels).
pub(super) struct Transform<'a> {
    pub(super) kind: Kind,
    pub(super) planes: Planes,
    pub(super) block: &'a Block,
    pub(super) values: &'a [f32],
    pub(super) channels: Range<usize>,
    /// Room for the windows.
    pub(super) window: &'a mut [f32],
    /// Elements of `to` from one point to the next, and from one tile to the next.
    pub(super) steps: [usize; 2],
    pub(super) to: &'a mut [f32],
}

impl Transform<'_> {
    pub(super) fn run(self, width: &Width) {
        let tiles = self.block.tiles();
        let end = (AREA - 1) * self.steps[0] + tiles.saturating_sub(1) * self.steps[1];
        // what the loops below write without looking
        assert!(tiles == 0 || end + self.channels.len().next_multiple_of(width.lanes) <= self.to.len());
        Arch::new().dispatch(self);
    }
}

impl WithSimd for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.kind {
            Kind::Pixels { .. } => self.all::<S, Pixels, 6>(simd),
            Kind::Gradients => self.all::<S, ResultGradients, 4>(simd),
        }
    }
}

impl Transform<'_> {
    #[inline(always)]
    fn all<S: Simd, M: Map<I, POINTS>, const I: usize>(self, simd: S) {
        let lanes = S::F32_LANES;
        let window = self.kind.window(self.block, lanes);
        let Block { images, down, across } = self.block;
        self.window.fill(0.0);
        for (vector, first) in self.channels.clone().step_by(lanes).enumerate() {
            let channels = first..(first + lanes).min(self.channels.end);
            if channels.len() < lanes {
                self.window.fill(0.0);
            }
            window.gather(simd, &self.planes, images.clone(), self.values, channels, self.window);
            let mut tile = 0;
            for image in self.window.chunks_exact(window.image()).take(images.len()) {
                for row in 0..down.len() {
                    for col in 0..*across {
                        let from = &image[(row * window.cols + col) * TILE * lanes..];
                        debug_assert!(from.len() >= ((I - 1) * (window.cols + 1) + 1) * lanes);
                        // SAFETY: I x I pixels from there on are within the window, whose sides are I and TILE for every
                        // further tile; and `run` has seen that the points of all tiles have room.
                        unsafe {
                            let to = self.to.as_mut_ptr().add(tile * self.steps[1] + vector * lanes);
                            let from_steps = [window.cols * lanes, lanes];
                            let to_steps = [POINTS * self.steps[0], self.steps[0]];
                            both_axes::<S, M, I, POINTS>(simd, from.as_ptr(), from_steps, to, to_steps);
                        }
                        tile += 1;
                    }
                }
            }
        }
    }
}

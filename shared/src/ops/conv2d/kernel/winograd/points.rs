//! A block's pixels at the points where polynomials are multiplied.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::{
    blocks::{Block, TILE},
    pixels::{Planes, Window},
    transforms::{self, both_axes, Map},
    transforms_of_two, Form,
};
use crate::ops::conv2d::kernel::Width;

/// What is transformed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Pixels, each of them part of up to four tiles: Bᵀ d B.
    Pixels {
        /// Zeros around the image.
        padding: usize,
        /// Whether they are in phases.
        split: bool,
    },
    /// Gradients of the results, each part of one tile: A d Aᵀ.
    Gradients,
}

impl Kind {
    /// The window of a block of such images.
    fn window(self, form: Form, block: &Block, lanes: usize) -> Window {
        let (before, beyond, shift) = match self {
            Kind::Pixels { padding, split } => (padding, form.taps - 1, if split { form.shift } else { 0 }),
            Kind::Gradients => (0, 0, 0),
        };
        Window {
            rows: block.down.len() * TILE + beyond,
            cols: block.across * TILE + beyond,
            shift,
            before,
            first: block.down.start * TILE,
            lanes,
        }
    }

    /// Elements of the windows of a block.
    pub(super) fn window_len(self, form: Form, block: &Block, lanes: usize) -> usize {
        block.images.len() * self.window(form, block, lanes).image()
    }
}

/// The points of some channels of a block, (points, tiles, channels); where these are in phases, those of a vector of
/// channels lie side by side.
pub(super) struct Transform<'a> {
    pub(super) form: Form,
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
        let end = (self.form.area() - 1) * self.steps[0] + tiles.saturating_sub(1) * self.steps[1];
        let phases = 1 << (2 * self.kind.window(self.form, self.block, width.lanes).shift);
        // what the loops below write without looking
        let row = self.channels.len().next_multiple_of(width.lanes) * phases;
        assert!(tiles == 0 || end + row <= self.to.len(), "points beyond the end");
        Arch::new().dispatch(self);
    }
}

impl WithSimd for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (self.kind, self.form.taps) {
            (Kind::Pixels { .. }, 3) => self.all::<S, transforms::Pixels, 6, 6>(simd),
            (Kind::Pixels { .. }, _) => self.all::<S, transforms_of_two::Pixels, 5, 5>(simd),
            (Kind::Gradients, 3) => self.all::<S, transforms::ResultGradients, 4, 6>(simd),
            (Kind::Gradients, _) => self.all::<S, transforms_of_two::ResultGradients, 4, 5>(simd),
        }
    }
}

impl Transform<'_> {
    #[inline(always)]
    fn all<S: Simd, M: Map<I, P>, const I: usize, const P: usize>(self, simd: S) {
        let lanes = S::F32_LANES;
        let window = self.kind.window(self.form, self.block, lanes);
        let phases = 1 << (2 * window.shift);
        let Block { images, down, across } = self.block;
        self.window.fill(0.0);
        for (vector, first) in self.channels.clone().step_by(lanes).enumerate() {
            let channels = first..(first + lanes).min(self.channels.end);
            if channels.len() < lanes {
                self.window.fill(0.0);
            }
            window.gather(simd, &self.planes, images.clone(), self.values, channels, self.window);
            let parts = self.window.chunks_exact(window.phase()).take(images.len() * phases);
            for (part, pixels) in parts.enumerate() {
                let mut tile = part / phases * down.len() * across;
                let place = (vector * phases + part % phases) * lanes;
                for row in 0..down.len() {
                    for col in 0..*across {
                        let from = &pixels[(row * window.cols + col) * TILE * lanes..];
                        debug_assert!(from.len() >= ((I - 1) * (window.cols + 1) + 1) * lanes);
                        // SAFETY: I x I pixels from there on are within the window, whose sides are I and TILE for every
                        // further tile; and `run` has seen that the points of all tiles have room.
                        unsafe {
                            let to = self.to.as_mut_ptr().add(tile * self.steps[1] + place);
                            let from_steps = [window.cols * lanes, lanes];
                            let to_steps = [P * self.steps[0], self.steps[0]];
                            both_axes::<S, M, I, P>(simd, from.as_ptr(), from_steps, to, to_steps);
                        }
                        tile += 1;
                    }
                }
            }
        }
    }
}

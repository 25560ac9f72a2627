//! Convolutions by Winograd's minimal filtering: F(4 x 4, 3 x 3) for 3 x 3 kernels of stride 1, and F(4 x 4, 2 x 2) for the
//! four parts of 4 x 4 kernels of stride 2.
//!
//! A tile of 4 x 4 results needs 6 x 6 pixels d, and instead of 16 · 9 products of each pair of channels 36:
//! Y = Aᵀ \[(G g Gᵀ) ⊙ (Bᵀ d B)\] A. At each of the 36 *points* the sum over channels is a product of matrices of (tiles x
//! channels) with (channels x outputs). A, B and G multiply polynomials at 0, ±1/√2, ±√2 and ∞.
//!
//! With stride 2 a pixel meets only those weights whose coordinates are even, or odd, as its own (padded) ones are. So the
//! pixels fall into four *phases*, each correlated with 2 x 2 weights at stride 1, and are treated as four times as many
//! channels. A tile then needs 5 x 5 pixels of each phase and 25 products instead of 64; the maps multiply polynomials at
//! ±1, ±1/2 and ∞.
//!
//! The gradient of the input is the same algorithm with kernels rotated and channels exchanged. That of the weights is the
//! transpose in g: dg = Gᵀ \[Σ (A dY Aᵀ) ⊙ (Bᵀ d B)\] G, summed over tiles, with products of (channels x tiles) with
//! (tiles x outputs).
//!
//! # Accuracy
//! The transforms add and subtract numbers of different sizes. In a single-precision prototype of these formulas, against
//! double precision and with normal inputs of 160 channels, the root mean square error relative to that of the results is
//! 1.2e-6 where direct summation has 0.7e-6. The usual points 0, ±1, ±2 and ∞ have 2.4e-6, and the worst result in 32,000 is
//! four times as far off (3e-5 against 7e-6). The gradient of weights, summed over 2,000 tiles, has 3.5e-6 (8.1e-6 with the
//! usual points). For 2 x 2 weights, in the same prototype and with 256 channels, it is 1.2e-6 where direct summation has
//! 0.6e-6. A test of this code, `errors_stay_near_those_of_direct_sums`, bounds all three by 2e-6 on average and 2e-5 at
//! worst, for 32 tiles.
//!
//! # Cache
//! What is worked on at a time is a block of about 48 tiles. Kernels at their points are read once a block.
//!
//! # Reference
//! Lavin and Gray, "Fast algorithms for convolutional neural networks" (2016), arXiv 1509.09308, section 4; Winograd,
//! "Arithmetic complexity of computations" (1980). The points had the smallest error of ten pairs that were tried; ±1, ±1/2
//! that of eight sets whose factors are exact.

mod blocks;
mod pixels;
mod points;
mod product;
mod results;
mod square;
mod transforms;
mod transforms_of_two;
mod weight_gradient;
mod weights;

use pixels::Planes;
pub(super) use results::correlate;
pub(super) use weight_gradient::weight_gradient;
use weights::Kernels;

use super::{Sizes, Width};

/// Channels of images and of results below which the transforms cost more than they save.
const CHANNELS: usize = 16;

/// The kernels of a convolution as the algorithm takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Weights along a side of what pixels of one phase meet: 3 of stride 1, 2 of stride 2.
    taps: usize,
    /// The stride as a power of two: 0 or 1.
    shift: u32,
}

impl Form {
    /// That of a convolution which this way is faster for.
    pub(super) fn of(sizes: &Sizes) -> Option<Self> {
        let form = match (sizes.kernel, sizes.stride) {
            (3, 1) => Form { taps: 3, shift: 0 },
            (4, 2) => Form { taps: 2, shift: 1 },
            _ => return None,
        };
        let Sizes { padding, channels, outputs, .. } = *sizes;
        let wide = channels.min(outputs) >= CHANNELS;
        (padding < form.taps && wide && form.fills_vectors(sizes) && pays(sizes)).then_some(form)
    }

    /// Channels in phases fill their vectors, and all pixels are used.
    fn fills_vectors(self, sizes: &Sizes) -> bool {
        let Sizes { channels, outputs, height, width, padding, .. } = *sizes;
        let even = |side: usize| (side + 2 * padding).is_multiple_of(2);
        let whole = |channels: usize| channels.is_multiple_of(square::LANES);
        self.shift == 0 || (whole(channels) && whole(outputs) && even(height) && even(width))
    }

    /// Points of a tile.
    fn area(self) -> usize {
        (blocks::TILE + self.taps - 1).pow(2)
    }

    /// Phases that pixels fall into.
    fn phases(self) -> usize {
        1 << (2 * self.shift)
    }

    /// Weights of a kernel.
    fn weights(self) -> usize {
        (self.taps << self.shift).pow(2)
    }

    /// Which weight of the kernel is a tap of the part for a phase.
    #[inline(always)]
    fn weight(self, phase: usize, tap: usize) -> usize {
        let side = self.taps << self.shift;
        let (row, col) = ((tap / self.taps) << self.shift, (tap % self.taps) << self.shift);
        (row + (phase >> self.shift)) * side + col + (phase & ((1 << self.shift) - 1))
    }
}

/// Whose pixels fall into phases where the stride is 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// What is read: in the convolution.
    Source,
    /// What comes of it: in the gradient of its input.
    Result,
}

/// A correlation of stride 1 with all parts of the kernels.
#[derive(Clone, Copy)]
pub(super) struct Correlation<'a> {
    batch: usize,
    source: Planes,
    result: Planes,
    /// Rows and columns of results to compute, of each phase.
    tiled: [usize; 2],
    /// Zeros around the source, and results before the first that is wanted.
    padding: [usize; 2],
    kernels: Kernels<'a>,
}

impl<'a> Correlation<'a> {
    /// The convolution itself, if it is one that this way is faster for.
    pub(super) fn forward(sizes: &Sizes, values: &'a [f32]) -> Option<Self> {
        let Sizes { batch, channels, height, width, outputs, rows, cols, padding, .. } = *sizes;
        let (form, split) = (Form::of(sizes)?, Split::Source);
        let steps = [channels * form.weights(), form.weights()];
        Some(Correlation {
            batch,
            source: Planes { channels, height, width },
            result: Planes { channels: outputs, height: rows, width: cols },
            tiled: [rows, cols],
            padding: [padding, 0],
            kernels: Kernels { form, split, values, steps, rotated: false },
        })
    }

    /// The gradient of its input.
    pub(super) fn back(sizes: &Sizes, values: &'a [f32]) -> Option<Self> {
        let Sizes { batch, channels, height, width, outputs, rows, cols, padding, .. } = *sizes;
        let (form, split) = (Form::of(sizes)?, Split::Result);
        let steps = [form.weights(), channels * form.weights()];
        // the padding is taken off the zeros, or off the results where these are in phases
        let (zeros, before) = if form.shift == 0 { (2 - padding, 0) } else { (1, padding) };
        let tiled = [height, width].map(|side| (side + before).div_ceil(1 << form.shift));
        Some(Correlation {
            batch,
            source: Planes { channels: outputs, height: rows, width: cols },
            result: Planes { channels, height, width },
            tiled,
            padding: [zeros, before],
            kernels: Kernels { form, split, values, steps, rotated: true },
        })
    }
}

/// Tiles that reach beyond the result are computed whole.
fn pays(sizes: &Sizes) -> bool {
    let computed = |side: usize| side.next_multiple_of(blocks::TILE);
    let of = |[rows, cols]: [usize; 2]| {
        (rows * cols).min(1) * (computed(rows) * computed(cols)) <= 2 * rows * cols
    };
    sizes.batch * sizes.rows * sizes.cols > 0 && of([sizes.rows, sizes.cols])
}

/// A pitch that does not put every point into the same few sets of the cache.
fn apart(len: usize) -> usize {
    len.next_multiple_of(256) + 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_way_is_taken_where_it_pays() {
        let sizes = |kernel: usize, stride: usize, channels: usize, side: usize| Sizes {
            batch: 8,
            channels,
            height: side,
            width: side,
            outputs: 64,
            rows: (side + 2 - kernel) / stride + 1,
            cols: (side + 2 - kernel) / stride + 1,
            kernel,
            stride,
            padding: 1,
        };
        let taps = |sizes: &Sizes| Form::of(sizes).map(|form| (form.taps, form.phases()));
        assert_eq!(taps(&sizes(3, 1, 64, 14)), Some((3, 1)));
        assert_eq!(taps(&sizes(4, 2, 64, 14)), Some((2, 4)), "the second convolution of a DCGAN");
        assert_eq!(taps(&sizes(3, 1, 3, 14)), None, "too few channels");
        assert_eq!(taps(&sizes(4, 2, 20, 14)), None, "channels that do not fill vectors");
        assert_eq!(taps(&sizes(4, 2, 64, 15)), None, "phases of two sizes");
        assert_eq!(taps(&sizes(3, 1, 64, 5)), None, "tiles that are mostly empty");
        assert_eq!(taps(&sizes(3, 2, 64, 14)), None);
    }
}

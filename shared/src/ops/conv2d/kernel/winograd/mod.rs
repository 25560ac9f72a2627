//! 3 x 3 convolutions of stride 1 by Winograd's minimal filtering, F(4 x 4, 3 x 3).
//!
//! A tile of 4 x 4 results needs 6 x 6 pixels d, and instead of 16 · 9 products of each pair of channels 36:
//! Y = Aᵀ \[(G g Gᵀ) ⊙ (Bᵀ d B)\] A. At each of the 36 *points* the sum over channels is a product of matrices of (tiles x
//! channels) with (channels x outputs). A, B and G multiply polynomials at 0, ±1/√2, ±√2 and ∞.
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
//! usual points). A test of this code, `errors_stay_near_those_of_direct_sums`, bounds all three by 2e-6 on average and 2e-5
//! at worst, for 32 tiles.
//!
//! # Cache
//! What is worked on at a time is a block of about 48 tiles. Kernels at their points are read once a block.
//!
//! # Reference
//! Lavin and Gray, "Fast algorithms for convolutional neural networks" (2016), arXiv 1509.09308, section 4; Winograd,
//! "Arithmetic complexity of computations" (1980). The points had the smallest error of ten pairs that were tried.

mod blocks;
mod pixels;
mod points;
mod product;
mod results;
mod square;
mod transforms;
mod weight_gradient;
mod weights;

pub(super) use results::correlate;
pub(super) use weight_gradient::weight_gradient;
use weights::Kernels;

use super::{Sizes, Width};

/// Channels of images and of results below which the transforms cost more than they save.
const CHANNELS: usize = 16;

/// A correlation of stride 1 with kernels of 3 x 3.
#[derive(Clone, Copy)]
pub(super) struct Correlation<'a> {
    batch: usize,
    /// Channels, height and width of what is read.
    source: [usize; 3],
    /// Of what comes of it.
    result: [usize; 3],
    /// Zeros around the source.
    padding: usize,
    kernels: Kernels<'a>,
}

impl<'a> Correlation<'a> {
    /// The convolution itself, if it is one that this way is faster for.
    pub(super) fn forward(sizes: &Sizes, weight: &'a [f32]) -> Option<Self> {
        let Sizes { batch, channels, height, width, outputs, rows, cols, padding, .. } = *sizes;
        let kernels = Kernels { values: weight, steps: [channels * 9, 9], rotated: false };
        let (source, result) = ([channels, height, width], [outputs, rows, cols]);
        fits(sizes).then_some(Correlation { batch, source, result, padding, kernels })
    }

    /// The gradient of its input.
    pub(super) fn back(sizes: &Sizes, weight: &'a [f32]) -> Option<Self> {
        let Sizes { batch, channels, height, width, outputs, rows, cols, padding, .. } = *sizes;
        let kernels = Kernels { values: weight, steps: [9, channels * 9], rotated: true };
        let (source, result) = ([outputs, rows, cols], [channels, height, width]);
        fits(sizes).then(|| Correlation { batch, source, result, padding: 2 - padding, kernels })
    }
}

/// Whether a convolution is one that this way is faster for.
pub(super) fn fits(sizes: &Sizes) -> bool {
    let Sizes { kernel, stride, padding, channels, outputs, .. } = *sizes;
    kernel == 3 && stride == 1 && padding <= 2 && channels.min(outputs) >= CHANNELS && pays(sizes)
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

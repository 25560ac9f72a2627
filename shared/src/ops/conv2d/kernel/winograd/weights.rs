//! Kernels at the points, and the gradients of kernels from there.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    blocks::{AREA, POINTS},
    product::VECTORS,
    transforms::{both_axes, WeightGradients, Weights},
};
use crate::ops::{
    conv2d::kernel::{Store, Width},
    scratch::Buffer,
};

/// Weights of a kernel.
const TAPS: usize = 9;

/// Channels in panels of at most [`VECTORS`] vectors, as equal as can be.
pub(super) fn panels(channels: usize, lanes: usize) -> Vec<Range<usize>> {
    let vectors = channels.div_ceil(lanes);
    let panels = vectors.div_ceil(VECTORS);
    let end = |i: usize| (vectors * i / panels * lanes).min(channels);
    (0..panels).map(|i| end(i)..end(i + 1)).collect()
}

/// Which weight belongs to a result's channel, a source's channel and a tap.
#[derive(Clone, Copy)]
pub(super) struct Kernels<'a> {
    pub(super) values: &'a [f32],
    /// From one result's channel to the next, and from one source's channel to the next.
    pub(super) steps: [usize; 2],
    /// Taps from the last to the first.
    pub(super) rotated: bool,
}

/// The kernels of a panel of result channels at the points: (points, source channels, vectors of the panel).
pub(super) struct Transformed {
    pub(super) outputs: Range<usize>,
    pub(super) vectors: usize,
    pub(super) values: Buffer,
}

impl Transformed {
    pub(super) fn all(width: &Width, kernels: Kernels<'_>, sources: usize, outputs: usize) -> Vec<Self> {
        let of_panel = |outputs: Range<usize>| {
            let vectors = outputs.len().div_ceil(width.lanes);
            Transformed { outputs, vectors, values: Buffer::of(AREA * sources * vectors * width.lanes) }
        };
        // buffers of this thread, which gets them back
        let mut panels: Vec<_> = panels(outputs, width.lanes).into_iter().map(of_panel).collect();
        panels.par_iter_mut().for_each(|panel| {
            let outputs = panel.outputs.clone();
            Arch::new().dispatch(Panel { kernels, sources, outputs, to: &mut panel.values });
        });
        panels
    }
}

struct Panel<'a> {
    kernels: Kernels<'a>,
    sources: usize,
    outputs: Range<usize>,
    to: &'a mut [f32],
}

impl WithSimd for Panel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        let row = self.outputs.len().next_multiple_of(lanes);
        let Kernels { values, steps, rotated } = self.kernels;
        let point = self.sources * row;
        assert!(self.to.len() >= AREA * point);
        for (vector, first) in self.outputs.clone().step_by(lanes).enumerate() {
            let outputs = first..(first + lanes).min(self.outputs.end);
            // the weights of a tap side by side; lanes of a vector are at most 16
            let mut side_by_side = [0.0f32; TAPS * 16];
            for source in 0..self.sources {
                for (lane, output) in outputs.clone().enumerate() {
                    let taps = &values[output * steps[0] + source * steps[1]..][..TAPS];
                    for (tap, weight) in taps.iter().enumerate() {
                        let tap = if rotated { TAPS - 1 - tap } else { tap };
                        side_by_side[tap * lanes + lane] = *weight;
                    }
                }
                // SAFETY: nine vectors of at most 16 lanes, and the assertion above.
                unsafe {
                    let to = self.to.as_mut_ptr().add(source * row + vector * lanes);
                    let (from, from_steps) = (side_by_side.as_ptr(), [3 * lanes, lanes]);
                    both_axes::<S, Weights, 3, POINTS>(simd, from, from_steps, to, [POINTS * point, point]);
                }
            }
        }
    }
}

/// Gradients of kernels from what parts of the batch give at the points.
pub(super) struct Gradients<'a> {
    /// Of each part the points, (points, `padded` source channels, vectors of the panel).
    pub(super) parts: &'a [&'a [f32]],
    pub(super) sources: usize,
    pub(super) padded: usize,
    pub(super) store: Store,
    /// (outputs of the panel, source channels, taps).
    pub(super) to: &'a mut [f32],
}

impl WithSimd for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        let outputs = self.to.len() / (self.sources * TAPS).max(1);
        let row = outputs.next_multiple_of(lanes);
        let point = self.padded * row;
        let mut sums = [0.0f32; AREA * 16];
        let mut weights = [0.0f32; TAPS * 16];
        for source in 0..self.sources {
            for first in (0..outputs).step_by(lanes) {
                for (e, sums) in sums.chunks_exact_mut(lanes).enumerate().take(AREA) {
                    sums.fill(0.0);
                    for part in self.parts {
                        let part = &part[e * point + source * row + first..][..lanes];
                        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
                    }
                }
                // SAFETY: both hold as many vectors, of at most 16 lanes, as the map has values.
                unsafe {
                    let (from, to) = (sums.as_ptr(), weights.as_mut_ptr());
                    let steps = [POINTS * lanes, lanes];
                    both_axes::<S, WeightGradients, POINTS, 3>(simd, from, steps, to, [3 * lanes, lanes]);
                }
                for lane in 0..lanes.min(outputs - first) {
                    let to = &mut self.to[((first + lane) * self.sources + source) * TAPS..][..TAPS];
                    let from = weights[lane..].iter().step_by(lanes);
                    match self.store {
                        Store::Write => to.iter_mut().zip(from).for_each(|(to, sum)| *to = *sum),
                        Store::Add => to.iter_mut().zip(from).for_each(|(to, sum)| *to += sum),
                    }
                }
            }
        }
    }
}

//! Kernels at the points, and the gradients of kernels from there.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    transforms::{self, both_axes, Map},
    transforms_of_two, Form, Split,
};
use crate::ops::{
    conv2d::kernel::{Store, Width},
    scratch::Buffer,
};

/// Vectors of a panel at most, where channels are not in phases.
const VECTORS: usize = 3;

/// Lanes of a vector at most.
const LANES: usize = super::square::LANES;

/// Weights of a part of a kernel at most, and points.
const TAPS: usize = 9;
const AREA: usize = 36;

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
    pub(super) form: Form,
    /// Whose channels come in phases.
    pub(super) split: Split,
    pub(super) values: &'a [f32],
    /// From one result's channel to the next, and from one source's channel to the next.
    pub(super) steps: [usize; 2],
    /// Taps from the last to the first.
    pub(super) rotated: bool,
}

impl Kernels<'_> {
    /// The kernel's weights for a part of it, tap after tap, where `phase` says which part.
    fn part(&self, output: usize, source: usize, phase: usize, mut give: impl FnMut(usize, f32)) {
        let taps = self.form.taps;
        let kernel = &self.values[output * self.steps[0] + source * self.steps[1]..];
        for tap in 0..taps * taps {
            let to = if self.rotated { taps * taps - 1 - tap } else { tap };
            give(to, kernel[self.form.weight(phase, tap)]);
        }
    }
}

/// The kernels of a panel of result channels at the points: (points, sources, vectors of the panel).
///
/// Where channels are in phases, those of a vector of channels lie side by side, among the sources as among the results.
pub(super) struct Transformed {
    pub(super) outputs: Range<usize>,
    /// Source channels times their phases.
    pub(super) sources: usize,
    /// Phases of the results.
    pub(super) phases: usize,
    /// Vectors of outputs times their phases.
    pub(super) vectors: usize,
    pub(super) values: Buffer,
}

impl Transformed {
    pub(super) fn all(width: &Width, kernels: &Kernels<'_>, sources: usize, outputs: usize) -> Vec<Self> {
        let lanes = width.lanes;
        let [of_sources, phases] = match kernels.split {
            Split::Source => [kernels.form.phases(), 1],
            Split::Result => [1, kernels.form.phases()],
        };
        let sources = sources * of_sources;
        let of_panel = |outputs: Range<usize>| {
            let vectors = outputs.len().div_ceil(lanes) * phases;
            let values = Buffer::of(kernels.form.area() * sources * vectors * lanes);
            Transformed { outputs, sources, phases, vectors, values }
        };
        let ranges = if phases > 1 {
            (0..outputs).step_by(lanes).map(|first| first..(first + lanes).min(outputs)).collect()
        } else {
            panels(outputs, lanes)
        };
        // buffers of this thread, which gets them back
        let mut panels: Vec<_> = ranges.into_iter().map(of_panel).collect();
        panels.par_iter_mut().for_each(|panel| Arch::new().dispatch(Panel { kernels, of_sources, panel }));
        panels
    }
}

struct Panel<'a> {
    kernels: &'a Kernels<'a>,
    /// Phases of the sources.
    of_sources: usize,
    panel: &'a mut Transformed,
}

impl WithSimd for Panel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.kernels.form.taps {
            3 => self.all::<S, transforms::Weights, 3, 6>(simd),
            _ => self.all::<S, transforms_of_two::Weights, 2, 5>(simd),
        }
    }
}

impl Panel<'_> {
    #[inline(always)]
    fn all<S: Simd, M: Map<K, P>, const K: usize, const P: usize>(self, simd: S) {
        let (lanes, panel) = (S::F32_LANES, self.panel);
        let row = panel.vectors * lanes;
        let point = panel.sources * row;
        assert!(panel.values.len() >= P * P * point && lanes <= LANES);
        // the weights of a tap side by side
        let mut side_by_side = [0.0f32; TAPS * LANES];
        for vector in 0..panel.vectors {
            let first = panel.outputs.start + vector / panel.phases * lanes;
            let outputs = first..(first + lanes).min(panel.outputs.end);
            for at in 0..panel.sources {
                // one of the two has a single phase
                let (source, of_source) = phase_of(at, self.of_sources, lanes);
                let phase = of_source + vector % panel.phases;
                for (lane, output) in outputs.clone().enumerate() {
                    self.kernels.part(output, source, phase, |tap, w| side_by_side[tap * lanes + lane] = w);
                }
                // SAFETY: K x K vectors of at most LANES lanes, and the assertion above.
                unsafe {
                    let to = panel.values.as_mut_ptr().add(at * row + vector * lanes);
                    let (from, from_steps) = (side_by_side.as_ptr(), [K * lanes, lanes]);
                    both_axes::<S, M, K, P>(simd, from, from_steps, to, [P * point, point]);
                }
            }
        }
    }
}

/// The channel and its phase at a place of channels in so many phases.
fn phase_of(at: usize, phases: usize, lanes: usize) -> (usize, usize) {
    if phases == 1 {
        return (at, 0);
    }
    (at / (lanes * phases) * lanes + at % lanes, at / lanes % phases)
}

/// Gradients of kernels from what parts of the batch give at the points.
pub(super) struct Gradients<'a> {
    pub(super) form: Form,
    /// Of each part the points, (points, `padded` source channels in their phases, vectors of the panel).
    pub(super) parts: &'a [&'a [f32]],
    /// Source channels.
    pub(super) sources: usize,
    pub(super) padded: usize,
    pub(super) store: Store,
    /// (outputs of the panel, source channels, weights).
    pub(super) to: &'a mut [f32],
}

impl WithSimd for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.form.taps {
            3 => self.all::<S, transforms::WeightGradients, 6, 3>(simd),
            _ => self.all::<S, transforms_of_two::WeightGradients, 5, 2>(simd),
        }
    }
}

impl Gradients<'_> {
    #[inline(always)]
    fn all<S: Simd, M: Map<P, K>, const P: usize, const K: usize>(self, simd: S) {
        let (lanes, form) = (S::F32_LANES, self.form);
        let (phases, kernel) = (form.phases(), form.weights());
        let outputs = self.to.len() / (self.sources * kernel).max(1);
        let row = outputs.next_multiple_of(lanes);
        let point = self.padded * row;
        let mut sums = [0.0f32; AREA * LANES];
        let mut weights = [0.0f32; TAPS * LANES];
        for at in 0..self.sources * phases {
            let (source, phase) = phase_of(at, phases, lanes);
            for first in (0..outputs).step_by(lanes) {
                for (e, sums) in sums.chunks_exact_mut(lanes).enumerate().take(P * P) {
                    sums.fill(0.0);
                    for part in self.parts {
                        let part = &part[e * point + at * row + first..][..lanes];
                        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
                    }
                }
                // SAFETY: both hold as many vectors, of at most LANES lanes, as the map has values.
                unsafe {
                    let (from, to) = (sums.as_ptr(), weights.as_mut_ptr());
                    both_axes::<S, M, P, K>(simd, from, [P * lanes, lanes], to, [K * lanes, lanes]);
                }
                for lane in 0..lanes.min(outputs - first) {
                    let to = &mut self.to[((first + lane) * self.sources + source) * kernel..][..kernel];
                    for (tap, sum) in weights[lane..].iter().step_by(lanes).take(K * K).enumerate() {
                        let to = &mut to[form.weight(phase, tap)];
                        match self.store {
                            Store::Write => *to = *sum,
                            Store::Add => *to += sum,
                        }
                    }
                }
            }
        }
    }
}

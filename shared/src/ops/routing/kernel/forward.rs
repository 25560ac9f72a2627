//! The passes.

#![allow(clippy::needless_range_loop, reason = "loops over registers, unrolled by their constant bounds")]

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    pack::{pack_children, pack_weights},
    Blocks, RoutingSizes, GROUP,
};
use crate::ops::{
    math::exp,
    routing::{Coupling, Routing, RoutingGradient},
    scratch::Buffer,
    squash::Factor,
};

/// The most lanes a vector has on any machine.
const MOST_LANES: usize = 16;

/// What the way back needs of the passes.
pub(crate) struct Routed {
    /// Passes that are kept: all of them or the last.
    pub(super) passes: usize,
    /// s of each example and kept pass, J N numbers each.
    pub(super) sums: Vec<f32>,
    /// c of each example and kept pass: (block, J) vectors each.
    pub(super) couplings: Vec<f32>,
    /// û of each example, (block, J N) vectors each, where gradients go through all passes.
    pub(super) predictions: Vec<f32>,
}

/// v (B, J N), and what the way back needs; û is among it where `keep` says so.
pub(crate) fn forward(
    sizes: &RoutingSizes,
    u: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    routing: Routing,
    keep: bool,
) -> (Vec<f32>, Routed) {
    let blocks = &Blocks::of(sizes);
    let all = routing.gradient == RoutingGradient::All;
    let passes = if all { routing.iterations } else { 1 };
    let (outputs, predicted) = (sizes.outputs(), blocks.predictions());
    let kept = if all && keep { sizes.batch * predicted } else { 0 };
    let mut routed = Routed {
        passes,
        sums: vec![0.0; sizes.batch * passes * outputs],
        couplings: vec![0.0; sizes.batch * passes * blocks.couplings()],
        predictions: vec![0.0; kept],
    };
    let mut v = vec![0.0; sizes.batch * outputs];
    if sizes.is_empty() {
        return (v, routed);
    }
    let (weights, children) = (&*pack_weights(blocks, w), pack_children(blocks, u));
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut predictions = routed.predictions.chunks_mut(GROUP * predicted);
    let mut sums = routed.sums.chunks_mut(GROUP * passes * outputs);
    let mut couplings = routed.couplings.chunks_mut(GROUP * passes * blocks.couplings());
    for (v, children) in v.chunks_mut(GROUP * outputs).zip(children.chunks(GROUP * blocks.children())) {
        let (Some(sums), Some(couplings)) = (sums.next(), couplings.next()) else { break };
        let kept = predictions.next();
        groups.push(Group { blocks, routing, passes, weights, bias, children, v, sums, couplings, kept });
    }
    groups.into_par_iter().for_each(|group| Arch::new().dispatch(group));
    (v, routed)
}

/// A few examples, from children to parents.
struct Group<'a> {
    blocks: &'a Blocks,
    routing: Routing,
    passes: usize,
    weights: &'a [f32],
    bias: Option<&'a [f32]>,
    children: &'a [f32],
    v: &'a mut [f32],
    sums: &'a mut [f32],
    couplings: &'a mut [f32],
    kept: Option<&'a mut [f32]>,
}

impl WithSimd for Group<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Group { blocks, routing, passes, weights, bias, children, v, sums, couplings, kept } = self;
        let (outputs, predicted, coupled) =
            (blocks.sizes.outputs(), blocks.predictions(), blocks.couplings());
        let examples = v.len() / outputs;
        let mut buffer = Buffer::of(if kept.is_some() { 0 } else { examples * predicted });
        let predictions = match kept {
            Some(kept) => kept,
            None => &mut buffer[..],
        };
        if examples == GROUP {
            predict::<S, GROUP>(simd, blocks, weights, children, predictions);
        } else {
            let parts = children.chunks_exact(blocks.children()).zip(predictions.chunks_exact_mut(predicted));
            for (u, p) in parts {
                predict::<S, 1>(simd, blocks, weights, u, p);
            }
        }
        let mut work = Work { logits: vec![0.0; coupled], sums: vec![0.0; outputs * S::F32_LANES] };
        for (example, v) in v.chunks_exact_mut(outputs).enumerate() {
            let predictions = &predictions[example * predicted..(example + 1) * predicted];
            let sums = &mut sums[example * passes * outputs..(example + 1) * passes * outputs];
            let couplings = &mut couplings[example * passes * coupled..(example + 1) * passes * coupled];
            work.logits.fill(0.0);
            for pass in 0..routing.iterations {
                // where one pass is kept, each overwrites the one before
                let at = if passes == 1 { 0 } else { pass };
                let c = &mut couplings[at * coupled..(at + 1) * coupled];
                let s = &mut sums[at * outputs..(at + 1) * outputs];
                work.pass(simd, blocks, routing.coupling, predictions, (pass > 0).then_some(&*v), c);
                for (j, (s, lanes)) in s.iter_mut().zip(work.sums.chunks_exact(S::F32_LANES)).enumerate() {
                    *s = bias.map_or(0.0, |b| b[j]) + lanes.iter().sum::<f32>();
                }
                squash(s, blocks.sizes.width, v);
            }
        }
    }
}

/// û of G examples: each weight is read once for all of them.
#[inline(always)]
fn predict<S: Simd, const G: usize>(
    simd: S,
    blocks: &Blocks,
    weights: &[f32],
    children: &[f32],
    predictions: &mut [f32],
) {
    let (length, outputs, count) = (blocks.sizes.length, blocks.sizes.outputs(), blocks.count());
    let (weights, children) = (S::as_simd_f32s(weights).0, S::as_simd_f32s(children).0);
    let predictions = S::as_mut_simd_f32s(predictions).0;
    for (block, weights) in weights.chunks_exact(outputs * length).enumerate() {
        let u: [&[S::f32s]; G] = std::array::from_fn(|g| &children[(g * count + block) * length..][..length]);
        for (output, weights) in weights.chunks_exact(length).enumerate() {
            let mut sum = [simd.splat_f32s(0.0); G];
            for (m, w) in weights.iter().enumerate() {
                for g in 0..G {
                    sum[g] = simd.mul_add_e_f32s(*w, u[g][m], sum[g]);
                }
            }
            for (g, sum) in sum.into_iter().enumerate() {
                predictions[(g * count + block) * outputs + output] = sum;
            }
        }
    }
}

/// What one example's passes are done in.
struct Work {
    /// b, (block, J) vectors.
    logits: Vec<f32>,
    /// s before the sum over lanes, (J N) vectors.
    sums: Vec<f32>,
}

impl Work {
    /// One pass: b += û · v with the v of the pass before, c = softmax(b), Σᵢ c û.
    #[inline(always)]
    fn pass<S: Simd>(
        &mut self,
        simd: S,
        blocks: &Blocks,
        coupling: Coupling,
        predictions: &[f32],
        before: Option<&[f32]>,
        couplings: &mut [f32],
    ) {
        let width = blocks.sizes.width;
        let (row, coupled) = (blocks.sizes.outputs() * S::F32_LANES, blocks.sizes.parents * S::F32_LANES);
        self.sums.fill(0.0);
        let over_children = coupling == Coupling::Children;
        if over_children {
            if let Some(v) = before {
                for (p, b) in predictions.chunks_exact(row).zip(self.logits.chunks_exact_mut(coupled)) {
                    agree(simd, p, v, width, b);
                }
            }
            softmax_children(blocks, &self.logits, couplings);
        }
        for ((p, b), c) in predictions
            .chunks_exact(row)
            .zip(self.logits.chunks_exact_mut(coupled))
            .zip(couplings.chunks_exact_mut(coupled))
        {
            if !over_children {
                if let Some(v) = before {
                    agree(simd, p, v, width, b);
                }
                softmax_parents::<S>(b, coupling == Coupling::Leaky, c);
            }
            gather(simd, p, c, width, &mut self.sums);
        }
    }
}

/// b += û · v.
#[inline(always)]
fn agree<S: Simd>(simd: S, predictions: &[f32], v: &[f32], width: usize, logits: &mut [f32]) {
    let (predictions, logits) = (S::as_simd_f32s(predictions).0, S::as_mut_simd_f32s(logits).0);
    for ((p, v), b) in predictions.chunks_exact(width).zip(v.chunks_exact(width)).zip(logits) {
        let mut sum = *b;
        for (p, v) in p.iter().zip(v) {
            sum = simd.mul_add_e_f32s(*p, simd.splat_f32s(*v), sum);
        }
        *b = sum;
    }
}

/// Adds c û.
#[inline(always)]
fn gather<S: Simd>(simd: S, predictions: &[f32], couplings: &[f32], width: usize, sums: &mut [f32]) {
    let (predictions, couplings) = (S::as_simd_f32s(predictions).0, S::as_simd_f32s(couplings).0);
    let sums = S::as_mut_simd_f32s(sums).0;
    for ((p, s), c) in predictions.chunks_exact(width).zip(sums.chunks_exact_mut(width)).zip(couplings) {
        for (p, s) in p.iter().zip(s) {
            *s = simd.mul_add_e_f32s(*p, *c, *s);
        }
    }
}

/// c = softmax(b) over the parents, and over one more of logit 0 if it is leaky.
#[inline(always)]
fn softmax_parents<S: Simd>(logits: &[f32], leaky: bool, couplings: &mut [f32]) {
    let lanes = S::F32_LANES;
    let mut highest = [if leaky { 0.0 } else { f32::NEG_INFINITY }; MOST_LANES];
    for b in logits.chunks_exact(lanes) {
        for (highest, b) in highest.iter_mut().zip(b) {
            *highest = if *b > *highest { *b } else { *highest };
        }
    }
    let mut total = [0.0; MOST_LANES];
    if leaky {
        total.iter_mut().zip(&highest).for_each(|(total, highest)| *total = exp(-highest));
    }
    for (b, c) in logits.chunks_exact(lanes).zip(couplings.chunks_exact_mut(lanes)) {
        for (((b, c), highest), total) in b.iter().zip(c).zip(&highest).zip(&mut total) {
            *c = exp(b - highest);
            *total += *c;
        }
    }
    total.iter_mut().for_each(|total| *total = 1.0 / *total);
    for c in couplings.chunks_exact_mut(lanes) {
        c.iter_mut().zip(&total).for_each(|(c, inverse)| *c *= inverse);
    }
}

/// c = softmax(b) over the children; 0 for those that do not exist.
#[inline(always)]
fn softmax_children(blocks: &Blocks, logits: &[f32], couplings: &mut [f32]) {
    let lanes = blocks.lanes;
    for parent in 0..blocks.sizes.parents {
        // the children of each block, as places in `logits`
        let places = |block: usize| {
            let at = (block * blocks.sizes.parents + parent) * lanes;
            at..at + blocks.in_block(block)
        };
        let mut highest = f32::NEG_INFINITY;
        for b in (0..blocks.count()).flat_map(|block| &logits[places(block)]) {
            highest = if *b > highest { *b } else { highest };
        }
        let mut total = 0.0;
        for at in (0..blocks.count()).flat_map(places) {
            couplings[at] = exp(logits[at] - highest);
            total += couplings[at];
        }
        for at in (0..blocks.count()).flat_map(places) {
            couplings[at] /= total;
        }
    }
}

/// v = squash(s), parent by parent.
#[inline(always)]
pub(super) fn squash(s: &[f32], width: usize, v: &mut [f32]) {
    for (s, v) in s.chunks_exact(width).zip(v.chunks_exact_mut(width)) {
        let factor = Factor::of(s.iter().map(|s| s * s).sum()).value;
        v.iter_mut().zip(s).for_each(|(v, s)| *v = factor * s);
    }
}

//! The passes.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    pack::{pack_children, pack_weights},
    Lanes, RoutingSizes, GROUP, LANES,
};
use crate::ops::{
    math::exp,
    routing::{Coupling, Routing, RoutingGradient},
    scratch::Buffer,
    squash::Factor,
};

/// What the way back needs of the passes.
pub(crate) struct Routed {
    /// Passes that are kept: all of them or the last.
    pub(super) passes: usize,
    /// s of each example and kept pass, J N numbers each.
    pub(super) sums: Vec<f32>,
    /// c of each example and kept pass: (block, J) vectors each.
    pub(super) couplings: Vec<Lanes>,
    /// û of each example, (block, J N) vectors each, where gradients go through all passes.
    pub(super) predictions: Vec<Lanes>,
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
    let all = routing.gradient == RoutingGradient::All;
    let passes = if all { routing.iterations } else { 1 };
    let (outputs, predicted) = (sizes.outputs(), sizes.predictions());
    let kept = if all && keep { sizes.batch * predicted } else { 0 };
    let mut routed = Routed {
        passes,
        sums: vec![0.0; sizes.batch * passes * outputs],
        couplings: vec![[0.0; LANES]; sizes.batch * passes * sizes.couplings()],
        predictions: vec![[0.0; LANES]; kept],
    };
    let mut v = vec![0.0; sizes.batch * outputs];
    if sizes.is_empty() {
        return (v, routed);
    }
    let (weights, children) = (pack_weights(sizes, w), pack_children(sizes, u));
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut predictions = routed.predictions.chunks_mut(GROUP * predicted);
    for ((v, sums), (couplings, children)) in
        v.chunks_mut(GROUP * outputs).zip(routed.sums.chunks_mut(GROUP * passes * outputs)).zip(
            routed
                .couplings
                .chunks_mut(GROUP * passes * sizes.couplings())
                .zip(children.chunks(GROUP * sizes.blocks() * sizes.length)),
        )
    {
        let kept = predictions.next();
        groups.push(Group {
            sizes,
            routing,
            passes,
            weights: &weights,
            bias,
            children,
            v,
            sums,
            couplings,
            kept,
        });
    }
    groups.into_par_iter().for_each(|group| {
        Arch::new().dispatch(group);
    });
    (v, routed)
}

/// A few examples, from children to parents.
struct Group<'a> {
    sizes: &'a RoutingSizes,
    routing: Routing,
    passes: usize,
    weights: &'a [Lanes],
    bias: Option<&'a [f32]>,
    children: &'a [Lanes],
    v: &'a mut [f32],
    sums: &'a mut [f32],
    couplings: &'a mut [Lanes],
    kept: Option<&'a mut [Lanes]>,
}

impl WithSimd for Group<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Group { sizes, routing, passes, weights, bias, children, v, sums, couplings, kept } = self;
        let (outputs, predicted, coupled) = (sizes.outputs(), sizes.predictions(), sizes.couplings());
        let examples = v.len() / outputs;
        let mut buffer = Buffer::of(if kept.is_some() { 0 } else { examples * predicted * LANES });
        let predictions = match kept {
            Some(kept) => kept,
            None => &mut buffer.as_chunks_mut().0[..examples * predicted],
        };
        match examples {
            GROUP => predict::<GROUP>(sizes, weights, children, predictions),
            _ => {
                let blocks = sizes.blocks() * sizes.length;
                for (u, p) in children.chunks_exact(blocks).zip(predictions.chunks_exact_mut(predicted)) {
                    predict::<1>(sizes, weights, u, p);
                }
            }
        }
        let mut work = Work::of(sizes);
        for (example, v) in v.chunks_exact_mut(outputs).enumerate() {
            let predictions = &predictions[example * predicted..(example + 1) * predicted];
            let sums = &mut sums[example * passes * outputs..(example + 1) * passes * outputs];
            let couplings = &mut couplings[example * passes * coupled..(example + 1) * passes * coupled];
            work.logits.fill([0.0; LANES]);
            for pass in 0..routing.iterations {
                // where one pass is kept, each overwrites the one before
                let at = if passes == 1 { 0 } else { pass };
                let c = &mut couplings[at * coupled..(at + 1) * coupled];
                let s = &mut sums[at * outputs..(at + 1) * outputs];
                work.pass(sizes, routing.coupling, predictions, (pass > 0).then_some(&*v), c);
                for (j, s) in s.iter_mut().enumerate() {
                    *s = bias.map_or(0.0, |b| b[j]) + fold(&work.sums[j]);
                }
                squash(s, sizes.width, v);
            }
        }
    }
}

/// û of G examples: each weight is read once for all of them.
#[inline(always)]
fn predict<const G: usize>(
    sizes: &RoutingSizes,
    weights: &[Lanes],
    children: &[Lanes],
    predictions: &mut [Lanes],
) {
    let (length, outputs, blocks) = (sizes.length, sizes.outputs(), sizes.blocks());
    for (block, weights) in weights.chunks_exact((outputs * length).max(1)).enumerate() {
        let u: [&[Lanes]; G] = std::array::from_fn(|g| &children[(g * blocks + block) * length..][..length]);
        for (output, weights) in weights.chunks_exact(length.max(1)).enumerate() {
            let mut sum = [[0.0; LANES]; G];
            for (m, w) in weights.iter().enumerate() {
                for g in 0..G {
                    add_product(&mut sum[g], w, &u[g][m]);
                }
            }
            for (g, sum) in sum.into_iter().enumerate() {
                predictions[(g * blocks + block) * outputs + output] = sum;
            }
        }
    }
}

/// What one example's passes are done in.
struct Work {
    /// b, (block, J) vectors.
    logits: Vec<Lanes>,
    /// s before the sum over lanes.
    sums: Vec<Lanes>,
}

impl Work {
    fn of(sizes: &RoutingSizes) -> Self {
        Work { logits: vec![[0.0; LANES]; sizes.couplings()], sums: vec![[0.0; LANES]; sizes.outputs()] }
    }

    /// One pass: b += û · v with the v of the pass before, c = softmax(b), Σᵢ c û.
    #[inline(always)]
    fn pass(
        &mut self,
        sizes: &RoutingSizes,
        coupling: Coupling,
        predictions: &[Lanes],
        before: Option<&[f32]>,
        couplings: &mut [Lanes],
    ) {
        let (parents, width, outputs) = (sizes.parents, sizes.width, sizes.outputs());
        self.sums.fill([0.0; LANES]);
        if coupling == Coupling::Children {
            if let Some(v) = before {
                let blocks = predictions.chunks_exact(outputs);
                for (p, b) in blocks.zip(self.logits.chunks_exact_mut(parents)) {
                    agree(p, v, width, b);
                }
            }
            softmax_children(sizes, &self.logits, couplings);
            for (p, c) in predictions.chunks_exact(outputs).zip(couplings.chunks_exact(parents)) {
                gather(p, c, width, &mut self.sums);
            }
            return;
        }
        let leaky = coupling == Coupling::Leaky;
        for ((p, b), c) in predictions
            .chunks_exact(outputs)
            .zip(self.logits.chunks_exact_mut(parents))
            .zip(couplings.chunks_exact_mut(parents))
        {
            if let Some(v) = before {
                agree(p, v, width, b);
            }
            softmax_parents(b, leaky, c);
            gather(p, c, width, &mut self.sums);
        }
    }
}

/// b += û · v.
#[inline(always)]
fn agree(predictions: &[Lanes], v: &[f32], width: usize, logits: &mut [Lanes]) {
    for ((p, v), b) in predictions.chunks_exact(width).zip(v.chunks_exact(width)).zip(logits) {
        let mut sum = [0.0; LANES];
        for (p, v) in p.iter().zip(v) {
            add_product(&mut sum, p, &[*v; LANES]);
        }
        b.iter_mut().zip(&sum).for_each(|(b, sum)| *b += sum);
    }
}

/// Adds c û.
#[inline(always)]
fn gather(predictions: &[Lanes], couplings: &[Lanes], width: usize, sums: &mut [Lanes]) {
    for ((p, s), c) in predictions.chunks_exact(width).zip(sums.chunks_exact_mut(width)).zip(couplings) {
        for (p, s) in p.iter().zip(s) {
            add_product(s, p, c);
        }
    }
}

/// c = softmax(b) over the parents, and over one more of logit 0 if it is leaky.
#[inline(always)]
fn softmax_parents(logits: &[Lanes], leaky: bool, couplings: &mut [Lanes]) {
    let mut highest = if leaky { [0.0; LANES] } else { [f32::NEG_INFINITY; LANES] };
    for b in logits {
        for l in 0..LANES {
            highest[l] = if b[l] > highest[l] { b[l] } else { highest[l] };
        }
    }
    let mut total = [0.0; LANES];
    if leaky {
        for l in 0..LANES {
            total[l] = exp(-highest[l]);
        }
    }
    for (b, c) in logits.iter().zip(&mut *couplings) {
        for l in 0..LANES {
            c[l] = exp(b[l] - highest[l]);
            total[l] += c[l];
        }
    }
    for l in 0..LANES {
        total[l] = 1.0 / total[l];
    }
    for c in couplings {
        for l in 0..LANES {
            c[l] *= total[l];
        }
    }
}

/// c = softmax(b) over the children.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "two arrays by one lane")]
fn softmax_children(sizes: &RoutingSizes, logits: &[Lanes], couplings: &mut [Lanes]) {
    for parent in 0..sizes.parents {
        let mut highest = f32::NEG_INFINITY;
        for (block, b) in logits.iter().skip(parent).step_by(sizes.parents).enumerate() {
            for b in &b[..sizes.in_block(block)] {
                highest = if *b > highest { *b } else { highest };
            }
        }
        let mut total = 0.0;
        let of_parent = || (parent..couplings.len()).step_by(sizes.parents);
        for (block, at) in of_parent().enumerate() {
            for l in 0..sizes.in_block(block) {
                couplings[at][l] = exp(logits[at][l] - highest);
                total += couplings[at][l];
            }
        }
        for at in (parent..couplings.len()).step_by(sizes.parents) {
            couplings[at].iter_mut().for_each(|c| *c /= total);
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

/// a += b c.
#[inline(always)]
pub(super) fn add_product(a: &mut Lanes, b: &Lanes, c: &Lanes) {
    for l in 0..LANES {
        a[l] += b[l] * c[l];
    }
}

/// The sum over the lanes, in one fixed order.
#[inline(always)]
pub(super) fn fold(lanes: &Lanes) -> f32 {
    let mut sums = *lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for l in 0..half {
            sums[l] += sums[l + half];
        }
        half /= 2;
    }
    sums[0]
}

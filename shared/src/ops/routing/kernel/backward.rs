//! The way back.

#![allow(clippy::needless_range_loop, reason = "loops over registers, unrolled by their constant bounds")]

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    forward::squash,
    pack::{add_rows, pack_children, pack_weights},
    Blocks, Routed, RoutingSizes, GROUP,
};
use crate::ops::{
    routing::{Coupling, Routing, RoutingGradient},
    scratch::Buffer,
    squash::Factor,
};

/// What goes in: children, weights, the gradient of v.
type Inputs<'a> = [&'a [f32]; 3];

/// Adds to the gradients of the children, the weights and the bias.
pub(crate) fn backward(
    sizes: &RoutingSizes,
    [u, w, dv]: Inputs<'_>,
    routing: Routing,
    mut routed: Routed,
    [du, dw]: [&mut [f32]; 2],
    dbias: Option<&mut [f32]>,
) {
    if sizes.is_empty() {
        return;
    }
    let blocks = &Blocks::of(sizes);
    let all = routing.gradient == RoutingGradient::All && routing.iterations > 1;
    let (outputs, passes) = (sizes.outputs(), routed.passes);
    // ∂L/∂s of the last pass
    let mut ds = vec![0.0; dv.len()];
    let sums = routed.sums.chunks_exact(passes * outputs);
    for ((ds, dv), s) in ds.chunks_exact_mut(outputs).zip(dv.chunks_exact(outputs)).zip(sums) {
        squash_back(&s[(passes - 1) * outputs..], dv, sizes.width, ds);
    }
    if all {
        let coupling = routing.coupling;
        routed
            .predictions
            .par_chunks_mut(blocks.predictions())
            .zip(routed.couplings.par_chunks(passes * blocks.couplings()))
            .zip(routed.sums.par_chunks(passes * outputs))
            .zip(ds.par_chunks_mut(outputs))
            .for_each(|(((predictions, couplings), sums), ds)| {
                Arch::new().dispatch(Unroll { blocks, coupling, predictions, couplings, sums, ds });
            });
    }
    if let Some(dbias) = dbias {
        for ds in ds.chunks_exact(outputs) {
            dbias.iter_mut().zip(ds).for_each(|(dbias, ds)| *dbias += ds);
        }
    }

    let (weights, children) = (pack_weights(blocks, w), &*pack_children(blocks, u));
    let row = outputs * sizes.length;
    let flow = &if all {
        Flow::Predictions(&routed.predictions)
    } else {
        // of the last pass, which is the only one where one is kept
        let (one, from) = (blocks.couplings() * passes, blocks.couplings() * (passes - 1));
        Flow::Constant { couplings: &routed.couplings, one, from, ds: &ds }
    };
    // (block, B, M) vectors here, so that a block's task owns its part
    let part = sizes.batch * sizes.length * blocks.lanes;
    let mut of_children = vec![0.0; blocks.count() * part];
    of_children
        .par_chunks_mut(part)
        .zip(dw.par_chunks_mut(blocks.lanes * row))
        .zip(weights.par_chunks(blocks.weights()))
        .enumerate()
        .for_each(|(block, ((du, dw), weights))| {
            Arch::new().dispatch(Block { blocks, block, weights, children, flow, du, dw });
        });
    let one = sizes.length * blocks.lanes;
    du.par_chunks_mut(sizes.children * sizes.length).enumerate().for_each(|(example, du)| {
        for (block, du) in du.chunks_mut(one).enumerate() {
            let from = &of_children[(block * sizes.batch + example) * one..][..one];
            add_rows(from, sizes.length, blocks.lanes, du);
        }
    });
}

/// ds = f dv + 2 f' (s · dv) s, parent by parent.
#[inline(always)]
fn squash_back(s: &[f32], dv: &[f32], width: usize, ds: &mut [f32]) {
    for ((s, dv), ds) in s.chunks_exact(width).zip(dv.chunks_exact(width)).zip(ds.chunks_exact_mut(width)) {
        let factor = Factor::of(s.iter().map(|s| s * s).sum());
        let along: f32 = s.iter().zip(dv).map(|(s, dv)| s * dv).sum();
        let back = 2.0 * factor.slope * along;
        ds.iter_mut().zip(dv).zip(s).for_each(|((ds, dv), s)| *ds = factor.value * dv + back * s);
    }
}

/// ∂L/∂û through all passes of one example; takes the place of û.
struct Unroll<'a> {
    blocks: &'a Blocks,
    coupling: Coupling,
    predictions: &'a mut [f32],
    couplings: &'a [f32],
    sums: &'a [f32],
    /// ∂L/∂s of the last pass; after it, of all passes together.
    ds: &'a mut [f32],
}

impl WithSimd for Unroll<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Unroll { blocks, coupling, predictions, couplings, sums, ds: total } = self;
        let (outputs, width, coupled) = (blocks.sizes.outputs(), blocks.sizes.width, blocks.couplings());
        let passes = sums.len() / outputs;
        let mut gradient = Buffer::of(predictions.len());
        gradient.fill(0.0);
        // ∂L/∂b of the pass at hand
        let (mut db, mut dc) = (vec![0.0; coupled], vec![0.0; coupled]);
        let (mut ds, mut v, mut dv) = (total.to_vec(), vec![0.0; outputs], vec![0.0; outputs]);
        let mut lanes = vec![0.0; outputs * S::F32_LANES];
        for pass in (0..passes).rev() {
            let (s, c) = (&sums[pass * outputs..][..outputs], &couplings[pass * coupled..][..coupled]);
            if pass + 1 < passes {
                // b of the next pass is that of this one and û · v
                squash(s, width, &mut v);
                lanes.fill(0.0);
                through_logits(simd, outputs, width, predictions, &db, &v, &mut lanes, &mut gradient);
                dv.iter_mut()
                    .zip(lanes.chunks_exact(S::F32_LANES))
                    .for_each(|(dv, lanes)| *dv = lanes.iter().sum());
                squash_back(s, &dv, width, &mut ds);
                total.iter_mut().zip(&ds).for_each(|(total, ds)| *total += ds);
            }
            through_sums(simd, outputs, width, predictions, c, &ds, &mut dc, &mut gradient);
            // the logits of the first pass are constants
            if pass > 0 {
                softmax_back(simd, blocks, coupling, c, &dc, &mut db);
            }
        }
        predictions.copy_from_slice(&gradient);
    }
}

/// Through b += û · v: adds ∂L/∂b û to `lanes` (∂L/∂v before the sum over lanes) and ∂L/∂b v to ∂L/∂û.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn through_logits<S: Simd>(
    simd: S,
    outputs: usize,
    width: usize,
    predictions: &[f32],
    db: &[f32],
    v: &[f32],
    lanes: &mut [f32],
    gradient: &mut [f32],
) {
    let (predictions, db) = (S::as_simd_f32s(predictions).0, S::as_simd_f32s(db).0);
    let (lanes, gradient) = (S::as_mut_simd_f32s(lanes).0, S::as_mut_simd_f32s(gradient).0);
    let of_block = predictions.chunks_exact(outputs).zip(gradient.chunks_exact_mut(outputs));
    for ((p, g), db) in of_block.zip(db.chunks_exact(outputs / width)) {
        for (n, (p, g)) in p.iter().zip(g).enumerate() {
            lanes[n] = simd.mul_add_e_f32s(*p, db[n / width], lanes[n]);
            *g = simd.mul_add_e_f32s(db[n / width], simd.splat_f32s(v[n]), *g);
        }
    }
}

/// Through s = Σ c û: ∂L/∂c = û · ∂L/∂s, and adds c ∂L/∂s to ∂L/∂û.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn through_sums<S: Simd>(
    simd: S,
    outputs: usize,
    width: usize,
    predictions: &[f32],
    c: &[f32],
    ds: &[f32],
    dc: &mut [f32],
    gradient: &mut [f32],
) {
    let (predictions, c) = (S::as_simd_f32s(predictions).0, S::as_simd_f32s(c).0);
    let (dc, gradient) = (S::as_mut_simd_f32s(dc).0, S::as_mut_simd_f32s(gradient).0);
    let of_block = predictions.chunks_exact(outputs).zip(gradient.chunks_exact_mut(outputs));
    let parents = outputs / width;
    for ((p, g), (c, dc)) in of_block.zip(c.chunks_exact(parents).zip(dc.chunks_exact_mut(parents))) {
        let of_parent = p.chunks_exact(width).zip(g.chunks_exact_mut(width)).zip(ds.chunks_exact(width));
        for (((p, g), ds), (c, dc)) in of_parent.zip(c.iter().zip(dc)) {
            let mut sum = simd.splat_f32s(0.0);
            for ((p, g), ds) in p.iter().zip(g).zip(ds) {
                let ds = simd.splat_f32s(*ds);
                sum = simd.mul_add_e_f32s(*p, ds, sum);
                *g = simd.mul_add_e_f32s(*c, ds, *g);
            }
            *dc = sum;
        }
    }
}

/// db += c (dc − Σ c dc), the sum being over what the softmax is over. A leak has no dc, and so no part in the sum.
#[inline(always)]
fn softmax_back<S: Simd>(
    simd: S,
    blocks: &Blocks,
    coupling: Coupling,
    c: &[f32],
    dc: &[f32],
    db: &mut [f32],
) {
    let parents = blocks.sizes.parents;
    if coupling == Coupling::Children {
        for parent in 0..parents {
            // the children of this parent, those that do not exist among them, whose c is 0
            let places = || {
                (0..blocks.count()).flat_map(|block| {
                    let at = (block * parents + parent) * blocks.lanes;
                    at..at + blocks.lanes
                })
            };
            let mean: f32 = places().map(|at| c[at] * dc[at]).sum();
            places().for_each(|at| db[at] += c[at] * (dc[at] - mean));
        }
        return;
    }
    let (c, dc, db) = (S::as_simd_f32s(c).0, S::as_simd_f32s(dc).0, S::as_mut_simd_f32s(db).0);
    for ((c, dc), db) in
        c.chunks_exact(parents).zip(dc.chunks_exact(parents)).zip(db.chunks_exact_mut(parents))
    {
        let mut mean = simd.splat_f32s(0.0);
        for (c, dc) in c.iter().zip(dc) {
            mean = simd.mul_add_e_f32s(*c, *dc, mean);
        }
        for ((c, dc), db) in c.iter().zip(dc).zip(db) {
            *db = simd.mul_add_e_f32s(*c, simd.sub_f32s(*dc, mean), *db);
        }
    }
}

/// Where ∂L/∂û comes from.
enum Flow<'a> {
    /// c ∂L/∂s.
    Constant {
        couplings: &'a [f32],
        /// Numbers of c of an example.
        one: usize,
        /// Where those of the last pass begin.
        from: usize,
        ds: &'a [f32],
    },
    /// Ready.
    Predictions(&'a [f32]),
}

/// A block of children, with the weights that it alone has.
struct Block<'a> {
    blocks: &'a Blocks,
    block: usize,
    weights: &'a [f32],
    children: &'a [f32],
    flow: &'a Flow<'a>,
    /// (B, M) vectors.
    du: &'a mut [f32],
    dw: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Block { blocks, block, weights, children, flow, du, dw } = self;
        let (batch, one) = (blocks.sizes.batch, blocks.sizes.length * S::F32_LANES);
        let mut dweights = Buffer::of(weights.len());
        dweights.fill(0.0);
        let mut first = 0;
        while first < batch {
            let count = if first + GROUP <= batch { GROUP } else { 1 };
            let few = Few { blocks, block, first, weights, children, flow };
            let du = &mut du[first * one..(first + count) * one];
            if count == GROUP {
                few.back::<S, GROUP>(simd, du, &mut dweights);
            } else {
                few.back::<S, 1>(simd, du, &mut dweights);
            }
            first += count;
        }
        add_rows(&dweights, blocks.sizes.outputs() * blocks.sizes.length, S::F32_LANES, dw);
    }
}

/// A few examples of a block.
struct Few<'a> {
    blocks: &'a Blocks,
    block: usize,
    first: usize,
    weights: &'a [f32],
    children: &'a [f32],
    flow: &'a Flow<'a>,
}

impl Few<'_> {
    /// ∂L/∂W += ∂L/∂û uᵀ and ∂L/∂u = Wᵀ ∂L/∂û of G examples.
    #[inline(always)]
    fn back<S: Simd, const G: usize>(&self, simd: S, du: &mut [f32], dweights: &mut [f32]) {
        let Few { blocks, block, first, weights, children, flow } = *self;
        let (length, width, outputs) = (blocks.sizes.length, blocks.sizes.width, blocks.sizes.outputs());
        let (weights, children) = (S::as_simd_f32s(weights).0, S::as_simd_f32s(children).0);
        let (du, dweights) = (S::as_mut_simd_f32s(du).0, S::as_mut_simd_f32s(dweights).0);
        let u: [&[S::f32s]; G] =
            std::array::from_fn(|g| &children[((first + g) * blocks.count() + block) * length..][..length]);
        let rows = weights.chunks_exact(length).zip(dweights.chunks_exact_mut(length));
        for (output, (w, dw)) in rows.enumerate() {
            let mut flowing = [simd.splat_f32s(0.0); G];
            for g in 0..G {
                flowing[g] = match flow {
                    Flow::Predictions(predictions) => {
                        let at = ((first + g) * blocks.count() + block) * outputs + output;
                        S::as_simd_f32s(predictions).0[at]
                    }
                    Flow::Constant { couplings, one, from, ds } => {
                        let c = S::as_simd_f32s(&couplings[(first + g) * one + from..]).0;
                        let c = c[block * blocks.sizes.parents + output / width];
                        simd.mul_f32s(c, simd.splat_f32s(ds[(first + g) * outputs + output]))
                    }
                };
            }
            for (m, (w, dw)) in w.iter().zip(dw).enumerate() {
                for g in 0..G {
                    *dw = simd.mul_add_e_f32s(flowing[g], u[g][m], *dw);
                    du[g * length + m] = simd.mul_add_e_f32s(*w, flowing[g], du[g * length + m]);
                }
            }
        }
    }
}

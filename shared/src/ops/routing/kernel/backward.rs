//! The way back.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    forward::{add_product, fold, squash},
    pack::{add_rows, pack_children, pack_weights},
    Lanes, Routed, RoutingSizes, GROUP, LANES,
};
use crate::ops::{
    routing::{Coupling, Routing, RoutingGradient},
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
    let all = routing.gradient == RoutingGradient::All && routing.iterations > 1;
    // ∂L/∂s of the last pass
    let outputs = sizes.outputs();
    let mut ds = vec![0.0; dv.len()];
    let last = (routed.passes - 1) * outputs;
    for ((ds, dv), s) in ds
        .chunks_exact_mut(outputs)
        .zip(dv.chunks_exact(outputs))
        .zip(routed.sums.chunks_exact(routed.passes * outputs))
    {
        squash_back(&s[last..], dv, sizes.width, ds);
    }
    let mut dbias_of = ds.clone();
    if all {
        let (coupled, predicted) = (sizes.couplings(), sizes.predictions());
        let passes = routed.passes;
        routed
            .predictions
            .par_chunks_mut(predicted)
            .zip(routed.couplings.par_chunks(passes * coupled))
            .zip(routed.sums.par_chunks(passes * outputs))
            .zip(dbias_of.par_chunks_mut(outputs))
            .for_each(|(((predictions, couplings), sums), ds)| {
                Arch::new().dispatch(Unroll {
                    sizes,
                    coupling: routing.coupling,
                    predictions,
                    couplings,
                    sums,
                    ds,
                });
            });
    }
    if let Some(dbias) = dbias {
        for ds in dbias_of.chunks_exact(outputs) {
            dbias.iter_mut().zip(ds).for_each(|(dbias, ds)| *dbias += ds);
        }
    }

    let (weights, children) = (pack_weights(sizes, w), pack_children(sizes, u));
    let row = outputs * sizes.length;
    let flow = if all {
        Flow::Predictions(&routed.predictions)
    } else {
        // with one pass there is no other
        let from = sizes.couplings() * (routed.passes - 1);
        Flow::Constant {
            couplings: &routed.couplings,
            stride: sizes.couplings() * routed.passes,
            from,
            ds: &ds,
        }
    };
    let mut of_children = vec![[0.0; LANES]; children.len()];
    // (block, B, M) here, so that a block's task owns its part
    of_children
        .par_chunks_mut((sizes.batch * sizes.length).max(1))
        .zip(dw.par_chunks_mut((LANES * row).max(1)))
        .enumerate()
        .for_each(|(block, (du, dw))| {
            let weights = &weights[block * row..(block + 1) * row];
            Arch::new().dispatch(Block { sizes, block, weights, children: &children, flow: &flow, du, dw });
        });
    let (blocks, length) = (sizes.blocks(), sizes.length.max(1));
    du.par_chunks_mut((sizes.children * length).max(1)).enumerate().for_each(|(example, du)| {
        for (block, du) in du.chunks_mut(LANES * length).enumerate().take(blocks) {
            let from = &of_children[(block * sizes.batch + example) * sizes.length..][..sizes.length];
            add_rows(from, sizes.length, du);
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
    sizes: &'a RoutingSizes,
    coupling: Coupling,
    predictions: &'a mut [Lanes],
    couplings: &'a [Lanes],
    sums: &'a [f32],
    /// ∂L/∂s of the last pass; after it, of all passes together.
    ds: &'a mut [f32],
}

impl WithSimd for Unroll<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Unroll { sizes, coupling, predictions, couplings, sums, ds: total } = self;
        let (outputs, parents, width, coupled) =
            (sizes.outputs(), sizes.parents, sizes.width, sizes.couplings());
        let passes = sums.len() / outputs;
        let mut gradient = vec![[0.0; LANES]; predictions.len()];
        // ∂L/∂b of the pass at hand
        let mut db = vec![[0.0; LANES]; coupled];
        let mut dc = vec![[0.0; LANES]; coupled];
        let (mut ds, mut v, mut dv) = (total.to_vec(), vec![0.0; outputs], vec![0.0; outputs]);
        let mut lanes = vec![[0.0; LANES]; outputs];
        for pass in (0..passes).rev() {
            let (s, c) = (&sums[pass * outputs..][..outputs], &couplings[pass * coupled..][..coupled]);
            if pass + 1 < passes {
                // b of the next pass is that of this one and û · v
                squash(s, width, &mut v);
                lanes.fill([0.0; LANES]);
                for ((p, g), db) in predictions
                    .chunks_exact(outputs)
                    .zip(gradient.chunks_exact_mut(outputs))
                    .zip(db.chunks_exact(parents))
                {
                    for (j, db) in db.iter().enumerate() {
                        for n in j * width..(j + 1) * width {
                            add_product(&mut lanes[n], &p[n], db);
                            add_product(&mut g[n], db, &[v[n]; LANES]);
                        }
                    }
                }
                dv.iter_mut().zip(&lanes).for_each(|(dv, lanes)| *dv = fold(lanes));
                squash_back(s, &dv, width, &mut ds);
                total.iter_mut().zip(&ds).for_each(|(total, ds)| *total += ds);
            }
            for (((p, g), c), dc) in predictions
                .chunks_exact(outputs)
                .zip(gradient.chunks_exact_mut(outputs))
                .zip(c.chunks_exact(parents))
                .zip(dc.chunks_exact_mut(parents))
            {
                for (j, (c, dc)) in c.iter().zip(dc).enumerate() {
                    let mut sum = [0.0; LANES];
                    for n in j * width..(j + 1) * width {
                        let ds = [ds[n]; LANES];
                        add_product(&mut sum, &p[n], &ds);
                        add_product(&mut g[n], c, &ds);
                    }
                    *dc = sum;
                }
            }
            // the logits of the first pass are constants
            if pass > 0 {
                softmax_back(sizes, coupling, c, &dc, &mut db);
            }
        }
        predictions.copy_from_slice(&gradient);
    }
}

/// db += c (dc − Σ c dc), the sum being over what the softmax is over. A leak has no dc, and so no part in the sum.
#[inline(always)]
fn softmax_back(sizes: &RoutingSizes, coupling: Coupling, c: &[Lanes], dc: &[Lanes], db: &mut [Lanes]) {
    let parents = sizes.parents;
    if coupling == Coupling::Children {
        for parent in 0..parents {
            let mut sum = [0.0; LANES];
            for at in (parent..c.len()).step_by(parents) {
                add_product(&mut sum, &c[at], &dc[at]);
            }
            let mean = fold(&sum);
            for at in (parent..c.len()).step_by(parents) {
                for l in 0..LANES {
                    db[at][l] += c[at][l] * (dc[at][l] - mean);
                }
            }
        }
        return;
    }
    for ((c, dc), db) in
        c.chunks_exact(parents).zip(dc.chunks_exact(parents)).zip(db.chunks_exact_mut(parents))
    {
        let mut mean = [0.0; LANES];
        for (c, dc) in c.iter().zip(dc) {
            add_product(&mut mean, c, dc);
        }
        for ((c, dc), db) in c.iter().zip(dc).zip(db) {
            for l in 0..LANES {
                db[l] += c[l] * (dc[l] - mean[l]);
            }
        }
    }
}

/// Where ∂L/∂û comes from.
enum Flow<'a> {
    /// c ∂L/∂s.
    Constant {
        couplings: &'a [Lanes],
        /// Vectors of c of an example.
        stride: usize,
        /// Where those of the last pass begin.
        from: usize,
        ds: &'a [f32],
    },
    /// Ready.
    Predictions(&'a [Lanes]),
}

/// A block of children, with the weights that it alone has.
struct Block<'a> {
    sizes: &'a RoutingSizes,
    block: usize,
    weights: &'a [Lanes],
    children: &'a [Lanes],
    flow: &'a Flow<'a>,
    /// (B, M) vectors.
    du: &'a mut [Lanes],
    dw: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Block { sizes, block, weights, children, flow, du, dw } = self;
        let mut dweights = vec![[0.0; LANES]; weights.len()];
        let mut first = 0;
        while first < sizes.batch {
            if first + GROUP <= sizes.batch {
                examples::<GROUP>(sizes, block, first, weights, children, flow, du, &mut dweights);
                first += GROUP;
            } else {
                examples::<1>(sizes, block, first, weights, children, flow, du, &mut dweights);
                first += 1;
            }
        }
        add_rows(&dweights, weights.len(), dw);
    }
}

/// ∂L/∂W += ∂L/∂û uᵀ and ∂L/∂u = Wᵀ ∂L/∂û of G examples.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn examples<const G: usize>(
    sizes: &RoutingSizes,
    block: usize,
    first: usize,
    weights: &[Lanes],
    children: &[Lanes],
    flow: &Flow<'_>,
    du: &mut [Lanes],
    dweights: &mut [Lanes],
) {
    let (length, width, blocks, outputs) = (sizes.length, sizes.width, sizes.blocks(), sizes.outputs());
    let u: [&[Lanes]; G] =
        std::array::from_fn(|g| &children[((first + g) * blocks + block) * length..][..length]);
    let du = &mut du[first * length..(first + G) * length];
    for (output, (w, dw)) in
        weights.chunks_exact(length.max(1)).zip(dweights.chunks_exact_mut(length.max(1))).enumerate()
    {
        let flowing: [Lanes; G] = std::array::from_fn(|g| match flow {
            Flow::Predictions(predictions) => predictions[((first + g) * blocks + block) * outputs + output],
            Flow::Constant { couplings, stride, from, ds } => {
                let c = &couplings[(first + g) * stride + from + block * sizes.parents + output / width];
                let ds = ds[(first + g) * outputs + output];
                c.map(|c| c * ds)
            }
        });
        for (m, (w, dw)) in w.iter().zip(dw).enumerate() {
            for g in 0..G {
                add_product(dw, &flowing[g], &u[g][m]);
                add_product(&mut du[g * length + m], w, &flowing[g]);
            }
        }
    }
}

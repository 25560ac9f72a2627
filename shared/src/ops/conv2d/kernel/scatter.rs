//! The gradient of a convolution's input without the zeros around the results.
//!
//! [`spread`](super::spread) gathers: each pixel sums over the results that it reached, and the results are surrounded by
//! zeros, so that those of the pixels near the border are there to be multiplied. Where kernels are large and images
//! small most products are with zeros: 2.8 of 3.8 for 9 x 9 taps, stride 2, on 20 x 20 pixels. Here each tap's products
//! are summed over the result channels first, which leaves few sums to be added to pixels.

use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::{
    weight_gradient::{channel_panels, tile_rows, Tiles},
    Sizes, Store, Width,
};
use crate::ops::scratch::Buffer;

/// Images that share one reading of the weights.
const IMAGES: usize = 4;

/// Elements of weights that are multiplied with at a time: half of what the first-level cache holds.
const WEIGHTS: usize = 6 << 10;

/// How many times the products of this way those of gathering must be, to pay for adding sums to pixels.
const GAIN: f64 = 1.25;

/// Whether this way is cheaper than one that takes `gathered` products of each pair of channels.
pub(super) fn is_cheaper(sizes: &Sizes, width: &Width, gathered: usize) -> bool {
    let lanes = sizes.channels.next_multiple_of(width.lanes);
    let scattered = sizes.rows * sizes.cols * sizes.kernel.pow(2) * lanes;
    (gathered * sizes.channels) as f64 > GAIN * scattered as f64
}

/// x\[n, c, S i + p − P, S j + q − P\] += Σ y\[n, o, i, j\] w\[o, c, p, q\] over o, i, j, p, q.
///
/// # Shapes
/// y: (B, O, HO, WO), W: (O, C, K, K), x: (B, C, H, W).
pub(super) fn scatter(sizes: &Sizes, width: &Width, y: &[f32], weight: &[f32], store: Store, x: &mut [f32]) {
    let panels = channel_panels(sizes.channels, width.lanes);
    let packed = pack(sizes, width, &panels, weight);
    let plane = sizes.height * sizes.width;
    let mut tasks = Vec::new();
    for (nth, mut x) in x.chunks_mut((IMAGES * sizes.image()).max(1)).enumerate() {
        let images = x.len() / sizes.image();
        let y = &y[nth * IMAGES * sizes.result()..][..images * sizes.result()];
        // a task for each panel, which owns its channels of each image
        let mut of_panel: Vec<Vec<&mut [f32]>> = panels.iter().map(|_| Vec::new()).collect();
        for _ in 0..images {
            for (panel, list) in panels.iter().zip(&mut of_panel) {
                let (own, rest) = std::mem::take(&mut x).split_at_mut(panel.len() * plane);
                list.push(own);
                x = rest;
            }
        }
        for (weights, x) in packed.iter().zip(of_panel) {
            tasks.push(Task { sizes, width, weights, y, x, store });
        }
    }
    tasks.into_par_iter().for_each(Task::run);
}

/// Weights of a panel of image channels: (K K, O, lanes of the panel).
struct Packed {
    vectors: usize,
    values: Vec<f32>,
}

fn pack(sizes: &Sizes, width: &Width, panels: &[Range<usize>], weight: &[f32]) -> Vec<Packed> {
    let area = sizes.kernel.pow(2);
    panels
        .par_iter()
        .map(|panel| {
            let vectors = panel.len().div_ceil(width.lanes);
            let row = vectors * width.lanes;
            let mut values = vec![0.0; area * sizes.outputs * row];
            for (o, from) in weight.chunks_exact(sizes.taps().max(1)).enumerate() {
                let from = &from[panel.start * area..panel.end * area];
                for tap in 0..area {
                    let to = &mut values[(tap * sizes.outputs + o) * row..][..panel.len()];
                    to.iter_mut().zip(from[tap..].iter().step_by(area)).for_each(|(to, w)| *to = *w);
                }
            }
            Packed { vectors, values }
        })
        .collect()
}

/// A panel of channels of a few images.
struct Task<'a> {
    sizes: &'a Sizes,
    width: &'a Width,
    weights: &'a Packed,
    y: &'a [f32],
    /// The panel's channels of each image.
    x: Vec<&'a mut [f32]>,
    store: Store,
}

impl Task<'_> {
    fn run(self) {
        let Task { sizes, width, weights, y, x, store } = self;
        let Sizes { outputs, rows, cols, kernel, stride, padding, height, width: side, .. } = *sizes;
        let (row, plane, block) =
            (weights.vectors * width.lanes, rows * cols, tile_rows(width, weights.vectors));
        let pixels = height * side;
        // channels side by side, pixel by pixel
        let mut image = Buffer::of(x.len() * pixels * row);
        let image = &mut image[..x.len() * pixels * row];
        image.fill(0.0);
        let mut sums = Buffer::of(x.len() * plane.next_multiple_of(block) * row);
        let one = plane.next_multiple_of(block) * row;
        let sums = &mut sums[..x.len() * one];
        let at_once = (WEIGHTS / row).max(1);
        let places: Vec<usize> = (0..at_once.min(outputs)).map(|o| o * plane).collect();
        let positions: Vec<usize> = (0..plane).collect();
        for (tap, weights_of_tap) in weights.values.chunks_exact((outputs * row).max(1)).enumerate() {
            sums.fill(0.0);
            for (part, gradients) in weights_of_tap.chunks(at_once * row).enumerate() {
                let first = part * at_once;
                let places = &places[..gradients.len() / row];
                for (n, sums) in sums.chunks_exact_mut(one.max(1)).enumerate() {
                    let source = &y[n * outputs * plane + first * plane..][..places.len() * plane];
                    let (taps, vectors) = (positions.as_slice(), weights.vectors);
                    Arch::new().dispatch(Tiles { source, places, taps, gradients, vectors, block, sums });
                }
            }
            let (p, q) = (tap / kernel, tap % kernel);
            // the results whose tap lies inside the image
            let inside = |at: usize, tap: usize, side: usize| {
                (at * stride + tap).checked_sub(padding).filter(|pixel| *pixel < side)
            };
            for (sums, image) in
                sums.chunks_exact(one.max(1)).zip(image.chunks_exact_mut((pixels * row).max(1)))
            {
                for i in 0..rows {
                    let Some(line) = inside(i, p, height) else { continue };
                    for j in 0..cols {
                        let Some(column) = inside(j, q, side) else { continue };
                        let to = &mut image[(line * side + column) * row..][..row];
                        let from = &sums[(i * cols + j) * row..][..row];
                        to.iter_mut().zip(from).for_each(|(to, sum)| *to += sum);
                    }
                }
            }
        }
        for (x, image) in x.into_iter().zip(image.chunks_exact((pixels * row).max(1))) {
            for (lane, x) in x.chunks_exact_mut(pixels.max(1)).enumerate() {
                let from = image[lane..].iter().step_by(row);
                match store {
                    Store::Write => x.iter_mut().zip(from).for_each(|(x, sum)| *x = *sum),
                    Store::Add => x.iter_mut().zip(from).for_each(|(x, sum)| *x += sum),
                }
            }
        }
    }
}

//! The gradient of the weights.

use pulp::Arch;
use rayon::prelude::*;

use super::{
    apart,
    blocks::Blocks,
    pixels::Planes,
    points::{Kind, Transform},
    product::{block_of, Product},
    weights::{panels, Gradients},
    Form,
};
use crate::ops::{
    conv2d::kernel::{Sizes, Store, Width},
    scratch::Buffer,
};

/// Parts of the batch, each with sums of its own, where these are small.
const PARTS: usize = 8;

/// Elements of all parts' sums, which are cut into two parts whatever they take.
const SUMS: usize = 2 << 20;

/// dW as [`weight_gradient`](super::super::weight_gradient) has it.
///
/// The batch is cut into parts by the sizes alone, and their sums are added in order.
///
/// # Shapes
/// x: (B, C, H, W), dy: (B, O, HO, WO), dW: (O, C, K, K).
pub(in crate::ops::conv2d::kernel) fn weight_gradient(
    form: Form,
    sizes: &Sizes,
    x: &[f32],
    dy: &[f32],
    store: Store,
    dw: &mut [f32],
) {
    let width = Width::of_machine();
    let blocks = Blocks::new(sizes.batch, sizes.rows, sizes.cols);
    // rows of products are whole blocks
    let padded = (sizes.channels * form.phases()).next_multiple_of(width.lanes.max(8));
    let (area, width_of) = (form.area(), &width);
    let one = area * padded * sizes.outputs.next_multiple_of(width.lanes);
    let parts = (SUMS / one.max(1)).clamp(2, PARTS);
    // whole blocks of images
    let images = sizes.batch.div_ceil(parts).next_multiple_of(blocks.images);
    let parts = sizes.batch.div_ceil(images);

    let mut sums = Buffer::of(parts * one);
    let sums = &mut sums[..parts * one];
    sums.par_chunks_mut(one.max(1)).enumerate().for_each(|(part, sums)| {
        let (first, end) = (part * images, ((part + 1) * images).min(sizes.batch));
        for (nth, block) in blocks.of(first..end).enumerate() {
            Part { form, sizes, width: width_of, padded, add: nth > 0 }.add_block(&block, x, dy, sums);
        }
    });

    let parts: Vec<&[f32]> = sums.chunks_exact(one.max(1)).collect();
    let panels = panels(sizes.outputs, width.lanes);
    let mut rest = dw;
    let mut tasks = Vec::new();
    let mut at = 0;
    for panel in panels {
        let (to, after) = rest.split_at_mut(panel.len() * sizes.taps());
        let len = area * padded * panel.len().next_multiple_of(width.lanes);
        tasks.push((at..at + len, to));
        (rest, at) = (after, at + len);
    }
    tasks.into_par_iter().for_each(|(span, to)| {
        let parts: Vec<&[f32]> = parts.iter().map(|part| &part[span.clone()]).collect();
        Arch::new().dispatch(Gradients { form, parts: &parts, sources: sizes.channels, padded, store, to });
    });
}

/// A part of the batch.
struct Part<'a> {
    form: Form,
    sizes: &'a Sizes,
    width: &'a Width,
    /// Channels of the images times their phases, rounded up.
    padded: usize,
    /// Whether `sums` have anything in them.
    add: bool,
}

impl Part<'_> {
    /// `sums`: for each panel of outputs (points, channels, outputs).
    fn add_block(&self, block: &super::blocks::Block, x: &[f32], dy: &[f32], sums: &mut [f32]) {
        let Sizes { channels, height, width, outputs, rows, cols, padding, .. } = *self.sizes;
        let (lanes, tiles) = (self.width.lanes, block.tiles());
        let (form, kind) = (self.form, Kind::Pixels { padding, split: true });
        let [of_pixels, of_gradients] =
            [kind, Kind::Gradients].map(|kind| kind.window_len(form, block, lanes));
        let mut window = Buffer::of(of_pixels.max(of_gradients));
        let point = apart(tiles * self.padded);
        let mut points = Buffer::of(form.area() * point);
        Transform {
            form,
            kind,
            planes: Planes { channels, height, width },
            block,
            values: x,
            channels: 0..channels,
            window: &mut window[..of_pixels],
            steps: [point, self.padded],
            to: &mut points,
        }
        .run(self.width);
        let (mut at, rows_at_once) = (0, block_of(self.width, 8, 1));
        for panel in panels(outputs, lanes) {
            let vectors = panel.len().div_ceil(lanes);
            let row = vectors * lanes;
            let gradient_point = apart(tiles * row);
            let mut gradients = Buffer::of(form.area() * gradient_point);
            Transform {
                form,
                kind: Kind::Gradients,
                planes: Planes { channels: outputs, height: rows, width: cols },
                block,
                values: dy,
                channels: panel,
                window: &mut window[..of_gradients],
                steps: [gradient_point, row],
                to: &mut gradients,
            }
            .run(self.width);
            for e in 0..form.area() {
                Arch::new().dispatch(Product {
                    a: &points[e * point..][..tiles * self.padded],
                    a_steps: [1, self.padded],
                    b: &gradients[e * gradient_point..],
                    vectors,
                    depth: tiles,
                    rows: channels * form.phases(),
                    block: rows_at_once,
                    add: self.add,
                    sums: &mut sums[at..][..self.padded * row],
                });
                at += self.padded * row;
            }
        }
    }
}

//! The convolution and the gradient of its input.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    apart,
    blocks::{Block, Blocks, TILE},
    pixels::{Finish, Planes, Window},
    points::{Kind, Transform},
    product::{block_of, Product},
    transforms::{self, both_axes, Map},
    transforms_of_two,
    weights::Transformed,
    Correlation, Form, Kernels, Split, Width,
};
use crate::ops::{conv2d::kernel::Store, scratch::Buffer};

/// y = f(W ∗ x + b), f the identity or ReLU.
///
/// # Shapes
/// x: (B, C, H, W), b: (O), y: (B, O, HO, WO).
pub(in crate::ops::conv2d::kernel) fn correlate(
    task: &Correlation<'_>,
    x: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
    store: Store,
    y: &mut [f32],
) {
    let width = Width::of_machine();
    let Correlation { source, result, padding, kernels: Kernels { form, split, .. }, .. } = *task;
    let kernels = Transformed::all(&width, &task.kernels, source.channels, result.channels);
    let blocks = Blocks::new(task.batch, task.tiled[0], task.tiled[1]);
    let kind = Kind::Pixels { padding: padding[0], split: split == Split::Source };
    let finish = Finish { bias, relu, store };
    let (width, kernels) = (&width, kernels.as_slice());
    y.par_chunks_mut((blocks.images * result.image()).max(1)).enumerate().for_each(|(nth, y)| {
        let first = nth * blocks.images;
        for block in blocks.of(first..first + blocks.images) {
            Work { width, form, kind, kernels, block, source, result, before: padding[1], finish }.run(x, y);
        }
    });
}

/// A block of tiles.
struct Work<'a> {
    width: &'a Width,
    form: Form,
    kind: Kind,
    kernels: &'a [Transformed],
    block: Block,
    source: Planes,
    result: Planes,
    /// Results above and to the left of the first that is wanted.
    before: usize,
    finish: Finish<'a>,
}

impl Work<'_> {
    fn run(self, x: &[f32], y: &mut [f32]) {
        let (lanes, tiles) = (self.width.lanes, self.block.tiles());
        let widest = self.kernels.iter().map(|k| k.vectors).max().unwrap_or(0);
        let rows = block_of(self.width, tiles, widest);
        let depth = self.kernels.iter().map(|k| k.sources).max().unwrap_or(0);
        let (padded, channels) = (tiles.next_multiple_of(rows), depth.next_multiple_of(lanes));
        let (area, point) = (self.form.area(), apart(padded * channels));
        let mut points = Buffer::of(area * point);
        {
            let mut window = Buffer::of(self.kind.window_len(self.form, &self.block, lanes));
            Transform {
                form: self.form,
                kind: self.kind,
                planes: self.source,
                block: &self.block,
                values: x,
                channels: 0..self.source.channels,
                window: &mut window,
                steps: [point, channels],
                to: &mut points,
            }
            .run(self.width);
        }
        let mut sums = Buffer::of(area * apart(padded * widest * lanes));
        let phases = self.kernels.iter().map(|k| k.phases).max().unwrap_or(1);
        let mut window = Buffer::of(tiles * TILE * TILE * lanes * phases);
        for kernels in self.kernels {
            let row = kernels.vectors * lanes;
            let of_panel = apart(padded * row);
            for e in 0..area {
                Arch::new().dispatch(Product {
                    a: &points[e * point..][..padded * channels],
                    a_steps: [channels, 1],
                    b: &kernels.values[e * depth * row..],
                    vectors: kernels.vectors,
                    depth,
                    rows: tiles,
                    block: rows,
                    add: false,
                    sums: &mut sums[e * of_panel..][..padded * row],
                });
            }
            Arch::new().dispatch(Back {
                form: self.form,
                shift: phases.ilog2() / 2,
                before: self.before,
                block: &self.block,
                outputs: kernels.outputs.clone(),
                planes: self.result,
                sums: &sums,
                steps: [of_panel, row],
                window: &mut window,
                finish: self.finish,
                to: y,
            });
        }
    }
}

/// From the points of a panel of outputs to the results: Aᵀ m A.
struct Back<'a> {
    form: Form,
    /// Of the window of the results, as is `before`.
    shift: u32,
    before: usize,
    block: &'a Block,
    outputs: Range<usize>,
    planes: Planes,
    sums: &'a [f32],
    /// Elements of `sums` from one point to the next, and from one tile to the next.
    steps: [usize; 2],
    window: &'a mut [f32],
    finish: Finish<'a>,
    /// The block's images.
    to: &'a mut [f32],
}

impl WithSimd for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.form.taps {
            3 => self.all::<S, transforms::Results, 6>(simd),
            _ => self.all::<S, transforms_of_two::Results, 5>(simd),
        }
    }
}

impl Back<'_> {
    #[inline(always)]
    fn all<S: Simd, M: Map<P, TILE>, const P: usize>(self, simd: S) {
        let lanes = S::F32_LANES;
        let Block { images, down, across } = self.block;
        let window = Window {
            rows: down.len() * TILE,
            cols: across * TILE,
            shift: self.shift,
            before: self.before,
            first: down.start * TILE,
            lanes,
        };
        let (tiles, phases) = (self.block.tiles(), 1 << (2 * self.shift));
        let [point, row] = self.steps;
        // what the loops below read and write without looking
        assert!((P * P - 1) * point + tiles * row <= self.sums.len(), "points beyond the end");
        assert!(self.outputs.len().next_multiple_of(lanes) * phases <= row, "channels beyond the row");
        assert!(images.len() * window.image() <= self.window.len(), "a window without room");
        for (vector, first) in self.outputs.clone().step_by(lanes).enumerate() {
            let parts = self.window.chunks_exact_mut(window.phase()).take(images.len() * phases);
            for (part, pixels) in parts.enumerate() {
                let mut tile = part / phases * down.len() * across;
                let place = (vector * phases + part % phases) * lanes;
                for down in 0..down.len() {
                    for across in 0..*across {
                        let to = &mut pixels[(down * window.cols + across) * TILE * lanes..];
                        // SAFETY: the assertions above; a tile has TILE x TILE pixels of the window.
                        unsafe {
                            let from = self.sums.as_ptr().add(tile * row + place);
                            let to_steps = [window.cols * lanes, lanes];
                            let from_steps = [P * point, point];
                            both_axes::<S, M, P, TILE>(simd, from, from_steps, to.as_mut_ptr(), to_steps);
                        }
                        tile += 1;
                    }
                }
            }
            let outputs = first..(first + lanes).min(self.outputs.end);
            window.scatter(simd, &self.planes, self.window, outputs, &self.finish, self.to);
        }
    }
}

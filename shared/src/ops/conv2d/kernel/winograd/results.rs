//! The convolution and the gradient of its input.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    apart,
    blocks::{Block, Blocks, AREA, POINTS, TILE},
    pixels::{Finish, Planes, Window},
    points::{Kind, Transform},
    product::{block_of, Product},
    transforms::{both_axes, Results},
    weights::Transformed,
    Correlation, Width,
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
    let ([channels, height, wide], [outputs, rows, cols]) = (task.source, task.result);
    let kernels = Transformed::all(&width, task.kernels, channels, outputs);
    let blocks = Blocks::new(task.batch, rows, cols);
    let source = Planes { channels, height, width: wide };
    let result = Planes { channels: outputs, height: rows, width: cols };
    let finish = Finish { bias, relu, store };
    y.par_chunks_mut((blocks.images * result.image()).max(1)).enumerate().for_each(|(nth, y)| {
        let first = nth * blocks.images;
        for block in blocks.of(first..first + blocks.images) {
            let kind = Kind::Pixels { padding: task.padding };
            Work { width: &width, kind, kernels: &kernels, block, source, result, finish }.run(x, y);
        }
    });
}

/// A block of tiles.
struct Work<'a> {
    width: &'a Width,
    kind: Kind,
    kernels: &'a [Transformed],
    block: Block,
    source: Planes,
    result: Planes,
    finish: Finish<'a>,
}

impl Work<'_> {
    fn run(self, x: &[f32], y: &mut [f32]) {
        let (lanes, tiles) = (self.width.lanes, self.block.tiles());
        let rows = block_of(self.width, tiles);
        let (padded, channels) = (tiles.next_multiple_of(rows), self.source.channels.next_multiple_of(lanes));
        let point = apart(padded * channels);
        let mut points = Buffer::of(AREA * point);
        {
            let mut window = Buffer::of(self.kind.window_len(&self.block, lanes));
            Transform {
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
        let widest = self.kernels.iter().map(|k| k.vectors).max().unwrap_or(0) * lanes;
        let mut sums = Buffer::of(AREA * apart(padded * widest));
        let mut window = Buffer::of(tiles * TILE * TILE * lanes);
        for kernels in self.kernels {
            let row = kernels.vectors * lanes;
            let of_panel = apart(padded * row);
            for e in 0..AREA {
                Arch::new().dispatch(Product {
                    a: &points[e * point..][..padded * channels],
                    a_steps: [channels, 1],
                    b: &kernels.values[e * self.source.channels * row..],
                    vectors: kernels.vectors,
                    depth: self.source.channels,
                    rows: tiles,
                    block: rows,
                    add: false,
                    sums: &mut sums[e * of_panel..][..padded * row],
                });
            }
            Arch::new().dispatch(Back {
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
        let lanes = S::F32_LANES;
        let Block { images, down, across } = self.block;
        let window = Window {
            rows: down.len() * TILE,
            cols: across * TILE,
            before: [0; 2],
            first: down.start * TILE,
            lanes,
        };
        let tiles = self.block.tiles();
        let [point, row] = self.steps;
        // what the loops below read and write without looking
        assert!((AREA - 1) * point + tiles * row <= self.sums.len(), "points beyond the end");
        assert!(images.len() * window.image() <= self.window.len(), "a window without room");
        for (vector, first) in self.outputs.clone().step_by(lanes).enumerate() {
            let mut tile = 0;
            for image in self.window.chunks_exact_mut(window.image()).take(images.len()) {
                for down in 0..down.len() {
                    for across in 0..*across {
                        let to = &mut image[(down * window.cols + across) * TILE * lanes..];
                        // SAFETY: the assertions above; a tile has TILE x TILE pixels of the window.
                        unsafe {
                            let from = self.sums.as_ptr().add(tile * row + vector * lanes);
                            let to_steps = [window.cols * lanes, lanes];
                            let from_steps = [POINTS * point, point];
                            both_axes::<S, Results, POINTS, TILE>(
                                simd,
                                from,
                                from_steps,
                                to.as_mut_ptr(),
                                to_steps,
                            );
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

//! The gradient of a convolution's input, which is the transposed convolution.

use pulp::Arch;

use super::{
    correlate::{Correlation, Weights},
    groups::{images_in_group, Images, PanelsOfGroups},
    layout::Layout,
    panels::{Grid, Panels},
    scatter, winograd, Sizes, Store, Width,
};

/// x = f(Wᵀ ∗ y + b), f the identity or ReLU: each result y\[n, o, i, j\] adds w\[o, c, p, q\] y to the pixel under its tap
/// (p, q).
///
/// With stride S the pixels fall into S x S phases by their coordinates modulo S. Those of one phase are reached by the
/// same taps only, so each phase is a convolution of stride 1 of y with a part of the kernel: no pixel is written twice.
///
/// # Shapes
/// y: (B, O, HO, WO), W: (O, C, K, K), b: (C), x: (B, C, H, W).
pub(crate) fn spread(
    sizes: &Sizes,
    y: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
    store: Store,
    x: &mut [f32],
) {
    if let Some(fast) = winograd::Correlation::back(sizes, weight) {
        return winograd::correlate(&fast, y, bias, relu, store, x);
    }
    let width = Width::of_machine();
    let (rows, cols) = (phases(sizes, sizes.height), phases(sizes, sizes.width));
    let gathered = |phases: &[Phase]| phases.iter().map(|p| p.count * p.taps).sum::<usize>();
    let plain = bias.is_none() && !relu && sizes.image() > 0;
    if plain && scatter::is_cheaper(sizes, &width, gathered(&rows) * gathered(&cols)) {
        return scatter::scatter(sizes, &width, y, weight, store, x);
    }
    let zeros = |phases: &[Phase], side: usize| {
        let used = || phases.iter().filter(|p| p.taps > 0 && p.count > 0);
        let before = used().map(|p| (p.taps - 1).saturating_sub(p.first)).max().unwrap_or(0);
        let after = used().map(|p| (p.first + p.count).saturating_sub(side)).max().unwrap_or(0);
        [before, after]
    };
    let (above, beside) = (zeros(&rows, sizes.rows), zeros(&cols, sizes.cols));
    let layout = Layout::padded(sizes.rows, sizes.cols, above, beside);
    let images =
        Images { values: y, channels: sizes.outputs, plane: sizes.rows * sizes.cols, layout: &layout };
    let group = images_in_group(
        &width,
        sizes.batch,
        sizes.height * sizes.width / sizes.stride.pow(2),
        images.prepared(),
    );

    let mut parts = Vec::new();
    for row in &rows {
        for col in &cols {
            if row.count * col.count == 0 {
                continue;
            }
            let part = Part { sizes, layout: &layout, zeros: [above[0], beside[0]], row, col };
            let weights = part.weights(&width, weight);
            let panels =
                PanelsOfGroups::new(sizes.batch, group, |n| part.panels(&width, n, weights.row_blocks()));
            parts.push((weights, panels));
        }
    }
    let reads = |images| {
        parts.iter().map(|(weights, panels)| weights.reads(panels.of(images), width.lanes)).max().unwrap_or(0)
    };
    images.each_group(&width, group, x, sizes.image(), reads, |images, source, sink| {
        for (weights, panels) in &parts {
            let (panels, plane) = (panels.of(images), sizes.height * sizes.width);
            let work = Correlation { weights, panels, source, plane, bias, relu, store, sink: &mut *sink };
            Arch::new().dispatch(work);
        }
    });
}

/// The pixels along one axis whose coordinate plus P is `phase` modulo S.
#[derive(Clone, Copy, Debug)]
struct Phase {
    phase: usize,
    /// Taps that reach them: phase, phase + S, ..
    taps: usize,
    /// The first of them, and how many there are.
    start: usize,
    count: usize,
    /// The result whose first such tap lies on the first of them.
    first: usize,
}

fn phases(sizes: &Sizes, side: usize) -> Vec<Phase> {
    let Sizes { stride, padding, kernel, .. } = *sizes;
    let of_phase = |phase: usize| {
        let first = padding.saturating_sub(phase).div_ceil(stride);
        let start = first * stride + phase - padding;
        let (count, taps) = (side.saturating_sub(start), kernel.saturating_sub(phase));
        Phase { phase, taps: taps.div_ceil(stride), start, count: count.div_ceil(stride), first }
    };
    (0..stride).map(of_phase).collect()
}

/// One phase of rows and one of columns.
struct Part<'a> {
    sizes: &'a Sizes,
    layout: &'a Layout,
    /// Zeros above and to the left of the results.
    zeros: [usize; 2],
    row: &'a Phase,
    col: &'a Phase,
}

impl Part<'_> {
    fn weights(&self, width: &Width, weight: &[f32]) -> Weights {
        let Sizes { outputs, channels, kernel, stride, .. } = *self.sizes;
        let (mut columns, mut taps) = (Vec::new(), Vec::new());
        for o in 0..outputs {
            for i in 0..self.row.taps {
                for j in 0..self.col.taps {
                    let (p, q) = (self.row.phase + i * stride, self.col.phase + j * stride);
                    columns.push((o * channels * kernel + p) * kernel + q);
                    let (y, x) = (self.zeros[0] + self.row.first - i, self.zeros[1] + self.col.first - j);
                    taps.push(o * self.layout.channel + self.layout.offset(y, x));
                }
            }
        }
        Weights::pack(width, weight, channels, kernel * kernel, &columns, taps)
    }

    fn panels(&self, width: &Width, images: usize, blocks: usize) -> Panels {
        let sizes = self.sizes;
        let grid = Grid {
            images,
            rows: self.row.count,
            cols: self.col.count,
            source: [sizes.outputs * self.layout.channel, self.layout.pitch],
            sink: [sizes.image(), sizes.stride * sizes.width, sizes.stride],
            start: self.row.start * sizes.width + self.col.start,
        };
        Panels::cheapest(&grid, width.lanes, blocks)
    }
}

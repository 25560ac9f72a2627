//! The convolution itself.

use pulp::Arch;

use super::{
    correlate::{Correlation, Weights},
    groups::{images_in_group, Images, PanelsOfGroups},
    layout::Layout,
    panels::{Grid, Panels},
    winograd, Sizes, Store, Width,
};

/// y = f(W ∗ x + b), f the identity or ReLU.
///
/// # Shapes
/// x: (B, C, H, W), W: (O, C, K, K), b: (O), y: (B, O, HO, WO).
pub(crate) fn convolve(
    sizes: &Sizes,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
    store: Store,
    y: &mut [f32],
) {
    if let Some(fast) = winograd::Correlation::forward(sizes, weight) {
        return winograd::correlate(&fast, x, bias, relu, store, y);
    }
    let width = Width::of_machine();
    let Sizes { channels, kernel, .. } = *sizes;
    let layout = Layout::strided(sizes.height, sizes.width, kernel, sizes.stride, sizes.padding);
    let place = |k: usize| layout.offset(k / kernel % kernel, k % kernel);
    let taps = (0..sizes.taps()).map(|k| k / (kernel * kernel) * layout.channel + place(k)).collect();
    let columns: Vec<usize> = (0..sizes.taps()).collect();
    let weights = Weights::pack(&width, weight, sizes.outputs, sizes.taps(), &columns, taps);

    let images = Images { values: x, channels, plane: sizes.height * sizes.width, layout: &layout };
    let plane = sizes.rows * sizes.cols;
    let group = images_in_group(&width, sizes.batch, plane, images.prepared());
    let panels = PanelsOfGroups::new(sizes.batch, group, |images_here| {
        let grid = Grid {
            images: images_here,
            rows: sizes.rows,
            cols: sizes.cols,
            source: [images.prepared(), layout.pitch],
            sink: [sizes.result(), sizes.cols, 1],
            start: 0,
        };
        Panels::cheapest(&grid, width.lanes, weights.row_blocks())
    });
    let reads = |images| weights.reads(panels.of(images), width.lanes);
    images.each_group(&width, group, y, sizes.result(), reads, |images, source, sink| {
        let (weights, panels) = (&weights, panels.of(images));
        let work = Correlation { weights, panels, source, plane, bias, relu, store, sink };
        Arch::new().dispatch(work);
    });
}

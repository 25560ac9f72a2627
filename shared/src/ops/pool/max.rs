//! The maximum over windows of one plane.

use pulp::{Arch, Simd, WithSimd};

use super::Window;

/// One plane: its windows' largest values, and where in the plane they are.
pub(super) struct MaxPlane<'a> {
    pub(super) x: &'a [f32],
    pub(super) size: [usize; 2],
    pub(super) window: Window,
    pub(super) out: [usize; 2],
    pub(super) y: &'a mut [f32],
    pub(super) winners: &'a mut [u32],
}

impl MaxPlane<'_> {
    pub(super) fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for MaxPlane<'_> {
    type Output = ();

    /// A row of results at a time, one pixel of all its windows after another in row-major order: so the first of equal
    /// values stays, and neighbouring results are SIMD lanes.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let MaxPlane { x, size: [height, width], window, out: [_, columns], y, winners } = self;
        let Window { kernel, stride, padding } = window;
        let results = y.chunks_exact_mut(columns).zip(winners.chunks_exact_mut(columns)).enumerate();
        for (at, (y, winners)) in results {
            let rows = window.span(at, height);
            for (at, (y, winner)) in y.iter_mut().zip(winners.iter_mut()).enumerate() {
                (*y, *winner) =
                    (f32::NEG_INFINITY, (rows.start * width + window.span(at, width).start) as u32);
            }
            for row in rows {
                let pixels = &x[row * width..(row + 1) * width];
                for offset in 0..kernel {
                    // the windows whose pixel `offset` is inside the image: at S + offset − P in 0..W
                    let first = padding.saturating_sub(offset).div_ceil(stride);
                    let end = (width + padding).saturating_sub(offset).div_ceil(stride).min(columns);
                    if first >= end {
                        continue;
                    }
                    let start = first * stride + offset - padding;
                    let pixels = pixels[start..].iter().step_by(stride);
                    let results = y[first..end].iter_mut().zip(&mut winners[first..end]);
                    for ((i, x), (y, winner)) in pixels.enumerate().zip(results) {
                        // the second half is true for a NaN alone
                        let wins = *x > *y || x.is_nan();
                        *y = if wins { *x } else { *y };
                        *winner = if wins { (row * width + start + i * stride) as u32 } else { *winner };
                    }
                }
            }
        }
    }
}

//! The maximum over windows of planes.

use pulp::{Arch, Simd, WithSimd};

use super::Window;

/// Results that are computed side by side.
const LANES: usize = 16;

/// Planes: their windows' largest values, and where in the plane they are.
pub(super) struct MaxPlanes<'a> {
    pub(super) x: &'a [f32],
    pub(super) size: [usize; 2],
    pub(super) window: Window,
    pub(super) out: [usize; 2],
    pub(super) y: &'a mut [f32],
    pub(super) winners: &'a mut [u32],
}

impl MaxPlanes<'_> {
    pub(super) fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for MaxPlanes<'_> {
    type Output = ();

    /// A row of results at a time, one pixel of all its windows after another in row-major order: so the first of equal
    /// values stays. Rows are split by the stride's phases, so that neighbouring windows read neighbouring values.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let MaxPlanes { x, size: [height, width], window, out: [rows, columns], y, winners } = self;
        let Window { kernel, stride, padding } = window;
        let chunks = columns.div_ceil(LANES);
        // −∞ before and after each line, which never wins
        let margin = padding.div_ceil(stride);
        let pitch = margin + (chunks * LANES + kernel.div_ceil(stride)).max(width.div_ceil(stride));
        let mut lines = vec![f32::NEG_INFINITY; stride * pitch];
        let mut best = vec![[0.0f32; LANES]; chunks];
        let mut places = vec![[0u32; LANES]; chunks];
        let mut apart = [0u32; LANES];
        apart.iter_mut().enumerate().for_each(|(i, apart)| *apart = (i * stride) as u32);

        let planes = y.chunks_exact_mut((rows * columns).max(1));
        let planes = planes.zip(winners.chunks_exact_mut((rows * columns).max(1)));
        for ((y, winners), x) in planes.zip(x.chunks_exact((height * width).max(1))) {
            let results = y.chunks_exact_mut(columns.max(1)).zip(winners.chunks_exact_mut(columns.max(1)));
            for (at, (y, winners)) in results.enumerate() {
                let rows = window.span(at, height);
                best.fill([f32::NEG_INFINITY; LANES]);
                for (column, place) in places.as_flattened_mut().iter_mut().enumerate() {
                    *place = (rows.start * width + window.span(column, width).start) as u32;
                }
                for row in rows {
                    let pixels = &x[row * width..(row + 1) * width];
                    for (phase, line) in lines.chunks_exact_mut(pitch).enumerate().take(width) {
                        let pixels = pixels[phase..].iter().step_by(stride);
                        line[margin..].iter_mut().zip(pixels).for_each(|(to, x)| *to = *x);
                    }
                    for offset in 0..kernel {
                        // window i reads pixel i S + offset − P
                        let ahead = offset + margin * stride - padding;
                        let line = &lines[ahead % stride * pitch + ahead / stride..];
                        let first = (row * width + offset).wrapping_sub(padding) as u32;
                        let (lines, _) = line.as_chunks::<LANES>();
                        for (nth, ((best, place), x)) in
                            best.iter_mut().zip(&mut places).zip(lines).enumerate()
                        {
                            let first = first.wrapping_add((nth * LANES * stride) as u32);
                            for lane in 0..LANES {
                                // the second half is true for a NaN alone
                                let wins = x[lane] > best[lane] || x[lane].is_nan();
                                best[lane] = if wins { x[lane] } else { best[lane] };
                                let here = first.wrapping_add(apart[lane]);
                                place[lane] = if wins { here } else { place[lane] };
                            }
                        }
                    }
                }
                y.copy_from_slice(&best.as_flattened()[..columns]);
                winners.copy_from_slice(&places.as_flattened()[..columns]);
            }
        }
    }
}

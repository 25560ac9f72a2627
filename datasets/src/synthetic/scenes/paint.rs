//! From objects to pixels.

use super::textures::Texture;
use crate::stream::mix;
use crate::synthetic::drawing::{cover, Colour, Pattern};
use crate::synthetic::outlines::{Outline, Visit};

pub(super) const SIDE: usize = 32;
pub(super) const PLANE: usize = SIDE * SIDE;
pub(super) const PIXELS: usize = 3 * PLANE;

/// The pixels around an object.
pub(super) struct Area {
    /// The first row and column, and the ones past the last.
    rows: [usize; 2],
    columns: [usize; 2],
    centre: [f32; 2],
}

impl Area {
    fn around(centre: [f32; 2], reach: f32) -> Self {
        let line = |middle: f32| {
            let end = |at: f32| at.clamp(0.0, SIDE as f32) as usize;
            [end((middle - reach).ceil()), end((middle + reach).floor() + 1.0)]
        };
        Self { rows: line(centre[1]), columns: line(centre[0]), centre }
    }

    fn width(&self) -> usize {
        self.columns[1] - self.columns[0]
    }

    fn len(&self) -> usize {
        self.width() * (self.rows[1] - self.rows[0])
    }

    /// Writes a number for every pixel, row by row, from its place about the centre.
    #[inline(always)]
    pub(super) fn fill(&self, out: &mut [f32], number: impl Fn([f32; 2]) -> f32) {
        if self.len() == 0 {
            return;
        }
        for (row, line) in (self.rows[0]..self.rows[1]).zip(out.chunks_exact_mut(self.width())) {
            let y = row as f32 - self.centre[1];
            let first = self.columns[0] as f32 - self.centre[0];
            for (column, value) in line.iter_mut().enumerate() {
                *value = number([first + column as f32, y]);
            }
        }
    }
}

/// An outline somewhere, with a texture of two colours.
pub(super) struct Object {
    pub(super) outline: Outline,
    /// In pixels, from the middle of the first.
    pub(super) centre: [f32; 2],
    /// In pixels.
    pub(super) radius: f32,
    /// Cosine and sine of the turn.
    pub(super) turn: [f32; 2],
    pub(super) texture: Texture,
    pub(super) colours: [Colour; 2],
}

/// Writes how deep the pixels of an area lie inside the outline of an object.
struct Depths<'a> {
    object: &'a Object,
    area: &'a Area,
    out: &'a mut [f32],
}

impl Visit for Depths<'_> {
    type Output = ();

    #[inline(always)]
    fn with(self, distance: impl Fn([f32; 2]) -> f32) {
        let radius = self.object.radius;
        let [cos, sin] = self.object.turn.map(|part| part / radius);
        self.area.fill(self.out, |[x, y]| -radius * distance([cos * x + sin * y, cos * y - sin * x]));
    }
}

/// An image in the making, planar, from 0 (black) to 1.
pub(super) struct Canvas {
    pixels: [f32; PIXELS],
    depths: [f32; PLANE],
    shares: [f32; PLANE],
}

impl Canvas {
    /// A canvas that shows a pattern.
    pub(super) fn of(background: &Pattern) -> Self {
        let mut pixels = [0.0; PIXELS];
        let mut shares = [0.0; PLANE];
        let [first, second] = background.colours();
        let everywhere = Area { rows: [0, SIDE], columns: [0, SIDE], centre: [0.0; 2] };
        let weave = background.weave();
        if background.spotted() {
            everywhere.fill(&mut shares, |at| weave.spots(at));
        } else {
            everywhere.fill(&mut shares, |at| weave.stripes(at));
        }
        for (channel, plane) in pixels.chunks_exact_mut(PLANE).enumerate() {
            let (from, by) = (first[channel], second[channel] - first[channel]);
            plane.iter_mut().zip(&shares).for_each(|(pixel, share)| *pixel = from + by * share);
        }
        Self { pixels, depths: [0.0; PLANE], shares }
    }

    /// Draws an object over what is there.
    pub(super) fn paint(&mut self, object: &Object) {
        let area = Area::around(object.centre, Outline::REACH * object.radius + 0.5);
        let (width, len) = (area.width(), area.len());
        if len == 0 {
            return;
        }
        let (depths, shares) = (&mut self.depths[..len], &mut self.shares[..len]);
        object.outline.visit(Depths { object, area: &area, out: depths });
        object.texture.fill(&area, depths, shares);
        let [first, second] = object.colours;
        for (channel, plane) in self.pixels.chunks_exact_mut(PLANE).enumerate() {
            let (from, by) = (first[channel], second[channel] - first[channel]);
            let lines = plane.chunks_exact_mut(SIDE).skip(area.rows[0]);
            let inside = depths.chunks_exact(width).zip(shares.chunks_exact(width));
            for (line, (depths, shares)) in lines.zip(inside) {
                let line = &mut line[area.columns[0]..area.columns[1]];
                for ((pixel, &depth), share) in line.iter_mut().zip(depths).zip(shares) {
                    *pixel += (from + by * share - *pixel) * cover(depth);
                }
            }
        }
    }

    /// Multiplies contrast, adds brightness and noise of a standard deviation, and rounds to bytes.
    pub(super) fn finish(&self, contrast: f32, brightness: f32, noise: f32, key: u64, out: &mut [u8]) {
        let mut grain = Grain::new(key);
        let (scale, shift) = (255.0 * contrast, 255.0 * (brightness + 0.5 - 0.5 * contrast) + 0.5);
        let noise = 255.0 * noise;
        for (line, bytes) in self.pixels.chunks_exact(SIDE).zip(out.chunks_exact_mut(SIDE)) {
            let mut values = [0.0; SIDE];
            let more = grain.next();
            for ((value, pixel), grain) in values.iter_mut().zip(line).zip(more) {
                *value = (scale * pixel + shift + noise * grain).clamp(0.0, 255.0);
            }
            bytes.iter_mut().zip(values).for_each(|(byte, value)| *byte = value as i32 as u8);
        }
    }
}

/// Numbers that are nearly normal, with mean 0 and deviation 1, a row at a time.
///
/// Each is the sum of the four bytes of a word of Marsaglia's 32-bit xorshift; each column has a generator of its own.
struct Grain([u32; SIDE]);

impl Grain {
    fn new(key: u64) -> Self {
        // Zero is the one state that does not move on.
        Self(std::array::from_fn(|column| (mix(key.wrapping_add(column as u64)) >> 32) as u32 | 1))
    }

    #[inline(always)]
    fn next(&mut self) -> [f32; SIDE] {
        const EACH: f32 = 147.801_5; // the deviation of the sum: four times (256² - 1) / 12, and the root of it
        let mut out = [0.0; SIDE];
        for (state, value) in self.0.iter_mut().zip(&mut out) {
            let mut word = *state;
            word ^= word << 13;
            word ^= word >> 17;
            word ^= word << 5;
            *state = word;
            let pairs = (word & 0x00ff_00ff) + (word >> 8 & 0x00ff_00ff);
            let sum = (pairs & 0xffff) + (pairs >> 16);
            *value = (sum as i32 - 510) as f32 * (1.0 / EACH);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_its_mean_and_deviation_and_no_memory() {
        const IMAGES: u64 = 400;
        let (mut sums, mut n) = ([0.0f64; 4], 0.0);
        for key in 0..IMAGES {
            let mut grain = Grain::new(mix(key));
            let mut before = grain.next();
            for _ in 0..95 {
                let now = grain.next();
                for column in 0..SIDE {
                    let value = f64::from(now[column]);
                    sums[0] += value;
                    sums[1] += value * value;
                    sums[2] += value * f64::from(before[column]);
                    sums[3] += value * f64::from(now[(column + 1) % SIDE]);
                    n += 1.0;
                }
                before = now;
            }
        }
        // 1.2 million numbers: standard deviations near 0.001.
        let [mean, square, down, right] = sums.map(|sum| sum / n);
        assert!(mean.abs() < 0.005 && (square - 1.0).abs() < 0.01, "{mean} {square}");
        assert!(down.abs() < 0.01 && right.abs() < 0.005, "{down} {right}");
    }

    #[test]
    fn areas_hold_what_is_near_and_nothing_outside() {
        let area = Area::around([3.2, 30.0], 2.5);
        assert_eq!((area.columns, area.rows, area.len()), ([1, 6], [28, 32], 20));
        assert_eq!(Area::around([-9.0, 5.0], 2.0).len(), 0);
        let mut out = [0.0; 20];
        area.fill(&mut out, |[x, y]| 10.0 * y + x);
        assert!((out[6] - (-10.0 - 1.2)).abs() < 1e-4, "{}", out[6]);
    }
}

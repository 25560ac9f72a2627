//! How much of an object's second colour each of its pixels shows.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::paint::Area;
use crate::synthetic::drawing::{cover, length, soft, wave, Weave};
use crate::synthetic::pen::uniform;

/// A texture about the centre of an object.
pub(super) struct Texture {
    /// A place among [`TEXTURES`](super::TEXTURES).
    kind: usize,
    weave: Weave,
    /// Cosine and sine of the direction of what has one.
    along: [f32; 2],
    /// Distance of the rings, in pixels, and how far out the first one lies, in distances.
    rings: [f32; 2],
    /// Of the object, in pixels.
    radius: f32,
}

impl Texture {
    pub(super) fn draw(kind: usize, radius: f32, rng: &mut ChaCha8Rng) -> Self {
        // Checks look finer than their waves are long.
        let longer = if kind == 3 { 1.4 } else { 1.0 };
        let weave = Weave::draw(3.6 * longer, 4.8 * longer, rng);
        let (sin, cos) = (std::f32::consts::TAU * rng.r#gen::<f32>()).sin_cos();
        let rings = [uniform(rng, 4.0, 5.2) as f32, rng.r#gen()];
        Self { kind, weave, along: [cos, sin], rings, radius }
    }

    /// One that shows the first colour alone.
    pub(super) fn plain(rng: &mut ChaCha8Rng) -> Self {
        Self::draw(2, 1.0, rng)
    }

    /// Writes the share of the second colour of every pixel of an area, 0 to 1, given how deep they lie inside the
    /// outline.
    pub(super) fn fill(&self, area: &Area, depths: &[f32], shares: &mut [f32]) {
        let [cos, sin] = self.along;
        let [distance, first] = self.rings;
        match self.kind {
            0 => area.fill(shares, |at| self.weave.stripes(at)),
            1 => area.fill(shares, |at| self.weave.spots(at)),
            3 => area.fill(shares, |at| self.weave.checks(at)),
            4 => area.fill(shares, |at| soft(wave(length(at) / distance + first))),
            // A gradient from one end to the other.
            5 => area.fill(shares, |[x, y]| (0.5 + 0.65 * (cos * x + sin * y) / self.radius).clamp(0.0, 1.0)),
            // The outermost pixel and a third.
            6 => shares.iter_mut().zip(depths).for_each(|(share, depth)| *share = cover(1.3 - depth)),
            // The cosine of three times the angle, whose sign changes six times on the way round.
            7 => area.fill(shares, |[x, y]| {
                let [x, y] = [cos * x + sin * y, cos * y - sin * x];
                let square = x * x + y * y + 0.25;
                soft(2.0 * x * (x * x - 3.0 * y * y) / (square * square.sqrt()))
            }),
            _ => shares.fill(0.0),
        }
    }
}

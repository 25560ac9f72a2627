//! What the drawn sets share: colours, soft edges, waves and two-coloured patterns.

use std::f32::consts::TAU;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::pen::uniform;

/// Red, green and blue, each from 0 (black) to 1.
pub(super) type Colour = [f32; 3];

/// Two systems of parallel waves at right angles to each other.
pub(super) struct Weave {
    /// Waves per pixel along the two directions.
    waves: [[f32; 2]; 2],
    /// In wave lengths.
    phases: [f32; 2],
}

impl Weave {
    /// Draws a direction, a wave length of `least` to `most` pixels, and where the waves begin.
    pub(super) fn draw(least: f64, most: f64, rng: &mut ChaCha8Rng) -> Self {
        let (sin, cos) = (TAU * rng.r#gen::<f32>()).sin_cos();
        let period = uniform(rng, least, most) as f32;
        let waves = [[cos / period, sin / period], [-sin / period, cos / period]];
        Self { waves, phases: [(); 2].map(|()| rng.r#gen()) }
    }

    /// The height of one of the two systems, -1 to 1.
    pub(super) fn height(&self, axis: usize, [x, y]: [f32; 2]) -> f32 {
        let [along, across] = self.waves[axis];
        wave(along * x + across * y + self.phases[axis])
    }

    /// How much of the second colour stripes show, 0 to 1.
    pub(super) fn stripes(&self, at: [f32; 2]) -> f32 {
        soft(self.height(0, at))
    }

    /// How much of the second colour spots show, 0 to 1.
    pub(super) fn spots(&self, at: [f32; 2]) -> f32 {
        soft(self.height(0, at) + self.height(1, at) - 0.4)
    }

    /// How much of the second colour a chess board shows, 0 to 1.
    pub(super) fn checks(&self, at: [f32; 2]) -> f32 {
        soft(2.0 * self.height(0, at) * self.height(1, at))
    }
}

/// Stripes or spots of two colours.
pub(super) struct Pattern {
    colours: [Colour; 2],
    spotted: bool,
    weave: Weave,
}

impl Pattern {
    /// Draws a colour with channels in `range`, and another whose channels lie up to `contrast` of the way to their
    /// farther ends.
    pub(super) fn draw(spotted: bool, [least, most]: [f32; 2], contrast: f32, rng: &mut ChaCha8Rng) -> Self {
        let first: Colour = [(); 3].map(|()| least + (most - least) * rng.r#gen::<f32>());
        let mut towards = |value: f32| {
            let far = if value < 0.5 { 1.0 } else { 0.0 };
            value + (far - value) * contrast * (0.4 + 0.6 * rng.r#gen::<f32>())
        };
        let second = first.map(&mut towards);
        let colours = if rng.r#gen() { [first, second] } else { [second, first] };
        Self { colours, spotted, weave: Weave::draw(4.0, 6.5, rng) }
    }

    pub(super) fn colour(&self, at: [f32; 2]) -> Colour {
        let level = if self.spotted { self.weave.spots(at) } else { self.weave.stripes(at) };
        blend(self.colours[0], self.colours[1], level)
    }

    pub(super) fn colours(&self) -> [Colour; 2] {
        self.colours
    }

    /// Whether spots, rather than stripes, of [`Self::weave`] show the second colour.
    pub(super) fn spotted(&self) -> bool {
        self.spotted
    }

    pub(super) fn weave(&self) -> &Weave {
        &self.weave
    }
}

/// A share of 0 to 1 that changes steeply, but not at once, where `height` passes 0.
pub(super) fn soft(height: f32) -> f32 {
    (0.5 + 1.5 * height).clamp(0.0, 1.0)
}

/// A wave of length 1 between -1 and 1: parabolas that come within 0.06 of the sine, and are faster.
pub(super) fn wave(at: f32) -> f32 {
    let phase = 2.0 * (at - floor(at)) - 1.0;
    4.0 * phase * (phase.abs() - 1.0)
}

/// The whole number at or below `at`, for |at| < 2³¹; faster than a call, which is what `f32::floor` can be.
fn floor(at: f32) -> f32 {
    let whole = at as i32 as f32;
    whole - f32::from(u8::from(whole > at))
}

pub(super) fn length([x, y]: [f32; 2]) -> f32 {
    (x * x + y * y).sqrt()
}

/// How much of a pixel lies inside an outline that is `depth` pixels away.
pub(super) fn cover(depth: f32) -> f32 {
    (depth + 0.5).clamp(0.0, 1.0)
}

pub(super) fn blend(a: Colour, b: Colour, share: f32) -> Colour {
    std::array::from_fn(|channel| a[channel] + (b[channel] - a[channel]) * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn waves_are_waves(at in -50.0f32..50.0) {
            let sine = -(TAU * at).sin();
            prop_assert!((wave(at).abs() - sine.abs()).abs() < 0.061, "{} {}", wave(at), sine);
            prop_assert!((wave(at) - wave(at + 1.0)).abs() < 1e-3);
        }

        #[test]
        fn whole_numbers_below_are_the_standard_ones(at in -1e6f32..1e6) {
            prop_assert_eq!(floor(at), at.floor());
            prop_assert_eq!(floor(at.trunc()), at.trunc());
        }
    }
}

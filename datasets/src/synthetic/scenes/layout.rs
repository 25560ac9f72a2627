//! What an image shows and where, drawn at random.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::attributes::Attributes;
use super::paint::{Canvas, Object, SIDE};
use super::textures::Texture;
use super::SceneConfig;
use crate::synthetic::drawing::{length, Colour, Pattern};
use crate::synthetic::outlines::Outline;
use crate::synthetic::pen::uniform;

/// Most objects in an image.
pub(super) const MOST: usize = 4;

/// Draws an image of objects with the given attributes, the first at the back.
///
/// # Shapes
///
/// `looks`: 1 to 4; `pixels`: 3 · 32 · 32.
pub(super) fn draw(config: &SceneConfig, looks: &[Attributes], rng: &mut ChaCha8Rng, pixels: &mut [u8]) {
    let brightness = within(rng, -config.brightness, config.brightness);
    let contrast = within(rng, -config.contrast, config.contrast).exp();
    let spotted = rng.r#gen();
    // Near grey, so that it is no palette, and neither the lightest nor the darkest.
    let background = Pattern::draw(spotted, [0.28, 0.62], config.clutter as f32, rng);
    let mut canvas = Canvas::of(&background);
    for _ in 0..rng.gen_range(0..=config.distractors as u32) {
        canvas.paint(&distractor(rng));
    }
    let mut placed = [([0.0; 2], 0.0); MOST];
    for (number, look) in looks.iter().take(MOST).enumerate() {
        let radius = radius(config, look.size, rng);
        let centre = place(radius, &placed[..number], rng);
        placed[number] = (centre, radius);
        let (sin, cos) = within(rng, -config.degrees, config.degrees).to_radians().sin_cos();
        let texture = Texture::draw(look.texture, radius, rng);
        let palette = look.palette.unwrap_or_else(|| rng.gen_range(0..HUES.len() as u32) as usize);
        let pale = look.shade.map_or_else(|| rng.r#gen(), |shade| shade == 1);
        let colours = colours(palette, pale, rng);
        canvas.paint(&Object { outline: look.outline, centre, radius, turn: [cos, sin], texture, colours });
    }
    let noise = config.noise as f32;
    canvas.finish(contrast, brightness, noise, rng.r#gen(), pixels);
}

/// Radii are uniform in their logarithm; where size is a label, those between the first and the last third are free.
fn radius(config: &SceneConfig, size: Option<usize>, rng: &mut ChaCha8Rng) -> f32 {
    let (least, ratio) = (config.least_radius, config.most_radius / config.least_radius);
    let power = match size {
        None => uniform(rng, 0.0, 1.0),
        Some(0) => uniform(rng, 0.0, 1.0 / 3.0),
        Some(_) => uniform(rng, 2.0 / 3.0, 1.0),
    };
    (least * ratio.powf(power)) as f32
}

/// A place for an object that hides little of those before it: the first good one of twelve, or the best.
fn place(radius: f32, placed: &[([f32; 2], f32)], rng: &mut ChaCha8Rng) -> [f32; 2] {
    let last = SIDE as f32 - 1.0;
    let margin = (0.8 * radius).min(last / 2.0);
    let mut best = ([last / 2.0; 2], f32::NEG_INFINITY);
    for _ in 0..12 {
        let at = [(); 2].map(|()| margin + (last - 2.0 * margin) * rng.r#gen::<f32>());
        let apart =
            |&(other, size): &([f32; 2], f32)| length([at[0] - other[0], at[1] - other[1]]) / (radius + size);
        let room = placed.iter().map(apart).fold(f32::INFINITY, f32::min);
        if room > best.1 {
            best = (at, room);
        }
        if room >= 0.95 {
            break;
        }
    }
    best.0
}

/// A small disc of any colour.
fn distractor(rng: &mut ChaCha8Rng) -> Object {
    let colour = [(); 3].map(|()| rng.r#gen::<f32>());
    Object {
        outline: Outline::Disc,
        centre: [(); 2].map(|()| (SIDE as f32 - 1.0) * rng.r#gen::<f32>()),
        radius: within(rng, 1.2, 2.4),
        turn: [1.0, 0.0],
        texture: Texture::plain(rng),
        colours: [colour; 2],
    }
}

/// The hue of every palette, in degrees.
const HUES: [f32; 8] = [0.0, 120.0, 225.0, 57.0, 318.0, 182.0, 30.0, 272.0];

/// The two colours of an object: deep with nearly white, or pale with nearly black.
fn colours(palette: usize, pale: bool, rng: &mut ChaCha8Rng) -> [Colour; 2] {
    let hue = HUES[palette % HUES.len()] + within(rng, -7.0, 7.0);
    let mut colour = |[low, high]: [f64; 2], [dark, light]: [f64; 2]| {
        let saturation = within(rng, low, high);
        hsv(hue, saturation, within(rng, dark, light))
    };
    if pale {
        [colour([0.42, 0.56], [0.92, 1.0]), colour([0.3, 0.8], [0.06, 0.22])]
    } else {
        [colour([0.85, 1.0], [0.58, 0.75]), colour([0.0, 0.12], [0.9, 1.0])]
    }
}

/// The colour of a hue in degrees, a saturation and a value (the largest channel).
fn hsv(hue: f32, saturation: f32, value: f32) -> Colour {
    [5.0, 3.0, 1.0].map(|first| {
        let sextant = (first + (hue + 360.0) / 60.0) % 6.0;
        value - value * saturation * sextant.min(4.0 - sextant).clamp(0.0, 1.0)
    })
}

fn within(rng: &mut ChaCha8Rng, least: f64, most: f64) -> f32 {
    uniform(rng, least, most) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn hues_are_the_usual_ones() {
        for (hue, wanted) in [
            (0.0, [1.0, 0.0, 0.0]),
            (60.0, [1.0, 1.0, 0.0]),
            (120.0, [0.0, 1.0, 0.0]),
            (240.0, [0.0, 0.0, 1.0]),
        ] {
            assert_eq!(hsv(hue, 1.0, 1.0), wanted);
        }
        assert_eq!(hsv(-60.0, 0.5, 0.8), [0.8, 0.4, 0.8]);
        assert_eq!(hsv(77.0, 0.0, 0.3), [0.3; 3]);
    }

    #[test]
    fn sizes_do_not_overlap_and_stay_in_their_range() {
        let config = SceneConfig { sizes: 2, ..Default::default() };
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut draw = |size| (0..500).map(|_| radius(&config, size, &mut rng)).collect::<Vec<_>>();
        let most = |radii: &[f32]| radii.iter().copied().fold(0.0, f32::max);
        let least = |radii: &[f32]| radii.iter().copied().fold(99.0, f32::min);
        let (small, large, any) = (draw(Some(0)), draw(Some(1)), draw(None));
        assert!(least(&large) > 1.15 * most(&small));
        assert!(least(&any) >= 5.499 && most(&any) <= 9.001 && least(&any) < 5.6 && most(&any) > 8.9);
    }

    #[test]
    fn objects_are_apart_where_there_is_room() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..200 {
            let first = place(6.0, &[], &mut rng);
            let second = place(6.0, &[(first, 6.0)], &mut rng);
            assert!(length([first[0] - second[0], first[1] - second[1]]) > 8.0);
            assert!([first, second].concat().iter().all(|at| (4.7..26.3).contains(at)));
        }
    }
}

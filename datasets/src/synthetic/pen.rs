//! The pen that writes [`digits`](super::digits()): from a skeleton to ink.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::digits::{DigitConfig, PIXELS, SIDE};
use super::strokes::Stroke;

/// The box that MNIST fits digits into.
const BOX: f64 = 20.0;

/// The pen's way over the paper, as straight pieces.
pub(super) struct Path {
    /// Every point, (right, down), in heights of the digit and later in pixels.
    points: Vec<[f32; 2]>,
    /// Where each stroke ends among the points.
    ends: Vec<usize>,
    /// Half the pen's width, in pixels.
    radius: f32,
}

impl Path {
    /// The straight pieces, stroke by stroke.
    fn pieces(&self) -> impl Iterator<Item = ([f32; 2], [f32; 2])> + '_ {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let strokes = starts.zip(&self.ends).map(|(start, &end)| &self.points[start..end]);
        strokes.flat_map(|stroke| stroke.windows(2).map(|pair| (pair[0], pair[1])))
    }
}

/// Takes one of the skeletons, moves its control points, and bends, slants, turns and widens what comes out.
pub(super) fn trace(config: &DigitConfig, skeletons: &[&[Stroke]], rng: &mut ChaCha8Rng) -> Path {
    let skeleton = skeletons[rng.gen_range(0..skeletons.len() as u32) as usize];
    let radius = uniform(rng, config.least_pen, config.most_pen) as f32 / 2.0;
    let mut path = Path { points: Vec::with_capacity(96), ends: Vec::with_capacity(4), radius };
    let mut control = Vec::with_capacity(16);
    for stroke in skeleton {
        control.clear();
        for &[x, y] in stroke.points {
            control.push([x + normal(rng, config.jitter), y + normal(rng, config.jitter)]);
        }
        if stroke.curved {
            spline(&control, &mut path.points);
        } else {
            path.points.extend_from_slice(&control);
        }
        path.ends.push(path.points.len());
    }
    let waves = Waves::draw(config.elastic, rng);
    let (sin, cos) = (uniform(rng, -config.degrees, config.degrees).to_radians() as f32).sin_cos();
    let shear = uniform(rng, -config.shear, config.shear) as f32;
    let aspect = (uniform(rng, -config.aspect, config.aspect) as f32).exp();
    for point in &mut path.points {
        let [x, y] = waves.bend(*point);
        let (x, y) = ((x - 0.35) * aspect - (y - 0.5) * shear, y - 0.5);
        *point = [cos * x - sin * y, sin * x + cos * y];
    }
    path
}

/// A Catmull-Rom curve through the points, in pieces.
fn spline(control: &[[f32; 2]], out: &mut Vec<[f32; 2]>) {
    const PIECES: usize = 5;
    let at = |i: usize| control[i.saturating_sub(1).min(control.len() - 1)]; // ends are doubled
    out.push(control[0]);
    for i in 0..control.len() - 1 {
        let [p0, p1, p2, p3] = [at(i), at(i + 1), at(i + 2), at(i + 3)];
        for piece in 1..=PIECES {
            let t = piece as f32 / PIECES as f32;
            out.push(std::array::from_fn(|axis| {
                let [a, b, c, d] = [p0[axis], p1[axis], p2[axis], p3[axis]];
                let cubic = 3.0 * (b - c) + d - a;
                let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
                b + 0.5 * t * (c - a + t * (square + t * cubic))
            }));
        }
    }
}

/// A smooth random displacement of the plane: per axis a sum of plane waves, each longer than half a digit.
struct Waves {
    /// Per axis: amplitude, waves per height along x and y, phase.
    axes: [[[f32; 4]; 3]; 2],
}

impl Waves {
    fn draw(deviation: f64, rng: &mut ChaCha8Rng) -> Self {
        // Three waves of amplitude A have a variance of 3 A²/2.
        let amplitude = (deviation * (2.0f64 / 3.0).sqrt()) as f32;
        let mut wave = || {
            let mut frequency = || uniform(rng, -1.4, 1.4) as f32 * std::f32::consts::TAU;
            let (x, y) = (frequency(), frequency());
            [amplitude, x, y, uniform(rng, 0.0, std::f64::consts::TAU) as f32]
        };
        Self { axes: [(); 2].map(|()| [(); 3].map(|()| wave())) }
    }

    fn bend(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let moved = |waves: &[[f32; 4]; 3]| -> f32 {
            waves.iter().map(|[amplitude, fx, fy, phase]| amplitude * (fx * x + fy * y + phase).sin()).sum()
        };
        [x + moved(&self.axes[0]), y + moved(&self.axes[1])]
    }
}

/// Scales the path so that its ink fits the box, and moves its centre of mass to about the middle of the image.
pub(super) fn fit(config: &DigitConfig, path: &mut Path, rng: &mut ChaCha8Rng) {
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for point in &path.points {
        for axis in 0..2 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    let side = BOX * uniform(rng, -config.scale, config.scale).exp();
    let side = (side.min(SIDE as f64) as f32 - 2.0 * path.radius).max(1.0);
    let scale = side / (high[0] - low[0]).max(high[1] - low[1]).max(0.1);
    path.points.iter_mut().flatten().for_each(|x| *x *= scale);

    let (mut mass, mut moment) = (1e-6, [0.0; 2]);
    for ([x0, y0], [x1, y1]) in path.pieces() {
        let length = (x1 - x0).hypot(y1 - y0);
        mass += length;
        moment = [moment[0] + length * (x0 + x1) / 2.0, moment[1] + length * (y0 + y1) / 2.0];
    }
    let middle = (SIDE as f32 - 1.0) / 2.0;
    for axis in 0..2 {
        let offset = uniform(rng, -config.shift, config.shift) as f32;
        let wanted = middle + offset - moment[axis] / mass;
        path.points.iter_mut().for_each(|point| point[axis] += wanted);
    }
}

/// Draws the path: how much of the pen covers each pixel, then ink level and noise.
pub(super) fn ink(config: &DigitConfig, path: &Path, pixels: &mut [u8], rng: &mut ChaCha8Rng) {
    let mut cover = [0f32; PIXELS];
    let softness = uniform(rng, 0.9, 1.6) as f32; // width of the stroke's edge, in pixels
    let reach = path.radius + softness / 2.0;
    let bounds = |a: f32, b: f32| {
        let (low, high) = (a.min(b) - reach, a.max(b) + reach);
        low.ceil().max(0.0) as usize..(high.floor() + 1.0).clamp(0.0, SIDE as f32) as usize
    };
    for ([x0, y0], [x1, y1]) in path.pieces() {
        let (dx, dy) = (x1 - x0, y1 - y0);
        let per_square = 1.0 / (dx * dx + dy * dy).max(1e-9);
        let columns = bounds(x0, x1);
        for row in bounds(y0, y1) {
            let down = row as f32 - y0;
            for column in columns.clone() {
                let right = column as f32 - x0;
                // The nearest point of the piece.
                let t = ((right * dx + down * dy) * per_square).clamp(0.0, 1.0);
                let (across, along) = (right - t * dx, down - t * dy);
                let distance = (across * across + along * along).sqrt();
                let covered = ((reach - distance) / softness).min(1.0);
                let pixel = &mut cover[row * SIDE + column];
                *pixel = pixel.max(covered);
            }
        }
    }
    let level = uniform(rng, 0.85, 1.0) as f32 * 255.0;
    for (pixel, covered) in pixels.iter_mut().zip(cover) {
        *pixel = 0;
        if covered > 0.0 {
            // The cast holds the level within 0 to 255.
            *pixel = (covered * level + 255.0 * normal(rng, config.noise) + 0.5) as u8;
        }
    }
}

pub(super) fn uniform(rng: &mut ChaCha8Rng, least: f64, most: f64) -> f64 {
    least + (most - least) * rng.r#gen::<f64>()
}

fn normal(rng: &mut ChaCha8Rng, deviation: f64) -> f32 {
    rng.sample::<f32, _>(StandardNormal) * deviation as f32
}

//! The latent space: draws, and ways between two points of it.

use rand::Rng;
use rand_distr::StandardNormal;

use crate::config::Prior;

/// `rows` draws of `width` numbers from the prior, one after the other.
pub fn draw(prior: Prior, rows: usize, width: usize, rng: &mut impl Rng) -> Vec<f32> {
    (0..rows * width)
        .map(|_| match prior {
            Prior::Normal => rng.sample::<f32, _>(StandardNormal),
            Prior::Uniform => rng.gen_range(-1.0..=1.0),
        })
        .collect()
}

/// (1 − t) a + t b.
#[must_use]
pub fn lerp(a: &[f32], b: &[f32], t: f32) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| (1.0 - t) * a + t * b).collect()
}

/// Along the great circle from a to b: sin((1 − t) Ω) / sin Ω a + sin(t Ω) / sin Ω b, Ω being the angle between them.
///
/// A straight line between two normal draws passes much nearer to 0 than any draw lies; this way does not. Where the two
/// point the same or opposite ways, the straight line is taken.
///
/// # Reference
/// White, "Sampling Generative Networks", 2016.
#[must_use]
pub fn slerp(a: &[f32], b: &[f32], t: f32) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let angle = cosine.clamp(-1.0, 1.0).acos();
    if !angle.is_finite() || angle.sin() < 1e-6 {
        return lerp(a, b, t);
    }
    let (from, to) = (((1.0 - f64::from(t)) * angle).sin(), (f64::from(t) * angle).sin());
    let (from, to) = ((from / angle.sin()) as f32, (to / angle.sin()) as f32);
    a.iter().zip(b).map(|(a, b)| from * a + to * b).collect()
}

/// A point and `steps` more along the way from a to b, ends included.
#[must_use]
pub fn path(a: &[f32], b: &[f32], steps: usize, way: fn(&[f32], &[f32], f32) -> Vec<f32>) -> Vec<Vec<f32>> {
    (0..=steps).map(|i| way(a, b, i as f32 / steps.max(1) as f32)).collect()
}

/// The mean of some points: of latent vectors whose images share an attribute.
#[must_use]
pub fn mean<'a>(points: impl IntoIterator<Item = &'a [f32]>, width: usize) -> Vec<f32> {
    let (mut sum, mut count) = (vec![0.0f64; width], 0usize);
    for point in points {
        sum.iter_mut().zip(point).for_each(|(s, p)| *s += f64::from(*p));
        count += 1;
    }
    sum.into_iter().map(|s| (s / count.max(1) as f64) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shared::train::RunRng;

    fn norm(v: &[f32]) -> f64 {
        v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
    }

    proptest! {
        #[test]
        fn the_great_circle_keeps_the_length(seed: u64, t in 0.0f32..=1.0) {
            let mut rng = RunRng::new(seed, 0);
            let (a, b) = (draw(Prior::Normal, 1, 16, &mut rng), draw(Prior::Normal, 1, 16, &mut rng));
            let (na, nb) = (norm(&a), norm(&b));
            let b: Vec<f32> = b.iter().map(|v| v * (na / nb) as f32).collect();
            prop_assert!((norm(&slerp(&a, &b, t)) - na).abs() < 1e-4 * na);
            prop_assert!(norm(&lerp(&a, &b, t)) < na * 1.0001);
        }
    }

    #[test]
    fn ends_and_degenerate_ways() {
        let (a, b) = ([1.0, 0.0], [0.0, 2.0]);
        for way in [lerp, slerp] {
            let path = path(&a, &b, 4, way);
            assert_eq!((path.len(), &path[0][..], &path[4][..]), (5, &a[..], &b[..]));
        }
        assert_eq!(slerp(&a, &a, 0.5), a);
        assert_eq!(slerp(&[0.0, 0.0], &b, 0.5), [0.0, 1.0]);
        assert_eq!(mean([&a[..], &b[..]], 2), [0.5, 1.0]);
    }
}

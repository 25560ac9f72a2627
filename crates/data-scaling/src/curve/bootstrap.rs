//! Draws of a law's parameters: what other seeds might have given.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{
    least_squares::{fit, Mean},
    CurveOptions, Law, Points,
};

/// Distances of runs from the mean of their size, stretched by √(s/(s − 1)), because a mean of s lies nearer to them than the
/// truth does.
pub(super) fn of_seeds(points: &Points) -> Vec<f64> {
    let mut all = Vec::new();
    for size in points.sizes().iter().filter(|size| size.scores.len() > 1) {
        let (mean, s) = (size.mean(), size.scores.len() as f64);
        all.extend(size.scores.iter().map(|score| (score - mean) * (s / (s - 1.0)).sqrt()));
    }
    all
}

/// Distances of means from the law, stretched by √(m/(m − k)).
pub(super) fn of_law(law: Law, means: &[Mean], parameters: &[f64]) -> Vec<f64> {
    let (m, k) = (means.len(), parameters.len());
    if m <= k {
        return Vec::new();
    }
    let stretch = (m as f64 / (m - k) as f64).sqrt();
    means.iter().map(|p| (p.y - law.value(parameters, p.n)) * p.weight.sqrt() * stretch).collect()
}

/// Fits to means drawn around the law: at each size as many residuals as it has runs, averaged, all stretched by √(f/χ²_f), since
/// a noise that is known from f degrees of freedom may as well have been larger.
pub(super) fn draws(
    law: Law,
    means: &[Mean],
    parameters: &[f64],
    residuals: &[f64],
    free: usize,
    options: &CurveOptions,
) -> Vec<Vec<f64>> {
    if residuals.is_empty() || free == 0 {
        return Vec::new();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut one = || {
        let chi: f64 = (0..free)
            .map(|_| {
                let z: f64 = StandardNormal.sample(&mut rng);
                z * z
            })
            .sum();
        let stretch = (free as f64 / chi.max(f64::MIN_POSITIVE)).sqrt();
        let again: Vec<Mean> = means
            .iter()
            .map(|m| {
                let runs = m.weight as usize;
                let noise: f64 = (0..runs).map(|_| residuals[rng.gen_range(0..residuals.len())]).sum();
                Mean { y: law.value(parameters, m.n) + stretch * noise / m.weight, ..*m }
            })
            .collect();
        fit(law, &again).parameters
    };
    (0..options.draws).map(|_| one()).collect()
}

//! Logistic regression by Newton's method, for few features and many points.

use rayon::prelude::*;

use super::{
    density::{sigmoid, softplus},
    error::{finite, positive, TheoryError},
};

/// Points of a chunk; chunks are summed apart and then in order, whoever computed them.
const CHUNK: usize = 4096;
/// The most steps of Newton's method.
const STEPS: usize = 100;
/// The largest entry of the gradient at the end; rounding leaves about 1e-15.
const TOLERANCE: f64 = 1e-11;

/// The points of one side and what the discriminator is told about them.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    /// Row-major.
    pub(super) points: &'a [f64],
    /// Between 0 and 1.
    pub(super) label: f64,
}

/// The weights w at the one minimum of
///
/// ½ Σ_sides mean over the side of −(t log σ(a) + (1 − t) log σ(−a)), a = <w, φ(x)>, + ½ ridge ‖w‖².
///
/// Each side counts one half, however many points it has, so that a estimates the log-ratio of the densities.
///
/// # Errors
/// An empty side, points that are not finite, a ridge that is not above 0, or no convergence.
///
/// # Complexity
/// O(n k m) a step for n points and k features, m of them not 0 at a point; O(k³) for the system.
pub(super) fn fit(
    sides: [Side<'_>; 2],
    width: usize,
    features: usize,
    phi: impl Fn(&[f64], &mut [f64]) + Sync,
    ridge: f64,
) -> Result<Vec<f64>, TheoryError> {
    positive("the ridge", ridge)?;
    for (side, what) in sides.iter().zip(["the sample of data", "the sample of the model"]) {
        check(what, side.points, width)?;
    }
    let sums = |w: &[f64]| {
        let mut all = Sums::new(features);
        for side in sides {
            let chunks = side.points.par_chunks(CHUNK * width).map(|chunk| {
                let mut part = Sums::new(features);
                part.add_points(chunk, width, side.label, &phi, w);
                part
            });
            let share = 0.5 * width as f64 / side.points.len() as f64;
            for part in chunks.collect::<Vec<_>>() {
                all.add(&part, share);
            }
        }
        all.add_ridge(w, ridge);
        all
    };
    let mut w = vec![0.0; features];
    let mut here = sums(&w);
    let mut steps = 0;
    while steps < STEPS {
        if here.largest_slope() <= TOLERANCE {
            return Ok(w);
        }
        let Some(direction) = solve(here.curvature.clone(), here.slope.clone()) else { break };
        let mut size = 1.0;
        let (next, there) = loop {
            let next: Vec<f64> = w.iter().zip(&direction).map(|(w, d)| w - size * d).collect();
            let there = sums(&next);
            // A full step may lengthen what it should shorten; rounding may too, close to the end.
            if there.loss <= here.loss + 1e-14 || size < 1e-6 {
                break (next, there);
            }
            size *= 0.5;
        };
        (w, here) = (next, there);
        steps += 1;
    }
    Err(TheoryError::NotConverged { steps, slope: here.largest_slope() })
}

/// Whether a sample has points, whole and finite.
pub(super) fn check(what: &'static str, points: &[f64], width: usize) -> Result<(), TheoryError> {
    if points.is_empty() {
        return Err(TheoryError::Empty { what, item: "point" });
    }
    if !points.len().is_multiple_of(width) {
        let expected = format!("a multiple of {width}, because each point has {width}");
        return Err(TheoryError::Length { what, found: points.len(), expected });
    }
    finite(what, points)
}

/// The loss with its first and second derivatives.
struct Sums {
    loss: f64,
    slope: Vec<f64>,
    /// Row-major; only the lower triangle is filled.
    curvature: Vec<f64>,
}

impl Sums {
    fn new(features: usize) -> Self {
        Sums { loss: 0.0, slope: vec![0.0; features], curvature: vec![0.0; features * features] }
    }

    fn add_points(
        &mut self,
        points: &[f64],
        width: usize,
        label: f64,
        phi: &impl Fn(&[f64], &mut [f64]),
        w: &[f64],
    ) {
        let k = w.len();
        let mut row = vec![0.0; k];
        for point in points.chunks_exact(width) {
            phi(point, &mut row);
            let logit: f64 = row.iter().zip(w).map(|(f, w)| f * w).sum();
            let share = sigmoid(logit);
            self.loss += label * softplus(-logit) + (1.0 - label) * softplus(logit);
            let (miss, bend) = (share - label, share * sigmoid(-logit));
            for (i, &feature) in row.iter().enumerate().filter(|(_, feature)| **feature != 0.0) {
                self.slope[i] += miss * feature;
                let line = &mut self.curvature[i * k..=i * k + i];
                line.iter_mut().zip(&row).for_each(|(entry, other)| *entry += bend * feature * other);
            }
        }
    }

    fn add(&mut self, part: &Sums, share: f64) {
        self.loss += share * part.loss;
        self.slope.iter_mut().zip(&part.slope).for_each(|(all, part)| *all += share * part);
        self.curvature.iter_mut().zip(&part.curvature).for_each(|(all, part)| *all += share * part);
    }

    fn add_ridge(&mut self, w: &[f64], ridge: f64) {
        self.loss += 0.5 * ridge * w.iter().map(|w| w * w).sum::<f64>();
        for (i, w) in w.iter().enumerate() {
            self.slope[i] += ridge * w;
            self.curvature[i * self.slope.len() + i] += ridge;
        }
    }

    fn largest_slope(&self) -> f64 {
        self.slope.iter().fold(0.0, |most, slope| slope.abs().max(most))
    }
}

/// H⁻¹ g by Cholesky's factorisation H = L Lᵀ of the lower triangle; none where H is not positive definite.
fn solve(mut h: Vec<f64>, mut g: Vec<f64>) -> Option<Vec<f64>> {
    let k = g.len();
    for i in 0..k {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|m| h[i * k + m] * h[j * k + m]).sum();
            let rest = h[i * k + j] - dot;
            h[i * k + j] = match i == j {
                true if rest > 0.0 => rest.sqrt(),
                true => return None,
                false => rest / h[j * k + j],
            };
        }
    }
    for i in 0..k {
        let dot: f64 = (0..i).map(|m| h[i * k + m] * g[m]).sum();
        g[i] = (g[i] - dot) / h[i * k + i];
    }
    for i in (0..k).rev() {
        let dot: f64 = (i + 1..k).map(|m| h[m * k + i] * g[m]).sum();
        g[i] = (g[i] - dot) / h[i * k + i];
    }
    Some(g)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cholesky_solves_and_refuses() {
        // [[4, 2, 0], [2, 5, 3], [0, 3, 6]] (1, −2, 3), with rubbish above the diagonal
        let h = vec![4.0, 9.0, 9.0, 2.0, 5.0, 9.0, 0.0, 3.0, 6.0];
        let x = solve(h, vec![0.0, 1.0, 12.0]).unwrap();
        assert!(x.iter().zip([1.0, -2.0, 3.0]).all(|(a, b)| (a - b).abs() < 1e-14), "{x:?}");
        assert_eq!(solve(vec![1.0, 0.0, 2.0, 1.0], vec![1.0, 1.0]), None);
    }

    #[test]
    fn counts_give_the_log_ratio_in_closed_form() {
        // one feature that is on or off, and a constant: the logit of a cell is the log-ratio of its shares
        let (data, model) = ([1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let phi = |point: &[f64], row: &mut [f64]| row.copy_from_slice(&[1.0, point[0]]);
        let sides = [Side { points: &data, label: 1.0 }, Side { points: &model, label: 0.0 }];
        let w = fit(sides, 1, 2, phi, 1e-13).unwrap();
        let (off, on) = ((0.25f64 / 0.875).ln(), (0.75f64 / 0.125).ln());
        assert!((w[0] - off).abs() < 1e-9 && (w[0] + w[1] - on).abs() < 1e-9, "{w:?}");
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let data: Vec<f64> = (0..20_000).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let model: Vec<f64> = (0..15_000).map(|i| (f64::from(i) * 1.3).cos() * 1.5).collect();
        let phi = |point: &[f64], row: &mut [f64]| row.copy_from_slice(&[1.0, point[0], point[0] * point[0]]);
        let sides = [Side { points: &data, label: 0.9 }, Side { points: &model, label: 0.0 }];
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(sides, 1, 3, phi, 1e-6).unwrap())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn bad_samples_and_points_apart_are_named() {
        let phi = |point: &[f64], row: &mut [f64]| row.copy_from_slice(&[1.0, point[0]]);
        let message = |data: &[f64], ridge: f64| {
            let sides = [Side { points: data, label: 1.0 }, Side { points: &[0.0; 2], label: 0.0 }];
            fit(sides, 2, 2, phi, ridge).unwrap_err().to_string()
        };
        assert_eq!(message(&[], 1.0), "the sample of data is empty: give at least one point");
        assert!(message(&[1.0; 3], 1.0)
            .starts_with("the sample of data holds 3 numbers: it must hold a multiple of 2"));
        assert!(message(&[1.0, f64::NAN], 1.0).starts_with("the sample of data has NaN at position 1"));
        assert!(message(&[1.0; 2], 0.0).starts_with("the ridge is 0: "));
        // points apart: only the ridge keeps the minimum finite
        let sides = [Side { points: &[1.0], label: 1.0 }, Side { points: &[0.0], label: 0.0 }];
        let w = fit(sides, 1, 2, phi, 1e-6).unwrap();
        assert!(w[1] > 10.0 && w.iter().all(|w| w.is_finite()), "{w:?}");
    }
}

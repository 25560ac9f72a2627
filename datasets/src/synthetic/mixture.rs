//! Gaussian mixtures in the plane: toy data whose modes can be counted.

use std::f64::consts::TAU;
use std::ops::Range;

use rand::RngCore;
use rand_chacha::ChaCha8Rng;

use crate::stream::{stream, Kind};
use crate::DatasetError;

/// Equally likely round Gaussians in the plane, each a mode.
///
/// p(x) = 1/k Σ_j N(x; c_j, σ² I)
///
/// Point `index` is a pure function of the mixture, the seed and the index, so samples are ranges of one endless row:
/// any two that overlap agree where they do.
///
/// # Reference
///
/// The ring of eight is that of L. Metz, B. Poole, D. Pfau and J. Sohl-Dickstein, "Unrolled generative adversarial
/// networks", ICLR 2017, the grid of 25 that of A. Srivastava et al., "VEEGAN", NIPS 2017.
///
/// # Example
///
/// ```
/// use datasets::synthetic::Mixture;
///
/// let ring = Mixture::ring();
/// let batch = ring.sample(0..512, 7);
/// assert_eq!((ring.centres().len(), batch.len()), (8, 2 * 512));
/// assert_eq!(ring.sample(100..110, 7), batch[2 * 100..2 * 110]);
/// // a mode is likely, the middle of the ring is not
/// assert!(ring.log_density(ring.centres()[3]) > 3.0 && ring.log_density([0.0, 0.0]) < -1000.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    centres: Vec<[f64; 2]>,
    sigma: f64,
}

impl Mixture {
    /// Modes at `centres` with standard deviation `sigma` along either axis.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] without a centre, for a centre that is not finite, and for a `sigma` that is
    /// not finite and above 0.
    pub fn new(centres: Vec<[f64; 2]>, sigma: f64) -> Result<Self, DatasetError> {
        if centres.is_empty() {
            return Err(DatasetError::config("centres", "empty", "at least one centre"));
        }
        if let Some(centre) = centres.iter().find(|centre| !centre.iter().all(|value| value.is_finite())) {
            return Err(DatasetError::config("centres", format!("{centre:?}"), "finite numbers"));
        }
        if !(sigma.is_finite() && sigma > 0.0) {
            return Err(DatasetError::config("sigma", sigma, "finite and above 0"));
        }
        Ok(Self { centres, sigma })
    }

    /// Eight modes on the circle of radius 2 about 0, the first at (2, 0), counter-clockwise; σ = 0.02.
    pub fn ring() -> Self {
        let centre = |mode: u8| {
            let (sin, cos) = (TAU * f64::from(mode) / 8.0).sin_cos();
            [2.0 * cos, 2.0 * sin]
        };
        Self { centres: (0..8).map(centre).collect(), sigma: 0.02 }
    }

    /// 25 modes at the points of {−4, −2, 0, 2, 4}², row by row from the lowest; σ = 0.05.
    pub fn grid() -> Self {
        let place = |step: u8| 2.0 * f64::from(step) - 4.0;
        let centre = |mode: u8| [place(mode % 5), place(mode / 5)];
        Self { centres: (0..25).map(centre).collect(), sigma: 0.05 }
    }

    /// The modes' centres.
    pub fn centres(&self) -> &[[f64; 2]] {
        &self.centres
    }

    /// The modes' standard deviation along either axis.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// The points of a range of indices.
    ///
    /// # Shapes
    ///
    /// Row-major, x and y of a point beside each other: 2 numbers for each index.
    ///
    /// # Complexity
    ///
    /// O(1) a point, wherever the range starts.
    pub fn sample(&self, indices: Range<u64>, seed: u64) -> Vec<f32> {
        self.draws(indices, seed).flat_map(|(point, _)| point).collect()
    }

    /// The points of a range of indices, and which centre each was drawn about.
    ///
    /// # Shapes
    ///
    /// As [`sample`](Self::sample), and one index into [`centres`](Self::centres) for each point.
    pub fn labelled(&self, indices: Range<u64>, seed: u64) -> (Vec<f32>, Vec<usize>) {
        let (points, modes): (Vec<_>, Vec<_>) = self.draws(indices, seed).unzip();
        (points.into_iter().flatten().collect(), modes)
    }

    /// log p(x), exact to rounding.
    ///
    /// # Complexity
    ///
    /// O(k).
    pub fn log_density(&self, x: [f64; 2]) -> f64 {
        let exponent = |centre: &[f64; 2]| {
            let (right, up) = ((x[0] - centre[0]) / self.sigma, (x[1] - centre[1]) / self.sigma);
            -0.5 * (right * right + up * up)
        };
        let most = self.centres.iter().map(exponent).fold(f64::NEG_INFINITY, f64::max);
        if most == f64::NEG_INFINITY {
            return most;
        }
        let sum: f64 = self.centres.iter().map(|centre| (exponent(centre) - most).exp()).sum();
        // ln (2 π σ²) as two logarithms, because σ² may not fit into f64.
        most + (sum / self.centres.len() as f64).ln() - TAU.ln() - 2.0 * self.sigma.ln()
    }

    /// The points of a range in order. Every point takes the same number of words of one stream, so that a range
    /// starts anywhere at no cost.
    fn draws(&self, indices: Range<u64>, seed: u64) -> impl Iterator<Item = ([f32; 2], usize)> + '_ {
        let mut rng = stream(Kind::Mixture, seed, 0);
        rng.set_word_pos(WORDS * u128::from(indices.start));
        indices.map(move |_| self.draw(&mut rng))
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> ([f32; 2], usize) {
        // The high word of a product is uniform below the count, up to 2^-64 times the count.
        let mode = ((u128::from(rng.next_u64()) * self.centres.len() as u128) >> 64) as usize;
        // Box and Muller: the radius from a number in (0, 1], the angle from one in [0, 1).
        let mut unit = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let radius = self.sigma * (-2.0 * (1.0 - unit()).ln()).sqrt();
        let (sin, cos) = (TAU * unit()).sin_cos();
        let [right, up] = self.centres[mode];
        ([(right + radius * cos) as f32, (up + radius * sin) as f32], mode)
    }
}

/// Words of 32 bits that a point takes: three numbers of 64.
const WORDS: u128 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rings_and_grids_are_where_the_papers_put_them() {
        let (ring, grid) = (Mixture::ring(), Mixture::grid());
        assert!(ring.centres().iter().all(|c| (c[0].hypot(c[1]) - 2.0).abs() < 1e-15));
        assert!((ring.centres()[1][0] - 2f64.sqrt()).abs() < 1e-15 && ring.sigma() == 0.02);
        assert_eq!(
            (grid.centres()[0], grid.centres()[1], grid.centres()[24]),
            ([-4., -4.], [-2., -4.], [4., 4.])
        );
        assert_eq!((grid.centres().len(), grid.sigma()), (25, 0.05));
    }

    #[test]
    fn points_have_the_moments_of_their_modes() {
        for (mixture, seed) in [(Mixture::ring(), 1), (Mixture::grid(), 2)] {
            let modes = mixture.centres().len();
            let n = 2000 * modes;
            let (points, labels) = mixture.labelled(0..n as u64, seed);
            let mut counts = vec![0.0; modes];
            let mut sums = [0.0; 5];
            for (point, &mode) in points.chunks(2).zip(&labels) {
                let centre = mixture.centres()[mode];
                let [x, y] = [0, 1].map(|axis| (f64::from(point[axis]) - centre[axis]) / mixture.sigma());
                counts[mode] += 1.0;
                sums.iter_mut().zip([x, y, x * x, y * y, x * y]).for_each(|(sum, value)| *sum += value);
            }
            // Means have a standard deviation of 1 / √n, mean squares of √(2 / n): five of them are allowed.
            let bound = 5.0 / (n as f64).sqrt();
            let [x, y, xx, yy, xy] = sums.map(|sum| sum / n as f64);
            assert!(x.abs() < bound && y.abs() < bound && xy.abs() < bound, "{x} {y} {xy}");
            assert!((xx - 1.0).abs() < 1.5 * bound && (yy - 1.0).abs() < 1.5 * bound, "{xx} {yy}");
            // χ² has mean k − 1 and standard deviation √(2 (k − 1)).
            let chi: f64 = counts.iter().map(|count| (count - 2000.0f64).powi(2) / 2000.0).sum();
            let free = (modes - 1) as f64;
            assert!(chi < free + 5.0 * (2.0 * free).sqrt(), "{chi}");
        }
    }

    #[test]
    fn densities_integrate_to_one_and_give_the_entropy() {
        let mixture = Mixture::new(vec![[-0.5, 0.2], [0.7, 0.0], [0.6, 0.3]], 0.4).unwrap();
        // Sums over a lattice are exact for smooth functions that vanish at its ends.
        let at = |step: i32| f64::from(step) * 0.1;
        let cells = (-50..=50).flat_map(|i| (-50..=50).map(move |j| [at(i), at(j)]));
        let total: f64 = cells.map(|x| mixture.log_density(x).exp() * 0.01).sum();
        assert!((total - 1.0).abs() < 1e-12, "{total}");

        // Where modes do not overlap, the entropy is ln k + 1 + ln 2πσ².
        let ring = Mixture::ring();
        let points = ring.sample(0..20_000, 0);
        let log = |point: &[f32]| ring.log_density([f64::from(point[0]), f64::from(point[1])]);
        let entropy = -points.chunks(2).map(log).sum::<f64>() / 20_000.0;
        let exact = 8f64.ln() + 1.0 + (TAU * 0.02 * 0.02).ln();
        assert!((entropy - exact).abs() < 5.0 / 20_000f64.sqrt(), "{entropy} {exact}");
        assert_eq!(ring.log_density([1e200, 0.0]), f64::NEG_INFINITY);
    }

    /// Recorded results name a seed, so what a seed stands for must not drift unnoticed. The numbers come from a
    /// ChaCha8 written from its definition in Python, with the same key.
    #[test]
    fn the_points_of_seed_zero_stay_what_they_are() {
        let (points, modes) = Mixture::ring().labelled(0..3, 0);
        assert_eq!(modes, [0, 3, 4]);
        let expected =
            [1.990_324_1f32, -0.045_326_33, -1.390_418_2, 1.428_952_3, -2.019_985_7, 0.009_331_254];
        assert!(points.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{points:?}");
    }

    #[test]
    fn bad_settings_are_named() {
        let cases = [
            (vec![], 1.0, "centres is empty, but must be at least one centre"),
            (vec![[0.0, f64::NAN]], 1.0, "centres is [0.0, NaN], but must be finite"),
            (vec![[0.0, 0.0]], 0.0, "sigma is 0, but must be finite and above 0"),
            (vec![[0.0, 0.0]], f64::INFINITY, "sigma is inf"),
            (vec![[0.0, 0.0]], f64::NAN, "sigma is NaN"),
        ];
        for (centres, sigma, start) in cases {
            let message = Mixture::new(centres, sigma).unwrap_err().to_string();
            assert!(message.starts_with(start), "{message}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn samples_are_ranges_of_one_endless_row(seed: u64, start in 0..u64::MAX - 100, cut in 0..100u64) {
            let grid = Mixture::grid();
            let whole = grid.sample(start..start + 100, seed);
            let (mut parts, rest) = (grid.sample(start..start + cut, seed), grid.sample(start + cut..start + 100, seed));
            parts.extend(rest);
            prop_assert_eq!(&whole, &parts);
            prop_assert_eq!(&grid.labelled(start..start + 100, seed).0, &whole);
            prop_assert_ne!(grid.sample(start..start + 100, seed ^ 1), whole);
        }
    }
}

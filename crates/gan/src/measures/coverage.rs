//! Which modes of a known mixture the samples reach.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{positive, MeasureError, Points};

/// A sample is of high quality within this many deviations of its nearest centre.
pub const HIGH_QUALITY_DEVIATIONS: f64 = 3.0;

/// The samples a mode needs for the stricter of the two counts.
const MANY: usize = 20;

/// How samples cover the modes of a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Modes that own at least 1 sample of high quality.
    pub modes_1: usize,
    /// Modes that own at least 20 samples of high quality.
    pub modes_20: usize,
    /// The share of samples of high quality, 0 to 1.
    pub high_quality: f64,
    /// KL(h ‖ uniform) in nats, 0 to log K; log K, as if one mode had all, where no sample is of high quality.
    pub reverse_kl: f64,
    /// The samples of high quality that each mode owns.
    pub counts: Vec<usize>,
}

/// Coverage of a mixture of K Gaussians of covariance σ² I.
///
/// A sample x belongs to its nearest centre c (the first of several) and is of high quality if ‖x − c‖ ≤ 3 σ. With n_k
/// such samples of mode k and h_k = n_k / Σ n,
///
/// reverse KL = Σ_k h_k log(K h_k).
///
/// The mixture itself does not score 1 for quality: in two dimensions 1 − e^(−9/2) = 98.9 % of a Gaussian are within
/// 3 σ, and fewer in more.
///
/// # Shapes
/// samples: n · d, centres: K · d.
///
/// # Errors
/// Sets of different dimensions, or σ that is not above 0.
///
/// # Complexity
/// O(n K d).
///
/// # Reference
/// The measures for rings and grids of Gaussians in Srivastava et al. 2017 (VEEGAN) and Lin et al. 2018 (PacGAN); at
/// least 20 samples for a mode is the stricter of the counts in use.
///
/// # Example
/// ```
/// use gan::measures::{coverage, Points};
/// # fn main() -> Result<(), gan::measures::MeasureError> {
/// let centres = Points::new(&[-1., 0., 1., 0.], 2)?;
/// let samples = Points::new(&[-1.01, 0., -1., 0.02, 0.9, 0.], 2)?;
/// let covered = coverage(&samples, &centres, 0.02)?;
/// assert_eq!(covered.counts, [2, 0]); // the third sample is 5 σ away
/// assert_eq!(covered.modes_1, 1);
/// assert_eq!(covered.high_quality, 2. / 3.);
/// assert_eq!(covered.reverse_kl, 2f64.ln());
/// # Ok(())
/// # }
/// ```
pub fn coverage(
    samples: &Points<'_>,
    centres: &Points<'_>,
    deviation: f64,
) -> Result<Coverage, MeasureError> {
    samples.same_space(centres)?;
    positive("the deviation of the modes", deviation)?;
    let furthest = (HIGH_QUALITY_DEVIATIONS * deviation).powi(2);
    let owners: Vec<Option<usize>> = (0..samples.count())
        .into_par_iter()
        .map(|i| {
            let (mode, distance) = nearest(samples.row(i), centres);
            (distance <= furthest).then_some(mode)
        })
        .collect();
    let mut counts = vec![0; centres.count()];
    owners.into_iter().flatten().for_each(|mode| counts[mode] += 1);
    let good: usize = counts.iter().sum();
    Ok(Coverage {
        modes_1: counts.iter().filter(|n| **n >= 1).count(),
        modes_20: counts.iter().filter(|n| **n >= MANY).count(),
        high_quality: good as f64 / samples.count() as f64,
        reverse_kl: reverse_kl(&counts, good),
        counts,
    })
}

/// The nearest centre and its squared distance.
fn nearest(sample: &[f32], centres: &Points<'_>) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (mode, centre) in centres.rows().enumerate() {
        let distance =
            sample.iter().zip(centre).map(|(x, c)| (f64::from(*x) - f64::from(*c)).powi(2)).sum::<f64>();
        if distance < best.1 {
            best = (mode, distance);
        }
    }
    best
}

/// Σ h log(K h).
fn reverse_kl(counts: &[usize], total: usize) -> f64 {
    let modes = counts.len() as f64;
    if total == 0 {
        return modes.ln();
    }
    let shares = counts.iter().filter(|n| **n > 0).map(|n| *n as f64 / total as f64);
    shares.map(|h| h * (modes * h).ln()).sum::<f64>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_of_a_grid_are_by_hand() {
        let centres = Points::new(&[0., 10., 20.], 1).unwrap();
        let mut values = vec![0.0f32; 20];
        values.extend([10., 10.9, 11.1, 15.1, -0.5]);
        let found = coverage(&Points::new(&values, 1).unwrap(), &centres, 0.3).unwrap();
        assert_eq!(found.counts, [21, 2, 0]);
        assert_eq!((found.modes_1, found.modes_20), (2, 1));
        assert_eq!(found.high_quality, 23.0 / 25.0);
        let expected = 21.0 / 23.0 * (63.0f64 / 23.0).ln() + 2.0 / 23.0 * (6.0f64 / 23.0).ln();
        approx::assert_relative_eq!(found.reverse_kl, expected, max_relative = 1e-14);
    }

    #[test]
    fn an_even_histogram_has_no_divergence_and_an_empty_one_the_most() {
        let centres = Points::new(&[0., 10., 20.], 1).unwrap();
        let even = coverage(&centres, &centres, 1.0).unwrap();
        assert_eq!((even.modes_1, even.high_quality, even.reverse_kl), (3, 1.0, 0.0));
        let none = coverage(&Points::new(&[5.0], 1).unwrap(), &centres, 1.0).unwrap();
        assert_eq!((none.modes_1, none.high_quality, none.reverse_kl), (0, 0.0, 3f64.ln()));
    }

    #[test]
    fn what_is_asked_is_checked() {
        let (line, plane) = (Points::new(&[0., 1.], 1).unwrap(), Points::new(&[0., 1.], 2).unwrap());
        let message = coverage(&line, &plane, 1.0).unwrap_err().to_string();
        assert!(message.contains("dimension 1 and the second 2"), "{message}");
        let message = coverage(&line, &line, 0.0).unwrap_err().to_string();
        assert_eq!(message, "the deviation of the modes is 0: it must be above 0 and finite");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn counts_and_shares_agree_in_any_order(mut xs in prop::collection::vec(-3f32..23., 1..60)) {
            let centres = Points::new(&[0., 10., 20.], 1).unwrap();
            let found = coverage(&Points::new(&xs, 1).unwrap(), &centres, 1.0).unwrap();
            let good: usize = found.counts.iter().sum();
            prop_assert_eq!(good as f64 / xs.len() as f64, found.high_quality);
            prop_assert!(found.modes_20 <= found.modes_1);
            prop_assert!((0.0..=3f64.ln() + 1e-12).contains(&found.reverse_kl));
            xs.reverse();
            prop_assert_eq!(coverage(&Points::new(&xs, 1).unwrap(), &centres, 1.0).unwrap(), found);
        }
    }
}

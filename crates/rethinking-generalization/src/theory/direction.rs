//! Step 1 of the proof: a direction on which no two points fall together.

use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use shared::train::RunRng;

use super::error::{finite, length, rows, TheoryError};

/// The first stream of a seed that directions are drawn from; the next tries take the next streams.
const STREAM: u64 = 0x7468_0001;

/// Where the direction a of the projections <a, x_i> comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Direction {
    /// Uniform on the unit sphere. Of `tries` draws the one with the largest least gap is kept, measured in units of
    /// the range of its projections: n random points leave a least gap of about range / n², and the best of `tries`
    /// about `tries` times that.
    Random {
        /// The seed of the draws.
        seed: u64,
        /// How many directions are drawn; at least 1.
        tries: usize,
    },
    /// This one, of d numbers, as it is.
    Given(Vec<f64>),
}

impl Direction {
    /// The best of eight random directions.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        Direction::Random { seed, tries: 8 }
    }
}

/// A sample in the order of its projections, each point once.
#[derive(Clone, Debug)]
pub(super) struct Separated {
    /// The direction.
    pub(super) a: Vec<f64>,
    /// The projections, strictly increasing.
    pub(super) z: Vec<f64>,
    /// The labels in that order.
    pub(super) y: Vec<f64>,
    /// The row that each point came from.
    pub(super) row: Vec<usize>,
}

/// <a, x> for one row.
///
/// The order of the sum is fixed, so that a row has the same projection, bit for bit, wherever it is taken: a slope of
/// the network is up to |y_i − y_j| over the least gap, and would blow up any difference.
pub(super) fn projection(a: &[f64], x: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (a_four, x_four) = (a.chunks_exact(4), x.chunks_exact(4));
    let rest: f64 = a_four.remainder().iter().zip(x_four.remainder()).map(|(a, x)| a * x).sum();
    for (a, x) in a_four.zip(x_four) {
        for ((lane, a), x) in lanes.iter_mut().zip(a).zip(x) {
            *lane += a * x;
        }
    }
    ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + rest
}

/// <a, x_i> for each row.
pub(super) fn projections(a: &[f64], x: &[f64]) -> Vec<f64> {
    x.par_chunks_exact(a.len()).map(|row| projection(a, row)).collect()
}

/// Projects a sample so that distinct points have distinct projections, and sorts it.
pub(super) fn separate(
    x: &[f64],
    d: usize,
    y: &[f64],
    direction: &Direction,
) -> Result<Separated, TheoryError> {
    let n = rows("x", x, d)?;
    length("y", y.len(), n, "one label for each row")?;
    finite("y", y)?;
    match direction {
        Direction::Given(a) => {
            length("the direction", a.len(), d, "one number for each column of x")?;
            finite("the direction", a)?;
            order(x, y, a.clone())?.ok_or_tied(1)
        }
        Direction::Random { tries: 0, .. } => {
            Err(TheoryError::Setting { what: "tries", value: 0.0, allowed: "draw at least one direction" })
        }
        Direction::Random { seed, tries } => {
            let mut best = order(x, y, draw(d, *seed, STREAM))?;
            for t in 1..*tries as u64 {
                let next = order(x, y, draw(d, *seed, STREAM + t))?;
                if next.relative_gap() > best.relative_gap() {
                    best = next;
                }
            }
            best.ok_or_tied(*tries)
        }
    }
}

/// A point of the unit sphere.
fn draw(d: usize, seed: u64, stream: u64) -> Vec<f64> {
    let mut rng = RunRng::new(seed, stream);
    let mut a: Vec<f64> = (0..d).map(|_| StandardNormal.sample(&mut rng)).collect();
    let norm = a.iter().map(|v| v * v).sum::<f64>().sqrt();
    a.iter_mut().for_each(|v| *v /= norm);
    a
}

/// A sorted sample, and two distinct rows with one projection where there are such.
struct Ordered {
    sample: Separated,
    tied: Option<(usize, usize)>,
}

impl Ordered {
    /// The least gap over the range; 0 where two points fall together.
    fn relative_gap(&self) -> f64 {
        let z = &self.sample.z;
        match (self.tied, z) {
            (Some(_), _) => 0.0,
            (None, z) if z.len() < 2 => 1.0,
            (None, z) => least_gap(z) / (z[z.len() - 1] - z[0]),
        }
    }

    fn ok_or_tied(self, tries: usize) -> Result<Separated, TheoryError> {
        match self.tied {
            None => Ok(self.sample),
            Some((first, second)) => Err(TheoryError::NotSeparated { first, second, tries }),
        }
    }
}

/// min_i (z_{i+1} − z_i), infinite for a single point.
pub(super) fn least_gap(z: &[f64]) -> f64 {
    z.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min)
}

/// Sorts by projection; equal rows with equal labels become one point.
fn order(x: &[f64], y: &[f64], a: Vec<f64>) -> Result<Ordered, TheoryError> {
    let d = a.len();
    let z = projections(&a, x);
    if z.iter().any(|v| !v.is_finite()) {
        return Err(TheoryError::Overflow { what: "a projection" });
    }
    let mut by_z: Vec<usize> = (0..z.len()).collect();
    by_z.sort_by(|i, j| z[*i].total_cmp(&z[*j]).then(i.cmp(j)));

    let mut tied = None;
    let mut kept: Vec<usize> = Vec::with_capacity(by_z.len());
    for i in by_z {
        match kept.last() {
            // -0 and 0 sort apart and are one projection
            Some(&k) if z[k] == z[i] => {
                if x[k * d..][..d] != x[i * d..][..d] {
                    tied = tied.or(Some((k.min(i), k.max(i))));
                } else if y[k] != y[i] {
                    let (first, second) = (k.min(i), k.max(i));
                    let (first_label, second_label) = (y[first], y[second]);
                    return Err(TheoryError::Contradiction { first, second, first_label, second_label });
                }
            }
            _ => kept.push(i),
        }
    }
    let pick = |of: &[f64]| kept.iter().map(|i| of[*i]).collect();
    let sample = Separated { z: pick(&z), y: pick(y), a, row: kept };
    if !(sample.z[sample.z.len() - 1] - sample.z[0]).is_finite() {
        return Err(TheoryError::Overflow { what: "the range of the projections" });
    }
    Ok(Ordered { sample, tied })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_share_and_contradicting_ones_do_not() {
        let given = Direction::Given(vec![1.0, 0.0]);
        let x = [2.0, 1.0, 0.0, 0.0, 2.0, 1.0];
        let sample = separate(&x, 2, &[5.0, 6.0, 5.0], &given).unwrap();
        assert_eq!((sample.z, sample.y, sample.row), (vec![0.0, 2.0], vec![6.0, 5.0], vec![1, 0]));

        let error = separate(&x, 2, &[5.0, 6.0, 7.0], &given).unwrap_err();
        assert!(
            error.to_string().starts_with("rows 0 and 2 are equal and have the labels 5 and 7"),
            "{error}"
        );

        let error = separate(&[2.0, 1.0, 2.0, 3.0], 2, &[0.0, 1.0], &given).unwrap_err();
        assert_eq!(error, TheoryError::NotSeparated { first: 0, second: 1, tries: 1 });
        assert!(separate(&[2.0, 1.0, 2.0, 3.0], 2, &[0.0, 1.0], &Direction::random(0)).is_ok());
    }

    #[test]
    fn more_tries_never_make_the_gap_worse() {
        let x: Vec<f64> = (0..600).map(|i| ((i * i) as f64).sin()).collect();
        let y = vec![0.0; 200];
        let gaps: Vec<f64> = [1, 2, 4, 8, 16, 32]
            .map(|tries| {
                let z = separate(&x, 3, &y, &Direction::Random { seed: 3, tries }).unwrap().z;
                least_gap(&z) / (z[z.len() - 1] - z[0])
            })
            .to_vec();
        assert!(gaps.windows(2).all(|g| g[1] >= g[0]) && gaps[5] > gaps[0], "{gaps:?}");
    }
}

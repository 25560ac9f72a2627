//! A model of the network out of measured runs.

use super::{CostModel, Terms};

/// A run whose time was taken: an all-reduce ([`Terms::of`]), or adding alone (only [`Terms::added`]).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// What there was to do.
    pub terms: Terms,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Runs that tell no cost.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CostError {
    /// A time that is none.
    #[error("run {run} took {seconds} s: it must take more than 0 s, and not infinitely many")]
    Seconds {
        /// Which run, from 0.
        run: usize,
        /// Its time.
        seconds: f64,
    },
    /// Runs that do not tell the three costs apart.
    #[error(
        "the {runs} runs do not tell the costs of a message, of a byte and of adding apart: measure an all-reduce of few \
         values, one of many, and adding alone"
    )]
    Alike {
        /// How many runs there were.
        runs: usize,
    },
}

impl CostModel {
    /// The costs, none below 0, whose times deviate least from the measured ones, as the sum of squares of relative
    /// deviations.
    ///
    /// All-reduces alone do not tell beta from gamma, because each adds half of the bytes that it sends: at least one run
    /// must be of adding alone.
    ///
    /// # Errors
    /// [`CostError::Seconds`] for a time that is none, [`CostError::Alike`] where the runs leave a cost open.
    pub fn fit(runs: &[Measured]) -> Result<Self, CostError> {
        let odd = runs.iter().position(|run| !(run.seconds > 0.0 && run.seconds.is_finite()));
        if let Some(run) = odd {
            return Err(CostError::Seconds { run, seconds: runs[run].seconds });
        }
        let rows: Vec<[f64; 3]> = runs
            .iter()
            .map(|run| [run.terms.messages, run.terms.bytes, run.terms.added].map(|term| term / run.seconds))
            .collect();
        least(&rows, [true; 3]).ok_or(CostError::Alike { runs: runs.len() })?;
        // with three costs, trying every set of those that are 0 is the surest way to the best that is not below 0
        let mut best: Option<([f64; 3], f64)> = None;
        for set in 1..8_u8 {
            let used = [0, 1, 2].map(|at| set >> at & 1 == 1);
            let Some(costs) = least(&rows, used) else { continue };
            let off: f64 = rows.iter().map(|row| (dot(row, &costs) - 1.0).powi(2)).sum();
            if costs.iter().all(|cost| *cost >= 0.0) && best.is_none_or(|(_, least)| off < least) {
                best = Some((costs, off));
            }
        }
        let ([alpha, beta, gamma], _) = best.ok_or(CostError::Alike { runs: runs.len() })?;
        Ok(Self { alpha, beta, gamma })
    }
}

fn dot(row: &[f64; 3], costs: &[f64; 3]) -> f64 {
    row.iter().zip(costs).map(|(x, c)| x * c).sum()
}

/// The costs, 0 where not `used`, for which rows times costs are nearest to 1; nothing where the rows leave one open.
fn least(rows: &[[f64; 3]], used: [bool; 3]) -> Option<[f64; 3]> {
    // columns of very different size are brought to length 1 first
    let norms = [0, 1, 2].map(|at| rows.iter().map(|row| row[at] * row[at]).sum::<f64>().sqrt());
    if (0..3).any(|at| used[at] && norms[at] == 0.0) {
        return None;
    }
    let mut m = [[0.0_f64; 4]; 3];
    for i in 0..3 {
        if !used[i] {
            m[i][i] = 1.0;
            continue;
        }
        for j in (0..3).filter(|j| used[*j]) {
            m[i][j] = rows.iter().map(|row| row[i] * row[j]).sum::<f64>() / (norms[i] * norms[j]);
        }
        m[i][3] = rows.iter().map(|row| row[i]).sum::<f64>() / norms[i];
    }
    for at in 0..3 {
        let pivot = (at..3).max_by(|a, b| m[*a][at].abs().total_cmp(&m[*b][at].abs()))?;
        m.swap(at, pivot);
        if m[at][at].abs() < 1e-9 {
            return None;
        }
        for row in 0..3 {
            if row != at {
                let factor = m[row][at] / m[at][at];
                let pivot = m[at];
                m[row].iter_mut().zip(pivot).for_each(|(x, p)| *x -= factor * p);
            }
        }
    }
    Some([0, 1, 2].map(|at| if used[at] { m[at][3] / m[at][at] / norms[at] } else { 0.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collective::Algorithm;

    const NETWORK: CostModel = CostModel { alpha: 2e-5, beta: 1.6e-10, gamma: 5e-11 };

    #[test]
    fn costs_are_found_again_in_the_times_that_they_make() {
        let mut terms = vec![Terms { added: 4e6, ..Terms::default() }];
        for algorithm in [Algorithm::Ring, Algorithm::HalvingDoubling] {
            terms.extend([10, 100_000, 10_000_000].map(|len| Terms::of(algorithm, 4, len)));
        }
        let runs: Vec<Measured> =
            terms.iter().map(|terms| Measured { terms: *terms, seconds: NETWORK.seconds(*terms) }).collect();
        let found = CostModel::fit(&runs).unwrap();
        for (x, y) in [(found.alpha, NETWORK.alpha), (found.beta, NETWORK.beta), (found.gamma, NETWORK.gamma)]
        {
            assert!((x - y).abs() < 1e-6 * y, "{found:?}");
        }
        // all-reduces alone leave beta and gamma open
        assert_eq!(CostModel::fit(&runs[1..]), Err(CostError::Alike { runs: 6 }));
        assert_eq!(CostModel::fit(&[]), Err(CostError::Alike { runs: 0 }));
        let none = Measured { seconds: 0.0, ..runs[0] };
        assert_eq!(CostModel::fit(&[none]), Err(CostError::Seconds { run: 0, seconds: 0.0 }));
        // a time that only a cost below 0 would explain
        let mut odd = runs;
        odd[1].seconds /= 100.0;
        odd[4].seconds /= 100.0;
        let found = CostModel::fit(&odd).unwrap();
        assert!(found.alpha >= 0.0 && found.beta >= 0.0 && found.gamma >= 0.0, "{found:?}");
    }
}

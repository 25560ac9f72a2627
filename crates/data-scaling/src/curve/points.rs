//! Scores of runs by the number of examples that they were trained on.

use super::CurveError;

/// One run: how many examples it was trained on, and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Examples.
    pub n: f64,
    /// Score.
    pub score: f64,
}

/// Runs at one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Size {
    /// Examples.
    pub n: f64,
    /// The scores of its runs.
    pub scores: Vec<f64>,
}

impl Size {
    /// Their mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.scores.iter().sum::<f64>() / self.scores.len() as f64
    }
}

/// Runs by size, ascending: at least two sizes, all numbers finite, sizes above 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    sizes: Vec<Size>,
}

impl Points {
    /// Sorts runs by their sizes.
    ///
    /// # Errors
    /// [`CurveError::Size`] or [`CurveError::Score`] for a number that cannot be, with its place from 1; [`CurveError::OneSize`]
    /// where there are not two sizes.
    pub fn new(runs: &[Point]) -> Result<Self, CurveError> {
        let mut sorted = Vec::with_capacity(runs.len());
        for (at, run) in runs.iter().enumerate() {
            if !(run.n.is_finite() && run.n > 0.0) {
                return Err(CurveError::Size { place: format!("run {}", at + 1), n: run.n });
            }
            if !run.score.is_finite() {
                return Err(CurveError::Score { place: format!("run {}", at + 1), score: run.score });
            }
            sorted.push(*run);
        }
        sorted.sort_by(|a, b| a.n.total_cmp(&b.n));
        let mut sizes: Vec<Size> = Vec::new();
        for run in sorted {
            match sizes.last_mut() {
                Some(last) if last.n == run.n => last.scores.push(run.score),
                _ => sizes.push(Size { n: run.n, scores: vec![run.score] }),
            }
        }
        match sizes.as_slice() {
            [] => Err(CurveError::OneSize { runs: 0, n: None }),
            [only] => Err(CurveError::OneSize { runs: only.scores.len(), n: Some(only.n) }),
            _ => Ok(Points { sizes }),
        }
    }

    /// The sizes, ascending.
    #[must_use]
    pub fn sizes(&self) -> &[Size] {
        &self.sizes
    }

    /// Runs of all sizes.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.sizes.iter().map(|size| size.scores.len()).sum()
    }
}

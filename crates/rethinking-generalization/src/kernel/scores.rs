//! What a fitted interpolant says of new rows, and how well it fits its own.

use faer::{Accum, Mat, MatRef};
use rayon::prelude::*;
use serde::Serialize;

use super::error::{zeros, KernelError};
use super::machine::KernelMachine;
use super::points::Points;
use super::tiles::TileGrid;
use crate::product::multiply;

/// Rows whose scores are computed by one task.
const ROWS: usize = 256;

/// How far an interpolant is from its targets: K α - Y, with K filled anew.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Residual {
    /// max |K α - Y|.
    pub largest: f64,
    /// The root of the mean square of K α - Y.
    pub root_mean_square: f64,
    /// The part of rows whose largest score is not at their largest target.
    pub error: f64,
}

impl KernelMachine {
    /// f of every row: m x classes, row-major.
    ///
    /// # Errors
    ///
    /// [`KernelError::Count`] where the last row is cut, [`KernelError::NotFinite`], [`KernelError::Allocation`].
    ///
    /// # Complexity
    ///
    /// 2 m n (d + classes) operations, in parallel over blocks of rows; a block of the kernel matrix for each thread.
    pub fn scores<T: Copy + Into<f64> + Sync>(&self, rows: &[T]) -> Result<Vec<f64>, KernelError> {
        let dim = self.points.dim();
        if !rows.len().is_multiple_of(dim) {
            let (found, expected) = (rows.len(), rows.len().next_multiple_of(dim));
            let (what, why) = ("numbers in the rows", "every row has as many features as in training");
            return Err(KernelError::Count { what, found, expected, why });
        }
        let blocks = rows.par_chunks(ROWS * dim).map(|rows| {
            let points = Points::new(rows, dim)?;
            self.block_scores(&points)
        });
        let blocks: Vec<Vec<f64>> = blocks.collect::<Result<_, KernelError>>()?;
        Ok(blocks.concat())
    }

    /// The class with the largest score of every row; the lowest of equals.
    ///
    /// # Errors
    ///
    /// As [`KernelMachine::scores`].
    pub fn predict<T: Copy + Into<f64> + Sync>(&self, rows: &[T]) -> Result<Vec<usize>, KernelError> {
        Ok(argmax_rows(&self.scores(rows)?, self.classes))
    }

    /// The part of rows, from 0 to 1, whose predicted class is not their label.
    ///
    /// # Errors
    ///
    /// As [`KernelMachine::scores`]; [`KernelError::Count`] where there is not one label for each row.
    pub fn error<T: Copy + Into<f64> + Sync>(&self, rows: &[T], labels: &[u8]) -> Result<f64, KernelError> {
        error_rate(&self.predict(rows)?, labels)
    }

    /// How far K α is from `targets`, those of the fit.
    ///
    /// With a ridge or jitter λ, K α - Y is -λ α; without, what rounding leaves.
    ///
    /// # Errors
    ///
    /// [`KernelError::Count`] where there is not one target for each row and class.
    ///
    /// # Complexity
    ///
    /// As scores of the training rows: n² (d + classes) products and sums.
    pub fn training_residual(&self, targets: &[f64]) -> Result<Residual, KernelError> {
        let expected = self.alpha.len();
        if targets.len() != expected {
            let (what, why) = ("targets", "the residual is that of the fit");
            return Err(KernelError::Count { what, found: targets.len(), expected, why });
        }
        let scores = self.scores(self.points.rows_before(self.count))?;
        let differences = || scores.iter().zip(targets).map(|(score, target)| (score - target).abs());
        let wanted = argmax_rows(targets, self.classes);
        let missed = argmax_rows(&scores, self.classes).iter().zip(&wanted).filter(|(a, b)| a != b).count();
        Ok(Residual {
            largest: differences().fold(0.0, f64::max),
            root_mean_square: (differences().map(|d| d * d).sum::<f64>() / expected as f64).sqrt(),
            error: missed as f64 / self.count as f64,
        })
    }

    /// K(points, training rows) α, a tile of training rows at a time.
    fn block_scores(&self, points: &Points) -> Result<Vec<f64>, KernelError> {
        let grid = TileGrid::new(self.count, self.tile)?;
        let mut values: Vec<f64> = zeros(points.len() * grid.range(0).len())?;
        let mut scores = Mat::<f64>::zeros(points.len(), self.classes);
        for block in 0..grid.blocks() {
            let columns = grid.range(block);
            let values = &mut values[..points.len() * columns.len()];
            self.kernel.block((points, 0..points.len()), (&self.points, columns.clone()), values);
            let kernel = MatRef::from_column_major_slice(values, points.len(), columns.len());
            let alpha = &self.alpha[columns.start * self.classes..columns.end * self.classes];
            let alpha = MatRef::from_row_major_slice(alpha, columns.len(), self.classes);
            multiply(scores.as_mut(), Accum::Add, kernel, alpha, 1.0);
        }
        let at = |k: usize| scores[(k / self.classes, k % self.classes)];
        Ok((0..points.len() * self.classes).map(at).collect())
    }
}

/// The place of the largest number of every row of `classes`; the first of equals.
pub(super) fn argmax_rows(scores: &[f64], classes: usize) -> Vec<usize> {
    let argmax = |row: &[f64]| (1..classes).fold(0, |best, k| if row[k] > row[best] { k } else { best });
    scores.chunks_exact(classes).map(argmax).collect()
}

/// The part of `predicted` that is not its label.
pub(super) fn error_rate(predicted: &[usize], labels: &[u8]) -> Result<f64, KernelError> {
    let (found, expected) = (labels.len(), predicted.len());
    if found != expected {
        return Err(KernelError::Count { what: "labels", found, expected, why: "every row has one" });
    }
    let wrong = predicted.iter().zip(labels).filter(|&(&class, &label)| class != usize::from(label)).count();
    Ok(wrong as f64 / expected.max(1) as f64)
}

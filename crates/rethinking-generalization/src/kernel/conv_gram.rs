//! The linear interpolant of many random features, through their Gram matrix.
//!
//! # Formula
//!
//! K = 1 + Z Zᵀ / D, where Z are the D features of the training images, each shifted and scaled to mean 0 and variance
//! 1 over them, and 1 is a constant feature, the intercept: without it the rows of K sum to 0 and K is singular.
//! (K + λI) α = Y; the scores of other images are K' α.
//!
//! D may be far more than can be held (256,000 for 32,000 filters): filters come a block at a time, and what stays are
//! K and K'.

use std::ops::Range;

use faer::{Accum, MatMut, MatRef};
use rayon::prelude::*;

use super::cholesky::{Progress, TiledCholesky};
use super::conv_features::ConvFeatures;
use super::error::{check_finite, zeros, KernelError};
use super::machine::norms;
use super::scores::{argmax_rows, error_rate};
use super::tiles::{TileGrid, TiledSymmetric, TILE};
use crate::product::multiply;

/// Rows of K' that one task computes.
const ROWS: usize = 256;

/// K of training images and K' of other images with them.
///
/// # Example
///
/// ```
/// use datasets::images::ImageShape;
/// use rethinking_generalization::kernel::{gram_accumulate, ConvFeatures, ConvOptions};
///
/// let images: Vec<f32> = (0..4 * 64).map(|k| (k * k % 251) as f32 / 251.0).collect();
/// let options = ConvOptions { patch: 3, filters: 40, samples: 100, threshold: 0.2, ..ConvOptions::default() };
/// let features = ConvFeatures::new(&images, ImageShape::new(1, 8, 8), &options)?;
/// let gram = gram_accumulate(&features, &images, &images[64..128], 16, None, &|_, _| {})?;
/// let machine = gram.fit(&[1.0, -1.0, 1.0, -1.0], 1, 0.0, &|_, _| {})?;
/// assert!((machine.scores()[0] + 1.0).abs() < 1e-9);
/// # Ok::<(), rethinking_generalization::kernel::KernelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConvGram {
    gram: TiledSymmetric,
    /// others x training, row-major.
    cross: Vec<f64>,
}

/// The interpolant of a [`ConvGram`], with the scores of its other images.
#[derive(Debug, Clone)]
pub struct ConvMachine {
    alpha: Vec<f64>,
    scores: Vec<f64>,
    norms: Vec<f64>,
    classes: usize,
}

/// Computes the features of `training` and `others`, `block` filters at a time, and adds up their Gram matrices.
///
/// `progress` is called after each block with the filters done and F.
///
/// # Errors
///
/// [`KernelError::Memory`] before anything is computed, where it takes more than `max_memory`;
/// [`KernelError::Setting`] for a block of 0 filters or no training image; otherwise as [`ConvFeatures::of`].
///
/// # Complexity
///
/// That of the features, and D n (n + 2m) products and sums for n training and m other images; 4 n² + 8 n m bytes, and
/// 12 (n + m) for each feature of a block.
pub fn gram_accumulate(
    features: &ConvFeatures,
    training: &[f32],
    others: &[f32],
    block: usize,
    max_memory: Option<u64>,
    progress: Progress<'_>,
) -> Result<ConvGram, KernelError> {
    if block == 0 {
        let (name, allowed) = ("the block of filters", "at least 1");
        return Err(KernelError::Setting { name, value: "0".into(), allowed });
    }
    let each = features.shape().pixels();
    let (n, m) = (training.len() / each, others.len() / each);
    let block = block.min(features.filters());
    let grid = TileGrid::new(n, TILE)?;
    check_memory(grid, m, features.width_of(block), max_memory)?;
    // The constant feature.
    let ones = |_: Range<usize>, _: Range<usize>, out: &mut [f64]| out.fill(1.0);
    let mut gram = TiledSymmetric::filled(grid, &ones)?;
    let mut cross: Vec<f64> = zeros(n * m)?;
    cross.fill(1.0);
    for start in (0..features.filters()).step_by(block) {
        let range = start..(start + block).min(features.filters());
        let width = features.width_of(range.len());
        let own = features.of(training, range.clone())?;
        let scales = standardization(&own, width, features.width());
        let own = standardized(own, &scales)?;
        let other = standardized(features.of(others, range.clone())?, &scales)?;
        let view = |rows: Range<usize>| {
            MatRef::from_row_major_slice(&own[rows.start * width..rows.end * width], rows.len(), width)
        };
        gram.add(&|rows: Range<usize>, columns: Range<usize>, out: &mut [f64]| {
            let out = MatMut::from_column_major_slice_mut(out, rows.len(), columns.len());
            multiply(out, Accum::Add, view(rows), view(columns).transpose(), 1.0);
        });
        cross.par_chunks_mut(ROWS * n).zip(other.par_chunks(ROWS * width)).for_each(|(out, rows)| {
            let count = rows.len() / width;
            let rows = MatRef::from_row_major_slice(rows, count, width);
            let out = MatMut::from_row_major_slice_mut(out, count, n);
            multiply(out, Accum::Add, rows, view(0..n).transpose(), 1.0);
        });
        progress(range.end, features.filters());
    }
    Ok(ConvGram { gram, cross })
}

impl ConvGram {
    /// K of two training images.
    ///
    /// # Panics
    ///
    /// If one is not below their number.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        self.gram.get(row, column)
    }

    /// Interpolates `targets`, n x `classes`, in the memory of K.
    ///
    /// # Errors
    ///
    /// As [`TiledCholesky::factor_in_place`] and [`TiledCholesky::solve`]; K is singular where there are fewer features
    /// than training images.
    pub fn fit(
        self,
        targets: &[f64],
        classes: usize,
        ridge: f64,
        progress: Progress<'_>,
    ) -> Result<ConvMachine, KernelError> {
        check_finite(targets, classes, "the targets")?;
        let n = self.gram.grid().size();
        let alpha = TiledCholesky::factor_in_place(self.gram, ridge, progress)?.solve(targets, classes)?;
        let norms = norms(&alpha, targets, classes, ridge);
        let count = self.cross.len() / n;
        let mut scores: Vec<f64> = zeros(count * classes)?;
        scores.par_chunks_mut(ROWS * classes).zip(self.cross.par_chunks(ROWS * n)).for_each(|(out, rows)| {
            let rows = MatRef::from_row_major_slice(rows, rows.len() / n, n);
            let out = MatMut::from_row_major_slice_mut(out, rows.nrows(), classes);
            let alpha = MatRef::from_row_major_slice(&alpha, n, classes);
            multiply(out, Accum::Replace, rows, alpha, 1.0);
        });
        Ok(ConvMachine { alpha, scores, norms, classes })
    }
}

impl ConvMachine {
    /// α: training images x classes, row-major.
    pub fn alpha(&self) -> &[f64] {
        &self.alpha
    }

    /// Scores of the other images: m x classes, row-major.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// The part of the other images whose class with the largest score is not their label.
    ///
    /// # Errors
    ///
    /// [`KernelError::Count`] where there is not one label for each.
    pub fn error(&self, labels: &[u8]) -> Result<f64, KernelError> {
        error_rate(&argmax_rows(&self.scores, self.classes), labels)
    }

    /// The norm of each class's weights, those of the features scaled by 1/√D and of the intercept.
    pub fn class_norms(&self) -> &[f64] {
        &self.norms
    }

    /// The root of the sum of squares of the classes' norms.
    pub fn norm(&self) -> f64 {
        self.norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt()
    }
}

fn check_memory(grid: TileGrid, others: usize, width: usize, limit: Option<u64>) -> Result<(), KernelError> {
    let (n, m) = (grid.size() as u64, others as u64);
    let blocks = (n + m).saturating_mul(width as u64).saturating_mul(12);
    let needed = grid.bytes().saturating_add(n.saturating_mul(m).saturating_mul(8)).saturating_add(blocks);
    match limit {
        Some(limit) if needed > limit => Err(KernelError::Memory { rows: grid.size(), needed, limit }),
        _ => Ok(()),
    }
}

/// Mean, and 1 / (standard deviation · √total), of each of `width` features; 0 for one that never changes.
fn standardization(rows: &[f32], width: usize, total: usize) -> Vec<(f64, f64)> {
    let count = (rows.len() / width) as f64;
    let sums = |of: &(dyn Fn(f64, usize) -> f64 + Sync)| -> Vec<f64> {
        // Over features in parallel, over rows in order.
        const COLUMNS: usize = 64;
        let part = |start: usize| {
            let columns = start..(start + COLUMNS).min(width);
            let mut sums = vec![0.0; columns.len()];
            for row in rows.chunks_exact(width) {
                for (sum, column) in sums.iter_mut().zip(columns.clone()) {
                    *sum += of(f64::from(row[column]), column);
                }
            }
            sums
        };
        let parts: Vec<_> = (0..width.div_ceil(COLUMNS)).into_par_iter().map(|k| part(k * COLUMNS)).collect();
        parts.concat()
    };
    let means: Vec<f64> = sums(&|x, _| x).iter().map(|sum| sum / count).collect();
    let variances = sums(&|x, column| (x - means[column]) * (x - means[column]));
    let scale = |square: f64| if square > 0.0 { (square / count * total as f64).sqrt().recip() } else { 0.0 };
    means.iter().zip(variances).map(|(&mean, square)| (mean, scale(square))).collect()
}

fn standardized(rows: Vec<f32>, scales: &[(f64, f64)]) -> Result<Vec<f64>, KernelError> {
    let mut all: Vec<f64> = zeros(rows.len())?;
    let pairs = all.par_chunks_exact_mut(scales.len()).zip(rows.par_chunks_exact(scales.len()));
    pairs.for_each(|(to, from)| {
        for ((to, &from), (mean, scale)) in to.iter_mut().zip(from).zip(scales) {
            *to = (f64::from(from) - mean) * scale;
        }
    });
    Ok(all)
}

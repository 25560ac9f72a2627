//! Interpolation with a kernel: one linear system in place of training.
//!
//! # Formula
//!
//! (K + λI) α = Y with K_ij = k(x_i, x_j) and one-hot targets Y; f(x) = Σ_i α_i k(x_i, x), a score for each class.
//! With λ = 0, f passes through every target and has the least norm of all functions of the kernel's space that do:
//! ‖f_c‖² = α_cᵀ K α_c for class c. For all classes, the norm is the root of the sum over classes, that of the
//! function into R^classes; the paper does not say which convention its 220 and 390 follow.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cholesky::{check_ridge, Progress, TiledCholesky};
use super::error::{check_finite, KernelError};
use super::gaussian::{Kernel, KernelMatrix};
use super::memory::estimate;
use super::points::Points;
use super::tiles::{TileGrid, TILE};

/// What to interpolate.
///
/// # Shapes
///
/// `rows: n x dim`, `targets: n x classes`, both row-major; `f32` or `f64` rows.
#[derive(Debug, Clone, Copy)]
pub struct TrainingSet<'a, T> {
    /// The features.
    pub rows: &'a [T],
    /// Features in a row.
    pub dim: usize,
    /// The values to pass through, [`one_hot`] for classes.
    pub targets: &'a [f64],
    /// Targets of a row.
    pub classes: usize,
}

/// How to fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FitOptions {
    /// λ. 0, the paper's "zero regularization", unless set.
    pub ridge: f64,
    /// The largest ridge, in units of the mean diagonal of K, that may be added where rounding makes K + λI not
    /// positive definite. From 1e-12 it grows tenfold until the factorization succeeds; [`KernelMachine::jitter`] tells
    /// what was added. 0, so that no ridge is added unasked, unless set.
    pub largest_jitter: f64,
    /// The tile edge.
    pub tile: usize,
    /// Bytes that the fit may take; unlimited unless set.
    pub max_memory: Option<u64>,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self { ridge: 0.0, largest_jitter: 0.0, tile: TILE, max_memory: None }
    }
}

/// A fitted kernel interpolant.
///
/// # Complexity
///
/// Fit: n² d + n³/3 products and sums and [`estimate`] bytes; a score: n d.
///
/// # Reference
///
/// Zhang et al. 2017, section 5, equation (3) and Table 3.
///
/// # Example
///
/// ```
/// use rethinking_generalization::kernel::{one_hot, FitOptions, Kernel, KernelMachine, TrainingSet};
///
/// // exclusive or
/// let rows = [0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
/// let targets = one_hot(&[0, 1, 1, 0], 2)?;
/// let set = TrainingSet { rows: &rows, dim: 2, targets: &targets, classes: 2 };
/// let machine = KernelMachine::fit(&set, Kernel::gaussian(0.5), &FitOptions::default(), &|_, _| {})?;
/// assert_eq!(machine.predict(&[0.1f32, 0.9, 0.9, 0.9])?, [1, 0]);
/// assert!(machine.training_residual(&targets)?.largest < 1e-14);
/// # Ok::<(), rethinking_generalization::kernel::KernelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct KernelMachine {
    pub(super) kernel: Kernel,
    pub(super) points: Arc<Points>,
    /// How many of the points it was fitted to: the first ones.
    pub(super) count: usize,
    pub(super) classes: usize,
    pub(super) tile: usize,
    /// count x classes, row-major.
    pub(super) alpha: Vec<f64>,
    ridge: f64,
    jitter: f64,
    norms: Vec<f64>,
}

impl KernelMachine {
    /// Fits all rows.
    ///
    /// # Errors
    ///
    /// [`KernelError::Memory`] before anything is computed, [`KernelError::NotPositiveDefinite`],
    /// [`KernelError::Count`], [`KernelError::Setting`], [`KernelError::NotFinite`] and [`KernelError::Allocation`].
    pub fn fit<T: Copy + Into<f64>>(
        set: &TrainingSet<'_, T>,
        kernel: Kernel,
        options: &FitOptions,
        progress: Progress<'_>,
    ) -> Result<Self, KernelError> {
        let count = set.rows.len() / set.dim.max(1);
        let mut machines = Self::fit_prefixes(set, kernel, &[count], options, progress)?;
        // One prefix, one machine.
        machines.pop().ok_or(KernelError::Setting {
            name: "the number of rows",
            value: "0".into(),
            allowed: "at least 1",
        })
    }

    /// Fits the first m rows for every m of `prefixes`, from one factorization of the whole.
    ///
    /// The factor of a leading block of K is the leading block of its factor, so every further prefix takes one
    /// triangular solve: a curve of error over n for the price of its last point. All machines share the rows.
    ///
    /// # Errors
    ///
    /// As [`KernelMachine::fit`]; [`KernelError::Setting`] for a prefix of 0 or more than all rows.
    pub fn fit_prefixes<T: Copy + Into<f64>>(
        set: &TrainingSet<'_, T>,
        kernel: Kernel,
        prefixes: &[usize],
        options: &FitOptions,
        progress: Progress<'_>,
    ) -> Result<Vec<Self>, KernelError> {
        check_settings(&kernel, options)?;
        let largest = prefixes.iter().copied().max().unwrap_or(0);
        let (rows, targets) = leading(set, largest)?;
        if prefixes.contains(&0) {
            let (name, allowed) = ("a prefix", "at least 1");
            return Err(KernelError::Setting { name, value: "0".into(), allowed });
        }
        if prefixes.is_empty() {
            return Ok(Vec::new());
        }
        estimate(largest, set.dim, set.classes, options.tile)?.check(largest, options.max_memory)?;
        check_finite(targets, set.classes, "the targets")?;
        let points = Arc::new(Points::new(rows, set.dim)?);
        let (factor, jitter) = factor(&KernelMatrix { points: &points, kernel }, options, progress)?;
        let half = factor.forward(targets, set.classes)?;
        let machine = |&count: &usize| {
            let alpha = factor.backward(&half, set.classes, count)?;
            let norms = norms(&alpha, targets, set.classes, options.ridge + jitter);
            let (points, classes, tile) = (points.clone(), set.classes, options.tile);
            Ok(Self { kernel, points, count, classes, tile, alpha, ridge: options.ridge, jitter, norms })
        };
        prefixes.iter().map(machine).collect()
    }

    /// α: rows x classes, row-major.
    pub fn alpha(&self) -> &[f64] {
        &self.alpha
    }

    /// Rows it was fitted to.
    pub fn rows(&self) -> usize {
        self.count
    }

    /// Targets of a row.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The kernel.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// λ as asked for.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// What was added to the ridge so that the factorization succeeds; 0 for a plain fit.
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// ‖f_c‖ = √(α_cᵀ K α_c) of every class.
    pub fn class_norms(&self) -> &[f64] {
        &self.norms
    }

    /// ‖f‖ = √(Σ_c ‖f_c‖²).
    pub fn norm(&self) -> f64 {
        self.norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt()
    }
}

/// Targets of 1 for a row's class and 0 for the others: n x `classes`, row-major.
///
/// # Errors
///
/// [`KernelError::Setting`] for a label that is not below `classes`.
pub fn one_hot(labels: &[u8], classes: usize) -> Result<Vec<f64>, KernelError> {
    let mut targets = vec![0.0; labels.len() * classes];
    for (row, &label) in labels.iter().enumerate() {
        let label = usize::from(label);
        if label >= classes {
            let (name, allowed) = ("a label", "below the number of classes");
            return Err(KernelError::Setting { name, value: label.to_string(), allowed });
        }
        targets[row * classes + label] = 1.0;
    }
    Ok(targets)
}

fn check_settings(kernel: &Kernel, options: &FitOptions) -> Result<(), KernelError> {
    kernel.check()?;
    check_ridge(options.ridge)?;
    if options.largest_jitter >= 0.0 && options.largest_jitter.is_finite() {
        return Ok(());
    }
    let (name, allowed) = ("the largest jitter", "finite and not negative");
    Err(KernelError::Setting { name, value: options.largest_jitter.to_string(), allowed })
}

/// The first `count` rows and their targets.
fn leading<'a, T>(set: &TrainingSet<'a, T>, count: usize) -> Result<(&'a [T], &'a [f64]), KernelError> {
    for (name, value) in [("the number of features", set.dim), ("the number of classes", set.classes)] {
        if value == 0 {
            return Err(KernelError::Setting { name, value: "0".into(), allowed: "at least 1" });
        }
    }
    let rows = set.rows.len() / set.dim;
    let ends = [
        ("numbers in the rows", set.rows.len(), rows * set.dim, "every row has all features"),
        ("targets", set.targets.len(), rows.saturating_mul(set.classes), "every row has one for each class"),
    ];
    for (what, found, expected, why) in ends {
        if found != expected {
            return Err(KernelError::Count { what, found, expected, why });
        }
    }
    if count > rows {
        let (name, allowed) = ("a prefix", "at most the number of rows");
        return Err(KernelError::Setting { name, value: count.to_string(), allowed });
    }
    Ok((&set.rows[..count * set.dim], &set.targets[..count * set.classes]))
}

/// The factor of K + (λ + jitter) I, and the smallest jitter tried that gives one.
fn factor(
    matrix: &KernelMatrix<'_>,
    options: &FitOptions,
    progress: Progress<'_>,
) -> Result<(TiledCholesky, f64), KernelError> {
    let grid = TileGrid::new(matrix.points.len(), options.tile)?;
    let (mut jitter, mut relative) = (0.0, 1e-12);
    loop {
        match TiledCholesky::factor(grid, matrix, options.ridge + jitter, progress) {
            Err(KernelError::NotPositiveDefinite { .. }) if relative <= options.largest_jitter => {
                jitter = relative * matrix.mean_diagonal();
                relative *= 10.0;
            }
            outcome => return outcome.map(|factor| (factor, jitter)),
        }
    }
}

/// √(α_cᵀ K α_c) = √(α_cᵀ y_c - λ α_cᵀ α_c), for the first rows of `targets`.
pub(super) fn norms(alpha: &[f64], targets: &[f64], classes: usize, ridge: f64) -> Vec<f64> {
    let mut squares = vec![0.0; classes];
    for (alpha, targets) in alpha.chunks_exact(classes).zip(targets.chunks_exact(classes)) {
        for ((square, alpha), target) in squares.iter_mut().zip(alpha).zip(targets) {
            *square += alpha * (target - ridge * alpha);
        }
    }
    squares.iter().map(|square: &f64| square.max(0.0).sqrt()).collect()
}

//! The bandwidth, chosen on rows held out of the training set.

use serde::Serialize;

use super::cholesky::Progress;
use super::error::KernelError;
use super::gaussian::Kernel;
use super::machine::{one_hot, FitOptions, KernelMachine, TrainingSet};

/// Labelled rows: `labels.len()` rows of `dim` features.
#[derive(Debug, Clone, Copy)]
pub struct LabelledRows<'a, T> {
    /// The features, row-major.
    pub rows: &'a [T],
    /// A class for each row.
    pub labels: &'a [u8],
}

/// What one candidate came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BandwidthTrial {
    /// σ.
    pub bandwidth: f64,
    /// The part of validation rows with a wrong class; `None` where the kernel matrix is not positive definite.
    pub error: Option<f64>,
    /// The norm of the interpolant.
    pub norm: Option<f64>,
    /// What was added to the ridge.
    pub jitter: Option<f64>,
}

/// The bandwidth with the lowest validation error, and all that were tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BandwidthChoice {
    /// σ.
    pub bandwidth: f64,
    /// Its validation error, from 0 to 1.
    pub error: f64,
    /// One for each candidate, in their order.
    pub trials: Vec<BandwidthTrial>,
}

/// Fits `train` with every candidate and chooses the one with the lowest error on `validation`; of equals the first.
///
/// Both parts must come from the training set: the test set is for the machine that is fitted afterwards. A candidate
/// whose matrix is not positive definite is passed over.
///
/// # Errors
///
/// [`KernelError::NoBandwidth`] where no candidate is left; otherwise as [`KernelMachine::fit`].
///
/// # Complexity
///
/// A fit for each candidate.
///
/// # Example
///
/// ```
/// use rethinking_generalization::kernel::{choose_bandwidth, FitOptions, Kernel, LabelledRows};
///
/// let train = LabelledRows { rows: &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], labels: &[0, 0, 0, 1, 1, 1] };
/// let validation = LabelledRows { rows: &[0.5, 4.5], labels: &[0, 1] };
/// let options = FitOptions::default();
/// let choice = choose_bandwidth(train, validation, (1, 2), Kernel::gaussian, &[1e-3, 1.0], &options, &|_, _| {})?;
/// assert_eq!((choice.bandwidth, choice.error), (1.0, 0.0));
/// # Ok::<(), rethinking_generalization::kernel::KernelError>(())
/// ```
pub fn choose_bandwidth<T: Copy + Into<f64> + Sync>(
    train: LabelledRows<'_, T>,
    validation: LabelledRows<'_, T>,
    (dim, classes): (usize, usize),
    kernel: impl Fn(f64) -> Kernel,
    candidates: &[f64],
    options: &FitOptions,
    progress: Progress<'_>,
) -> Result<BandwidthChoice, KernelError> {
    let targets = one_hot(train.labels, classes)?;
    let set = TrainingSet { rows: train.rows, dim, targets: &targets, classes };
    let mut trials = Vec::with_capacity(candidates.len());
    let mut best: Option<(f64, f64)> = None;
    for &bandwidth in candidates {
        let machine = match KernelMachine::fit(&set, kernel(bandwidth), options, progress) {
            Err(KernelError::NotPositiveDefinite { .. }) => {
                trials.push(BandwidthTrial { bandwidth, error: None, norm: None, jitter: None });
                continue;
            }
            machine => machine?,
        };
        let error = machine.error(validation.rows, validation.labels)?;
        let (norm, jitter) = (Some(machine.norm()), Some(machine.jitter()));
        trials.push(BandwidthTrial { bandwidth, error: Some(error), norm, jitter });
        if best.is_none_or(|(_, lowest)| error < lowest) {
            best = Some((bandwidth, error));
        }
    }
    match best {
        Some((bandwidth, error)) => Ok(BandwidthChoice { bandwidth, error, trials }),
        None => Err(KernelError::NoBandwidth { candidates: candidates.len() }),
    }
}

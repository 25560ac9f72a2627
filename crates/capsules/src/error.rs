//! Everything that can go wrong with a network, as one sentence each.

use shared::{
    device::DeviceError,
    nn::state::StateError,
    optim::OptimError,
    train::{CheckpointError, FitError},
};

use crate::config::ConfigError;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CapsError {
    /// A setting that is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A data set that cannot be read.
    #[error(transparent)]
    Data(#[from] datasets::DatasetError),
    /// A device that cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The optimiser.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// Weights or their file.
    #[error(transparent)]
    State(#[from] StateError),
    /// A checkpoint or its file.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Numbers that have no interval.
    #[error(transparent)]
    Stats(#[from] shared::claims::stats::StatsError),
    /// The device failed in the middle of the work.
    #[error("the device could not go on ({0}): free memory, or use a smaller batch")]
    Compute(String),
    /// Two parts of the input that should be of one length are not.
    #[error("there are {found} {what}, and there should be {expected}, {why}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
        /// Why so many.
        why: &'static str,
    },
    /// Something that the network at hand does not have.
    #[error("{what} cannot be had of {of}: {instead}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// Of what.
        of: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// Training ended badly; the sentence is the loop's own.
    #[error("{0}")]
    Training(String),
}

impl From<FitError<CapsError>> for CapsError {
    fn from(error: FitError<CapsError>) -> Self {
        match error {
            FitError::Learner(error) => error,
            FitError::Checkpoint(error) => error.into(),
            other => CapsError::Training(other.to_string()),
        }
    }
}

/// An error of a device, which has no type in common with others'.
pub(crate) fn compute(error: impl std::fmt::Debug) -> CapsError {
    CapsError::Compute(format!("{error:?}"))
}

//! Everything that can go wrong in an experiment, as one sentence each.

use shared::{
    claims::{stats::StatsError, FileError},
    ops::{dropout::DropRateError, targets::TargetError},
    optim::OptimError,
    train::{CheckpointError, FitError},
    zoo::ZooError,
};

use crate::CorruptionError;

/// An error of this crate's experiments.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A corruption that is none.
    #[error(transparent)]
    Corruption(#[from] CorruptionError),
    /// A data set that cannot be read.
    #[error(transparent)]
    Data(#[from] datasets::DatasetError),
    /// The network.
    #[error(transparent)]
    Network(#[from] ZooError),
    /// The optimiser or its schedule.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// A dropout rate that is none.
    #[error(transparent)]
    Dropout(#[from] DropRateError),
    /// A target that is no class.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A checkpoint or its file.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file of results.
    #[error(transparent)]
    Results(#[from] FileError),
    /// Numbers that have no interval.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// A setting that is not allowed.
    #[error("{field} is {value}: it must be {allowed}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
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
    /// A number that cannot be trained on.
    #[error("row {row} holds {value}: every number must be finite, so mend that row")]
    Value {
        /// The row.
        row: usize,
        /// The number.
        value: f32,
    },
    /// Training ended badly; the sentence is the loop's own.
    #[error("{0}")]
    Training(String),
}

impl From<FitError<LabError>> for LabError {
    fn from(error: FitError<LabError>) -> Self {
        match error {
            FitError::Learner(error) => error,
            FitError::Checkpoint(error) => error.into(),
            other => LabError::Training(other.to_string()),
        }
    }
}

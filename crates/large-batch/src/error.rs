//! Everything that can go wrong, as one sentence each.

use datasets::DatasetError;
use shared::{
    claims::{stats::StatsError, FileError},
    nn::state::StateError,
    ops::targets::TargetError,
    optim::OptimError,
    train::{CheckpointError, FitError},
    zoo::ZooError,
};

use crate::collective::CollectiveError;

/// An error of the method or of its experiments.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LargeBatchError {
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
    /// A rank that does not train the same.
    #[error(
        "rank {rank} has {what} other than rank 0's ({theirs} and {ours}): start every rank with the same program, flags, data \
         and checkpoint"
    )]
    OtherRank {
        /// The first rank that differs.
        rank: usize,
        /// In what.
        what: String,
        /// What it has.
        theirs: String,
        /// What rank 0 has.
        ours: String,
    },
    /// A rank was lost or late.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
    /// The model of a worker.
    #[error("{0}")]
    Replica(String),
    /// A data set that cannot be read.
    #[error(transparent)]
    Data(#[from] DatasetError),
    /// The network.
    #[error(transparent)]
    Network(#[from] ZooError),
    /// The optimiser.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// Tensors that do not fit.
    #[error(transparent)]
    State(#[from] StateError),
    /// A target that is no class.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A checkpoint or its file.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file of results.
    #[error(transparent)]
    Results(#[from] FileError),
    /// Too few numbers, or not finite.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// Training that did not end well.
    #[error("{0}")]
    Training(String),
}

impl From<FitError<LargeBatchError>> for LargeBatchError {
    fn from(error: FitError<LargeBatchError>) -> Self {
        match error {
            FitError::Learner(own) => own,
            FitError::Checkpoint(own) => own.into(),
            other => LargeBatchError::Training(other.to_string()),
        }
    }
}

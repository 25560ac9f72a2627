//! Everything that can go wrong with a network, as one sentence each.

use shared::{
    device::DeviceError,
    graph::GraphError,
    nn::state::StateError,
    ops::{diffusion::SparseRowsError, targets::TargetError},
    optim::OptimError,
    train::{metrics::ScoresError, CheckpointError, FitError},
};

use crate::config::ConfigError;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DcnnError {
    /// A setting that is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A data set that cannot be read or split.
    #[error(transparent)]
    Data(datasets::DatasetError),
    /// A baseline that cannot be fitted.
    #[error(transparent)]
    Baseline(#[from] crate::baselines::BaselineError),
    /// Predictions that cannot be scored.
    #[error(transparent)]
    Scores(#[from] ScoresError),
    /// Numbers that have no interval.
    #[error(transparent)]
    Stats(#[from] shared::claims::stats::StatsError),
    /// A graph or feature matrix that cannot be diffused.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A device that cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A label that is not a class.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Rows that do not fit together.
    #[error(transparent)]
    Rows(#[from] SparseRowsError),
    /// The optimiser.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// Weights or their file.
    #[error(transparent)]
    State(#[from] StateError),
    /// Weights of another network than the settings describe.
    #[error("the weights do not have the sizes of the settings that came with them: give both of one run")]
    Weights,
    /// A checkpoint or its file.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
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
    /// A feature that is not a number.
    #[error("feature {column} in row {row} is {value}: every feature must be a finite number, so mend or drop that row")]
    Feature {
        /// The row of the feature matrix.
        row: usize,
        /// Its column.
        column: usize,
        /// What stands there.
        value: f32,
    },
    /// A network without features, or of more weights than memory should be given to.
    #[error(
        "a network of {slices} slices of {features} features to {classes} classes has {weights} weights, and 1 to {max} \
         are allowed in its dense layer: give at least one feature, and number classes from 0 without gaps"
    )]
    Size {
        /// H + 1.
        slices: usize,
        /// F.
        features: usize,
        /// C.
        classes: usize,
        /// (H + 1) F C.
        weights: u128,
        /// The most that are allowed.
        max: u128,
    },
    /// An index that is out of range.
    #[error("{what} {index} does not exist: they run from 0 to {count} - 1")]
    Index {
        /// What the index is of.
        what: &'static str,
        /// The index.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// An empty part of a split.
    #[error("the {part} part of the split is empty: give it at least one example")]
    EmptySplit {
        /// Which part.
        part: &'static str,
    },
    /// Training ended badly; the sentence is the loop's own.
    #[error("{0}")]
    Training(String),
}

impl From<FitError<DcnnError>> for DcnnError {
    fn from(error: FitError<DcnnError>) -> Self {
        match error {
            FitError::Learner(error) => error,
            FitError::Checkpoint(error) => error.into(),
            other => DcnnError::Training(other.to_string()),
        }
    }
}

/// An error of a device, which has no type in common with others'.
pub(crate) fn compute(error: impl std::fmt::Debug) -> DcnnError {
    DcnnError::Compute(format!("{error:?}"))
}

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

/// An error of the method or of its experiments.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DsdError {
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
    /// A pattern that no layer has.
    #[error(
        "no prunable layer of the model is called `{pattern}`: name one of {layers}, by the end of its name"
    )]
    NoLayer {
        /// The pattern.
        pattern: String,
        /// The layers that there are.
        layers: String,
    },
    /// A model without anything to prune.
    #[error(
        "the model has no layer to prune: it needs a trainable tensor of two or more dimensions that is neither \
         excluded nor the first convolution"
    )]
    NothingToPrune,
    /// Weights that should be zero are not.
    #[error(
        "{alive} of the {masked} pruned weights of `{layer}` are not 0 at the end of epoch {epoch}: step with the \
         optimiser that was given to `begin_epoch`, and change weights nowhere else"
    )]
    Revived {
        /// The layer.
        layer: String,
        /// Pruned weights that are not 0.
        alive: usize,
        /// Pruned weights.
        masked: usize,
        /// The epoch, from 1.
        epoch: usize,
    },
    /// A tensor that the model had when it was pruned, and has no more.
    #[error("the model has no tensor `{name}` of {len} values, and had one when it was pruned: give the model that was pruned")]
    OtherModel {
        /// The tensor.
        name: String,
        /// Its values.
        len: usize,
    },
    /// More epochs than the phases have.
    #[error(
        "all {epochs} epochs of the phases are over: train for `Dsd::epochs` epochs, or give another phase"
    )]
    Over {
        /// The epochs of all phases.
        epochs: usize,
    },
    /// `end_epoch` without `begin_epoch`.
    #[error("no epoch has begun: call `begin_epoch` before the first step of an epoch and `end_epoch` after the last")]
    NotBegun,
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
    /// Numbers that have no interval.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// Training ended badly; the sentence is the loop's own.
    #[error("{0}")]
    Training(String),
}

impl From<FitError<DsdError>> for DsdError {
    fn from(error: FitError<DsdError>) -> Self {
        match error {
            FitError::Learner(error) => error,
            FitError::Checkpoint(error) => error.into(),
            other => DsdError::Training(other.to_string()),
        }
    }
}

//! What can go wrong.

use shared::{
    device::DeviceError,
    nn::state::StateError,
    optim::OptimError,
    train::{CheckpointError, FitError},
};

use crate::config::RecipeError;

/// A model that could not be built, trained or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GanError {
    /// A setting out of its range.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The device cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// An optimiser.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// Tensors that do not fit.
    #[error(transparent)]
    State(#[from] StateError),
    /// A state that cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Data that cannot be read.
    #[error(transparent)]
    Data(#[from] datasets::DatasetError),
    /// The loop: divergence, a checkpoint, the record.
    #[error("{0}")]
    Training(String),
    /// Values that do not make whole examples.
    #[error("{what}: there are {found} values, and {examples} examples of {width} need {expected}")]
    Values {
        /// What they are.
        what: &'static str,
        /// Values given.
        found: usize,
        /// Examples.
        examples: usize,
        /// Values an example.
        width: usize,
        /// Values that would fit.
        expected: usize,
    },
    /// Something that this model has not.
    #[error("{model} has no {what}: {instead}")]
    Unsupported {
        /// What was asked.
        what: &'static str,
        /// Of which model.
        model: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// The device while computing.
    #[error("the device failed ({0}): use a smaller batch, or free memory")]
    Compute(String),
}

impl From<FitError<GanError>> for GanError {
    fn from(error: FitError<GanError>) -> Self {
        match error {
            FitError::Learner(own) => own,
            other => GanError::Training(other.to_string()),
        }
    }
}

/// A device's error in our words.
pub(crate) fn compute(error: impl std::fmt::Debug) -> GanError {
    GanError::Compute(format!("{error:?}"))
}

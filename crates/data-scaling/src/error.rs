//! Everything that can go wrong, as one sentence each.

use datasets::DatasetError;
use shared::{
    claims::{stats::StatsError, FileError},
    device::DeviceError,
    nn::state::StateError,
    ops::targets::TargetError,
    optim::OptimError,
    train::{CheckpointError, FitError},
};

use crate::curve::CurveError;

/// An error of the method or of its experiments.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataScalingError {
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
    /// Images that a model cannot take.
    #[error(
        "there are {values} values for {images} images: give {image} values an image, for at least one image"
    )]
    Images {
        /// Values given.
        values: usize,
        /// Images.
        images: usize,
        /// Values an image of the model.
        image: usize,
    },
    /// Points that no law can be fitted to.
    #[error(transparent)]
    Curve(#[from] CurveError),
    /// A data set that cannot be read, or made.
    #[error(transparent)]
    Data(#[from] DatasetError),
    /// The device cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The device while computing.
    #[error("the device failed ({0}): use a smaller batch, or free memory")]
    Compute(String),
    /// The optimiser.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// Tensors that do not fit.
    #[error(transparent)]
    State(#[from] StateError),
    /// A label that does not exist.
    #[error(transparent)]
    Labels(#[from] TargetError),
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

impl From<FitError<DataScalingError>> for DataScalingError {
    fn from(error: FitError<DataScalingError>) -> Self {
        match error {
            FitError::Learner(own) => own,
            FitError::Checkpoint(own) => own.into(),
            other => DataScalingError::Training(other.to_string()),
        }
    }
}

pub(crate) fn compute(error: impl std::fmt::Debug) -> DataScalingError {
    DataScalingError::Compute(format!("{error:?}"))
}

//! The build with CUDA: every op runs as its composition of dfdx ops, until it brings a kernel of its own.

use dfdx::tensor::Cuda;

use super::{Backend, DeviceError, DeviceTask, ParamStore};

pub(super) const COMPILED: bool = true;

impl Backend for Cuda {}
impl ParamStore for Cuda {}

pub(super) fn launch<T: DeviceTask>(ordinal: usize, seed: u64, task: T) -> Result<T::Output, DeviceError> {
    let device = Cuda::try_build(ordinal, seed)
        .map_err(|error| DeviceError::Unavailable { ordinal, reason: format!("{error:?}") })?;
    Ok(task.run(device))
}

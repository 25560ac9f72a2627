//! The build without CUDA: the same two names, and a plain answer.

use super::{DeviceError, DeviceTask};

pub(super) const COMPILED: bool = false;

pub(super) fn launch<T: DeviceTask>(ordinal: usize, _seed: u64, _task: T) -> Result<T::Output, DeviceError> {
    Err(DeviceError::NotCompiled(ordinal))
}

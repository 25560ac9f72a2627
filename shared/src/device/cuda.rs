//! The build with CUDA: every op runs as its composition of dfdx ops, until it brings a kernel of its own.

use cudarc::driver::result;
use dfdx::{
    tensor::{AsArray, Cuda, CudaError, Tensor, ZerosTensor},
    tensor_ops::TryAdd,
};

use super::{Backend, DeviceError, DeviceTask, ParamStore};

pub(super) const COMPILED: bool = true;

impl Backend for Cuda {}
impl ParamStore for Cuda {}

pub(super) fn launch<T: DeviceTask>(ordinal: usize, seed: u64, task: T) -> Result<T::Output, DeviceError> {
    let device = start(ordinal, seed).map_err(|reason| DeviceError::Unavailable { ordinal, reason })?;
    Ok(task.run(device))
}

/// A device that has run a kernel. What cudarc would panic at, a driver or a device that is not there, is looked for first.
fn start(ordinal: usize, seed: u64) -> Result<Cuda, String> {
    // the code alone: a driver that does not start cannot be asked for its words either
    result::init().map_err(|why| format!("the CUDA driver does not start: {:?}", why.0))?;
    let count = result::device::get_count()
        .map_err(|why| format!("the CUDA driver lists no devices: {:?}", why.0))?;
    if usize::try_from(count).map_or(true, |count| ordinal >= count) {
        return Err(format!("this machine has {count} CUDA device(s), counted from 0"));
    }
    let device = Cuda::try_build(ordinal, seed).map_err(|why| format!("{why:?}"))?;
    match first_kernel(&device) {
        Ok(1.0) => Ok(device),
        Ok(sum) => Err(format!("it says that 0 + 1 is {sum}")),
        Err(why) if format!("{why:?}").contains("PTX") => Err(format!(
            "its driver is older than the CUDA toolkit that built this program, {why:?}: update the driver, or build with an \
             older toolkit"
        )),
        Err(why) => Err(format!("{why:?}")),
    }
}

fn first_kernel(device: &Cuda) -> Result<f32, CudaError> {
    let zero: Tensor<(), f32, Cuda> = device.try_zeros_like(&())?;
    Ok(zero.try_add(1.0)?.array())
}

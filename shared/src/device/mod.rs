//! Where tensors live, and the one place that picks it.
//!
//! Programs hold a [`DeviceKind`] (`"cpu"`, `"cuda:0"`), wrap their work in a [`DeviceTask`] generic over
//! [`Backend`], and [`DeviceKind::launch`] runs it there. Nothing else names a device type, so nothing else
//! needs to know whether CUDA was compiled in.
//!
//! ```
//! use shared::device::{Backend, DeviceKind, DeviceTask};
//! use shared::dfdx::prelude::*;
//!
//! struct SumOfOnes(usize);
//! impl DeviceTask for SumOfOnes {
//!     type Output = f32;
//!     fn run<B: Backend>(self, device: B) -> f32 {
//!         let ones: Tensor<(usize,), f32, B> = device.ones_like(&(self.0,));
//!         ones.sum::<Rank0, _>().as_vec()[0]
//!     }
//! }
//!
//! let kind: DeviceKind = "cpu".parse()?;
//! assert_eq!(kind.launch(0, SumOfOnes(3))?, 3.0);
//! # Ok::<(), shared::device::DeviceError>(())
//! ```

mod available;
#[cfg_attr(feature = "cuda", path = "cuda.rs")]
#[cfg_attr(not(feature = "cuda"), path = "no_cuda.rs")]
mod cuda;
mod frozen;
mod host_op;
pub mod memory;
mod param;
mod read_back;
mod scope;
mod values;
mod without_kernels;

use std::{fmt, str::FromStr};

use dfdx::{tensor::Cpu, tensor_ops::Device};

use crate::ops::{
    batch_norm::BatchNormKernel, concat::ConcatKernel, conv2d::Conv2dKernel,
    conv_transpose2d::ConvTranspose2dKernel, cross_entropy::CrossEntropyKernel, diffusion::DiffusionKernel,
    dropout::DropoutKernel, embedding::EmbeddingKernel, hinge::HingeKernel, linear::LinearKernel,
    logistic::LogisticKernel, lstm::LstmKernel, minibatch::MinibatchKernel, pool::PoolKernel,
    residual::ResidualKernel, response_norm::ResponseNormKernel, routing::RoutingKernel,
    squash::SquashKernel,
};

pub use frozen::frozen;
pub use host_op::{host_op, HostTensor};
pub(crate) use memory::zeros;
pub use param::{ParamError, ParamStore, Update};
pub(crate) use read_back::read_back_contiguous;
#[cfg(any(test, feature = "testing"))]
pub use read_back::read_backs;
pub use read_back::{read_back, read_number, waited};
#[cfg(any(test, feature = "testing"))]
pub use without_kernels::without_kernels;
pub(crate) use without_kernels::{kernel_or, kernels_are_off};

/// A device that every op of this crate runs on.
///
/// Each op brings a trait with a provided method: the op composed of dfdx's own ops, right on any device and
/// the oracle of the tests. A device with a faster kernel overrides that method.
pub trait Backend:
    Device<f32>
    + ParamStore
    + LinearKernel
    + CrossEntropyKernel
    + LogisticKernel
    + HingeKernel
    + DiffusionKernel
    + Conv2dKernel
    + ConvTranspose2dKernel
    + BatchNormKernel
    + PoolKernel
    + DropoutKernel
    + ConcatKernel
    + ResidualKernel
    + ResponseNormKernel
    + RoutingKernel
    + SquashKernel
    + MinibatchKernel
    + EmbeddingKernel
    + LstmKernel
{
}

impl Backend for Cpu {}

/// Which device a program was asked to use: `cpu`, `cuda` (the same as `cuda:0`) or `cuda:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceKind {
    /// The host.
    #[default]
    Cpu,
    /// The CUDA device with this ordinal.
    Cuda(usize),
}

/// Work that runs on whichever device was chosen at run time.
pub trait DeviceTask {
    /// What the work gives back.
    type Output;
    /// Does the work on `device`.
    fn run<B: Backend>(self, device: B) -> Self::Output;
}

/// A device that cannot be had.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// The name is none of ours.
    #[error("device `{0}` is not known: use `cpu`, `cuda` or `cuda:N` with N from 0 to 63")]
    Unknown(String),
    /// CUDA was asked for, but not compiled in.
    #[error(
        "device `cuda:{0}` needs a program built with CUDA, and this one was not: \
         build it with `--features cuda`, or use `--device cpu`"
    )]
    NotCompiled(usize),
    /// CUDA was compiled in, but the device did not start.
    #[error("device `cuda:{ordinal}` did not start ({reason}): check the driver with `nvidia-smi`, or use `--device cpu`")]
    Unavailable {
        /// The ordinal asked for.
        ordinal: usize,
        /// The driver's words.
        reason: String,
    },
}

impl DeviceKind {
    /// Starts the device with its generator seeded by `seed` and runs `task` on it.
    ///
    /// # Errors
    /// [`DeviceError::NotCompiled`] or [`DeviceError::Unavailable`] when a CUDA device cannot be had.
    pub fn launch<T: DeviceTask>(self, seed: u64, task: T) -> Result<T::Output, DeviceError> {
        match self {
            DeviceKind::Cpu => Ok(task.run(Cpu::seed_from_u64(seed))),
            DeviceKind::Cuda(ordinal) => cuda::launch(ordinal, seed, task),
        }
    }

    /// Says whether [`launch`](Self::launch) could work in this build, before any work is lost to it.
    ///
    /// # Errors
    /// [`DeviceError::NotCompiled`] when it could not.
    pub fn check(self) -> Result<(), DeviceError> {
        match self {
            DeviceKind::Cuda(ordinal) if !cuda::COMPILED => Err(DeviceError::NotCompiled(ordinal)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceKind::Cpu => f.write_str("cpu"),
            DeviceKind::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

impl From<DeviceKind> for String {
    fn from(kind: DeviceKind) -> Self {
        kind.to_string()
    }
}

impl TryFrom<String> for DeviceKind {
    type Error = DeviceError;
    fn try_from(text: String) -> Result<Self, DeviceError> {
        text.parse()
    }
}

impl FromStr for DeviceKind {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        match text {
            "cpu" => Ok(DeviceKind::Cpu),
            "cuda" => Ok(DeviceKind::Cuda(0)),
            _ => {
                let ordinal = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                // `parse` alone would take "+1"
                if ordinal.is_empty() || !ordinal.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(unknown());
                }
                ordinal.parse().ok().filter(|n| *n < 64).map(DeviceKind::Cuda).ok_or_else(unknown)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Name;
    impl DeviceTask for Name {
        type Output = String;
        fn run<B: Backend>(self, device: B) -> String {
            format!("{device:?}")
        }
    }

    #[test]
    fn names_round_trip_and_nonsense_is_refused() {
        for (text, kind) in
            [("cpu", DeviceKind::Cpu), ("cuda:0", DeviceKind::Cuda(0)), ("cuda:3", DeviceKind::Cuda(3))]
        {
            assert_eq!(text.parse(), Ok(kind));
            assert_eq!(kind.to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceKind::Cuda(0)));
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:+1", "cuda:64", "cuda:99999999999999999999", "CPU"]
        {
            assert_eq!(text.parse::<DeviceKind>(), Err(DeviceError::Unknown(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn cpu_launches() {
        assert!(DeviceKind::Cpu.launch(7, Name).unwrap().contains("Cpu"));
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn cuda_that_was_not_compiled_in_is_one_sentence() {
        let error = DeviceKind::Cuda(1).launch(0, Name).unwrap_err();
        assert_eq!(error, DeviceError::NotCompiled(1));
        assert!(error.to_string().contains("--features cuda"));
        assert!(DeviceKind::Cuda(1).check().is_err());
    }
}

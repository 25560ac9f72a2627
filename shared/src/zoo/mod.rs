//! The image classifiers that several papers train, and the step that trains them; a language model beside them.
//!
//! | model | images | trainable parameters |
//! |---|---|---|
//! | [`SmallCnn`] | 3 x 28 x 28 | 207,210 |
//! | [`Mlp1`] | 3 x 28 x 28 | 1,209,866 |
//! | [`Mlp3`] | 3 x 28 x 28 | 1,735,178 |
//! | [`SmallAlexNet`] | 3 x 28 x 28 | 1,387,786 |
//! | [`SmallInception`] | 3 x 28 x 28 | 1,651,114 |
//! | [`SmallInceptionPlain`], without batch normalisation | 3 x 28 x 28 | 1,649,402 |
//! | [`Resnet8`] | 3 x 32 x 32 | 78,042 |
//! | [`Resnet20`] | 3 x 32 x 32 | 272,474 |
//! | [`Resnet32`] | 3 x 32 x 32 | 466,906 |
//!
//! Counts are for 10 classes, γ and β of batch normalisations included, running statistics not.
//!
//! [`CharLstm`] is no classifier of images but a model of text.
//!
//! A model is a [`Classifier`], or any model of dfdx in a [`Stock`]; [`Trainable`] puts one together with an optimiser; [`ZooModel::build`] picks a model and a
//! device at run time, behind the trait object [`ImageNetwork`]; [`ImageLearner`] brings that to the
//! [training loop](crate::train::fit).
//!
//! ```
//! # #[cfg(feature = "zoo")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use shared::{device::DeviceKind, ops::targets::Targets, optim::{OptimizerConfig, SgdConfig}, zoo::{ZooModel, ZooOptions}};
//! let sgd = OptimizerConfig::Sgd(SgdConfig { lr: 0.05, ..SgdConfig::default() });
//! let mut net = ZooModel::Mlp1.build(DeviceKind::Cpu, &ZooOptions::new(sgd, 7))?;
//! let (images, targets) = (vec![0.5; 2 * 3 * 28 * 28], Targets::new(vec![3, 8], 10)?);
//! let before = net.step(&images, &targets)?;
//! assert!(net.step(&images, &targets)? < before);
//! assert_eq!(net.scores(&images)?.len(), 2 * 10);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "zoo"))]
//! # fn main() {}
//! ```

mod alexnet;
mod char_lstm;
mod inception;
mod learner;
mod mlp;
mod network;
mod resnet;
mod small_cnn;
mod stock;
#[cfg(test)]
mod tests;
#[cfg(all(feature = "cli", any(test, feature = "zoo")))]
mod workloads;

use std::{fmt, str::FromStr};

use dfdx::{
    prelude::*,
    shapes::{ConstDim, Dim},
    tensor::{Tape, Tensor},
};

#[cfg(any(test, feature = "zoo"))]
use crate::device::{DeviceKind, DeviceTask};
use crate::{
    device::Backend,
    nn::{Pass, Training},
    ops::dropout::DropRate,
    optim::{AnyOptimizer, OptimizerConfig},
    train::RunRng,
};

pub use alexnet::SmallAlexNet;
pub use char_lstm::{CharLstm, CharLstmError, CharPass};
pub use inception::{SmallInception, SmallInceptionPlain};
pub use learner::{ImageLearner, LabelledImages};
pub use mlp::{Mlp1, Mlp3};
pub use network::{judge, load_model, save_model, ImageNetwork, Trainable, ZooError};
pub use resnet::{BasicBlock, CifarResnet, DownBlock, Resnet20, Resnet32, Resnet8};
pub use small_cnn::SmallCnn;
pub use stock::{BatchShape, Stock};
#[cfg(all(feature = "cli", any(test, feature = "zoo")))]
pub use workloads::ZOO_WORKLOADS;

/// The stream of a seed that dropout draws from.
const DROPOUT_STREAM: u64 = 0x2001;

/// A model that tells classes of square images apart.
pub trait Classifier<D: Backend>: TensorCollection<f32, D> + Clone {
    /// The channels of an image.
    type Channels: ConstDim;
    /// The pixels along a side of it.
    type Side: ConstDim;
    /// The classes.
    type Classes: ConstDim;

    /// The scores (logits) of a batch, in training or in use, as `pass` says. Only training passes change the model.
    /// `tape` records them; the images are data, to which no gradient goes.
    ///
    /// # Errors
    /// The device's: out of memory.
    #[allow(clippy::type_complexity)]
    fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        images: Tensor<(B, Self::Channels, Self::Side, Self::Side), f32, D>,
        tape: T,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<(B, Self::Classes), f32, D, T>, D::Err>;

    /// Sets γ = 0 in the last batch normalisation of each residual block; a model without such blocks stays as it is.
    ///
    /// # Errors
    /// The device's.
    fn zero_gamma(&mut self) -> Result<(), D::Err> {
        Ok(())
    }
}

/// The models, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ZooModel {
    /// [`SmallCnn`].
    SmallCnn,
    /// [`Mlp1`].
    Mlp1,
    /// [`Mlp3`].
    Mlp3,
    /// [`SmallAlexNet`].
    AlexNet,
    /// [`SmallInception`].
    Inception,
    /// [`SmallInceptionPlain`].
    InceptionPlain,
    /// [`Resnet8`].
    Resnet8,
    /// [`Resnet20`].
    Resnet20,
    /// [`Resnet32`].
    Resnet32,
}

/// How a model of the zoo begins and trains.
#[derive(Clone, Debug, PartialEq)]
pub struct ZooOptions {
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// Fixes the initial weights and the masks of dropout.
    pub seed: u64,
    /// Examples whose statistics a batch normalisation takes together; `None` takes the whole batch.
    pub group: Option<usize>,
    /// Whether residual blocks begin as the identity.
    pub zero_gamma: bool,
    /// The share of hidden values that small networks, MLPs, AlexNet and Inception drop in training; the ResNets have no dropout.
    pub dropout: DropRate,
}

impl ZooOptions {
    /// Whole batches, γ = 1 everywhere, and no dropout.
    #[must_use]
    pub fn new(optimizer: OptimizerConfig, seed: u64) -> Self {
        ZooOptions { optimizer, seed, group: None, zero_gamma: false, dropout: DropRate::NONE }
    }
}

/// A name that no model has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no model `{0}`: use small-cnn, mlp1, mlp3, alexnet, inception, inception-plain, resnet8, resnet20 or resnet32")]
pub struct ZooModelError(pub String);

impl ZooModel {
    /// All of them.
    pub const ALL: [ZooModel; 9] = [
        ZooModel::SmallCnn,
        ZooModel::Mlp1,
        ZooModel::Mlp3,
        ZooModel::AlexNet,
        ZooModel::Inception,
        ZooModel::InceptionPlain,
        ZooModel::Resnet8,
        ZooModel::Resnet20,
        ZooModel::Resnet32,
    ];

    /// What it is called on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ZooModel::SmallCnn => "small-cnn",
            ZooModel::Mlp1 => "mlp1",
            ZooModel::Mlp3 => "mlp3",
            ZooModel::AlexNet => "alexnet",
            ZooModel::Inception => "inception",
            ZooModel::InceptionPlain => "inception-plain",
            ZooModel::Resnet8 => "resnet8",
            ZooModel::Resnet20 => "resnet20",
            ZooModel::Resnet32 => "resnet32",
        }
    }

    /// The pixels along a side of its images, which have 3 channels.
    #[must_use]
    pub fn side(self) -> usize {
        match self {
            ZooModel::Resnet8 | ZooModel::Resnet20 | ZooModel::Resnet32 => 32,
            _ => 28,
        }
    }

    /// A fresh model for 10 classes on a device. All nine are compiled for it, which takes minutes, and so it needs the feature
    /// `zoo`; [`boxed`] compiles one.
    ///
    /// # Errors
    /// As [`boxed`], and where the device cannot be had.
    #[cfg(any(test, feature = "zoo"))]
    pub fn build(self, device: DeviceKind, options: &ZooOptions) -> Result<Box<dyn ImageNetwork>, ZooError> {
        device.launch(options.seed, Build { model: self, options })?
    }
}

#[cfg(any(test, feature = "zoo"))]
struct Build<'a> {
    model: ZooModel,
    options: &'a ZooOptions,
}

#[cfg(any(test, feature = "zoo"))]
impl DeviceTask for Build<'_> {
    type Output = Result<Box<dyn ImageNetwork>, ZooError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        match self.model {
            ZooModel::SmallCnn => boxed::<SmallCnn<f32, D>, D>(device, self.options),
            ZooModel::Mlp1 => boxed::<Mlp1<f32, D>, D>(device, self.options),
            ZooModel::Mlp3 => boxed::<Mlp3<f32, D>, D>(device, self.options),
            ZooModel::AlexNet => boxed::<SmallAlexNet<f32, D>, D>(device, self.options),
            ZooModel::Inception => boxed::<SmallInception<f32, D>, D>(device, self.options),
            ZooModel::InceptionPlain => boxed::<SmallInceptionPlain<f32, D>, D>(device, self.options),
            ZooModel::Resnet8 => boxed::<Resnet8<f32, D>, D>(device, self.options),
            ZooModel::Resnet20 => boxed::<Resnet20<f32, D>, D>(device, self.options),
            ZooModel::Resnet32 => boxed::<Resnet32<f32, D>, D>(device, self.options),
        }
    }
}

/// A fresh model of the type `M` on `device`, with its optimiser, as `options` say.
///
/// # Errors
/// [`ZooError`] where a setting is out of its range, or memory is short.
///
/// # Example
/// ```
/// use shared::dfdx::{prelude::*, tensor::Cpu};
/// use shared::optim::{OptimizerConfig, SgdConfig};
/// use shared::zoo::{boxed, ImageNetwork, Mlp1, ZooOptions};
/// let options = ZooOptions::new(OptimizerConfig::Sgd(SgdConfig::default()), 7);
/// let net = boxed::<Mlp1<f32, Cpu>, _>(Cpu::seed_from_u64(7), &options)?;
/// assert_eq!((net.image_len(), net.classes()), (3 * 28 * 28, 10));
/// # Ok::<(), shared::zoo::ZooError>(())
/// ```
pub fn boxed<M, D>(device: D, options: &ZooOptions) -> Result<Box<dyn ImageNetwork>, ZooError>
where
    M: Classifier<D> + TensorCollection<f32, D, To<f32, D> = M> + 'static,
    D: Backend,
{
    if options.group == Some(0) {
        return Err(ZooError::NoGroup);
    }
    let mut net: M = BuildModule::try_build(&device).map_err(network::compute)?;
    if options.zero_gamma {
        net.zero_gamma().map_err(network::compute)?;
    }
    let optimizer = AnyOptimizer::new(options.optimizer.clone())?;
    let rng = RunRng::new(options.seed, DROPOUT_STREAM);
    let (group, drop_rate) = (options.group, options.dropout);
    let training = Training { group, drop_rate, ..Training::new(rng) };
    Ok(Box::new(Trainable::new(net, device, optimizer, training)?))
}

impl fmt::Display for ZooModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ZooModel {
    type Err = ZooModelError;
    fn from_str(text: &str) -> Result<Self, ZooModelError> {
        Self::ALL.into_iter().find(|m| m.name() == text).ok_or_else(|| ZooModelError(text.to_owned()))
    }
}

impl From<ZooModel> for String {
    fn from(model: ZooModel) -> Self {
        model.name().to_owned()
    }
}

impl TryFrom<String> for ZooModel {
    type Error = ZooModelError;
    fn try_from(text: String) -> Result<Self, ZooModelError> {
        text.parse()
    }
}

//! The networks of the experiments.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use shared::{
    device::{Backend, DeviceKind, DeviceTask},
    dfdx::{
        shapes::{Const, Dim},
        tensor::{Tape, Tensor},
    },
    nn::{Activation, Flatten, Linear, Pass},
    optim::{HeavyBallForm, Momentum, OptimizerConfig, ParamFilter, SgdConfig, WeightDecay},
    zoo::{boxed, Classifier, ImageNetwork, Resnet20, SmallCnn, ZooError, ZooOptions},
};

use crate::DsdError;

shared::module! {
    /// 784 → 300 → 100 → CLASSES with ReLU, LeNet-300-100: 266,610 parameters for 10 classes.
    pub struct Lenet300<E, D, const CLASSES: usize = 10> {
        flatten: Flatten<1, 28, 784>,
        /// The first hidden layer.
        pub hidden1: Linear<784, 300, E, D>,
        /// The second.
        pub hidden2: Linear<300, 100, E, D>,
        /// The scores.
        pub output: Linear<100, CLASSES, E, D>,
    }
}

impl<const CLASSES: usize, D: Backend> Classifier<D> for Lenet300<f32, D, CLASSES> {
    type Channels = Const<1>;
    type Side = Const<28>;
    type Classes = Const<CLASSES>;

    fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        images: Tensor<(B, Const<1>, Const<28>, Const<28>), f32, D>,
        tape: T,
        _: &mut Pass<'_>,
    ) -> Result<Tensor<(B, Const<CLASSES>), f32, D, T>, D::Err> {
        let x: Tensor<(B, Const<784>), _, _> = self.flatten.forward(images)?;
        let x: Tensor<(B, Const<300>), _, _, _> = self.hidden1.forward_data(x, tape, Activation::Relu)?;
        let x: Tensor<(B, Const<100>), _, _, _> = self.hidden2.forward(x, Activation::Relu)?;
        self.output.forward(x, Activation::Identity)
    }
}

/// The networks, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Model {
    /// [`Lenet300`], on grey images of 28 x 28.
    Mlp,
    /// [`SmallCnn`](shared::zoo::SmallCnn), on 28 x 28 x 3.
    ConvNet,
    /// [`Resnet20`](shared::zoo::Resnet20), on 32 x 32 x 3.
    Resnet20,
    /// [`CharLstm`](shared::zoo::CharLstm), on text.
    Lstm,
}

/// A name that no network has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no model `{0}`: use mlp, conv-net, resnet20 or lstm")]
pub struct ModelError(pub String);

impl Model {
    /// All of them.
    pub const ALL: [Model; 4] = [Model::Mlp, Model::ConvNet, Model::Resnet20, Model::Lstm];

    /// What it is called on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Model::Mlp => "mlp",
            Model::ConvNet => "conv-net",
            Model::Resnet20 => "resnet20",
            Model::Lstm => "lstm",
        }
    }

    /// Channels and side of its images; `None` for text.
    #[must_use]
    pub fn image(self) -> Option<(usize, usize)> {
        match self {
            Model::Mlp => Some((1, 28)),
            Model::ConvNet => Some((3, 28)),
            Model::Resnet20 => Some((3, 32)),
            Model::Lstm => None,
        }
    }

    /// A fresh network for images, with SGD.
    ///
    /// # Errors
    /// [`ZooError`] where the device cannot be had, a setting is out of its range, or memory is short.
    pub(crate) fn classifier(
        self,
        device: DeviceKind,
        optimizer: OptimizerConfig,
        seed: u64,
    ) -> Result<Box<dyn ImageNetwork>, DsdError> {
        let build = Build { model: self, options: ZooOptions::new(optimizer, seed) };
        device.launch(seed, build).map_err(ZooError::from)?
    }
}

/// SGD as every experiment has it: Polyak's momentum of 0.9, and weight decay of tensors that are no biases or norms.
pub(crate) fn sgd(lr: f64, weight_decay: f64) -> OptimizerConfig {
    OptimizerConfig::Sgd(SgdConfig {
        lr,
        momentum: Momentum::HeavyBall { mu: 0.9, form: HeavyBallForm::RateOutside },
        weight_decay: if weight_decay > 0.0 { WeightDecay::L2(weight_decay) } else { WeightDecay::None },
        decay_on: ParamFilter::except([
            "bias",
            "norm.weight",
            "norm1.weight",
            "norm2.weight",
            "shortcut_norm.weight",
        ]),
        ..SgdConfig::default()
    })
}

struct Build {
    model: Model,
    options: ZooOptions,
}

impl DeviceTask for Build {
    type Output = Result<Box<dyn ImageNetwork>, DsdError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        let options = &self.options;
        Ok(match self.model {
            Model::Mlp => boxed::<Lenet300<f32, D>, D>(device, options)?,
            Model::ConvNet => boxed::<SmallCnn<f32, D>, D>(device, options)?,
            Model::Resnet20 => boxed::<Resnet20<f32, D>, D>(device, options)?,
            Model::Lstm => {
                let (field, value) = ("--model", "lstm".into());
                let allowed = "mlp, conv-net or resnet20 for images";
                return Err(DsdError::Setting { field, value, allowed });
            }
        })
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Model {
    type Err = ModelError;
    fn from_str(text: &str) -> Result<Self, ModelError> {
        Self::ALL.into_iter().find(|m| m.name() == text).ok_or_else(|| ModelError(text.to_owned()))
    }
}

impl From<Model> for String {
    fn from(model: Model) -> Self {
        model.name().to_owned()
    }
}

impl TryFrom<String> for Model {
    type Error = ModelError;
    fn try_from(text: String) -> Result<Self, ModelError> {
        text.parse()
    }
}

//! An encoder with a last layer, on its device, with its optimiser.

use std::marker::PhantomData;

use shared::{
    device::{read_back, read_number, Backend, DeviceKind, DeviceTask},
    dfdx::{
        prelude::*,
        shapes::{Const, ConstDim, Dim, Dtype},
        tensor::{Gradients, NoneTape, Storage, Tape, Tensor},
        tensor_ops::Device,
    },
    nn::{
        state::{load_state_dict, state_dict, NamedTensor},
        Activation, Checked, GlobalAvgPool2d, Pass, RunTime, Training,
    },
    num_traits::Float,
    ops::{
        cross_entropy::label_set_cross_entropy,
        linear::linear,
        logistic::{multi_label_logistic_loss, prior_bias, LabelReduction},
        targets::LabelSets,
    },
    optim::{AnyOptimizer, OptimizerConfig},
    rand_distr::uniform::SampleUniform,
    train::{RunRng, State},
    zoo::{load_model, save_model},
};

use crate::{
    encoder::{ConvEncoder, Encoder, Width},
    error::compute,
    DataScalingError,
};

/// Streams of a seed: the last layer, and dropout of encoders that have it.
const HEAD_STREAM: u64 = 0x5C01;
const DROPOUT_STREAM: u64 = 0x5C02;

/// The standard deviation of a fresh last layer's weights.
const HEAD_STD: f64 = 0.01;

/// What is made of scores and labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The logistic loss of each label on its own, summed over labels: the paper's (section 3.1).
    #[default]
    Logistic,
    /// The same, averaged over labels.
    LogisticMean,
    /// Softmax cross-entropy against the labels of an image in equal parts.
    Softmax,
}

/// W f + b for any number of outputs: the layer that a task adds to an encoder.
#[derive(Clone, Debug)]
pub struct Head<F: ConstDim, E: Dtype, D: Storage<E>> {
    /// W, (outputs, F).
    pub weight: Tensor<(RunTime, F), E, D>,
    /// b.
    pub bias: Tensor<(RunTime,), E, D>,
}

impl<F: ConstDim, E: Dtype + Float + SampleUniform, D: Device<E>> TensorCollection<E, D> for Head<F, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Head<F, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_to_zeros()),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
            ),
            |(weight, bias)| Head { weight, bias },
        )
    }
}

impl<F: ConstDim, E: Dtype, D: Storage<E>> Checked for Head<F, E, D> {}

impl<F: ConstDim, D: Backend> Head<F, f32, D> {
    /// N(0, 0.01²) weights of the seed; biases of 0, or log(π / (1 − π)) for labels that an image has with chance π, so that
    /// training does not begin by learning that most labels are absent.
    ///
    /// # Errors
    /// [`DataScalingError::Compute`] where memory is short.
    pub fn new(
        device: &D,
        outputs: usize,
        prior: Option<&[f64]>,
        seed: u64,
    ) -> Result<Self, DataScalingError> {
        let mut rng = RunRng::new(seed, HEAD_STREAM);
        let normal = shared::rand_distr::Normal::new(0.0, HEAD_STD).map_err(compute)?;
        let draw = |rng: &mut RunRng| shared::rand_distr::Distribution::sample(&normal, rng) as f32;
        let weight: Vec<f32> = (0..outputs * F::SIZE).map(|_| draw(&mut rng)).collect();
        let bias = match prior {
            Some(prior) if prior.len() == outputs => prior_bias(prior),
            _ => vec![0.0; outputs],
        };
        Ok(Head {
            weight: device.try_tensor_from_vec(weight, (RunTime(outputs), F::default())).map_err(compute)?,
            bias: device.try_tensor_from_vec(bias, (RunTime(outputs),)).map_err(compute)?,
        })
    }
}

/// Features that go through as they are.
#[derive(Clone, Debug)]
struct Identity<F>(PhantomData<F>);

impl<F: ConstDim, E: Dtype, D: Device<E>> TensorCollection<E, D> for Identity<F> {
    type To<E2: Dtype, D2: Device<E2>> = Self;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields((), |()| Identity(PhantomData))
    }
}

impl<F: ConstDim, D: Backend> Encoder<D> for Identity<F> {
    type Channels = F;
    type Side = Const<1>;
    type Features = F;

    fn features<B: Dim, T: Tape<f32, D>>(
        &mut self,
        images: Tensor<(B, F, Const<1>, Const<1>), f32, D>,
        tape: T,
        _: &mut Pass<'_>,
    ) -> Result<Tensor<(B, F), f32, D, T>, D::Err> {
        GlobalAvgPool2d.forward(images.put_tape(tape))
    }
}

/// An encoder and its last layer.
#[derive(Clone, Debug)]
pub struct Net<M, F: ConstDim, E: Dtype, D: Storage<E>> {
    /// The encoder.
    pub encoder: M,
    /// The last layer.
    pub head: Head<F, E, D>,
}

impl<M, F, E, D> TensorCollection<E, D> for Net<M, F, E, D>
where
    M: TensorCollection<E, D>,
    F: ConstDim,
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Net<M::To<E2, D2>, F, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("encoder", |s| &s.encoder, |s| &mut s.encoder),
                Self::module("head", |s| &s.head, |s| &mut s.head),
            ),
            |(encoder, head)| Net { encoder, head },
        )
    }
}

/// A network whose encoder and device were picked at run time.
pub trait Network {
    /// Values an image.
    fn image_len(&self) -> usize;
    /// Outputs of the last layer.
    fn outputs(&self) -> usize;
    /// Features of the encoder.
    fn feature_len(&self) -> usize;
    /// One step of the optimiser on these images; gives back their mean loss before it.
    ///
    /// # Errors
    /// [`DataScalingError::Images`] where images and labels do not go together; [`DataScalingError::Compute`].
    fn step(
        &mut self,
        images: &[f32],
        labels: &LabelSets,
        objective: Objective,
    ) -> Result<f64, DataScalingError>;
    /// The scores (logits), a row an image, with the running statistics.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    fn scores(&self, images: &[f32]) -> Result<Vec<f32>, DataScalingError>;
    /// The features, a row an image, with the running statistics: frozen features.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    fn features(&self, images: &[f32]) -> Result<Vec<f32>, DataScalingError>;
    /// The same encoder with a fresh last layer of `outputs` outputs and a fresh optimiser: a transfer task's network.
    ///
    /// # Errors
    /// [`DataScalingError::Compute`], [`DataScalingError::Optim`].
    fn for_task(
        &self,
        outputs: usize,
        optimizer: OptimizerConfig,
        seed: u64,
    ) -> Result<Box<dyn Network>, DataScalingError>;
    /// A last layer alone, whose images are this network's features: what is trained on frozen ones.
    ///
    /// # Errors
    /// As [`for_task`](Self::for_task).
    fn frozen_head(
        &self,
        outputs: usize,
        optimizer: OptimizerConfig,
        seed: u64,
    ) -> Result<Box<dyn Network>, DataScalingError>;
    /// Sets the rate of the next steps.
    ///
    /// # Errors
    /// [`DataScalingError::Optim`] where it is negative or not finite.
    fn set_lr(&mut self, lr: f64) -> Result<(), DataScalingError>;
    /// Every tensor by name, running statistics included.
    fn weights(&self) -> Vec<NamedTensor>;
    /// Takes tensors that [`weights`](Self::weights) gave.
    ///
    /// # Errors
    /// [`DataScalingError::State`] where they are another network's.
    fn load_weights(&mut self, weights: &[NamedTensor]) -> Result<(), DataScalingError>;
    /// All that the next step depends on.
    ///
    /// # Errors
    /// [`DataScalingError::Checkpoint`] if it cannot be written down.
    fn save(&self) -> Result<State, DataScalingError>;
    /// Takes a state that [`save`](Self::save) gave.
    ///
    /// # Errors
    /// [`DataScalingError`] where it is another network's.
    fn load(&mut self, state: &State) -> Result<(), DataScalingError>;
}

/// An encoder on its device, with a last layer and an optimiser.
pub struct Trainable<M: Encoder<D>, D: Backend> {
    net: Net<M, M::Features, f32, D>,
    optimizer: AnyOptimizer,
    training: Training,
    device: D,
    /// Taken while a step runs.
    grads: Option<Gradients<f32, D>>,
}

impl<M: Encoder<D> + 'static, D: Backend> Trainable<M, D> {
    /// Puts an encoder together with a fresh last layer.
    ///
    /// # Errors
    /// [`DataScalingError::Compute`] where memory is short, [`DataScalingError::Optim`] for settings out of range.
    pub fn new(
        encoder: M,
        head: Head<M::Features, f32, D>,
        optimizer: OptimizerConfig,
        device: D,
        seed: u64,
    ) -> Result<Self, DataScalingError> {
        let net = Net { encoder, head };
        let grads = Some(net.try_alloc_grads().map_err(compute)?);
        let training = Training::new(RunRng::new(seed, DROPOUT_STREAM));
        Ok(Trainable { net, optimizer: AnyOptimizer::new(optimizer)?, training, device, grads })
    }

    #[allow(clippy::type_complexity)]
    fn batch(
        &self,
        images: &[f32],
        count: Option<usize>,
    ) -> Result<Tensor<(usize, M::Channels, M::Side, M::Side), f32, D>, DataScalingError> {
        let image = self.image_len();
        let count = count.unwrap_or(images.len() / image);
        if count == 0 || images.len() != count * image {
            return Err(DataScalingError::Images { values: images.len(), images: count, image });
        }
        let shape = (count, M::Channels::default(), M::Side::default(), M::Side::default());
        self.device.try_tensor_from_vec(images.to_vec(), shape).map_err(compute)
    }
}

impl<M: Encoder<D> + 'static, D: Backend> Network for Trainable<M, D> {
    fn image_len(&self) -> usize {
        M::Channels::SIZE * M::Side::SIZE * M::Side::SIZE
    }

    fn outputs(&self) -> usize {
        self.net.head.bias.shape().0.size()
    }

    fn feature_len(&self) -> usize {
        M::Features::SIZE
    }

    fn step(
        &mut self,
        images: &[f32],
        labels: &LabelSets,
        objective: Objective,
    ) -> Result<f64, DataScalingError> {
        if labels.classes() != self.outputs() {
            let (field, value) = ("the number of labels", labels.classes().to_string());
            return Err(DataScalingError::Setting {
                field,
                value,
                allowed: "that of the last layer's outputs",
            });
        }
        let images = self.batch(images, Some(labels.len()))?;
        let grads = match self.grads.take() {
            Some(grads) => grads,
            None => self.net.try_alloc_grads().map_err(compute)?,
        };
        let (images, tape) = images.traced(grads).split_tape();
        let pass = &mut Pass::Train(&mut self.training);
        let features = self.net.encoder.features(images, tape, pass).map_err(compute)?;
        let head = &self.net.head;
        let scores = linear(features, &head.weight, &head.bias, Activation::Identity).map_err(compute)?;
        let loss = match objective {
            Objective::Logistic => multi_label_logistic_loss(scores, labels, LabelReduction::Sum),
            Objective::LogisticMean => multi_label_logistic_loss(scores, labels, LabelReduction::Mean),
            Objective::Softmax => label_set_cross_entropy(scores, labels),
        };
        let loss = loss.map_err(compute)?;
        // the host waits for it when the step is done
        let value = loss.retaped::<NoneTape>();
        let mut grads = loss.try_backward().map_err(compute)?;
        self.optimizer.step(&mut self.net, &mut grads)?;
        self.grads = Some(grads);
        Ok(read_number(&value))
    }

    fn scores(&self, images: &[f32]) -> Result<Vec<f32>, DataScalingError> {
        let images = self.batch(images, None)?;
        // a clone shares its tensors: nothing is copied
        let mut encoder = self.net.encoder.clone();
        let features = encoder.features(images, NoneTape, &mut Pass::Eval).map_err(compute)?;
        let head = &self.net.head;
        let scores = linear(features, &head.weight, &head.bias, Activation::Identity).map_err(compute)?;
        Ok(read_back(&scores))
    }

    fn features(&self, images: &[f32]) -> Result<Vec<f32>, DataScalingError> {
        let images = self.batch(images, None)?;
        let mut encoder = self.net.encoder.clone();
        Ok(read_back(&encoder.features(images, NoneTape, &mut Pass::Eval).map_err(compute)?))
    }

    fn for_task(
        &self,
        outputs: usize,
        optimizer: OptimizerConfig,
        seed: u64,
    ) -> Result<Box<dyn Network>, DataScalingError> {
        let head = Head::new(&self.device, outputs, None, seed)?;
        // tensors are shared until one of the two is trained
        let encoder = self.net.encoder.clone();
        Ok(Box::new(Trainable::new(encoder, head, optimizer, self.device.clone(), seed)?))
    }

    fn frozen_head(
        &self,
        outputs: usize,
        optimizer: OptimizerConfig,
        seed: u64,
    ) -> Result<Box<dyn Network>, DataScalingError> {
        let head = Head::<M::Features, f32, D>::new(&self.device, outputs, None, seed)?;
        let identity = Identity::<M::Features>(PhantomData);
        Ok(Box::new(Trainable::new(identity, head, optimizer, self.device.clone(), seed)?))
    }

    fn set_lr(&mut self, lr: f64) -> Result<(), DataScalingError> {
        Ok(self.optimizer.set_lr(lr)?)
    }

    fn weights(&self) -> Vec<NamedTensor> {
        state_dict(&self.net)
    }

    fn load_weights(&mut self, weights: &[NamedTensor]) -> Result<(), DataScalingError> {
        Ok(load_state_dict(&mut self.net, weights)?)
    }

    fn save(&self) -> Result<State, DataScalingError> {
        let mut state = save_model(&self.net, &self.optimizer).map_err(zoo)?;
        state.put("dropout", &self.training.dropout.position())?;
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<(), DataScalingError> {
        let dropout: [u64; 3] = state.get("dropout")?;
        load_model(&mut self.net, &mut self.optimizer, state).map_err(zoo)?;
        self.training.dropout = RunRng::at(dropout);
        Ok(())
    }
}

fn zoo(error: shared::zoo::ZooError) -> DataScalingError {
    DataScalingError::Training(error.to_string())
}

/// How a network of [`ConvEncoder`] begins.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvOptions<'a> {
    /// Its width.
    pub width: Width,
    /// The labels, or classes.
    pub outputs: usize,
    /// The chance of each label, for biases that begin at log(π / (1 − π)); none for biases of 0.
    pub prior: Option<&'a [f64]>,
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// Fixes the initial weights.
    pub seed: u64,
}

/// A fresh network of [`ConvEncoder`].
///
/// # Errors
/// [`DataScalingError`] where the device cannot be had, memory is short or a setting is out of range.
pub fn conv_network(
    device: DeviceKind,
    options: &ConvOptions<'_>,
) -> Result<Box<dyn Network>, DataScalingError> {
    device.launch(options.seed, Build { options })?
}

struct Build<'a, 'b> {
    options: &'a ConvOptions<'b>,
}

impl DeviceTask for Build<'_, '_> {
    type Output = Result<Box<dyn Network>, DataScalingError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        match self.options.width {
            Width::Half => self.of::<ConvEncoder<f32, D, 8, 16, 32, 64>, D>(device),
            Width::Whole => self.of::<ConvEncoder<f32, D, 16, 32, 64, 128>, D>(device),
            Width::Double => self.of::<ConvEncoder<f32, D, 32, 64, 128, 256>, D>(device),
        }
    }
}

impl Build<'_, '_> {
    fn of<M, D>(self, device: D) -> Result<Box<dyn Network>, DataScalingError>
    where
        M: Encoder<D> + TensorCollection<f32, D, To<f32, D> = M> + 'static,
        D: Backend,
    {
        let ConvOptions { outputs, prior, optimizer, seed, .. } = self.options;
        let encoder: M = BuildModule::try_build(&device).map_err(compute)?;
        let head = Head::new(&device, *outputs, *prior, *seed)?;
        Ok(Box::new(Trainable::new(encoder, head, optimizer.clone(), device, *seed)?))
    }
}

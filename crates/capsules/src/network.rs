//! A network of any kind, size and device behind one trait, and its training step.

use rand_distr::{Distribution, Normal};
use shared::{
    device::{read_back, read_number, Backend, DeviceKind, DeviceTask},
    dfdx::{
        prelude::*,
        shapes::HasShape,
        tensor::{Gradients, Tape, Tensor},
    },
    nn::state::{load_state_dict, state_dict, NamedTensor},
    ops::routing::{RoutingSizes, RoutingTrace},
    optim::{Adam, AdamConfig, Decay, OptimScalars, OptimState, Schedule, Warmup},
    train::{RunRng, State},
};

use crate::{
    baseline,
    capsnet::{presets, CapsModel, CapsSizes},
    config::{CheckedConfig, Init, Model, PrimaryScale, Size},
    data::Batch,
    error::compute,
    loss::{margin_loss, reconstruction_loss},
    CapsError,
};

#[cfg(test)]
mod tests;

/// The stream of the seed that the authors' initial weights are drawn from.
const INIT_STREAM: u64 = 0;

/// The least learning rate, as in the authors' code.
const LEAST_LR: f64 = 1e-6;

/// A network whose kind, size and device are decided at run time.
pub(crate) trait Network {
    /// One step of the optimiser on a batch; returns the loss before it.
    fn step(&mut self, batch: &Batch) -> Result<f64, CapsError>;
    /// The loss on a batch.
    fn loss(&self, batch: &Batch) -> Result<f64, CapsError>;
    /// What classes are ranked by, (B, J): lengths of capsules, or the outputs of a convolutional network.
    fn scores(&self, images: &[f32]) -> Result<Vec<f32>, CapsError>;
    /// The class capsules of images, (B, J, N).
    fn capsules(&self, images: &[f32]) -> Result<Vec<f32>, CapsError>;
    /// Images of capsules (B, J, N), of which the caller has masked all but one.
    fn decode(&self, capsules: &[f32]) -> Result<Vec<f32>, CapsError>;
    /// Every pass of the routing of images, as it is with `iterations` passes.
    fn trace(&self, images: &[f32], iterations: usize) -> Result<RoutingTrace, CapsError>;
    /// The sizes, of a CapsNet.
    fn sizes(&self) -> Option<CapsSizes>;
    /// The weights under their names.
    fn weights(&self) -> Vec<NamedTensor>;
    /// Takes weights that [`weights`](Self::weights) gave.
    fn load_weights(&mut self, weights: &[NamedTensor]) -> Result<(), CapsError>;
    /// Weights and optimiser.
    fn save(&self) -> Result<State, CapsError>;
    /// Takes a state that [`save`](Self::save) gave.
    fn load(&mut self, state: &State) -> Result<(), CapsError>;
}

/// A fresh network for images of `side` pixels a side.
pub(crate) fn build(
    device: DeviceKind,
    config: &CheckedConfig,
    side: usize,
) -> Result<Box<dyn Network>, CapsError> {
    device.launch(config.seed, Build { config, side })?
}

struct Build<'a> {
    config: &'a CheckedConfig,
    side: usize,
}

impl DeviceTask for Build<'_> {
    type Output = Result<Box<dyn Network>, CapsError>;

    fn run<B: Backend>(self, device: B) -> Self::Output {
        use presets::*;
        let Build { config, side } = self;
        match (config.model, config.size, side, config.routing_bias) {
            (Model::Cnn, size, side, _) => baseline::build(&device, config, size, side),
            (_, Size::Paper, 28, _) => caps_net::<Paper28<f32, B>, B>(&device, config),
            (_, Size::Paper, 36, _) => caps_net::<Paper36<f32, B>, B>(&device, config),
            (_, Size::Paper, 40, _) => caps_net::<Paper40<f32, B>, B>(&device, config),
            (_, Size::Small, 28, false) => caps_net::<Small28<f32, B>, B>(&device, config),
            (_, Size::Small, 28, true) => caps_net::<Small28Biased<f32, B>, B>(&device, config),
            (_, Size::Small, 36, false) => caps_net::<Small36<f32, B>, B>(&device, config),
            (_, Size::Small, 40, false) => caps_net::<Small40<f32, B>, B>(&device, config),
            (_, Size::Tiny, 28, false) => caps_net::<Tiny28<f32, B>, B>(&device, config),
            (_, Size::Tiny, 28, true) => caps_net::<Tiny28Biased<f32, B>, B>(&device, config),
            (_, Size::Tiny, 36, false) => caps_net::<Tiny36<f32, B>, B>(&device, config),
            (_, Size::Tiny, 40, false) => caps_net::<Tiny40<f32, B>, B>(&device, config),
            _ => Err(CapsError::Unsupported {
                what: "a network for images of this size",
                of: "this program",
                instead: "take images of 28, 36 or 40 pixels a side (the routing bias is for 28 alone), or \
                          declare a network with `caps_net!`",
            }),
        }
    }
}

fn caps_net<M, D>(device: &D, config: &CheckedConfig) -> Result<Box<dyn Network>, CapsError>
where
    D: Backend,
    M: CapsModel<D> + BuildModule<D, f32> + 'static,
{
    let mut net = M::try_build(device).map_err(compute)?;
    if config.init == Init::Authors {
        let weights = authors_weights(&state_dict(&net), config.seed)?;
        load_state_dict(&mut net, &weights)?;
    }
    Ok(Box::new(Trainable::new(device, CapsNet { net, config: config.clone() }, config)?))
}

/// Truncated normals (σ = 0.05 for the first convolution, 0.1 elsewhere), biases 0.1.
fn authors_weights(model: &[NamedTensor], seed: u64) -> Result<Vec<NamedTensor>, CapsError> {
    let mut rng = RunRng::new(seed, INIT_STREAM);
    let mut fresh = Vec::with_capacity(model.len());
    for tensor in model {
        let count = tensor.values().len();
        let std = if tensor.name() == "conv1.weight" { 0.05 } else { 0.1 };
        let values = match Normal::new(0.0f32, 1.0) {
            Ok(normal) if tensor.name().ends_with("weight") => (0..count)
                .map(|_| loop {
                    let draw = normal.sample(&mut rng);
                    if draw.abs() <= 2.0 {
                        break std * draw;
                    }
                })
                .collect(),
            _ => vec![0.1; count],
        };
        fresh.push(NamedTensor::new(tensor.name(), tensor.shape().to_vec(), values)?);
    }
    Ok(fresh)
}

/// What differs between kinds of network.
pub(crate) trait Objective<D: Backend> {
    /// The weights.
    type Net: TensorCollection<f32, D>;
    /// The weights.
    fn net(&self) -> &Self::Net;
    /// The weights, to be changed.
    fn net_mut(&mut self) -> &mut Self::Net;
    /// What is minimised.
    fn loss<T: Tape<f32, D>>(
        &self,
        images: Tensor<(usize, usize, usize, usize), f32, D>,
        tape: T,
        batch: &Batch,
    ) -> Result<Tensor<(), f32, D, T>, D::Err>;
    /// What classes are ranked by.
    fn scores(&self, images: Tensor<(usize, usize, usize, usize), f32, D>) -> Result<Vec<f32>, CapsError>;
    /// Channels and side of the images.
    fn image(&self) -> (usize, usize);
    /// What only capsules have.
    fn capsules(&self) -> Option<&dyn Capsules<D>> {
        None
    }
}

/// What only capsules have.
pub(crate) trait Capsules<D: Backend> {
    fn sizes(&self) -> CapsSizes;
    fn class_capsules(
        &self,
        images: Tensor<(usize, usize, usize, usize), f32, D>,
    ) -> Result<Vec<f32>, CapsError>;
    fn decode(&self, masked: Tensor<(usize, usize), f32, D>) -> Result<Vec<f32>, CapsError>;
    fn trace(
        &self,
        images: Tensor<(usize, usize, usize, usize), f32, D>,
        iterations: usize,
    ) -> Result<RoutingTrace, CapsError>;
}

struct CapsNet<M> {
    net: M,
    config: CheckedConfig,
}

impl<M> CapsNet<M> {
    fn class_capsules<D: Backend, T: Tape<f32, D>>(
        &self,
        images: Tensor<(usize, usize, usize, usize), f32, D>,
        tape: T,
    ) -> Result<Tensor<(usize, usize, usize), f32, D, T>, D::Err>
    where
        M: CapsModel<D>,
    {
        let children = self.net.primary_capsules(images, tape, self.primary_scale(M::SIZES))?;
        self.net.class_capsules(children, self.config.routing)
    }

    fn primary_scale(&self, sizes: CapsSizes) -> f32 {
        match self.config.primary_scale {
            PrimaryScale::One => 1.0,
            PrimaryScale::Types => 1.0 / sizes.types as f32,
        }
    }
}

impl<D: Backend, M: CapsModel<D>> Objective<D> for CapsNet<M> {
    type Net = M;

    fn net(&self) -> &M {
        &self.net
    }

    fn net_mut(&mut self) -> &mut M {
        &mut self.net
    }

    fn image(&self) -> (usize, usize) {
        (M::SIZES.channels, M::SIZES.side)
    }

    fn loss<T: Tape<f32, D>>(
        &self,
        images: Tensor<(usize, usize, usize, usize), f32, D>,
        tape: T,
        batch: &Batch,
    ) -> Result<Tensor<(), f32, D, T>, D::Err> {
        let device = images.device().clone();
        let CapsSizes { classes, width, .. } = M::SIZES;
        let (count, pixels, digits) = (batch.len(), batch.layout.pixels(), batch.layout.digits);
        let v = self.class_capsules(images, tape)?;
        let targets = device.try_tensor_from_vec(batch.present.clone(), (count, classes))?;
        let margin = |v| margin_loss(v, targets, self.config.margin);
        if self.config.reconstruction == 0.0 {
            return margin(v);
        }
        let mut loss = margin(v.with_empty_tape())?;
        let mean = if self.config.reconstruction_mean { 1.0 / pixels as f64 } else { 1.0 };
        let mut v = Some(v);
        for digit in 0..digits {
            let last = digit + 1 == digits;
            let capsules = match v.take() {
                Some(v) if last => v,
                Some(whole) => {
                    let part = whole.with_empty_tape();
                    v = Some(whole);
                    part
                }
                None => break,
            };
            // all capsules but that of the label are zero
            let mut mask = vec![0.0; count * classes * width];
            for image in 0..count {
                mask[(image * classes + batch.labels_of(image)[digit]) * width..][..width].fill(1.0);
            }
            let mask = device.try_tensor_from_vec(mask, (count, classes, width))?;
            let masked = capsules.try_mul(mask)?.try_reshape_like(&(count, classes * width))?;
            let wanted = (0..count).flat_map(|image| batch.target(image, digit)).copied().collect();
            let wanted = device.try_tensor_from_vec(wanted, (count, pixels))?;
            let decoded = self.net.decode(masked)?;
            loss = reconstruction_loss(decoded, wanted, self.config.reconstruction * mean)?.try_add(loss)?;
        }
        Ok(loss)
    }

    fn scores(&self, images: Tensor<(usize, usize, usize, usize), f32, D>) -> Result<Vec<f32>, CapsError> {
        let v = self.class_capsules(images, NoneTape).map_err(compute)?;
        let length = |v: &[f32]| v.iter().map(|v| v * v).sum::<f32>().sqrt();
        Ok(read_back(&v).chunks_exact(M::SIZES.width).map(length).collect())
    }

    fn capsules(&self) -> Option<&dyn Capsules<D>> {
        Some(self)
    }
}

impl<D: Backend, M: CapsModel<D>> Capsules<D> for CapsNet<M> {
    fn sizes(&self) -> CapsSizes {
        M::SIZES
    }

    fn class_capsules(
        &self,
        images: Tensor<(usize, usize, usize, usize), f32, D>,
    ) -> Result<Vec<f32>, CapsError> {
        Ok(read_back(&CapsNet::class_capsules(self, images, NoneTape).map_err(compute)?))
    }

    fn decode(&self, masked: Tensor<(usize, usize), f32, D>) -> Result<Vec<f32>, CapsError> {
        Ok(read_back(&self.net.decode(masked).map_err(compute)?))
    }

    fn trace(
        &self,
        images: Tensor<(usize, usize, usize, usize), f32, D>,
        iterations: usize,
    ) -> Result<RoutingTrace, CapsError> {
        let CapsSizes { children, length, classes, width, .. } = M::SIZES;
        let batch = images.shape().0;
        let scale = self.primary_scale(M::SIZES);
        let u = read_back(&self.net.primary_capsules(images, NoneTape, scale).map_err(compute)?);
        let (w, bias) = self.net.routing_weights();
        let sizes = RoutingSizes { batch, children, length, parents: classes, width };
        let routing = shared::ops::routing::Routing { iterations, ..self.config.routing };
        Ok(RoutingTrace::of(&sizes, &u, &w, bias.as_deref(), routing))
    }
}

/// A network with its optimiser.
pub(crate) struct Trainable<O, D: Backend> {
    objective: O,
    optimizer: Adam,
    schedule: Schedule,
    /// Taken while a step runs.
    grads: Option<Gradients<f32, D>>,
    device: D,
}

impl<O: Objective<D>, D: Backend> Trainable<O, D> {
    pub(crate) fn new(device: &D, objective: O, config: &CheckedConfig) -> Result<Self, CapsError> {
        let gamma = config.decay.powf(1.0 / f64::from(config.decay_steps));
        let schedule =
            Schedule { base_lr: config.lr, decay: Decay::Exponential { gamma }, warmup: Warmup::None };
        schedule.validate()?;
        Ok(Trainable {
            optimizer: Adam::new(AdamConfig { lr: config.lr, ..AdamConfig::default() })?,
            grads: Some(objective.net().try_alloc_grads().map_err(compute)?),
            schedule,
            objective,
            device: device.clone(),
        })
    }

    fn images(&self, images: &[f32]) -> Result<Tensor<(usize, usize, usize, usize), f32, D>, CapsError> {
        let (channels, side) = self.objective.image();
        let pixels = channels * side * side;
        if !images.len().is_multiple_of(pixels) {
            let (found, expected) = (images.len(), images.len().next_multiple_of(pixels));
            let why = "a whole number of images as large as the network's";
            return Err(CapsError::Count { what: "pixels", found, expected, why });
        }
        let shape = (images.len() / pixels, channels, side, side);
        self.device.try_tensor_from_vec(images.to_vec(), shape).map_err(compute)
    }

    fn only_capsules(&self, what: &'static str) -> Result<&dyn Capsules<D>, CapsError> {
        self.objective.capsules().ok_or(CapsError::Unsupported {
            what,
            of: "a convolutional network",
            instead: "take a CapsNet",
        })
    }
}

impl<O: Objective<D>, D: Backend> Network for Trainable<O, D> {
    fn step(&mut self, batch: &Batch) -> Result<f64, CapsError> {
        let step = usize::try_from(self.optimizer.step_count()).unwrap_or(usize::MAX);
        self.optimizer.set_lr(self.schedule.lr(step).max(LEAST_LR))?;
        let grads = match self.grads.take() {
            Some(grads) => grads,
            None => self.objective.net().try_alloc_grads().map_err(compute)?,
        };
        let (images, tape) = self.images(&batch.images)?.traced(grads).split_tape();
        let loss = self.objective.loss(images, tape, batch).map_err(compute)?;
        // the host waits for it when the step is done
        let value = loss.retaped::<NoneTape>();
        let mut grads = loss.try_backward().map_err(compute)?;
        self.optimizer.step(self.objective.net_mut(), &mut grads)?;
        self.grads = Some(grads);
        Ok(read_number(&value))
    }

    fn loss(&self, batch: &Batch) -> Result<f64, CapsError> {
        let loss = self.objective.loss(self.images(&batch.images)?, NoneTape, batch).map_err(compute)?;
        Ok(read_number(&loss))
    }

    fn scores(&self, images: &[f32]) -> Result<Vec<f32>, CapsError> {
        self.objective.scores(self.images(images)?)
    }

    fn capsules(&self, images: &[f32]) -> Result<Vec<f32>, CapsError> {
        self.only_capsules("capsules")?.class_capsules(self.images(images)?)
    }

    fn decode(&self, capsules: &[f32]) -> Result<Vec<f32>, CapsError> {
        let network = self.only_capsules("images")?;
        let CapsSizes { classes, width, .. } = network.sizes();
        let shape = (capsules.len() / (classes * width), classes * width);
        let masked = self.device.try_tensor_from_vec(capsules.to_vec(), shape).map_err(compute)?;
        network.decode(masked)
    }

    fn trace(&self, images: &[f32], iterations: usize) -> Result<RoutingTrace, CapsError> {
        self.only_capsules("a routing")?.trace(self.images(images)?, iterations)
    }

    fn sizes(&self) -> Option<CapsSizes> {
        self.objective.capsules().map(Capsules::sizes)
    }

    fn weights(&self) -> Vec<NamedTensor> {
        state_dict(self.objective.net())
    }

    fn load_weights(&mut self, weights: &[NamedTensor]) -> Result<(), CapsError> {
        Ok(load_state_dict(self.objective.net_mut(), weights)?)
    }

    fn save(&self) -> Result<State, CapsError> {
        let mut state = State::default();
        state.put_tensors("model", self.weights())?;
        let OptimState { scalars, tensors } = self.optimizer.export_state();
        state.put_tensors("optimizer", tensors)?;
        state.put("optimizer", &scalars)?;
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<(), CapsError> {
        let scalars: OptimScalars = state.get("optimizer")?;
        let weights = state.take_tensors("model")?;
        let optimizer = OptimState { scalars, tensors: state.take_tensors("optimizer")? };
        self.optimizer.import_state(self.objective.net(), &optimizer)?;
        self.load_weights(&weights)
    }
}

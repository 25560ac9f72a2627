//! The network: a diffusion-convolution and a dense layer, for any number of hops and any device behind one trait.

use rand_distr::{Normal, Uniform};
use shared::{
    device::{read_back, read_number, Backend, DeviceKind, DeviceTask},
    dfdx::{
        prelude::*,
        shapes::Dtype,
        tensor::{Gradients, Storage},
    },
    nn::{
        init::{fill, glorot_bound},
        state::{load_state_dict, state_dict, NamedTensor},
        RunTime,
    },
    num_traits::Float,
    ops::{
        cross_entropy::softmax_cross_entropy,
        diffusion::{diffusion_classifier, SparseRows},
        hinge::{multiclass_hinge, Hinge},
        targets::Targets,
    },
    optim::{AnyOptimizer, OptimScalars, OptimState},
    rand_distr::uniform::SampleUniform,
    train::{RunRng, State},
};

use crate::{
    config::{CheckedConfig, Init, Loss},
    error::compute,
    layer::DiffusionConv,
    DcnnError,
};

#[cfg(test)]
mod tests;

/// The most weights of the dense layer: 1 GiB of them, and as much again for each of gradient, optimiser and layout.
const MAX_WEIGHTS: u128 = 1 << 28;

/// The stream of the seed that initial weights are drawn from.
const INIT_STREAM: u64 = 0;

/// The dense layer W^d with sizes known at run time.
#[derive(Clone, Debug)]
pub(crate) struct Dense<E: Dtype, D: Storage<E>> {
    weight: Tensor<(RunTime, RunTime), E, D>,
    bias: Tensor<(RunTime,), E, D>,
}

impl<E: Dtype + Float + SampleUniform, D: Device<E>> TensorCollection<E, D> for Dense<E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Dense<E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_to_zeros()),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
            ),
            |(weight, bias)| Dense { weight, bias },
        )
    }
}

impl<E: Dtype, D: Storage<E>> shared::nn::Checked for Dense<E, D> {}

/// softmax(f(W^d tanh(W^c ⊙ P*X) + b)).
#[derive(Clone, Debug)]
pub(crate) struct Net<const SLICES: usize, E: Dtype, D: Storage<E>> {
    conv: DiffusionConv<SLICES, RunTime, E, D>,
    dense: Dense<E, D>,
}

impl<const SLICES: usize, E: Dtype + Float + SampleUniform, D: Device<E>> TensorCollection<E, D>
    for Net<SLICES, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = Net<SLICES, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("conv", |s| &s.conv, |s| &mut s.conv),
                Self::module("dense", |s| &s.dense, |s| &mut s.dense),
            ),
            |(conv, dense)| Net { conv, dense },
        )
    }
}

/// A network whose hops and device are decided at run time.
pub(crate) trait Network {
    /// One step of the optimiser on these rows; returns their mean loss before it.
    fn step(&mut self, rows: &SparseRows, targets: &Targets) -> Result<f64, DcnnError>;
    /// f(scores), row-major (rows, classes).
    fn scores(&self, rows: &SparseRows) -> Result<Vec<f32>, DcnnError>;
    /// f(scores) and their mean loss.
    fn evaluate(&self, rows: &SparseRows, targets: &Targets) -> Result<(Vec<f32>, f64), DcnnError>;
    /// The weights under their names.
    fn weights(&self) -> Vec<NamedTensor>;
    /// Takes weights that [`weights`](Self::weights) gave.
    fn load_weights(&mut self, weights: &[NamedTensor]) -> Result<(), DcnnError>;
    /// Weights and optimiser.
    fn save(&self) -> Result<State, DcnnError>;
    /// Takes a state that [`save`](Self::save) gave.
    fn load(&mut self, state: &State) -> Result<(), DcnnError>;
}

/// A fresh network on a device.
pub(crate) fn build(
    device: DeviceKind,
    config: &CheckedConfig,
    features: usize,
    classes: usize,
) -> Result<Box<dyn Network>, DcnnError> {
    let slices = config.slices();
    let weights = [slices, features, classes].iter().map(|n| *n as u128).fold(1, u128::saturating_mul);
    if !(1..=MAX_WEIGHTS).contains(&weights) {
        return Err(DcnnError::Size { slices, features, classes, weights, max: MAX_WEIGHTS });
    }
    device.launch(config.seed, Build { config, features, classes })?
}

struct Build<'a> {
    config: &'a CheckedConfig,
    features: usize,
    classes: usize,
}

impl DeviceTask for Build<'_> {
    type Output = Result<Box<dyn Network>, DcnnError>;

    fn run<B: Backend>(self, device: B) -> Self::Output {
        // One compiled network a number of hops, up to MAX_HOPS.
        match self.config.slices() {
            1 => self.with_slices::<1, B>(device),
            2 => self.with_slices::<2, B>(device),
            3 => self.with_slices::<3, B>(device),
            4 => self.with_slices::<4, B>(device),
            5 => self.with_slices::<5, B>(device),
            6 => self.with_slices::<6, B>(device),
            7 => self.with_slices::<7, B>(device),
            8 => self.with_slices::<8, B>(device),
            _ => self.with_slices::<9, B>(device),
        }
    }
}

impl Build<'_> {
    fn with_slices<const SLICES: usize, B: Backend>(self, device: B) -> Result<Box<dyn Network>, DcnnError> {
        let (config, mut rng) = (self.config, RunRng::new(self.config.seed, INIT_STREAM));
        let (width, classes) = (RunTime(SLICES * self.features), RunTime(self.classes));
        let std = match config.init {
            Init::Paper => 0.1,
            Init::Authors => 0.01,
        };
        let mut conv = DiffusionConv::new(&device, self.features, std, &mut rng).map_err(compute)?;
        if !config.train_diffusion {
            conv.weight = device.try_ones_like(&conv.weight).map_err(compute)?;
        }
        let mut weight = device.try_zeros_like(&(classes, width)).map_err(compute)?;
        match config.init {
            Init::Paper => {
                if let Ok(normal) = Normal::new(0.0f32, 0.1) {
                    fill(&mut weight, &mut rng, normal);
                }
            }
            Init::Authors => {
                let bound = glorot_bound(width.0, classes.0);
                fill(&mut weight, &mut rng, Uniform::new_inclusive(-bound, bound));
            }
        }
        let bias = device.try_zeros_like(&(classes,)).map_err(compute)?;
        let net = Net { conv, dense: Dense { weight, bias } };
        Ok(Box::new(Trainable::<SLICES, B> {
            fixed: (!config.train_diffusion).then(|| net.conv.weight.clone()),
            grads: Some(net.try_alloc_grads().map_err(compute)?),
            optimizer: AnyOptimizer::new(config.optimizer.clone())?,
            config: config.clone(),
            net,
        }))
    }
}

struct Trainable<const SLICES: usize, D: Backend> {
    net: Net<SLICES, f32, D>,
    /// W^c where it is not trained.
    fixed: Option<Tensor<(Const<SLICES>, RunTime), f32, D>>,
    optimizer: AnyOptimizer,
    /// Taken while a step runs.
    grads: Option<Gradients<f32, D>>,
    config: CheckedConfig,
}

impl<const SLICES: usize, D: Backend> Trainable<SLICES, D> {
    fn forward<T: Tape<f32, D>>(
        &self,
        rows: &SparseRows,
        conv: Tensor<(Const<SLICES>, RunTime), f32, D, T>,
    ) -> Result<Tensor<(usize, RunTime), f32, D, T>, DcnnError> {
        let dense = &self.net.dense;
        diffusion_classifier(rows, conv, &dense.weight, &dense.bias, self.config.output).map_err(compute)
    }

    fn loss<T: Tape<f32, D>>(
        &self,
        scores: Tensor<(usize, RunTime), f32, D, T>,
        targets: &Targets,
    ) -> Result<Tensor<Rank0, f32, D, T>, DcnnError> {
        match self.config.loss {
            Loss::Hinge => multiclass_hinge(scores, targets, Hinge::CrammerSinger),
            Loss::HingeAll => multiclass_hinge(scores, targets, Hinge::WestonWatkins),
            Loss::CrossEntropy => softmax_cross_entropy(scores, targets),
        }
        .map_err(compute)
    }
}

impl<const SLICES: usize, D: Backend> Network for Trainable<SLICES, D> {
    fn step(&mut self, rows: &SparseRows, targets: &Targets) -> Result<f64, DcnnError> {
        let grads = match self.grads.take() {
            Some(grads) => grads,
            None => self.net.try_alloc_grads().map_err(compute)?,
        };
        let scores = self.forward(rows, self.net.conv.weight.trace(grads))?;
        let loss = self.loss(scores, targets)?;
        // the host waits for it when the step is done
        let value = loss.retaped::<NoneTape>();
        let mut grads = loss.try_backward().map_err(compute)?;
        self.optimizer.step(&mut self.net, &mut grads)?;
        if let Some(fixed) = &self.fixed {
            self.net.conv.weight = fixed.clone();
        }
        self.grads = Some(grads);
        Ok(read_number(&value))
    }

    fn scores(&self, rows: &SparseRows) -> Result<Vec<f32>, DcnnError> {
        Ok(read_back(&self.forward(rows, self.net.conv.weight.clone())?))
    }

    fn evaluate(&self, rows: &SparseRows, targets: &Targets) -> Result<(Vec<f32>, f64), DcnnError> {
        let scores = self.forward(rows, self.net.conv.weight.clone())?;
        let values = read_back(&scores);
        let loss = self.loss(scores, targets)?;
        Ok((values, read_number(&loss)))
    }

    fn weights(&self) -> Vec<NamedTensor> {
        state_dict(&self.net)
    }

    fn load_weights(&mut self, weights: &[NamedTensor]) -> Result<(), DcnnError> {
        Ok(load_state_dict(&mut self.net, weights)?)
    }

    fn save(&self) -> Result<State, DcnnError> {
        let mut state = State::default();
        state.put_tensors("model", self.weights())?;
        let OptimState { scalars, tensors } = self.optimizer.export_state();
        state.put_tensors("optimizer", tensors)?;
        state.put("optimizer", &scalars)?;
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<(), DcnnError> {
        let scalars: OptimScalars = state.get("optimizer")?;
        let weights = state.take_tensors("model")?;
        let optimizer = OptimState { scalars, tensors: state.take_tensors("optimizer")? };
        self.optimizer.import_state(&self.net, &optimizer)?;
        self.load_weights(&weights)
    }
}

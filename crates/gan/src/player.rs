//! A network with its optimiser and what the survey's tricks remember of its weights.

use std::collections::BTreeMap;

use shared::{
    device::Backend,
    dfdx::{nn::tensor_collection::TensorCollection, prelude::*, tensor::Gradients},
    nn::{
        state::{load_state_dict, map_parameters, state_dict, visit_parameters, NamedTensor},
        Pass, Training,
    },
    optim::{AnyOptimizer, OptimScalars, OptimState, OptimizerConfig, Sgd, SgdConfig},
    train::{RunRng, State},
};

use crate::{error::compute, GanError};

/// Settings of one player.
#[derive(Clone, Debug, PartialEq)]
pub struct PlayerConfig {
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// Clips every weight to ±c after each step.
    pub clip: Option<f64>,
    /// Weight of historical averaging; 0 for none.
    pub history: f64,
    /// Decay of the exponential mean of the weights; 0 for none.
    pub average: f64,
}

impl PlayerConfig {
    /// An optimiser and nothing else.
    #[must_use]
    pub fn new(optimizer: OptimizerConfig) -> Self {
        PlayerConfig { optimizer, clip: None, history: 0.0, average: 0.0 }
    }
}

/// A network that learns.
#[derive(Debug)]
pub struct Player<M, D: Backend> {
    /// The network.
    pub net: M,
    /// What its training passes need besides: dropout's generator, groups of batch normalisations.
    pub training: Training,
    optimizer: AnyOptimizer,
    config: PlayerConfig,
    base_lr: f64,
    /// The sum of all weights so far, and how many there were.
    history: BTreeMap<String, Vec<f32>>,
    counted: u64,
    /// The exponential mean of the weights, by name; running statistics are as they are.
    average: Vec<NamedTensor>,
    /// Taken while a step runs.
    grads: Option<Gradients<f32, D>>,
    /// ‖∇θ L‖ of the last update.
    pub(crate) grad_norm: f64,
}

impl<D: Backend, M: TensorCollection<f32, D> + Clone> Player<M, D> {
    /// A network and its settings; `seed` and `stream` fix its dropout.
    ///
    /// # Errors
    /// [`GanError::Optim`] for settings out of their range.
    pub fn new(net: M, config: PlayerConfig, seed: u64, stream: u64) -> Result<Self, GanError> {
        let optimizer = AnyOptimizer::new(config.optimizer.clone())?;
        Ok(Player {
            grads: Some(net.try_alloc_grads().map_err(compute)?),
            training: Training::new(RunRng::new(seed, stream)),
            base_lr: optimizer.lr(),
            optimizer,
            average: if config.average > 0.0 { state_dict(&net) } else { Vec::new() },
            history: BTreeMap::new(),
            counted: 0,
            grad_norm: 0.0,
            config,
            net,
        })
    }

    /// The gradients to trace the next pass with, all zero.
    ///
    /// # Errors
    /// [`GanError::Compute`] where memory is short.
    pub fn take_grads(&mut self) -> Result<Gradients<f32, D>, GanError> {
        match self.grads.take() {
            Some(grads) => Ok(grads),
            None => self.net.try_alloc_grads().map_err(compute),
        }
    }

    /// The network and a training pass for it.
    pub fn train_pass(&mut self) -> (&mut M, Pass<'_>) {
        (&mut self.net, Pass::Train(&mut self.training))
    }

    /// One step of the optimiser with the learning rate times `rate`, then clipping and averages; the gradients go back to
    /// zero.
    ///
    /// Historical averaging adds 2 c (θ − θ̄) to the gradient, θ̄ being the mean of the weights before this step.
    ///
    /// # Errors
    /// [`GanError::Optim`].
    pub fn update(&mut self, mut grads: Gradients<f32, D>, rate: f64) -> Result<(), GanError> {
        self.optimizer.set_lr(self.base_lr * rate)?;
        let report = if self.config.history > 0.0 {
            let (history, counted) = (&mut self.history, self.counted + 1);
            let pull = 2.0 * self.config.history as f32;
            self.optimizer.step_adjusted(&mut self.net, &mut grads, &mut |name, w, g| {
                let sum = history.entry(name.to_owned()).or_insert_with(|| vec![0.0; w.len()]);
                for ((sum, w), g) in sum.iter_mut().zip(w).zip(g) {
                    *sum += w;
                    *g += pull * (w - *sum / counted as f32);
                }
            })?
        } else {
            self.optimizer.step(&mut self.net, &mut grads)?
        };
        self.counted += 1;
        self.grad_norm = report.grad_norm;
        self.grads = Some(grads);
        if let Some(clip) = self.config.clip {
            let clip = clip as f32;
            map_parameters(&mut self.net, |_, w| w.iter_mut().for_each(|w| *w = w.clamp(-clip, clip)))?;
        }
        self.move_average();
        Ok(())
    }

    /// The norm of gradients, which go back to zero; nothing else changes.
    pub(crate) fn norm_of(&mut self, mut grads: Gradients<f32, D>) -> Result<f64, GanError> {
        let mut still = Sgd::new(SgdConfig::default())?;
        still.set_lr(0.0)?;
        let norm = still.step(&mut self.net, &mut grads)?.grad_norm;
        self.grads = Some(grads);
        Ok(norm)
    }

    /// [`update`](Self::update) by another optimiser, for a network that learns in two phases.
    ///
    /// # Errors
    /// [`GanError::Optim`].
    pub(crate) fn update_by(
        &mut self,
        other: &mut AnyOptimizer,
        base_lr: f64,
        grads: Gradients<f32, D>,
        rate: f64,
    ) -> Result<(), GanError> {
        let own = std::mem::replace(&mut self.base_lr, base_lr);
        std::mem::swap(&mut self.optimizer, other);
        let done = self.update(grads, rate);
        std::mem::swap(&mut self.optimizer, other);
        self.base_lr = own;
        done
    }

    /// m ← β m + (1 − β) θ for weights; running statistics are taken as they are.
    fn move_average(&mut self) {
        if self.config.average == 0.0 {
            return;
        }
        let keep = self.config.average as f32;
        let mut next = Vec::with_capacity(self.average.len());
        let mut old = std::mem::take(&mut self.average).into_iter();
        visit_parameters(&self.net, |view| {
            let Some(tensor) = old.next() else { return };
            let (name, shape) = (tensor.name().to_owned(), tensor.shape().to_vec());
            let mut values = tensor.into_values();
            let keep = if view.trainable { keep } else { 0.0 };
            for (m, w) in values.iter_mut().zip(view.values) {
                *m = keep * *m + (1.0 - keep) * w;
            }
            next.extend(NamedTensor::new(name, shape, values));
        });
        self.average = next;
    }

    /// A copy of the network to draw samples with: the averaged weights where there are any.
    ///
    /// # Errors
    /// [`GanError::State`] where the device refuses a copy.
    pub fn averaged(&self) -> Result<M, GanError> {
        let mut net = self.net.clone();
        if self.config.average > 0.0 {
            load_state_dict(&mut net, &self.average)?;
        }
        Ok(net)
    }

    /// Takes weights, for the network and for its average.
    ///
    /// # Errors
    /// [`GanError::State`] where they are another network's; nothing has changed then.
    pub fn take_weights(&mut self, weights: &[NamedTensor]) -> Result<(), GanError> {
        load_state_dict(&mut self.net, weights)?;
        if self.config.average > 0.0 {
            self.average = state_dict(&self.net);
        }
        Ok(())
    }

    /// Puts weights, optimiser and averages under `prefix` of a state.
    ///
    /// # Errors
    /// [`GanError::Checkpoint`] if they cannot be written down.
    pub fn save(&self, prefix: &str, state: &mut State) -> Result<(), GanError> {
        state.put_tensors(prefix, state_dict(&self.net))?;
        let OptimState { scalars, tensors } = self.optimizer.export_state();
        state.put_tensors(&format!("{prefix}-optimizer"), tensors)?;
        state.put(&format!("{prefix}-optimizer"), &scalars)?;
        state.put_tensors(&format!("{prefix}-average"), self.average.clone())?;
        let history = self.history.iter().map(|(n, v)| NamedTensor::new(n, vec![v.len()], v.clone()));
        state.put_tensors(&format!("{prefix}-history"), history.collect::<Result<_, _>>()?)?;
        state.put(&format!("{prefix}-counted"), &self.counted)?;
        state.put(&format!("{prefix}-dropout"), &self.training.dropout.position())?;
        Ok(())
    }

    /// Takes back what [`save`](Self::save) put there.
    ///
    /// # Errors
    /// [`GanError`] where it is another network's.
    pub fn load(&mut self, prefix: &str, state: &State) -> Result<(), GanError> {
        let scalars: OptimScalars = state.get(&format!("{prefix}-optimizer"))?;
        let tensors = state.take_tensors(&format!("{prefix}-optimizer"))?;
        let counted = state.get(&format!("{prefix}-counted"))?;
        let dropout = RunRng::at(state.get(&format!("{prefix}-dropout"))?);
        let mut average = state.take_tensors(&format!("{prefix}-average"))?;
        if !average.is_empty() {
            // whether it fits, before anything changes, and in the network's order: a file has its own
            let mut fitting = self.net.clone();
            load_state_dict(&mut fitting, &average)?;
            average = state_dict(&fitting);
        }
        load_state_dict(&mut self.net, &state.take_tensors(prefix)?)?;
        self.optimizer.import_state(&self.net, &OptimState { scalars, tensors })?;
        let history = state.take_tensors(&format!("{prefix}-history"))?;
        self.history = history.into_iter().map(|t| (t.name().to_owned(), t.into_values())).collect();
        (self.counted, self.average, self.training.dropout) = (counted, average, dropout);
        Ok(())
    }

    /// The network as it is, and the optimiser, to be put back after looking ahead.
    pub(crate) fn snapshot(&self) -> (M, AnyOptimizer, RunRng, (BTreeMap<String, Vec<f32>>, u64)) {
        let history = (self.history.clone(), self.counted);
        (self.net.clone(), self.optimizer.clone(), self.training.dropout.clone(), history)
    }

    /// Puts a snapshot's values back into the same tensors.
    pub(crate) fn restore(
        &mut self,
        (net, optimizer, dropout, (history, counted)): (
            M,
            AnyOptimizer,
            RunRng,
            (BTreeMap<String, Vec<f32>>, u64),
        ),
    ) -> Result<(), GanError> {
        load_state_dict(&mut self.net, &state_dict(&net))?;
        self.optimizer = optimizer;
        self.training.dropout = dropout;
        (self.history, self.counted) = (history, counted);
        Ok(())
    }
}

//! The run itself: when phases change, what they do to weights, masks and rates, and the proof that they did.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};
use shared::{
    device::ParamStore,
    dfdx::nn::tensor_collection::TensorCollection,
    nn::state::NamedTensor,
    optim::{Optimizer, UpdateRule},
    train::{RunRng, State},
};

use crate::{
    layers::Layer,
    mask::global_masks,
    mask_of, survivors,
    target::{Pair, Target},
    DsdConfig, DsdError, Kind, Restore, Scope, StatePolicy,
};

/// The stream of a seed that Gaussian restorations draw from; phase and layer are added.
const RESTORE_STREAM: u64 = 0xD6 << 56;

/// A DSD run: three lines in a training loop.
///
/// `begin_epoch` sets the learning rate and, where a phase begins, prunes or lets go; the optimiser holds the masks in every
/// step that it takes, so the steps themselves stay as they are; `end_epoch` looks whether the sparsity is what it should be.
///
/// # Example
/// ```
/// use dsd::{Dsd, DsdConfig};
/// use shared::{dfdx::{nn::builders::{Linear, ReLU}, prelude::*}, optim::{Sgd, SgdConfig}};
/// let dev = Cpu::seed_from_u64(0);
/// let mut model = dev.build_module::<(Linear<4, 20>, ReLU, Linear<20, 1>), f32>();
/// let mut sgd = Sgd::new(SgdConfig::default())?;
/// let (x, y) = (dev.sample_normal::<Rank2<32, 4>>(), dev.sample_normal::<Rank2<32, 1>>());
///
/// let mut dsd = Dsd::new(DsdConfig::paper(0.1, [3, 2, 2], 0.5))?; // line 1
/// let mut grads = model.alloc_grads();
/// for epoch in 0..dsd.epochs() {
///     dsd.begin_epoch(&mut model, &mut sgd)?; // line 2
///     grads = mse_loss(model.forward(x.trace(grads)), y.clone()).backward();
///     sgd.step(&mut model, &mut grads)?;
///     let achieved = dsd.end_epoch(&mut model, &mut sgd)?; // line 3
///     assert_eq!(achieved.sparsity(), if (3..5).contains(&epoch) { 0.5 } else { 0.0 });
/// }
/// # Ok::<(), dsd::DsdError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dsd {
    config: DsdConfig,
    at: Place,
    /// The weights of masked layers as they were when they were pruned, where the restoration asks for them.
    old: BTreeMap<String, Vec<f32>>,
}

/// Where a run is; part of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Epochs completed.
    epoch: usize,
    /// Whether the next one has begun.
    begun: bool,
    /// The tensors that are masked.
    masked: Vec<String>,
}

/// What `begin_epoch` did.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// The epoch, from 0.
    pub epoch: usize,
    /// Its phase, from 0.
    pub phase: usize,
    /// Its learning rate.
    pub lr: f64,
    /// Whether the phase begins with it.
    pub changed: bool,
}

/// What a layer has lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Its name.
    pub name: String,
    /// Its weights.
    pub len: usize,
    /// How many of them are pruned.
    pub pruned: usize,
}

/// The sparsity that was found in the weights themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Achieved {
    /// The masked layers; none in a dense phase.
    pub layers: Vec<LayerReport>,
}

impl Achieved {
    /// Pruned weights over all weights of the masked layers; 0 where none is masked.
    #[must_use]
    pub fn sparsity(&self) -> f64 {
        let sum = |of: fn(&LayerReport) -> usize| self.layers.iter().map(of).sum::<usize>();
        sum(|layer| layer.pruned) as f64 / sum(|layer| layer.len).max(1) as f64
    }
}

impl Dsd {
    /// A run that has not begun.
    ///
    /// # Errors
    /// [`DsdError::Setting`] or [`DsdError::Optim`] for a setting out of its range.
    pub fn new(config: DsdConfig) -> Result<Self, DsdError> {
        config.validate()?;
        Ok(Dsd { config, at: Place::default(), old: BTreeMap::new() })
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &DsdConfig {
        &self.config
    }

    /// The epochs of all phases.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.config.epochs()
    }

    /// Epochs completed.
    #[must_use]
    pub fn epoch(&self) -> usize {
        self.at.epoch
    }

    /// Begins an epoch: sets the learning rate and, where a phase begins, prunes or lets go. Within an epoch that has begun, as
    /// after a resume in its middle, it changes nothing.
    ///
    /// # Errors
    /// [`DsdError::Over`] after the last epoch; [`DsdError::NoLayer`] and [`DsdError::NothingToPrune`] for a model that does not
    /// fit the settings; the device's and the optimiser's.
    pub fn begin_epoch<M, R, D>(
        &mut self,
        model: &mut M,
        optimizer: &mut Optimizer<R>,
    ) -> Result<Begun, DsdError>
    where
        M: TensorCollection<f32, D>,
        R: UpdateRule,
        D: ParamStore,
    {
        self.begin_epoch_of(&mut Pair { model, optimizer, device: PhantomData })
    }

    /// Ends an epoch: counts it, after making sure that every pruned weight is 0.
    ///
    /// # Errors
    /// [`DsdError::Revived`] where one is not, [`DsdError::NotBegun`].
    ///
    /// # Complexity
    /// A copy of the weights in a sparse phase, nothing in a dense one.
    pub fn end_epoch<M, R, D>(
        &mut self,
        model: &mut M,
        optimizer: &mut Optimizer<R>,
    ) -> Result<Achieved, DsdError>
    where
        M: TensorCollection<f32, D>,
        R: UpdateRule,
        D: ParamStore,
    {
        self.end_epoch_of(&Pair { model, optimizer, device: PhantomData })
    }

    /// [`begin_epoch`](Self::begin_epoch) of anything that is a [`Target`], such as a network of the zoo.
    ///
    /// # Errors
    /// As there.
    pub fn begin_epoch_of(&mut self, target: &mut dyn Target) -> Result<Begun, DsdError> {
        let epoch = self.at.epoch;
        let (phase, within) =
            self.config.place(epoch).ok_or(DsdError::Over { epochs: self.config.epochs() })?;
        let lr = self.config.phases[phase].lr(within);
        target.optimizer_mut().set_mask_state(self.config.state != StatePolicy::Keep);
        let mut begun = Begun { epoch, phase, lr, changed: false };
        if self.at.begun {
            return Ok(begun);
        }
        if within == 0 {
            let was_sparse = phase > 0 && matches!(self.config.phases[phase - 1].kind, Kind::Sparse(_));
            if was_sparse {
                self.let_go(target, phase)?;
            }
            if let Kind::Sparse(sparsity) = self.config.phases[phase].kind {
                self.prune(target, sparsity)?;
            }
            // so that runs that branch from here forget the same, the control as well
            if self.config.state == StatePolicy::Reset {
                target.optimizer_mut().reset_state();
            }
            begun.changed = true;
        }
        target.optimizer_mut().set_lr(lr)?;
        self.at.begun = true;
        Ok(begun)
    }

    /// [`end_epoch`](Self::end_epoch) of anything that is a [`Target`].
    ///
    /// # Errors
    /// As there.
    pub fn end_epoch_of(&mut self, target: &dyn Target) -> Result<Achieved, DsdError> {
        if !self.at.begun {
            return Err(DsdError::NotBegun);
        }
        let achieved = self.check(target)?;
        (self.at.epoch, self.at.begun) = (self.at.epoch + 1, false);
        Ok(achieved)
    }

    /// Prunes each layer to what survives this sparsity.
    fn prune(&mut self, target: &mut dyn Target, sparsity: f64) -> Result<(), DsdError> {
        let layers = self.config.layers.of(&target.outline())?;
        let mut weights = target.weights();
        let masks = self.masks(&layers, &weights, sparsity)?;
        for (layer, mask) in layers.iter().zip(masks) {
            let at = position(&weights, layer)?;
            let old = weights[at].values();
            let held = old.iter().zip(&mask).map(|(w, kept)| if *kept { *w } else { 0.0 }).collect();
            if self.config.restore != Restore::Zero {
                self.old.insert(layer.name.clone(), old.to_vec());
            }
            weights[at] = NamedTensor::new(layer.name.clone(), weights[at].shape().to_vec(), held)?;
            target.optimizer_mut().set_mask(&layer.name, Some(mask))?;
            self.at.masked.push(layer.name.clone());
        }
        target.set_weights(&weights)
    }

    fn masks(
        &self,
        layers: &[Layer],
        weights: &[NamedTensor],
        sparsity: f64,
    ) -> Result<Vec<Vec<bool>>, DsdError> {
        let DsdConfig { selection, scope, seed, .. } = self.config;
        let values =
            layers.iter().map(|layer| Ok::<_, DsdError>(weights[position(weights, layer)?].values()));
        let values = values.collect::<Result<Vec<&[f32]>, _>>()?;
        if scope == Scope::Global {
            let all = values.iter().map(|layer| layer.len()).sum();
            return Ok(global_masks(&values, survivors(all, sparsity)));
        }
        let of = |(at, (layer, values)): (usize, (&Layer, &&[f32]))| {
            let k = survivors(layer.len, layer.sparsity.unwrap_or(sparsity));
            mask_of(values, k, selection, seed, at as u64)
        };
        Ok(layers.iter().zip(&values).enumerate().map(of).collect())
    }

    /// Takes the masks away and gives pruned weights what the restoration says.
    fn let_go(&mut self, target: &mut dyn Target, phase: usize) -> Result<(), DsdError> {
        let masked = std::mem::take(&mut self.at.masked);
        let mut weights = if self.config.restore == Restore::Zero { Vec::new() } else { target.weights() };
        for (layer, name) in masked.iter().enumerate() {
            if let Some(old) = self.old.remove(name) {
                let at = weights.iter().position(|tensor| tensor.name() == name);
                let other = || DsdError::OtherModel { name: name.clone(), len: old.len() };
                let (at, mask) = at.zip(target.optimizer().mask(name)).ok_or_else(other)?;
                let stream = RESTORE_STREAM + ((phase as u64) << 32) + layer as u64;
                let fresh = restored(self.config.restore, &old, &mut RunRng::new(self.config.seed, stream))?;
                let pairs = weights[at].values().iter().zip(mask).zip(fresh);
                let back = pairs.map(|((w, kept), fresh)| if *kept { *w } else { fresh }).collect();
                weights[at] = NamedTensor::new(name.clone(), weights[at].shape().to_vec(), back)?;
            }
            target.optimizer_mut().set_mask(name, None)?;
        }
        if weights.is_empty() {
            return Ok(());
        }
        target.set_weights(&weights)
    }

    fn check(&self, target: &dyn Target) -> Result<Achieved, DsdError> {
        let mut achieved = Achieved::default();
        if self.at.masked.is_empty() {
            return Ok(achieved);
        }
        let weights = target.weights();
        for name in &self.at.masked {
            let found = weights.iter().find(|tensor| tensor.name() == name);
            let found = found.zip(target.optimizer().mask(name));
            let (tensor, mask) = found.ok_or_else(|| DsdError::OtherModel { name: name.clone(), len: 0 })?;
            let (len, pruned) = (mask.len(), mask.iter().filter(|kept| !**kept).count());
            let alive = tensor.values().iter().zip(mask).filter(|(w, kept)| !**kept && **w != 0.0).count();
            if alive > 0 {
                let (layer, epoch) = (name.clone(), self.at.epoch + 1);
                return Err(DsdError::Revived { layer, alive, masked: pruned, epoch });
            }
            achieved.layers.push(LayerReport { name: name.clone(), len, pruned });
        }
        Ok(achieved)
    }

    /// Keeps all that the run depends on besides weights, optimiser and settings. The optimiser's exported state has the masks.
    ///
    /// # Errors
    /// None today.
    pub fn save(&self, state: &mut State) -> Result<(), DsdError> {
        state.put("dsd", &self.at)?;
        let old = self.old.iter().map(|(name, w)| NamedTensor::new(name.clone(), vec![w.len()], w.clone()));
        state.put_tensors("dsd", old.collect::<Result<_, _>>()?)?;
        Ok(())
    }

    /// Takes what [`save`](Self::save) gave, of a run with the same settings. Model and optimiser take their own states.
    ///
    /// # Errors
    /// [`DsdError::Checkpoint`] for a state without it; the run is then as it was.
    pub fn load(&mut self, state: &State) -> Result<(), DsdError> {
        let at = state.get("dsd")?;
        let old = state.take_tensors("dsd")?;
        self.old = old.into_iter().map(|tensor| (tensor.name().to_owned(), tensor.into_values())).collect();
        self.at = at;
        Ok(())
    }
}

/// What a layer's pruned weights come back as, one value a weight.
fn restored(restore: Restore, old: &[f32], rng: &mut RunRng) -> Result<Vec<f32>, DsdError> {
    match restore {
        Restore::Zero => Ok(vec![0.0; old.len()]),
        Restore::Old => Ok(old.to_vec()),
        Restore::Gaussian => {
            let n = old.len().max(1) as f64;
            let mean = old.iter().map(|w| f64::from(*w)).sum::<f64>() / n;
            let variance = old.iter().map(|w| (f64::from(*w) - mean).powi(2)).sum::<f64>() / n;
            let normal = Normal::new(0.0, variance.sqrt()).map_err(|_| DsdError::Setting {
                field: "the deviation of a pruned layer",
                value: variance.sqrt().to_string(),
                allowed: "finite; the run has diverged, so lower its learning rate",
            })?;
            Ok(old.iter().map(|_| normal.sample(rng) as f32).collect())
        }
    }
}

fn position(weights: &[NamedTensor], layer: &Layer) -> Result<usize, DsdError> {
    let found = weights.iter().position(|tensor| tensor.name() == layer.name);
    found.ok_or_else(|| DsdError::OtherModel { name: layer.name.clone(), len: layer.len })
}

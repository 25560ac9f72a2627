//! An optimiser's state as plain data: out for a checkpoint, back in on resume.

use std::collections::{BTreeMap, BTreeSet};

use dfdx::nn::tensor_collection::TensorCollection;
use serde::{Deserialize, Serialize};

use super::optimizer::{Optimizer, ParamState};
use super::program::Slots;
use super::rule::UpdateRule;
use super::step::trainable;
use super::OptimError;
use crate::device::ParamStore;
use crate::nn::state::NamedTensor;

/// The name under which a mask is saved beside the slots of its parameter, as zeros and ones.
const MASK: &str = "mask";

/// All that an optimiser remembers, for [`Optimizer::export_state`] and [`Optimizer::import_state`].
#[derive(Clone, Debug, PartialEq)]
pub struct OptimState {
    /// The numbers, for JSON.
    pub scalars: OptimScalars,
    /// Slots and masks, sorted by parameter, each named `<parameter>.<slot>` (`0.weight.velocity`) or
    /// `<parameter>.mask`, ready for [`save_safetensors`](crate::nn::state::save_safetensors).
    pub tensors: Vec<NamedTensor>,
}

/// The numbers of an optimiser's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimScalars {
    /// The rule's name, such as `sgd`.
    pub rule: String,
    /// How many steps have been taken.
    pub step: u64,
    /// The learning rate of the next step.
    pub lr: f64,
    /// The learning rate of the last step taken.
    pub last_lr: f64,
    /// How many updates each parameter has had, by its name.
    pub param_steps: BTreeMap<String, u64>,
}

impl<R: UpdateRule> Optimizer<R> {
    /// A copy of the whole state. The settings are not in it: [`config`](Self::config) has them, for serde.
    pub fn export_state(&self) -> OptimState {
        let mut tensors = Vec::new();
        let mut push = |param: &str, slot: &str, shape: &[usize], values: Vec<f32>| {
            // Lengths agree: slots are made from the shape, masks are checked against it.
            tensors.extend(NamedTensor::new(format!("{param}.{slot}"), shape.to_vec(), values));
        };
        let names: BTreeSet<&String> = self.params.keys().chain(self.masks.keys()).collect();
        for name in names {
            let state = self.params.get(name);
            if let Some(state) = state {
                for (at, slot) in self.slots.iter().enumerate() {
                    push(name, slot.name, &state.shape, state.slots.read(at).into_owned());
                }
            }
            if let Some(mask) = self.masks.get(name) {
                let shape = state.map_or_else(|| vec![mask.len()], |state| state.shape.clone());
                push(name, MASK, &shape, mask.iter().map(|&keep| f32::from(u8::from(keep))).collect());
            }
        }
        let scalars = OptimScalars {
            rule: self.rule.name().to_string(),
            step: self.step,
            lr: self.lr,
            last_lr: self.step_lr,
            param_steps: self.params.iter().map(|(name, state)| (name.clone(), state.step)).collect(),
        };
        OptimState { scalars, tensors }
    }

    /// Replaces the whole state, masks included, by one exported with the same settings and the same model as
    /// `model`; training then goes on to the same bits as if it had never stopped.
    ///
    /// # Errors
    /// [`OptimError::RuleMismatch`], [`OptimError::MissingState`], [`OptimError::UnknownState`],
    /// [`OptimError::StateShape`], [`OptimError::StateScalar`] or [`OptimError::DuplicateName`], each naming
    /// what is wrong. Nothing has changed then.
    pub fn import_state<M, D>(&mut self, model: &M, state: &OptimState) -> Result<(), OptimError>
    where
        M: TensorCollection<f32, D>,
        D: ParamStore,
    {
        let scalars = &state.scalars;
        if scalars.rule != self.rule.name() {
            return Err(OptimError::RuleMismatch { expected: self.rule.name(), found: scalars.rule.clone() });
        }
        for (field, value) in [("lr", scalars.lr), ("last_lr", scalars.last_lr)] {
            if !(value.is_finite() && value >= 0.0) {
                let (value, allowed) = (value.to_string(), "a finite number of at least 0");
                return Err(OptimError::StateScalar { field, value, allowed });
            }
        }
        let mut tensors = BTreeMap::new();
        for tensor in &state.tensors {
            if tensors.insert(tensor.name(), tensor).is_some() {
                return Err(OptimError::DuplicateName { name: tensor.name().to_string() });
            }
        }

        let outline = trainable(model)?;
        let (mut params, mut masks) = (BTreeMap::new(), BTreeMap::new());
        for (name, info) in &outline {
            let mask_name = format!("{name}.{MASK}");
            if let Some(mask) = tensors.remove(mask_name.as_str()) {
                // A mask set before the first step was saved flat.
                if mask.shape() != [info.numel()] {
                    check_shape(mask, &info.shape)?;
                }
                masks.insert(name.clone(), mask.values().iter().map(|&keep| keep != 0.0).collect());
            }
            let step = match scalars.param_steps.get(name) {
                Some(&step) => step,
                // No parameter had an update yet, or none since `reset_state`.
                None if scalars.param_steps.is_empty() => continue,
                None => return Err(OptimError::MissingState { name: name.clone() }),
            };
            let mut slots = Vec::with_capacity(self.slots.len());
            for slot in &self.slots {
                let slot_name = format!("{name}.{}", slot.name);
                match tensors.remove(slot_name.as_str()) {
                    Some(tensor) => {
                        check_shape(tensor, &info.shape)?;
                        slots.push(tensor.values().to_vec());
                    }
                    None => return Err(OptimError::MissingState { name: slot_name }),
                }
            }
            params.insert(
                name.clone(),
                ParamState { shape: info.shape.clone(), step, slots: Slots::Host(slots) },
            );
        }
        if let Some(name) = tensors.keys().next() {
            return Err(OptimError::UnknownState { name: name.to_string() });
        }
        if let Some(name) = scalars.param_steps.keys().find(|name| !outline.contains_key(*name)) {
            return Err(OptimError::UnknownState { name: name.clone() });
        }

        (self.params, self.masks) = (params, masks);
        (self.step, self.lr, self.step_lr) = (scalars.step, scalars.lr, scalars.last_lr);
        Ok(())
    }
}

fn check_shape(tensor: &NamedTensor, expected: &[usize]) -> Result<(), OptimError> {
    if tensor.shape() == expected {
        return Ok(());
    }
    Err(OptimError::StateShape {
        name: tensor.name().to_string(),
        expected: expected.to_vec(),
        found: tensor.shape().to_vec(),
    })
}

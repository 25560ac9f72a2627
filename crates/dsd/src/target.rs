//! What DSD acts on: weights by name, and the optimiser that steps them.

use std::marker::PhantomData;

use shared::{
    device::ParamStore,
    dfdx::nn::tensor_collection::TensorCollection,
    nn::state::{load_state_dict, parameters, state_dict, NamedTensor, ParamInfo},
    optim::{OptimError, Optimizer, UpdateRule},
    zoo::ImageNetwork,
};

use crate::DsdError;

/// What DSD asks of an optimiser; each of shared's can do it.
pub trait Masked {
    /// The mask of a tensor.
    fn mask(&self, name: &str) -> Option<&[bool]>;
    /// Sets or takes away the mask of a tensor.
    ///
    /// # Errors
    /// A mask of another length.
    fn set_mask(&mut self, name: &str, mask: Option<Vec<bool>>) -> Result<(), OptimError>;
    /// Whether masks hold the state too.
    fn set_mask_state(&mut self, hold: bool);
    /// Forgets the state.
    fn reset_state(&mut self);
    /// Sets the learning rate.
    ///
    /// # Errors
    /// One out of its range.
    fn set_lr(&mut self, lr: f64) -> Result<(), OptimError>;
}

impl<R: UpdateRule> Masked for Optimizer<R> {
    fn mask(&self, name: &str) -> Option<&[bool]> {
        Optimizer::mask(self, name)
    }
    fn set_mask(&mut self, name: &str, mask: Option<Vec<bool>>) -> Result<(), OptimError> {
        Optimizer::set_mask(self, name, mask)
    }
    fn set_mask_state(&mut self, hold: bool) {
        Optimizer::set_mask_state(self, hold);
    }
    fn reset_state(&mut self) {
        Optimizer::reset_state(self);
    }
    fn set_lr(&mut self, lr: f64) -> Result<(), OptimError> {
        Optimizer::set_lr(self, lr)
    }
}

/// A model with its optimiser, whatever their types.
pub trait Target {
    /// The outline of every tensor.
    fn outline(&self) -> Vec<ParamInfo>;
    /// Every tensor.
    fn weights(&self) -> Vec<NamedTensor>;
    /// Puts tensors back.
    ///
    /// # Errors
    /// Tensors that do not fit.
    fn set_weights(&mut self, weights: &[NamedTensor]) -> Result<(), DsdError>;
    /// The optimiser.
    fn optimizer(&self) -> &dyn Masked;
    /// The optimiser, to be changed.
    fn optimizer_mut(&mut self) -> &mut dyn Masked;
}

/// Any dfdx model beside any of shared's optimisers.
pub(crate) struct Pair<'a, M, R, D> {
    pub(crate) model: &'a mut M,
    pub(crate) optimizer: &'a mut Optimizer<R>,
    pub(crate) device: PhantomData<D>,
}

impl<M, R, D> Target for Pair<'_, M, R, D>
where
    M: TensorCollection<f32, D>,
    R: UpdateRule,
    D: ParamStore,
{
    fn outline(&self) -> Vec<ParamInfo> {
        parameters(&*self.model)
    }
    fn weights(&self) -> Vec<NamedTensor> {
        state_dict(&*self.model)
    }
    fn set_weights(&mut self, weights: &[NamedTensor]) -> Result<(), DsdError> {
        Ok(load_state_dict(self.model, weights)?)
    }
    fn optimizer(&self) -> &dyn Masked {
        self.optimizer
    }
    fn optimizer_mut(&mut self) -> &mut dyn Masked {
        self.optimizer
    }
}

impl Target for Box<dyn ImageNetwork> {
    fn outline(&self) -> Vec<ParamInfo> {
        self.parameters()
    }
    fn weights(&self) -> Vec<NamedTensor> {
        (**self).weights()
    }
    fn set_weights(&mut self, weights: &[NamedTensor]) -> Result<(), DsdError> {
        Ok(self.load_weights(weights)?)
    }
    fn optimizer(&self) -> &dyn Masked {
        (**self).optimizer()
    }
    fn optimizer_mut(&mut self) -> &mut dyn Masked {
        (**self).optimizer_mut()
    }
}

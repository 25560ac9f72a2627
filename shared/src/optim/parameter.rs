//! A parameter whose shape is not named, so that what an optimiser does with it is compiled once and not once for every shape.

use dfdx::nn::tensor_collection::{TensorCollection, ViewTensorMut};
use dfdx::prelude::*;
use dfdx::tensor::{Gradients, Tensor};

use super::program::{Instruction, Slots};
use super::OptimError;
use crate::device::{ParamError, ParamStore, Update};
use crate::nn::{
    state::layout,
    walk::{walk_mut, Visit},
};

/// An update of a tensor on its device.
pub(super) struct Task<'a> {
    pub(super) program: &'a [Instruction],
    /// The factor of the weights in the gradient.
    pub(super) l2: f32,
    pub(super) mask: Option<&'a [bool]>,
    /// What masked elements of the slots are held at, if they are held.
    pub(super) initial: Option<&'a [f32]>,
}

/// A parameter of a model.
pub(super) trait Parameter<D: ParamStore> {
    /// The sizes of its dimensions.
    fn sizes(&self) -> Vec<usize>;
    /// Its elements in row-major order.
    fn read(&self) -> Vec<f32>;
    /// Puts them in their places.
    fn write(&mut self, values: &[f32]) -> Result<(), layout::Reason>;
    /// [`ParamStore::update_param`].
    fn update(&mut self, grads: &mut Gradients<f32, D>, update: &mut Update<'_>) -> Result<(), ParamError>;
    /// Whether it can be updated on its device, as its elements lie.
    fn can_stay(&self) -> bool;
    /// Updates it on its device, with its state, and zeroes its gradient, of which it gives back the sum of squares.
    fn run(
        &mut self,
        grads: &mut Gradients<f32, D>,
        slots: &mut Slots,
        task: &Task<'_>,
    ) -> Result<Option<Tensor<Rank0, f32, D>>, D::Err>;
}

impl<S: Shape, D: ParamStore> Parameter<D> for Tensor<S, f32, D> {
    fn sizes(&self) -> Vec<usize> {
        layout::sizes(self)
    }

    fn read(&self) -> Vec<f32> {
        layout::read(self)
    }

    fn write(&mut self, values: &[f32]) -> Result<(), layout::Reason> {
        layout::write(self, values)
    }

    fn update(&mut self, grads: &mut Gradients<f32, D>, update: &mut Update<'_>) -> Result<(), ParamError> {
        let device = self.device().clone();
        device.update_param(self, grads, update)
    }

    fn can_stay(&self) -> bool {
        D::MAY_KEEP && layout::is_contiguous(self).is_ok_and(|whole| whole) && self.shape().num_elements() > 0
    }

    fn run(
        &mut self,
        grads: &mut Gradients<f32, D>,
        slots: &mut Slots,
        task: &Task<'_>,
    ) -> Result<Option<Tensor<Rank0, f32, D>>, D::Err> {
        if D::MAY_KEEP {
            grads.try_alloc_for(self)?;
            let mut gradient = grads.get(self);
            let squares = gradient.clone().try_square()?.try_sum::<Rank0, _>()?;
            if task.l2 != 0.0 {
                gradient.try_axpy(1.0, self, task.l2)?;
            }
            let held = slots.on_device(self, task.mask)?;
            held.run(task.program, self, gradient, task.initial)?;
            let device = self.device().clone();
            device.try_fill_with_zeros(grads.get_or_alloc_mut(self)?)?;
            return Ok(Some(squares));
        }
        Ok(None)
    }
}

/// Called with a parameter's name and the parameter.
pub(super) type Work<'a, D> = dyn FnMut(&str, &mut dyn Parameter<D>) -> Result<(), OptimError> + 'a;

/// Does `work` with every trainable parameter of `model`, in the order of its fields.
pub(super) fn for_each<M, D>(model: &mut M, work: &mut Work<'_, D>) -> Result<(), OptimError>
where
    M: TensorCollection<f32, D>,
    D: ParamStore,
{
    walk_mut(model, &mut Worker { work })
}

struct Worker<'a, 'b, D: ParamStore> {
    work: &'a mut Work<'b, D>,
}

impl<D: ParamStore> Visit<ViewTensorMut, D> for Worker<'_, '_, D> {
    type Err = OptimError;

    fn visit<S: Shape>(
        &mut self,
        name: &str,
        trainable: bool,
        tensor: &mut Tensor<S, f32, D>,
    ) -> Result<(), OptimError> {
        if trainable {
            (self.work)(name, tensor)?;
        }
        Ok(())
    }
}

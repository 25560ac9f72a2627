//! A model's gradients and its statistics as one row of numbers, for steps whose gradient comes from several models.

use dfdx::nn::tensor_collection::{
    RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorMut, ViewTensorName,
};
use dfdx::shapes::Shape;
use dfdx::tensor::{Gradients, Tensor};

use super::step::trainable;
use super::{OptimError, Optimizer, StepReport, UpdateRule};
use crate::device::ParamStore;

/// Appends the gradient of every trainable parameter, times `scale`, to `row`, in the order of the model's fields and in
/// row-major order each, and zeroes it in `grads`. A parameter that the loss did not reach has a gradient of zeros.
///
/// # Errors
/// [`OptimError::Device`] where the device refuses.
///
/// # Example
/// ```
/// use shared::dfdx::{nn::modules::Linear, prelude::*};
/// use shared::optim::{take_gradients, Sgd, SgdConfig};
///
/// let dev = Cpu::default();
/// let mut model = Linear::<2, 1, f32, Cpu>::build(&dev);
/// let x = dev.tensor([[1.0, 2.0], [3.0, 4.0]]);
/// let mut grads = model.forward(x.traced(model.alloc_grads())).sum().backward();
/// let mut row = Vec::new();
/// take_gradients(&mut model, &mut grads, 0.5, &mut row)?;
/// assert_eq!(row, [2.0, 3.0, 1.0]); // half of the gradient of weight and bias
///
/// let before = model.bias.array()[0];
/// let mut sgd = Sgd::new(SgdConfig { lr: 1.0, ..SgdConfig::default() })?;
/// sgd.step_by(&mut model, &mut grads, &row)?;
/// assert_eq!(model.bias.array()[0], before - 1.0);
/// # Ok::<(), shared::optim::OptimError>(())
/// ```
pub fn take_gradients<M, D>(
    model: &mut M,
    grads: &mut Gradients<f32, D>,
    scale: f32,
    row: &mut Vec<f32>,
) -> Result<(), OptimError>
where
    M: TensorCollection<f32, D>,
    D: ParamStore,
{
    M::iter_tensors(&mut RecursiveWalker { m: (model, String::new()), f: &mut Taker { grads, scale, row } })?;
    Ok(())
}

impl<R: UpdateRule> Optimizer<R> {
    /// [`step`](Self::step) by a gradient that was taken from elsewhere, laid out as [`take_gradients`] lays it out; what
    /// `grads` holds is zeroed and not used.
    ///
    /// # Errors
    /// [`OptimError::Length`] where `row` has not one number for each trainable element; else as [`step`](Self::step).
    pub fn step_by<M, D>(
        &mut self,
        model: &mut M,
        grads: &mut Gradients<f32, D>,
        row: &[f32],
    ) -> Result<StepReport, OptimError>
    where
        M: TensorCollection<f32, D>,
        D: ParamStore,
    {
        let elements = trainable(model)?.values().map(|info| info.numel()).sum();
        super::optimizer::check_length("all parameters together", "gradient", elements, row.len())?;
        let mut rest = row;
        self.step_adjusted(model, grads, &mut |_, _, gradient| {
            let (mine, others) = rest.split_at(gradient.len());
            gradient.copy_from_slice(mine);
            rest = others;
        })
    }
}

struct Taker<'a, D: ParamStore> {
    grads: &'a mut Gradients<f32, D>,
    scale: f32,
    row: &'a mut Vec<f32>,
}

impl<D: ParamStore> TensorVisitor<f32, D> for Taker<'_, D> {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = OptimError;
    type E2 = f32;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        opts: TensorOptions<S, f32, D>,
        (tensor, name): (&mut Tensor<S, f32, D>, String),
    ) -> Result<Option<Tensor<S, f32, D>>, Self::Err> {
        if opts.do_gradient_update {
            let (device, scale, row) = (tensor.device().clone(), self.scale, &mut *self.row);
            let lent =
                device.update_param(tensor, self.grads, &mut |_, g| row.extend(g.iter().map(|g| g * scale)));
            lent.map_err(|e| OptimError::Device { name, reason: e.to_string() })?;
        }
        Ok(None)
    }
}

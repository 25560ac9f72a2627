//! A model's gradients and its statistics as one row of numbers, for steps whose gradient comes from several models.

use dfdx::nn::tensor_collection::TensorCollection;
use dfdx::tensor::Gradients;

use super::parameter::for_each;
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
    for_each(model, &mut |name, parameter| {
        let taken = parameter.update(grads, &mut |_, g| row.extend(g.iter().map(|g| g * scale)));
        taken.map_err(|e| OptimError::Device { name: name.to_owned(), reason: e.to_string() })
    })
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

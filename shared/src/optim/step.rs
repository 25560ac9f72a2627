//! One optimiser step over a whole model, written once for every rule, model and device.

use std::collections::BTreeMap;

use dfdx::nn::tensor_collection::TensorCollection;
use dfdx::prelude::*;
use dfdx::tensor::{Gradients, Tensor};

use super::chunks;
use super::optimizer::{check_length, Optimizer};
use super::parameter::{for_each, Parameter};
use super::rule::UpdateRule;
use super::OptimError;
use crate::device::{read_back, ParamStore};
use crate::nn::state::{parameters, ParamInfo};

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// The number of the step, 1 for the first.
    pub step: u64,
    /// Its learning rate.
    pub lr: f64,
    /// How many parameters (tensors) were updated.
    pub parameters: usize,
    /// How many elements they have.
    pub elements: usize,
    /// The Euclidean norm of the whole gradient, before weight decay and masks. Not finite where training has
    /// diverged; the update has been made all the same.
    pub grad_norm: f64,
}

impl<R: UpdateRule> Optimizer<R> {
    /// Updates every trainable parameter of `model` and zeroes its gradient.
    ///
    /// Every trainable parameter takes part: one that the loss did not reach has a gradient of zeros, and still
    /// feels weight decay and momentum, as in PyTorch with `zero_grad(set_to_none=False)`.
    ///
    /// The gradients come back zeroed, and those of anything but the model's parameters untouched, so that
    /// `grads` can go straight into the next `traced`. `model.zero_grads(&mut grads)` in between is harmless.
    /// To accumulate over several batches, step only after the last.
    ///
    /// # Errors
    /// [`OptimError::DuplicateName`], [`OptimError::Length`] and [`OptimError::UnknownMask`] are found before
    /// anything changes. [`OptimError::Device`] is not: parameters before the named one have been updated.
    ///
    /// # Complexity
    /// One pass over weights, gradients and state.
    ///
    /// # Example
    /// ```
    /// use shared::dfdx::nn::modules::Linear;
    /// use shared::dfdx::prelude::*;
    /// use shared::optim::{Sgd, SgdConfig};
    ///
    /// let dev = Cpu::default();
    /// let mut model = Linear::<2, 1, f32, Cpu>::build(&dev);
    /// let (x, y) = (dev.tensor([[1.0, 2.0], [3.0, 4.0]]), dev.tensor([[1.0], [2.0]]));
    /// let mut opt = Sgd::new(SgdConfig { lr: 0.05, ..SgdConfig::default() })?;
    ///
    /// let mut grads = model.alloc_grads();
    /// let mut losses = vec![];
    /// for _ in 0..20 {
    ///     let loss = mse_loss(model.forward(x.trace(grads)), y.clone());
    ///     losses.push(loss.array());
    ///     grads = loss.backward();
    ///     opt.step(&mut model, &mut grads)?;
    /// }
    /// assert!(losses[19] < 0.1 * losses[0]);
    /// # Ok::<(), shared::optim::OptimError>(())
    /// ```
    pub fn step<M, D>(
        &mut self,
        model: &mut M,
        grads: &mut Gradients<f32, D>,
    ) -> Result<StepReport, OptimError>
    where
        M: TensorCollection<f32, D>,
        D: ParamStore,
    {
        self.step_with(model, grads, None)
    }

    /// [`step`](Self::step) on gradients that `adjust` has changed first: it is given each parameter's name, its weights and
    /// its gradient, such as to add a penalty's gradient or to clip. The report's norm is of the changed gradient.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    ///
    /// # Complexity
    /// One copy of the gradients more than [`step`](Self::step), one tensor at a time.
    ///
    /// # Example
    /// ```
    /// use shared::dfdx::nn::modules::Linear;
    /// use shared::dfdx::prelude::*;
    /// use shared::optim::{Sgd, SgdConfig};
    ///
    /// let dev = Cpu::default();
    /// let mut model = Linear::<1, 1, f32, Cpu>::build(&dev);
    /// let before = model.weight.array()[0][0];
    /// let mut opt = Sgd::new(SgdConfig { lr: 1.0, momentum: Default::default(), ..SgdConfig::default() })?;
    /// let mut grads = model.alloc_grads();
    /// opt.step_adjusted(&mut model, &mut grads, &mut |_, w, g| g.copy_from_slice(w))?; // weight decay by hand
    /// assert_eq!((before != 0.0, model.weight.array()), (true, [[0.0]]));
    /// # Ok::<(), shared::optim::OptimError>(())
    /// ```
    pub fn step_adjusted<M, D>(
        &mut self,
        model: &mut M,
        grads: &mut Gradients<f32, D>,
        adjust: &mut Adjust<'_>,
    ) -> Result<StepReport, OptimError>
    where
        M: TensorCollection<f32, D>,
        D: ParamStore,
    {
        self.step_with(model, grads, Some(adjust))
    }

    fn step_with<M, D>(
        &mut self,
        model: &mut M,
        grads: &mut Gradients<f32, D>,
        adjust: Option<&mut Adjust<'_>>,
    ) -> Result<StepReport, OptimError>
    where
        M: TensorCollection<f32, D>,
        D: ParamStore,
    {
        self.check_model(&trainable(model)?)?;
        self.begin_step();
        let report =
            StepReport { step: self.step, lr: self.step_lr, parameters: 0, elements: 0, grad_norm: 0.0 };
        let on_device = !D::lends() && adjust.is_none() && self.has_program();
        let mut step = Step { opt: self, grads, adjust, report, squares: 0.0, device_squares: None };
        for_each(model, &mut |name, parameter| {
            if on_device && parameter.can_stay() {
                step.update_on_device(name, parameter)
            } else {
                step.update(name, parameter)
            }
        })?;
        // all that the host hears of a step on a device
        let there = step.device_squares.map_or(0.0, |squares| f64::from(read_back(&squares)[0]));
        Ok(StepReport { grad_norm: (step.squares + there).sqrt(), ..step.report })
    }

    /// Sets every masked weight of `model` to 0 now, without a step.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn apply_masks<M, D>(&self, model: &mut M) -> Result<(), OptimError>
    where
        M: TensorCollection<f32, D>,
        D: ParamStore,
    {
        self.check_model(&trainable(model)?)?;
        for_each(model, &mut |name, parameter| {
            let Some(mask) = self.masks.get(name) else { return Ok(()) };
            let mut values = parameter.read();
            chunks::hold(&mut values, mask, 0.0);
            parameter.write(&values).map_err(|reason| OptimError::Device { name: name.to_owned(), reason })
        })
    }

    /// Whether state and masks fit the trainable parameters of a model.
    fn check_model(&self, outline: &BTreeMap<String, ParamInfo>) -> Result<(), OptimError> {
        for (name, info) in outline {
            if let Some(state) = self.params.get(name) {
                check_length(name, "state", info.numel(), state.shape.iter().product())?;
            }
            if let Some(mask) = self.masks.get(name) {
                check_length(name, "mask", info.numel(), mask.len())?;
            }
        }
        match self.masks.keys().find(|name| !outline.contains_key(*name)) {
            Some(name) => Err(OptimError::UnknownMask { name: name.clone() }),
            None => Ok(()),
        }
    }
}

/// The outlines of the trainable parameters of `model` by name.
pub(super) fn trainable<M, D>(model: &M) -> Result<BTreeMap<String, ParamInfo>, OptimError>
where
    M: TensorCollection<f32, D>,
    D: ParamStore,
{
    let mut outline = BTreeMap::new();
    for info in parameters(model).into_iter().filter(|info| info.trainable) {
        if let Some(twin) = outline.insert(info.name.clone(), info) {
            return Err(OptimError::DuplicateName { name: twin.name });
        }
    }
    Ok(outline)
}

/// Changes a parameter's gradient before it is used: the parameter's name, its weights, its gradient.
pub type Adjust<'a> = dyn FnMut(&str, &[f32], &mut [f32]) + 'a;

/// A step on its way through the parameters.
struct Step<'a, 'f, R, D: ParamStore> {
    opt: &'a mut Optimizer<R>,
    grads: &'a mut Gradients<f32, D>,
    adjust: Option<&'a mut Adjust<'f>>,
    report: StepReport,
    squares: f64,
    device_squares: Option<Tensor<Rank0, f32, D>>,
}

impl<R: UpdateRule, D: ParamStore> Step<'_, '_, R, D> {
    /// The update of a parameter that stays on its device, as its gradient does.
    fn update_on_device(&mut self, name: &str, parameter: &mut dyn Parameter<D>) -> Result<(), OptimError> {
        let shape = self.count(parameter);
        let squares = self.opt.update_on_device(name, &shape, parameter, self.grads)?;
        self.device_squares = match (self.device_squares.take(), squares) {
            (Some(sum), Some(squares)) => Some(
                sum.try_add(squares)
                    .map_err(|e| OptimError::Device { name: name.to_owned(), reason: e.to_string() })?,
            ),
            (sum, squares) => sum.or(squares),
        };
        Ok(())
    }

    /// The update of a parameter that is lent to the host, or copied there.
    fn update(&mut self, name: &str, parameter: &mut dyn Parameter<D>) -> Result<(), OptimError> {
        let shape = self.count(parameter);
        let mut outcome = Ok(0.0);
        let lent = parameter.update(self.grads, &mut |w, g| {
            outcome = match &mut self.adjust {
                None => self.opt.update_shaped(name, &shape, w, g),
                Some(adjust) => {
                    let mut changed = g.to_vec();
                    adjust(name, w, &mut changed);
                    self.opt.update_shaped(name, &shape, w, &changed)
                }
            };
        });
        self.squares += outcome?;
        lent.map_err(|e| OptimError::Device { name: name.to_owned(), reason: e.to_string() })
    }

    fn count(&mut self, parameter: &dyn Parameter<D>) -> Vec<usize> {
        let shape = parameter.sizes();
        self.report.parameters += 1;
        self.report.elements += shape.iter().product::<usize>();
        shape
    }
}

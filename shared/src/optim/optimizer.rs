//! The optimiser: everything about training with an update rule but the rule itself.

use std::{borrow::Cow, collections::BTreeMap};

use dfdx::shapes::Rank0;
use dfdx::tensor::{Gradients, Tensor};

use super::chunks::{self, Job};
use super::parameter::{Parameter, Task};
use super::program::Slots;
use super::rule::{Slot, StepPoint, UpdateRule, MAX_SLOTS};
use super::{OptimError, WeightDecay};
use crate::device::ParamStore;

/// An optimiser with the update rule `R`: [`Sgd`](super::Sgd), [`Adam`](super::Adam),
/// [`AdaGrad`](super::AdaGrad), [`RmsProp`](super::RmsProp), or any of them by configuration,
/// [`AnyOptimizer`](super::AnyOptimizer).
///
/// The state is plain: one `Vec<f32>` a slot and parameter, found by the parameter's name (`0.weight`), and
/// step counts. It can be read ([`slot`](Self::slot)), masked ([`set_mask`](Self::set_mask)), saved and
/// brought back ([`export_state`](Self::export_state), [`import_state`](Self::import_state)), and sent to
/// another thread. It comes into being when a parameter is first updated.
#[derive(Clone, Debug)]
pub struct Optimizer<R> {
    pub(super) rule: R,
    pub(super) slots: Vec<Slot>,
    /// The rate of the next step.
    pub(super) lr: f64,
    /// The rate of the current step, and of the one before it.
    pub(super) step_lr: f64,
    pub(super) last_lr: f64,
    pub(super) step: u64,
    pub(super) params: BTreeMap<String, ParamState>,
    pub(super) masks: BTreeMap<String, Vec<bool>>,
    /// Whether a mask holds the state too.
    pub(super) mask_state: bool,
}

/// What the optimiser keeps for one parameter.
#[derive(Clone, Debug)]
pub(super) struct ParamState {
    pub(super) shape: Vec<usize>,
    /// How many updates the parameter has had.
    pub(super) step: u64,
    /// In the order of the rule's slots.
    pub(super) slots: Slots,
}

impl<R: UpdateRule> Optimizer<R> {
    /// An optimiser that has taken no step.
    ///
    /// # Errors
    /// [`OptimError::Config`] where a setting is out of its range.
    pub fn new(rule: R) -> Result<Self, OptimError> {
        rule.validate()?;
        let (lr, slots) = (rule.initial_lr(), rule.slots());
        super::error::ensure(slots.len() <= MAX_SLOTS, rule.name(), "slots", slots.len(), "at most 3")?;
        Ok(Self {
            rule,
            slots,
            lr,
            step_lr: lr,
            last_lr: lr,
            step: 0,
            params: BTreeMap::new(),
            masks: BTreeMap::new(),
            mask_state: true,
        })
    }

    /// The settings.
    pub fn config(&self) -> &R {
        &self.rule
    }

    /// The learning rate of the next step.
    pub fn lr(&self) -> f64 {
        self.lr
    }

    /// Sets the learning rate of the steps to come.
    ///
    /// # Errors
    /// [`OptimError::Config`] where it is negative or not finite; 0 is allowed, and updates the state alone.
    pub fn set_lr(&mut self, lr: f64) -> Result<(), OptimError> {
        let allowed = "a finite number of at least 0";
        super::error::ensure(lr.is_finite() && lr >= 0.0, self.rule.name(), "lr", lr, allowed)?;
        self.lr = lr;
        Ok(())
    }

    /// How many steps have begun.
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// One state tensor of one parameter, such as `slot("0.weight", "velocity")`, in row-major order; `None`
    /// where the rule has no such slot or the parameter has had no update. It is a copy where the state is on a device.
    pub fn slot(&self, param: &str, slot: &str) -> Option<Cow<'_, [f32]>> {
        let at = self.slots.iter().position(|s| s.name == slot)?;
        self.params.get(param).map(|state| state.slots.read(at))
    }

    /// The mask of the parameter called `param`, if one is set.
    pub fn mask(&self, param: &str) -> Option<&[bool]> {
        self.masks.get(param).map(Vec::as_slice)
    }

    /// Holds the weights of `param` at exactly 0 wherever `mask` (in row-major order) is false, or lets all
    /// go with `None`.
    ///
    /// Masked elements of the state are held at their initial value, which is 0 in every slot but AdaGrad's
    /// `sum`, so that a weight let go later starts afresh. They are cleared at once; the weights
    /// at the next step, or at once by [`apply_masks`](Self::apply_masks). Masks are part of the saved state.
    ///
    /// # Errors
    /// [`OptimError::Length`] where the parameter is known and has another number of elements. A parameter not
    /// known yet is checked by the next step, which also refuses a mask that no parameter of the model has.
    pub fn set_mask(&mut self, param: &str, mask: Option<Vec<bool>>) -> Result<(), OptimError> {
        let state = self.params.get_mut(param);
        let Some(mask) = mask else {
            // off the device, where the mask is too
            state.map(|state| state.slots.host());
            self.masks.remove(param);
            return Ok(());
        };
        if let Some(state) = state {
            check_length(param, "mask", state.shape.iter().product(), mask.len())?;
            let slots = state.slots.host();
            if self.mask_state {
                for (values, slot) in slots.iter_mut().zip(&self.slots) {
                    chunks::hold(values, &mask, slot.initial);
                }
            }
        }
        self.masks.insert(param.to_string(), mask);
        Ok(())
    }

    /// Whether masks hold the state of masked elements too, as they do unless told otherwise. With `false` the state goes on
    /// taking in gradients under the mask, so that a weight let go later moves at once by what has gathered there: what
    /// masks laid over another library's optimiser do. A setting and no state: it is not exported.
    pub fn set_mask_state(&mut self, hold: bool) {
        self.mask_state = hold;
    }

    /// Forgets the state of every parameter (velocities, averages, counts of updates), as if it had had no update. The
    /// learning rate, the number of steps and the masks stay.
    pub fn reset_state(&mut self) {
        self.params.clear();
    }

    /// Begins a step by hand: counts it and fixes its learning rate. [`step`](Self::step) does so by itself.
    pub fn begin_step(&mut self) {
        self.last_lr = if self.step == 0 { self.lr } else { self.step_lr };
        self.step_lr = self.lr;
        self.step += 1;
    }

    /// Updates one parameter, given as plain slices, within the step begun by
    /// [`begin_step`](Self::begin_step). `name` finds its state again.
    ///
    /// # Errors
    /// [`OptimError::Length`] where the gradient, or a mask or state under this name, has another length
    /// than `w`. Nothing has changed then.
    pub fn update(&mut self, name: &str, w: &mut [f32], g: &[f32]) -> Result<(), OptimError> {
        let shape = match self.params.get(name) {
            Some(state) => state.shape.clone(),
            None => vec![w.len()],
        };
        self.update_shaped(name, &shape, w, g).map(|_| ())
    }

    /// [`update`](Self::update) with the shape to save the state by; gives back the gradient's sum of squares.
    pub(super) fn update_shaped(
        &mut self,
        name: &str,
        shape: &[usize],
        w: &mut [f32],
        g: &[f32],
    ) -> Result<f64, OptimError> {
        check_length(name, "gradient", w.len(), g.len())?;
        let at = self.begin_update(name, shape, w.len())?;
        let Some(state) = self.params.get_mut(name) else { return Ok(0.0) };
        let mask = self.masks.get(name).map(Vec::as_slice);
        let mut slots = state.slots.host().iter_mut();
        let slots = std::array::from_fn(|_| slots.next().map_or(&mut [][..], |s| s.as_mut_slice()));
        let initial = std::array::from_fn(|i| self.slots.get(i).map_or(0.0, |s| s.initial));
        Ok(chunks::run(&self.rule, &at, &initial, Job { w, g, slots, mask, hold_state: self.mask_state }))
    }

    /// [`update_shaped`](Self::update_shaped) of a parameter on its device, by the rule's program; the sum of squares stays there.
    pub(super) fn update_on_device<D: ParamStore>(
        &mut self,
        name: &str,
        shape: &[usize],
        parameter: &mut dyn Parameter<D>,
        grads: &mut Gradients<f32, D>,
    ) -> Result<Option<Tensor<Rank0, f32, D>>, OptimError> {
        let at = self.begin_update(name, shape, shape.iter().product())?;
        let program = self.rule.program(&at).unwrap_or_default();
        let Some(state) = self.params.get_mut(name) else { return Ok(None) };
        let initial: Vec<f32> = self.slots.iter().map(|slot| slot.initial).collect();
        let task = Task {
            program: &program,
            l2: at.l2,
            mask: self.masks.get(name).map(Vec::as_slice),
            initial: self.mask_state.then_some(&initial),
        };
        let done = parameter.run(grads, &mut state.slots, &task);
        done.map_err(|e| OptimError::Device { name: name.to_owned(), reason: e.to_string() })
    }

    /// Whether the rule can update tensors on a device.
    pub(super) fn has_program(&self) -> bool {
        let first = StepPoint { step: 1, lr: self.step_lr, last_lr: self.last_lr, l2: 0.0, shrink: 1.0 };
        self.rule.program(&first).is_some()
    }

    /// Counts an update of a parameter of `len` elements, gives it a state if it has none, and says where it stands.
    fn begin_update(&mut self, name: &str, shape: &[usize], len: usize) -> Result<StepPoint, OptimError> {
        if let Some(mask) = self.masks.get(name) {
            check_length(name, "mask", len, mask.len())?;
        }
        if let Some(state) = self.params.get(name) {
            check_length(name, "state", len, state.shape.iter().product())?;
        }
        let state = self.params.entry(name.to_string()).or_insert_with(|| {
            let slots = self.slots.iter().map(|slot| vec![slot.initial; len]).collect();
            ParamState { shape: shape.to_vec(), step: 0, slots: Slots::Host(slots) }
        });
        state.step += 1;
        let (decay, decay_on) = self.rule.weight_decay();
        let decay = if decay_on.chooses(name) { decay } else { WeightDecay::None };
        let (l2, shrink) = match decay {
            WeightDecay::None => (0.0, 1.0),
            WeightDecay::L2(l) => (l as f32, 1.0),
            WeightDecay::Decoupled(l) => (0.0, (1.0 - self.step_lr * l) as f32),
        };
        Ok(StepPoint { step: state.step, lr: self.step_lr, last_lr: self.last_lr, l2, shrink })
    }
}

pub(super) fn check_length(
    name: &str,
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), OptimError> {
    if expected == found {
        Ok(())
    } else {
        Err(OptimError::Length { name: name.to_string(), what, expected, found })
    }
}

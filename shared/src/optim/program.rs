//! An update rule as a few instructions on whole tensors, for devices whose memory the host cannot touch.

use std::{any::Any, borrow::Cow};

use dfdx::prelude::*;
use dfdx::tensor::Tensor;
use dfdx::tensor_ops::Device;

use super::thread_bound::ThreadBound;
use crate::device::{read_back, ParamStore};

/// A tensor that an [`Instruction`] reads or writes, as long as the parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// The weights.
    Weight,
    /// Their gradient.
    Gradient,
    /// A slot, by its place among [`slots`](super::UpdateRule::slots).
    Slot(usize),
    /// Room for what lies between; the gradient, before anything is written to it.
    Scratch,
}

/// One step of an update rule's arithmetic, element by element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instruction {
    /// to ← keep · to + share · from.
    Blend {
        /// What is changed.
        to: Register,
        /// Its factor.
        keep: f64,
        /// What is added.
        from: Register,
        /// Its factor.
        share: f64,
    },
    /// to ← of².
    Square {
        /// What is written.
        to: Register,
        /// What is squared.
        of: Register,
    },
    /// to ← max(to, of).
    Maximum {
        /// What is changed.
        to: Register,
        /// The other operand.
        of: Register,
    },
    /// to ← max(0, to).
    Positive {
        /// What is changed.
        to: Register,
    },
    /// to ← numerator / (√(square + inside) / root + outside).
    OverRoot {
        /// What is written.
        to: Register,
        /// What is divided.
        numerator: Register,
        /// What the root is of.
        square: Register,
        /// Added under the root.
        inside: f64,
        /// Divides the root.
        root: f64,
        /// Added to the quotient.
        outside: f64,
    },
}

/// A parameter's state tensors, wherever they are.
#[derive(Debug)]
pub(super) enum Slots {
    Host(Vec<Vec<f32>>),
    Device(ThreadBound<Box<dyn Held>>),
}

/// A copy is on the host, and may go anywhere.
impl Clone for Slots {
    fn clone(&self) -> Self {
        Slots::Host(self.all())
    }
}

impl Slots {
    /// One of them in row-major order.
    ///
    /// # Panics
    /// As [`all`](Self::all).
    pub(super) fn read(&self, at: usize) -> Cow<'_, [f32]> {
        match self {
            Slots::Host(slots) => Cow::Borrowed(&slots[at]),
            Slots::Device(held) => Cow::Owned(here(held.get()).read(at)),
        }
    }

    /// All of them in row-major order.
    ///
    /// # Panics
    /// On another thread than the one that brought them to a device.
    fn all(&self) -> Vec<Vec<f32>> {
        match self {
            Slots::Host(slots) => slots.clone(),
            Slots::Device(held) => {
                let held = here(held.get());
                (0..held.count()).map(|at| held.read(at)).collect()
            }
        }
    }

    /// All of them on the host, brought there if they were not.
    ///
    /// # Panics
    /// As [`all`](Self::all).
    pub(super) fn host(&mut self) -> &mut Vec<Vec<f32>> {
        if let Slots::Device(_) = self {
            *self = Slots::Host(self.all());
        }
        match self {
            Slots::Host(slots) => slots,
            Slots::Device(_) => unreachable!("brought to the host above"),
        }
    }

    /// All of them, and `mask` as zeros and ones, on the device of `like`; brought there if they were not.
    ///
    /// # Panics
    /// As [`all`](Self::all).
    pub(super) fn on_device<S: Shape, D: ParamStore>(
        &mut self,
        like: &Tensor<S, f32, D>,
        mask: Option<&[bool]>,
    ) -> Result<&mut OnDevice<S, D>, D::Err> {
        let there = matches!(self, Slots::Device(held) if here(held.get()).as_any().is::<OnDevice<S, D>>());
        if !there {
            let (device, shape) = (like.device(), *like.shape());
            let slots = self.host().iter().map(|slot| device.try_tensor_from_vec(slot.clone(), shape));
            let slots = slots.collect::<Result<Vec<_>, _>>()?;
            let ones = |mask: &[bool]| mask.iter().map(|keep| f32::from(u8::from(*keep))).collect();
            let mask = mask.map(|mask| device.try_tensor_from_vec(ones(mask), shape)).transpose()?;
            *self = Slots::Device(ThreadBound::new(Box::new(OnDevice { slots, mask })));
        }
        match self {
            Slots::Device(held) => match here(held.get_mut()).as_any_mut().downcast_mut() {
                Some(held) => Ok(held),
                None => unreachable!("of this type since above"),
            },
            Slots::Host(_) => unreachable!("brought to the device above"),
        }
    }
}

/// What a thread sees of state on a device.
#[track_caller]
fn here<T>(held: Option<T>) -> T {
    match held {
        Some(held) => held,
        None => panic!(
            "an optimiser's state is on a device of another thread: clone it there, and send the clone"
        ),
    }
}

/// State tensors on a device that is not named.
pub(super) trait Held {
    fn count(&self) -> usize;
    fn read(&self, at: usize) -> Vec<f32>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// State tensors on a device, and the mask of the parameter.
pub(super) struct OnDevice<S: Shape, D: ParamStore> {
    slots: Vec<Tensor<S, f32, D>>,
    mask: Option<Tensor<S, f32, D>>,
}

impl<S: Shape, D: ParamStore> Held for OnDevice<S, D> {
    fn count(&self) -> usize {
        self.slots.len()
    }

    fn read(&self, at: usize) -> Vec<f32> {
        read_back(&self.slots[at])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl<S: Shape, D: ParamStore> OnDevice<S, D> {
    /// Runs a rule's program and then the mask. `initial` is what masked elements of the slots are held at, if they are held.
    pub(super) fn run(
        &mut self,
        program: &[Instruction],
        weight: &mut Tensor<S, f32, D>,
        gradient: Tensor<S, f32, D>,
        initial: Option<&[f32]>,
    ) -> Result<(), D::Err> {
        let scratch = gradient.clone();
        let mut machine = Machine { weight, gradient, slots: &mut self.slots, scratch };
        program.iter().try_for_each(|instruction| machine.run(*instruction))?;
        let Some(mask) = &self.mask else { return Ok(()) };
        let off = mask.clone().try_sub(1.0)?.try_mul(weight.clone())?;
        weight.try_axpy(1.0, &off, 1.0)?;
        for (slot, initial) in self.slots.iter_mut().zip(initial.unwrap_or_default()) {
            // what is masked goes to the initial value: (slot - initial) mask + initial
            *slot = slot.clone().try_sub(*initial)?.try_mul(mask.clone())?.try_add(*initial)?;
        }
        Ok(())
    }
}

struct Machine<'a, S: Shape, D: Device<f32>> {
    weight: &'a mut Tensor<S, f32, D>,
    gradient: Tensor<S, f32, D>,
    slots: &'a mut [Tensor<S, f32, D>],
    scratch: Tensor<S, f32, D>,
}

impl<S: Shape, D: Device<f32>> Machine<'_, S, D> {
    fn run(&mut self, instruction: Instruction) -> Result<(), D::Err> {
        match instruction {
            Instruction::Blend { to, keep, from, share } => {
                let from = self.at(from).clone();
                self.at(to).try_axpy(keep, &from, share)
            }
            Instruction::Square { to, of } => {
                let square = self.at(of).clone().try_square()?;
                self.write(to, square)
            }
            Instruction::Maximum { to, of } => {
                let of = self.at(of).clone();
                let larger = self.at(to).clone().try_maximum(of)?;
                self.write(to, larger)
            }
            Instruction::Positive { to } => {
                let positive = self.at(to).clone().try_relu()?;
                self.write(to, positive)
            }
            Instruction::OverRoot { to, numerator, square, inside, root, outside } => {
                let divisor = self.at(square).clone().try_add(inside as f32)?.try_sqrt()?;
                let divisor = divisor.try_div(root as f32)?.try_add(outside as f32)?;
                let quotient = self.at(numerator).clone().try_div(divisor)?;
                self.write(to, quotient)
            }
        }
    }

    fn at(&mut self, register: Register) -> &mut Tensor<S, f32, D> {
        match register {
            Register::Weight => self.weight,
            Register::Gradient => &mut self.gradient,
            Register::Slot(at) => &mut self.slots[at],
            Register::Scratch => &mut self.scratch,
        }
    }

    fn write(&mut self, register: Register, value: Tensor<S, f32, D>) -> Result<(), D::Err> {
        if register == Register::Weight {
            // in place: gradients know a weight by the tensor that it is
            return self.weight.try_axpy(0.0, &value, 1.0);
        }
        *self.at(register) = value;
        Ok(())
    }
}

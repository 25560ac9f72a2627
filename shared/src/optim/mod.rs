//! Optimisers whose state can be read, masked, saved and sent, and learning-rate schedules.
//!
//! An [`UpdateRule`] is element-wise arithmetic and its settings: [`SgdConfig`], [`AdamConfig`],
//! [`AdaGradConfig`], [`RmsPropConfig`]. An [`Optimizer`] is a rule with everything around it, written once: state by
//! parameter name, step counts, weight decay by name, masks, threads, devices, saving. [`Sgd`], [`Adam`],
//! [`AdaGrad`] and [`RmsProp`] name the pairs; [`AnyOptimizer`] takes its rule from a settings file.
//!
//! Works on any dfdx model, as in [`Optimizer::step`]'s example. Results are the same bits on any number of
//! threads. The default settings and the state's names are PyTorch's.

mod adagrad;
mod adam;
mod chunks;
mod config;
mod decay;
mod error;
mod flat;
mod optimizer;
mod parameter;
mod program;
mod rmsprop;
mod rule;
mod saved;
mod schedule;
mod sgd;
mod step;
#[cfg(test)]
mod tests;
mod thread_bound;

pub use crate::device::{ParamError, ParamStore, Update};
pub use adagrad::{AdaGrad, AdaGradConfig, EpsPlacement};
pub use adam::{Adam, AdamConfig};
pub use config::{AnyOptimizer, OptimizerConfig};
pub use decay::{ParamFilter, WeightDecay};
pub use error::OptimError;
pub use flat::take_gradients;
pub use optimizer::Optimizer;
pub use program::{Instruction, Register};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use rule::{Slot, StepPoint, UpdateRule, MAX_SLOTS};
pub use saved::{OptimScalars, OptimState};
pub use schedule::{Decay, Schedule, Warmup};
pub use sgd::{HeavyBallForm, Momentum, Sgd, SgdConfig};
pub use step::{Adjust, StepReport};

//! What an update rule is: element-wise arithmetic, and nothing else.

use super::{program::Instruction, OptimError, ParamFilter, WeightDecay};

/// The most state tensors ("slots") that a rule may keep for a parameter.
pub const MAX_SLOTS: usize = 3;

/// One state tensor that a rule keeps beside every parameter, element for element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// Its name, such as `velocity`; PyTorch's where it has one.
    pub name: &'static str,
    /// What its elements start at.
    pub initial: f32,
}

impl Slot {
    /// A slot that starts at zero.
    pub const fn zeros(name: &'static str) -> Self {
        Self { name, initial: 0.0 }
    }
}

/// What a rule knows about the step it is taking, the same for every element of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepPoint {
    /// How many updates this parameter has had, this one included: 1 for the first.
    pub step: u64,
    /// The learning rate of this step.
    pub lr: f64,
    /// The learning rate of the step before; `lr` itself in the first.
    pub last_lr: f64,
    /// The coefficient `l` of L2 decay, `g <- g + l w`; 0 for none.
    pub l2: f32,
    /// The factor `1 - lr l` of decoupled decay, `w <- shrink w`; 1 for none.
    pub shrink: f32,
}

/// An element-wise update rule, object-safe: weights, gradient and state in, weights and state out.
///
/// [`Optimizer`](super::Optimizer) does all the rest: it keeps the slots by name, counts steps, knows the learning
/// rate, applies masks, walks models, and cuts large parameters into chunks over threads. Since
/// [`update`](Self::update) may be called on any chunk of a parameter, it must treat each element alone; then results
/// do not depend on the number of threads.
pub trait UpdateRule: Send + Sync {
    /// The rule's name in saved states, such as `sgd`.
    fn name(&self) -> &'static str;

    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// [`OptimError::Config`], naming the setting, its value and what is allowed.
    fn validate(&self) -> Result<(), OptimError>;

    /// The learning rate to begin with.
    fn initial_lr(&self) -> f64;

    /// The slots that these settings need, at most [`MAX_SLOTS`].
    fn slots(&self) -> Vec<Slot>;

    /// The weight decay and the parameters that have it.
    fn weight_decay(&self) -> (WeightDecay, &ParamFilter);

    /// Updates a chunk of weights `w` with their gradient `g` and the matching chunks of the slots, in the
    /// order of [`slots`](Self::slots); the slots that the rule does not have come empty.
    ///
    /// All non-empty slices have one length. The decay in `at` is the rule's to apply, in the same pass:
    /// `w <- shrink w`, then `g + l2 w` wherever the formulas say `g`.
    fn update(&self, at: &StepPoint, w: &mut [f32], g: &[f32], slots: [&mut [f32]; MAX_SLOTS]);

    /// [`update`](Self::update) as instructions on whole tensors, for a device whose memory the host cannot touch: state
    /// then stays on the device from step to step. `None`, where a rule has no such program: then weights, gradient and state
    /// go to the host and back in every step.
    ///
    /// The gradient has [`at.l2`](StepPoint::l2) `w` added already; [`at.shrink`](StepPoint::shrink) is the program's to apply.
    fn program(&self, _at: &StepPoint) -> Option<Vec<Instruction>> {
        None
    }
}

/// The gradient and the weight of one element after weight decay.
///
/// With `l2 = 0` and `shrink = 1` it hands back what it was given, so that rules need no second loop.
#[inline(always)]
pub(crate) fn decayed(at: &StepPoint, w: f32, g: f32) -> (f32, f32) {
    (g + at.l2 * w, w * at.shrink)
}

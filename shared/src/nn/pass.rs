//! What a forward pass is for.

use dfdx::{
    shapes::Shape,
    tensor::{Tape, Tensor},
};

use crate::{
    device::Backend,
    ops::dropout::{dropout, DropRate},
    train::RunRng,
};

/// Whether a model trains or is used: what batch normalisation and dropout ask.
///
/// Models hand it down to their layers, so that one `forward` does for both:
///
/// ```
/// use shared::{dfdx::prelude::*, nn::{Activation, BatchNorm2d, Pass, Training}, train::RunRng};
/// let dev = Cpu::default();
/// let mut norm: BatchNorm2d<2, f32, Cpu> = BuildModule::try_build(&dev)?;
/// let x: Tensor<Rank4<8, 2, 3, 3>, f32, _> = dev.sample_normal();
/// let mut training = Training::new(RunRng::new(7, 1));
/// norm.forward(x.clone(), Activation::Relu, &mut Pass::Train(&mut training))?;
/// norm.forward(x, Activation::Relu, &mut Pass::Eval)?;
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Debug)]
pub enum Pass<'a> {
    /// Batch normalisation takes the batch's own statistics and updates the running ones; dropout drops.
    Train(&'a mut Training),
    /// Batch normalisation takes the running statistics; dropout does nothing. No layer changes.
    Eval,
}

/// What training passes need besides the model, to be kept in a checkpoint with it.
#[derive(Clone, Debug)]
pub struct Training {
    /// Draws the masks of dropout.
    pub dropout: RunRng,
    /// Examples whose statistics a batch normalisation takes together ("ghost batch"), at least 1; `None` takes the
    /// whole batch.
    pub group: Option<usize>,
    /// Whether batch normalisations update their running statistics. Off, a pass trains and leaves no trace in them.
    pub update_running: bool,
    /// The share of hidden values that models with [`Pass::drop_hidden`] in them drop; none by default.
    pub drop_rate: DropRate,
}

impl Pass<'_> {
    /// Dropout at [`Training::drop_rate`], a rate known at run time only; x itself in use, and where the rate is 0.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn drop_hidden<S: Shape, D: Backend, T: Tape<f32, D>>(
        &mut self,
        x: Tensor<S, f32, D, T>,
    ) -> Result<Tensor<S, f32, D, T>, D::Err> {
        match self {
            Pass::Train(training) => dropout(x, training.drop_rate, &mut training.dropout),
            Pass::Eval => Ok(x),
        }
    }
}

impl Training {
    /// Whole batches, running statistics updated, nothing dropped.
    #[must_use]
    pub fn new(dropout: RunRng) -> Self {
        Training { dropout, group: None, update_running: true, drop_rate: DropRate::NONE }
    }
}

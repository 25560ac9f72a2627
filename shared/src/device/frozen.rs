//! Layers whose weights only pass gradients on.

use std::cell::Cell;

use super::scope;

thread_local! {
    static FROZEN: Cell<bool> = const { Cell::new(false) };
}

/// Runs a forward pass whose linear and convolutional weights get no gradient; gradients go through them to their inputs
/// as ever. It saves a third of the backward pass of a network that is looked through and not trained, such as the
/// discriminator in a generator's step.
///
/// It counts for ops that are recorded by this thread while `work` runs, and on devices with kernels of our own (the CPU);
/// elsewhere the gradients are computed all the same. Who trains the weights must not read a gradient from such a pass.
///
/// # Example
/// ```
/// use shared::{device::frozen, dfdx::prelude::*, ops::linear::{linear, Activation}};
/// let dev = Cpu::default();
/// let (w, b) = (dev.tensor([[2.0, -1.0]]), dev.tensor([0.5]));
/// let x = dev.tensor([[1.0, 3.0]]);
/// let y: Tensor<Rank2<1, 1>, f32, _, _> =
///     frozen(|| linear(x.leaky_trace(), &w, &b, Activation::Identity))?;
/// let mut grads = y.sum::<Rank0, _>().backward();
/// assert_eq!(grads.get(&x).array(), [[2.0, -1.0]]);
/// grads.try_alloc_for(&w)?; // it had none
/// assert_eq!(grads.get(&w).array(), [[0.0, 0.0]]);
/// # Ok::<(), CpuError>(())
/// ```
pub fn frozen<R>(work: impl FnOnce() -> R) -> R {
    scope::with(&FROZEN, work)
}

/// Whether weights read now are to have no gradient.
pub(super) fn is_frozen() -> bool {
    FROZEN.with(Cell::get)
}

//! The host as a device that has no kernel of ours.

#[cfg(any(test, feature = "testing"))]
mod on {
    use std::cell::Cell;

    use crate::device::scope;

    thread_local! {
        static COMPOSED: Cell<bool> = const { Cell::new(false) };
    }

    /// Runs `work` with every op of this crate composed of dfdx's own, and with every optimiser's step made of them: what a
    /// device computes for which we have no kernel, such as a GPU. So the path that such a device takes can be tested on any
    /// machine.
    ///
    /// It counts for ops of this thread while `work` runs; passes back from such ops are of dfdx's making, wherever they run.
    ///
    /// # Example
    /// ```
    /// use shared::{device::without_kernels, dfdx::prelude::*, ops::linear::{linear, Activation}};
    /// let dev = Cpu::default();
    /// let (x, w, b) = (dev.tensor([[1.0, 3.0]]), dev.tensor([[2.0, -1.0]]), dev.tensor([0.5]));
    /// let ours: Tensor<Rank2<1, 1>, f32, _> = linear(x.clone(), &w, &b, Activation::Identity)?;
    /// let theirs = without_kernels(|| linear(x, &w, &b, Activation::Identity))?;
    /// assert_eq!(ours.array(), theirs.array());
    /// # Ok::<(), CpuError>(())
    /// ```
    pub fn without_kernels<R>(work: impl FnOnce() -> R) -> R {
        scope::with(&COMPOSED, work)
    }

    pub(crate) fn kernels_are_off() -> bool {
        COMPOSED.with(Cell::get)
    }
}

#[cfg(any(test, feature = "testing"))]
pub(crate) use on::kernels_are_off;
#[cfg(any(test, feature = "testing"))]
pub use on::without_kernels;

/// Whether ops are to be composed of dfdx's own on this thread now. Only builds with the feature `testing` can be told so, and
/// others have no code for it.
#[cfg(not(any(test, feature = "testing")))]
pub(crate) const fn kernels_are_off() -> bool {
    false
}

/// `$kernel`, or `$composed` within [`without_kernels`](crate::device::without_kernels).
macro_rules! kernel_or {
    ($kernel:expr, $composed:expr) => {
        if cfg!(any(test, feature = "testing")) && $crate::device::kernels_are_off() {
            $composed
        } else {
            $kernel
        }
    };
}
pub(crate) use kernel_or;

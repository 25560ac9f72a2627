//! The one way by which values of a tensor come to the host.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use dfdx::{
    shapes::{HasShape, Shape},
    tensor::{CopySlice, Storage, Tensor},
};

/// Nanoseconds.
static WAITED: AtomicU64 = AtomicU64::new(0);

/// How long all threads together have waited in [`read_back`]: what a step on a device takes beyond what the host needs to
/// launch it. Near 0 on the host, and on a device that is done before the host has launched the next kernel.
#[must_use]
pub fn waited() -> Duration {
    Duration::from_nanos(WAITED.load(Ordering::Relaxed))
}

#[cfg(any(test, feature = "testing"))]
mod counted {
    use std::cell::Cell;

    thread_local! {
        static READS: Cell<usize> = const { Cell::new(0) };
    }

    /// How often this thread has [read a tensor back](super::read_back): each time a host waits for its device.
    #[must_use]
    pub fn read_backs() -> usize {
        READS.with(Cell::get)
    }

    pub(super) fn count() {
        READS.with(|reads| reads.set(reads.get() + 1));
    }
}

#[cfg(any(test, feature = "testing"))]
pub use counted::read_backs;

/// The value of a tensor of one element, such as a loss: [`read_back`] of a number.
#[must_use]
pub fn read_number<S: Shape, D: Storage<f32>, T>(tensor: &Tensor<S, f32, D, T>) -> f64 {
    read_back(tensor).first().map_or(f64::NAN, |value| f64::from(*value))
}

/// The elements of a tensor in row-major order, on the host.
///
/// On a device of its own this waits until everything before it is computed, and copies: a training step does it for its loss
/// and for the norm of its gradient, and for nothing else.
///
/// # Example
/// ```
/// use shared::{device::read_back, dfdx::prelude::*};
/// let dev = Cpu::default();
/// let t: Tensor<Rank2<2, 1>, f32, _> = dev.tensor([[1.0], [2.0]]);
/// assert_eq!(read_back(&t), [1.0, 2.0]);
/// ```
#[must_use]
pub fn read_back<S: Shape, D: Storage<f32>, T>(tensor: &Tensor<S, f32, D, T>) -> Vec<f32> {
    // dfdx's iterators do not bear an empty tensor
    if tensor.shape().num_elements() == 0 {
        return Vec::new();
    }
    wait(|| tensor.as_vec())
}

/// [`read_back`] of a contiguous tensor: one copy, where that goes element by element.
pub(crate) fn read_back_contiguous<S: Shape, D: CopySlice<f32>>(tensor: &Tensor<S, f32, D>) -> Vec<f32> {
    wait(|| {
        let mut values = vec![0.0; tensor.shape().num_elements()];
        tensor.copy_into(&mut values);
        values
    })
}

/// Counts a read, and takes its time.
fn wait(read: impl FnOnce() -> Vec<f32>) -> Vec<f32> {
    #[cfg(any(test, feature = "testing"))]
    counted::count();
    let start = Instant::now();
    let values = read();
    WAITED.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    values
}

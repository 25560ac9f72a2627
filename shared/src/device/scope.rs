//! Switches that hold for a thread while a piece of work runs.

use std::{cell::Cell, thread::LocalKey};

/// Runs `work` with `switch` on, and puts back what it was, also when `work` panics.
pub(super) fn with<R>(switch: &'static LocalKey<Cell<bool>>, work: impl FnOnce() -> R) -> R {
    struct Restore(&'static LocalKey<Cell<bool>>, bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            self.0.with(|switch| switch.set(self.1));
        }
    }
    let _restore = Restore(switch, switch.with(|switch| switch.replace(true)));
    work()
}

//! A value that only the thread that made it can touch, in a type that may be sent.

use std::{
    fmt,
    mem::ManuallyDrop,
    thread::{self, ThreadId},
};

/// A value of any type, sendable because other threads than its own get nothing of it. Dropped elsewhere, it leaks.
///
/// Tensors on a device may hold handles that no other thread may have; an optimiser with such state can still be part of
/// something that is sent.
pub(super) struct ThreadBound<T> {
    owner: ThreadId,
    value: ManuallyDrop<T>,
}

// SAFETY: every access to `value`, its drop included, first checks that it is made by the thread that built it, so the value
// itself never leaves that thread. Ids of threads are not used again.
unsafe impl<T> Send for ThreadBound<T> {}
// SAFETY: as above; a reference from another thread leads to no access.
unsafe impl<T> Sync for ThreadBound<T> {}

impl<T> ThreadBound<T> {
    pub(super) fn new(value: T) -> Self {
        ThreadBound { owner: thread::current().id(), value: ManuallyDrop::new(value) }
    }

    /// The value, on its own thread.
    pub(super) fn get(&self) -> Option<&T> {
        self.is_here().then(|| &*self.value)
    }

    /// The value, on its own thread.
    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        self.is_here().then(|| &mut *self.value)
    }

    fn is_here(&self) -> bool {
        thread::current().id() == self.owner
    }
}

impl<T> Drop for ThreadBound<T> {
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: this is the value's only drop, and nothing reads it afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) }
        }
    }
}

impl<T> fmt::Debug for ThreadBound<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThreadBound({:?})", self.owner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        rc::Rc,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    static DROPS: AtomicUsize = AtomicUsize::new(0);

    struct Counted(Rc<i32>);
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn another_thread_gets_nothing_and_drops_nothing() {
        let mut here = ThreadBound::new(Counted(Rc::new(3)));
        assert_eq!(here.get().map(|v| *v.0), Some(3));
        assert!(here.get_mut().is_some());
        let away = ThreadBound::new(Counted(Rc::new(4)));
        thread::spawn(move || assert!(away.get().is_none())).join().unwrap();
        assert_eq!(DROPS.load(Ordering::SeqCst), 0);
        drop(here);
        assert_eq!(DROPS.load(Ordering::SeqCst), 1);
    }
}

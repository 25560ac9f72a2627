//! Buffers that live on between calls, because the first touch of fresh memory costs more than most uses of it.

use std::cell::RefCell;

/// Buffers that a thread keeps at most.
const KEPT: usize = 8;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of `len` elements with anything in it; back to its thread's store when dropped.
///
/// Not a closure's argument, because closures inside SIMD code are not always compiled for it.
pub(crate) struct Buffer {
    /// `len` elements and what a longer one before it had.
    values: Vec<f32>,
    len: usize,
}

impl Buffer {
    pub(crate) fn of(len: usize) -> Self {
        let mut buffer = FREE.with(|free| free.borrow_mut().pop()).unwrap_or_default();
        if buffer.len() < len {
            buffer.resize(len, 0.0);
        }
        Buffer { values: buffer, len }
    }
}

impl std::ops::Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.values[..self.len]
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.values);
        FREE.with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < KEPT {
                free.push(buffer);
            }
        });
    }
}

//! Counts what a thread allocates, so that a file cannot make a loader take memory that the file does not pay for.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// The most that is ever granted at once: a request that no file of these tests can want.
const MOST: usize = 1 << 31;

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn grew(by: usize) {
    let held = HELD.get() + by;
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

fn shrank(by: usize) {
    // what another thread allocated may be freed here
    HELD.set(HELD.get().saturating_sub(by));
}

// SAFETY: every call goes to the system's allocator with the arguments that came, and what that answers is given back; a
// request above `MOST` is answered by null, which the trait allows for any reason. The counters are plain cells without
// destructors, so that touching them allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        if layout.size() > MOST {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller keeps to the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        if layout.size() > MOST {
            return std::ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrank(layout.size());
        // SAFETY: as above; `pointer` came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grew(size.saturating_sub(layout.size()));
        shrank(layout.size().saturating_sub(size));
        if size > MOST {
            return std::ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What `work` gives, and the most that it held beside what was held before.
pub(crate) fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let value = work();
    (value, PEAK.get().saturating_sub(before))
}

#[test]
fn what_is_held_for_a_moment_is_counted() {
    let (len, peak) = peak(|| vec![1u8; 5_000_000].len());
    assert_eq!(len, 5_000_000);
    assert!((5_000_000..5_100_000).contains(&peak), "{peak}");
}

//! Tasks that need the results of earlier tasks, on all threads and without barriers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The results so far, as a task sees them.
#[derive(Debug)]
pub struct Earlier<'a, T> {
    slots: &'a [OnceLock<T>],
    stopped: &'a AtomicBool,
}

impl<T> Earlier<'_, T> {
    /// The result of task `index`, waited for; `None` once another task has failed.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        let mut spins = 0u32;
        loop {
            if let Some(value) = self.slots[index].get() {
                return Some(value);
            }
            if self.stopped.load(Ordering::Relaxed) {
                return None;
            }
            // Waits are short: the task is running on another thread.
            spins += 1;
            if spins < 64 {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

/// Runs tasks `0..count`, each of which may wait for results of lower tasks, and returns all results.
///
/// Threads take tasks in order, one at a time, so that the lowest unfinished task always runs and never waits: there
/// is no deadlock. They are threads of this call, as many as the current rayon pool has, because a pool's thread that
/// waits inside a nested job could hold the very task it waits for. What a task computes may depend on its index and
/// on the results of lower tasks only; then the results do not depend on the number of threads.
///
/// A task returns `None` when `Earlier::get` did. `progress` is called after every task with how many are done.
///
/// # Errors
///
/// That of the lowest task that failed and was started.
///
/// # Example
/// ```
/// use shared::parallel::pipeline;
/// // 1, 1 + 1, 1 + 1 + 2, ...
/// let sums = pipeline(5, &|_| {}, |index, earlier| {
///     let mut sum = 1;
///     for k in 0..index {
///         let Some(value) = earlier.get(k) else { return Ok(None) };
///         sum += value;
///     }
///     Ok::<_, String>(Some(sum))
/// })?;
/// assert_eq!(sums, [1, 2, 4, 8, 16]);
/// # Ok::<(), String>(())
/// ```
pub fn pipeline<T, E, F>(count: usize, progress: &(dyn Fn(usize) + Sync), task: F) -> Result<Vec<T>, E>
where
    T: Send + Sync,
    E: Send,
    F: Fn(usize, &Earlier<'_, T>) -> Result<Option<T>, E> + Sync,
{
    let slots: Vec<OnceLock<T>> = (0..count).map(|_| OnceLock::new()).collect();
    let (next, done, stopped) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let failure: Mutex<Option<(usize, E)>> = Mutex::new(None);
    let worker = || {
        let stop_on_panic = Stop(&stopped);
        let earlier = Earlier { slots: &slots, stopped: &stopped };
        while !stopped.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            match task(index, &earlier) {
                Ok(Some(value)) => {
                    // The index is this thread's alone, so the slot is empty.
                    let _ = slots[index].set(value);
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                }
                Ok(None) => break,
                Err(error) => {
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    if failure.as_ref().is_none_or(|&(first, _)| index < first) {
                        *failure = Some((index, error));
                    }
                    stopped.store(true, Ordering::Relaxed);
                }
            }
        }
        std::mem::forget(stop_on_panic);
    };
    let helpers = rayon::current_num_threads().min(count).saturating_sub(1);
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            // A system that gives no more threads only makes it slower.
            if std::thread::Builder::new().spawn_scoped(scope, worker).is_err() {
                break;
            }
        }
        worker();
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        // A worker ends when tasks are used up or one failed, so every slot is full here.
        None => Ok(slots.into_iter().filter_map(OnceLock::into_inner).collect()),
    }
}

/// Tells the waiting threads when a task panics; a thread that ends well forgets it.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(threads: usize, fail_at: usize) -> Result<Vec<u64>, usize> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            pipeline(40, &|_| {}, |index, earlier| {
                if index >= fail_at {
                    return Err(index);
                }
                let mut sum = 1;
                for k in 0..index {
                    let Some(value) = earlier.get(k) else { return Ok(None) };
                    sum += value;
                }
                Ok(Some(sum))
            })
        })
    }

    #[test]
    fn tasks_see_all_earlier_results_at_any_number_of_threads() {
        let expected: Vec<u64> = (0..40).map(|k| 1 << k).collect();
        for threads in [1, 2, 4, 8] {
            assert_eq!(sums(threads, usize::MAX), Ok(expected.clone()));
        }
    }

    #[test]
    fn a_failure_ends_the_run() {
        for threads in [1, 2, 4] {
            let failed = sums(threads, 7).unwrap_err();
            assert!((7..7 + threads).contains(&failed), "{failed} failed at {threads} threads");
        }
    }

    #[test]
    fn a_panic_does_not_leave_others_waiting() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.install(|| {
                pipeline::<u8, (), _>(9, &|_| {}, |index, earlier| {
                    assert!(index != 0, "the first task fails");
                    Ok(earlier.get(0).copied())
                })
            })
        }));
        assert!(outcome.is_err());
    }
}

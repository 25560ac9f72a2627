//! Many trainings at once.

use std::sync::{
    atomic::{AtomicBool, AtomicUsize, Ordering},
    Mutex, PoisonError,
};

/// Does `work` on every item, as many at a time as the current pool has threads, and gives back what came of them in the
/// order of the items.
///
/// Each worker has a pool of its own, with its share of the threads. A training that shares a pool with others may be left
/// half-done while its thread takes up another; here it is not. Work whose result does not depend on the number of threads
/// gives the same results as one item after the other.
///
/// # Errors
/// An error of `work`; items that nobody has begun are then left.
///
/// # Example
/// ```
/// use shared::parallel::side_by_side;
/// let squares = side_by_side(&[1, 2, 3], |x| Ok::<i32, String>(x * x))?;
/// assert_eq!(squares, [1, 4, 9]);
/// # Ok::<(), String>(())
/// ```
pub fn side_by_side<T: Sync, R: Send, E: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let threads = rayon::current_num_threads();
    let workers = threads.min(items.len());
    if workers <= 1 {
        return items.iter().map(work).collect();
    }
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done: Vec<Mutex<Option<Result<R, E>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let worker = || {
        let mut own = rayon::ThreadPoolBuilder::new().num_threads(threads / workers).stack_size(8 << 20);
        own = own.thread_name(|at| format!("worker-{at}"));
        let run = || loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at).filter(|_| !failed.load(Ordering::Relaxed)) else { break };
            let result = work(item);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            *done[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        };
        // where no pool can be had, the work goes on in the shared one
        match own.build() {
            Ok(pool) => pool.install(run),
            Err(_) => run(),
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(worker);
        }
        worker();
    });
    let found = done.into_iter().filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<usize> = (0..50).collect();
        for threads in [1, 2, 3, 8] {
            let found = pool(threads).install(|| {
                side_by_side(&items, |x| {
                    assert!(rayon::current_num_threads() <= threads);
                    Ok::<_, String>(2 * x)
                })
            });
            assert_eq!(found.unwrap(), items.iter().map(|x| 2 * x).collect::<Vec<_>>());
        }
        assert_eq!(side_by_side(&[], |x: &u8| Ok::<_, String>(*x)), Ok(vec![]));
    }

    #[test]
    fn an_error_ends_it() {
        let items: Vec<usize> = (0..1000).collect();
        let begun = AtomicUsize::new(0);
        let found = pool(2).install(|| {
            side_by_side(&items, |x| {
                begun.fetch_add(1, Ordering::Relaxed);
                if *x == 3 {
                    return Err("three");
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
                Ok(*x)
            })
        });
        assert_eq!(found, Err("three"));
        assert!(begun.load(Ordering::Relaxed) < 1000);
    }
}

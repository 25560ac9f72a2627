//! Which worker gets which examples (section 2.4, "Data shuffling").

/// The shards of one minibatch: `per_worker` examples (n) for each worker in turn, for the last one what is left.
///
/// # Panics
/// If `per_worker` is 0.
///
/// # Example
/// ```
/// let shards: Vec<&[usize]> = large_batch::shards(&[4, 0, 3, 1, 2], 2).collect();
/// assert_eq!(shards, [&[4, 0][..], &[3, 1], &[2]]);
/// ```
pub fn shards(minibatch: &[usize], per_worker: usize) -> impl ExactSizeIterator<Item = &[usize]> {
    minibatch.chunks(per_worker)
}

/// All that one of `workers` workers sees of an epoch whose order of examples is `order`, `per_worker` at a time: its shards
/// of every minibatch, one after another. The workers' parts are disjoint and their union is `order`.
///
/// For a worker with a loader of its own. [`DataParallel`](crate::DataParallel) is given whole minibatches and cuts them alike.
///
/// # Panics
/// If `per_worker` or `workers` is 0.
///
/// # Example
/// ```
/// let order = [4, 0, 3, 1, 2];
/// assert_eq!(large_batch::shard_of_epoch(&order, 0, 2, 1), [4, 3, 2]);
/// assert_eq!(large_batch::shard_of_epoch(&order, 1, 2, 1), [0, 1]);
/// ```
#[must_use]
pub fn shard_of_epoch(order: &[usize], worker: usize, workers: usize, per_worker: usize) -> Vec<usize> {
    let minibatches = order.chunks(workers * per_worker);
    minibatches
        .flat_map(|minibatch| shards(minibatch, per_worker).nth(worker).unwrap_or(&[]))
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shared::train::epoch_order;

    proptest! {
        #[test]
        fn the_union_of_the_shards_is_each_index_once(
            examples in 0usize..400, workers in 1usize..9, n in 1usize..40, seed: u64, epoch in 0usize..5,
        ) {
            let order = epoch_order(examples, seed, epoch);
            let parts: Vec<Vec<usize>> =
                (0..workers).map(|worker| shard_of_epoch(&order, worker, workers, n)).collect();
            let mut union = parts.concat();
            union.sort_unstable();
            prop_assert!(union.into_iter().eq(0..examples));
            // no worker is more than one shard ahead of another
            let (most, least) = (parts[0].len(), parts[workers - 1].len());
            prop_assert!(parts.iter().all(|p| (least..=most).contains(&p.len())) && most - least <= n);
        }
    }
}

//! The order of the examples.

use rand::seq::SliceRandom;

use super::RunRng;

/// Streams from here on are epochs, so they meet no stream a learner uses.
const EPOCH_STREAM: u64 = 1 << 32;

/// A permutation of `0..examples`: the same for the same seed and epoch, another for any other.
#[must_use]
pub fn epoch_order(examples: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..examples).collect();
    order.shuffle(&mut RunRng::new(seed, EPOCH_STREAM + epoch as u64));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_example_once(n in 0usize..500, seed: u64, epoch in 0usize..100) {
            let mut order = epoch_order(n, seed, epoch);
            prop_assert_eq!(&order, &epoch_order(n, seed, epoch));
            order.sort_unstable();
            prop_assert!(order.into_iter().eq(0..n));
        }
    }

    #[test]
    fn epochs_differ() {
        assert_ne!(epoch_order(50, 1, 0), epoch_order(50, 1, 1));
        assert_ne!(epoch_order(50, 1, 0), epoch_order(50, 2, 0));
    }
}

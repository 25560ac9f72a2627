//! Random numbers by index: what item `index` of seed `seed` draws never depends on the items before it.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What the numbers are drawn for; two kinds never share a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    DigitLabels = 1,
    Digits = 2,
    ShapeLabels = 3,
    Shapes = 4,
    MultiMnist = 5,
    Placement = 6,
    AffNist = 7,
    Mixture = 8,
    Brackets = 9,
    Scenes = 10,
    SceneTransfer = 11,
    SceneOrder = 12,
    LabelNoise = 13,
}

/// The generator of item `index`.
pub(crate) fn stream(kind: Kind, seed: u64, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(kind as u64).to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(index);
    rng
}

/// A word that looks random for item `index`: for what needs a number or two, many times.
pub(crate) fn word(kind: Kind, seed: u64, index: u64) -> u64 {
    mix(mix(mix(kind as u64) ^ seed) ^ index)
}

/// The finishing steps of SplitMix64: a bijection of the 64-bit words that looks random.
pub(crate) fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The place of `item` in a random order of `0..n` that `key` chooses, without writing the order out.
///
/// A balanced Feistel network of six rounds permutes the smallest power of four that is at least `n`; places at
/// or past `n` are permuted again until one is not, which takes fewer than four goes on average.
///
/// # Reference
///
/// J. Black and P. Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002 (cycle walking).
pub(crate) fn permute(key: u64, n: u64, item: u64) -> u64 {
    debug_assert!(item < n);
    if n < 2 {
        return item;
    }
    let bits = u64::BITS - (n - 1).leading_zeros();
    let half = bits.div_ceil(2);
    let mask = (1u64 << half) - 1;
    let mut place = item;
    loop {
        let (mut left, mut right) = (place >> half, place & mask);
        for round in 0..6 {
            (left, right) = (right, left ^ (mix(key ^ mix(right ^ (round << 56))) & mask));
        }
        place = left << half | right;
        if place < n {
            return place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::Rng;

    #[test]
    fn kinds_seeds_and_indices_have_streams_of_their_own() {
        let first = |kind, seed, index| stream(kind, seed, index).r#gen::<u64>();
        let one = first(Kind::Digits, 3, 5);
        assert_eq!(one, first(Kind::Digits, 3, 5));
        for other in [first(Kind::DigitLabels, 3, 5), first(Kind::Digits, 4, 5), first(Kind::Digits, 3, 6)] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn orders_look_random() {
        // 1000 orders of 5: each item comes first 200 times on average, with standard deviation 12.6.
        let mut first = [0; 5];
        (0..1000).for_each(|key| first[(0..5).find(|&i| permute(key, 5, i) == 0).unwrap() as usize] += 1);
        assert!(first.iter().all(|count| (140..260).contains(count)), "{first:?}");
    }

    proptest! {
        #[test]
        fn every_order_is_one_of_all_items(key: u64, n in 1u64..300) {
            let mut places: Vec<u64> = (0..n).map(|item| permute(key, n, item)).collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..n).collect::<Vec<_>>());
        }

        #[test]
        fn large_orders_stay_in_bounds(key: u64, n in 1u64..=u64::MAX / 4, item: u64) {
            prop_assert!(permute(key, n, item % n) < n);
        }
    }
}

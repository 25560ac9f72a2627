//! Seeded splits of items `0..n` into training, validation and test parts.
//!
//! A split depends on `n`, the seed and the named settings alone, never on the platform or on threads. Each
//! function draws from its own stream of the seed, so two kinds of split with one seed are independent.

use rand::seq::SliceRandom;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::DatasetError;

/// Three disjoint parts of the items `0..n`, each in rising order and none empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// The items to learn from.
    pub train: Vec<usize>,
    /// The items to choose settings and the stopping time by.
    pub validation: Vec<usize>,
    /// The items to measure on, once.
    pub test: Vec<usize>,
}

/// One part of a cross-validation: learn from `train`, measure on `test`; each in rising order and none empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    /// The items to learn from.
    pub train: Vec<usize>,
    /// The items to measure on.
    pub test: Vec<usize>,
}

/// Cuts `0..n` at random into thirds; validation and test have `⌊n/3⌋` items and training has the rest.
///
/// # Errors
///
/// [`DatasetError::InvalidConfig`] for n below 3.
///
/// # Reference
///
/// The protocol of J. Atwood and D. Towsley, "Diffusion-Convolutional Neural Networks", NIPS 2016, section 5.
///
/// # Example
///
/// ```
/// let split = datasets::splits::random_thirds(10, 0)?;
/// assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (4, 3, 3));
/// # Ok::<(), datasets::DatasetError>(())
/// ```
pub fn random_thirds(n: usize, seed: u64) -> Result<Split, DatasetError> {
    at_least(n, 3)?;
    let order = shuffled(n, seed, Stream::Thirds);
    let third = n / 3;
    let (held_out, train) = order.split_at(2 * third);
    let (validation, test) = held_out.split_at(third);
    Ok(Split { train: rising(train), validation: rising(validation), test: rising(test) })
}

/// Cuts the items at random into thirds that have equal shares of every class, as far as whole items allow.
///
/// Within each class the items are dealt in turn, and the dealing goes on where the class before it stopped, so
/// every part has `⌊n/3⌋` or `⌈n/3⌉` items, and `⌊m/3⌋` or `⌈m/3⌉` of a class with m.
///
/// # Errors
///
/// [`DatasetError::InvalidConfig`] for fewer than 3 labels.
pub fn stratified_thirds(labels: &[usize], seed: u64) -> Result<Split, DatasetError> {
    at_least(labels.len(), 3)?;
    let mut order = shuffled(labels.len(), seed, Stream::StratifiedThirds);
    order.sort_by_key(|&item| labels[item]); // stable: random within a class
    let deal = |part: usize| rising(&order.iter().copied().skip(part).step_by(3).collect::<Vec<_>>());
    Ok(Split { train: deal(0), validation: deal(1), test: deal(2) })
}

/// Cuts `0..n` at random into `k` folds whose test parts cover every item once and differ in size by at most 1.
///
/// # Errors
///
/// [`DatasetError::InvalidConfig`] for n below 2 or k outside 2 to n.
///
/// # Example
///
/// ```
/// let folds = datasets::splits::k_fold(188, 10, 0)?;
/// assert_eq!(folds.iter().map(|fold| fold.test.len()).sum::<usize>(), 188);
/// # Ok::<(), datasets::DatasetError>(())
/// ```
pub fn k_fold(n: usize, k: usize, seed: u64) -> Result<Vec<Fold>, DatasetError> {
    at_least(n, 2)?;
    if !(2..=n).contains(&k) {
        return Err(DatasetError::config("the number of folds", k, format!("2 to {n}, the number of items")));
    }
    let order = shuffled(n, seed, Stream::Folds);
    let fold = |number: usize| {
        let (start, end) = (cut(n, number, k), cut(n, number + 1, k));
        let train = [&order[..start], &order[end..]].concat();
        Fold { train: rising(&train), test: rising(&order[start..end]) }
    };
    Ok((0..k).map(fold).collect())
}

/// Holds out 10 % for validation and 10 % for testing, and trains on a fraction of the other 80 %.
///
/// For one `n` and `seed` the held-out parts are the same at every fraction, and the training set of a smaller
/// fraction lies inside that of a larger one, so a learning curve changes nothing but the number of labels.
/// Training has `⌈fraction · pool⌉` of the `pool = n - 2·max(1, ⌊n/10⌋)` remaining items.
///
/// # Errors
///
/// [`DatasetError::InvalidConfig`] for n below 3 or a fraction outside (0, 1].
///
/// # Reference
///
/// The learning-curve protocol of J. Atwood and D. Towsley, "Diffusion-Convolutional Neural Networks", NIPS 2016,
/// section 5.
///
/// # Example
///
/// ```
/// let split = datasets::splits::label_fraction(1000, 0.1, 0)?;
/// assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (80, 100, 100));
/// # Ok::<(), datasets::DatasetError>(())
/// ```
pub fn label_fraction(n: usize, fraction: f64, seed: u64) -> Result<Split, DatasetError> {
    at_least(n, 3)?;
    if !(fraction > 0.0 && fraction <= 1.0) {
        return Err(DatasetError::config("the label fraction", fraction, "above 0 and at most 1"));
    }
    let order = shuffled(n, seed, Stream::LabelFraction);
    let tenth = (n / 10).max(1);
    let (held_out, pool) = order.split_at(2 * tenth);
    let (validation, test) = held_out.split_at(tenth);
    // A hair below, so that 0.1 of 80 is 8 although 0.1 is stored a little too large.
    let wanted = (fraction * pool.len() as f64 - 1e-9).ceil() as usize;
    let train = &pool[..wanted.clamp(1, pool.len())];
    Ok(Split { train: rising(train), validation: rising(validation), test: rising(test) })
}

/// The random stream of each kind of split.
#[derive(Clone, Copy)]
enum Stream {
    Thirds = 1,
    StratifiedThirds = 2,
    Folds = 3,
    LabelFraction = 4,
}

fn at_least(n: usize, least: usize) -> Result<(), DatasetError> {
    if n < least {
        return Err(DatasetError::config(
            "the number of items",
            n,
            format!("{least} or more, so that no part is empty"),
        ));
    }
    Ok(())
}

fn shuffled(n: usize, seed: u64, stream: Stream) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut rng);
    order
}

/// ⌊n · number / k⌋ without overflow.
fn cut(n: usize, number: usize, k: usize) -> usize {
    (n as u128 * number as u128 / k as u128) as usize
}

fn rising(items: &[usize]) -> Vec<usize> {
    let mut sorted = items.to_vec();
    sorted.sort_unstable();
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_partition(parts: &[&[usize]], n: usize) -> bool {
        rising(&parts.concat()) == (0..n).collect::<Vec<_>>() && parts.iter().all(|part| !part.is_empty())
    }

    #[test]
    fn settings_that_leave_a_part_empty_are_refused() {
        assert!(random_thirds(2, 0).is_err());
        assert!(stratified_thirds(&[0, 1], 0).is_err());
        assert!(k_fold(1, 1, 0).is_err() && k_fold(5, 1, 0).is_err() && k_fold(5, 6, 0).is_err());
        assert!(label_fraction(2, 0.5, 0).is_err());
        for fraction in [0.0, -0.1, 1.0001, f64::NAN, f64::INFINITY] {
            assert!(label_fraction(100, fraction, 0).is_err(), "{fraction}");
        }
    }

    #[test]
    fn seeds_and_kinds_of_split_are_independent() {
        let first = random_thirds(300, 0).unwrap();
        assert_eq!(first, random_thirds(300, 0).unwrap());
        assert_ne!(first, random_thirds(300, 1).unwrap());
        let order = |stream| shuffled(300, 0, stream);
        assert_ne!(order(Stream::Thirds), order(Stream::Folds));
    }

    #[test]
    fn cora_parts_have_the_protocol_sizes() {
        let split = random_thirds(2708, 7).unwrap();
        assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (904, 902, 902));
        let split = label_fraction(2708, 0.1, 7).unwrap();
        assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (217, 270, 270));
    }

    #[test]
    fn every_item_is_tested_about_equally_often() {
        // 3000 draws with chance 1/3: mean 1000, standard deviation 26.
        let mut tested = [0usize; 9];
        for seed in 0..3000 {
            random_thirds(9, seed).unwrap().test.iter().for_each(|&item| tested[item] += 1);
        }
        assert!(tested.iter().all(|&times| (870..1130).contains(&times)), "{tested:?}");
    }

    proptest! {
        #[test]
        fn thirds_partition(n in 3usize..400, seed: u64) {
            let split = random_thirds(n, seed).unwrap();
            prop_assert!(is_partition(&[&split.train, &split.validation, &split.test], n));
            prop_assert_eq!(split.test.len(), n / 3);
        }

        #[test]
        fn stratified_thirds_partition_each_class(labels in prop::collection::vec(0usize..4, 3..200), seed: u64) {
            let split = stratified_thirds(&labels, seed).unwrap();
            prop_assert!(is_partition(&[&split.train, &split.validation, &split.test], labels.len()));
            for class in 0..4 {
                let of = |part: &[usize]| part.iter().filter(|&&item| labels[item] == class).count();
                let counts = [of(&split.train), of(&split.validation), of(&split.test)];
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
            }
        }

        #[test]
        fn folds_partition(n in 2usize..200, k in 2usize..20, seed: u64) {
            prop_assume!(k <= n);
            let folds = k_fold(n, k, seed).unwrap();
            let tests: Vec<&[usize]> = folds.iter().map(|fold| &fold.test[..]).collect();
            prop_assert!(is_partition(&tests, n));
            for fold in &folds {
                prop_assert!(is_partition(&[&fold.train, &fold.test], n));
                prop_assert!(fold.test.len() == n / k || fold.test.len() == n / k + 1);
            }
        }

        #[test]
        fn label_fractions_are_nested(n in 3usize..400, a in 0.001f64..=1.0, b in 0.001f64..=1.0, seed: u64) {
            let small = label_fraction(n, a.min(b), seed).unwrap();
            let large = label_fraction(n, a.max(b), seed).unwrap();
            prop_assert_eq!(&small.validation, &large.validation);
            prop_assert_eq!(&small.test, &large.test);
            prop_assert!(small.train.iter().all(|item| large.train.binary_search(item).is_ok()));
            let full = label_fraction(n, 1.0, seed).unwrap();
            prop_assert!(is_partition(&[&full.train, &full.validation, &full.test], n));
        }
    }
}

//! Which weights of a layer survive: exact top-k by magnitude, and the selections it is compared with.

use rand::Rng;
use serde::{Deserialize, Serialize};
use shared::train::RunRng;

/// The stream of a seed that random selections draw from; a layer's number is added.
const RANDOM_STREAM: u64 = 0xD5 << 56;

/// What decides which weights survive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// The k of largest magnitude; of equal ones those that come first. Always exactly k.
    #[default]
    Magnitude,
    /// The letter of Algorithm 1: those strictly above the k-th largest magnitude, so k − 1 of them where magnitudes differ,
    /// and fewer where several are equal to it.
    StrictMagnitude,
    /// Any k.
    Random,
    /// The k of smallest magnitude: the largest are pruned.
    Smallest,
}

/// Whether each layer loses the same share, or all layers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every layer by itself: the paper's.
    #[default]
    Layer,
    /// One ranking over all layers, so that layers of small weights lose more.
    Global,
}

/// `k = N − ⌊N s + ½⌋`, how many of `n` weights survive a sparsity `s` in [0, 1): all at 0, and never none.
///
/// # Example
/// ```
/// use dsd::survivors;
/// assert_eq!((survivors(10, 0.3), survivors(10, 0.0), survivors(1, 0.9)), (7, 10, 1));
/// ```
#[must_use]
pub fn survivors(n: usize, sparsity: f64) -> usize {
    let pruned = (n as f64 * sparsity).round() as usize;
    n - pruned.min(n.saturating_sub(1))
}

/// `M = 1(|W| among the k largest)` and its relatives: true where a weight survives.
///
/// `layer` tells apart the layers of one seed; only [`Selection::Random`] looks at either. A weight that is no number counts
/// as the smallest of all.
///
/// # Complexity
/// O(n) on average.
///
/// # Reference
/// Han et al. (2017), Algorithm 1.
///
/// # Example
/// ```
/// use dsd::{mask_of, Selection};
/// let weights = [0.5, -2.0, 0.1, 0.5];
/// assert_eq!(mask_of(&weights, 2, Selection::Magnitude, 0, 0), [true, true, false, false]);
/// assert_eq!(mask_of(&weights, 2, Selection::StrictMagnitude, 0, 0), [false, true, false, false]);
/// ```
#[must_use]
pub fn mask_of(weights: &[f32], k: usize, selection: Selection, seed: u64, layer: u64) -> Vec<bool> {
    let (n, k) = (weights.len(), k.min(weights.len()));
    match selection {
        Selection::Magnitude => largest(weights.iter().map(|w| magnitude(*w)).collect(), k),
        Selection::Smallest => largest(weights.iter().map(|w| -magnitude(*w)).collect(), k),
        Selection::StrictMagnitude => {
            let mut sizes: Vec<f32> = weights.iter().map(|w| magnitude(*w)).collect();
            if k == 0 {
                return vec![false; n];
            }
            let (_, threshold, _) = sizes.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
            let threshold = *threshold;
            weights.iter().map(|w| magnitude(*w) > threshold).collect()
        }
        Selection::Random => {
            let mut rng = RunRng::new(seed, RANDOM_STREAM + layer);
            let draws: Vec<f32> = (0..n).map(|_| rng.r#gen()).collect();
            largest(draws, k)
        }
    }
}

/// One ranking over several layers: the `k` of largest magnitude of all, ties by layer and index.
#[must_use]
pub(crate) fn global_masks(layers: &[&[f32]], k: usize) -> Vec<Vec<bool>> {
    let all = layers.iter().flat_map(|layer| layer.iter().map(|w| magnitude(*w))).collect();
    let kept = largest(all, k);
    let mut rest = kept.as_slice();
    let mut masks = Vec::with_capacity(layers.len());
    for layer in layers {
        let (own, others) = rest.split_at(layer.len());
        masks.push(own.to_vec());
        rest = others;
    }
    masks
}

/// −1 for a number that is none, so that it ranks below every weight.
fn magnitude(weight: f32) -> f32 {
    if weight.is_nan() {
        -1.0
    } else {
        weight.abs()
    }
}

/// True at the `k` largest keys, of equal ones at the first.
fn largest(keys: Vec<f32>, k: usize) -> Vec<bool> {
    let mut kept = vec![k >= keys.len(); keys.len()];
    if k == 0 || k >= keys.len() {
        return kept;
    }
    let mut order: Vec<usize> = (0..keys.len()).collect();
    let by_key = |a: &usize, b: &usize| keys[*b].total_cmp(&keys[*a]).then(a.cmp(b));
    order.select_nth_unstable_by(k - 1, by_key);
    order[..k].iter().for_each(|at| kept[*at] = true);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ties_go_to_the_first_and_zeros_of_either_sign_are_equal() {
        assert_eq!(mask_of(&[1.0; 5], 3, Selection::Magnitude, 0, 0), [true, true, true, false, false]);
        assert_eq!(mask_of(&[0.0, -0.0, 0.0], 1, Selection::Magnitude, 0, 0), [true, false, false]);
        assert_eq!(mask_of(&[f32::NAN, 0.0], 1, Selection::Magnitude, 0, 0), [false, true]);
        assert_eq!(mask_of(&[3.0, 1.0, 2.0], 1, Selection::Smallest, 0, 0), [false, true, false]);
        assert!(mask_of(&[], 0, Selection::Magnitude, 0, 0).is_empty());
    }

    #[test]
    fn random_masks_differ_by_seed_and_layer_and_by_nothing_else() {
        let mask = |seed, layer| mask_of(&[1.0; 200], 100, Selection::Random, seed, layer);
        assert_eq!(mask(1, 0), mask(1, 0));
        assert_ne!(mask(1, 0), mask(2, 0));
        assert_ne!(mask(1, 0), mask(1, 1));
    }

    proptest! {
        #[test]
        fn exactly_k_survive(
            weights in prop::collection::vec(prop_oneof![-2.0f32..2.0, Just(0.0), Just(0.5), Just(-0.5)], 0..300),
            share in 0.0f64..1.0,
        ) {
            let k = survivors(weights.len(), share);
            for selection in [Selection::Magnitude, Selection::Random, Selection::Smallest] {
                let mask = mask_of(&weights, k, selection, 3, 0);
                prop_assert_eq!(mask.iter().filter(|kept| **kept).count(), k);
            }
            let strict = mask_of(&weights, k, Selection::StrictMagnitude, 0, 0);
            prop_assert!(strict.iter().filter(|kept| **kept).count() <= k.saturating_sub(usize::from(k > 0)));
        }

        #[test]
        fn no_survivor_is_smaller_than_a_pruned_weight(
            weights in prop::collection::vec(-1.0f32..1.0, 1..200), share in 0.0f64..1.0,
        ) {
            let mask = mask_of(&weights, survivors(weights.len(), share), Selection::Magnitude, 0, 0);
            let of = |kept: bool| weights.iter().zip(&mask).filter(move |(_, m)| **m == kept).map(|(w, _)| w.abs());
            let (least, most) = (of(true).fold(f32::INFINITY, f32::min), of(false).fold(0.0, f32::max));
            prop_assert!(least >= most);
        }

        #[test]
        fn a_mask_of_masked_weights_is_the_same_mask(
            weights in prop::collection::vec(prop_oneof![0.01f32..2.0, -2.0f32..-0.01], 1..200), share in 0.0f64..1.0,
        ) {
            let k = survivors(weights.len(), share);
            let mask = mask_of(&weights, k, Selection::Magnitude, 0, 0);
            let pruned: Vec<f32> = weights.iter().zip(&mask).map(|(w, kept)| if *kept { *w } else { 0.0 }).collect();
            prop_assert_eq!(mask_of(&pruned, k, Selection::Magnitude, 0, 0), mask);
        }

        #[test]
        fn one_ranking_keeps_as_many_in_all(
            a in prop::collection::vec(-1.0f32..1.0, 1..80), b in prop::collection::vec(-9.0f32..9.0, 1..80),
            share in 0.0f64..1.0,
        ) {
            let k = survivors(a.len() + b.len(), share);
            let masks = global_masks(&[&a, &b], k);
            prop_assert_eq!(masks.iter().flatten().filter(|kept| **kept).count(), k);
            prop_assert_eq!((masks[0].len(), masks[1].len()), (a.len(), b.len()));
        }

        #[test]
        fn survivors_round_and_never_vanish(n in 1usize..5000, share in 0.0f64..1.0) {
            let k = survivors(n, share);
            prop_assert!(k >= 1 && (k as f64 - n as f64 * (1.0 - share)).abs() <= 1.0);
        }
    }
}

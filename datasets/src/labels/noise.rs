//! Labels that are wrong or not recorded.

use serde::{Deserialize, Serialize};

use super::Hierarchy;
use crate::stream::{mix, word, Kind};
use crate::synthetic::between;
use crate::DatasetError;

/// Which leaf takes the place of the true one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseKind {
    /// Any other leaf, each with the same chance.
    Uniform,
    /// Another leaf below the nearest ancestor that has one, each with the same chance: where the parent has several
    /// leaves, a sibling. A leaf with no relative at all takes any other leaf.
    Sibling,
}

/// Wrong and missing labels, for images whose true leaf labels are known.
///
/// [`LabelNoise::apply`] makes what was *recorded* of an image with true leaves Y, in three steps:
///
/// 1. Each y in Y is left out with chance `missing` (m), as if nobody had noted that object.
/// 2. Each y that is left is replaced with chance `rate` (r) by another leaf y′ ≠ y, drawn as `kind` says. So y gives
///    rise to nothing with chance m, to itself with (1 − m)(1 − r) and to a wrong label with (1 − m) r. Call the
///    set of all that came out R.
/// 3. Each label of ⋃ anc(c) over c in R is recorded, too, with chance 1 − `missing_parents`, on its own and once an
///    image, however many labels of R it is above.
///
/// The ancestors of a wrong label are thus wrong as well, and those of a missing one are missing. At
/// `missing_parents` 0 what comes out is closed; at 1 it is R alone; and [`Hierarchy::closure`] undoes step 3 exactly.
///
/// Every chance is decided by one number that depends on the seed, the index and the label alone: neither on the
/// image's other labels nor on the settings. So a higher rate keeps the mistakes of a lower one and adds others, and
/// sets at several rates differ in nothing else.
///
/// The default changes nothing but that it adds the ancestors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelNoise {
    /// Chance that a recorded label is wrong, r; 0 to 1.
    pub rate: f64,
    /// Which leaf takes the place of the true one.
    pub kind: NoiseKind,
    /// Chance that a label is not recorded, m; 0 to 1.
    pub missing: f64,
    /// Chance that an ancestor of a recorded label is not recorded; 0 to 1.
    pub missing_parents: f64,
}

impl Default for LabelNoise {
    fn default() -> Self {
        Self { rate: 0.0, kind: NoiseKind::Uniform, missing: 0.0, missing_parents: 0.0 }
    }
}

impl LabelNoise {
    /// Checks every setting against its documented range.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] naming the first setting that is out of range.
    pub fn validate(&self) -> Result<(), DatasetError> {
        between("rate", self.rate, 0.0, 1.0)?;
        between("missing", self.missing, 0.0, 1.0)?;
        between("missing_parents", self.missing_parents, 0.0, 1.0)
    }

    /// Turns the true leaves of image `index` into what was recorded of it, sorted and without repeats.
    ///
    /// It is a pure function of the settings, the hierarchy, the seed, the index and the set of labels.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] where a setting is out of range, or a label is not a leaf of the hierarchy;
    /// `labels` is then as it was.
    ///
    /// # Complexity
    ///
    /// O(n log n) for n = |Y| · (1 + height). Nothing is allocated where `labels` has room for n.
    pub fn apply(
        &self,
        hierarchy: &Hierarchy,
        seed: u64,
        index: u64,
        labels: &mut Vec<u32>,
    ) -> Result<(), DatasetError> {
        self.validate()?;
        if let Some(&label) = labels.iter().find(|&&label| !hierarchy.is_leaf(label)) {
            let allowed = format!("a leaf of the hierarchy of {} labels", hierarchy.len());
            return Err(DatasetError::config("a label", label, allowed));
        }
        let key = word(Kind::LabelNoise, seed, index);
        labels.sort_unstable();
        labels.dedup();
        labels.retain_mut(|label| {
            let true_label = *label;
            if share(draw(key, true_label, 0)) < self.missing {
                return false;
            }
            if share(draw(key, true_label, 1)) < self.rate {
                *label = self.wrong(hierarchy, true_label, draw(key, true_label, 2));
            }
            true
        });
        labels.sort_unstable();
        labels.dedup();
        let leaves = labels.len();
        for at in 0..leaves {
            let label = labels[at];
            let recorded = |up: &u32| share(draw(key, *up, 3)) >= self.missing_parents;
            labels.extend(hierarchy.ancestors(label).filter(recorded));
        }
        labels.sort_unstable();
        labels.dedup();
        Ok(())
    }

    /// Another leaf in place of `label`; itself where it is the only one.
    fn wrong(&self, hierarchy: &Hierarchy, label: u32, random: u64) -> u32 {
        let all = 0..hierarchy.leaves().len();
        let own = hierarchy.span(label).start;
        let pool = match self.kind {
            NoiseKind::Uniform => all,
            NoiseKind::Sibling => {
                let spans = hierarchy.ancestors(label).map(|up| hierarchy.span(up));
                spans.into_iter().find(|span| span.len() > 1).unwrap_or(all)
            }
        };
        let others = pool.len().saturating_sub(1) as u64;
        // The high bits of a product are a number below `others`, off uniform by less than 2⁻³² of it.
        let pick = pool.start + ((u128::from(random) * u128::from(others)) >> 64) as usize;
        let place = pick + usize::from(others > 0 && pick >= own);
        hierarchy.leaves().get(place).copied().unwrap_or(label)
    }
}

/// Number `which` of a label of an image.
fn draw(key: u64, label: u32, which: u64) -> u64 {
    mix(key ^ mix(u64::from(label) << 2 | which))
}

/// A word as a number from 0 to below 1.
fn share(word: u64) -> f64 {
    (word >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::super::hierarchy::tests::any_hierarchy;
    use super::*;
    use proptest::prelude::*;

    /// 20 leaves in five groups of four, below one root; group 20 + i has leaves 4 i to 4 i + 3.
    fn groups() -> Hierarchy {
        let leaves = (0..20).map(|leaf| Some(20 + leaf / 4));
        Hierarchy::new(leaves.chain([Some(25); 5]).chain([None]).collect()).unwrap()
    }

    fn recorded(noise: &LabelNoise, index: u64, labels: &[u32]) -> Vec<u32> {
        let mut labels = labels.to_vec();
        noise.apply(&groups(), 11, index, &mut labels).unwrap();
        labels
    }

    const IMAGES: u64 = 40_000;

    /// How far a share of [`IMAGES`] may be from its chance: four standard deviations.
    fn near(count: usize, chance: f64) -> bool {
        let n = IMAGES as f64;
        (count as f64 - n * chance).abs() <= 4.0 * (n * chance * (1.0 - chance)).sqrt()
    }

    #[test]
    fn wrong_labels_come_at_their_rate_and_in_equal_shares() {
        for (kind, pool) in [(NoiseKind::Uniform, 0..20u32), (NoiseKind::Sibling, 4..8)] {
            let noise = LabelNoise { rate: 0.2, kind, ..Default::default() };
            let mut counts = [0; 20];
            for index in 0..IMAGES {
                let labels = recorded(&noise, index, &[5]);
                let leaf = labels[0];
                assert_eq!(labels, [leaf, 20 + leaf / 4, 25]);
                counts[leaf as usize] += 1;
            }
            assert!(near(counts[5], 0.8), "{kind:?} {counts:?}");
            for leaf in (0..20).filter(|&leaf| leaf != 5) {
                let chance = if pool.contains(&leaf) { 0.2 / (pool.len() as f64 - 1.0) } else { 0.0 };
                assert!(near(counts[leaf as usize], chance), "{kind:?} leaf {leaf}: {counts:?}");
            }
        }
    }

    #[test]
    fn labels_and_ancestors_go_missing_at_their_rates() {
        let noise = LabelNoise { missing: 0.3, missing_parents: 0.5, ..Default::default() };
        let (mut leaf, mut both, mut parent, mut root) = (0, 0, 0, 0);
        for index in 0..IMAGES {
            let labels = recorded(&noise, index, &[0, 9]);
            leaf += usize::from(labels.contains(&0));
            both += usize::from(labels.contains(&0) && labels.contains(&9));
            parent += usize::from(labels.contains(&20));
            root += usize::from(labels.contains(&25));
        }
        assert!(near(leaf, 0.7) && near(both, 0.49), "{leaf} {both}");
        // A parent needs its leaf, and the root any of two.
        assert!(near(parent, 0.7 * 0.5) && near(root, (1.0 - 0.09) * 0.5), "{parent} {root}");
    }

    #[test]
    fn missing_comes_before_wrong() {
        let noise = LabelNoise { missing: 0.4, rate: 0.5, missing_parents: 1.0, ..Default::default() };
        let (mut none, mut same) = (0, 0);
        for index in 0..IMAGES {
            match recorded(&noise, index, &[7])[..] {
                [] => none += 1,
                [leaf] => same += usize::from(leaf == 7),
                ref more => panic!("{more:?}"),
            }
        }
        assert!(near(none, 0.4) && near(same, 0.6 * 0.5), "{none} {same}");
    }

    #[test]
    fn lonely_leaves_take_the_nearest_relative_or_stay() {
        let noise =
            LabelNoise { rate: 1.0, kind: NoiseKind::Sibling, missing_parents: 1.0, ..Default::default() };
        // Leaf 0 alone below 3, 3 and leaf 1 below 4; leaf 2 alone.
        let tree = Hierarchy::new(vec![Some(3), Some(4), None, Some(4), None]).unwrap();
        for index in 0..50 {
            let mut labels = vec![0];
            noise.apply(&tree, 0, index, &mut labels).unwrap();
            assert_eq!(labels, [1]);
            let mut labels = vec![2];
            noise.apply(&tree, 0, index, &mut labels).unwrap();
            assert!(labels == [0] || labels == [1]);
            let mut only = vec![0];
            noise.apply(&Hierarchy::flat(1).unwrap(), 0, index, &mut only).unwrap();
            assert_eq!(only, [0]);
        }
    }

    #[test]
    fn settings_and_labels_out_of_range_are_named() {
        let good = LabelNoise::default();
        for (noise, field) in [
            (LabelNoise { rate: 1.5, ..good }, "rate is 1.5"),
            (LabelNoise { missing: f64::NAN, ..good }, "missing is NaN"),
            (LabelNoise { missing_parents: -0.1, ..good }, "missing_parents is -0.1"),
        ] {
            let message = noise.apply(&groups(), 0, 0, &mut vec![]).unwrap_err().to_string();
            assert!(message.starts_with(field) && message.contains("must be 0 to 1"), "{message}");
        }
        for label in [20, 26] {
            let mut labels = vec![3, label, 1];
            let message = good.apply(&groups(), 0, 0, &mut labels).unwrap_err().to_string();
            assert!(message.starts_with(&format!("a label is {label}, but must be a leaf")), "{message}");
            assert_eq!(labels, [3, label, 1]);
        }
    }

    proptest! {
        #[test]
        fn noise_is_a_function_of_seed_index_and_set(
            tree in any_hierarchy(), seed: u64, index: u64, sibling: bool,
            (rate, missing, missing_parents) in (0.0f64..=1.0, 0.0f64..=1.0, 0.0f64..=1.0),
            picks in proptest::collection::vec(any::<u32>(), 0..6),
        ) {
            let kind = if sibling { NoiseKind::Sibling } else { NoiseKind::Uniform };
            let noise = LabelNoise { rate, kind, missing, missing_parents };
            let leaf = |pick: u32| tree.leaves()[pick as usize % tree.leaves().len()];
            let mut one: Vec<u32> = picks.iter().map(|&pick| leaf(pick)).collect();
            let mut other: Vec<u32> = one.iter().rev().chain(&one).copied().collect();
            noise.apply(&tree, seed, index, &mut one).unwrap();
            noise.apply(&tree, seed, index, &mut other).unwrap();
            prop_assert_eq!(&one, &other);
            prop_assert!(one.windows(2).all(|pair| pair[0] < pair[1]));
            // Closing undoes what happened to the ancestors, and nothing else.
            let mut whole: Vec<u32> = picks.iter().map(|&pick| leaf(pick)).collect();
            LabelNoise { missing_parents: 0.0, ..noise }.apply(&tree, seed, index, &mut whole).unwrap();
            tree.closure(&mut one).unwrap();
            prop_assert_eq!(one, whole);
        }

        #[test]
        fn a_higher_rate_keeps_the_mistakes_of_a_lower_one(
            index: u64, label in 0u32..20, low in 0.0f64..=1.0, more in 0.0f64..=1.0,
        ) {
            let noise = LabelNoise { rate: low, ..Default::default() };
            let few = recorded(&noise, index, &[label]);
            let many = recorded(&LabelNoise { rate: low + (1.0 - low) * more, ..noise }, index, &[label]);
            prop_assert!(few == many || few[0] == label);
        }
    }
}

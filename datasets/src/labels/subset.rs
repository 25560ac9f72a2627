//! A hierarchy of some of the labels.

use super::Hierarchy;
use crate::DatasetError;

/// What became of every label when some were left out; from [`Hierarchy::restricted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMap {
    new: Vec<Option<u32>>,
    kept: Vec<u32>,
}

impl LabelMap {
    /// The new number of an old label; `None` where it was left out or does not exist.
    pub fn get(&self, old: u32) -> Option<u32> {
        self.new.get(old as usize).copied().flatten()
    }

    /// The old number of every new label, in rising order.
    pub fn kept(&self) -> &[u32] {
        &self.kept
    }

    /// Replaces old labels by new ones and removes those that were left out, in place and without allocation.
    pub fn apply(&self, labels: &mut Vec<u32>) {
        labels.retain_mut(|label| match self.get(*label) {
            Some(new) => {
                *label = new;
                true
            }
            None => false,
        });
    }
}

impl Hierarchy {
    /// The hierarchy of the labels `keep` alone, and what became of every label.
    ///
    /// Kept labels are numbered anew in rising order of their old numbers; repeats in `keep` count once. The new
    /// parent is the nearest ancestor that was kept.
    ///
    /// For the labels of an image: take those that were recorded, use [`LabelMap::apply`], and then
    /// [`Hierarchy::closure`] of the *new* hierarchy. In the other order the ancestors of labels that were left out
    /// would stay behind: an image of an apple would still be one of a fruit in a subset without apples.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] naming the first label of `keep` that does not exist.
    ///
    /// # Complexity
    ///
    /// O(labels · height).
    ///
    /// # Example
    ///
    /// ```
    /// use datasets::labels::Hierarchy;
    ///
    /// // 0 apple, 1 pear, 2 fruit, 3 plant; without apples and fruit:
    /// let all = Hierarchy::new(vec![Some(2), Some(2), Some(3), None])?;
    /// let (some, map) = all.restricted(&[1, 3])?;
    /// assert_eq!(some.parents(), [Some(1), None]);
    /// let (mut apple, mut pear) = (vec![0], vec![1]);
    /// for labels in [&mut apple, &mut pear] {
    ///     map.apply(labels);
    ///     some.closure(labels)?;
    /// }
    /// assert_eq!((apple, pear), (vec![], vec![0, 1]));
    /// # Ok::<(), datasets::DatasetError>(())
    /// ```
    pub fn restricted(&self, keep: &[u32]) -> Result<(Self, LabelMap), DatasetError> {
        self.check(keep)?;
        let mut kept = keep.to_vec();
        kept.sort_unstable();
        kept.dedup();
        let mut new = vec![None; self.len()];
        kept.iter().zip(0..).for_each(|(&old, number)| new[old as usize] = Some(number));
        let parent = |&old: &u32| self.ancestors(old).find_map(|up| new[up as usize]);
        let hierarchy = Self::new(kept.iter().map(parent).collect())?;
        Ok((hierarchy, LabelMap { new, kept }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::hierarchy::tests::any_hierarchy;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_that_do_not_exist_cannot_be_kept() {
        let message = Hierarchy::flat(3).unwrap().restricted(&[0, 3]).unwrap_err().to_string();
        assert!(message.starts_with("a label is 3, but must be below 3"), "{message}");
    }

    proptest! {
        #[test]
        fn nothing_leaks_from_labels_that_were_left_out(
            tree in any_hierarchy(), keep: u64, picks in proptest::collection::vec(any::<u32>(), 0..6),
        ) {
            let keep: Vec<u32> = (0..tree.len() as u32).filter(|label| keep >> label & 1 == 1).collect();
            let (some, map) = tree.restricted(&keep).unwrap();
            prop_assert_eq!(map.kept(), &keep[..]);
            let picks: Vec<u32> = picks.into_iter().map(|pick| pick % tree.len() as u32).collect();
            let mut labels = picks.clone();
            map.apply(&mut labels);
            some.closure(&mut labels).unwrap();
            // By the definition: kept labels of the image, and the kept ancestors of those alone.
            let named = |old: u32| {
                let shown = picks.iter().filter(|&pick| keep.contains(pick));
                keep.contains(&old) && shown.clone().any(|&c| c == old || tree.ancestors(c).any(|up| up == old))
            };
            let wanted: Vec<u32> = keep.iter().copied().filter(|&old| named(old)).collect();
            let found: Vec<u32> = labels.iter().map(|&new| map.kept()[new as usize]).collect();
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn keeping_all_changes_nothing(tree in any_hierarchy()) {
            let all: Vec<u32> = (0..tree.len() as u32).rev().collect();
            let (same, map) = tree.restricted(&all).unwrap();
            prop_assert_eq!(&same, &tree);
            prop_assert!((0..tree.len() as u32).all(|label| map.get(label) == Some(label)));
        }
    }
}

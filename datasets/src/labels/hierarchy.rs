//! Labels, each below at most one other.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::DatasetError;

/// A forest of labels `0..len`: each has at most one parent, which is a wider notion.
///
/// Labels without children are leaves. Nothing here panics on a label that does not exist: such a label has no
/// parent, no depth, no children and no siblings.
///
/// # Example
///
/// ```
/// use datasets::labels::Hierarchy;
///
/// let hierarchy = Hierarchy::new(vec![Some(3), Some(3), None, None])?;
/// assert_eq!((hierarchy.depth(0), hierarchy.depth(3)), (Some(1), Some(0)));
/// assert_eq!((hierarchy.children(3), hierarchy.leaves()), (&[0, 1][..], &[2, 0, 1][..]));
/// let message = Hierarchy::new(vec![Some(1), Some(0)]).unwrap_err().to_string();
/// assert!(message.contains("label 0 is among its own ancestors"));
/// # Ok::<(), datasets::DatasetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Option<u32>>", into = "Vec<Option<u32>>")]
pub struct Hierarchy {
    parent: Vec<Option<u32>>,
    depth: Vec<u32>,
    /// The children of every label, one label's after another's; the roots come last.
    children: Vec<u32>,
    /// Where each label's children begin; `len + 2` places.
    starts: Vec<u32>,
    /// Every leaf, so that those below a label are neighbours.
    leaves: Vec<u32>,
    /// Which places of `leaves` lie at or below each label.
    spans: Vec<[u32; 2]>,
}

impl Hierarchy {
    /// Builds the forest in which label `i` lies directly below `parent[i]`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] naming the first label whose parent does not exist or that is among its own
    /// ancestors, and where there are more than `u32::MAX - 1` labels.
    ///
    /// # Complexity
    ///
    /// O(labels).
    pub fn new(parent: Vec<Option<u32>>) -> Result<Self, DatasetError> {
        let bad = |expected: String, found: String| DatasetError::inconsistent("Hierarchy", expected, found);
        let len = parent.len();
        if len >= u32::MAX as usize {
            return Err(bad(format!("fewer than {} labels", u32::MAX), len.to_string()));
        }
        let far = |&(_, up): &(usize, Option<u32>)| up.is_some_and(|up| up as usize >= len);
        if let Some((label, Some(up))) = parent.iter().copied().enumerate().find(far) {
            return Err(bad(format!("parents below {len}"), format!("{up} as the parent of label {label}")));
        }
        // A counting sort by parent; roots count as children of label `len`.
        let above = |label: usize| parent[label].map_or(len, |up| up as usize);
        let mut starts = vec![0u32; len + 2];
        (0..len).for_each(|label| starts[above(label) + 1] += 1);
        (0..=len).for_each(|label| starts[label + 1] += starts[label]);
        let mut next = starts.clone();
        let mut children = vec![0; len];
        for label in 0..len {
            let at = &mut next[above(label)];
            children[*at as usize] = label as u32;
            *at += 1;
        }
        let mut forest = Self {
            parent,
            depth: vec![u32::MAX; len],
            children,
            starts,
            leaves: vec![],
            spans: vec![[0; 2]; len],
        };
        forest.walk();
        // The walk from the roots comes to every label but those on a cycle and below one.
        if let Some(lost) = forest.depth.iter().position(|&depth| depth == u32::MAX) {
            let on_cycle = forest.ancestors(lost as u32).nth(len).unwrap_or_default();
            let round = std::iter::once(on_cycle)
                .chain(forest.ancestors(on_cycle).take_while(|&label| label != on_cycle));
            let label = round.min().unwrap_or_default();
            let found = format!("that label {label} is among its own ancestors");
            return Err(bad("parents without a cycle".into(), found));
        }
        Ok(forest)
    }

    /// Numbers depths and leaves, from the roots down, without recursion.
    fn walk(&mut self) {
        let mut open: Vec<(u32, bool)> = self.roots().iter().rev().map(|&root| (root, false)).collect();
        while let Some((label, done)) = open.pop() {
            let at = label as usize;
            if done {
                self.spans[at][1] = self.leaves.len() as u32;
                continue;
            }
            self.depth[at] = self.parent[at].map_or(0, |up| self.depth[up as usize] + 1);
            self.spans[at][0] = self.leaves.len() as u32;
            if self.children(label).is_empty() {
                self.leaves.push(label);
            }
            open.push((label, true));
            open.extend(self.children(label).iter().rev().map(|&child| (child, false)));
        }
    }

    /// A hierarchy of `labels` labels, none below another.
    ///
    /// # Errors
    ///
    /// As [`Hierarchy::new`].
    pub fn flat(labels: usize) -> Result<Self, DatasetError> {
        Self::new(vec![None; labels.min(u32::MAX as usize)])
    }

    /// The number of labels, C.
    pub fn len(&self) -> usize {
        self.parent.len()
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.parent.is_empty()
    }

    /// The parent of every label.
    pub fn parents(&self) -> &[Option<u32>] {
        &self.parent
    }

    /// The label directly above; `None` for a root.
    pub fn parent(&self, label: u32) -> Option<u32> {
        self.parent.get(label as usize).copied().flatten()
    }

    /// The number of ancestors, 0 for a root; `None` for a label that does not exist.
    pub fn depth(&self, label: u32) -> Option<u32> {
        self.depth.get(label as usize).copied()
    }

    /// The largest depth of any label; 0 where there is none.
    pub fn height(&self) -> u32 {
        self.depth.iter().copied().max().unwrap_or(0)
    }

    /// The labels above, from the parent to the root.
    pub fn ancestors(&self, label: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(self.parent(label), |&up| self.parent(up))
    }

    /// The labels directly below, in rising order.
    pub fn children(&self, label: u32) -> &[u32] {
        if label as usize >= self.len() {
            return &[];
        }
        self.below(label as usize)
    }

    /// The labels without a parent, in rising order.
    pub fn roots(&self) -> &[u32] {
        self.below(self.len())
    }

    fn below(&self, label: usize) -> &[u32] {
        &self.children[self.starts[label] as usize..self.starts[label + 1] as usize]
    }

    /// The labels without children, so that those below any one label are neighbours.
    pub fn leaves(&self) -> &[u32] {
        &self.leaves
    }

    /// The leaves at or below a label: of a leaf, itself.
    pub fn leaves_of(&self, label: u32) -> &[u32] {
        &self.leaves[self.span(label)]
    }

    /// Which places of [`Self::leaves`] lie at or below a label.
    pub(super) fn span(&self, label: u32) -> Range<usize> {
        let [start, end] = self.spans.get(label as usize).copied().unwrap_or_default();
        start as usize..end as usize
    }

    /// Whether the label exists and has no children.
    pub fn is_leaf(&self, label: u32) -> bool {
        (label as usize) < self.len() && self.children(label).is_empty()
    }

    /// The other children of the label's parent, in rising order; of a root, the other roots.
    pub fn siblings(&self, label: u32) -> impl Iterator<Item = u32> + '_ {
        let all = match self.parent(label) {
            Some(up) => self.children(up),
            None if (label as usize) < self.len() => self.roots(),
            None => &[],
        };
        all.iter().copied().filter(move |&other| other != label)
    }

    /// Adds every ancestor of every label, then sorts and removes repeats: ỹ = Y ∪ ⋃ anc(c) over c in Y.
    ///
    /// Doing it twice is doing it once. Where some labels are to be left out, use [`Hierarchy::restricted`] first:
    /// ancestors of labels that were left out must not be added.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] naming the first label that does not exist; `labels` is then as it was.
    ///
    /// # Complexity
    ///
    /// O(n log n) for n = |Y| · (1 + height). Nothing is allocated where `labels` has room for n.
    pub fn closure(&self, labels: &mut Vec<u32>) -> Result<(), DatasetError> {
        self.check(labels)?;
        for at in 0..labels.len() {
            let label = labels[at];
            labels.extend(self.ancestors(label));
        }
        labels.sort_unstable();
        labels.dedup();
        Ok(())
    }

    /// Checks that every label exists.
    pub(super) fn check(&self, labels: &[u32]) -> Result<(), DatasetError> {
        let far = |label: &&u32| **label as usize >= self.len();
        labels.iter().find(far).map_or(Ok(()), |label| Err(self.unknown(*label)))
    }

    pub(super) fn unknown(&self, label: u32) -> DatasetError {
        DatasetError::config("a label", label, format!("below {}, the labels of the hierarchy", self.len()))
    }
}

impl TryFrom<Vec<Option<u32>>> for Hierarchy {
    type Error = DatasetError;

    fn try_from(parent: Vec<Option<u32>>) -> Result<Self, DatasetError> {
        Self::new(parent)
    }
}

impl From<Hierarchy> for Vec<Option<u32>> {
    fn from(hierarchy: Hierarchy) -> Self {
        hierarchy.parent
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hierarchies of up to 40 labels: each label's parent comes before it in a shuffled order, or is none.
    pub(in crate::labels) fn any_hierarchy() -> impl Strategy<Value = Hierarchy> {
        let order = (1usize..40).prop_flat_map(|len| {
            let numbers: Vec<usize> = (0..len).collect();
            (Just(numbers).prop_shuffle(), proptest::collection::vec(any::<(u32, bool)>(), len))
        });
        order.prop_map(|(order, picks)| {
            let mut parent = vec![None; order.len()];
            for (place, &(pick, root)) in picks.iter().enumerate().skip(1) {
                parent[order[place]] = (!root).then(|| order[pick as usize % place] as u32);
            }
            Hierarchy::new(parent).unwrap()
        })
    }

    #[test]
    fn parents_that_do_not_exist_or_go_round_are_named() {
        for (parent, why) in [
            (vec![None, Some(2)], "expected parents below 2, found 2 as the parent of label 1"),
            (vec![Some(0)], "label 0 is among its own ancestors"),
            (vec![None, Some(3), Some(1), Some(2)], "label 1 is among its own ancestors"),
            (vec![Some(1), Some(2), Some(3), Some(2)], "label 2 is among its own ancestors"),
        ] {
            let message = Hierarchy::new(parent).unwrap_err().to_string();
            assert!(message.starts_with("Hierarchy: ") && message.contains(why), "{message}");
        }
        assert!(Hierarchy::new(vec![]).unwrap().leaves().is_empty());
    }

    #[test]
    fn relatives_are_found() {
        // 6 above 4 and 5; 4 above 0 and 1; 5 above 2; 3 alone.
        let tree = Hierarchy::new(vec![Some(4), Some(4), Some(5), None, Some(6), Some(6), None]).unwrap();
        assert_eq!(tree.ancestors(0).collect::<Vec<_>>(), [4, 6]);
        assert_eq!((tree.children(6), tree.roots()), (&[4, 5][..], &[3, 6][..]));
        assert_eq!(
            (tree.leaves(), tree.leaves_of(4), tree.leaves_of(2)),
            (&[3, 0, 1, 2][..], &[0, 1][..], &[2][..])
        );
        assert_eq!((tree.depth(2), tree.depth(6), tree.height()), (Some(2), Some(0), 2));
        let siblings = |label| tree.siblings(label).collect::<Vec<_>>();
        assert_eq!((siblings(0), siblings(2), siblings(3)), (vec![1], vec![], vec![6]));
        assert!(tree.is_leaf(3) && !tree.is_leaf(5) && !tree.is_leaf(7));
        let nothing = (tree.parent(7), tree.depth(7), tree.children(7), tree.leaves_of(7), siblings(7));
        assert_eq!(nothing, (None, None, &[][..], &[][..], vec![]));
    }

    #[test]
    fn labels_that_do_not_exist_are_named_and_nothing_changes() {
        let flat = Hierarchy::flat(3).unwrap();
        let mut labels = vec![2, 3, 0];
        let message = flat.closure(&mut labels).unwrap_err().to_string();
        assert!(message.starts_with("a label is 3, but must be below 3"), "{message}");
        assert_eq!(labels, [2, 3, 0]);
    }

    #[test]
    fn a_closure_uses_the_room_that_is_there() {
        let chain = Hierarchy::new((1..50).map(Some).chain([None]).collect()).unwrap();
        let mut labels = Vec::with_capacity(100);
        labels.extend([0, 10]);
        let room = labels.as_ptr();
        chain.closure(&mut labels).unwrap();
        assert_eq!((labels.as_ptr(), labels.len()), (room, 50));
    }

    #[test]
    fn deep_chains_do_not_exhaust_the_stack() {
        let chain = Hierarchy::new((1..200_000).map(Some).chain([None]).collect()).unwrap();
        assert_eq!((chain.height(), chain.leaves()), (199_999, &[0][..]));
    }

    proptest! {
        #[test]
        fn closures_hold_all_ancestors_and_nothing_else(
            tree in any_hierarchy(), picks in proptest::collection::vec(any::<u32>(), 0..6),
        ) {
            let picks: Vec<u32> = picks.into_iter().map(|pick| pick % tree.len() as u32).collect();
            let mut closed = picks.clone();
            tree.closure(&mut closed).unwrap();
            for label in 0..tree.len() as u32 {
                let wanted = picks.iter().any(|&c| c == label || tree.ancestors(c).any(|up| up == label));
                prop_assert_eq!(closed.contains(&label), wanted);
            }
            prop_assert!(closed.windows(2).all(|pair| pair[0] < pair[1]));
            let mut again = closed.clone();
            tree.closure(&mut again).unwrap();
            prop_assert_eq!(again, closed);
        }

        #[test]
        fn views_of_one_forest_agree(tree in any_hierarchy()) {
            let mut leaves = 0;
            for label in 0..tree.len() as u32 {
                leaves += usize::from(tree.is_leaf(label));
                prop_assert_eq!(tree.ancestors(label).count() as u32, tree.depth(label).unwrap());
                prop_assert!(tree.children(label).iter().all(|&child| tree.parent(child) == Some(label)));
                let below = |&leaf: &u32| leaf == label || tree.ancestors(leaf).any(|up| up == label);
                let expected: Vec<u32> = tree.leaves().iter().copied().filter(below).collect();
                prop_assert_eq!(tree.leaves_of(label), &expected[..]);
            }
            prop_assert_eq!(tree.leaves().len(), leaves);
        }

        #[test]
        fn any_parents_make_a_forest_or_an_error(
            parent in proptest::collection::vec(proptest::option::of(0u32..12), 0..12),
        ) {
            if let Ok(tree) = Hierarchy::new(parent) {
                prop_assert!((0..tree.len() as u32).all(|label| tree.ancestors(label).count() < tree.len()));
            }
        }
    }
}

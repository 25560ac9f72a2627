use std::sync::Arc;

use dfdx::{
    shapes::{Dim, Dtype},
    tensor::Tensor,
    tensor_ops::Device,
};

use super::TargetError;

/// Any number of class indices a row, each below the number of classes. Cheap to clone.
///
/// Each row is a set: its labels are kept in rising order, and a label that is given twice counts once. Memory goes with
/// the number of labels, not with the number of classes.
///
/// # Example
/// ```
/// use shared::ops::targets::LabelSets;
/// let labels = LabelSets::new([vec![2, 0, 2], vec![]], 3)?;
/// assert_eq!((labels.row(0), labels.row(1)), (&[0, 2][..], &[][..]));
/// # Ok::<(), shared::ops::targets::TargetError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSets {
    classes: usize,
    /// Where each row begins in `indices`, and after the last row where it ends.
    offsets: Arc<[usize]>,
    indices: Arc<[usize]>,
}

impl LabelSets {
    /// Checks that every label names one of `classes` classes.
    ///
    /// # Errors
    /// [`TargetError`] for the first that does not.
    pub fn new<R: IntoIterator<Item = usize>>(
        rows: impl IntoIterator<Item = R>,
        classes: usize,
    ) -> Result<Self, TargetError> {
        let (mut offsets, mut indices) = (vec![0], Vec::new());
        let mut set = Vec::new();
        for (row, labels) in rows.into_iter().enumerate() {
            set.clear();
            set.extend(labels);
            if let Some(target) = set.iter().copied().find(|label| *label >= classes) {
                return Err(TargetError { row, target, classes });
            }
            set.sort_unstable();
            set.dedup();
            indices.extend_from_slice(&set);
            offsets.push(indices.len());
        }
        Ok(LabelSets { classes, offsets: offsets.into(), indices: indices.into() })
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The labels of one row, in rising order.
    ///
    /// # Panics
    /// If there is no such row, as with a slice.
    #[must_use]
    #[track_caller]
    pub fn row(&self, row: usize) -> &[usize] {
        &self.indices[self.offsets[row]..self.offsets[row + 1]]
    }

    /// The labels of each row, row by row.
    pub fn iter(&self) -> impl Iterator<Item = &[usize]> + '_ {
        self.offsets.windows(2).map(|ends| &self.indices[ends[0]..ends[1]])
    }

    /// Holds the labels against the scores they belong to and returns the number of classes.
    ///
    /// # Panics
    /// If there is not one set a row, or another number of classes: like dfdx's run-time shapes, a bug of the caller.
    #[track_caller]
    pub(in crate::ops) fn checked_against(&self, rows: usize, classes: usize) -> usize {
        assert_eq!((self.len(), self.classes), (rows, classes), "label sets (rows, classes) against scores");
        classes
    }
}

/// The sets as rows of zeros, with at the labels what `value` makes of their number in the row.
pub(in crate::ops) fn multi_hot<B: Dim, C: Dim, E: Dtype, D: Device<E>>(
    device: &D,
    labels: &LabelSets,
    shape: (B, C),
    value: impl Fn(usize) -> E,
) -> Result<Tensor<(B, C), E, D>, D::Err> {
    let classes = labels.checked_against(shape.0.size(), shape.1.size());
    let mut values = vec![E::default(); labels.len() * classes];
    for (row, set) in labels.iter().enumerate() {
        set.iter().for_each(|label| values[row * classes + label] = value(set.len()));
    }
    device.try_tensor_from_vec(values, shape)
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;

    #[test]
    fn a_class_that_does_not_exist_is_refused() {
        let error = LabelSets::new([vec![0], vec![], vec![2, 3, 4]], 3).unwrap_err();
        assert_eq!(error, TargetError { row: 2, target: 3, classes: 3 });
        let sentence = error.to_string();
        assert!(["3 of row 2", "3 classes"].iter().all(|part| sentence.contains(part)), "{sentence}");
        assert!(LabelSets::new([[0]], 0).is_err());
    }

    #[test]
    fn rows_are_sets() {
        let labels = LabelSets::new([vec![4, 1, 4, 1], vec![], vec![0]], 5).unwrap();
        assert_eq!(labels.iter().collect::<Vec<_>>(), [&[1, 4][..], &[], &[0]]);
        assert_eq!((labels.len(), labels.classes(), labels.is_empty()), (3, 5, false));
        assert_eq!(labels, LabelSets::new([vec![1, 4], vec![], vec![0]], 5).unwrap());
        assert!(LabelSets::new([[0usize; 0]; 0], 5).unwrap().is_empty());
    }

    #[test]
    fn dense_rows_hold_the_value_at_the_labels() {
        let labels = LabelSets::new([vec![2, 0], vec![], vec![1]], 3).unwrap();
        let dense = multi_hot(&Cpu::default(), &labels, (3usize, 3usize), |n| 1.0 / n as f32).unwrap();
        assert_eq!(dense.as_vec(), [0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    }
}

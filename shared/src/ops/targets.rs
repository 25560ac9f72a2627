//! Class targets of a batch, checked once: one class a row, or any number of them.

mod label_sets;

use std::sync::Arc;

use dfdx::{
    shapes::{Dim, Dtype},
    tensor::Tensor,
    tensor_ops::Device,
};

pub(super) use label_sets::multi_hot;
pub use label_sets::LabelSets;

/// One class index a row, each below the number of classes. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    classes: usize,
    indices: Arc<[usize]>,
}

/// A class index that does not exist.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "target {target} of row {row} is not a class: with {classes} classes, targets must be below {classes}"
)]
pub struct TargetError {
    /// The row in the batch.
    pub row: usize,
    /// Its target.
    pub target: usize,
    /// The number of classes.
    pub classes: usize,
}

impl Targets {
    /// Checks that every index names one of `classes` classes.
    ///
    /// # Errors
    /// [`TargetError`] for the first that does not.
    pub fn new(indices: Vec<usize>, classes: usize) -> Result<Self, TargetError> {
        match indices.iter().position(|target| *target >= classes) {
            Some(row) => Err(TargetError { row, target: indices[row], classes }),
            None => Ok(Targets { classes, indices: indices.into() }),
        }
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// (row, class), row by row.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.indices.iter().copied().enumerate()
    }

    /// Holds the targets against the scores they belong to and returns the number of classes.
    ///
    /// # Panics
    /// If there is not one target a row, or another number of classes: like dfdx's run-time shapes, a bug of the
    /// caller.
    #[track_caller]
    pub(super) fn checked_against(&self, rows: usize, classes: usize) -> usize {
        assert_eq!((self.len(), self.classes), (rows, classes), "targets (rows, classes) against scores");
        classes
    }
}

/// The targets as rows of zeros with a one.
pub(super) fn one_hot<B: Dim, C: Dim, E: Dtype, D: Device<E>>(
    device: &D,
    targets: &Targets,
    shape: (B, C),
) -> Result<Tensor<(B, C), E, D>, D::Err> {
    let classes = targets.checked_against(shape.0.size(), shape.1.size());
    let mut values = vec![E::default(); targets.len() * classes];
    for (row, target) in targets.iter() {
        values[row * classes + target] = E::ONE;
    }
    device.try_tensor_from_vec(values, shape)
}

/// A constant in the float type of a composed op.
pub(crate) fn scalar<E: Dtype>(value: f64) -> E {
    E::from_f64(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_does_not_exist_is_refused() {
        let error = Targets::new(vec![0, 3], 3).unwrap_err();
        assert_eq!(error, TargetError { row: 1, target: 3, classes: 3 });
        assert!(Targets::new(vec![0, 2], 3).is_ok());
    }
}

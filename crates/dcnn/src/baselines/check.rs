//! Checks that the baselines share.

use super::error::BaselineError;
use super::Csr;

/// More classes than any data set here has; a bound on what is allocated.
const MAX_CLASSES: usize = 1 << 20;

/// At least two classes, and few enough to count.
pub(super) fn classes(classes: usize) -> Result<(), BaselineError> {
    if classes < 2 {
        return Err(BaselineError::TooFewClasses { classes });
    }
    if classes > MAX_CLASSES {
        return Err(BaselineError::TooLarge { what: "class table", entries: classes, limit: MAX_CLASSES });
    }
    Ok(())
}

/// One label a row, and every listed row there with a label below `classes`.
pub(super) fn labelled_rows(
    what: &'static str,
    rows: &[usize],
    row_count: usize,
    labels: &[usize],
    class_count: usize,
) -> Result<(), BaselineError> {
    classes(class_count)?;
    if labels.len() != row_count {
        return Err(BaselineError::LabelCount { labels: labels.len(), rows: row_count });
    }
    row_indices(what, rows, row_count)?;
    match rows.iter().find(|&&row| labels[row] >= class_count) {
        Some(&row) => Err(BaselineError::LabelOutOfRange { row, label: labels[row], classes: class_count }),
        None => Ok(()),
    }
}

/// A list of row indices that is not empty and stays below `row_count`.
pub(super) fn row_indices(what: &'static str, rows: &[usize], row_count: usize) -> Result<(), BaselineError> {
    if rows.is_empty() {
        return Err(BaselineError::NoRows { what });
    }
    match rows.iter().find(|&&row| row >= row_count) {
        Some(&row) => Err(BaselineError::RowOutOfRange { what, row, rows: row_count }),
        None => Ok(()),
    }
}

/// A matrix stored by rows, its values finite.
pub(super) fn csr(what: &'static str, matrix: &Csr) -> Result<(), BaselineError> {
    if !matrix.is_csr() {
        return Err(BaselineError::NotCsr { what });
    }
    for (row, entries) in matrix.outer_iterator().enumerate() {
        if let Some(value) = entries.data().iter().find(|value| !value.is_finite()) {
            return Err(BaselineError::NotFinite { what, row, value: f64::from(*value) });
        }
    }
    Ok(())
}

/// A setting that must be a finite number above zero.
pub(super) fn positive(name: &'static str, value: f64) -> Result<(), BaselineError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(BaselineError::Setting { name, value, allowed: "a finite number above 0" })
    }
}

/// A grid of positive values in increasing order.
pub(super) fn grid(name: &'static str, values: &[f64]) -> Result<(), BaselineError> {
    values.iter().try_for_each(|&value| positive(name, value))?;
    if values.is_empty() || values.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(BaselineError::Grid { name });
    }
    Ok(())
}

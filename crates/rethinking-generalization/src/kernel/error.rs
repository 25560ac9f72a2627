//! What can go wrong with kernels and their systems, as one sentence each.

/// An error of the kernel methods.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// Two parts of the input that should agree in length do not.
    #[error("there are {found} {what} and there should be {expected}: {why}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
        /// Why so many.
        why: &'static str,
    },
    /// A setting outside its range.
    #[error("{name} is {value} and must be {allowed}: change it")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A number that is infinite or not a number.
    #[error("{what} hold {value} in row {row}: every number must be finite, so mend or drop that row")]
    NotFinite {
        /// Of what.
        what: &'static str,
        /// The row.
        row: usize,
        /// The number.
        value: f64,
    },
    /// A pivot of the Cholesky factorization that is not positive.
    #[error(
        "the {size} x {size} kernel matrix is not positive definite in double precision, first at row {row}: use a \
         smaller bandwidth or a ridge"
    )]
    NotPositiveDefinite {
        /// The row of the first pivot that is not positive.
        row: usize,
        /// Rows of the matrix.
        size: usize,
    },
    /// More memory than is allowed.
    #[error(
        "the kernel system of {rows} rows takes {} and {} are allowed: use fewer rows or allow more memory",
        gigabytes(*needed), gigabytes(*limit)
    )]
    Memory {
        /// Training rows.
        rows: usize,
        /// Bytes it takes, as `memory::estimate` says.
        needed: u64,
        /// Bytes that are allowed.
        limit: u64,
    },
    /// Memory that the system refused.
    #[error("the system refused {} of memory for a tile or a block of features: use fewer rows", gigabytes(*bytes))]
    Allocation {
        /// Bytes asked for.
        bytes: u64,
    },
    /// No candidate gives a positive definite matrix.
    #[error(
        "none of the {candidates} candidate bandwidths gives a positive definite kernel matrix: try smaller ones or allow a ridge"
    )]
    NoBandwidth {
        /// How many were tried.
        candidates: usize,
    },
    /// An eigendecomposition that did not converge.
    #[error("the eigenvalues of the {size} x {size} patch covariance do not converge: sample other patches")]
    Eigenvalues {
        /// Rows of the covariance.
        size: usize,
    },
}

/// Fails unless every number of `values`, rows of `dim`, is finite.
pub(crate) fn check_finite(values: &[f64], dim: usize, what: &'static str) -> Result<(), KernelError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(KernelError::NotFinite { what, row: at / dim.max(1), value: values[at] }),
        None => Ok(()),
    }
}

/// A vector of `len` zeros, or the error of a system that has no room for it.
pub(crate) fn zeros<T: Copy + Default>(len: usize) -> Result<Vec<T>, KernelError> {
    let mut values = Vec::new();
    let bytes = (len as u64).saturating_mul(size_of::<T>() as u64);
    values.try_reserve_exact(len).map_err(|_| KernelError::Allocation { bytes })?;
    values.resize(len, T::default());
    Ok(values)
}

fn gigabytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_single_sentences_that_name_what_to_do() {
        let error = KernelError::NotPositiveDefinite { row: 7, size: 9 };
        assert!(error.to_string().ends_with("first at row 7: use a smaller bandwidth or a ridge"), "{error}");
        let error = KernelError::Memory { rows: 60_000, needed: 14_900_000_000, limit: 8_000_000_000 };
        let text = "the kernel system of 60000 rows takes 14.9 GB and 8.0 GB are allowed: use fewer rows or allow more memory";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn numbers_that_are_not_finite_are_named_by_row() {
        assert_eq!(check_finite(&[0.0; 6], 2, "rows"), Ok(()));
        let error = check_finite(&[0.0, 1.0, 2.0, f64::INFINITY], 2, "rows").unwrap_err();
        assert_eq!(error, KernelError::NotFinite { what: "rows", row: 1, value: f64::INFINITY });
    }

    #[test]
    fn memory_that_no_machine_has_is_an_error() {
        assert!(matches!(zeros::<f64>(usize::MAX / 16), Err(KernelError::Allocation { .. })));
    }
}

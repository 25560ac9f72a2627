//! Everything that can go wrong in the theory, as one sentence each.

/// An error of the theory.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TheoryError {
    /// Nothing where something is needed.
    #[error("{what} is empty: give at least one {item}")]
    Empty {
        /// Which argument.
        what: &'static str,
        /// What it holds.
        item: &'static str,
    },
    /// A setting outside its range.
    #[error("{what} is {value}: it must be {allowed}")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A length that does not fit.
    #[error("{what} holds {found} numbers: it must hold {expected}")]
    Length {
        /// Which argument.
        what: &'static str,
        /// Its length.
        found: usize,
        /// What the length must be.
        expected: String,
    },
    /// An input that is NaN or infinite.
    #[error("{what} has {value} at position {at}: every number must be finite")]
    NotFinite {
        /// Which argument.
        what: &'static str,
        /// The first position that is not finite.
        at: usize,
        /// What is there.
        value: f64,
    },
    /// A function of the caller that returned NaN or an infinity.
    #[error("{what} is {value} at x = {x}: it must be finite wherever the densities are integrated")]
    Function {
        /// Which function.
        what: &'static str,
        /// Its argument.
        x: f64,
        /// What it returned.
        value: f64,
    },
    /// A covariance that is none.
    #[error("the covariance [[{xx}, {xy}], [{xy}, {yy}]] is not positive definite: its diagonal and its determinant must be above 0")]
    Covariance {
        /// The variance along x.
        xx: f64,
        /// The covariance.
        xy: f64,
        /// The variance along y.
        yy: f64,
    },
    /// Newton's method without an end.
    #[error("the logistic regression did not converge in {steps} steps (largest slope {slope:e}): raise the ridge, or give samples that overlap")]
    NotConverged {
        /// Steps taken.
        steps: usize,
        /// The largest entry of the gradient at the end.
        slope: f64,
    },
    /// An iteration that left `f64`.
    #[error("the iterates overflow after {step} steps: take fewer steps or a smaller step size")]
    Diverged {
        /// The first step that is not finite.
        step: usize,
    },
}

/// Whether every number is finite.
pub(super) fn finite(what: &'static str, values: &[f64]) -> Result<(), TheoryError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(TheoryError::NotFinite { what, at, value: values[at] }),
        None => Ok(()),
    }
}

/// Whether a number is finite and above 0.
pub(super) fn positive(what: &'static str, value: f64) -> Result<(), TheoryError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(TheoryError::Setting { what, value, allowed: "finite and above 0" })
}

//! Everything that can go wrong with a construction, as one sentence each.

/// An error of the theory.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TheoryError {
    /// No rows at all.
    #[error("the sample is empty: give at least one row")]
    Empty,
    /// Rows without entries.
    #[error("the rows have no entries (d = 0): give rows of at least one number")]
    NoColumns,
    /// A length that does not follow from the other sizes.
    #[error("{what} holds {found} numbers and should hold {expected}: {rule}")]
    Length {
        /// Which argument.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it should have.
        expected: usize,
        /// Where that length comes from.
        rule: &'static str,
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
    /// A result that `f64` cannot hold.
    #[error("{what} does not fit into f64: scale the inputs and the labels nearer to 1")]
    Overflow {
        /// Which result.
        what: &'static str,
    },
    /// One point with two values is not a function.
    #[error("rows {first} and {second} are equal and have the labels {first_label} and {second_label}: a function has one value a point, so drop one of them")]
    Contradiction {
        /// The earlier row.
        first: usize,
        /// The later row.
        second: usize,
        /// The label of the earlier row.
        first_label: f64,
        /// The label of the later row.
        second_label: f64,
    },
    /// Distinct rows that fall onto one number.
    #[error("rows {first} and {second} differ and have equal projections on each of the {tries} directions tried: take another direction, or scale the rows so that f64 tells them apart")]
    NotSeparated {
        /// The earlier row.
        first: usize,
        /// The later row.
        second: usize,
        /// How many directions were tried.
        tries: usize,
    },
    /// A setting outside its range.
    #[error("{what} is {value}: {allowed}")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A label that is not a class.
    #[error(
        "the label of row {row} is {label} and there are {classes} classes: labels are 0 to classes - 1"
    )]
    Class {
        /// The row.
        row: usize,
        /// Its label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// Sizes in a type that are not the sizes of the network.
    #[error("the dfdx model has D = {asked_inputs} inputs and N = {asked_hidden} hidden units and the network has {inputs} and {hidden}: name these sizes")]
    Sizes {
        /// `D` as asked for.
        asked_inputs: usize,
        /// `N` as asked for.
        asked_hidden: usize,
        /// The inputs of the network.
        inputs: usize,
        /// The hidden units of the network.
        hidden: usize,
    },
    /// A Gram matrix without an inverse.
    #[error("row {row} is a linear combination of the rows before it, as far as f64 can tell: drop it, or give a ridge above 0")]
    Dependent {
        /// The first row that adds no direction of its own.
        row: usize,
    },
    /// A matrix too large to write out.
    #[error("the matrix of {points} points would have {points} x {points} entries: it is written out for at most {limit} points")]
    TooLarge {
        /// How many points there are.
        points: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The tensor library refused.
    #[error("dfdx could not build the model ({0}): free memory, or take a smaller network")]
    Tensor(String),
}

/// The number of rows of `x`, which is row-major with `d` columns and all finite.
pub(super) fn rows(what: &'static str, x: &[f64], d: usize) -> Result<usize, TheoryError> {
    if d == 0 {
        return Err(TheoryError::NoColumns);
    }
    if x.is_empty() {
        return Err(TheoryError::Empty);
    }
    let n = x.len() / d;
    if n * d != x.len() {
        let expected = (n + 1) * d;
        let rule = "rows are stored one after another, each of d numbers";
        return Err(TheoryError::Length { what, found: x.len(), expected, rule });
    }
    finite(what, x).map(|()| n)
}

/// Whether there is an output.
pub(super) fn some_outputs(outputs: usize) -> Result<(), TheoryError> {
    if outputs > 0 {
        return Ok(());
    }
    let allowed = "there is at least one output";
    Err(TheoryError::Setting { what: "the number of outputs", value: 0.0, allowed })
}

/// Whether every number is finite.
pub(super) fn finite(what: &'static str, values: &[f64]) -> Result<(), TheoryError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(TheoryError::NotFinite { what, at, value: values[at] }),
        None => Ok(()),
    }
}

/// Whether `values` has the length that `rule` gives it.
pub(super) fn length(
    what: &'static str,
    values: usize,
    expected: usize,
    rule: &'static str,
) -> Result<(), TheoryError> {
    if values == expected {
        return Ok(());
    }
    Err(TheoryError::Length { what, found: values, expected, rule })
}

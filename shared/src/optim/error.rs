//! What can go wrong in an optimiser.

/// Why an optimiser could not be built, stepped, saved or resumed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OptimError {
    /// A setting is out of its range.
    #[error("{field} is {value}, but it must be {allowed}; change {field} in the {owner} settings")]
    Config {
        /// Whose setting it is, such as `sgd` or `schedule`.
        owner: &'static str,
        /// The setting's name.
        field: &'static str,
        /// What it was set to.
        value: String,
        /// What is allowed, as the tail of "it must be ..".
        allowed: &'static str,
    },
    /// Weights, gradient, state or mask of one parameter differ in length.
    #[error("parameter `{name}` has {expected} elements but its {what} has {found}; give the optimiser the model that it was made for")]
    Length {
        /// The parameter's name.
        name: String,
        /// What has the wrong length: `gradient`, `state` or `mask`.
        what: &'static str,
        /// The parameter's number of elements.
        expected: usize,
        /// The number of elements found.
        found: usize,
    },
    /// Two parameters of the model have one name, so that their states would mix.
    #[error("the name `{name}` stands for two parameters of the model; give each field its own name")]
    DuplicateName {
        /// The name that comes twice.
        name: String,
    },
    /// A mask was set for a parameter that the model lacks.
    #[error("a mask is set for `{name}`, which is no trainable parameter of the model; use a name that `nn::state::parameters` lists")]
    UnknownMask {
        /// The mask's name.
        name: String,
    },
    /// A saved state was made by another rule.
    #[error("the state was saved by `{found}` but this optimiser is `{expected}`; resume with the settings that saved it")]
    RuleMismatch {
        /// This optimiser's rule.
        expected: &'static str,
        /// The rule in the state.
        found: String,
    },
    /// A saved state lacks a tensor.
    #[error("tensor `{name}` is missing from the optimiser state; resume from a state saved with the same model and settings")]
    MissingState {
        /// The tensor's name.
        name: String,
    },
    /// A saved state has a tensor too many.
    #[error("the optimiser state holds tensor `{name}`, which this model and these settings do not have; resume from a state saved with the same model and settings")]
    UnknownState {
        /// The tensor's name.
        name: String,
    },
    /// A tensor of a saved state has the wrong shape.
    #[error("tensor `{name}` has shape {found:?} in the optimiser state but {expected:?} in the model; resume from a state saved with the same model")]
    StateShape {
        /// The tensor's name.
        name: String,
        /// The parameter's shape.
        expected: Vec<usize>,
        /// The shape in the state.
        found: Vec<usize>,
    },
    /// A number in a saved state makes no sense.
    #[error("{field} is {value} in the optimiser state, but it must be {allowed}; the state is damaged, use another")]
    StateScalar {
        /// The number's name.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is allowed, as the tail of "it must be ..".
        allowed: &'static str,
    },
    /// The device could not read or write a parameter.
    #[error("parameter `{name}` cannot be updated: {reason}")]
    Device {
        /// The parameter's name.
        name: String,
        /// What the device said.
        reason: String,
    },
}

/// The check that every setting goes through.
pub(crate) fn ensure(
    holds: bool,
    owner: &'static str,
    field: &'static str,
    value: impl std::fmt::Debug,
    allowed: &'static str,
) -> Result<(), OptimError> {
    if holds {
        Ok(())
    } else {
        Err(OptimError::Config { owner, field, value: format!("{value:?}"), allowed })
    }
}

/// What [`is_eps`] asks for.
pub(crate) const EPS_RANGE: &str = "finite and above 0 as a 32-bit float";

/// Whether `eps` keeps a division by a zero average finite; without it, weights whose gradients are all zero would
/// become NaN.
pub(crate) fn is_eps(eps: f64) -> bool {
    let eps = eps as f32;
    eps.is_finite() && eps > 0.0
}

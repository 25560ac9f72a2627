//! Where our code departs from the paper's.

use serde::{Deserialize, Serialize};

/// One thing that is done otherwise than in the paper, or in code that is often taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// Short name: lower-case letters, digits and dashes.
    pub id: &'static str,
    /// What the paper does, and what is done here.
    pub what: &'static str,
    /// Why.
    pub why: &'static str,
    /// The flag that runs the paper's variant, such as `--leak`.
    pub flag: Option<&'static str>,
    /// The claim that measures what it changes.
    pub effect: Option<&'static str>,
}

/// A [`Deviation`] as it stands in reports and files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviationInfo {
    /// Short name.
    pub id: String,
    /// What the paper does, and what is done here.
    pub what: String,
    /// Why.
    pub why: String,
    /// The flag that runs the paper's variant.
    pub flag: Option<String>,
    /// The claim that measures what it changes.
    pub effect: Option<String>,
}

impl Deviation {
    /// The deviation with owned text.
    #[must_use]
    pub fn info(&self) -> DeviationInfo {
        DeviationInfo {
            id: self.id.into(),
            what: self.what.into(),
            why: self.why.into(),
            flag: self.flag.map(Into::into),
            effect: self.effect.map(Into::into),
        }
    }
}

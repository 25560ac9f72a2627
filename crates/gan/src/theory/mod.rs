//! The theory of adversarial training as code that can be checked.

#![allow(missing_docs)]
/// placeholder until the theory is merged
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Divergence {
    Kl,
    ReverseKl,
    PearsonChi2,
    SquaredHellinger,
    JensenShannon,
    Gan,
}

//! What the players minimise: each formulation that the survey names, as functions of scores.
//!
//! A formulation is three functions of a score a: φᵣ on real examples and φ_f on generated ones make the discriminator's loss
//! L_D = E φᵣ(D(x)) + E φ_f(D(G(z))), and ψ makes the generator's, L_G = E ψ(D(G(z))).

use serde::{Deserialize, Serialize};
use shared::{
    device::Backend,
    dfdx::{prelude::*, tensor::Tape},
};

use crate::{net::Vectors, theory::Divergence};

#[cfg(test)]
mod tests;

/// A formulation of the game.
///
/// | formulation | φᵣ(a) | φ_f(a) | ψ(a) |
/// |---|---|---|---|
/// | minimax | −log σ(a) | −log σ(−a) | log σ(−a) |
/// | non-saturating | −log σ(a) | −log σ(−a) | −log σ(a) |
/// | least squares | ½ (a − 1)² | ½ a² | ½ (a − 1)² |
/// | Wasserstein | −a | a | −a |
/// | hinge | max(0, 1 − a) | max(0, 1 + a) | −a |
/// | f-divergence | −g(a) | f*(g(a)) | −f*(g(a)) |
///
/// # Reference
/// Survey, sections III and IV; Goodfellow et al. 2014 (the first two), Mao et al. 2017, Arjovsky et al. 2017, Lim and Ye
/// 2017, Nowozin et al. 2016.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Formulation {
    /// The game's value itself; its gradient fades where the discriminator is sure.
    Minimax,
    /// The same fixed point with a gradient that does not fade.
    #[default]
    NonSaturating,
    /// Squares around 1 for real and 0 for generated examples.
    LeastSquares,
    /// The difference of a critic's means; the critic must be kept Lipschitz by clipping or a penalty.
    Wasserstein,
    /// Margins of 1.
    Hinge,
    /// A variational bound of an f-divergence.
    FDivergence(Divergence),
}

/// Every formulation, by its name.
const NAMES: &[(&str, Formulation)] = &[
    ("minimax", Formulation::Minimax),
    ("non-saturating", Formulation::NonSaturating),
    ("least-squares", Formulation::LeastSquares),
    ("wasserstein", Formulation::Wasserstein),
    ("hinge", Formulation::Hinge),
    ("kl", Formulation::FDivergence(Divergence::Kl)),
    ("reverse-kl", Formulation::FDivergence(Divergence::ReverseKl)),
    ("pearson-chi2", Formulation::FDivergence(Divergence::PearsonChi2)),
    ("squared-hellinger", Formulation::FDivergence(Divergence::SquaredHellinger)),
    ("jensen-shannon", Formulation::FDivergence(Divergence::JensenShannon)),
    ("gan", Formulation::FDivergence(Divergence::Gan)),
];

impl std::fmt::Display for Formulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = NAMES.iter().find(|(_, formulation)| formulation == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl std::str::FromStr for Formulation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(name, _)| *name == text);
        let known = || NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        found.map(|(_, formulation)| *formulation).ok_or_else(|| format!("it takes one of {}", known()))
    }
}

/// Scores of a batch.
type Scores<D, T> = Vectors<1, D, T>;
/// A loss.
type Loss<D, T> = Tensor<(), f32, D, T>;

impl Formulation {
    /// Whether scores are logits, so that σ(a) is a probability and labels can be smoothed.
    #[must_use]
    pub fn is_logistic(self) -> bool {
        matches!(self, Formulation::Minimax | Formulation::NonSaturating)
    }

    /// E φᵣ, the discriminator's loss on real examples. `target` is 1, or less to smooth the label: a logistic loss is then
    /// t φᵣ + (1 − t) φ_f, and least squares aim at t. Other formulations have no labels.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn on_real<D: Backend, T: Tape<f32, D>>(
        self,
        a: Scores<D, T>,
        target: f64,
    ) -> Result<Loss<D, T>, D::Err> {
        match self {
            Formulation::Minimax | Formulation::NonSaturating => cross_entropy(a, target),
            Formulation::LeastSquares => half_square(a, target),
            Formulation::Wasserstein => a.try_negate()?.try_mean(),
            Formulation::Hinge => a.try_negate()?.try_add(1.0)?.try_relu()?.try_mean(),
            Formulation::FDivergence(f) => activation(a, f)?.try_negate()?.try_mean(),
        }
    }

    /// E φ_f, the discriminator's loss on generated examples. `target` is 0, or more to smooth that label too, which the
    /// survey advises against.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn on_fake<D: Backend, T: Tape<f32, D>>(
        self,
        a: Scores<D, T>,
        target: f64,
    ) -> Result<Loss<D, T>, D::Err> {
        match self {
            Formulation::Minimax | Formulation::NonSaturating => cross_entropy(a, target),
            Formulation::LeastSquares => half_square(a, target),
            Formulation::Wasserstein => a.try_mean(),
            Formulation::Hinge => a.try_add(1.0)?.try_relu()?.try_mean(),
            Formulation::FDivergence(f) => conjugate(a, f)?.try_mean(),
        }
    }

    /// E ψ, the generator's loss.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn for_generator<D: Backend, T: Tape<f32, D>>(self, a: Scores<D, T>) -> Result<Loss<D, T>, D::Err> {
        match self {
            Formulation::Minimax => softplus(a)?.try_negate()?.try_mean(),
            Formulation::NonSaturating => cross_entropy(a, 1.0),
            Formulation::LeastSquares => half_square(a, 1.0),
            Formulation::Wasserstein | Formulation::Hinge => a.try_negate()?.try_mean(),
            Formulation::FDivergence(f) => conjugate(a, f)?.try_negate()?.try_mean(),
        }
    }
}

/// log(1 + eᵃ), without overflow, and with the slope ½ at 0: ½ (a + |a|) + log(1 + e^−|a|).
pub(crate) fn softplus<S: Shape, D: Backend, T: Tape<f32, D>>(
    a: Tensor<S, f32, D, T>,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    let half = a.with_empty_tape().try_mul(0.5)?;
    let size = a.try_abs()?;
    let linear = size.with_empty_tape().try_mul(0.5)?;
    let rest = size.try_negate()?.try_exp()?.try_add(1.0)?.try_ln()?;
    rest.try_add(linear)?.try_add(half)
}

/// −t log σ(a) − (1 − t) log σ(−a) = softplus(a) − t a, as a mean.
pub(crate) fn cross_entropy<D: Backend, T: Tape<f32, D>>(
    a: Scores<D, T>,
    target: f64,
) -> Result<Loss<D, T>, D::Err> {
    let pull = a.with_empty_tape().try_mul(target as f32)?;
    softplus(a)?.try_sub(pull)?.try_mean()
}

fn half_square<D: Backend, T: Tape<f32, D>>(a: Scores<D, T>, target: f64) -> Result<Loss<D, T>, D::Err> {
    a.try_sub(target as f32)?.try_square()?.try_mean::<(), _>()?.try_mul(0.5)
}

/// g_f(a), the output activation of an f-GAN.
fn activation<D: Backend, T: Tape<f32, D>>(a: Scores<D, T>, f: Divergence) -> Result<Scores<D, T>, D::Err> {
    match f {
        Divergence::Kl | Divergence::PearsonChi2 => Ok(a),
        Divergence::ReverseKl => a.try_negate()?.try_exp()?.try_negate(),
        Divergence::SquaredHellinger => a.try_negate()?.try_exp()?.try_negate()?.try_add(1.0),
        // log 2 − log(1 + e^−a)
        Divergence::JensenShannon => softplus(a.try_negate()?)?.try_negate()?.try_add(std::f32::consts::LN_2),
        Divergence::Gan => softplus(a.try_negate()?)?.try_negate(),
    }
}

/// f*(g_f(a)), in the form that neither overflows nor cancels.
fn conjugate<D: Backend, T: Tape<f32, D>>(a: Scores<D, T>, f: Divergence) -> Result<Scores<D, T>, D::Err> {
    match f {
        Divergence::Kl => a.try_sub(1.0)?.try_exp(),
        Divergence::ReverseKl => a.try_sub(1.0),
        Divergence::PearsonChi2 => {
            let linear = a.with_empty_tape();
            a.try_square()?.try_mul(0.25)?.try_add(linear)
        }
        // t / (1 − t) with t = 1 − e^−a
        Divergence::SquaredHellinger => a.try_exp()?.try_sub(1.0),
        // −log(2 − e^t) with e^t = 2 σ(a)
        Divergence::JensenShannon => softplus(a)?.try_sub(std::f32::consts::LN_2),
        Divergence::Gan => softplus(a),
    }
}

//! How the game is played: a recipe, with the survey's tricks as settings.

use serde::{Deserialize, Serialize};
use shared::optim::{AdamConfig, OptimizerConfig};

use crate::losses::Formulation;

/// Everything about the game that is not the two networks. Settings combine freely but for what
/// [`validate`](Recipe::validate) refuses.
///
/// The default is DCGAN's: non-saturating, Adam at 2e-4 with β₁ = 0.5 for both, normal z, nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// What the players minimise.
    pub formulation: Formulation,
    /// A penalty on the discriminator's gradient with respect to its input.
    pub penalty: Penalty,
    /// Clips every weight of the discriminator to ±c after each of its steps (Wasserstein GAN: 0.01).
    pub clip: Option<f64>,
    /// The label of real examples, at most 1; 0.9 is one-sided smoothing.
    pub real_target: f64,
    /// The label of generated examples, at least 0; above 0 smoothing is two-sided, which rewards present mistakes.
    pub fake_target: f64,
    /// Deviation σ of the noise added to all inputs of the discriminator at the first step.
    pub instance_noise: f64,
    /// Steps over which the noise falls linearly to 0; 0 keeps it.
    pub noise_steps: usize,
    /// What the generator follows.
    pub aim: Aim,
    /// Weight c of historical averaging, + c ‖θ − mean of all θ so far‖² for both players.
    pub history: f64,
    /// Steps of the discriminator to one of the generator.
    pub critic_steps: usize,
    /// Steps K that the discriminator is ahead when the generator looks at it; it is put back afterwards. First order: the
    /// gradient does not go through those steps.
    pub unroll: usize,
    /// The generator's optimiser.
    pub generator: OptimizerConfig,
    /// The discriminator's; another rate makes two time scales.
    pub discriminator: OptimizerConfig,
    /// Steps over which both learning rates fall linearly to 0; 0 keeps them.
    pub anneal: usize,
    /// Decay of the exponential mean of the generator's weights that samples are drawn with; 0 takes the weights themselves.
    pub average: f64,
    /// Where z comes from.
    pub prior: Prior,
}

/// A penalty on ∇ₓ D.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Penalty {
    /// None.
    #[default]
    None,
    /// λ E (‖∇D(x̂)‖ − 1)² at random points between real and generated examples (Gulrajani et al. 2017: λ = 10).
    Lipschitz(f64),
    /// γ/2 E ‖∇D(x)‖² at real examples (Mescheder et al. 2018).
    ZeroCentred(f64),
}

/// What the generator follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aim {
    /// The scores of its samples.
    #[default]
    Scores,
    /// The mean features of real examples: ‖E f(x) − E f(G(z))‖² (Salimans et al. 2016, section 3.1).
    Features,
}

/// The distribution of z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// N(0, I).
    #[default]
    Normal,
    /// U[−1, 1] in each coordinate.
    Uniform,
}

impl Default for Recipe {
    fn default() -> Self {
        let adam = adam(2e-4, 0.5, 0.999);
        Recipe {
            formulation: Formulation::default(),
            penalty: Penalty::None,
            clip: None,
            real_target: 1.0,
            fake_target: 0.0,
            instance_noise: 0.0,
            noise_steps: 0,
            aim: Aim::Scores,
            history: 0.0,
            critic_steps: 1,
            unroll: 0,
            generator: adam.clone(),
            discriminator: adam,
            anneal: 0,
            average: 0.0,
            prior: Prior::Normal,
        }
    }
}

/// Adam with these settings.
#[must_use]
pub fn adam(lr: f64, beta1: f64, beta2: f64) -> OptimizerConfig {
    OptimizerConfig::Adam(AdamConfig { lr, beta1, beta2, ..AdamConfig::default() })
}

/// A setting out of its range, or two that do not go together.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{setting} is {value}: {allowed}")]
pub struct RecipeError {
    /// The setting.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// What is allowed.
    pub allowed: &'static str,
}

impl Recipe {
    /// Checks every range.
    ///
    /// # Errors
    /// [`RecipeError`] about the first setting that is out of its range.
    pub fn validate(&self) -> Result<(), RecipeError> {
        let check = |ok: bool, setting, value: f64, allowed| match ok {
            true => Ok(()),
            false => Err(RecipeError { setting, value: value.to_string(), allowed }),
        };
        let at_least_0 = |v: f64| v.is_finite() && v >= 0.0;
        let weight = match self.penalty {
            Penalty::None => 0.0,
            Penalty::Lipschitz(weight) | Penalty::ZeroCentred(weight) => weight,
        };
        check(
            at_least_0(weight),
            "the weight of the gradient penalty",
            weight,
            "it takes a number of at least 0",
        )?;
        if let Some(clip) = self.clip {
            check(
                clip.is_finite() && clip > 0.0,
                "the clip of the weights",
                clip,
                "it takes a number above 0",
            )?;
        }
        let (real, fake) = (self.real_target, self.fake_target);
        check(
            real > 0.5 && real <= 1.0,
            "the label of real examples",
            real,
            "it lies above 0.5 and at most at 1",
        )?;
        check((0.0..0.5).contains(&fake), "the label of generated examples", fake, "it lies in [0, 0.5)")?;
        let labelled = self.formulation.is_logistic() || self.formulation == Formulation::LeastSquares;
        let allowed =
            "only the minimax, non-saturating and least-squares formulations have labels to smooth; use 1";
        check(labelled || real == 1.0, "the label of real examples", real, allowed)?;
        let allowed =
            "only the minimax, non-saturating and least-squares formulations have labels to smooth; use 0";
        check(labelled || fake == 0.0, "the label of generated examples", fake, allowed)?;
        let noise = self.instance_noise;
        check(
            at_least_0(noise),
            "the deviation of the instance noise",
            noise,
            "it takes a number of at least 0",
        )?;
        let history = self.history;
        check(
            at_least_0(history),
            "the weight of historical averaging",
            history,
            "it takes a number of at least 0",
        )?;
        let steps = self.critic_steps;
        let allowed = "the discriminator takes 1 to 100 steps to one of the generator";
        check((1..=100).contains(&steps), "the number of discriminator steps", steps as f64, allowed)?;
        check(self.unroll <= 100, "the number of unrolled steps", self.unroll as f64, "it takes 0 to 100")?;
        check(
            (0.0..1.0).contains(&self.average),
            "the decay of averaged weights",
            self.average,
            "it lies in [0, 1)",
        )
    }

    /// The deviation of the instance noise at a step.
    #[must_use]
    pub fn noise_at(&self, step: usize) -> f64 {
        self.instance_noise * falling(step, self.noise_steps)
    }

    /// The factor of both learning rates at a step.
    #[must_use]
    pub fn rate_at(&self, step: usize) -> f64 {
        falling(step, self.anneal)
    }
}

/// 1 falling to 0 over `steps`, or 1 for ever.
fn falling(step: usize, steps: usize) -> f64 {
    match steps {
        0 => 1.0,
        steps => (1.0 - step as f64 / steps as f64).max(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked_and_told() {
        assert_eq!(Recipe::default().validate(), Ok(()));
        let wrong: [Recipe; 6] = [
            Recipe { clip: Some(0.0), ..Recipe::default() },
            Recipe { real_target: 1.1, ..Recipe::default() },
            Recipe { formulation: Formulation::Hinge, real_target: 0.9, ..Recipe::default() },
            Recipe { critic_steps: 0, ..Recipe::default() },
            Recipe { average: 1.0, ..Recipe::default() },
            Recipe { instance_noise: f64::NAN, ..Recipe::default() },
        ];
        for recipe in wrong {
            let text = recipe.validate().unwrap_err().to_string();
            assert!(text.contains(" is ") && text.contains(": "), "{text}");
        }
    }

    #[test]
    fn noise_and_rates_fall() {
        let recipe = Recipe { instance_noise: 0.5, noise_steps: 10, anneal: 4, ..Recipe::default() };
        assert_eq!([0, 5, 10, 20].map(|s| recipe.noise_at(s)), [0.5, 0.25, 0.0, 0.0]);
        assert_eq!([0, 2, 4].map(|s| recipe.rate_at(s)), [1.0, 0.5, 0.0]);
        assert_eq!(Recipe::default().rate_at(1_000_000), 1.0);
    }
}

//! The program: flags in, experiments run, files out.

mod bench;
mod explain;
mod run;

use clap::Args;
use shared::{
    claims::{Claim, Deviation},
    cli::{CliError, DatasetInfo, ExplainRow, Job, NoVerbs, Summary, Workload},
};

use crate::{adam, claims, Aim, Formulation, Networks, Penalty, Prior, Recipe, RecipeError};

/// The gan program.
pub struct Program;

/// Flags of `train`.
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// toy, toy-tanh, mlp28, small-dcgan28, dcgan28, conditional28 or dcgan32; by the data set when not given
    #[arg(long, value_name = "NAME")]
    networks: Option<Networks>,
    /// minimax, non-saturating, least-squares, wasserstein, hinge, or an f-divergence: kl, reverse-kl, pearson-chi2,
    /// squared-hellinger, jensen-shannon, gan
    #[arg(long, value_name = "NAME", default_value_t = Formulation::NonSaturating)]
    formulation: Formulation,
    /// Weight of the penalty (‖∇D‖ − 1)² between real and generated examples
    #[arg(long, value_name = "LAMBDA", default_value_t = 0.0)]
    lipschitz: f64,
    /// Weight of the penalty ½ ‖∇D‖² at real examples
    #[arg(long, value_name = "GAMMA", default_value_t = 0.0, conflicts_with = "lipschitz")]
    zero_centred: f64,
    /// Clip the discriminator's weights to ± this after each step
    #[arg(long, value_name = "C")]
    clip: Option<f64>,
    /// The label of real examples; 0.9 smooths it
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    real_target: f64,
    /// The label of generated examples; above 0 smooths it too, which the survey advises against
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    fake_target: f64,
    /// Deviation of the noise on the discriminator's inputs
    #[arg(long, value_name = "SIGMA", default_value_t = 0.0)]
    noise: f64,
    /// Turns over which the noise falls to 0; 0 keeps it
    #[arg(long, value_name = "TURNS", default_value_t = 0)]
    noise_steps: usize,
    /// Let the generator match mean features, and not scores
    #[arg(long)]
    match_features: bool,
    /// Weight of historical averaging
    #[arg(long, value_name = "C", default_value_t = 0.0)]
    history: f64,
    /// Steps of the discriminator to one of the generator
    #[arg(long, value_name = "K", default_value_t = 1)]
    critic_steps: usize,
    /// Steps that the discriminator is ahead when the generator looks at it
    #[arg(long, value_name = "K", default_value_t = 0)]
    unroll: usize,
    /// Learning rate of Adam, for the generator; 0.001 for points and 0.0002 for images when not given
    #[arg(long, value_name = "RATE")]
    lr_generator: Option<f64>,
    /// The same for the discriminator
    #[arg(long, value_name = "RATE")]
    lr_discriminator: Option<f64>,
    /// First decay of Adam, for both
    #[arg(long, value_name = "BETA", default_value_t = 0.5)]
    beta1: f64,
    /// Turns over which both rates fall to 0; 0 keeps them
    #[arg(long, value_name = "TURNS", default_value_t = 0)]
    anneal: usize,
    /// Decay of the averaged generator that samples are drawn from; 0 for none
    #[arg(long, value_name = "BETA", default_value_t = 0.0)]
    average: f64,
    /// Draw z uniformly from [−1, 1], and not normally
    #[arg(long)]
    uniform: bool,
    /// Turns, rounded up to whole passes over the examples
    #[arg(long, value_name = "N", default_value_t = 1000)]
    turns: usize,
    /// Passes over the examples, in place of --turns
    #[arg(long, value_name = "N", conflicts_with = "turns")]
    epochs: Option<usize>,
    /// Examples a step of either player
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch_size: usize,
    /// Take so many examples at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Turns between looks for collapse, saturation and divergence; 0 does not look
    #[arg(long, value_name = "TURNS", default_value_t = 100)]
    watch: usize,
    /// Turns between checkpoints; one is written after every pass besides
    #[arg(long, value_name = "TURNS", default_value_t = 0)]
    checkpoint_every: usize,
}

/// Flags of `eval`.
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {
    /// Samples to measure
    #[arg(long, value_name = "N", default_value_t = 2000)]
    samples: usize,
}

impl TrainArgs {
    fn recipe(&self, networks: Networks) -> Result<Recipe, RecipeError> {
        let rate = if networks.width() == 2 { 1e-3 } else { 2e-4 };
        let adam = |lr: Option<f64>| adam(lr.unwrap_or(rate), self.beta1, 0.999);
        let recipe = Recipe {
            formulation: self.formulation,
            penalty: match (self.lipschitz, self.zero_centred) {
                (0.0, 0.0) => Penalty::None,
                (0.0, weight) => Penalty::ZeroCentred(weight),
                (weight, _) => Penalty::Lipschitz(weight),
            },
            clip: self.clip,
            real_target: self.real_target,
            fake_target: self.fake_target,
            instance_noise: self.noise,
            noise_steps: self.noise_steps,
            aim: if self.match_features { Aim::Features } else { Aim::Scores },
            history: self.history,
            critic_steps: self.critic_steps,
            unroll: self.unroll,
            generator: adam(self.lr_generator),
            discriminator: adam(self.lr_discriminator),
            anneal: self.anneal,
            average: self.average,
            prior: if self.uniform { Prior::Uniform } else { Prior::Normal },
        };
        recipe.validate()?;
        Ok(recipe)
    }
}

impl shared::cli::Program for Program {
    const NAME: &'static str = "gan";
    const ABOUT: &'static str =
        "Generative Adversarial Networks: An Overview (Creswell, White, Dumoulin, Arulkumaran, \
                                 Sengupta and Bharath, 2018)";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const HEADLINE: &'static str = "coverage";
    const CLAIMS: &'static [Claim] = claims::CLAIMS;
    const DEVIATIONS: &'static [Deviation] = claims::DEVIATIONS;
    const EXPLAIN: &'static [ExplainRow] = explain::EXPLAIN;
    const WORKLOADS: &'static [Workload] = bench::WORKLOADS;
    const DATASETS: &'static [DatasetInfo] = DATASETS;
    type TrainArgs = TrainArgs;
    type EvalArgs = EvalArgs;
    type Verbs = NoVerbs;

    fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
        run::train(args, job)
    }
    fn eval(args: &EvalArgs, job: &Job<'_>) -> Result<Summary, CliError> {
        run::eval(args, job)
    }
    fn verb(verb: &NoVerbs, _: &Job<'_>) -> Result<Summary, CliError> {
        match *verb {}
    }
}

const DATASETS: &[DatasetInfo] = &[
    DatasetInfo { name: "synthetic", about: "stroke-drawn digits, 28 x 28", embedded: true },
    DatasetInfo { name: "ring", about: "eight Gaussians on a circle", embedded: true },
    DatasetInfo { name: "grid", about: "25 Gaussians, 5 x 5", embedded: true },
    DatasetInfo { name: "mnist", about: "60,000 + 10,000 digits, 28 x 28 (IDX)", embedded: false },
    DatasetInfo { name: "fashion-mnist", about: "60,000 + 10,000 garments, 28 x 28 (IDX)", embedded: false },
    DatasetInfo { name: "cifar10", about: "50,000 + 10,000 photographs, 32 x 32 (binary)", embedded: false },
];

#[cfg(test)]
mod tests {
    #[test]
    fn lists_and_flags_are_sound() {
        shared::cli::check::<super::Program>().unwrap();
    }
}

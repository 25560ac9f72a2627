//! The program: flags in, experiments run, files out.

mod bench;
mod run;
mod sweep;

use clap::{Args, Subcommand};
use shared::{
    claims::{Claim, Deviation},
    cli::{CliError, DatasetInfo, ExplainRow, Job, Summary, Workload},
    zoo::ZooModel,
};

use crate::{claims, Config, Corruption, Init, LabError, Regularizers, TestLabels};

/// The rethinking-generalization program.
pub struct Program;

/// Settings that `train` and `sweep` share.
#[derive(Debug, Clone, Args)]
struct SettingArgs {
    /// Training images, the first of the set; all when not given
    #[arg(long, value_name = "N")]
    images: Option<usize>,
    /// Passes over them at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    epochs: usize,
    /// Images a step
    #[arg(long, value_name = "N", default_value_t = 128)]
    batch_size: usize,
    /// How weights begin; he for Inception without batch normalisation and layers for the others when not given
    #[arg(long, value_name = "RULE")]
    init: Option<Init>,
    /// Learning rate of the first step; 0.1 for inception, 0.05 for small-cnn, 0.02 for inception-plain and 0.01 for the others when not given
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// What the rate is multiplied by every --decay-steps
    #[arg(long, value_name = "FACTOR", default_value_t = 0.95)]
    decay: f64,
    /// Steps between falls of the rate; the default is an epoch of 50,000 images
    #[arg(long, value_name = "STEPS", default_value_t = crate::trial::PAPER_EPOCH_STEPS)]
    decay_steps: usize,
    /// Training accuracy that ends the run; above 1 for all epochs
    #[arg(long, value_name = "SHARE", default_value_t = 0.999)]
    target: f64,
    /// Test images that are scored after every epoch
    #[arg(long, value_name = "N", default_value_t = 0)]
    tracked: usize,
    /// Corrupt the labels of the test set too, as a well-known port does
    #[arg(long)]
    corrupt_test_labels: bool,
    /// Cut a square at random out of each image, anew every epoch
    #[arg(long)]
    crop: bool,
    /// Mirror every second image, anew every epoch
    #[arg(long)]
    flip: bool,
    /// Coefficient of weight decay; public versions take 0.0005
    #[arg(long, value_name = "L", default_value_t = 0.0)]
    weight_decay: f64,
    /// Share of hidden values that is dropped
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    dropout: f64,
}

/// Flags of `train`.
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// small-cnn, mlp1, mlp3, alexnet, inception or inception-plain
    #[arg(long, value_name = "NAME", default_value_t = ZooModel::Mlp1)]
    model: ZooModel,
    /// true, partial:P, random-labels, shuffled-pixels, random-pixels or gaussian
    #[arg(long, value_name = "KIND", default_value_t = Corruption::True)]
    corruption: Corruption,
    /// Steps between checkpoints; one is written after every epoch besides
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    checkpoint_every: usize,
    #[command(flatten)]
    settings: SettingArgs,
}

/// Flags of `eval`.
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {
    /// Score against corrupted test labels, and not the clean ones
    #[arg(long)]
    corrupted: bool,
}

/// The verbs of this paper alone.
#[derive(Debug, Subcommand)]
pub enum Verbs {
    /// Train each model on each corruption, or go on doing so
    Sweep(SweepArgs),
}

/// Flags of `sweep`.
#[derive(Debug, Clone, Args)]
pub struct SweepArgs {
    /// Models, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "mlp1")]
    models: Vec<ZooModel>,
    /// Corruptions, separated by commas
    #[arg(
        long,
        value_name = "KINDS",
        value_delimiter = ',',
        default_value = "true,shuffled-pixels,gaussian,random-pixels,random-labels"
    )]
    corruptions: Vec<Corruption>,
    /// Seeds, 1 to 1000, counted up from --seed
    #[arg(long, value_name = "N", default_value_t = 3)]
    seeds: u64,
    #[command(flatten)]
    settings: SettingArgs,
}

impl SettingArgs {
    /// The settings for a model.
    fn config(&self, model: ZooModel, corruption: Corruption, seed: u64) -> Result<Config, LabError> {
        if model.side() != 28 {
            return Err(LabError::Setting {
                field: "--model",
                value: model.to_string(),
                allowed: "small-cnn, mlp1, mlp3, alexnet, inception or inception-plain",
            });
        }
        let paper = Config::new(model);
        let regularizers = Regularizers {
            crop: self.crop,
            flip: self.flip,
            weight_decay: self.weight_decay,
            dropout: self.dropout,
        };
        let config = Config {
            corruption,
            test_labels: if self.corrupt_test_labels { TestLabels::Corrupted } else { TestLabels::Clean },
            images: self.images,
            init: self.init.unwrap_or(paper.init),
            regularizers,
            epochs: self.epochs,
            batch_size: self.batch_size,
            lr: self.lr.unwrap_or(paper.lr),
            decay: self.decay,
            decay_steps: self.decay_steps,
            target: self.target,
            tracked: self.tracked,
            seed,
            ..paper
        };
        config.validate()?;
        Ok(config)
    }
}

const EXPLAIN: &[ExplainRow] = &[
    ExplainRow {
        equation: "yᵢ ← Uniform{1..K} with probability p",
        code: "rethinking_generalization::Corrupted",
        shape: "(N,)",
        section: "2.1",
    },
    ExplainRow {
        equation: "x ← x ∘ π, x ← x ∘ πᵢ, x ← N(μ, σ²)",
        code: "rethinking_generalization::Corruption",
        shape: "(N, C, H, W)",
        section: "2.1",
    },
    ExplainRow {
        equation: "R_n(H) = E_σ sup_h (1/n) Σ σᵢ h(xᵢ)",
        code: "rethinking_generalization::probe::rademacher_draw",
        shape: "a number",
        section: "2.2",
    },
    ExplainRow {
        equation: "c(x) = Σⱼ wⱼ max(<a, x> − bⱼ, 0)",
        code: "rethinking_generalization::theory::FiniteSampleNet",
        shape: "2n + d numbers",
        section: "4, Theorem 1",
    },
    ExplainRow {
        equation: "depth k, width O(n/k), O(n + d) weights",
        code: "rethinking_generalization::theory::DeepNet",
        shape: "k layers",
        section: "4, corollary",
    },
    ExplainRow {
        equation: "X Xᵀ α = y, w = Xᵀ α",
        code: "rethinking_generalization::theory::MinNorm",
        shape: "(d, K)",
        section: "5, equation 3",
    },
    ExplainRow {
        equation: "w ← w − η e xᵢ",
        code: "rethinking_generalization::theory::LinearSgd",
        shape: "(d, K)",
        section: "5",
    },
    ExplainRow {
        equation: "K α = Y, f(x) = Σ αᵢ k(xᵢ, x)",
        code: "rethinking_generalization::kernel::KernelMachine",
        shape: "(n, K)",
        section: "5, Table 3",
    },
];

const DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "synthetic",
        about: "textured shapes, 10 classes, 32 x 32 x 3, drawn by code",
        embedded: true,
    },
    DatasetInfo {
        name: "cifar10",
        about: "50,000 + 10,000 photographs, 10 classes, 32 x 32 x 3",
        embedded: false,
    },
    DatasetInfo { name: "mnist", about: "60,000 + 10,000 digits, 28 x 28", embedded: false },
    DatasetInfo {
        name: "fashion-mnist",
        about: "60,000 + 10,000 pieces of clothing, 28 x 28",
        embedded: false,
    },
];

impl shared::cli::Program for Program {
    const NAME: &'static str = "rethinking-generalization";
    const ABOUT: &'static str =
        "Understanding Deep Learning Requires Rethinking Generalization (Zhang, Bengio, Hardt, Recht and Vinyals, 2017)";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const HEADLINE: &'static str = "table1";
    const CLAIMS: &'static [Claim] = claims::CLAIMS;
    const DEVIATIONS: &'static [Deviation] = claims::DEVIATIONS;
    const EXPLAIN: &'static [ExplainRow] = EXPLAIN;
    const WORKLOADS: &'static [Workload] = bench::WORKLOADS;
    const NAMED_WORKLOADS: &'static [Workload] = shared::zoo::ZOO_WORKLOADS;
    const DATASETS: &'static [DatasetInfo] = DATASETS;
    type TrainArgs = TrainArgs;
    type EvalArgs = EvalArgs;
    type Verbs = Verbs;

    fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
        run::train(args, job)
    }
    fn eval(args: &EvalArgs, job: &Job<'_>) -> Result<Summary, CliError> {
        run::eval(args, job)
    }
    fn verb(verb: &Verbs, job: &Job<'_>) -> Result<Summary, CliError> {
        match verb {
            Verbs::Sweep(args) => sweep::run(args, job),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_and_flags_are_sound() {
        shared::cli::check::<super::Program>().unwrap();
    }
}

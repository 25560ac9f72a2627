//! The program: flags in, experiments run, files out.

mod bench;
mod drawings;
mod run;

use clap::Args;
use serde::{Deserialize, Serialize};
use shared::{
    claims::{Claim, Deviation},
    cli::{CliError, DatasetInfo, Drawing, ExplainRow, Job, NoVerbs, Summary, Workload},
    graph::{Isolated, Normalization},
    nn::Activation,
    optim::OptimizerConfig,
};

use crate::{claims, config::MAX_HOPS, Config, ConfigError, Init, Loss};

/// The dcnn program.
pub struct Program;

/// Flags of `train`.
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// Hops of the diffusion, 1 to 8
    #[arg(long, value_name = "H", default_value_t = 2)]
    hops: usize,
    /// Passes over the training set at most [default: 100, or 500 for sets of graphs]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Examples a step [default: 100, or a tenth of the training graphs]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Learning rate of AdaGrad
    #[arg(long, value_name = "RATE", default_value_t = 0.05)]
    lr: f64,
    /// The loss
    #[arg(long, value_enum, default_value_t = LossArg::Hinge)]
    loss: LossArg,
    /// How weights start
    #[arg(long, value_enum, default_value_t = InitArg::Authors)]
    init: InitArg,
    /// The transition matrix
    #[arg(long, value_enum, default_value_t = NormalizationArg::RandomWalk)]
    normalization: NormalizationArg,
    /// Keep the diffusion weights at 1 and train the dense layer alone
    #[arg(long)]
    fixed_diffusion: bool,
    /// Train on the validation labels too, as the authors' first program does by mistake
    #[arg(long)]
    leak_validation: bool,
    /// Train all epochs, whatever the validation loss says
    #[arg(long)]
    no_early_stopping: bool,
    /// Steps between checkpoints; one is written after every epoch besides
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    checkpoint_every: usize,
}

/// Flags of `eval`.
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {
    /// The part of the split to score
    #[arg(long, value_enum, default_value_t = PartArg::Test)]
    part: PartArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LossArg {
    Hinge,
    HingeAll,
    CrossEntropy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum InitArg {
    Authors,
    Paper,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum NormalizationArg {
    RandomWalk,
    DegreePlusOne,
    SelfLoops,
    Symmetric,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PartArg {
    Train,
    Validation,
    Test,
}

impl TrainArgs {
    /// The settings that the flags ask for, on top of a preset.
    fn config(&self, preset: Config, seed: u64) -> Result<Config, ConfigError> {
        if !(1..=MAX_HOPS).contains(&self.hops) {
            let allowed =
                format!("from 1 to {MAX_HOPS}; for the network without a graph see `reproduce hops`");
            return Err(ConfigError { field: "--hops", value: self.hops.to_string(), allowed });
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            let allowed = "a finite number above 0; the paper has 0.05".into();
            return Err(ConfigError { field: "--lr", value: self.lr.to_string(), allowed });
        }
        let mut config = Config {
            hops: self.hops,
            epochs: self.epochs.unwrap_or(preset.epochs),
            batch_size: self.batch_size.unwrap_or(preset.batch_size),
            loss: match self.loss {
                LossArg::Hinge => Loss::Hinge,
                LossArg::HingeAll => Loss::HingeAll,
                LossArg::CrossEntropy => Loss::CrossEntropy,
            },
            // cross-entropy wants scores that are not squeezed
            output: if self.loss == LossArg::CrossEntropy { Activation::Identity } else { preset.output },
            init: match self.init {
                InitArg::Authors => Init::Authors,
                InitArg::Paper => Init::Paper,
            },
            normalization: match self.normalization {
                NormalizationArg::RandomWalk => Normalization::RandomWalk { isolated: Isolated::ZeroRow },
                NormalizationArg::DegreePlusOne => Normalization::DegreePlusOneColumns,
                NormalizationArg::SelfLoops => Normalization::SelfLoops,
                NormalizationArg::Symmetric => Normalization::Symmetric,
            },
            train_diffusion: !self.fixed_diffusion,
            leak_validation: self.leak_validation,
            seed,
            ..preset
        };
        if self.no_early_stopping {
            config.early_stopping = shared::train::EarlyStopping::Never;
        }
        if let OptimizerConfig::AdaGrad(rule) = &mut config.optimizer {
            rule.lr = self.lr;
        }
        config.clone().validate()?;
        Ok(config)
    }
}

const EXPLAIN: &[ExplainRow] = &[
    ExplainRow {
        equation: "P = D⁻¹A",
        code: "shared::graph::transition_matrix",
        shape: "(N, N), sparse",
        section: "2",
    },
    ExplainRow {
        equation: "P* X = [X, PX, .., P^H X]",
        code: "shared::graph::diffuse",
        shape: "(N, (H + 1) F), sparse",
        section: "2, eq. 1-2",
    },
    ExplainRow {
        equation: "Z = f(W^c ⊙ P* X), f = tanh",
        code: "dcnn::DiffusionConv::forward",
        shape: "(N, H + 1, F)",
        section: "2.1, eq. 2-3",
    },
    ExplainRow {
        equation: "Z = f(W^c ⊙ 1ᵀ P* X / N)",
        code: "dcnn::Examples::graphs",
        shape: "(H + 1, F) a graph",
        section: "2.1, eq. 4-5",
    },
    ExplainRow {
        equation: "A' = [[A, Bᵀ], [B, 0]]",
        code: "dcnn::Examples::edges",
        shape: "(N + E, N + E), sparse",
        section: "2.1, edges",
    },
    ExplainRow {
        equation: "Ŷ = argmax f(W^d ⊙ Z)",
        code: "dcnn::Dcnn::predict",
        shape: "(B,)",
        section: "2.1, eq. 6",
    },
    ExplainRow {
        equation: "P(Y|X) = softmax(f(W^d ⊙ Z))",
        code: "dcnn::Dcnn::predict_proba",
        shape: "(B, C)",
        section: "2.1, eq. 7",
    },
    ExplainRow {
        equation: "mean max(0, 1 + max_{k≠y} o_k - o_y)",
        code: "shared::ops::hinge::multiclass_hinge",
        shape: "scalar",
        section: "4, learning",
    },
];

const DATASETS: &[DatasetInfo] = &[
    DatasetInfo { name: "synthetic", about: "a citation network drawn from a block model", embedded: true },
    DatasetInfo { name: "cora", about: "2,708 papers, 1,433 words, 7 classes (LINQS)", embedded: false },
    DatasetInfo { name: "citeseer", about: "3,312 papers, 3,703 words, 6 classes (LINQS)", embedded: false },
    DatasetInfo { name: "pubmed", about: "19,717 papers, 500 words, 3 classes (LINQS)", embedded: false },
    DatasetInfo { name: "tu:*", about: "a TU set of graphs, such as tu:MUTAG", embedded: false },
];

impl shared::cli::Program for Program {
    const NAME: &'static str = "dcnn";
    const ABOUT: &'static str = "Diffusion-Convolutional Neural Networks (Atwood and Towsley, NIPS 2016)";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const HEADLINE: &'static str = "node-table";
    const CLAIMS: &'static [Claim] = claims::CLAIMS;
    const DEVIATIONS: &'static [Deviation] = claims::DEVIATIONS;
    const EXPLAIN: &'static [ExplainRow] = EXPLAIN;
    const WORKLOADS: &'static [Workload] = bench::WORKLOADS;
    const DATASETS: &'static [DatasetInfo] = DATASETS;
    type TrainArgs = TrainArgs;
    type EvalArgs = EvalArgs;
    type Verbs = NoVerbs;

    fn drawings() -> Result<Vec<Drawing>, CliError> {
        drawings::drawings()
    }
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

#[cfg(test)]
mod tests {
    #[test]
    fn lists_and_flags_are_sound() {
        shared::cli::check::<super::Program>().unwrap();
    }
}

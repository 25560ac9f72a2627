//! The program: flags in, experiments run, files out.

mod bench;
mod run;

use clap::Args;
use serde::{Deserialize, Serialize};
use shared::{
    claims::{Claim, Deviation},
    cli::{CliError, DatasetInfo, ExplainRow, Job, NoVerbs, Summary, Workload},
    ops::routing::{Coupling, Routing, RoutingGradient},
};

use crate::{
    claims,
    config::{Config, ConfigError, Init, Model, PrimaryScale, Size},
    Margin, Task,
};

/// The capsules program.
pub struct Program;

/// Flags of `train`.
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// What is learned
    #[arg(long, value_enum, default_value_t = TaskArg::Digits)]
    task: TaskArg,
    /// The kind of network
    #[arg(long, value_enum, default_value_t = ModelArg::CapsNet)]
    model: ModelArg,
    /// How large it is: the paper's, about a thirteenth of its work, or for seconds
    #[arg(long, value_enum, default_value_t = SizeArg::Small)]
    size: SizeArg,
    /// Passes of the routing; 1 routes nothing
    #[arg(long, value_name = "R", default_value_t = 3)]
    routing: usize,
    /// How far gradients go back through the passes; the authors' code: all
    #[arg(long, value_enum, default_value_t = GradientArg::Last)]
    gradient: GradientArg,
    /// What coupling coefficients are a softmax over; children is a mistake of many public versions
    #[arg(long, value_enum, default_value_t = CouplingArg::Parents)]
    coupling: CouplingArg,
    /// Weight of the reconstruction loss, a factor of its sum over pixels; 0 for none
    #[arg(long, value_name = "WEIGHT", default_value_t = crate::RECONSTRUCTION)]
    reconstruction: f64,
    /// Take the mean over pixels and not the sum, a mistake of many public versions
    #[arg(long)]
    reconstruction_mean: bool,
    /// Leave the squares out of the margin loss, a mistake of some public versions
    #[arg(long)]
    unsquared_margin: bool,
    /// Divide the margin loss by 20, as the authors' code does
    #[arg(long)]
    authors_loss: bool,
    /// Divide the convolution of the first capsules by the number of their kinds, as the authors' code does
    #[arg(long)]
    authors_primary: bool,
    /// Add a learned bias to s, as the authors' code does; not at the paper's size
    #[arg(long)]
    routing_bias: bool,
    /// How weights start
    #[arg(long, value_enum, default_value_t = InitArg::Layers)]
    init: InitArg,
    /// Learning rate of Adam
    #[arg(long, value_name = "RATE", default_value_t = 0.001)]
    lr: f64,
    /// The learning rate falls by 4 % in so many steps
    #[arg(long, value_name = "STEPS", default_value_t = 2000)]
    decay_steps: u32,
    /// Examples a step
    #[arg(long, value_name = "N", default_value_t = 128)]
    batch_size: usize,
    /// Passes over the training set
    #[arg(long, value_name = "N", default_value_t = 5)]
    epochs: usize,
    /// Take so many training images at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Epochs after which the weights are kept, for `eval --snapshot`
    #[arg(long, value_name = "EPOCH,..", value_delimiter = ',')]
    snapshots: Vec<usize>,
    /// Steps between checkpoints; one is written after every epoch besides
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    checkpoint_every: usize,
}

/// Flags of `eval`.
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {
    /// The images to score
    #[arg(long, value_enum, default_value_t = PartArg::Test)]
    part: PartArg,
    /// The weights after this epoch, if `train --snapshots` kept them
    #[arg(long, value_name = "EPOCH")]
    snapshot: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TaskArg {
    Digits,
    MultiMnist,
    AffNist,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ModelArg {
    CapsNet,
    Cnn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SizeArg {
    Paper,
    Small,
    Tiny,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum GradientArg {
    Last,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum CouplingArg {
    Parents,
    Leaky,
    Children,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum InitArg {
    Layers,
    Authors,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PartArg {
    Validation,
    Test,
    /// Turned, sheared and scaled images, of a run with --task aff-nist
    Affine,
}

impl From<TaskArg> for Task {
    fn from(task: TaskArg) -> Self {
        match task {
            TaskArg::Digits => Task::Digits,
            TaskArg::MultiMnist => Task::MultiMnist,
            TaskArg::AffNist => Task::AffNist,
        }
    }
}

impl TrainArgs {
    /// The settings that the flags ask for.
    fn config(&self, seed: u64) -> Result<Config, ConfigError> {
        let config = Config {
            model: match self.model {
                ModelArg::CapsNet => Model::CapsNet,
                ModelArg::Cnn => Model::Cnn,
            },
            size: match self.size {
                SizeArg::Paper => Size::Paper,
                SizeArg::Small => Size::Small,
                SizeArg::Tiny => Size::Tiny,
            },
            routing: Routing {
                iterations: self.routing,
                gradient: match self.gradient {
                    GradientArg::Last => RoutingGradient::Last,
                    GradientArg::All => RoutingGradient::All,
                },
                coupling: match self.coupling {
                    CouplingArg::Parents => Coupling::Parents,
                    CouplingArg::Leaky => Coupling::Leaky,
                    CouplingArg::Children => Coupling::Children,
                },
            },
            margin: Margin {
                squared: !self.unsquared_margin,
                scale: if self.authors_loss { 0.05 } else { 1.0 },
                ..Margin::default()
            },
            reconstruction: self.reconstruction,
            reconstruction_mean: self.reconstruction_mean,
            primary_scale: if self.authors_primary { PrimaryScale::Types } else { PrimaryScale::One },
            routing_bias: self.routing_bias,
            init: match self.init {
                InitArg::Layers => Init::Layers,
                InitArg::Authors => Init::Authors,
            },
            lr: self.lr,
            decay_steps: self.decay_steps,
            batch_size: self.batch_size,
            epochs: self.epochs,
            seed,
            ..Config::default()
        };
        config.clone().validate()?;
        Ok(config)
    }
}

impl shared::cli::Program for Program {
    const NAME: &'static str = "capsules";
    const ABOUT: &'static str = "Dynamic Routing Between Capsules (Sabour, Frosst and Hinton, NIPS 2017)";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const HEADLINE: &'static str = "multi-mnist";
    const CLAIMS: &'static [Claim] = claims::CLAIMS;
    const DEVIATIONS: &'static [Deviation] = claims::DEVIATIONS;
    const EXPLAIN: &'static [ExplainRow] = EXPLAIN;
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

const EXPLAIN: &[ExplainRow] = &[
    ExplainRow {
        equation: "û_j|i = W_ij u_i",
        code: "shared::ops::routing::route",
        shape: "(B, I, J, N), a few examples at a time",
        section: "2, eq. 2",
    },
    ExplainRow {
        equation: "c_ij = exp(b_ij) / Σ_k exp(b_ik)",
        code: "shared::ops::routing::Coupling::Parents",
        shape: "(B, I, J)",
        section: "2, eq. 3",
    },
    ExplainRow {
        equation: "s_j = Σ_i c_ij û_j|i",
        code: "shared::ops::routing::route",
        shape: "(B, J, N)",
        section: "2, eq. 2",
    },
    ExplainRow {
        equation: "v_j = ‖s_j‖² / (1 + ‖s_j‖²) s_j / ‖s_j‖",
        code: "shared::ops::squash::squash",
        shape: "(B, J, N)",
        section: "2, eq. 1",
    },
    ExplainRow {
        equation: "b_ij ← b_ij + û_j|i · v_j",
        code: "shared::ops::routing::Routing",
        shape: "(B, I, J)",
        section: "2, procedure 1",
    },
    ExplainRow {
        equation: "L_k = T_k max(0, m⁺ − ‖v_k‖)² + λ (1 − T_k) max(0, ‖v_k‖ − m⁻)²",
        code: "capsules::margin_loss",
        shape: "scalar",
        section: "3, eq. 4",
    },
    ExplainRow {
        equation: "32 x 8D capsules of a 9 x 9 convolution, stride 2",
        code: "capsules::PrimaryCaps",
        shape: "(B, 1152, 8)",
        section: "4, figure 1",
    },
    ExplainRow {
        equation: "10 x 16D capsules, each from all 1152",
        code: "capsules::DigitCaps",
        shape: "(B, 10, 16)",
        section: "4, figure 1",
    },
    ExplainRow {
        equation: "160-512-1024-784, of one class' capsule",
        code: "capsules::Decoder",
        shape: "(B, 784)",
        section: "4.1, figure 2",
    },
    ExplainRow {
        equation: "0.0005 Σ (x − x̂)²",
        code: "capsules::reconstruction_loss",
        shape: "scalar",
        section: "4.1",
    },
];

const DATASETS: &[DatasetInfo] = &[
    DatasetInfo { name: "synthetic", about: "stroke-drawn digits, 28 x 28", embedded: true },
    DatasetInfo { name: "mnist", about: "60,000 + 10,000 digits, 28 x 28 (IDX)", embedded: false },
    DatasetInfo { name: "fashion-mnist", about: "60,000 + 10,000 garments, 28 x 28 (IDX)", embedded: false },
];

#[cfg(test)]
mod tests {
    #[test]
    fn lists_and_flags_are_sound() {
        shared::cli::check::<super::Program>().unwrap();
    }
}

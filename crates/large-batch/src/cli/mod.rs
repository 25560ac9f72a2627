//! The program: flags in, experiments run, files out.

mod bench;
mod explain;
mod run;
mod self_test;
mod simulate;

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use shared::{
    claims::{Claim, Deviation},
    cli::{CliError, DatasetInfo, ExplainRow, Job, Summary, Workload},
    zoo::ZooModel,
};

use crate::{
    claims,
    collective::{Algorithm, Options},
    experiment::{Form, Sampling, Trial},
    LargeBatchError, LinearScaling, RateRule, Reduction, WarmupRule,
};

/// The large-batch program.
pub struct Program;

/// Flags of `train`.
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// resnet8, resnet20, resnet32, or another network of the zoo
    #[arg(long, value_name = "NAME", default_value_t = ZooModel::Resnet8)]
    model: ZooModel,
    /// Images to train on, the first of the set
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    examples: usize,
    /// Images to measure on
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    test_examples: usize,
    /// Images of a worker (n), whose statistics batch normalisation takes
    #[arg(long, value_name = "N", default_value_t = 32)]
    per_worker: usize,
    /// Workers (k)
    #[arg(long, value_name = "K", default_value_t = 8)]
    workers: usize,
    /// Ranks that share the workers out, a thread each; as many as there are threads, and at most as there are workers, when not
    /// given
    #[arg(long, value_name = "P")]
    ranks: Option<usize>,
    /// Passes over the images
    #[arg(long, value_name = "N", default_value_t = 15)]
    epochs: usize,
    /// Learning rate of the base minibatch
    #[arg(long, value_name = "RATE", default_value_t = 0.05)]
    lr: f64,
    /// Images of the minibatch that --lr is for
    #[arg(long, value_name = "N", default_value_t = 32)]
    base_batch: usize,
    /// How the rate follows the minibatch: linear, sqrt or fixed
    #[arg(long, value_name = "RULE", default_value = "linear", value_parser = named::<RateRule>)]
    rule: RateRule,
    /// gradual, constant or none
    #[arg(long, value_name = "RULE", default_value = "gradual", value_parser = named::<WarmupRule>)]
    warmup: WarmupRule,
    /// Epochs of warmup
    #[arg(long, value_name = "N", default_value_t = 2)]
    warmup_epochs: usize,
    /// Epochs at which the rate falls to a tenth, separated by commas
    #[arg(long, value_name = "EPOCHS", value_delimiter = ',', default_value = "5,10,13")]
    milestones: Vec<usize>,
    /// nesterov, outside (equation 9), inside (equation 10) or corrected (equation 10 with momentum correction)
    #[arg(long, value_name = "FORM", default_value = "nesterov", value_parser = named::<Form>)]
    momentum: Form,
    /// Coefficient of weight decay, which spares γ and β of batch normalisations
    #[arg(long, value_name = "L", default_value_t = 1e-4)]
    weight_decay: f64,
    /// Begin with γ = 1 in each block's last normalisation, and not 0
    #[arg(long)]
    gamma_one: bool,
    /// Leave out the images of an epoch that fill no whole minibatch
    #[arg(long)]
    drop_last: bool,
    /// ordered (the same bits on any number of ranks) or local (each rank adds up its own workers first)
    #[arg(long, value_name = "RULE", default_value = "ordered", value_parser = named::<Reduction>)]
    reduction: Reduction,
    #[command(flatten)]
    group: GroupArgs,
    /// Steps between checkpoints; one is written after every epoch besides
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    checkpoint_every: usize,
}

/// How ranks work together.
#[derive(Debug, Clone, Args)]
struct GroupArgs {
    /// ordered, ring or halving-doubling
    #[arg(long, value_name = "NAME", default_value = "ordered", value_parser = algorithm)]
    all_reduce: Algorithm,
    /// Seconds that a rank waits for the others before it names the one that is missing
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: u64,
}

impl GroupArgs {
    fn options(&self) -> Options {
        Options {
            algorithm: self.all_reduce,
            limit: Duration::from_secs(self.time_limit),
            ..Options::default()
        }
    }
}

/// Flags of `eval`.
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {}

/// The verbs of this paper alone.
#[derive(Debug, Subcommand)]
pub enum Verbs {
    /// Check the paper's arithmetic on this installation
    SelfTest(self_test::SelfTestArgs),
    /// Train as one rank of an MPI job, with the flags of `train`
    #[cfg(feature = "mpi")]
    MpiTrain(Box<TrainArgs>),
    /// Predict how long an all-reduce takes on many ranks
    Simulate(simulate::SimulateArgs),
}

impl TrainArgs {
    fn trial(&self, seed: u64) -> Result<Trial, LargeBatchError> {
        let scaling = LinearScaling {
            base_lr: self.lr,
            base_batch: self.base_batch,
            rule: self.rule,
            warmup: self.warmup,
            warmup_epochs: self.warmup_epochs,
            milestones: self.milestones.clone(),
            gamma: 0.1,
        };
        let trial = Trial {
            model: self.model,
            train: self.examples,
            test: self.test_examples,
            per_worker: self.per_worker,
            workers: self.workers,
            scaling,
            epochs: self.epochs,
            form: self.momentum,
            weight_decay: self.weight_decay,
            zero_gamma: !self.gamma_one,
            sampling: Sampling::Permutation,
            transfer: None,
            seed,
        };
        trial.validate()?;
        Ok(trial)
    }

    /// The ranks, each of which must have a worker.
    fn ranks(&self, threads: usize) -> Result<usize, LargeBatchError> {
        let ranks = self.ranks.unwrap_or(threads.min(self.workers).max(1));
        if ranks == 0 || ranks > self.workers {
            return Err(LargeBatchError::Setting {
                field: "--ranks",
                value: ranks.to_string(),
                allowed: "at least 1 and at most the number of --workers",
            });
        }
        Ok(ranks)
    }
}

/// A rule by the name that it has in files.
fn named<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.into())).map_err(|error| error.to_string())
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    match text {
        "ordered" => Ok(Algorithm::Ordered),
        "ring" => Ok(Algorithm::Ring),
        "halving-doubling" => Ok(Algorithm::HalvingDoubling),
        _ => Err(format!("`{text}` is no way to add up: use ordered, ring or halving-doubling")),
    }
}

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
    const NAME: &'static str = "large-batch";
    const ABOUT: &'static str =
        "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour (Goyal et al., 2017)";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const HEADLINE: &'static str = "linear-scaling";
    const CLAIMS: &'static [Claim] = claims::CLAIMS;
    const DEVIATIONS: &'static [Deviation] = claims::DEVIATIONS;
    const EXPLAIN: &'static [ExplainRow] = explain::ROWS;
    const WORKLOADS: &'static [Workload] = bench::WORKLOADS;
    const NAMED_WORKLOADS: &'static [Workload] = shared::zoo::ZOO_WORKLOADS;
    const DATASETS: &'static [DatasetInfo] = DATASETS;
    type TrainArgs = TrainArgs;
    type EvalArgs = EvalArgs;
    type Verbs = Verbs;

    fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
        run::train(args, job)
    }
    fn eval(_: &EvalArgs, job: &Job<'_>) -> Result<Summary, CliError> {
        run::eval(job)
    }
    #[cfg_attr(not(feature = "mpi"), allow(unused_variables))]
    fn verb(verb: &Verbs, job: &Job<'_>) -> Result<Summary, CliError> {
        match verb {
            #[cfg(feature = "mpi")]
            Verbs::MpiTrain(args) => run::train_mpi(args, job),
            Verbs::SelfTest(args) => self_test::self_test(args),
            Verbs::Simulate(args) => simulate::simulate(args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_flags_are_sound() {
        shared::cli::check::<Program>().unwrap();
    }

    #[test]
    fn rules_are_read_by_name() {
        assert_eq!(named::<RateRule>("sqrt"), Ok(RateRule::Sqrt));
        assert!(named::<WarmupRule>("slow").unwrap_err().contains("`gradual`"));
        assert_eq!(algorithm("ring"), Ok(Algorithm::Ring));
        assert!(algorithm("tree").is_err());
    }
}

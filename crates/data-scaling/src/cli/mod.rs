//! The program: flags in, experiments run, files out.

mod bench;
mod explain;
mod fit;
mod run;
mod study;

use clap::{Args, Subcommand};
use datasets::{labels::LabelNoise, labels::NoiseKind};
use serde::de::DeserializeOwned;
use shared::{
    claims::{Claim, Deviation},
    cli::{CliError, DatasetInfo, ExplainRow, Job, Summary, Workload},
};

use crate::{
    claims,
    experiment::{Data, SceneData, TaskSize, Trial, SCENES},
    DataScalingError, Length, Objective, Pretraining, Transferring, Width,
};

/// The data-scaling program.
pub struct Program;

/// Flags of `train`: a pre-training run, and the task that it is judged by.
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// Images to pre-train on, the first N of the source
    #[arg(long, value_name = "N", default_value_t = 3_000)]
    images: u64,
    #[command(flatten)]
    setting: SettingArgs,
    /// Parts of the training, after each of which a line is recorded
    #[arg(long, value_name = "N", default_value_t = 10)]
    parts: usize,
    /// Steps between checkpoints; one is written after every part besides
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    checkpoint_every: usize,
}

/// What `train` and `study` share.
#[derive(Debug, Clone, Args)]
struct SettingArgs {
    /// Images that are shown in all, however many there are
    #[arg(long, value_name = "N", default_value_t = 20_000, conflicts_with = "epochs")]
    shown: u64,
    /// Passes over the images, in place of --shown
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Images a step
    #[arg(long, value_name = "N", default_value_t = 32)]
    batch: usize,
    /// Learning rate, for Adam
    #[arg(long, value_name = "RATE", default_value_t = 2e-3)]
    lr: f64,
    /// Width of the network: half, whole or double
    #[arg(long, value_name = "WIDTH", default_value = "whole", value_parser = named::<Width>)]
    width: Width,
    /// logistic (summed over labels), logistic-mean or softmax
    #[arg(long, value_name = "LOSS", default_value = "logistic", value_parser = named::<Objective>)]
    objective: Objective,
    /// Begin with biases of 0 in the last layer, not with the labels' log-odds
    #[arg(long)]
    zero_bias: bool,
    /// Share of recorded labels that are wrong
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    label_noise: f64,
    /// What a wrong label is: uniform (any other leaf) or sibling
    #[arg(long, value_name = "KIND", default_value = "uniform", value_parser = named::<NoiseKind>)]
    noise_kind: NoiseKind,
    /// Chance that an object's label is not recorded
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    missing: f64,
    /// Chance that a label above a recorded one is not recorded
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    missing_parents: f64,
    /// Leave labels as recorded: add none from the hierarchy
    #[arg(long)]
    no_closure: bool,
    /// Largest number of objects of a scene
    #[arg(long, value_name = "N", default_value_t = 3)]
    objects: usize,
    /// How much more often the most frequent leaf comes than the least
    #[arg(long, value_name = "RATIO", default_value_t = 1.0)]
    tail: f64,
    /// Labelled images of the transfer task
    #[arg(long, value_name = "N", default_value_t = 480)]
    task_images: usize,
    /// Images that the task is measured on
    #[arg(long, value_name = "N", default_value_t = 1_200)]
    test_images: usize,
}

/// Flags of `eval`.
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {}

/// The verbs of this paper alone.
#[derive(Debug, Subcommand)]
pub enum Verbs {
    /// Fit laws to scores by number of examples, and predict
    Fit(fit::FitArgs),
    /// Pre-train on several Ns with several seeds, and fit laws
    Study(Box<study::StudyArgs>),
}

impl SettingArgs {
    /// The run on N images.
    fn trial(&self, dataset: &str, images: u64, parts: usize, seed: u64) -> Result<Trial, DataScalingError> {
        let data = match dataset {
            SCENES => {
                let mut data = SceneData { open: self.no_closure, ..SceneData::default() };
                data.config.most_objects = self.objects;
                data.config.tail = self.tail;
                data.noise = LabelNoise {
                    rate: self.label_noise,
                    kind: self.noise_kind,
                    missing: self.missing,
                    missing_parents: self.missing_parents,
                };
                Data::Scenes(data)
            }
            _ => Data::Real,
        };
        let trial = Trial {
            data,
            width: self.width,
            prior: !self.zero_bias,
            first: None,
            pretraining: Pretraining {
                images,
                length: self.epochs.map_or(Length::Images(self.shown), Length::Passes),
                batch: self.batch,
                lr: self.lr,
                objective: self.objective,
                parts,
                seed,
            },
            scratch: false,
            task: TaskSize { train: self.task_images, test: self.test_images, apart_from: 0 },
            transferring: Transferring { seed, ..Transferring::default() },
            held_out: if dataset == SCENES { 500 } else { 0 },
        };
        trial.validate()?;
        Ok(trial)
    }
}

/// A word by the name that it has in files.
fn named<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.into())).map_err(|error| error.to_string())
}

const DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: SCENES,
        about: "scenes of textured objects, 520 labels in a hierarchy, 32 x 32 x 3, without end",
        embedded: true,
    },
    DatasetInfo {
        name: "cifar10",
        about: "50,000 + 10,000 photographs, 32 x 32 x 3: six classes to pre-train on, four as the task",
        embedded: false,
    },
    DatasetInfo { name: "mnist", about: "60,000 + 10,000 digits, likewise", embedded: false },
    DatasetInfo {
        name: "fashion-mnist",
        about: "60,000 + 10,000 pieces of clothing, likewise",
        embedded: false,
    },
];

impl shared::cli::Program for Program {
    const NAME: &'static str = "data-scaling";
    const ABOUT: &'static str =
        "Revisiting Unreasonable Effectiveness of Data in Deep Learning Era (Sun et al., 2017)";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const HEADLINE: &'static str = "law";
    const CLAIMS: &'static [Claim] = claims::CLAIMS;
    const DEVIATIONS: &'static [Deviation] = claims::DEVIATIONS;
    const EXPLAIN: &'static [ExplainRow] = explain::ROWS;
    const WORKLOADS: &'static [Workload] = bench::WORKLOADS;
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
    fn verb(verb: &Verbs, job: &Job<'_>) -> Result<Summary, CliError> {
        match verb {
            Verbs::Fit(args) => fit::fit(args, job),
            Verbs::Study(args) => study::study(args, job),
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
    fn words_are_read_by_name() {
        assert_eq!(named::<Objective>("softmax"), Ok(Objective::Softmax));
        assert!(named::<Width>("wide").unwrap_err().contains("`double`"));
    }
}

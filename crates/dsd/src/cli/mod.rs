//! The program: flags in, experiments run, files out.

mod bench;
mod explain;
mod run;

use std::path::PathBuf;

use clap::Args;
use serde::de::DeserializeOwned;
use shared::{
    claims::{Claim, Deviation},
    cli::{CliError, DatasetInfo, ExplainRow, Job, NoVerbs, Summary, Workload},
    optim::ParamFilter,
};

use crate::{
    claims, experiment::Setting, DsdConfig, DsdError, Kind, Layers, Model, Phase, Restore, Scope, Selection,
    StatePolicy,
};

/// The dsd program.
pub struct Program;

/// Flags of `train`.
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    /// mlp, conv-net, resnet20 or lstm
    #[arg(long, value_name = "NAME", default_value_t = Model::Mlp)]
    model: Model,
    /// A text of your own in UTF-8, for the lstm, in place of a data set
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Examples to train on, the first of the set; of a text, symbols
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    examples: usize,
    /// Examples to measure on
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    test_examples: usize,
    /// Epochs of the dense phase
    #[arg(long, value_name = "N", default_value_t = 8)]
    epochs: usize,
    /// Epochs of the sparse phase
    #[arg(long, value_name = "N", default_value_t = 4)]
    sparse_epochs: usize,
    /// Epochs of the re-dense phase
    #[arg(long, value_name = "N", default_value_t = 4)]
    redense_epochs: usize,
    /// Phases of your own in place of those three, as dense:EPOCHS:RATE or sparse=SPARSITY:EPOCHS:RATE with commas between
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = phase)]
    phases: Vec<Phase>,
    /// Examples a step
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch_size: usize,
    /// Learning rate of the dense phase; the sparse one has a tenth of it, the re-dense one a hundredth
    #[arg(long, value_name = "RATE", default_value_t = 0.05)]
    lr: f64,
    /// Coefficient of weight decay
    #[arg(long, value_name = "L", default_value_t = 1e-4)]
    weight_decay: f64,
    /// Share of each layer that is pruned
    #[arg(long, value_name = "SHARE", default_value_t = 0.3)]
    sparsity: f64,
    /// A layer with a sparsity of its own, by the end of its name; may be given again
    #[arg(long, value_name = "NAME=SHARE", value_parser = layer)]
    layer: Vec<(String, f64)>,
    /// Layers that are not pruned, by the end of their names, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    exclude: Vec<String>,
    /// Prune the first convolution too
    #[arg(long)]
    first_conv: bool,
    /// Prune embeddings too
    #[arg(long)]
    embeddings: bool,
    /// Which weights survive: magnitude, strict-magnitude, random or smallest
    #[arg(long, value_name = "RULE", default_value = "magnitude", value_parser = named::<Selection>)]
    selection: Selection,
    /// layer or global: whether layers are ranked by themselves
    #[arg(long, value_name = "SCOPE", default_value = "layer", value_parser = named::<Scope>)]
    scope: Scope,
    /// What pruned weights come back as: zero, old or gaussian
    #[arg(long, value_name = "RULE", default_value = "zero", value_parser = named::<Restore>)]
    restore: Restore,
    /// The optimiser's state of pruned weights: mask, reset or keep
    #[arg(long, value_name = "RULE", default_value = "mask", value_parser = named::<StatePolicy>)]
    optimizer_state: StatePolicy,
    /// Steps between checkpoints; one is written after every epoch besides
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    checkpoint_every: usize,
}

/// Flags of `eval`.
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {}

impl TrainArgs {
    fn setting(&self) -> Setting {
        Setting {
            model: self.model,
            train: self.examples,
            test: self.test_examples,
            epochs: [self.epochs, self.sparse_epochs, self.redense_epochs],
            batch: self.batch_size,
            lr: self.lr,
            weight_decay: self.weight_decay,
            sparsity: self.sparsity,
        }
    }

    fn config(&self, seed: u64) -> Result<DsdConfig, DsdError> {
        let setting = self.setting();
        setting.validate()?;
        let phases = match self.phases.is_empty() {
            true => DsdConfig::paper(self.lr, setting.epochs, self.sparsity).phases,
            false => self.phases.clone(),
        };
        let only = match self.exclude.is_empty() {
            true => ParamFilter::All,
            false => ParamFilter::Except(self.exclude.clone()),
        };
        let layers = Layers {
            first_conv: self.first_conv,
            embeddings: self.embeddings,
            only,
            sparsity: self.layer.clone(),
        };
        let config = DsdConfig {
            layers,
            selection: self.selection,
            scope: self.scope,
            restore: self.restore,
            state: self.optimizer_state,
            seed,
            ..DsdConfig::new(phases)
        };
        config.validate()?;
        Ok(config)
    }
}

/// A rule by the name that it has in files.
fn named<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.into())).map_err(|error| error.to_string())
}

/// `sparse=0.3:10:0.01` or `dense:10:0.001`.
fn phase(text: &str) -> Result<Phase, String> {
    let wrong = || format!("`{text}` is no phase: write dense:EPOCHS:RATE or sparse=SHARE:EPOCHS:RATE");
    let mut parts = text.split(':');
    let (Some(kind), Some(epochs), Some(lr), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    let kind = match kind.split_once('=') {
        None if kind == "dense" => Kind::Dense,
        Some(("sparse", share)) => Kind::Sparse(share.parse().map_err(|_| wrong())?),
        _ => return Err(wrong()),
    };
    Ok(Phase::new(kind, epochs.parse().map_err(|_| wrong())?, lr.parse().map_err(|_| wrong())?))
}

/// `output.weight=0.5`.
fn layer(text: &str) -> Result<(String, f64), String> {
    let wrong = || format!("`{text}` names no layer and share: write NAME=SHARE, such as output.weight=0.5");
    let (name, share) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
    Ok((name.into(), share.parse().map_err(|_| wrong())?))
}

const DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "synthetic",
        about: "textured shapes, 10 classes, 32 x 32 x 3, drawn by code",
        embedded: true,
    },
    DatasetInfo {
        name: "brackets",
        about: "text of nested brackets, made by code, for the lstm",
        embedded: true,
    },
    DatasetInfo { name: "mnist", about: "60,000 + 10,000 digits, 28 x 28", embedded: false },
    DatasetInfo {
        name: "fashion-mnist",
        about: "60,000 + 10,000 pieces of clothing, 28 x 28",
        embedded: false,
    },
    DatasetInfo {
        name: "cifar10",
        about: "50,000 + 10,000 photographs, 10 classes, 32 x 32 x 3",
        embedded: false,
    },
];

impl shared::cli::Program for Program {
    const NAME: &'static str = "dsd";
    const ABOUT: &'static str =
        "DSD: Dense-Sparse-Dense Training for Deep Neural Networks (Han et al., 2017)";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const HEADLINE: &'static str = "control";
    const CLAIMS: &'static [Claim] = claims::CLAIMS;
    const DEVIATIONS: &'static [Deviation] = claims::DEVIATIONS;
    const EXPLAIN: &'static [ExplainRow] = explain::ROWS;
    const WORKLOADS: &'static [Workload] = bench::WORKLOADS;
    const DATASETS: &'static [DatasetInfo] = DATASETS;
    type TrainArgs = TrainArgs;
    type EvalArgs = EvalArgs;
    type Verbs = NoVerbs;

    fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
        run::train(args, job)
    }
    fn eval(_: &EvalArgs, job: &Job<'_>) -> Result<Summary, CliError> {
        run::eval(job)
    }
    fn verb(verb: &NoVerbs, _: &Job<'_>) -> Result<Summary, CliError> {
        match *verb {}
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
    fn phases_and_layers_are_read() {
        assert_eq!(phase("dense:3:0.1"), Ok(Phase::new(Kind::Dense, 3, 0.1)));
        assert_eq!(phase("sparse=0.5:2:0.01"), Ok(Phase::new(Kind::Sparse(0.5), 2, 0.01)));
        for bad in ["", "dense", "dense:1", "dense:1:0.1:2", "sparse:1:0.1", "sparse=x:1:0.1", "lean:1:0.1"] {
            assert!(phase(bad).unwrap_err().contains("sparse=SHARE"), "{bad}");
        }
        assert_eq!(layer("output.weight=0.5"), Ok(("output.weight".into(), 0.5)));
        assert!(layer("=0.5").is_err() && layer("a=b").is_err() && layer("a").is_err());
        assert!(named::<Restore>("ones").unwrap_err().contains("`zero`"));
    }
}

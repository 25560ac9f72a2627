//! The program: flags in, experiments run, files out.

mod bench;
mod drawings;
mod run;
mod series;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use shared::{
    claims::{Claim, Deviation},
    cli::{CliError, DatasetInfo, Drawing, ExplainRow, Job, Summary, Workload},
    optim::OptimizerConfig,
    train::EarlyStopping,
};

use crate::{claims, Bytes, Config, SparseError, Sparsify, Threshold};

/// The sparse-dcnn program.
pub struct Program;

/// The user's own files.
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Your own graph")]
struct FileArgs {
    /// Edges: text lines `u v [weight]`, or Matrix Market (.mtx); plain or gzip
    #[arg(long, value_name = "FILE")]
    graph: Option<PathBuf>,
    /// Features: Matrix Market, `coordinate` for sparse ones and `array` for dense ones
    #[arg(long, value_name = "FILE", requires = "graph")]
    features: Option<PathBuf>,
    /// Labels from 0: one a line, or `node label`
    #[arg(long, value_name = "FILE", requires = "graph")]
    labels: Option<PathBuf>,
    /// Take edges in the direction in which they are written; otherwise each goes both ways
    #[arg(long, requires = "graph")]
    directed: bool,
}

/// What is kept.
#[derive(Debug, Clone, Copy, Args)]
struct KeepArgs {
    /// What is kept of the powers: none, pre:SIGMA, post:SIGMA or top:K
    #[arg(long, value_name = "RULE", default_value_t = Threshold::None)]
    threshold: Threshold,
    /// Scale what is kept of a row up to the sum of the whole row
    #[arg(long)]
    renormalize: bool,
    /// Hops of the diffusion, 1 to 8
    #[arg(long, value_name = "H", default_value_t = 2)]
    hops: usize,
}

/// Flags of `train`.
#[derive(Debug, Clone, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    keep: KeepArgs,
    /// Passes over the training nodes at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    epochs: usize,
    /// Nodes a step
    #[arg(long, value_name = "N", default_value_t = 100)]
    batch_size: usize,
    /// Learning rate of AdaGrad
    #[arg(long, value_name = "RATE", default_value_t = 0.05)]
    lr: f64,
    /// Train all epochs, whatever the validation loss says
    #[arg(long)]
    no_early_stopping: bool,
    /// Steps between checkpoints; one is written after every epoch besides
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    checkpoint_every: usize,
    /// Say how much memory the run would take, and stop there
    #[arg(long)]
    dry_run: bool,
    /// Refuse to start if the run would take more, such as 8GiB
    #[arg(long, value_name = "BYTES")]
    max_memory: Option<Bytes>,
    #[command(flatten)]
    files: FileArgs,
}

/// Flags of `eval`.
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {
    /// The part of the split to score
    #[arg(long, value_enum, default_value_t = PartArg::Test)]
    part: PartArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PartArg {
    Train,
    Validation,
    Test,
}

/// The verbs of this paper alone.
#[derive(Debug, Subcommand)]
pub enum Verbs {
    /// Compute and store the thresholded power series, whole or a shard of it
    Series(SeriesArgs),
    /// Join the shards that `series` left in --out
    Merge,
    /// Write a random graph with features and labels, to try large sizes with
    Generate(GenerateArgs),
    /// Measure the memory of one form of the diffusion, for the claim `memory`
    #[command(hide = true)]
    MeasureMemory(MeasureArgs),
}

/// Flags of the hidden verb by which the claim `memory` measures in processes of their own.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// Which form
    #[arg(long, value_name = "I")]
    form: usize,
    /// Nodes
    #[arg(long, value_name = "N")]
    nodes: usize,
}

/// Flags of `series`.
#[derive(Debug, Args)]
pub struct SeriesArgs {
    #[command(flatten)]
    keep: KeepArgs,
    /// Pick the smallest sigma whose series fits, such as 2GiB; with --threshold pre:1 or post:1 for the side
    #[arg(long, value_name = "BYTES")]
    budget: Option<Bytes>,
    /// The part of the work to do, I of N counted from 1: a job array starts one for each I
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    shard: Shard,
    /// Rows a block: the unit that is written, and that --resume does not compute again
    #[arg(long, value_name = "ROWS", default_value_t = 65_536)]
    block_rows: usize,
    /// Say how many entries and bytes the series would have, and stop there
    #[arg(long)]
    dry_run: bool,
    /// Refuse to start if a block and the matrix would take more, such as 8GiB
    #[arg(long, value_name = "BYTES")]
    max_memory: Option<Bytes>,
    #[command(flatten)]
    files: FileArgs,
}

/// Flags of `generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Nodes
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    nodes: usize,
    /// Mean degree
    #[arg(long, value_name = "D", default_value_t = 8)]
    degree: usize,
    /// Dense features a node
    #[arg(long, value_name = "F", default_value_t = 8)]
    features: usize,
    /// Classes, which are blocks of nodes with 4 of 5 edges inside
    #[arg(long, value_name = "C", default_value_t = 4)]
    classes: usize,
}

/// Shard I of N, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shard {
    index: usize,
    of: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parsed {
            Some((index, of)) if index >= 1 && index <= of => Ok(Shard { index, of }),
            _ => Err(format!("'{text}' is no shard: give I/N with I from 1 to N, such as 3/16")),
        }
    }
}

impl KeepArgs {
    fn sparsify(&self) -> Sparsify {
        Sparsify { threshold: self.threshold, renormalize: self.renormalize }
    }
}

impl TrainArgs {
    /// The settings that the flags ask for.
    fn config(&self, seed: u64) -> Result<Config, SparseError> {
        let error = |field, value: String, allowed: &str| -> Result<Config, SparseError> {
            Err(dcnn::ConfigError { field, value, allowed: allowed.into() }.into())
        };
        if self.keep.hops == 0 {
            return error("--hops", "0".into(), "from 1 to 8; a network without a graph is no DCNN");
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return error("--lr", self.lr.to_string(), "a finite number above 0; the paper has 0.05");
        }
        let mut network = dcnn::Config {
            hops: self.keep.hops,
            epochs: self.epochs,
            batch_size: self.batch_size,
            seed,
            ..dcnn::Config::default()
        };
        if self.no_early_stopping {
            network.early_stopping = EarlyStopping::Never;
        }
        if let OptimizerConfig::AdaGrad(rule) = &mut network.optimizer {
            rule.lr = self.lr;
        }
        let config = Config { sparsify: self.keep.sparsify(), network };
        config.clone().validate()?;
        Ok(config)
    }
}

const EXPLAIN: &[ExplainRow] = &[
    ExplainRow {
        equation: "P = D⁻¹A",
        code: "sparse_dcnn::Graph::new",
        shape: "(N, N), sparse",
        section: "2",
    },
    ExplainRow {
        equation: "P̄_ij = P_ij 1{P_ij ≥ σ}",
        code: "sparse_dcnn::pre_threshold",
        shape: "(N, N), at most ⌊1/σ⌋ a row",
        section: "2, pre-thresholding",
    },
    ExplainRow {
        equation: "P̄* = {I, P̄, .., P̄^H}",
        code: "sparse_dcnn::power_series",
        shape: "(R, N) for each hop, any rows R",
        section: "2, pre-thresholding",
    },
    ExplainRow {
        equation: "[P^k]_ij 1{[P^k]_ij ≥ σ}",
        code: "sparse_dcnn::Powers",
        shape: "a row at a time",
        section: "2, post-thresholding",
    },
    ExplainRow {
        equation: "S_k = P̄ S_{k-1}, S_0 = X",
        code: "sparse_dcnn::diffuse",
        shape: "(N, H + 1, F)",
        section: "2; storage-free form",
    },
    ExplainRow {
        equation: "nnz(P̄^k) ≤ N ⌊1/σ⌋^k, nnz(post) ≤ N ⌊1/σ⌋",
        code: "sparse_dcnn::bounds::power_bound",
        shape: "a number",
        section: "2, theorem on memory",
    },
    ExplainRow {
        equation: "|(P^k X - P̄^k X)_ij| ≤ ε_i^k max |X|",
        code: "sparse_dcnn::bounds::error_bound",
        shape: "(H, N)",
        section: "derived",
    },
    ExplainRow {
        equation: "Z = tanh(W^c ⊙ P* X), Ŷ = argmax W^d Z",
        code: "sparse_dcnn::SparseDcnn::predict",
        shape: "(B,)",
        section: "2, the DCNN",
    },
];

const DATASETS: &[DatasetInfo] = &[
    DatasetInfo { name: "synthetic", about: "a citation network drawn from a block model", embedded: true },
    DatasetInfo { name: "cora", about: "2,708 papers, 1,433 words, 7 classes (LINQS)", embedded: false },
    DatasetInfo { name: "citeseer", about: "3,312 papers, 3,703 words, 6 classes (LINQS)", embedded: false },
    DatasetInfo { name: "pubmed", about: "19,717 papers, 500 words, 3 classes (LINQS)", embedded: false },
];

impl shared::cli::Program for Program {
    const NAME: &'static str = "sparse-dcnn";
    const ABOUT: &'static str =
        "Sparse Diffusion-Convolutional Neural Networks (Atwood, Pal, Towsley and Swami, 2017)";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const HEADLINE: &'static str = "accuracy";
    const CLAIMS: &'static [Claim] = claims::CLAIMS;
    const DEVIATIONS: &'static [Deviation] = claims::DEVIATIONS;
    const EXPLAIN: &'static [ExplainRow] = EXPLAIN;
    const WORKLOADS: &'static [Workload] = bench::WORKLOADS;
    const DATASETS: &'static [DatasetInfo] = DATASETS;
    type TrainArgs = TrainArgs;
    type EvalArgs = EvalArgs;
    type Verbs = Verbs;

    fn drawings() -> Result<Vec<Drawing>, CliError> {
        drawings::drawings()
    }
    fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
        run::train(args, job)
    }
    fn eval(args: &EvalArgs, job: &Job<'_>) -> Result<Summary, CliError> {
        run::eval(args, job)
    }
    fn verb(verb: &Verbs, job: &Job<'_>) -> Result<Summary, CliError> {
        match verb {
            Verbs::Series(args) => series::compute(args, job),
            Verbs::Merge => series::merge(job),
            Verbs::Generate(args) => run::generate(args, job),
            Verbs::MeasureMemory(MeasureArgs { form, nodes }) => {
                let bytes = claims::form_bytes(*form, *nodes, job.context.seed)?;
                Ok(Summary::new(&serde_json::json!({ "bytes": bytes }))?.line(format!("{bytes} bytes")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    #[test]
    fn lists_and_flags_are_sound() {
        shared::cli::check::<super::Program>().unwrap();
    }

    #[test]
    fn shards_count_from_one() {
        assert_eq!("3/16".parse(), Ok(Shard { index: 3, of: 16 }));
        for text in ["", "1", "0/4", "5/4", "a/b", "1/0"] {
            assert!(text.parse::<Shard>().unwrap_err().contains("such as 3/16"), "{text}");
        }
    }
}

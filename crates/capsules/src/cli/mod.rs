//! The program: flags in, experiments run, files out.

mod bench;

use shared::{
    claims::{Claim, Deviation},
    cli::{CliError, DatasetInfo, ExplainRow, Job, Summary, Workload},
};

/// The capsules program.
pub struct Program;

/// Flags of `train`.
#[derive(Debug, Clone, clap::Args)]
pub struct TrainArgs {}

impl shared::cli::Program for Program {
    const NAME: &'static str = "capsules";
    const ABOUT: &'static str = "Dynamic Routing Between Capsules (Sabour, Frosst and Hinton, NIPS 2017)";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type TrainArgs = TrainArgs;
    type EvalArgs = TrainArgs;

    fn claims() -> &'static [Claim] {
        &[]
    }
    fn deviations() -> &'static [Deviation] {
        &[]
    }
    fn explain() -> &'static [ExplainRow] {
        &[]
    }
    fn workloads() -> &'static [Workload] {
        bench::WORKLOADS
    }
    fn datasets() -> &'static [DatasetInfo] {
        &[DatasetInfo { name: "synthetic", about: "", embedded: true }]
    }
    fn train(_: &TrainArgs, _: &Job<'_>) -> Result<Summary, CliError> {
        Err("".into())
    }
    fn eval(_: &TrainArgs, _: &Job<'_>) -> Result<Summary, CliError> {
        Err("".into())
    }
}

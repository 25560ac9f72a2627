//! The command line, as clap reads it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, RangedU64ValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use super::problem::{listed, Problem};
use super::DatasetInfo;
use crate::{
    claims::{Context, Progress},
    device::DeviceKind,
};

/// A whole command line; the paper's own flags are `T` and `E`, and its own verbs `V`.
#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "Without a verb: reproduce --quick.\n\
    Exit code: 0 done, 1 a claim fails, 2 an error (told in one sentence),\n\
    130 or 143 ended by SIGINT or SIGTERM (--resume goes on).")]
pub(super) struct Arguments<T: Args, E: Args, V: Subcommand> {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) verb: Option<Verb<T, E, V>>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb<T: Args, E: Args, V: Subcommand> {
    /// Measure the paper's claims and judge them
    Reproduce(Reproduce),
    /// Train the paper's model
    Train(T),
    /// Evaluate a trained model
    Eval(E),
    /// List claims, deviations from the paper, and data sets
    Claims(Claims),
    /// Show equations beside the code that computes them
    Explain,
    /// Time training steps
    Bench(Bench),
    #[command(flatten)]
    Own(V),
}

/// The verbs of a program that has none of its own.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum NoVerbs {}

#[derive(Debug, Args)]
pub(super) struct Reproduce {
    /// Claims to measure; all of them when none is named
    #[arg(value_name = "CLAIM")]
    pub(super) claims: Vec<String>,
    /// Measure the short forms, on embedded data
    #[arg(long)]
    pub(super) quick: bool,
    /// How many seeds, 1 to 1000; each claim has a number of its own
    #[arg(long, value_name = "N", value_parser = count(1000))]
    pub(super) seeds: Option<usize>,
    /// Also write each result to DIR, from which README tables are made
    #[arg(long, value_name = "DIR")]
    pub(super) update_results: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Claims {
    /// Rewrite the block 'claims' of this README from its results
    #[arg(long, value_name = "PATH", hide = true)]
    pub(super) update_readme: Option<PathBuf>,
    /// Where the results are; `results` beside the README
    #[arg(long, value_name = "DIR", hide = true, requires = "update_readme")]
    pub(super) results: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Bench {
    /// What to time; everything when not given
    #[arg(long, value_name = "NAME")]
    pub(super) workload: Option<String>,
    /// Steps that count, 1 to 1000000; the median is reported
    #[arg(long, value_name = "N", default_value = "10", value_parser = count(1_000_000))]
    pub(super) steps: usize,
    /// Steps before those, at most 1000000
    #[arg(long, value_name = "N", default_value = "2", value_parser = RangedU64ValueParser::<usize>::new().range(..=1_000_000))]
    pub(super) warmup: usize,
}

/// Flags of every verb.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common flags")]
pub(super) struct Common {
    /// Data set; `claims` lists them
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) dataset: Option<String>,
    /// Where real data lies; the user's cache folder when not given
    #[arg(long, global = true, value_name = "DIR", env = "EIGHTFOLD_DATA", hide_env_values = true, value_parser = folder())]
    data_dir: Option<PathBuf>,
    /// Never download
    #[arg(long, global = true)]
    offline: bool,
    /// cpu, cuda or cuda:N
    #[arg(long, global = true, value_name = "DEVICE", default_value = "cpu")]
    pub(super) device: DeviceKind,
    /// Threads, 1 to 1024; as many as there are cores when not given. Results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = count(1024))]
    threads: Option<usize>,
    /// First seed
    #[arg(long, global = true, value_name = "N", default_value = "0")]
    pub(super) seed: u64,
    /// Folder of the run; runs/<paper>/<experiment> when not given
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Go on where the run in that folder stopped
    #[arg(long, global = true)]
    pub(super) resume: bool,
    /// Print one JSON document on stdout
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Print nothing but the result and errors
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
}

impl Reproduce {
    /// What a program does without a verb.
    pub(super) fn quick() -> Self {
        Self { claims: Vec::new(), quick: true, seeds: None, update_results: None }
    }
}

impl Common {
    /// How many threads to use.
    pub(super) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get))
    }

    /// The folder of a run.
    pub(super) fn out(&self, program: &str, experiment: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| Path::new("runs").join(program).join(experiment))
    }

    /// The flags as a measurement sees them.
    pub(super) fn context<'a>(
        &self,
        quick: bool,
        seeds: Option<usize>,
        progress: &'a dyn Progress,
    ) -> Context<'a> {
        Context {
            quick,
            dataset: self.dataset.clone(),
            data_dir: self.data_dir.clone().filter(|d| !d.as_os_str().is_empty()).or_else(cache_folder),
            offline: self.offline,
            device: self.device,
            seeds,
            seed: self.seed,
            threads: self.threads(),
            cells: None,
            progress,
        }
    }

    /// Refuses a data set that the program does not know.
    pub(super) fn check_dataset(&self, known: &[DatasetInfo]) -> Result<(), Problem> {
        let Some(name) = self.dataset.as_deref() else { return Ok(()) };
        let matches = |d: &DatasetInfo| match d.name.strip_suffix('*') {
            Some(start) => name.len() > start.len() && name.starts_with(start),
            None => d.name == name,
        };
        if known.iter().any(matches) {
            return Ok(());
        }
        Err(Problem::Unknown {
            what: "data set",
            name: name.into(),
            known: listed(known.iter().map(|d| d.name)),
        })
    }
}

/// The user's cache folder for data, where there is one.
fn cache_folder() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = if cfg!(windows) {
        var("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        var("HOME").map(|home| home.join("Library/Caches"))
    } else {
        // a relative XDG folder is to be ignored, says its specification
        var("XDG_CACHE_HOME")
            .filter(|d| d.is_absolute())
            .or_else(|| var("HOME").map(|home| home.join(".cache")))
    };
    cache.map(|dir| dir.join("eightfold"))
}

fn count(max: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=max)
}

/// A folder; unlike clap's own parser it takes an empty environment variable, which means "not given".
fn folder() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

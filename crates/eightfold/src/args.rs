//! The command line, and what can be wrong with it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use thiserror::Error;

/// Check the claims of eight deep-learning papers, and see what came of them
#[derive(Debug, Parser)]
#[command(name = "eightfold", version, disable_help_subcommand = true)]
#[command(after_help = "A paper's own program: eightfold PAPER VERB, such as eightfold dcnn train.\n\
    Exit code: 0 done, 1 a claim fails, 2 an error (told in one sentence), 130 or 143 ended by SIGINT or SIGTERM.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the papers, their claims and how long they take
    List(List),
    /// Measure the claims of several papers, one paper after the other
    Reproduce(Reproduce),
    /// Write results as pages that a browser opens from the disk
    Report(Report),
    /// Time training steps beside PyTorch's and SciPy's, in turn
    Bench(Bench),
    /// Write shell completions of all programs
    Completions(Completions),
    /// Write manual pages of all programs
    Man(Man),
    /// The program of one paper: its name, and then its own verbs and flags
    #[command(external_subcommand)]
    Paper(Vec<OsString>),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Rewrite the block 'papers' of this README from the results of all papers
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) update_readme: Option<PathBuf>,
    /// Where the papers' crates are
    #[arg(long, value_name = "DIR", hide = true, default_value = "crates")]
    pub(crate) crates: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Reproduce {
    /// Papers to check
    #[arg(value_name = "PAPER", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) papers: Vec<String>,
    /// Check all papers
    #[arg(long)]
    pub(crate) all: bool,
    /// Measure the short forms, on embedded data
    #[arg(long)]
    pub(crate) quick: bool,
    /// Folder of the run; it gets a folder a paper, and `site` [default: runs/eightfold/quick or runs/eightfold/full]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Keep the claims that a run into that folder has measured
    #[arg(long)]
    pub(crate) resume: bool,
    /// Where real data lies
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Never download
    #[arg(long)]
    pub(crate) offline: bool,
    /// Threads; as many as there are cores when not given. Results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing but the result and errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Where results are: the folder of `reproduce`, or that of the papers' crates with what is kept there
    #[arg(long, value_name = "DIR", default_value = "crates")]
    pub(crate) from: PathBuf,
    /// Where the pages go
    #[arg(long, value_name = "DIR", default_value = "runs/eightfold/site")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// What to time; everything when not given
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Vec<String>,
    /// Steps that count, 1 to 10000, of which a round tells the median
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) steps: u16,
    /// Rounds, 1 to 100
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) rounds: u16,
    /// Threads of either side; as many as there are cores when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// The peers' program
    #[arg(long, value_name = "FILE", default_value = "shared/benches/peers.py")]
    pub(crate) peers: PathBuf,
    /// What runs it: a Python that has torch, numpy and scipy
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    pub(crate) python: PathBuf,
    /// Also write the times to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Time nothing and read FILE instead, which --out wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Rewrite the block 'bench' of this README
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) update_readme: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
    /// Where the files go, one a program
    #[arg(long, value_name = "DIR", default_value = "runs/eightfold/completions")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Where the pages go, one a program and one a verb
    #[arg(long, value_name = "DIR", default_value = "runs/eightfold/man")]
    pub(crate) out: PathBuf,
}

/// What can go wrong here; the rest are the papers' own sentences.
#[derive(Debug, Error)]
pub(crate) enum Problem {
    #[error("there is no paper '{name}'; choose from: {known}")]
    Paper { name: String, known: String },
    #[error("there is no verb and no paper '{name}'; choose from: list, reproduce, report, bench, completions, man, {known}")]
    Verb { name: String, known: String },
    #[error("there is no folder {} with results; pass as --from the folder of a `reproduce`, or that of the papers' crates", .0.display())]
    From(PathBuf),
    #[error("{} cannot be read: {why}; pass the path of a README", path.display())]
    Readme { path: PathBuf, why: std::io::Error },
    #[error("there is no workload '{name}'; choose from: {known}")]
    Workload { name: String, known: String },
    #[error("there is no {} to time against; pass as --peers the program of the peers", .0.display())]
    Peers(PathBuf),
    #[error("{program} cannot time {workload}: {why}; the peers need a Python with torch, numpy and scipy, see --python")]
    Process { program: String, workload: String, why: String },
    #[error("{} holds no times of `bench`: {why}; measure again", path.display())]
    Sitting { path: PathBuf, why: String },
    #[error("{count} of {of} papers ended in an error; the first is {first}, whose sentence is above")]
    Papers { count: usize, of: usize, first: String },
}

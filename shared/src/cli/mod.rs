//! The one shape of all eight programs: verbs, flags, progress, exit codes.
//!
//! A paper crate implements [`Program`] for an empty type, and its `main` is
//! `fn main() -> ExitCode { shared::cli::run::<Dcnn>() }`.
//!
//! | verb | does |
//! |---|---|
//! | (none) | `reproduce --quick` |
//! | `reproduce [CLAIM..]` | measures claims and judges them; writes `<claim>.json`, `<claim>-<sheet>.png`, `report.json`, `report.html` |
//! | `train`, `eval` | the paper's model, with the paper's own flags |
//! | `claims`, `explain` | lists claims, deviations and data sets; equations beside code |
//! | `bench` | times training steps |
//! | a paper's own | whatever [`Program::Verbs`] lists |
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done; no claim that was judged fails |
//! | 1 | done, and a claim fails |
//! | 2 | an error, told on stderr in one sentence; with `--json`, stdout then stays empty |
//! | 130, 143 | ended by SIGINT or SIGTERM, told likewise: a training was kept, what was finished stays, nothing is half-written |
//!
//! A program that trains answers the first of these signals with a checkpoint after the step it is at, and `--resume` goes on
//! from there to the same bits. What holds no such run ends within a few seconds. A second signal ends the process at once.
//! A signal that comes when the work is done changes nothing.
//!
//! stdout carries the result: text, or exactly one JSON document with `--json`. Everything else goes to stderr:
//! progress bars on a terminal only, and nothing but errors with `-q`.

mod args;
mod bench;
mod drawing;
mod files;
mod html;
mod listing;
mod paint;
mod panics;
mod paper;
mod png;
mod problem;
mod provenance;
mod reproduce;
mod scale;
mod sheets;
mod signals;
mod site;
#[cfg(test)]
mod tests;
mod tool;
mod ui;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use serde::Serialize;

use crate::claims::{check_lists, Claim, ClaimError, Context, Deviation};
use crate::files::{atomic_write, FileError};
pub use args::NoVerbs;
use args::{Arguments, Common, Verb};
pub use bench::{median, BenchOptions, BenchResult};
pub use drawing::Drawing;
use files::OutDir;
pub use html::{to_html, Beside};
pub use paint::to_svg;
pub use paper::{start_again, Paper};
pub use png::{write_png, MOST_SCALE};
use problem::{one_sentence, usage_sentence, Problem};
pub use provenance::commit;
pub use site::write_site;
pub use tool::run_tool;
use ui::{Sink, Ui};

/// Whatever went wrong in a program; a paper crate's own errors convert with `?`.
pub type CliError = ClaimError;

/// What a paper crate tells about itself.
pub trait Program {
    /// Name of the crate and of the program.
    const NAME: &'static str;
    /// The paper, in one line.
    const ABOUT: &'static str;
    /// `env!("CARGO_PKG_VERSION")` of the paper crate.
    const VERSION: &'static str;
    /// The claim that the paper is known for, which stands for it where there is one line a paper.
    const HEADLINE: &'static str;
    /// The paper's claims, in the paper's order.
    const CLAIMS: &'static [Claim];
    /// Where our code departs from the paper's.
    const DEVIATIONS: &'static [Deviation];
    /// The method, equation by equation.
    const EXPLAIN: &'static [ExplainRow];
    /// What `bench` can time.
    const WORKLOADS: &'static [Workload];
    /// What `bench` times when it is named, and not with the others.
    const NAMED_WORKLOADS: &'static [Workload] = &[];
    /// What `--dataset` can name; the first is the default of `train` and `eval`.
    const DATASETS: &'static [DatasetInfo];
    /// Flags of `train`, beside the common ones, whose names they must not repeat.
    type TrainArgs: clap::Args + Send + Sync;
    /// Flags of `eval`, beside the common ones, whose names they must not repeat.
    type EvalArgs: clap::Args + Send + Sync;
    /// Verbs beside those of every program, whose names they must not repeat; [`NoVerbs`] where there are none.
    type Verbs: clap::Subcommand + Send + Sync;

    /// Graphs that its pages show.
    ///
    /// # Errors
    /// Whatever goes wrong, as one sentence.
    fn drawings() -> Result<Vec<Drawing>, CliError> {
        Ok(Vec::new())
    }

    /// Trains the paper's model.
    ///
    /// # Errors
    /// Whatever goes wrong, as one sentence.
    fn train(args: &Self::TrainArgs, job: &Job<'_>) -> Result<Summary, CliError>;

    /// Evaluates a trained model; `job.out` is where `train` put it.
    ///
    /// # Errors
    /// Whatever goes wrong, as one sentence.
    fn eval(args: &Self::EvalArgs, job: &Job<'_>) -> Result<Summary, CliError>;

    /// Does what one of the paper's own verbs says. Unlike `train` it does not own `job.out`, so that several processes
    /// can work in one folder.
    ///
    /// # Errors
    /// Whatever goes wrong, as one sentence.
    fn verb(verb: &Self::Verbs, job: &Job<'_>) -> Result<Summary, CliError>;
}

type ArgumentsOf<P> = Arguments<<P as Program>::TrainArgs, <P as Program>::EvalArgs, <P as Program>::Verbs>;

/// One equation of the paper, beside the code that computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ExplainRow {
    /// The equation, in the paper's symbols.
    pub equation: &'static str,
    /// The item of the crate that computes it.
    pub code: &'static str,
    /// Shape of the result.
    pub shape: &'static str,
    /// Where it stands in the paper.
    pub section: &'static str,
}

/// A training step that `bench` can time.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// Its name, the one that shared/benches/peers.py uses.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Times it, most simply with [`BenchResult::measure`].
    pub run: fn(&BenchOptions) -> Result<BenchResult, CliError>,
}

/// A data set that `--dataset` can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DatasetInfo {
    /// Its name; one that ends in `*`, such as `tu:*`, stands for every name that begins so.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Whether it is part of the program; other sets are read from `--data-dir`.
    pub embedded: bool,
}

/// What `train`, `eval` and a paper's own verbs are told by the common flags.
#[derive(Debug)]
pub struct Job<'a> {
    /// Data, device, seed, threads and progress; `quick` is false and `dataset` is set.
    pub context: Context<'a>,
    /// The folder of the run. `train` owns it for as long as it runs.
    pub out: PathBuf,
    /// Whether to go on from the checkpoint in `out`.
    pub resume: bool,
}

/// What `train`, `eval` and a paper's own verbs give back.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// For a person: lines of text.
    pub lines: Vec<String>,
    /// For `--json`: one document.
    pub json: serde_json::Value,
}

/// Runs a program on the arguments of its process.
///
/// A closed pipe on stdout ends the output, not the program.
#[must_use]
pub fn run<P: Program>() -> ExitCode {
    prepare();
    let out: Sink<'_> = Box::new(io::stdout());
    let err: Sink<'_> = Box::new(io::stderr());
    let terminal = io::stderr().is_terminal();
    ExitCode::from(run_with::<P>(std::env::args_os(), out, err, terminal))
}

/// What a process does before anything else.
fn prepare() {
    crate::device::memory::keep_freed_memory();
    panics::quieten();
    signals::watch();
}

/// Checks what can be wrong with a program before it runs: names of claims and deviations, names of flags.
/// Meant for a test of each paper crate.
///
/// # Errors
/// One sentence about the first offence in the lists.
///
/// # Panics
/// When a flag is declared twice; clap says which.
pub fn check<P: Program>() -> Result<(), String> {
    ArgumentsOf::<P>::command().debug_assert();
    if P::DATASETS.is_empty() {
        return Err(format!("{} lists no data set; list at least the embedded one", P::NAME));
    }
    if P::CLAIMS.iter().all(|claim| claim.id != P::HEADLINE) {
        return Err(format!("{} is known for '{}', and lists no such claim", P::NAME, P::HEADLINE));
    }
    check_lists(P::CLAIMS, P::DEVIATIONS)
}

/// [`run`] with everything that is outside passed in.
fn run_with<'w, P: Program>(
    args: impl IntoIterator<Item = OsString>,
    mut out: Sink<'w>,
    mut err: Sink<'w>,
    terminal: bool,
) -> u8 {
    let arguments = match parse::<P>(args) {
        Ok(arguments) => arguments,
        Err(usage) => {
            // --help and --version come this way too, and belong on stdout
            let told = if usage.use_stderr() {
                writeln!(err, "{}", usage_sentence(&usage.render().to_string())).and_then(|()| err.flush())
            } else {
                write!(out, "{}", usage.render()).and_then(|()| out.flush())
            };
            let _ = told;
            return u8::try_from(usage.exit_code()).unwrap_or(2);
        }
    };
    let ui = Ui::new(out, err, terminal, arguments.common.quiet);
    match panics::caught(|| dispatch::<P>(&arguments, &ui)) {
        Ok(code) => code,
        Err(_) if signals::ended().is_some() => {
            ui.end();
            signals::tell()
        }
        Err(error) => {
            ui.error(&one_sentence(error.as_ref()));
            2
        }
    }
}

/// Flags and verbs of a program.
fn command<P: Program>() -> clap::Command {
    // a number below zero is the value of its flag, so that the sentence about it names the flag
    let lenient = |arg: clap::Arg| {
        let negative = arg.get_action().takes_values() && !arg.is_positional();
        arg.allow_negative_numbers(negative)
    };
    ArgumentsOf::<P>::command()
        .mut_args(lenient)
        .mut_subcommands(|verb| verb.mut_args(lenient))
        .name(P::NAME)
        .bin_name(P::NAME)
        .about(P::ABOUT)
        .version(P::VERSION)
}

fn parse<P: Program>(args: impl IntoIterator<Item = OsString>) -> Result<ArgumentsOf<P>, clap::Error> {
    let mut command = command::<P>();
    let matches = command.try_get_matches_from_mut(args)?;
    ArgumentsOf::<P>::from_arg_matches(&matches).map_err(|e| e.format(&mut command))
}

fn dispatch<P: Program>(arguments: &ArgumentsOf<P>, ui: &Ui<'_>) -> Result<u8, CliError> {
    let common = &arguments.common;
    let verb = arguments.verb.as_ref();
    signals::at_work_on(signals::Work::Nothing);
    check_lists(P::CLAIMS, P::DEVIATIONS).map_err(Problem::Lists)?;
    common.check_dataset(P::DATASETS)?;
    common.device.check()?;
    match verb {
        Some(Verb::Claims(args)) => return listing::claims::<P>(args, common, ui).map(|()| 0),
        Some(Verb::Explain) => return listing::explain::<P>(common, ui).map(|()| 0),
        _ => {}
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(common.threads())
        // as much as a main thread has
        .stack_size(8 << 20)
        .build()
        .map_err(|why| Problem::Threads { threads: common.threads(), why })?;
    pool.install(|| match verb {
        None => reproduce::run::<P>(&args::Reproduce::quick(), common, ui),
        Some(Verb::Reproduce(args)) => reproduce::run::<P>(args, common, ui),
        Some(Verb::Bench(args)) => bench::run::<P>(args, common, ui).map(|()| 0),
        Some(Verb::Train(args)) => {
            let job = job::<P>(common, ui);
            let _held = OutDir::open(&job.out)?;
            signals::at_work_on(signals::Work::Run { out: job.out.clone(), resume: job.resume });
            tell(P::train(args, &job)?, common, ui)
        }
        Some(Verb::Eval(args)) => tell(P::eval(args, &job::<P>(common, ui))?, common, ui),
        Some(Verb::Own(verb)) => {
            let job = job::<P>(common, ui);
            signals::at_work_on(signals::Work::Own { out: job.out.clone() });
            tell(P::verb(verb, &job)?, common, ui)
        }
        Some(Verb::Claims(_) | Verb::Explain) => Ok(0),
    })
}

fn job<'a, P: Program>(common: &Common, ui: &'a Ui<'_>) -> Job<'a> {
    let dataset = common.dataset.clone().or_else(|| P::DATASETS.first().map(|d| d.name.to_owned()));
    let experiment = match &dataset {
        Some(dataset) => format!("train-{}", dataset.replace(|c: char| !c.is_ascii_alphanumeric(), "-")),
        None => "train".into(),
    };
    let out = common.out(P::NAME, &experiment);
    let context = Context { dataset, ..common.context(false, None, ui) };
    Job { context, out, resume: common.resume }
}

fn tell(summary: Summary, common: &Common, ui: &Ui<'_>) -> Result<u8, CliError> {
    ui.end();
    if common.json {
        ui.print(&serde_json::to_string_pretty(&summary.json)?)?;
    } else {
        ui.print(&summary.lines.join("\n"))?;
    }
    Ok(0)
}

impl Summary {
    /// A summary whose `--json` is `value`.
    ///
    /// # Errors
    /// When `value` cannot be written as JSON.
    pub fn new(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self { lines: Vec::new(), json: serde_json::to_value(value)? })
    }

    /// Adds a line for a person.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }
}

impl Job<'_> {
    /// Writes `value` as JSON to `name` in the folder of the run, atomically.
    ///
    /// # Errors
    /// [`FileError::Write`].
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<PathBuf, FileError> {
        let path = self.out.join(name);
        let json = serde_json::to_vec_pretty(value)
            .map_err(|e| FileError::Write { path: path.clone(), why: e.into() })?;
        atomic_write(&path, &json)?;
        Ok(path)
    }
}

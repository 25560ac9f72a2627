//! A paper's program as a value, for what deals with several of them.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{command, run_with, DatasetInfo, Drawing, ExplainRow, Program, Workload};
use crate::claims::{Claim, ClaimError, ClaimInfo, Deviation, DeviationInfo};

/// Whether this process is a program of several papers, which takes a paper's name before its flags.
static OF_SEVERAL: AtomicBool = AtomicBool::new(false);

/// A command that starts the program of `paper` again, in a process of its own, for a measurement that wants one; its flags
/// are to be added.
///
/// # Errors
/// Where the system does not tell which file this program was started from.
pub fn start_again(paper: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    if OF_SEVERAL.load(Ordering::Relaxed) {
        command.arg(paper);
    }
    Ok(command)
}

/// What [`Program`] says of a paper, and its command line.
#[derive(Clone, Copy)]
pub struct Paper {
    /// Name of the crate and of the program.
    pub name: &'static str,
    /// The paper, in one line.
    pub about: &'static str,
    /// Version of the crate.
    pub version: &'static str,
    /// The claim that the paper is known for.
    pub headline: &'static str,
    /// Its claims.
    pub claims: &'static [Claim],
    /// Where our code departs from the paper's.
    pub deviations: &'static [Deviation],
    /// The method, equation by equation.
    pub explain: &'static [ExplainRow],
    /// What `bench` can time.
    pub workloads: &'static [Workload],
    /// What it times when it is named, and not with the others.
    pub named_workloads: &'static [Workload],
    /// What `--dataset` can name.
    pub datasets: &'static [DatasetInfo],
    /// Its graphs as pictures.
    pub drawings: fn() -> Result<Vec<Drawing>, ClaimError>,
    command: fn() -> clap::Command,
    run: fn(Vec<OsString>, Box<dyn Write + Send>) -> u8,
}

impl Paper {
    /// The program `P`.
    #[must_use]
    pub fn of<P: Program>() -> Self {
        Self {
            name: P::NAME,
            about: P::ABOUT,
            version: P::VERSION,
            headline: P::HEADLINE,
            claims: P::CLAIMS,
            deviations: P::DEVIATIONS,
            explain: P::EXPLAIN,
            workloads: P::WORKLOADS,
            named_workloads: P::NAMED_WORKLOADS,
            datasets: P::DATASETS,
            drawings: P::drawings,
            command: command::<P>,
            run: |args, out| run_with::<P>(args, out, Box::new(io::stderr()), io::stderr().is_terminal()),
        }
    }

    /// Its flags and verbs, for help, shell completions and manual pages.
    #[must_use]
    pub fn command(&self) -> clap::Command {
        (self.command)()
    }

    /// Runs it in this process on these flags and verbs (the program's own name is not one of them), with what it prints on
    /// stdout in `out`. Gives its exit code.
    ///
    /// The process must take the paper's name and the paper's flags as its own, as `eightfold dcnn train` does: some measurements
    /// start it [again](start_again).
    #[must_use]
    pub fn run(&self, args: &[OsString], out: Box<dyn Write + Send>) -> u8 {
        OF_SEVERAL.store(true, Ordering::Relaxed);
        let args = [&[OsString::from(self.name)], args].concat();
        (self.run)(args, out)
    }

    /// Its claims without their functions.
    #[must_use]
    pub fn claim_infos(&self) -> Vec<ClaimInfo> {
        self.claims.iter().map(Claim::info).collect()
    }

    /// Its deviations, as they stand in reports.
    #[must_use]
    pub fn deviation_infos(&self) -> Vec<DeviationInfo> {
        self.deviations.iter().map(Deviation::info).collect()
    }
}

impl std::fmt::Debug for Paper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Paper")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

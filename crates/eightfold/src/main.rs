//! The eightfold program: all eight papers from one command. See `eightfold --help`.

mod args;
mod bench;
mod list;
mod reproduce;
mod shell;

use std::ffi::OsStr;
use std::io::Write;
use std::process::ExitCode;

use args::{Arguments, Problem, Verb};
use shared::cli::{write_site, CliError, Paper};

/// Every paper, in the order of their crates' names.
fn papers() -> [Paper; 8] {
    [
        Paper::of::<capsules::cli::Program>(),
        Paper::of::<data_scaling::cli::Program>(),
        Paper::of::<dcnn::cli::Program>(),
        Paper::of::<dsd::cli::Program>(),
        Paper::of::<gan::cli::Program>(),
        Paper::of::<large_batch::cli::Program>(),
        Paper::of::<rethinking_generalization::cli::Program>(),
        Paper::of::<sparse_dcnn::cli::Program>(),
    ]
}

/// The papers' names in a row.
fn known(papers: &[Paper]) -> String {
    papers.iter().map(|paper| paper.name).collect::<Vec<_>>().join(", ")
}

fn main() -> ExitCode {
    shared::cli::run_tool(work)
}

fn work(arguments: &Arguments, out: &mut dyn Write) -> Result<u8, CliError> {
    let papers = papers();
    match &arguments.verb {
        Verb::List(args) => list::list(&papers, args, out).map(|()| 0),
        Verb::Reproduce(args) => reproduce::reproduce(&papers, args, out),
        Verb::Report(args) => {
            if !args.from.is_dir() {
                return Err(Problem::From(args.from.clone()).into());
            }
            let pages = write_site(&papers, &args.from, &args.out)?;
            writeln!(out, "{}", pages[0].display())?;
            Ok(0)
        }
        Verb::Bench(args) => bench::bench(args, out).map(|()| 0),
        Verb::Completions(args) => shell::completions(&papers, args, out).map(|()| 0),
        Verb::Man(args) => shell::man(&papers, args, out).map(|()| 0),
        Verb::Paper(words) => {
            let (name, flags) = words
                .split_first()
                .map_or((OsStr::new(""), &[][..]), |(name, flags)| (name.as_os_str(), flags));
            let paper = papers.iter().find(|paper| name == paper.name).ok_or_else(|| Problem::Verb {
                name: name.to_string_lossy().into_owned(),
                known: known(&papers),
            })?;
            Ok(paper.run(flags, Box::new(std::io::stdout())))
        }
    }
}

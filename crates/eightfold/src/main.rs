//! The eightfold program: all eight papers from one command. See `eightfold --help`.

mod args;
mod list;
mod reproduce;
mod shell;

use std::io::Write;
use std::process::ExitCode;

use args::{Arguments, Verb};
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
                return Err(args::Problem::From(args.from.clone()).into());
            }
            let pages = write_site(&papers, &args.from, &args.out)?;
            writeln!(out, "{}", pages[0].display())?;
            Ok(0)
        }
        Verb::Completions(args) => shell::completions(&papers, args, out).map(|()| 0),
        Verb::Man(args) => shell::man(&papers, args, out).map(|()| 0),
    }
}

//! Everything that can go wrong in the programs' shared half, each as one sentence: what, where, what is
//! allowed, what to do next.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub(super) enum Problem {
    #[error("there is no {what} '{name}'; choose from: {known}")]
    Unknown { what: &'static str, name: String, known: String },
    #[error("the program's own lists are wrong: {0}")]
    Lists(String),
    #[error("cannot start {threads} threads: {why}; pass a smaller --threads")]
    Threads { threads: usize, why: rayon::ThreadPoolBuildError },
    #[error("cannot write to folder {}: {why}; pass an --out that can be written to", path.display())]
    OutDir { path: PathBuf, why: io::Error },
    #[error("folder {} is in use by another run; wait for it or pass another --out", path.display())]
    Locked { path: PathBuf },
    #[error(
        "cannot resume: {} was measured with {theirs} and this run has {ours}; drop --resume to measure anew, or \
         pass another --out", path.display()
    )]
    OtherRun { path: PathBuf, theirs: String, ours: String },
    #[error("{count} of {of} claims ended in an error; the first is '{first}': {why}")]
    Claims { count: usize, of: usize, first: String, why: String },
    #[error(
        "the device ran out of memory: pass a smaller batch or model, or `--device cpu`; checkpoints that were written are \
         whole, and --resume goes on from them"
    )]
    DeviceMemory,
    #[error("the measuring of claims was interrupted; those that were finished are kept in {}", out.display())]
    Interrupted { out: PathBuf },
    #[error("cannot print the result: {0}; is the disk of the output full?")]
    Print(io::Error),
    #[error("{} cannot be read: {why}; pass the path of a README", path.display())]
    Readme { path: PathBuf, why: io::Error },
}

/// Names in a row, or a word when there are none.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        "(there are none)".into()
    } else {
        names.join(", ")
    }
}

/// An error with its causes, on one line, each cause said once.
pub(super) fn one_sentence(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// clap's paragraphs about wrong usage as one line, without its summary of the usage.
pub(super) fn usage_sentence(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|p| !p.trim_start().starts_with("Usage:"));
    let lines = paragraphs.map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|p| !p.is_empty()).collect::<Vec<_>>().join("; ").replace("; For more", "; for more")
}

#[cfg(test)]
mod unit {
    use super::usage_sentence;

    #[test]
    fn paragraphs_become_one_line() {
        let clap =
            "error: unexpected argument '-1' found\n\n  tip: write\n  it so\n\nUsage: dcnn [OPTIONS]\n\n\
                    For more information, try '--help'.\n";
        let line =
            "error: unexpected argument '-1' found; tip: write it so; for more information, try '--help'.";
        assert_eq!(usage_sentence(clap), line);
    }
}

//! What a shell and `man` know of the programs, made from their flags.

use std::io::Write;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man as Page;
use shared::{
    claims::atomic_write,
    cli::{CliError, Paper},
};

use crate::args::{Arguments, Completions, Man};

/// Writes a file of completions a program.
pub(crate) fn completions(papers: &[Paper], args: &Completions, out: &mut dyn Write) -> Result<(), CliError> {
    for mut command in commands(papers) {
        let name = command.get_name().to_owned();
        let mut text = Vec::new();
        clap_complete::generate(args.shell, &mut command, &name, &mut text);
        let file = match args.shell {
            clap_complete::Shell::Zsh => format!("_{name}"),
            clap_complete::Shell::Fish => format!("{name}.fish"),
            clap_complete::Shell::PowerShell => format!("_{name}.ps1"),
            clap_complete::Shell::Elvish => format!("{name}.elv"),
            _ => format!("{name}.bash"),
        };
        keep(&args.out, &file, &text, out)?;
    }
    Ok(())
}

/// Writes a manual page a program, and one a verb, in section 1.
pub(crate) fn man(papers: &[Paper], args: &Man, out: &mut dyn Write) -> Result<(), CliError> {
    for mut command in commands(papers) {
        command.build();
        page(&args.out, &command, command.get_name(), out)?;
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let name = format!("{}-{}", command.get_name(), verb.get_name());
            page(&args.out, verb, &name, out)?;
        }
    }
    Ok(())
}

fn page(dir: &Path, command: &Command, name: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let mut text = Vec::new();
    Page::new(command.clone()).render(&mut text)?;
    keep(dir, &format!("{name}.1"), &text, out)
}

fn commands(papers: &[Paper]) -> Vec<Command> {
    let own = Arguments::command();
    std::iter::once(own).chain(papers.iter().map(Paper::command)).collect()
}

fn keep(dir: &Path, file: &str, text: &[u8], out: &mut dyn Write) -> Result<(), CliError> {
    let path = dir.join(file);
    atomic_write(&path, text)?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_completions_and_pages_that_name_its_verbs() {
        let (dir, papers) = (tempfile::tempdir().unwrap(), crate::papers());
        let mut told = Vec::new();
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            completions(&papers, &Completions { shell, out: dir.path().join("c") }, &mut told).unwrap();
        }
        man(&papers, &Man { out: dir.path().join("m") }, &mut told).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        for paper in &papers {
            let name = paper.name;
            for file in [format!("c/{name}.bash"), format!("c/_{name}"), format!("c/{name}.fish")] {
                let text = read(&file);
                assert!(text.contains("reproduce") && text.contains("data-dir"), "{file}");
            }
            assert!(read(&format!("m/{name}.1")).contains("reproduce"), "{name}");
            assert!(read(&format!("m/{name}-train.1")).contains("seed"), "{name}");
        }
        assert!(
            read("c/eightfold.bash").contains("completions") && read("m/eightfold-report.1").contains("from")
        );
        assert_eq!(String::from_utf8(told).unwrap().lines().filter(|l| l.contains("/c/")).count(), 27);
    }
}

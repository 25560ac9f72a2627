//! `reproduce`: one paper after the other, each with a folder of its own, and pages of all of them at the end.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::json;
use shared::{
    claims::{duration, Column, Report, TextTable},
    cli::{write_site, CliError, Paper},
};

use crate::args::{Problem, Reproduce};

/// Exit code of a program whose claims were all judged and of which some fail.
const FAILS: u8 = 1;
/// Exit code of an error.
const ERROR: u8 = 2;

/// What came of one paper.
struct Outcome {
    name: &'static str,
    code: u8,
    report: Option<Report>,
    wall_s: f64,
}

/// Runs the verb and gives the exit code: 1 where a claim fails.
pub(crate) fn reproduce(papers: &[Paper], args: &Reproduce, out: &mut dyn Write) -> Result<u8, CliError> {
    let chosen = chosen(papers, args)?;
    let form = if args.quick { "quick" } else { "full" };
    let folder = args.out.clone().unwrap_or_else(|| Path::new("runs/eightfold").join(form));
    let mut outcomes = Vec::new();
    for (i, paper) in chosen.iter().enumerate() {
        if !args.quiet {
            let _ = writeln!(io::stderr(), "\n{} ({} of {})", paper.name, i + 1, chosen.len());
        }
        let start = Instant::now();
        let printed = Printed::default();
        let code = paper.run(&flags(paper, args, &folder), Box::new(printed.clone()));
        let report = serde_json::from_str(&printed.text()).ok();
        outcomes.push(Outcome { name: paper.name, code, report, wall_s: start.elapsed().as_secs_f64() });
        // whoever interrupts one paper does not wait for the next
        if code > ERROR {
            return Ok(code);
        }
    }
    let pages = write_site(&chosen, &folder, &folder.join("site"))?;
    let page = pages.first().map_or_else(PathBuf::new, Clone::clone);
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&as_json(&outcomes, &page))?)?;
    } else {
        write!(out, "{}", as_text(&outcomes))?;
        writeln!(out, "Figures and every number: {}", page.display())?;
    }
    let errors: Vec<&Outcome> = outcomes.iter().filter(|o| o.code == ERROR).collect();
    match errors.first() {
        Some(first) => {
            let (count, of) = (errors.len(), outcomes.len());
            Err(Problem::Papers { count, of, first: first.name.into() }.into())
        }
        None => Ok(if outcomes.iter().any(|o| o.code == FAILS) { FAILS } else { 0 }),
    }
}

/// The papers asked for, in the order of the list.
fn chosen(papers: &[Paper], args: &Reproduce) -> Result<Vec<Paper>, Problem> {
    if let Some(name) = args.papers.iter().find(|name| papers.iter().all(|paper| paper.name != **name)) {
        return Err(Problem::Paper { name: name.clone(), known: crate::known(papers) });
    }
    let wanted = |paper: &&Paper| args.all || args.papers.iter().any(|name| name == paper.name);
    Ok(papers.iter().filter(wanted).copied().collect())
}

/// What a paper's own program is told.
fn flags(paper: &Paper, args: &Reproduce, folder: &Path) -> Vec<OsString> {
    let mut flags: Vec<OsString> = vec!["reproduce".into(), "--json".into()];
    flags.extend(["--out".into(), folder.join(paper.name).into()]);
    for (given, flag) in [
        (args.quick, "--quick"),
        (args.resume, "--resume"),
        (args.offline, "--offline"),
        (args.quiet, "--quiet"),
    ] {
        if given {
            flags.push(flag.into());
        }
    }
    if let Some(threads) = args.threads {
        flags.extend(["--threads".into(), threads.to_string().into()]);
    }
    if let Some(dir) = &args.data_dir {
        flags.extend(["--data-dir".into(), dir.into()]);
    }
    flags
}

fn as_text(outcomes: &[Outcome]) -> String {
    let column = |name, max| Column { name, max, right: false };
    let mut table = TextTable::new(&[column("paper", 28), column("claims", 62), column("time", 8)]);
    for o in outcomes {
        let tally = o.report.as_ref().map_or_else(|| "an error, told above".into(), Report::tally);
        table.row([o.name, &tally, &duration(o.wall_s)]);
    }
    let all = outcomes.iter().map(|o| o.wall_s).sum();
    format!("{}\nIn all {}\n", table.render(), duration(all))
}

fn as_json(outcomes: &[Outcome], page: &Path) -> serde_json::Value {
    let papers: Vec<_> = outcomes
        .iter()
        .map(|o| json!({ "name": o.name, "exit_code": o.code, "wall_s": o.wall_s, "report": o.report }))
        .collect();
    json!({ "papers": papers, "page": page })
}

/// What a program prints on stdout, kept.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! `reproduce`: measures claims one after the other, writes each down, and tells the verdicts.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::args::{Common, Reproduce};
use super::files::{check_writable, OutDir};
use super::problem::{listed, one_sentence, Problem};
use super::signals::{self, Work};
use super::ui::Ui;
use super::{provenance, sheets, Beside, CliError, Program};
use crate::{
    claims::{
        duration, results, Claim, ClaimResult, Context, Deviation, Fingerprint, Provenance, Report, Verdict,
        SCHEMA,
    },
    device::DeviceKind,
    files::atomic_write,
    train::interrupt,
};

/// The folder, in that of the run, for parts of the full forms that are done.
const CELLS: &str = "cells";

/// Runs the verb and gives the exit code: 1 when a claim fails.
pub(super) fn run<P: Program>(args: &Reproduce, common: &Common, ui: &Ui<'_>) -> Result<u8, CliError> {
    let start = Instant::now();
    let claims = chosen(P::CLAIMS, &args.claims)?;
    let out = common.out(P::NAME, if args.quick { "reproduce-quick" } else { "reproduce" });
    let _held = OutDir::open(&out)?;
    signals::at_work_on(Work::Claims { out: out.clone() });
    if let Some(dir) = &args.update_results {
        check_writable(dir)?;
    }
    let cells = (!args.quick).then(|| out.join(CELLS));
    let session =
        Session { program: P::NAME, version: P::VERSION, commit: provenance::commit(), args, common, cells };
    let kept = if common.resume { session.kept(&claims, &out)? } else { vec![None; claims.len()] };

    let mut found: Vec<ClaimResult> = Vec::new();
    for (i, (claim, kept)) in claims.iter().zip(kept).enumerate() {
        ui.tell(&format!("[{}/{}] {}: {}", i + 1, claims.len(), claim.id, claim.statement));
        let reused = if kept.is_some() { ", from an earlier run" } else { "" };
        let measured = match kept {
            Some(result) => Some(result),
            None => session.measure(claim, ui),
        };
        let Some(result) = measured else {
            // by a claim that failed for it too
            interrupt::answer();
            return Err(Problem::Interrupted { out }.into());
        };
        ui.tell(&format!("      {} ({}{reused})", result.verdict.badge(), duration(result.run.wall_s)));
        session.write(&result, &out)?;
        found.push(result);
    }

    let report = session.report::<P>(found, start.elapsed().as_secs_f64());
    let json = report.to_json()?;
    atomic_write(&out.join("report.json"), json.as_bytes())?;
    let page = out.join("report.html");
    let drawings = P::drawings()?;
    let beside = Beside { explain: P::EXPLAIN, drawings: &drawings, ..Beside::default() };
    atomic_write(&page, super::to_html(&report, &beside)?.as_bytes())?;
    let code = exit_code(&report);
    match (common.json, &code) {
        (false, _) => ui.print(&report.to_text())?,
        // stdout has a document exactly when there was no error
        (true, Ok(_)) => {
            ui.tell(&report.to_text());
            ui.print(&json)?;
        }
        (true, Err(_)) => ui.tell(&report.to_text()),
    }
    ui.tell(&format!("Figures and every number: {}", page.display()));
    Ok(code?)
}

/// What all claims of a run have in common.
struct Session<'a> {
    program: &'static str,
    version: &'static str,
    commit: String,
    args: &'a Reproduce,
    common: &'a Common,
    cells: Option<PathBuf>,
}

impl Session<'_> {
    /// `None` where the process was asked to end before the claim was measured: that it failed then is no result.
    fn measure(&self, claim: &Claim, ui: &Ui<'_>) -> Option<ClaimResult> {
        let asked_to_end = || interrupt::requested().is_some();
        if asked_to_end() {
            return None;
        }
        let start = Instant::now();
        let cells = self.cells.clone();
        let context = Context { cells, ..self.common.context(self.args.quick, self.args.seeds, ui) };
        let outcome = (claim.measure)(&context).map_err(|e| one_sentence(e.as_ref()));
        ui.end();
        if outcome.is_err() && asked_to_end() {
            return None;
        }
        let run = self.provenance(&[claim.id.to_owned()], start.elapsed().as_secs_f64());
        Some(ClaimResult::new(claim.info(), outcome, self.asked(claim), run))
    }

    /// Results of an earlier run into the same folder, which must have asked for the same.
    fn kept(&self, claims: &[&Claim], out: &Path) -> Result<Vec<Option<ClaimResult>>, CliError> {
        claims.iter().map(|claim| self.kept_one(claim, &results::path(out, claim.id))).collect()
    }

    fn kept_one(&self, claim: &Claim, path: &Path) -> Result<Option<ClaimResult>, CliError> {
        if !path.exists() {
            return Ok(None);
        }
        let mut result = results::read(path)?;
        sheets::restore(&mut result, path.parent().unwrap_or(Path::new("")));
        match difference(&result.asked, &self.asked(claim))? {
            None => Ok(Some(result)),
            Some((theirs, ours)) => Err(Problem::OtherRun { path: path.into(), theirs, ours }.into()),
        }
    }

    /// Keeps its pictures, and a result that was judged: one that was not is to be measured again.
    fn write(&self, result: &ClaimResult, out: &Path) -> Result<(), CliError> {
        sheets::write(result, out)?;
        if result.verdict == Verdict::NotRun {
            return Ok(());
        }
        results::write(out, result)?;
        if let Some(dir) = &self.args.update_results {
            results::write(dir, result)?;
            sheets::write(result, dir)?;
        }
        Ok(())
    }

    fn asked(&self, claim: &Claim) -> Fingerprint {
        Fingerprint {
            claim: claim.id.into(),
            program: self.program.into(),
            version: self.version.into(),
            quick: self.args.quick,
            dataset: self.common.dataset.clone(),
            device: self.common.device.to_string(),
            seed: self.common.seed,
            seeds: self.args.seeds,
        }
    }

    fn provenance(&self, claims: &[String], wall_s: f64) -> Provenance {
        Provenance {
            commit: self.commit.clone(),
            command: self.command(claims),
            date: provenance::now(),
            threads: self.common.threads(),
            wall_s: (wall_s * 1e3).round() / 1e3,
        }
    }

    /// The command that measures this again, without what belongs to this machine.
    fn command(&self, claims: &[String]) -> String {
        let mut words = vec![format!("cargo run --release -p {} -- reproduce", self.program)];
        words.extend(claims.iter().cloned());
        if self.args.quick {
            words.push("--quick".into());
        }
        words.extend(self.common.dataset.iter().map(|d| format!("--dataset {d}")));
        words.extend(self.args.seeds.iter().map(|n| format!("--seeds {n}")));
        if self.common.seed != 0 {
            words.push(format!("--seed {}", self.common.seed));
        }
        if self.common.device != DeviceKind::Cpu {
            words.push(format!("--device {}", self.common.device));
        }
        words.join(" ")
    }

    fn report<P: Program>(&self, claims: Vec<ClaimResult>, wall_s: f64) -> Report {
        Report {
            schema: SCHEMA,
            program: self.program.into(),
            about: P::ABOUT.into(),
            version: self.version.into(),
            quick: self.args.quick,
            dataset: self.common.dataset.clone(),
            device: self.common.device.to_string(),
            seed: self.common.seed,
            seeds: self.args.seeds,
            run: self.provenance(&self.args.claims, wall_s),
            claims,
            deviations: P::DEVIATIONS.iter().map(Deviation::info).collect(),
        }
    }
}

/// The claims that are named, each once and in the paper's order; all of them when none is.
fn chosen<'a>(all: &'a [Claim], names: &[String]) -> Result<Vec<&'a Claim>, Problem> {
    if let Some(name) = names.iter().find(|name| all.iter().all(|c| c.id != name.as_str())) {
        let known = listed(all.iter().map(|c| c.id));
        return Err(Problem::Unknown { what: "claim", name: name.clone(), known });
    }
    Ok(all.iter().filter(|c| names.is_empty() || names.iter().any(|n| n == c.id)).collect())
}

/// The first field in which two fingerprints differ, as "seed 1" and "seed 0".
fn difference(
    theirs: &Fingerprint,
    ours: &Fingerprint,
) -> Result<Option<(String, String)>, serde_json::Error> {
    let (theirs, ours) = (serde_json::to_value(theirs)?, serde_json::to_value(ours)?);
    let fields = theirs.as_object().into_iter().flatten();
    let different = fields.filter(|(name, value)| ours.get(name.as_str()) != Some(value));
    let said = |name: &str, value: &serde_json::Value| match value {
        serde_json::Value::Null => format!("no {name} given"),
        value => format!("{name} {value}"),
    };
    Ok(different.map(|(name, value)| (said(name, value), said(name, &ours[name.as_str()]))).next())
}

fn exit_code(report: &Report) -> Result<u8, Problem> {
    let mut errors = report.claims.iter().filter_map(|c| Some((&c.claim.id, c.error.as_ref()?)));
    if let Some((first, why)) = errors.next() {
        let (count, of) = (1 + errors.count(), report.claims.len());
        return Err(Problem::Claims { count, of, first: first.clone(), why: why.clone() });
    }
    Ok(u8::from(report.count(Verdict::Fails) > 0))
}

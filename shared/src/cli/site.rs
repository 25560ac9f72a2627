//! Results of several papers as pages that need no network: one a paper, and one that leads to them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::html::{badge, escape, head};
use super::{sheets, to_html, Beside, CliError, Paper};
use crate::{
    claims::{atomic_write, duration, results, ClaimResult, Provenance, Report, Verdict, SCHEMA},
    device::DeviceKind,
};

/// The page that leads to the others.
const FRONT: &str = "index.html";

/// Writes `index.html` and a page a paper to the folder `to`, from the results in `from`: those of a paper lie in
/// `<from>/<paper>/results`, or where that is not there in `<from>/<paper>`. A paper without results has a page that says so.
/// Gives the paths of the pages, the front page first.
///
/// # Errors
/// A result that cannot be read; a folder that cannot be written to.
pub fn write_site(papers: &[Paper], from: &Path, to: &Path) -> Result<Vec<PathBuf>, CliError> {
    let mut pages = vec![to.join(FRONT)];
    let mut reports = Vec::new();
    for (i, paper) in papers.iter().enumerate() {
        let report = report(paper, from)?;
        let ids = paper.claims.iter().map(|claim| claim.id);
        let missing: Vec<&str> = ids.filter(|id| report.claims.iter().all(|r| r.claim.id != *id)).collect();
        let drawings = (paper.drawings)()?;
        let beside = Beside {
            links: &links(papers, i),
            explain: paper.explain,
            drawings: &drawings,
            missing: &missing,
        };
        let page = to.join(page(paper));
        atomic_write(&page, to_html(&report, &beside)?.as_bytes())?;
        pages.push(page);
        reports.push(report);
    }
    atomic_write(&pages[0], front(papers, &reports).as_bytes())?;
    Ok(pages)
}

fn page(paper: &Paper) -> String {
    format!("{}.html", paper.name)
}

/// To the front page, and to the papers before and after.
fn links(papers: &[Paper], i: usize) -> Vec<(String, String)> {
    let mut links = vec![("All papers".to_owned(), FRONT.to_owned())];
    if let Some(before) = i.checked_sub(1).and_then(|i| papers.get(i)) {
        links.push((format!("← {}", before.name), page(before)));
    }
    if let Some(after) = papers.get(i + 1) {
        links.push((format!("{} →", after.name), page(after)));
    }
    links
}

/// What was found of a paper, in the order of its claims.
fn report(paper: &Paper, from: &Path) -> Result<Report, CliError> {
    let own = from.join(paper.name);
    let dir = Some(own.join("results")).filter(|dir| dir.is_dir()).unwrap_or(own);
    let mut claims = if dir.is_dir() { results::read_dir(&dir)? } else { Vec::new() };
    claims.retain(|r| paper.claims.iter().any(|claim| claim.id == r.claim.id));
    claims.sort_by_key(|r| paper.claims.iter().position(|claim| claim.id == r.claim.id));
    for result in &mut claims {
        sheets::restore(result, &dir);
    }
    let quick = claims.iter().any(|r| r.asked.quick);
    let same = |of: fn(&ClaimResult) -> String| {
        let first = claims.first().map_or("–".to_owned(), of);
        if claims.iter().all(|r| of(r) == first) {
            first
        } else {
            "several; each claim names its own".into()
        }
    };
    let run = Provenance {
        commit: same(|r| r.run.commit.clone()),
        command: format!(
            "cargo run --release -p {} -- reproduce{}",
            paper.name,
            if quick { " --quick" } else { "" }
        ),
        date: claims.iter().map(|r| r.run.date.clone()).max().unwrap_or("–".into()),
        threads: claims.iter().map(|r| r.run.threads).max().unwrap_or(1),
        wall_s: claims.iter().map(|r| r.run.wall_s).sum(),
    };
    Ok(Report {
        schema: SCHEMA,
        program: paper.name.into(),
        about: paper.about.into(),
        version: paper.version.into(),
        quick,
        dataset: None,
        device: if claims.is_empty() {
            DeviceKind::Cpu.to_string()
        } else {
            same(|r| r.asked.device.clone())
        },
        seed: claims.first().map_or(0, |r| r.asked.seed),
        seeds: None,
        run,
        claims,
        deviations: paper.deviation_infos(),
    })
}

/// The page that leads to the others: what each paper is known for and what came of it, and how all its claims came out.
fn front(papers: &[Paper], reports: &[Report]) -> String {
    let all = |verdict| reports.iter().map(|r| r.count(verdict)).sum::<usize>();
    let claims: usize = reports.iter().map(|r| r.claims.len()).sum();
    let mut out = head("Eightfold: papers, claims, verdicts", ("papers", "Skip to the papers"));
    let _ = write!(
        out,
        "<header>\n<h1>Eightfold</h1>\n<p class=\"about\">Deep-learning papers, their claims measured again. Of {claims} claims \
         {} hold, {} hold partly, {} fail, {} are undecided.</p>\n</header>\n<main id=\"papers\">\n",
        all(Verdict::Holds),
        all(Verdict::Partly),
        all(Verdict::Fails),
        all(Verdict::Undecided),
    );
    for (paper, report) in papers.iter().zip(reports) {
        card(&mut out, paper, report);
    }
    out.push_str(
        "</main>\n<footer><p>A verdict follows from 95&nbsp;% intervals over seeds and from checks that were written down before, \
         never from the best run.</p></footer>\n</body>\n</html>\n",
    );
    out
}

/// A paper: the claim that it is known for with what came of it, and the verdicts of all.
fn card(out: &mut String, paper: &Paper, report: &Report) {
    let page = page(paper);
    let _ = write!(
        out,
        "<article aria-labelledby=\"paper-{0}\">\n<h2 id=\"paper-{0}\"><a href=\"{page}\">{0}</a></h2>\n<p class=\"about\">{1}</p>\n",
        paper.name,
        escape(paper.about),
    );
    if let Some(known) = report.claims.iter().find(|r| r.claim.id == paper.headline) {
        let _ = write!(
            out,
            "<p class=\"statement\">{} <a href=\"{page}#{}\">{}</a></p>\n<p class=\"reason\">{}</p>\n\
             <dl class=\"facts\"><div><dt>The paper's value</dt><dd>{}</dd></div><div><dt>Where</dt><dd>{}</dd></div></dl>\n",
            badge(known.verdict),
            escape(&known.claim.id),
            escape(&known.claim.statement),
            escape(&known.reason),
            escape(&known.claim.paper),
            escape(&known.claim.section),
        );
    }
    let _ = write!(
        out,
        "<h3>All claims</h3>\n<p class=\"reason\">{}; measured in {}.</p>\n<ul class=\"claims\">",
        escape(&report.tally()),
        duration(report.run.wall_s),
    );
    for result in &report.claims {
        let id = escape(&result.claim.id);
        let _ = write!(out, "<li>{} <a href=\"{page}#{id}\">{id}</a></li>", badge(result.verdict));
    }
    out.push_str("</ul>\n</article>\n");
}

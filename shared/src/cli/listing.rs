//! `claims` and `explain`: what the program knows, without measuring anything.

use serde_json::json;

use super::args::{Claims, Common};
use super::problem::Problem;
use super::ui::Ui;
use super::{CliError, Program};
use crate::claims::{
    atomic_write, duration, readme, results, wrap, Claim, ClaimInfo, Column, Deviation, DeviationInfo,
    TextTable,
};

/// Lists claims, deviations and data sets, or brings a README up to date.
pub(super) fn claims<P: Program>(args: &Claims, common: &Common, ui: &Ui<'_>) -> Result<(), CliError> {
    if args.update_readme.is_some() {
        update_readme::<P>(args, ui)?;
    }
    if common.json {
        let claims: Vec<ClaimInfo> = P::CLAIMS.iter().map(Claim::info).collect();
        let deviations: Vec<DeviationInfo> = P::DEVIATIONS.iter().map(Deviation::info).collect();
        let document = json!({
            "program": P::NAME,
            "version": P::VERSION,
            "claims": claims,
            "deviations": deviations,
            "datasets": P::DATASETS,
        });
        return Ok(ui.print(&serde_json::to_string_pretty(&document)?)?);
    }
    let mut out = claims_text(P::CLAIMS);
    if !P::DEVIATIONS.is_empty() {
        out.push_str("\nDeviations from the paper\n\n");
        out.push_str(&deviations_text(P::DEVIATIONS));
    }
    out.push_str("\nData sets\n\n");
    let mut table = TextTable::new(&[column("--dataset", 20), column("about", 64), column("from", 12)]);
    for d in P::DATASETS {
        table.row([d.name, d.about, if d.embedded { "the program" } else { "--data-dir" }]);
    }
    out.push_str(&table.render());
    Ok(ui.print(&out)?)
}

/// Prints equation, code, shape and section side by side.
pub(super) fn explain<P: Program>(common: &Common, ui: &Ui<'_>) -> Result<(), CliError> {
    if common.json {
        let document = json!({ "program": P::NAME, "version": P::VERSION, "rows": P::EXPLAIN });
        return Ok(ui.print(&serde_json::to_string_pretty(&document)?)?);
    }
    let mut table = TextTable::new(&[
        column("equation", 42),
        column("code", 32),
        column("shape", 18),
        column("where", 12),
    ]);
    for row in P::EXPLAIN {
        table.row([row.equation, row.code, row.shape, row.section]);
    }
    Ok(ui.print(&table.render())?)
}

fn claims_text(claims: &[Claim]) -> String {
    let mut out = String::new();
    let mut table = TextTable::new(&[
        column("claim", 24),
        column("where", 16),
        column("paper", 22),
        column("asked", 20),
        column("quick, full", 18),
    ]);
    for c in claims {
        let budget =
            format!("{}, {}", duration(f64::from(c.budget.quick_s)), duration(f64::from(c.budget.full_s)));
        table.row([c.id.into(), c.section.into(), c.paper.to_string(), c.direction.to_string(), budget]);
    }
    out.push_str(&table.render());
    for c in claims {
        let info = c.info();
        let why = info.scaled_why.map(|why| format!(": {why}")).unwrap_or_default();
        out.push_str(&format!("\n{}\n", c.id));
        paragraph(&mut out, c.statement);
        paragraph(&mut out, &format!("Protocol: {}{why}", info.protocol));
    }
    out
}

fn deviations_text(deviations: &[Deviation]) -> String {
    let mut out = String::new();
    for d in deviations {
        out.push_str(&format!("{}\n", d.id));
        paragraph(&mut out, d.what);
        paragraph(&mut out, &format!("Why: {}", d.why));
        let flag = d.flag.map(|f| format!("The paper's variant: {f}. ")).unwrap_or_default();
        let effect =
            d.effect.map_or("Its effect is not measured.".into(), |c| format!("Its effect: claim {c}."));
        paragraph(&mut out, &format!("{flag}{effect}"));
    }
    out
}

fn update_readme<P: Program>(args: &Claims, ui: &Ui<'_>) -> Result<(), CliError> {
    let Some(path) = &args.update_readme else { return Ok(()) };
    let dir = args.results.clone().unwrap_or_else(|| path.with_file_name("results"));
    let text = std::fs::read_to_string(path).map_err(|why| Problem::Readme { path: path.clone(), why })?;
    let mut found = results::read_dir(&dir)?;
    let place = |id: &str| P::CLAIMS.iter().position(|c| c.id == id).unwrap_or(usize::MAX);
    found.sort_by_key(|r| place(&r.claim.id));
    let updated = readme::replace_block(&text, "claims", &readme::render(&found))?;
    if updated == text {
        ui.tell(&format!("{} is up to date with {} results", path.display(), found.len()));
    } else {
        atomic_write(path, updated.as_bytes())?;
        ui.tell(&format!("{} now shows {} results", path.display(), found.len()));
    }
    Ok(())
}

fn paragraph(out: &mut String, text: &str) {
    for line in wrap(text, 104) {
        out.push_str(&format!("    {line}\n"));
    }
}

fn column(name: &'static str, max: usize) -> Column {
    Column { name, max, right: false }
}

//! `list`: what there is to check, without measuring anything.

use std::fs;
use std::io::Write;

use serde_json::json;
use shared::{
    claims::{
        atomic_write, duration,
        readme::{render_front, replace_block, FrontRow},
        results, wrap,
    },
    cli::{CliError, Paper},
};

use crate::args::{List, Problem};

/// Prints the papers with their claims, or brings the front page up to date.
pub(crate) fn list(papers: &[Paper], args: &List, out: &mut dyn Write) -> Result<(), CliError> {
    if let Some(path) = &args.update_readme {
        let text = fs::read_to_string(path).map_err(|why| Problem::Readme { path: path.clone(), why })?;
        let mut found = Vec::new();
        for paper in papers {
            found.push(results::read_dir(&args.crates.join(paper.name).join("results"))?);
        }
        let rows: Vec<FrontRow<'_>> =
            papers.iter().zip(&found).map(|(paper, found)| row(paper, found)).collect();
        let updated = replace_block(&text, "papers", &render_front(&rows))?;
        if updated != text {
            atomic_write(path, updated.as_bytes())?;
        }
    }
    if args.json {
        let papers: Vec<_> = papers
            .iter()
            .map(|paper| {
                json!({
                    "name": paper.name,
                    "about": paper.about,
                    "version": paper.version,
                    "headline": paper.headline,
                    "claims": paper.claim_infos(),
                    "datasets": paper.datasets,
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&json!({ "papers": papers }))?)?;
        return Ok(());
    }
    for paper in papers {
        let quick: u32 = paper.claims.iter().map(|claim| claim.budget.quick_s).sum();
        writeln!(out, "{}: {}", paper.name, paper.about)?;
        writeln!(
            out,
            "    {} claims; the short forms take up to {}",
            paper.claims.len(),
            duration(f64::from(quick))
        )?;
        if let Some(claim) = paper.claims.iter().find(|claim| claim.id == paper.headline) {
            let known =
                format!("{}: {} (paper: {}; {})", claim.id, claim.statement, claim.paper, claim.section);
            for line in wrap(&known, 104) {
                writeln!(out, "    {line}")?;
            }
        }
        let sets: Vec<&str> = paper.datasets.iter().map(|set| set.name).collect();
        writeln!(out, "    data sets: {}\n", sets.join(", "))?;
    }
    writeln!(out, "All claims of a paper: cargo run --release -p PAPER -- claims")?;
    Ok(())
}

fn row<'a>(paper: &Paper, results: &'a [shared::claims::ClaimResult]) -> FrontRow<'a> {
    let missing = paper.claims.iter().filter(|claim| results.iter().all(|r| r.claim.id != claim.id)).count();
    FrontRow { name: paper.name, about: paper.about, headline: paper.headline, results, missing }
}

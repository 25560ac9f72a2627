//! `fit`: laws on a user's own points.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{json, Value};
use shared::cli::{CliError, Job, Summary};

use crate::curve::{parse_points, told, CurveOptions, CurveStudy, Estimate};

/// Flags of `fit`.
#[derive(Debug, Clone, Args)]
pub struct FitArgs {
    /// A text file with a line `examples,score` for every run
    #[arg(value_name = "POINTS.CSV")]
    points: PathBuf,
    /// Numbers of examples to predict the score at, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    at: Vec<f64>,
    /// Scores to tell the number of examples for, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    target: Vec<f64>,
    /// Draws of the bootstrap over seeds
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    draws: usize,
    /// Level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    level: f64,
}

pub(super) fn fit(args: &FitArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let points = parse_points(&args.points.display().to_string(), &read(&args.points)?)?;
    let options = CurveOptions { draws: args.draws, seed: job.context.seed, level: args.level };
    let study = CurveStudy::of(&points, &options)?;
    let mut lines =
        vec![format!("{}: {} runs of {} sizes", args.points.display(), points.runs(), points.sizes().len())];
    lines.extend(told(&study, &args.at, &args.target)?);
    Ok(Summary { lines, json: json(&study, &args.at, &args.target) })
}

/// The text of a file of points.
fn read(path: &Path) -> Result<String, CliError> {
    const MOST_BYTES: u64 = 16 << 20;
    let wanted = "give a text file with a line `examples,score` for every run";
    let unread = |why: &str| format!("{} cannot be read ({why}): {wanted}", path.display());
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|why| unread(&why.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(
            format!("{} is larger than {} MiB: give fewer runs", path.display(), MOST_BYTES >> 20).into()
        );
    }
    Ok(String::from_utf8(bytes).map_err(|_| unread("it is no UTF-8 text"))?)
}

/// A study as JSON: numbers that are infinite are null.
pub(super) fn json(study: &CurveStudy, at: &[f64], targets: &[f64]) -> Value {
    let estimate = |e: Estimate| json!({ "value": e.value, "lo": e.lo, "hi": e.hi });
    let supported: Vec<_> = study.supported().map(|fit| fit.law).collect();
    let fits: Vec<Value> = study
        .fits
        .iter()
        .map(|fit| {
            let named = fit.law.parameters().iter().zip(fit.estimates());
            json!({
                "law": fit.law,
                "formula": fit.law.formula(),
                "parameters": named.map(|(name, e)| (name.to_string(), estimate(e))).collect::<serde_json::Map<_, _>>(),
                "r2": fit.r2,
                "aicc": fit.aicc,
                "left_one_out": fit.left_out,
                "supported": supported.contains(&fit.law),
                "scores": at.iter().map(|n| json!({ "examples": n, "score": fit.predict(*n).map(estimate) })).collect::<Vec<_>>(),
                "examples": targets
                    .iter()
                    .map(|score| json!({ "score": score, "examples": fit.examples_for(*score).map(estimate) }))
                    .collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "fits": fits, "noise": study.noise, "largest": study.largest, "trusted_up_to": study.largest * study.reach })
}

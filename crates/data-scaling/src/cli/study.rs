//! `study`: several Ns and seeds with one command, in parts where there are many machines.

use clap::Args;
use serde_json::json;
use shared::{
    claims::{cell, Column, TextTable},
    cli::{CliError, Job, Summary},
};

use super::{fit, SettingArgs};
use crate::{
    curve::{told, CurveOptions, CurveStudy, Point, Points},
    experiment::{Lab, Trial, SCENES},
    DataScalingError, Outcome,
};

/// Flags of `study`.
#[derive(Debug, Clone, Args)]
pub struct StudyArgs {
    /// Ns, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "100,300,1000,3000,10000")]
    sizes: Vec<u64>,
    /// Seeds of each N, from --seed on
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: u64,
    #[command(flatten)]
    setting: SettingArgs,
    /// The part I of N of the runs that this process works on, such as 0/4; all without it
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<(usize, usize)>,
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    parts
        .filter(|(i, n): &(usize, usize)| i < n)
        .ok_or_else(|| "give I/N with I from 0 to N - 1, such as 0/4".into())
}

pub(super) fn study(args: &StudyArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    if !(1..=1_000).contains(&args.runs) {
        let (field, value) = ("--runs", args.runs.to_string());
        return Err(DataScalingError::Setting { field, value, allowed: "between 1 and 1,000" }.into());
    }
    let name = job.context.dataset.clone().unwrap_or_else(|| SCENES.into());
    let mut trials: Vec<Trial> = Vec::new();
    for images in &args.sizes {
        for run in 0..args.runs {
            trials.push(args.setting.trial(&name, *images, 1, job.context.seed.wrapping_add(run))?);
        }
    }
    let context = shared::claims::Context { cells: Some(job.out.join("cells")), ..job.context.clone() };
    let lab = if name == SCENES { Lab::open(&context) } else { Lab::on(&context, &name)? };
    if let Some((i, n)) = args.shard {
        let all = trials.len();
        let ours: Vec<Trial> =
            trials.into_iter().enumerate().filter(|(at, _)| at % n == i).map(|(_, t)| t).collect();
        let done = lab.runs(&context, &ours)?.len();
        let line = format!(
            "{done} of {all} runs are done, in {}: when every part is, the same command without --shard tells what they come to",
            job.out.display()
        );
        return Ok(Summary { lines: vec![line], json: json!({ "runs": done, "of": all }) });
    }
    let found = lab.runs(&context, &trials)?;
    told_of(args, &trials, &found)
}

fn told_of(args: &StudyArgs, trials: &[Trial], found: &[Outcome]) -> Result<Summary, CliError> {
    let column = |name| Column { name, max: 40, right: true };
    let mut table = TextTable::new(&[column("N"), column("frozen"), column("fine-tuned")]);
    let each = args.runs as usize;
    for (n, outcomes) in args.sizes.iter().zip(found.chunks(each)) {
        let frozen: Vec<f64> = outcomes.iter().map(Outcome::last_frozen).collect();
        let tuned: Vec<f64> = outcomes.iter().map(Outcome::last_tuned).collect();
        table.row([n.to_string(), cell(&frozen)?, cell(&tuned)?]);
    }
    let mut lines: Vec<String> = table.render().lines().map(str::to_owned).collect();
    let mut laws = serde_json::Map::new();
    let ways: [(&str, fn(&Outcome) -> f64); 2] =
        [("frozen", Outcome::last_frozen), ("fine-tuned", Outcome::last_tuned)];
    for (name, score) in ways {
        let runs = trials.iter().zip(found);
        let points: Vec<Point> =
            runs.map(|(t, o)| Point { n: t.pretraining.images as f64, score: score(o) }).collect();
        // one N is a study without a law
        let Ok(points) = Points::new(&points) else { continue };
        let study = CurveStudy::of(&points, &CurveOptions::default())?;
        lines.push(String::new());
        lines.push(format!("{name}:"));
        lines.extend(told(&study, &[], &[])?);
        laws.insert(name.into(), fit::json(&study, &[], &[]));
    }
    Ok(Summary { lines, json: json!({ "trials": trials, "outcomes": found, "laws": laws }) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_a_part_of_a_whole() {
        assert_eq!(shard("1/4"), Ok((1, 4)));
        for text in ["4/4", "1", "a/b", "1/0", "-1/2", ""] {
            assert!(shard(text).is_err(), "{text}");
        }
    }
}

//! `self-test` and `simulate`.

use clap::Args;
use serde_json::json;
use shared::{
    claims::{number, Column, TextTable},
    cli::{CliError, Summary},
};

use crate::{
    collective::{
        cost::{CostModel, Replay},
        Algorithm,
    },
    LargeBatchError,
};

/// Flags of `self-test`.
#[derive(Debug, Clone, Args)]
pub struct SelfTestArgs {
    /// Ranks on threads that are compared with accumulation
    #[arg(long, value_name = "P", default_value_t = 3)]
    ranks: usize,
}

pub(super) fn self_test(args: &SelfTestArgs) -> Result<Summary, CliError> {
    if !(1..=64).contains(&args.ranks) {
        let (field, value) = ("--ranks", args.ranks.to_string());
        return Err(LargeBatchError::Setting { field, value, allowed: "between 1 and 64" }.into());
    }
    let checks = crate::self_test(args.ranks)?;
    let mut lines = Vec::new();
    for check in &checks {
        lines.push(format!(
            "{}  {}: {}",
            if check.passed { "pass" } else { "FAIL" },
            check.name,
            check.statement
        ));
        lines.push(format!("      {}", check.found));
    }
    let failed: Vec<&str> = checks.iter().filter(|c| !c.passed).map(|c| c.name).collect();
    if !failed.is_empty() {
        return Err(format!(
            "{} of {} checks fail ({}): train nothing with this build, and report it with this text: {}",
            failed.len(),
            checks.len(),
            failed.join(", "),
            checks.iter().filter(|c| !c.passed).map(|c| c.found.clone()).collect::<Vec<_>>().join("; ")
        )
        .into());
    }
    lines.push(format!("all {} checks pass", checks.len()));
    Ok(Summary { lines, json: json!({ "checks": checks }) })
}

/// Flags of `simulate`.
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// Numbers of ranks, separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "2,4,8,32,256,4096")]
    ranks: Vec<usize>,
    /// Floats in the buffer
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    floats: usize,
    /// Microseconds a message
    #[arg(long, value_name = "US", default_value_t = 20.0)]
    alpha: f64,
    /// Nanoseconds a byte sent: 0.8 is 10 Gbit/s
    #[arg(long, value_name = "NS", default_value_t = 0.8)]
    beta: f64,
    /// Nanoseconds a byte added
    #[arg(long, value_name = "NS", default_value_t = 0.1)]
    gamma: f64,
}

pub(super) fn simulate(args: &SimulateArgs) -> Result<Summary, CliError> {
    let setting = |field, value: String, allowed| LargeBatchError::Setting { field, value, allowed };
    for (field, value) in [("--alpha", args.alpha), ("--beta", args.beta), ("--gamma", args.gamma)] {
        if !(value.is_finite() && value >= 0.0) {
            return Err(setting(field, value.to_string(), "a finite number of at least 0").into());
        }
    }
    if let Some(ranks) = args.ranks.iter().find(|ranks| !(1..=4_096).contains(*ranks)) {
        return Err(setting("--ranks", ranks.to_string(), "between 1 and 4,096").into());
    }
    if args.floats > 1 << 40 {
        return Err(setting("--floats", args.floats.to_string(), "at most 2^40").into());
    }
    let model = CostModel { alpha: 1e-6 * args.alpha, beta: 1e-9 * args.beta, gamma: 1e-9 * args.gamma };
    let column = |name, right| Column { name, max: 20, right };
    let mut table = TextTable::new(&[
        column("ranks", true),
        column("algorithm", false),
        column("steps", true),
        column("MB a rank", true),
        column("ms", true),
    ]);
    let mut all = Vec::new();
    for ranks in &args.ranks {
        for (name, algorithm) in [("ring", Algorithm::Ring), ("halving/doubling", Algorithm::HalvingDoubling)]
        {
            let Replay { seconds, steps, bytes, .. } = model.replay(algorithm, *ranks, args.floats);
            table.row([
                ranks.to_string(),
                name.into(),
                steps.to_string(),
                number(bytes as f64 / 1e6),
                number(1e3 * seconds),
            ]);
            all.push(json!({
                "ranks": ranks, "algorithm": name, "steps": steps, "bytes": bytes, "seconds": seconds,
            }));
        }
    }
    let mut lines: Vec<String> = table.render().lines().map(str::to_owned).collect();
    lines.push(format!(
        "predicted for {} floats, {} µs a message, {} ns a byte sent and {} ns a byte added",
        args.floats, args.alpha, args.beta, args.gamma
    ));
    Ok(Summary { lines, json: json!({ "floats": args.floats, "runs": all }) })
}

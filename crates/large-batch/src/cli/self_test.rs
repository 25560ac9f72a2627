//! `self-test`.

use clap::Args;
use serde_json::json;
use shared::cli::{CliError, Summary};

use crate::LargeBatchError;

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

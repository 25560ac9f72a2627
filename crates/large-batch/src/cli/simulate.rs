//! `simulate`: how long an all-reduce takes on many ranks, by a cost model that is given or measured.

use std::{hint::black_box, time::Instant};

use clap::Args;
use serde_json::{json, Value};
use shared::{
    claims::{number, Column, TextTable},
    cli::{median, CliError, Summary},
};

use crate::{
    collective::{
        cost::{CostModel, Measured, Replay, Terms},
        run_ranks, Algorithm, Collective, Options,
    },
    LargeBatchError,
};

/// The algorithms that the paper compares.
const NAMED: [(&str, Algorithm); 2] =
    [("ring", Algorithm::Ring), ("halving/doubling", Algorithm::HalvingDoubling)];

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
    /// Measure the three on 2 threads of this machine, and compare what they predict with runs of 2 and of 4
    #[arg(long, conflicts_with_all = ["alpha", "beta", "gamma"])]
    measure: bool,
}

/// Floats of the buffers that are measured: what a message costs, what a byte does, and something between them.
const MEASURED: [usize; 3] = [16, 30_000, 1_000_000];

/// A run that was measured, beside its prediction.
struct Run {
    ranks: usize,
    name: &'static str,
    floats: usize,
    measured: f64,
    predicted: f64,
    /// Whether the costs were fitted to it.
    fitted: bool,
}

fn column(name: &'static str, right: bool) -> Column {
    Column { name, max: 20, right }
}

/// Calls that are timed of a buffer of that length.
fn calls(floats: usize) -> usize {
    (20_000_000 / floats.max(1)).clamp(20, 500)
}

/// Seconds of an all-reduce by messages on threads: the median of rank 0.
fn timed(algorithm: Algorithm, ranks: usize, floats: usize) -> Result<f64, LargeBatchError> {
    let options = Options { algorithm, by_messages: true, ..Options::default() };
    let times = run_ranks(ranks, options, |group: &mut dyn Collective| {
        let mut values = vec![0.0f32; floats];
        let mut times = Vec::new();
        for _ in 0..calls(floats) {
            let start = Instant::now();
            group.all_reduce(&mut values)?;
            times.push(start.elapsed().as_secs_f64());
        }
        // the first calls find cold memory
        Ok::<_, LargeBatchError>(times.split_off(times.len() / 4))
    })?;
    Ok(median(&mut times.into_iter().next().unwrap_or_default()))
}

/// Seconds to add a buffer to another.
fn adding(floats: usize) -> f64 {
    let (mut mine, theirs) = (vec![0.0f32; floats], vec![0.0f32; floats]);
    let time = |_| {
        let start = Instant::now();
        crate::collective::add(&mut mine, black_box(&theirs));
        black_box(&mut mine);
        start.elapsed().as_secs_f64()
    };
    median(&mut (0..calls(floats)).map(time).collect::<Vec<f64>>())
}

/// The costs on 2 threads, and runs of 2 and 4 beside what they predict. Where there are fewer cores than ranks these take turns:
/// bytes are sent and added as many times as slowly.
fn measure() -> Result<(CostModel, Vec<Run>), CliError> {
    let most = MEASURED[MEASURED.len() - 1];
    let mut of_two = vec![Measured {
        terms: Terms { added: 4.0 * most as f64, ..Terms::default() },
        seconds: adding(most),
    }];
    let mut runs = Vec::new();
    for ranks in [2, 4] {
        for (name, algorithm) in NAMED {
            for floats in MEASURED {
                let measured = timed(algorithm, ranks, floats)?;
                let fitted = ranks == 2 && floats != MEASURED[1];
                if fitted {
                    of_two.push(Measured { terms: Terms::of(algorithm, ranks, floats), seconds: measured });
                }
                runs.push((algorithm, Run { ranks, name, floats, measured, predicted: 0.0, fitted }));
            }
        }
    }
    let model = CostModel::fit(&of_two).map_err(|error| error.to_string())?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let predicted = |(algorithm, run): (Algorithm, Run)| {
        let turns = (run.ranks as f64 / cores).max(1.0);
        let shared = CostModel { alpha: model.alpha, beta: turns * model.beta, gamma: turns * model.gamma };
        Run { predicted: shared.replay(algorithm, run.ranks, run.floats).seconds, ..run }
    };
    Ok((model, runs.into_iter().map(predicted).collect()))
}

/// Measured beside predicted times, for a reader and for a program.
fn compared(runs: &[Run]) -> (Vec<String>, Value) {
    let mut table = TextTable::new(&[
        column("ranks", true),
        column("algorithm", false),
        column("floats", true),
        column("measured, ms", true),
        column("predicted, ms", true),
        column("measured over predicted", true),
    ]);
    let mut all = Vec::new();
    let mut worst = 1.0f64;
    for run in runs {
        let ratio = run.measured / run.predicted;
        if !run.fitted {
            worst = worst.max(ratio.max(1.0 / ratio));
        }
        table.row([
            run.ranks.to_string(),
            run.name.into(),
            run.floats.to_string(),
            number(1e3 * run.measured),
            number(1e3 * run.predicted),
            format!("{}{}", number(ratio), if run.fitted { ", fitted" } else { "" }),
        ]);
        all.push(json!({
            "ranks": run.ranks, "algorithm": run.name, "floats": run.floats, "measured_s": run.measured,
            "predicted_s": run.predicted, "fitted": run.fitted,
        }));
    }
    let mut lines: Vec<String> = table.render().lines().map(str::to_owned).collect();
    lines.push(format!(
        "runs that the costs were not fitted to are within a factor of {} of the prediction",
        number(worst)
    ));
    lines.push(String::new());
    (lines, json!({ "runs": all, "worst_factor": worst }))
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
    let (model, mut lines, beside) = if args.measure {
        let (model, runs) = measure()?;
        let (lines, json) = compared(&runs);
        (model, lines, json)
    } else {
        let model = CostModel { alpha: 1e-6 * args.alpha, beta: 1e-9 * args.beta, gamma: 1e-9 * args.gamma };
        (model, Vec::new(), Value::Null)
    };
    let mut table = TextTable::new(&[
        column("ranks", true),
        column("algorithm", false),
        column("steps", true),
        column("MB a rank", true),
        column("ms", true),
    ]);
    let mut all = Vec::new();
    for ranks in &args.ranks {
        for (name, algorithm) in NAMED {
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
    lines.extend(table.render().lines().map(str::to_owned));
    lines.push(format!(
        "predicted for {} floats, {} µs a message, {} ns a byte sent and {} ns a byte added{}",
        args.floats,
        number(1e6 * model.alpha),
        number(1e9 * model.beta),
        number(1e9 * model.gamma),
        if args.measure { ", each rank with a core of its own" } else { "" }
    ));
    let costs = json!({ "alpha_s": model.alpha, "beta_s": model.beta, "gamma_s": model.gamma });
    Ok(Summary {
        lines,
        json: json!({ "floats": args.floats, "costs": costs, "measured": beside, "runs": all }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_measured_and_predicted() {
        let (model, runs) = measure().unwrap();
        assert!(model.alpha > 0.0 && model.beta >= 0.0 && model.gamma > 0.0, "{model:?}");
        assert_eq!(runs.len(), 2 * NAMED.len() * MEASURED.len());
        assert!(runs.iter().all(|run| run.measured > 0.0 && run.predicted > 0.0));
        // four ranks are a prediction alone
        assert!(runs.iter().all(|run| !run.fitted || run.ranks == 2));
        let (lines, json) = compared(&runs);
        assert!(lines.iter().any(|line| line.ends_with(", fitted")));
        assert!(json["worst_factor"].as_f64().unwrap() >= 1.0);
    }
}

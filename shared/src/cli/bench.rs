//! `bench`: the time of a training step, in the words of shared/benches/peers.py.

use std::time::Instant;

use serde::Serialize;

use super::args::{Bench, Common};
use super::problem::{listed, Problem};
use super::ui::Ui;
use super::{CliError, Program, Workload};
use crate::{
    claims::{number, Column, Progress, TextTable},
    device::{memory, waited, DeviceKind},
};

/// What a workload is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchOptions {
    /// Steps that count.
    pub steps: usize,
    /// Steps before those.
    pub warmup: usize,
    /// Seed of weights and data.
    pub seed: u64,
    /// Where to train; it has been [checked](DeviceKind::check).
    pub device: DeviceKind,
    /// Size of the thread pool.
    pub threads: usize,
}

/// The time of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BenchResult {
    /// Name of the workload.
    pub name: String,
    /// Items in a step.
    pub batch: usize,
    /// Median time of a step, in milliseconds.
    pub ms_per_step: f64,
    /// `batch` over that time.
    pub items_per_s: f64,
    /// The most memory that the process has held so far, in MiB; only Linux tells.
    pub peak_rss_mib: Option<u64>,
    /// Size of the thread pool.
    pub threads: usize,
    /// Whatever else the workload tells; beside the others in JSON.
    #[serde(flatten)]
    pub extras: serde_json::Map<String, serde_json::Value>,
}

impl BenchResult {
    /// Runs `step` `warmup` times for nothing and `steps` times (at least once) by the clock, and takes the median.
    ///
    /// # Errors
    /// The first error of a step.
    ///
    /// # Example
    /// ```
    /// use shared::cli::BenchResult;
    /// let mut sum = 0u64;
    /// let result = BenchResult::measure("sum", 1000, 5, 1, || {
    ///     sum = (0..1000).fold(sum, |s, i| s ^ i);
    ///     Ok::<(), std::convert::Infallible>(())
    /// })?;
    /// assert_eq!(result.batch, 1000);
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    pub fn measure<E>(
        name: &str,
        batch: usize,
        steps: usize,
        warmup: usize,
        mut step: impl FnMut() -> Result<(), E>,
    ) -> Result<Self, E> {
        for _ in 0..warmup {
            step()?;
        }
        let mut times = Vec::new();
        for _ in 0..steps.max(1) {
            let start = Instant::now();
            step()?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Self::of_times(name, batch, times))
    }

    /// The median of times in milliseconds that were taken elsewhere, such as of two kinds of step in turn; 0 for none.
    #[must_use]
    pub fn of_times(name: &str, batch: usize, mut times: Vec<f64>) -> Self {
        let ms = if times.is_empty() { 0.0 } else { median(&mut times) };
        Self {
            name: name.into(),
            batch,
            ms_per_step: round(ms, 3),
            items_per_s: round(batch as f64 / ms.max(1e-9) * 1e3, 1),
            peak_rss_mib: memory::peak_bytes().map(|bytes| bytes >> 20),
            threads: rayon::current_num_threads(),
            extras: serde_json::Map::new(),
        }
    }

    /// Adds something that this workload alone tells.
    #[must_use]
    pub fn extra(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.extras.insert(name.into(), value.into());
        self
    }
}

/// Runs the verb: one JSON object for one workload, an array for several.
pub(super) fn run<P: Program>(args: &Bench, common: &Common, ui: &Ui<'_>) -> Result<(), CliError> {
    let options = BenchOptions {
        steps: args.steps,
        warmup: args.warmup,
        seed: common.seed,
        device: common.device,
        threads: common.threads(),
    };
    let mut results = Vec::new();
    for workload in chosen([P::WORKLOADS, P::NAMED_WORKLOADS], args.workload.as_deref())? {
        ui.note(&format!("{}: {}", workload.name, workload.about));
        let before = waited();
        let result = (workload.run)(&options)?;
        let wait_ms =
            (waited() - before).as_secs_f64() * 1e3 / (options.steps + options.warmup).max(1) as f64;
        results.push(match options.device {
            DeviceKind::Cpu => result,
            // the rest of a step is launches
            device => result.extra("device", device.to_string()).extra("wait_ms", round(wait_ms, 3)),
        });
        ui.end();
    }
    let text = match results.as_slice() {
        [only] if common.json => serde_json::to_string(only)?,
        all if common.json => serde_json::to_string(all)?,
        all => table(all),
    };
    Ok(ui.print(&text)?)
}

/// The program's workloads, or the one of this name, which may also be one of those that are timed when named.
fn chosen([all, named]: [&[Workload]; 2], name: Option<&str>) -> Result<Vec<Workload>, Problem> {
    let Some(name) = name else { return Ok(all.to_vec()) };
    let mut all = all.iter().chain(named);
    match all.clone().find(|w| w.name == name) {
        Some(workload) => Ok(vec![*workload]),
        None => Err(Problem::Unknown {
            what: "workload",
            name: name.into(),
            known: listed(all.by_ref().map(|w| w.name)),
        }),
    }
}

fn table(results: &[BenchResult]) -> String {
    let column = |name, max, right| Column { name, max, right };
    let mut table = TextTable::new(&[
        column("workload", 30, false),
        column("batch", 10, true),
        column("ms a step", 12, true),
        column("items a second", 16, true),
        column("peak MiB", 10, true),
        column("threads", 7, true),
    ]);
    for r in results {
        let peak = r.peak_rss_mib.map_or("–".into(), |mib| mib.to_string());
        let (ms, items) = (number(r.ms_per_step), number(r.items_per_s));
        table.row([r.name.clone(), r.batch.to_string(), ms, items, peak, r.threads.to_string()]);
    }
    table.render()
}

/// The median; sorts them. NaN where there are none.
#[must_use]
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    match times.len() {
        0 => f64::NAN,
        n => (times[(n - 1) / 2] + times[n / 2]) / 2.0,
    }
}

fn round(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn the_median_ignores_a_slow_step() {
        assert_eq!(median(&mut [9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 9.0]), 3.0);
    }

    #[test]
    fn steps_are_counted_and_errors_end_it() {
        let mut calls = 0;
        let result = BenchResult::measure("n", 8, 3, 2, || {
            calls += 1;
            Ok::<(), String>(())
        });
        assert_eq!((calls, result.unwrap().name.as_str()), (5, "n"));
        assert_eq!(BenchResult::measure("n", 8, 3, 0, || Err("no")), Err("no"));
    }
}

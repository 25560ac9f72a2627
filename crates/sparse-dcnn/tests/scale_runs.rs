//! Runs from 10⁴ to 10⁷ nodes: the table in the README is what `results/runs` says, memory is linear in the number of nodes
//! and as planned.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::{fmt::Write as _, fs, path::Path};

use serde::Deserialize;
use shared::claims::{duration, readme};
use sparse_dcnn::{experiment::log_log_slope, Bytes};

/// A run of `train --json` on a graph of `generate`.
#[derive(Deserialize)]
struct ScaleRun {
    /// What was typed.
    command: String,
    /// The verb that had made the graph.
    graph: String,
    /// The commit of the program.
    commit: String,
    /// Where it ran, and beside what.
    device: String,
    train: Train,
}

#[derive(Deserialize)]
struct Train {
    nodes: usize,
    entries: u64,
    epochs: usize,
    memory: Memory,
    seconds: Seconds,
}

#[derive(Deserialize)]
struct Memory {
    planned_bytes: u64,
    peak_bytes: u64,
}

#[derive(Deserialize)]
struct Seconds {
    load: f64,
    prepare: f64,
    diffuse: f64,
    train: f64,
    predict: f64,
}

fn runs() -> Vec<ScaleRun> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/runs");
    let mut runs: Vec<ScaleRun> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap())
        .collect();
    runs.sort_by_key(|run| run.train.nodes);
    runs
}

#[test]
fn the_table_of_sizes_is_what_was_measured() {
    let mut table = String::from(
        "| nodes | entries of A | load | diffuse, 2 hops | one epoch | predict | planned | peak | after |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for run in runs() {
        let Train { nodes, entries, epochs, memory, seconds } = run.train;
        assert_eq!(epochs, 1);
        assert!(!run.commit.is_empty() && !run.device.is_empty() && !run.command.is_empty());
        writeln!(
            table,
            "| {nodes} | {entries} | {} | {} | {} | {} | {} | {} | `{}` |",
            duration(seconds.load + seconds.prepare),
            duration(seconds.diffuse),
            duration(seconds.train),
            duration(seconds.predict),
            Bytes(memory.planned_bytes),
            Bytes(memory.peak_bytes),
            run.graph
        )
        .unwrap();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("README.md")).unwrap();
    readme::check(&text, "scale", &table).unwrap_or_else(|drift| panic!("{drift}\n{table}"));
}

#[test]
fn memory_is_linear_and_as_planned() {
    let runs = runs();
    let sizes: Vec<usize> = runs.iter().map(|run| run.train.nodes).collect();
    assert_eq!(sizes, [100, 10_000, 100_000, 1_000_000, 10_000_000]);
    for Train { nodes, memory, .. } in runs.iter().map(|run| &run.train) {
        let share = memory.peak_bytes as f64 / memory.planned_bytes as f64;
        assert!((0.8..=1.2).contains(&share), "{nodes} nodes: peak {share} of the plan");
        assert!(memory.peak_bytes < 16 << 30);
    }
    // What the program takes on next to no graph is no part of the growth.
    let base = runs[0].train.memory.peak_bytes;
    let point = |run: &ScaleRun| (run.train.nodes as f64, (run.train.memory.peak_bytes - base) as f64);
    let points: Vec<(f64, f64)> = runs[1..].iter().map(point).collect();
    let slope = log_log_slope(&points);
    assert!((0.95..=1.05).contains(&slope), "exponent {slope}");
}

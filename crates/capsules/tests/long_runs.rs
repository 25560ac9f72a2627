//! The table of long runs in the README is what `results/runs` says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::{fmt::Write as _, fs, path::Path};

use serde::Deserialize;
use shared::claims::{duration, readme};

/// A run of `train --json` and what `eval --json` said of it.
#[derive(Deserialize)]
struct LongRun {
    /// What was typed.
    command: String,
    /// The commit of the program.
    commit: String,
    /// Where it ran, and beside what.
    device: String,
    train: Train,
    evals: Vec<Eval>,
}

#[derive(Deserialize)]
struct Train {
    images: usize,
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    size: String,
}

#[derive(Deserialize)]
struct Eval {
    part: String,
    /// Epochs trained by then, and how long that took.
    epochs: usize,
    trained_s: f64,
    error: f64,
    wrong: usize,
    images: usize,
}

#[test]
fn the_table_of_long_runs_is_what_was_measured() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> =
        fs::read_dir(root.join("results/runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut table = String::from(
        "| network | epochs of 50,000 images | test error | wrong | trained in | command |\n|---|---|---|---|---|---|\n",
    );
    for path in &paths {
        let run: LongRun = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        assert_eq!(run.train.images, 50_000, "{}", path.display());
        assert!(!run.commit.is_empty() && !run.device.is_empty(), "{}", path.display());
        for eval in &run.evals {
            assert_eq!(eval.part, "test");
            assert_eq!((1e9 * eval.wrong as f64 / eval.images as f64).round(), (1e9 * eval.error).round());
            writeln!(
                table,
                "| {} | {} | {:.2} % | {} of {} | {} | `{}` |",
                run.train.config.size,
                eval.epochs,
                100.0 * eval.error,
                eval.wrong,
                eval.images,
                duration(eval.trained_s),
                run.command
            )
            .unwrap();
        }
    }
    assert!(!paths.is_empty(), "no long run is on record");
    let text = fs::read_to_string(root.join("README.md")).unwrap();
    readme::check(&text, "runs", &table).unwrap_or_else(|drift| panic!("{drift}\n{table}"));
}

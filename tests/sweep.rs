//! The sweeps of rethinking-generalization: the same cells from any number of threads and processes, and from a sweep that was
//! killed at any moment and run again.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use eightfold_tests::{program, Program, Running, PATIENCE};

/// Twelve cells of three epochs.
const SWEEP: &[&str] = &[
    "sweep",
    "--models",
    "small-cnn,mlp1",
    "--corruptions",
    "true,random-labels,random-pixels",
    "--seeds",
    "2",
    "--images",
    "60",
    "--batch-size",
    "20",
    "--epochs",
    "3",
    "--target",
    "1.1",
    "-q",
];

fn start(program: &Program, out: &Path, flags: &[&str]) -> Running {
    program.start(&[SWEEP, &["--out", out.to_str().unwrap()], flags].concat(), &[])
}

fn whole(program: &Program, out: &Path, flags: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let _ = start(program, out, flags).wait(PATIENCE).exits(0);
    cells(out)
}

/// The finished cells, by name; nothing else may be left.
fn cells(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(out.join("cells")).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read(&path).unwrap()))
        .collect()
}

fn finished(out: &Path) -> usize {
    let Ok(entries) = fs::read_dir(out.join("cells")) else { return 0 };
    entries
        .filter(|entry| entry.as_ref().is_ok_and(|e| e.path().extension().is_some_and(|x| x == "json")))
        .count()
}

#[test]
fn cells_do_not_depend_on_threads_or_processes() {
    let (dir, program) = (tempfile::tempdir().unwrap(), program("rethinking-generalization"));
    let one = whole(&program, &dir.path().join("1"), &["--threads", "1"]);
    assert_eq!(one.len(), 12);
    let four = whole(&program, &dir.path().join("4"), &["--threads", "4"]);
    assert!(one == four, "with 1 thread and with 4");
    let shared = dir.path().join("two");
    let pair = [start(&program, &shared, &["--threads", "1"]), start(&program, &shared, &["--threads", "2"])];
    for running in pair {
        let _ = running.wait(PATIENCE).exits(0);
    }
    assert!(one == cells(&shared), "by two processes in one folder");
}

#[test]
fn killed_at_any_moment_and_run_again_it_ends_the_same() {
    let (dir, program) = (tempfile::tempdir().unwrap(), program("rethinking-generalization"));
    let expected = whole(&program, &dir.path().join("whole"), &[]);
    let (mut killed, mut between) = (0, 0);
    for (number, (after, microseconds)) in
        [(0, 30_000), (1, 0), (2, 1_500), (3, 9_000), (5, 300), (7, 4_000), (10, 800)].into_iter().enumerate()
    {
        let out = dir.path().join(number.to_string());
        let mut running = start(&program, &out, &["--threads", "1"]);
        let begun = Instant::now();
        while finished(&out) < after && running.is_running() && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_micros(200));
        }
        thread::sleep(Duration::from_micros(microseconds));
        killed += usize::from(running.kill().code.is_none());
        between += usize::from((1..12).contains(&finished(&out)));
        assert!(expected == whole(&program, &out, &["--threads", "2"]), "killed after {after} cells");
    }
    println!("{killed} kills, {between} of them with some cells done");
    assert!(killed >= 5 && between >= 4, "{killed} kills, {between} with some cells done");
}

#[test]
fn a_damaged_cell_is_told_and_nothing_is_lost() {
    let (dir, program) = (tempfile::tempdir().unwrap(), program("rethinking-generalization"));
    let out = dir.path().join("out");
    let expected = whole(&program, &out, &[]);
    let name = expected.keys().next().unwrap();
    let file = out.join("cells").join(name);
    fs::write(&file, &expected[name][..40]).unwrap();
    let run = start(&program, &out, &[]).wait(PATIENCE);
    let said = run.sentence();
    assert!(said.contains(name.as_str()) && said.contains("delete it"), "{said}");
    assert_eq!(cells(&out).len(), 12);
    fs::remove_file(&file).unwrap();
    assert!(expected == whole(&program, &out, &[]), "after the damaged cell was deleted");
}

//! The same bytes from any number of threads, and from a run that was killed at any moment and resumed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{fs, path::Path, thread, time::Duration};

use eightfold_tests::{papers, program, Program, Run, PATIENCE};

/// What a finished `train` leaves behind.
const FILES: [&str; 4] = ["model.safetensors", "checkpoint.safetensors", "record.jsonl", "run.json"];

/// Flags of a `train` that takes a few hundred checkpoints, by paper; every paper needs a line here.
const MANY_CHECKPOINTS: &[(&str, &[&str])] =
    &[("dcnn", &["--epochs", "40", "--no-early-stopping", "--checkpoint-every", "1"])];

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many microseconds after its start, when there may be nothing to resume.
    Early(u64),
    /// So many microseconds after its record has so many epochs.
    Epoch(usize, u64),
}

/// A spread over a run: from before its first file to its last epochs, and to any place between two checkpoints.
const MOMENTS: [Moment; 14] = [
    Moment::Early(0),
    Moment::Early(1_500),
    Moment::Early(6_000),
    Moment::Early(12_000),
    Moment::Early(25_000),
    Moment::Epoch(1, 0),
    Moment::Epoch(2, 700),
    Moment::Epoch(5, 3_100),
    Moment::Epoch(9, 150),
    Moment::Epoch(14, 1_900),
    Moment::Epoch(20, 5_300),
    Moment::Epoch(27, 400),
    Moment::Epoch(33, 2_600),
    Moment::Epoch(38, 50),
];

#[test]
fn training_gives_the_same_bytes_with_any_number_of_threads() {
    for paper in papers() {
        let (program, flags) = (program(&paper), flags(&paper));
        let dir = tempfile::tempdir().unwrap();
        let outs = ["1", "2", "4"].map(|threads| {
            let out = dir.path().join(threads);
            let run = train(&program, &out, &[flags, &["--threads", threads, "--seed", "7"]].concat());
            assert!(run.exits(0).stdout.contains("epochs"));
            out
        });
        for out in &outs[1..] {
            assert_same(&outs[0], out, &format!("{paper} with 1 thread and with another number"));
        }
        let other = dir.path().join("other-seed");
        let _ = train(&program, &other, &[flags, &["--seed", "8"]].concat()).exits(0);
        let read = |out: &Path| fs::read(out.join(FILES[0])).unwrap();
        assert!(read(&outs[0]) != read(&other), "{paper}: another seed gave the same weights");
    }
}

#[test]
fn killed_at_any_moment_and_resumed_it_ends_the_same() {
    for paper in papers() {
        let (program, flags) = (program(&paper), flags(&paper));
        let dir = tempfile::tempdir().unwrap();
        let whole = dir.path().join("whole");
        let _ = train(&program, &whole, flags).exits(0);

        let (mut killed, mut nothing_to_resume) = (0, 0);
        let resume = [flags, &["--resume"]].concat();
        for (number, moment) in MOMENTS.into_iter().enumerate() {
            let out = dir.path().join(number.to_string());
            killed += usize::from(kill_at(&program, &out, flags, moment));
            if out.join("checkpoint.safetensors").exists() {
                // once more, soon after it goes on
                let again = Moment::Epoch(epochs(&out) + 1, 900);
                killed += usize::from(kill_at(&program, &out, &resume, again));
                let _ = train(&program, &out, &resume).exits(0);
            } else {
                nothing_to_resume += 1;
                let run = train(&program, &out, &resume);
                assert!(run.sentence().contains("to resume"), "{}", run.stderr);
                let _ = train(&program, &out, flags).exits(0);
            }
            assert_same(&whole, &out, &format!("{paper}, killed at {moment:?}"));
        }
        println!("{paper}: {killed} kills, {nothing_to_resume} before the first checkpoint, all made good");
        assert!(killed >= MOMENTS.len(), "only {killed} runs were killed before they ended");
        assert!(nothing_to_resume >= 1, "no run was killed before its first checkpoint");
    }
}

#[test]
fn started_anew_over_a_finished_run_and_killed_it_is_one_run_or_the_other() {
    for paper in papers() {
        let (program, flags) = (program(&paper), flags(&paper));
        let dir = tempfile::tempdir().unwrap();
        let (whole, out) = (dir.path().join("whole"), dir.path().join("again"));
        let _ = train(&program, &whole, flags).exits(0);
        let _ = train(&program, &out, flags).exits(0);
        for microseconds in (0..20).map(|i| 1_000 + 1_500 * i) {
            let moment = Moment::Early(microseconds);
            let _ = kill_at(&program, &out, flags, moment);
            let _ = train(&program, &out, &[flags, &["--resume"]].concat()).exits(0);
            assert_same(&whole, &out, &format!("{paper}, started anew and killed at {moment:?}"));
        }
    }
}

#[test]
fn resuming_a_finished_run_changes_nothing() {
    for paper in papers() {
        let (program, flags) = (program(&paper), flags(&paper));
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let _ = train(&program, &out, flags).exits(0);
        let before = FILES.map(|file| fs::read(out.join(file)).unwrap());
        let _ = train(&program, &out, &[flags, &["--resume", "--threads", "3"]].concat()).exits(0);
        for (file, before) in FILES.iter().zip(before) {
            assert!(fs::read(out.join(file)).unwrap() == before, "{paper}: {file} has changed");
        }
    }
}

fn flags(paper: &str) -> &'static [&'static str] {
    let found = MANY_CHECKPOINTS.iter().find(|(name, _)| *name == paper);
    found.unwrap_or_else(|| panic!("MANY_CHECKPOINTS has no line for {paper}")).1
}

fn arguments<'a>(out: &'a Path, flags: &[&'a str]) -> Vec<&'a str> {
    [&["train", "--out", out.to_str().unwrap()], flags].concat()
}

fn train(program: &Program, out: &Path, flags: &[&str]) -> Run {
    program.start(&arguments(out, flags), &[]).wait(PATIENCE)
}

/// Starts `train` and kills it at a moment; whether it was still running then.
fn kill_at(program: &Program, out: &Path, flags: &[&str], moment: Moment) -> bool {
    let mut running = program.start(&arguments(out, flags), &[]);
    let microseconds = match moment {
        Moment::Early(microseconds) => microseconds,
        Moment::Epoch(epoch, microseconds) => {
            while epochs(out) < epoch && running.is_running() {
                thread::sleep(Duration::from_micros(200));
            }
            microseconds
        }
    };
    thread::sleep(Duration::from_micros(microseconds));
    let run = running.kill();
    assert!(matches!(run.code, None | Some(0)), "`{}`: {}", run.line, run.stderr);
    run.code.is_none()
}

/// Whole lines of the record of a run.
fn epochs(out: &Path) -> usize {
    fs::read_to_string(out.join("record.jsonl")).map_or(0, |text| text.matches('\n').count())
}

fn assert_same(expected: &Path, found: &Path, what: &str) {
    for file in FILES {
        let read =
            |dir: &Path| fs::read(dir.join(file)).unwrap_or_else(|why| panic!("{what}: {file}: {why}"));
        assert!(read(expected) == read(found), "{what}: {file} is another");
    }
}

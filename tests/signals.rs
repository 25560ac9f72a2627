//! SIGINT and SIGTERM at any moment: a training is kept and goes on to the same bits, everything else ends soon and loses
//! nothing that was finished.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use eightfold_tests::{
    assert_kept, program, programs, snapshot, trainings::House, Program, Run, Running, PATIENCE,
};
use serde_json::Value;
use shared::train::Checkpoint;

/// How long a program may take to end that has nothing to keep: its own two seconds and the machine's.
const SOON: Duration = Duration::from_secs(20);
const CHECKPOINT: &str = "checkpoint.safetensors";

/// The signals, with the code that each ends a program with.
const SIGNALS: [(&str, i32); 2] = [("INT", 130), ("TERM", 143)];

/// When a signal is sent.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many microseconds after the program began to listen, when there may be nothing to keep.
    Early(u64),
    /// So many microseconds after the record has so many epochs.
    Epoch(usize, u64),
}

const MOMENTS: [Moment; 6] = [
    Moment::Early(0),
    Moment::Early(20_000),
    Moment::Epoch(0, 2_000),
    Moment::Epoch(1, 0),
    Moment::Epoch(1, 7_000),
    Moment::Epoch(2, 1_000),
];

/// Sends the signal at the moment and gives the end.
fn signalled(mut running: Running, out: &Path, moment: Moment, signal: &str) -> Run {
    running.until_it_listens();
    let microseconds = match moment {
        Moment::Early(microseconds) => microseconds,
        Moment::Epoch(epoch, microseconds) => {
            while epochs(out).is_none_or(|done| done < epoch) && running.is_running() {
                thread::sleep(Duration::from_micros(200));
            }
            microseconds
        }
    };
    thread::sleep(Duration::from_micros(microseconds));
    running.signal(signal);
    running.wait(PATIENCE)
}

/// The one sentence of a program that was ended by a signal; `None` where it had done its work before.
fn sentence(run: &Run, signal: &str, code: i32) -> Option<String> {
    if matches!(run.code, Some(0 | 1)) {
        return None;
    }
    assert_eq!(run.code, Some(code), "`{}`\n{}", run.line, run.stderr);
    assert_eq!(run.stdout, "", "`{}`", run.line);
    assert_eq!(run.stderr.lines().count(), 1, "`{}`\n{}", run.line, run.stderr);
    let start = format!("interrupted by SIG{signal}");
    assert!(run.stderr.starts_with(&start), "`{}`\n{}", run.line, run.stderr);
    Some(run.stderr.clone())
}

/// Whole lines of the record of a run; `None` before there is one.
fn epochs(out: &Path) -> Option<usize> {
    fs::read_to_string(out.join("record.jsonl")).ok().map(|text| text.matches('\n').count())
}

/// Nothing of a write that was cut off is left.
fn assert_whole(out: &Path, what: &str) {
    let mut folders = vec![out.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(!name.ends_with(".tmp"), "{what}: {} was left", path.display());
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".json") {
                let text = fs::read_to_string(&path).unwrap();
                serde_json::from_str::<Value>(&text).unwrap_or_else(|why| panic!("{what}: {name}: {why}"));
            }
        }
    }
}

#[test]
fn a_training_is_kept_at_any_moment_and_goes_on_to_the_same_bits() {
    let mut within_an_epoch = 0;
    for program in programs() {
        let house = House::of(program);
        let name = &house.program.name;
        let whole = house.path("whole");
        let _ = house.start(&whole, &[]).wait(PATIENCE).exits(0);
        let (mut ended, mut kept) = (0, 0);
        for (number, moment) in MOMENTS.into_iter().enumerate() {
            let (signal, code) = SIGNALS[number % 2];
            let out = house.path(&number.to_string());
            let run = signalled(house.start(&out, &[]), &out, moment, signal);
            assert_whole(&out, name);
            let Some(said) = sentence(&run, signal, code) else { continue };
            ended += 1;
            let file = out.join(CHECKPOINT);
            if said.contains("the checkpoint of step") {
                kept += 1;
                let checkpoint = Checkpoint::load(&file).unwrap();
                let step = format!("the checkpoint of step {} is {}", checkpoint.cursor.step, file.display());
                assert!(said.contains(&step) && said.contains("--resume goes on"), "{said}");
                within_an_epoch += usize::from(checkpoint.cursor.batch > 0);
                // a second time, with the other signal
                let (signal, code) = SIGNALS[1 - number % 2];
                let next = Moment::Epoch(epochs(&out).unwrap() + 1, 3_000);
                let again = signalled(house.start(&out, &["--resume"]), &out, next, signal);
                if let Some(said) = sentence(&again, signal, code) {
                    ended += 1;
                    assert!(said.contains("the checkpoint of step"), "{said}");
                }
                let _ = house.start(&out, &["--resume"]).wait(PATIENCE).exits(0);
            } else {
                assert!(said.contains("before its first checkpoint") && !file.exists(), "{said}");
                let _ = house.start(&out, &[]).wait(PATIENCE).exits(0);
            }
            let (expected, found) = (snapshot(&whole), snapshot(&out));
            for (path, bytes) in &expected {
                assert!(
                    found.get(path) == Some(bytes),
                    "{name} at {moment:?}: {} is another",
                    path.display()
                );
            }
        }
        println!("{name}: {ended} ended by a signal, {kept} of them first kept by it and gone on with");
        assert!(ended >= 4 && kept >= 2, "{name}: {ended} ended by a signal, {kept} kept");
    }
    println!("{within_an_epoch} checkpoints were written within an epoch, where only a signal writes one");
    assert!(within_an_epoch >= 6, "{within_an_epoch} checkpoints within an epoch");
}

#[test]
fn started_anew_over_a_finished_run_the_old_one_stays_until_there_is_a_new_one() {
    for program in programs() {
        let house = House::of(program);
        let (whole, out) = (house.path("whole"), house.path("again"));
        let _ = house.start(&whole, &[]).wait(PATIENCE).exits(0);
        let _ = house.start(&out, &[]).wait(PATIENCE).exits(0);
        let before = snapshot(&out);
        let run = signalled(house.start(&out, &[]), &out, Moment::Early(0), "TERM");
        let said = sentence(&run, "TERM", 143);
        if said.is_some_and(|said| said.contains("nothing was changed")) {
            assert_kept(&before, &out, &house.program.name);
        }
        let _ = house.start(&out, &["--resume"]).wait(PATIENCE).exits(0);
        assert_kept(&snapshot(&whole), &out, &house.program.name);
    }
}

#[test]
fn what_holds_no_run_ends_soon_with_the_code_of_the_signal() {
    for program in programs() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        for (signal, code) in SIGNALS {
            let flags = ["bench", "--steps", "1000000", "-q", "--out", out.to_str().unwrap()];
            let mut running = program.start(&flags, &[]);
            running.until_it_listens();
            thread::sleep(Duration::from_millis(30));
            running.signal(signal);
            let run = running.wait(SOON);
            let said = sentence(&run, signal, code);
            let said = said.unwrap_or_else(|| panic!("`{}` ended before its million steps", run.line));
            assert!(said.contains("start it again"), "{said}");
            assert!(!out.exists(), "`{}` made a folder", run.line);
        }
    }
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let program = program("dcnn");
    for (second, code) in SIGNALS {
        let mut running = program.start(&["bench", "--steps", "1000000", "-q"], &[]);
        running.until_it_listens();
        thread::sleep(Duration::from_millis(100));
        running.signal("INT");
        thread::sleep(Duration::from_millis(200));
        assert!(running.is_running(), "the first signal gave the work no time");
        let start = Instant::now();
        running.signal(second);
        let run = running.wait(SOON);
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        // well before the first one would have ended it
        assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    }
}

#[test]
fn an_interrupted_reproduce_keeps_what_was_measured_and_tells_no_verdict_of_the_rest() {
    let mut ended = 0;
    for (at, program) in programs().into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let claims = a_quick_claim_and_the_next(&program);
        // short forms take seconds: one signal for each program, and both for the quickest
        let both = program.name == "dcnn";
        let signals = SIGNALS.into_iter().enumerate().filter(|(number, _)| both || *number == at % 2);
        for (number, (signal, code)) in signals {
            let out = dir.path().join(number.to_string());
            let folder = ["--quick", "-q", "--out", out.to_str().unwrap()];
            let line = [&["reproduce", &claims[0], &claims[1]], &folder[..]].concat();
            let mut running = program.start(&line, &[]);
            running.until_it_listens();
            while results(&out).is_empty() && running.is_running() {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_millis(20));
            running.signal(signal);
            let run = running.wait(SOON);
            assert_whole(&out, &program.name);
            let Some(said) = sentence(&run, signal, code) else { continue };
            ended += 1;
            assert!(said.contains("--resume goes on with the others"), "{said}");
            let done = results(&out);
            assert!(!done.is_empty() && !out.join("report.json").exists(), "{said}");
            for file in &done {
                let result: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
                let verdict = result["verdict"].as_str().unwrap();
                assert!(verdict != "not-run" && result["error"].is_null(), "{}: {verdict}", file.display());
            }
            // dcnn's is short enough to go on with
            if both {
                let before: Vec<Vec<u8>> = done.iter().map(|file| fs::read(file).unwrap()).collect();
                let run = program.run(&[&line[..], &["--resume"]].concat());
                assert!(matches!(run.code, Some(0 | 1)), "{}", run.stderr);
                let after: Vec<Vec<u8>> = done.iter().map(|file| fs::read(file).unwrap()).collect();
                assert!(before == after, "a claim that was measured was measured again");
                assert!(out.join("report.json").exists() && results(&out).len() > done.len());
            }
        }
    }
    println!("{ended} of 9 were ended by a signal");
    assert!(ended >= 5, "only {ended} were ended by a signal");
}

/// The claim whose short form takes the least time, by its own word, and the one that is measured after it.
fn a_quick_claim_and_the_next(program: &Program) -> [String; 2] {
    let listed = program.run(&["claims", "--json"]).exits(0).json();
    let claims = listed["claims"].as_array().unwrap();
    let time = |at: &usize| claims[*at]["budget"]["quick_s"].as_u64().unwrap();
    let quickest = (0..claims.len() - 1).min_by_key(time).unwrap();
    [quickest, quickest + 1].map(|at| claims[at]["id"].as_str().unwrap().to_owned())
}

/// The files of claims in the folder of a `reproduce`.
fn results(out: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(out).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "json") && !path.ends_with("report.json"))
        .collect();
    found.sort();
    found
}

#[test]
fn an_interrupted_sweep_goes_on_to_the_same_cells() {
    let (dir, program) = (tempfile::tempdir().unwrap(), program("rethinking-generalization"));
    let sweep = "sweep --models small-cnn,mlp1 --corruptions true,random-labels --seeds 2 --images 60 --batch-size 20 \
                 --epochs 3 --target 1.1 -q --out";
    let start = |out: &Path| {
        let words = sweep.split_whitespace().chain([out.to_str().unwrap()]);
        program.start(&words.collect::<Vec<_>>(), &[])
    };
    let whole = dir.path().join("whole");
    let _ = start(&whole).wait(PATIENCE).exits(0);
    let cells = |out: &Path| snapshot(&out.join("cells"));
    let mut ended = 0;
    for (number, after) in [0, 1, 3, 5].into_iter().enumerate() {
        let (signal, code) = SIGNALS[number % 2];
        let out = dir.path().join(number.to_string());
        let mut running = start(&out);
        running.until_it_listens();
        while results(&out.join("cells")).len() < after && running.is_running() {
            thread::sleep(Duration::from_micros(300));
        }
        running.signal(signal);
        ended += usize::from(sentence(&running.wait(SOON), signal, code).is_some());
        assert_whole(&out, "sweep");
        let _ = start(&out).wait(PATIENCE).exits(0);
        assert!(cells(&out) == cells(&whole), "ended after {after} cells");
    }
    assert!(ended >= 2, "only {ended} sweeps were ended by a signal");
}

#[test]
fn an_interrupted_series_goes_on_to_the_same_blocks() {
    let (dir, program) = (tempfile::tempdir().unwrap(), program("sparse-dcnn"));
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let _ = program.run(&["generate", "--nodes", "3000", "--out", &path("drawn")]).exits(0);
    let (graph, mut ended) = (path("drawn/graph.txt"), 0);
    let series = |out: &str, flags: &[&str]| {
        let line = ["series", "--graph", &graph, "--block-rows", "50", "-q", "--out", out];
        program.start(&[&line, flags].concat(), &[])
    };
    let _ = series(&path("whole"), &[]).wait(PATIENCE).exits(0);
    for (number, (signal, code)) in SIGNALS.into_iter().chain(SIGNALS).enumerate() {
        let out = path(&number.to_string());
        let mut running = series(&out, &[]);
        running.until_it_listens();
        let blocks = Path::new(&out).join("blocks");
        while fs::read_dir(&blocks).map_or(0, Iterator::count) < 3 * number + 1 && running.is_running() {
            thread::sleep(Duration::from_micros(200));
        }
        running.signal(signal);
        ended += usize::from(sentence(&running.wait(SOON), signal, code).is_some());
        assert_whole(Path::new(&out), "series");
        let _ = series(&out, &["--resume"]).wait(PATIENCE).exits(0);
        assert_kept(&snapshot(Path::new(&path("whole"))), Path::new(&out), "series");
    }
    println!("{ended} of 4 series were ended by a signal");
    assert!(ended >= 2, "only {ended} series were ended by a signal");
}

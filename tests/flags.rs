//! Every value-taking flag of every verb of every program, as `--help` lists them, with values that no one means: each run ends
//! soon, with a result or with one sentence, never with a panic, and never by taking memory for what it was told.
//!
//! Each flag is tried with a third of the values, and its neighbours with the other two; with `EIGHTFOLD_FLAGS=all` each is tried
//! with all, which takes three times as long.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::Mutex,
    thread,
    time::Duration,
};

use eightfold_tests::{
    programs,
    trainings::{OWN, TRAIN},
    workspace, Program, Run,
};

/// The longest that a run may take.
const LIMIT: Duration = Duration::from_secs(120);
/// `all` for every value with every flag.
const ALL_VARIABLE: &str = "EIGHTFOLD_FLAGS";
/// The address space that a run may take, in KiB: what it is told must not decide how much it takes.
const MEMORY: &str = "4000000";

/// Values that no flag means, or that one does and another does not.
fn absurd() -> Vec<OsString> {
    let texts = [
        "",
        " ",
        "-1",
        "-0",
        "0",
        "NaN",
        "inf",
        "-inf",
        "1e999",
        "1e-999",
        "0.5",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999",
        "0x10",
        "1,,2",
        "1:2:3",
        "pre:1e-320",
        "\u{fc}\u{221e}\u{1f600}\u{202e}",
        "a\nb",
        "../..",
        "/dev/null",
        "--help",
    ];
    let mut values: Vec<OsString> = texts.iter().map(OsString::from).collect();
    values.push("9".repeat(10_000).into());
    values.push("x".repeat(10_000).into());
    values.push(OsStr::from_bytes(b"\xff\xfe\x80").to_owned());
    values
}

/// Values that a program may take and work with, where it then has little to work on.
const WORKED_WITH: [&str; 6] = ["0", "-0", "NaN", "inf", "1e-300", "18446744073709551615"];

/// Whether every flag is to be tried with every value.
fn tries_all() -> bool {
    std::env::var_os(ALL_VARIABLE).is_some_and(|value| value == "all")
}

/// A third of the values for the flag at a place in the list of flags, or all of them.
fn share<T>(values: impl IntoIterator<Item = T>, at: usize) -> impl Iterator<Item = T> {
    let (skipped, step) = if tries_all() { (0, 1) } else { (at % 3, 3) };
    values.into_iter().skip(skipped).step_by(step)
}

/// Flags by which a run is told to be long, or to take more of a set than the shortest run does.
const LONG: [&str; 12] = [
    "--epochs",
    "--sparse-epochs",
    "--redense-epochs",
    "--turns",
    "--shown",
    "--limit",
    "--examples",
    "--test-examples",
    "--images",
    "--phases",
    "--threads",
    "--tracked",
];

/// The flags of every verb, tried with one verb alone.
const COMMON: [&str; 6] = ["--dataset", "--data-dir", "--device", "--threads", "--seed", "--out"];

/// A command line that ends soon, whatever one of its flags is.
struct Line {
    words: Vec<OsString>,
}

impl Line {
    fn new(text: &str) -> Self {
        Line { words: text.split(' ').map(OsString::from).collect() }
    }

    /// With a flag in place of the one that it has.
    fn with(&self, flag: &str, value: &OsStr) -> Vec<OsString> {
        let mut words = self.words.clone();
        if let Some(at) = words.iter().position(|word| word == flag) {
            words.drain(at..at + 2);
        }
        let mut joined = OsString::from(flag);
        joined.push("=");
        joined.push(value);
        words.push(joined);
        words
    }
}

/// Runs it in a folder of its own, in a shell that holds it to its memory.
fn run(program: &Program, folder: &Path, words: &[OsString]) -> Run {
    let shell = Program { name: "sh".into(), path: "sh".into() };
    let script = format!("cd \"$1\" && shift && ulimit -v {MEMORY} && exec \"$0\" \"$@\"");
    let mut args: Vec<OsString> =
        vec!["-c".into(), script.into(), program.path.clone().into(), folder.into()];
    args.extend(words.iter().cloned());
    shell.start(&args, &[("NO_COLOR", "1")]).wait(LIMIT)
}

/// Holds a run to the rules; the sentence, where there is one.
fn held(program: &Program, run: &Run) -> Option<String> {
    let shown: String = format!("{} `{}`", program.name, run.line).chars().take(600).collect();
    assert!(!run.stderr.contains("panicked"), "{shown}\n{}", run.stderr);
    match run.code {
        Some(0 | 1) => None,
        Some(2) => {
            let lines = run.stderr.lines().count();
            assert!(
                lines == 1 && run.stderr.starts_with("error: "),
                "{shown}: {lines} lines\n{}",
                run.stderr
            );
            assert_eq!(run.stdout, "", "{shown}");
            Some(run.stderr.clone())
        }
        other => panic!("{shown} ended with {other:?}\n{}", run.stderr),
    }
}

/// The flags with a value that the help of a verb lists.
fn flags(program: &Program, verb: &str) -> Vec<String> {
    let help = program.run(&[verb, "--help"]).exits(0).stdout;
    let mut found = Vec::new();
    for line in help.lines() {
        let Some(at) = line.find("--").filter(|at| line[..*at].trim_start().len() <= 4) else { continue };
        let mut words = line[at..].split_whitespace();
        let (flag, value) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        if value.starts_with('<') {
            found.push(flag.to_owned());
        }
    }
    found
}

/// The verbs that the help of a program lists.
fn verbs(program: &Program) -> Vec<String> {
    let help = program.run(&["--help"]).exits(0).stdout;
    let listed = help.split_once("Commands:").unwrap().1.lines().skip(1).take_while(|line| !line.is_empty());
    let begins = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    listed.filter(begins).map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// A data set that is no part of the program.
fn absent_set(program: &Program) -> String {
    let listed = program.run(&["claims", "--json"]).exits(0).json();
    let sets = listed["datasets"].as_array().unwrap();
    let absent =
        sets.iter().find(|set| set["embedded"] == false && !set["name"].as_str().unwrap().contains('*'));
    absent.unwrap()["name"].as_str().unwrap().to_owned()
}

/// Does something for every program, as many at a time as there are cores.
fn for_every_program(work: impl Fn(&Program) + Sync) {
    let left = Mutex::new(programs());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| loop {
                let Some(program) = left.lock().unwrap().pop() else { break };
                work(&program);
            });
        }
    });
}

#[test]
fn no_value_of_a_flag_is_answered_by_a_panic() {
    for_every_program(|program| {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b/c");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir(dir.path().join("empty")).unwrap();
        let empty = dir.path().join("empty");
        let (mut runs, mut refused) = (0, 0);
        for verb in verbs(program) {
            let line = Line::new(&match verb.as_str() {
                "train" => format!(
                    "train -q --offline --dataset {} --data-dir {} --out run",
                    absent_set(program),
                    empty.display()
                ),
                "bench" => "bench -q --workload none --out run".into(),
                "reproduce" => "reproduce none -q --out run".into(),
                // what looks for a run finds none
                "eval" | "merge" => format!("{verb} -q --out none"),
                own => own_line(program, own, "run").unwrap_or_else(|| format!("{verb} -q --out run")),
            });
            for (at, flag) in flags(program, &verb).into_iter().enumerate() {
                if COMMON.contains(&flag.as_str()) && verb != "train" && verb != "claims" {
                    continue;
                }
                for value in share(absurd(), at) {
                    if verb != "train" && value == "18446744073709551615" && LONG.contains(&flag.as_str()) {
                        continue;
                    }
                    let run = run(program, &folder, &line.with(&flag, &value));
                    refused += usize::from(held(program, &run).is_some());
                    runs += 1;
                }
            }
        }
        println!("{}: {runs} runs, {refused} of them refused in a sentence", program.name);
        let least = if tries_all() { 500 } else { 170 };
        assert!(runs > least && refused > runs / 2, "{}: {runs} runs, {refused} refused", program.name);
    });
}

/// The values that are taken, where there is something to train on, to score and to measure.
#[test]
fn a_value_that_is_taken_is_worked_with() {
    for_every_program(|program| {
        let dir = tempfile::tempdir().unwrap();
        let (_, short, _) = TRAIN.iter().find(|(name, ..)| *name == program.name).unwrap();
        let done = dir.path().join("done");
        let trained = Line::new(&format!("{short} -q --out {}", done.display()));
        assert_eq!(held(program, &run(program, dir.path(), &trained.words)), None);
        let mut lines = vec![("train", format!("{short} -q --out run"))];
        lines.push(("eval", format!("eval -q --out {}", done.display())));
        lines.push(("bench", "bench -q --steps 1 --warmup 0".into()));
        let mut seen = BTreeSet::new();
        let (mut runs, mut taken) = (0, 0);
        for (verb, text) in lines {
            let line = Line::new(&text);
            for (at, flag) in flags(program, verb).into_iter().enumerate() {
                let ours = verb == "train" || !COMMON.contains(&flag.as_str());
                if !ours || !seen.insert((verb, flag.clone())) {
                    continue;
                }
                for value in share(WORKED_WITH, at) {
                    if LONG.contains(&flag.as_str()) && value == "18446744073709551615" {
                        continue;
                    }
                    let run = run(program, dir.path(), &line.with(&flag, OsStr::new(value)));
                    taken += usize::from(held(program, &run).is_none());
                    runs += 1;
                }
            }
        }
        println!("{}: {runs} runs, {taken} of them to a result", program.name);
        let (least, least_taken) = if tries_all() { (60, 5) } else { (20, 3) };
        assert!(runs > least && taken > least_taken, "{}: {runs} runs, {taken} taken", program.name);
    });
}

/// Names of claims, files and verbs, and what the environment holds.
#[test]
fn arguments_without_a_flag_are_held_to_the_same() {
    for_every_program(|program| {
        let dir = tempfile::tempdir().unwrap();
        for value in absurd() {
            // a name of a claim or of nothing; `--help` is what it says
            let words: Vec<OsString> =
                vec!["reproduce".into(), "-q".into(), "--out".into(), "run".into(), value.clone()];
            let end = run(program, dir.path(), &words);
            let said = held(program, &end);
            assert!(said.is_some() || value == "--help", "{:?} is a claim", value);
            let end = run(program, dir.path(), std::slice::from_ref(&value));
            let said = held(program, &end);
            assert!(said.is_some() || value == "--help", "{:?} is a verb", value);
            if program.name == "data-scaling" {
                let words = ["fit".into(), "-q".into(), "--".into(), value.clone()];
                assert!(held(program, &run(program, dir.path(), &words)).is_some(), "{value:?} is a file");
            }
        }
    });
}

/// The shortest line of a verb of one paper alone, which does not wait for another's files.
fn own_line(program: &Program, verb: &str, out: &str) -> Option<String> {
    let (_, line) = OWN.iter().find(|(name, line)| *name == program.name && line.starts_with(verb))?;
    let points = workspace().join("crates/data-scaling/examples/points.csv");
    let line = line.replace("crates/data-scaling/examples/points.csv", points.to_str().unwrap());
    Some(format!("{line} -q --out {out}"))
}

//! One shape for every program: verbs, exit codes, what goes to stdout and what to stderr.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{collections::BTreeSet, fs, path::Path};

use eightfold_tests::{
    programs,
    trainings::{OWN, TRAIN},
    Program, Run,
};
use serde_json::Value;

const VERBS: [&str; 6] = ["reproduce", "train", "eval", "claims", "explain", "bench"];
const NO_CUDA: &str =
    "needs a program built with CUDA, and this one was not: build it with `--features cuda`, or use \
                       `--device cpu`";

/// The lines of a program's own verbs.
fn own(program: &Program) -> impl Iterator<Item = Vec<String>> + '_ {
    OWN.iter().filter(|(name, _)| *name == program.name).map(|(_, line)| words(line))
}

/// The shortest and the longest `train` of a program.
fn train(program: &Program) -> [Vec<String>; 2] {
    let found = TRAIN.iter().find(|(name, ..)| *name == program.name);
    let (_, short, long) = found.unwrap_or_else(|| panic!("TRAIN has no line for {}", program.name));
    [words(short), words(long)]
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// A verb as a test gives it: the shortest work that it does.
fn verbs(program: &Program, out: &Path) -> Vec<Vec<String>> {
    let [short, _] = train(program);
    let mut lines =
        vec![short, words("eval"), words("claims"), words("explain"), words("bench --steps 1 --warmup 0")];
    lines.extend(own(program));
    for line in &mut lines {
        line.extend(["--out".into(), out.to_str().unwrap().to_owned()]);
    }
    lines
}

#[test]
fn every_verb_gives_a_result_and_with_json_exactly_one_document() {
    for program in programs() {
        let dir = tempfile::tempdir().unwrap();
        for verb in verbs(&program, dir.path()) {
            let text = program.run(&verb).exits(0);
            assert!(text.stdout.trim().len() > 20 && text.stdout.ends_with('\n'), "`{}`", text.line);
            assert!(serde_json::from_str::<Value>(&text.stdout).is_err(), "`{}`", text.line);

            let json = program.run(&[verb.clone(), vec!["--json".into()]].concat()).exits(0);
            assert!(is_result(&verb[0], &json.json()), "`{}`", json.line);

            let quiet = program.run(&[verb.clone(), vec!["--json".into(), "-q".into()]].concat()).exits(0);
            assert!(is_result(&verb[0], &quiet.json()), "`{}`", quiet.line);
            assert_eq!(quiet.stderr, "", "`{}` is not quiet", quiet.line);
        }
    }
}

#[test]
fn a_measured_claim_is_in_files_and_kept_and_another_seed_is_refused() {
    for program in programs() {
        let dir = tempfile::tempdir().unwrap();
        let claim = program.claims_by_time().swap_remove(0);
        let first = reproduce(&program, dir.path(), &[&claim, "--quick", "--json"]);
        let report = first.json();
        let (fails, not_run) = (verdicts(&report, "fails"), verdicts(&report, "not-run"));
        assert_eq!(first.code, Some(i32::from(fails > 0)), "{}", first.stderr);
        assert_eq!(not_run, 0, "{}", first.stderr);
        let file = fs::read_to_string(dir.path().join("report.json")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&file).unwrap(), report);
        let one = fs::read_to_string(dir.path().join(format!("{claim}.json"))).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&one).unwrap(), report["claims"][0]);
        assert!(fs::read_to_string(dir.path().join("report.html")).unwrap().contains("</html>"));

        let again = reproduce(&program, dir.path(), &[&claim, "--quick", "--json", "--resume"]);
        assert!(again.stderr.contains("from an earlier run"), "{}", again.stderr);
        assert_eq!(again.json()["claims"], report["claims"]);
        let quiet = reproduce(&program, dir.path(), &[&claim, "--quick", "--resume", "-q"]);
        assert_eq!(quiet.stderr, "");
        assert!(quiet.stdout.contains(&claim), "{}", quiet.stdout);
        let other = reproduce(&program, dir.path(), &[&claim, "--quick", "--resume", "--seed", "5"]);
        let said = other.sentence();
        assert!(said.contains("seed 0") && said.contains("seed 5") && said.contains("--resume"), "{said}");
    }
}

#[test]
fn names_that_are_not_known_are_answered_with_those_that_are() {
    for program in programs() {
        let claims = claim_names(&program);
        let run = program.run(&["reproduce", "no-such-claim"]);
        let said = run.sentence();
        for claim in &claims {
            assert!(said.contains(claim), "{claim} is not in: {said}");
        }
        let data = program.run(&["train", "--dataset", "no-such-set"]);
        assert!(data.sentence().contains("synthetic"), "{}", data.stderr);
        let bench = program.run(&["bench", "--workload", "no-such-load", "--json"]);
        assert!(bench.sentence().contains(&program.name), "{}", bench.stderr);
    }
}

#[test]
fn every_verb_that_computes_says_the_same_plain_sentence_without_cuda() {
    for program in programs() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let mut verbs: Vec<Vec<String>> = own(&program).collect();
        verbs.extend(["train", "eval", "bench", "reproduce", "reproduce --quick"].map(words));
        verbs.push(Vec::new());
        for verb in verbs {
            for device in ["cuda", "cuda:0"] {
                let common = ["--device", device, "--out", out.to_str().unwrap(), "--json"];
                let run = program.run(&[verb.clone(), common.map(str::to_owned).to_vec()].concat());
                assert_eq!(run.sentence(), format!("device `cuda:0` {NO_CUDA}"), "`{}`", run.line);
            }
        }
        assert!(!out.exists(), "a device that is not there still made a folder");
    }
}

#[test]
fn wrong_flags_are_one_line_that_says_what_is_allowed() {
    let cases: [(&[&str], &[&str]); 17] = [
        (&["--threads", "0"], &["--threads", "1..=1024"]),
        (&["--threads", "99999999"], &["--threads", "1..=1024"]),
        (&["--threads", "-1"], &["-1", "--threads"]),
        (&["--seed", "-1"], &["-1", "--seed"]),
        (&["--seed=-1"], &["-1", "--seed"]),
        (&["--seed", "18446744073709551616"], &["18446744073709551616", "--seed"]),
        (&["--device", "gpu"], &["gpu", "cuda:N"]),
        (&["train", "--device", "cuda:"], &["cuda:N"]),
        (&["train", "--device", "cuda:64"], &["cuda:64", "cuda:N"]),
        (&["reproduce", "--seeds", "0"], &["--seeds", "1..=1000"]),
        (&["bench", "--steps", "0"], &["--steps", "1..=1000000"]),
        (&["fly"], &["fly"]),
        (&["train", "--no-such-flag"], &["--no-such-flag"]),
        (&["train", "--out"], &["--out"]),
        (&["train", "--epochs", "many"], &["--epochs", "many"]),
        (&["--json", "--json"], &["--json"]),
        (&["train", "train"], &["train"]),
    ];
    for program in programs() {
        for (args, parts) in cases {
            let run = program.run(args);
            let said = run.sentence();
            for part in parts {
                assert!(said.contains(part), "`{}` does not say {part}: {said}", run.line);
            }
        }
        // an argument that is not text
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            let run = program.run(&[std::ffi::OsStr::new("--dataset"), std::ffi::OsStr::from_bytes(b"\xff")]);
            assert!(!run.sentence().is_empty());
        }
    }
}

#[test]
fn help_and_version_are_results() {
    for program in programs() {
        let version = program.run(&["--version"]).exits(0);
        assert_eq!((version.stdout, version.stderr), (format!("{} 0.1.0\n", program.name), String::new()));
        let help = program.run(&["--help"]).exits(0);
        assert_eq!(help.stderr, "");
        let own: Vec<String> = own(&program).map(|line| line[0].clone()).collect();
        let known: BTreeSet<&str> = VERBS.into_iter().chain(own.iter().map(String::as_str)).collect();
        assert_eq!(
            listed(&help.stdout),
            known,
            "{}: OWN needs a line for each verb of its own",
            program.name
        );
        for word in known {
            let verb = program.run(&[word, "--help"]).exits(0);
            assert_eq!(verb.stderr, "");
            for flag in [
                "--dataset",
                "--data-dir",
                "--device",
                "--threads",
                "--seed",
                "--out",
                "--resume",
                "--json",
                "--quiet",
                "--offline",
            ] {
                assert!(verb.stdout.contains(flag), "{flag} is not in the help of {word}");
            }
        }
    }
}

#[test]
fn an_empty_data_variable_means_that_none_was_given() {
    for program in programs() {
        let _ = program.run_with(&["claims"], &[("EIGHTFOLD_DATA", "")]).exits(0);
    }
}

#[test]
fn two_runs_do_not_share_a_folder() {
    for program in programs() {
        let dir = tempfile::tempdir().unwrap();
        let out = ["--out".to_owned(), dir.path().to_str().unwrap().to_owned()];
        let [short, long] = train(&program).map(|line| [line, out.to_vec()].concat());
        let mut running = program.start(&long, &[]);
        while !dir.path().join("checkpoint.safetensors").exists() {
            assert!(running.is_running());
            std::thread::yield_now();
        }
        let second = program.run(&short);
        let ended = running.kill();
        assert_eq!(ended.code, None, "{}", ended.stderr);
        assert!(second.sentence().contains("in use by another run"), "{}", second.stderr);
        // the lock went with the process
        let _ = program.run(&short).exits(0);
    }
}

/// The verbs that a help text lists, each with what it does.
fn listed(help: &str) -> BTreeSet<&str> {
    let lines =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs =
        lines.map(|line| line.trim_start().split_once("  ").map(|(verb, about)| (verb, about.trim())));
    verbs.map(|verb| verb.filter(|(_, about)| about.len() > 10).expect("a verb and what it does").0).collect()
}

/// An object; of `bench`, where there are several workloads, one for each.
fn is_result(verb: &str, json: &Value) -> bool {
    let objects = |all: &Vec<Value>| all.len() > 1 && all.iter().all(Value::is_object);
    json.is_object() || (verb == "bench" && json.as_array().is_some_and(objects))
}

fn reproduce(program: &Program, out: &Path, args: &[&str]) -> Run {
    program.run(&[&["reproduce", "--out", out.to_str().unwrap()], args].concat())
}

fn claims(program: &Program) -> Vec<Value> {
    program.run(&["claims", "--json"]).exits(0).json()["claims"].as_array().unwrap().clone()
}

fn claim_names(program: &Program) -> BTreeSet<String> {
    claims(program).iter().map(|claim| claim["id"].as_str().unwrap().to_owned()).collect()
}

fn verdicts(report: &Value, verdict: &str) -> usize {
    report["claims"].as_array().unwrap().iter().filter(|claim| claim["verdict"] == verdict).count()
}

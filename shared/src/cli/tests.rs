//! Programs that measure nothing real, driven without a process.

mod drive;
mod programs;
mod sheets;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::*;
use crate::claims::{results, Measured, Report};
use crate::device::DeviceKind;
use drive::{fake, run_in, Run};
use programs::{accuracy, Bare, Claims, Fake, CLAIMS_OF_FAKE};

#[test]
fn the_fake_program_s_lists_and_flags_are_in_order() {
    assert_eq!(check::<Fake>(), Ok(()));
}

#[test]
fn without_a_verb_every_claim_runs_and_a_failed_one_gives_1() {
    let dir = tempfile::tempdir().unwrap();
    let run = fake(dir.path(), &["--seed", "3"]);
    assert_eq!(run.code, 1, "{}", run.err);
    for part in [
        "quick form",
        "seed 3",
        "HOLDS    accuracy",
        "FAILS    never",
        "1 hold, 0 partly, 1 fail, 0 undecided, 1 not run",
    ] {
        assert!(run.out.contains(part), "{part}\n{}", run.out);
    }
    assert!(run.err.contains("[1/3] accuracy"), "{}", run.err);
    let mut files: Vec<String> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let pictures = ["dimensions-of-the-capsule-changed-one-at-a-time", "two-digits-taken-apart"];
    let pictures = pictures.map(|name| format!("accuracy-{name}.png"));
    let [first, second] = pictures.each_ref().map(String::as_str);
    assert_eq!(files, [".lock", first, second, "accuracy.json", "never.json", "report.html", "report.json"]);
}

#[test]
fn json_is_one_document_and_stderr_has_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let run = fake(dir.path(), &["reproduce", "accuracy", "--json", "--seeds", "4"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let report: Report = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report.claims[0].measured.as_ref().unwrap().seeds, [0, 1, 2, 3]);
    assert_eq!(report.claims[0].run.command, "cargo run --release -p fake -- reproduce accuracy --seeds 4");
    assert!(run.err.contains("HOLDS    accuracy"));
    let quiet = fake(dir.path(), &["reproduce", "accuracy", "--json", "-q"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (0, ""));
}

#[test]
fn every_verb_s_json_is_one_document() {
    let dir = tempfile::tempdir().unwrap();
    for verb in ["reproduce", "train", "eval", "claims", "explain", "bench"] {
        let args: &[&str] =
            if verb == "reproduce" { &[verb, "accuracy", "--json"] } else { &[verb, "--json"] };
        let run = fake(dir.path(), args);
        assert_eq!(run.code, 0, "{verb}: {}", run.err);
        serde_json::from_str::<Value>(&run.out).unwrap();
    }
}

#[test]
fn an_error_is_one_sentence_code_2_and_no_json() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let under_a_file = file.join("run");
    let cases: [(&[&str], &str); 6] = [
        (
            &["reproduce", "nope", "--json"],
            "error: there is no claim 'nope'; choose from: accuracy, never, no-data",
        ),
        (&["bench", "--workload", "x"], "error: there is no workload 'x'; choose from: step, again, spare"),
        (&["--dataset", "x"], "error: there is no data set 'x'; choose from: synthetic, tu:*"),
        (&["train", "--epochs", "0", "--json"], "error: epochs is 0: allowed is 1 or more"),
        (&["--out", under_a_file.to_str().unwrap()], "error: cannot write to folder"),
        (&["claims", "--update-readme", "absent/README.md"], "error: absent/README.md cannot be read"),
    ];
    for (args, expected) in cases {
        let run = fake(dir.path(), args);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{args:?}");
        assert!(run.err.starts_with(expected), "{args:?}: {}", run.err);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    }
}

#[test]
fn wrong_usage_gives_2_and_help_goes_to_stdout() {
    let dir = tempfile::tempdir().unwrap();
    let wrong: [&[&str]; 10] = [
        &["--threads", "0"],
        &["--threads", "1025"],
        &["--device", "gpu"],
        &["--device", "cuda:"],
        &["--device", "cuda:64"],
        &["reproduce", "--seeds", "0"],
        &["bench", "--steps", "0"],
        &["--seed", "-1"],
        &["fly"],
        &["train", "--unknown"],
    ];
    for args in wrong {
        let run = fake(dir.path(), args);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{args:?}");
        assert!(run.err.starts_with("error: "), "{args:?}: {}", run.err);
        assert_eq!(run.err.lines().count(), 1, "{args:?}: {}", run.err);
    }
    let help = fake(dir.path(), &["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    for word in
        ["reproduce", "train", "eval", "claims", "explain", "bench", "--data-dir", "--offline", "--resume"]
    {
        assert!(help.out.contains(word), "{word}");
    }
    let version = fake(dir.path(), &["--version"]);
    assert_eq!(version.out, "fake 0.1.0\n");
}

#[test]
fn a_device_that_was_not_compiled_in_is_refused_before_any_work() {
    if DeviceKind::Cuda(1).check().is_ok() {
        return; // this build has CUDA
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    for verb in
        [None, Some("reproduce"), Some("train"), Some("eval"), Some("claims"), Some("explain"), Some("bench")]
    {
        let args: Vec<&str> = verb.into_iter().chain(["--device", "cuda:1", "--json"]).collect();
        let run = fake(&out, &args);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{verb:?}");
        assert!(run.err.starts_with("error: device `cuda:1` needs a program built with CUDA"), "{}", run.err);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    }
    assert!(!out.exists());
}

#[test]
fn resuming_keeps_what_was_asked_for_alike_and_refuses_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let first = fake(dir.path(), &["reproduce", "accuracy", "--json"]);
    let again = fake(dir.path(), &["reproduce", "accuracy", "--json", "--resume", "--threads", "3"]);
    let date = |run: &Run| -> Value {
        let report: Value = serde_json::from_str(&run.out).unwrap();
        report["claims"][0].clone()
    };
    assert_eq!(date(&first), date(&again));
    assert!(again.err.contains("from an earlier run"), "{}", again.err);

    let other = fake(dir.path(), &["reproduce", "accuracy", "--seed", "1", "--resume"]);
    assert_eq!((other.code, other.out.as_str()), (2, ""));
    assert!(
        other.err.contains("was measured with seed 0 and this run has seed 1; drop --resume"),
        "{}",
        other.err
    );
    let form = fake(dir.path(), &["reproduce", "accuracy", "--quick", "--resume"]);
    assert!(form.err.contains("quick false and this run has quick true"), "{}", form.err);

    let anew = fake(dir.path(), &["reproduce", "accuracy", "--seed", "1"]);
    assert_eq!(anew.code, 0);
    fs::write(dir.path().join("accuracy.json"), "{").unwrap();
    let cut = fake(dir.path(), &["reproduce", "accuracy", "--resume"]);
    assert!(cut.code == 2 && cut.err.contains("delete it and measure again"), "{}", cut.err);
}

#[test]
fn a_claim_that_errs_gives_2_and_the_others_stay() {
    struct Broken;
    impl Claims for Broken {
        const LIST: &'static [Claim] =
            &[CLAIMS_OF_FAKE[0], Claim { id: "broken", measure: diverge, ..CLAIMS_OF_FAKE[1] }];
    }
    fn diverge(_: &Context<'_>) -> Result<Measured, ClaimError> {
        Err("the model diverged at step 7".into())
    }
    let dir = tempfile::tempdir().unwrap();
    let run = run_in::<Bare<Broken>>(dir.path(), &["reproduce", "--json"]);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    let last = run.err.lines().last().unwrap();
    assert_eq!(
        last,
        "error: 1 of 2 claims ended in an error; the first is 'broken': the model diverged at step 7"
    );
    assert!(dir.path().join("accuracy.json").exists() && !dir.path().join("broken.json").exists());
}

#[test]
fn two_runs_cannot_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let held = OutDir::open(dir.path()).unwrap();
    for verb in ["reproduce", "train"] {
        let run = fake(dir.path(), &[verb]);
        assert_eq!(run.code, 2);
        assert!(run.err.contains("is in use by another run"), "{}", run.err);
    }
    drop(held);
    assert_eq!(fake(dir.path(), &["train"]).code, 0);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for args in [&["fake", "explain"], &["fake", "--help"]] {
        let code =
            run_with::<Fake>(args.iter().map(OsString::from), Box::new(Closed), Box::new(Closed), false);
        assert_eq!(code, 0);
    }
}

#[test]
fn flags_reach_train_and_the_work_runs_in_the_pool() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["train", "--epochs", "5", "--threads", "3", "--dataset", "tu:MUTAG", "--resume", "--json"];
    let run = fake(dir.path(), &args);
    let value: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(value["epochs"], 5);
    assert_eq!(value["threads"], 3);
    assert_eq!(value["dataset"], "tu:MUTAG");
    assert_eq!(value["resume"], true);
    assert!(dir.path().join("config.json").exists());
    let text = fake(dir.path(), &["train"]);
    assert_eq!(text.out, "trained for 1 epochs\n");
}

#[test]
fn bench_prints_an_object_for_one_workload_and_an_array_for_several() {
    let dir = tempfile::tempdir().unwrap();
    let one = fake(dir.path(), &["bench", "--workload", "step", "--steps", "3", "--json", "--threads", "2"]);
    let value: Value = serde_json::from_str(&one.out).unwrap();
    let names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names.len(), 7, "{names:?}");
    assert_eq!((&value["name"], &value["batch"], &value["threads"]), (&"step".into(), &32.into(), &2.into()));
    assert_eq!(value["nodes"], 7);
    #[cfg(target_os = "linux")]
    assert!(value["peak_rss_mib"].as_u64().unwrap() > 0);
    let all = fake(dir.path(), &["bench", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&all.out).unwrap().as_array().unwrap().len(), 2);
}

#[test]
fn results_become_a_readme_table() {
    let dir = tempfile::tempdir().unwrap();
    let (results_dir, readme) = (dir.path().join("results"), dir.path().join("README.md"));
    fs::write(&readme, "# Fake\n<!-- generated:claims -->\n<!-- /generated:claims -->\n").unwrap();
    let out = dir.path().join("out");
    let args = ["reproduce", "--update-results", results_dir.to_str().unwrap()];
    assert_eq!(fake(&out, &args).code, 1);
    assert_eq!(results::read_dir(&results_dir).unwrap().len(), 2);
    let update = ["claims", "--update-readme", readme.to_str().unwrap()];
    assert!(fake(&out, &update).err.contains("now shows 2 results"));
    assert!(fake(&out, &update).err.contains("is up to date"));
    let text = fs::read_to_string(&readme).unwrap();
    assert!(text.contains("| **accuracy**: ") && text.contains("| fails |"), "{text}");
}

#[test]
fn the_page_is_whole_escaped_and_asks_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fake(dir.path(), &["reproduce"]);
    let page = fs::read_to_string(dir.path().join("report.html")).unwrap();
    for part in [
        "✓ </span>HOLDS",
        "✗ </span>FAILS",
        "○ </span>NOT RUN",
        "&lt;b&gt;bold&lt;/b&gt;",
        "prefers-color-scheme",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for absent in ["<b>", "<script", "http://", "https://", "url(", "@import", "NaN"] {
        assert!(!page.contains(absent), "{absent}");
    }
    let count = |s: &str| page.matches(s).count();
    for tag in [
        "div", "table", "tr", "td", "svg", "figure", "details", "article", "section", "span", "p", "ul", "dl",
    ] {
        let opened = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
        assert_eq!(opened, count(&format!("</{tag}>")), "{tag}");
    }
    // to look at it: PAGE=/some/file.html cargo test -p shared --features cli the_page_is_whole
    if let Some(path) = std::env::var_os("PAGE") {
        fs::write(path, &page).unwrap();
    }
}

#[test]
fn a_claim_is_measured_once_however_often_it_is_named() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    struct Counting;
    impl Claims for Counting {
        const LIST: &'static [Claim] = &[Claim { measure: count_up, ..CLAIMS_OF_FAKE[0] }];
    }
    fn count_up(context: &Context<'_>) -> Result<Measured, ClaimError> {
        RUNS.fetch_add(1, Ordering::SeqCst);
        accuracy(context)
    }
    let dir = tempfile::tempdir().unwrap();
    let run = run_in::<Bare<Counting>>(dir.path(), &["reproduce", "accuracy", "accuracy"]);
    assert_eq!((run.code, RUNS.load(Ordering::SeqCst)), (0, 1));
}

//! A program that measures nothing real, driven without a process.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::*;
use crate::claims::{
    judge, results, Axis, Budget, Direction, Figure, Kind, Measured, PaperValue, Protocol, Report, Row,
    Series, Table,
};
use crate::device::DeviceKind;

#[test]
fn the_fake_program_s_lists_and_flags_are_in_order() {
    assert_eq!(check::<Fake>(), Ok(()));
}

#[test]
fn without_a_verb_every_claim_runs_and_a_failed_one_gives_1() {
    let dir = tempfile::tempdir().unwrap();
    let run = fake(dir.path(), &["--seed", "3"]);
    assert_eq!(run.code, 1, "{}", run.err);
    for part in
        ["quick form", "seed 3", "HOLDS    accuracy", "FAILS    never", "1 hold, 0 partly, 1 fail, 1 not run"]
    {
        assert!(run.out.contains(part), "{part}\n{}", run.out);
    }
    assert!(run.err.contains("[1/3] accuracy"), "{}", run.err);
    let mut files: Vec<String> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, [".lock", "accuracy.json", "never.json", "report.html", "report.json"]);
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
        (&["bench", "--workload", "x"], "error: there is no workload 'x'; choose from: step, again"),
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
    let dir = tempfile::tempdir().unwrap();
    let run = run_in::<Broken>(dir.path(), &["reproduce", "--json"]);
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
    impl Program for Counting {
        const NAME: &'static str = "counting";
        const ABOUT: &'static str = "";
        const VERSION: &'static str = "0";
        type TrainArgs = NoFlags;
        type EvalArgs = NoFlags;
        fn claims() -> &'static [Claim] {
            const CLAIMS: &[Claim] = &[Claim { measure: count_up, ..CLAIMS_OF_FAKE[0] }];
            CLAIMS
        }
        fn deviations() -> &'static [Deviation] {
            &[]
        }
        fn explain() -> &'static [ExplainRow] {
            &[]
        }
        fn workloads() -> &'static [Workload] {
            &[]
        }
        fn datasets() -> &'static [DatasetInfo] {
            Fake::datasets()
        }
        fn train(_: &NoFlags, _: &Job<'_>) -> Result<Summary, CliError> {
            Err("no".into())
        }
        fn eval(_: &NoFlags, _: &Job<'_>) -> Result<Summary, CliError> {
            Err("no".into())
        }
    }
    fn count_up(context: &Context<'_>) -> Result<Measured, ClaimError> {
        RUNS.fetch_add(1, Ordering::SeqCst);
        accuracy(context)
    }
    let dir = tempfile::tempdir().unwrap();
    let run = run_in::<Counting>(dir.path(), &["reproduce", "accuracy", "accuracy"]);
    assert_eq!((run.code, RUNS.load(Ordering::SeqCst)), (0, 1));
}

// --- the programs ---------------------------------------------------------------------------------------------

struct Fake;

#[derive(Debug, clap::Args)]
struct FakeTrain {
    #[arg(long, default_value_t = 1)]
    epochs: usize,
}

#[derive(Debug, clap::Args)]
struct NoFlags {}

const CLAIMS_OF_FAKE: &[Claim] = &[
    Claim {
        id: "accuracy",
        section: "5.1, Table 1",
        statement: "A two-hop model classifies papers better than <b>bold</b> words alone.",
        paper: PaperValue::Numbers(&[("DCNN", 0.8677), ("logistic", 0.7292)]),
        direction: Direction::Above { margin: 0.05 },
        protocol: Protocol::Exact,
        budget: Budget { quick_s: 5, full_s: 60 },
        measure: accuracy,
    },
    Claim {
        id: "never",
        section: "5.2",
        statement: "More hops than two never help.",
        paper: PaperValue::Text("flat after two or three hops"),
        direction: Direction::Qualitative,
        protocol: Protocol::Scaled { why: "a twin of 300 nodes, so that it ends within seconds" },
        budget: Budget { quick_s: 5, full_s: 900 },
        measure: never,
    },
    Claim {
        id: "no-data",
        section: "5.3",
        statement: "It is so on molecules too.",
        paper: PaperValue::Number(0.6261),
        direction: Direction::AtLeast,
        protocol: Protocol::Qualitative,
        budget: Budget { quick_s: 1, full_s: 7200 },
        measure: |_| {
            Ok(Measured::not_run("real molecules are absent; pass --data-dir with a folder that holds them"))
        },
    },
];

fn accuracy(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let seeds = context.seeds(5, 10);
    context.progress.start("training", seeds.len() as u64);
    let noise = |seed: u64, k: u64| ((seed * 7919 + k * 104_729) % 1000) as f64 / 1000.0 - 0.5;
    let run = |base: f64, k: u64| seeds.iter().map(|&s| base + 0.02 * noise(s, k)).collect::<Vec<f64>>();
    let (dcnn, logistic) = (run(0.861, 1), run(0.73, 2));
    context.progress.advance(seeds.len() as u64);
    let gain = crate::claims::stats::paired(&dcnn, &logistic, 0.95)?;
    let hops = [0.734, 0.846, 0.86, 0.857, 0.864, 0.864];
    let at = |h: usize, k: u64| crate::claims::stats::interval95(&run(hops[h], k));
    let mut curve = Vec::new();
    for h in 0..hops.len() {
        curve.push((h as f64, at(h, 3 + h as u64)?));
    }
    let shares = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0];
    let learning = |k: u64, low: f64| -> Result<Vec<_>, ClaimError> {
        let point =
            |x: f64| Ok((x, crate::claims::stats::interval95(&run(low + 0.08 * (x * 50.0).log10(), k))?));
        shares.iter().map(|&x| point(x)).collect()
    };
    let wave = (0..150).map(|i| {
        let x = f64::from(i) + 1.0;
        let y = 2.0 / x.sqrt() + 0.02 * noise(i as u64, 9);
        (x, crate::claims::stats::Interval { mean: y, sd: 0.0, lo: y * 0.9, hi: y * 1.15, n: 3, level: 0.95 })
    });
    let names = ["l1 logistic regression", "l2 logistic", "KED", "KLED", "CRF-LBP", "DCNN"];
    let bars = [0.71, 0.73, 0.80, 0.82, 0.84, 0.86];
    let bar = |k: u64| -> Result<Vec<_>, ClaimError> {
        let point =
            |i: usize| Ok((i as f64, crate::claims::stats::interval95(&run(bars[i] - 0.03 * k as f64, k))?));
        (0..bars.len()).map(point).collect()
    };
    let values: Vec<f64> = (0..400).map(|i| noise(i, 1) + noise(i * 31, 2) + noise(i * 17, 5)).collect();
    let ours: Vec<f64> = values.iter().map(|v| v * 0.6 + 0.4).collect();
    Ok(Measured::new(seeds.clone())
        .check(judge::above_by("DCNN over logistic", &gain, 0.05))
        .row(Row::new("two-hop DCNN", dcnn)?.paper(0.8677))
        .row(Row::new("l2 logistic regression", logistic)?.paper(0.7292))
        .figure(
            Figure::new("Accuracy by hops", Axis::linear("hops"), Axis::linear("test accuracy"))
                .series(Series::intervals("DCNN", Kind::Line, curve))
                .mark("paper, 2 hops", 0.8677)
                .mark("always the largest class", 0.70),
        )
        .figure(
            Figure::new(
                "Label efficiency",
                Axis::log("share of training nodes"),
                Axis::linear("test accuracy"),
            )
            .series(Series::intervals("DCNN", Kind::Line, learning(1, 0.70)?))
            .series(Series::intervals("KLED kernel on the graph", Kind::Line, learning(2, 0.62)?))
            .series(Series::intervals("logistic regression", Kind::Points, learning(3, 0.55)?))
            .series(Series::intervals("a fourth", Kind::Line, learning(4, 0.52)?)),
        )
        .figure(
            Figure::new("Models side by side", Axis::categories("model", &names), Axis::linear("score"))
                .series(Series::intervals("accuracy", Kind::Bars, bar(0)?))
                .series(Series::intervals("macro-F1", Kind::Bars, bar(1)?))
                .mark("paper", 0.8677),
        )
        .figure(
            Figure::new("Training loss", Axis::linear("step"), Axis::log("hinge loss"))
                .series(Series::intervals("train", Kind::Line, wave)),
        )
        .figure(
            Figure::new(
                "Where the scores lie",
                Axis::linear("score of the right class"),
                Axis::linear("nodes"),
            )
            .series(Series::histogram("before training", &values, 30))
            .series(Series::histogram("after training", &ours, 30)),
        )
        .table(
            Table::new("Confusion", &["true class", "theory", "genetic"])
                .row(["theory", "88", "4"])
                .row(["genetic"]),
        )
        .note("A note with <angle> brackets & an ampersand.")
        .config(&serde_json::json!({ "hops": 2, "rate": 0.05, "optimiser": "AdaGrad" }))?)
}

fn never(_: &Context<'_>) -> Result<Measured, ClaimError> {
    let row = Row::new("five hops less two hops", vec![0.02, 0.03, 0.025])?;
    let check = judge::stays_below("five hops less two hops", &row.interval, 0.0, 0.005);
    let sure = judge::at_most("largest difference of permuted graphs", 3.2e-5, 1e-6);
    Ok(Measured::new(vec![0, 1, 2]).row(row).check(check).check(sure))
}

impl Program for Fake {
    const NAME: &'static str = "fake";
    const ABOUT: &'static str = "Diffusion-Convolutional Neural Networks (Atwood & Towsley, NIPS 2016)";
    const VERSION: &'static str = "0.1.0";
    type TrainArgs = FakeTrain;
    type EvalArgs = NoFlags;

    fn claims() -> &'static [Claim] {
        CLAIMS_OF_FAKE
    }

    fn deviations() -> &'static [Deviation] {
        &[Deviation {
            id: "clean-validation",
            what: "The authors' first code trains on the validation nodes; ours only reads them.",
            why: "Early stopping must see data that the model has not seen.",
            flag: Some("--leak"),
            effect: Some("accuracy"),
        }]
    }

    fn explain() -> &'static [ExplainRow] {
        &[ExplainRow {
            equation: "Z = f(W ⊙ P* X)",
            code: "DiffusionConv::forward",
            shape: "(N, H, F)",
            section: "3, eq. 1",
        }]
    }

    fn workloads() -> &'static [Workload] {
        fn step(options: &BenchOptions) -> Result<BenchResult, CliError> {
            BenchResult::measure("step", 32, options.steps, options.warmup, || Ok(()))
                .map(|r| r.extra("nodes", 7))
        }
        &[
            Workload { name: "step", about: "a step", run: step },
            Workload { name: "again", about: "another", run: step },
        ]
    }

    fn datasets() -> &'static [DatasetInfo] {
        &[
            DatasetInfo { name: "synthetic", about: "a twin made by code", embedded: true },
            DatasetInfo { name: "tu:*", about: "any TU graph set", embedded: false },
        ]
    }

    fn train(args: &FakeTrain, job: &Job<'_>) -> Result<Summary, CliError> {
        if args.epochs == 0 {
            return Err("epochs is 0:\n  allowed is 1 or more".into());
        }
        let value = serde_json::json!({
            "epochs": args.epochs,
            "threads": rayon::current_num_threads(),
            "dataset": job.context.dataset,
            "resume": job.resume,
        });
        job.write_json("config.json", &value)?;
        Ok(Summary::new(&value)?.line(format!("trained for {} epochs", args.epochs)))
    }

    fn eval(_: &NoFlags, _: &Job<'_>) -> Result<Summary, CliError> {
        Ok(Summary::new(&serde_json::json!({ "accuracy": 0.86 }))?.line("accuracy 0.86"))
    }
}

struct Broken;

impl Program for Broken {
    const NAME: &'static str = "broken";
    const ABOUT: &'static str = "";
    const VERSION: &'static str = "0.1.0";
    type TrainArgs = NoFlags;
    type EvalArgs = NoFlags;

    fn claims() -> &'static [Claim] {
        fn diverge(_: &Context<'_>) -> Result<Measured, ClaimError> {
            Err("the model diverged at step 7".into())
        }
        const CLAIMS: &[Claim] =
            &[CLAIMS_OF_FAKE[0], Claim { id: "broken", measure: diverge, ..CLAIMS_OF_FAKE[1] }];
        CLAIMS
    }

    fn deviations() -> &'static [Deviation] {
        &[]
    }

    fn explain() -> &'static [ExplainRow] {
        &[]
    }

    fn workloads() -> &'static [Workload] {
        &[]
    }

    fn datasets() -> &'static [DatasetInfo] {
        Fake::datasets()
    }

    fn train(_: &NoFlags, _: &Job<'_>) -> Result<Summary, CliError> {
        Err("not here".into())
    }

    fn eval(_: &NoFlags, _: &Job<'_>) -> Result<Summary, CliError> {
        Err("not here".into())
    }
}

// --- driving them ---------------------------------------------------------------------------------------------

struct Run {
    code: u8,
    out: String,
    err: String,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn fake(out: &Path, args: &[&str]) -> Run {
    run_in::<Fake>(out, args)
}

/// Runs with `--out` unless the arguments have one.
fn run_in<P: Program>(out: &Path, args: &[&str]) -> Run {
    let mut all: Vec<OsString> = vec![P::NAME.into()];
    all.extend(args.iter().map(OsString::from));
    if !args.contains(&"--out") {
        all.extend(["--out".into(), out.into()]);
    }
    let (stdout, stderr) = (Shared::default(), Shared::default());
    let code = run_with::<P>(all, Box::new(stdout.clone()), Box::new(stderr.clone()), false);
    Run { code, out: stdout.text(), err: stderr.text() }
}

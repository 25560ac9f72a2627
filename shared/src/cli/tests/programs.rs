//! Programs that measure nothing real.

use std::marker::PhantomData;

use super::super::*;
use crate::claims::{
    judge, Axis, Budget, Direction, Figure, ImageSheet, Kind, Measured, PaperValue, Protocol, Row, Series,
    Table,
};

pub(super) struct Fake;

#[derive(Debug, clap::Args)]
pub(super) struct FakeTrain {
    #[arg(long, default_value_t = 1)]
    epochs: usize,
}

#[derive(Debug, clap::Args)]
pub(super) struct NoFlags {}

pub(super) const CLAIMS_OF_FAKE: &[Claim] = &[
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

pub(super) fn accuracy(context: &Context<'_>) -> Result<Measured, ClaimError> {
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
        .sheet(dimensions()?)
        .sheet(decompositions()?)
        .note("A note with <angle> brackets & an ampersand.")
        .config(&serde_json::json!({ "hops": 2, "rate": 0.05, "optimiser": "AdaGrad" }))?)
}

/// A ring whose size changes along a row and whose place changes along a column.
fn ring(size: usize, radius: f32, at: [f32; 2]) -> Vec<f32> {
    let away = |y: usize, x: usize| ((y as f32 - at[0]).hypot(x as f32 - at[1]) - radius).abs();
    (0..size * size).map(|i| (1.6 - away(i / size, i % size)).clamp(0.0, 1.0)).collect()
}

fn dimensions() -> Result<ImageSheet, ClaimError> {
    let changes: Vec<String> = (-5..=5).map(|k| format!("{:+.2}", f64::from(k) * 0.05)).collect();
    let columns: Vec<&str> = changes.iter().map(String::as_str).collect();
    let mut sheet = ImageSheet::grey("Dimensions of the capsule, changed one at a time", 28, 28, &columns)?
        .alt("The ring grows from left to right in every row & \"moves\" down the rows.");
    for dimension in 0..16 {
        let along = |k: usize| ring(28, 5.0 + 0.5 * k as f32, [13.5, 10.0 + 0.5 * dimension as f32]);
        let row: Vec<f32> = (0..11).flat_map(along).collect();
        sheet = sheet.unit_row(&format!("dimension {}", dimension + 1), &row)?;
    }
    Ok(sheet)
}

fn decompositions() -> Result<ImageSheet, ClaimError> {
    let columns = ["overlay", "digit <1>", "digit 2", "reconstruction 1", "reconstruction 2"];
    let mut sheet = ImageSheet::rgb("Two digits taken apart", 36, 36, &columns)?;
    for (a, b) in [(7.0, 10.0), (4.0, 12.0)] {
        let (one, two) = (ring(36, a, [14.0, 15.0]), ring(36, b, [18.0, 20.0]));
        let black = vec![0.0; 36 * 36];
        let cells =
            [[&one, &two, &black], [&one, &black, &black], [&black, &two, &black], [&one; 3], [&two; 3]];
        let row: Vec<f32> = cells.iter().flatten().flat_map(|plane| plane.iter().copied()).collect();
        sheet = sheet.unit_row(&format!("labels ({a}, {b}), found <{b}, {a}>"), &row)?;
    }
    Ok(sheet)
}

fn never(_: &Context<'_>) -> Result<Measured, ClaimError> {
    let row = Row::new("five hops less two hops", vec![0.02, 0.03, 0.025])?;
    let check = judge::stays_below("five hops less two hops", &row.interval, 0.0, 0.005);
    let sure = judge::at_most("largest difference of permuted graphs", 3.2e-5, 1e-6);
    Ok(Measured::new(vec![0, 1, 2]).row(row).check(check).check(sure))
}

fn step(options: &BenchOptions) -> Result<BenchResult, CliError> {
    BenchResult::measure("step", 32, options.steps, options.warmup, || Ok(())).map(|r| r.extra("nodes", 7))
}

impl Program for Fake {
    const NAME: &'static str = "fake";
    const ABOUT: &'static str = "Diffusion-Convolutional Neural Networks (Atwood & Towsley, NIPS 2016)";
    const VERSION: &'static str = "0.1.0";
    const HEADLINE: &'static str = "accuracy";
    type TrainArgs = FakeTrain;
    type EvalArgs = NoFlags;
    type Verbs = NoVerbs;

    const CLAIMS: &'static [Claim] = CLAIMS_OF_FAKE;

    const DEVIATIONS: &'static [Deviation] = &[Deviation {
        id: "clean-validation",
        what: "The authors' first code trains on the validation nodes; ours only reads them.",
        why: "Early stopping must see data that the model has not seen.",
        flag: Some("--leak"),
        effect: Some("accuracy"),
    }];

    const EXPLAIN: &'static [ExplainRow] = &[ExplainRow {
        equation: "Z = f(W ⊙ P* X)",
        code: "DiffusionConv::forward",
        shape: "(N, H, F)",
        section: "3, eq. 1",
    }];

    const WORKLOADS: &'static [Workload] = &[
        Workload { name: "step", about: "a step", run: step },
        Workload { name: "again", about: "another", run: step },
    ];
    const NAMED_WORKLOADS: &'static [Workload] = &[Workload { name: "spare", about: "a third", run: step }];

    const DATASETS: &'static [DatasetInfo] = &[
        DatasetInfo { name: "synthetic", about: "a twin made by code", embedded: true },
        DatasetInfo { name: "tu:*", about: "any TU graph set", embedded: false },
    ];

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

    fn verb(verb: &NoVerbs, _: &Job<'_>) -> Result<Summary, CliError> {
        match *verb {}
    }
}

/// A program of claims alone.
pub(super) struct Bare<L>(PhantomData<L>);

/// Its claims.
pub(super) trait Claims {
    const LIST: &'static [Claim];
}

impl<L: Claims> Program for Bare<L> {
    const NAME: &'static str = "bare";
    const ABOUT: &'static str = "";
    const VERSION: &'static str = "0.1.0";
    const HEADLINE: &'static str = "";
    type TrainArgs = NoFlags;
    type EvalArgs = NoFlags;
    type Verbs = NoVerbs;

    const CLAIMS: &'static [Claim] = L::LIST;

    const DEVIATIONS: &'static [Deviation] = &[];

    const EXPLAIN: &'static [ExplainRow] = &[];

    const WORKLOADS: &'static [Workload] = &[];

    const DATASETS: &'static [DatasetInfo] = Fake::DATASETS;

    fn train(_: &NoFlags, _: &Job<'_>) -> Result<Summary, CliError> {
        Err("not here".into())
    }

    fn eval(_: &NoFlags, _: &Job<'_>) -> Result<Summary, CliError> {
        Err("not here".into())
    }

    fn verb(verb: &NoVerbs, _: &Job<'_>) -> Result<Summary, CliError> {
        match *verb {}
    }
}

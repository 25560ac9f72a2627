//! large-batch: workers, ranks, rates, data and runs.

use std::fs;

use eightfold_tests::idx;

use super::{case, House};

const TRAIN: &[&str] = &[
    "--dataset",
    "mnist",
    "--examples",
    "16",
    "--test-examples",
    "8",
    "--per-worker",
    "4",
    "--workers",
    "2",
    "--ranks",
    "2",
    "--epochs",
    "1",
];
const MODEL: &str = "run/model.safetensors";
const CHECKPOINT: &str = "run/checkpoint.safetensors";
const LABELS: &str = "data/train-labels-idx1-ubyte";

/// A folder with a small sound data set and a finished run, to be damaged.
fn house() -> House {
    let house = House::of("large-batch", TRAIN);
    idx::write(&house.path("data"), 24, 12);
    let _ = house.train(&[]).exits(0);
    house
}

#[test]
fn settings_out_of_their_range_are_said_before_anything_is_read() {
    let house = house();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--model", "vgg"], &["vgg", "resnet8"]),
        (&["--examples", "0"], &["training images", "at least 1"]),
        (&["--per-worker", "0"], &["images of a worker", "at least 1"]),
        (&["--workers", "0"], &["workers is 0", "at least 1"]),
        (&["--workers", "100000000"], &["kn", "at most 1,048,576"]),
        (&["--ranks", "3"], &["--ranks is 3", "at most the number of --workers"]),
        (&["--ranks", "0"], &["--ranks is 0", "at least 1"]),
        (&["--base-batch", "0"], &["base_batch", "at least 1"]),
        (&["--lr", "0"], &["base_lr", "above 0"]),
        (&["--lr", "NaN"], &["base_lr", "above 0"]),
        (&["--weight-decay", "-1"], &["weight_decay", "at least 0"]),
        (&["--milestones", "5,3"], &["milestones", "ascending"]),
        (&["--warmup", "slow"], &["slow", "gradual"]),
        (&["--rule", "square"], &["square", "linear"]),
        (&["--momentum", "heavy"], &["heavy", "corrected"]),
        (&["--all-reduce", "tree"], &["tree", "halving-doubling"]),
        (&["--time-limit", "0"], &["--time-limit", "1.."]),
    ];
    for (flags, parts) in cases {
        // the flags of every `train` come first, and the last of two is what counts
        let plain: Vec<&str> =
            TRAIN.chunks(2).filter(|pair| pair[0] != flags[0]).flatten().copied().collect();
        case(
            &house,
            &format!("train {}", flags.join(" ")),
            |h| h.run("train", &[&plain, *flags].concat()),
            parts,
        );
    }
    let own: &[(&str, &[&str], &[&str])] = &[
        ("simulate", &["--ranks", "5000"], &["--ranks", "between 1 and 4,096"]),
        ("simulate", &["--ranks", "0"], &["--ranks", "between 1 and 4,096"]),
        ("simulate", &["--alpha", "-1"], &["--alpha", "at least 0"]),
        ("simulate", &["--measure", "--alpha", "1"], &["--measure", "--alpha"]),
        ("simulate", &["--floats", "9999999999999999"], &["--floats", "at most"]),
        ("self-test", &["--ranks", "0"], &["--ranks", "between 1 and 64"]),
    ];
    for (verb, flags, parts) in own {
        case(&house, &format!("{verb} {}", flags.join(" ")), |h| h.run(verb, flags), parts);
    }
    let anew = house.path("anew");
    let plain: Vec<&str> = TRAIN.chunks(2).filter(|pair| pair[0] != "--workers").flatten().copied().collect();
    let flags = ["--drop-last", "--workers", "100", "--out", anew.to_str().unwrap()];
    let run = house.run("train", &[&plain, &flags[..]].concat()).exits(2);
    assert!(run.stderr.contains("400 examples is more than the 16"), "{}", run.stderr);
}

#[test]
fn data_and_runs_that_are_broken_are_said_and_kept() {
    let house = house();
    let sound = house.snapshot();
    let other = &["--resume", "--lr", "0.5"];
    case(&house, "resumed with another rate", |h| h.train(other), &["base_lr"]);
    let damages: &[(&str, &str, fn(&House), &[&str])] = &[
        (
            "train",
            "no labels",
            |h| fs::remove_file(h.path(LABELS)).unwrap(),
            &["train-labels-idx1-ubyte", "mnist"],
        ),
        ("train", "a label of 10", |h| h.edit(LABELS, |b| b[8 + 5] = 10), &["train-labels", "10"]),
        (
            "eval",
            "no model",
            |h| fs::remove_file(h.path(MODEL)).unwrap(),
            &["model.safetensors", "finished `train`"],
        ),
        ("eval", "a cut model", |h| h.edit(MODEL, |b| b.truncate(b.len() / 2)), &["model.safetensors"]),
        ("eval", "text for a model", |h| h.write(MODEL, "not a model"), &["model.safetensors"]),
        (
            "resume",
            "a cut checkpoint",
            |h| h.edit(CHECKPOINT, |b| b.truncate(b.len() - 5)),
            &["checkpoint.safetensors"],
        ),
        (
            "resume",
            "a flipped bit",
            |h| h.edit(CHECKPOINT, |b| *b.last_mut().unwrap() ^= 1),
            &["checkpoint.safetensors"],
        ),
    ];
    for (verb, input, damage, parts) in damages {
        damage(&house);
        let run = |h: &House| match *verb {
            "eval" => h.run("eval", &[]),
            "resume" => h.train(&["--resume"]),
            _ => h.train(&[]),
        };
        case(&house, &format!("{verb}, {input}"), run, parts);
        for (name, bytes) in &sound {
            house.write(name.to_str().unwrap(), bytes);
        }
    }
}

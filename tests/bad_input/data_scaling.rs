//! data-scaling: points, settings, data and runs.

use std::fs;

use eightfold_tests::idx;

use super::{case, House};

const TRAIN: &[&str] = &[
    "--dataset",
    "mnist",
    "--images",
    "8",
    "--shown",
    "16",
    "--batch",
    "4",
    "--parts",
    "2",
    "--task-images",
    "4",
    "--test-images",
    "4",
];
const MODEL: &str = "run/model.safetensors";
const CHECKPOINT: &str = "run/checkpoint.safetensors";
const LABELS: &str = "data/train-labels-idx1-ubyte";

/// A folder with a small sound data set and a finished run, to be damaged.
fn house() -> House {
    let house = House::of("data-scaling", TRAIN);
    idx::write(&house.path("data"), 40, 30);
    let _ = house.train(&[]).exits(0);
    house
}

#[test]
fn points_that_are_none_are_said_with_their_line() {
    let house = House::of("data-scaling", TRAIN);
    let file = house.path("points.csv");
    let path = file.to_str().unwrap().to_owned();
    let cases: &[(&str, &str, &[&str])] = &[
        ("nothing", "", &["0 runs", "at least 2 sizes"]),
        ("a header alone", "examples,score\n", &["0 runs", "at least 2 sizes"]),
        ("one point", "100,0.5\n", &["1 run of one size", "at least 2 sizes"]),
        ("equal sizes", "100,0.5\n100,0.6\n100,0.7\n", &["3 runs of one size", "at least 2 sizes"]),
        ("a missing score", "100,0.5\n200,\n", &["points.csv, line 2", "score is missing"]),
        ("a missing size", "100,0.5\n,0.5\n", &["points.csv, line 2", "number of examples is missing"]),
        ("one value", "100,0.5\n200\n", &["points.csv, line 2", "1 value"]),
        ("three values", "100,0.5\n200,1,2\n", &["points.csv, line 2", "3 values"]),
        ("text", "100,0.5\n200,good\n", &["points.csv, line 2", "`good`", "no number"]),
        ("text for a size", "100,0.5\nmany,0.6\n", &["points.csv, line 2", "`many`", "no number"]),
        ("a size of zero", "0,0.5\n200,0.6\n", &["points.csv, line 1", "0 examples", "above 0"]),
        ("a negative size", "100,0.5\n-200,0.6\n", &["points.csv, line 2", "-200 examples", "above 0"]),
        ("an infinite size", "100,0.5\ninf,0.6\n", &["points.csv, line 2", "finite number above 0"]),
        ("a score of NaN", "100,NaN\n200,0.6\n", &["points.csv, line 1", "finite"]),
    ];
    for (name, text, parts) in cases {
        house.write("points.csv", text);
        case(&house, &format!("fit, {name}"), |h| h.run("fit", &[&path]), parts);
    }
    house.write("points.csv", &b"100,0.5\n\xff\xfe,0.6\n"[..]);
    case(&house, "fit, no text", |h| h.run("fit", &[&path]), &["points.csv cannot be read", "UTF-8"]);
    house.write("points.csv", "100,0.5\n200,0.6\n400,0.7\n");
    let flags: &[(&[&str], &[&str])] = &[
        (&["--draws", "5"], &["number of draws is 5", "between 100 and 100,000"]),
        (&["--level", "1"], &["level of intervals is 1", "between 0.5 and 0.999"]),
        (&["--at", "0"], &["size to predict for is 0", "above 0"]),
        (&["--at", "many"], &["many"]),
        (&["--target", "inf"], &["target is inf", "finite"]),
    ];
    for (flags, parts) in flags {
        let all = [&[path.as_str()], *flags].concat();
        case(&house, &format!("fit {}", flags.join(" ")), |h| h.run("fit", &all), parts);
    }
    let absent = house.path("absent.csv");
    let run = |h: &House| h.run("fit", &[absent.to_str().unwrap()]);
    case(&house, "fit, no file", run, &["absent.csv cannot be read"]);
}

#[test]
fn settings_out_of_their_range_are_said_before_anything_is_read() {
    let house = house();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--images", "0"], &["number of images is 0", "between 1"]),
        (&["--images", "1000"], &["number of images is 1000", "what the source has"]),
        (&["--shown", "0"], &["length of pre-training is 0", "at least 1"]),
        (&["--shown", "18446744073709551615"], &["length of pre-training is 18446744073709551615", "a part"]),
        (&["--epochs", "18446744073709551615"], &["--epochs", "--shown"]),
        (&["--batch", "0"], &["batch size is 0", "between 1"]),
        (&["--parts", "0"], &["number of parts is 0", "between 1"]),
        (&["--lr", "0"], &["base_lr", "above 0"]),
        (&["--lr", "NaN"], &["base_lr", "above 0"]),
        (&["--width", "wide"], &["wide", "double"]),
        (&["--objective", "hinge"], &["hinge", "softmax"]),
        (&["--task-images", "0"], &["images of the task is 0", "between 1"]),
        (&["--test-images", "0"], &["test images of the task is 0", "between 1"]),
    ];
    for (flags, parts) in cases {
        // the flags of every `train` come first, and a flag is given once
        let plain: Vec<&str> =
            TRAIN.chunks(2).filter(|pair| pair[0] != flags[0]).flatten().copied().collect();
        case(
            &house,
            &format!("train {}", flags.join(" ")),
            |h| h.run("train", &[&plain, *flags].concat()),
            parts,
        );
    }
    let scenes: &[(&[&str], &[&str])] = &[
        (&["--label-noise", "1.5"], &["rate", "0 to 1"]),
        (&["--missing", "-1"], &["missing", "0 to 1"]),
        (&["--objects", "9"], &["most_objects", "1 to 4"]),
        (&["--tail", "0"], &["tail", "1 to"]),
        (&["--noise-kind", "worse"], &["worse", "sibling"]),
    ];
    for (flags, parts) in scenes {
        let run = |h: &House| h.run("train", &[&["--dataset", "synthetic"], *flags].concat());
        case(&house, &format!("train {}", flags.join(" ")), run, parts);
    }
    let studies: &[(&[&str], &[&str])] = &[
        (&["--runs", "0"], &["--runs is 0", "between 1 and 1,000"]),
        (&["--shard", "4/4"], &["I from 0 to N - 1"]),
        (&["--sizes", "0"], &["number of images is 0"]),
        (&["--sizes", "many"], &["many"]),
    ];
    for (flags, parts) in studies {
        let run = |h: &House| h.run("study", flags);
        case(&house, &format!("study {}", flags.join(" ")), run, parts);
    }
}

#[test]
fn data_and_runs_that_are_broken_are_said_and_kept() {
    let house = house();
    let sound = house.snapshot();
    let other = &["--resume", "--zero-bias"];
    case(&house, "resumed with other biases", |h| h.train(other), &["prior"]);
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

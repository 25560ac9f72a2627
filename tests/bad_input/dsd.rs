//! dsd: phases, layers, rules, data and runs.

use std::fs;

use eightfold_tests::idx;

use super::{case, House};

const TRAIN: &[&str] = &[
    "--dataset",
    "mnist",
    "--model",
    "mlp",
    "--batch-size",
    "8",
    "--epochs",
    "1",
    "--sparse-epochs",
    "1",
    "--redense-epochs",
    "1",
];
const MODEL: &str = "run/model.safetensors";
const CHECKPOINT: &str = "run/checkpoint.safetensors";
const LABELS: &str = "data/train-labels-idx1-ubyte";

/// A folder with a small sound data set and a finished run, to be damaged.
fn house() -> House {
    let house = House::of("dsd", TRAIN);
    idx::write(&house.path("data"), 24, 12);
    let _ = house.train(&[]).exits(0);
    house
}

#[test]
fn settings_out_of_their_range_are_said_before_anything_is_read() {
    let house = house();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--model", "vgg"], &["vgg", "mlp, conv-net, resnet20 or lstm"]),
        (&["--model", "lstm"], &["lstm on mnist", "for images"]),
        (&["--epochs", "0"], &["epochs", "at least 1"]),
        (&["--sparse-epochs", "0"], &["epochs", "at least 1"]),
        (&["--batch-size", "0"], &["batch", "at least 1"]),
        (&["--examples", "0"], &["train", "at least 1"]),
        (&["--lr", "0"], &["lr", "above 0"]),
        (&["--lr", "NaN"], &["lr", "above 0"]),
        (&["--weight-decay", "-1"], &["weight_decay", "at least 0"]),
        (&["--sparsity", "1"], &["sparsity is 1", "below 1"]),
        (&["--sparsity", "-0.1"], &["sparsity", "at least 0"]),
        (&["--layer", "output.weight"], &["output.weight", "NAME=SHARE"]),
        (&["--layer", "output.weight=2"], &["sparsity is 2", "below 1"]),
        (&["--phases", "sparse:1:0.1"], &["sparse:1:0.1", "sparse=SHARE:EPOCHS:RATE"]),
        (&["--phases", "dense:0:0.1"], &["epochs", "at least 1"]),
        (&["--selection", "largest"], &["largest", "magnitude"]),
        (&["--restore", "ones"], &["ones", "gaussian"]),
        (&["--optimizer-state", "drop"], &["drop", "reset"]),
        (&["--scope", "global", "--selection", "random"], &["scope", "by magnitude"]),
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
    let layers: &[(&[&str], &[&str])] = &[
        (&["--layer", "head.weight=0.5"], &["head.weight", "`hidden1.weight`"]),
        (&["--exclude", "hidden1.weight,hidden2.weight,output.weight"], &["no layer to prune"]),
    ];
    for (flags, parts) in layers {
        let anew = house.path("anew");
        let run = house.run("train", &[TRAIN, *flags, &["--out", anew.to_str().unwrap()]].concat()).exits(2);
        parts.iter().for_each(|part| assert!(run.stderr.contains(part), "{}", run.stderr));
    }
}

#[test]
fn data_that_is_missing_or_broken_is_said_with_its_place() {
    let house = house();
    let sound = house.snapshot();
    let damages: &[(&str, fn(&House), &[&str])] = &[
        ("no labels", |h| fs::remove_file(h.path(LABELS)).unwrap(), &["train-labels-idx1-ubyte", "mnist"]),
        ("a label of 10", |h| h.edit(LABELS, |b| b[8 + 5] = 10), &["train-labels", "10"]),
    ];
    for (input, damage, parts) in damages {
        damage(&house);
        case(&house, &format!("train, {input}"), |h| h.train(&[]), parts);
        for (name, bytes) in &sound {
            house.write(name.to_str().unwrap(), bytes);
        }
    }
    house.write("data/short.txt", "to be or not to be");
    house.write("data/empty.txt", "");
    house.write("data/latin.txt", b"caf\xe9 ".repeat(100));
    let strange: String = (0x100..0x300_u32).filter_map(char::from_u32).collect();
    house.write("data/strange.txt", strange);
    let texts: &[(&str, &[&str])] = &[
        ("missing.txt", &["missing.txt"]),
        ("short.txt", &["symbols long", "more than 50"]),
        ("empty.txt", &["empty.txt"]),
        ("latin.txt", &["latin.txt", "UTF-8"]),
        ("strange.txt", &["strange.txt", "256"]),
    ];
    for (name, parts) in texts {
        let file = house.path("data").join(name);
        let flags = ["--text", file.to_str().unwrap(), "--model", "lstm"];
        case(&house, &format!("train on {name}"), |h| h.run("train", &flags), parts);
    }
    let flags = ["--dataset", "mnist", "--text", "data/short.txt", "--model", "lstm"];
    case(&house, "a text and a set", |h| h.run("train", &flags), &["--text", "mnist", "leave one"]);
    let flags = ["--text", "data/short.txt"];
    case(&house, "a text for an mlp", |h| h.run("train", &flags), &["mlp on", "lstm for a text"]);
    let flags = ["--dataset", "brackets"];
    case(
        &house,
        "images asked of a text",
        |h| h.run("train", &flags),
        &["mlp on brackets", "lstm for a text"],
    );
}

#[test]
fn runs_that_cannot_be_resumed_or_scored_are_said_and_kept() {
    let house = house();
    let sound = house.snapshot();
    let other = &["--resume", "--sparsity", "0.5"];
    case(&house, "resumed with another sparsity", |h| h.train(other), &["sparsity"]);
    let damages: &[(&str, &str, fn(&House), &[&str])] = &[
        (
            "eval",
            "no model",
            |h| fs::remove_file(h.path(MODEL)).unwrap(),
            &["model.safetensors", "finished `train`"],
        ),
        ("eval", "a cut model", |h| h.edit(MODEL, |b| b.truncate(b.len() / 2)), &["model.safetensors"]),
        ("eval", "text for a model", |h| h.write(MODEL, "not a model"), &["model.safetensors"]),
        (
            "train",
            "a cut checkpoint",
            |h| h.edit(CHECKPOINT, |b| b.truncate(b.len() - 5)),
            &["checkpoint.safetensors"],
        ),
        (
            "train",
            "a flipped bit",
            |h| h.edit(CHECKPOINT, |b| *b.last_mut().unwrap() ^= 1),
            &["checkpoint.safetensors"],
        ),
    ];
    for (verb, input, damage, parts) in damages {
        damage(&house);
        let run = |h: &House| match *verb {
            "eval" => h.run("eval", &[]),
            _ => h.train(&["--resume"]),
        };
        case(&house, &format!("{verb}, {input}"), run, parts);
        for (name, bytes) in &sound {
            house.write(name.to_str().unwrap(), bytes);
        }
    }
}

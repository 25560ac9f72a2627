//! rethinking-generalization: corruptions, settings, image sets, runs and cells.

use std::fs;

use eightfold_tests::idx;

use super::{case, House};

const TRAIN: &[&str] =
    &["--dataset", "mnist", "--model", "small-cnn", "--batch-size", "8", "--epochs", "2", "--target", "1.1"];
const MODEL: &str = "run/model.safetensors";
const CHECKPOINT: &str = "run/checkpoint.safetensors";
const LABELS: &str = "data/train-labels-idx1-ubyte";
const IMAGES: &str = "data/train-images-idx3-ubyte";

/// A folder with a small sound data set and a finished run, to be damaged.
fn house() -> House {
    let house = House::of("rethinking-generalization", TRAIN);
    idx::write(&house.path("data"), 24, 12);
    let _ = house.train(&[]).exits(0);
    house
}

#[test]
fn settings_out_of_their_range_are_said_before_anything_is_read() {
    let house = house();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--corruption", "noise"], &["noise", "partial:P", "gaussian"]),
        (&["--corruption", "partial:1.2"], &["partial:1.2", "0 to 1"]),
        (&["--corruption", "partial:NaN"], &["partial:NaN", "0 to 1"]),
        (&["--model", "resnet20"], &["resnet20", "mlp1"]),
        (&["--model", "vgg"], &["vgg", "small-cnn"]),
        (&["--epochs", "0"], &["epochs", "at least 1"]),
        (&["--batch-size", "0"], &["batch_size", "at least 1"]),
        (&["--images", "0"], &["images", "at least 1"]),
        (&["--lr", "0"], &["lr", "above 0"]),
        (&["--lr", "-0.1"], &["lr", "above 0"]),
        (&["--lr", "inf"], &["lr", "finite"]),
        (&["--decay", "1.5"], &["decay", "at most 1"]),
        (&["--decay-steps", "0"], &["decay_steps", "at least 1"]),
        (&["--weight-decay", "-1"], &["weight_decay", "at least 0"]),
        (&["--dropout", "1"], &["dropout", "below 1"]),
        (&["--target", "0"], &["target", "above 0"]),
        (&["--init", "zeros"], &["zeros", "he"]),
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
    case(
        &house,
        "sweep --seeds 0",
        |h| h.run("sweep", &["--seeds", "0"]),
        &["--seeds", "between 1 and 1,000"],
    );
    let models = ["--models", "mlp1,resnet32"];
    case(
        &house,
        "sweep of a model that takes other images",
        |h| h.run("sweep", &models),
        &["resnet32", "mlp1"],
    );
}

#[test]
fn images_that_are_missing_or_broken_are_said_with_their_place() {
    let house = house();
    let sound = house.snapshot();
    let damages: &[(&str, fn(&House), &[&str])] = &[
        ("no labels", |h| fs::remove_file(h.path(LABELS)).unwrap(), &["train-labels-idx1-ubyte", "mnist"]),
        (
            "cut images",
            |h| h.edit(IMAGES, |b| b.truncate(b.len() - 9)),
            &["train-images", "24 images of 28 x 28"],
        ),
        ("a label of 10", |h| h.edit(LABELS, |b| b[8 + 5] = 10), &["train-labels", "10"]),
        ("an empty file", |h| h.write(LABELS, ""), &["train-labels", "byte 0"]),
    ];
    for (input, damage, parts) in damages {
        damage(&house);
        case(&house, &format!("train, {input}"), |h| h.train(&[]), parts);
        for (name, bytes) in &sound {
            house.write(name.to_str().unwrap(), bytes);
        }
    }
    let flags = ["--dataset", "cifar10"];
    case(
        &house,
        "train --dataset cifar10 without it",
        |h| h.run("train", &flags),
        &["cifar10", "data_batch_1.bin"],
    );
}

#[test]
fn runs_that_cannot_be_resumed_or_scored_are_said_and_kept() {
    let house = house();
    let sound = house.snapshot();
    let other = &["--resume", "--corruption", "gaussian"];
    case(&house, "resumed with another corruption", |h| h.train(other), &["corruption"]);
    let damages: &[(&str, &str, fn(&House), &[&str])] = &[
        (
            "eval",
            "no model",
            |h| fs::remove_file(h.path(MODEL)).unwrap(),
            &["model.safetensors", "finished `train`"],
        ),
        ("eval", "a cut model", |h| h.edit(MODEL, |b| b.truncate(b.len() / 2)), &["model.safetensors"]),
        ("eval", "an empty model", |h| h.write(MODEL, ""), &["model.safetensors"]),
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

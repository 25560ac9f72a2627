//! gan: settings, image sets, runs.

use std::fs;

use eightfold_tests::idx;

use super::{case, House};

const TRAIN: &[&str] = &["--dataset", "mnist", "--networks", "mlp28", "--batch-size", "8", "--turns", "6"];
const MODEL: &str = "run/model.safetensors";
const CHECKPOINT: &str = "run/checkpoint.safetensors";
const IMAGES: &str = "data/train-images-idx3-ubyte";

/// A folder with a small sound data set and a finished run, to be damaged.
fn house() -> House {
    let house = House::of("gan", TRAIN);
    idx::write(&house.path("data"), 24, 12);
    let _ = house.train(&[]).exits(0);
    house
}

#[test]
fn settings_out_of_their_range_are_said_before_anything_is_read() {
    let house = house();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--networks", "resnet"], &["resnet", "small-dcgan28"]),
        (&["--networks", "toy"], &["toy", "784", "--networks"]),
        (&["--networks", "dcgan32"], &["dcgan32", "3072"]),
        (&["--formulation", "best"], &["best", "wasserstein"]),
        (&["--lipschitz", "-1"], &["gradient penalty", "at least 0"]),
        (&["--lipschitz", "NaN"], &["gradient penalty", "at least 0"]),
        (&["--clip", "0"], &["clip", "above 0"]),
        (&["--real-target", "1.5"], &["label of real", "at most at 1"]),
        (&["--fake-target", "0.7"], &["label of generated", "[0, 0.5)"]),
        (&["--formulation", "hinge", "--real-target", "0.9"], &["label of real", "minimax"]),
        (&["--noise", "inf"], &["instance noise", "at least 0"]),
        (&["--history", "-0.1"], &["historical averaging", "at least 0"]),
        (&["--critic-steps", "0"], &["discriminator steps", "1 to 100"]),
        (&["--unroll", "1000"], &["unrolled", "0 to 100"]),
        (&["--average", "1"], &["averaged weights", "[0, 1)"]),
        (&["--lr-generator", "0"], &["lr", "above 0"]),
        (&["--lr-discriminator", "-1"], &["lr", "above 0"]),
        (&["--beta1", "1"], &["beta1", "below 1"]),
        (&["--turns", "0"], &["--turns", "at least 1"]),
        (&["--batch-size", "0"], &["--batch-size", "at least 1"]),
        (&["--limit", "0"], &["--limit", "at least 1"]),
    ];
    for (flags, parts) in cases {
        // the flags of every `train` come first, and the last of two is what counts
        let plain: Vec<&str> =
            TRAIN.chunks(2).filter(|pair| pair[0] != flags[0]).flatten().copied().collect();
        let line = format!("train {}", flags.join(" "));
        case(&house, &line, |h| h.run("train", &[&plain, *flags].concat()), parts);
    }
    case(&house, "eval --samples 7", |h| h.run("eval", &["--samples", "7"]), &["--samples", "100 to"]);
}

#[test]
fn images_that_are_missing_or_broken_are_said_with_their_place() {
    let house = house();
    let sound = house.snapshot();
    let damages: &[(&str, fn(&House), &[&str])] = &[
        ("no images", |h| fs::remove_file(h.path(IMAGES)).unwrap(), &["train-images-idx3-ubyte", "mnist"]),
        (
            "cut images",
            |h| h.edit(IMAGES, |b| b.truncate(b.len() - 9)),
            &["train-images", "24 images of 28 x 28"],
        ),
    ];
    for (input, damage, parts) in damages {
        damage(&house);
        case(&house, &format!("train, {input}"), |h| h.train(&[]), parts);
        for (name, bytes) in &sound {
            house.write(name.to_str().unwrap(), bytes);
        }
    }
}

#[test]
fn runs_that_cannot_be_resumed_or_measured_are_said_and_kept() {
    let house = house();
    let sound = house.snapshot();
    let other = &["--resume", "--formulation", "hinge"];
    case(&house, "resumed with another formulation", |h| h.train(other), &["formulation"]);
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

#[test]
fn a_run_that_diverges_says_where_and_keeps_its_last_good_checkpoint() {
    let house = house();
    let flags = [
        "--dataset",
        "ring",
        "--networks",
        "toy",
        "--turns",
        "400",
        "--limit",
        "640",
        "--formulation",
        "kl",
        "--lr-generator",
        "1000000",
        "--lr-discriminator",
        "1000000",
    ];
    let run = house.run("train", &flags);
    let said = run.sentence();
    assert!(said.contains("loss became") || said.contains("not finite"), "{said}");
    assert!(said.contains("checkpoint of step") && said.contains("is kept in"), "{said}");
    assert!(house.path(CHECKPOINT).is_file());
}

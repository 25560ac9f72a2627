//! capsules: images in IDX files, and the settings of networks and their routing.

use std::fs;

use eightfold_tests::{assert_kept, idx};
use shared::{nn::state::NamedTensor, train::Checkpoint};

use super::{case, House};

const CHECKPOINT: &str = "run/checkpoint.safetensors";
const MODEL: &str = "run/model.safetensors";
const IMAGES: &str = "data/train-images-idx3-ubyte";
const LABELS: &str = "data/train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "data/t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "data/t10k-labels-idx1-ubyte";

/// Where the pixels of a file begin.
const PIXELS: usize = 16;

/// 24 images to train on, four of them for validation.
const TRAIN: &[&str] = &["--dataset", "mnist", "--size", "tiny", "--batch-size", "5", "--epochs", "2"];

/// A folder with a small sound data set and a finished run, to be damaged.
fn house() -> House {
    let house = House::of("capsules", TRAIN);
    idx::write(&house.path("data"), 24, 12);
    let _ = house.train(&["--snapshots", "1"]).exits(0);
    house
}

type Damage = fn(&House);

/// Damages, tries, and puts everything back.
fn cases(verb: &str, flags: &[&str], cases: &[(&str, Damage, &[&str])]) {
    let house = house();
    let sound = house.snapshot();
    for (input, damage, parts) in cases {
        damage(&house);
        let run = |h: &House| match verb {
            "train" => h.train(flags),
            _ => h.run(verb, flags),
        };
        case(&house, &format!("{}, {input}", [&[verb], flags].concat().join(" ")), run, parts);
        for folder in ["data", "run", "gone"] {
            let _ = fs::remove_dir_all(house.path(folder));
        }
        for (name, bytes) in &sound {
            house.write(name.to_str().unwrap(), bytes);
        }
    }
}

#[test]
fn images_that_are_missing_or_broken_are_said_with_their_place() {
    cases(
        "train",
        &[],
        &[
            (
                "no data folder",
                |h| fs::rename(h.path("data"), h.path("gone")).unwrap(),
                &["train-images-idx3-ubyte", "--data-dir", "synthetic"],
            ),
            (
                "no labels",
                |h| fs::remove_file(h.path(LABELS)).unwrap(),
                &["train-labels-idx1-ubyte", "mnist"],
            ),
            (
                "no test images",
                |h| fs::remove_file(h.path(TEST_IMAGES)).unwrap(),
                &["t10k-images-idx3-ubyte"],
            ),
            (
                "cut images",
                |h| h.edit(IMAGES, |b| b.truncate(b.len() - 9)),
                &["train-images", "24 images of 28 x 28"],
            ),
            ("a cut header", |h| h.edit(IMAGES, |b| b.truncate(10)), &["train-images", "byte 10"]),
            ("an empty file", |h| h.write(LABELS, ""), &["train-labels", "byte 0"]),
            ("cut labels", |h| h.edit(LABELS, |b| b.truncate(b.len() - 1)), &["train-labels"]),
            (
                "cut images, compressed",
                |h| h.gzip(IMAGES, |b| b.truncate(b.len() / 2)),
                &["train-images", ".gz"],
            ),
            (
                "compressed images with a flipped bit",
                |h| h.gzip(IMAGES, |b| *b.iter_mut().rev().nth(5).unwrap() ^= 1),
                &["train-images", ".gz"],
            ),
            (
                "one image too many",
                |h| h.edit(IMAGES, |b| b.extend([0; 784])),
                &["train-images", "byte 18832"],
            ),
            (
                "labels for images",
                |h| h.write(IMAGES, idx::labels(24)),
                &["byte 0", "0x00000803", "0x00000801"],
            ),
            (
                "text",
                |h| h.write(TEST_LABELS, "1 2 3 4 5 6 7 8 9 0 1 2"),
                &["t10k-labels", "byte 0", "0x31203220"],
            ),
            (
                "a header of four billion images",
                |h| h.edit(IMAGES, |b| b[4..8].fill(0xff)),
                &["train-images", "passes the limit"],
            ),
            (
                "a header of images of four billion pixels a side",
                |h| h.edit(IMAGES, |b| b[8..16].fill(0xff)),
                &["train-images", "byte 8", "28 rows"],
            ),
            ("a header of more images", |h| h.edit(IMAGES, |b| b[7] = 25), &["25 images"]),
            (
                "a label of 10",
                |h| h.edit(LABELS, |b| b[8 + 5] = 10),
                &["byte 13", "a label from 0 to 9", "10"],
            ),
            ("one label fewer", |h| h.write(LABELS, idx::labels(23)), &["24 labels", "23"]),
            (
                "five training images",
                |h| idx::write(&h.path("data"), 5, 12),
                &["six or more training images", "5 and 12"],
            ),
            ("no test image", |h| idx::write(&h.path("data"), 24, 0), &["24 and 0"]),
            (
                "images of 20 x 20",
                |h| h.write(IMAGES, idx::images(24, 20)),
                &["train-images", "28 rows", "20"],
            ),
        ],
    );
}

#[test]
fn a_set_that_is_not_known_is_answered_with_those_that_are() {
    let house = house();
    for name in ["letters", "MNIST2", "../../etc", ""] {
        let parts = [&format!("'{name}'"), "synthetic, mnist, fashion-mnist"];
        case(&house, &format!("--dataset '{name}'"), |h| h.run("train", &["--dataset", name]), &parts);
    }
}

#[test]
fn a_run_that_diverges_is_said() {
    let house = house();
    let new = house.path("new");
    let flags = ["--lr", "1e30", "--out", new.to_str().unwrap()];
    case(&house, "--lr 1e30", |h| h.train(&flags), &["the loss became", "lower the learning rate"]);
}

#[test]
fn settings_out_of_range_are_said_with_their_range() {
    let house = house();
    let cases: [(&[&str], &[&str]); 27] = [
        (&["--routing", "0"], &["routing.iterations is 0", "1", "100"]),
        (&["--routing", "101"], &["routing.iterations is 101", "100"]),
        (&["--routing", "-1"], &["--routing", "-1"]),
        (&["--lr", "0"], &["lr is 0", "above 0"]),
        (&["--lr", "-1"], &["lr", "-1"]),
        (&["--lr", "nan"], &["lr is NaN"]),
        (&["--lr", "inf"], &["lr is inf"]),
        (&["--reconstruction", "nan"], &["reconstruction is NaN", "from 0"]),
        (&["--reconstruction", "-0.5"], &["reconstruction", "-0.5"]),
        (&["--decay-steps", "0"], &["decay_steps is 0"]),
        (&["--limit", "0"], &["limit of training images", "1 or more"]),
        (&["--limit", "few"], &["--limit", "few"]),
        (&["--size", "huge"], &["huge", "paper", "small", "tiny"]),
        (&["--model", "mlp"], &["mlp", "caps-net", "cnn"]),
        (&["--task", "words"], &["words", "digits", "multi-mnist", "aff-nist"]),
        (&["--gradient", "none"], &["none", "last", "all"]),
        (&["--coupling", "siblings"], &["siblings", "parents", "leaky", "children"]),
        (&["--init", "zero"], &["zero", "layers", "authors"]),
        (&["--snapshots", "1,x"], &["--snapshots", "x"]),
        (&["--snapshots", "0"], &["--snapshots", "0", "1 to 2"]),
        (&["--snapshots", "1,3"], &["--snapshots", "3", "1 to 2"]),
        (&["--checkpoint-every", "-1"], &["--checkpoint-every"]),
        (&["--routing-bias", "--task", "multi-mnist"], &["the routing bias", "28"]),
        (&["--routing-bias", "--model", "cnn"], &["routing", "convolutional"]),
        (&["--seed", "-1"], &["--seed", "-1"]),
        (&["--dataset", "synthetic", "--limit", "99999999999999"], &["limit"]),
        (&["--no-early-stopping"], &["--no-early-stopping"]),
    ];
    for (flags, parts) in cases {
        let flags = [&["--batch-size", "5", "--epochs", "2"], flags].concat();
        let set: &[&str] = if flags.contains(&"--dataset") { &[] } else { &["--dataset", "mnist"] };
        let size: &[&str] = if flags.contains(&"--size") { &[] } else { &["--size", "tiny"] };
        let run = |h: &House| h.run("train", &[&flags, set, size].concat());
        case(&house, &flags[4..].join(" "), run, parts);
    }
    let whole: [(&[&str], &[&str]); 6] = [
        (&["--batch-size", "0"], &["batch_size is 0", "1"]),
        (&["--batch-size", "65537"], &["batch_size is 65537", "65536"]),
        (&["--epochs", "0"], &["epochs is 0"]),
        (&["--epochs", "100001"], &["epochs is 100001", "100000"]),
        (&["--size", "paper", "--model", "cnn"], &["--size small"]),
        (&["--size", "paper", "--routing-bias"], &["routing_bias", "--size small"]),
    ];
    for (flags, parts) in whole {
        let run = |h: &House| h.run("train", &[&["--dataset", "mnist"], flags].concat());
        case(&house, &flags.join(" "), run, parts);
    }
}

#[test]
fn resuming_with_other_settings_names_the_one_that_differs() {
    let house = house();
    let cases: [(&[&str], &[&str]); 12] = [
        (&["--routing", "1"], &["iterations 3 there, 1 here"]),
        (&["--gradient", "all"], &["gradient", "last", "all"]),
        (&["--seed", "4"], &["seed 0 there, 4 here"]),
        (&["--lr", "0.1"], &["lr 0.001 there, 0.1 here"]),
        (&["--reconstruction", "0"], &["reconstruction 0.0005 there, 0"]),
        (&["--unsquared-margin"], &["squared true there, false here"]),
        (&["--authors-loss"], &["scale 1.0 there, 0.05 here"]),
        (&["--model", "cnn"], &["model", "caps-net", "cnn"]),
        (&["--routing-bias"], &["routing_bias false there, true here"]),
        (&["--limit", "10"], &["train null there, 10 here", "examples 20 there, 10 here"]),
        (&["--task", "multi-mnist"], &["task", "digits", "multi-mnist"]),
        (&["--init", "authors"], &["init", "layers", "authors"]),
    ];
    for (flags, parts) in cases {
        let run = |h: &House| h.train(&[flags, &["--resume"]].concat());
        case(&house, &format!("--resume {}", flags.join(" ")), run, parts);
    }
    let other: [(&[&str], &[&str]); 3] = [
        (&["--dataset", "synthetic", "--limit", "20", "--size", "tiny"], &["dataset", "mnist", "synthetic"]),
        (&["--dataset", "mnist", "--size", "small"], &["size", "tiny", "small"]),
        (&["--dataset", "mnist", "--size", "tiny", "--epochs", "3"], &["epochs 2 there, 3 here"]),
    ];
    for (flags, parts) in other {
        let rest: &[&str] = if flags.contains(&"--epochs") { &[] } else { &["--epochs", "2"] };
        let run = |h: &House| h.run("train", &[flags, rest, &["--batch-size", "5", "--resume"]].concat());
        case(&house, &format!("--resume {}", flags.join(" ")), run, parts);
    }
    // the same flags on other images
    idx::write(&house.path("data"), 36, 12);
    case(&house, "--resume on other images", |h| h.train(&["--resume"]), &["examples 20 there, 30 here"]);
}

#[test]
fn a_checkpoint_that_is_damaged_or_foreign_is_not_trained_on() {
    cases(
        "train",
        &["--resume"],
        &[
            ("no checkpoint", |h| fs::remove_file(h.path(CHECKPOINT)).unwrap(), &["no ", "to resume"]),
            ("a cut checkpoint", |h| h.edit(CHECKPOINT, |b| b.truncate(b.len() * 2 / 3)), &[CHECKPOINT]),
            ("a checkpoint cut in its header", |h| h.edit(CHECKPOINT, |b| b.truncate(100)), &[CHECKPOINT]),
            ("an empty checkpoint", |h| h.write(CHECKPOINT, ""), &[CHECKPOINT]),
            ("a longer checkpoint", |h| h.edit(CHECKPOINT, |b| b.extend([0; 8])), &[CHECKPOINT]),
            (
                "a bit flipped in a tensor",
                |h| h.edit(CHECKPOINT, |b| *b.last_mut().unwrap() ^= 4),
                &[CHECKPOINT, "SHA-256"],
            ),
            (
                "a bit flipped in the middle",
                |h| h.edit(CHECKPOINT, |b| b[1 << 20] ^= 1),
                &[CHECKPOINT, "SHA-256"],
            ),
            (
                "a tensor under another name",
                |h| in_text(h, CHECKPOINT, "model.conv1.bias", "model.conv9.bias"),
                &[CHECKPOINT],
            ),
            (
                "not a safetensors file",
                |h| h.write(CHECKPOINT, "PK\x03\x04 not what it should be"),
                &[CHECKPOINT],
            ),
            (
                "a model's weights for a checkpoint",
                |h| {
                    fs::copy(h.path(MODEL), h.path(CHECKPOINT)).unwrap();
                },
                &[CHECKPOINT, "not a checkpoint"],
            ),
            // sound files of this run's settings, which another program has written
            ("a tensor less", |h| tensors(h, |t| drop(t.remove(0))), &["conv1.bias"]),
            (
                "a tensor of another shape",
                |h| {
                    tensors(h, |tensors| {
                        let at = tensors.iter().position(|t| t.name() == "model.digit.weight").unwrap();
                        let values = tensors[at].values().to_vec();
                        tensors[at] =
                            NamedTensor::new("model.digit.weight", vec![144, 16, 10, 8], values).unwrap();
                    });
                },
                &["digit.weight", "[144, 10, 16, 8]", "[144, 16, 10, 8]"],
            ),
            (
                "a tensor more",
                |h| tensors(h, |t| t.push(NamedTensor::new("model.extra", vec![1], vec![0.0]).unwrap())),
                &["extra"],
            ),
            (
                "a moment of the optimiser of another shape",
                |h| {
                    tensors(h, |tensors| {
                        let at = tensors.iter().position(|t| t.name().starts_with("optimizer.")).unwrap();
                        let name = tensors[at].name().to_owned();
                        tensors[at] = NamedTensor::new(name, vec![1], vec![0.0]).unwrap();
                    });
                },
                &["bias"],
            ),
            (
                "no count of steps",
                |h| {
                    let mut checkpoint = Checkpoint::load(&h.path(CHECKPOINT)).unwrap();
                    checkpoint.state.values.remove("steps");
                    checkpoint.save(&h.path(CHECKPOINT)).unwrap();
                },
                &["steps", "missing"],
            ),
        ],
    );
}

/// Every bit of the header decides something; none may change what is trained without being noticed.
#[test]
fn no_flipped_bit_of_a_checkpoint_goes_unnoticed() {
    let house = house();
    let good = fs::read(house.path(CHECKPOINT)).unwrap();
    let whole = house.snapshot();
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let (in_header, in_tensors) = ((header / 24).max(1), ((good.len() - header) / 8).max(1));
    for at in (0..header).step_by(in_header).chain((header..good.len()).step_by(in_tensors)) {
        house.edit(CHECKPOINT, |b| b[at] ^= 1 << (at % 8));
        let flipped = house.snapshot();
        let run = house.train(&["--resume"]);
        if run.code == Some(0) {
            // spaces that pad the header say nothing
            assert_kept(&whole, house.dir.path(), &format!("byte {at} of {} flipped", good.len()));
        } else {
            assert!(!run.sentence().is_empty());
            assert_kept(&flipped, house.dir.path(), &format!("byte {at} flipped"));
        }
        house.write(CHECKPOINT, &good);
    }
}

#[test]
fn evaluating_what_is_not_there_or_not_sound_is_said() {
    let again = "give with --out the folder of a finished `train`";
    let damaged: &[(&str, Damage, &[&str])] = &[
        ("no run", |h| fs::remove_dir_all(h.path("run")).unwrap(), &[MODEL, again]),
        ("no weights", |h| fs::remove_file(h.path(MODEL)).unwrap(), &[MODEL, again]),
        ("cut weights", |h| h.edit(MODEL, |b| b.truncate(b.len() / 2)), &[MODEL]),
        ("empty weights", |h| h.write(MODEL, ""), &[MODEL]),
        (
            "a header of four billion bytes",
            |h| h.edit(MODEL, |b| b[..8].copy_from_slice(&(u64::from(u32::MAX)).to_le_bytes())),
            &[MODEL],
        ),
        (
            "a checkpoint for weights",
            |h| h.write(MODEL, fs::read(h.path(CHECKPOINT)).unwrap()),
            &[MODEL, again],
        ),
        ("weights without a run", |h| in_text(h, MODEL, "eightfold", "fourfold!"), &[MODEL, again]),
        (
            "a tensor under another name",
            |h| in_text(h, MODEL, "conv1.bias", "conv9.bias"),
            &[MODEL, "conv1.bias"],
        ),
        (
            "a tensor of another shape",
            |h| in_text(h, MODEL, "[16,1,9,9]", "[9,1,16,9]"),
            &[MODEL, "conv1.weight", "[16, 1, 9, 9]", "[9, 1, 16, 9]"],
        ),
        (
            "weights of another kind of network",
            |h| in_text(h, MODEL, r#"\"model\":\"caps-net\""#, r#"\"model\":\"cnn\""#),
            &[MODEL, "conv1.weight", "[24, 1, 9, 9]"],
        ),
        (
            "weights of another size",
            |h| in_text(h, MODEL, r#"\"size\":\"tiny\""#, r#"\"size\":\"small\""#),
            &[MODEL, "conv1.weight", "[64, 1, 9, 9]", "[16, 1, 9, 9]"],
        ),
        (
            "a setting out of range",
            |h| in_text(h, MODEL, r#"\"iterations\":3"#, r#"\"iterations\":0"#),
            &[MODEL, "routing.iterations is 0"],
        ),
        ("the data is gone", |h| fs::rename(h.path("data"), h.path("gone")).unwrap(), &["--data-dir"]),
        ("cut test images", |h| h.edit(TEST_IMAGES, |b| b.truncate(PIXELS + 100)), &["t10k-images"]),
    ];
    cases("eval", &[], damaged);
    cases(
        "eval",
        &["--snapshot", "7"],
        &[("that was never kept", |_| {}, &["model-epoch-7", "--snapshots"])],
    );
    cases(
        "eval",
        &["--snapshot", "1"],
        &[(
            "cut weights",
            |h| h.edit("run/model-epoch-1.safetensors", |b| b.truncate(b.len() / 3)),
            &["model-epoch-1.safetensors"],
        )],
    );
    cases("eval", &["--part", "affine"], &[("of a run on digits", |_| {}, &["--task aff-nist"])]);
    cases("eval", &["--part", "all"], &[("no such part", |_| {}, &["validation", "test", "affine"])]);
}

/// Changes the first `from` in the header of a safetensors file, and the length of the header with it.
fn in_text(house: &House, name: &str, from: &str, to: &str) {
    house.edit(name, |bytes| {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap();
        assert!(header.contains(from), "{name} has no `{from}` in {header}");
        let mut header = header.trim_end().replacen(from, to, 1);
        while !header.len().is_multiple_of(8) {
            header.push(' ');
        }
        bytes
            .splice(..8 + length, (header.len() as u64).to_le_bytes().into_iter().chain(header.into_bytes()));
    });
}

/// Changes the tensors of the checkpoint, and makes it match its own SHA-256 again.
fn tensors(house: &House, change: impl FnOnce(&mut Vec<NamedTensor>)) {
    let mut checkpoint = Checkpoint::load(&house.path(CHECKPOINT)).unwrap();
    change(&mut checkpoint.state.tensors);
    checkpoint.save(&house.path(CHECKPOINT)).unwrap();
}

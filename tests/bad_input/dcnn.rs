//! dcnn: citations as text, a graph, and the settings of diffusions.

use std::fs;

use eightfold_tests::assert_kept;

use super::{case, read_only, House, SmallDisk};

/// Twelve papers in two classes with four words, and a ring of citations.
const PAPERS: usize = 12;

const CHECKPOINT: &str = "run/checkpoint.safetensors";
const MODEL: &str = "run/model.safetensors";

/// A folder with a small sound data set and a finished run, to be damaged.
fn house() -> House {
    let house = House::of("dcnn", &["--dataset", "cora", "--epochs", "3", "--batch-size", "2"]);
    house.write("data/cora.content", content());
    house.write("data/cora.cites", cites());
    let _ = house.train(&[]).exits(0);
    house
}

#[test]
fn data_that_is_missing_or_broken_is_said_with_its_place() {
    type Damage = fn(&House);
    let cases: [(&str, Damage, &[&str]); 17] = [
        (
            "no data folder",
            |h| fs::rename(h.path("data"), h.path("gone")).unwrap(),
            &["cora.content", "--data-dir"],
        ),
        (
            "no content file",
            |h| fs::remove_file(h.path("data/cora.content")).unwrap(),
            &["cora.content", "DIR/data"],
        ),
        (
            "no cites file",
            |h| fs::remove_file(h.path("data/cora.cites")).unwrap(),
            &["cora.cites", "synthetic"],
        ),
        (
            "content cut within a line",
            |h| h.edit("data/cora.content", |b| b.truncate(b.len() - 9)),
            &["line 12"],
        ),
        ("content.gz cut", cut_gz, &["cora.content.gz"]),
        ("content.gz with a flipped bit", flip_gz, &["cora.content.gz"]),
        ("content empty", |h| h.write("data/cora.content", ""), &["cora.content"]),
        (
            "content not text",
            |h| h.write("data/cora.content", [0xff, 0xfe, 0, 1, b'\n']),
            &["cora.content", "line 1"],
        ),
        (
            "a feature too few",
            |h| h.replace("data/cora.content", "p3 0 1", "p3 1"),
            &["line 4", "4 words", "3 words"],
        ),
        ("a feature too many", |h| h.replace("data/cora.content", "p3 0", "p3 0 0"), &["line 4", "5 words"]),
        (
            "a feature that is no number",
            |h| h.replace("data/cora.content", "p3 0", "p3 x"),
            &["line 4", "\"x\""],
        ),
        (
            "a feature that is not finite",
            |h| h.replace("data/cora.content", "p3 0", "p3 inf"),
            &["line 4", "inf"],
        ),
        ("a label missing", |h| h.replace("data/cora.content", "p3 0 1 1 0 odd", "p3 0 1 1 0"), &["line 4"]),
        ("a paper twice", |h| h.replace("data/cora.content", "p3 ", "p2 "), &["line 4", "p2", "line 3"]),
        (
            "an unknown id in cites",
            |h| h.replace("data/cora.cites", "p3 p4", "p3 nobody"),
            &["line 4", "nobody"],
        ),
        ("a citation cut short", |h| h.replace("data/cora.cites", "p3 p4", "p3"), &["line 4", "two ids"]),
        ("a set with a path for a name", |_| {}, &["tu:../../etc"]),
    ];
    for (input, damage, parts) in cases {
        let house = house();
        damage(&house);
        let parts: Vec<String> =
            parts.iter().map(|p| p.replace("DIR", house.dir.path().to_str().unwrap())).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        if input.contains("path for a name") {
            let run = |h: &House| h.run("train", &["--dataset", "tu:../../etc", "--epochs", "3"]);
            case(&house, input, run, &["../../etc"]);
        } else {
            case(&house, input, |h| h.train(&[]), &parts);
        }
    }
}

#[test]
fn a_graph_too_small_to_split_is_said() {
    for papers in [1, 2] {
        let house = house();
        let lines: Vec<String> = content().lines().take(papers).map(|l| format!("{l}\n")).collect();
        house.write("data/cora.content", lines.concat());
        house.write("data/cora.cites", "");
        case(&house, &format!("a graph of {papers} nodes"), |h| h.train(&[]), &["3"]);
    }
}

#[test]
fn settings_out_of_range_are_said_with_their_range() {
    let house = house();
    let cases: [(&[&str], &[&str]); 9] = [
        (&["--hops", "0"], &["hops", "1 to 8"]),
        (&["--hops", "9"], &["hops", "9", "8"]),
        (&["--hops", "18446744073709551615"], &["hops", "8"]),
        (&["--hops", "-1"], &["--hops", "-1"]),
        (&["--lr", "0"], &["0"]),
        (&["--lr", "nan"], &["NaN"]),
        (&["--lr", "-0.1"], &["lr", "-0.1"]),
        (&["--loss", "square"], &["square", "hinge"]),
        (&["--init", "zero"], &["zero", "authors"]),
    ];
    for (flags, parts) in cases {
        case(&house, &flags.join(" "), |h| h.train(flags), parts);
    }
    for (flag, value) in [("--epochs", "0"), ("--batch-size", "0"), ("--epochs", "99999999999")] {
        let run = |h: &House| h.run("train", &["--dataset", "cora", flag, value]);
        case(&house, &format!("{flag} {value}"), run, &[value]);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_said() {
    let house = house();
    house.write("file", "a file, not a folder");
    let under = house.path("file/run");
    let run = |h: &House| h.train(&["--out", under.to_str().unwrap()]);
    case(&house, "--out below a file", run, &["file/run", "--out"]);
    let run = |h: &House| h.train(&["--out", h.path("file").to_str().unwrap()]);
    case(&house, "--out that is a file", run, &["file", "--out"]);

    let locked = house.path("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, read_only(&locked)).unwrap();
    if fs::write(locked.join("probe"), "").is_ok() {
        println!("skipped: a read-only folder, which this user may write to all the same");
    } else {
        let run = |h: &House| h.train(&["--out", locked.join("run").to_str().unwrap()]);
        case(&house, "--out in a read-only folder", run, &["locked/run", "--out"]);
    }
}

#[test]
fn a_full_disk_is_said_and_what_was_there_stays() {
    let house = house();
    let Some(disk) = SmallDisk::mount(&house.path("disk"), 256) else {
        println!("skipped: a full disk, because no small file system can be mounted here");
        return;
    };
    let long = ["--epochs", "300", "--no-early-stopping", "--checkpoint-every", "1", "-q"];
    let train = |out: &str, flags: &[&str]| {
        let out = house.path(out);
        let dataset = ["--dataset", "cora", "--batch-size", "2", "--out", out.to_str().unwrap()];
        [&["train", "--data-dir", house.path("data").to_str().unwrap()], &dataset[..], &long, flags]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<String>>()
    };
    let _ = house.program.run(&train("whole", &[])).exits(0);

    // a run that was killed on the small disk, and that fills up before it is resumed
    let mut running = house.program.start(&train("disk/run", &[]), &[]);
    while fs::read_to_string(house.path("disk/run/record.jsonl")).map_or(0, |text| text.lines().count()) < 5 {
        assert!(running.is_running());
    }
    assert_eq!(running.kill().code, None);
    // what it was in the middle of writing would be cleared away by the next run, and be room for a checkpoint
    shared::files::remove_leftovers(&house.path("disk/run"));
    disk.fill();
    let resume = train("disk/run", &["--resume"]);
    case(&house, "a full disk, resuming", |h| h.program.run(&resume), &["disk/run"]);
    let anew = train("disk/new", &[]);
    case(&house, "a full disk, training", |h| h.program.run(&anew), &["disk/new"]);
    let out = house.path("disk/reproduced");
    let reproduce = ["reproduce", "--quick", "isomorphism", "-q", "--out", out.to_str().unwrap()];
    case(&house, "a full disk, reproducing", |h| h.program.run(&reproduce), &["disk/reproduced"]);

    // with room again, it ends as if nothing had been
    fs::remove_file(house.path("disk/filler")).unwrap();
    let _ = house.program.run(&resume).exits(0);
    for file in ["checkpoint.safetensors", "record.jsonl", "model.safetensors", "run.json"] {
        let read = |out: &str| fs::read(house.path(out).join(file)).unwrap();
        assert!(read("whole") == read("disk/run"), "{file} is another after a full disk");
    }
}

#[test]
fn resuming_with_other_settings_names_the_one_that_differs() {
    let house = house();
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--hops", "3"], &["hops", "2 there, 3 here"]),
        (&["--seed", "4"], &["seed", "0 there, 4 here"]),
        (&["--lr", "0.1"], &["lr", "0.05 there, 0.1 here"]),
        (&["--init", "paper"], &["init", "authors", "paper"]),
        (&["--fixed-diffusion"], &["train_diffusion", "true there, false here"]),
        (&["--normalization", "symmetric"], &["normalization", "symmetric"]),
    ];
    for (flags, parts) in cases {
        let run = |h: &House| h.train(&[flags, &["--resume"]].concat());
        case(&house, &format!("--resume {}", flags.join(" ")), run, parts);
    }
    let run = |h: &House| {
        h.run("train", &["--dataset", "synthetic", "--epochs", "3", "--batch-size", "2", "--resume"])
    };
    case(&house, "--resume of another set's run", run, &["dataset", "cora", "synthetic"]);
}

#[test]
fn a_checkpoint_that_is_damaged_or_foreign_is_not_trained_on() {
    type Damage = fn(&House);
    let cases: [(&str, Damage, &[&str]); 8] = [
        ("no checkpoint", |h| fs::remove_file(h.path(CHECKPOINT)).unwrap(), &["no ", "to resume"]),
        ("a cut checkpoint", |h| h.edit(CHECKPOINT, |b| b.truncate(b.len() * 2 / 3)), &[]),
        ("a checkpoint of 5 bytes", |h| h.edit(CHECKPOINT, |b| b.truncate(5)), &[]),
        ("an empty checkpoint", |h| h.write(CHECKPOINT, ""), &[]),
        ("a longer checkpoint", |h| h.edit(CHECKPOINT, |b| b.extend([0; 8])), &[]),
        (
            "a bit flipped in its weights",
            |h| h.edit(CHECKPOINT, |b| *b.last_mut().unwrap() ^= 4),
            &["SHA-256"],
        ),
        ("not a safetensors file", |h| h.write(CHECKPOINT, "PK\x03\x04 not what it should be"), &[]),
        (
            "a model's weights for a checkpoint",
            |h| {
                fs::copy(h.path("run/model.safetensors"), h.path(CHECKPOINT)).unwrap();
            },
            &["not a checkpoint"],
        ),
    ];
    for (input, damage, parts) in cases {
        let house = house();
        damage(&house);
        let parts = [&["run/checkpoint.safetensors"], parts].concat();
        case(&house, &format!("--resume, {input}"), |h| h.train(&["--resume"]), &parts);
    }

    // the checkpoint of a model of another shape, with the settings of this run
    let house = house();
    let wider = content().lines().map(|line| line.replacen(' ', " 1 ", 1) + "\n").collect::<String>();
    house.write("data/cora.content", wider);
    case(&house, "--resume, a model for fewer words", |h| h.train(&["--resume"]), &[]);
}

/// Every bit of the header decides something; none may change what is trained without being noticed.
#[test]
fn no_flipped_bit_of_a_checkpoint_goes_unnoticed() {
    let house = house();
    let good = fs::read(house.path(CHECKPOINT)).unwrap();
    let whole = house.snapshot();
    let step = (good.len() / 60).max(1);
    for at in (0..good.len()).step_by(step) {
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
    type Damage = fn(&House);
    let cases: [(&str, Damage, &[&str]); 7] = [
        ("no run", |h| fs::remove_dir_all(h.path("run")).unwrap(), &["run.json", "train"]),
        ("no weights", |h| fs::remove_file(h.path(MODEL)).unwrap(), &["model.safetensors"]),
        ("cut weights", |h| h.edit(MODEL, |b| b.truncate(b.len() / 2)), &["model.safetensors"]),
        (
            "a checkpoint for weights",
            |h| h.write(MODEL, fs::read(h.path(CHECKPOINT)).unwrap()),
            &["model.safetensors"],
        ),
        ("run.json cut", |h| h.edit("run/run.json", |b| b.truncate(b.len() / 2)), &["run.json"]),
        ("run.json of something else", |h| h.write("run/run.json", "[1, 2]"), &["run.json"]),
        ("data with other words", |h| h.write("data/cora.content", content().replace(" 1 ", " 1 0 ")), &[]),
    ];
    for (input, damage, parts) in cases {
        let house = house();
        damage(&house);
        case(&house, &format!("eval, {input}"), |h| h.run("eval", &[]), parts);
    }
}

fn content() -> String {
    let line = |i: usize| match i % 2 {
        0 => format!("p{i} 1 0 0 {} even\n", i % 3 / 2),
        _ => format!("p{i} 0 1 1 0 odd\n"),
    };
    (0..PAPERS).map(line).collect()
}

fn cites() -> String {
    (0..PAPERS).map(|i| format!("p{i} p{}\n", (i + 1) % PAPERS)).collect()
}

fn cut_gz(house: &House) {
    house.gzip("data/cora.content", |b| b.truncate(b.len() / 2));
}

fn flip_gz(house: &House) {
    // its checksum
    house.gzip("data/cora.content", |b| *b.iter_mut().rev().nth(5).unwrap() ^= 1);
}

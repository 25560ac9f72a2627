//! A `train` of every program that is over in seconds and leaves much to be gone on with, and every other verb at its
//! shortest.

use std::path::{Path, PathBuf};

use crate::{idx, snapshot, Program, Run, Running, Snapshot, PATIENCE};

/// Flags of `train` by paper, for the images of [`idx::write`](crate::idx::write) where it needs some; every paper needs a
/// line here.
const TRAININGS: &[(&str, &str)] = &[
    (
        "capsules",
        "--dataset mnist --size tiny --batch-size 10 --epochs 3 --snapshots 2",
    ),
    (
        "dcnn",
        "--epochs 40 --no-early-stopping",
    ),
    (
        "dsd",
        "--dataset mnist --batch-size 10 --epochs 2 --sparse-epochs 2 --redense-epochs 2 --restore gaussian",
    ),
    (
        "gan",
        "--dataset mnist --networks small-dcgan28 --batch-size 12 --turns 24 --average 0.9 --noise 0.3 --noise-steps 20 --history 0.001 --critic-steps 2 --unroll 1",
    ),
    (
        "data-scaling",
        "--dataset mnist --images 20 --shown 320 --batch 8 --parts 5 --task-images 8 --test-images 8",
    ),
    (
        "large-batch",
        "--dataset mnist --model resnet8 --examples 40 --per-worker 4 --workers 3 --epochs 4 --milestones 2 --warmup-epochs 1",
    ),
    (
        "rethinking-generalization",
        "--dataset mnist --model small-cnn --batch-size 10 --epochs 4 --target 1.1 --corruption random-pixels --crop --flip --dropout 0.2",
    ),
    (
        "sparse-dcnn",
        "--threshold post:0.1 --epochs 40 --no-early-stopping",
    ),
];

/// `train` at its shortest and at its longest, by paper; every paper needs a line here.
pub const TRAIN: &[(&str, &str, &str)] = &[
    (
        "capsules",
        "train --size tiny --limit 40 --batch-size 20 --epochs 1",
        "train --size tiny --limit 40 --batch-size 20 --epochs 100000",
    ),
    (
        "data-scaling",
        "train --images 40 --shown 64 --parts 2 --task-images 24 --test-images 24",
        "train --images 40 --shown 1000000000 --parts 1000 --task-images 24 --test-images 24",
    ),
    ("dcnn", "train --epochs 2", "train --epochs 1000000 --no-early-stopping"),
    (
        "dsd",
        "train --examples 40 --test-examples 40 --epochs 1 --sparse-epochs 1 --redense-epochs 1",
        "train --examples 40 --test-examples 40 --epochs 1000000",
    ),
    (
        "gan",
        "train --dataset ring --turns 2 --limit 256",
        "train --dataset ring --turns 100000000 --limit 256",
    ),
    (
        "large-batch",
        "train --examples 40 --test-examples 40 --per-worker 8 --workers 2 --epochs 1",
        "train --examples 40 --test-examples 40 --per-worker 8 --workers 2 --epochs 1000000",
    ),
    (
        "rethinking-generalization",
        "train --model small-cnn --images 40 --epochs 1",
        "train --model small-cnn --images 40 --epochs 1000000 --target 1.1",
    ),
    (
        "sparse-dcnn",
        "train --epochs 2 --threshold post:0.1",
        "train --epochs 1000000 --no-early-stopping --threshold post:0.1",
    ),
];

/// Verbs of one paper alone at their shortest, in an order in which each can be done; a verb that a program's help lists
/// is one of every program or has a line here.
pub const OWN: &[(&str, &str)] = &[
    ("data-scaling", "fit crates/data-scaling/examples/points.csv --at 100000 --draws 100"),
    ("data-scaling", "study --sizes 20,40 --runs 2 --shown 64 --task-images 24 --test-images 24"),
    ("large-batch", "self-test --ranks 2"),
    ("large-batch", "simulate --ranks 2,5 --floats 1000"),
    (
        "rethinking-generalization",
        "sweep --models small-cnn --images 40 --epochs 1 --seeds 1 --corruptions true",
    ),
    ("sparse-dcnn", "generate --nodes 100"),
    ("sparse-dcnn", "series --threshold pre:0.2"),
    ("sparse-dcnn", "merge"),
];

/// The flags of a paper's `train`.
///
/// # Panics
/// When the table has no line for it.
#[must_use]
pub fn flags(paper: &str) -> Vec<&'static str> {
    let found = TRAININGS.iter().find(|(name, _)| *name == paper);
    let (_, flags) = found.unwrap_or_else(|| panic!("TRAININGS has no line for {paper}"));
    flags.split_whitespace().collect()
}

/// A program with a folder to train in; gone when dropped.
#[derive(Debug)]
pub struct House {
    /// The folder.
    pub dir: tempfile::TempDir,
    /// The program.
    pub program: Program,
}

impl House {
    /// A folder of its own, with images for those that need some.
    ///
    /// # Panics
    /// When there can be no folder.
    #[must_use]
    pub fn of(program: Program) -> Self {
        let dir = tempfile::tempdir().unwrap();
        idx::write(&dir.path().join("data"), 72, 12);
        House { dir, program }
    }

    /// A place in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts its `train` into `out`.
    #[must_use]
    pub fn start(&self, out: &Path, flags: &[&str]) -> Running {
        let data = self.path("data");
        let folders = ["train", "-q", "--data-dir", data.to_str().unwrap(), "--out", out.to_str().unwrap()];
        self.program.start(&[&folders, &self::flags(&self.program.name)[..], flags].concat(), &[])
    }

    /// Its `train` into `out`, to the end.
    #[must_use]
    pub fn train(&self, out: &Path, flags: &[&str]) -> Run {
        self.start(out, flags).wait(PATIENCE)
    }

    /// A verb with its own words, to the end.
    #[must_use]
    pub fn verb(&self, words: &[&str], out: &Path) -> Run {
        self.program.run(&[words, &["-q", "--out", out.to_str().unwrap()]].concat())
    }

    /// The bytes of an undisturbed run.
    ///
    /// # Panics
    /// When it does not end well.
    #[must_use]
    pub fn whole(&self, flags: &[&str]) -> Snapshot {
        let out = self.path("whole");
        let _ = self.train(&out, flags).exits(0);
        snapshot(&out)
    }
}

//! The same bytes from any number of threads, and from a run that was killed at any moment and resumed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use eightfold_tests::{
    assert_kept, idx, papers, program, snapshot, trainings, Program, Run, Running, PATIENCE,
};

/// A `train` that takes many checkpoints, and what is done to it.
struct Training {
    paper: &'static str,
    /// Flags of other trainings, whose bytes must not depend on threads either.
    others: &'static [&'static str],
    /// What it leaves behind, weights first.
    files: &'static [&'static str],
    /// When it is killed: a spread over the run, from before its first file to its last epochs, and to any place
    /// between two checkpoints.
    moments: &'static [Moment],
    /// Microseconds after the start at which a run is killed that began anew over a finished one.
    anew: &'static [u64],
}

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many microseconds after its start, when there may be nothing to resume.
    Early(u64),
    /// So many microseconds after its checkpoint was seen to change so many times.
    Checkpoint(usize, u64),
    /// So many microseconds after its record has so many epochs.
    Epoch(usize, u64),
}

/// Every paper needs a line here.
const TRAININGS: &[Training] = &[
    Training {
        paper: "capsules",
        others: &[
            "--size tiny --limit 40 --batch-size 20 --epochs 1",
            "--size tiny --limit 40 --epochs 1 --task multi-mnist --model cnn",
        ],
        files: &["model.safetensors", "checkpoint.safetensors", "record.jsonl", "model-epoch-2.safetensors"],
        moments: &[
            Moment::Early(0),
            Moment::Early(9_000),
            Moment::Checkpoint(1, 300),
            Moment::Checkpoint(4, 2_500),
            Moment::Epoch(1, 0),
            Moment::Epoch(1, 40_000),
            Moment::Epoch(2, 700),
        ],
        anew: &[1_500, 8_000, 20_000, 45_000],
    },
    Training {
        paper: "dcnn",
        others: &[],
        files: &["model.safetensors", "checkpoint.safetensors", "record.jsonl", "run.json"],
        moments: &[
            Moment::Early(0),
            Moment::Early(1_500),
            Moment::Early(6_000),
            Moment::Early(12_000),
            Moment::Early(25_000),
            Moment::Epoch(1, 0),
            Moment::Epoch(2, 700),
            Moment::Epoch(5, 3_100),
            Moment::Epoch(9, 150),
            Moment::Epoch(14, 1_900),
            Moment::Epoch(20, 5_300),
            Moment::Epoch(27, 400),
            Moment::Epoch(33, 2_600),
            Moment::Epoch(38, 50),
        ],
        anew: &[
            1_000, 2_500, 4_000, 5_500, 7_000, 8_500, 10_000, 11_500, 13_000, 14_500, 16_000, 17_500, 19_000,
            20_500, 22_000, 23_500, 25_000, 26_500, 28_000, 29_500,
        ],
    },
    Training {
        paper: "dsd",
        others: &[
            "--model conv-net --examples 40 --batch-size 20 --epochs 1 --sparse-epochs 1 --redense-epochs 1 --scope global",
            "--model lstm --dataset brackets --examples 2000 --batch-size 10 --epochs 1 --sparse-epochs 1 --redense-epochs 1",
        ],
        files: &["model.safetensors", "checkpoint.safetensors", "record.jsonl", "run.json"],
        moments: &[
            Moment::Early(0),
            Moment::Early(9_000),
            Moment::Checkpoint(1, 300),
            Moment::Checkpoint(9, 1_500),
            Moment::Epoch(1, 0),
            Moment::Epoch(2, 700),
            Moment::Epoch(3, 2_000),
            Moment::Epoch(4, 300),
            Moment::Epoch(5, 1_000),
        ],
        anew: &[1_500, 8_000, 20_000, 45_000],
    },
    Training {
        paper: "gan",
        others: &[
            "--dataset ring --limit 640 --turns 30 --formulation wasserstein --lipschitz 1 --critic-steps 2",
            "--dataset grid --limit 640 --turns 20 --networks toy-minibatch --formulation hinge --uniform",
            "--networks conditional28 --limit 96 --batch-size 32 --turns 3 --match-features",
        ],
        files: &["model.safetensors", "checkpoint.safetensors", "record.jsonl", "samples.png"],
        moments: &[
            Moment::Early(0),
            Moment::Early(9_000),
            Moment::Checkpoint(1, 300),
            Moment::Checkpoint(4, 2_500),
            Moment::Epoch(1, 0),
            Moment::Epoch(1, 40_000),
            Moment::Epoch(2, 700),
            Moment::Epoch(5, 5_000),
        ],
        anew: &[1_500, 8_000, 20_000, 45_000],
    },
    Training {
        paper: "data-scaling",
        others: &[
            "--images 40 --shown 96 --parts 2 --label-noise 0.3 --missing-parents 0.5 --task-images 24 --test-images 24",
            "--images 30 --epochs 2 --parts 2 --objective softmax --zero-bias --width half --task-images 24 --test-images 24",
        ],
        files: &["model.safetensors", "checkpoint.safetensors", "record.jsonl"],
        moments: &[
            Moment::Early(0),
            Moment::Early(9_000),
            Moment::Checkpoint(1, 300),
            Moment::Checkpoint(9, 1_500),
            Moment::Epoch(1, 0),
            Moment::Epoch(2, 700),
            Moment::Epoch(3, 2_000),
        ],
        anew: &[1_500, 8_000, 20_000, 45_000],
    },
    Training {
        paper: "large-batch",
        others: &[
            "--examples 40 --test-examples 40 --per-worker 8 --workers 4 --ranks 2 --epochs 1 --reduction local",
            "--model mlp1 --examples 40 --per-worker 8 --workers 2 --ranks 2 --all-reduce ring --epochs 1",
        ],
        files: &["model.safetensors", "checkpoint.safetensors", "record.jsonl"],
        moments: &[
            Moment::Early(0),
            Moment::Early(9_000),
            Moment::Checkpoint(1, 300),
            Moment::Checkpoint(6, 1_500),
            Moment::Epoch(1, 0),
            Moment::Epoch(2, 700),
            Moment::Epoch(3, 2_000),
        ],
        anew: &[1_500, 8_000, 20_000, 45_000],
    },
    Training {
        paper: "rethinking-generalization",
        others: &[
            "--model mlp1 --images 40 --batch-size 20 --epochs 2 --corruption gaussian --tracked 30",
            "--model small-cnn --images 40 --batch-size 20 --epochs 2 --corruption partial:0.5 --corrupt-test-labels",
        ],
        files: &["model.safetensors", "checkpoint.safetensors", "record.jsonl", "trial.json"],
        moments: &[
            Moment::Early(0),
            Moment::Early(9_000),
            Moment::Checkpoint(1, 300),
            Moment::Checkpoint(4, 2_500),
            Moment::Epoch(1, 0),
            Moment::Epoch(1, 20_000),
            Moment::Epoch(2, 700),
            Moment::Epoch(3, 5_000),
        ],
        anew: &[1_500, 8_000, 20_000, 45_000],
    },
    Training {
        paper: "sparse-dcnn",
        others: &[
            "--epochs 3",
            "--epochs 3 --threshold pre:0.1 --hops 3",
            "--epochs 3 --threshold top:5 --renormalize",
        ],
        files: &["model.safetensors", "checkpoint.safetensors", "record.jsonl", "run.json"],
        moments: &[
            Moment::Early(0),
            Moment::Early(1_500),
            Moment::Early(5_000),
            Moment::Early(12_000),
            Moment::Checkpoint(1, 200),
            Moment::Checkpoint(7, 1_300),
            Moment::Epoch(1, 0),
            Moment::Epoch(3, 900),
            Moment::Epoch(9, 2_100),
            Moment::Epoch(17, 300),
            Moment::Epoch(26, 1_700),
            Moment::Epoch(36, 50),
        ],
        anew: &[1_000, 3_500, 6_000, 8_500, 11_000, 14_000, 18_000, 23_000, 28_000],
    },
];

#[test]
fn training_gives_the_same_bytes_with_any_number_of_threads() {
    for house in houses() {
        let outs = ["1", "2", "4"].map(|threads| {
            let out = house.path(threads);
            assert!(house
                .train(&out, &["--threads", threads, "--seed", "7"])
                .exits(0)
                .stdout
                .contains("epochs"));
            out
        });
        for out in &outs[1..] {
            house.assert_same(&outs[0], out, "with 1 thread and with another number");
        }
        let other = house.path("other-seed");
        let _ = house.train(&other, &["--seed", "8"]).exits(0);
        let read = |out: &Path| fs::read(out.join(house.training.files[0])).unwrap();
        assert!(
            read(&outs[0]) != read(&other),
            "{}: another seed gave the same weights",
            house.training.paper
        );
    }
}

#[test]
fn other_trainings_give_the_same_bytes_with_any_number_of_threads() {
    for house in houses() {
        for (number, flags) in house.training.others.iter().enumerate() {
            let [one, four] = ["1", "4"].map(|threads| {
                let out = house.path(&format!("{number}-{threads}"));
                let folder = ["train", "--out", out.to_str().unwrap(), "--threads", threads];
                let _ = house.program.run(&[folder.to_vec(), words(flags)].concat()).exits(0);
                snapshot(&out)
            });
            assert!(one.len() >= 3 && one == four, "{} with `{flags}`", house.training.paper);
        }
    }
}

#[test]
fn killed_at_any_moment_and_resumed_it_ends_the_same() {
    for house in houses() {
        let Training { paper, moments, .. } = *house.training;
        let whole = house.path("whole");
        let _ = house.train(&whole, &[]).exits(0);

        let (mut killed, mut nothing_to_resume) = (0, 0);
        for (number, moment) in moments.iter().enumerate() {
            let out = house.path(&number.to_string());
            killed += usize::from(house.kill_at(&out, &[], *moment));
            if out.join("checkpoint.safetensors").exists() {
                // once more, soon after it goes on
                let again = Moment::Epoch(epochs(&out) + 1, 900);
                killed += usize::from(house.kill_at(&out, &["--resume"], again));
                let _ = house.train(&out, &["--resume"]).exits(0);
            } else {
                nothing_to_resume += 1;
                let run = house.train(&out, &["--resume"]);
                assert!(run.sentence().contains("to resume"), "{}", run.stderr);
                let _ = house.train(&out, &[]).exits(0);
            }
            house.assert_same(&whole, &out, &format!("killed at {moment:?}"));
        }
        println!("{paper}: {killed} kills, {nothing_to_resume} before the first checkpoint, all made good");
        assert!(killed >= moments.len(), "only {killed} runs were killed before they ended");
        assert!(nothing_to_resume >= 1, "no run was killed before its first checkpoint");
    }
}

#[test]
fn started_anew_over_a_finished_run_and_killed_it_is_one_run_or_the_other() {
    for house in houses() {
        let (whole, out) = (house.path("whole"), house.path("again"));
        let _ = house.train(&whole, &[]).exits(0);
        let _ = house.train(&out, &[]).exits(0);
        for microseconds in house.training.anew {
            let moment = Moment::Early(*microseconds);
            let _ = house.kill_at(&out, &[], moment);
            let _ = house.train(&out, &["--resume"]).exits(0);
            house.assert_same(&whole, &out, &format!("started anew and killed at {moment:?}"));
        }
    }
}

#[test]
fn resuming_a_finished_run_changes_nothing() {
    for house in houses() {
        let out = house.path("out");
        let _ = house.train(&out, &[]).exits(0);
        let before = snapshot(&out);
        let _ = house.train(&out, &["--resume", "--threads", "3"]).exits(0);
        assert_kept(&before, &out, house.training.paper);
    }
}

/// A program with a folder for its runs, and images for those that need some.
struct House {
    dir: tempfile::TempDir,
    program: Program,
    training: &'static Training,
}

fn houses() -> Vec<House> {
    let house = |paper: String| {
        let training = TRAININGS.iter().find(|training| training.paper == paper);
        let training = training.unwrap_or_else(|| panic!("TRAININGS has no line for {paper}"));
        let dir = tempfile::tempdir().unwrap();
        idx::write(&dir.path().join("data"), 72, 12);
        House { dir, program: program(&paper), training }
    };
    papers().into_iter().map(house).collect()
}

impl House {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&self, out: &Path, flags: &[&str]) -> Running {
        let (data, out) = (self.path("data"), out.to_str().unwrap());
        let folders = ["train", "--data-dir", data.to_str().unwrap(), "--out", out];
        let (own, often) = (trainings::flags(self.training.paper), ["--checkpoint-every", "1"]);
        self.program.start(&[&folders, &own[..], &often, flags].concat(), &[])
    }

    fn train(&self, out: &Path, flags: &[&str]) -> Run {
        self.start(out, flags).wait(PATIENCE)
    }

    /// Starts `train` and kills it at a moment; whether it was still running then.
    fn kill_at(&self, out: &Path, flags: &[&str], moment: Moment) -> bool {
        let mut running = self.start(out, flags);
        let mut wait_for = |is_reached: &mut dyn FnMut() -> bool| {
            while !is_reached() && running.is_running() {
                thread::sleep(Duration::from_micros(200));
            }
        };
        let microseconds = match moment {
            Moment::Early(microseconds) => microseconds,
            Moment::Checkpoint(changes, microseconds) => {
                let time =
                    || fs::metadata(out.join("checkpoint.safetensors")).and_then(|m| m.modified()).ok();
                let (mut last, mut seen) = (time(), 0);
                wait_for(&mut || {
                    let now = time();
                    seen += usize::from(now != last);
                    last = now;
                    seen >= changes
                });
                microseconds
            }
            Moment::Epoch(epoch, microseconds) => {
                wait_for(&mut || epochs(out) >= epoch);
                microseconds
            }
        };
        thread::sleep(Duration::from_micros(microseconds));
        let run = running.kill();
        assert!(matches!(run.code, None | Some(0)), "`{}`: {}", run.line, run.stderr);
        run.code.is_none()
    }

    fn assert_same(&self, expected: &Path, found: &Path, what: &str) {
        let Training { paper, files, .. } = *self.training;
        for file in files {
            let read = |dir: &Path| {
                fs::read(dir.join(file)).unwrap_or_else(|why| panic!("{paper}, {what}: {file}: {why}"))
            };
            assert!(read(expected) == read(found), "{paper}, {what}: {file} is another");
        }
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Whole lines of the record of a run.
fn epochs(out: &Path) -> usize {
    fs::read_to_string(out.join("record.jsonl")).map_or(0, |text| text.matches('\n').count())
}

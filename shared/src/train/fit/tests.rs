//! A learner that depends on everything a checkpoint must keep, killed at every step.

use std::path::Path;

use super::*;
use crate::{
    nn::state::NamedTensor,
    train::{Checkpoint, RunRng, CHECKPOINT_FILE, RECORD_FILE},
};
use rand::Rng;

/// A random walk pulled towards the examples: depends on their order, on its own generator and on how many
/// steps were done.
#[derive(Clone, Debug, PartialEq)]
struct Walk {
    w: f32,
    rng: [u64; 3],
    /// Steps left until something happens.
    fuse: Option<(usize, Fuse)>,
}

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fuse {
    Kill,
    NanLoss,
    /// The step itself looks well; what it leaves behind does not.
    NanWeights,
}

#[derive(Debug, thiserror::Error)]
#[error("killed")]
struct Killed;

impl Walk {
    fn new() -> Self {
        Walk { w: 0.0, rng: RunRng::new(9, 0).position(), fuse: None }
    }
}

impl Learner for Walk {
    type Error = Killed;
    fn step(&mut self, examples: &[usize]) -> Result<f64, Killed> {
        match &mut self.fuse {
            Some((0, Fuse::Kill)) => return Err(Killed),
            Some((0, Fuse::NanLoss)) => return Ok(f64::NAN),
            Some((0, Fuse::NanWeights)) => {
                self.w = f32::NAN;
                return Ok(1.0);
            }
            Some((left, _)) => *left -= 1,
            None => {}
        }
        let mut rng = RunRng::at(self.rng);
        for e in examples {
            self.w += 0.1 * (*e as f32 - self.w) + rng.gen_range(-1.0..1.0);
        }
        self.rng = rng.position();
        Ok(f64::from(self.w.abs()))
    }
    fn validate(&mut self) -> Result<Option<(f64, f64)>, Killed> {
        Ok(Some((f64::from(self.w), 0.5)))
    }
    fn save(&self) -> Result<State, Killed> {
        let mut state = State::default();
        state.tensors.push(NamedTensor::new("w", vec![1], vec![self.w]).unwrap());
        state.put("rng", &self.rng).unwrap();
        Ok(state)
    }
    fn load(&mut self, state: &State) -> Result<(), Killed> {
        self.w = state.tensors[0].values()[0];
        self.rng = state.get("rng").unwrap();
        Ok(())
    }
}

fn plan(folder: &Path, resume: bool) -> FitPlan {
    FitPlan {
        epochs: 4,
        batch_size: 3,
        seed: 5,
        early_stopping: EarlyStopping::Never,
        storage: Some(Storage {
            folder: folder.into(),
            every_steps: 2,
            resume,
            config: serde_json::json!({"a": 1}),
        }),
        ..FitPlan::default()
    }
}

fn read(dir: &Path, file: &str) -> Vec<u8> {
    std::fs::read(dir.join(file)).unwrap()
}

#[test]
fn stopped_at_any_step_and_resumed_it_ends_the_same() {
    for early_stopping in [EarlyStopping::Never, EarlyStopping::Window { epochs: 1 }] {
        let whole = tempfile::tempdir().unwrap();
        let plan = |folder: &Path, resume| FitPlan { early_stopping, ..plan(folder, resume) };
        let mut reference = Walk::new();
        let fitted = fit(&mut reference, 10, &plan(whole.path(), false), &mut |_| {}).unwrap();
        let stops = early_stopping != EarlyStopping::Never;
        assert_eq!((fitted.stopped_early, fitted.cursor.epoch < 4), (stops, stops));
        for steps in 0..fitted.cursor.step {
            let dir = tempfile::tempdir().unwrap();
            let mut cut = Walk { fuse: Some((steps, Fuse::Kill)), ..Walk::new() };
            let killed = fit(&mut cut, 10, &plan(dir.path(), false), &mut |_| {});
            assert!(matches!(killed, Err(FitError::Learner(Killed))));
            // the moment between a line of the record and the checkpoint that counts it, and a write cut short
            let record = dir.path().join(RECORD_FILE);
            let ahead = EpochRecord {
                epoch: steps / 4 + 1,
                step: 0,
                train_loss: 0.0,
                validation_loss: None,
                validation_accuracy: None,
            };
            let lines = [read(dir.path(), RECORD_FILE), serde_json::to_vec(&ahead).unwrap()].concat();
            std::fs::write(&record, lines).unwrap();
            std::fs::write(dir.path().join(".writing-cut.tmp"), "half").unwrap();

            let mut resumed = Walk { w: 77.0, ..Walk::new() };
            let ended = fit(&mut resumed, 10, &plan(dir.path(), true), &mut |_| {}).unwrap();
            assert_eq!((&resumed, ended.stopped_early), (&reference, stops), "killed after {steps} steps");
            for file in [CHECKPOINT_FILE, RECORD_FILE] {
                assert!(read(dir.path(), file) == read(whole.path(), file), "{file} after {steps} steps");
            }
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left");
        }
    }
}

#[test]
fn a_loss_that_is_no_number_stops_with_the_last_good_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let mut walk = Walk { fuse: Some((7, Fuse::NanLoss)), ..Walk::new() };
    let error = fit(&mut walk, 10, &plan(dir.path(), false), &mut |_| {}).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("NaN at step 8 (epoch 2)") && text.contains("step 6 is kept"), "{text}");
    let kept = Checkpoint::load(&dir.path().join(CHECKPOINT_FILE)).unwrap();
    assert_eq!(kept.cursor.step, 6);
    assert!(kept.state.tensors[0].values()[0].is_finite());
}

#[test]
fn weights_that_are_no_numbers_never_replace_a_good_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    // step 6 is the last before a checkpoint falls due
    let mut walk = Walk { fuse: Some((5, Fuse::NanWeights)), ..Walk::new() };
    let text = fit(&mut walk, 10, &plan(dir.path(), false), &mut |_| {}).unwrap_err().to_string();
    assert!(text.contains("`w` holds a number that is not finite after step 6"), "{text}");
    assert!(text.contains("the checkpoint of step 4 is kept in"), "{text}");
    assert_eq!(Checkpoint::load(&dir.path().join(CHECKPOINT_FILE)).unwrap().cursor.step, 4);
}

#[test]
fn resuming_what_has_ended_changes_nothing() {
    for early_stopping in [EarlyStopping::Never, EarlyStopping::Window { epochs: 1 }] {
        let dir = tempfile::tempdir().unwrap();
        let plan = |resume| FitPlan { early_stopping, ..plan(dir.path(), resume) };
        let mut walk = Walk::new();
        let first = fit(&mut walk, 10, &plan(false), &mut |_| {}).unwrap();
        let files = || [CHECKPOINT_FILE, RECORD_FILE].map(|file| read(dir.path(), file));
        let before = files();
        let mut again = Walk::new();
        let fitted = fit(&mut again, 10, &plan(true), &mut |_| {}).unwrap();
        assert!(fitted.epochs.is_empty());
        assert_eq!((fitted.cursor, fitted.stopped_early), (first.cursor, first.stopped_early));
        assert_eq!(again, walk);
        assert_eq!(before, files());
    }
}

#[test]
fn a_cursor_is_not_followed_into_other_data() {
    let dir = tempfile::tempdir().unwrap();
    fit(&mut Walk::new(), 10, &plan(dir.path(), false), &mut |_| {}).unwrap();
    let before = read(dir.path(), CHECKPOINT_FILE);
    let batches = FitPlan { batch_size: 4, ..plan(dir.path(), true) };
    for (examples, plan, expected) in [
        (11, plan(dir.path(), true), "examples 10 there, 11 here"),
        (10, batches, "batch_size 3 there, 4 here"),
    ] {
        let text = fit(&mut Walk::new(), examples, &plan, &mut |_| {}).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(before, read(dir.path(), CHECKPOINT_FILE));
}

/// Killed between the two files, a fresh start must not leave the old run's checkpoint beside an empty record.
#[test]
fn a_fresh_start_replaces_the_checkpoint_before_the_record() {
    let dir = tempfile::tempdir().unwrap();
    fit(&mut Walk::new(), 10, &plan(dir.path(), false), &mut |_| {}).unwrap();
    // a record that cannot be replaced stops the start at that very point
    std::fs::remove_file(dir.path().join(RECORD_FILE)).unwrap();
    std::fs::create_dir_all(dir.path().join(RECORD_FILE).join("in the way")).unwrap();
    let outcome = fit(&mut Walk::new(), 10, &plan(dir.path(), false), &mut |_| {});
    assert!(matches!(outcome, Err(FitError::Record(_))), "{outcome:?}");
    assert_eq!(Checkpoint::load(&dir.path().join(CHECKPOINT_FILE)).unwrap().cursor, Cursor::default());
}

/// A state that outgrows the disk with its third step.
#[cfg(unix)]
struct Growing(usize);

#[cfg(unix)]
impl Learner for Growing {
    type Error = Killed;
    fn step(&mut self, _: &[usize]) -> Result<f64, Killed> {
        self.0 += 1;
        Ok(1.0)
    }
    fn validate(&mut self) -> Result<Option<(f64, f64)>, Killed> {
        Ok(None)
    }
    fn save(&self) -> Result<State, Killed> {
        let size = if self.0 < 3 { 1 } else { 1 << 20 };
        let tensor = NamedTensor::new("w", vec![size], vec![self.0 as f32; size]).unwrap();
        Ok(State { tensors: vec![tensor], ..State::default() })
    }
    fn load(&mut self, _: &State) -> Result<(), Killed> {
        Ok(())
    }
}

/// The system refuses the write half-way, as a full disk does: this test runs itself again under a limit on the size
/// of files.
#[test]
#[cfg(unix)]
fn a_full_disk_leaves_the_checkpoint_before() {
    const FOLDER: &str = "EIGHTFOLD_TEST_FULL_DISK";
    if let Some(folder) = std::env::var_os(FOLDER) {
        let plan = FitPlan { batch_size: 10, ..plan(Path::new(&folder), false) };
        let text = fit(&mut Growing(0), 10, &plan, &mut |_| {}).unwrap_err().to_string();
        assert!(text.starts_with("cannot write ") && text.contains(CHECKPOINT_FILE), "{text}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let again = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "train::fit::tests::a_full_disk_leaves_the_checkpoint_before"])
        .env(FOLDER, dir.path())
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
    let kept = Checkpoint::load(&dir.path().join(CHECKPOINT_FILE)).unwrap();
    assert_eq!((kept.cursor.step, kept.state.tensors[0].values()), (2, &[2.0][..]));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing but checkpoint and record");
}

#[test]
fn nothing_to_train_on_is_said() {
    let mut walk = Walk::new();
    let no_batch = FitPlan { epochs: 1, batch_size: 0, ..FitPlan::default() };
    assert!(matches!(fit(&mut walk, 5, &no_batch, &mut |_| {}), Err(FitError::NoBatch)));
    assert!(matches!(fit(&mut walk, 0, &no_batch, &mut |_| {}), Err(FitError::NoExamples)));
}

#[test]
fn an_incomplete_batch_can_be_left_out() {
    let plan = FitPlan { epochs: 2, batch_size: 4, drop_last: true, ..FitPlan::default() };
    let fitted = fit(&mut Walk::new(), 11, &plan, &mut |_| {}).unwrap();
    assert_eq!(fitted.cursor.step, 4);
    let none = fit(&mut Walk::new(), 3, &plan, &mut |_| {}).unwrap_err().to_string();
    assert!(none.starts_with("a batch of 4 examples is more than the 3"), "{none}");
}

#[test]
fn a_follower_reads_the_folder_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut killed = Walk { fuse: Some((3, Fuse::Kill)), ..Walk::new() };
    fit(&mut killed, 10, &plan(dir.path(), false), &mut |_| {}).unwrap_err();
    let before = (read(dir.path(), CHECKPOINT_FILE), read(dir.path(), RECORD_FILE));
    let (mut follower, mut keeper) = (Walk::new(), Walk::new());
    let follows = FitPlan { follows: true, ..plan(dir.path(), true) };
    fit(&mut follower, 10, &follows, &mut |_| {}).unwrap();
    assert!(before == (read(dir.path(), CHECKPOINT_FILE), read(dir.path(), RECORD_FILE)));
    fit(&mut keeper, 10, &plan(dir.path(), true), &mut |_| {}).unwrap();
    assert_eq!(follower, keeper);
}

//! A training in a process that is asked to end. One test, because the request is the whole process's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::path::Path;

use shared::{
    nn::state::NamedTensor,
    train::{
        fit,
        interrupt::{self, Signal},
        FitError, FitPlan, Learner, State, Storage, CHECKPOINT_FILE, RECORD_FILE,
    },
};

/// Depends on the order of the examples; asks the process to end at a step or at a validation.
#[derive(Default)]
struct Walk {
    w: f32,
    /// Steps until the request; and whether it comes in the validation after that.
    ask: Option<(usize, bool)>,
    steps: usize,
    validations: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("lost")]
struct Lost;

impl Learner for Walk {
    type Error = Lost;
    fn step(&mut self, examples: &[usize]) -> Result<f64, Lost> {
        for e in examples {
            self.w += 0.1 * (*e as f32 - self.w);
        }
        if self.ask == Some((self.steps, false)) {
            interrupt::request(Signal::Terminate);
        }
        self.steps += 1;
        Ok(f64::from(self.w))
    }
    fn validate(&mut self) -> Result<Option<(f64, f64)>, Lost> {
        if self.ask == Some((self.validations, true)) {
            interrupt::request(Signal::Interrupt);
        }
        self.validations += 1;
        Ok(Some((f64::from(self.w), 0.5)))
    }
    fn save(&self) -> Result<State, Lost> {
        let tensors = vec![NamedTensor::new("w", vec![1], vec![self.w]).unwrap()];
        Ok(State { tensors, ..State::default() })
    }
    fn load(&mut self, state: &State) -> Result<(), Lost> {
        self.w = state.tensors[0].values()[0];
        Ok(())
    }
}

/// Loses the run that it follows.
struct Follower;

impl Learner for Follower {
    type Error = Lost;
    fn step(&mut self, _: &[usize]) -> Result<f64, Lost> {
        Err(Lost)
    }
    fn validate(&mut self) -> Result<Option<(f64, f64)>, Lost> {
        Ok(None)
    }
    fn save(&self) -> Result<State, Lost> {
        Ok(State::default())
    }
    fn load(&mut self, _: &State) -> Result<(), Lost> {
        Ok(())
    }
}

/// Three epochs of four steps, with no checkpoint between.
fn plan(folder: &Path, resume: bool) -> FitPlan {
    let storage = Storage { folder: folder.into(), every_steps: 0, resume, config: serde_json::Value::Null };
    FitPlan { epochs: 3, batch_size: 3, seed: 5, storage: Some(storage), ..FitPlan::default() }
}

fn files(folder: &Path) -> [Vec<u8>; 2] {
    [CHECKPOINT_FILE, RECORD_FILE].map(|name| std::fs::read(folder.join(name)).unwrap())
}

#[test]
fn a_training_that_is_asked_to_end_is_kept_and_goes_on_to_the_same_bits() {
    let whole = tempfile::tempdir().unwrap();
    assert_eq!(
        fit(&mut Walk::default(), 10, &plan(whole.path(), false), &mut |_| {}).unwrap().cursor.step,
        12
    );
    let asks = (0..12).map(|step| (step, false)).chain((0..3).map(|epoch| (epoch, true)));
    for ask in asks {
        let dir = tempfile::tempdir().unwrap();
        let mut walk = Walk { ask: Some(ask), ..Walk::default() };
        let ended = fit(&mut walk, 10, &plan(dir.path(), false), &mut |_| {});
        let done = match ask {
            (at, false) => at + 1,
            (epoch, true) => 4 * (epoch + 1),
        };
        assert_eq!(walk.steps, done, "no step more after {ask:?}");
        if ask == (2, true) {
            // the last validation ends the run: there is nothing to go on with
            assert_eq!(ended.unwrap().cursor.epoch, 3);
        } else {
            let error = ended.unwrap_err();
            assert!(matches!(error, FitError::Interrupted { step, .. } if step == done), "{ask:?}: {error}");
            let text = error.to_string();
            assert!(text.contains(&format!("checkpoint of step {done} is kept in")), "{text}");
            assert!(interrupt::answered());
            let signal = if ask.1 { Signal::Interrupt } else { Signal::Terminate };
            assert_eq!(interrupt::requested(), Some(signal));
        }
        assert_eq!(interrupt::kept_in(dir.path()), Some(done));
        assert!(!interrupt::is_keeping());

        // asked again before its first step, it stays where it is
        interrupt::request(Signal::Interrupt);
        let again = fit(&mut Walk::default(), 10, &plan(dir.path(), true), &mut |_| {});
        assert_eq!(again.is_err(), ask != (2, true));
        interrupt::withdraw();
        assert!(interrupt::requested().is_none() && !interrupt::answered());
        let _ = fit(&mut Walk::default(), 10, &plan(dir.path(), true), &mut |_| {}).unwrap();
        assert!(files(dir.path()) == files(whole.path()), "asked at {ask:?}");
    }

    // other work ends between two of its parts
    interrupt::request(Signal::Terminate);
    assert_eq!(interrupt::heed(), Err(interrupt::Interrupted(Signal::Terminate)));
    assert!(interrupt::answered());
    interrupt::withdraw();
    assert_eq!(interrupt::heed(), Ok(()));

    // without a folder there is nothing to keep, and it ends all the same
    let mut walk = Walk { ask: Some((1, false)), ..Walk::default() };
    let ended = fit(&mut walk, 10, &FitPlan { storage: None, ..plan(whole.path(), false) }, &mut |_| {});
    assert_eq!(ended.unwrap_err().to_string(), "training was interrupted after step 2");

    // what follows another run does not end of itself, and a step that fails then fails for the request
    let follows = FitPlan { follows: true, ..plan(whole.path(), true) };
    let fresh = FitPlan { storage: None, follows: true, ..plan(whole.path(), false) };
    let ended = fit(&mut Follower, 10, &fresh, &mut |_| {});
    assert!(matches!(ended, Err(FitError::Interrupted { step: 0, .. })), "{ended:?}");
    assert!(fit(&mut Walk::default(), 10, &follows, &mut |_| {}).is_ok());
    interrupt::withdraw();
    let ended = fit(&mut Follower, 10, &fresh, &mut |_| {});
    assert!(matches!(ended, Err(FitError::Learner(Lost))), "{ended:?}");
}

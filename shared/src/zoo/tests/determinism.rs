//! The same bits on any number of threads, and after a run was killed and resumed.

use std::path::Path;

use dfdx::{
    prelude::*,
    shapes::{Const, Dim},
    tensor::{Tape, Tensor},
};
use rand::Rng;

use super::*;
use crate::{
    nn::{Activation, BatchNorm2d, Conv2dNoBias, Dropout, Flatten, Linear, MaxPool2d},
    train::{fit, FitError, FitPlan, Learner, State, Storage},
};

crate::module! {
    /// All that has a state of its own: running statistics and a mask.
    struct Net<E, D> {
        conv1: Conv2dNoBias<3, 8, 12, 12, 3, 1, 1, E, D>,
        norm1: BatchNorm2d<8, E, D>,
        pool: MaxPool2d<12, 6, 3, 2, 1>,
        conv2: Conv2dNoBias<8, 12, 6, 6, 3, 1, 1, E, D>,
        norm2: BatchNorm2d<12, E, D>,
        flatten: Flatten<12, 6, 432>,
        dropout: Dropout<40>,
        output: Linear<432, 10, E, D>,
    }
}

impl<D: Backend> Classifier<D> for Net<f32, D> {
    type Channels = Const<3>;
    type Side = Const<12>;
    type Classes = Const<10>;

    fn forward<B: Dim, T: Tape<f32, D>>(
        &mut self,
        x: Tensor<(B, Const<3>, Const<12>, Const<12>), f32, D>,
        tape: T,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<(B, Const<10>), f32, D, T>, D::Err> {
        let x = self.conv1.forward_data(x, tape, Activation::Identity)?;
        let x = self.norm1.forward(x, Activation::Relu, pass)?;
        let x = self.pool.forward(x)?;
        let x = self.conv2.forward(x, Activation::Identity)?;
        let x = self.norm2.forward(x, Activation::Relu, pass)?;
        let x = self.dropout.forward(self.flatten.forward(x)?, pass)?;
        self.output.forward(x, Activation::Identity)
    }
}

const EXAMPLES: usize = 50;
const IMAGE: usize = 3 * 12 * 12;

fn images() -> (Vec<f32>, Vec<usize>) {
    let mut rng = RunRng::new(9, 9);
    let labels: Vec<usize> = (0..EXAMPLES).map(|_| rng.gen_range(0..10)).collect();
    let pixels = (0..EXAMPLES * IMAGE).map(|i| rng.gen_range(-1.0..1.0) + (labels[i / IMAGE] % 3) as f32);
    (pixels.collect(), labels)
}

/// A fresh network, or with `other` one that holds other weights, statistics and another generator until it is loaded.
fn network(other: bool) -> Box<dyn ImageNetwork> {
    let dev = Cpu::seed_from_u64(if other { 99 } else { 2 });
    let net: Net<f32, Cpu> = BuildModule::build(&dev);
    let rng = RunRng::new(if other { 98 } else { 3 }, DROPOUT_STREAM);
    let training = Training { group: Some(8), ..Training::new(rng) };
    Box::new(Trainable::new(net, dev, AnyOptimizer::new(sgd(0.05)).unwrap(), training).unwrap())
}

/// A learner that is killed after some steps.
struct Killed<'a> {
    inner: ImageLearner<'a>,
    steps_left: usize,
}

#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("killed")]
    Killed,
    #[error(transparent)]
    Zoo(#[from] ZooError),
}

impl Learner for Killed<'_> {
    type Error = Stop;
    fn step(&mut self, examples: &[usize]) -> Result<f64, Stop> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(Stop::Killed)?;
        Ok(self.inner.step(examples)?)
    }
    fn validate(&mut self) -> Result<Option<(f64, f64)>, Stop> {
        Ok(self.inner.validate()?)
    }
    fn save(&self) -> Result<State, Stop> {
        Ok(self.inner.save()?)
    }
    fn load(&mut self, state: &State) -> Result<(), Stop> {
        Ok(self.inner.load(state)?)
    }
}

fn plan(folder: &Path, resume: bool) -> FitPlan {
    let storage = Storage { folder: folder.into(), every_steps: 2, resume, config: serde_json::json!({}) };
    FitPlan { epochs: 2, batch_size: 20, seed: 4, storage: Some(storage), ..FitPlan::default() }
}

/// Trains for 2 epochs of 3 steps, the last on 10 images, or until killed; gives back the state.
fn train(folder: &Path, resume: bool, steps: usize) -> (State, bool) {
    let (pixels, labels) = images();
    let set = LabelledImages { pixels: &pixels, labels: &labels };
    let inner = ImageLearner::new(network(resume), set, Some(set)).unwrap();
    let mut learner = Killed { inner, steps_left: steps };
    let killed = match fit(&mut learner, EXAMPLES, &plan(folder, resume), &mut |_| {}) {
        Ok(_) => false,
        Err(FitError::Learner(Stop::Killed)) => true,
        Err(other) => panic!("{other}"),
    };
    (learner.save().unwrap(), killed)
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let run = |threads| {
        let folder = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train(folder.path(), false, usize::MAX).0)
    };
    let one = run(1);
    assert!(one.tensors.iter().any(|t| t.name() == "model.norm2.running_var"));
    assert_eq!(one.get::<[u64; 3]>("dropout").unwrap()[2], 2 * 50 * 432);
    for threads in [2, 4] {
        assert_eq!(one, run(threads), "{threads} threads");
    }
}

/// Killed in the middle of an epoch, at a checkpoint and between two, and resumed by a learner that began elsewhere.
#[test]
fn a_killed_run_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = train(folder.path(), false, usize::MAX);
    assert!(!killed);
    for steps in [0, 2, 4, 5] {
        let folder = tempfile::tempdir().unwrap();
        let (cut, killed) = train(folder.path(), false, steps);
        assert!(killed && cut != whole, "killed after {steps} steps");
        let (resumed, killed) = train(folder.path(), true, usize::MAX);
        assert!(!killed);
        assert_eq!(resumed, whole, "resumed after {steps} steps");
    }
}

/// A state without the generator of dropout or without the running statistics is not taken.
#[test]
fn an_incomplete_state_is_refused() {
    let whole = network(false).save().unwrap();
    let mut without = whole.clone();
    without.values.remove("dropout");
    assert!(network(true).load(&without).is_err());
    let mut without = whole;
    without.tensors.retain(|t| t.name() != "model.norm1.running_mean");
    assert!(network(true).load(&without).is_err());
}

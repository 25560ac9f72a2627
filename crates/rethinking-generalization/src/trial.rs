//! One randomization test: a network trained on a data set as a corruption leaves it, and what came of it.

use serde::{Deserialize, Serialize};
use shared::{
    ops::targets::Targets,
    optim::{Decay, Schedule},
    train::{fit, FitPlan, Learner, Progress, State, Storage},
    zoo::ImageNetwork,
};

use crate::{Corrupted, Corruption, Examples, LabError, Part, TestLabels};

/// Inputs scored at a time.
const SCORE_BATCH: usize = 250;

/// The training accuracy at which a set counts as fitted.
pub const FITTED: f64 = 0.99;

/// The mean loss at which a network counts as converged.
pub const CONVERGED: f64 = 0.1;

/// Steps of an epoch of 50,000 images in batches of 128.
pub const PAPER_EPOCH_STEPS: usize = 391;

/// How a network is trained. Nothing in it depends on what is corrupted.
///
/// # Example
/// ```
/// use rethinking_generalization::Plan;
/// // the paper's for an MLP: momentum is the optimiser's business, the rate falls by 5 % every 391 steps
/// let plan = Plan { epochs: 60, seed: 3, ..Plan::paper(0.01) };
/// assert!((plan.schedule.lr(391) - 0.0095).abs() < 1e-12);
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    /// Passes over the training set, at most.
    pub epochs: usize,
    /// Examples a step.
    pub batch_size: usize,
    /// The learning rate of each step. Counted in steps, a small set gets as many at a high rate as a large one; counted in
    /// epochs it would be starved, and fail to fit for that reason alone.
    pub schedule: Schedule,
    /// The training accuracy that ends the run; above 1 for all epochs.
    pub target: f64,
    /// Test inputs that are scored after every epoch; 0 for none.
    pub tracked: usize,
    /// Whether test labels are corrupted too.
    pub test_labels: TestLabels,
    /// Fixes the corruption and the order of the examples.
    pub seed: u64,
    /// Where checkpoints go, and whether to go on with one.
    pub storage: Option<Storage>,
}

impl Plan {
    /// Batches of 128, a rate that falls by 5 % every 391 steps, an end at 99.9 % training accuracy or after 100 epochs.
    ///
    /// The paper gives the start of the rate (0.1 for Inception, 0.01 for the others) and its fall by 5 % an epoch; batches
    /// and length it does not give.
    #[must_use]
    pub fn paper(lr: f64) -> Self {
        let decay = Decay::Every { every: PAPER_EPOCH_STEPS, gamma: 0.95 };
        Plan {
            epochs: 100,
            batch_size: 128,
            schedule: Schedule { decay, ..Schedule::constant(lr) },
            target: 0.999,
            tracked: 0,
            test_labels: TestLabels::Clean,
            seed: 0,
            storage: None,
        }
    }
}

/// What one epoch came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochPoint {
    /// Steps done.
    pub step: usize,
    /// Mean loss over the examples of the epoch, as they were trained on.
    pub loss: f64,
    /// Share of the training set that is classified as labelled after the epoch. Not looked for while the loss is so high that
    /// it cannot be near 1.
    pub train_accuracy: Option<f64>,
    /// The same of the tracked test inputs.
    pub test_accuracy: Option<f64>,
}

/// What a randomization test found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What was randomized.
    pub corruption: Corruption,
    /// Training examples.
    pub examples: usize,
    /// Epoch by epoch.
    pub curve: Vec<EpochPoint>,
    /// Share of the training set classified as labelled, at the end.
    pub train_accuracy: f64,
    /// Mean loss on it, at the end.
    pub train_loss: f64,
    /// Share of the test set classified rightly, at the end.
    pub test_accuracy: f64,
}

impl Trial {
    /// Steps of training.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.curve.last().map_or(0, |point| point.step)
    }

    /// Steps until [`FITTED`] of the training set was classified as labelled; `None` if it never was.
    #[must_use]
    pub fn steps_to_fit(&self) -> Option<usize> {
        self.curve.iter().find(|p| p.train_accuracy.is_some_and(|a| a >= FITTED)).map(|p| p.step)
    }

    /// Steps until the mean loss of an epoch was at most [`CONVERGED`]; `None` if it never was.
    #[must_use]
    pub fn steps_to_converge(&self) -> Option<usize> {
        self.curve.iter().find(|p| p.loss <= CONVERGED).map(|p| p.step)
    }

    /// The highest of the tracked test accuracies.
    #[must_use]
    pub fn best_test_accuracy(&self) -> Option<f64> {
        self.curve.iter().filter_map(|p| p.test_accuracy).max_by(f64::total_cmp)
    }
}

/// Trains `network` on the training set as `corruption` leaves it, and measures it on the test set, whose inputs are
/// corrupted alike and whose labels are clean unless the plan says otherwise.
///
/// The network must be fresh: what it has learned before, it keeps. [`Stock`](shared::zoo::Stock) makes one of any dfdx
/// model, [`ZooModel::build`](shared::zoo::ZooModel::build) one of the paper's.
///
/// # Shapes
/// `train`, `test`: inputs of [`ImageNetwork::image_len`] values and [`ImageNetwork::classes`] classes.
///
/// # Errors
/// [`LabError`]: sets that do not fit the network, a plan out of its range, a loss that is no number, a checkpoint that cannot be
/// used. The last checkpoint stays.
///
/// # Reference
/// Zhang et al. (2017), section 2.1.
///
/// # Example
/// ```
/// use rethinking_generalization::{randomization_test, Corruption, Plan, Table};
/// use shared::{dfdx::{nn::builders::{Linear, ReLU}, prelude::*}, zoo::Stock};
/// use shared::optim::{HeavyBallForm, Momentum, OptimizerConfig, SgdConfig};
/// let rows = |from: usize| (from..from + 640).map(|v| ((v * v) as f32).sin()).collect::<Vec<_>>();
/// let train = Table::new(rows(0), (0..64).map(|i| i % 2).collect(), 2)?;
/// let test = Table::new(rows(640), (0..64).map(|i| i % 2).collect(), 2)?;
/// let dev = Cpu::seed_from_u64(1);
/// let momentum = Momentum::HeavyBall { mu: 0.9, form: HeavyBallForm::RateOutside };
/// let sgd = OptimizerConfig::Sgd(SgdConfig { lr: 0.1, momentum, ..SgdConfig::default() });
/// let model = dev.build_module::<(Linear<10, 64>, ReLU, Linear<64, 2>), f32>();
/// let mut network = Stock::<_, (usize, Const<10>), 2, _>::new(model, dev, sgd)?;
/// let plan = Plan { epochs: 200, batch_size: 16, ..Plan::paper(0.1) };
/// let trial = randomization_test(&mut network, (&train, &test), Corruption::RandomLabels, &plan, &mut |_| {})?;
/// assert!(trial.train_accuracy > 0.99 && trial.test_accuracy < 0.8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn randomization_test(
    network: &mut dyn ImageNetwork,
    (train, test): (&dyn Examples, &dyn Examples),
    corruption: Corruption,
    plan: &Plan,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<Trial, LabError> {
    plan.schedule.validate()?;
    fits(network, train)?;
    fits(network, test)?;
    let train = Corrupted::new(train, corruption, Part::Train, plan.seed)?;
    let test = train.test_of(test, plan.test_labels);
    let fit_plan = FitPlan {
        epochs: plan.epochs,
        batch_size: plan.batch_size,
        seed: plan.seed,
        storage: plan.storage.clone(),
        ..FitPlan::default()
    };
    let batches = train.len().div_ceil(plan.batch_size.max(1)) as u64;
    let tell = std::cell::RefCell::new(tell);
    let mut session =
        Session { network, train: &train, test: &test, plan, batches, at: Place::default(), tell: &tell };
    fit(&mut session, train.len(), &fit_plan, &mut |progress| (tell.borrow_mut())(Told::Loop(progress)))?;
    let curve = std::mem::take(&mut session.at.curve);
    let (train_loss, train_accuracy) = score(session.network, &train, train.len())?;
    let (_, test_accuracy) = score(session.network, &test, test.len())?;
    Ok(Trial { corruption, examples: train.len(), curve, train_accuracy, train_loss, test_accuracy })
}

/// What a test says while it runs.
pub enum Told<'a> {
    /// What the loop says.
    Loop(Progress<'a>),
    /// A step is done.
    Step,
}

fn fits(network: &dyn ImageNetwork, examples: &dyn Examples) -> Result<(), LabError> {
    let of = |what, found, expected, why| Err(LabError::Count { what, found, expected, why });
    let values = examples.layout().values();
    if values != network.image_len() {
        return of("values an input", values, network.image_len(), "as the network takes");
    }
    if examples.classes() != network.classes() {
        return of("classes", examples.classes(), network.classes(), "as the network tells apart");
    }
    match examples.is_empty() {
        true => of("examples", 0, 1, "because there is nothing to measure otherwise"),
        false => Ok(()),
    }
}

/// Mean loss and accuracy on the first `count` of some examples.
///
/// # Errors
/// The network's and the data set's.
pub fn score(
    network: &dyn ImageNetwork,
    examples: &dyn Examples,
    count: usize,
) -> Result<(f64, f64), LabError> {
    let (mut loss, mut right) = (0.0, 0);
    let members: Vec<usize> = (0..count.min(examples.len())).collect();
    for members in members.chunks(SCORE_BATCH) {
        let (inputs, labels) = examples.batch(members, None)?;
        let (mean, hits) = network.evaluate(&inputs, &Targets::new(labels, examples.classes())?)?;
        loss += mean * members.len() as f64;
        right += hits;
    }
    let count = members.len().max(1) as f64;
    Ok((loss / count, right as f64 / count))
}

/// How far a run is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Place {
    steps: u64,
    /// Summed over the examples of the epoch, and how many there were.
    loss: (f64, usize),
    curve: Vec<EpochPoint>,
}

struct Session<'a, 't> {
    network: &'a mut dyn ImageNetwork,
    train: &'a dyn Examples,
    test: &'a dyn Examples,
    plan: &'a Plan,
    /// Steps of an epoch.
    batches: u64,
    at: Place,
    tell: &'a std::cell::RefCell<&'t mut (dyn FnMut(Told<'_>) + 't)>,
}

impl Learner for Session<'_, '_> {
    type Error = LabError;

    fn step(&mut self, members: &[usize]) -> Result<f64, LabError> {
        let pass = self.at.steps / self.batches;
        let (inputs, labels) = self.train.batch(members, Some(pass))?;
        let step = usize::try_from(self.at.steps).unwrap_or(usize::MAX);
        self.network.set_lr(self.plan.schedule.lr(step))?;
        let loss = self.network.step(&inputs, &Targets::new(labels, self.train.classes())?)?;
        self.at.steps += 1;
        self.at.loss.0 += loss * members.len() as f64;
        self.at.loss.1 += members.len();
        (self.tell.borrow_mut())(Told::Step);
        Ok(loss)
    }

    fn validate(&mut self) -> Result<Option<(f64, f64)>, LabError> {
        let (sum, count) = std::mem::take(&mut self.at.loss);
        let loss = sum / count.max(1) as f64;
        // a mean loss of a quarter of chance's leaves too many wrong for 99 %
        let near = loss <= 0.25 * (self.train.classes() as f64).ln();
        let train_accuracy = match near {
            true => Some(score(self.network, self.train, self.train.len())?.1),
            false => None,
        };
        let test_accuracy = match self.plan.tracked {
            0 => None,
            tracked => Some(score(self.network, self.test, tracked)?.1),
        };
        let step = usize::try_from(self.at.steps).unwrap_or(usize::MAX);
        self.at.curve.push(EpochPoint { step, loss, train_accuracy, test_accuracy });
        Ok(None)
    }

    fn reached(&self) -> bool {
        let last = self.at.curve.last().and_then(|point| point.train_accuracy);
        last.is_some_and(|accuracy| accuracy >= self.plan.target)
    }

    fn save(&self) -> Result<State, LabError> {
        let mut state = self.network.save()?;
        state.put("trial", &self.at)?;
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<(), LabError> {
        let at = state.get("trial")?;
        self.network.load(state)?;
        self.at = at;
        Ok(())
    }
}

//! A trial, run.

use datasets::pictures::Pictures;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use shared::{
    device::DeviceKind,
    nn::state::NamedTensor,
    optim::{OptimizerConfig, Schedule},
    train::{FitError, FitPlan, Progress, RunRng, State},
    zoo::{ImageNetwork, LabelledImages, ZooOptions},
};

use super::{Lab, Outcome, Sampling, Transfer, Trial};
use crate::{
    norm_parameters, train as train_run, Alone, DataParallel, ImageReplica, LargeBatchError, NoiseScale,
    Reduction, Replica, StepOutcome, Watch,
};

/// Streams of a seed.
const HEAD_STREAM: u64 = 0x1B01;
const DRAW_STREAM: u64 = 0x1B02;

/// Epochs at the end whose test errors the median is of.
const LAST: usize = 5;

/// Half of the classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Every class.
    All,
    /// Classes 0 to 4.
    First,
    /// Classes 5 to 9.
    Second,
}

/// The first `count` images of the classes of a part.
#[must_use]
pub fn picked(pictures: &Pictures, part: Part, count: usize) -> Pictures {
    let wanted = |label: usize| match part {
        Part::All => true,
        Part::First => label < 5,
        Part::Second => label >= 5,
    };
    let image = pictures.pixels.len() / pictures.labels.len().max(1);
    let mut chosen = Pictures { pixels: Vec::new(), labels: Vec::new() };
    let all = pictures.pixels.chunks_exact(image.max(1)).zip(&pictures.labels);
    for (pixels, label) in all.filter(|(_, label)| wanted(**label)).take(count) {
        chosen.pixels.extend_from_slice(pixels);
        chosen.labels.push(*label);
    }
    chosen
}

/// A fresh network of a trial: γ = 0 where the trial says so, and the last layer N(0, 0.01²) with a bias of 0 (section 5.1).
///
/// # Errors
/// [`LargeBatchError::Network`] where the device cannot be had.
pub fn network(trial: &Trial, device: DeviceKind) -> Result<Box<dyn ImageNetwork>, LargeBatchError> {
    let build = |norms: &[String]| {
        let mut options = ZooOptions::new(OptimizerConfig::Sgd(trial.optimizer(norms)), trial.seed);
        options.zero_gamma = trial.zero_gamma;
        trial.model.build(device, &options)
    };
    let norms = norm_parameters(&build(&[])?.parameters());
    let mut network = build(&norms)?;
    let mut rng = RunRng::new(trial.seed, HEAD_STREAM);
    let mut weights = network.weights();
    for tensor in &mut weights {
        let values: Vec<f32> = match tensor.name() {
            "output.weight" => tensor.values().iter().map(|_| normal(&mut rng)).collect(),
            "output.bias" => vec![0.0; tensor.values().len()],
            _ => continue,
        };
        *tensor = NamedTensor::new(tensor.name(), tensor.shape().to_vec(), values)?;
    }
    network.load_weights(&weights)?;
    Ok(network)
}

fn normal(rng: &mut RunRng) -> f32 {
    let draw: f64 = StandardNormal.sample(rng);
    (0.01 * draw) as f32
}

/// Runs a trial to its end.
pub(super) fn outcome(lab: &Lab, trial: &Trial) -> Result<Outcome, LargeBatchError> {
    let part = if trial.transfer.is_some() { Part::First } else { Part::All };
    let parts = lab.pictures(trial.model.side())?;
    let (train, test) = (picked(&parts.0, part, trial.train), picked(&parts.1, part, trial.test));
    let examples = train.labels.len();
    let replica = Drawing {
        inner: ImageReplica { network: network(trial, lab.device())?, images: labelled(&train) },
        examples,
        rng: (trial.sampling == Sampling::Replacement).then(|| RunRng::new(trial.seed, DRAW_STREAM)),
    };
    let schedule = trial.scaling.schedule(trial.batch(), trial.steps(examples))?;
    let mut parallel = DataParallel::new(replica, trial.per_worker, Reduction::Local)?;
    let plan = plan(trial, trial.epochs, trial.batch());
    let mut look = Look {
        test: labelled(&test),
        from: trial.epochs.saturating_sub(LAST),
        epoch: 0,
        half: trial.steps(examples).saturating_mul(trial.epochs) / 2,
        noise: NoiseScale::new(trial.per_worker),
    };
    let classes = if part == Part::All { 10.0 } else { 5.0 };
    let guess = 1.0 - 1.0 / classes;
    let (mut train_loss, mut test_error) = (Vec::new(), Vec::new());
    let mut tell = |told: Progress<'_>| {
        if let Progress::Epoch(line) = told {
            train_loss.push(line.train_loss);
            test_error.extend(line.validation_accuracy.map(|accuracy| 1.0 - accuracy));
        }
    };
    let ended = train_run(&mut parallel, &mut Alone, examples, &plan, &schedule, "", &mut look, &mut tell);
    let diverged = diverged(ended.map(|_| ()))?;
    if diverged {
        test_error = vec![guess];
    }
    let noise_scale = look.noise.value().filter(|scale| scale.is_finite());
    let transfer_error = match trial.transfer {
        None => None,
        Some(_) if diverged => Some(guess),
        Some(transfer) => Some(fine_tuned(lab, trial, transfer, &parallel.replica.inner.network.weights())?),
    };
    Ok(Outcome { train_loss, test_error, noise_scale, transfer_error, diverged })
}

fn plan(trial: &Trial, epochs: usize, batch_size: usize) -> FitPlan {
    FitPlan { epochs, batch_size, seed: trial.seed, ..FitPlan::default() }
}

/// Whether a run ended by numbers that are none, which is a result; any other failure is one.
fn diverged(ended: Result<(), FitError<LargeBatchError>>) -> Result<bool, LargeBatchError> {
    match ended {
        Ok(()) => Ok(false),
        Err(FitError::Diverged { .. } | FitError::NotFinite { .. }) => Ok(true),
        Err(other) => Err(other.into()),
    }
}

/// `weights` with the last layer of `fresh`.
fn with_head_of(fresh: &[NamedTensor], weights: &[NamedTensor]) -> Vec<NamedTensor> {
    let head = |tensor: &NamedTensor| tensor.name().starts_with("output.");
    fresh.iter().filter(|t| head(t)).chain(weights.iter().filter(|t| !head(t))).cloned().collect()
}

/// The test error on the second half of the classes after training on them from `weights` with a fresh last layer, the base
/// minibatch and a tenth of the base rate.
fn fine_tuned(
    lab: &Lab,
    trial: &Trial,
    transfer: Transfer,
    weights: &[NamedTensor],
) -> Result<f64, LargeBatchError> {
    let parts = lab.pictures(trial.model.side())?;
    let train = picked(&parts.0, Part::Second, transfer.train);
    let test = picked(&parts.1, Part::Second, trial.test);
    // one way to fine-tune for every k: the optimiser of one worker, momentum from nothing
    let mut net = network(&trial.of_workers(1), lab.device())?;
    net.load_weights(&with_head_of(&net.weights(), weights))?;
    let replica = ImageReplica { network: net, images: labelled(&train) };
    let mut parallel = DataParallel::new(replica, trial.per_worker, Reduction::Local)?;
    let plan = plan(trial, transfer.epochs, trial.per_worker);
    let schedule = Schedule::constant(trial.scaling.base_lr / 10.0);
    let examples = train.labels.len();
    let (watch, tell) = (&mut crate::Unwatched, &mut |_: Progress<'_>| {});
    let ended = train_run(&mut parallel, &mut Alone, examples, &plan, &schedule, "", watch, tell);
    match diverged(ended.map(|_| ()))? {
        false => Ok(1.0 - labelled(&test).score(&*parallel.replica.network)?.1),
        true => Ok(0.8),
    }
}

fn labelled(pictures: &Pictures) -> LabelledImages<'_> {
    LabelledImages { pixels: &pictures.pixels, labels: &pictures.labels }
}

/// Looks at the test images after the last epochs, and at the noise of gradients in the second half.
struct Look<'a> {
    test: LabelledImages<'a>,
    /// The first epoch, from 0, after which the test images are looked at.
    from: usize,
    /// Epochs completed.
    epoch: usize,
    /// The step at which the second half begins.
    half: usize,
    noise: NoiseScale,
}

impl<'a> Watch<Drawing<'a>> for Look<'a> {
    fn step(&mut self, step: usize, _: f64, outcome: &StepOutcome) -> Result<(), LargeBatchError> {
        if step >= self.half {
            self.noise.add(outcome);
        }
        Ok(())
    }

    fn epoch(&mut self, replica: &Drawing<'a>) -> Result<Option<(f64, f64)>, LargeBatchError> {
        self.epoch += 1;
        match self.epoch > self.from {
            true => Ok(Some(self.test.score(&*replica.inner.network)?)),
            false => Ok(None),
        }
    }
}

/// Images that come as they are asked for, or are drawn anew with replacement.
struct Drawing<'a> {
    inner: ImageReplica<'a>,
    examples: usize,
    rng: Option<RunRng>,
}

impl Replica for Drawing<'_> {
    fn elements(&self) -> usize {
        self.inner.elements()
    }

    fn gradient(
        &mut self,
        examples: &[usize],
        scale: f32,
        row: &mut Vec<f32>,
    ) -> Result<f64, LargeBatchError> {
        match &mut self.rng {
            None => self.inner.gradient(examples, scale, row),
            Some(rng) => {
                let drawn: Vec<usize> = examples.iter().map(|_| rng.gen_range(0..self.examples)).collect();
                self.inner.gradient(&drawn, scale, row)
            }
        }
    }

    fn apply(&mut self, row: &[f32], lr: f64) -> Result<(), LargeBatchError> {
        self.inner.apply(row, lr)
    }

    fn buffers(&self) -> Vec<f32> {
        self.inner.buffers()
    }

    fn set_buffers(&mut self, row: &[f32]) -> Result<(), LargeBatchError> {
        self.inner.set_buffers(row)
    }

    fn save(&self) -> Result<State, LargeBatchError> {
        self.inner.save()
    }

    fn load(&mut self, state: &State) -> Result<(), LargeBatchError> {
        self.inner.load(state)
    }
}

//! Pre-training on the first N images of a source.

use shared::{
    ops::targets::LabelSets,
    optim::{Decay, Schedule, Warmup},
    train::{epoch_order, fit, FitPlan, Learner, Progress, State, Storage},
};

use crate::{network::Network, source::Source, DataScalingError, Objective};

/// The most images of a set, and of a part: 2²⁷, whose order takes a GiB.
const MOST: u64 = 1 << 27;

/// How long pre-training is: the paper's subsets can be compared at equal iterations or at equal epochs, which differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// So many images whatever N: equal iterations. A small set is seen many times.
    Images(u64),
    /// So many passes over the N images: equal epochs. A small set is trained on shortly.
    Passes(u64),
}

/// How a network is pre-trained.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Pretraining {
    /// N, the images that there are.
    pub images: u64,
    /// How long.
    pub length: Length,
    /// Images a step.
    pub batch: usize,
    /// The rate, which falls to nothing along half a cosine after a short warm-up.
    pub lr: f64,
    /// The loss.
    pub objective: Objective,
    /// Parts of equal length, after each of which the run can be looked at.
    pub parts: usize,
    /// Fixes the order of the images.
    pub seed: u64,
}

impl Default for Pretraining {
    fn default() -> Self {
        Pretraining {
            images: 1_000,
            length: Length::Images(20_000),
            batch: 32,
            lr: 2e-3,
            objective: Objective::Logistic,
            parts: 1,
            seed: 0,
        }
    }
}

impl Pretraining {
    /// Images that are shown in all, a whole number of steps in each part.
    #[must_use]
    pub fn shown(&self) -> u64 {
        self.part().saturating_mul(self.parts as u64)
    }

    /// Steps in all.
    #[must_use]
    pub fn steps(&self) -> usize {
        (self.shown() / self.batch.max(1) as u64) as usize
    }

    fn part(&self) -> u64 {
        let all = match self.length {
            Length::Images(images) => images,
            Length::Passes(passes) => passes.saturating_mul(self.images),
        };
        let step = (self.batch.max(1) * self.parts.max(1)) as u64;
        all.div_ceil(step).max(1).saturating_mul(self.batch.max(1) as u64)
    }

    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// [`DataScalingError::Setting`], [`DataScalingError::Optim`].
    pub fn validate(&self) -> Result<(), DataScalingError> {
        let setting = |field, value: u64, allowed| DataScalingError::Setting {
            field,
            value: value.to_string(),
            allowed,
        };
        if !(1..=MOST).contains(&self.images) {
            return Err(setting("the number of images", self.images, "between 1 and 134,217,728"));
        }
        if !(1..=4_096).contains(&self.batch) {
            return Err(setting("the batch size", self.batch as u64, "between 1 and 4,096"));
        }
        if !(1..=1_000).contains(&self.parts) {
            return Err(setting("the number of parts", self.parts as u64, "between 1 and 1,000"));
        }
        let (Length::Images(length) | Length::Passes(length)) = self.length;
        if length == 0 || self.part() > MOST {
            let allowed =
                "at least 1, and at most 134,217,728 images a part; for longer runs give more parts";
            return Err(setting("the length of pre-training", length, allowed));
        }
        Ok(self.schedule().validate()?)
    }

    fn schedule(&self) -> Schedule {
        let steps = self.steps().max(1);
        Schedule {
            base_lr: self.lr,
            decay: Decay::Cosine { steps, floor: 0.0 },
            warmup: Warmup::Linear { steps: (steps / 20).max(1), from: 0.1 },
        }
    }
}

/// Looks at a network after a part of its training: the part, from 1, and the network.
pub type Look<'a> = &'a mut dyn FnMut(usize, &dyn Network) -> Result<(), DataScalingError>;

/// Pre-trains a network; gives back the mean loss of each part. With `storage` a run that was killed goes on where it was, to
/// the same bits.
///
/// # Errors
/// [`DataScalingError`], [`DataScalingError::Training`] for a loss that is no number.
pub fn pretrain(
    network: &mut dyn Network,
    source: &dyn Source,
    plan: &Pretraining,
    storage: Option<Storage>,
    look: Look<'_>,
) -> Result<Vec<f64>, DataScalingError> {
    plan.validate()?;
    if source.len().is_some_and(|len| len < plan.images) {
        let (field, value) = ("the number of images", plan.images.to_string());
        return Err(DataScalingError::Setting { field, value, allowed: "at most what the source has" });
    }
    let mut run = Run {
        network,
        source,
        plan,
        schedule: plan.schedule(),
        seen: 0,
        order: (u64::MAX, Vec::new()),
        pixels: Vec::new(),
        look,
        part: 0,
    };
    let fit_plan = FitPlan {
        epochs: plan.parts,
        batch_size: plan.batch,
        seed: plan.seed,
        storage,
        ..FitPlan::default()
    };
    let mut losses = Vec::new();
    let mut tell = |told: Progress<'_>| {
        if let Progress::Epoch(record) = told {
            losses.push(record.train_loss);
        }
    };
    fit(&mut run, plan.part() as usize, &fit_plan, &mut tell)?;
    Ok(losses)
}

struct Run<'a> {
    network: &'a mut dyn Network,
    source: &'a dyn Source,
    plan: &'a Pretraining,
    schedule: Schedule,
    /// Images shown.
    seen: u64,
    /// A pass over the images, and its order.
    order: (u64, Vec<usize>),
    pixels: Vec<f32>,
    look: Look<'a>,
    /// Parts that are done.
    part: usize,
}

impl Run<'_> {
    /// The image to be shown next.
    fn next(&mut self) -> u64 {
        let (pass, at) = (self.seen / self.plan.images, self.seen % self.plan.images);
        if self.order.0 != pass {
            self.order = (pass, epoch_order(self.plan.images as usize, self.plan.seed, pass as usize));
        }
        self.seen += 1;
        self.order.1[at as usize] as u64
    }
}

impl Learner for Run<'_> {
    type Error = DataScalingError;

    /// The loop says how many images a step has; which they are follows from how many were shown, so that passes need not end
    /// where parts do.
    fn step(&mut self, examples: &[usize]) -> Result<f64, DataScalingError> {
        let image = self.source.image_len();
        let mut pixels = std::mem::take(&mut self.pixels);
        pixels.resize(examples.len() * image, 0.0);
        let mut sets: Vec<Vec<usize>> = Vec::with_capacity(examples.len());
        let mut labels = Vec::new();
        self.network.set_lr(self.schedule.lr((self.seen / self.plan.batch as u64) as usize))?;
        for out in pixels.chunks_exact_mut(image) {
            let index = self.next();
            self.source.write(index, out, &mut labels)?;
            sets.push(labels.iter().map(|label| *label as usize).collect());
        }
        let loss =
            self.network.step(&pixels, &LabelSets::new(sets, self.source.labels())?, self.plan.objective);
        self.pixels = pixels;
        loss
    }

    fn validate(&mut self) -> Result<Option<(f64, f64)>, DataScalingError> {
        self.part += 1;
        (self.look)(self.part, self.network)?;
        Ok(None)
    }

    fn save(&self) -> Result<State, DataScalingError> {
        let mut state = self.network.save()?;
        state.put("seen", &self.seen)?;
        state.put("part", &self.part)?;
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<(), DataScalingError> {
        let (seen, part) = (state.get("seen")?, state.get("part")?);
        self.network.load(state)?;
        (self.seen, self.part) = (seen, part);
        Ok(())
    }
}

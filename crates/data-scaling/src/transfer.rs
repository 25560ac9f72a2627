//! What features are worth: a task with few labelled images, on frozen features and with fine-tuning (section 4.2).

use shared::{
    ops::targets::LabelSets,
    optim::{AdamConfig, Decay, Momentum, OptimizerConfig, Schedule, SgdConfig},
    train::epoch_order,
};

use crate::{
    network::Network,
    source::{Labelled, Task},
    DataScalingError, Objective,
};

/// Images whose features or scores are worked out at a time.
const AT_ONCE: usize = 256;

/// How a task is learnt.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Transferring {
    /// Steps of the last layer on frozen features, all images a step.
    pub frozen_steps: usize,
    /// The rate of those, for Adam.
    pub frozen_lr: f64,
    /// Passes of fine-tuning.
    pub tuned_passes: usize,
    /// Images a step of fine-tuning.
    pub batch: usize,
    /// The rate of fine-tuning, for SGD with Nesterov momentum 0.9.
    pub tuned_lr: f64,
    /// Fixes the last layer and the order of images.
    pub seed: u64,
}

impl Default for Transferring {
    fn default() -> Self {
        Transferring {
            frozen_steps: 200,
            frozen_lr: 0.02,
            tuned_passes: 12,
            batch: 32,
            tuned_lr: 0.02,
            seed: 0,
        }
    }
}

impl Transferring {
    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// [`DataScalingError::Setting`], [`DataScalingError::Optim`].
    pub fn validate(&self) -> Result<(), DataScalingError> {
        if !(1..=4_096).contains(&self.batch) {
            let (field, value) = ("the batch of fine-tuning", self.batch.to_string());
            return Err(DataScalingError::Setting { field, value, allowed: "between 1 and 4,096" });
        }
        Schedule::constant(self.frozen_lr).validate()?;
        Ok(Schedule::constant(self.tuned_lr).validate()?)
    }
}

/// The accuracy on the test images of a task, of a last layer on frozen features. Everything else stays as it is, running
/// statistics included. Features are shifted and scaled to mean 0 and deviation 1 over the training images.
///
/// # Errors
/// [`DataScalingError`].
pub fn frozen(network: &dyn Network, task: &Task, plan: &Transferring) -> Result<f64, DataScalingError> {
    plan.validate()?;
    let width = network.feature_len();
    let mut train = features(network, &task.train)?;
    let mut test = features(network, &task.test)?;
    standardise(width, &mut train, &mut test);
    let adam = OptimizerConfig::Adam(AdamConfig { lr: plan.frozen_lr, ..AdamConfig::default() });
    let mut head = network.frozen_head(task.classes, adam, plan.seed)?;
    let schedule = decaying(plan.frozen_lr, plan.frozen_steps);
    let labels = one_each(&task.train.classes, task.classes)?;
    for step in 0..plan.frozen_steps {
        head.set_lr(schedule.lr(step))?;
        head.step(&train, &labels, Objective::Softmax)?;
    }
    accuracy(&*head, &test, width, &task.test.classes)
}

/// The accuracy on the test images of a task, of a copy of the network that is trained on it whole, with a fresh last layer.
///
/// # Errors
/// [`DataScalingError`].
pub fn fine_tuned(network: &dyn Network, task: &Task, plan: &Transferring) -> Result<f64, DataScalingError> {
    plan.validate()?;
    let sgd = SgdConfig { lr: plan.tuned_lr, momentum: Momentum::Nesterov(0.9), ..SgdConfig::default() };
    let mut net = network.for_task(task.classes, OptimizerConfig::Sgd(sgd), plan.seed)?;
    let (image, examples) = (net.image_len(), task.train.classes.len());
    let schedule = decaying(plan.tuned_lr, examples.div_ceil(plan.batch) * plan.tuned_passes);
    let (mut step, mut pixels) = (0, Vec::new());
    for pass in 0..plan.tuned_passes {
        for batch in epoch_order(examples, plan.seed, pass).chunks(plan.batch) {
            pixels.clear();
            for at in batch {
                pixels.extend_from_slice(&task.train.pixels[at * image..(at + 1) * image]);
            }
            let classes: Vec<usize> = batch.iter().map(|at| task.train.classes[*at]).collect();
            net.set_lr(schedule.lr(step))?;
            net.step(&pixels, &one_each(&classes, task.classes)?, Objective::Softmax)?;
            step += 1;
        }
    }
    accuracy(&*net, &task.test.pixels, image, &task.test.classes)
}

fn decaying(lr: f64, steps: usize) -> Schedule {
    Schedule { decay: Decay::Cosine { steps: steps.max(1), floor: 0.0 }, ..Schedule::constant(lr) }
}

fn one_each(classes: &[usize], count: usize) -> Result<LabelSets, DataScalingError> {
    Ok(LabelSets::new(classes.iter().map(|class| [*class]), count)?)
}

fn features(network: &dyn Network, images: &Labelled) -> Result<Vec<f32>, DataScalingError> {
    let mut all = Vec::new();
    for chunk in images.pixels.chunks(AT_ONCE * network.image_len()) {
        all.extend(network.features(chunk)?);
    }
    Ok(all)
}

/// Shifts and scales every feature by its mean and deviation over the training rows.
fn standardise(width: usize, train: &mut [f32], test: &mut [f32]) {
    let rows = (train.len() / width.max(1)).max(1) as f64;
    for at in 0..width {
        let column = || train.iter().skip(at).step_by(width).map(|v| f64::from(*v));
        let mean = column().sum::<f64>() / rows;
        let variance = column().map(|v| (v - mean).powi(2)).sum::<f64>() / rows;
        let scale = 1.0 / variance.sqrt().max(1e-6);
        for values in [&mut *train, &mut *test] {
            values
                .iter_mut()
                .skip(at)
                .step_by(width)
                .for_each(|v| *v = ((f64::from(*v) - mean) * scale) as f32);
        }
    }
}

/// The share of images whose highest score is that of their class, the first where several are.
fn accuracy(
    network: &dyn Network,
    pixels: &[f32],
    image: usize,
    classes: &[usize],
) -> Result<f64, DataScalingError> {
    let outputs = network.outputs();
    let mut right = 0;
    for (pixels, classes) in pixels.chunks(AT_ONCE * image).zip(classes.chunks(AT_ONCE)) {
        let scores = network.scores(pixels)?;
        for (row, class) in scores.chunks_exact(outputs).zip(classes) {
            let best = row
                .iter()
                .enumerate()
                .fold(0, |best, (at, score)| if *score > row[best] { at } else { best });
            right += usize::from(best == *class);
        }
    }
    Ok(right as f64 / classes.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_end_with_mean_0_and_deviation_1_over_the_training_rows() {
        let (mut train, mut test) = (vec![1.0, 5.0, 3.0, 5.0], vec![2.0, 6.0]);
        standardise(2, &mut train, &mut test);
        assert_eq!(train, [-1.0, 0.0, 1.0, 0.0]);
        assert_eq!(test[0], 0.0);
    }
}

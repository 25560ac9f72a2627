//! `bench`: a pre-training step with the paper's number of labels, its loss alone, and the drawing of scenes.

use datasets::synthetic::{scenes, SceneConfig, Scenes};
use rand::Rng;
use shared::{
    cli::{BenchOptions, BenchResult, CliError, Workload},
    device::{Backend, DeviceTask},
    dfdx::prelude::*,
    ops::{
        logistic::{multi_label_logistic_loss, LabelReduction},
        targets::LabelSets,
    },
    optim::{AdamConfig, OptimizerConfig},
    train::RunRng,
};

use crate::{conv_network, error::compute, ConvOptions, DataScalingError, Objective, Width, SHAPE};

/// The paper's labels and its batch of a worker.
const LABELS: usize = 18_291;
const BATCH: usize = 32;

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "data-scaling-step",
        about: "one pre-training step on 32 random images of 3x32x32 with 18,291 labels",
        run: step,
    },
    Workload {
        name: "data-scaling-loss",
        about: "the logistic loss of 32 x 18,291 scores, forward and backward",
        run: loss,
    },
    Workload {
        name: "data-scaling-scenes",
        about: "32 scenes of 1 to 3 objects, drawn on one thread",
        run: draw,
    },
];

/// A few labels an image.
fn label_sets(rng: &mut RunRng) -> Result<LabelSets, DataScalingError> {
    let row = |rng: &mut RunRng| -> Vec<usize> { (0..5).map(|_| rng.gen_range(0..LABELS)).collect() };
    Ok(LabelSets::new((0..BATCH).map(|_| row(rng)).collect::<Vec<_>>(), LABELS)?)
}

fn step(options: &BenchOptions) -> Result<BenchResult, CliError> {
    let mut rng = RunRng::new(options.seed, 1);
    let pixels: Vec<f32> = (0..BATCH * SHAPE.pixels()).map(|_| rng.gen_range(-1.0..1.0)).collect();
    let labels = label_sets(&mut rng)?;
    let adam = OptimizerConfig::Adam(AdamConfig::default());
    let net = ConvOptions {
        width: Width::Whole,
        outputs: LABELS,
        prior: None,
        optimizer: adam,
        seed: options.seed,
    };
    let mut network = conv_network(options.device, &net)?;
    let result = BenchResult::measure("data-scaling-step", BATCH, options.steps, options.warmup, || {
        network.step(&pixels, &labels, Objective::Logistic).map(|_| ())
    })?;
    Ok(BenchResult { threads: options.threads, ..result })
}

struct Loss<'a> {
    options: &'a BenchOptions,
}

impl DeviceTask for Loss<'_> {
    type Output = Result<BenchResult, CliError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        let mut rng = RunRng::new(self.options.seed, 1);
        let labels = label_sets(&mut rng)?;
        let values: Vec<f32> = (0..BATCH * LABELS).map(|_| rng.gen_range(-6.0..2.0)).collect();
        let scores = device.try_tensor_from_vec(values, (BATCH, LABELS)).map_err(compute)?;
        let (steps, warmup) = (self.options.steps, self.options.warmup);
        Ok(BenchResult::measure("data-scaling-loss", BATCH, steps, warmup, || {
            let loss = multi_label_logistic_loss(scores.clone().leaky_traced(), &labels, LabelReduction::Sum);
            loss.and_then(|loss| loss.try_backward()).map(|_| ()).map_err(compute)
        })?)
    }
}

fn loss(options: &BenchOptions) -> Result<BenchResult, CliError> {
    let result = options.device.launch(options.seed, Loss { options })??;
    Ok(BenchResult { threads: options.threads, ..result })
}

fn draw(options: &BenchOptions) -> Result<BenchResult, CliError> {
    let scenes = scenes(&SceneConfig::default(), options.seed)?;
    let (mut pixels, mut labels, mut index) = (vec![0; Scenes::SHAPE.pixels()], Vec::new(), 0);
    let result = BenchResult::measure("data-scaling-scenes", BATCH, options.steps, options.warmup, || {
        for _ in 0..BATCH {
            scenes.write(index, &mut pixels, &mut labels)?;
            index += 1;
        }
        Ok::<(), datasets::DatasetError>(())
    })?;
    Ok(BenchResult { threads: 1, ..result })
}

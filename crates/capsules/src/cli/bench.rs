//! `bench`: a training step of the paper's network on random images.

use rand::Rng;
use shared::{
    cli::{BenchOptions, BenchResult, CliError, Workload},
    train::RunRng,
};

use crate::{
    data::{Batch, Layout},
    network::build,
    CapsError, Config,
};

pub(super) const WORKLOADS: &[Workload] = &[Workload {
    name: "capsules",
    about: "one step of the paper's CapsNet with its decoder, 32 images of 28 x 28, Adam",
    run: capsules,
}];

const BATCH: usize = 32;
const SIDE: usize = 28;

fn capsules(options: &BenchOptions) -> Result<BenchResult, CliError> {
    let config = Config { seed: options.seed, ..Config::default() }.validate()?;
    let mut network = build(options.device, &config, SIDE)?;
    let mut rng = RunRng::new(options.seed, 1);
    let images = (0..BATCH * SIDE * SIDE).map(|_| rng.r#gen()).collect();
    let labels: Vec<usize> = (0..BATCH).map(|_| rng.gen_range(0..10)).collect();
    let present =
        labels.iter().flat_map(|label| (0..10).map(move |k| f32::from(u8::from(k == *label)))).collect();
    let layout = Layout { channels: 1, side: SIDE, classes: 10, digits: 1 };
    let batch = Batch { layout, images, present, labels, sources: None };
    let result = BenchResult::measure("capsules", BATCH, options.steps, options.warmup, || {
        network.step(&batch)?;
        Ok::<(), CapsError>(())
    })?;
    Ok(result)
}

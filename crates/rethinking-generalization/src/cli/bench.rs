//! `bench`: a training step on a corrupted view, the view included.

use shared::{
    cli::{BenchOptions, BenchResult, CliError, Workload},
    ops::targets::Targets,
    zoo::ZooModel,
};

use crate::{experiment::Lab, Config, Corrupted, Corruption, Examples, LabError, Part};

pub(super) const WORKLOADS: &[Workload] = &[Workload {
    name: "rethinking-generalization",
    about: "one step of the MLP 1x512 on 128 images, each with a permutation of its own; the view included",
    run: random_pixels,
}];

const BATCH: usize = 128;

fn random_pixels(options: &BenchOptions) -> Result<BenchResult, CliError> {
    let config = Config { seed: options.seed, ..Config::new(ZooModel::Mlp1) };
    let mut network = config.build(options.device)?;
    let sets =
        datasets::image_sets::load_from(&datasets::Folder::default(), datasets::image_sets::SYNTHETIC)?;
    let (train, _) = Lab::new(sets, &shared::claims::Context::quiet(true)).views(&config)?;
    let view = Corrupted::new(&train, Corruption::RandomPixels, Part::Train, options.seed)?;
    let mut first = 0;
    let result =
        BenchResult::measure("rethinking-generalization", BATCH, options.steps, options.warmup, || {
            let members: Vec<usize> = (first..first + BATCH).map(|at| at % view.len()).collect();
            first += BATCH;
            let (inputs, labels) = view.batch(&members, Some(0))?;
            network.step(&inputs, &Targets::new(labels, view.classes())?)?;
            Ok::<(), LabError>(())
        })?;
    Ok(result)
}

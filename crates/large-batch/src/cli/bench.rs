//! `bench`: a data-parallel step, and an all-reduce.

use rand::Rng;
use shared::{
    cli::{BenchOptions, BenchResult, CliError, Workload},
    device::DeviceKind,
    optim::OptimizerConfig,
    train::RunRng,
    zoo::{LabelledImages, ZooModel, ZooOptions},
};

use crate::{
    collective::{run_ranks, Algorithm, Collective, Options},
    DataParallel, ImageReplica, LargeBatchError, Reduction, Replica,
};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "large-batch-resnet20",
        about: "one step of ResNet-20 on 2 ranks with 64 random images of 3x32x32 each",
        run: |options| ddp(options),
    },
    Workload {
        name: "large-batch-allreduce-2",
        about: "an all-reduce of 25 million floats on 2 ranks",
        run: |options| all_reduce("large-batch-allreduce-2", 2, options),
    },
    Workload {
        name: "large-batch-allreduce-4",
        about: "an all-reduce of 25 million floats on 4 ranks",
        run: |options| all_reduce("large-batch-allreduce-4", 4, options),
    },
];

/// Times `step` on rank 0, while the others do as many.
fn on_ranks<S: FnMut(&mut dyn Collective) -> Result<(), LargeBatchError>>(
    name: &str,
    ranks: usize,
    batch: usize,
    options: &BenchOptions,
    begin: impl Fn() -> Result<S, LargeBatchError> + Sync,
) -> Result<BenchResult, CliError> {
    let mut results =
        run_ranks(ranks, Options { algorithm: Algorithm::Ordered, ..Options::default() }, |group| {
            let mut step = begin()?;
            BenchResult::measure(name, batch, options.steps, options.warmup, || step(group))
        })?;
    let result = results.swap_remove(0);
    Ok(BenchResult { threads: options.threads, ..result }.extra("ranks", ranks))
}

const PER_WORKER: usize = 64;

fn ddp(options: &BenchOptions) -> Result<BenchResult, CliError> {
    const RANKS: usize = 2;
    let mut rng = RunRng::new(options.seed, 1);
    let pixels: Vec<f32> = (0..RANKS * PER_WORKER * 3 * 32 * 32).map(|_| rng.gen_range(-1.0..1.0)).collect();
    let labels: Vec<usize> = (0..RANKS * PER_WORKER).map(|_| rng.gen_range(0..10)).collect();
    let (pixels, labels, device, seed) = (&pixels, &labels, options.device, options.seed);
    let result = on_ranks("large-batch-resnet20", RANKS, RANKS * PER_WORKER, options, || {
        let images = LabelledImages { pixels, labels };
        let mut parallel = DataParallel::new(replica(images, device, seed)?, PER_WORKER, Reduction::Ordered)?;
        let minibatch: Vec<usize> = (0..labels.len()).collect();
        Ok(move |group: &mut dyn Collective| parallel.step(group, &minibatch, 0.1).map(|_| ()))
    })?;
    // what could at most be hidden behind the backward pass
    let floats = replica(LabelledImages { pixels, labels }, device, seed)?.elements();
    let sums = on_ranks("its all-reduce", RANKS, floats, options, || {
        let mut values = vec![1.0f32; floats];
        Ok(move |group: &mut dyn Collective| Ok(group.all_reduce(&mut values)?))
    })?;
    Ok(result.extra("all_reduce_ms", sums.ms_per_step))
}

fn replica(
    images: LabelledImages<'_>,
    device: DeviceKind,
    seed: u64,
) -> Result<ImageReplica<'_>, LargeBatchError> {
    let build =
        |config| ZooModel::Resnet20.build(device, &ZooOptions::new(OptimizerConfig::Sgd(config), seed));
    let outline = build(shared::optim::SgdConfig::default())?.parameters();
    Ok(ImageReplica { network: build(crate::sgd(&outline))?, images })
}

fn all_reduce(name: &str, ranks: usize, options: &BenchOptions) -> Result<BenchResult, CliError> {
    const FLOATS: usize = 25_000_000;
    on_ranks(name, ranks, FLOATS, options, || {
        let mut values = vec![1.0f32; FLOATS];
        Ok(move |group: &mut dyn Collective| Ok(group.all_reduce(&mut values)?))
    })
}

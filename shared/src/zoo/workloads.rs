//! The training steps that are timed against other libraries'.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{ZooModel, ZooOptions};
use crate::{
    cli::{BenchOptions, BenchResult, CliError, Workload},
    ops::targets::Targets,
    optim::{HeavyBallForm, Momentum, OptimizerConfig, SgdConfig, WeightDecay},
    train::RunRng,
};

/// One step of the zoo's models on random images: SGD with rate 0.1, momentum 0.9 and weight decay 1e-4.
///
/// Of the programs that train these models, `bench --workload NAME` knows them.
pub const ZOO_WORKLOADS: &[Workload] = &[
    Workload {
        name: "resnet20",
        about: "one SGD step of ResNet-20 on 128 random images of 3x32x32",
        run: |options| step("resnet20", ZooModel::Resnet20, 128, options),
    },
    Workload {
        name: "rethinking-inception",
        about: "one SGD step of the small Inception on 64 random images of 3x28x28",
        run: |options| step("rethinking-inception", ZooModel::Inception, 64, options),
    },
    Workload {
        name: "rethinking-mlp",
        about: "one SGD step of the MLP 3x512 on 128 random images of 3x28x28",
        run: |options| step("rethinking-mlp", ZooModel::Mlp3, 128, options),
    },
];

fn step(name: &str, model: ZooModel, batch: usize, options: &BenchOptions) -> Result<BenchResult, CliError> {
    let sgd = SgdConfig {
        lr: 0.1,
        momentum: Momentum::HeavyBall { mu: 0.9, form: HeavyBallForm::RateOutside },
        weight_decay: WeightDecay::L2(1e-4),
        ..SgdConfig::default()
    };
    let mut network =
        model.build(options.device, &ZooOptions::new(OptimizerConfig::Sgd(sgd), options.seed))?;
    let mut rng = RunRng::new(options.seed, 1);
    let (values, classes) = (batch * network.image_len(), network.classes());
    let images: Vec<f32> = (0..values).map(|_| StandardNormal.sample(&mut rng)).collect();
    let targets = Targets::new((0..batch).map(|_| rng.gen_range(0..classes)).collect(), classes)?;
    Ok(BenchResult::measure(name, batch, options.steps, options.warmup, || {
        network.step(&images, &targets).map(|_| ())
    })?)
}

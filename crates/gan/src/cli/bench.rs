//! `bench`: a turn of both players on the networks of the peers.

use rand::Rng;
use shared::{
    cli::{BenchOptions, BenchResult, CliError, Workload},
    train::RunRng,
};

use crate::{Batch, GanError, Networks, Recipe};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "gan",
        about: "one step of each player of DCGAN, 64 images of 28 x 28, Adam",
        run: |options| turn(options, "gan", Networks::Dcgan28, &Recipe::default(), 64),
    },
    Workload {
        name: "gan-toy",
        about: "one step of each player of the fully connected game, 128 points of the plane, Adam",
        run: |options| turn(options, "gan-toy", Networks::Toy, &Recipe::default(), 128),
    },
];

fn turn(
    options: &BenchOptions,
    name: &str,
    networks: Networks,
    recipe: &Recipe,
    batch: usize,
) -> Result<BenchResult, CliError> {
    let mut game = networks.game(options.device, recipe, options.seed)?;
    let mut rng = RunRng::new(options.seed, 1);
    let values: Vec<f32> = (0..batch * networks.width()).map(|_| rng.gen_range(-1.0..=1.0)).collect();
    let result = BenchResult::measure(name, batch, options.steps, options.warmup, || {
        game.turn(&[Batch { values: &values, labels: &[] }])?;
        Ok::<(), GanError>(())
    })?;
    Ok(result)
}

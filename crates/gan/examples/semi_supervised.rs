//! MNIST with 100 labels: a classifier alone, and the same one in a game with a generator.
//!
//! `EIGHTFOLD_DATA=<folder with mnist/> cargo run --release -p gan --example semi_supervised [SEED] [STEPS]`

#![allow(clippy::print_stdout)]

use std::{error::Error, path::PathBuf};

use datasets::{idx, images::ImageSet};
use gan::{
    applications::{
        choose_labelled, Classifier, Labelled, NoisyMlp, NormGenerator, SemiConfig, SemiSupervised, SemiTold,
    },
    Plan,
};
use rand::RngCore;
use shared::{
    dfdx::prelude::*,
    nn::{
        init::he_normal,
        state::{load_state_dict, state_dict},
    },
    train::RunRng,
};

type Net = Classifier<NoisyMlp<f32, Cpu>, f32, Cpu, 250, 10>;

fn pixels(set: &ImageSet) -> (Vec<f32>, Vec<usize>) {
    let values = set.pixels().iter().map(|p| f32::from(*p) / 255.0).collect();
    (values, set.labels().iter().map(|l| usize::from(*l)).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|a| a.parse::<usize>());
    let seed = numbers.next().transpose()?.unwrap_or(0) as u64;
    let steps = numbers.next().transpose()?.unwrap_or(4800);
    let Some(folder) = std::env::var_os("EIGHTFOLD_DATA").map(PathBuf::from) else {
        println!("skipped: EIGHTFOLD_DATA names no folder with mnist in it");
        return Ok(());
    };
    let data = idx::load(&folder, "mnist")?;
    let ((train, classes), (test, test_classes)) = (pixels(&data.train), pixels(&data.test));
    let chosen = choose_labelled(&classes, 10, seed);
    let values: Vec<f32> = chosen.iter().flat_map(|i| &train[i * 784..(i + 1) * 784]).copied().collect();
    let labels: Vec<usize> = chosen.iter().map(|i| classes[*i]).collect();

    for (name, unsupervised, steps) in [("labels alone", 0.0, steps / 3), ("with a generator", 1.0, steps)] {
        let device = Cpu::seed_from_u64(seed);
        let mut net: Net = BuildModule::try_build(&device)?;
        let weights = he_normal(state_dict(&net), &mut RunRng::new(seed, 30));
        load_state_dict(&mut net, &weights)?;
        let generator: NormGenerator<f32, Cpu> = BuildModule::try_build(&device)?;
        let config = SemiConfig { unsupervised, anneal: steps, ..SemiConfig::default() };
        let mut game =
            SemiSupervised::new((generator, net), device, &config, RunRng::new(seed, 31).next_u64())?;
        let start = std::time::Instant::now();
        let plan = Plan { steps, batch: 50, seed, ..Plan::default() };
        game.train(Labelled { values: &values, labels: &labels }, &train, &plan, &mut |told| {
            if let SemiTold::Step(step, report) = told
                && step % 2000 == 0
            {
                println!("{name}, step {step}: {report:?}");
            }
        })?;
        let error = 100.0 * game.error_rate(&test, &test_classes)?;
        println!(
            "seed {seed}, {name}: {error:.2} % of the test images wrong, {:.0} s",
            start.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

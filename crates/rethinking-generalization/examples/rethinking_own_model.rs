//! Does a network of your own memorize? `cargo run --release -p rethinking-generalization --example rethinking_own_model`
#![allow(clippy::print_stdout)]

use rethinking_generalization::{randomization_test, Corruption, LabError, Plan, Table};
use shared::dfdx::{nn::builders::Linear, prelude::*};
use shared::optim::{HeavyBallForm, Momentum, OptimizerConfig, SgdConfig};
use shared::zoo::Stock;

type Mlp = (Linear<20, 256>, ReLU, Linear<256, 2>); // stock dfdx, nothing of ours in it

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (train, test) = (rings(0..600)?, rings(600..1200)?);
    let momentum = Momentum::HeavyBall { mu: 0.9, form: HeavyBallForm::RateOutside };
    for corruption in Corruption::FIGURE_1A {
        let dev = Cpu::seed_from_u64(1);
        let sgd = OptimizerConfig::Sgd(SgdConfig { momentum, ..SgdConfig::default() });
        let model = dev.build_module::<Mlp, f32>();
        let mut network = Stock::<_, (usize, Const<20>), 2, _>::new(model, dev, sgd)?;
        let plan = Plan { epochs: 400, batch_size: 32, ..Plan::paper(0.05) };
        let trial = randomization_test(&mut network, (&train, &test), corruption, &plan, &mut |_| {})?;
        let (fit, kept) = (100.0 * trial.train_accuracy, 100.0 * trial.test_accuracy);
        println!(
            "{:<16} {:>5} steps, {fit:5.1} % fitted, test {kept:4.1} %",
            corruption.title(),
            trial.steps()
        );
    }
    Ok(())
}

/// Points inside and outside of a sphere in 20 dimensions.
fn rings(points: std::ops::Range<u32>) -> Result<Table, LabError> {
    let value = |i: u32| (f64::from(i) * 12.9898).sin() * 43758.5453;
    let rows: Vec<f32> =
        points.flat_map(|p| (0..20).map(move |k| (value(20 * p + k).fract()) as f32)).collect();
    let labels =
        rows.chunks(20).map(|row| usize::from(row.iter().map(|x| x * x).sum::<f32>() > 6.67)).collect();
    Table::new(rows, labels, 2)
}

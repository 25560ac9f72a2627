//! What routing does to one image: coupling coefficients pass by pass, how peaked they are, and how long the class
//! capsules grow. `cargo run --release -p capsules --example look`
#![allow(clippy::print_stdout)]

use std::path::Path;

use capsules::{
    data::{load, Digits, Limits, Source, View, SYNTHETIC},
    margin_loss,
    presets::Tiny28,
    CapsModel, Margin,
};
use shared::{
    dfdx::prelude::*,
    ops::routing::{Routing, RoutingSizes, RoutingTrace},
    optim::{Adam, AdamConfig},
};

type Net = Tiny28<f32, Cpu>;
const BATCH: usize = 20;
const STEPS: usize = 40;
const PASSES: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limits = Limits { train: Some(BATCH * STEPS), test: Some(1), ..Limits::default() };
    let sets = load(SYNTHETIC, Path::new("data"), limits)?;
    let (train, test) = (Digits::new(sets.train, 2, 0)?, Digits::new(sets.test, 0, 0)?);
    let net = trained(&train)?;

    let sizes = <Net as CapsModel<Cpu>>::SIZES;
    let batch = test.batch(&[0], View::Fixed)?;
    let image = Cpu::default().try_tensor_from_vec(batch.images.clone(), (1, 1, 28, 28))?;
    let children = net.primary_capsules(image, NoneTape, 1.0)?.as_vec();
    let (weight, bias) = net.routing_weights();
    let of = RoutingSizes {
        batch: 1,
        children: sizes.children,
        length: sizes.length,
        parents: sizes.classes,
        width: sizes.width,
    };
    let routing = Routing { iterations: PASSES, ..Routing::default() };
    let trace = RoutingTrace::of(&of, &children, &weight, bias.as_deref(), routing);

    println!("a {}: {} capsules routed to {}", batch.labels[0], sizes.children, sizes.classes);
    println!("pass  entropy   change  share of each class's capsule, and its length below");
    for pass in 0..PASSES {
        let coupling = &trace.couplings[pass];
        // how much of all children goes to each class
        let share = |class: usize| {
            coupling.iter().skip(class).step_by(sizes.classes).sum::<f64>() / sizes.children as f64
        };
        let shares: Vec<f64> = (0..sizes.classes).map(share).collect();
        let lengths = trace.capsules[pass].chunks_exact(sizes.width);
        let lengths: Vec<f64> = lengths.map(|v| v.iter().map(|v| v * v).sum::<f64>().sqrt()).collect();
        // in bits; log2 10 where nothing is chosen
        let entropy = -coupling.iter().map(|c| c * c.log2()).sum::<f64>() / sizes.children as f64;
        println!("{:>4}  {entropy:7.4}  {:7.4}  {}", pass + 1, trace.changes[pass], row(&shares));
        println!("{:24}{}", "", row(&lengths));
        assert!(entropy <= 10f64.log2() + 1e-9 && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
    Ok(())
}

fn row(values: &[f64]) -> String {
    values.iter().map(|value| format!(" {value:.3}")).collect()
}

/// A network that has seen a few hundred digits.
fn trained(train: &Digits) -> Result<Net, Box<dyn std::error::Error>> {
    let dev = Cpu::seed_from_u64(0);
    let mut net: Net = BuildModule::try_build(&dev)?;
    let mut adam = Adam::new(AdamConfig { lr: 2e-3, ..AdamConfig::default() })?;
    let mut grads = net.try_alloc_grads()?;
    for step in 0..STEPS {
        let members: Vec<usize> = (step * BATCH..(step + 1) * BATCH).collect();
        let batch = train.batch(&members, View::Epoch(0))?;
        let images = dev.try_tensor_from_vec(batch.images, (BATCH, Const::<1>, Const, Const))?;
        let targets = dev.try_tensor_from_vec(batch.present, (BATCH, Const::<10>))?;
        let v = net.forward(images.traced(grads), Routing::default())?;
        let loss = margin_loss(v, targets, Margin::default())?;
        grads = loss.try_backward()?;
        adam.step(&mut net, &mut grads)?;
    }
    Ok(net)
}

//! The paper's network at sizes of your own, with a training loop of your own: margin loss, decoder, Adam.
//! `cargo run --release -p capsules --example own_sizes`
#![allow(clippy::print_stdout)]

use std::path::Path;

use capsules::{
    data::{load, Digits, Limits, Source, View, SYNTHETIC},
    margin_loss, reconstruction_loss, CapsModel, Margin, RECONSTRUCTION,
};
use shared::{
    dfdx::prelude::*,
    nn::state::{load_model, parameter_count, save_model},
    ops::routing::Routing,
    optim::{Adam, AdamConfig},
};

capsules::caps_net! {
    /// A CapsNet that learns in seconds.
    struct Pocket {
        image: 1 x 28,
        conv1: 12,
        primary: 3 of 8,
        classes: 10 of 8,
        decoder: 32, 64,
        layer: DigitCaps,
    }
}

type Net = Pocket<f32, Cpu>;
const BATCH: usize = 20;
const PIXELS: usize = 28 * 28;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limits = Limits { train: Some(400), test: Some(100), ..Limits::default() };
    let sets = load(SYNTHETIC, Path::new("data"), limits)?;
    let (train, test) = (Digits::new(sets.train, 2, 0)?, Digits::new(sets.test, 0, 0)?);

    let dev = Cpu::seed_from_u64(0);
    let mut net: Net = BuildModule::try_build(&dev)?;
    println!("{} weights, {} first capsules", parameter_count(&net), <Net as CapsModel<Cpu>>::SIZES.children);
    let mut adam = Adam::new(AdamConfig { lr: 3e-3, ..AdamConfig::default() })?;
    let mut grads = net.try_alloc_grads()?;
    let mut means = Vec::new();
    for epoch in 0..3 {
        let mut total = 0.0;
        for first in (0..train.len()).step_by(BATCH) {
            let members: Vec<usize> = (first..first + BATCH).collect();
            let batch = train.batch(&members, View::Epoch(epoch))?;
            let images = dev.try_tensor_from_vec(batch.images.clone(), (BATCH, Const::<1>, Const, Const))?;
            let targets = dev.try_tensor_from_vec(batch.present.clone(), (BATCH, Const::<10>))?;
            let wanted = dev.try_tensor_from_vec(batch.images, (BATCH, Const::<PIXELS>))?;

            let v = net.forward(images.traced(grads), Routing::default())?;
            let margin = margin_loss(v.with_empty_tape(), targets.clone(), Margin::default())?;
            // all capsules but the label's are zero
            let mask = targets.try_broadcast_like::<_, Axis<2>>(&(BATCH, Const::<10>, Const::<8>))?;
            let masked = v.try_mul(mask)?.try_reshape_like(&(BATCH, Const::<80>))?;
            let decoded = net.decoder.forward(masked)?;
            let loss = reconstruction_loss(decoded, wanted, RECONSTRUCTION)?.try_add(margin)?;
            total += loss.array() * BATCH as f32 / train.len() as f32;
            grads = loss.try_backward()?;
            adam.step(&mut net, &mut grads)?;
        }
        println!("epoch {}: loss {total:.4}", epoch + 1);
        means.push(total);
    }
    assert!(means[2] < 0.8 * means[0], "the loss did not fall: {means:?}");

    // a file with PyTorch's names, and back
    let file = std::env::temp_dir().join(format!("capsules-own-sizes-{}.safetensors", std::process::id()));
    save_model(&file, &net)?;
    let mut again: Net = BuildModule::try_build(&dev)?;
    load_model(&file, &mut again)?;
    std::fs::remove_file(&file)?;

    let all: Vec<usize> = (0..test.len()).collect();
    let batch = test.batch(&all, View::Fixed)?;
    let images = dev.try_tensor_from_vec(batch.images.clone(), (all.len(), Const::<1>, Const, Const))?;
    let lengths =
        again.forward(images, Routing::default())?.try_square()?.try_sum::<(usize, Const<10>), _>()?;
    let lengths = lengths.as_vec();
    let another_is_longer =
        |of: &[f32], label: usize| (0..10).any(|class| class != label && of[class] >= of[label]);
    let of_images = lengths.chunks_exact(10).zip(&batch.labels);
    let wrong = of_images.filter(|(of, label)| another_is_longer(of, **label)).count();
    println!("{wrong} of {} test digits are wrong", all.len());
    Ok(())
}

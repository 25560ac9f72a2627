use std::path::Path;

use shared::testing::{assert_close, assert_same_within, assert_tensors_close, TestDevice};

use super::*;
use crate::{
    data::{load, Limits, View, SYNTHETIC},
    Config, Task,
};

fn batch(task: Task) -> Batch {
    let limits = Limits { train: Some(20), validation: Some(20), test: Some(20) };
    let parts = task.parts(&load(SYNTHETIC, Path::new(""), limits).unwrap(), 1).unwrap();
    parts.train.batch(&[4, 0, 15], View::Epoch(2)).unwrap()
}

/// Equation 4 and the squared errors of what the capsules of the labels decode to, from what the network says of itself.
fn by_hand(network: &dyn Network, batch: &Batch, config: &Config) -> f64 {
    let CapsSizes { classes, width, .. } = network.sizes().unwrap();
    let capsules = network.capsules(&batch.images).unwrap();
    let mut total = 0.0;
    for image in 0..batch.len() {
        let labels = batch.labels_of(image);
        let of = &capsules[image * classes * width..][..classes * width];
        for (class, v) in of.chunks_exact(width).enumerate() {
            let length = (v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() + 1e-8).sqrt();
            total += match labels.contains(&class) {
                true => (0.9 - length).max(0.0).powi(2),
                false => 0.5 * (length - 0.1).max(0.0).powi(2),
            };
        }
        for (digit, label) in labels.iter().enumerate() {
            let mut masked = vec![0.0; classes * width];
            masked[label * width..][..width].copy_from_slice(&of[label * width..][..width]);
            let pixels = network.decode(&masked).unwrap();
            let squares = pixels.iter().zip(batch.target(image, digit));
            let squares: f64 = squares.map(|(x, y)| f64::from(x - y).powi(2)).sum();
            let mean = if config.reconstruction_mean { pixels.len() as f64 } else { 1.0 };
            total += config.reconstruction * squares / mean;
        }
    }
    total / batch.len() as f64
}

#[test]
fn the_loss_is_that_of_the_capsules_and_of_what_they_decode_to() {
    for task in [Task::Digits, Task::MultiMnist, Task::AffNist] {
        let batch = batch(task);
        for (reconstruction, reconstruction_mean) in [(0.0005, false), (0.4, true), (0.0, false)] {
            let config =
                Config { size: Size::Tiny, reconstruction, reconstruction_mean, ..Config::default() };
            let network = build(DeviceKind::Cpu, &config.clone().validate().unwrap(), task.side()).unwrap();
            let loss = network.loss(&batch).unwrap() as f32;
            let expected = by_hand(&*network, &batch, &config);
            assert_close(&format!("{task:?}, {reconstruction}"), &[loss], &[expected], 1e-5);
        }
    }
}

#[test]
fn the_authors_initial_weights_are_cut_normals_and_biases_of_a_tenth() {
    let config = Config { size: Size::Tiny, routing_bias: true, init: Init::Authors, ..Config::default() };
    let network = build(DeviceKind::Cpu, &config.validate().unwrap(), 28).unwrap();
    let weights = network.weights();
    assert_eq!(weights.len(), 12);
    for tensor in weights {
        let (name, values) = (tensor.name(), tensor.values());
        if name.ends_with("bias") {
            assert!(values.iter().all(|bias| *bias == 0.1), "{name}");
            continue;
        }
        let std = if name == "conv1.weight" { 0.05 } else { 0.1 };
        assert!(values.iter().all(|w| w.abs() <= 2.0 * std), "{name} has a weight beyond two deviations");
        // 0.88 of the normal's own deviation is left by the cut
        let root = (values.iter().map(|w| w * w).sum::<f32>() / values.len() as f32).sqrt();
        assert!((root / std - 0.88).abs() < 0.05, "{name}: {root}");
    }
}

#[test]
fn what_a_network_does_not_have_is_said() {
    let sentence = |config: Config, side| {
        build(DeviceKind::Cpu, &config.validate().unwrap(), side).err().unwrap().to_string()
    };
    let tiny = Config { size: Size::Tiny, ..Config::default() };
    assert!(sentence(tiny.clone(), 30).contains("28, 36 or 40"));
    assert!(sentence(Config { routing_bias: true, ..tiny.clone() }, 36).contains("the routing bias"));
    assert!(sentence(Config { model: Model::Cnn, ..Config::default() }, 28).contains("--size small"));

    let cnn = Config { model: Model::Cnn, ..tiny };
    let cnn = build(DeviceKind::Cpu, &cnn.validate().unwrap(), 28).unwrap();
    let error = cnn.capsules(&[0.0; 784]).unwrap_err().to_string();
    assert!(error.contains("capsules") && error.contains("CapsNet"), "{error}");
    let error = cnn.scores(&[0.0; 785]).unwrap_err().to_string();
    assert!(error.contains("785 pixels") && error.contains("1568"), "{error}");
}

/// What two steps of training come to: losses, scores, and Adam's first moments, which are gradients.
fn two_steps(config: &Config, device: DeviceKind) -> (Vec<f32>, Vec<f32>, Vec<NamedTensor>) {
    let batch = batch(Task::Digits);
    let mut network = build(device, &config.clone().validate().unwrap(), 28).unwrap();
    let scores = network.scores(&batch.images).unwrap();
    let first = network.step(&batch).unwrap();
    let moments = network.save().unwrap().take_tensors("optimizer").unwrap();
    let gradients = moments.into_iter().filter(|t| t.name().ends_with(".exp_avg")).collect();
    (vec![first as f32, network.step(&batch).unwrap() as f32], scores, gradients)
}

#[test]
fn networks_have_the_same_scores_losses_and_gradients_on_every_device() {
    let tiny = Config { size: Size::Tiny, ..Config::default() };
    let all = shared::ops::routing::Routing {
        gradient: shared::ops::routing::RoutingGradient::All,
        ..tiny.routing
    };
    for config in [
        Config { routing: all, ..tiny.clone() },
        Config { routing_bias: true, ..tiny.clone() },
        Config { model: Model::Cnn, ..tiny.clone() },
        tiny,
    ] {
        let host = two_steps(&config, DeviceKind::Cpu);
        for device in TestDevice::all() {
            let there = device.run(|kind| two_steps(&config, kind));
            let what = format!("{:?} on {}", config.model, device.name());
            assert_same_within(&what, &there.0, &host.0, 1e-4);
            assert_same_within(&what, &there.1, &host.1, 1e-4);
            assert_tensors_close(&what, &there.2, &host.2, 1e-4);
        }
    }
}

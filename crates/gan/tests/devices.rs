//! Whole games on other devices than the host with its kernels.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use gan::{Aim, Batch, Formulation, Networks, Penalty, Recipe};
use shared::{
    device::DeviceKind,
    nn::state::NamedTensor,
    optim::{OptimizerConfig, SgdConfig},
    testing::{assert_same_within, assert_tensors_close, TestDevice},
};

/// Losses of some turns, samples, and the weights that made them.
fn turns(networks: Networks, recipe: &Recipe, device: DeviceKind) -> (Vec<f32>, Vec<f32>, Vec<NamedTensor>) {
    let mut game = networks.game(device, recipe, 3).unwrap();
    let value = |at: usize| ((at * 7919 % 1000) as f32 / 500.0) - 1.0;
    let values: Vec<f32> = (0..8 * networks.width()).map(value).collect();
    let labels: Vec<usize> = (0..8).map(|at| at % networks.classes().max(1)).collect();
    let batch = Batch { values: &values, labels: &labels };
    let batches = vec![batch; game.critic_steps()];
    let mut told = Vec::new();
    for _ in 0..2 {
        let report = game.turn(&batches).unwrap();
        told.extend([report.generator_loss as f32, report.critic.loss as f32]);
    }
    (told, game.draw(4, &labels[..4], 9).unwrap(), game.weights().unwrap())
}

#[test]
fn games_are_played_alike_on_every_device() {
    let sgd = OptimizerConfig::Sgd(SgdConfig { lr: 1e-3, ..SgdConfig::default() });
    let plain = Recipe { generator: sgd.clone(), discriminator: sgd, ..Recipe::default() };
    let wasserstein = Formulation::Wasserstein;
    for (networks, recipe) in [
        (Networks::Toy, plain.clone()),
        (Networks::Toy, Recipe { aim: Aim::Features, ..plain.clone() }),
        (
            Networks::ToyTanh,
            Recipe {
                formulation: wasserstein,
                penalty: Penalty::Lipschitz(10.0),
                critic_steps: 2,
                ..plain.clone()
            },
        ),
        (Networks::ToyMinibatch, plain.clone()),
        (Networks::ToyVirtualNorm, plain.clone()),
        (Networks::SmallDcgan28, Recipe { average: 0.9, ..plain.clone() }),
        (Networks::Conditional28, plain),
    ] {
        let host = turns(networks, &recipe, DeviceKind::Cpu);
        for device in TestDevice::all() {
            let there = device.run(|kind| turns(networks, &recipe, kind));
            let what = format!("{networks:?} on {}", device.name());
            assert_same_within(&what, &there.0, &host.0, 1e-4);
            assert_same_within(&what, &there.1, &host.1, 2e-4);
            // a bias before a normalisation has no gradient but rounding
            let moved = |weights: &[NamedTensor]| -> Vec<NamedTensor> {
                let all = weights.iter().zip(&host.2);
                all.filter(|(_, host)| host.values().iter().any(|v| v.abs() > 1e-6))
                    .map(|(w, _)| w.clone())
                    .collect()
            };
            assert_tensors_close(&what, &moved(&there.2), &moved(&host.2), 1e-4);
        }
    }
}

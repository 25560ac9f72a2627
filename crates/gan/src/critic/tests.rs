use std::collections::BTreeMap;

use shared::nn::state::{load_state_dict, state_dict, NamedTensor};

use super::*;
use crate::nets::{MlpDiscriminator, LEAKY, TANH};

type Values = BTreeMap<String, Vec<f64>>;

fn golden(name: &str) -> Values {
    let all: BTreeMap<String, Values> =
        serde_json::from_str(include_str!("../../tests/goldens/penalty.json")).unwrap();
    all[name].clone()
}

/// The penalty's value, and its gradients by the names of the weights.
fn ours<const A: usize>(golden: &Values, penalty: Penalty) -> (f64, Values) {
    let dev = Cpu::default();
    let mut net: MlpDiscriminator<f32, Cpu, 2, 8, A> = BuildModule::build(&dev);
    let given = |t: &NamedTensor| {
        let values = golden[t.name()].iter().map(|v| *v as f32).collect();
        NamedTensor::new(t.name(), t.shape().to_vec(), values).unwrap()
    };
    let weights: Vec<NamedTensor> = state_dict(&net).iter().map(given).collect();
    load_state_dict(&mut net, &weights).unwrap();
    let recipe = Recipe { penalty, ..Recipe::default() };
    let mut critic: Critic<_, Cpu, 2, 8> = Critic::new(net, &recipe, 0).unwrap();
    let x: Vec<f32> = golden["x"].iter().map(|v| *v as f32).collect();
    let x: Vectors<2, Cpu> = dev.tensor_from_vec(x, (5, Const));
    let grads = critic.player.take_grads().unwrap();
    let (value, grads) = critic.penalty(penalty, &x, grads).unwrap();
    let net = &critic.player.net;
    let get = |g: Vec<f32>| g.into_iter().map(f64::from).collect::<Vec<f64>>();
    let found = [
        ("first.weight", get(grads.get(&net.first.weight).as_vec())),
        ("first.bias", get(grads.get(&net.first.bias).as_vec())),
        ("second.weight", get(grads.get(&net.second.weight).as_vec())),
        ("second.bias", get(grads.get(&net.second.bias).as_vec())),
        ("last.weight", get(grads.get(&net.last.weight).as_vec())),
        ("last.bias", get(grads.get(&net.last.bias).as_vec())),
    ];
    (value, found.map(|(name, g)| (name.to_owned(), g)).into())
}

fn compare<const A: usize>(name: &str, tolerance: f64) {
    let golden = golden(name);
    for (kind, penalty) in [("lipschitz", Penalty::Lipschitz(10.0)), ("centred", Penalty::ZeroCentred(3.0))] {
        let (value, grads) = ours::<A>(&golden, penalty);
        let wanted = golden[kind][0];
        assert!((value - wanted).abs() < 1e-5 * wanted, "{name} {kind}: {value}, PyTorch {wanted}");
        let size = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
        let all: f64 =
            grads.keys().map(|key| size(&golden[&format!("{kind}.{key}")]).powi(2)).sum::<f64>().sqrt();
        for (key, found) in grads {
            let wanted = &golden[&format!("{kind}.{key}")];
            let off: Vec<f64> = found.iter().zip(wanted).map(|(a, b)| a - b).collect();
            assert!(size(&off) < tolerance * all, "{name} {kind} {key}: off by {} of {all}", size(&off));
        }
    }
}

#[test]
fn the_penalty_has_the_gradient_of_pytorchs_double_backward() {
    // smooth: the error of a central difference, ε²; leaky: none, unless a corner lies within ε
    compare::<TANH>("tanh", 2e-3);
    compare::<LEAKY>("leaky", 2e-3);
}

#[test]
fn a_step_moves_the_discriminator_alone_and_a_look_moves_nothing() {
    let dev = Cpu::seed_from_u64(1);
    let net: MlpDiscriminator<f32, Cpu, 2, 8, LEAKY> = BuildModule::build(&dev);
    let recipe = Recipe { penalty: Penalty::Lipschitz(1.0), instance_noise: 0.1, ..Recipe::default() };
    let mut critic: Critic<_, Cpu, 2, 8> = Critic::new(net, &recipe, 0).unwrap();
    let (real, fake): (Vectors<2, Cpu>, Vectors<2, Cpu>) =
        (dev.sample_normal_like(&(6, Const)), dev.sample_normal_like(&(6, Const)));
    let before = state_dict(&critic.player.net);
    let loss = critic.look(&recipe, 0, &real, fake.leaky_trace()).unwrap();
    let grads = loss.backward();
    assert!(grads.get(&fake).as_vec().iter().any(|g| *g != 0.0));
    assert_eq!(before, state_dict(&critic.player.net));
    let report = critic.learn(&recipe, 0, &real, &fake).unwrap();
    assert!(report.penalty > 0.0 && report.loss.is_finite());
    let after = state_dict(&critic.player.net);
    assert!(before.iter().zip(&after).all(|(a, b)| a != b), "every weight learns");
}

#[test]
fn enough_steps_tell_two_clouds_apart() {
    let dev = Cpu::seed_from_u64(2);
    let net: MlpDiscriminator<f32, Cpu, 2, 16, LEAKY> = BuildModule::build(&dev);
    let recipe = Recipe { discriminator: crate::adam(0.01, 0.9, 0.999), ..Recipe::default() };
    let mut critic: Critic<_, Cpu, 2, 16> = Critic::new(net, &recipe, 0).unwrap();
    let real: Vectors<2, Cpu> = dev.sample_normal_like(&(64, Const));
    let fake: Vectors<2, Cpu> = dev.sample_normal_like(&(64, Const)) + 4.0;
    let mut last = CriticReport::default();
    for step in 0..100 {
        last = critic.learn(&recipe, step, &real, &fake).unwrap();
    }
    assert!(last.accuracy > 0.97 && last.real_score > 0.0 && last.fake_score < 0.0, "{last:?}");
    assert!(critic.scores(&real).unwrap().iter().sum::<f32>() > 0.0);
}

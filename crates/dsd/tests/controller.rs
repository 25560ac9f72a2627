//! DSD on models of dfdx's own layers with every optimiser.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use dsd::{Dsd, DsdConfig, DsdError, Kind, Layers, Phase, Restore, StatePolicy};
use proptest::prelude::*;
use shared::dfdx::{
    nn::{builders, modules},
    prelude::*,
};
use shared::nn::state::{load_state_dict, parameters, state_dict, NamedTensor};
use shared::optim::{
    AdamConfig, AnyOptimizer, HeavyBallForm, Momentum, OptimizerConfig, ParamFilter, SgdConfig, WeightDecay,
};
use shared::train::State;

type Net = (modules::Linear<6, 12, f32, Cpu>, ReLU, modules::Linear<12, 3, f32, Cpu>);

fn net(seed: u64) -> Net {
    Cpu::seed_from_u64(seed).build_module::<(builders::Linear<6, 12>, ReLU, builders::Linear<12, 3>), f32>()
}

fn optimizers() -> Vec<OptimizerConfig> {
    let sgd = |momentum, weight_decay| {
        OptimizerConfig::Sgd(SgdConfig { lr: 0.05, momentum, weight_decay, ..SgdConfig::default() })
    };
    let ball = Momentum::HeavyBall { mu: 0.9, form: HeavyBallForm::RateOutside };
    vec![
        sgd(Momentum::None, WeightDecay::None),
        sgd(ball, WeightDecay::L2(0.01)),
        sgd(Momentum::Nesterov(0.9), WeightDecay::Decoupled(0.1)),
        OptimizerConfig::Adam(AdamConfig { weight_decay: WeightDecay::L2(0.1), ..AdamConfig::default() }),
    ]
}

/// One step on data that depends on `at` alone.
fn step(net: &mut Net, optimizer: &mut AnyOptimizer, at: u64) {
    let dev = Cpu::seed_from_u64(1000 + at);
    let (x, y) = (dev.sample_normal::<Rank2<8, 6>>(), dev.sample_normal::<Rank2<8, 3>>());
    let mut grads = mse_loss(net.forward(x.traced(net.alloc_grads())), y).backward();
    optimizer.step(net, &mut grads).unwrap();
}

fn bits(net: &Net) -> Vec<u32> {
    state_dict(net).iter().flat_map(|t| t.values().iter().map(|v| v.to_bits()).collect::<Vec<_>>()).collect()
}

fn zeros(tensor: &NamedTensor) -> usize {
    tensor.values().iter().filter(|v| **v == 0.0).count()
}

fn tensor<'a>(all: &'a [NamedTensor], name: &str) -> &'a NamedTensor {
    all.iter().find(|t| t.name() == name).unwrap()
}

/// All epochs, of two steps each; gives back the weights' bits after each epoch.
fn run(config: DsdConfig, optimizer: OptimizerConfig, seed: u64) -> Vec<Vec<u32>> {
    let (mut net, mut optimizer) = (net(seed), AnyOptimizer::new(optimizer).unwrap());
    let mut dsd = Dsd::new(config).unwrap();
    let epoch = |epoch: usize| {
        dsd.begin_epoch(&mut net, &mut optimizer).unwrap();
        step(&mut net, &mut optimizer, 2 * epoch as u64);
        step(&mut net, &mut optimizer, 2 * epoch as u64 + 1);
        dsd.end_epoch(&mut net, &mut optimizer).unwrap();
        bits(&net)
    };
    let epochs = 0..6;
    epochs.map(epoch).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sparsity_holds_after_every_step_with_every_optimiser(
        which in 0usize..4, share in 0.0f64..0.95, seed in 0u64..1000, keep: bool,
    ) {
        let (mut net, mut optimizer) = (net(seed), AnyOptimizer::new(optimizers()[which].clone()).unwrap());
        let state = if keep { StatePolicy::Keep } else { StatePolicy::Mask };
        let phases = vec![Phase::new(Kind::Dense, 1, 0.05), Phase::new(Kind::Sparse(share), 2, 0.05)];
        let mut dsd = Dsd::new(DsdConfig { state, ..DsdConfig::new(phases) }).unwrap();
        for epoch in 0..3u64 {
            dsd.begin_epoch(&mut net, &mut optimizer).unwrap();
            for at in 0..3 {
                step(&mut net, &mut optimizer, 10 * epoch + at);
                let weights = state_dict(&net);
                for (name, n) in [("0.weight", 72), ("2.weight", 36)] {
                    let pruned = if epoch == 0 { 0 } else { n - dsd::survivors(n, share) };
                    prop_assert!(zeros(tensor(&weights, name)) >= pruned);
                    if let Some(mask) = optimizer.mask(name) {
                        prop_assert_eq!(mask.iter().filter(|kept| !**kept).count(), pruned);
                    }
                }
                prop_assert_eq!(zeros(tensor(&weights, "0.bias")), 0);
            }
            let achieved = dsd.end_epoch(&mut net, &mut optimizer).unwrap();
            prop_assert_eq!(achieved.layers.len(), if epoch == 0 { 0 } else { 2 });
        }
    }

    #[test]
    fn restoring_touches_pruned_entries_alone(share in 0.05f64..0.95, seed in 0u64..1000, rule in 0usize..3) {
        let restore = [Restore::Zero, Restore::Old, Restore::Gaussian][rule];
        let (mut net, mut optimizer) = (net(seed), AnyOptimizer::new(optimizers()[0].clone()).unwrap());
        let before = state_dict(&net);
        let phases = vec![Phase::new(Kind::Sparse(share), 1, 0.1), Phase::new(Kind::Dense, 1, 0.1)];
        let mut dsd = Dsd::new(DsdConfig { restore, ..DsdConfig::new(phases) }).unwrap();
        dsd.begin_epoch(&mut net, &mut optimizer).unwrap();
        let pruned = state_dict(&net);
        dsd.end_epoch(&mut net, &mut optimizer).unwrap();
        dsd.begin_epoch(&mut net, &mut optimizer).unwrap();
        let after = state_dict(&net);
        prop_assert!(optimizer.mask("0.weight").is_none());
        for ((before, pruned), after) in before.iter().zip(&pruned).zip(&after) {
            for ((w, p), a) in before.values().iter().zip(pruned.values()).zip(after.values()) {
                if *p != 0.0 {
                    prop_assert_eq!((w, p), (p, a), "{}", before.name());
                } else if restore == Restore::Old {
                    prop_assert_eq!(w, a);
                } else if restore == Restore::Zero {
                    prop_assert_eq!(*a, 0.0);
                }
            }
        }
        prop_assert_eq!(&pruned[1], &before[1], "biases are never pruned");
        if restore == Restore::Gaussian {
            prop_assert!(zeros(tensor(&after, "0.weight")) == 0);
        }
    }
}

#[test]
fn a_sparsity_of_zero_is_bit_equal_to_the_control_with_every_optimiser() {
    for optimizer in optimizers() {
        for state in [StatePolicy::Mask, StatePolicy::Reset, StatePolicy::Keep] {
            let config = DsdConfig { state, ..DsdConfig::paper(0.1, [2, 2, 2], 0.0) };
            let control = config.control();
            assert!(run(config, optimizer.clone(), 3) == run(control, optimizer.clone(), 3), "{optimizer:?}");
        }
        let pruned = DsdConfig::paper(0.1, [2, 2, 2], 0.3);
        assert!(run(pruned.clone(), optimizer.clone(), 3) != run(pruned.control(), optimizer.clone(), 3));
    }
}

#[test]
fn policies_part_where_the_mask_goes() {
    let with =
        |state| run(DsdConfig { state, ..DsdConfig::paper(0.1, [2, 2, 2], 0.5) }, optimizers()[1].clone(), 3);
    let (mask, keep, reset) = (with(StatePolicy::Mask), with(StatePolicy::Keep), with(StatePolicy::Reset));
    assert_eq!(mask[..4], keep[..4], "survivors notice nothing while the others are masked");
    assert_ne!(mask[4], keep[4]);
    assert_ne!(mask[2], reset[2]);
}

#[test]
fn a_run_resumes_in_the_middle_of_any_epoch_to_the_same_bits() {
    let policies = [
        (Restore::Zero, StatePolicy::Mask),
        (Restore::Old, StatePolicy::Keep),
        (Restore::Gaussian, StatePolicy::Mask),
        (Restore::Zero, StatePolicy::Reset),
    ];
    for (restore, policy) in policies {
        let config = DsdConfig { restore, state: policy, ..DsdConfig::paper(0.1, [2, 2, 2], 0.4) };
        let optimizer = optimizers()[1].clone();
        let whole = run(config.clone(), optimizer.clone(), 5);
        // `late` stops after the epoch has begun: where a phase has just changed, `Reset` has left no state then
        for (stop, late) in (0..12).flat_map(|stop| [(stop, false), (stop, true)]) {
            let (mut net, mut optimizer_a) = (net(5), AnyOptimizer::new(optimizer.clone()).unwrap());
            let mut dsd = Dsd::new(config.clone()).unwrap();
            for at in 0..12 {
                if at % 2 == 0 && (at != stop || late) {
                    dsd.begin_epoch(&mut net, &mut optimizer_a).unwrap();
                }
                if at == stop {
                    let mut state = State::default();
                    dsd.save(&mut state).unwrap();
                    let (mut fresh, mut optimizer_b) =
                        (crate::net(6), AnyOptimizer::new(optimizer.clone()).unwrap());
                    load_state_dict(&mut fresh, &state_dict(&net)).unwrap();
                    optimizer_b.import_state(&fresh, &optimizer_a.export_state()).unwrap();
                    (net, optimizer_a, dsd) = (fresh, optimizer_b, Dsd::new(config.clone()).unwrap());
                    dsd.load(&state).unwrap();
                    dsd.begin_epoch(&mut net, &mut optimizer_a).unwrap();
                }
                step(&mut net, &mut optimizer_a, at as u64);
                if at % 2 == 1 {
                    dsd.end_epoch(&mut net, &mut optimizer_a).unwrap();
                    let found = bits(&net);
                    assert!(
                        found == whole[at / 2],
                        "{restore:?} {policy:?}, stopped before step {stop}, {late}"
                    );
                }
            }
        }
    }
}

#[test]
fn two_rounds_prune_anew_and_the_network_keeps_its_shape() {
    let kinds = [Kind::Sparse(0.5), Kind::Dense, Kind::Sparse(0.25), Kind::Dense];
    let config = DsdConfig::new(kinds.map(|kind| Phase::new(kind, 1, 0.1)).to_vec());
    let (mut net, mut optimizer) = (net(7), AnyOptimizer::new(optimizers()[1].clone()).unwrap());
    let outline = parameters(&net);
    let mut dsd = Dsd::new(config).unwrap();
    let mut shares = Vec::new();
    while dsd.epoch() < dsd.epochs() {
        let at = dsd.epoch() as u64;
        dsd.begin_epoch(&mut net, &mut optimizer).unwrap();
        step(&mut net, &mut optimizer, at);
        shares.push(dsd.end_epoch(&mut net, &mut optimizer).unwrap().sparsity());
    }
    assert_eq!(shares, [0.5, 0.0, 0.25, 0.0]);
    assert_eq!(parameters(&net), outline);
    assert!(matches!(dsd.begin_epoch(&mut net, &mut optimizer), Err(DsdError::Over { epochs: 4 })));
}

#[test]
fn rates_fall_by_phase_and_layers_have_their_own_sparsity() {
    let layers = Layers {
        only: ParamFilter::except(["0.weight"]),
        sparsity: vec![("2.weight".into(), 0.75)],
        ..Layers::default()
    };
    let config = DsdConfig { layers, ..DsdConfig::paper(0.1, [1, 1, 1], 0.5) };
    let (mut net, mut optimizer) = (net(7), AnyOptimizer::new(optimizers()[0].clone()).unwrap());
    let mut dsd = Dsd::new(config).unwrap();
    for rate in [0.1, 0.01, 0.001] {
        let begun = dsd.begin_epoch(&mut net, &mut optimizer).unwrap();
        assert!((begun.lr - rate).abs() < 1e-12 && (optimizer.lr() - rate).abs() < 1e-12 && begun.changed);
        let achieved = dsd.end_epoch(&mut net, &mut optimizer).unwrap();
        if rate == 0.01 {
            assert_eq!((achieved.layers.len(), achieved.layers[0].pruned), (1, 27));
        }
    }
}

#[test]
fn misuse_is_told_in_a_sentence() {
    let (mut net, mut optimizer) = (net(7), AnyOptimizer::new(optimizers()[0].clone()).unwrap());
    let mut dsd = Dsd::new(DsdConfig::new(vec![Phase::new(Kind::Sparse(0.5), 2, 0.1)])).unwrap();
    assert!(matches!(dsd.end_epoch(&mut net, &mut optimizer), Err(DsdError::NotBegun)));
    dsd.begin_epoch(&mut net, &mut optimizer).unwrap();
    // weights changed by another hand
    let filled: Vec<NamedTensor> = state_dict(&net)
        .into_iter()
        .map(|t| NamedTensor::new(t.name(), t.shape().to_vec(), vec![1.0; t.values().len()]).unwrap())
        .collect();
    load_state_dict(&mut net, &filled).unwrap();
    let said = dsd.end_epoch(&mut net, &mut optimizer).unwrap_err().to_string();
    assert!(
        said.starts_with("36 of the 36 pruned weights of `0.weight` are not 0 at the end of epoch 1"),
        "{said}"
    );
    let wrong = Layers { sparsity: vec![("head.weight".into(), 0.5)], ..Layers::default() };
    let mut dsd = Dsd::new(DsdConfig { layers: wrong, ..DsdConfig::paper(0.1, [1, 1, 1], 0.5) }).unwrap();
    dsd.begin_epoch(&mut net, &mut optimizer).unwrap();
    dsd.end_epoch(&mut net, &mut optimizer).unwrap();
    let said = dsd.begin_epoch(&mut net, &mut optimizer).unwrap_err().to_string();
    assert!(said.contains("`head.weight`") && said.contains("`0.weight`, `2.weight`"), "{said}");
}

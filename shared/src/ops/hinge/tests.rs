use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

const BOTH: [(Hinge, &str); 2] =
    [(Hinge::CrammerSinger, "crammer_singer"), (Hinge::WestonWatkins, "weston_watkins")];

fn golden(name: &str) -> (Golden, Targets) {
    let g = Golden::read(format!("{}/tests/goldens/ops/{name}.json", env!("CARGO_MANIFEST_DIR")));
    let targets = Targets::new(g.get("t").iter().map(|t| *t as usize).collect(), 5).unwrap();
    (g, targets)
}

#[test]
fn values_and_gradients_are_pytorchs_and_the_oracles() {
    let dev = Cpu::default();
    for (hinge, name) in BOTH {
        let (g, targets) = golden(name);
        let scores: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(g.get_f32("o"), (6, 5));
        for ours in [true, false] {
            let traced = scores.leaky_trace();
            let loss = if ours {
                multiclass_hinge(traced, &targets, hinge)
            } else {
                composed(traced, &targets, hinge)
            }
            .unwrap();
            assert_close(name, &[loss.array()], g.get("loss"), 1e-6);
            assert_close("gradient", &loss.backward().get(&scores).as_vec(), g.get("d"), 1e-6);
        }
    }
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let dev = Cpu::default();
    for (hinge, name) in BOTH {
        let (g, targets) = golden(name);
        let loss = |v: &[Vec<f64>]| {
            composed(dev.tensor_from_vec(v[0].clone(), (6usize, 5usize)), &targets, hinge).unwrap().array()
        };
        let expected = finite_differences(loss, &[g.get("o").to_vec()], 1e-6);
        let scores: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(g.get_f32("o"), (6, 5));
        let grads = multiclass_hinge(scores.leaky_trace(), &targets, hinge).unwrap().backward();
        assert_close("gradient", &grads.get(&scores).as_vec(), &expected[0], 1e-6);
    }
}

#[test]
fn a_met_margin_costs_nothing_and_nan_is_seen() {
    let dev = Cpu::default();
    let targets = Targets::new(vec![0], 3).unwrap();
    for (hinge, _) in BOTH {
        let met: Tensor<Rank2<1, 3>, f32, _> = dev.tensor([[2.0, 0.5, -1.0]]);
        let loss = multiclass_hinge(met.leaky_trace(), &targets, hinge).unwrap();
        assert_eq!(loss.array(), 0.0);
        assert_eq!(loss.backward().get(&met).array(), [[0.0; 3]]);
        let nan = dev.tensor([[2.0, f32::NAN, -1.0]]);
        assert!(multiclass_hinge(nan, &targets, hinge).unwrap().array().is_nan());
    }
}

#[test]
fn a_permuted_input_gets_its_gradient() {
    let dev = Cpu::seed_from_u64(5);
    for (hinge, name) in BOTH {
        let (_, targets) = golden(name);
        let scores: Tensor<Rank2<5, 6>, f32, _> = dev.sample_normal();
        let permuted = || scores.leaky_trace().permute::<Rank2<6, 5>, _>();
        let ours = multiclass_hinge(permuted(), &targets, hinge).unwrap().backward().get(&scores).as_vec();
        let theirs = composed(permuted(), &targets, hinge).unwrap().backward().get(&scores).as_vec();
        assert_close(name, &ours, &theirs.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), 1e-6);
    }
}

#[test]
fn one_class_has_no_rival() {
    let dev = Cpu::default();
    let targets = Targets::new(vec![0, 0], 1).unwrap();
    let loss = multiclass_hinge(dev.tensor([[2.0f32], [1.0]]), &targets, Hinge::CrammerSinger).unwrap();
    assert_eq!(loss.array(), 0.0);
}

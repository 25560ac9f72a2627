use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

fn golden() -> (Golden, Targets) {
    let g = Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/ops/cross_entropy.json"));
    let targets = Targets::new(g.get("t").iter().map(|t| *t as usize).collect(), 5).unwrap();
    (g, targets)
}

#[test]
fn values_and_gradients_are_pytorchs_and_the_oracles() {
    let dev = Cpu::default();
    let (g, targets) = golden();
    let scores: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(g.get_f32("o"), (6, 5));
    for ours in [true, false] {
        let traced = scores.leaky_trace();
        let loss =
            if ours { softmax_cross_entropy(traced, &targets) } else { composed(traced, &targets) }.unwrap();
        assert_close("loss", &[loss.array()], g.get("loss"), 1e-6);
        assert_close("gradient", &loss.backward().get(&scores).as_vec(), g.get("d"), 1e-6);
    }
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let dev = Cpu::default();
    let (g, targets) = golden();
    let loss = |v: &[Vec<f64>]| {
        composed(dev.tensor_from_vec(v[0].clone(), (6usize, 5usize)), &targets).unwrap().array()
    };
    let expected = finite_differences(loss, &[g.get("o").to_vec()], 1e-5);
    let scores: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(g.get_f32("o"), (6, 5));
    let grads = softmax_cross_entropy(scores.leaky_trace(), &targets).unwrap().backward();
    assert_close("gradient", &grads.get(&scores).as_vec(), &expected[0], 1e-6);
}

#[test]
fn large_scores_do_not_overflow_and_nan_stays_nan() {
    let dev = Cpu::default();
    let targets = Targets::new(vec![1], 2).unwrap();
    let loss = softmax_cross_entropy(dev.tensor([[3e4f32, -3e4]]), &targets).unwrap();
    assert_eq!(loss.array(), 6e4);
    assert!(softmax_cross_entropy(dev.tensor([[f32::NAN, 0.0]]), &targets).unwrap().array().is_nan());
}

#[test]
fn no_classes_are_no_panic() {
    let dev = Cpu::default();
    let none: Tensor<(usize, usize), f32, _> = dev.zeros_like(&(0, 0));
    let loss = softmax_cross_entropy(none.leaky_trace(), &Targets::new(vec![], 0).unwrap()).unwrap();
    assert_eq!(loss.array(), 0.0);
    loss.backward();
}

#[test]
fn a_permuted_input_gets_its_gradient() {
    let dev = Cpu::seed_from_u64(5);
    let (_, targets) = golden();
    let scores: Tensor<Rank2<5, 6>, f32, _> = dev.sample_normal();
    let permuted = || scores.leaky_trace().permute::<Rank2<6, 5>, _>();
    let ours = softmax_cross_entropy(permuted(), &targets).unwrap().backward().get(&scores).as_vec();
    let theirs = composed(permuted(), &targets).unwrap().backward().get(&scores).as_vec();
    assert_close("gradient", &ours, &theirs.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), 1e-6);
    let wide: Vec<f64> = scores.as_vec().iter().map(|v| f64::from(*v)).collect();
    let loss = |v: &[Vec<f64>]| {
        let scores = dev.tensor_from_vec(v[0].clone(), (Const::<5>, Const::<6>));
        composed(scores.permute::<Rank2<6, 5>, _>(), &targets).unwrap().array()
    };
    assert_close("differences", &ours, &finite_differences(loss, &[wide], 1e-5)[0], 1e-6);
}

use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

type Maps<E> = Tensor<Rank4<3, 6, 2, 3>, E, Cpu>;

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

/// Maps of three images; the first capsule of the first is zero.
fn maps(dev: &Cpu) -> Maps<f32> {
    let maps: Maps<f32> = dev.sample_normal();
    let mut values = maps.as_vec();
    for map in 0..3 {
        values[map * 6] = 0.0;
    }
    dev.tensor_from_vec(values, Default::default())
}

fn golden(name: &str) -> (Golden, Vec<usize>) {
    let g = Golden::read(format!("{}/tests/goldens/ops/{name}.json", env!("CARGO_MANIFEST_DIR")));
    let sizes = g.get("sizes").iter().map(|s| *s as usize).collect();
    (g, sizes)
}

#[test]
fn values_and_gradients_are_pytorchs() {
    let dev = Cpu::default();
    let (g, s) = golden("squash");
    let shape = (s[0], s[1], s[2]);
    let x: Tensor<(usize, usize, usize), f32, _> = dev.tensor_from_vec(g.get_f32("x"), shape);
    let y = squash(x.leaky_trace()).unwrap();
    assert_close("squash", &y.as_vec(), g.get("y"), 1e-6);
    let grads = (y * dev.tensor_from_vec(g.get_f32("dy"), shape)).sum::<Rank0, _>().backward();
    assert_close("dx", &grads.get(&x).as_vec(), g.get("dx"), 1e-6);

    let (g, s) = golden("squash_primary");
    let (batch, types, length, h, w) = (s[0], s[1], s[2], s[3], s[4]);
    let x: Tensor<(usize, usize, usize, usize), f32, _> =
        dev.tensor_from_vec(g.get_f32("x"), (batch, types * length, h, w));
    let y = primary_capsules(x.leaky_trace(), types * h * w, length).unwrap();
    assert_close("primary capsules", &y.as_vec(), g.get("y"), 1e-6);
    let grads = (y * dev.tensor_from_vec(g.get_f32("dy"), (batch, types * h * w, length)))
        .sum::<Rank0, _>()
        .backward();
    assert_close("dx", &grads.get(&x).as_vec(), g.get("dx"), 1e-6);
}

#[test]
fn the_kernel_is_the_composition() {
    let dev = Cpu::seed_from_u64(5);
    let x = maps(&dev);
    let dy: Tensor<Rank3<3, 12, 3>, f32, _> = dev.sample_normal();
    let run = |ours: bool| {
        let y = if ours {
            primary_capsules(x.leaky_trace(), Const, Const)
        } else {
            composed(x.leaky_trace(), Const, Const)
        };
        let y = y.unwrap();
        let values = y.as_vec();
        let grads = (y * dy.clone()).sum().backward();
        (values, grads.get(&x).as_vec())
    };
    let (ours, theirs) = (run(true), run(false));
    assert_close("v", &ours.0, &wide(&theirs.0), 1e-6);
    assert_close("dx", &ours.1, &wide(&theirs.1), 1e-5);
    assert!(ours.0.iter().chain(&ours.1).all(|v| v.is_finite()));
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let dev = Cpu::seed_from_u64(6);
    let x: Maps<f32> = dev.sample_normal();
    let loss = |v: &[Vec<f64>]| {
        let x: Maps<f64> = dev.tensor_from_vec(v[0].clone(), Default::default());
        let y: Tensor<Rank3<3, 12, 3>, f64, _> = composed(x, Const, Const).unwrap();
        // not symmetric in the elements of a capsule
        let weights: Vec<f64> = (0..108).map(|i| (f64::from(i) * 0.37).sin()).collect();
        (y * dev.tensor_from_vec(weights, Default::default())).sum::<Rank0, _>().array()
    };
    let expected = finite_differences(loss, &[wide(&x.as_vec())], 1e-5);
    let weights: Vec<f32> = (0..108).map(|i| (f64::from(i) * 0.37).sin() as f32).collect();
    let y: Tensor<Rank3<3, 12, 3>, f32, _, _> = primary_capsules(x.leaky_trace(), Const, Const).unwrap();
    let grads = (y * dev.tensor_from_vec(weights, Default::default())).sum().backward();
    assert_close("dx", &grads.get(&x).as_vec(), &expected[0], 1e-5);
}

#[test]
fn permuted_inputs_agree_with_the_oracle() {
    let dev = Cpu::seed_from_u64(7);
    let x: Tensor<Rank3<4, 5, 2>, f32, _> = dev.sample_normal();
    let run = |ours: bool| {
        let s = x.leaky_trace().permute::<Rank3<2, 5, 4>, Axes3<2, 1, 0>>();
        let v = if ours { squash(s) } else { composed_squash(s) }.unwrap();
        let values = v.as_vec();
        (values, v.sum().backward().get(&x).as_vec())
    };
    let (ours, theirs) = (run(true), run(false));
    assert_close("v", &ours.0, &wide(&theirs.0), 1e-6);
    assert_close("dx", &ours.1, &wide(&theirs.1), 1e-5);
}

#[test]
fn lengths_stay_below_one_and_directions_stay() {
    let dev = Cpu::seed_from_u64(8);
    let s: Tensor<Rank3<2, 40, 5>, f32, _> = dev.sample_normal() * 10.0;
    let (before, after) = (s.as_vec(), squash(s).unwrap().as_vec());
    for (s, v) in before.chunks(5).zip(after.chunks(5)) {
        let length = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>().sqrt();
        let (n, m) = (length(s), length(v));
        approx::assert_relative_eq!(m, n * n / (1.0 + n * n), max_relative = 1e-5);
        assert!(m < 1.0);
        s.iter().zip(v).for_each(|(s, v)| approx::assert_abs_diff_eq!(s / n, v / m, epsilon = 1e-5));
    }
}

#[test]
fn nan_is_not_hidden() {
    let dev = Cpu::default();
    let s: Tensor<Rank3<1, 1, 2>, f32, _> = dev.tensor([[[f32::NAN, 1.0]]]);
    assert!(squash(s).unwrap().as_vec().iter().all(|v| v.is_nan()));
}

use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

type Rows = Tensor<(usize, usize, usize), f32, Cpu>;

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

fn golden() -> (Golden, (usize, usize, usize)) {
    let g = Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/ops/minibatch.json"));
    let s: Vec<usize> = g.get("sizes").iter().map(|s| *s as usize).collect();
    (g, (s[0], s[1], s[2]))
}

fn run(m: &Rows, dy: &Tensor<(usize, usize), f32, Cpu>, ours: bool) -> (Vec<f32>, Vec<f32>) {
    let o = if ours { closeness(m.leaky_trace()) } else { composed(m.leaky_trace()) }.unwrap();
    let values = o.as_vec();
    (values, (o * dy.clone()).sum::<Rank0, _>().backward().get(m).as_vec())
}

#[test]
fn values_and_gradients_are_pytorchs() {
    let dev = Cpu::default();
    let (g, shape) = golden();
    let m = dev.tensor_from_vec(g.get_f32("m"), shape);
    let dy = dev.tensor_from_vec(g.get_f32("dy"), (shape.0, shape.1));
    for ours in [true, false] {
        let (o, dm) = run(&m, &dy, ours);
        assert_close("o", &o, g.get("o"), 2e-6);
        assert_close("dm", &dm, g.get("dm"), 2e-6);
    }
}

#[test]
fn the_kernel_is_the_composition_for_any_number_of_threads() {
    for shape in [(1, 2, 3), (5, 1, 1), (16, 3, 4), (37, 4, 5)] {
        let dev = Cpu::seed_from_u64(shape.0 as u64);
        let m: Rows = dev.sample_normal_like(&shape);
        let dy = dev.sample_normal_like(&(shape.0, shape.1));
        let theirs = run(&m, &dy, false);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&m, &dy, true))
        };
        let ours = with(1);
        assert_close("o", &ours.0, &wide(&theirs.0), 2e-6);
        assert_close("dm", &ours.1, &wide(&theirs.1), 5e-6);
        assert!((2..=4).all(|threads| with(threads) == ours), "{shape:?}");
    }
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let dev = Cpu::seed_from_u64(3);
    let m: Rows = dev.sample_normal_like(&(4, 2, 3));
    let dy = dev.sample_normal_like(&(4, 2));
    let weights = wide(&dy.as_vec());
    let loss = |v: &[Vec<f64>]| {
        let o = composed(dev.tensor_from_vec(v[0].clone(), (4usize, 2usize, 3usize))).unwrap();
        o.as_vec().iter().zip(&weights).map(|(o, w)| o * w).sum()
    };
    let expected = finite_differences(loss, &[wide(&m.as_vec())], 1e-6);
    assert_close("dm", &run(&m, &dy, true).1, &expected[0], 1e-5);
}

#[test]
fn a_permuted_input_gets_its_gradient() {
    let dev = Cpu::seed_from_u64(4);
    let m: Tensor<Rank3<2, 3, 6>, f32, _> = dev.sample_normal();
    let dm = |ours: bool| {
        let permuted = m.leaky_trace().permute::<Rank3<6, 2, 3>, _>();
        let o = if ours { closeness(permuted) } else { composed(permuted) }.unwrap();
        o.square().sum::<Rank0, _>().backward().get(&m).as_vec()
    };
    assert_close("dm", &dm(true), &wide(&dm(false)), 5e-6);
}

#[test]
fn rows_that_are_the_same_or_none_or_no_numbers() {
    let dev = Cpu::default();
    let same: Rows = dev.ones_like(&(20, 2, 3));
    let dy = dev.ones_like(&(20, 2));
    assert_eq!(run(&same, &dy, true), (vec![19.0; 40], vec![0.0; 120]));
    let none: Rows = dev.zeros_like(&(0, 2, 3));
    assert_eq!(closeness(none).unwrap().shape(), &(0, 2));
    let broken: Rows = dev.tensor_from_vec(vec![f32::NAN, 0.0, 1.0], (3, 1, 1));
    assert!(closeness(broken).unwrap().as_vec()[1].is_nan());
}

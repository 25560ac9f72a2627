use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

type Images<T = NoneTape> = Tensor<(usize, usize, usize, usize), f32, Cpu, T>;

/// Name, shape, group, whether there is a residual, activation: as in make_image_goldens.py.
type Case = (&'static str, (usize, usize, usize, usize), Option<usize>, bool, Activation);

const CASES: [Case; 7] = [
    ("plain", (4, 3, 3, 5), None, false, Activation::Identity),
    ("relu", (3, 2, 4, 4), None, false, Activation::Relu),
    ("residual", (2, 3, 3, 3), None, true, Activation::Relu),
    ("tanh", (2, 2, 3, 3), None, true, Activation::Tanh),
    ("ghost", (5, 2, 3, 3), Some(2), false, Activation::Relu),
    ("vector", (7, 3, 1, 1), None, true, Activation::Relu),
    ("vector_ghost", (6, 3, 1, 1), Some(3), false, Activation::Identity),
];

fn golden(name: &str) -> Golden {
    Golden::read(format!("{}/tests/goldens/ops/batch_norm_{name}.json", env!("CARGO_MANIFEST_DIR")))
}

fn options(group: Option<usize>, activation: Activation) -> BatchNormOptions {
    BatchNormOptions { group, activation, ..BatchNormOptions::default() }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

#[test]
fn values_gradients_and_statistics_are_pytorchs() {
    let dev = Cpu::default();
    for (name, shape, group, residual, activation) in CASES {
        let g = golden(name);
        let channels = (shape.1,);
        let x = dev.tensor_from_vec(g.get_f32("x"), shape);
        let r = dev.tensor_from_vec(g.get_f32("r"), shape);
        let gamma = dev.tensor_from_vec(g.get_f32("gamma"), channels);
        let beta = dev.tensor_from_vec(g.get_f32("beta"), channels);
        let dy = dev.tensor_from_vec(g.get_f32("dy"), shape);
        let residual = residual.then_some(&r);
        for kernel in [true, false] {
            let (y, statistics) = if kernel {
                batch_norm_train(x.leaky_trace(), &gamma, &beta, residual, options(group, activation))
                    .unwrap()
            } else {
                composed_normalized(x.leaky_trace(), &gamma, &beta, residual, options(group, activation))
                    .unwrap()
            };
            assert_close(name, &y.as_vec(), g.get("y"), 2e-6);
            assert_close("mean", &statistics.mean.as_vec(), g.get("mean"), 1e-6);
            assert_close("variance", &statistics.variance.as_vec(), g.get("variance"), 1e-6);
            let grads = (y * dy.clone()).sum::<Rank0, _>().backward();
            assert_close("dx", &grads.get(&x).as_vec(), g.get("dx"), 5e-6);
            assert_close("dgamma", &grads.get(&gamma).as_vec(), g.get("dgamma"), 5e-6);
            assert_close("dbeta", &grads.get(&beta).as_vec(), g.get("dbeta"), 5e-6);
            if let Some(r) = residual {
                assert_close("dr", &grads.get(r).as_vec(), g.get("dr"), 5e-6);
            }
        }
    }
}

#[test]
fn evaluation_is_pytorchs() {
    let (dev, g, shape) = (Cpu::default(), golden("eval"), (3, 2, 3, 3));
    let image = |name: &str| dev.tensor_from_vec(g.get_f32(name), shape);
    let vector = |name: &str| dev.tensor_from_vec(g.get_f32(name), (2,));
    let (x, r, dy) = (image("x"), image("r"), image("dy"));
    let (gamma, beta, mean, variance) = (vector("gamma"), vector("beta"), vector("mean"), vector("variance"));
    for kernel in [true, false] {
        let op = if kernel { batch_norm_eval } else { composed_eval };
        let relu = options(None, Activation::Relu);
        let y = op(x.leaky_trace(), &gamma, &beta, [&mean, &variance], Some(&r), relu).unwrap();
        assert_close("y", &y.as_vec(), g.get("y"), 2e-6);
        let grads = (y * dy.clone()).sum::<Rank0, _>().backward();
        assert_close("dx", &grads.get(&x).as_vec(), g.get("dx"), 5e-6);
        assert_close("dr", &grads.get(&r).as_vec(), g.get("dr"), 5e-6);
        assert_close("dgamma", &grads.get(&gamma).as_vec(), g.get("dgamma"), 5e-6);
        assert_close("dbeta", &grads.get(&beta).as_vec(), g.get("dbeta"), 5e-6);
    }
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let dev = Cpu::default();
    for (name, shape, group, _, activation) in CASES {
        let g = golden(name);
        let inputs: Vec<Vec<f64>> = ["x", "gamma", "beta", "r"].map(|k| g.get(k).to_vec()).into();
        let dy = dev.tensor_from_vec(g.get("dy").to_vec(), shape);
        let loss = |v: &[Vec<f64>]| {
            let x = dev.tensor_from_vec(v[0].clone(), shape);
            let gamma = dev.tensor_from_vec(v[1].clone(), (shape.1,));
            let beta = dev.tensor_from_vec(v[2].clone(), (shape.1,));
            let r = dev.tensor_from_vec(v[3].clone(), shape);
            let y = composed_train(x, &gamma, &beta, Some(&r), options(group, activation)).unwrap().0;
            (y * dy.clone()).sum::<Rank0, _>().array()
        };
        let expected = finite_differences(loss, &inputs, 1e-6);
        let x = dev.tensor_from_vec(g.get_f32("x"), shape);
        let gamma = dev.tensor_from_vec(g.get_f32("gamma"), (shape.1,));
        let beta = dev.tensor_from_vec(g.get_f32("beta"), (shape.1,));
        let r = dev.tensor_from_vec(g.get_f32("r"), shape);
        let y =
            batch_norm_train(x.leaky_trace(), &gamma, &beta, Some(&r), options(group, activation)).unwrap().0;
        let grads = (y * dev.tensor_from_vec(g.get_f32("dy"), shape)).sum::<Rank0, _>().backward();
        assert_close(name, &grads.get(&x).as_vec(), &expected[0], 2e-5);
        assert_close("dgamma", &grads.get(&gamma).as_vec(), &expected[1], 2e-5);
        assert_close("dbeta", &grads.get(&beta).as_vec(), &expected[2], 2e-5);
        assert_close("dr", &grads.get(&r).as_vec(), &expected[3], 2e-5);
    }
}

/// x has its axes swapped, the residual is one row repeated.
#[test]
fn permuted_and_broadcast_inputs_agree_with_the_oracle() {
    let dev = Cpu::seed_from_u64(3);
    let x: Tensor<Rank4<4, 3, 5, 2>, f32, _> = dev.sample_normal();
    let row: Tensor<Rank1<4>, f32, _> = dev.sample_normal();
    let (gamma, beta): (Tensor<Rank1<2>, f32, _>, _) = (dev.sample_normal(), dev.zeros());
    let run = |ours: bool| {
        let x_t = x.leaky_trace().permute::<Rank4<3, 2, 5, 4>, Axes4<1, 3, 2, 0>>();
        let r = row.clone().broadcast::<Rank4<3, 2, 5, 4>, Axes3<0, 1, 2>>();
        let relu = options(None, Activation::Relu);
        let y = if ours {
            batch_norm_train(x_t, &gamma, &beta, Some(&r), relu).unwrap().0
        } else {
            composed_train(x_t, &gamma, &beta, Some(&r), relu).unwrap().0
        };
        let values = y.as_vec();
        let grads = y.square().sum::<Rank0, _>().backward();
        (values, grads.get(&x).as_vec(), grads.get(&gamma).as_vec())
    };
    let (ours, theirs) = (run(true), run(false));
    assert_close("y", &ours.0, &wide(&theirs.0), 1e-5);
    assert_close("dx", &ours.1, &wide(&theirs.1), 1e-4);
    assert_close("dgamma", &ours.2, &wide(&theirs.2), 1e-4);
}

/// 131,072 values a channel, far from 0: the statistics are those of a two-pass sum in double precision.
#[test]
fn statistics_of_many_values_far_from_zero_are_exact() {
    let dev = Cpu::seed_from_u64(1);
    let noise: Images = dev.sample_like(&(128, 1, 32, 32), rand_distr::StandardNormal);
    let x: Images = noise * 0.01 + 100.0;
    let values = x.as_vec();
    let n = values.len() as f64;
    let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let variance = values.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let (one, zero) = (dev.ones_like(&(1,)), dev.zeros_like(&(1,)));
    let (y, statistics) = batch_norm_train(x, &one, &zero, None, BatchNormOptions::default()).unwrap();
    approx::assert_relative_eq!(f64::from(statistics.mean[[0, 0]]), mean, max_relative = 1e-7);
    approx::assert_relative_eq!(f64::from(statistics.variance[[0, 0]]), variance, max_relative = 1e-6);
    let y = wide(&y.as_vec());
    let spread = y.iter().map(|y| y * y).sum::<f64>() / n;
    approx::assert_relative_eq!(spread, variance / (variance + 1e-5), max_relative = 1e-3);
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for shape in [(9, 5, 7, 7), (33, 6, 1, 1)] {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let dev = Cpu::seed_from_u64(5);
                let x: Images = dev.sample_like(&shape, rand_distr::StandardNormal);
                let (gamma, beta) = (dev.ones_like(&(shape.1,)), dev.zeros_like(&(shape.1,)));
                let (y, statistics) = batch_norm_train(
                    x.leaky_trace(),
                    &gamma,
                    &beta,
                    None,
                    options(Some(4), Activation::Relu),
                )
                .unwrap();
                let values = y.as_vec();
                let grads = (y.sin()).sum::<Rank0, _>().backward();
                let [dx, dgamma] = [grads.get(&x).as_vec(), grads.get(&gamma).as_vec()];
                ([values, dx, dgamma], [statistics.mean.as_vec(), statistics.variance.as_vec()])
            })
        };
        let one = run(1);
        for threads in [2, 3, 4] {
            assert_eq!(one, run(threads), "{threads} threads");
        }
    }
}

#[test]
fn one_value_no_value_and_no_number() {
    let dev = Cpu::default();
    let (one, zero) = (dev.ones_like(&(1,)), dev.zeros_like(&(1,)));
    let relu = options(None, Activation::Relu);
    let x: Images = dev.ones_like(&(1, 1, 1, 1));
    let (y, statistics) = batch_norm_train(x, &one, &zero, None, relu).unwrap();
    assert_eq!((y.as_vec(), statistics.variance.as_vec()), (vec![0.0], vec![0.0]));
    for shape in [(0, 1, 3, 3), (2, 1, 0, 3)] {
        let x: Images = dev.zeros_like(&shape);
        let (y, statistics) = batch_norm_train(x.leaky_trace(), &one, &zero, None, relu).unwrap();
        assert_eq!((y.shape(), statistics.mean.shape().0 * statistics.mean.shape().1), (&shape, 0));
    }
    let mut values = vec![1.0; 18];
    values[3] = f32::NAN;
    let x = dev.tensor_from_vec(values, (2, 1, 3, 3));
    let y = batch_norm_train(x, &one, &zero, None, relu).unwrap().0;
    assert!(y.as_vec().iter().all(|y| y.is_nan()));
}

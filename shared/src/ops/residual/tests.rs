use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

#[test]
fn values_and_gradients_are_pytorchs() {
    let dev = Cpu::default();
    let g = Golden::read(format!("{}/tests/goldens/ops/add_relu.json", env!("CARGO_MANIFEST_DIR")));
    let read = |name: &str| dev.tensor_from_vec(g.get_f32(name), (3usize, 5usize));
    let (x, r, dy) = (read("x"), read("r"), read("dy"));
    for op in [add_activate, composed] {
        let y = op(x.leaky_trace(), &r, Activation::Relu).unwrap();
        assert_close("y", &y.as_vec(), g.get("y"), 1e-6);
        let grads = (y * dy.clone()).sum::<Rank0, _>().backward();
        assert_close("dx", &grads.get(&x).as_vec(), g.get("dx"), 1e-6);
        assert_close("dr", &grads.get(&r).as_vec(), g.get("dr"), 1e-6);
    }
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let dev = Cpu::seed_from_u64(2);
    let x: Tensor<Rank1<7>, f32, _> = dev.sample_normal();
    let r: Tensor<Rank1<7>, f32, _> = dev.sample_normal();
    let wide = |t: &Tensor<Rank1<7>, f32, Cpu>| t.as_vec().iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
    for f in
        [Activation::Identity, Activation::Relu, Activation::LeakyRelu, Activation::Tanh, Activation::Sigmoid]
    {
        let loss = |v: &[Vec<f64>]| {
            let (x, r) =
                (dev.tensor_from_vec(v[0].clone(), (7usize,)), dev.tensor_from_vec(v[1].clone(), (7usize,)));
            composed(x, &r, f).unwrap().square().sum::<Rank0, _>().array()
        };
        let expected = finite_differences(loss, &[wide(&x), wide(&r)], 1e-6);
        let grads = add_activate(x.leaky_trace(), &r, f).unwrap().square().sum().backward();
        assert_close("dx", &grads.get(&x).as_vec(), &expected[0], 1e-5);
        assert_close("dr", &grads.get(&r).as_vec(), &expected[1], 1e-5);
    }
}

/// The sum of a tensor with itself, over more than one chunk, on any number of threads; NaN passes.
#[test]
fn the_same_tensor_twice_threads_and_nan() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let x: Tensor<(usize,), f32, _> =
                Cpu::seed_from_u64(0).sample_like(&(100_001,), rand_distr::StandardNormal);
            let y = add_activate(x.leaky_trace(), &x, Activation::Relu).unwrap();
            let values = y.as_vec();
            (x.as_vec(), values, y.sum::<Rank0, _>().backward().get(&x).as_vec())
        })
    };
    let (x, y, dx) = run(1);
    for i in 0..x.len() {
        assert_eq!((y[i], dx[i]), if x[i] > 0.0 { (2.0 * x[i], 2.0) } else { (0.0, 0.0) });
    }
    assert_eq!(run(4), (x, y, dx));
    let dev = Cpu::default();
    assert!(add_activate(dev.tensor([f32::NAN]), &dev.zeros(), Activation::Relu).unwrap().array()[0].is_nan());
    let none: Tensor<(usize,), f32, _> = dev.zeros_like(&(0,));
    assert_eq!(add_activate(none.leaky_trace(), &none, Activation::Relu).unwrap().shape(), &(0,));
}

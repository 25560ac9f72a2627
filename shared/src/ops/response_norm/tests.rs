use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

const STRONG: ResponseNorm = ResponseNorm { radius: 1, bias: 0.5, alpha: 0.7, beta: 0.6 };

#[test]
fn values_and_gradients_are_pytorchs_and_finite_differences() {
    let (dev, shape) = (Cpu::default(), (2usize, 6usize, 2usize, 3usize));
    for (name, norm) in [("cifar10", ResponseNorm::CIFAR10), ("strong", STRONG)] {
        let path = format!("{}/tests/goldens/ops/response_norm_{name}.json", env!("CARGO_MANIFEST_DIR"));
        let g = Golden::read(path);
        let x = dev.tensor_from_vec(g.get_f32("x"), shape);
        let dy = dev.tensor_from_vec(g.get_f32("dy"), shape);
        for op in [local_response_norm, composed] {
            let y = op(x.leaky_trace(), norm).unwrap();
            assert_close(name, &y.as_vec(), g.get("y"), 1e-6);
            let grads = (y * dy.clone()).sum::<Rank0, _>().backward();
            assert_close(name, &grads.get(&x).as_vec(), g.get("dx"), 2e-6);
        }
        let loss = |v: &[Vec<f64>]| {
            let dy = dev.tensor_from_vec(g.get("dy").to_vec(), shape);
            (composed(dev.tensor_from_vec(v[0].clone(), shape), norm).unwrap() * dy).sum::<Rank0, _>().array()
        };
        let expected = finite_differences(loss, &[g.get("x").to_vec()], 1e-5);
        let grads = (local_response_norm(x.leaky_trace(), norm).unwrap() * dy).sum::<Rank0, _>().backward();
        assert_close(name, &grads.get(&x).as_vec(), &expected[0], 1e-5);
    }
}

#[test]
fn permuted_inputs_threads_and_no_images() {
    let run = |threads, ours: bool| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let dev = Cpu::seed_from_u64(3);
            let x: Tensor<Rank4<4, 3, 5, 2>, f32, _> = dev.sample_normal();
            let x_t = x.leaky_trace().permute::<Rank4<3, 4, 5, 2>, Axes4<1, 0, 2, 3>>();
            let y = if ours { local_response_norm(x_t, STRONG) } else { composed(x_t, STRONG) }.unwrap();
            let values = y.as_vec();
            (values, y.square().sum::<Rank0, _>().backward().get(&x).as_vec())
        })
    };
    let (ours, theirs) = (run(1, true), run(1, false));
    let wide = |v: &[f32]| v.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
    assert_close("y", &ours.0, &wide(&theirs.0), 1e-6);
    assert_close("dx", &ours.1, &wide(&theirs.1), 1e-5);
    assert_eq!(run(3, true), ours);
    let none: Tensor<(usize, usize, usize, usize), f32, _> = Cpu::default().zeros_like(&(0, 2, 3, 3));
    assert_eq!(local_response_norm(none.leaky_trace(), STRONG).unwrap().shape().0, 0);
}

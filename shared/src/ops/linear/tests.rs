use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

const ALL: [(Activation, &str); 5] = [
    (Activation::Identity, "identity"),
    (Activation::Relu, "relu"),
    (Activation::LeakyRelu, "leakyrelu"),
    (Activation::Tanh, "tanh"),
    (Activation::Sigmoid, "sigmoid"),
];

fn golden(name: &str) -> Golden {
    Golden::read(format!("{}/tests/goldens/ops/linear_{name}.json", env!("CARGO_MANIFEST_DIR")))
}

#[test]
fn values_and_gradients_are_pytorchs() {
    let dev = Cpu::default();
    for (activation, name) in ALL {
        let g = golden(name);
        let x: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(g.get_f32("x"), (5, 4));
        let w: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(g.get_f32("w"), (3, 4));
        let b: Tensor<(usize,), f32, _> = dev.tensor_from_vec(g.get_f32("b"), (3,));
        let dy: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(g.get_f32("dy"), (5, 3));
        let y = linear(x.leaky_trace(), &w, &b, activation).unwrap();
        assert_close(name, &y.as_vec(), g.get("y"), 1e-6);
        let grads = (y * dy).sum::<Rank0, _>().backward();
        assert_close("dx", &grads.get(&x).as_vec(), g.get("dx"), 1e-6);
        assert_close("dw", &grads.get(&w).as_vec(), g.get("dw"), 1e-6);
        assert_close("db", &grads.get(&b).as_vec(), g.get("db"), 1e-6);
    }
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let dev = Cpu::default();
    for (activation, name) in ALL {
        let g = golden(name);
        let inputs: Vec<Vec<f64>> = ["x", "w", "b"].map(|k| g.get(k).to_vec()).into();
        let loss = |v: &[Vec<f64>]| {
            let x = dev.tensor_from_vec(v[0].clone(), (5usize, 4usize));
            let w = dev.tensor_from_vec(v[1].clone(), (3usize, 4usize));
            let b = dev.tensor_from_vec(v[2].clone(), (3usize,));
            composed(x, &w, &b, activation).unwrap().square().sum::<Rank0, _>().array()
        };
        let expected = finite_differences(loss, &inputs, 1e-5);
        let x: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(g.get_f32("x"), (5, 4));
        let w: Tensor<(usize, usize), f32, _> = dev.tensor_from_vec(g.get_f32("w"), (3, 4));
        let b: Tensor<(usize,), f32, _> = dev.tensor_from_vec(g.get_f32("b"), (3,));
        let grads =
            linear(x.leaky_trace(), &w, &b, activation).unwrap().square().sum::<Rank0, _>().backward();
        assert_close("dx", &grads.get(&x).as_vec(), &expected[0], 1e-5);
        assert_close("dw", &grads.get(&w).as_vec(), &expected[1], 1e-5);
        assert_close("db", &grads.get(&b).as_vec(), &expected[2], 1e-5);
    }
}

/// The kernel against the composition, on inputs whose strides are not their shape's.
#[test]
fn permuted_and_broadcast_inputs_agree_with_the_oracle() {
    let dev = Cpu::seed_from_u64(3);
    let x: Tensor<Rank2<4, 6>, f32, _> = dev.sample_normal();
    let w: Tensor<Rank2<4, 3>, f32, _> = dev.sample_normal();
    let b: Tensor<Rank0, f32, _> = dev.tensor(0.25);
    let run = |ours: bool| {
        let (x_t, w_t) = (x.leaky_trace().permute::<Rank2<6, 4>, _>(), w.clone().permute::<Rank2<3, 4>, _>());
        let b_t = b.clone().broadcast::<Rank1<3>, _>();
        let f = Activation::Tanh;
        let y = if ours { linear(x_t, &w_t, &b_t, f) } else { composed(x_t, &w_t, &b_t, f) }.unwrap();
        let values = y.as_vec();
        let grads = y.square().sum().backward();
        (values, grads.get(&x).as_vec(), grads.get(&w_t).as_vec())
    };
    let (ours, theirs) = (run(true), run(false));
    let wide = |v: &[f32]| v.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
    assert_close("y", &ours.0, &wide(&theirs.0), 1e-6);
    assert_close("dx", &ours.1, &wide(&theirs.1), 1e-5);
}

#[test]
fn nan_reaches_the_result_whatever_the_function() {
    let dev = Cpu::default();
    for (activation, name) in ALL {
        let x = dev.tensor([[f32::NAN, 1.0]]);
        let y: Tensor<Rank2<1, 1>, f32, _> =
            linear(x, &dev.tensor([[1.0, 1.0]]), &dev.tensor([0.0]), activation).unwrap();
        assert!(y.array()[0][0].is_nan(), "{name}");
    }
}

#[test]
fn an_empty_batch_is_an_empty_result() {
    let dev = Cpu::default();
    let x: Tensor<(usize, Const<4>), f32, _> = dev.zeros_like(&(0, Const));
    let w: Tensor<Rank2<3, 4>, f32, _> = dev.ones();
    let y = linear(x.leaky_trace(), &w, &dev.zeros(), Activation::Relu).unwrap();
    assert_eq!(y.shape().0, 0);
}

/// Data has no gradient; all else is that of the op.
#[test]
fn data_changes_nothing_but_its_own_gradient() {
    let dev = Cpu::seed_from_u64(8);
    let x: Tensor<Rank2<7, 300>, f32, _> = dev.sample_normal();
    let (w, b): (Tensor<Rank2<200, 300>, f32, _>, Tensor<Rank1<200>, f32, _>) =
        (dev.sample_normal(), dev.sample_normal());
    for (f, _) in ALL {
        let y = linear(x.leaky_trace(), &w, &b, f).unwrap();
        let z = linear_of_data(x.clone(), OwnedTape::default(), &w, &b, f).unwrap();
        assert_eq!(y.as_vec(), z.as_vec());
        let (y, z) = (y.square().sum::<Rank0, _>().backward(), z.square().sum::<Rank0, _>().backward());
        assert_eq!(y.get(&w).as_vec(), z.get(&w).as_vec());
        assert_eq!(y.get(&b).as_vec(), z.get(&b).as_vec());
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let dev = Cpu::seed_from_u64(8);
            let x: Tensor<Rank2<130, 300>, f32, _> = dev.sample_normal();
            let (w, b): (Tensor<Rank2<260, 300>, f32, _>, Tensor<Rank1<260>, f32, _>) =
                (dev.sample_normal(), dev.sample_normal());
            let y = linear(x.leaky_trace(), &w, &b, Activation::Tanh).unwrap();
            let values = y.as_vec();
            let grads = y.square().sum::<Rank0, _>().backward();
            (values, grads.get(&x).as_vec(), grads.get(&w).as_vec(), grads.get(&b).as_vec())
        })
    };
    let one = run(1);
    for threads in [2, 4] {
        assert_eq!(one, run(threads), "{threads} threads");
    }
}

#[test]
fn frozen_weights_pass_the_same_gradient_on() {
    let dev = Cpu::seed_from_u64(3);
    let x: Tensor<Rank2<5, 4>, f32, _> = dev.sample_normal();
    let w: Tensor<Rank2<3, 4>, f32, _> = dev.sample_normal();
    let b: Tensor<Rank1<3>, f32, _> = dev.sample_normal();
    let run = || linear(x.leaky_trace(), &w, &b, Activation::LeakyRelu).unwrap();
    let learns = run().square().sum::<Rank0, _>().backward();
    let mut frozen = crate::device::frozen(run).square().sum::<Rank0, _>().backward();
    assert_eq!(learns.get(&x).as_vec(), frozen.get(&x).as_vec());
    frozen.try_alloc_for(&w).unwrap();
    frozen.try_alloc_for(&b).unwrap();
    assert!(frozen.get(&w).as_vec().iter().chain(&frozen.get(&b).as_vec()).all(|g| *g == 0.0));
    assert!(learns.get(&w).as_vec().iter().any(|g| *g != 0.0));
}

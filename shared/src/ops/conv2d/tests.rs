mod winograd;

use dfdx::prelude::*;
use proptest::prelude::*;

use super::*;
use crate::{
    ops::conv_transpose2d::{self, conv_transpose2d},
    testing::{assert_close, finite_differences, Golden},
};

type Map = Tensor<(usize, usize, usize, usize), f32, Cpu>;
type Row = Tensor<(usize,), f32, Cpu>;

/// Everything of one convolution of either kind.
#[derive(Clone, Debug)]
struct Case {
    /// Images (B, C, H, W) of the op's input.
    input: [usize; 4],
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    transposed: bool,
    bias: bool,
    activation: Activation,
}

/// Result, then the gradients of input, weights and bias for the cotangent.
type Outcome = [Vec<f32>; 4];

impl Case {
    fn out(&self) -> (usize, usize) {
        let side = |n| match self.transposed {
            false => conv_out(n, self.kernel, self.stride, self.padding),
            true => conv_transpose_out(n, self.kernel, self.stride, self.padding),
        };
        (side(self.input[2]), side(self.input[3]))
    }

    fn lens(&self) -> [usize; 4] {
        let [b, c, h, w] = self.input;
        let (rows, cols) = self.out();
        [b * c * h * w, c * self.outputs * self.kernel.pow(2), self.outputs, b * self.outputs * rows * cols]
    }

    /// Numbers between −1 and 1 for input, weights, bias and cotangent.
    fn numbers(&self, seed: u64) -> [Vec<f32>; 4] {
        let dev = Cpu::seed_from_u64(seed);
        self.lens().map(|len| {
            let t: Row = dev.sample_uniform_like(&(len,));
            t.as_vec().into_iter().map(|v| 2.0 * v - 1.0).collect()
        })
    }

    fn run(&self, kernel: bool, [x, w, b, dy]: &[Vec<f32>; 4]) -> Outcome {
        let (dev, k, o) = (Cpu::default(), self.kernel, self.outputs);
        let [n, c, h, wide] = self.input;
        let (s, p, f, out) = (self.stride, self.padding, self.activation, self.out());
        let x: Map = dev.tensor_from_vec(x.clone(), (n, c, h, wide));
        let shape = if self.transposed { (c, o, k, k) } else { (o, c, k, k) };
        let w: Map = dev.tensor_from_vec(w.clone(), shape);
        let b: Row = dev.tensor_from_vec(b.clone(), (o,));
        let dy: Map = dev.tensor_from_vec(dy.clone(), (n, o, out.0, out.1));
        let (t, bias) = (x.leaky_trace(), self.bias.then_some(&b));
        let y = match (self.transposed, kernel) {
            (false, true) => conv2d(t, &w, bias, s, p, out, f),
            (false, false) => composed(t, &w, bias, s, p, out, f),
            (true, true) => conv_transpose2d(t, &w, bias, s, p, out, f),
            (true, false) => conv_transpose2d::composed(t, &w, bias, s, p, out, f),
        };
        let y = y.unwrap();
        let values = y.as_vec();
        let mut grads = (y * dy).sum::<Rank0, _>().backward();
        // without a bias nobody asks for its gradient
        grads.try_alloc_for(&b).unwrap();
        [values, grads.get(&x).as_vec(), grads.get(&w).as_vec(), grads.get(&b).as_vec()]
    }
}

fn wide(v: &[f32]) -> Vec<f64> {
    v.iter().map(|v| f64::from(*v)).collect()
}

#[track_caller]
fn assert_alike(what: &str, ours: &Outcome, theirs: &Outcome, tolerance: f64) {
    for (name, (ours, theirs)) in ["y", "dx", "dw", "db"].iter().zip(ours.iter().zip(theirs)) {
        assert_close(&format!("{what}: {name}"), ours, &wide(theirs), tolerance);
    }
}

fn golden(name: &str, activation: Activation) -> (Case, Golden) {
    let transposed = name.starts_with("conv_transpose2d");
    let golden = Golden::read(format!("{}/tests/goldens/ops/{name}.json", env!("CARGO_MANIFEST_DIR")));
    let sizes: Vec<usize> = golden.get("sizes").iter().map(|s| *s as usize).collect();
    let &[b, c, h, w, outputs, kernel, stride, padding] = sizes.as_slice() else { panic!("eight sizes") };
    let case =
        Case { input: [b, c, h, w], outputs, kernel, stride, padding, transposed, bias: true, activation };
    (case, golden)
}

const GOLDENS: [(&str, Activation); 10] = [
    ("conv2d_same", Activation::Relu),
    ("conv2d_down", Activation::Identity),
    ("conv2d_pointwise", Activation::Tanh),
    ("conv2d_pointwise_down", Activation::Identity),
    ("conv2d_capsules", Activation::Relu),
    ("conv2d_wide", Activation::Sigmoid),
    ("conv2d_mostly_padding", Activation::Identity),
    ("conv_transpose2d_up", Activation::Relu),
    ("conv_transpose2d_seed", Activation::Identity),
    ("conv_transpose2d_gaps", Activation::Tanh),
];

#[test]
fn values_and_gradients_are_pytorchs() {
    for (name, activation) in GOLDENS {
        let (case, golden) = golden(name, activation);
        let numbers = ["x", "w", "b", "dy"].map(|k| golden.get_f32(k));
        for kernel in [true, false] {
            let outcome = case.run(kernel, &numbers);
            for (key, ours) in ["y", "dx", "dw", "db"].iter().zip(&outcome) {
                assert_close(&format!("{name}, kernel {kernel}: {key}"), ours, golden.get(key), 5e-6);
            }
        }
    }
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let dev = Cpu::default();
    for (name, activation) in
        [("conv2d_down", Activation::Tanh), ("conv_transpose2d_up", Activation::Sigmoid)]
    {
        let (case, golden) = golden(name, activation);
        let ([n, c, h, w], k, o, out) = (case.input, case.kernel, case.outputs, case.out());
        let (s, p) = (case.stride, case.padding);
        let inputs: Vec<Vec<f64>> = ["x", "w", "b"].map(|k| golden.get(k).to_vec()).into();
        let cotangent = golden.get("dy").to_vec();
        let loss = |v: &[Vec<f64>]| {
            let x = dev.tensor_from_vec(v[0].clone(), (n, c, h, w));
            let b = dev.tensor_from_vec(v[2].clone(), (o,));
            let y = if case.transposed {
                let weight = dev.tensor_from_vec(v[1].clone(), (c, o, k, k));
                conv_transpose2d::composed(x, &weight, Some(&b), s, p, out, activation)
            } else {
                let weight = dev.tensor_from_vec(v[1].clone(), (o, c, k, k));
                composed(x, &weight, Some(&b), s, p, out, activation)
            };
            let dy = dev.tensor_from_vec(cotangent.clone(), (n, o, out.0, out.1));
            (y.unwrap() * dy).sum::<Rank0, _>().array()
        };
        let expected = finite_differences(loss, &inputs, 1e-5);
        let outcome = case.run(true, &["x", "w", "b", "dy"].map(|k| golden.get_f32(k)));
        for (ours, expected) in outcome[1..].iter().zip(&expected) {
            assert_close(name, ours, expected, 1e-5);
        }
    }
}

fn any_case() -> impl Strategy<Value = Case> {
    let images = (1usize..5, 1usize..8, 1usize..15, 1usize..36);
    let window = (1usize..12, 1usize..5, 0usize..11);
    let rest = (1usize..20, any::<bool>(), any::<bool>(), 0usize..3);
    (images, window, rest).prop_filter_map("something is left", |(images, window, rest)| {
        let activation = [Activation::Identity, Activation::Tanh, Activation::Sigmoid][rest.3];
        let case = Case {
            input: [images.0, images.1, images.2, images.3],
            outputs: rest.0,
            kernel: window.0,
            stride: window.1,
            padding: window.2.min(window.0 - 1),
            transposed: rest.1,
            bias: rest.2,
            activation,
        };
        let (rows, cols) = case.out();
        (rows * cols > 0 && rows * cols < 2000).then_some(case)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn the_kernel_is_the_oracle_whatever_the_sizes(case in any_case(), seed in 0u64..1000) {
        let numbers = case.numbers(seed);
        assert_alike(&format!("{case:?}"), &case.run(true, &numbers), &case.run(false, &numbers), 2e-4);
    }
}

/// Sizes at which panels, blocks of weights and groups of images are full, overflow, or are cut.
#[test]
fn the_kernel_is_the_oracle_at_sizes_that_fill_its_blocks() {
    let case = |input, outputs, kernel, stride, padding| Case {
        input,
        outputs,
        kernel,
        stride,
        padding,
        transposed: false,
        bias: true,
        activation: Activation::Identity,
    };
    for case in [
        case([3, 2, 33, 34], 17, 3, 1, 1),
        case([33, 5, 8, 8], 70, 3, 1, 1),
        case([9, 33, 12, 12], 40, 9, 2, 0),
        case([2, 300, 3, 3], 130, 1, 1, 0),
        case([1, 1, 28, 28], 40, 9, 1, 0),
        case([2, 3, 2, 2], 4, 2, 1, 5),
        case([2, 3, 4, 4], 4, 1, 1, 2),
        case([1, 16, 1, 1], 8, 3, 2, 1),
    ] {
        let numbers = case.numbers(7);
        assert_alike(&format!("{case:?}"), &case.run(true, &numbers), &case.run(false, &numbers), 3e-4);
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let case = |input, outputs, kernel, stride, padding, transposed| {
        let activation = Activation::Relu;
        Case { input, outputs, kernel, stride, padding, transposed, bias: true, activation }
    };
    for case in [
        case([13, 16, 32, 32], 16, 3, 1, 1, false),
        case([10, 16, 20, 20], 24, 9, 2, 0, false),
        case([7, 12, 9, 9], 70, 3, 2, 1, false),
        case([6, 20, 7, 7], 10, 4, 2, 1, true),
    ] {
        let numbers = case.numbers(3);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| case.run(true, &numbers))
        };
        let one = run(1);
        for threads in [2, 3, 4] {
            assert!(one == run(threads), "{threads} threads, {case:?}");
        }
    }
}

/// The kernel against the composition, on inputs whose strides are not their shape's.
#[test]
fn permuted_and_broadcast_inputs_agree_with_the_oracle() {
    let dev = Cpu::seed_from_u64(3);
    let x: Tensor<Rank4<5, 2, 3, 6>, f32, _> = dev.sample_normal();
    let w: Tensor<Rank4<3, 3, 2, 4>, f32, _> = dev.sample_normal();
    let b: Tensor<Rank0, f32, _> = dev.tensor(0.25);
    let run = |kernel: bool| {
        let x_t = x.leaky_trace().permute::<Rank4<2, 3, 6, 5>, Axes4<1, 2, 3, 0>>();
        let w_t = w.clone().permute::<Rank4<4, 3, 3, 2>, Axes4<3, 1, 0, 2>>();
        let w_t: Tensor<(usize, usize, usize, usize), f32, _> = w_t.slice((.., .., .., ..2)).realize();
        // a (4, 3, 2, 2) kernel of which the strides are those of w
        let w_t = w_t.slice((.., .., ..2, ..)).realize::<(usize, usize, usize, usize)>();
        let (x_t, w_t) = (x_t.realize::<(usize, usize, usize, usize)>(), w_t);
        let b_t = b.clone().broadcast_like::<(usize,), _>(&(4,));
        let (out, f) = ((5, 4), Activation::Tanh);
        let y = if kernel {
            conv2d(x_t, &w_t, Some(&b_t), 1, 0, out, f)
        } else {
            composed(x_t, &w_t, Some(&b_t), 1, 0, out, f)
        };
        let y = y.unwrap();
        let values = y.as_vec();
        let grads = y.square().sum::<Rank0, _>().backward();
        (values, grads.get(&x).as_vec())
    };
    let (ours, theirs) = (run(true), run(false));
    assert_close("y", &ours.0, &wide(&theirs.0), 1e-5);
    assert_close("dx", &ours.1, &wide(&theirs.1), 1e-4);
}

#[test]
fn nan_reaches_the_result_whatever_the_function() {
    let dev = Cpu::default();
    for f in
        [Activation::Identity, Activation::Relu, Activation::LeakyRelu, Activation::Tanh, Activation::Sigmoid]
    {
        let x: Tensor<Rank4<1, 1, 2, 2>, f32, _> = dev.tensor([[[[f32::NAN, 1.0], [-1.0, -1.0]]]]);
        let w: Tensor<Rank4<1, 1, 2, 2>, f32, _> = dev.ones();
        let out = (Const::<1>, Const::<1>);
        assert!(conv2d(x.clone(), &w, None, 1, 0, out, f).unwrap().as_vec()[0].is_nan(), "{f:?}");
        let out = (Const::<3>, Const::<3>);
        let y = conv_transpose2d(x, &w, None, 1, 0, out, f).unwrap().as_vec();
        assert!(y[0].is_nan() && !y[8].is_nan(), "{f:?}");
    }
}

#[test]
fn an_empty_batch_is_an_empty_result_without_gradients() {
    let dev = Cpu::default();
    let x: Tensor<(usize, Const<2>, Const<5>, Const<5>), f32, _> = dev.zeros_like(&(0, Const, Const, Const));
    let w: Tensor<Rank4<3, 2, 3, 3>, f32, _> = dev.ones();
    let b: Tensor<Rank1<3>, f32, _> = dev.ones();
    let out = (Const::<3>, Const::<3>);
    let y = conv2d(x.leaky_trace(), &w, Some(&b), 2, 1, out, Activation::Relu).unwrap();
    assert_eq!(y.shape().0, 0);
    let up: Tensor<Rank4<2, 3, 3, 3>, f32, _> = dev.ones();
    let y = conv_transpose2d(x, &up, None, 1, 1, (Const::<5>, Const::<5>), Activation::Relu).unwrap();
    assert_eq!(y.shape().0, 0);
}

#[test]
#[should_panic(expected = "height and width")]
fn another_size_of_the_result_is_refused() {
    let dev = Cpu::default();
    let x: Tensor<Rank4<1, 1, 5, 5>, f32, _> = dev.zeros();
    let w: Tensor<Rank4<1, 1, 3, 3>, f32, _> = dev.zeros();
    let _ = conv2d(x, &w, None, 1, 0, (4, 4), Activation::Identity);
}

/// Data has no gradient; all else is that of the op.
#[test]
fn data_changes_nothing_but_its_own_gradient() {
    let dev = Cpu::seed_from_u64(8);
    let x: Tensor<Rank4<3, 2, 7, 6>, f32, _> = dev.sample_normal();
    let w: Tensor<Rank4<4, 2, 3, 3>, f32, _> = dev.sample_normal();
    let b: Tensor<Rank1<4>, f32, _> = dev.sample_normal();
    let out = (Const::<4>, Const::<3>);
    for (b, f) in [(Some(&b), Activation::Relu), (None, Activation::Identity)] {
        let y = conv2d(x.leaky_trace(), &w, b, 2, 1, out, f).unwrap();
        let z = conv2d_of_data(x.clone(), OwnedTape::default(), &w, b, 2, 1, out, f).unwrap();
        assert_eq!(y.as_vec(), z.as_vec());
        let (y, z) = (y.square().sum::<Rank0, _>().backward(), z.square().sum::<Rank0, _>().backward());
        assert_eq!(y.get(&w).as_vec(), z.get(&w).as_vec());
        if let Some(b) = b {
            assert_eq!(y.get(b).as_vec(), z.get(b).as_vec());
        }
    }
}

#[test]
fn frozen_weights_pass_the_same_gradient_on() {
    let dev = Cpu::seed_from_u64(3);
    let x: Tensor<Rank4<2, 3, 6, 6>, f32, _> = dev.sample_normal();
    let w: Tensor<Rank4<4, 3, 4, 4>, f32, _> = dev.sample_normal();
    let back: Tensor<Rank4<4, 2, 4, 4>, f32, _> = dev.sample_normal();
    let b: Tensor<Rank1<4>, f32, _> = dev.sample_normal();
    let run = || {
        let y: Tensor<Rank4<2, 4, 3, 3>, f32, _, _> =
            conv2d(x.leaky_trace(), &w, Some(&b), 2, 1, (Const, Const), Activation::LeakyRelu).unwrap();
        let up: Tensor<Rank4<2, 2, 6, 6>, f32, _, _> = crate::ops::conv_transpose2d::conv_transpose2d(
            y,
            &back,
            None,
            2,
            1,
            (Const, Const),
            Activation::Tanh,
        )
        .unwrap();
        up.square().sum::<Rank0, _>().backward()
    };
    let (learns, mut frozen) = (run(), crate::device::frozen(run));
    assert_eq!(learns.get(&x).as_vec(), frozen.get(&x).as_vec());
    frozen.try_alloc_for(&w).unwrap();
    frozen.try_alloc_for(&back).unwrap();
    assert!(frozen.get(&w).as_vec().iter().chain(&frozen.get(&back).as_vec()).all(|g| *g == 0.0));
    assert!(learns.get(&back).as_vec().iter().any(|g| *g != 0.0));
}

use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

const NAMES: [&str; 7] = ["x", "w", "u", "b_w", "b_u", "h0", "c0"];

/// S, B, I, H.
type Sizes = [usize; 4];

/// Everything the op is given, and the gradient of its result.
struct Case {
    sizes: Sizes,
    given: Vec<Vec<f32>>,
    dy: Vec<f32>,
}

/// y, h, c, then the gradients in the order of [`NAMES`].
type Out = Vec<Vec<f32>>;

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

fn golden(name: &str) -> (Golden, Case) {
    let path = format!("{}/tests/goldens/ops/lstm_{name}.json", env!("CARGO_MANIFEST_DIR"));
    let g = Golden::read(path);
    let sizes: Vec<usize> = g.get("sizes").iter().map(|s| *s as usize).collect();
    let given = NAMES.map(|name| g.get_f32(name)).into();
    let case = Case { sizes: [sizes[0], sizes[1], sizes[2], sizes[3]], given, dy: g.get_f32("dy") };
    (g, case)
}

fn random(sizes: Sizes, seed: u64) -> Case {
    let [s, b, i, h] = sizes;
    let dev = Cpu::seed_from_u64(seed);
    let draw = |len: usize| {
        if len == 0 {
            return Vec::new(); // dfdx reads no empty tensor
        }
        let values: Tensor<(usize,), f32, Cpu> = dev.sample_normal_like(&(len,));
        (values * 0.5).as_vec()
    };
    let given = [s * b * i, 4 * h * i, 4 * h * h, 4 * h, 4 * h, b * h, b * h].map(draw).into();
    Case { sizes, given, dy: draw(s * b * h) }
}

/// The tensors of `values`, whose sizes are known at run time.
struct Tensors<E: Dtype> {
    x: Sequence<E, Cpu>,
    w: Tensor<(usize, usize), E, Cpu>,
    u: Tensor<(usize, usize), E, Cpu>,
    b_w: Tensor<(usize,), E, Cpu>,
    b_u: Tensor<(usize,), E, Cpu>,
    state: LstmState<usize, usize, E, Cpu>,
}

impl<E: Dtype> Tensors<E>
where
    Cpu: Device<E>,
{
    fn new([s, b, i, h]: Sizes, values: &[Vec<E>]) -> Self {
        let dev = Cpu::default();
        Tensors {
            x: dev.tensor_from_vec(values[0].clone(), (s, b, i)),
            w: dev.tensor_from_vec(values[1].clone(), (4 * h, i)),
            u: dev.tensor_from_vec(values[2].clone(), (4 * h, h)),
            b_w: dev.tensor_from_vec(values[3].clone(), (4 * h,)),
            b_u: dev.tensor_from_vec(values[4].clone(), (4 * h,)),
            state: LstmState {
                hidden: dev.tensor_from_vec(values[5].clone(), (b, h)),
                cell: dev.tensor_from_vec(values[6].clone(), (b, h)),
            },
        }
    }

    fn weights(&self) -> LstmWeights<'_, usize, usize, usize, E, Cpu> {
        LstmWeights { weight_ih: &self.w, weight_hh: &self.u, bias_ih: &self.b_w, bias_hh: &self.b_u }
    }
}

fn run(case: &Case, ours: bool) -> Out {
    let t = Tensors::<f32>::new(case.sizes, &case.given);
    let x = t.x.leaky_trace();
    let pass = if ours { lstm(x, t.weights(), &t.state) } else { composed(x, t.weights(), &t.state) };
    let (y, last) = pass.unwrap();
    let dy = Cpu::default().tensor_from_vec(case.dy.clone(), *y.shape());
    let values = [y.as_vec(), last.hidden.as_vec(), last.cell.as_vec()];
    let g = (y * dy).sum::<Rank0, _>().backward();
    let state = [&t.state.hidden, &t.state.cell].map(|s| g.get(s).as_vec());
    let biases = [&t.b_w, &t.b_u].map(|b| g.get(b).as_vec());
    let weights = [&t.w, &t.u].map(|w| g.get(w).as_vec());
    let gradients = weights.into_iter().chain(biases).chain(state);
    values.into_iter().chain([g.get(&t.x).as_vec()]).chain(gradients).collect()
}

fn assert_same(what: &str, ours: &Out, theirs: &Out, tolerance: f64) {
    let names = ["y", "h", "c"].into_iter().chain(NAMES);
    for ((name, ours), theirs) in names.zip(ours).zip(theirs) {
        assert_close(&format!("{what}: {name}"), ours, &wide(theirs), tolerance);
    }
}

#[test]
fn values_states_and_gradients_are_pytorchs() {
    for name in ["plain", "one", "long"] {
        let (g, case) = golden(name);
        for ours in [true, false] {
            let out = run(&case, ours);
            for (key, values) in ["y", "h", "c"].iter().zip(&out) {
                assert_close(&format!("{name}: {key}"), values, g.get(key), 1e-6);
            }
            for (key, values) in NAMES.iter().zip(&out[3..]) {
                assert_close(&format!("{name}: d{key}"), values, g.get(&format!("d{key}")), 3e-6);
            }
        }
    }
}

/// Sizes on either side of a SIMD register and of a task.
#[test]
fn the_kernel_is_the_composition() {
    for sizes in [[1, 1, 1, 1], [4, 5, 3, 17], [3, 2, 9, 16], [7, 1, 2, 33], [2, 70, 5, 130]] {
        let case = random(sizes, sizes[1] as u64);
        assert_same(&format!("{sizes:?}"), &run(&case, true), &run(&case, false), 1e-5);
    }
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let case = random([3, 2, 3, 2], 4);
    let weights = wide(&case.dy);
    let loss = |v: &[Vec<f64>]| {
        let t = Tensors::<f64>::new(case.sizes, v);
        let (y, _) = composed(t.x.clone(), t.weights(), &t.state).unwrap();
        y.as_vec().iter().zip(&weights).map(|(y, w)| y * w).sum()
    };
    let given: Vec<_> = case.given.iter().map(|v| wide(v)).collect();
    let expected = finite_differences(loss, &given, 1e-5);
    for ((name, ours), expected) in NAMES.iter().zip(&run(&case, true)[3..]).zip(&expected) {
        assert_close(name, ours, expected, 2e-6);
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    // the second has steps that are handed out
    for sizes in [[5, 3, 7, 20], [3, 150, 40, 65]] {
        let case = random(sizes, 9);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&case, true))
        };
        let one = with(1);
        assert!((2..=4).all(|threads| with(threads) == one), "{sizes:?}");
    }
}

/// A sequence in one piece, and in two with the state handed over: the same outputs and the same last state; the
/// gradients of the second half end at the border.
#[test]
fn a_state_carries_over_and_gradients_stop_there() {
    let case = random([6, 3, 2, 5], 12);
    for ours in [true, false] {
        let t = Tensors::<f32>::new(case.sizes, &case.given);
        let pass = |x, state: &_| {
            if ours { lstm(x, t.weights(), state) } else { composed(x, t.weights(), state) }.unwrap()
        };
        let (y, last) = pass(t.x.leaky_trace(), &t.state);
        let first: Sequence<f32, Cpu> = t.x.clone().slice((0..2, .., ..));
        let second: Sequence<f32, Cpu> = t.x.clone().slice((2..6, .., ..));
        let (y1, between) = pass(first.leaky_trace(), &t.state);
        let (y1, tape) = y1.split_tape();
        let (y2, end) = pass(second.put_tape(tape), &between);
        let pieces: Vec<f32> = y1.as_vec().into_iter().chain(y2.as_vec()).collect();
        assert_close("y", &pieces, &wide(&y.as_vec()), 1e-6);
        assert_close("h", &end.hidden.as_vec(), &wide(&last.hidden.as_vec()), 1e-6);
        assert_close("c", &end.cell.as_vec(), &wide(&last.cell.as_vec()), 1e-6);
        let mut grads = y2.square().sum::<Rank0, _>().backward();
        grads.try_alloc_for(&first).unwrap();
        assert!(grads.get(&first).as_vec().iter().all(|g| *g == 0.0), "ours: {ours}");
        assert!(grads.get(&between.hidden).as_vec().iter().any(|g| *g != 0.0));
    }
}

#[test]
fn permuted_inputs_agree_with_the_oracle() {
    let dev = Cpu::seed_from_u64(6);
    let x: Tensor<(usize, usize, usize), f32, _> = dev.sample_normal_like(&(2, 5, 3));
    let w: Tensor<(usize, usize), f32, _> = dev.sample_normal_like(&(3, 16));
    let (u, b, none): (Tensor<_, f32, _>, Tensor<_, f32, _>, Tensor<_, f32, _>) = (
        dev.sample_normal_like(&(16usize, 4usize)),
        dev.sample_normal_like(&(16usize,)),
        dev.zeros_like(&(16usize,)),
    );
    let state = LstmState::zeros(&dev, 2, 4).unwrap();
    let run = |ours: bool| {
        let turned: Sequence<f32, Cpu, _> = x.leaky_trace().permute::<_, Axes3<1, 0, 2>>();
        let w_t = w.clone().permute::<(usize, usize), Axes2<1, 0>>();
        let weights = LstmWeights { weight_ih: &w_t, weight_hh: &u, bias_ih: &b, bias_hh: &none };
        let (y, _) =
            if ours { lstm(turned, weights, &state) } else { composed(turned, weights, &state) }.unwrap();
        let values = y.as_vec();
        let grads = y.square().sum::<Rank0, _>().backward();
        (values, grads.get(&x).as_vec(), grads.get(&w_t).as_vec())
    };
    let (ours, theirs) = (run(true), run(false));
    assert_close("y", &ours.0, &wide(&theirs.0), 1e-6);
    assert_close("dx", &ours.1, &wide(&theirs.1), 1e-5);
    assert_close("dw", &ours.2, &wide(&theirs.2), 1e-5);
}

#[test]
fn nothing_in_gives_nothing_out_and_no_number_stays_none() {
    for ours in [true, false] {
        let case = random([0, 2, 3, 4], 1);
        let t = Tensors::<f32>::new(case.sizes, &case.given);
        let x = t.x.leaky_trace();
        let (y, last) =
            if ours { lstm(x, t.weights(), &t.state) } else { composed(x, t.weights(), &t.state) }.unwrap();
        assert_eq!(y.shape(), &(0, 2, 4));
        assert_eq!((&last.hidden.as_vec(), &last.cell.as_vec()), (&case.given[5], &case.given[6]));
    }
    let none = random([3, 0, 2, 4], 1);
    let t = Tensors::<f32>::new(none.sizes, &none.given);
    let (y, last) = lstm(t.x.leaky_trace(), t.weights(), &t.state).unwrap();
    assert_eq!((y.shape(), last.cell.shape()), (&(3, 0, 4), &(0, 4)));
    let mut broken = random([3, 1, 2, 4], 1);
    broken.given[0][0] = f32::NAN;
    assert!(run(&broken, true)[1].iter().all(|h| h.is_nan()));
}

#[test]
fn frozen_weights_pass_the_same_gradient_on() {
    let case = random([4, 2, 3, 5], 2);
    let t = Tensors::<f32>::new(case.sizes, &case.given);
    let pass = || lstm(t.x.leaky_trace(), t.weights(), &t.state).unwrap().0;
    let learns = pass().square().sum::<Rank0, _>().backward();
    let mut frozen = crate::device::frozen(pass).square().sum::<Rank0, _>().backward();
    assert_eq!(learns.get(&t.x).as_vec(), frozen.get(&t.x).as_vec());
    frozen.try_alloc_for(&t.u).unwrap();
    assert!(frozen.get(&t.u).as_vec().iter().all(|g| *g == 0.0));
    assert!(learns.get(&t.u).as_vec().iter().any(|g| *g != 0.0));
}

#[test]
#[should_panic(expected = "rows of the weights")]
fn a_state_of_another_batch_is_refused() {
    let case = random([2, 3, 2, 4], 0);
    let t = Tensors::<f32>::new(case.sizes, &case.given);
    let other = LstmState::zeros(&Cpu::default(), 2, 4).unwrap();
    let _ = lstm(t.x.clone(), t.weights(), &other);
}

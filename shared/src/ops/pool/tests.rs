use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

type Images = Tensor<(usize, usize, usize, usize), f32, Cpu>;

/// Name, image, window: as in make_image_goldens.py.
const CASES: [(&str, [usize; 2], Window); 4] = [
    ("overlap", [7, 6], Window::new(3, 2, 1)),
    ("plain", [6, 5], Window::new(2, 2, 0)),
    ("dense", [4, 5], Window::new(3, 1, 1)),
    ("whole", [3, 3], Window::new(3, 3, 0)),
];

fn golden(name: &str) -> Golden {
    Golden::read(format!("{}/tests/goldens/ops/{name}.json", env!("CARGO_MANIFEST_DIR")))
}

#[test]
fn values_and_gradients_are_pytorchs() {
    let dev = Cpu::default();
    for (name, [h, w], window) in CASES {
        let out = (window.out(h), window.out(w));
        for (kind, kernel) in [("max", true), ("max", false), ("avg", true), ("avg", false)] {
            let g = golden(&format!("{kind}_pool_{name}"));
            let x = dev.tensor_from_vec(g.get_f32("x"), (2usize, 3usize, h, w));
            let dy = dev.tensor_from_vec(g.get_f32("dy"), (2usize, 3usize, out.0, out.1));
            let op = match (kind, kernel) {
                ("max", true) => max_pool2d,
                ("max", false) => composed_max,
                (_, true) => avg_pool2d,
                (_, false) => composed_avg,
            };
            let y = op(x.leaky_trace(), window, out).unwrap();
            assert_close(name, &y.as_vec(), g.get("y"), 1e-6);
            let grads = (y * dy).sum::<Rank0, _>().backward();
            assert_close(name, &grads.get(&x).as_vec(), g.get("dx"), 1e-6);
        }
    }
    let g = golden("global_avg_pool");
    let x = dev.tensor_from_vec(g.get_f32("x"), (2usize, 3usize, 5usize, 7usize));
    let dy = dev.tensor_from_vec(g.get_f32("dy"), (2usize, 3usize));
    let y = global_avg_pool2d(x.leaky_trace()).unwrap();
    assert_close("global", &y.as_vec(), g.get("y"), 1e-6);
    let grads = (y * dy).sum::<Rank0, _>().backward();
    assert_close("global", &grads.get(&x).as_vec(), g.get("dx"), 1e-6);
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let dev = Cpu::seed_from_u64(4);
    for (name, [h, w], window) in CASES {
        let (shape, out) = ((1, 2, h, w), (window.out(h), window.out(w)));
        let x: Images = dev.sample_like(&shape, rand_distr::StandardNormal);
        let values: Vec<f64> = x.as_vec().iter().map(|x| f64::from(*x)).collect();
        for max in [true, false] {
            let loss = |v: &[Vec<f64>]| {
                let x = dev.tensor_from_vec(v[0].clone(), shape);
                let op = if max { composed_max } else { composed_avg };
                op(x, window, out).unwrap().square().sum::<Rank0, _>().array()
            };
            let expected = finite_differences(loss, std::slice::from_ref(&values), 1e-6);
            let op = if max { max_pool2d } else { avg_pool2d };
            let grads = op(x.leaky_trace(), window, out).unwrap().square().sum::<Rank0, _>().backward();
            assert_close(name, &grads.get(&x).as_vec(), &expected[0], 1e-5);
        }
    }
}

#[test]
fn permuted_inputs_agree_with_the_oracle() {
    let dev = Cpu::seed_from_u64(3);
    let x: Tensor<Rank4<4, 3, 5, 2>, f32, _> = dev.sample_normal();
    let window = Window::new(3, 2, 1);
    for max in [true, false] {
        let run = |ours: bool| {
            let x_t = x.leaky_trace().permute::<Rank4<3, 2, 5, 4>, Axes4<1, 3, 2, 0>>();
            let op = match (max, ours) {
                (true, true) => max_pool2d,
                (true, false) => composed_max,
                (false, true) => avg_pool2d,
                (false, false) => composed_avg,
            };
            let y: Tensor<Rank4<3, 2, 3, 2>, f32, _, _> = op(x_t, window, (Const, Const)).unwrap();
            let values: Vec<f64> = y.as_vec().iter().map(|y| f64::from(*y)).collect();
            (values, y.square().sum::<Rank0, _>().backward().get(&x).as_vec())
        };
        let (ours, theirs) = (run(true), run(false));
        let wide = |v: &[f32]| v.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
        let narrow: Vec<f32> = ours.0.iter().map(|v| *v as f32).collect();
        assert_close("y", &narrow, &theirs.0, 1e-6);
        assert_close("dx", &ours.1, &wide(&theirs.1), 1e-5);
    }
}

/// What PyTorch does: a NaN wins its windows, and where all values are −∞ the first one has the gradient.
#[test]
fn nan_and_infinities() {
    let dev = Cpu::default();
    let x = dev.tensor_from_vec(vec![1.0, f32::NAN, 3.0, 0.5, 0.25, 0.0], (1usize, 1usize, 1usize, 6usize));
    let y = max_pool2d(x, Window::new(1, 1, 0), (1, 6)).unwrap();
    assert!(y.as_vec()[1].is_nan() && !y.as_vec()[2].is_nan());
    let x = dev.tensor_from_vec(vec![f32::NAN, 2.0, 3.0, 1.0], (1usize, 1usize, 2usize, 2usize));
    for op in [max_pool2d, composed_max] {
        assert!(op(x.clone(), Window::new(2, 2, 0), (1, 1)).unwrap().as_vec()[0].is_nan());
    }
    let x = dev.tensor_from_vec(vec![f32::NEG_INFINITY; 9], (1usize, 1usize, 3usize, 3usize));
    for op in [max_pool2d, composed_max] {
        let grads = op(x.leaky_trace(), Window::new(3, 2, 1), (2, 2)).unwrap().sum::<Rank0, _>().backward();
        assert_eq!(grads.get(&x).as_vec(), [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads_and_no_image_is_fine() {
    let run = |threads, batch| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let dev = Cpu::seed_from_u64(5);
            let x: Images = dev.sample_like(&(batch, 7, 9, 9), rand_distr::StandardNormal);
            let y = max_pool2d(x.leaky_trace(), Window::new(3, 2, 1), (5, 5)).unwrap();
            let y = avg_pool2d(y, Window::new(2, 1, 0), (4, 4)).unwrap();
            let y = global_avg_pool2d(y).unwrap();
            assert_eq!(y.shape(), &(batch, 7));
            if batch == 0 {
                return (vec![], vec![]);
            }
            let values = y.as_vec();
            (values, y.sin().sum::<Rank0, _>().backward().get(&x).as_vec())
        })
    };
    assert_eq!(run(1, 5), run(2, 5));
    assert_eq!(run(1, 5), run(4, 5));
    run(2, 0);
}

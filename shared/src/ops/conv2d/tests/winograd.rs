//! 3 x 3 kernels of stride 1 with enough channels for the fast way, against direct sums.

use super::*;

fn case(input: [usize; 4], outputs: usize, padding: usize, transposed: bool) -> Case {
    let activation = Activation::Identity;
    Case { input, outputs, kernel: 3, stride: 1, padding, transposed, bias: true, activation }
}

/// Sides that are no multiple of a tile, channels that are no multiple of a vector, one image, more images than a block
/// holds, an image larger than a block, and every padding.
#[test]
fn the_kernel_is_the_oracle_at_all_sizes() {
    for case in [
        case([1, 32, 7, 7], 16, 1, false),
        case([5, 17, 9, 6], 35, 1, false),
        case([3, 16, 13, 11], 49, 0, false),
        case([2, 33, 5, 14], 50, 2, false),
        case([27, 20, 8, 8], 81, 1, false),
        case([1, 18, 45, 70], 19, 1, false),
        case([3, 24, 7, 10], 40, 1, true),
        case([2, 19, 6, 7], 33, 0, true),
    ] {
        let numbers = case.numbers(11);
        assert_alike(&format!("{case:?}"), &case.run(true, &numbers), &case.run(false, &numbers), 3e-4);
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for case in [
        case([13, 32, 14, 14], 48, 1, false),
        case([21, 40, 7, 7], 70, 1, false),
        case([3, 16, 40, 33], 16, 1, false),
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

/// The two signs of an infinity and a NaN reach at least the results whose window they are in.
#[test]
fn what_is_not_finite_is_not_hidden() {
    let case = case([1, 16, 9, 9], 16, 1, false);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut numbers = case.numbers(5);
        numbers[0][4 * 9 + 4] = bad;
        let [y, ..] = case.run(true, &numbers);
        for (i, j) in [(3, 3), (3, 5), (4, 4), (5, 5)] {
            assert!(!y[i * 9 + j].is_finite(), "{bad} at ({i}, {j})");
        }
    }
}

/// The bound that the module's documentation states, on 160 channels: of the result, the gradient of the input and that of
/// the weights, relative to the root mean square of each.
#[test]
fn errors_stay_near_those_of_direct_sums() {
    let case = case([2, 160, 14, 14], 160, 1, false);
    let numbers = case.numbers(1);
    let ours = case.run(true, &numbers);
    let exact = {
        let dev = Cpu::default();
        let [x, w, b, dy] = numbers.each_ref().map(|v| wide(v));
        let x: Tensor<(usize, usize, usize, usize), f64, _> = dev.tensor_from_vec(x, (2, 160, 14, 14));
        let w: Tensor<(usize, usize, usize, usize), f64, _> = dev.tensor_from_vec(w, (160, 160, 3, 3));
        let b: Tensor<(usize,), f64, _> = dev.tensor_from_vec(b, (160,));
        let dy = dev.tensor_from_vec(dy, (2usize, 160usize, 14usize, 14usize));
        let y = composed(x.leaky_trace(), &w, Some(&b), 1, 1, (14, 14), Activation::Identity).unwrap();
        let values = y.as_vec();
        let grads = (y * dy).sum::<Rank0, _>().backward();
        [values, grads.get(&x).as_vec(), grads.get(&w).as_vec()]
    };
    for (name, (ours, exact)) in ["y", "dx", "dw"].iter().zip(ours.iter().zip(&exact)) {
        let scale = (exact.iter().map(|e| e * e).sum::<f64>() / exact.len() as f64).sqrt();
        let errors: Vec<f64> = ours.iter().zip(exact).map(|(o, e)| (f64::from(*o) - e) / scale).collect();
        let mean = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
        let worst = errors.iter().fold(0.0f64, |worst, e| worst.max(e.abs()));
        assert!(mean < 2e-6 && worst < 2e-5, "{name}: {mean:.1e} on average, {worst:.1e} at worst");
        assert!(mean > 1e-8, "{name}: {mean:.1e}: not single precision");
    }
}

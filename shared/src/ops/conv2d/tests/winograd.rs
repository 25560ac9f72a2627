//! 3 x 3 kernels of stride 1 and 4 x 4 kernels of stride 2 with enough channels for the fast way, against direct sums.

use super::*;

fn case(input: [usize; 4], outputs: usize, padding: usize, transposed: bool) -> Case {
    let activation = Activation::Identity;
    Case { input, outputs, kernel: 3, stride: 1, padding, transposed, bias: true, activation }
}

/// Kernels of 4 x 4 and stride 2.
fn halving(input: [usize; 4], outputs: usize, padding: usize, transposed: bool) -> Case {
    Case { kernel: 4, stride: 2, ..case(input, outputs, padding, transposed) }
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
        halving([1, 16, 14, 14], 16, 1, false),
        halving([5, 32, 10, 18], 48, 1, false),
        halving([3, 16, 8, 12], 64, 0, false),
        halving([70, 16, 14, 14], 32, 1, false),
        halving([1, 16, 70, 42], 16, 1, false),
        halving([3, 48, 7, 7], 16, 1, true),
        halving([2, 16, 5, 6], 80, 0, true),
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
        halving([37, 32, 14, 14], 48, 1, false),
        halving([9, 64, 7, 7], 32, 1, true),
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
    let (same, halved) = (case([1, 16, 9, 9], 16, 1, false), halving([1, 16, 10, 10], 16, 1, false));
    let reached = [[(3, 3), (3, 5), (4, 4), (5, 5)], [(1, 1), (1, 2), (2, 1), (2, 2)]];
    for (case, reached) in [same, halved].iter().zip(reached) {
        let [side, wide] = [case.input[3], case.out().1];
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut numbers = case.numbers(5);
            numbers[0][4 * side + 4] = bad;
            let [y, ..] = case.run(true, &numbers);
            for (i, j) in reached {
                assert!(!y[i * wide + j].is_finite(), "{bad} at ({i}, {j}) of {case:?}");
            }
        }
    }
}

/// The bound that the module's documentation states, on 160 channels: of the result, the gradient of the input and that of
/// the weights, relative to the root mean square of each.
#[test]
fn errors_stay_near_those_of_direct_sums() {
    near_direct_sums(&case([2, 160, 14, 14], 160, 1, false));
    near_direct_sums(&halving([2, 64, 28, 28], 64, 1, false));
}

fn near_direct_sums(case: &Case) {
    let numbers = case.numbers(1);
    let ours = case.run(true, &numbers);
    let [images, channels, side, _] = case.input;
    let (outputs, out) = (case.outputs, case.out());
    let exact = {
        let dev = Cpu::default();
        let [x, w, b, dy] = numbers.each_ref().map(|v| wide(v));
        let x: Tensor<(usize, usize, usize, usize), f64, _> =
            dev.tensor_from_vec(x, (images, channels, side, side));
        let w: Tensor<(usize, usize, usize, usize), f64, _> =
            dev.tensor_from_vec(w, (outputs, channels, case.kernel, case.kernel));
        let b: Tensor<(usize,), f64, _> = dev.tensor_from_vec(b, (outputs,));
        let dy = dev.tensor_from_vec(dy, (images, outputs, out.0, out.1));
        let y = composed(x.leaky_trace(), &w, Some(&b), case.stride, 1, out, Activation::Identity).unwrap();
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

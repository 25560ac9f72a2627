//! How well Theorem 1 holds in floating point, what it says when it cannot hold, and its dfdx form.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use rand_distr::{Distribution, StandardNormal};
use rethinking_generalization::theory::{
    export::export, DeepNet, Direction, FiniteSampleClassifier, FiniteSampleNet, LinearSgd, MinNorm,
    StepSize, TheoryError,
};
use shared::{dfdx::prelude::*, train::RunRng};

fn sample(n: usize, d: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut rng = RunRng::new(seed, 1);
    let x = (0..n * d).map(|_| StandardNormal.sample(&mut rng)).collect();
    let mut rng = RunRng::new(seed, 2);
    (x, (0..n).map(|_| f64::from(rand::Rng::gen_range(&mut rng, 0..10u8))).collect())
}

fn worst(values: &[f64], y: &[f64]) -> f64 {
    values.iter().zip(y).map(|(value, y)| (value - y).abs()).fold(0.0, f64::max)
}

/// n, d, tries, then the errors: reported, by definition, plain, f32, deep (k = 10).
fn measure(n: usize, d: usize, tries: usize, seed: u64) -> [f64; 5] {
    let (x, y) = sample(n, d, seed);
    let direction = Direction::Random { seed, tries };
    let fitted = FiniteSampleNet::fit(&x, d, &y, &direction).unwrap();
    let f32s: Vec<f64> = fitted.net.to_f32().predict(&x).unwrap().into_iter().map(f64::from).collect();
    let report = fitted.report;
    let errors = [
        report.residual,
        worst(&fitted.net.predict(&x).unwrap(), &y),
        worst(&fitted.net.predict_plain(&x).unwrap(), &y),
        worst(&f32s, &y),
        DeepNet::fit(&x, d, &y, 10, &direction).unwrap().residual(&x, &y).unwrap(),
    ];
    println!(
        "n {n} d {d} tries {tries} seed {seed}: gap {:.1e} of range {:.1}, steepest {:.1e}, condition {:.1e}, \
         errors fit {:.1e} definition {:.1e} plain {:.1e} f32 {:.1e} deep {:.1e}",
        report.least_gap, report.range, report.steepest, report.condition, errors[0], errors[1], errors[2], errors[3],
        errors[4]
    );
    errors
}

#[test]
fn random_labels_of_4000_points_are_fitted_to_1e_10() {
    for seed in 0..3 {
        for tries in [1, 8] {
            let [fit, definition, plain, _, deep] = measure(4000, 64, tries, seed);
            assert!(fit <= 1e-10 && definition <= 1e-10 && deep <= 1e-10, "{fit:e} {definition:e} {deep:e}");
            // what the sums in twice the precision are for
            assert!(plain > definition && plain < 1e-3, "{plain:e}");
        }
    }
}

#[test]
fn f32_is_not_enough_from_a_thousand_points_on() {
    let worst_of = |n| (0..3).map(|seed| measure(n, 64, 1, seed)[3]).fold(0.0, f64::max);
    assert!(worst_of(10) < 1e-3);
    assert!(worst_of(1000) > 1.0, "a whole class");
}

#[test]
fn the_dfdx_model_computes_the_same_values() {
    const N: usize = 60;
    const D: usize = 7;
    let (x, y) = sample(N, D, 4);
    let fitted = FiniteSampleNet::fit(&x, D, &y, &Direction::random(4)).unwrap();
    let model = export::<D, N>(&fitted.net).unwrap();
    let rows: Tensor<Rank2<N, D>, f64, Cpu> = Cpu::default().tensor(x.clone());
    let theirs = model.forward(rows).as_vec();

    let terms = fitted.net.weights().iter().map(|w| w.abs() * fitted.report.range * 2.0).sum::<f64>();
    let bound = f64::EPSILON * (N as f64).max(fitted.report.condition) * terms;
    let error = worst(&theirs, &fitted.net.predict(&x).unwrap());
    assert!(error <= bound && error < 1e-8, "{error:e} of {bound:e}");
    assert!(worst(&theirs, &y) < 1e-8);
    assert!(export::<D, { N + 1 }>(&fitted.net).is_err());
}

#[test]
fn a_single_point_far_and_near_points_and_zero_labels() {
    for x in [0.0, -3.5, 1e-300, 1e20, -1e20] {
        let fitted = FiniteSampleNet::fit(&[x], 1, &[7.0], &Direction::Given(vec![1.0])).unwrap();
        assert_eq!(fitted.net.predict(&[x]).unwrap(), [7.0]);
        let deep = DeepNet::fit(&[x], 1, &[7.0], 4, &Direction::Given(vec![1.0])).unwrap();
        assert_eq!(deep.predict(&[x]).unwrap(), [7.0]);
    }
    // neighbours in f64, far from 0
    let x: Vec<f64> = (0..9).map(|i| 1e10 * (1.0 + f64::from(i * i) * f64::EPSILON)).collect();
    let y: Vec<f64> = (0..9).map(|i| f64::from(i % 2)).collect();
    let direction = Direction::Given(vec![1.0]);
    assert!(FiniteSampleNet::fit(&x, 1, &y, &direction).unwrap().report.residual < 1e-13);
    assert!(DeepNet::fit(&x, 1, &y, 4, &direction).unwrap().residual(&x, &y).unwrap() < 1e-13);

    let fitted = FiniteSampleNet::fit(&[1.0, 2.0, 4.0], 1, &[0.0; 3], &direction).unwrap();
    assert_eq!((fitted.net.predict(&[9.0]).unwrap(), fitted.report.condition), (vec![0.0], 0.0));
    assert_eq!(
        DeepNet::fit(&[1.0, 2.0, 4.0], 1, &[0.0; 3], 3, &direction).unwrap().predict(&[9.0]),
        Ok(vec![0.0])
    );
}

#[test]
fn what_cannot_be_fitted_is_said_in_a_sentence() {
    let one = Direction::Given(vec![1.0]);
    let net = |x: &[f64], d, y: &[f64], direction: &Direction| {
        let shallow = FiniteSampleNet::fit(x, d, y, direction).unwrap_err().to_string();
        assert_eq!(DeepNet::fit(x, d, y, 3, direction).unwrap_err().to_string(), shallow);
        shallow
    };
    assert_eq!(net(&[], 1, &[], &one), "the sample is empty: give at least one row");
    assert!(net(&[1.0], 0, &[1.0], &one).contains("d = 0"));
    assert!(net(&[1.0, 2.0, 3.0], 2, &[1.0], &one).starts_with("x holds 3 numbers and should hold 4"));
    assert!(net(&[1.0, 2.0], 1, &[1.0], &one).starts_with("y holds 1 numbers and should hold 2"));
    assert!(net(&[1.0, f64::NAN], 1, &[1.0, 2.0], &one).starts_with("x has NaN at position 1"));
    assert!(net(&[1.0], 1, &[f64::INFINITY], &one).starts_with("y has inf at position 0"));
    assert!(net(&[1.0], 1, &[1.0], &Direction::Given(vec![])).starts_with("the direction holds 0 numbers"));
    assert!(net(&[1.0], 1, &[1.0], &Direction::Random { seed: 0, tries: 0 }).starts_with("tries is 0"));
    assert!(net(&[1.0, 1.0], 1, &[1.0, 2.0], &one).starts_with("rows 0 and 1 are equal"));
    assert!(net(&[1e300, -1e300], 1, &[1.0, 2.0], &Direction::Given(vec![1e10]))
        .contains("does not fit into f64"));
    assert!(net(&[-1.5e308, 1.5e308], 1, &[1.0, 2.0], &one).contains("does not fit into f64"));
    assert!(net(&[0.0, 1e-300], 1, &[0.0, 1e10], &one).contains("does not fit into f64"));
    // 1 and 1 + ε beside 1e17 have one projection on nearly every direction
    let close = [1.0, 1e17, 1.0 + f64::EPSILON, 1e17];
    assert!(net(&close, 2, &[0.0, 1.0], &Direction::random(0)).contains("equal projections on each of the 8"));

    assert!(DeepNet::fit(&[1.0], 1, &[1.0], 1, &one).unwrap_err().to_string().starts_with("the depth is 1"));
    let classes =
        |labels: &[usize], k| FiniteSampleClassifier::fit(&[1.0, 2.0], 1, labels, k, &one).unwrap_err();
    assert_eq!(classes(&[0, 3], 3), TheoryError::Class { row: 1, label: 3, classes: 3 });
    assert!(classes(&[], 0).to_string().starts_with("classes is 0"));
    let net = FiniteSampleNet::fit(&[1.0, 2.0], 1, &[1.0, 2.0], &one).unwrap().net;
    assert!(net.predict(&[]).is_err() && net.predict_plain(&[f64::NAN]).is_err());
    assert!(net.sorted().predict(&[]).is_err() && net.to_f32().predict(&[]).is_err());
    assert!(net.lower_triangular(&[1.0, 2.0, 3.0]).is_err());
}

#[test]
fn what_has_no_least_norm_is_said_in_a_sentence() {
    let fit = |x: &[f64], d, y: &[f64], k, ridge| MinNorm::fit(x, d, y, k, ridge).unwrap_err().to_string();
    assert!(fit(&[1.0, 2.0], 1, &[1.0, 2.0], 1, 0.0).starts_with("row 1 is a linear combination"));
    assert!(MinNorm::fit(&[1.0, 2.0], 1, &[1.0, 2.0], 1, 0.1).is_ok());
    assert!(fit(&[0.0, 0.0], 2, &[1.0], 1, 0.0).starts_with("row 0 is a linear combination"));
    let (mut x, y) = sample(10, 20, 0);
    for j in 0..20 {
        x[7 * 20 + j] = 0.3 * x[2 * 20 + j] - 1.7 * x[5 * 20 + j];
    }
    assert!(fit(&x, 20, &y, 1, 0.0).starts_with("row 7 is a linear combination"));
    assert!(fit(&x, 20, &y, 0, 0.0).starts_with("the number of outputs is 0"));
    assert!(fit(&x, 20, &y, 1, -1.0).starts_with("the ridge is -1"));
    assert!(fit(&x, 20, &y, 1, f64::NAN).starts_with("the ridge is NaN"));
    assert!(fit(&x, 20, &y, 2, 0.0).starts_with("y holds 10 numbers and should hold 20"));
    assert!(fit(&[1e200], 1, &[1.0], 1, 0.0).starts_with("the Gram matrix does not fit"));

    let sgd = |step, x: &[f64]| LinearSgd { step, ..LinearSgd::default() }.from(&[0.0], x, 1, &[1.0], 1);
    assert!(sgd(StepSize::Relative(2.0), &[1.0]).is_err());
    assert!(sgd(StepSize::Constant(0.0), &[1.0]).is_err());
    assert!(sgd(StepSize::Constant(3.0), &[1.0]).unwrap_err().to_string().contains("smaller step size"));
    let stuck = LinearSgd { steps: 10, ..LinearSgd::default() }.from(&[0.0], &[0.0], 1, &[1.0], 1).unwrap();
    assert_eq!((stuck.converged, stuck.steps, stuck.residual), (false, 10, 1.0));
}

#[test]
fn sgd_meets_the_least_norm_of_50_rows_in_200_dimensions() {
    let (x, y) = sample(50, 200, 13);
    let (w0, _) = sample(1, 200, 14);
    let w0: Vec<f64> = w0.iter().map(|w| w * 0.06).collect();
    let least = MinNorm::fit(&x, 200, &y, 1, 0.0).unwrap();
    let sgd = LinearSgd { tolerance: 1e-16, steps: 100_000, ..LinearSgd::default() };
    let (zero, other) =
        (sgd.from(&[0.0; 200], &x, 200, &y, 1).unwrap(), sgd.from(&w0, &x, 200, &y, 1).unwrap());
    let error = worst(&zero.weights, least.weights());
    println!("largest difference {error:.1e}, norms {:.4} and {:.4} from w0", zero.norm(), other.norm());
    assert!(error < 1e-13 && other.norm() > zero.norm() * 1.01);
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (x, y) = sample(300, 21, 8);
            let net = FiniteSampleNet::fit(&x, 21, &y, &Direction::random(8)).unwrap();
            let deep = DeepNet::fit(&x, 21, &y, 6, &Direction::random(8)).unwrap();
            let linear = MinNorm::fit(&x[..15 * 21], 21, &y[..15], 1, 0.0).unwrap();
            let values =
                (net.net.predict(&x).unwrap(), deep.predict(&x).unwrap(), linear.predict(&x).unwrap());
            (net, deep, linear, values)
        })
    };
    let one = run(1);
    assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one));
}

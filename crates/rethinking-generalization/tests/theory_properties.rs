//! Theorem 1, its corollary and the claims on linear models, for samples of any size.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use proptest::prelude::*;
use rand_distr::{Distribution, StandardNormal};
use rethinking_generalization::theory::{
    linear_sgd::hessian,
    min_norm::{nearest_interpolant, outside_row_space},
    DeepNet, Direction, FiniteSampleClassifier, FiniteSampleNet, LinearSgd, MinNorm, StepSize, TheoryError,
};
use shared::train::RunRng;

/// Standard normal numbers.
fn normal(len: usize, seed: u64, stream: u64) -> Vec<f64> {
    let mut rng = RunRng::new(seed, stream);
    (0..len).map(|_| StandardNormal.sample(&mut rng)).collect()
}

fn size(values: &[f64]) -> f64 {
    values.iter().fold(0.0f64, |most, v| most.max(v.abs()))
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn norm(a: &[f64]) -> f64 {
    distance(a, &vec![0.0; a.len()])
}

/// How a sample is drawn: n rows of d normal numbers, and labels that are integers, reals or signs.
#[derive(Clone, Copy, Debug)]
struct Draw {
    n: usize,
    d: usize,
    seed: u64,
    kind: u8,
}

fn draws(most: usize) -> impl Strategy<Value = Draw> {
    (1..=most, 1usize..20, any::<u64>(), 0..3u8).prop_map(|(n, d, seed, kind)| Draw { n, d, seed, kind })
}

impl Draw {
    fn sample(self) -> (usize, Vec<f64>, Vec<f64>) {
        let label = |v: f64| match self.kind {
            0 => (v * 3.0).round(),
            1 => v,
            _ => v.signum(),
        };
        let y = normal(self.n, self.seed, 2).into_iter().map(label).collect();
        (self.d, normal(self.n * self.d, self.seed, 1), y)
    }
}

/// What the documentation promises: ½ ε |w_i| (z_i − b_i), and the sums are rounded once more.
fn allowed(net: &FiniteSampleNet, x: &[f64], y: &[f64]) -> f64 {
    let mut z = net.project(x).unwrap();
    z.sort_by(f64::total_cmp);
    let gaps = z.iter().zip(net.thresholds()).map(|(z, b)| z - b);
    let worst = gaps.zip(net.weights()).map(|(gap, w)| gap * w.abs()).fold(0.0, f64::max);
    f64::EPSILON * (worst + size(y))
}

/// Slopes are at most 2 max |y| over a gap, so ½ ε |w_i| (t_i − t_{i−1}) is at most this; each layer rounds the carried
/// sum once.
fn allowed_deep(net: &DeepNet, x: &[f64], y: &[f64]) -> f64 {
    let (a, shift) = net.projection();
    let direction = Direction::Given(a.to_vec());
    let projected = FiniteSampleNet::fit(x, a.len(), y, &direction).unwrap().net.project(x).unwrap();
    let mut t: Vec<f64> = projected.into_iter().map(|z| z + shift).collect();
    t.sort_by(f64::total_cmp);
    let ratios = t.windows(3).map(|t| (t[2] - t[1]) / (t[1] - t[0]));
    f64::EPSILON * size(y) * (2.0 + 2.0 * ratios.fold(1.0, f64::max) + net.depth() as f64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn theorem_1_fits_any_sample(draw in draws(200), seed: u64) {
        let (d, x, y) = draw.sample();
        let fitted = FiniteSampleNet::fit(&x, d, &y, &Direction::random(seed)).unwrap();
        let (net, n) = (&fitted.net, y.len());
        let stored = net.direction().len() + net.thresholds().len() + net.weights().len();
        prop_assert_eq!((net.parameters(), stored), (2 * n + d, 2 * n + d));
        let bound = allowed(net, &x, &y);
        prop_assert!(fitted.report.residual <= bound, "{} of {bound}", fitted.report.residual);
        let (by_definition, by_pieces) = (net.predict(&x).unwrap(), net.sorted().predict(&x).unwrap());
        for ((a, b), y) in by_definition.iter().zip(&by_pieces).zip(&y) {
            prop_assert!((a - y).abs() <= bound && (b - y).abs() <= bound, "{a} and {b} for {y}");
        }
    }

    #[test]
    fn both_evaluations_are_one_function(draw in draws(120), seed: u64) {
        let (d, x, y) = draw.sample();
        let net = FiniteSampleNet::fit(&x, d, &y, &Direction::random(seed)).unwrap().net;
        let fresh = normal(50 * d, seed, 7);
        let (a, b) = (net.predict(&fresh).unwrap(), net.sorted().predict(&fresh).unwrap());
        for (a, b) in a.iter().zip(&b) {
            prop_assert!((a - b).abs() <= 1e-14 * (a.abs() + size(&y)), "{a} and {b}");
        }
    }

    #[test]
    fn the_matrix_is_that_of_the_proof(draw in draws(60), seed: u64) {
        let (d, x, y) = draw.sample();
        let fitted = FiniteSampleNet::fit(&x, d, &y, &Direction::random(seed)).unwrap();
        let matrix = fitted.net.lower_triangular(&x).unwrap();
        let n = matrix.size();
        for i in 0..n {
            prop_assert!(matrix.entries()[i * n + i] > 0.0);
            prop_assert!(matrix.entries()[i * n + i + 1..(i + 1) * n].iter().all(|v| *v == 0.0));
        }
        prop_assert_eq!(matrix.least_eigenvalue(), fitted.report.least_eigenvalue);
        let sorted: Vec<f64> = matrix.order().iter().map(|i| y[*i]).collect();
        let products = matrix.entries().iter().zip(fitted.net.weights().iter().cycle());
        let largest = products.map(|(a, w)| (a * w).abs()).fold(0.0, f64::max);
        for (found, y) in matrix.times(fitted.net.weights()).unwrap().iter().zip(&sorted) {
            prop_assert!((found - y).abs() <= n as f64 * f64::EPSILON * largest, "{found} for {y}");
        }
        // the O(n²) solution satisfies the same equations as the O(n) one
        let solved = matrix.solve(&sorted).unwrap();
        for (found, y) in matrix.times(&solved).unwrap().iter().zip(&sorted) {
            prop_assert!((found - y).abs() <= 4.0 * n as f64 * f64::EPSILON * largest, "{found} for {y}");
        }
    }

    #[test]
    fn repeated_rows_cost_nothing(draw in draws(40), seed: u64, copies in prop::collection::vec(0usize..40, 1..20)) {
        let (d, x, y) = draw.sample();
        let once = FiniteSampleNet::fit(&x, d, &y, &Direction::random(seed)).unwrap();
        let (mut more, mut labels) = (x.clone(), y.clone());
        for i in copies.iter().map(|i| i % y.len()) {
            more.extend_from_slice(&x[i * d..][..d]);
            labels.push(y[i]);
        }
        let twice = FiniteSampleNet::fit(&more, d, &labels, &Direction::random(seed)).unwrap();
        prop_assert_eq!(&once.net, &twice.net);
        prop_assert_eq!(once.net.lower_triangular(&more).unwrap(), once.net.lower_triangular(&x).unwrap());

        *labels.last_mut().unwrap() += 1.0;
        let last = (copies[copies.len() - 1] % y.len(), labels.len() - 1);
        match FiniteSampleNet::fit(&more, d, &labels, &Direction::random(seed)).unwrap_err() {
            TheoryError::Contradiction { first, second, .. } => prop_assert_eq!((first, second), last),
            error => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn the_corollary_holds_for_any_depth(draw in draws(150), seed: u64, depth in 2usize..40) {
        let (d, x, y) = draw.sample();
        let (n, direction) = (y.len(), Direction::random(seed));
        let net = DeepNet::fit(&x, d, &y, depth, &direction).unwrap();
        prop_assert_eq!(net.depth(), depth);
        prop_assert_eq!(net.layers().iter().filter(|layer| layer.rectified()).count(), depth - 1);
        prop_assert!(net.width() <= n.div_ceil(depth - 1) + 5);
        prop_assert!(net.weights() <= 4 * n + 13 * (depth - 1) + d + 1);
        if depth <= n + 1 {
            prop_assert!(net.weights() <= 17 * n + d + 1);
        }
        // every unit reads from the layer before it
        let mut inputs = 1;
        for layer in net.layers() {
            for (j, w) in layer.units().iter().flat_map(|unit| &unit.terms) {
                prop_assert!(*j < inputs && *w != 0.0);
            }
            inputs = layer.units().len();
        }
        let shallow = FiniteSampleNet::fit(&x, d, &y, &direction).unwrap();
        let bound = allowed_deep(&net, &x, &y);
        let residual = net.residual(&x, &y).unwrap();
        prop_assert!(residual <= bound, "{residual:e} of {bound:e}");

        // and between the points it is the same function
        let z = shallow.net.project(&x).unwrap();
        let (low, high) = z.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), z| (l.min(*z), h.max(*z)));
        let fresh = normal(40 * d, seed, 9);
        let at = shallow.net.project(&fresh).unwrap();
        let values = net.predict(&fresh).unwrap().into_iter().zip(shallow.net.predict(&fresh).unwrap());
        let slack = bound + 16.0 * f64::EPSILON * shallow.report.steepest * (shallow.report.range + size(&z));
        for ((deep, wide), _) in values.zip(at).filter(|(_, z)| (low..=high).contains(z)) {
            prop_assert!((deep - wide).abs() <= slack, "{deep} and {wide}");
        }
    }

    #[test]
    fn classes_are_recovered(n in 1usize..150, d in 1usize..10, classes in 1usize..12, seed: u64) {
        let x = normal(n * d, seed, 1);
        let labels: Vec<usize> = normal(n, seed, 2).iter().map(|v| (v.abs() * 1e6) as usize % classes).collect();
        let (net, _) = FiniteSampleClassifier::fit(&x, d, &labels, classes, &Direction::random(seed)).unwrap();
        prop_assert_eq!(net.accuracy(&x, &labels).unwrap(), 1.0);
        prop_assert!(net.classify(&normal(30 * d, seed, 3)).unwrap().iter().all(|class| *class < classes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sgd_from_zero_finds_the_least_norm(n in 1usize..20, extra in 20usize..60, k in 1usize..4, seed: u64) {
        let d = n + extra;
        let (x, y, w0) = (normal(n * d, seed, 1), normal(n * k, seed, 2), normal(d * k, seed, 3));
        let least = MinNorm::fit(&x, d, &y, k, 0.0).unwrap();
        let sgd = LinearSgd { seed, ..LinearSgd::default() };
        let from_zero = sgd.from(&vec![0.0; d * k], &x, d, &y, k).unwrap();
        prop_assert!(from_zero.converged);
        prop_assert!(distance(&from_zero.weights, least.weights()) <= 1e-8 * least.norm());
        prop_assert!(outside_row_space(&x, d, &from_zero.weights, k).unwrap() <= 1e-12);

        let from_w0 = sgd.from(&w0, &x, d, &y, k).unwrap();
        let limit = nearest_interpolant(&x, d, &y, k, &w0).unwrap();
        prop_assert!(from_w0.converged);
        prop_assert!(distance(&from_w0.weights, &limit) <= 1e-8 * norm(&limit));
        prop_assert!(from_w0.norm() > from_zero.norm());
        // the part outside the span is that of the start: Pythagoras
        let outside = outside_row_space(&x, d, &w0, k).unwrap() * norm(&w0);
        prop_assert!((from_w0.norm().powi(2) - least.norm().powi(2) - outside.powi(2)).abs()
            <= 1e-8 * norm(&limit).powi(2));
    }

    #[test]
    fn a_small_constant_rate_finds_it_too(n in 1usize..8, seed: u64) {
        let d = 40;
        let (x, y) = (normal(n * d, seed, 1), normal(n, seed, 2));
        let least = MinNorm::fit(&x, d, &y, 1, 0.0).unwrap();
        let sgd = LinearSgd { step: StepSize::Constant(0.01), seed, ..LinearSgd::default() };
        let run = sgd.from(&vec![0.0; d], &x, d, &y, 1).unwrap();
        prop_assert!(run.converged && distance(&run.weights, least.weights()) <= 1e-8 * least.norm());
    }

    #[test]
    fn no_interpolant_is_smaller(n in 1usize..15, extra in 1usize..20, seed: u64) {
        let d = n + extra;
        let (x, y, w0) = (normal(n * d, seed, 1), normal(n, seed, 2), normal(d, seed, 3));
        let least = MinNorm::fit(&x, d, &y, 1, 0.0).unwrap();
        let other = nearest_interpolant(&x, d, &y, 1, &w0).unwrap();
        prop_assert!(least.norm() <= norm(&other) * (1.0 + 1e-12));
        // a ridge shrinks the weights and no longer fits
        let ridge = MinNorm::fit(&x, d, &y, 1, 1.0).unwrap();
        prop_assert!(ridge.norm() < least.norm());
        prop_assert!(distance(&ridge.predict(&x).unwrap(), &y) > distance(&least.predict(&x).unwrap(), &y));
    }

    #[test]
    fn curvature_is_one_at_all_minima(n in 1usize..10, extra in 1usize..10, seed: u64) {
        let d = n + extra;
        let (x, y, w0) = (normal(n * d, seed, 1), normal(n, seed, 2), normal(d, seed, 3));
        // ℓ(z, y) = (1 + y²) log cosh(z − y): its curvature depends on z and, at the minima, on y alone
        let second = |z: f64, y: f64| (1.0 + y * y) * (z - y).cosh().powi(-2);
        let at = |w: &[f64]| hessian(&x, d, &y, w, second).unwrap();
        let least = MinNorm::fit(&x, d, &y, 1, 0.0).unwrap();
        let other = nearest_interpolant(&x, d, &y, 1, &w0).unwrap();
        let (here, there) = (at(least.weights()), at(&other));
        prop_assert!(distance(least.weights(), &other) > 1e-6 * norm(&other));
        prop_assert!(distance(&here, &there) <= 1e-10 * norm(&here));
        // off the minima, one unit from every label, it is another
        let off: Vec<f64> = y.iter().map(|y| y + 1.0).collect();
        let away = nearest_interpolant(&x, d, &off, 1, &w0).unwrap();
        prop_assert!(distance(&here, &at(&away)) > 0.1 * norm(&here));
        // degenerate: the way from one minimum to the other is flat
        let way: Vec<f64> = other.iter().zip(least.weights()).map(|(o, l)| o - l).collect();
        let bent: Vec<f64> = here.chunks_exact(d).map(|h| h.iter().zip(&way).map(|(h, v)| h * v).sum()).collect();
        prop_assert!(norm(&bent) <= 1e-9 * norm(&here) * norm(&way));
    }
}

//! All measures against NumPy and SciPy (`tests/goldens/measures.py`), and on any number of threads.

use approx::assert_relative_eq;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Goldens {
    sets: Vec<Sets>,
    classifier: Classifier,
    coverage: Mixture,
}

#[derive(Deserialize)]
struct Sets {
    dim: usize,
    a: Vec<f64>,
    b: Vec<f64>,
    frechet: f64,
    median: f64,
    mmd_median: f64,
    mmd_one: f64,
    kid: f64,
    precision: f64,
    recall: f64,
    directions: Vec<f64>,
    sliced: f64,
    two_sample: [f64; 3],
    grid: Vec<f64>,
    sigma: f64,
    validation: f64,
    test_mean: f64,
    test_error: f64,
}

#[derive(Deserialize)]
struct Classifier {
    rows: Vec<f64>,
    score: f64,
    mean: f64,
    deviation: f64,
}

#[derive(Deserialize)]
struct Mixture {
    centres: Vec<f64>,
    samples: Vec<f64>,
    #[serde(flatten)]
    expected: Coverage,
}

fn goldens() -> Goldens {
    serde_json::from_str(include_str!("../../tests/goldens/measures.json")).unwrap()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

/// The first `count` points, and the others.
fn cut<'a>(points: &Points<'a>, count: usize) -> (Points<'a>, Points<'a>) {
    let (head, tail) = points.values().split_at(count * points.dim());
    (Points::new(head, points.dim()).unwrap(), Points::new(tail, points.dim()).unwrap())
}

#[test]
fn pairs_of_sets_agree_with_numpy() {
    let goldens = goldens();
    assert_eq!(goldens.sets.iter().map(|s| s.dim).collect::<Vec<_>>(), [5, 24]);
    for set in &goldens.sets {
        // single precision in the products of 24 dimensions
        let tolerance = if set.dim == 5 { 1e-9 } else { 1e-5 };
        let (a, b) = (single(&set.a), single(&set.b));
        let (a, b) = (Points::new(&a, set.dim).unwrap(), Points::new(&b, set.dim).unwrap());

        let stats = |points: &Points<'_>| FeatureStats::of(points).unwrap();
        assert_relative_eq!(
            frechet_distance(&stats(&a), &stats(&b)).unwrap(),
            set.frechet,
            max_relative = 1e-6 // the golden has a root of a product without symmetry
        );

        let median = Kernel::gaussian_median(&a, &b).unwrap();
        let Kernel::Gaussian { bandwidth } = median else { panic!("a Gaussian kernel was asked for") };
        assert_relative_eq!(bandwidth, set.median, max_relative = tolerance);
        let one = Kernel::Gaussian { bandwidth: 1.0 };
        // differences of means of size 1
        let close = |found: f64, expected: f64| {
            approx::assert_abs_diff_eq!(found, expected, epsilon = tolerance);
        };
        close(mmd_squared(&a, &b, &median).unwrap(), set.mmd_median);
        close(mmd_squared(&a, &b, &one).unwrap(), set.mmd_one);
        assert_relative_eq!(kid(&a, &b).unwrap(), set.kid, max_relative = 10.0 * tolerance);

        let found = precision_recall(&a, &b, DEFAULT_NEIGHBOURS).unwrap();
        close(found.precision, set.precision);
        close(found.recall, set.recall);

        let directions = single(&set.directions);
        let directions = Points::new(&directions, set.dim).unwrap();
        close(sliced_wasserstein_along(&a, &b, &directions).unwrap(), set.sliced);

        let found = two_sample_test(&cut(&a, b.count()).0, &b).unwrap();
        for (found, expected) in [found.accuracy, found.first, found.second].into_iter().zip(set.two_sample) {
            close(found, expected);
        }

        let (validation, test) = cut(&b, 10);
        let found = parzen(&a, &validation, &test, &set.grid).unwrap();
        assert_eq!(found.sigma, set.sigma);
        assert_relative_eq!(found.validation, set.validation, max_relative = tolerance);
        assert_relative_eq!(found.mean, set.test_mean, max_relative = tolerance);
        assert_relative_eq!(found.standard_error, set.test_error, max_relative = tolerance);
    }
}

#[test]
fn single_sets_agree_with_numpy() {
    let Goldens { classifier, coverage: mixture, .. } = goldens();
    let rows = single(&classifier.rows);
    let found = classifier_score(&Points::new(&rows, 6).unwrap(), 3).unwrap();
    assert_relative_eq!(found.score, classifier.score, max_relative = 1e-9);
    assert_relative_eq!(found.mean, classifier.mean, max_relative = 1e-9);
    assert_relative_eq!(found.deviation, classifier.deviation, max_relative = 1e-8);

    let (samples, centres) = (single(&mixture.samples), single(&mixture.centres));
    let (samples, centres) = (Points::new(&samples, 2).unwrap(), Points::new(&centres, 2).unwrap());
    let mut found = coverage(&samples, &centres, 0.02).unwrap();
    assert_relative_eq!(found.reverse_kl, mixture.expected.reverse_kl, max_relative = 1e-12);
    found.reverse_kl = mixture.expected.reverse_kl;
    assert_eq!(found, mixture.expected);
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let sample = |n: usize, dim: usize, factor: usize| -> Vec<f32> {
        (0..n * dim).map(|i| ((i * factor + i * i % 89) % 997) as f32 / 100.0).collect()
    };
    for dim in [3, 40] {
        let (a, b) = (sample(300, dim, 71), sample(300, dim, 113));
        let (a, b) = (Points::new(&a, dim).unwrap(), Points::new(&b, dim).unwrap());
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let kernel = Kernel::gaussian_median(&a, &b).unwrap();
                let stats = |points: &Points<'_>| FeatureStats::of(points).unwrap();
                let (head, tail) = cut(&b, 100);
                let numbers = [
                    frechet_distance(&stats(&a), &stats(&b)).unwrap(),
                    mmd_squared(&a, &b, &kernel).unwrap(),
                    kid(&a, &b).unwrap(),
                    sliced_wasserstein(&a, &b, 16, 2).unwrap(),
                    two_sample_test(&a, &b).unwrap().accuracy,
                    precision_recall(&a, &b, 3).unwrap().precision,
                ];
                let null = mmd_null(&a, &kernel, 9, 8).unwrap();
                let parzen = parzen(&a, &head, &tail, &[0.5, 1.0, 2.0]).unwrap();
                (numbers.map(f64::to_bits), null, parzen, coverage(&a, &head, 0.5).unwrap())
            })
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            assert_eq!(one, run(threads), "{threads} threads, {dim} dimensions");
        }
    }
}

#[test]
fn points_are_checked() {
    let message = |values: &[f32], dim| Points::new(values, dim).unwrap_err().to_string();
    assert_eq!(message(&[], 2), "there are 0 points and the measure needs at least 1: give more");
    assert!(message(&[1., 2., 3.], 2).starts_with("3 numbers are no whole number of points of dimension 2"));
    assert_eq!(message(&[1.], 0), "the dimension is 0: a point has at least one number");
    assert!(message(&[1., 2., 3., f32::INFINITY], 2).starts_with("point 1 has inf in dimension 1"));
}

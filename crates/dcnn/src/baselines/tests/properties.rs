//! What must hold for any input.

use super::{block_graph, csr, words};
use crate::baselines::{
    newton, BaselineError, Csr, GraphKernel, KernelKind, LinearSvm, Logistic, LogisticOptions, Matrix,
    Normalisation, Penalty, SvmOptions,
};
use approx::assert_relative_eq;
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn random_matrix(rows: usize, cols: usize, seed: u64) -> Matrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let data = (0..rows * cols).map(|_| rng.gen_range(-1.0..1.0)).collect();
    Matrix::from_vec(rows, cols, data).unwrap()
}

#[test]
fn products_match_plain_sums_across_strips() {
    let (a, b) = (random_matrix(261, 37, 1), random_matrix(70, 37, 2));
    let plain = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (product, gram) = (a.times_transpose(&b).unwrap(), a.gram().unwrap());
    for i in 0..261 {
        for j in 0..70 {
            assert_relative_eq!(product.row(i)[j], plain(a.row(i), b.row(j)), epsilon = 1e-13);
        }
        for j in 0..261 {
            assert_relative_eq!(gram.row(i)[j], plain(a.row(i), a.row(j)), epsilon = 1e-13);
            assert_eq!(gram.row(i)[j], gram.row(j)[i]);
        }
    }
}

#[test]
fn cholesky_factors_multiply_back_across_panels_and_strips() {
    for n in [1, 31, 32, 33, 300] {
        let mut a = random_matrix(n, n + 3, n as u64).gram().unwrap();
        for i in 0..n {
            a.as_mut_slice()[i * n + i] += 0.1;
        }
        let mut factor = a.as_slice().to_vec();
        newton::cholesky(&mut factor, n).unwrap();
        for i in 0..n {
            factor[i * n + i + 1..(i + 1) * n].fill(0.0);
        }
        let back = Matrix::from_vec(n, n, factor).unwrap().gram().unwrap();
        for (b, a) in back.as_slice().iter().zip(a.as_slice()) {
            assert_relative_eq!(b, a, epsilon = 1e-11);
        }
    }
    assert!(newton::cholesky(&mut [1.0, 2.0, 2.0, 1.0], 2).is_none(), "not positive definite");
}

#[test]
fn more_threads_change_no_bit() {
    let (graph, labels) = block_graph(300, 4, 0.03, 0.005, 11);
    let x = words(&labels, 600, 12);
    let train: Vec<usize> = (0..280).collect();
    let train_labels = &labels[..280];
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let fit = |penalty| {
                let options = LogisticOptions::default();
                Logistic::fit(&x, &train, &labels, 4, penalty, 1.0, &options).unwrap()
            };
            let kernel = GraphKernel::new(&graph, KernelKind::LaplacianExponential, 2.0).unwrap();
            let features = kernel.features(&train, Normalisation::Cosine).unwrap();
            let options = SvmOptions { tolerance: 1e-6, max_epochs: 5, ..SvmOptions::default() };
            let svm = LinearSvm::fit_path(&features, train_labels, 4, &[0.01, 1.0, 100.0], &options).unwrap();
            (fit(Penalty::L1), fit(Penalty::L2), kernel, svm)
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(3) && one == run(5));
}

#[test]
fn a_path_ends_where_a_fresh_fit_does() {
    let (_, labels) = block_graph(60, 3, 0.0, 0.0, 5);
    let x = words(&labels, 30, 6);
    let rows: Vec<usize> = (0..60).collect();
    let options = LogisticOptions { tolerance: 1e-8, max_iterations: 5000 };
    for penalty in [Penalty::L1, Penalty::L2] {
        let path = Logistic::fit_path(&x, &rows, &labels, 3, penalty, &[0.1, 1.0, 10.0], &options).unwrap();
        let fresh = Logistic::fit(&x, &rows, &labels, 3, penalty, 10.0, &options).unwrap();
        assert_relative_eq!(path[2].objective(), fresh.objective(), max_relative = 1e-7);
    }
}

#[test]
fn logistic_regression_without_features_learns_the_class_shares() {
    let x = Csr::zero((4, 3));
    let model =
        Logistic::fit(&x, &[0, 1, 2, 3], &[0, 1, 1, 1], 2, Penalty::L1, 1.0, &LogisticOptions::default())
            .unwrap();
    let probabilities = model.predict_proba(&x, &[0]).unwrap();
    assert_relative_eq!(probabilities.row(0)[1], 0.75, epsilon = 1e-4);
}

#[test]
fn bad_inputs_are_named() {
    let x = csr(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
    let options = LogisticOptions::default();
    let fit = |x: &Csr, rows: &[usize], labels: &[usize], classes, c| {
        Logistic::fit(x, rows, labels, classes, Penalty::L2, c, &options).unwrap_err()
    };
    assert!(matches!(
        fit(&x, &[0, 2], &[0, 1], 2, 1.0),
        BaselineError::RowOutOfRange { row: 2, rows: 2, .. }
    ));
    assert!(matches!(fit(&x, &[], &[0, 1], 2, 1.0), BaselineError::NoRows { .. }));
    assert!(matches!(fit(&x, &[0], &[0], 2, 1.0), BaselineError::LabelCount { labels: 1, rows: 2 }));
    assert!(matches!(fit(&x, &[0, 1], &[0, 7], 2, 1.0), BaselineError::LabelOutOfRange { label: 7, .. }));
    assert!(matches!(fit(&x, &[0], &[0, 0], 1, 1.0), BaselineError::TooFewClasses { classes: 1 }));
    assert!(matches!(fit(&x, &[0], &[0, 1], 2, 0.0), BaselineError::Setting { .. }));
    assert!(matches!(fit(&x.to_csc(), &[0], &[0, 1], 2, 1.0), BaselineError::NotCsr { .. }));
    assert!(matches!(fit(&x.map(|_| f32::NAN), &[0], &[0, 1], 2, 1.0), BaselineError::NotFinite { .. }));
    assert!(matches!(fit(&x, &[0], &[0, 1], usize::MAX, 1.0), BaselineError::TooLarge { .. }));

    let kernel = |a: &Csr, alpha| GraphKernel::new(a, KernelKind::Exponential, alpha).unwrap_err();
    let edge = |forth, back| csr(&[vec![0.0, forth], vec![back, 0.0]]);
    assert!(matches!(kernel(&edge(1.0, 2.0), 1.0), BaselineError::NotSymmetric { row: 0, col: 1 }));
    assert!(matches!(kernel(&edge(1.0, 0.0), 1.0), BaselineError::NotSymmetric { .. }));
    assert!(matches!(kernel(&edge(-1.0, -1.0), 1.0), BaselineError::NegativeWeight { .. }));
    assert!(matches!(kernel(&Csr::zero((2, 3)), 1.0), BaselineError::NotSquare { rows: 2, cols: 3 }));
    assert!(matches!(kernel(&Csr::zero((0, 0)), 1.0), BaselineError::NoRows { .. }));
    assert!(matches!(kernel(&Csr::zero((1 << 20, 1 << 20)), 1.0), BaselineError::TooLarge { .. }));
    assert!(matches!(kernel(&edge(1.0, 1.0), f64::INFINITY), BaselineError::Setting { .. }));
    // the spectral radius of one edge is 1, and the bound finds it
    let BaselineError::AlphaTooLarge { largest, .. } = kernel(&edge(1.0, 1.0), 301.0) else {
        panic!("exp(301) was allowed");
    };
    assert_relative_eq!(largest, 300.0);
    let last = GraphKernel::new(&edge(1.0, 1.0), KernelKind::Exponential, 200.0).unwrap();
    assert!(last.doubled().is_err());
    let heat = KernelKind::LaplacianExponential;
    let huge = GraphKernel::new(&edge(f64::from(f32::MAX), f64::from(f32::MAX)), heat, 1e300);
    assert!(matches!(huge, Err(BaselineError::AlphaTooLarge { .. })));

    assert!(Matrix::zeros(usize::MAX, 2).is_err());
}

#[test]
fn the_spectral_bound_lets_a_hub_pass() {
    // a star of 400 leaves: degree 400, spectral radius 20
    let link = |i: usize, j: usize| f64::from(u8::from((i == 0) != (j == 0)));
    let rows: Vec<Vec<f64>> = (0..401).map(|i| (0..401).map(|j| link(i, j)).collect()).collect();
    let star = csr(&rows);
    let kernel = GraphKernel::new(&star, KernelKind::Exponential, 14.0).unwrap();
    assert_relative_eq!(kernel.matrix().row(0)[0], (14f64 * 20.0).cosh(), max_relative = 1e-10);
    assert!(kernel.doubled().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn heat_is_conserved_and_doubling_is_squaring(n in 1usize..50, density in 0.0..0.5, alpha in 0.01..6.0, seed: u64) {
        let (graph, _) = block_graph(n, 1, density, 0.0, seed);
        let kernel = GraphKernel::new(&graph, KernelKind::LaplacianExponential, alpha).unwrap();
        for i in 0..n {
            let row = kernel.matrix().row(i);
            prop_assert!(row.iter().all(|k| (0.0..=1.0 + 1e-12).contains(k)));
            prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-11);
            prop_assert!(row[i] >= 1.0 / n as f64 - 1e-12);
        }
        for kind in [KernelKind::LaplacianExponential, KernelKind::Exponential] {
            let twice = GraphKernel::new(&graph, kind, alpha).unwrap().doubled().unwrap();
            let direct = GraphKernel::new(&graph, kind, 2.0 * alpha).unwrap();
            for (t, d) in twice.matrix().as_slice().iter().zip(direct.matrix().as_slice()) {
                prop_assert!((t - d).abs() <= 1e-11 * d + 1e-15);
            }
        }
    }

    #[test]
    fn cosine_features_are_cosines(n in 1usize..40, density in 0.0..0.5, seed: u64) {
        let (graph, _) = block_graph(n, 1, density, 0.0, seed);
        let kernel = GraphKernel::new(&graph, KernelKind::Exponential, 1.0).unwrap();
        let nodes: Vec<usize> = (0..n).collect();
        let cosines = kernel.features(&nodes, Normalisation::Cosine).unwrap();
        for i in 0..n {
            prop_assert!((cosines.row(i)[i] - 1.0).abs() < 1e-12);
            prop_assert!(cosines.row(i).iter().all(|c| (0.0..=1.0 + 1e-12).contains(c)));
        }
        let scaled = kernel.features(&nodes, Normalisation::Global).unwrap();
        let mean = scaled.as_slice().iter().map(|k| k * k).sum::<f64>() / n as f64;
        prop_assert!((mean - 1.0).abs() < 1e-12);
    }

    #[test]
    fn probabilities_sum_to_one(seed: u64, c in 0.01..100.0) {
        let labels: Vec<usize> = (0..20).map(|i| i % 3).collect();
        let x = words(&labels, 10, seed);
        let rows: Vec<usize> = (0..20).collect();
        let model = Logistic::fit(&x, &rows, &labels, 3, Penalty::L1, c, &LogisticOptions::default()).unwrap();
        let p = model.predict_proba(&x, &rows).unwrap();
        for i in 0..20 {
            prop_assert!((p.row(i).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}

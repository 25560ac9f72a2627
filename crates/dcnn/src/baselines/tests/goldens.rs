//! Against scikit-learn and SciPy; the script beside the golden file says with which settings.

use super::csr;
use crate::baselines::{
    GraphKernel, KernelKind, LinearSvm, Logistic, LogisticOptions, Matrix, Penalty, SvmOptions,
};
use approx::assert_relative_eq;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    logistic: LogisticGolden,
    svm: SvmGolden,
    kernels: KernelGolden,
}

#[derive(Deserialize)]
struct LogisticGolden {
    x: Vec<Vec<f64>>,
    labels: Vec<usize>,
    train: usize,
    classes: usize,
    fits: Vec<LogisticFit>,
}

#[derive(Deserialize)]
struct LogisticFit {
    penalty: String,
    strength: f64,
    objective: f64,
    probabilities: Vec<Vec<f64>>,
    zeros: usize,
}

#[derive(Deserialize)]
struct SvmGolden {
    x: Vec<Vec<f64>>,
    labels: Vec<usize>,
    classes: usize,
    fits: Vec<SvmFit>,
}

#[derive(Deserialize)]
struct SvmFit {
    strength: f64,
    objective: f64,
    scores: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct KernelGolden {
    adjacency: Vec<Vec<f64>>,
    cases: Vec<KernelCase>,
}

#[derive(Deserialize)]
struct KernelCase {
    kind: KernelKind,
    alpha: f64,
    upper_triangle: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../tests/goldens/baselines/baselines.json")).unwrap()
}

#[test]
fn logistic_regression_is_scikit_learns() {
    let LogisticGolden { x, labels, train, classes, fits } = golden().logistic;
    let features = x[0].len();
    let x = csr(&x);
    let (train_rows, other_rows): (Vec<usize>, Vec<usize>) = (0..labels.len()).partition(|&row| row < train);
    let options = LogisticOptions { tolerance: 1e-9, max_iterations: 5000 };
    for fit in fits {
        let penalty = if fit.penalty == "l1" { Penalty::L1 } else { Penalty::L2 };
        let model =
            Logistic::fit(&x, &train_rows, &labels, classes, penalty, fit.strength, &options).unwrap();
        assert!(model.converged(), "{} at C {}", fit.penalty, fit.strength);
        assert_relative_eq!(model.objective(), fit.objective, max_relative = 1e-9);
        assert_eq!(model.nonzero_weights(), features * classes - fit.zeros);
        let probabilities = model.predict_proba(&x, &other_rows).unwrap();
        for (i, expected) in fit.probabilities.iter().enumerate() {
            for (p, e) in probabilities.row(i).iter().zip(expected) {
                assert_relative_eq!(p, e, epsilon = 1e-5);
            }
        }
    }
}

#[test]
fn the_svm_is_scikit_learns_by_descent_and_by_newton() {
    let SvmGolden { x, labels, classes, fits } = golden().svm;
    let x = Matrix::from_vec(x.len(), x[0].len(), x.concat()).unwrap();
    let descent = SvmOptions { tolerance: 1e-11, max_epochs: 200_000, max_newton_steps: 0, seed: 3 };
    let newton = SvmOptions { tolerance: 1e-11, max_epochs: 0, max_newton_steps: 50, seed: 0 };
    let strengths: Vec<f64> = fits.iter().map(|fit| fit.strength).collect();
    for options in [descent, newton] {
        let path = LinearSvm::fit_path(&x, &labels, classes, &strengths, &options).unwrap();
        for (model, fit) in path.iter().zip(&fits) {
            assert!(model.converged(), "C {} with {options:?}", fit.strength);
            assert_relative_eq!(model.objective(), fit.objective, max_relative = 1e-9);
            let scores = model.decision_function(&x).unwrap();
            for (i, expected) in fit.scores.iter().enumerate() {
                for (s, e) in scores.row(i).iter().zip(expected) {
                    assert_relative_eq!(s, e, epsilon = 1e-4);
                }
            }
        }
    }
}

#[test]
fn kernels_are_scipys_matrix_exponential() {
    let KernelGolden { adjacency, cases } = golden().kernels;
    let n = adjacency.len();
    let adjacency = csr(&adjacency);
    for case in cases {
        let kernel = GraphKernel::new(&adjacency, case.kind, case.alpha).unwrap();
        let mut expected = case.upper_triangle.iter();
        for i in 0..n {
            for j in i..n {
                let e = *expected.next().unwrap();
                let tolerance = 1e-12;
                assert_relative_eq!(kernel.matrix().row(i)[j], e, max_relative = tolerance, epsilon = 1e-16);
                assert_eq!(kernel.matrix().row(i)[j], kernel.matrix().row(j)[i]);
            }
        }
    }
}

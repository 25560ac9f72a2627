//! The theory against NumPy: `goldens/min_norm.py` made `goldens/min_norm.json`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use approx::assert_relative_eq;
use rethinking_generalization::theory::{
    min_norm::{nearest_interpolant, outside_row_space},
    DeepNet, Direction, FiniteSampleNet, LinearSgd, MinNorm,
};
use shared::testing::Golden;

fn golden() -> Golden {
    Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/min_norm.json"))
}

#[track_caller]
fn close(ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len());
    let size = theirs.iter().fold(0.0f64, |most, v| most.max(v.abs()));
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() <= tolerance * size, "{ours} and {theirs}");
    }
}

#[test]
fn least_norm_is_the_pseudo_inverse() {
    let golden = golden();
    let (x, y) = (golden.get("x"), golden.get("y"));
    let ours = MinNorm::fit(x, 30, y, 2, 0.0).unwrap();
    close(ours.weights(), golden.get("w"), 1e-13);
    close(ours.alpha(), golden.get("alpha"), 1e-12);
    assert_relative_eq!(ours.norm(), golden.get("norm")[0], max_relative = 1e-13);
    close(&ours.predict(x).unwrap(), y, 1e-14);

    let ridge = MinNorm::fit(x, 30, y, 2, 0.75).unwrap();
    close(ridge.weights(), golden.get("ridge_w"), 1e-13);
    assert!(ridge.norm() < ours.norm());
}

#[test]
fn sgd_ends_where_the_formula_says() {
    let golden = golden();
    let (x, y, w0) = (golden.get("x"), golden.get("y"), golden.get("w0"));
    let sgd = LinearSgd::default();
    let from_zero = sgd.from(&[0.0; 60], x, 30, y, 2).unwrap();
    assert!(from_zero.converged);
    close(&from_zero.weights, golden.get("w"), 1e-10);

    close(&nearest_interpolant(x, 30, y, 2, w0).unwrap(), golden.get("limit"), 1e-13);
    let from_w0 = sgd.from(w0, x, 30, y, 2).unwrap();
    assert!(from_w0.converged);
    close(&from_w0.weights, golden.get("limit"), 1e-10);
    let outside = outside_row_space(x, 30, w0, 2).unwrap();
    assert_relative_eq!(outside, golden.get("outside")[0], max_relative = 1e-13);
}

#[test]
fn theorem_1_is_the_solution_of_its_system() {
    let golden = golden();
    let (points, labels) = (golden.get("points"), golden.get("labels"));
    let direction = Direction::Given(golden.get("direction").to_vec());
    let fitted = FiniteSampleNet::fit(points, 5, labels, &direction).unwrap();
    close(fitted.net.thresholds(), golden.get("thresholds"), 1e-14);
    close(fitted.net.weights(), golden.get("weights"), 1e-11);
    let matrix = fitted.net.lower_triangular(points).unwrap();
    close(matrix.entries(), golden.get("matrix"), 1e-14);
    assert_relative_eq!(
        fitted.report.least_eigenvalue,
        golden.get("least_eigenvalue")[0],
        max_relative = 1e-10
    );

    let (fresh, values) = (golden.get("fresh"), golden.get("fresh_values"));
    close(&fitted.net.predict(fresh).unwrap(), values, 1e-11);
    for depth in [2, 3, 5, 8] {
        let deep = DeepNet::fit(points, 5, labels, depth, &direction).unwrap();
        close(&deep.predict(fresh).unwrap(), values, 1e-11);
    }
}

use dfdx::prelude::*;
use proptest::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences};

type Scores = Tensor<(usize, usize), f32, Cpu>;

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

fn run(scores: &Scores, labels: &LabelSets) -> (f32, Vec<f32>) {
    let loss = label_set_cross_entropy(scores.leaky_trace(), labels).unwrap();
    (loss.array(), loss.backward().get(scores).as_vec())
}

/// The oracle in `f64`.
fn exact(scores: &[f64], labels: &LabelSets) -> (f64, Vec<f64>) {
    let scores = Cpu::default().tensor_from_vec(scores.to_vec(), (labels.len(), labels.classes()));
    let loss = composed_label_sets(scores.leaky_trace(), labels).unwrap();
    (loss.array(), loss.backward().get(&scores).as_vec())
}

#[track_caller]
fn assert_exact(scores: &Scores, labels: &LabelSets) {
    let ((loss, gradient), exact) = (run(scores, labels), exact(&wide(&scores.as_vec()), labels));
    assert_close("loss", &[loss], &[exact.0], 1e-6);
    assert_close("gradient", &gradient, &exact.1, 1e-6);
}

fn drawn(shape: (usize, usize), seed: u64) -> (Scores, LabelSets) {
    let scores: Scores = Cpu::seed_from_u64(seed).sample_normal_like(&shape);
    let each = |row| (0..shape.1).filter(move |class| (class * 7 + row * 3) % 11 == 0);
    (scores * 4.0, LabelSets::new((0..shape.0).map(each), shape.1).unwrap())
}

/// `cross_entropy` of PyTorch in double precision, with rows of probabilities as the target.
#[test]
fn values_and_gradients_are_pytorchs() {
    let dev = Cpu::default();
    #[rustfmt::skip]
    let scores: Scores = dev.tensor_from_vec(vec![
        0.75, -1.5, 0.0, 2.25, -0.125,
        100.0, -100.0, 1e4, -1e4, 3.5,
        100.0, -100.0, 1e4, -1e4, -20.0,
        -6.5, -7.25, 12.0, -30.0, 0.5,
    ], (4, 5));
    let labels = LabelSets::new([vec![0, 3], vec![0, 2], vec![1, 3, 4], vec![]], 5).unwrap();
    #[rustfmt::skip]
    let gradient = [
        -0.08639781219452979, 0.004068640661088016, 0.0182343823819312, 0.04800300317891318, 0.0160917859725974,
        -0.125, 0.0, 0.125, 0.0, 0.0,
        0.0, -0.08333333333333333, 0.25, -0.08333333333333333, -0.08333333333333333,
        0.0, 0.0, 0.0, 0.0, 0.0,
    ];
    let ours = run(&scores, &labels);
    assert_close("loss", &[ours.0], &[4_581.112_871_324_358], 1e-6);
    assert_close("gradient", &ours.1, &gradient, 1e-7);
    let theirs = exact(&wide(&scores.as_vec()), &labels);
    assert!((theirs.0 / 4_581.112_871_324_358 - 1.0).abs() < 1e-12);
    assert!(theirs.1.iter().zip(&gradient).all(|(ours, d)| (ours - d).abs() < 1e-12));
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let (scores, labels) = drawn((4, 23), 1);
    let loss = |v: &[Vec<f64>]| exact(&v[0], &labels).0;
    let expected = finite_differences(loss, &[wide(&scores.as_vec())], 1e-5);
    assert_close("gradient", &run(&scores, &labels).1, &expected[0], 1e-6);
}

#[test]
fn sets_of_one_are_single_targets() {
    let (scores, _) = drawn((6, 40), 2);
    let labels = LabelSets::new((0..6).map(|row| [row * 5]), 40).unwrap();
    let targets = Targets::new((0..6).map(|row| row * 5).collect(), 40).unwrap();
    let single = softmax_cross_entropy(scores.leaky_trace(), &targets).unwrap();
    let ours = run(&scores, &labels);
    assert_close("loss", &[ours.0], &[f64::from(single.array())], 1e-6);
    assert_close("gradient", &ours.1, &wide(&single.backward().get(&scores).as_vec()), 1e-6);
}

#[test]
fn the_kernel_is_the_composition_at_every_width() {
    for classes in [1, 15, 16, 17, 1000] {
        let (scores, labels) = drawn((3, classes), classes as u64);
        assert_exact(&scores, &labels);
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (scores, labels) = drawn((9, 1237), 3);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&scores, &labels))
    };
    let alone = with(1);
    assert!((2..=5).all(|threads| with(threads) == alone));
}

#[test]
fn nan_stays_nan_with_and_without_labels() {
    for labels in [vec![], vec![1]] {
        let labels = LabelSets::new([labels], 3).unwrap();
        let scores = Cpu::default().tensor([[0.5f32, 1.0, f32::NAN]]);
        assert!(label_set_cross_entropy(scores.clone(), &labels).unwrap().array().is_nan());
        assert!(composed_label_sets(scores, &labels).unwrap().array().is_nan());
    }
}

#[test]
fn no_rows_are_no_panic() {
    let none: Scores = Cpu::default().zeros_like(&(0, 3));
    let labels = LabelSets::new([[0usize; 0]; 0], 3).unwrap();
    let loss = label_set_cross_entropy(none.leaky_trace(), &labels).unwrap();
    assert_eq!(loss.array(), 0.0);
    loss.backward();
}

fn batches() -> impl Strategy<Value = (Vec<f32>, LabelSets)> {
    (1usize..6, 1usize..60).prop_flat_map(|(rows, classes)| {
        let sets = prop::collection::vec(prop::collection::vec(0..classes, 0..=classes.min(6)), rows);
        let sets = sets.prop_map(move |sets| LabelSets::new(sets, classes).unwrap());
        (prop::collection::vec(-20f32..20.0, rows * classes), sets)
    })
}

proptest! {
    #[test]
    fn the_kernel_is_the_composition_on_any_batch((scores, labels) in batches()) {
        let scores: Scores = Cpu::default().tensor_from_vec(scores, (labels.len(), labels.classes()));
        assert_exact(&scores, &labels);
    }
}

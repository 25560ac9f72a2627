use dfdx::prelude::*;
use proptest::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences};

const BOTH: [LabelReduction; 2] = [LabelReduction::Sum, LabelReduction::Mean];

type Scores = Tensor<(usize, usize), f32, Cpu>;

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

fn run(scores: &Scores, labels: &LabelSets, over: LabelReduction) -> (f32, Vec<f32>) {
    let loss = multi_label_logistic_loss(scores.leaky_trace(), labels, over).unwrap();
    (loss.array(), loss.backward().get(scores).as_vec())
}

/// The oracle in `f64`.
fn exact(scores: &[f64], labels: &LabelSets, over: LabelReduction) -> (f64, Vec<f64>) {
    let dev = Cpu::default();
    let scores = dev.tensor_from_vec(scores.to_vec(), (labels.len(), labels.classes()));
    let loss = composed(scores.leaky_trace(), labels, over).unwrap();
    (loss.array(), loss.backward().get(&scores).as_vec())
}

/// Panics unless loss and gradient are the oracle's, each within `tolerance` of its own size.
#[track_caller]
fn assert_exact(scores: &Scores, labels: &LabelSets, over: LabelReduction, tolerance: f64) {
    let (loss, gradient) = run(scores, labels, over);
    let (exact_loss, exact_gradient) = exact(&wide(&scores.as_vec()), labels, over);
    let error = (f64::from(loss) - exact_loss).abs();
    assert!(error <= tolerance * exact_loss, "loss {loss} against {exact_loss}");
    let largest = exact_gradient.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    for (at, (ours, exact)) in gradient.iter().zip(&exact_gradient).enumerate() {
        let error = (f64::from(*ours) - exact).abs();
        assert!(error <= tolerance * largest, "gradient {at}: {ours} against {exact}");
    }
}

fn drawn(shape: (usize, usize), spread: f32, seed: u64) -> (Scores, LabelSets) {
    let dev = Cpu::seed_from_u64(seed);
    let scores: Scores = dev.sample_normal_like(&shape);
    let each = |row| (0..shape.1).filter(move |class| (class * 7 + row * 3) % 11 == 0);
    (scores * spread, LabelSets::new((0..shape.0).map(each), shape.1).unwrap())
}

/// `binary_cross_entropy_with_logits` of PyTorch in double precision; the divisor is 4 for the sum and 20 for the mean.
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
        -0.08020532520615176, 0.04560638095158909, 0.125, -0.023837366224777362, 0.11719765665656094,
        0.0, 9.300189940052089e-45, 0.0, 0.0, 0.2426719423121609,
        0.25, -0.25, 0.25, -0.25, -0.2499999994847116,
        0.0003752955641842479, 0.00017741759977514703, 0.24999846395634945, 2.3394057422098247e-14,
        0.15561483280046365,
    ];
    let means: Vec<f64> = gradient.iter().map(|g| g / 5.0).collect();
    for (over, loss, d) in [
        (LabelReduction::Sum, 5_059.630_070_710_024, &gradient[..]),
        (LabelReduction::Mean, 1_011.926_014_142_004_8, &means),
    ] {
        let ours = run(&scores, &labels, over);
        assert_close("loss", &[ours.0], &[loss], 1e-6);
        assert_close("gradient", &ours.1, d, 1e-7);
        let theirs = exact(&wide(&scores.as_vec()), &labels, over);
        assert!((theirs.0 / loss - 1.0).abs() < 1e-12);
        assert!(theirs.1.iter().zip(d).all(|(ours, d)| (ours - d).abs() < 1e-12));
    }
}

#[test]
fn losses_of_single_rows_are_pytorchs() {
    let rows: [([f32; 5], &[usize], f64); 4] = [
        ([0.75, -1.5, 0.0, 2.25, -0.125], &[0, 3], 2.014_237_058_891_514),
        ([100.0, -100.0, 1e4, -1e4, 3.5], &[0, 2], 3.529_750_418_272_620_5),
        ([100.0, -100.0, 1e4, -1e4, -20.0], &[1, 3, 4], 20_220.000_000_002_06),
        ([-6.5, -7.25, 12.0, -30.0, 0.5], &[], 12.976_295_360_867_77),
    ];
    for (scores, labels, loss) in rows {
        let labels = LabelSets::new([labels.to_vec()], 5).unwrap();
        let ours = multi_label_logistic_loss(Cpu::default().tensor([scores]), &labels, LabelReduction::Sum);
        let ours = f64::from(ours.unwrap().array());
        assert!((ours / loss - 1.0).abs() < 1e-6, "{ours} against {loss}");
    }
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let (scores, labels) = drawn((4, 37), 3.0, 1);
    for over in BOTH {
        let loss = |v: &[Vec<f64>]| exact(&v[0], &labels, over).0;
        let expected = finite_differences(loss, &[wide(&scores.as_vec())], 1e-5);
        assert_close("gradient", &run(&scores, &labels, over).1, &expected[0], 1e-6);
    }
}

/// Whole blocks of lanes, and what is left over of them.
#[test]
fn the_kernel_is_the_composition_at_every_width() {
    for classes in [1, 15, 16, 17, 959, 960, 961, 5000] {
        for over in BOTH {
            let (scores, labels) = drawn((3, classes), 4.0, classes as u64);
            assert_exact(&scores, &labels, over, 1e-6);
        }
    }
}

/// Every factor 1 + e^−|z| is 2, the largest there is: the longest product must not overflow.
#[test]
fn scores_of_zero_are_ln_2_each() {
    let dev = Cpu::default();
    let zeros: Scores = dev.zeros_like(&(2, 18_291));
    let labels = LabelSets::new([vec![5], vec![]], 18_291).unwrap();
    let (loss, gradient) = run(&zeros, &labels, LabelReduction::Mean);
    assert!((f64::from(loss) / 2f64.ln() - 1.0).abs() < 1e-7, "{loss}");
    let half = 0.5 / (2.0 * 18_291.0);
    assert!(gradient.iter().enumerate().all(|(at, g)| *g == if at == 5 { -half } else { half }));
}

/// A score far on its right side adds little, but no less than it should.
#[test]
fn small_losses_keep_their_digits() {
    let (dev, classes) = (Cpu::default(), 4096);
    for (score, label) in [(-30.0f32, false), (30.0, true), (-60.0, false), (60.0, true)] {
        let scores: Scores = dev.tensor_from_vec(vec![score; classes], (1, classes));
        let labels = LabelSets::new([(0..classes).filter(|_| label)], classes).unwrap();
        let (loss, gradient) = run(&scores, &labels, LabelReduction::Mean);
        let each = (-f64::from(score.abs())).exp().ln_1p();
        assert!((f64::from(loss) / each - 1.0).abs() < 1e-6, "{loss} against {each}");
        let sigmoid = (-f64::from(score.abs())).exp() / (1.0 + (-f64::from(score.abs())).exp());
        let slope = if label { -sigmoid } else { sigmoid } / classes as f64;
        assert!(gradient.iter().all(|g| (f64::from(*g) / slope - 1.0).abs() < 1e-6), "{slope}");
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (scores, labels) = drawn((9, 1237), 5.0, 3);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&scores, &labels, LabelReduction::Sum))
    };
    let alone = with(1);
    assert!((2..=5).all(|threads| with(threads) == alone));
}

#[test]
fn without_a_tape_the_loss_is_the_same() {
    let (scores, labels) = drawn((5, 333), 5.0, 4);
    for over in BOTH {
        let loss = multi_label_logistic_loss(scores.clone(), &labels, over).unwrap();
        assert_eq!(loss.array(), run(&scores, &labels, over).0);
    }
}

/// The op adds to a gradient that is there already, scaled by the one that comes in.
#[test]
fn gradients_add_up() {
    let (scores, labels) = drawn((3, 50), 2.0, 5);
    let loss = multi_label_logistic_loss(scores.leaky_trace(), &labels, LabelReduction::Sum).unwrap();
    let twice = loss * 2.0 + scores.leaky_trace().sum::<Rank0, _>() * 0.5;
    let once = wide(&run(&scores, &labels, LabelReduction::Sum).1);
    let expected: Vec<f64> = once.iter().map(|g| 2.0 * g + 0.5).collect();
    assert_close("gradient", &twice.backward().get(&scores).as_vec(), &expected, 1e-6);
}

#[test]
fn nan_stays_nan() {
    for at in [0, 3, 18] {
        for labels in [vec![], vec![3]] {
            let mut scores = vec![0.5; 19];
            scores[at] = f32::NAN;
            let scores: Scores = Cpu::default().tensor_from_vec(scores, (1, 19));
            let labels = LabelSets::new([labels], 19).unwrap();
            let (loss, gradient) = run(&scores, &labels, LabelReduction::Sum);
            assert!(loss.is_nan() && gradient[at].is_nan());
        }
    }
}

#[test]
fn no_classes_and_no_rows_are_no_panic() {
    let dev = Cpu::default();
    for (rows, classes) in [(0, 0), (0, 3), (2, 0)] {
        let none: Scores = dev.zeros_like(&(rows, classes));
        let labels = LabelSets::new(vec![vec![]; rows], classes).unwrap();
        for over in BOTH {
            let loss = multi_label_logistic_loss(none.leaky_trace(), &labels, over).unwrap();
            assert_eq!(loss.array(), 0.0);
            loss.backward();
        }
    }
}

#[test]
fn a_permuted_input_gets_its_gradient() {
    let dev = Cpu::seed_from_u64(5);
    let scores: Tensor<Rank2<5, 6>, f32, _> = dev.sample_normal();
    let labels = LabelSets::new([vec![0, 3], vec![], vec![1], vec![4], vec![2, 3], vec![0]], 5).unwrap();
    let permuted = || scores.leaky_trace().permute::<Rank2<6, 5>, _>();
    let ours = multi_label_logistic_loss(permuted(), &labels, LabelReduction::Sum).unwrap();
    let theirs = composed(permuted(), &labels, LabelReduction::Sum).unwrap();
    let theirs = wide(&theirs.backward().get(&scores).as_vec());
    assert_close("gradient", &ours.backward().get(&scores).as_vec(), &theirs, 1e-6);
}

#[test]
#[should_panic(expected = "label sets (rows, classes) against scores")]
fn labels_of_other_scores_are_a_bug() {
    let labels = LabelSets::new([vec![0]], 2).unwrap();
    let _ = multi_label_logistic_loss(Cpu::default().tensor([[0.0, 0.0, 0.0]]), &labels, LabelReduction::Sum);
}

fn batches() -> impl Strategy<Value = (Vec<f32>, LabelSets)> {
    (1usize..6, 1usize..200).prop_flat_map(|(rows, classes)| {
        let score = prop_oneof![8 => -15f32..15.0, 1 => -1e4f32..1e4];
        let sets = prop::collection::vec(prop::collection::vec(0..classes, 0..=classes.min(9)), rows);
        let sets = sets.prop_map(move |sets| LabelSets::new(sets, classes).unwrap());
        (prop::collection::vec(score, rows * classes), sets)
    })
}

proptest! {
    #[test]
    fn the_kernel_is_the_composition_on_any_batch((scores, labels) in batches(), mean: bool) {
        let over = BOTH[usize::from(mean)];
        let scores: Scores =
            Cpu::default().tensor_from_vec(scores, (labels.len(), labels.classes()));
        assert_exact(&scores, &labels, over, 1e-6);
    }
}

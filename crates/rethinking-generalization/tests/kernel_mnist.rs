//! Interpolants of MNIST where it is at hand.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests, which may

use rethinking_generalization::kernel::{
    choose_bandwidth, one_hot, FitOptions, Kernel, KernelMachine, LabelledRows, Preprocess, TrainingSet,
};

/// The images and labels of MNIST's two parts, or `None` where EIGHTFOLD_DATA does not lead to them.
fn mnist() -> Option<datasets::images::TrainTest> {
    let Some(folder) = std::env::var_os("EIGHTFOLD_DATA") else {
        println!("skipped: no real data, as EIGHTFOLD_DATA is not set");
        return None;
    };
    Some(datasets::idx::load(std::path::Path::new(&folder), "mnist").unwrap())
}

fn pixels(
    set: &datasets::images::ImageSet,
    range: std::ops::Range<usize>,
    preprocess: Preprocess,
) -> Vec<f64> {
    let each = set.shape().pixels();
    let bytes = &set.pixels()[range.start * each..range.end * each];
    let mut pixels: Vec<f64> = bytes.iter().map(|&byte| f64::from(byte) / 255.0).collect();
    preprocess.apply(&mut pixels, set.shape()).unwrap();
    pixels
}

#[test]
fn two_thousand_digits_are_interpolated_and_others_recognised() {
    let Some(data) = mnist() else { return };
    let (train, labels, test) = (&data.train, data.train.labels(), &data.test);
    let (rows, validation) =
        (pixels(train, 0..2000, Preprocess::DESKEWED), pixels(train, 50_000..51_000, Preprocess::DESKEWED));
    let own = LabelledRows { rows: &rows, labels: &labels[..2000] };
    let held_out = LabelledRows { rows: &validation, labels: &labels[50_000..51_000] };
    let options = FitOptions::default();
    let candidates = [0.3, 0.4, 0.5, 0.7];
    let choice =
        choose_bandwidth(own, held_out, (784, 10), Kernel::gaussian, &candidates, &options, &|_, _| {})
            .unwrap();
    let targets = one_hot(&labels[..2000], 10).unwrap();
    let set = TrainingSet { rows: &rows, dim: 784, targets: &targets, classes: 10 };
    let machine = &KernelMachine::fit_prefixes(
        &set,
        Kernel::gaussian(choice.bandwidth),
        &[500, 2000],
        &options,
        &|_, _| {},
    )
    .unwrap();
    let new = pixels(test, 0..test.len(), Preprocess::DESKEWED);
    let errors: Vec<f64> =
        machine.iter().map(|machine| machine.error(&new, test.labels()).unwrap()).collect();
    let residual = machine[1].training_residual(&targets).unwrap();
    println!("{choice:?}: test errors {errors:?}, {residual:?}");
    assert!(residual.error == 0.0 && residual.largest < 1e-8);
    assert!(errors[1] < 0.045 && errors[1] < errors[0]);
}

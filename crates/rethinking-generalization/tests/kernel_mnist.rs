//! Interpolants of MNIST where it is at hand, and what they cost on demand.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests, which may

use rand::{rngs::StdRng, Rng, SeedableRng};
use rethinking_generalization::kernel::{
    choose_bandwidth, estimate, one_hot, FitOptions, Kernel, KernelMachine, KernelMatrix, LabelledRows,
    Points, Preprocess, TileGrid, TileSource, TiledCholesky, TiledSymmetric, TrainingSet, TILE,
};
use std::time::Instant;

fn random(len: usize) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(8);
    (0..len).map(|_| rng.gen_range(-1.0..1.0)).collect()
}

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

/// `EIGHTFOLD_DATA=<folder> cargo test --release -p rethinking-generalization --test kernel_mnist -- --ignored --nocapture`
#[test]
#[ignore = "a measurement: two minutes of all cores and 2 GB"]
fn twenty_thousand_digits() {
    let Some(data) = mnist() else { return };
    let (train, labels, test) = (&data.train, data.train.labels(), &data.test);
    let n = 20_000;
    println!("estimate: {:.3} GB", estimate(n, 784, 10, TILE).unwrap().total() as f64 / 1e9);
    let options = FitOptions::default();
    let kinds = [
        ("raw", Preprocess::RAW, &[3.0, 4.0, 5.0, 6.0][..]),
        ("blur, unit", Preprocess::BLURRED, &[0.3, 0.4, 0.5]),
        ("deskew, unit", Preprocess::DESKEWED, &[0.3, 0.4, 0.5]),
    ];
    for (name, preprocess, candidates) in kinds {
        let (rows, new) = (pixels(train, 0..n, preprocess), pixels(test, 0..test.len(), preprocess));
        let validation = pixels(train, 50_000..55_000, preprocess);
        let own = LabelledRows { rows: &rows[..5000 * 784], labels: &labels[..5000] };
        let held_out = LabelledRows { rows: &validation, labels: &labels[50_000..55_000] };
        let choice =
            choose_bandwidth(own, held_out, (784, 10), Kernel::gaussian, candidates, &options, &|_, _| {})
                .unwrap();
        let kernel = Kernel::gaussian(choice.bandwidth);
        let targets = one_hot(&labels[..n], 10).unwrap();
        let (points, grid) = (Points::new(&rows, 784).unwrap(), TileGrid::new(n, TILE).unwrap());
        let start = Instant::now();
        let matrix = TiledSymmetric::filled(grid, &KernelMatrix { points: &points, kernel }).unwrap();
        let filled = start.elapsed();
        let start = Instant::now();
        let factor = TiledCholesky::factor_in_place(matrix, 0.0, &|_, _| {}).unwrap();
        let factored = start.elapsed();
        let start = Instant::now();
        factor.solve(&targets, 10).unwrap();
        let solved = start.elapsed();
        drop((factor, points));
        let set = TrainingSet { rows: &rows, dim: 784, targets: &targets, classes: 10 };
        let start = Instant::now();
        let machines =
            KernelMachine::fit_prefixes(&set, kernel, &[5_000, 10_000, 20_000], &options, &|_, _| {})
                .unwrap();
        let fitted = start.elapsed();
        for machine in &machines {
            let start = Instant::now();
            let error = 100.0 * machine.error(&new, test.labels()).unwrap();
            let (m, norm, predicted) = (machine.rows(), machine.norm(), start.elapsed());
            println!(
                "{name}, n = {m}: test error {error:.2} %, norm {norm:.1}, predicted in {predicted:.2?}"
            );
        }
        println!(
            "{name}: sigma {} (validation at 5,000: {:?}); fill {filled:.2?}, factor {factored:.2?}, solve {solved:.2?}, \
             all three prefixes {fitted:.2?}",
            choice.bandwidth,
            choice.trials.iter().map(|trial| (trial.bandwidth, trial.error)).collect::<Vec<_>>(),
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{:?}", status.lines().find(|line| line.starts_with("VmHWM")));
}

/// `cargo test --release -p rethinking-generalization --test kernel_mnist fill_speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement: some seconds of all cores"]
fn fill_speed() {
    let n = 6000;
    let rows = random(n * 784);
    let points = Points::new(&rows, 784).unwrap();
    for kernel in [Kernel::Linear, Kernel::gaussian(2.0), Kernel::laplacian(2.0)] {
        let matrix = KernelMatrix { points: &points, kernel };
        let mut tile = vec![0.0; TILE * TILE];
        let once = || {
            let start = Instant::now();
            matrix.fill(TILE..2 * TILE, 0..TILE, &mut tile);
            start.elapsed()
        };
        let best = std::iter::repeat_with(once).take(50).min().unwrap();
        println!("{kernel:?}: a tile in {best:.2?}");
    }
    let start = Instant::now();
    let matrix = KernelMatrix { points: &points, kernel: Kernel::gaussian(2.0) };
    TiledCholesky::factor(TileGrid::new(n, TILE).unwrap(), &matrix, 0.0, &|_, _| {}).unwrap();
    println!("n = {n}: filled and factored in {:.2?}", start.elapsed());
}

/// `cargo test --release -p rethinking-generalization --test kernel_mnist peak_memory -- --ignored --nocapture`
#[cfg(target_os = "linux")]
#[test]
#[ignore = "a measurement that needs a process of its own"]
fn peak_memory() {
    let n = 8000;
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        1024 * line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap()
    };
    let (rows, targets) = (random(n * 784), vec![0.5; n * 10]);
    let set = TrainingSet { rows: &rows, dim: 784, targets: &targets, classes: 10 };
    let options = FitOptions::default();
    let before = peak();
    for round in 1..=2 {
        KernelMachine::fit(&set, Kernel::gaussian(2.0), &options, &|_, _| {}).unwrap();
        let estimate = estimate(n, 784, 10, options.tile).unwrap().total();
        println!(
            "fit {round}: at most {} MB in use, {} MB estimated",
            (peak() - before) >> 20,
            estimate >> 20
        );
    }
}

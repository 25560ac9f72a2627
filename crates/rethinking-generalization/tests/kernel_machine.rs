//! Interpolants: goldens from SciPy, prefixes, minimum norm, bandwidths, bits, errors.
#![allow(clippy::unwrap_used)] // helpers of tests, which may

use datasets::images::ImageShape;
use proptest::prelude::*;
use rand::{rngs::StdRng, Rng, SeedableRng};
use rethinking_generalization::kernel::{
    choose_bandwidth, deskew, gaussian_blur, one_hot, unit_norm, FitOptions, Kernel, KernelError,
    KernelMachine, LabelledRows, Preprocess, TrainingSet,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Goldens {
    rows: Vec<f64>,
    new: Vec<f64>,
    labels: Vec<u8>,
    fits: Vec<Fit>,
    image: Vec<f64>,
    blurred: Vec<f64>,
    blurred_wide: Vec<f64>,
    deskewed: Vec<f64>,
}

#[derive(Deserialize)]
struct Fit {
    kernel: String,
    bandwidth: f64,
    ridge: f64,
    alpha: Vec<f64>,
    scores: Vec<f64>,
    norms: Vec<f64>,
    residual: f64,
}

fn goldens() -> Goldens {
    serde_json::from_str(include_str!("goldens/kernel.json")).unwrap()
}

fn close(found: &[f64], expected: &[f64], within: f64) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= within * (1.0 + expected.abs()),
            "{at}: {found} and not {expected}"
        );
    }
}

fn fit(rows: &[f64], dim: usize, targets: &[f64], kernel: Kernel, options: &FitOptions) -> KernelMachine {
    let classes = targets.len() / (rows.len() / dim);
    let set = TrainingSet { rows, dim, targets, classes };
    KernelMachine::fit(&set, kernel, options, &|_, _| {}).unwrap()
}

fn random(len: usize, seed: u64) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..len).map(|_| rng.gen_range(-1.0..1.0)).collect()
}

#[test]
fn interpolants_are_scipys() {
    let goldens = goldens();
    let targets = one_hot(&goldens.labels, 3).unwrap();
    for golden in &goldens.fits {
        let kernel = match golden.kernel.as_str() {
            "gaussian" => Kernel::gaussian(golden.bandwidth),
            "laplacian" => Kernel::laplacian(golden.bandwidth),
            _ => Kernel::Linear,
        };
        for tile in [7, 512] {
            let options = FitOptions { ridge: golden.ridge, tile, ..FitOptions::default() };
            let machine = fit(&goldens.rows, 6, &targets, kernel, &options);
            close(machine.alpha(), &golden.alpha, 1e-10);
            close(&machine.scores(&goldens.new).unwrap(), &golden.scores, 1e-10);
            close(machine.class_norms(), &golden.norms, 1e-10);
            let residual = machine.training_residual(&targets).unwrap();
            assert!((residual.largest - golden.residual).abs() < 1e-10, "{residual:?}");
            let sum: f64 = golden.norms.iter().map(|norm| norm * norm).sum();
            assert!((machine.norm() - sum.sqrt()).abs() < 1e-10);
        }
    }
}

#[test]
fn preprocessing_is_scipys() {
    let goldens = goldens();
    let shape = ImageShape::new(1, 9, 8);
    let mut image = goldens.image.clone();
    gaussian_blur(&mut image, shape, 0.7).unwrap();
    close(&image, &goldens.blurred, 1e-14);
    // Wider than the image: mirrored more than once.
    image.clone_from(&goldens.image);
    gaussian_blur(&mut image, shape, 2.6).unwrap();
    close(&image, &goldens.blurred_wide, 1e-14);
    image.clone_from(&goldens.image);
    deskew(&mut image, shape).unwrap();
    close(&image, &goldens.deskewed, 1e-12);
}

#[test]
fn preprocessing_takes_any_image_and_no_part_of_one() {
    let shape = ImageShape::new(2, 3, 3);
    let mut black = vec![0.0; 36];
    Preprocess { blur: 1.0, ..Preprocess::DESKEWED }.apply(&mut black, shape).unwrap();
    assert_eq!(black, [0.0; 36]);
    assert!(matches!(unit_norm(&mut [0.0; 17], shape), Err(KernelError::Count { expected: 18, .. })));
    assert!(gaussian_blur(&mut black, shape, f64::NAN).is_err());
    assert!(deskew(&mut black, ImageShape::new(1, 0, 3)).is_err());
}

#[test]
fn a_slanted_stroke_is_made_upright() {
    let shape = ImageShape::new(1, 21, 21);
    let mut image: Vec<f64> = (0..441).map(|k| f64::from(u8::from((k % 21) == 5 + (k / 21) / 2))).collect();
    deskew(&mut image, shape).unwrap();
    let middle: f64 = (0..21).map(|row| image[row * 21 + 9..row * 21 + 12].iter().sum::<f64>()).sum();
    assert!(middle > 0.9 * image.iter().sum::<f64>(), "{middle}");
}

#[test]
fn prefixes_are_fits_of_their_own() {
    let (rows, new) = (random(90 * 5, 1), random(11 * 5, 2));
    let targets = one_hot(&(0..90).map(|k| k % 4).collect::<Vec<u8>>(), 4).unwrap();
    let options = FitOptions { tile: 16, ridge: 1e-6, ..FitOptions::default() };
    let set = TrainingSet { rows: &rows, dim: 5, targets: &targets, classes: 4 };
    let prefixes = [10, 16, 33, 64, 90];
    let all =
        KernelMachine::fit_prefixes(&set, Kernel::gaussian(0.6), &prefixes, &options, &|_, _| {}).unwrap();
    for (machine, m) in all.iter().zip(prefixes) {
        let own = fit(&rows[..m * 5], 5, &targets[..m * 4], Kernel::gaussian(0.6), &options);
        assert_eq!(machine.rows(), m);
        close(machine.alpha(), own.alpha(), 1e-9);
        close(&machine.scores(&new).unwrap(), &own.scores(&new).unwrap(), 1e-9);
        close(machine.class_norms(), own.class_norms(), 1e-9);
        assert!(machine.training_residual(&targets[..m * 4]).unwrap().largest < 1e-3);
    }
    // The norm of the interpolant grows with what it must pass through.
    assert!(all.windows(2).all(|pair| pair[0].norm() < pair[1].norm()));
}

#[test]
fn its_bits_do_not_depend_on_threads() {
    let (rows, new) = (random(300 * 7, 3), random(600 * 7, 4));
    let targets = one_hot(&(0..300).map(|k| (k % 10) as u8).collect::<Vec<u8>>(), 10).unwrap();
    let options = FitOptions { tile: 64, ..FitOptions::default() };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let machine = fit(&rows, 7, &targets, Kernel::gaussian(0.5), &options);
            let all =
                [machine.alpha().to_vec(), machine.scores(&new).unwrap(), machine.class_norms().to_vec()];
            all.concat().iter().map(|value| value.to_bits()).collect::<Vec<u64>>()
        })
    };
    let one = run(1);
    assert!(run(2) == one && run(4) == one);
}

#[test]
fn equal_rows_need_a_ridge_or_jitter() {
    let rows = [0.5f32, 1.0, 0.5, 1.0, 2.0, 2.0];
    let targets = one_hot(&[0, 1, 1], 2).unwrap();
    let set = TrainingSet { rows: &rows, dim: 2, targets: &targets, classes: 2 };
    let fit = |options: &FitOptions| KernelMachine::fit(&set, Kernel::gaussian(0.7), options, &|_, _| {});
    let error = fit(&FitOptions::default()).unwrap_err();
    assert_eq!(error, KernelError::NotPositiveDefinite { row: 1, size: 3 });
    assert_eq!(fit(&FitOptions { ridge: 0.1, ..FitOptions::default() }).unwrap().jitter(), 0.0);
    let machine = fit(&FitOptions { largest_jitter: 1e-8, ..FitOptions::default() }).unwrap();
    assert!((1e-12..1e-8).contains(&machine.jitter()), "{}", machine.jitter());
    // Two targets at one place: the mean of both is what passes closest.
    close(&machine.scores(&[0.5, 1.0]).unwrap(), &[0.5, 0.5], 1e-3);
}

#[test]
fn a_fit_that_takes_too_much_memory_is_refused() {
    let rows = random(100, 5);
    let targets = vec![0.0; 100];
    let set = TrainingSet { rows: &rows, dim: 1, targets: &targets, classes: 1 };
    let options = FitOptions { max_memory: Some(10_000), ..FitOptions::default() };
    let error = KernelMachine::fit(&set, Kernel::Linear, &options, &|_, _| {}).unwrap_err();
    assert!(matches!(error, KernelError::Memory { rows: 100, limit: 10_000, .. }), "{error}");
}

#[test]
fn wrong_input_is_an_error() {
    let fit = |rows: &[f64], dim, targets: &[f64], classes, prefixes: &[usize]| {
        let set = TrainingSet { rows, dim, targets, classes };
        KernelMachine::fit_prefixes(&set, Kernel::gaussian(1.0), prefixes, &FitOptions::default(), &|_, _| {})
    };
    assert!(fit(&[1.0, 2.0], 1, &[1.0, 0.0], 1, &[2]).is_ok());
    assert!(matches!(fit(&[1.0, 2.0], 1, &[1.0], 1, &[2]), Err(KernelError::Count { .. })));
    assert!(matches!(fit(&[1.0, 2.0, 3.0], 2, &[1.0], 1, &[1]), Err(KernelError::Count { .. })));
    assert!(matches!(
        fit(&[1.0, f64::NAN], 1, &[1.0, 0.0], 1, &[2]),
        Err(KernelError::NotFinite { row: 1, .. })
    ));
    assert!(matches!(fit(&[1.0, 2.0], 1, &[1.0, f64::NAN], 1, &[2]), Err(KernelError::NotFinite { .. })));
    for (dim, classes, prefixes) in [(0, 1, [2]), (1, 0, [2]), (1, 1, [3]), (1, 1, [0])] {
        let error = fit(&[1.0, 2.0], dim, &[1.0, 0.0], classes, &prefixes).unwrap_err();
        assert!(matches!(error, KernelError::Setting { .. }), "{error}");
    }
    let empty = TrainingSet::<f64> { rows: &[], dim: 3, targets: &[], classes: 2 };
    assert!(KernelMachine::fit(&empty, Kernel::Linear, &FitOptions::default(), &|_, _| {}).is_err());
    assert!(one_hot(&[0, 3], 3).is_err());
    let machine = &fit(&[1.0, 2.0], 2, &[1.0], 1, &[1]).unwrap()[0];
    assert!(matches!(machine.scores(&[1.0, 2.0, 3.0]), Err(KernelError::Count { .. })));
    assert!(matches!(machine.scores(&[1.0, f64::NAN]), Err(KernelError::NotFinite { .. })));
    assert!(machine.error(&[1.0, 2.0], &[0, 1]).is_err());
    assert!(machine.training_residual(&[1.0, 2.0]).is_err());
}

#[test]
fn bandwidths_that_fail_are_passed_over() {
    let (train, validation) = (random(60 * 2, 6), random(30 * 2, 7));
    let label = |row: &[f64]| u8::from(row[0] * row[1] > 0.0);
    let labels: Vec<u8> = train.chunks(2).map(label).collect();
    let validation_labels: Vec<u8> = validation.chunks(2).map(label).collect();
    let train = LabelledRows { rows: &train, labels: &labels };
    let validation = LabelledRows { rows: &validation, labels: &validation_labels };
    let options = FitOptions::default();
    let choose = |candidates: &[f64]| {
        choose_bandwidth(train, validation, (2, 2), Kernel::gaussian, candidates, &options, &|_, _| {})
    };
    let choice = choose(&[1e-4, 0.3, 1e9]).unwrap();
    assert_eq!(choice.bandwidth, 0.3);
    assert_eq!(choice.trials[2].error, None);
    assert!(choice.error < 0.2 && choice.trials[0].error.unwrap() > 0.3, "{choice:?}");
    assert_eq!(choose(&[1e9]).unwrap_err(), KernelError::NoBandwidth { candidates: 1 });
    assert!(matches!(choose(&[-1.0]), Err(KernelError::Setting { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    /// f + g interpolates too where g is of the space and 0 on the training rows; a ridge trades residual for norm.
    #[test]
    fn its_norm_is_the_least(n in 3usize..25, seed: u64) {
        // An interpolant of more points is another interpolant of the first ones.
        let rows = random((n + 5) * 3, seed);
        let targets = random(n + 5, seed ^ 1);
        let kernel = Kernel::gaussian(0.5);
        let options = FitOptions::default();
        let least = fit(&rows[..n * 3], 3, &targets[..n], kernel, &options);
        let other = fit(&rows, 3, &targets, kernel, &options);
        let passes = other.scores(&rows[..n * 3]).unwrap();
        prop_assert!(passes.iter().zip(&targets).all(|(f, y)| (f - y).abs() < 1e-6));
        prop_assert!(least.norm() <= other.norm() * (1.0 + 1e-9));
        let mut last = (least.norm(), least.training_residual(&targets[..n]).unwrap().root_mean_square);
        for ridge in [1e-3, 1e-1, 1e1] {
            let machine = fit(&rows[..n * 3], 3, &targets[..n], kernel, &FitOptions { ridge, ..options });
            let now = (machine.norm(), machine.training_residual(&targets[..n]).unwrap().root_mean_square);
            prop_assert!(now.0 < last.0 && now.1 > last.1, "{ridge}: {now:?} after {last:?}");
            last = now;
        }
    }

    #[test]
    fn it_interpolates_any_targets(n in 1usize..40, classes in 1usize..4, tile in 1usize..50, seed: u64) {
        let (rows, targets) = (random(n * 4, seed), random(n * classes, seed ^ 2));
        let machine = fit(&rows, 4, &targets, Kernel::laplacian(0.5), &FitOptions { tile, ..FitOptions::default() });
        prop_assert!(machine.training_residual(&targets).unwrap().largest < 1e-9);
    }
}

//! Random convolutional features and their interpolant.
#![allow(clippy::unwrap_used)] // helpers of tests, which may

use datasets::images::ImageShape;
use rand::{rngs::StdRng, Rng, SeedableRng};
use rethinking_generalization::kernel::{
    gram_accumulate, one_hot, ConvFeatures, ConvOptions, FitOptions, Kernel, KernelError, KernelMachine,
    TrainingSet,
};

const SHAPE: ImageShape = ImageShape::new(3, 12, 10);
const SMALL: ConvOptions = ConvOptions {
    patch: 4,
    filters: 300,
    grid: 2,
    threshold: 0.5,
    contrast: 1e-3,
    whitening: 0.1,
    samples: 800,
    seed: 5,
};

fn images(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count * SHAPE.pixels()).map(|_| rng.gen_range(0.0..1.0)).collect()
}

#[test]
fn its_bits_depend_on_the_seed_alone() {
    let images = images(9, 1);
    let run = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let features = ConvFeatures::new(&images, SHAPE, &ConvOptions { seed, ..SMALL }).unwrap();
            let gram = gram_accumulate(&features, &images, &images[..360], 70, None, &|_, _| {}).unwrap();
            let machine = gram.fit(&[1.0; 9], 1, 0.1, &|_, _| {}).unwrap();
            let features =
                features.of(&images, 0..300).unwrap().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            (features, machine.scores().iter().map(|x| x.to_bits()).collect::<Vec<_>>())
        })
    };
    let one = run(1, 5);
    assert!(run(2, 5) == one && run(4, 5) == one);
    assert!(run(1, 6) != one);
}

#[test]
fn blocks_of_filters_are_parts_of_the_whole() {
    let images = images(3, 2);
    let features = ConvFeatures::new(&images, SHAPE, &SMALL).unwrap();
    let (all, some) = (features.of(&images, 0..300).unwrap(), features.of(&images, 255..290).unwrap());
    assert_eq!((all.len(), some.len()), (3 * features.width(), 3 * 2 * 35 * 4));
    for (k, part) in some.chunks(35).enumerate() {
        let whole = &all[k * 300 + 255..k * 300 + 290];
        assert!(part.iter().zip(whole).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    assert!(all.iter().all(|&x| x >= 0.0) && all.iter().any(|&x| x > 0.0));
}

#[test]
fn features_are_those_of_the_formula() {
    // A threshold of 0 and one cell: the positive mean less the negative mean is the mean response, and filters are of
    // unit norm and mean 0 over the whitened patches, so that responses spread by 1 at most.
    let images = images(40, 3);
    let options = ConvOptions { threshold: 0.0, grid: 1, whitening: 1e-6, samples: 5000, ..SMALL };
    let features = ConvFeatures::new(&images, SHAPE, &options).unwrap();
    let all = features.of(&images, 0..300).unwrap();
    let (mut response, mut size) = (0.0, 0.0);
    for image in all.chunks(600) {
        for (positive, negative) in image[..300].iter().zip(&image[300..]) {
            response += f64::from(positive - negative) / 12_000.0;
            size += f64::from(positive + negative) / 12_000.0;
        }
    }
    // Whitened responses have mean 0 and variance 1: the mean of |response| is about √(2/π).
    assert!(response.abs() < 0.02, "{response}");
    assert!((size - (2.0 / std::f64::consts::PI).sqrt()).abs() < 0.03, "{size}");
}

#[test]
fn the_gram_matrix_is_that_of_standardized_features() {
    let (train, others) = (images(20, 4), images(6, 5));
    let features = ConvFeatures::new(&train, SHAPE, &SMALL).unwrap();
    let width = features.width();
    let (mut own, mut new) = (features.of(&train, 0..300).unwrap(), features.of(&others, 0..300).unwrap());
    for k in 0..width {
        let column: Vec<f64> = (0..20).map(|row| f64::from(own[row * width + k])).collect();
        let mean = column.iter().sum::<f64>() / 20.0;
        let deviation = (column.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 20.0).sqrt();
        let scale = if deviation > 0.0 { deviation.recip() } else { 0.0 } / (width as f64).sqrt();
        for rows in [&mut own, &mut new] {
            rows.iter_mut().skip(k).step_by(width).for_each(|x| *x = ((f64::from(*x) - mean) * scale) as f32);
        }
    }
    // The linear machine on the features and a constant one is the same interpolant.
    let with_one =
        |rows: &[f32]| rows.chunks(width).flat_map(|row| [row, &[1.0]].concat()).collect::<Vec<f32>>();
    let targets = one_hot(&(0..20).map(|k| k % 3).collect::<Vec<u8>>(), 3).unwrap();
    let own = with_one(&own);
    let set = TrainingSet { rows: &own, dim: width + 1, targets: &targets, classes: 3 };
    let expected = KernelMachine::fit(&set, Kernel::Linear, &FitOptions::default(), &|_, _| {}).unwrap();
    for block in [1, 77, 300, 1000] {
        let gram = gram_accumulate(&features, &train, &others, block, None, &|_, _| {}).unwrap();
        assert!(
            (gram.get(3, 3)
                - own[3 * (width + 1)..4 * (width + 1)].iter().map(|x| f64::from(x * x)).sum::<f64>())
            .abs()
                < 1e-4
        );
        let machine = gram.fit(&targets, 3, 0.0, &|_, _| {}).unwrap();
        for (ours, theirs) in machine.scores().iter().zip(expected.scores(&with_one(&new)).unwrap()) {
            assert!((ours - theirs).abs() < 1e-4, "{block}: {ours} {theirs}");
        }
        assert!((machine.norm() - expected.norm()).abs() < 1e-3 * expected.norm());
    }
}

#[test]
fn wrong_input_is_an_error() {
    let train = images(4, 6);
    let refused = |options: ConvOptions| {
        matches!(ConvFeatures::new(&train, SHAPE, &options), Err(KernelError::Setting { .. }))
    };
    assert!(refused(ConvOptions { patch: 11, ..SMALL }) && refused(ConvOptions { patch: 0, ..SMALL }));
    assert!(refused(ConvOptions { grid: 8, ..SMALL }) && refused(ConvOptions { grid: 0, ..SMALL }));
    assert!(
        refused(ConvOptions { filters: 0, ..SMALL }) && refused(ConvOptions { samples: usize::MAX, ..SMALL })
    );
    assert!(
        refused(ConvOptions { threshold: f64::NAN, ..SMALL })
            && refused(ConvOptions { whitening: 0.0, ..SMALL })
    );
    assert!(matches!(ConvFeatures::new(&[], SHAPE, &SMALL), Err(KernelError::Count { .. })));
    assert!(matches!(ConvFeatures::new(&train[1..], SHAPE, &SMALL), Err(KernelError::Count { .. })));
    assert!(matches!(ConvFeatures::new(&[f32::NAN; 360], SHAPE, &SMALL), Err(KernelError::NotFinite { .. })));
    let features = ConvFeatures::new(&train, SHAPE, &SMALL).unwrap();
    assert!(features.of(&train, 10..301).is_err());
    assert!(gram_accumulate(&features, &train, &train, 0, None, &|_, _| {}).is_err());
    assert!(gram_accumulate(&features, &[], &train, 5, None, &|_, _| {}).is_err());
    let error = gram_accumulate(&features, &train, &train, 5, Some(1000), &|_, _| {}).unwrap_err();
    assert!(matches!(error, KernelError::Memory { rows: 4, .. }));
    let gram = gram_accumulate(&features, &train, &[], 300, None, &|_, _| {}).unwrap();
    assert!(gram.fit(&[1.0; 3], 1, 0.0, &|_, _| {}).is_err());
}

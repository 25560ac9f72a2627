//! Transforms against SciPy (`goldens/make_transforms.py`).

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use datasets::images::ImageShape;
use datasets::transforms::{affine, displace, elastic, gaussian_blur, whiten, Affine};
use datasets::DatasetError;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SHAPE: ImageShape = ImageShape::new(1, 11, 14);

fn goldens() -> HashMap<&'static str, Vec<f64>> {
    let record = |line: &'static str| {
        let (name, numbers) = line.split_once(' ').unwrap();
        (name, numbers.split(' ').map(|number| number.parse().unwrap()).collect())
    };
    include_str!("goldens/transforms.txt").lines().map(record).collect()
}

fn image() -> Vec<f32> {
    goldens()["image"].iter().map(|&x| x as f32).collect()
}

fn assert_close(found: &[f32], wanted: &[f64], what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((f64::from(*found) - wanted).abs() < 2e-6, "{what} at {at}: {found}, not {wanted}");
    }
}

#[test]
fn affine_maps_are_scipys() {
    let goldens = goldens();
    for number in 0..7 {
        let name = format!("affine{number}");
        let [degrees, shear, sx, sy, tx, ty, height, width] = goldens[&name[..]][..].try_into().unwrap();
        let map = Affine::new(degrees, shear, [sx, sy], [tx, ty]);
        let to = ImageShape::new(1, height as usize, width as usize);
        let mut out = vec![0.0; to.pixels()];
        affine(&image(), SHAPE, &map, &mut out, to).unwrap();
        assert_close(&out, &goldens[&format!("{name}.out")[..]], &name);
    }
}

#[test]
fn every_channel_moves_alike_and_bytes_are_the_rounded_floats() {
    let map = Affine::new(17.0, 0.1, [0.9, 1.1], [0.5, -0.75]);
    let bytes: Vec<u8> = image().iter().map(|x| (255.0 * x) as u8).collect();
    let floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte)).collect();
    let (mut one, mut two, mut rounded) = (vec![0.0; 154], vec![0.0; 308], vec![0; 154]);
    affine(&floats, SHAPE, &map, &mut one, SHAPE).unwrap();
    let double = ImageShape::new(2, 11, 14);
    affine(&[&floats[..], &floats].concat(), double, &map, &mut two, double).unwrap();
    assert_eq!(two, [&one[..], &one].concat());
    affine(&bytes, SHAPE, &map, &mut rounded, SHAPE).unwrap();
    assert_eq!(rounded, one.iter().map(|x| x.round() as u8).collect::<Vec<_>>());
}

#[test]
fn a_quarter_turn_is_exact_and_four_are_none() {
    let wide = ImageShape::new(1, 14, 11);
    let quarter = Affine { matrix: [[0.0, -1.0], [1.0, 0.0]], ..Affine::IDENTITY };
    let (mut turned, mut back) = (image(), vec![0.0; 154]);
    for (from, to) in [(SHAPE, wide), (wide, SHAPE), (SHAPE, wide), (wide, SHAPE)] {
        affine(&turned, from, &quarter, &mut back, to).unwrap();
        std::mem::swap(&mut turned, &mut back);
    }
    assert_eq!(turned, image());
}

#[test]
fn maps_without_an_inverse_are_refused() {
    for matrix in [[[0.0; 2]; 2], [[1.0, 2.0], [2.0, 4.0]], [[f64::NAN, 0.0], [0.0, 1.0]]] {
        let map = Affine { matrix, ..Affine::IDENTITY };
        let error = affine(&image(), SHAPE, &map, &mut [0.0; 154], SHAPE).unwrap_err();
        assert!(matches!(error, DatasetError::InvalidConfig { field: "the affine matrix", .. }), "{error}");
    }
    let map = Affine::IDENTITY;
    assert!(affine(&image()[1..], SHAPE, &map, &mut [0.0; 154], SHAPE).is_err());
    assert!(affine(&image(), SHAPE, &map, &mut [0.0; 153], SHAPE).is_err());
    assert!(affine(&image(), SHAPE, &map, &mut [0.0; 154], ImageShape::new(2, 11, 7)).is_err());
}

#[test]
fn inverses_undo_their_maps() {
    let map = Affine::new(-31.0, 0.4, [1.3, 0.7], [2.5, -4.0]);
    let [x, y] = map.inverse().unwrap().apply(map.apply([3.0, -8.0]));
    assert!((x - 3.0).abs() < 1e-12 && (y + 8.0).abs() < 1e-12, "{x} {y}");
}

#[test]
fn displacements_are_scipys() {
    let goldens = goldens();
    let field = |name: &str| goldens[name].iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let mut out = [0.0; 154];
    displace(&image(), SHAPE, &field("down"), &field("right"), &mut out).unwrap();
    assert_close(&out, &goldens["displaced"], "displaced");
    assert!(displace(&image(), SHAPE, &field("down")[1..], &field("right"), &mut out).is_err());
}

#[test]
fn blurs_are_scipys() {
    let goldens = goldens();
    for number in 0..5 {
        let name = format!("blur{number}");
        let mut plane = image();
        gaussian_blur(&mut plane, (11, 14), goldens[&name[..]][0]).unwrap();
        assert_close(&plane, &goldens[&format!("{name}.out")[..]], &name);
    }
    for bad in [-1.0, 101.0, f64::NAN] {
        assert!(gaussian_blur(&mut image(), (11, 14), bad).is_err(), "{bad}");
    }
}

#[test]
fn whitening_is_numpys() {
    let mut found = image();
    whiten(&mut found);
    assert_close(&found, &goldens()["whitened"], "whitened");
}

#[test]
fn elastic_fields_have_the_documented_size_and_follow_their_generator() {
    const SIDE: usize = 101;
    let shape = ImageShape::new(2, SIDE, SIDE);
    // Ramps, so that what is read away from the border tells the displacement.
    let ramp = |along: fn(usize) -> usize| (0..SIDE * SIDE).map(move |at| along(at) as f32);
    let image: Vec<f32> = ramp(|at| at / SIDE).chain(ramp(|at| at % SIDE)).collect();
    let distorted = |seed| {
        let mut out = vec![0.0; shape.pixels()];
        elastic(&image, shape, 4.0, 34.0, &mut ChaCha8Rng::seed_from_u64(seed), &mut out).unwrap();
        out
    };
    assert_eq!(distorted(1), distorted(1));
    assert_ne!(distorted(1), distorted(2));
    let mut squares = [0.0f64; 2];
    for seed in 0..20 {
        let out = distorted(seed);
        for (channel, square) in squares.iter_mut().enumerate() {
            for (row, column) in (20..80).flat_map(|row| (20..80).map(move |column| (row, column))) {
                let at = (channel * SIDE + row) * SIDE + column;
                *square += f64::from(out[at] - image[at]).powi(2) / (20.0 * 3600.0);
            }
        }
    }
    // Uniform noise has variance 1/3; blurring divides it by 4 π σ². 34 · √(1/3) / √(4 π 16) = 1.385 pixels. Some 36
    // independent patches a field and 20 seeds: a relative error of about 0.026.
    for square in squares {
        assert!((square.sqrt() - 1.385).abs() < 0.15, "{}", square.sqrt());
    }
    let mut out = vec![0.0; shape.pixels()];
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    assert!(elastic(&image, shape, 4.0, f64::NAN, &mut rng, &mut out).is_err());
    assert!(elastic(&image, shape, -4.0, 1.0, &mut rng, &mut out).is_err());
}

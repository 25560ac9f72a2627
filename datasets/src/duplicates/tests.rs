//! Planted near-duplicates are found, and different images are not taken for one.

use super::*;
use crate::images::ImageSet;
use crate::stream::mix;
use crate::synthetic::{digits, scenes, shapes};
use proptest::prelude::*;

const SCENE: ImageShape = ImageShape::new(3, 32, 32);

fn scene_pixels(indices: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    let scenes = scenes(&Default::default(), 0).unwrap();
    indices.map(|index| scenes.image(index).0.to_vec()).collect()
}

fn pixels(set: &ImageSet) -> Vec<Vec<u8>> {
    set.iter().map(|(image, _)| image.to_vec()).collect()
}

fn sets(count: u64) -> Vec<(&'static str, ImageShape, Vec<Vec<u8>>)> {
    let shapes = shapes(&Default::default(), 0).unwrap().set(0..count).unwrap();
    let digits = digits(&Default::default(), 0).unwrap().set(0..count).unwrap();
    vec![
        ("scenes", SCENE, scene_pixels(0..count)),
        ("shapes", shapes.shape(), pixels(&shapes)),
        ("digits", digits.shape(), pixels(&digits)),
    ]
}

/// Moves the image, and repeats its border.
fn moved(shape: ImageShape, image: &[u8], down: isize, right: isize) -> Vec<u8> {
    mapped(shape, image, |get, row, column| get(row - down, column - right))
}

fn mapped(
    shape: ImageShape,
    image: &[u8],
    pixel: impl Fn(&dyn Fn(isize, isize) -> f64, isize, isize) -> f64,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(image.len());
    for plane in image.chunks(shape.plane()) {
        let get = |row: isize, column: isize| {
            let row = row.clamp(0, shape.height as isize - 1) as usize;
            let column = column.clamp(0, shape.width as isize - 1) as usize;
            f64::from(plane[row * shape.width + column])
        };
        for at in 0..plane.len() {
            let (row, column) = ((at / shape.width) as isize, (at % shape.width) as isize);
            out.push((pixel(&get, row, column) + 0.5) as u8);
        }
    }
    out
}

/// Adds noise of a deviation of 4, the sum of twelve uniform numbers.
fn noisy(image: &[u8], seed: u64) -> Vec<u8> {
    let uniform = |at: u64| (mix(seed << 32 ^ at) >> 11) as f64 / (1u64 << 53) as f64;
    let noise = |at: u64| (0..12).map(|part| uniform(12 * at + part)).sum::<f64>() - 6.0;
    image.iter().zip(0..).map(|(&pixel, at)| (f64::from(pixel) + 4.0 * noise(at) + 0.5) as u8).collect()
}

fn planted(shape: ImageShape, image: &[u8], seed: u64) -> Vec<(&'static str, Vec<u8>)> {
    let scaled = |by: f64| mapped(shape, image, |get, row, column| by * get(row, column));
    let blurred = mapped(shape, image, |get, row, column| {
        (0..9).map(|at| get(row + at / 3 - 1, column + at % 3 - 1)).sum::<f64>() / 9.0
    });
    vec![
        ("the same", image.to_vec()),
        ("a pixel down", moved(shape, image, 1, 0)),
        ("a pixel up and left", moved(shape, image, -1, -1)),
        ("brighter", scaled(1.1)),
        ("darker", scaled(0.9)),
        ("noisy", noisy(image, seed)),
        ("blurred", blurred),
        ("moved, darker and noisy", noisy(&moved(shape, &scaled(0.9), 1, -1), seed)),
    ]
}

/// Lowest cosine and correlation of planted duplicates, over their best moves.
#[test]
fn planted_duplicates_are_found() {
    for (name, shape, images) in sets(300) {
        let mut lowest: Vec<[f64; 2]> = vec![[1.0; 2]; 8];
        for (seed, image) in images.iter().enumerate() {
            let all = planted(shape, image, seed as u64);
            let tests = NearDuplicates::of(shape, all.iter().map(|(_, pixels)| pixels)).unwrap();
            let mut train = Prepared::new(shape);
            train.read(image).unwrap();
            train.detail();
            let found = tests.scan([image]).unwrap();
            for (number, (what, _)) in all.iter().enumerate() {
                let both = |start| {
                    let cosine = products(&tests.coarse[0], &train.coarse(start))[number];
                    [f64::from(cosine), tests.correlation(&train, start, number)]
                };
                let best = MOVES.map(both).into_iter().max_by(|a, b| a[1].total_cmp(&b[1])).unwrap();
                (0..2).for_each(|at| lowest[number][at] = lowest[number][at].min(best[at]));
                assert_eq!(found[number], Some(0), "{name} {seed}, {what}: {best:?}");
            }
        }
        assert!(
            lowest.iter().all(|&[cosine, correlation]| cosine > 0.86 && correlation > 0.87),
            "{name}: {lowest:?}"
        );
    }
}

#[test]
fn different_images_are_rarely_taken_for_one() {
    for (name, shape, images) in sets(1500) {
        let (tests, train) = images.split_at(300);
        // Digits of one class may be alike in all but a pixel or two.
        let (threshold, most) = if name == "digits" { (0.95, 6) } else { (FINE, 0) };
        let tests = NearDuplicates::of(shape, tests).unwrap().threshold(threshold).unwrap();
        let found = tests.scan(train).unwrap().iter().flatten().count();
        assert!(found <= most, "{name}: {found}");
    }
}

#[test]
fn the_first_of_several_is_named_and_order_is_kept() {
    let images = scene_pixels(0..40);
    let tests = [&images[7], &images[39], &images[3]];
    let train: Vec<_> = images[..30].iter().chain([&images[3], &images[7]]).collect();
    let found = NearDuplicates::of(SCENE, tests).unwrap().scan(train).unwrap();
    assert_eq!(found, [Some(7), None, Some(3)]);
}

#[test]
fn flat_images_match_by_brightness_alone() {
    let shape = ImageShape::new(1, 10, 11);
    let ramp: Vec<u8> = (0..110).collect();
    let tests = NearDuplicates::of(shape, [vec![10; 110], vec![200; 110], ramp.clone()]).unwrap();
    assert_eq!(tests.scan([vec![100; 110], vec![30; 110], ramp]).unwrap(), [Some(1), None, Some(2)]);
    assert_eq!(tests.scan::<Vec<u8>>([]).unwrap(), [None; 3]);
}

#[test]
fn images_and_settings_that_do_not_fit_are_named() {
    let good = NearDuplicates::of(SCENE, scene_pixels(0..2)).unwrap();
    assert_eq!((good.len(), good.is_empty()), (2, false));
    let messages = [
        NearDuplicates::of::<[u8; 0]>(ImageShape::new(1, 9, 10), []).unwrap_err(),
        NearDuplicates::of::<[u8; 0]>(ImageShape::new(0, 10, 10), []).unwrap_err(),
        NearDuplicates::of(SCENE, [[0; 9]]).unwrap_err(),
        good.scan([[0; 9]]).unwrap_err(),
        good.clone().threshold(0.4).unwrap_err(),
        good.threshold(f64::NAN).unwrap_err(),
    ];
    for (message, why) in messages.iter().zip([
        "10 or more rows and columns, found 1 x 9 x 10",
        "found 0 x 10 x 10",
        "expected 3072 bytes, an image of 3 x 32 x 32, found 9",
        "expected 3072 bytes, an image of 3 x 32 x 32, found 9",
        "threshold is 0.4, but must be 0.5 to 1",
        "threshold is NaN",
    ]) {
        assert!(message.to_string().contains(why), "{message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_image_is_a_duplicate_of_itself(
        (channels, height, width) in (1usize..5, 10usize..20, 10usize..20), seed: u64, count in 1u64..40,
    ) {
        let shape = ImageShape::new(channels, height, width);
        // Squares of 4 x 4 pixels, so that there is something coarse to see.
        let image = |number: u64| -> Vec<u8> {
            let square = |at: usize| at / width % height / 4 * width + at % width / 4;
            (0..shape.pixels()).map(|at| mix(seed ^ number << 40 ^ square(at) as u64) as u8).collect()
        };
        let images: Vec<_> = (0..count).map(image).collect();
        let found = NearDuplicates::of(shape, &images).unwrap().threshold(1.0).unwrap();
        let found = found.scan(images.iter().rev()).unwrap();
        for (number, place) in found.into_iter().enumerate() {
            let place = place.map(|place| images.len() - 1 - place);
            prop_assert!(place == Some(number) || place.is_some_and(|place| images[place] == images[number]));
        }
    }
}

//! What all sources promise, and what each adds.

#![allow(clippy::print_stdout)] // "skipped" is for the person who runs the tests

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datasets::affnist::AffNistConfig;
use datasets::images::{ImageSet, ImageShape};
use datasets::overlap::MultiMnistConfig;
use datasets::transforms;
use proptest::prelude::*;

use super::*;

fn nowhere() -> &'static Path {
    Path::new("/no/such/folder")
}

fn sets(train: usize) -> Sets {
    let limits = Limits { train: Some(train), validation: Some(20), test: Some(30) };
    load(SYNTHETIC, nowhere(), limits).unwrap()
}

/// One source of each kind.
fn sources(images: &Arc<ImageSet>, seed: u64) -> [Box<dyn Source>; 4] {
    [
        Box::new(Digits::new(images.clone(), 2, seed).unwrap()),
        Box::new(Pairs::new(images.clone(), 70, MultiMnistConfig::default(), seed).unwrap()),
        Box::new(Placed::new(images.clone(), 6, seed).unwrap()),
        Box::new(Moved::new(images.clone(), 90, AffNistConfig::default(), seed).unwrap()),
    ]
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// A set whose pixels are as good as random, so that every move can be seen.
fn noise(side: usize, count: usize) -> Arc<ImageSet> {
    let pixels =
        (0..count * side * side).map(|i| (i as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0] | 1);
    let labels = (0..count).map(|i| (i % 10) as u8).collect();
    Arc::new(ImageSet::new(ImageShape::new(1, side, side), 10, pixels.collect(), labels).unwrap())
}

#[test]
fn a_batch_is_the_same_at_any_number_of_threads_and_changes_with_epoch_and_seed() {
    let images = sets(40).train;
    for (kind, source) in sources(&images, 3).iter().enumerate() {
        let members: Vec<usize> = (0..40).rev().chain([7, 7]).collect();
        let at = |threads, view| on_threads(threads, || source.batch(&members, view).unwrap());
        let one = at(1, View::Epoch(1));
        assert_eq!(at(5, View::Epoch(1)), one, "{kind}");
        assert_ne!(at(1, View::Epoch(2)).images, one.images, "{kind}");
        assert_eq!(at(2, View::Fixed), at(1, View::Fixed), "{kind}");
        assert_eq!(sources(&images, 3)[kind].batch(&members, View::Epoch(1)).unwrap(), one, "{kind}");
        assert_ne!(
            sources(&images, 4)[kind].batch(&members, View::Epoch(1)).unwrap().images,
            one.images,
            "{kind}"
        );
    }
}

#[test]
fn batches_have_the_shapes_and_labels_they_say() {
    let images = sets(40).train;
    let expected = [(1, 28, 1), (1, 36, 2), (1, 40, 1), (1, 40, 1)];
    for (source, (channels, side, digits)) in sources(&images, 0).iter().zip(expected) {
        assert_eq!(source.layout(), Layout { channels, side, classes: 10, digits });
        for view in [View::Epoch(3), View::Fixed] {
            let batch = source.batch(&[0, 5, 39], view).unwrap();
            let pixels = side * side;
            assert_eq!((batch.len(), batch.images.len()), (3, 3 * pixels));
            assert_eq!(batch.sources.as_ref().map(Vec::len), (digits == 2).then_some(6 * pixels));
            assert!(batch.images.iter().all(|p| (0.0..=1.0).contains(p)) && batch.images.contains(&0.0));
            for (i, present) in batch.present.chunks(10).enumerate() {
                let mut shown: Vec<usize> = (0..10).filter(|&class| present[class] == 1.0).collect();
                assert_eq!(present.iter().sum::<f32>(), digits as f32);
                let mut labels = batch.labels_of(i).to_vec();
                labels.sort_unstable();
                shown.sort_unstable();
                assert_eq!(shown, labels);
                assert!(digits == 2 || batch.target(i, 0) == batch.image(i));
            }
        }
        assert!(source.batch(&[], View::Fixed).unwrap().is_empty());
    }
}

#[test]
fn members_that_do_not_exist_are_named() {
    for source in sources(&sets(40).train, 0) {
        let error = source.batch(&[3, source.len(), 1_000], View::Fixed).unwrap_err().to_string();
        assert!(error.starts_with(&format!("member is {0}, but must be below {0}", source.len())), "{error}");
    }
}

#[test]
fn digits_move_by_what_they_say_and_stay_for_tests() {
    let (side, count) = (9, 400);
    let images = noise(side, count);
    let digits = Digits::new(images.clone(), 2, 11).unwrap();
    let members: Vec<usize> = (0..count).collect();
    let still = digits.batch(&members, View::Fixed).unwrap();
    let moved = digits.batch(&members, View::Epoch(4)).unwrap();
    assert_eq!(still.labels, moved.labels);
    let mut seen = [[0usize; 5]; 5];
    for i in 0..count {
        let (image, label) = images.get(i).unwrap();
        assert_eq!(usize::from(label), still.labels[i]);
        assert!(still.image(i).iter().zip(image).all(|(&p, &byte)| p == f32::from(byte) / 255.0));
        let (down, right) = digits.moved(i, View::Epoch(4));
        seen[(down + 2) as usize][(right + 2) as usize] += 1;
        for (y, x) in (0..side as i32).flat_map(|y| (0..side as i32).map(move |x| (y, x))) {
            let (from_y, from_x) = (y - down, x - right);
            let within = (0..side as i32).contains(&from_y) && (0..side as i32).contains(&from_x);
            let expected =
                if within { still.image(i)[(from_y * side as i32 + from_x) as usize] } else { 0.0 };
            assert_eq!(moved.image(i)[(y * side as i32 + x) as usize], expected);
        }
    }
    // 16 of each of 25 places on average, with standard deviation 3.9
    assert!(seen.iter().flatten().all(|count| (2..=34).contains(count)), "{seen:?}");
    assert_eq!(digits.moved(5, View::Fixed), (0, 0));
}

#[test]
fn pairs_are_two_classes_whose_moved_digits_make_the_overlay() {
    let images = sets(40).train;
    let pairs = Pairs::new(images.clone(), 300, MultiMnistConfig::default(), 2).unwrap();
    let members: Vec<usize> = (0..300).collect();
    let batch = pairs.batch(&members, View::Epoch(1)).unwrap();
    let (from, to) = (images.shape(), ImageShape::new(1, 36, 36));
    for i in 0..300 {
        let [first, second] = *batch.labels_of(i) else { panic!("two labels") };
        assert_ne!(first, second);
        let sum = batch.target(i, 0).iter().zip(batch.target(i, 1)).map(|(a, b)| (a + b).min(1.0));
        // the sum of two bytes over 255 may round otherwise than the sum of two quotients
        assert!(batch.image(i).iter().zip(sum).all(|(overlay, sum)| (overlay - sum).abs() < 1e-6));
        let info = pairs.info(i, View::Epoch(1)).unwrap();
        for k in 0..2 {
            let (image, label) = images.get(info.items[k]).unwrap();
            assert_eq!(usize::from(label), batch.labels_of(i)[k]);
            let (down, right) = info.shifts[k];
            assert!(down.abs() <= 4 && right.abs() <= 4);
            let mut alone = vec![0; to.pixels()];
            transforms::shift(image, from, (4 + down, 4 + right), &mut alone, to).unwrap();
            assert!(batch.target(i, k).iter().zip(&alone).all(|(&p, &byte)| p == f32::from(byte) / 255.0));
        }
    }
    assert!(pairs.info(300, View::Fixed).is_none());
}

#[test]
fn no_pair_of_digits_comes_twice_before_all_have_come() {
    let images = sets(12).train;
    let config = MultiMnistConfig { pairs_per_digit: 10, ..MultiMnistConfig::default() };
    let pairs = Pairs::new(images, 30, config, 2).unwrap();
    let of = |epochs: std::ops::Range<u64>| {
        let numbers = epochs.flat_map(|epoch| (0..30).map(move |member| (member, View::Epoch(epoch))));
        let mut all: Vec<_> = numbers.map(|(m, view)| pairs.info(m, view).unwrap().items).collect();
        all.sort_unstable();
        all
    };
    // 12 digits have 10 partners each: four epochs of 30
    let mut once = of(0..4);
    assert_eq!(once, of(4..8));
    once.dedup();
    assert_eq!(once.len(), 120);
    assert_eq!(pairs.batch(&[3, 4], View::Fixed).unwrap(), pairs.batch(&[3, 4], View::Epoch(0)).unwrap());
}

#[test]
fn placed_digits_are_whole_and_affine_ones_keep_their_class() {
    let images = sets(40).train;
    let placed = Placed::new(images.clone(), 6, 0).unwrap();
    let members: Vec<usize> = (0..40).collect();
    let sum = |pixels: &[f32]| pixels.iter().map(|&p| f64::from(p)).sum::<f64>();
    let ink = |i: usize| images.get(i).unwrap().0.iter().map(|&b| f64::from(b)).sum::<f64>() / 255.0;
    for view in [View::Fixed, View::Epoch(7)] {
        let batch = placed.batch(&members, view).unwrap();
        for i in 0..40 {
            assert_eq!(batch.labels[i], usize::from(images.labels()[i]));
            assert!((sum(batch.image(i)) - ink(i)).abs() < 1e-3);
        }
    }
    let moved = Moved::new(images.clone(), 90, AffNistConfig::default(), 0).unwrap();
    for view in [View::Fixed, View::Epoch(7)] {
        let batch = moved.batch(&(0..90).collect::<Vec<_>>(), view).unwrap();
        let classes: Vec<usize> = (0..90).map(|i| usize::from(images.labels()[i % 40])).collect();
        assert_eq!(batch.labels, classes);
        // areas change by the scale in either direction, .8 to 1.2
        assert!((0..90).all(|i| (0.55..1.6).contains(&(sum(batch.image(i)) / ink(i % 40)))));
    }
}

#[test]
fn settings_that_make_no_source_are_refused() {
    let images = sets(40).train;
    let wide = Arc::new(ImageSet::new(ImageShape::new(1, 2, 3), 10, vec![1; 12], vec![0, 1]).unwrap());
    let none = Arc::new(ImageSet::new(ImageShape::new(1, 2, 2), 10, vec![], vec![]).unwrap());
    let config = MultiMnistConfig::default();
    let said = |outcome: Result<(), datasets::DatasetError>| outcome.unwrap_err().to_string();
    let cases = [
        (said(Digits::new(images.clone(), 28, 0).map(drop)), "shift is 28, but must be 0 to 27"),
        (said(Digits::new(wide.clone(), 1, 0).map(drop)), "one or more images that are as high as wide"),
        (said(Digits::new(none, 0, 0).map(drop)), "found 0 images"),
        (said(Pairs::new(wide.clone(), 1, config, 0).map(drop)), "as high as wide"),
        (said(Pairs::new(images.clone(), 0, config, 0).map(drop)), "must be 1 to 40000"),
        (said(Pairs::new(images.clone(), 40_001, config, 0).map(drop)), "must be 1 to 40000"),
        (said(Placed::new(wide, 6, 0).map(drop)), "as high as wide"),
        (said(Placed::new(images.clone(), usize::MAX, 0).map(drop)), "margin is "),
        (said(Moved::new(images, 0, AffNistConfig::default(), 0).map(drop)), "1 or more"),
    ];
    for (sentence, part) in cases {
        assert!(sentence.contains(part) && sentence.lines().count() == 1, "{sentence}");
    }
}

#[test]
fn embedded_parts_share_nothing_and_do_not_depend_on_each_other_s_size() {
    let (few, many) = (sets(30), sets(60));
    assert_eq!((&few.validation, &few.test), (&many.validation, &many.test));
    assert_eq!(few.train.pixels(), &many.train.pixels()[..30 * 784]);
    let parts = [&many.train, &many.validation, &many.test];
    let all: Vec<&[u8]> = parts.iter().flat_map(|part| part.pixels().chunks(784)).collect();
    assert!((0..all.len()).all(|i| !all[..i].contains(&all[i])));
    let zero = Limits { test: Some(0), ..Limits::default() };
    let error = load(SYNTHETIC, nowhere(), zero).unwrap_err().to_string();
    assert!(error.contains("the limit of test images is 0, but must be 1 or more"), "{error}");
    let huge = Limits { train: Some(usize::MAX), ..Limits::default() };
    assert!(load(SYNTHETIC, nowhere(), huge).is_err());
}

/// IDX files of `count` images of 2 x 2, image `i` of `part` full of `i`.
fn write_idx(dir: &Path, part: &str, count: usize) {
    let word = |n: usize| (n as u32).to_be_bytes().to_vec();
    let pixels = (0..count).flat_map(|i| [i as u8; 4]).collect();
    let images = [vec![0, 0, 8, 3], word(count), word(2), word(2), pixels].concat();
    let labels = [vec![0, 0, 8, 1], word(count), (0..count).map(|i| (i % 10) as u8).collect()].concat();
    fs::write(dir.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
    fs::write(dir.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
}

#[test]
fn validation_is_cut_from_the_front_and_never_trained_on() {
    let dir = tempfile::tempdir().unwrap();
    write_idx(dir.path(), "train", 66);
    write_idx(dir.path(), "t10k", 7);
    let of = |limits| {
        let sets = load("own", dir.path(), limits).unwrap();
        [sets.validation, sets.train, sets.test]
            .map(|part| part.iter().map(|(image, _)| image[0]).collect::<Vec<u8>>())
    };
    let all: [Vec<u8>; 3] = [(0..11).collect(), (11..66).collect(), (0..7).collect()];
    assert_eq!(of(Limits::default()), all);
    let some = Limits { train: Some(5), validation: Some(2), test: Some(900) };
    assert_eq!(of(some), [vec![0, 1], vec![11, 12, 13, 14, 15], (0..7).collect()]);
    write_idx(dir.path(), "train", 5);
    let error = load("own", dir.path(), Limits::default()).unwrap_err().to_string();
    assert!(error.contains("six or more training images") && error.contains("5 and 7 in own"), "{error}");
}

#[test]
fn files_that_are_absent_cut_or_hostile_give_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(Some(dir.path()), true);
    let said = |name: &str| load_from(&folder, name, Limits::default()).unwrap_err().to_string();
    let absent = said("mnist");
    assert!(
        absent.starts_with("mnist (train images) was not found") && absent.contains("--data-dir"),
        "{absent}"
    );
    for (bytes, part) in [
        (&b"\0\0\x08\x03\0\0\0\x0a"[..], "byte 8"),
        (&[0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255][..], "passes the limit"),
        (&b"GIF89a  "[..], "0x00000803"),
    ] {
        write_idx(dir.path(), "train", 9);
        write_idx(dir.path(), "t10k", 9);
        fs::write(dir.path().join("train-images-idx3-ubyte"), bytes).unwrap();
        let sentence = said("own");
        assert!(sentence.contains(part) && sentence.lines().count() == 1, "{sentence}");
        assert!(sentence.contains("train-images-idx3-ubyte"), "{sentence}");
    }
    assert!(said("../up").lines().count() == 1);
}

#[test]
fn mnist_is_split_as_the_paper_has_it() {
    let Some(folder) = std::env::var_os("EIGHTFOLD_DATA").map(PathBuf::from).filter(|f| f.is_dir()) else {
        println!("skipped: EIGHTFOLD_DATA names no folder");
        return;
    };
    let sets = match load("mnist", &folder, Limits::default()) {
        Err(datasets::DatasetError::Missing { .. }) => {
            println!("skipped: no MNIST under EIGHTFOLD_DATA");
            return;
        }
        sets => sets.unwrap(),
    };
    assert_eq!((sets.train.len(), sets.validation.len(), sets.test.len()), (50_000, 10_000, 10_000));
    // the first labels of MNIST's training and test files are known everywhere
    assert_eq!(sets.validation.labels()[..5], [5, 0, 4, 1, 9]);
    assert_eq!(sets.test.labels()[..5], [7, 2, 1, 0, 4]);
    let pairs = Pairs::new(sets.test.clone(), 10_000, MultiMnistConfig::default(), 0).unwrap();
    let batch = pairs.batch(&(0..128).collect::<Vec<_>>(), View::Fixed).unwrap();
    assert!((0..128).all(|i| batch.labels_of(i)[0] != batch.labels_of(i)[1]));
}

proptest! {
    #[test]
    fn an_image_does_not_depend_on_the_others_of_its_batch(
        members in prop::collection::vec(0usize..40, 1..40), epoch in 0u64..5, kind in 0usize..4,
    ) {
        let source = &sources(&sets(40).train, 1)[kind];
        let batch = source.batch(&members, View::Epoch(epoch)).unwrap();
        for (i, &member) in members.iter().enumerate().step_by(7) {
            let alone = source.batch(&[member], View::Epoch(epoch)).unwrap();
            prop_assert_eq!(alone.image(0), batch.image(i));
            prop_assert_eq!(alone.labels_of(0), batch.labels_of(i));
            let k = source.layout().digits - 1;
            prop_assert_eq!(alone.target(0, k), batch.target(i, k));
        }
    }
}

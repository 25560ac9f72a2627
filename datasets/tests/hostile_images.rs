//! Damaged image files: the loaders answer with a value or an error, never a panic, a hang or a huge allocation.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;

use datasets::{cifar, idx, DatasetError};
use proptest::prelude::*;
use tempfile::TempDir;

/// The four files of a small set of 2 x 3 images: five to train with, four to test with.
const IDX_FILES: [(&str, &str, usize); 2] = [("train", "train", 5), ("t10k", "test", 4)];

fn idx_images(count: u32, rows: u32, columns: u32, bytes: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, 3], &count.to_be_bytes()[..], &rows.to_be_bytes(), &columns.to_be_bytes(), bytes].concat()
}

fn idx_labels(count: u32, bytes: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, 1], &count.to_be_bytes()[..], bytes].concat()
}

type Files = Vec<(String, Vec<u8>)>;

fn idx_set() -> Files {
    let mut files = Files::new();
    for (part, _, count) in IDX_FILES {
        let pixels: Vec<u8> = (0..6 * count as u8).collect();
        let labels: Vec<u8> = (0..count as u8).map(|i| (3 * i + 1) % 10).collect();
        files.push((format!("{part}-images-idx3-ubyte"), idx_images(count as u32, 2, 3, &pixels)));
        files.push((format!("{part}-labels-idx1-ubyte"), idx_labels(count as u32, &labels)));
    }
    files
}

fn cifar_set(labels: usize) -> Files {
    let record = |seed: u8| {
        let tags = vec![seed % 10; labels];
        let pixels = (0..3072u32).map(|at| (at as u8).wrapping_mul(7).wrapping_add(seed));
        tags.into_iter().chain(pixels).collect::<Vec<u8>>()
    };
    let names: &[&str] = match labels {
        1 => &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
            "test_batch.bin",
        ],
        _ => &["train.bin", "test.bin"],
    };
    let file = |number: usize| (0..=number as u8).flat_map(|i| record(10 * number as u8 + i)).collect();
    names.iter().enumerate().map(|(number, name)| (name.to_string(), file(number))).collect()
}

fn folder_with(files: &[(String, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn replaced(mut files: Files, name: &str, bytes: impl AsRef<[u8]>) -> Files {
    files.iter_mut().find(|(file, _)| file == name).unwrap().1 = bytes.as_ref().to_vec();
    files
}

fn idx_error(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let folder = folder_with(&replaced(idx_set(), name, bytes));
    idx::load(folder.path(), "mine").unwrap_err().to_string()
}

#[test]
fn the_idx_fixture_is_valid_and_means_what_it_says() {
    let set = idx::load(folder_with(&idx_set()).path(), "mine").unwrap();
    assert_eq!((set.train.len(), set.test.len(), set.train.classes()), (5, 4, 10));
    assert_eq!(set.train.get(1), Some((&[6, 7, 8, 9, 10, 11][..], 4)));
    assert_eq!(set.test.labels(), [1, 4, 7, 0]);
}

#[test]
fn idx_spellings_folders_and_compression_make_no_difference() {
    let wanted = idx::load(folder_with(&idx_set()).path(), "mine").unwrap();
    for folder in ["", "mine/", "MINE/raw/"] {
        for dotted in [false, true] {
            for packed in [false, true] {
                let spell = |(name, bytes): (String, Vec<u8>)| {
                    let name = if dotted { name.replace("-idx", ".idx") } else { name };
                    let end = if packed { ".gz" } else { "" };
                    (format!("{folder}{name}{end}"), if packed { gzip(&bytes) } else { bytes })
                };
                let files: Files = idx_set().into_iter().map(spell).collect();
                assert_eq!(
                    idx::load(folder_with(&files).path(), "mine").unwrap(),
                    wanted,
                    "{folder}{dotted}{packed}"
                );
            }
        }
    }
    let fashion = idx_set().into_iter().map(|(name, bytes)| (format!("FashionMNIST/raw/{name}"), bytes));
    let message = idx::load(folder_with(&fashion.collect::<Files>()).path(), "fashion-mnist").unwrap_err();
    assert!(message.to_string().contains("byte 8: expected 28 rows, found 2; "), "{message}");
}

#[test]
fn idx_errors_name_file_offset_and_remedy() {
    let images = "train-images-idx3-ubyte";
    let tests = "t10k-images-idx3-ubyte";
    let labels = "t10k-labels-idx1-ubyte";
    let good = idx_images(5, 2, 3, &[9; 30]);
    let again = "; fetch the file again, it may be cut or changed";
    for (name, bytes, wanted) in [
        (images, vec![], "images-idx3-ubyte, byte 0: expected 4 bytes of the magic number, found the end of the file after 0 of them"),
        (images, vec![0, 0, 8], "byte 3: expected 4 bytes of the magic number, found the end of the file after 3"),
        (images, idx_labels(5, &[0; 5]), "byte 0: expected the magic number 0x00000803 of images, found 0x00000801"),
        (labels, good.clone(), "byte 0: expected the magic number 0x00000801 of labels, found 0x00000803"),
        (images, [&[0, 0, 0x0d, 3][..], &good[4..]].concat(), "found 0x00000d03"),
        (images, good[..6].to_vec(), "byte 6: expected 4 bytes of the number of images, found the end"),
        (images, idx_images(0, 2, 3, &[]), "byte 4: expected 1 or more images, found 0"),
        (images, idx_images(5, 0, 3, &[]), "byte 8: expected 1 or more rows, found 0"),
        (images, idx_images(5, 2, 0, &[]), "byte 12: expected 1 or more columns, found 0"),
        (images, good[..45].to_vec(), "byte 45: expected 30 bytes of pixels (5 images of 2 x 3), found the end of the file after 29 of them"),
        (images, [&good[..], &[0]].concat(), "byte 46: expected the end of the file, found more bytes"),
        (tests, idx_images(4, 3, 2, &[0; 24]), "byte 8: expected 2 rows, as the training images have, found 3"),
        (tests, idx_images(4, 2, 4, &[0; 32]), "byte 12: expected 3 columns, as the training images have, found 4"),
        (labels, idx_labels(5, &[0; 5]), "byte 4: expected 4 labels, one for each image of t10k-images-idx3-ubyte, found 5"),
        (labels, idx_labels(4, &[0, 1, 10, 2]), "byte 10: expected a label from 0 to 9, found 10"),
        (labels, idx_labels(4, &[0, 1, 2]), "byte 11: expected 4 bytes of labels, found the end of the file after 3 of them"),
        (labels, idx_labels(4, &[0, 1, 2, 3, 4]), "byte 12: expected the end of the file, found more bytes"),
    ] {
        let message = idx_error(name, bytes);
        assert!(message.contains(wanted) && message.ends_with(again), "{message}\nlacks\n{wanted}");
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn announced_sizes_are_bounded_before_memory_is_spent() {
    let images = "train-images-idx3-ubyte";
    for [count, rows, columns] in [[u32::MAX; 3], [u32::MAX, 1, 1], [1, 1 << 16, 1 << 16], [70_000, 256, 256]]
    {
        let message = idx_error(images, idx_images(count, rows, columns, &[]));
        assert!(
            message.contains("the announced number of pixels passes the limit of 2147483648"),
            "{message}"
        );
    }
    // Within the limit, memory follows the file and not the header: this returns at once.
    let message = idx_error(images, idx_images(2_000_000, 32, 32, &[7; 100]));
    assert!(message.contains("found the end of the file after 100 of them"), "{message}");
}

#[test]
fn idx_bombs_stop_one_byte_past_the_announced_size() {
    let bomb = gzip(&[&idx_images(5, 2, 3, &[1; 30])[..], &vec![0; 64 << 20]].concat());
    assert!(bomb.len() < 100_000);
    let mut files = idx_set();
    files[0] = ("train-images-idx3-ubyte.gz".into(), bomb);
    let message = idx::load(folder_with(&files).path(), "mine").unwrap_err().to_string();
    assert!(message.contains("byte 46: expected the end of the file, found more bytes"), "{message}");
}

#[test]
fn missing_files_and_folders_in_their_place_are_told() {
    let empty = tempfile::tempdir().unwrap();
    let message = idx::load(empty.path(), "mnist").unwrap_err().to_string();
    for part in [
        "mnist (train images) was not found",
        "mnist/train-images-idx3-ubyte[.gz], mnist/train-images.idx3-ubyte[.gz], MNIST/raw/",
        "--data-dir",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(matches!(idx::load(empty.path(), "../mnist"), Err(DatasetError::InvalidConfig { .. })));
    std::fs::create_dir(empty.path().join("train-images-idx3-ubyte")).unwrap();
    assert!(matches!(idx::load(empty.path(), "mnist"), Err(DatasetError::Missing { .. })));
    let folder = empty.path().join("train-images-idx3-ubyte");
    assert!(matches!(idx::load_files(&folder, &folder), Err(DatasetError::Io { .. })));

    let message = cifar::load(empty.path(), "cifar10").unwrap_err().to_string();
    for part in ["cifar10 (data_batch_1.bin)", "cifar-10-batches-bin/data_batch_1.bin[.gz], cifar10/"] {
        assert!(message.contains(part), "{message}");
    }
    std::fs::create_dir(empty.path().join("train.bin")).unwrap();
    assert!(matches!(cifar::load(empty.path(), "cifar100"), Err(DatasetError::Missing { .. })));
    let message = cifar::load(empty.path(), "cifar20").unwrap_err().to_string();
    assert!(message.contains("must be cifar10, cifar100 or cifar100-coarse"), "{message}");
}

#[test]
fn the_cifar_fixtures_are_valid_wherever_they_lie() {
    let ten = cifar::load(folder_with(&cifar_set(1)).path(), "cifar10").unwrap();
    assert_eq!((ten.train.len(), ten.test.len(), ten.train.classes()), (15, 6, 10));
    assert_eq!(ten.train.labels()[..6], [0, 0, 1, 0, 1, 2]);
    assert_eq!(ten.train.get(2).unwrap().0[..3], [11, 18, 25]);
    assert_eq!(ten.test.get(5).unwrap().0[3071], (3071u32 as u8).wrapping_mul(7).wrapping_add(55));
    for folder in ["cifar-10-batches-bin/", "cifar10/", "cifar-10/"] {
        let files =
            cifar_set(1).into_iter().map(|(name, bytes)| (format!("{folder}{name}.gz"), gzip(&bytes)));
        let folder = folder_with(&files.collect::<Files>());
        assert_eq!(cifar::load(folder.path(), "CIFAR-10").unwrap(), ten);
    }
    let hundred = folder_with(&cifar_set(2));
    assert_eq!(cifar::load(hundred.path(), "cifar100").unwrap().train.classes(), 100);
    assert_eq!(cifar::load(hundred.path(), "cifar-100-coarse").unwrap().test.labels(), [0, 1]);
}

#[test]
fn cifar_errors_name_file_offset_and_remedy() {
    let batch = cifar_set(1)[2].1.clone(); // three records
    let marked = |at: usize, byte: u8| {
        let mut bytes = batch.clone();
        bytes[at] = byte;
        bytes
    };
    let many = vec![0; 10_001 * 3073];
    for (bytes, wanted) in [
        (vec![], "byte 0: expected a record of 3073 bytes, found an empty file"),
        (
            batch[..9218].to_vec(),
            "byte 6146: expected a record of 3073 bytes, found the end after 3072 of them",
        ),
        (
            [&batch[..], &[0]].concat(),
            "byte 9219: expected a record of 3073 bytes, found the end after 1 of them",
        ),
        (marked(0, 10), "byte 0: expected a class from 0 to 9, found 10"),
        (marked(6146, 255), "byte 6146: expected a class from 0 to 9, found 255"),
        (many, "byte 30730000: expected the end of the file, found more bytes"),
    ] {
        let folder = folder_with(&replaced(cifar_set(1), "data_batch_3.bin", bytes));
        let message = cifar::load(folder.path(), "cifar10").unwrap_err().to_string();
        assert!(
            message.contains(wanted) && message.contains("data_batch_3.bin, "),
            "{message}\nlacks\n{wanted}"
        );
    }
    let test = cifar_set(2)[1].1.clone();
    for (at, byte, wanted) in [
        (3074, 20, "byte 3074: expected a superclass from 0 to 19, found 20"),
        (3075, 100, "byte 3075: expected a class from 0 to 99, found 100"),
    ] {
        let mut bytes = test.clone();
        bytes[at] = byte;
        let folder = folder_with(&replaced(cifar_set(2), "test.bin", bytes));
        for name in ["cifar100", "cifar100-coarse"] {
            let message = cifar::load(folder.path(), name).unwrap_err().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }
}

#[test]
fn cifar_bombs_stop_one_byte_past_the_formats_size() {
    let mut files = cifar_set(2);
    let bomb = gzip(&vec![0; 64 << 20]); // the test file has 30,740,000 bytes
    files[1] = ("test.bin.gz".into(), bomb);
    let message = cifar::load(folder_with(&files).path(), "cifar100").unwrap_err().to_string();
    assert!(message.contains("byte 30740000: expected the end of the file, found more bytes"), "{message}");
}

fn load_all(folder: &Path) -> Vec<DatasetError> {
    let loads = [
        idx::load(folder, "mine"),
        cifar::load(folder, "cifar10"),
        cifar::load(folder, "cifar100"),
        cifar::load(folder, "cifar100-coarse"),
    ];
    loads.into_iter().filter_map(Result::err).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn damaged_files_never_panic(
        which in 0usize..3,
        damages in prop::collection::vec((any::<usize>(), any::<usize>(), any::<u8>(), 0u8..4), 1..4),
    ) {
        let mut files = match which { 0 => idx_set(), labels => cifar_set(labels) };
        for (file, at, byte, damage) in damages {
            let count = files.len();
            let bytes = &mut files[file % count].1;
            // Half of the damages hit the first bytes, where the headers and labels are.
            let at = if damage % 2 == 0 { at % bytes.len().max(1) } else { (at % 16).min(bytes.len()) };
            match damage {
                0 | 1 if at < bytes.len() => bytes[at] = byte,
                2 => bytes.truncate(at),
                _ => bytes.insert(at.min(bytes.len()), byte),
            }
        }
        for error in load_all(folder_with(&files).path()) {
            let message = error.to_string();
            prop_assert!(!message.contains('\n') && message.len() < 700, "{}", message);
        }
    }

    #[test]
    fn random_headers_never_panic(header in prop::collection::vec(any::<u8>(), 0..40), magic: bool) {
        let mut bytes = header;
        if magic && bytes.len() > 4 {
            bytes[..4].copy_from_slice(&[0, 0, 8, 3]);
        }
        load_all(folder_with(&replaced(idx_set(), "train-images-idx3-ubyte", &bytes)).path());
        load_all(folder_with(&replaced(cifar_set(2), "train.bin", &bytes)).path());
    }

    #[test]
    fn damaged_gzip_never_panics(at: usize, byte: u8, cut: usize) {
        let mut files = idx_set();
        let mut packed = gzip(&files[0].1);
        let n = packed.len();
        packed[at % n] = byte;
        packed.truncate(n - cut % 8);
        files[0] = ("train-images-idx3-ubyte.gz".into(), packed);
        load_all(folder_with(&files).path());
    }
}

//! The loader for the binary versions of CIFAR-10 and CIFAR-100.
//!
//! A file is a row of records without a header. A record of CIFAR-10 is a label (0 to 9) and 3,072 pixels: 1,024
//! red, then green, then blue, row by row. One of CIFAR-100 has two labels before its pixels: the superclass (0 to
//! 19) and the class (0 to 99). Files may be plain or gzipped.
//!
//! # Reference
//!
//! A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", technical report, 2009; format:
//! <https://www.cs.toronto.edu/~kriz/cifar.html>.

use std::path::{Path, PathBuf};

use crate::binary::Bytes;
use crate::images::{ImageSet, ImageShape, TrainTest};
use crate::{text, DatasetError};

/// What the classes of CIFAR-10 show.
pub const CIFAR10_CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The size of every image.
pub const SHAPE: ImageShape = ImageShape::new(3, 32, 32);

/// Loads the training and test parts of `cifar10`, of `cifar100` with its 100 classes, or of `cifar100-coarse` with
/// its 20 superclasses, found under `dir`.
///
/// The files (`data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`; `train.bin` and `test.bin`) are
/// looked for in the folders `cifar-10-batches-bin`, `cifar10` and `cifar-10` (or `cifar-100-binary`, `cifar100`
/// and `cifar-100`) and in `dir` itself. Names may be written `cifar-10` and `cifar-100`, too.
///
/// # Errors
///
/// [`DatasetError::InvalidConfig`] for another name, [`DatasetError::Missing`] where a file is not there,
/// [`DatasetError::Corrupt`] for an empty file, a cut record, more records than the format has, or a label out of
/// range, and [`DatasetError::Io`].
///
/// # Complexity
///
/// O(bytes), with the result and one file in memory. No more is decompressed than the official file holds, and a
/// byte.
///
/// # Example
///
/// ```
/// let folder = tempfile::tempdir()?;
/// for (name, label) in [("train.bin", 42), ("test.bin", 7)] {
///     let record = [&[19, label][..], &[128; 3072]].concat();
///     std::fs::write(folder.path().join(name), record)?;
/// }
/// let fine = datasets::cifar::load(folder.path(), "cifar100")?;
/// assert_eq!((fine.train.labels(), fine.test.classes()), (&[42][..], 100));
/// let coarse = datasets::cifar::load(folder.path(), "cifar100-coarse")?;
/// assert_eq!((coarse.train.labels(), coarse.test.classes()), (&[19][..], 20));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(dir: &Path, name: &str) -> Result<TrainTest, DatasetError> {
    let format = match name.to_ascii_lowercase().as_str() {
        "cifar10" | "cifar-10" => &CIFAR10,
        "cifar100" | "cifar-100" => &CIFAR100,
        "cifar100-coarse" | "cifar-100-coarse" => &CIFAR100_COARSE,
        _ => {
            let allowed = "cifar10, cifar100 or cifar100-coarse";
            return Err(DatasetError::config("dataset name", crate::error::quote(name), allowed));
        }
    };
    let find = |file: &&str| format.require(dir, file);
    // All places before any content, so that a missing file is told at once.
    let train = format.train.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let test = find(&format.test)?;
    Ok(TrainTest {
        train: format.read(&train, format.train_records)?,
        test: format.read(&[test], format.test_records)?,
    })
}

/// What tells the sets apart.
struct Format {
    name: &'static str,
    folders: [&'static str; 4],
    train: &'static [&'static str],
    test: &'static str,
    /// Most records of one training file and of the test file.
    train_records: u64,
    test_records: u64,
    /// What each label byte is called and how many values it may have.
    labels: &'static [(&'static str, u8)],
    /// Which of them is the class.
    class: usize,
}

const CIFAR10: Format = Format {
    name: "cifar10",
    folders: ["cifar-10-batches-bin/", "cifar10/", "cifar-10/", ""],
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: "test_batch.bin",
    train_records: 10_000,
    test_records: 10_000,
    labels: &[("class", 10)],
    class: 0,
};

const CIFAR100: Format = Format {
    name: "cifar100",
    folders: ["cifar-100-binary/", "cifar100/", "cifar-100/", ""],
    train: &["train.bin"],
    test: "test.bin",
    train_records: 50_000,
    test_records: 10_000,
    labels: &[("superclass", 20), ("class", 100)],
    class: 1,
};

const CIFAR100_COARSE: Format = Format { class: 0, ..CIFAR100 };

impl Format {
    fn require(&self, dir: &Path, file: &str) -> Result<PathBuf, DatasetError> {
        let candidates = self.folders.map(|folder| format!("{folder}{file}"));
        text::require(dir, &candidates, format!("{} ({file})", self.name))
    }

    /// Reads files of at most `most` records each into one set.
    fn read(&self, files: &[PathBuf], most: u64) -> Result<ImageSet, DatasetError> {
        let record = self.labels.len() + SHAPE.pixels();
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for file in files {
            let mut bytes = Bytes::open(file)?;
            let records = bytes.at_most(most * record as u64)?;
            let left = records.len() % record;
            if records.is_empty() || left != 0 {
                let found =
                    if left == 0 { "an empty file".into() } else { format!("the end after {left} of them") };
                let start = (records.len() - left) as u64;
                return Err(bytes.corrupt(start, format!("a record of {record} bytes"), found));
            }
            bytes.end()?;
            for (number, record_bytes) in records.chunks_exact(record).enumerate() {
                let (tags, image) = record_bytes.split_at(self.labels.len());
                for (at, (&tag, &(what, values))) in tags.iter().zip(self.labels).enumerate() {
                    if tag >= values {
                        let offset = (number * record + at) as u64;
                        let expected = format!("a {what} from 0 to {}", values - 1);
                        return Err(bytes.corrupt(offset, expected, tag.to_string()));
                    }
                }
                labels.push(tags[self.class]);
                pixels.extend_from_slice(image);
            }
        }
        ImageSet::new(SHAPE, usize::from(self.labels[self.class].1), pixels, labels)
    }
}

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
use crate::labels::Hierarchy;
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
    let [train, test] = format.load(dir)?;
    Ok(TrainTest { train: train.images(format)?, test: test.images(format)? })
}

/// CIFAR-100 with both of its labels; from [`load_both`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cifar100 {
    /// The images, with their 100 classes.
    pub fine: TrainTest,
    /// The superclass of every training image, 0 to 19.
    pub train_coarse: Vec<u8>,
    /// The superclass of every test image, 0 to 19.
    pub test_coarse: Vec<u8>,
    /// Labels 0 to 99 are the classes, and 100 to 119 the superclasses above them. A class without images has no
    /// parent.
    pub hierarchy: Hierarchy,
}

/// Loads `cifar100` with its 100 classes, its 20 superclasses and the hierarchy of both.
///
/// The files are looked for as by [`load`].
///
/// # Errors
///
/// As [`load`], with [`DatasetError::Corrupt`] for a class whose images have different superclasses.
///
/// # Complexity
///
/// O(bytes), with the result and one file in memory.
///
/// # Example
///
/// ```
/// let folder = tempfile::tempdir()?;
/// for (name, label) in [("train.bin", 42), ("test.bin", 7)] {
///     let record = [&[19, label][..], &[128; 3072]].concat();
///     std::fs::write(folder.path().join(name), record)?;
/// }
/// let set = datasets::cifar::load_both(folder.path())?;
/// assert_eq!((set.fine.train.labels(), &set.train_coarse[..]), (&[42][..], &[19][..]));
/// let mut labels = vec![42];
/// set.hierarchy.closure(&mut labels)?;
/// assert_eq!(labels, [42, 119]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_both(dir: &Path) -> Result<Cifar100, DatasetError> {
    let [mut train, mut test] = CIFAR100.load(dir)?;
    let mut parent: Vec<Option<u32>> = vec![None; 120];
    for (part, name) in [(&train, CIFAR100.train[0]), (&test, CIFAR100.test)] {
        for (record, [coarse, fine]) in part.pairs().enumerate() {
            let above = 100 + u32::from(coarse);
            if let Some(before) = parent[usize::from(fine)].replace(above).filter(|&before| before != above) {
                return Err(DatasetError::Corrupt {
                    file: CIFAR100.require(dir, name)?,
                    offset: record as u64 * (2 + SHAPE.pixels() as u64),
                    expected: format!("superclass {} for class {fine}, as before", before - 100),
                    found: format!("superclass {coarse}"),
                    hint: "fetch the file again, it may be cut or changed",
                });
            }
        }
    }
    Ok(Cifar100 {
        train_coarse: train.take_coarse(),
        test_coarse: test.take_coarse(),
        fine: TrainTest { train: train.images(&CIFAR100)?, test: test.images(&CIFAR100)? },
        hierarchy: Hierarchy::new(parent)?,
    })
}

/// What a part of a set holds.
struct Records {
    pixels: Vec<u8>,
    /// Every label byte that the format has, one list for each.
    labels: Vec<Vec<u8>>,
}

impl Records {
    /// Superclass and class of every image.
    fn pairs(&self) -> impl Iterator<Item = [u8; 2]> + '_ {
        let [coarse, fine] = [0, 1].map(|at| self.labels.get(at).map_or(&[][..], Vec::as_slice));
        coarse.iter().zip(fine).map(|(&coarse, &fine)| [coarse, fine])
    }

    fn take_coarse(&mut self) -> Vec<u8> {
        self.labels.first_mut().map(std::mem::take).unwrap_or_default()
    }

    fn images(mut self, format: &Format) -> Result<ImageSet, DatasetError> {
        let labels = self.labels.swap_remove(format.class);
        ImageSet::new(SHAPE, usize::from(format.labels[format.class].1), self.pixels, labels)
    }
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

    /// The training and the test part.
    fn load(&self, dir: &Path) -> Result<[Records; 2], DatasetError> {
        let find = |file: &&str| self.require(dir, file);
        // All places before any content, so that a missing file is told at once.
        let train = self.train.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let test = find(&self.test)?;
        Ok([self.read(&train, self.train_records)?, self.read(&[test], self.test_records)?])
    }

    /// Reads files of at most `most` records each as one part.
    fn read(&self, files: &[PathBuf], most: u64) -> Result<Records, DatasetError> {
        let record = self.labels.len() + SHAPE.pixels();
        let mut all = Records { pixels: Vec::new(), labels: vec![Vec::new(); self.labels.len()] };
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
                    all.labels[at].push(tag);
                }
                all.pixels.extend_from_slice(image);
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_one_superclass() {
        let folder = tempfile::tempdir().unwrap();
        let records =
            |labels: &[[u8; 2]]| labels.iter().flat_map(|tags| [&tags[..], &[7; 3072]].concat()).collect();
        let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("train.bin", records(&[[3, 50], [19, 99], [3, 51]]));
        write("test.bin", records(&[[3, 51], [0, 0]]));
        let set = load_both(folder.path()).unwrap();
        assert_eq!((&set.train_coarse[..], &set.test_coarse[..]), (&[3, 19, 3][..], &[3, 0][..]));
        assert_eq!(set.fine, load(folder.path(), "cifar100").unwrap());
        let coarse = load(folder.path(), "cifar100-coarse").unwrap();
        assert_eq!(
            (coarse.train.labels(), coarse.test.labels()),
            (&set.train_coarse[..], &set.test_coarse[..])
        );
        assert_eq!((set.hierarchy.len(), set.hierarchy.children(103)), (120, &[50, 51][..]));
        assert_eq!((set.hierarchy.parent(0), set.hierarchy.parent(1)), (Some(100), None));

        write("test.bin", records(&[[4, 51]]));
        let message = load_both(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains("expected superclass 3 for class 51, as before, found superclass 4"),
            "{message}"
        );
    }
}

//! Images as the network takes them: digits, overlapping pairs of digits, and digits on larger canvases.
//!
//! | source | images | in the paper |
//! |---|---|---|
//! | [`Digits`] | as they are, or moved by up to two pixels | 5, MNIST |
//! | [`Pairs`] | two digits of different classes on top of each other | 6, MultiMNIST |
//! | [`Placed`] | anywhere on a larger black canvas | 5.2, training for affNIST |
//! | [`Moved`] | turned, sheared, scaled and moved on that canvas | 5.2, affNIST |
//!
//! Every image is a pure function of the source, the [`View`] and its number, so a batch is the same bits at any
//! number of threads and in any company. [`load`] finds the images by the name of their set.
//!
//! # Example
//! ```
//! use std::path::Path;
//! use capsules::data::{load, Digits, Limits, Source, View, SYNTHETIC};
//! let limits = Limits { train: Some(200), ..Limits::default() };
//! let sets = load(SYNTHETIC, Path::new("data"), limits)?;
//! let digits = Digits::new(sets.train, 2, 0)?;
//! let batch = digits.batch(&[17, 3, 120], View::Epoch(0))?;
//! assert_eq!((batch.len(), batch.images.len()), (3, 3 * 28 * 28));
//! assert_eq!(batch.present.iter().sum::<f32>(), 3.0); // one digit an image
//! # Ok::<(), datasets::DatasetError>(())
//! ```

use std::path::Path;
use std::sync::Arc;

use datasets::images::{ImageSet, TrainTest};
use datasets::{idx, synthetic, DatasetError, Folder};
use serde::{Deserialize, Serialize};

mod canvas;
mod digits;
mod pairs;
mod source;
#[cfg(test)]
mod tests;

pub use canvas::{Moved, Placed};
pub use digits::Digits;
pub use pairs::Pairs;
pub use source::{Batch, Layout, Slot, Source, View};

/// The name of the embedded digits.
pub const SYNTHETIC: &str = "synthetic";

/// Seed of the embedded digits: every run sees the same ones.
const SYNTHETIC_SEED: u64 = 0;
/// How many embedded digits there are to train on, to choose by and to measure on, unless others are asked for.
const SYNTHETIC_SIZES: [usize; 3] = [5_000, 1_000, 1_000];
/// Index of the first embedded digit of each part: a part's digits do not depend on the size of another.
const SYNTHETIC_STARTS: [u64; 3] = [0, 1 << 40, 1 << 41];
/// The most training images that are kept for validation.
const VALIDATION: usize = 10_000;

/// How many images of each part are taken, from its beginning; all where none is given.
///
/// The embedded digits are made on demand, as many as are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Images to train on.
    pub train: Option<usize>,
    /// Images to choose settings by.
    pub validation: Option<usize>,
    /// Images to measure on.
    pub test: Option<usize>,
}

/// The parts of a set, none of them empty; copies share the images.
#[derive(Debug, Clone)]
pub struct Sets {
    /// Its name.
    pub name: String,
    /// Images to train on.
    pub train: Arc<ImageSet>,
    /// Images to choose settings by.
    pub validation: Arc<ImageSet>,
    /// Images to measure on, once.
    pub test: Arc<ImageSet>,
}

/// A set by name: `synthetic`, `mnist`, `fashion-mnist`, or another in IDX files under `data_dir`.
///
/// Validation images are the first 10,000 training images, as in the paper; of fewer than 60,000, the first sixth.
/// They are kept out of the training part whatever the limits are.
///
/// # Errors
/// The loader's sentence, naming file and place; [`DatasetError::InvalidConfig`] for a limit of 0, and
/// [`DatasetError::Inconsistent`] for a set of fewer than six training images or without test images.
pub fn load(name: &str, data_dir: &Path, limits: Limits) -> Result<Sets, DatasetError> {
    limits.check()?;
    if name == SYNTHETIC {
        return embedded(limits);
    }
    let TrainTest { train, test } = idx::load(data_dir, name)?;
    let kept = VALIDATION.min(train.len() / 6);
    if kept == 0 || test.is_empty() {
        return Err(DatasetError::Inconsistent {
            what: "a set to learn from",
            expected: "six or more training images and one or more test images".into(),
            found: format!("{} and {} in {name}", train.len(), test.len()),
        });
    }
    let first = |limit: Option<usize>, all: usize| limit.map_or(all, |limit| limit.min(all));
    let end = kept + first(limits.train, train.len() - kept);
    Ok(Sets {
        name: name.into(),
        validation: Arc::new(train.slice(0..first(limits.validation, kept))?),
        train: Arc::new(train.slice(kept..end)?),
        test: Arc::new(match limits.test {
            Some(limit) if limit < test.len() => test.slice(0..limit)?,
            _ => test,
        }),
    })
}

/// [`load`] from a folder that may have to be filled first.
///
/// # Errors
/// As [`load`], and the download's.
pub fn load_from(folder: &Folder, name: &str, limits: Limits) -> Result<Sets, DatasetError> {
    folder.load(name, DatasetError::is_missing, |path| load(name, path, limits))
}

impl Limits {
    fn check(&self) -> Result<(), DatasetError> {
        let parts = [
            ("the limit of training images", self.train),
            ("the limit of validation images", self.validation),
            ("the limit of test images", self.test),
        ];
        match parts.into_iter().find(|(_, limit)| *limit == Some(0)) {
            Some((field, _)) => {
                Err(DatasetError::InvalidConfig { field, value: "0".into(), allowed: "1 or more".into() })
            }
            None => Ok(()),
        }
    }
}

fn embedded(limits: Limits) -> Result<Sets, DatasetError> {
    let digits = synthetic::digits(&synthetic::DigitConfig::default(), SYNTHETIC_SEED)?;
    let part = |part: usize, limit: Option<usize>| {
        let (start, count) = (SYNTHETIC_STARTS[part], limit.unwrap_or(SYNTHETIC_SIZES[part]) as u64);
        // more than memory holds is refused by its bound, and not by the next part's beginning
        digits.set(start..start.saturating_add(count)).map(Arc::new)
    };
    Ok(Sets {
        name: SYNTHETIC.into(),
        train: part(0, limits.train)?,
        validation: part(1, limits.validation)?,
        test: part(2, limits.test)?,
    })
}

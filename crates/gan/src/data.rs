//! What generators imitate: points in the plane and images, by name.

use std::path::Path;

use datasets::{
    cifar, idx,
    images::{ImageSet, TrainTest},
    synthetic::{self, Mixture},
    DatasetError, Folder,
};

/// The name of the embedded digits.
pub const SYNTHETIC: &str = "synthetic";

/// Seed of the embedded digits: every run sees the same ones.
const SYNTHETIC_SEED: u64 = 0;
/// How many embedded digits there are to learn from and to measure on.
const SYNTHETIC_SIZES: [u64; 2] = [6_000, 2_000];
/// Index of the first embedded digit of each part.
const SYNTHETIC_STARTS: [u64; 2] = [0, 1 << 40];

/// Points of a toy set.
const POINTS: u64 = 51_200;

/// Examples as generators make them: images in [−1, 1], points as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Example after example.
    pub values: Vec<f32>,
    /// The class of each.
    pub labels: Vec<usize>,
    /// Values an example.
    pub width: usize,
}

impl Part {
    /// Examples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The first `count` examples, or all.
    #[must_use]
    pub fn first(&self, count: usize) -> Part {
        let count = count.min(self.len());
        Part {
            values: self.values[..count * self.width].to_vec(),
            labels: self.labels[..count].to_vec(),
            width: self.width,
        }
    }

    fn of(set: &ImageSet) -> Part {
        Part {
            values: set.pixels().iter().map(|p| f32::from(*p) / 127.5 - 1.0).collect(),
            labels: set.labels().iter().map(|l| usize::from(*l)).collect(),
            width: set.shape().pixels(),
        }
    }
}

/// The parts of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Sets {
    /// Its name.
    pub name: String,
    /// Examples to imitate.
    pub train: Part,
    /// Examples to measure by.
    pub test: Part,
    /// The mixture, of a toy set.
    pub mixture: Option<Mixture>,
    /// Channels and side, of images.
    pub image: Option<(usize, usize)>,
}

/// A set by name: `ring`, `grid`, `synthetic`, `cifar10`, `mnist`, `fashion-mnist`, or another in IDX files under `data_dir`.
///
/// # Errors
/// The loader's sentence, naming file and place; [`DatasetError::Inconsistent`] for an empty part or images that are not
/// square.
pub fn load(name: &str, data_dir: &Path) -> Result<Sets, DatasetError> {
    let mixture = match name {
        "ring" => Some(Mixture::ring()),
        "grid" => Some(Mixture::grid()),
        _ => None,
    };
    if let Some(mixture) = mixture {
        let part = |start: u64| {
            let (values, labels) = mixture.labelled(start..start + POINTS, SYNTHETIC_SEED);
            Part { values, labels, width: 2 }
        };
        let (train, test) = (part(0), part(SYNTHETIC_STARTS[1]));
        return Ok(Sets { name: name.into(), train, test, mixture: Some(mixture), image: None });
    }
    let TrainTest { train, test } = match name {
        SYNTHETIC => {
            let digits = synthetic::digits(&synthetic::DigitConfig::default(), SYNTHETIC_SEED)?;
            let part =
                |at: usize| digits.set(SYNTHETIC_STARTS[at]..SYNTHETIC_STARTS[at] + SYNTHETIC_SIZES[at]);
            TrainTest { train: part(0)?, test: part(1)? }
        }
        "cifar10" => cifar::load(data_dir, name)?,
        _ => idx::load(data_dir, name)?,
    };
    let shape = train.shape();
    let bad = |expected: &str, found: String| DatasetError::Inconsistent {
        what: "a set to imitate",
        expected: expected.into(),
        found,
    };
    if train.is_empty() || test.is_empty() {
        let found = format!("{} to learn from and {} to measure by in {name}", train.len(), test.len());
        return Err(bad("one or more images in each part", found));
    }
    if shape.height != shape.width {
        return Err(bad("square images", format!("{shape} in {name}")));
    }
    Ok(Sets {
        name: name.into(),
        train: Part::of(&train),
        test: Part::of(&test),
        mixture: None,
        image: Some((shape.channels, shape.height)),
    })
}

/// [`load`] from a folder that may have to be filled first.
///
/// # Errors
/// As [`load`], and the download's.
pub fn load_from(folder: &Folder, name: &str) -> Result<Sets, DatasetError> {
    folder.load(name, DatasetError::is_missing, |path| load(name, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_sets_are_in_range_and_the_same_each_time() {
        let digits = load(SYNTHETIC, Path::new("none")).unwrap();
        assert_eq!((digits.train.len(), digits.train.width, digits.image), (6000, 784, Some((1, 28))));
        assert!(digits.train.values.iter().all(|v| (-1.0..=1.0).contains(v)));
        assert!(digits.train.values.contains(&-1.0));
        let ring = load("ring", Path::new("none")).unwrap();
        assert_eq!(ring, load("ring", Path::new("none")).unwrap());
        assert_ne!(ring.train.values, ring.test.values);
        assert_eq!(ring.train.first(10).values.len(), 20);
    }

    #[test]
    fn a_set_that_is_not_there_is_named() {
        assert!(load("mnist", Path::new("none")).unwrap_err().to_string().contains("mnist"));
    }
}

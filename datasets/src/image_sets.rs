//! Image sets by name, with a checksum that tells one from another.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::images::{ImageSet, TrainTest};
use crate::{cifar, idx, synthetic, DatasetError, Folder};

/// The name of the embedded shapes.
pub const SYNTHETIC: &str = "synthetic";

/// Seed of the embedded shapes: every run sees the same ones.
const SYNTHETIC_SEED: u64 = 0;
/// How many embedded shapes there are to train and to measure on.
const SYNTHETIC_SIZES: [u64; 2] = [5_000, 1_000];
/// Index of the first embedded shape of each part.
const SYNTHETIC_STARTS: [u64; 2] = [0, 1 << 40];

/// The parts of a set; copies share the images.
#[derive(Debug, Clone)]
pub struct Sets {
    /// Its name.
    pub name: String,
    /// Images to train on.
    pub train: Arc<ImageSet>,
    /// Images to measure on.
    pub test: Arc<ImageSet>,
    /// SHA-256 of all pixels and labels.
    pub digest: String,
}

/// A set by name: `synthetic`, `cifar10`, `mnist`, `fashion-mnist`, or another in IDX files under `data_dir`.
///
/// # Errors
/// The loader's sentence, naming file and place; [`DatasetError::Inconsistent`] for an empty part.
pub fn load(name: &str, data_dir: &Path) -> Result<Sets, DatasetError> {
    // drawn once a process
    static SHAPES: OnceLock<Sets> = OnceLock::new();
    match SHAPES.get() {
        Some(sets) if name == SYNTHETIC => return Ok(sets.clone()),
        _ => {}
    }
    let sets = read(name, data_dir)?;
    if name == SYNTHETIC {
        // another thread may have been first, with the same images
        return Ok(SHAPES.get_or_init(|| sets).clone());
    }
    Ok(sets)
}

fn read(name: &str, data_dir: &Path) -> Result<Sets, DatasetError> {
    let TrainTest { train, test } = match name {
        SYNTHETIC => embedded()?,
        "cifar10" => cifar::load(data_dir, name)?,
        _ => idx::load(data_dir, name)?,
    };
    if train.is_empty() || test.is_empty() {
        return Err(DatasetError::Inconsistent {
            what: "a set to learn from",
            expected: "one or more images in each part".into(),
            found: format!("{} to train on and {} to test on in {name}", train.len(), test.len()),
        });
    }
    let mut sha = Sha256::new();
    for part in [&train, &test] {
        sha.update(part.pixels());
        sha.update(part.labels());
    }
    let digest = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Sets { name: name.into(), train: Arc::new(train), test: Arc::new(test), digest })
}

fn embedded() -> Result<TrainTest, DatasetError> {
    // Easier than the default, as photographs are for a network: their classes have more in common than their noise.
    let config = synthetic::ShapeConfig {
        shift: 2.0,
        degrees: 10.0,
        occlusion: 0.0,
        contrast: 0.1,
        clutter: 0.05,
        noise: 0.02,
        ..synthetic::ShapeConfig::default()
    };
    let shapes = synthetic::shapes(&config, SYNTHETIC_SEED)?;
    let part = |at: usize| shapes.set(SYNTHETIC_STARTS[at]..SYNTHETIC_STARTS[at] + SYNTHETIC_SIZES[at]);
    Ok(TrainTest { train: part(0)?, test: part(1)? })
}

/// [`load`] from a folder that may have to be filled first.
///
/// # Errors
/// As [`load`], and the download's.
pub fn load_from(folder: &Folder, name: &str) -> Result<Sets, DatasetError> {
    folder.load(name, DatasetError::is_missing, |path| load(name, path))
}

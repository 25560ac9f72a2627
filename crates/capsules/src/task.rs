//! The paper's tasks: which images are trained on, and which are measured on.

use std::sync::Arc;

use datasets::{affnist::AffNistConfig, overlap::MultiMnistConfig};
use serde::{Deserialize, Serialize};

use crate::{
    data::{Digits, Moved, Pairs, Placed, Sets, Source},
    CapsError,
};

/// Pixels by which training images move at most, in each direction.
const SHIFT: usize = 2;

/// Pairs that are measured on at most; a set has a thousand times as many pairs as digits.
const TEST_PAIRS: usize = 10_000;

/// What is learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One digit an image, moved by up to two pixels in training (section 5).
    #[default]
    Digits,
    /// Two overlapping digits (section 6).
    MultiMnist,
    /// Digits anywhere on a larger canvas, never turned, sheared or scaled in training (section 5.2).
    AffNist,
}

/// The parts of a task.
#[derive(Clone)]
pub struct Parts {
    /// To train on.
    pub train: Arc<dyn Source>,
    /// To choose by: as [`test`](Self::test), of images that are in neither of the others.
    pub validation: Arc<dyn Source>,
    /// To measure on, once: images as in training, but each in one place.
    pub test: Arc<dyn Source>,
    /// The same images turned, sheared and scaled, for [`Task::AffNist`].
    pub affine: Option<Arc<dyn Source>>,
}

impl Task {
    /// Pixels on a side of this task's images, of digits of 28.
    #[must_use]
    pub fn side(self) -> usize {
        match self {
            Task::Digits => 28,
            Task::MultiMnist => 36,
            Task::AffNist => 40,
        }
    }

    /// The task on the digits of a set. An epoch has as many images as the set.
    ///
    /// # Errors
    /// [`CapsError::Data`] for images that the task cannot be made of.
    pub fn parts(self, sets: &Sets, seed: u64) -> Result<Parts, CapsError> {
        let Sets { train, validation, test, .. } = sets;
        // what is measured on does not change with the seed
        const FIXED: u64 = 0;
        Ok(match self {
            Task::Digits => Parts {
                train: Arc::new(Digits::new(train.clone(), SHIFT, seed)?),
                validation: Arc::new(Digits::new(validation.clone(), 0, FIXED)?),
                test: Arc::new(Digits::new(test.clone(), 0, FIXED)?),
                affine: None,
            },
            Task::MultiMnist => {
                let config = MultiMnistConfig::default();
                let pairs =
                    |set: &Arc<_>, count: usize, seed| Pairs::new(Arc::clone(set), count, config, seed);
                Parts {
                    train: Arc::new(pairs(train, train.len(), seed)?),
                    validation: Arc::new(pairs(validation, validation.len().min(TEST_PAIRS), FIXED)?),
                    test: Arc::new(pairs(test, test.len().min(TEST_PAIRS), FIXED)?),
                    affine: None,
                }
            }
            Task::AffNist => {
                let config = AffNistConfig::default();
                Parts {
                    train: Arc::new(Placed::new(train.clone(), config.margin, seed)?),
                    validation: Arc::new(Placed::new(validation.clone(), config.margin, FIXED)?),
                    test: Arc::new(Placed::new(test.clone(), config.margin, FIXED)?),
                    affine: Some(Arc::new(Moved::new(test.clone(), test.len(), config, FIXED)?)),
                }
            }
        })
    }
}

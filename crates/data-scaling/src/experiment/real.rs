//! Real images: some classes to pre-train on, with two levels of labels, and the others as the task.

use datasets::{
    duplicates::NearDuplicates,
    image_sets::{load_from, Sets},
    images::ImageSet,
    labels::Hierarchy,
    pictures::Pictures,
    Folder,
};
use serde_json::json;

use crate::{
    source::{ClassedImages, Labelled, Task},
    DataScalingError, SHAPE,
};

use super::TaskSize;

/// The classes, of ten, that are never pre-trained on: in CIFAR-10 deer, dog, horse and truck.
pub const TRANSFER_CLASSES: [usize; 4] = [4, 5, 7, 9];

/// Groups of the other six classes: in CIFAR-10 vehicles (airplane, automobile, ship) and animals (bird, cat, frog).
const GROUPS: [[usize; 3]; 2] = [[0, 1, 8], [2, 3, 6]];

/// A set of ten classes.
#[derive(Debug, Clone)]
pub struct RealImages {
    sets: Sets,
}

impl RealImages {
    /// A set by name.
    ///
    /// # Errors
    /// [`DataScalingError::Data`] for one that cannot be read or has not ten classes.
    pub fn load(folder: &Folder, name: &str) -> Result<Self, DataScalingError> {
        let sets = load_from(folder, name)?;
        let classes = sets.train.class_counts().len();
        if classes != 10 {
            let (field, value) = ("the number of classes of the set", classes.to_string());
            return Err(DataScalingError::Setting { field, value, allowed: "10" });
        }
        Ok(RealImages { sets })
    }

    /// The set's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.sets.name
    }

    /// Its checksum.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.sets.digest
    }

    /// The images to pre-train on: six classes with a label each, and a label for each group of three.
    ///
    /// # Errors
    /// [`DataScalingError::Data`].
    pub fn source(&self, images: usize) -> Result<ClassedImages, DataScalingError> {
        let order = GROUPS.concat();
        let new = |class: usize| order.iter().position(|of| *of == class);
        // the classes, then the groups
        let parents = (0..order.len()).map(|at| Some((order.len() + at / 3) as u32));
        let hierarchy = Hierarchy::new(parents.chain([None, None]).collect())?;
        let labelled = self.picked(true, images, new)?;
        ClassedImages::new(labelled, hierarchy, json!({ "set": self.digest(), "images": images }))
    }

    /// The task: to tell the other four apart.
    ///
    /// # Errors
    /// [`DataScalingError::Data`].
    pub fn task(&self, size: TaskSize) -> Result<Task, DataScalingError> {
        let new = |class: usize| TRANSFER_CLASSES.iter().position(|of| *of == class);
        Ok(Task {
            classes: TRANSFER_CLASSES.len(),
            train: self.picked(true, size.train, new)?,
            test: self.picked(false, size.test, new)?.kept(&self.apart(size)?),
            key: json!({ "set": self.digest(), "size": size }),
        })
    }

    /// Whether each test image of the task has no near-duplicate among the first images to pre-train on.
    fn apart(&self, size: TaskSize) -> Result<Vec<bool>, DataScalingError> {
        if size.apart_from == 0 {
            return Ok(vec![true; size.test]);
        }
        let wanted = |set: &ImageSet, classes: &[usize], count: usize| -> Vec<Vec<u8>> {
            let of = |(_, class): &(&[u8], u8)| classes.contains(&usize::from(*class));
            set.iter().filter(of).take(count).map(|(image, _)| image.to_vec()).collect()
        };
        let tests = wanted(&self.sets.test, &TRANSFER_CLASSES, size.test);
        let train = wanted(&self.sets.train, &GROUPS.concat(), size.apart_from as usize);
        let found = NearDuplicates::of(self.sets.test.shape(), tests)?.scan(train)?;
        Ok(found.iter().map(Option::is_none).collect())
    }

    /// The first `count` images whose class has a new number, with it.
    fn picked(
        &self,
        train: bool,
        count: usize,
        new: impl Fn(usize) -> Option<usize>,
    ) -> Result<Labelled, DataScalingError> {
        let set = if train { &self.sets.train } else { &self.sets.test };
        let mut found = Labelled::default();
        // in parts, so that no more images are made floats than are wanted
        const PART: usize = 2_000;
        for from in (0..set.len()).step_by(PART) {
            if found.classes.len() == count {
                break;
            }
            let part = set.slice(from..(from + PART).min(set.len()))?;
            let Pictures { pixels, labels } = Pictures::of(&part, PART, SHAPE.channels, SHAPE.height)?;
            for (image, class) in pixels.chunks_exact(SHAPE.pixels()).zip(labels) {
                if let Some(new) = new(class).filter(|_| found.classes.len() < count) {
                    found.pixels.extend_from_slice(image);
                    found.classes.push(new);
                }
            }
        }
        Ok(found)
    }
}

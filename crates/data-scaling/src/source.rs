//! Where images come from: sources to pre-train on, and tasks to transfer to.

use datasets::{
    images::{ImageSet, ImageShape},
    labels::{Hierarchy, LabelMap, LabelNoise},
    synthetic::{scenes::Transfer, Scenes},
    transforms::whiten_bytes,
};
use serde_json::{json, Value};

use crate::DataScalingError;

/// Images with any number of labels, by index. Subsets of N images are the first N, so that each contains the smaller ones.
pub trait Source: Sync {
    /// Values an image.
    fn image_len(&self) -> usize;
    /// The number of labels, C.
    fn labels(&self) -> usize;
    /// How many images there are; none where there is no end.
    fn len(&self) -> Option<u64>;
    /// Writes image `index` as a network takes it, and the labels that it is trained with in place of what `labels` held.
    ///
    /// # Errors
    /// [`DataScalingError::Data`].
    fn write(&self, index: u64, pixels: &mut [f32], labels: &mut Vec<u32>) -> Result<(), DataScalingError>;
    /// What tells this source from any other, for the keys of cells.
    fn key(&self) -> Value;
    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

/// Images in memory with a class each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labelled {
    /// Image after image.
    pub pixels: Vec<f32>,
    /// The class of each.
    pub classes: Vec<usize>,
}

impl Labelled {
    /// Whitened images of a set, those at `indices`.
    ///
    /// # Errors
    /// [`DataScalingError::Data`].
    pub fn of(set: &ImageSet, indices: impl IntoIterator<Item = usize>) -> Result<Self, DataScalingError> {
        let mut found = Labelled::default();
        for (image, class) in indices.into_iter().filter_map(|at| set.get(at)) {
            found.push(image, usize::from(class))?;
        }
        Ok(found)
    }

    fn push(&mut self, image: &[u8], class: usize) -> Result<(), DataScalingError> {
        let from = self.pixels.len();
        self.pixels.resize(from + image.len(), 0.0);
        whiten_bytes(image, &mut self.pixels[from..])?;
        self.classes.push(class);
        Ok(())
    }

    /// The first `count` images.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let count = count.min(self.classes.len());
        let image = self.pixels.len() / self.classes.len().max(1);
        Labelled { pixels: self.pixels[..count * image].to_vec(), classes: self.classes[..count].to_vec() }
    }
}

impl Labelled {
    /// The images at places where `keep` says so.
    #[must_use]
    pub fn kept(&self, keep: &[bool]) -> Self {
        let image = self.pixels.len() / self.classes.len().max(1);
        let mut found = Labelled::default();
        for (at, class) in self.classes.iter().enumerate().filter(|(at, _)| keep.get(*at) == Some(&true)) {
            found.pixels.extend_from_slice(&self.pixels[at * image..(at + 1) * image]);
            found.classes.push(*class);
        }
        found
    }
}

/// A task that features are judged by: to tell the classes of images that pre-training never showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The classes.
    pub classes: usize,
    /// Images to learn from.
    pub train: Labelled,
    /// Images to measure on.
    pub test: Labelled,
    /// What tells it from any other.
    pub key: Value,
}

/// Where test images of a source begin: no training set gets there.
pub const TEST_START: u64 = 1 << 63;

/// Scenes with the labels that were recorded of them.
#[derive(Clone, Debug)]
pub struct LabelledScenes {
    scenes: Scenes,
    noise: LabelNoise,
    /// Whether ancestors of recorded labels are added (the closure).
    closure: bool,
    /// Labels that there are; none for all.
    subset: Option<(Hierarchy, LabelMap)>,
    seed: u64,
}

impl LabelledScenes {
    /// Scenes whose labels are true and closed; `seed` is that of wrong and missing ones.
    #[must_use]
    pub fn new(scenes: Scenes, seed: u64) -> Self {
        LabelledScenes { scenes, noise: LabelNoise::default(), closure: true, subset: None, seed }
    }

    /// With wrong and missing labels.
    ///
    /// # Errors
    /// [`DataScalingError::Data`] for rates that are none.
    pub fn with_noise(mut self, noise: LabelNoise) -> Result<Self, DataScalingError> {
        noise.validate()?;
        self.noise = noise;
        Ok(self)
    }

    /// Whether ancestors of recorded labels are added: section 3.1's hierarchy.
    #[must_use]
    pub fn with_closure(mut self, closure: bool) -> Self {
        self.closure = closure;
        self
    }

    /// With some of the labels alone: recorded labels that are not among them are left out, and then, with the closure, kept
    /// ancestors of what is left are added.
    ///
    /// A label above one that is left out stays if it was recorded itself, as by someone who told outlines and not colours. Where
    /// nobody records labels above ([`LabelNoise::missing_parents`] is 1), no ancestor of a label that is left out stays behind.
    ///
    /// # Errors
    /// [`DataScalingError::Data`] for a label that does not exist.
    pub fn with_labels(mut self, keep: &[u32]) -> Result<Self, DataScalingError> {
        self.subset = Some(self.scenes.hierarchy().restricted(keep)?);
        Ok(self)
    }

    /// The scenes.
    #[must_use]
    pub fn scenes(&self) -> &Scenes {
        &self.scenes
    }

    /// The hierarchy of the labels that there are.
    #[must_use]
    pub fn hierarchy(&self) -> &Hierarchy {
        self.subset.as_ref().map_or(self.scenes.hierarchy(), |(hierarchy, _)| hierarchy)
    }

    /// The same scenes with true and closed labels: what recorded ones are measured against.
    #[must_use]
    pub fn clean(&self) -> Self {
        LabelledScenes { noise: LabelNoise::default(), closure: true, ..self.clone() }
    }

    /// The chance of each label, from the first `images` images: what biases of a last layer may begin at.
    ///
    /// # Errors
    /// [`DataScalingError::Data`].
    pub fn prior(&self, images: u64) -> Result<Vec<f64>, DataScalingError> {
        let mut counts = vec![0.0; self.labels()];
        let (mut bytes, mut labels) = (vec![0; Scenes::SHAPE.pixels()], Vec::new());
        for index in 0..images {
            self.recorded(index, &mut bytes, &mut labels)?;
            labels.iter().for_each(|label| counts[*label as usize] += 1.0);
        }
        Ok(counts.iter().map(|count| count / images.max(1) as f64).collect())
    }

    fn recorded(&self, index: u64, bytes: &mut [u8], labels: &mut Vec<u32>) -> Result<(), DataScalingError> {
        self.scenes.write(index, bytes, labels)?;
        self.noise.apply(self.scenes.hierarchy(), self.seed, index, labels)?;
        if let Some((_, map)) = &self.subset {
            map.apply(labels);
        }
        if self.closure {
            self.hierarchy().closure(labels)?;
        }
        Ok(())
    }
}

impl Source for LabelledScenes {
    fn image_len(&self) -> usize {
        Scenes::SHAPE.pixels()
    }

    fn labels(&self) -> usize {
        self.hierarchy().len()
    }

    fn len(&self) -> Option<u64> {
        None
    }

    fn write(&self, index: u64, pixels: &mut [f32], labels: &mut Vec<u32>) -> Result<(), DataScalingError> {
        let mut bytes = [0_u8; Scenes::SHAPE.pixels()];
        self.recorded(index, &mut bytes, labels)?;
        whiten_bytes(&bytes, pixels)?;
        Ok(())
    }

    fn key(&self) -> Value {
        let kept = self.subset.as_ref().map(|(_, map)| map.kept());
        json!({
            "scenes": self.scenes.config(), "seed": self.seed, "noise": self.noise, "closure": self.closure, "labels": kept,
        })
    }
}

/// The transfer task of scenes: single objects of outlines that they never show.
///
/// # Errors
/// [`DataScalingError::Data`].
pub fn scene_task(
    transfer: &Transfer,
    train: usize,
    test: usize,
    key: Value,
) -> Result<Task, DataScalingError> {
    let mut bytes = [0_u8; Transfer::SHAPE.pixels()];
    let mut draw = |indices: std::ops::Range<u64>| -> Result<Labelled, DataScalingError> {
        let mut found = Labelled::default();
        for index in indices {
            let class = transfer.write(index, &mut bytes)?;
            found.push(&bytes, usize::from(class))?;
        }
        Ok(found)
    };
    Ok(Task {
        classes: transfer.classes(),
        train: draw(0..train as u64)?,
        test: draw(TEST_START..TEST_START + test as u64)?,
        key: json!({ "scenes": key, "train": train, "test": test }),
    })
}

/// Classes of a labelled set as a source, with a label each and one more for every group of classes.
#[derive(Clone, Debug)]
pub struct ClassedImages {
    images: Labelled,
    hierarchy: Hierarchy,
    key: Value,
}

impl ClassedImages {
    /// Images whose classes are leaves of `hierarchy`.
    ///
    /// # Errors
    /// [`DataScalingError::Data`] for a class that is no label.
    pub fn new(images: Labelled, hierarchy: Hierarchy, key: Value) -> Result<Self, DataScalingError> {
        for class in &images.classes {
            hierarchy.closure(&mut vec![*class as u32])?;
        }
        Ok(ClassedImages { images, hierarchy, key })
    }
}

impl Source for ClassedImages {
    fn image_len(&self) -> usize {
        self.images.pixels.len() / self.images.classes.len().max(1)
    }

    fn labels(&self) -> usize {
        self.hierarchy.len()
    }

    fn len(&self) -> Option<u64> {
        Some(self.images.classes.len() as u64)
    }

    fn write(&self, index: u64, pixels: &mut [f32], labels: &mut Vec<u32>) -> Result<(), DataScalingError> {
        let image = self.image_len();
        let at = (index % self.images.classes.len().max(1) as u64) as usize;
        pixels.copy_from_slice(&self.images.pixels[at * image..(at + 1) * image]);
        labels.clear();
        labels.push(self.images.classes[at] as u32);
        self.hierarchy.closure(labels)?;
        Ok(())
    }

    fn key(&self) -> Value {
        self.key.clone()
    }
}

/// The size of a scene, which is that of every encoder's images here.
pub const SHAPE: ImageShape = Scenes::SHAPE;

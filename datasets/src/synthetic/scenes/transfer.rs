//! Single objects of outlines that scenes never show.

use std::ops::Range;

use super::attributes::{Attributes, HELD_OUT, NEVER_SHOWN, TEXTURES};
use super::paint::PIXELS;
use super::{layout, SceneConfig, Scenes};
use crate::images::{check_length, ImageSet, ImageShape};
use crate::stream::{permute, stream, word, Kind};
use crate::synthetic::digits::collect;
use crate::DatasetError;

/// Images of one object each, of the outlines that scenes never show; from [`Scenes::transfer`].
///
/// The class is one of the four [`HELD_OUT`] outlines with one of the textures of the scenes: 12 to 32 classes,
/// outline by outline. Palette, shade and size vary freely and say nothing about it. Everything else is drawn as in
/// the scenes, so features that were learnt there are of use here, though no image and no class is shared.
///
/// Image `index` is a pure function of the settings, the seed and the index. Among the images `C k` to `C k + C - 1`
/// each of the C classes comes once, in random order.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    config: SceneConfig,
    seed: u64,
}

impl Transfer {
    /// The size of every image.
    pub const SHAPE: ImageShape = Scenes::SHAPE;

    pub(super) fn new(config: &SceneConfig, seed: u64) -> Self {
        Self { config: *config, seed }
    }

    /// The number of classes, C: four times the number of textures.
    pub fn classes(&self) -> usize {
        NEVER_SHOWN.len() * self.config.textures
    }

    /// What a class shows, such as "striped tee"; `None` where there is no such class.
    pub fn name(&self, class: u8) -> Option<String> {
        let at = usize::from(class);
        let outline = HELD_OUT.get(at / self.config.textures)?;
        Some(format!("{} {outline}", TEXTURES[at % self.config.textures]))
    }

    /// Image `index`: its planar pixels and its class.
    pub fn image(&self, index: u64) -> ([u8; PIXELS], u8) {
        let mut pixels = [0; PIXELS];
        let label = self.draw(index, &mut pixels);
        (pixels, label)
    }

    /// Writes image `index` into a buffer of the caller and returns its class.
    ///
    /// # Shapes
    ///
    /// `pixels`: 3 · 32 · 32.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] for a buffer of another length.
    pub fn write(&self, index: u64, pixels: &mut [u8]) -> Result<u8, DatasetError> {
        check_length("a buffer for an image", PIXELS, pixels.len())?;
        Ok(self.draw(index, pixels))
    }

    /// The images of a range, as a set.
    ///
    /// # Errors
    ///
    /// [`DatasetError::TooLarge`] past [`MAX_IMAGE_BYTES`](crate::MAX_IMAGE_BYTES).
    pub fn set(&self, indices: Range<u64>) -> Result<ImageSet, DatasetError> {
        collect(indices, Self::SHAPE, self.classes(), |index, pixels| self.draw(index, pixels))
    }

    fn draw(&self, index: u64, pixels: &mut [u8]) -> u8 {
        let classes = self.classes() as u64;
        let key = word(Kind::SceneTransfer, self.seed, index / classes);
        let class = permute(key, classes, index % classes) as usize;
        let look = Attributes {
            outline: NEVER_SHOWN[class / self.config.textures],
            texture: class % self.config.textures,
            palette: None,
            shade: None,
            size: None,
        };
        let mut rng = stream(Kind::SceneTransfer, self.seed, index);
        layout::draw(&self.config, &[look], &mut rng, pixels);
        class as u8
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenes;
    use super::*;
    use crate::synthetic::probe;

    #[test]
    fn sets_are_ranges_of_one_endless_row() {
        let transfer = scenes(&SceneConfig::default(), 7).unwrap().transfer();
        assert_eq!((transfer.classes(), transfer.name(23).unwrap()), (24, "shaded arrow".into()));
        assert_eq!(transfer.name(24), None);
        let set = transfer.set(40..90).unwrap();
        for (number, (image, label)) in set.iter().enumerate() {
            assert_eq!(transfer.image(40 + number as u64), (image.try_into().unwrap(), label));
        }
        assert_eq!(set.slice(8..32).unwrap().class_counts(), [1; 24]);
        let mut buffer = [9; PIXELS];
        assert_eq!(transfer.write(u64::MAX, &mut buffer).unwrap(), transfer.image(u64::MAX).1);
        assert!(transfer.write(0, &mut buffer[1..]).is_err());
        assert!(matches!(transfer.set(0..u64::MAX), Err(DatasetError::TooLarge { .. })));
        let other = scenes(&SceneConfig::default(), 8).unwrap().transfer();
        assert_ne!(transfer.image(0).0, other.image(0).0);
    }

    /// Colours are free and places vary, so neither tells the class; what filters of any place find does.
    #[test]
    fn the_transfer_is_neither_trivial_nor_noise() {
        let set = scenes(&SceneConfig::default(), 0).unwrap().transfer().set(0..3600).unwrap();
        let (rows, labels) = probe::pixels(&set);
        let (train, test) = ((0..2400).collect::<Vec<_>>(), (2400..3600).collect::<Vec<_>>());
        let means =
            |row: &Vec<f32>| row.chunks(1024).map(|plane| plane.iter().sum::<f32>() / 300.0).collect();
        let colours: Vec<Vec<f32>> = rows.iter().map(means).collect();
        let colour = probe::accuracy(&colours, &labels, 24, &train, &test);
        let mean = probe::nearest_mean(&rows, &labels, 24, 2400);
        let filtered = probe::accuracy(&probe::filtered(&rows, 24), &labels, 24, &train, &test);
        // Chance is .042, with a standard deviation of .006.
        assert!((0.02..0.07).contains(&colour), "mean colours {colour}");
        assert!((0.02..0.07).contains(&mean), "nearest mean {mean}");
        assert!((0.08..0.4).contains(&filtered), "random filters {filtered}");
    }
}

//! Labelled images of one size, as bytes.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::DatasetError;

/// The size of an image: its channels, and each channel's rows and columns.
///
/// Pixels are planar: all of channel 0 row by row, then all of channel 1, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageShape {
    /// Channels: 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// A shape of `channels` planes of `height` rows and `width` columns.
    pub const fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// Bytes (or numbers) in one image: `channels · height · width`, capped at the largest `usize`.
    pub const fn pixels(&self) -> usize {
        self.channels.saturating_mul(self.plane())
    }

    /// Bytes (or numbers) in one channel: `height · width`, capped at the largest `usize`.
    pub const fn plane(&self) -> usize {
        self.height.saturating_mul(self.width)
    }
}

impl std::fmt::Display for ImageShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {} x {}", self.channels, self.height, self.width)
    }
}

/// Images of one shape, each with a class.
///
/// # Shapes
///
/// `pixels: len · channels · height · width`, planar, 0 (black) to 255; `labels: len`, below `classes`.
///
/// # Example
///
/// ```
/// use datasets::images::{ImageSet, ImageShape};
///
/// let set = ImageSet::new(ImageShape::new(1, 1, 2), 3, vec![0, 255, 7, 9], vec![2, 0])?;
/// assert_eq!(set.get(1), Some((&[7, 9][..], 0)));
/// assert_eq!(set.class_counts(), [1, 0, 1]);
/// assert!(ImageSet::new(ImageShape::new(1, 1, 2), 3, vec![0; 4], vec![2, 3]).is_err()); // no class 3
/// # Ok::<(), datasets::DatasetError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ImageSet {
    shape: ImageShape,
    classes: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

/// The two parts in which image sets are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainTest {
    /// The images to learn from, and to choose settings by.
    pub train: ImageSet,
    /// The images to measure on, once.
    pub test: ImageSet,
}

impl ImageSet {
    /// Builds a set from its parts. A set may be empty; an image may not.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] where the shape has no pixels, `classes` is not 1 to 256, there are not
    /// `channels · height · width` pixels for each label, or a label is not below `classes`.
    ///
    /// # Complexity
    ///
    /// O(len): pixels are not looked at.
    pub fn new(
        shape: ImageShape,
        classes: usize,
        pixels: Vec<u8>,
        labels: Vec<u8>,
    ) -> Result<Self, DatasetError> {
        let bad = |expected: String, found: String| DatasetError::inconsistent("ImageSet", expected, found);
        if shape.pixels() == 0 {
            return Err(bad("one or more channels, rows and columns".into(), shape.to_string()));
        }
        if !(1..=256).contains(&classes) {
            return Err(bad("1 to 256 classes".into(), classes.to_string()));
        }
        if labels.len().checked_mul(shape.pixels()) != Some(pixels.len()) {
            return Err(bad(
                format!("{} x {shape} pixels, one image for each label", labels.len()),
                pixels.len().to_string(),
            ));
        }
        if let Some(at) = labels.iter().position(|&label| usize::from(label) >= classes) {
            return Err(bad(format!("labels below {classes}"), format!("{} at position {at}", labels[at])));
        }
        Ok(Self { shape, classes, pixels, labels })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The size of every image.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// The number of classes, of which some may have no image.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// All pixels, image after image.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The class of every image.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Image `i` and its class, or `None` where there is no such image.
    pub fn get(&self, i: usize) -> Option<(&[u8], u8)> {
        let label = *self.labels.get(i)?;
        let size = self.shape.pixels();
        Some((self.pixels.get(i * size..(i + 1) * size)?, label))
    }

    /// Every image in order, with its class.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], u8)> {
        self.pixels.chunks_exact(self.shape.pixels()).zip(self.labels.iter().copied())
    }

    /// How many images each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes];
        self.labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
        counts
    }

    /// The images at `items`, in that order; an image may be taken more than once.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] naming the first item that is not below `len`.
    pub fn subset(&self, items: &[usize]) -> Result<Self, DatasetError> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::with_capacity(items.len()));
        for &item in items {
            let Some((image, label)) = self.get(item) else {
                return Err(DatasetError::config(
                    "an item",
                    item,
                    format!("below {}, the images", self.len()),
                ));
            };
            pixels.extend_from_slice(image);
            labels.push(label);
        }
        Ok(Self { pixels, labels, ..*self })
    }

    /// The images of a range, such as the first 10,000.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] where the range does not lie within `0..len`.
    pub fn slice(&self, items: Range<usize>) -> Result<Self, DatasetError> {
        let size = self.shape.pixels();
        let Some(labels) = self.labels.get(items.clone()) else {
            let allowed = format!("a rising range within 0..{}, the images", self.len());
            return Err(DatasetError::config("the range", format!("{items:?}"), allowed));
        };
        let pixels = &self.pixels[items.start * size..items.end * size];
        Ok(Self { pixels: pixels.to_vec(), labels: labels.to_vec(), ..*self })
    }

    /// Takes the set apart into `(shape, classes, pixels, labels)`, without a copy.
    pub fn into_parts(self) -> (ImageShape, usize, Vec<u8>, Vec<u8>) {
        (self.shape, self.classes, self.pixels, self.labels)
    }
}

/// Sizes and counts; not the pixels.
impl std::fmt::Debug for ImageSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ImageSet({} images of {}, {} classes)", self.len(), self.shape, self.classes)
    }
}

/// Checks that a buffer has as many elements as `expected`.
pub(crate) fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), DatasetError> {
    if expected == found {
        return Ok(());
    }
    Err(DatasetError::inconsistent(what, format!("{expected} numbers"), found.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> ImageSet {
        ImageSet::new(ImageShape::new(2, 1, 2), 4, (0..12).collect(), vec![3, 0, 3]).unwrap()
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let shape = ImageShape::new(1, 2, 2);
        for (built, why) in [
            (ImageSet::new(ImageShape::new(1, 0, 2), 2, vec![], vec![]), "one or more channels"),
            (ImageSet::new(shape, 0, vec![], vec![]), "1 to 256 classes"),
            (ImageSet::new(shape, 257, vec![], vec![]), "1 to 256 classes"),
            (ImageSet::new(shape, 2, vec![0; 7], vec![0, 1]), "2 x 1 x 2 x 2 pixels"),
            (ImageSet::new(shape, 2, vec![0; 8], vec![0, 2]), "labels below 2, found 2 at position 1"),
            (ImageSet::new(ImageShape::new(usize::MAX, 2, 2), 2, vec![0; 8], vec![0, 1]), "one image for"),
        ] {
            let message = built.unwrap_err().to_string();
            assert!(message.contains(why), "{message}");
        }
        assert!(ImageSet::new(shape, 256, vec![0; 4], vec![255]).is_ok());
        assert!(ImageSet::new(shape, 2, vec![], vec![]).unwrap().is_empty());
    }

    #[test]
    fn images_come_with_their_labels() {
        let set = set();
        assert_eq!(set.get(1), Some((&[4, 5, 6, 7][..], 0)));
        assert_eq!((set.get(3), set.get(usize::MAX)), (None, None));
        assert_eq!(
            set.iter().map(|(image, label)| (image[0], label)).collect::<Vec<_>>(),
            [(0, 3), (4, 0), (8, 3)]
        );
        assert_eq!((set.class_counts(), set.len()), (vec![1, 0, 0, 2], 3));
        assert_eq!(format!("{set:?}"), "ImageSet(3 images of 2 x 1 x 2, 4 classes)");
    }

    #[test]
    fn parts_of_a_set_keep_its_shape_and_classes() {
        let set = set();
        let picked = set.subset(&[2, 2, 0]).unwrap();
        assert_eq!((picked.labels(), &picked.pixels()[..5]), (&[3, 3, 3][..], &[8, 9, 10, 11, 8][..]));
        assert_eq!((picked.shape(), picked.classes()), (set.shape(), 4));
        assert_eq!(set.slice(1..3).unwrap(), set.subset(&[1, 2]).unwrap());
        assert!(set.slice(0..0).unwrap().is_empty());
        assert!(set.subset(&[3]).unwrap_err().to_string().contains("below 3, the images"));
        #[allow(clippy::reversed_empty_ranges)]
        let falling = set.slice(2..1);
        assert!(falling.is_err() && set.slice(2..4).is_err());
    }
}

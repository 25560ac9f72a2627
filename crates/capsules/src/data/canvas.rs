//! Digits on a larger canvas: placed at random to train on, and affNIST's to test on.

use std::sync::Arc;

use datasets::affnist::{self, AffNist, AffNistConfig};
use datasets::images::ImageSet;
use datasets::DatasetError;

use super::source::{check_member, layout_of, room, to_unit, Layout, Slot, Source, View};

/// Images placed at random, by whole pixels, on a black canvas with `margin` more pixels on each side.
///
/// Places are new in every [`View::Epoch`]; [`View::Fixed`] has one place for every image, for tests on images like
/// those of training.
///
/// # Shapes
/// With digits of 28 x 28 and a margin of 6, the paper's: (B, 1, 40, 40).
///
/// # Reference
/// Section 5.2: "an MNIST digit placed randomly on a black background of 40 × 40 pixels".
#[derive(Debug, Clone)]
pub struct Placed {
    places: affnist::Placed<Arc<ImageSet>>,
    layout: Layout,
    len: usize,
}

/// Images under small random affine maps, on the same canvas as [`Placed`]: affNIST.
///
/// Image `i` is a map of image `i mod N` of the set, so there may be more of them than images; affNIST itself has 32
/// for each. In [`View::Epoch`] the maps are drawn anew. The paper only ever tests on these.
///
/// # Shapes
/// With digits of 28 x 28 and affNIST's margin of 6: (B, 1, 40, 40).
///
/// # Reference
/// Section 5.2.
#[derive(Debug, Clone)]
pub struct Moved {
    maps: AffNist<Arc<ImageSet>>,
    layout: Layout,
    len: usize,
    /// `len` rounded up to whole passes over the set, so that every epoch begins with its first image.
    stride: usize,
}

impl Placed {
    /// Placements of the images of a set.
    ///
    /// # Errors
    /// [`DatasetError::Inconsistent`] for a set without images or of images that are not square, and
    /// [`DatasetError::InvalidConfig`] for a margin above 64.
    pub fn new(images: Arc<ImageSet>, margin: usize, seed: u64) -> Result<Self, DatasetError> {
        let places = affnist::Placed::new(images.clone(), margin, seed)?;
        Ok(Self { places, layout: layout_of(&images, margin, 1)?, len: images.len() })
    }
}

impl Moved {
    /// `len` maps of the images of a set.
    ///
    /// # Errors
    /// As [`Placed::new`], and [`DatasetError::InvalidConfig`] for a setting out of range or a `len` of 0.
    pub fn new(
        images: Arc<ImageSet>,
        len: usize,
        config: AffNistConfig,
        seed: u64,
    ) -> Result<Self, DatasetError> {
        if len == 0 {
            let (field, allowed) = ("the number of affine images", "1 or more".into());
            return Err(DatasetError::InvalidConfig { field, value: "0".into(), allowed });
        }
        let maps = AffNist::new(images.clone(), config, seed)?;
        let stride = len.div_ceil(images.len()).saturating_mul(images.len());
        Ok(Self { maps, layout: layout_of(&images, config.margin, 1)?, len, stride })
    }
}

impl Source for Placed {
    fn len(&self) -> usize {
        self.len
    }

    fn layout(&self) -> Layout {
        self.layout
    }

    fn write(
        &self,
        member: usize,
        view: View,
        slot: Slot<'_>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), DatasetError> {
        check_member(member, self.len)?;
        let canvas = room(bytes, self.layout.pixels());
        let (label, _) = self.places.write(number(member, view, self.len), canvas)?;
        slot.labels.fill(usize::from(label));
        to_unit(canvas, slot.image);
        Ok(())
    }
}

impl Source for Moved {
    fn len(&self) -> usize {
        self.len
    }

    fn layout(&self) -> Layout {
        self.layout
    }

    fn write(
        &self,
        member: usize,
        view: View,
        slot: Slot<'_>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), DatasetError> {
        check_member(member, self.len)?;
        let canvas = room(bytes, self.layout.pixels());
        let (label, _) = self.maps.write(number(member, view, self.stride), canvas)?;
        slot.labels.fill(usize::from(label));
        to_unit(canvas, slot.image);
        Ok(())
    }
}

/// The number of image `member` among those of all epochs.
fn number(member: usize, view: View, stride: usize) -> u64 {
    let epoch = match view {
        View::Epoch(epoch) => epoch,
        View::Fixed => 0,
    };
    epoch.wrapping_mul(stride as u64).wrapping_add(member as u64)
}

//! Single digits, moved a little for training.

use std::sync::Arc;

use datasets::images::ImageSet;
use datasets::{transforms, DatasetError};
use rand::Rng;
use shared::train::RunRng;

use super::source::{check_member, layout_of, room, to_unit, Layout, Slot, Source, View};

/// Keeps the moves' random numbers apart from others of the same seed.
const MOVES: u64 = 0x6d6f_7665_7320_6469;

/// Single images: as they are in [`View::Fixed`], and each moved by whole pixels in every [`View::Epoch`].
///
/// The move is uniform within ±`shift` along either axis, on its own for every image and epoch. What enters is black.
///
/// # Shapes
/// Images: (B, C, side, side), the size of the set's.
///
/// # Reference
/// Section 5: "shifted by up to 2 pixels in each direction with zero padding".
#[derive(Debug, Clone)]
pub struct Digits {
    images: Arc<ImageSet>,
    layout: Layout,
    shift: usize,
    seed: u64,
}

impl Digits {
    /// The images of a set.
    ///
    /// # Errors
    /// [`DatasetError::Inconsistent`] for a set without images or of images that are not square, and
    /// [`DatasetError::InvalidConfig`] for a shift that is not below the side.
    pub fn new(images: Arc<ImageSet>, shift: usize, seed: u64) -> Result<Self, DatasetError> {
        let layout = layout_of(&images, 0, 1)?;
        if shift >= layout.side {
            let allowed = format!("0 to {}, so that some of an image stays", layout.side - 1);
            return Err(DatasetError::InvalidConfig { field: "shift", value: shift.to_string(), allowed });
        }
        Ok(Self { images, layout, shift, seed })
    }

    /// How far image `member` is moved, as (down, right).
    #[must_use]
    pub fn moved(&self, member: usize, view: View) -> (i32, i32) {
        let View::Epoch(epoch) = view else { return (0, 0) };
        let mut rng = RunRng::new(self.seed ^ MOVES, epoch.rotate_left(32) ^ member as u64);
        let most = self.shift as i32;
        (rng.gen_range(-most..=most), rng.gen_range(-most..=most))
    }
}

impl Source for Digits {
    fn len(&self) -> usize {
        self.images.len()
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
        check_member(member, self.len())?;
        let (image, label) = self.images.get(member).unwrap_or((&[], 0));
        slot.labels.fill(usize::from(label));
        match self.moved(member, view) {
            (0, 0) => to_unit(image, slot.image),
            by => {
                let (shape, moved) = (self.images.shape(), room(bytes, image.len()));
                transforms::shift(image, shape, by, moved, shape)?;
                to_unit(moved, slot.image);
            }
        }
        Ok(())
    }
}

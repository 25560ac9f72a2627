//! Overlapping pairs of digits: MultiMNIST.

use std::sync::Arc;

use datasets::images::ImageSet;
use datasets::overlap::{MultiMnist, MultiMnistConfig, PairInfo};
use datasets::DatasetError;

use super::source::{check_member, layout_of, room, to_unit, Layout, Slot, Source, View};

/// Two digits of different classes on top of each other, and each of them alone.
///
/// A set of N images has 1000 N pairs, of which an epoch shows `per_epoch`. [`View::Epoch`] goes on through a random
/// order of all of them, so that no pair comes twice before every pair has come; [`View::Fixed`] shows the first
/// `per_epoch` of that order. The overlay is the sum of both digits, clipped at white.
///
/// # Shapes
/// With digits of 28 x 28 and the paper's settings, images: (B, 1, 36, 36); sources: (B, 2, 1, 36, 36), in the order
/// of the labels.
///
/// # Reference
/// Section 6.
#[derive(Debug, Clone)]
pub struct Pairs {
    pairs: MultiMnist<Arc<ImageSet>>,
    layout: Layout,
    per_epoch: usize,
}

impl Pairs {
    /// Pairs of the images of a set.
    ///
    /// # Errors
    /// As [`MultiMnist::new`]; [`DatasetError::Inconsistent`] for images that are not square, and
    /// [`DatasetError::InvalidConfig`] unless `per_epoch` is 1 to the number of pairs.
    pub fn new(
        images: Arc<ImageSet>,
        per_epoch: usize,
        config: MultiMnistConfig,
        seed: u64,
    ) -> Result<Self, DatasetError> {
        let pairs = MultiMnist::new(images.clone(), config, seed)?;
        let layout = layout_of(&images, config.pad, 2)?;
        if per_epoch == 0 || per_epoch as u64 > pairs.len() {
            let (value, allowed) =
                (per_epoch.to_string(), format!("1 to {}, all pairs there are", pairs.len()));
            return Err(DatasetError::InvalidConfig { field: "the pairs of an epoch", value, allowed });
        }
        Ok(Self { pairs, layout, per_epoch })
    }

    /// What pair `member` is made of; `None` from [`Source::len`] on.
    #[must_use]
    pub fn info(&self, member: usize, view: View) -> Option<PairInfo> {
        (member < self.per_epoch).then(|| self.pairs.info(self.index(member, view))).flatten()
    }

    /// The place of pair `member` among all pairs.
    fn index(&self, member: usize, view: View) -> u64 {
        let epoch = match view {
            View::Epoch(epoch) => epoch,
            View::Fixed => 0,
        };
        self.pairs.shuffled(epoch.wrapping_mul(self.per_epoch as u64).wrapping_add(member as u64))
    }
}

impl Source for Pairs {
    fn len(&self) -> usize {
        self.per_epoch
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
        check_member(member, self.per_epoch)?;
        let pixels = self.layout.pixels();
        let (overlay, alone) = room(bytes, 3 * pixels).split_at_mut(pixels);
        let (first, second) = alone.split_at_mut(pixels);
        if let Some(info) = self.pairs.write(self.index(member, view), overlay, [first, second])? {
            slot.labels.iter_mut().zip(info.labels).for_each(|(to, label)| *to = usize::from(label));
        }
        to_unit(overlay, slot.image);
        to_unit(alone, slot.sources);
        Ok(())
    }
}

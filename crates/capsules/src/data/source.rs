//! What a source of images is, and the batches it gives.

use datasets::images::ImageSet;
use datasets::DatasetError;
use rayon::prelude::*;

/// Images that one task of the pool prepares at the least: a task costs about as much as one image.
const LEAST_IMAGES: usize = 8;

/// The sizes of a source's images and labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Channels.
    pub channels: usize,
    /// Rows, and columns.
    pub side: usize,
    /// J, the number of classes.
    pub classes: usize,
    /// K, how many digits an image shows: 1 or 2.
    pub digits: usize,
}

/// Which form of its images a source shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The form of an epoch of training: places, partners and maps are drawn anew for each.
    Epoch(u64),
    /// The one form that is measured on.
    Fixed,
}

/// Images in [0, 1] and what they show.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The sizes below.
    pub layout: Layout,
    /// (B, C, H, W).
    pub images: Vec<f32>,
    /// T, (B, J): 1 for every class that an image shows, else 0.
    pub present: Vec<f32>,
    /// (B, K): the class of each digit.
    pub labels: Vec<usize>,
    /// (B, K, C, H, W): each digit alone, where there are two; a single digit is the image itself.
    pub sources: Option<Vec<f32>>,
}

/// Room for one image, lent to [`Source::write`].
#[derive(Debug)]
pub struct Slot<'a> {
    /// (C, H, W).
    pub image: &'a mut [f32],
    /// (K, C, H, W) where there are two digits, else empty.
    pub sources: &'a mut [f32],
    /// (K).
    pub labels: &'a mut [usize],
}

/// Images by number.
pub trait Source: Send + Sync {
    /// How many images an epoch has.
    fn len(&self) -> usize;

    /// The sizes of images and labels.
    fn layout(&self) -> Layout;

    /// Writes image `member` and what it shows.
    ///
    /// `bytes` is scratch space, of any length and content.
    ///
    /// # Errors
    /// As [`Source::batch`].
    fn write(
        &self,
        member: usize,
        view: View,
        slot: Slot<'_>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), DatasetError>;

    /// Whether there is no image; never true of the sources here.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The images at `members`, in that order.
    ///
    /// # Errors
    /// [`DatasetError::InvalidConfig`] naming the first member that is not below [`Source::len`].
    ///
    /// # Complexity
    /// O(members · pixels), over the threads of the current pool.
    fn batch(&self, members: &[usize], view: View) -> Result<Batch, DatasetError> {
        members.iter().try_for_each(|&member| check_member(member, self.len()))?;
        let layout = self.layout();
        let (pixels, digits) = (layout.pixels(), layout.digits);
        let mut images = vec![0.0; members.len() * pixels];
        let mut labels = vec![0; members.len() * digits];
        let mut sources = vec![0.0; if digits > 1 { images.len() * digits } else { 0 }];
        let mut alone = sources.chunks_mut(pixels * digits);
        let slots: Vec<Slot<'_>> = images
            .chunks_mut(pixels)
            .zip(labels.chunks_mut(digits))
            .map(|(image, labels)| Slot { image, labels, sources: alone.next().unwrap_or_default() })
            .collect();
        slots
            .into_par_iter()
            .zip(members)
            .with_min_len(LEAST_IMAGES)
            .try_for_each_init(Vec::new, |bytes, (slot, &member)| self.write(member, view, slot, bytes))?;
        let mut present = vec![0.0; members.len() * layout.classes];
        for (row, labels) in present.chunks_mut(layout.classes).zip(labels.chunks(digits)) {
            labels.iter().for_each(|&label| row[label] = 1.0);
        }
        Ok(Batch { layout, images, present, labels, sources: (digits > 1).then_some(sources) })
    }
}

impl Layout {
    /// Numbers in one image: C · H · W.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.channels * self.side * self.side
    }
}

impl Batch {
    /// B, the number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len() / self.layout.digits
    }

    /// Whether there is no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Image `i`, (C, H, W).
    ///
    /// # Panics
    /// When `i` is not below [`Batch::len`].
    #[must_use]
    pub fn image(&self, i: usize) -> &[f32] {
        let pixels = self.layout.pixels();
        &self.images[i * pixels..(i + 1) * pixels]
    }

    /// The classes of the digits of image `i`.
    ///
    /// # Panics
    /// When `i` is not below [`Batch::len`].
    #[must_use]
    pub fn labels_of(&self, i: usize) -> &[usize] {
        let digits = self.layout.digits;
        &self.labels[i * digits..(i + 1) * digits]
    }

    /// What a decoder should make of digit `k` of image `i`: that digit alone, (C, H, W).
    ///
    /// # Panics
    /// When `i` is not below [`Batch::len`] or `k` not below the digits of an image.
    #[must_use]
    pub fn target(&self, i: usize, k: usize) -> &[f32] {
        let (pixels, digits) = (self.layout.pixels(), self.layout.digits);
        assert!(k < digits, "digit {k} of an image of {digits}");
        let at = i * digits + k;
        let from = self.sources.as_deref().unwrap_or(&self.images);
        &from[at * pixels..(at + 1) * pixels]
    }
}

/// Refuses a member that is not below `len`.
pub(super) fn check_member(member: usize, len: usize) -> Result<(), DatasetError> {
    if member < len {
        return Ok(());
    }
    let allowed = format!("below {len}, the images of an epoch");
    Err(DatasetError::InvalidConfig { field: "member", value: member.to_string(), allowed })
}

/// The sizes of single images of a set, grown by `margin` pixels on each side.
///
/// # Errors
/// [`DatasetError::Inconsistent`] unless the images are square, and there is one.
pub(super) fn layout_of(set: &ImageSet, margin: usize, digits: usize) -> Result<Layout, DatasetError> {
    let shape = set.shape();
    if shape.height != shape.width || set.is_empty() {
        return Err(DatasetError::Inconsistent {
            what: "a source of images",
            expected: "one or more images that are as high as wide".into(),
            found: format!("{} images of {shape}", set.len()),
        });
    }
    let side = shape.height + 2 * margin;
    Ok(Layout { channels: shape.channels, side, classes: set.classes(), digits })
}

/// Bytes as numbers in [0, 1].
pub(super) fn to_unit(bytes: &[u8], out: &mut [f32]) {
    out.iter_mut().zip(bytes).for_each(|(out, &byte)| *out = f32::from(byte) / 255.0);
}

/// The first `length` bytes of scratch space.
pub(super) fn room(bytes: &mut Vec<u8>, length: usize) -> &mut [u8] {
    bytes.resize(length, 0);
    bytes
}

//! Images cut into planes, and planes handed out channel by channel: what batch normalisation works on.

use std::{borrow::Cow, ops::Range};

use dfdx::shapes::Dim;

/// Planes of fewer values than this are not worth a loop each: (B, C, H, W) is then worked on as (C, B, H, W).
const SHORT: usize = 8;

/// How a (B, C, H, W) slice falls into channels, and its examples into groups.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    batch: usize,
    /// C.
    pub(crate) channels: usize,
    /// H W.
    plane: usize,
    /// Where the groups of examples begin, and the end of the last.
    bounds: Vec<usize>,
}

impl Layout {
    /// Images of this shape in groups of these sizes.
    pub(crate) fn of<B: Dim, C: Dim, H: Dim, W: Dim>(
        shape: &(B, C, H, W),
        groups: impl Iterator<Item = usize>,
    ) -> Self {
        let mut bounds = vec![0];
        let mut end = 0;
        bounds.extend(groups.map(|size| {
            end += size;
            end
        }));
        let plane = shape.2.size() * shape.3.size();
        if plane == 0 {
            bounds.truncate(1);
        }
        Layout { batch: shape.0.size(), channels: shape.1.size(), plane, bounds }
    }

    /// The number of groups.
    pub(crate) fn groups(&self) -> usize {
        self.bounds.len() - 1
    }

    /// How many values a channel has in a group.
    pub(crate) fn count(&self, group: usize) -> usize {
        (self.bounds[group + 1] - self.bounds[group]) * self.plane
    }

    /// Which pieces of a [`channel`](Self::channel) a group has.
    pub(crate) fn planes(&self, group: usize) -> Range<usize> {
        if self.short() {
            group..group + 1
        } else {
            self.bounds[group]..self.bounds[group + 1]
        }
    }

    fn short(&self) -> bool {
        self.plane < SHORT
    }

    /// The pieces of one channel, in the order of the images: its planes, or in a layout of short planes one piece a
    /// group. `values` come from [`channels_first`](Self::channels_first).
    pub(crate) fn channel<'a>(&self, values: &'a [f32], channel: usize) -> Vec<&'a [f32]> {
        if self.short() {
            let row = self.batch * self.plane;
            let row = &values[channel * row..(channel + 1) * row];
            return self.bounds.windows(2).map(|b| &row[b[0] * self.plane..b[1] * self.plane]).collect();
        }
        let images = values.chunks_exact((self.channels * self.plane).max(1));
        images.map(|image| &image[channel * self.plane..(channel + 1) * self.plane]).collect()
    }

    /// The pieces of every channel. No values give every channel an empty list.
    pub(crate) fn channels_mut<'a>(&self, values: &'a mut [f32]) -> Vec<Vec<&'a mut [f32]>> {
        let mut lists: Vec<Vec<&mut [f32]>> = (0..self.channels).map(|_| Vec::new()).collect();
        if self.short() {
            for (list, mut row) in
                lists.iter_mut().zip(values.chunks_exact_mut((self.batch * self.plane).max(1)))
            {
                for b in self.bounds.windows(2) {
                    let (piece, rest) = row.split_at_mut((b[1] - b[0]) * self.plane);
                    list.push(piece);
                    row = rest;
                }
            }
            return lists;
        }
        for image in values.chunks_exact_mut((self.channels * self.plane).max(1)) {
            for (list, plane) in lists.iter_mut().zip(image.chunks_exact_mut(self.plane)) {
                list.push(plane);
            }
        }
        lists
    }

    /// The values in the order that this layout works on.
    pub(crate) fn channels_first<'a>(&self, values: &'a [f32]) -> Cow<'a, [f32]> {
        if !self.short() || values.is_empty() {
            return Cow::Borrowed(values);
        }
        Cow::Owned(swap(values, self.batch, self.channels, self.plane))
    }

    /// The values in the order of images again.
    pub(crate) fn images_first(&self, values: Vec<f32>) -> Vec<f32> {
        if !self.short() || values.is_empty() {
            return values;
        }
        swap(&values, self.channels, self.batch, self.plane)
    }

    /// Lends slices that are in the order of images in the order that this layout works on.
    pub(crate) fn with_channels_first<const N: usize>(
        &self,
        slices: [&mut [f32]; N],
        work: impl FnOnce([&mut [f32]; N]),
    ) {
        if !self.short() {
            return work(slices);
        }
        let mut swapped = slices.each_ref().map(|s| self.channels_first(s).into_owned());
        work(swapped.each_mut().map(|s| s.as_mut_slice()));
        for (slice, swapped) in slices.into_iter().zip(swapped) {
            slice.copy_from_slice(&self.images_first(swapped));
        }
    }
}

/// (rows, columns, items) to (columns, rows, items).
fn swap(values: &[f32], rows: usize, columns: usize, items: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for column in 0..columns {
        for row in 0..rows {
            let start = (row * columns + column) * items;
            out.extend_from_slice(&values[start..start + items]);
        }
    }
    out
}

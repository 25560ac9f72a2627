//! The batch cut into groups of images, each prepared and worked on by one thread.

use rayon::prelude::*;

use super::{layout::Layout, panels::Panels, Width};
use crate::ops::scratch::Buffer;

/// Vectors of results in a group at least, so that panels are full and weights are read for many.
const VECTORS_IN_GROUP: usize = 16;

/// Elements of prepared images in a group at most, so that they stay in the second-level cache.
const PREPARED: usize = 160 << 10;

/// Images in a group, where each has `results` results and `prepared` elements when prepared.
pub(super) fn images_in_group(width: &Width, batch: usize, results: usize, prepared: usize) -> usize {
    let enough = (VECTORS_IN_GROUP * width.lanes).div_ceil(results.max(1));
    let fitting = (PREPARED / prepared.max(1)).max(1);
    let least = enough.min(fitting.max(enough.min(8))).max(1);
    // a power of two groups is spread evenly over most numbers of threads
    let groups = (batch / least).max(1);
    batch.div_ceil(1 << groups.ilog2()).max(1)
}

/// One array of images: the planes of each, and how they are laid out for reading.
#[derive(Clone, Copy)]
pub(super) struct Images<'a> {
    pub(super) values: &'a [f32],
    pub(super) channels: usize,
    pub(super) plane: usize,
    pub(super) layout: &'a Layout,
}

impl Images<'_> {
    /// Elements of an image when prepared.
    pub(super) fn prepared(&self) -> usize {
        self.channels * self.layout.channel
    }

    /// Calls `work(images, prepared images, results)` for every group of `group` images and its part of `sink`, which
    /// has `result` elements an image.
    ///
    /// `panels(images)` must be what `work` reads by, for `farthest` the last tap.
    pub(super) fn each_group(
        &self,
        width: &Width,
        group: usize,
        sink: &mut [f32],
        result: usize,
        reads: impl Fn(usize) -> usize + Sync,
        work: impl Fn(usize, &[f32], &mut [f32]) + Sync,
    ) {
        let image = self.channels * self.plane;
        if result == 0 {
            return;
        }
        sink.par_chunks_mut(group * result).enumerate().for_each(|(nth, sink)| {
            let images = sink.len() / result;
            let values = &self.values[nth * group * image..][..images * image];
            if self.layout.in_place() && reads(images) <= values.len() {
                return work(images, values, sink);
            }
            // a vector beyond the end, for lanes that are idle
            let mut prepared = Buffer::of(images * self.prepared() + 2 * width.lanes);
            prepared.fill(0.0);
            for i in 0..images {
                let to = &mut prepared[i * self.prepared()..][..self.prepared()];
                self.layout.fill(&values[i * image..][..image], self.channels, to);
            }
            work(images, &prepared, sink);
        });
    }
}

/// The panels of full groups and those of the last, smaller one.
pub(super) struct PanelsOfGroups {
    full: Panels,
    rest: Panels,
    group: usize,
}

impl PanelsOfGroups {
    pub(super) fn new(batch: usize, group: usize, make: impl Fn(usize) -> Panels) -> Self {
        let rest = if batch.is_multiple_of(group) { Panels::default() } else { make(batch % group) };
        PanelsOfGroups { full: make(group), rest, group }
    }

    pub(super) fn of(&self, images: usize) -> &Panels {
        if images == self.group {
            &self.full
        } else {
            &self.rest
        }
    }
}

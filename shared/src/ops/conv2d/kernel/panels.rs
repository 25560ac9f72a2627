//! Which results a vector holds, where their pixels are read and where they are written.

use std::ops::Range;

/// Vectors in a panel at most.
pub(super) const VECTORS: usize = 3;

/// The results of a few images of equal size, and where image and result lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) images: usize,
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Elements from one prepared image to the next, and from one of its rows to the next.
    pub(super) source: [usize; 2],
    /// Elements of the result from one image, row and column to the next.
    pub(super) sink: [usize; 3],
    /// Where the first result is written.
    pub(super) start: usize,
}

impl Grid {
    fn source(&self, [image, row, col]: [usize; 3]) -> usize {
        image * self.source[0] + row * self.source[1] + col
    }

    fn sink(&self, [image, row, col]: [usize; 3]) -> usize {
        self.start + image * self.sink[0] + row * self.sink[1] + col * self.sink[2]
    }
}

/// Neighbouring lanes of a panel whose pixels (or results) are evenly spaced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) lane: usize,
    pub(super) len: usize,
    pub(super) at: usize,
}

/// Up to [`VECTORS`] vectors of results.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) vectors: usize,
    /// Where each vector is read, for tap 0; when read in place.
    pub(super) bases: [usize; VECTORS],
    /// The lanes copied side by side before the product; when packed.
    pub(super) sources: Range<usize>,
    /// The lanes written.
    pub(super) sinks: Range<usize>,
}

/// All results of a [`Grid`].
#[derive(Clone, Debug, Default)]
pub(super) struct Panels {
    pub(super) packed: bool,
    pub(super) panels: Vec<Panel>,
    pub(super) sources: Vec<Segment>,
    pub(super) sinks: Vec<Segment>,
    /// Elements from one lane's result to the next one's.
    pub(super) step: usize,
}

impl Panels {
    /// The cheaper of [`in_place`](Self::in_place) and [`packed`](Self::packed) for `blocks` blocks of output channels.
    pub(super) fn cheapest(grid: &Grid, lanes: usize, blocks: usize) -> Self {
        let (in_place, packed) = (Self::in_place(grid, lanes), Self::packed(grid, lanes));
        // in multiply-adds of a vector: a block of output channels takes 8 a vector, a segment copied about 4
        let cost = |p: &Panels| {
            let vectors: usize = p.panels.iter().map(|p| p.vectors).sum();
            vectors * blocks * 8 + p.sources.len() * 4
        };
        if cost(&in_place) <= cost(&packed) {
            in_place
        } else {
            packed
        }
    }

    /// Vectors of pixels that are neighbours in the prepared image; the lanes beyond the end of a row are idle.
    pub(super) fn in_place(grid: &Grid, lanes: usize) -> Self {
        let pitch = grid.source[1];
        let mut out = Panels { step: grid.sink[2], ..Panels::default() };
        if grid.rows * grid.cols == 0 {
            return out;
        }
        let end = (grid.rows - 1) * pitch + grid.cols;
        for image in 0..grid.images {
            let mut next = 0;
            while next < end {
                // the last vector ends with the last pixel
                let base = if next + lanes > end && end >= lanes { end - lanes } else { next };
                let vector = out.add_vector();
                out.panels[vector.0].bases[vector.1] = image * grid.source[0] + base;
                for lane in next - base..lanes {
                    let (row, col) = ((base + lane) / pitch, (base + lane) % pitch);
                    if row < grid.rows && col < grid.cols {
                        let at = grid.sink([image, row, col]);
                        out.add_sink(vector, vector.1 * lanes + lane, at, lanes);
                    }
                }
                next = base + lanes;
                if next % pitch >= grid.cols {
                    next = next.next_multiple_of(pitch);
                }
            }
        }
        out
    }

    /// Vectors without idle lanes, whose pixels are copied side by side.
    pub(super) fn packed(grid: &Grid, lanes: usize) -> Self {
        let mut out = Panels { packed: true, step: grid.sink[2], ..Panels::default() };
        let mut vector = (0, 0);
        let all = grid.images * grid.rows * grid.cols;
        for i in 0..all {
            let place = [i / (grid.rows * grid.cols), i / grid.cols % grid.rows, i % grid.cols];
            if i % lanes == 0 {
                vector = out.add_vector();
                out.panels[vector.0].bases[vector.1] = vector.1 * lanes;
            }
            let lane = vector.1 * lanes + i % lanes;
            let (first, source) = (out.panels[vector.0].sources.start, grid.source(place));
            match out.sources[first..].last_mut() {
                Some(s) if s.at + s.len == source && s.len < lanes => s.len += 1,
                _ => out.sources.push(Segment { lane, len: 1, at: source }),
            }
            out.panels[vector.0].sources.end = out.sources.len();
            out.add_sink(vector, lane, grid.sink(place), lanes);
        }
        out
    }

    fn add_vector(&mut self) -> (usize, usize) {
        match self.panels.last_mut() {
            Some(panel) if panel.vectors < VECTORS => panel.vectors += 1,
            _ => self.panels.push(Panel {
                vectors: 1,
                bases: [0; VECTORS],
                sources: self.sources.len()..self.sources.len(),
                sinks: self.sinks.len()..self.sinks.len(),
            }),
        }
        let panel = self.panels.len() - 1;
        (panel, self.panels[panel].vectors - 1)
    }

    fn add_sink(&mut self, (panel, _): (usize, usize), lane: usize, at: usize, lanes: usize) {
        let first = self.panels[panel].sinks.start;
        match self.sinks[first..].last_mut() {
            // a segment stays within its vector
            Some(s)
                if lane == s.lane + s.len
                    && at == s.at + s.len * self.step
                    && !lane.is_multiple_of(lanes) =>
            {
                s.len += 1
            }
            _ => self.sinks.push(Segment { lane, len: 1, at }),
        }
        self.panels[panel].sinks.end = self.sinks.len();
    }
}

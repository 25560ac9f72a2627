//! Which tiles are worked on at a time.

use std::ops::Range;

/// Results along a side of a tile.
pub(super) const TILE: usize = 4;

/// Tiles in a block, as nearly as the images allow.
const TILES: usize = 48;

/// Tiles of a few images: of all of each, or of some rows of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) images: Range<usize>,
    /// Rows of tiles.
    pub(super) down: Range<usize>,
    /// Tiles in a row.
    pub(super) across: usize,
}

impl Block {
    pub(super) fn tiles(&self) -> usize {
        self.images.len() * self.down.len() * self.across
    }
}

/// How the tiles of all images fall into blocks, by the sizes alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    batch: usize,
    down: usize,
    across: usize,
    /// Images in a block.
    pub(super) images: usize,
    /// Rows of tiles in a block.
    rows: usize,
}

impl Blocks {
    /// For a batch of results of so many rows and columns.
    pub(super) fn new(batch: usize, rows: usize, cols: usize) -> Self {
        let (down, across) = (rows.div_ceil(TILE), cols.div_ceil(TILE));
        let tiles = (down * across).max(1);
        // a power of two blocks is spread evenly over most numbers of threads
        let blocks = (batch * tiles / TILES).clamp(1, batch.max(1));
        let images = batch.div_ceil(1 << blocks.ilog2()).max(1);
        let parts = (tiles / TILES).clamp(1, down.max(1));
        Blocks { batch, down, across, images, rows: down.div_ceil(parts).max(1) }
    }

    /// The blocks of some images, which are those from a multiple of [`images`](Self::images) on.
    pub(super) fn of(&self, images: Range<usize>) -> impl Iterator<Item = Block> + use<> {
        let Blocks { batch, down, across, images: at_once, rows } = *self;
        let end = images.end.min(batch);
        images.step_by(at_once).flat_map(move |first| {
            (0..down).step_by(rows).map(move |row| Block {
                images: first..(first + at_once).min(end),
                down: row..(row + rows).min(down),
                across,
            })
        })
    }
}

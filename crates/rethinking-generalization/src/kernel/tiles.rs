//! The lower triangle of a symmetric matrix, in square tiles.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use faer::{MatMut, MatRef};
use rayon::prelude::*;

use super::error::{zeros, KernelError};

/// The tile edge that is used unless another is asked for.
///
/// Edges that are powers of two are slower: columns of a tile then fall into the same sets of the cache.
pub const TILE: usize = 384;

/// Where the entries of a symmetric matrix come from, a tile at a time.
///
/// # Shapes
///
/// `fill(rows, columns, out)`: `out` has `rows.len() · columns.len()` zeros, column-major, and entry (r, c) of the
/// matrix belongs at `out[(r - rows.start) + (c - columns.start) * rows.len()]`. Tiles above the diagonal are never
/// asked for, and of a tile on the diagonal only the lower triangle is read.
///
/// It is called once a tile, from several threads; for the same bits at any number of threads it must depend on its
/// arguments alone.
pub trait TileSource: Sync {
    /// Writes the entries of one tile.
    fn fill(&self, rows: Range<usize>, columns: Range<usize>, out: &mut [f64]);
}

impl<F: Fn(Range<usize>, Range<usize>, &mut [f64]) + Sync> TileSource for F {
    fn fill(&self, rows: Range<usize>, columns: Range<usize>, out: &mut [f64]) {
        self(rows, columns, out);
    }
}

/// How n x n is cut into tiles of `edge` x `edge`; the last row and column of tiles may be smaller.
///
/// Tiles of the lower triangle are numbered column after column, from the diagonal down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileGrid {
    size: usize,
    edge: usize,
}

impl TileGrid {
    /// The grid of an n x n matrix.
    ///
    /// # Errors
    ///
    /// [`KernelError::Setting`] where the size or the edge is 0.
    pub fn new(size: usize, edge: usize) -> Result<Self, KernelError> {
        for (name, value) in [("the number of rows", size), ("the tile edge", edge)] {
            if value == 0 {
                return Err(KernelError::Setting { name, value: "0".into(), allowed: "at least 1" });
            }
        }
        Ok(Self { size, edge: edge.min(size) })
    }

    /// Rows of the matrix.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Rows of tiles.
    pub fn blocks(&self) -> usize {
        self.size.div_ceil(self.edge)
    }

    /// Tiles of the lower triangle, diagonal included.
    pub fn tiles(&self) -> usize {
        self.blocks() * (self.blocks() + 1) / 2
    }

    /// The rows of the matrix in row `block` of tiles.
    pub fn range(&self, block: usize) -> Range<usize> {
        block * self.edge..((block + 1) * self.edge).min(self.size)
    }

    /// Bytes of all tiles.
    pub fn bytes(&self) -> u64 {
        let (size, edge) = (self.size as u64, self.edge as u64);
        let (full, rest) = (size / edge, size % edge);
        8 * (full * (full + 1) / 2 * edge * edge + full * edge * rest + rest * rest)
    }

    /// The number of tile (row, column), `column <= row`.
    pub(super) fn index(&self, row: usize, column: usize) -> usize {
        column * self.blocks() + row - column * (column + 1) / 2
    }

    /// Row and column of tile `index`.
    pub(super) fn position(&self, mut index: usize) -> (usize, usize) {
        let mut column = 0;
        while index >= self.blocks() - column {
            index -= self.blocks() - column;
            column += 1;
        }
        (column + index, column)
    }
}

/// The entries of one tile, column-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tile {
    values: Vec<f64>,
    rows: usize,
}

impl Tile {
    /// The tile (row, column) of `grid`, filled from `source`.
    pub(super) fn filled(
        grid: &TileGrid,
        row: usize,
        column: usize,
        source: &dyn TileSource,
    ) -> Result<Self, KernelError> {
        let (rows, columns) = (grid.range(row), grid.range(column));
        let mut tile = Self { values: zeros(rows.len() * columns.len())?, rows: rows.len() };
        source.fill(rows, columns, &mut tile.values);
        Ok(tile)
    }

    pub(super) fn view(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.values, self.rows, self.values.len() / self.rows)
    }

    pub(super) fn view_mut(&mut self) -> MatMut<'_, f64> {
        let columns = self.values.len() / self.rows;
        MatMut::from_column_major_slice_mut(&mut self.values, self.rows, columns)
    }
}

/// A symmetric matrix of which the lower triangle is held, in tiles.
///
/// # Complexity
///
/// About 4 n² bytes.
///
/// # Example
///
/// ```
/// use rethinking_generalization::kernel::{TileGrid, TiledSymmetric};
/// use std::ops::Range;
///
/// let entry = |r: usize, c: usize| (r * c) as f64;
/// let source = |rows: Range<usize>, columns: Range<usize>, out: &mut [f64]| {
///     for (at, value) in out.iter_mut().enumerate() {
///         *value += entry(rows.start + at % rows.len(), columns.start + at / rows.len());
///     }
/// };
/// let mut matrix = TiledSymmetric::filled(TileGrid::new(5, 2)?, &source)?;
/// matrix.add(&source);
/// assert_eq!((matrix.get(4, 3), matrix.get(1, 4)), (24.0, 8.0));
/// # Ok::<(), rethinking_generalization::kernel::KernelError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TiledSymmetric {
    grid: TileGrid,
    tiles: Vec<Tile>,
}

impl TiledSymmetric {
    /// Fills all tiles, in parallel.
    ///
    /// # Errors
    ///
    /// [`KernelError::Allocation`] where the system has no memory for a tile.
    pub fn filled(grid: TileGrid, source: &dyn TileSource) -> Result<Self, KernelError> {
        let tile = |index| {
            let (row, column) = grid.position(index);
            Tile::filled(&grid, row, column, source)
        };
        let tiles = (0..grid.tiles()).into_par_iter().map(tile).collect::<Result<_, _>>()?;
        Ok(Self { grid, tiles })
    }

    /// Calls `source` on the tiles as they are, in parallel: a source that adds to `out` adds to the matrix.
    pub fn add(&mut self, source: &dyn TileSource) {
        let grid = self.grid;
        self.tiles.par_iter_mut().enumerate().for_each(|(index, tile)| {
            let (row, column) = grid.position(index);
            source.fill(grid.range(row), grid.range(column), &mut tile.values);
        });
    }

    /// The cut.
    pub fn grid(&self) -> TileGrid {
        self.grid
    }

    /// Entry (row, column), both below the size.
    ///
    /// # Panics
    ///
    /// If one is not.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        let (row, column) = (row.max(column), row.min(column));
        let edge = self.grid.edge;
        self.tiles[self.grid.index(row / edge, column / edge)].view()[(row % edge, column % edge)]
    }

    /// The tiles, each to be taken once.
    pub(super) fn into_cells(self) -> Vec<Mutex<Option<Tile>>> {
        self.tiles.into_iter().map(|tile| Mutex::new(Some(tile))).collect()
    }
}

/// Takes a tile out of its cell.
pub(super) fn take(cell: &Mutex<Option<Tile>>) -> Option<Tile> {
    cell.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_numbered_column_after_column() {
        let grid = TileGrid::new(10, 3).unwrap();
        assert_eq!((grid.blocks(), grid.tiles(), grid.range(3)), (4, 10, 9..10));
        let mut expected = 0;
        for column in 0..4 {
            for row in column..4 {
                assert_eq!(grid.index(row, column), expected);
                assert_eq!(grid.position(expected), (row, column));
                expected += 1;
            }
        }
        let bytes: usize =
            (0..10).map(|k| grid.position(k)).map(|(r, c)| grid.range(r).len() * grid.range(c).len()).sum();
        assert_eq!(grid.bytes(), 8 * bytes as u64);
    }

    #[test]
    fn empty_grids_are_refused() {
        assert!(TileGrid::new(0, 3).is_err());
        assert!(TileGrid::new(3, 0).is_err());
    }

    #[test]
    fn sixty_thousand_rows_take_half_of_the_square() {
        let bytes = TileGrid::new(60_000, TILE).unwrap().bytes();
        assert!((14_400_000_000..14_600_000_000).contains(&bytes), "{bytes}");
    }
}

//! A tiled Cholesky factorization that holds the lower triangle alone.
//!
//! # Formula
//!
//! A = L Lᵀ, tile by tile: L_ij = (A_ij - Σ_{k<j} L_ik L_jkᵀ) L_jj⁻ᵀ below the diagonal and
//! L_jj L_jjᵀ = A_jj - Σ_{k<j} L_jk L_jkᵀ on it.
//!
//! Each tile is made, updated and finished by one thread, k rising, while it is in that thread's cache; threads take
//! tiles column after column and wait for single tiles, never for each other. So every sum has one order, and the bits
//! do not depend on the number of threads.

use std::ops::Range;
use std::sync::Mutex;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch, LltError};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Accum, Par};

use shared::parallel::{pipeline, Earlier};

use super::error::KernelError;
use super::tiles::{take, Tile, TileGrid, TileSource, TiledSymmetric};
use crate::product::{clear_upper_halves, multiply};

/// Called with how many tiles are done, and of how many; from several threads.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// The factor L of a symmetric positive definite matrix, in tiles.
///
/// # Complexity
///
/// n³/3 products and sums; n²/2 numbers of memory, so 14.5 GB at n = 60,000 and 1.6 GB at n = 20,000.
///
/// # Reference
///
/// Zhang et al. 2017, section 5: "solve (3)" for MNIST, a 60,000 x 60,000 Gram matrix.
///
/// # Example
///
/// ```
/// use rethinking_generalization::kernel::{TileGrid, TiledCholesky};
/// use std::ops::Range;
///
/// // [4 2 0; 2 5 2; 0 2 5] in tiles of 2
/// let matrix = [[4.0, 2.0, 0.0], [2.0, 5.0, 2.0], [0.0, 2.0, 5.0]];
/// let source = |rows: Range<usize>, columns: Range<usize>, out: &mut [f64]| {
///     for (at, value) in out.iter_mut().enumerate() {
///         *value = matrix[rows.start + at % rows.len()][columns.start + at / rows.len()];
///     }
/// };
/// let factor = TiledCholesky::factor(TileGrid::new(3, 2)?, &source, 0.0, &|_, _| {})?;
/// assert_eq!([factor.get(0, 0), factor.get(1, 0), factor.get(2, 2)], [2.0, 1.0, 2.0]);
/// assert_eq!(factor.solve(&[6.0, 9.0, 7.0], 1)?, [1.0, 1.0, 1.0]);
/// # Ok::<(), rethinking_generalization::kernel::KernelError>(())
/// ```
#[derive(Debug)]
pub struct TiledCholesky {
    pub(super) grid: TileGrid,
    pub(super) tiles: Vec<Tile>,
}

impl TiledCholesky {
    /// Factors A + ridge · I, with the entries of A from `source`, on the threads of the current rayon pool.
    ///
    /// # Errors
    ///
    /// [`KernelError::NotPositiveDefinite`] with the first row whose pivot is not positive,
    /// [`KernelError::Setting`] for a ridge that is negative or not finite, [`KernelError::Allocation`].
    pub fn factor(
        grid: TileGrid,
        source: &dyn TileSource,
        ridge: f64,
        progress: Progress<'_>,
    ) -> Result<Self, KernelError> {
        Self::factor_tiles(grid, ridge, progress, |row, column| Tile::filled(&grid, row, column, source))
    }

    /// Factors `matrix` + ridge · I in the memory of `matrix`.
    ///
    /// # Errors
    ///
    /// As [`TiledCholesky::factor`].
    pub fn factor_in_place(
        matrix: TiledSymmetric,
        ridge: f64,
        progress: Progress<'_>,
    ) -> Result<Self, KernelError> {
        let grid = matrix.grid();
        let cells: Vec<Mutex<Option<Tile>>> = matrix.into_cells();
        Self::factor_tiles(grid, ridge, progress, |row, column| {
            // Each tile is asked for once, so the cell is full; an empty tile would only say otherwise.
            take(&cells[grid.index(row, column)]).map_or_else(
                || Tile::filled(&grid, row, column, &|_: Range<usize>, _: Range<usize>, _: &mut [f64]| {}),
                Ok,
            )
        })
    }

    fn factor_tiles(
        grid: TileGrid,
        ridge: f64,
        progress: Progress<'_>,
        start: impl Fn(usize, usize) -> Result<Tile, KernelError> + Sync,
    ) -> Result<Self, KernelError> {
        check_ridge(ridge)?;
        let total = grid.tiles();
        let tiles = pipeline(total, &|done| progress(done, total), |index, earlier| {
            let (row, column) = grid.position(index);
            let tile = start(row, column)?;
            if row == column {
                diagonal(&grid, row, tile, ridge, earlier)
            } else {
                Ok(below(&grid, row, column, tile, earlier))
            }
        })?;
        Ok(Self { grid, tiles })
    }

    /// The cut.
    pub fn grid(&self) -> TileGrid {
        self.grid
    }

    /// Entry (row, column) of L; 0 above the diagonal.
    ///
    /// # Panics
    ///
    /// If row or column is not below the size.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        let (edge, size) = (self.grid.range(0).len(), self.grid.size());
        assert!(row < size && column < size, "({row}, {column}) of {size} x {size}");
        if column > row {
            return 0.0;
        }
        self.tiles[self.grid.index(row / edge, column / edge)].view()[(row % edge, column % edge)]
    }

    /// ln det A = 2 Σ ln L_ii.
    pub fn log_determinant(&self) -> f64 {
        (0..self.grid.size()).map(|at| 2.0 * self.get(at, at).ln()).sum()
    }
}

/// L_jj from A_jj.
fn diagonal(
    grid: &TileGrid,
    at: usize,
    mut tile: Tile,
    ridge: f64,
    earlier: &Earlier<'_, Tile>,
) -> Result<Option<Tile>, KernelError> {
    let size = grid.range(at).len();
    let mut a = tile.view_mut();
    for k in 0..size {
        a[(k, k)] += ridge;
    }
    for k in 0..at {
        let Some(left) = earlier.get(grid.index(at, k)) else { return Ok(None) };
        triangular::matmul(
            a.as_mut(),
            BlockStructure::TriangularLower,
            Accum::Add,
            left.view(),
            BlockStructure::Rectangular,
            left.view().transpose(),
            BlockStructure::Rectangular,
            -1.0,
            Par::Seq,
        );
    }
    let fails =
        |row| Err(KernelError::NotPositiveDefinite { row: grid.range(at).start + row, size: grid.size() });
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(size, Par::Seq, Default::default()));
    let stack = MemStack::new(&mut memory);
    let (plain, options) = (Default::default(), Default::default());
    let outcome = cholesky_in_place(a.as_mut(), plain, Par::Seq, stack, options);
    clear_upper_halves();
    if let Err(LltError::NonPositivePivot { index }) = outcome {
        return fails(index);
    }
    // Entries that are no numbers pass every comparison.
    match (0..size).find(|&k| !(a[(k, k)] > 0.0 && a[(k, k)].is_finite())) {
        Some(row) => fails(row),
        None => Ok(Some(tile)),
    }
}

/// L_ij from A_ij, i > j.
fn below(
    grid: &TileGrid,
    row: usize,
    column: usize,
    mut tile: Tile,
    earlier: &Earlier<'_, Tile>,
) -> Option<Tile> {
    let mut a = tile.view_mut();
    for k in 0..column {
        let (left, right) = (earlier.get(grid.index(row, k))?, earlier.get(grid.index(column, k))?);
        multiply(a.as_mut(), Accum::Add, left.view(), right.view().transpose(), -1.0);
    }
    // X L_jjᵀ = A_ij, as L_jj Xᵀ = A_ijᵀ
    let corner = earlier.get(grid.index(column, column))?;
    solve_lower_triangular_in_place(corner.view(), a.transpose_mut(), Par::Seq);
    clear_upper_halves();
    Some(tile)
}

pub(super) fn check_ridge(ridge: f64) -> Result<(), KernelError> {
    if ridge >= 0.0 && ridge.is_finite() {
        return Ok(());
    }
    let (name, allowed) = ("the ridge", "finite and not negative");
    Err(KernelError::Setting { name, value: ridge.to_string(), allowed })
}

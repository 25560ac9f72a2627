//! Triangular systems with the tiled factor, many right-hand sides at a time.

use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Accum, Mat, MatRef, Par};

use shared::parallel::{pipeline, Earlier};

use super::cholesky::TiledCholesky;
use super::error::KernelError;
use crate::product::{clear_upper_halves, multiply};

impl TiledCholesky {
    /// X with A X = B.
    ///
    /// # Shapes
    ///
    /// `rhs` and the result: n x `columns`, row-major.
    ///
    /// # Errors
    ///
    /// [`KernelError::Count`] where `rhs` has another length, [`KernelError::Setting`] for no columns.
    ///
    /// # Complexity
    ///
    /// 2 n² · columns products and sums; L is read twice, which is what it costs.
    pub fn solve(&self, rhs: &[f64], columns: usize) -> Result<Vec<f64>, KernelError> {
        let half = self.forward(rhs, columns)?;
        self.backward(&half, columns, self.grid.size())
    }

    /// Y with L Y = B.
    ///
    /// The first m rows of Y depend on the first m rows of A and B alone, so one `forward` serves the leading systems
    /// of every size.
    ///
    /// # Shapes
    ///
    /// As [`TiledCholesky::solve`].
    ///
    /// # Errors
    ///
    /// As [`TiledCholesky::solve`].
    pub fn forward(&self, rhs: &[f64], columns: usize) -> Result<Vec<f64>, KernelError> {
        check_rhs(rhs.len(), self.grid.size(), columns)?;
        let grid = self.grid;
        let parts = pipeline(grid.blocks(), &|_| {}, |row, earlier: &Earlier<'_, Mat<f64>>| {
            let range = grid.range(row);
            let own = &rhs[range.start * columns..range.end * columns];
            let mut part = MatRef::from_row_major_slice(own, range.len(), columns).to_owned();
            for k in 0..row {
                let Some(above) = earlier.get(k) else { return Ok(None) };
                let tile = self.tiles[grid.index(row, k)].view();
                multiply(part.as_mut(), Accum::Add, tile, above.as_ref(), -1.0);
            }
            solve_lower_triangular_in_place(self.tiles[grid.index(row, row)].view(), part.as_mut(), Par::Seq);
            clear_upper_halves();
            Ok(Some(part))
        })?;
        Ok(row_major(parts.iter(), columns))
    }

    /// X with Lₘᵀ X = Y, for the leading m x m block of L and the first m rows of `half`.
    ///
    /// With `half` from [`TiledCholesky::forward`], X solves the leading m x m system: the factor of a leading block
    /// of A is the leading block of its factor.
    ///
    /// # Shapes
    ///
    /// `half`: at least m x `columns`, row-major; the result: m x `columns`.
    ///
    /// # Errors
    ///
    /// [`KernelError::Setting`] where m is 0 or above n or there are no columns, [`KernelError::Count`] where `half`
    /// is shorter.
    pub fn backward(&self, half: &[f64], columns: usize, m: usize) -> Result<Vec<f64>, KernelError> {
        if m == 0 || m > self.grid.size() {
            let (name, allowed) = ("the number of leading rows", "from 1 to the rows of the matrix");
            return Err(KernelError::Setting { name, value: m.to_string(), allowed });
        }
        let half = &half[..half.len().min(m.saturating_mul(columns))];
        check_rhs(half.len(), m, columns)?;
        let grid = self.grid;
        let blocks = (0..grid.blocks()).take_while(|&block| grid.range(block).start < m).count();
        // Rows of the block that are below m.
        let kept = |block: usize| grid.range(block).len().min(m - grid.range(block).start);
        let parts = pipeline(blocks, &|_| {}, |index, earlier: &Earlier<'_, Mat<f64>>| {
            let column = blocks - 1 - index;
            let (start, len) = (grid.range(column).start, kept(column));
            let own = &half[start * columns..(start + len) * columns];
            let mut part = MatRef::from_row_major_slice(own, len, columns).to_owned();
            for row in (column + 1..blocks).rev() {
                let Some(below) = earlier.get(blocks - 1 - row) else { return Ok(None) };
                let tile = self.tiles[grid.index(row, column)].view().subrows(0, kept(row));
                multiply(part.as_mut(), Accum::Add, tile.transpose(), below.as_ref(), -1.0);
            }
            let corner = self.tiles[grid.index(column, column)].view().submatrix(0, 0, len, len);
            solve_upper_triangular_in_place(corner.transpose(), part.as_mut(), Par::Seq);
            clear_upper_halves();
            Ok(Some(part))
        })?;
        Ok(row_major(parts.iter().rev(), columns))
    }
}

fn check_rhs(found: usize, rows: usize, columns: usize) -> Result<(), KernelError> {
    if columns == 0 {
        let (name, allowed) = ("the number of right-hand sides", "at least 1");
        return Err(KernelError::Setting { name, value: "0".into(), allowed });
    }
    let expected = rows.saturating_mul(columns);
    if found == expected {
        return Ok(());
    }
    let why = "a right-hand side has a number for each row of the matrix";
    Err(KernelError::Count { what: "numbers of right-hand sides", found, expected, why })
}

fn row_major<'a>(parts: impl Iterator<Item = &'a Mat<f64>>, columns: usize) -> Vec<f64> {
    let mut all = Vec::new();
    for part in parts {
        for row in 0..part.nrows() {
            all.extend((0..columns).map(|column| part[(row, column)]));
        }
    }
    all
}

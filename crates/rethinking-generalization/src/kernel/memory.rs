//! How much memory an interpolant takes, before any of it is taken.

use serde::Serialize;

use super::error::KernelError;
use super::tiles::TileGrid;

/// Bytes of a fit, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryEstimate {
    /// The lower triangle of the kernel matrix, which becomes its factor in place: about 4 n².
    pub tiles: u64,
    /// The rows in double precision, and their squared norms.
    pub features: u64,
    /// Targets, half-solved and solved systems.
    pub right_hand_sides: u64,
    /// Packed operands of the products, and blocks of scores, on 16 threads.
    pub scratch: u64,
}

impl MemoryEstimate {
    /// All parts together.
    pub fn total(&self) -> u64 {
        let parts = [self.features, self.right_hand_sides, self.scratch];
        parts.iter().fold(self.tiles, |sum, &part| sum.saturating_add(part))
    }

    /// Fails where it is more than `limit`.
    pub(super) fn check(&self, rows: usize, limit: Option<u64>) -> Result<(), KernelError> {
        match limit {
            Some(limit) if self.total() > limit => {
                Err(KernelError::Memory { rows, needed: self.total(), limit })
            }
            _ => Ok(()),
        }
    }
}

/// What fitting n rows of d features to `classes` targets takes, with tiles of `tile`.
///
/// # Errors
///
/// [`KernelError::Setting`] where n or the tile edge is 0 or n is above 2³¹.
///
/// # Example
///
/// ```
/// let mnist = rethinking_generalization::kernel::estimate(60_000, 784, 10, 384)?;
/// assert_eq!(mnist.total() / 100_000_000, 149); // 14.9 GB, where the whole matrix takes 28.8
/// # Ok::<(), rethinking_generalization::kernel::KernelError>(())
/// ```
pub fn estimate(n: usize, d: usize, classes: usize, tile: usize) -> Result<MemoryEstimate, KernelError> {
    if n as u64 > 1 << 31 {
        let (name, allowed) = ("the number of rows", "at most 2^31");
        return Err(KernelError::Setting { name, value: n.to_string(), allowed });
    }
    let grid = TileGrid::new(n, tile)?;
    let (rows, edge) = (n as u64, grid.range(0).len() as u64);
    let numbers = |each: u64| rows.saturating_mul(each).saturating_mul(8);
    Ok(MemoryEstimate {
        tiles: grid.bytes(),
        features: numbers((d as u64).saturating_add(1)),
        right_hand_sides: numbers((classes as u64).saturating_mul(4)),
        scratch: edge.saturating_mul(edge).saturating_mul(8 * 2 * 16),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        let parts = estimate(1_000, 10, 3, 1_000).unwrap();
        assert_eq!((parts.tiles, parts.features, parts.right_hand_sides), (8_000_000, 88_000, 96_000));
        assert_eq!(parts.total(), 8_000_000 + 88_000 + 96_000 + parts.scratch);
        assert!(parts.check(1_000, Some(parts.total())).is_ok() && parts.check(1_000, None).is_ok());
        assert!(matches!(parts.check(1_000, Some(parts.total() - 1)), Err(KernelError::Memory { .. })));
    }

    #[test]
    fn sizes_that_no_machine_has_do_not_overflow() {
        assert!(estimate(1 << 31, usize::MAX, usize::MAX, usize::MAX).unwrap().total() == u64::MAX);
        assert!(estimate(usize::MAX, 1, 1, 1).is_err());
    }
}

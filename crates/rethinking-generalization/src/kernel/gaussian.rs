//! Kernels of pairs of rows: Gaussian, Laplacian and linear, filled a block at a time.

use std::ops::Range;

use faer::{Accum, MatMut};
use serde::{Deserialize, Serialize};

use super::error::KernelError;
use super::exp::exp_of_negative;
use super::points::Points;
use super::tiles::TileSource;
use crate::product::multiply;

/// A positive semidefinite function of two rows.
///
/// # Formula
///
/// | kernel | k(x, x') |
/// |---|---|
/// | Gaussian | exp(-‖x - x'‖² / 2σ²) |
/// | Laplacian | exp(-‖x - x'‖ / σ) |
/// | linear | xᵀ x' |
///
/// The first two give positive definite matrices for any distinct rows, so that all targets can be interpolated. The
/// linear one has the rank of the features: 784 for MNIST, so that 60,000 targets cannot be.
///
/// # Reference
///
/// Zhang et al. 2017, section 5 (Gaussian, on pixels; bandwidth not published).
///
/// # Example
///
/// ```
/// use rethinking_generalization::kernel::Kernel;
///
/// let kernel = Kernel::gaussian(0.5);
/// assert!((kernel.of(&[0.0, 0.0], &[0.3, 0.4]) - (-0.5f64).exp()).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Kernel {
    /// exp(-‖x - x'‖² / 2σ²).
    Gaussian {
        /// σ, in units of the rows.
        bandwidth: f64,
    },
    /// exp(-‖x - x'‖ / σ), with the Euclidean norm.
    Laplacian {
        /// σ, in units of the rows.
        bandwidth: f64,
    },
    /// xᵀ x'.
    Linear,
}

impl Kernel {
    /// The Gaussian kernel with bandwidth σ.
    pub const fn gaussian(bandwidth: f64) -> Self {
        Self::Gaussian { bandwidth }
    }

    /// The Laplacian kernel with bandwidth σ.
    pub const fn laplacian(bandwidth: f64) -> Self {
        Self::Laplacian { bandwidth }
    }

    /// Fails unless the bandwidth is usable.
    pub(super) fn check(&self) -> Result<(), KernelError> {
        match *self {
            // Squared, it must neither vanish nor overflow.
            Self::Gaussian { bandwidth } | Self::Laplacian { bandwidth }
                if !(1e-150..=1e150).contains(&bandwidth) =>
            {
                let (name, allowed) = ("the bandwidth", "from 1e-150 to 1e150");
                Err(KernelError::Setting { name, value: bandwidth.to_string(), allowed })
            }
            _ => Ok(()),
        }
    }

    /// k(x, x') of one pair; the shorter row counts as ended by zeros of no weight.
    pub fn of(&self, x: &[f64], other: &[f64]) -> f64 {
        let mut value = [match self {
            Self::Linear => x.iter().zip(other).map(|(a, b)| a * b).sum(),
            _ => square_distance(x, other),
        }];
        self.of_distances(&mut value);
        value[0]
    }

    /// Writes k(a_r, b_c) for the rows `rows` of `a` and `columns` of `b`, column-major.
    ///
    /// ‖a - b‖² is ‖a‖² + ‖b‖² - 2 aᵀ b, one matrix product, good to 1e-16 of ‖a‖² + ‖b‖²; pairs so close that this
    /// would show are summed directly, so that equal rows are at distance 0.
    pub(super) fn block(
        &self,
        (a, rows): (&Points, Range<usize>),
        (b, columns): (&Points, Range<usize>),
        out: &mut [f64],
    ) {
        let factor = if matches!(self, Self::Linear) { 1.0 } else { -2.0 };
        let product = MatMut::from_column_major_slice_mut(out, rows.len(), columns.len());
        multiply(product, Accum::Replace, a.view(rows.clone()), b.view(columns.clone()).transpose(), factor);
        if matches!(self, Self::Linear) {
            return;
        }
        let left = &a.squares()[rows.clone()];
        for (column, values) in columns.zip(out.chunks_exact_mut(left.len())) {
            let right = b.squares()[column];
            for (value, left) in values.iter_mut().zip(left) {
                *value = (*value + (left + right)).max(0.0);
            }
            for ((row, value), left) in rows.clone().zip(values.iter_mut()).zip(left) {
                if *value <= CLOSE * (left + right) {
                    *value = square_distance(a.row(row), b.row(column));
                }
            }
            self.of_distances(values);
        }
    }

    /// From squared distances to values.
    fn of_distances(&self, squares: &mut [f64]) {
        match *self {
            Self::Gaussian { bandwidth } => exp_of_negative(squares, 0.5 / (bandwidth * bandwidth)),
            Self::Laplacian { bandwidth } => {
                for value in squares.iter_mut() {
                    *value = value.sqrt();
                }
                exp_of_negative(squares, bandwidth.recip());
            }
            Self::Linear => {}
        }
    }
}

/// The matrix K_ij = k(x_i, x_j) of the rows of `points`, as a source of tiles.
///
/// # Complexity
///
/// 2 d operations an entry for the product and about 20 for the exponential.
#[derive(Debug, Clone, Copy)]
pub struct KernelMatrix<'a> {
    /// The rows.
    pub points: &'a Points,
    /// The kernel.
    pub kernel: Kernel,
}

impl KernelMatrix<'_> {
    /// The mean of the diagonal, 1 for all but the linear kernel.
    pub fn mean_diagonal(&self) -> f64 {
        match self.kernel {
            Kernel::Linear => self.points.squares().iter().sum::<f64>() / self.points.len().max(1) as f64,
            _ => 1.0,
        }
    }
}

impl TileSource for KernelMatrix<'_> {
    fn fill(&self, rows: Range<usize>, columns: Range<usize>, out: &mut [f64]) {
        self.kernel.block((self.points, rows), (self.points, columns), out);
    }
}

/// Squared distances below this part of ‖a‖² + ‖b‖² are summed directly.
const CLOSE: f64 = 1e-6;

fn square_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_the_kernels_of_pairs() {
        let a: Vec<f32> = (0..7 * 3).map(|k| (k as f32).sin()).collect();
        let b: Vec<f64> = (0..5 * 3).map(|k| f64::from(k).cos()).collect();
        let (a, b) = (Points::new(&a, 3).unwrap(), Points::new(&b, 3).unwrap());
        for kernel in [Kernel::gaussian(0.7), Kernel::laplacian(1.3), Kernel::Linear] {
            let mut out = [0.0; 8];
            kernel.block((&a, 2..6), (&b, 3..5), &mut out);
            for (at, value) in out.iter().enumerate() {
                let (row, column) = (2 + at % 4, 3 + at / 4);
                let expected = kernel.of(a.row(row), b.row(column));
                assert!((value - expected).abs() < 1e-14, "{kernel:?} ({row}, {column}): {value} {expected}");
            }
        }
    }

    #[test]
    fn the_diagonal_is_exact() {
        let rows: Vec<f64> = (0..40).map(|k| 1e3 * f64::from(k).sin()).collect();
        let points = Points::new(&rows, 4).unwrap();
        let mut out = [0.0; 100];
        KernelMatrix { points: &points, kernel: Kernel::laplacian(0.1) }.fill(0..10, 0..10, &mut out);
        assert!((0..10).all(|k| out[11 * k] == 1.0));
    }

    #[test]
    fn bandwidths_are_checked() {
        assert!(Kernel::Linear.check().is_ok() && Kernel::gaussian(0.4).check().is_ok());
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-200] {
            assert!(matches!(Kernel::gaussian(bad).check(), Err(KernelError::Setting { .. })), "{bad}");
            assert!(Kernel::laplacian(bad).check().is_err(), "{bad}");
        }
    }
}

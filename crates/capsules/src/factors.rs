//! What can be measured on an image of a stroke: ink, slant, extent and place.
//!
//! The paper reads a capsule's dimensions as stroke thickness, skew, width and translation by looking at decoded images.
//! These numbers say the same without looking: a dimension that means one thing moves one of them steadily.

use thiserror::Error;

/// Brightness that counts as black: a decoder's sigmoid never quite reaches 0.
const FLOOR: f32 = 0.1;
/// The share of ink that is left out at each end of an extent.
const TAIL: f64 = 0.05;

/// Factors of one grey image in [0, 1].
///
/// The ink of a pixel p is w = max(0, p − 0.1) / 0.9, so that a faint haze counts for nothing, and all factors change
/// smoothly with the pixels. With (x, y) the column and row of a pixel's centre:
///
/// | factor | formula |
/// |---|---|
/// | `ink` | m = Σ w, in white pixels |
/// | `centre` | (ȳ, x̄) = Σ w (y, x) / m |
/// | `slant` | −Σ w (x − x̄)(y − ȳ) / Σ w (y − ȳ)² |
/// | `width`, `height` | distance between the 5th and the 95th percentile of the ink's columns (rows), over 0.9 |
///
/// # Units
/// `centre`, `width` and `height` are in pixels from the top left corner; `slant` is in columns to the right per row
/// upwards, as of italics, and independent of the stroke's width. Percentiles lie within pixels, so that an even bar of n
/// columns has width n.
///
/// # Example
/// ```
/// use capsules::factors::Factors;
/// let image = [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]; // a stroke like /
/// let factors = Factors::of(&image, 3)?;
/// assert_eq!((factors.ink, factors.slant, factors.centre), (3.0, 1.0, [1.5, 1.5]));
/// # Ok::<(), capsules::factors::FactorsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// How much ink there is.
    pub ink: f64,
    /// How far it leans to the right.
    pub slant: f64,
    /// How wide it is.
    pub width: f64,
    /// How high it is.
    pub height: f64,
    /// Where it is, as (down, right).
    pub centre: [f64; 2],
}

/// An image that has no factors.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum FactorsError {
    /// Pixels that fill no rows.
    #[error("an image of {pixels} pixels has no whole rows of {width}; give rows times columns, at least one of each")]
    Size {
        /// Pixels given.
        pixels: usize,
        /// Columns given.
        width: usize,
    },
    /// A pixel that is NaN or infinite.
    #[error("pixel {index} is {value}, and must be a number; the decoder has probably diverged")]
    NotFinite {
        /// Which one.
        index: usize,
        /// What it is.
        value: f32,
    },
    /// Black throughout.
    #[error("no pixel is brighter than {FLOOR}, so there is no ink to measure; leave black images out")]
    NoInk,
}

impl Factors {
    /// How many numbers [`Factors::values`] gives.
    pub const COUNT: usize = 6;
    /// Their names.
    pub const NAMES: [&'static str; Self::COUNT] =
        ["ink", "slant", "width", "height", "centre (down)", "centre (right)"];

    /// Measures an image of rows of `width` pixels. A stroke of one row has no slant, 0.
    ///
    /// # Errors
    /// [`FactorsError`].
    ///
    /// # Complexity
    /// O(pixels).
    pub fn of(image: &[f32], width: usize) -> Result<Self, FactorsError> {
        if width == 0 || image.is_empty() || !image.len().is_multiple_of(width) {
            return Err(FactorsError::Size { pixels: image.len(), width });
        }
        if let Some(index) = image.iter().position(|p| !p.is_finite()) {
            return Err(FactorsError::NotFinite { index, value: image[index] });
        }
        let ink = |p: &f32| f64::from((p - FLOOR).max(0.0) / (1.0 - FLOOR));
        let mut columns = vec![0.0; width];
        let mut rows = Vec::with_capacity(image.len() / width);
        for row in image.chunks_exact(width) {
            row.iter().zip(&mut columns).for_each(|(p, sum)| *sum += ink(p));
            rows.push(row.iter().map(ink).sum::<f64>());
        }
        let mass: f64 = rows.iter().sum();
        if mass <= 0.0 {
            return Err(FactorsError::NoInk);
        }
        let centre = [mean_place(&rows, mass), mean_place(&columns, mass)];
        let (mut leaning, mut upright) = (0.0, 0.0);
        for (y, row) in image.chunks_exact(width).enumerate() {
            let down = y as f64 + 0.5 - centre[0];
            let right: f64 = row.iter().enumerate().map(|(x, p)| ink(p) * (x as f64 + 0.5 - centre[1])).sum();
            leaning += right * down;
            upright += rows[y] * down * down;
        }
        let slant = if upright > 0.0 { -leaning / upright } else { 0.0 };
        let extent = |sums: &[f64]| {
            (percentile(sums, mass, 1.0 - TAIL) - percentile(sums, mass, TAIL)) / (1.0 - 2.0 * TAIL)
        };
        Ok(Factors { ink: mass, slant, width: extent(&columns), height: extent(&rows), centre })
    }

    /// All factors in the order of [`Factors::NAMES`].
    #[must_use]
    pub fn values(&self) -> [f64; Self::COUNT] {
        [self.ink, self.slant, self.width, self.height, self.centre[0], self.centre[1]]
    }
}

/// The mean place along one axis of ink summed over the other.
fn mean_place(sums: &[f64], mass: f64) -> f64 {
    sums.iter().enumerate().map(|(at, sum)| (at as f64 + 0.5) * sum).sum::<f64>() / mass
}

/// The place along one axis up to which a share of the ink lies, with the ink of a pixel spread evenly over it.
fn percentile(sums: &[f64], mass: f64, share: f64) -> f64 {
    let mut left = share * mass;
    for (at, &sum) in sums.iter().enumerate() {
        if left <= sum && sum > 0.0 {
            return at as f64 + left / sum;
        }
        left -= sum;
    }
    sums.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;
    use shared::claims::stats::spearman;

    const SIDE: usize = 28;

    /// An anti-aliased bar, leaning by `slant`, `thick` pixels wide along a row and from row 6 to row 22.
    fn bar(thick: f64, slant: f64, right: f64) -> Vec<f32> {
        let covered = |x: usize, y: usize| {
            let middle = 14.0 + right - slant * (y as f64 + 0.5 - 14.0);
            let (from, to) = (middle - thick / 2.0, middle + thick / 2.0);
            (to.min(x as f64 + 1.0) - from.max(x as f64)).clamp(0.0, 1.0)
        };
        (0..SIDE * SIDE)
            .map(|i| if (6..22).contains(&(i / SIDE)) { covered(i % SIDE, i / SIDE) as f32 } else { 0.0 })
            .collect()
    }

    #[test]
    fn a_rectangle_has_its_own_measures() {
        let mut image = vec![0.0; 20 * 10];
        (3..11).for_each(|y| image[y * 10 + 4..y * 10 + 9].fill(1.0));
        let factors = Factors::of(&image, 10).unwrap();
        let expected = [40.0, 0.0, 5.0, 8.0, 7.0, 6.5];
        for (ours, expected) in factors.values().iter().zip(expected) {
            assert_relative_eq!(*ours, expected, epsilon = 1e-12);
        }
        assert_eq!(Factors::of(&[0.0, 1.0, 1.0, 0.0], 4).unwrap().slant, 0.0);
    }

    #[test]
    fn haze_counts_for_nothing() {
        let clear = bar(4.0, 0.2, 0.0);
        let hazy: Vec<f32> = clear.iter().map(|p| p.max(0.1)).collect();
        let (clear, hazy) = (Factors::of(&clear, SIDE).unwrap(), Factors::of(&hazy, SIDE).unwrap());
        for (a, b) in clear.values().iter().zip(hazy.values()) {
            assert_relative_eq!(*a, b, epsilon = 1e-5);
        }
    }

    #[test]
    fn each_change_moves_its_own_factor_steadily() {
        let steps: Vec<f64> = (-5..=5).map(|k| f64::from(k) * 0.05).collect();
        let along = |image: &dyn Fn(f64) -> Vec<f32>, factor: usize| -> Option<f64> {
            let values: Vec<f64> =
                steps.iter().map(|s| Factors::of(&image(*s), SIDE).unwrap().values()[factor]).collect();
            spearman(&steps, &values).unwrap()
        };
        let [ink, slant, width, right] = [0, 1, 2, 5];
        assert_eq!(along(&|s| bar(4.4 + 6.0 * s, 0.0, 0.0), ink), Some(1.0));
        assert_eq!(along(&|s| bar(4.4 + 6.0 * s, 0.0, 0.0), width), Some(1.0));
        assert_eq!(along(&|s| bar(4.0, s, 0.0), slant), Some(1.0));
        assert_eq!(along(&|s| bar(4.0, 0.3, -8.0 * s), right), Some(-1.0));
    }

    #[test]
    fn what_has_no_factors_is_said() {
        assert_eq!(Factors::of(&[0.1; 9], 3), Err(FactorsError::NoInk));
        assert_eq!(Factors::of(&[1.0; 9], 2), Err(FactorsError::Size { pixels: 9, width: 2 }));
        assert_eq!(Factors::of(&[1.0; 9], 0), Err(FactorsError::Size { pixels: 9, width: 0 }));
        assert_eq!(Factors::of(&[], 3), Err(FactorsError::Size { pixels: 0, width: 3 }));
        let nan = Factors::of(&[1.0, f32::NAN], 2).unwrap_err().to_string();
        assert!(nan.starts_with("pixel 1 is NaN, and must be a number"), "{nan}");
    }

    proptest! {
        #[test]
        fn a_leaning_bar_leans_by_what_it_was_given(
            thick in 2.0f64..6.0, slant in -0.5f64..0.5, right in -2.0f64..2.0,
        ) {
            let factors = Factors::of(&bar(thick, slant, right), SIDE).unwrap();
            // edges of less than a tenth of a pixel are black
            prop_assert!((factors.slant - slant).abs() < 0.03, "{}", factors.slant);
            prop_assert!((factors.ink / (16.0 * thick) - 1.0).abs() < 0.1, "{}", factors.ink);
            prop_assert!((factors.centre[1] - 14.0 - right).abs() < 0.1, "{:?}", factors.centre);
            prop_assert!((factors.height - 16.0).abs() < 0.2, "{}", factors.height);
        }

        #[test]
        fn turning_an_image_on_its_side_swaps_width_and_height(
            pixels in prop::collection::vec(0.0f32..1.0, 42),
        ) {
            let turned: Vec<f32> = (0..42).map(|i| pixels[i % 6 * 7 + i / 6]).collect();
            prop_assume!(pixels.iter().any(|p| *p > 0.11));
            let (a, b) = (Factors::of(&pixels, 7).unwrap(), Factors::of(&turned, 6).unwrap());
            for (a, b) in [(a.ink, b.ink), (a.width, b.height), (a.height, b.width)] {
                prop_assert!((a - b).abs() < 1e-9);
            }
            prop_assert!((a.centre[0] - b.centre[1]).abs() < 1e-9);
        }
    }
}

//! What is done to images before a kernel compares them.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::{zeros, KernelError};

/// How square grey images become rows. The paper's 1.2 % is of "pixels"; what it does to them first it does not say.
///
/// All but [`Raw`](Self::Raw) end with unit norm, so that ‖x − x'‖² = 2 − 2 cos(x, x') and strokes of another thickness are as
/// near as they look.
///
/// # Example
/// ```
/// use rethinking_generalization::kernel::Preprocess;
/// let rows = Preprocess::Unit.rows(&[0, 0, 0, 3, 0, 0, 0, 4, 0], 3)?;
/// assert_eq!((rows[3], rows[7]), (0.6, 0.8));
/// # Ok::<(), rethinking_generalization::kernel::KernelError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preprocess {
    /// Pixels in [0, 1].
    Raw,
    /// Divided by their norm.
    Unit,
    /// Blurred with a Gaussian of this standard deviation in pixels, then of unit norm.
    Blur(f64),
    /// Sheared so that the second moments of the ink have no slant, with the centre of the ink in the middle, then of unit norm.
    Deskew,
}

impl Preprocess {
    /// Images of `side` x `side` bytes, one after the other, as rows of side² numbers. An empty image stays 0.
    ///
    /// # Errors
    /// [`KernelError::Count`] where the bytes do not divide into images, [`KernelError::Setting`] for a blur that is not a finite
    /// number above 0.
    ///
    /// # Complexity
    /// O(bytes), over the threads of the current pool.
    pub fn rows(self, images: &[u8], side: usize) -> Result<Vec<f64>, KernelError> {
        let pixels = side * side;
        if pixels == 0 || images.len() % pixels != 0 {
            let expected = images.len().next_multiple_of(pixels.max(1));
            let (what, why) = ("bytes of images", "every image has side x side");
            return Err(KernelError::Count { what, found: images.len(), expected, why });
        }
        if let Preprocess::Blur(deviation) = self {
            if !(deviation.is_finite() && deviation > 0.0) {
                let (name, allowed) = ("the blur", "a finite number above 0");
                return Err(KernelError::Setting { name, value: deviation.to_string(), allowed });
            }
        }
        let mut rows = zeros(images.len())?;
        rows.par_chunks_mut(pixels).zip(images.par_chunks(pixels)).for_each(|(row, image)| {
            row.iter_mut().zip(image).for_each(|(to, from)| *to = f64::from(*from) / 255.0);
            match self {
                Preprocess::Raw => return,
                Preprocess::Unit => {}
                Preprocess::Blur(deviation) => blur(row, side, deviation),
                Preprocess::Deskew => deskew(row, side),
            }
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            if norm > 0.0 {
                row.iter_mut().for_each(|x| *x /= norm);
            }
        });
        Ok(rows)
    }

    /// A name for tables.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Preprocess::Raw => "pixels".into(),
            Preprocess::Unit => "unit norm".into(),
            Preprocess::Blur(deviation) => format!("blur {deviation}, unit norm"),
            Preprocess::Deskew => "deskewed, unit norm".into(),
        }
    }
}

/// A Gaussian blur, cut at four standard deviations; pixels beyond the border are 0.
fn blur(image: &mut [f64], side: usize, deviation: f64) {
    let reach = (4.0 * deviation).ceil() as usize;
    let weights: Vec<f64> = (0..=reach).map(|at| (-0.5 * (at as f64 / deviation).powi(2)).exp()).collect();
    let total = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    let mut line = vec![0.0; side];
    for (start, step) in (0..side).map(|row| (row * side, 1)).chain((0..side).map(|column| (column, side))) {
        line.iter_mut().enumerate().for_each(|(at, value)| *value = image[start + at * step]);
        for at in 0..side {
            let around = (at.saturating_sub(reach)..side.min(at + reach + 1))
                .map(|k| weights[k.abs_diff(at)] * line[k]);
            image[start + at * step] = around.sum::<f64>() / total;
        }
    }
}

/// Shears rows against each other and moves the centre of mass to the middle, with linear interpolation.
fn deskew(image: &mut [f64], side: usize) {
    let mass: f64 = image.iter().sum();
    if mass <= 0.0 {
        return;
    }
    let mean = |of: &dyn Fn(f64, f64) -> f64| {
        let at = |k: usize| of((k / side) as f64, (k % side) as f64);
        image.iter().enumerate().map(|(k, value)| at(k) * value).sum::<f64>() / mass
    };
    let (row, column) = (mean(&|r, _| r), mean(&|_, c| c));
    let vertical = mean(&|r, _| (r - row).powi(2));
    let slant = if vertical > 0.0 { mean(&|r, c| (r - row) * (c - column)) / vertical } else { 0.0 };
    let middle = (side as f64 - 1.0) / 2.0;
    let before = image.to_vec();
    let pixel = |r: f64, c: f64| match (r >= 0.0 && c >= 0.0, r as usize, c as usize) {
        (true, r, c) if r < side && c < side => before[r * side + c],
        _ => 0.0,
    };
    for (k, value) in image.iter_mut().enumerate() {
        let (down, right) = ((k / side) as f64 - middle, (k % side) as f64 - middle);
        let (r, c) = (row + down, column + right + slant * down);
        let (top, left) = (r.floor(), c.floor());
        let (below, beside) = (r - top, c - left);
        *value = (1.0 - below) * ((1.0 - beside) * pixel(top, left) + beside * pixel(top, left + 1.0))
            + below * ((1.0 - beside) * pixel(top + 1.0, left) + beside * pixel(top + 1.0, left + 1.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stroke that leans by `slant` columns a row.
    fn stroke(slant: f64) -> Vec<u8> {
        let mut image = vec![0; 28 * 28];
        for row in 6..22 {
            let column = (14.0 + slant * (row as f64 - 14.0)).round() as usize;
            image[row * 28 + column] = 255;
        }
        image
    }

    fn cosine(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn strokes_of_any_slant_become_upright() {
        let rows = |image: &[u8], how: Preprocess| how.rows(image, 28).unwrap();
        let (upright, leaning) = (stroke(0.0), stroke(0.5));
        let plain = cosine(&rows(&upright, Preprocess::Unit), &rows(&leaning, Preprocess::Unit));
        let straight = cosine(&rows(&upright, Preprocess::Deskew), &rows(&leaning, Preprocess::Deskew));
        assert!(plain < 0.3 && straight > 0.8, "{plain} {straight}");
    }

    #[test]
    fn a_blur_keeps_the_mass_away_from_the_border() {
        let mut image = vec![0.0; 28 * 28];
        image[14 * 28 + 14] = 1.0;
        blur(&mut image, 28, 0.7);
        assert!((image.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((image[14 * 28 + 15] - image[15 * 28 + 14]).abs() < 1e-15 && image[14 * 28 + 14] < 0.4);
    }

    #[test]
    fn empty_images_and_bad_sizes() {
        for how in [Preprocess::Raw, Preprocess::Unit, Preprocess::Blur(1.0), Preprocess::Deskew] {
            assert!(how.rows(&[0; 18], 3).unwrap().iter().all(|x| *x == 0.0));
        }
        assert!(Preprocess::Unit.rows(&[0; 10], 3).is_err());
        assert!(Preprocess::Unit.rows(&[], 0).is_err());
        assert!(Preprocess::Blur(f64::NAN).rows(&[0; 9], 3).is_err());
    }
}

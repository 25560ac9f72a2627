//! Images before a kernel sees them: blurred, straightened, of unit norm.
//!
//! # Shapes
//!
//! Images are row-major and planar, `channels x height x width` numbers each, one after another; all functions work in
//! place and in parallel over images.

use datasets::images::ImageShape;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::KernelError;

/// What to do to the pixels, in the order of the fields; unit norm comes last.
///
/// # Example
///
/// ```
/// use datasets::images::ImageShape;
/// use rethinking_generalization::kernel::Preprocess;
///
/// let mut image = [0.0, 3.0, 4.0, 0.0];
/// Preprocess { unit_norm: true, ..Preprocess::RAW }.apply(&mut image, ImageShape::new(1, 2, 2))?;
/// assert_eq!(image, [0.0, 0.6, 0.8, 0.0]);
/// # Ok::<(), rethinking_generalization::kernel::KernelError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Whether each image is straightened and centred by its moments.
    pub deskew: bool,
    /// σ of a Gaussian blur in pixels; 0 for none.
    pub blur: f64,
    /// Whether each image is divided by its norm.
    pub unit_norm: bool,
}

impl Preprocess {
    /// Pixels as they are.
    pub const RAW: Self = Self { deskew: false, blur: 0.0, unit_norm: false };
    /// Unit norm alone.
    pub const UNIT: Self = Self { deskew: false, blur: 0.0, unit_norm: true };
    /// A blur of 0.7 pixels and unit norm.
    pub const BLURRED: Self = Self { deskew: false, blur: 0.7, unit_norm: true };
    /// Straightened digits of unit norm.
    pub const DESKEWED: Self = Self { deskew: true, blur: 0.0, unit_norm: true };

    /// Applies it to every image of `pixels`.
    ///
    /// # Errors
    ///
    /// [`KernelError::Count`] where the last image is cut, [`KernelError::Setting`] for a blur that is not from 0 to
    /// 100 pixels or a shape without pixels.
    ///
    /// # Complexity
    ///
    /// O(pixels), times 8σ + 1 for a blur.
    pub fn apply(&self, pixels: &mut [f64], shape: ImageShape) -> Result<(), KernelError> {
        if self.deskew {
            deskew(pixels, shape)?;
        }
        gaussian_blur(pixels, shape, self.blur)?;
        if self.unit_norm {
            unit_norm(pixels, shape)?;
        }
        Ok(())
    }
}

/// Divides each image by its Euclidean norm; black images stay black.
///
/// # Errors
///
/// As [`Preprocess::apply`].
pub fn unit_norm(pixels: &mut [f64], shape: ImageShape) -> Result<(), KernelError> {
    check(pixels, shape)?;
    pixels.par_chunks_exact_mut(shape.pixels()).for_each(|image| {
        let norm = image.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm > 0.0 {
            image.iter_mut().for_each(|x| *x /= norm);
        }
    });
    Ok(())
}

/// Blurs each channel with a Gaussian of σ pixels, cut at 4σ and mirrored at the edges (the edge pixel twice).
///
/// `scipy.ndimage.gaussian_filter` with its defaults does the same.
///
/// # Errors
///
/// As [`Preprocess::apply`].
pub fn gaussian_blur(pixels: &mut [f64], shape: ImageShape, sigma: f64) -> Result<(), KernelError> {
    check(pixels, shape)?;
    if !(0.0..=100.0).contains(&sigma) {
        let (name, allowed) = ("the blur in pixels", "from 0 to 100");
        return Err(KernelError::Setting { name, value: sigma.to_string(), allowed });
    }
    let radius = (4.0 * sigma + 0.5) as isize;
    if radius == 0 {
        return Ok(());
    }
    let mut weights: Vec<f64> =
        (-radius..=radius).map(|k| (-0.5 * (k * k) as f64 / (sigma * sigma)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    let (height, width) = (shape.height, shape.width);
    pixels.par_chunks_exact_mut(shape.plane()).for_each(|plane| {
        let mut line = Vec::with_capacity(height.max(width));
        for column in 0..width {
            blur_line(plane, (column, width, height), &weights, &mut line);
        }
        for row in 0..height {
            blur_line(plane, (row * width, 1, width), &weights, &mut line);
        }
    });
    Ok(())
}

/// Straightens each image: a shear along rows that makes the covariance of row and column vanish, and a shift that
/// puts the centre of mass in the middle.
///
/// With m the mass, (c_y, c_x) its centre and a = cov(x, y) / var(y), pixel (y, x) becomes the bilinear value at
/// (c_y + y - y₀, c_x + x - x₀ + a (y - y₀)), where (y₀, x₀) is the middle of the image; outside it is 0. The moments
/// are those of the mean over channels. Images without mass, or with all mass in one row, are not sheared.
///
/// # Errors
///
/// As [`Preprocess::apply`].
///
/// # Reference
///
/// LeCun et al., "Gradient-based learning applied to document recognition", 1998 ("deslanted" MNIST).
pub fn deskew(pixels: &mut [f64], shape: ImageShape) -> Result<(), KernelError> {
    check(pixels, shape)?;
    pixels.par_chunks_exact_mut(shape.pixels()).for_each(|image| {
        let Some(moments) = Moments::of(image, shape) else { return };
        let straight: Vec<f64> =
            image.chunks_exact(shape.plane()).flat_map(|plane| sheared(plane, shape, &moments)).collect();
        image.copy_from_slice(&straight);
    });
    Ok(())
}

/// The centre of mass and the slant of an image.
struct Moments {
    row: f64,
    column: f64,
    slant: f64,
}

impl Moments {
    /// `None` where there is no mass to speak of.
    fn of(image: &[f64], shape: ImageShape) -> Option<Self> {
        let sum = |weigh: &dyn Fn(f64, f64) -> f64| -> f64 {
            let at = |k: usize| {
                let k = k % shape.plane();
                ((k / shape.width) as f64, (k % shape.width) as f64)
            };
            image.iter().enumerate().map(|(k, value)| value * weigh(at(k).0, at(k).1)).sum()
        };
        let mass = sum(&|_, _| 1.0);
        if mass.is_nan() || mass <= 0.0 {
            return None;
        }
        let (row, column) = (sum(&|y, _| y) / mass, sum(&|_, x| x) / mass);
        let variance = sum(&|y, _| (y - row) * (y - row)) / mass;
        let covariance = sum(&|y, x| (y - row) * (x - column)) / mass;
        let slant = if variance > 1e-9 { covariance / variance } else { 0.0 };
        (row.is_finite() && column.is_finite() && slant.is_finite()).then_some(Self { row, column, slant })
    }
}

fn sheared(plane: &[f64], shape: ImageShape, moments: &Moments) -> Vec<f64> {
    let (height, width) = (shape.height, shape.width);
    let middle = (0.5 * (height as f64 - 1.0), 0.5 * (width as f64 - 1.0));
    let mut out = Vec::with_capacity(plane.len());
    for row in 0..height {
        let down = row as f64 - middle.0;
        for column in 0..width {
            let across = column as f64 - middle.1;
            out.push(bilinear(
                plane,
                shape,
                moments.row + down,
                moments.column + across + moments.slant * down,
            ));
        }
    }
    out
}

/// The value at (y, x) between pixels; 0 outside the outermost pixels' centres.
fn bilinear(plane: &[f64], shape: ImageShape, y: f64, x: f64) -> f64 {
    let (last_row, last_column) = (shape.height - 1, shape.width - 1);
    if !(0.0..=last_row as f64).contains(&y) || !(0.0..=last_column as f64).contains(&x) {
        return 0.0;
    }
    let (row, column) = (y as usize, x as usize);
    let (down, right) = (y - row as f64, x - column as f64);
    let at = |row: usize, column: usize| plane[row.min(last_row) * shape.width + column.min(last_column)];
    (1.0 - down) * ((1.0 - right) * at(row, column) + right * at(row, column + 1))
        + down * ((1.0 - right) * at(row + 1, column) + right * at(row + 1, column + 1))
}

/// Blurs the `len` numbers from `start` on, `step` apart.
fn blur_line(
    plane: &mut [f64],
    (start, step, len): (usize, usize, usize),
    weights: &[f64],
    line: &mut Vec<f64>,
) {
    line.clear();
    line.extend((0..len).map(|k| plane[start + k * step]));
    let (radius, period) = ((weights.len() / 2) as isize, 2 * len as isize);
    for k in 0..len {
        let mut sum = 0.0;
        for (offset, weight) in (-radius..).zip(weights) {
            // ... c b a | a b c ... | c b a ...
            let mirrored = (k as isize + offset).rem_euclid(period);
            let mirrored = mirrored.min(period - 1 - mirrored);
            sum += weight * line[mirrored as usize];
        }
        plane[start + k * step] = sum;
    }
}

pub(super) fn check(pixels: &[f64], shape: ImageShape) -> Result<(), KernelError> {
    let image = shape.pixels();
    if image == 0 {
        let (name, allowed) = ("the shape of an image", "one or more channels, rows and columns");
        return Err(KernelError::Setting { name, value: shape.to_string(), allowed });
    }
    if pixels.len().is_multiple_of(image) {
        return Ok(());
    }
    let (found, expected) = (pixels.len(), pixels.len().next_multiple_of(image));
    Err(KernelError::Count {
        what: "pixels",
        found,
        expected,
        why: "every image has all pixels of its shape",
    })
}

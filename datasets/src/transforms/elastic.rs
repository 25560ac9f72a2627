//! Elastic distortion: every pixel moves a little, and its neighbours along with it.

use rand::Rng;

use super::affine::bilinear;
use super::{check, Pixel};
use crate::images::{check_length, ImageShape};
use crate::DatasetError;

/// Distorts an image by a smooth random field.
///
/// Each pixel draws a displacement along either axis uniformly from -1 to 1; both fields are blurred by
/// [`gaussian_blur`] with deviation `sigma` and multiplied by `alpha`; the image is read there ([`displace`]). The
/// larger `sigma` against the image, the nearer this comes to an affine map; the displacements have a standard
/// deviation of about `alpha / (6.1 sigma)` pixels. For 28 x 28 digits sigma 4 and alpha 34 are well tried.
///
/// # Shapes
///
/// `image, out: shape`; all channels move alike.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where a buffer does not have the shape's length, and
/// [`DatasetError::InvalidConfig`] for a sigma outside 0 to 100 or an alpha that is not finite.
///
/// # Complexity
///
/// O(pixels · sigma).
///
/// # Reference
///
/// P. Y. Simard, D. Steinkraus and J. C. Platt, "Best Practices for Convolutional Neural Networks Applied to Visual
/// Document Analysis", ICDAR 2003.
///
/// # Example
///
/// ```
/// use datasets::{images::ImageShape, transforms};
/// use rand::SeedableRng;
///
/// let (image, mut out) = ([9u8; 100], [0; 100]);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// transforms::elastic(&image, ImageShape::new(1, 10, 10), 3.0, 20.0, &mut rng, &mut out)?;
/// assert_eq!(out[55], 9);
/// # Ok::<(), datasets::DatasetError>(())
/// ```
pub fn elastic<P: Pixel>(
    image: &[P],
    shape: ImageShape,
    sigma: f64,
    alpha: f64,
    rng: &mut impl Rng,
    out: &mut [P],
) -> Result<(), DatasetError> {
    check(image, shape, out, shape)?;
    if !alpha.is_finite() {
        return Err(DatasetError::config("alpha", alpha, "a finite number"));
    }
    let mut field = || {
        let mut field: Vec<f32> = (0..shape.plane()).map(|_| rng.gen_range(-1.0..1.0)).collect();
        gaussian_blur(&mut field, (shape.height, shape.width), sigma)?;
        field.iter_mut().for_each(|by| *by *= alpha as f32);
        Ok::<_, DatasetError>(field)
    };
    let (down, right) = (field()?, field()?);
    displace(image, shape, &down, &right, out)
}

/// Reads every pixel of the output at its own place plus a displacement, with bilinear interpolation and zeros
/// outside: `out[y, x] = image(y + down[y, x], x + right[y, x])`.
///
/// Beyond its border an image is zero, as in [`affine`](super::affine()).
///
/// # Shapes
///
/// `image, out: shape`; `down, right: height · width`.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where a buffer does not have its length.
pub fn displace<P: Pixel>(
    image: &[P],
    shape: ImageShape,
    down: &[f32],
    right: &[f32],
    out: &mut [P],
) -> Result<(), DatasetError> {
    check(image, shape, out, shape)?;
    check_length("the displacements down", shape.plane(), down.len())?;
    check_length("the displacements to the right", shape.plane(), right.len())?;
    let plane = shape.plane().max(1);
    for (image, out) in image.chunks(plane).zip(out.chunks_mut(plane)) {
        for (at, ((pixel, &down), &right)) in out.iter_mut().zip(down).zip(right).enumerate() {
            let (row, column) = ((at / shape.width) as f64, (at % shape.width) as f64);
            *pixel = P::from_f32(bilinear(image, shape, row + f64::from(down), column + f64::from(right)));
        }
    }
    Ok(())
}

/// Blurs a plane by a Gaussian of deviation `sigma`, cut off at 4 sigma, with zeros outside.
///
/// The kernel is `exp(-x²/2σ²)` at whole pixels, made to sum to 1 (`scipy.ndimage.gaussian_filter` with
/// `mode="constant"`). A sigma of 0 leaves the plane as it is.
///
/// # Shapes
///
/// `plane: height · width`.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where the plane does not have its length, and [`DatasetError::InvalidConfig`] for
/// a sigma outside 0 to 100.
pub fn gaussian_blur(
    plane: &mut [f32],
    (height, width): (usize, usize),
    sigma: f64,
) -> Result<(), DatasetError> {
    check_length("a plane to blur", height.saturating_mul(width), plane.len())?;
    if !(0.0..=100.0).contains(&sigma) {
        return Err(DatasetError::config("sigma", sigma, "0 to 100"));
    }
    let reach = (4.0 * sigma + 0.5) as usize;
    if reach == 0 || plane.is_empty() {
        return Ok(());
    }
    let weight = |x: usize| (-0.5 * (x as f64 / sigma).powi(2)).exp();
    let total = 1.0 + 2.0 * (1..=reach).map(weight).sum::<f64>();
    let kernel: Vec<f32> = (0..=reach).map(|x| (weight(x) / total) as f32).collect();

    let mut rows = vec![0.0; plane.len()];
    for (out, row) in rows.chunks_mut(width).zip(plane.chunks(width)) {
        for (at, &value) in row.iter().enumerate() {
            let nearby = at.saturating_sub(reach)..(at + reach + 1).min(width);
            for to in nearby {
                out[to] += value * kernel[to.abs_diff(at)];
            }
        }
    }
    plane.fill(0.0);
    for (at, row) in rows.chunks(width).enumerate() {
        for to in at.saturating_sub(reach)..(at + reach + 1).min(height) {
            let weight = kernel[to.abs_diff(at)];
            let out = &mut plane[to * width..][..width];
            out.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value * weight);
        }
    }
    Ok(())
}

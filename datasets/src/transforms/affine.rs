//! Rotation, shear, scale and translation about the centre.

use super::{check, Pixel};
use crate::images::ImageShape;
use crate::DatasetError;

/// An affine map of the plane about the centre of an image: `p ↦ A p + t` with `p = (x, y)`, x to the right and y
/// down, both 0 in the middle of the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// A, row by row: `x' = m[0][0] x + m[0][1] y`, `y' = m[1][0] x + m[1][1] y`.
    pub matrix: [[f64; 2]; 2],
    /// t = (right, down), in pixels.
    pub translation: [f64; 2],
}

impl Affine {
    /// The map that changes nothing.
    pub const IDENTITY: Self = Self { matrix: [[1.0, 0.0], [0.0, 1.0]], translation: [0.0, 0.0] };

    /// Scales, then shears, then rotates, then moves: `A = R(angle) · [1 shear; 0 1] · diag(scale)`.
    ///
    /// # Units
    ///
    /// `degrees` turn clockwise as seen; `shear` is columns to the right per row down; `scale` is (horizontal,
    /// vertical); `translation` is (right, down) in pixels.
    pub fn new(degrees: f64, shear: f64, scale: [f64; 2], translation: [f64; 2]) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let [sx, sy] = scale;
        let matrix = [[cos * sx, (cos * shear - sin) * sy], [sin * sx, (sin * shear + cos) * sy]];
        Self { matrix, translation }
    }

    /// The point to which `(x, y)` goes.
    pub fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [[a, b], [c, d]] = self.matrix;
        [a * x + b * y + self.translation[0], c * x + d * y + self.translation[1]]
    }

    /// The map back, or `None` where A is singular (or not finite).
    pub fn inverse(&self) -> Option<Self> {
        let [[a, b], [c, d]] = self.matrix;
        let determinant = a * d - b * c;
        let matrix = [[d, -b], [-c, a]].map(|row| row.map(|entry| entry / determinant));
        let [x, y] = Self { matrix, translation: [0.0; 2] }.apply(self.translation);
        let inverse = Self { matrix, translation: [-x, -y] };
        let finite = inverse.matrix.iter().flatten().chain(&inverse.translation).all(|v| v.is_finite());
        finite.then_some(inverse)
    }
}

/// Moves every pixel of an image along an [`Affine`] map, with bilinear interpolation and zeros outside.
///
/// `out(q) = Σ_s image(s) · max(0, 1 - |p_x - s_x|) · max(0, 1 - |p_y - s_y|)` with `p = A⁻¹(q - t)`. Beyond its
/// border an image is zero and the interpolation goes on into those zeros, so a shift by half a pixel halves the
/// border (`mode="grid-constant"` in `scipy.ndimage`). The centre of the input lands on the centre of the output,
/// whatever their sizes, before the translation.
///
/// # Shapes
///
/// `image: from`, `out: to`, with equal channels.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where a buffer does not have its shape's length or the channels differ, and
/// [`DatasetError::InvalidConfig`] for a map that cannot be inverted.
///
/// # Example
///
/// ```
/// use datasets::{images::ImageShape, transforms::{affine, Affine}};
///
/// let shape = ImageShape::new(1, 1, 3);
/// let mut out = [0.0f32; 3];
/// affine(&[0.0, 8.0, 0.0], shape, &Affine::new(0.0, 0.0, [1.0, 1.0], [0.25, 0.0]), &mut out, shape)?;
/// assert_eq!(out, [0.0, 6.0, 2.0]);
/// # Ok::<(), datasets::DatasetError>(())
/// ```
pub fn affine<P: Pixel>(
    image: &[P],
    from: ImageShape,
    map: &Affine,
    out: &mut [P],
    to: ImageShape,
) -> Result<(), DatasetError> {
    check(image, from, out, to)?;
    if from.channels != to.channels {
        let expected = format!("{} channels as before", from.channels);
        return Err(DatasetError::inconsistent("a transformed image", expected, to.channels.to_string()));
    }
    let Some(back) = map.inverse() else {
        let given = format!("{:?}", map.matrix);
        return Err(DatasetError::config("the affine matrix", given, "a finite matrix with an inverse"));
    };
    let (middle, target) = (centre(from), centre(to));
    for channel in 0..from.channels {
        let plane = &image[channel * from.plane()..][..from.plane()];
        let mut pixels = out[channel * to.plane()..][..to.plane()].iter_mut();
        for row in 0..to.height {
            for column in 0..to.width {
                let q = [column as f64 - target[0], row as f64 - target[1]];
                let [x, y] = back.apply(q);
                let value = bilinear(plane, from, y + middle[1], x + middle[0]);
                if let Some(pixel) = pixels.next() {
                    *pixel = P::from_f32(value);
                }
            }
        }
    }
    Ok(())
}

/// The middle of an image, as (column, row).
pub(crate) fn centre(shape: ImageShape) -> [f64; 2] {
    [(shape.width as f64 - 1.0) / 2.0, (shape.height as f64 - 1.0) / 2.0]
}

/// The value of one plane between pixels; zero beyond the border.
pub(super) fn bilinear<P: Pixel>(plane: &[P], shape: ImageShape, y: f64, x: f64) -> f32 {
    let (height, width) = (shape.height as f64, shape.width as f64);
    // Written so that a NaN is outside.
    if !(y > -1.0 && y < height && x > -1.0 && x < width) {
        return 0.0;
    }
    let (top, left) = (y.floor(), x.floor());
    let (down, right) = ((y - top) as f32, (x - left) as f32);
    let (row, column) = (top as isize, left as isize);
    let at = |row: isize, column: isize| {
        let inside = row >= 0 && column >= 0 && row < shape.height as isize && column < shape.width as isize;
        if inside {
            plane[row as usize * shape.width + column as usize].to_f32()
        } else {
            0.0
        }
    };
    let upper = at(row, column) * (1.0 - right) + at(row, column + 1) * right;
    let lower = at(row + 1, column) * (1.0 - right) + at(row + 1, column + 1) * right;
    upper * (1.0 - down) + lower * down
}

//! Whole-pixel moves: shift, crop, flip.

use super::{check, Pixel};
use crate::images::ImageShape;
use crate::DatasetError;

/// Moves an image `down` rows and `right` columns (either may be negative) and fills with zeros.
///
/// The output may have other rows and columns than the input: the input's top left corner lands on row `down`,
/// column `right` of the output, and what falls outside is lost. So `shift` also pads and crops.
///
/// # Shapes
///
/// `image: from`, `out: to`, with equal channels.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where a buffer does not have its shape's length or the channels differ.
///
/// # Example
///
/// ```
/// use datasets::{images::ImageShape, transforms};
///
/// let shape = ImageShape::new(1, 2, 2);
/// let mut out = [0u8; 4];
/// transforms::shift(&[1, 2, 3, 4], shape, (1, 0), &mut out, shape)?;
/// assert_eq!(out, [0, 0, 1, 2]);
/// # Ok::<(), datasets::DatasetError>(())
/// ```
pub fn shift<P: Pixel>(
    image: &[P],
    from: ImageShape,
    (down, right): (i32, i32),
    out: &mut [P],
    to: ImageShape,
) -> Result<(), DatasetError> {
    check(image, from, out, to)?;
    if from.channels != to.channels {
        let expected = format!("{} channels as before", from.channels);
        return Err(DatasetError::inconsistent("a shifted image", expected, to.channels.to_string()));
    }
    out.fill(P::default());
    let rows = overlap(from.height, to.height, down);
    let columns = overlap(from.width, to.width, right);
    if columns.count == 0 {
        return Ok(());
    }
    for channel in 0..from.channels {
        for row in 0..rows.count {
            let read = channel * from.plane() + (rows.read + row) * from.width + columns.read;
            let write = channel * to.plane() + (rows.write + row) * to.width + columns.write;
            out[write..write + columns.count].copy_from_slice(&image[read..read + columns.count]);
        }
    }
    Ok(())
}

/// Where the shared part of two lines starts in each, and how long it is.
struct Overlap {
    read: usize,
    write: usize,
    count: usize,
}

/// The shared part of a line of `from` pixels and one of `to` pixels whose pixel `by` is the first line's first.
fn overlap(from: usize, to: usize, by: i32) -> Overlap {
    let step = by.unsigned_abs() as usize;
    let (read, write) = if by < 0 { (step, 0) } else { (0, step) };
    Overlap { read, write, count: from.saturating_sub(read).min(to.saturating_sub(write)) }
}

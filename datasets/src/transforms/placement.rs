//! Whole-pixel moves: shift, crop, flip.

use rand::Rng;

use super::{check, Pixel};
use crate::images::{check_length, ImageShape};
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

/// Moves an image by up to `most` pixels along each axis, uniformly, and fills with zeros; returns (down, right).
///
/// # Shapes
///
/// `image, out: shape`.
///
/// # Errors
///
/// As [`shift`].
pub fn random_shift<P: Pixel>(
    image: &[P],
    shape: ImageShape,
    most: u16,
    rng: &mut impl Rng,
    out: &mut [P],
) -> Result<(i32, i32), DatasetError> {
    let most = i32::from(most);
    let by = (rng.gen_range(-most..=most), rng.gen_range(-most..=most));
    shift(image, shape, by, out, shape)?;
    Ok(by)
}

/// Cuts the middle out of an image, or pads it on all sides with zeros where the output is larger.
///
/// Where the difference is odd, the smaller part goes (or is added) at the top and at the left.
///
/// # Shapes
///
/// `image: from`, `out: to`, with equal channels.
///
/// # Errors
///
/// As [`shift`].
pub fn centre_crop<P: Pixel>(
    image: &[P],
    from: ImageShape,
    out: &mut [P],
    to: ImageShape,
) -> Result<(), DatasetError> {
    let half = |from: usize, to: usize| ((to as i64 - from as i64) / 2) as i32;
    shift(image, from, (half(from.height, to.height), half(from.width, to.width)), out, to)
}

/// Pads an image with `padding` zeros on each side and cuts a part of the output's size out of it, uniformly;
/// returns the part's (row, column) in the padded image.
///
/// # Shapes
///
/// `image: from`, `out: to`, with equal channels.
///
/// # Errors
///
/// As [`shift`], and [`DatasetError::InvalidConfig`] where the output is larger than the padded image.
///
/// # Reference
///
/// The augmentation of CIFAR-10 by 4 pixels: C.-Y. Lee et al., "Deeply-Supervised Nets", AISTATS 2015.
pub fn random_crop<P: Pixel>(
    image: &[P],
    from: ImageShape,
    padding: u16,
    rng: &mut impl Rng,
    out: &mut [P],
    to: ImageShape,
) -> Result<(usize, usize), DatasetError> {
    let pad = usize::from(padding);
    let room = |from: usize, to: usize| {
        (from.saturating_add(2 * pad)).checked_sub(to).and_then(|room| i32::try_from(room).ok())
    };
    let (Some(rows), Some(columns)) = (room(from.height, to.height), room(from.width, to.width)) else {
        let allowed = format!("at most {from} with {pad} more on each side");
        return Err(DatasetError::config("the size of a crop", to, allowed));
    };
    let (row, column) = (rng.gen_range(0..=rows), rng.gen_range(0..=columns));
    shift(image, from, (i32::from(padding) - row, i32::from(padding) - column), out, to)?;
    Ok((row as usize, column as usize))
}

/// Mirrors an image from left to right, in place.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where the image does not have its shape's length.
///
/// # Example
///
/// ```
/// use datasets::{images::ImageShape, transforms};
///
/// let mut image = [1u8, 2, 3, 4, 5, 6];
/// transforms::flip(&mut image, ImageShape::new(1, 2, 3))?;
/// assert_eq!(image, [3, 2, 1, 6, 5, 4]);
/// # Ok::<(), datasets::DatasetError>(())
/// ```
pub fn flip<P: Pixel>(image: &mut [P], shape: ImageShape) -> Result<(), DatasetError> {
    check_length("an image to flip", shape.pixels(), image.len())?;
    image.chunks_mut(shape.width.max(1)).for_each(<[P]>::reverse);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const SHAPE: ImageShape = ImageShape::new(2, 3, 4);

    fn image() -> Vec<u8> {
        (1..=24).collect()
    }

    /// The pixel that lies at a place of the image, or 0 outside.
    fn at(channel: usize, row: i64, column: i64) -> u8 {
        let inside = (0..3).contains(&row) && (0..4).contains(&column);
        if inside {
            (channel as i64 * 12 + row * 4 + column + 1) as u8
        } else {
            0
        }
    }

    fn shifted(down: i64, right: i64, to: ImageShape) -> Vec<u8> {
        let places = (0..to.channels).flat_map(|c| (0..to.height).map(move |row| (c, row)));
        places
            .flat_map(|(c, row)| {
                (0..to.width).map(move |column| at(c, row as i64 - down, column as i64 - right))
            })
            .collect()
    }

    #[test]
    fn lengths_and_channels_are_checked() {
        let mut out = [0u8; 24];
        assert!(shift(&image()[1..], SHAPE, (0, 0), &mut out, SHAPE).is_err());
        assert!(shift(&image(), SHAPE, (0, 0), &mut out[1..], SHAPE).is_err());
        assert!(shift(&image(), SHAPE, (0, 0), &mut out, ImageShape::new(1, 6, 4)).is_err());
        assert!(flip(&mut out[1..], SHAPE).is_err());
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let large = ImageShape::new(2, 3, 7);
        assert!(random_crop(&image(), SHAPE, 1, &mut rng, &mut [0; 42], large).is_err());
        assert!(flip::<u8>(&mut [], ImageShape::new(1, 4, 0)).is_ok());
    }

    #[test]
    fn the_middle_is_cut_out_or_padded() {
        let mut out = [0; 4];
        centre_crop(&image(), SHAPE, &mut out, ImageShape::new(2, 1, 2)).unwrap();
        assert_eq!(out, [6, 7, 18, 19]);
        let larger = ImageShape::new(2, 6, 7);
        let mut out = [9; 84];
        centre_crop(&image(), SHAPE, &mut out, larger).unwrap();
        assert_eq!(out[..], shifted(1, 1, larger)[..]);
    }

    #[test]
    fn random_places_cover_their_range_evenly() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut shifts, mut crops) = ([[0; 3]; 2], [[0; 4]; 2]);
        let to = ImageShape::new(2, 2, 3);
        for _ in 0..3000 {
            let mut out = [0; 24];
            let (down, right) = random_shift(&image(), SHAPE, 1, &mut rng, &mut out).unwrap();
            assert_eq!(out[..], shifted(down.into(), right.into(), SHAPE)[..]);
            shifts[0][(down + 1) as usize] += 1;
            shifts[1][(right + 1) as usize] += 1;
            let mut out = [0; 12];
            let (row, column) = random_crop(&image(), SHAPE, 1, &mut rng, &mut out, to).unwrap();
            assert_eq!(out[..], shifted(1 - row as i64, 1 - column as i64, to)[..]);
            crops[0][row] += 1;
            crops[1][column] += 1;
        }
        // Means 1000 and 750, standard deviations 26 and 24.
        assert!(shifts.iter().flatten().all(|count| (870..1130).contains(count)), "{shifts:?}");
        assert!(crops.iter().flatten().all(|count| (630..870).contains(count)), "{crops:?}");
    }

    proptest! {
        #[test]
        fn shifts_move_and_fill(
            (down, right) in (-9i32..9, -9i32..9), (height, width) in (1usize..8, 1usize..8),
        ) {
            let to = ImageShape::new(2, height, width);
            let mut out = vec![77; to.pixels()];
            shift(&image(), SHAPE, (down, right), &mut out, to).unwrap();
            prop_assert_eq!(out, shifted(down.into(), right.into(), to));
        }

        #[test]
        fn far_shifts_leave_black(down: i32, right: i32) {
            prop_assume!(down.unsigned_abs() > 4);
            let mut out = [1.0f32; 24];
            shift(&[1.0; 24], SHAPE, (down, right), &mut out, SHAPE).unwrap();
            prop_assert_eq!(out, [0.0; 24]);
        }

        #[test]
        fn two_flips_are_none(pixels in prop::collection::vec(any::<u8>(), 24)) {
            let mut image = pixels.clone();
            flip(&mut image, SHAPE).unwrap();
            prop_assert_eq!(image[0], pixels[3]);
            flip(&mut image, SHAPE).unwrap();
            prop_assert_eq!(image, pixels);
        }
    }
}

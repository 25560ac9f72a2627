//! Changes of level: whitening, standardising, brightness and contrast. All work in place.

use rand::Rng;

use super::Pixel;
use crate::images::{check_length, ImageShape};
use crate::DatasetError;

/// Whitens one image: `x ↦ (x - mean) / max(std, 1/√n)` over all `n` numbers of the image, channels together.
///
/// The floor keeps an even image from being divided by zero; `std` is the population's (over n). Sums are in `f64`.
///
/// # Reference
///
/// TensorFlow's `per_image_standardization`, which the CIFAR-10 experiments of several papers call "whitening".
///
/// # Example
///
/// ```
/// let mut image = [1.0f32, 3.0, 1.0, 3.0];
/// datasets::transforms::whiten(&mut image);
/// assert_eq!(image, [-1.0, 1.0, -1.0, 1.0]);
/// ```
pub fn whiten(image: &mut [f32]) {
    if image.is_empty() {
        return;
    }
    let n = image.len() as f64;
    let mean = image.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let variance = image.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
    let deviation = variance.sqrt().max(1.0 / n.sqrt());
    image.iter_mut().for_each(|x| *x = ((f64::from(*x) - mean) / deviation) as f32);
}

/// An image of bytes as a network takes it: divided by 255 and [`whiten`]ed, and a grey one shown to every channel.
///
/// # Shapes
///
/// `out`: as many values as `image`, or a multiple: the image is then repeated.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where `out` is no multiple of `image`.
///
/// # Example
///
/// ```
/// let mut out = [0.0; 4];
/// datasets::transforms::whiten_bytes(&[0, 255], &mut out)?;
/// assert_eq!(out, [-1.0, 1.0, -1.0, 1.0]);
/// assert!(datasets::transforms::whiten_bytes(&[0, 255, 0], &mut out).is_err());
/// # Ok::<(), datasets::DatasetError>(())
/// ```
pub fn whiten_bytes(image: &[u8], out: &mut [f32]) -> Result<(), DatasetError> {
    let whole = image.len() * (out.len() / image.len().max(1));
    check_length("a buffer for whole copies of an image", whole, out.len())?;
    for (value, byte) in out.chunks_mut(image.len().max(1)).flat_map(|plane| plane.iter_mut().zip(image)) {
        *value = f32::from(*byte) / 255.0;
    }
    whiten(out);
    Ok(())
}

/// Standardises each channel by given numbers: `x ↦ (x - mean[c]) / deviation[c]`.
///
/// # Shapes
///
/// `image: shape`; `means, deviations: channels`.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where a buffer does not have its length, and [`DatasetError::InvalidConfig`] for a
/// deviation that is not above 0 and finite.
///
/// # Example
///
/// ```
/// use datasets::{images::ImageShape, transforms};
///
/// let mut image = [0.5f32, 0.75, 0.5, 0.5];
/// transforms::standardize(&mut image, ImageShape::new(2, 1, 2), &[0.5, 0.25], &[0.25, 0.5])?;
/// assert_eq!(image, [0.0, 1.0, 0.5, 0.5]);
/// # Ok::<(), datasets::DatasetError>(())
/// ```
pub fn standardize(
    image: &mut [f32],
    shape: ImageShape,
    means: &[f32],
    deviations: &[f32],
) -> Result<(), DatasetError> {
    check_length("an image to standardise", shape.pixels(), image.len())?;
    check_length("the channels' means", shape.channels, means.len())?;
    check_length("the channels' deviations", shape.channels, deviations.len())?;
    if let Some(bad) = deviations.iter().find(|&&deviation| !(deviation > 0.0 && deviation.is_finite())) {
        return Err(DatasetError::config("a channel's deviation", bad, "above 0 and finite"));
    }
    for ((plane, mean), deviation) in image.chunks_mut(shape.plane().max(1)).zip(means).zip(deviations) {
        plane.iter_mut().for_each(|x| *x = (*x - mean) / deviation);
    }
    Ok(())
}

/// Adds `delta` to every number of an image; bytes stay within 0 to 255.
pub fn brightness<P: Pixel>(image: &mut [P], delta: f32) {
    image.iter_mut().for_each(|x| *x = P::from_f32(x.to_f32() + delta));
}

/// Multiplies the contrast of each channel: `x ↦ (x - mean_c) · factor + mean_c`; bytes stay within 0 to 255.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where the image does not have its shape's length.
///
/// # Reference
///
/// TensorFlow's `adjust_contrast`, which takes the mean of each channel of each image.
pub fn contrast<P: Pixel>(image: &mut [P], shape: ImageShape, factor: f32) -> Result<(), DatasetError> {
    check_length("an image to change", shape.pixels(), image.len())?;
    let plane = shape.plane();
    for channel in image.chunks_mut(plane.max(1)) {
        let mean = (channel.iter().map(|x| f64::from(x.to_f32())).sum::<f64>() / plane as f64) as f32;
        channel.iter_mut().for_each(|x| *x = P::from_f32((x.to_f32() - mean) * factor + mean));
    }
    Ok(())
}

/// Random brightness, uniform within ± `most_delta`, and then random contrast, uniform from `factors[0]` to
/// `factors[1]`; returns (delta, factor).
///
/// The authors of the capsules paper use 63 and 0.2 to 1.8 for bytes of CIFAR-10.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where the image does not have its shape's length, and
/// [`DatasetError::InvalidConfig`] for a delta below 0, falling factors, or one that is not finite.
pub fn jitter<P: Pixel>(
    image: &mut [P],
    shape: ImageShape,
    most_delta: f32,
    factors: [f32; 2],
    rng: &mut impl Rng,
) -> Result<(f32, f32), DatasetError> {
    if !(0.0..=f32::MAX / 2.0).contains(&most_delta) {
        return Err(DatasetError::config("most_delta", most_delta, "0 or more and finite"));
    }
    let [least, most] = factors;
    if !(least <= most && (most - least).is_finite() && least.is_finite()) {
        return Err(DatasetError::config("factors", format!("{factors:?}"), "finite and rising"));
    }
    let delta = most_delta * (2.0 * rng.r#gen::<f32>() - 1.0);
    let factor = least + (most - least) * rng.r#gen::<f32>();
    brightness(image, delta);
    contrast(image, shape, factor)?;
    Ok((delta, factor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const SHAPE: ImageShape = ImageShape::new(2, 1, 3);

    #[test]
    fn even_images_whiten_to_zero() {
        let mut image = [5.0; 7];
        whiten(&mut image);
        assert_eq!(image, [0.0; 7]);
        // Below the floor of 1/√n = 0.5 the deviation, here 0.1, is not divided by.
        let mut image = [0.9, 1.1, 0.9, 1.1];
        whiten(&mut image);
        image.iter().zip([-0.2, 0.2, -0.2, 0.2]).for_each(|(x, y)| assert!((x - y).abs() < 1e-6, "{x}"));
        whiten(&mut []);
    }

    #[test]
    fn contrast_keeps_each_channels_mean() {
        let mut image = [1.0f32, 2.0, 3.0, 10.0, 10.0, 40.0];
        contrast(&mut image, SHAPE, 0.5).unwrap();
        assert_eq!(image, [1.5, 2.0, 2.5, 15.0, 15.0, 30.0]);
        let mut image = [100u8, 110, 120, 0, 0, 255];
        contrast(&mut image, SHAPE, 20.0).unwrap();
        assert_eq!(image, [0, 110, 255, 0, 0, 255]);
        brightness(&mut image, 30.4);
        assert_eq!(image, [30, 140, 255, 30, 30, 255]);
    }

    #[test]
    fn lengths_and_numbers_are_checked() {
        let mut image = [0.0f32; 6];
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        assert!(contrast(&mut image[1..], SHAPE, 1.0).is_err());
        assert!(standardize(&mut image[1..], SHAPE, &[0.0; 2], &[1.0; 2]).is_err());
        assert!(standardize(&mut image, SHAPE, &[0.0; 3], &[1.0; 2]).is_err());
        assert!(standardize(&mut image, SHAPE, &[0.0; 2], &[1.0; 1]).is_err());
        for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(standardize(&mut image, SHAPE, &[0.0; 2], &[1.0, bad]).is_err(), "{bad}");
        }
        for (delta, factors) in [
            (-1.0, [1.0, 1.0]),
            (f32::NAN, [1.0, 1.0]),
            (f32::INFINITY, [1.0; 2]),
            (1.0, [2.0, 1.0]),
            (1.0, [f32::NAN, 1.0]),
        ] {
            assert!(jitter(&mut image, SHAPE, delta, factors, &mut rng).is_err(), "{delta} {factors:?}");
        }
    }

    #[test]
    fn jitter_is_a_function_of_its_generator() {
        let jittered = |seed| {
            let mut image = [10u8, 200, 90, 60, 70, 80];
            let drawn =
                jitter(&mut image, SHAPE, 63.0, [0.2, 1.8], &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
            assert!(drawn.0.abs() <= 63.0 && (0.2..=1.8).contains(&drawn.1));
            (image, drawn)
        };
        assert_eq!(jittered(3), jittered(3));
        assert_ne!(jittered(3), jittered(4));
    }

    proptest! {
        #[test]
        fn whitened_images_have_mean_0_and_deviation_1(pixels in prop::collection::vec(0u8..=255, 2..300)) {
            let mut image: Vec<f32> = pixels.iter().map(|&pixel| f32::from(pixel)).collect();
            whiten(&mut image);
            let n = image.len() as f32;
            let mean = image.iter().sum::<f32>() / n;
            let square = image.iter().map(|x| x * x).sum::<f32>() / n;
            prop_assert!(mean.abs() < 1e-4, "{}", mean);
            // Whole numbers that are not all equal have a variance of (n - 1)/n² at least, just below the floor.
            let spread = pixels.iter().max() != pixels.iter().min();
            prop_assert!(!spread || square > 0.999 * (1.0 - 1.0 / n), "{}", square);
        }
    }
}

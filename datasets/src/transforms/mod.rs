//! Changes to images that leave the class alone: shifts, small affine and elastic distortions, crops, flips,
//! whitening, brightness and contrast.
//!
//! Every function reads one planar image of an [`ImageShape`] and writes another
//! into a buffer of the caller. Pixels are bytes or `f32`; results for bytes are rounded to the nearest level and
//! held within 0 to 255. What is random takes its generator as an argument, so the same generator gives the same
//! image.

mod affine;
mod elastic;
mod intensity;
mod placement;

pub(crate) use affine::centre;
pub use affine::{affine, Affine};
pub use elastic::{displace, elastic, gaussian_blur};
pub use intensity::{brightness, contrast, jitter, standardize, whiten, whiten_bytes};
pub use placement::{centre_crop, flip, random_crop, random_shift, shift};

use crate::images::{check_length, ImageShape};
use crate::DatasetError;

/// A number that a pixel can be: `u8` or `f32`.
pub trait Pixel: Copy + Default + PartialEq + sealed::Sealed {
    /// The pixel as a number; bytes keep their 0 to 255.
    fn to_f32(self) -> f32;

    /// The pixel nearest to a number: bytes are rounded and held within 0 to 255.
    fn from_f32(value: f32) -> Self;
}

impl Pixel for u8 {
    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    fn from_f32(value: f32) -> Self {
        // The cast saturates, and turns NaN to 0.
        (value + 0.5) as u8
    }
}

impl Pixel for f32 {
    fn to_f32(self) -> f32 {
        self
    }

    fn from_f32(value: f32) -> Self {
        value
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for f32 {}
}

/// Checks that `image` and `out` are images of the two shapes.
fn check<P>(image: &[P], from: ImageShape, out: &[P], to: ImageShape) -> Result<(), DatasetError> {
    check_length("an image to transform", from.pixels(), image.len())?;
    check_length("a buffer for the transformed image", to.pixels(), out.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_and_saturate() {
        let rounded = [-3.0, -0.4, 0.49, 0.5, 254.4, 254.6, 300.0, f32::NAN, f32::INFINITY].map(u8::from_f32);
        assert_eq!(rounded, [0, 0, 0, 1, 254, 255, 255, 0, 255]);
        assert!((0..=255u8).all(|byte| u8::from_f32(byte.to_f32()) == byte));
    }
}

//! Images as networks take them: floats, cut to a size, whitened.

use crate::{
    images::{ImageSet, ImageShape},
    transforms::{centre_crop, whiten, whiten_bytes},
    DatasetError,
};

/// Images as a network takes them, in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Pictures {
    /// Image after image.
    pub pixels: Vec<f32>,
    /// The class of each.
    pub labels: Vec<usize>,
}

impl Pictures {
    /// The first `count` images of a set, cut to `side` pixels a side (with black around smaller ones) and whitened one by one;
    /// in one channel the mean of their channels, in three a grey image three times.
    ///
    /// # Errors
    /// [`DatasetError::Inconsistent`] for images of neither 1 nor 3 channels.
    pub fn of(set: &ImageSet, count: usize, channels: usize, side: usize) -> Result<Self, DatasetError> {
        let from = set.shape();
        if ![1, 3].contains(&from.channels) || set.is_empty() {
            return Err(DatasetError::Inconsistent {
                what: "a set of images",
                expected: "one or more images of 1 or 3 channels".into(),
                found: format!("{} of {from}", set.len()),
            });
        }
        let count = count.min(set.len());
        let to = ImageShape { height: side, width: side, ..from };
        let (plane, mut cut) = (side * side, vec![0_u8; to.pixels()]);
        let mut pixels = vec![0.0; count * channels * plane];
        for (out, (image, _)) in pixels.chunks_mut(channels * plane).zip(set.iter()) {
            centre_crop(image, from, &mut cut, to)?;
            if channels < from.channels {
                for (at, value) in out.iter_mut().enumerate() {
                    let sum: f32 = cut.iter().skip(at).step_by(plane).map(|byte| f32::from(*byte)).sum();
                    *value = sum / (255.0 * from.channels as f32);
                }
                whiten(out);
            } else {
                whiten_bytes(&cut, out)?;
            }
        }
        let labels = set.labels()[..count].iter().map(|label| usize::from(*label)).collect();
        Ok(Pictures { pixels, labels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_take_the_channels_that_are_asked_for() {
        let shape = ImageShape { channels: 3, height: 2, width: 2 };
        let set = ImageSet::new(shape, 2, (0..12).map(|v| v * 20).collect(), vec![1]).unwrap();
        let grey = Pictures::of(&set, 5, 1, 2).unwrap();
        assert_eq!((grey.pixels.len(), &grey.labels[..]), (4, &[1][..]));
        // the means of channels are 80, 100, 120, 140 of 255; their deviation is below 1/√n, which is what they are divided by
        for (found, expected) in grey.pixels.iter().zip([-30.0, -10.0, 10.0, 30.0]) {
            assert!((found - expected / 255.0 / 0.5).abs() < 1e-6, "{found}");
        }
        let mut whole: Vec<f32> = set.pixels().iter().map(|p| f32::from(*p) / 255.0).collect();
        whiten(&mut whole);
        assert_eq!(Pictures::of(&set, 1, 3, 2).unwrap().pixels, whole);
    }
}

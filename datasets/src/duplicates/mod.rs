//! Near-duplicates: which images of one set come again, nearly the same, in another.
//!
//! A score on test images says less where training images are nearly the same ones. [`NearDuplicates`] finds the test
//! images for which that is so, among training images that are looked at once and not kept.

mod descriptor;

use crate::images::ImageShape;
use crate::synthetic::between;
use crate::DatasetError;
use descriptor::{blur, coefficients, detail, grey, moments, Probes, Windows, COEFFICIENTS};

/// Test images, prepared so that their near-duplicates among training images can be found.
///
/// Both images are blurred with the weights 1 2 1 along either axis. Pixels on the border are left out, and the
/// training image is moved by -1, 0 or 1 pixels along either axis. The images are near-duplicates where, for one of
/// these nine moves,
///
/// 1. the cosine of their coarse descriptors is at least 0.85. The descriptor is the 15 lowest frequencies but the zeroth
///    of the cosine transform of an 8 x 8 thumbnail in grey, the mean of the channels;
/// 2. the details in grey have the same sign at 52 or more of the 64 pixels where those of the test image are largest. The
///    detail at a pixel is the blurred pixel less the mean of the 7 x 7 blurred pixels around it: what is left are
///    edges and textures, which tell similar images apart;
/// 3. ρ is at least `threshold`. Here ρ is the correlation of the details of all channels, each channel about its own
///    mean: Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² · Σ (y − ȳ)²).
///
/// None depends on brightness or contrast, and the last does on colours. An image whose blurred grey values have
/// a standard deviation below 1 (of 255) is flat: two flat images are near-duplicates where their means are within 26
/// of each other, and a flat one has no others.
///
/// # Accuracy
///
/// Of 300 scenes, shapes and digits each, all that come again moved by a pixel along either axis or both, 10 % brighter or
/// darker, with noise of 4/255, blurred by a mean of 3 x 3, or moved, darker and noisy at once, are found at the default
/// threshold of 0.8; their least ρ is 0.89. Images whose patterns are all finer than an eighth of their sides may
/// be missed.
///
/// Of 1,000 scenes none and of 1,000 shapes 4 are taken for one of 20,000 different ones. Handwritten digits are much
/// alike: 774 of 1,000 are, so that they need a threshold of 0.95, which still finds the planted ones and takes 6 % for one
/// of the others.
///
/// # Example
///
/// ```
/// use datasets::duplicates::NearDuplicates;
/// use datasets::synthetic::{shapes, ShapeConfig, Shapes};
///
/// let shapes = shapes(&ShapeConfig::default(), 0)?;
/// let (train, mut test) = (shapes.set(0..100)?, shapes.set(100..103)?.into_parts().2);
/// // Test image 1 is training image 42, but brighter.
/// for (pixel, &other) in test[3072..6144].iter_mut().zip(train.get(42).unwrap_or_default().0) {
///     *pixel = other.saturating_add(9);
/// }
/// let images = NearDuplicates::of(Shapes::SHAPE, test.chunks(3072))?;
/// let found = images.scan(train.iter().map(|(image, _)| image))?;
/// assert_eq!(found, [None, Some(42), None]);
/// # Ok::<(), datasets::DatasetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct NearDuplicates {
    shape: ImageShape,
    threshold: f64,
    len: usize,
    /// Descriptors of unit length, [`LANES`] images at a time: first all their first coefficients.
    coarse: Vec<[[f32; LANES]; COEFFICIENTS]>,
    /// Where the details of every image are largest.
    probes: Vec<Probes>,
    /// The details of every image.
    details: Vec<u8>,
    /// The mean of every flat image.
    flat: Vec<(usize, f64)>,
}

/// How many images are compared at once.
const LANES: usize = 16;
/// Least cosine of two descriptors.
const COARSE: f32 = 0.85;
/// Least number of signs that agree.
const AGREE: usize = 52;
/// Default least correlation.
const FINE: f64 = 0.8;
/// Where the part of an image begins that is not on the border.
const STILL: [usize; 2] = [1, 1];
/// Where the same part begins in an image that was moved; most near-duplicates were not.
const MOVES: [[usize; 2]; 9] = [STILL, [0, 1], [1, 0], [1, 2], [2, 1], [0, 0], [0, 2], [2, 0], [2, 2]];
/// Most difference of the means of two flat images.
const FLAT: f64 = 26.0;

impl NearDuplicates {
    /// Prepares test images, with a threshold of 0.8.
    ///
    /// # Shapes
    ///
    /// Every image: `channels · height · width` bytes, planar.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] where the shape has fewer than 10 rows or columns or no channel, or an image has
    /// another number of bytes.
    ///
    /// # Complexity
    ///
    /// O(bytes), with `channels · height · width + 320` bytes an image in memory.
    pub fn of<T: AsRef<[u8]>>(
        shape: ImageShape,
        tests: impl IntoIterator<Item = T>,
    ) -> Result<Self, DatasetError> {
        if shape.channels == 0 || shape.height < 10 || shape.width < 10 {
            let expected = "one or more channels of 10 or more rows and columns";
            return Err(DatasetError::inconsistent("NearDuplicates", expected, shape.to_string()));
        }
        let mut all = Self {
            shape,
            threshold: FINE,
            len: 0,
            coarse: vec![],
            probes: vec![],
            details: vec![],
            flat: vec![],
        };
        let mut image = Prepared::new(shape);
        for test in tests {
            image.read(test.as_ref())?;
            let lane = all.len % LANES;
            if lane == 0 {
                all.coarse.push([[0.0; LANES]; COEFFICIENTS]);
            }
            match image.flat() {
                Some(mean) => all.flat.push((all.len, mean)),
                None => {
                    let block = all.coarse.last_mut().into_iter().flatten();
                    block.zip(image.coarse(STILL)).for_each(|(lanes, value)| lanes[lane] = value);
                }
            }
            image.detail();
            all.probes.push(Probes::of(shape.width, &image.grey_detail));
            all.details.extend_from_slice(&image.details);
            all.len += 1;
        }
        Ok(all)
    }

    /// Sets the least correlation of near-duplicates, 0.5 to 1.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] for any other number.
    pub fn threshold(mut self, threshold: f64) -> Result<Self, DatasetError> {
        between("threshold", threshold, 0.5, 1.0)?;
        self.threshold = threshold;
        Ok(self)
    }

    /// The number of test images.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no test image.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// For every test image, the place of the first training image that is a near-duplicate of it.
    ///
    /// # Shapes
    ///
    /// As [`NearDuplicates::of`].
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] for a training image with another number of bytes.
    ///
    /// # Complexity
    ///
    /// O(tests · train) products of 15 numbers, nine times, and O(bytes) for every pair that passes the coarse
    /// comparison: less than a minute for 10,000 by 100,000 scenes on one core. Training images are not kept.
    pub fn scan<T: AsRef<[u8]>>(
        &self,
        train: impl IntoIterator<Item = T>,
    ) -> Result<Vec<Option<usize>>, DatasetError> {
        let mut found = vec![None; self.len];
        let mut image = Prepared::new(self.shape);
        let mut moves = [[0.0; COEFFICIENTS]; MOVES.len()];
        for (number, pixels) in train.into_iter().enumerate() {
            image.read(pixels.as_ref())?;
            if let Some(mean) = image.flat() {
                for &(test, other) in &self.flat {
                    if found[test].is_none() && (mean - other).abs() <= FLAT {
                        found[test] = Some(number);
                    }
                }
                continue;
            }
            moves.iter_mut().zip(MOVES).for_each(|(coarse, start)| *coarse = image.coarse(start));
            for (block, lanes) in self.coarse.iter().enumerate() {
                for (coarse, start) in moves.iter().zip(MOVES) {
                    let cosines = products(lanes, coarse);
                    // One decision for the usual case, in which none is near.
                    if cosines.iter().map(|&cosine| u32::from(cosine >= COARSE)).sum::<u32>() == 0 {
                        continue;
                    }
                    for (lane, _) in cosines.iter().enumerate().filter(|(_, cosine)| **cosine >= COARSE) {
                        let test = block * LANES + lane;
                        if found[test].is_none() && self.close(&mut image, start, test) {
                            found[test] = Some(number);
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    /// Whether a moved training image passes the second and the third comparison.
    fn close(&self, train: &mut Prepared, start: [usize; 2], test: usize) -> bool {
        train.detail();
        let Some(probes) = self.probes.get(test) else { return false };
        probes.agree(start, self.shape.width, &train.grey_detail, AGREE)
            && self.correlation(train, start, test) >= self.threshold
    }

    /// The correlation of a moved training image with a test image.
    fn correlation(&self, train: &Prepared, start: [usize; 2], test: usize) -> f64 {
        let size = self.shape.pixels();
        let windows = Windows { height: self.shape.height, width: self.shape.width, starts: [start, STILL] };
        windows.correlation(&train.details, &self.details[test * size..(test + 1) * size])
    }
}

/// The products of descriptors with one.
#[inline(always)]
fn products(lanes: &[[f32; LANES]; COEFFICIENTS], with: &[f32; COEFFICIENTS]) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for (values, factor) in lanes.iter().zip(with) {
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
    }
    sums
}

/// What is compared of an image.
struct Prepared {
    shape: ImageShape,
    blurred: Vec<u8>,
    grey: Vec<u8>,
    details: Vec<u8>,
    grey_detail: Vec<u8>,
    /// Whether both details are those of this image; few images need them.
    detailed: bool,
}

impl Prepared {
    fn new(shape: ImageShape) -> Self {
        let (pixels, plane) = (vec![0; shape.pixels()], vec![0; shape.plane()]);
        let (blurred, grey) = (pixels.clone(), plane.clone());
        Self { shape, blurred, grey, details: pixels, grey_detail: plane, detailed: false }
    }

    fn read(&mut self, pixels: &[u8]) -> Result<(), DatasetError> {
        let shape = self.shape;
        if pixels.len() != shape.pixels() {
            let expected = format!("{} bytes, an image of {shape}", shape.pixels());
            return Err(DatasetError::inconsistent("an image", expected, pixels.len().to_string()));
        }
        let planes = pixels.chunks_exact(shape.plane()).zip(self.blurred.chunks_exact_mut(shape.plane()));
        planes.for_each(|(plane, out)| blur(shape.width, plane, out));
        grey(&self.blurred, &mut self.grey);
        self.detailed = false;
        Ok(())
    }

    /// The mean, where the image shows nothing.
    fn flat(&self) -> Option<f64> {
        let [mean, variance] = moments(&self.grey);
        (variance < 1.0).then_some(mean)
    }

    fn detail(&mut self) {
        if !self.detailed {
            let (plane, width) = (self.shape.plane(), self.shape.width);
            let planes = self.blurred.chunks_exact(plane).zip(self.details.chunks_exact_mut(plane));
            planes.for_each(|(blurred, out)| detail(width, blurred, out));
            detail(width, &self.grey, &mut self.grey_detail);
            self.detailed = true;
        }
    }

    /// The descriptor of the part that begins at a row and a column.
    fn coarse(&self, start: [usize; 2]) -> [f32; COEFFICIENTS] {
        coefficients(self.shape.height, self.shape.width, start, &self.grey)
    }
}

#[cfg(test)]
mod tests;

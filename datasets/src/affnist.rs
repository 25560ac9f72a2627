//! Digits on a larger black canvas: placed at random to learn from, and affNIST-like to test on.
//!
//! The capsules paper trains on MNIST digits at random places of a black 40 x 40 canvas ([`Placed`]) and tests on
//! affNIST, the same digits under small random affine maps ([`AffNist`]), which it never trained on. Here the maps
//! are drawn as affNIST documents them, so that any set of images has its affNIST. The official files are MATLAB
//! `.mat` files and are not read.
//!
//! # Reference
//!
//! T. Tieleman, "affNIST", 2013, <https://www.cs.toronto.edu/~tijmen/affNIST/>; S. Sabour, N. Frosst and
//! G. E. Hinton, "Dynamic Routing Between Capsules", NIPS 2017, section 5.2.

use std::borrow::Borrow;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::images::{check_length, ImageSet, ImageShape};
use crate::stream::{stream, Kind};
use crate::synthetic::{between, within};
use crate::transforms::{self, Affine};
use crate::DatasetError;

/// Images placed at random, by whole pixels, on a canvas with `margin` more rows and columns on each side.
///
/// With digits of 28 x 28 and a margin of 6 that is the paper's training set for affNIST: 40 x 40, moved up to ±6.
/// Placement `index` is of image `index % len`, and a pure function of the seed and the index, so every pass over
/// the set has new places.
///
/// # Example
///
/// ```
/// use datasets::{affnist::Placed, synthetic};
///
/// let digits = synthetic::digits(&Default::default(), 0)?.set(0..100)?;
/// let placed = Placed::new(&digits, 6, 0)?;
/// let mut canvas = vec![0; placed.shape().pixels()];
/// let (label, (down, right)) = placed.write(205, &mut canvas)?;
/// assert_eq!((canvas.len(), label), (1600, digits.labels()[5]));
/// assert!(down.abs() <= 6 && right.abs() <= 6);
/// # Ok::<(), datasets::DatasetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Placed<S> {
    images: S,
    margin: usize,
    seed: u64,
}

impl<S: Borrow<ImageSet>> Placed<S> {
    /// Prepares the placements of `images`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] for a margin above 64 or a set without images.
    pub fn new(images: S, margin: usize, seed: u64) -> Result<Self, DatasetError> {
        within("margin", margin, 0, 64)?;
        within("the number of images", images.borrow().len(), 1, usize::MAX)?;
        Ok(Self { images, margin, seed })
    }

    /// The size of the canvas.
    pub fn shape(&self) -> ImageShape {
        grown(self.images.borrow().shape(), self.margin)
    }

    /// Writes placement `index` and returns its class and how far it lies from the middle, as (down, right).
    ///
    /// # Shapes
    ///
    /// `canvas`: [`shape`](Self::shape).
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] for a canvas of another length.
    pub fn write(&self, index: u64, canvas: &mut [u8]) -> Result<(u8, (i32, i32)), DatasetError> {
        let set = self.images.borrow();
        let (image, label) = cyclic(set, index);
        let mut rng = stream(Kind::Placement, self.seed, index);
        let most = self.margin as i32;
        let (down, right) = (rng.gen_range(-most..=most), rng.gen_range(-most..=most));
        transforms::shift(image, set.shape(), (most + down, most + right), canvas, self.shape())?;
        Ok((label, (down, right)))
    }
}

/// Settings of [`AffNist`]. The defaults are affNIST's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AffNistConfig {
    /// Rows and columns added on each side; 0 to 64. With 6, digits of 28 x 28 become images of 40 x 40.
    pub margin: usize,
    /// Turns are uniform within ± so many degrees; 0 to 180.
    pub degrees: f64,
    /// Shears are uniform within ± so much; 0 to 2.
    pub shear: f64,
    /// The least scale, in either direction; 0.1 to `most_scale`. Scales are uniform up to
    /// [`most_scale`](Self::most_scale), independently in either direction.
    pub least_scale: f64,
    /// The largest scale; up to 10.
    pub most_scale: f64,
}

impl Default for AffNistConfig {
    fn default() -> Self {
        Self { margin: 6, degrees: 20.0, shear: 0.2, least_scale: 0.8, most_scale: 1.2 }
    }
}

/// Images under small random affine maps, at random places of a larger canvas.
///
/// Image `index` is image `index % len` of the set, scaled, sheared and turned about its centre by uniformly drawn
/// amounts, and then moved by a uniformly drawn amount among those that cut off none of its ink. An image whose
/// ink is too large for the canvas is put into its middle, along the axis in question, and cut. All is a pure
/// function of the seed and the index; affNIST itself has 32 such images for each MNIST digit.
///
/// # Example
///
/// ```
/// use datasets::{affnist::{AffNist, AffNistConfig}, synthetic};
///
/// let digits = synthetic::digits(&Default::default(), 0)?.set(0..100)?;
/// let moved = AffNist::new(&digits, AffNistConfig::default(), 0)?;
/// let mut canvas = vec![0; moved.shape().pixels()];
/// let (label, map) = moved.write(32, &mut canvas)?;
/// assert_eq!((canvas.len(), label), (1600, digits.labels()[32]));
/// assert_ne!(map.matrix, [[1.0, 0.0], [0.0, 1.0]]);
/// # Ok::<(), datasets::DatasetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct AffNist<S> {
    images: S,
    config: AffNistConfig,
    seed: u64,
}

impl<S: Borrow<ImageSet>> AffNist<S> {
    /// Prepares the maps of `images`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] for a setting out of range or a set without images.
    pub fn new(images: S, config: AffNistConfig, seed: u64) -> Result<Self, DatasetError> {
        within("margin", config.margin, 0, 64)?;
        between("degrees", config.degrees, 0.0, 180.0)?;
        between("shear", config.shear, 0.0, 2.0)?;
        between("most_scale", config.most_scale, 0.1, 10.0)?;
        between("least_scale", config.least_scale, 0.1, config.most_scale)?;
        within("the number of images", images.borrow().len(), 1, usize::MAX)?;
        Ok(Self { images, config, seed })
    }

    /// The size of the canvas.
    pub fn shape(&self) -> ImageShape {
        grown(self.images.borrow().shape(), self.config.margin)
    }

    /// Writes image `index` and returns its class and its map.
    ///
    /// # Shapes
    ///
    /// `canvas`: [`shape`](Self::shape).
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] for a canvas of another length.
    pub fn write(&self, index: u64, canvas: &mut [u8]) -> Result<(u8, Affine), DatasetError> {
        let (set, to) = (self.images.borrow(), self.shape());
        check_length("a canvas", to.pixels(), canvas.len())?;
        let (image, label) = cyclic(set, index);
        let mut rng = stream(Kind::AffNist, self.seed, index);
        let AffNistConfig { degrees, shear, least_scale, most_scale, .. } = self.config;
        let mut uniform = |least: f64, most: f64| least + (most - least) * rng.r#gen::<f64>();
        let (turn, slant) = (uniform(-degrees, degrees), uniform(-shear, shear));
        let scale = [uniform(least_scale, most_scale), uniform(least_scale, most_scale)];
        let places = [uniform(0.0, 1.0), uniform(0.0, 1.0)];
        let mut map = Affine::new(turn, slant, scale, [0.0; 2]);
        let extent = ink_extent(image, set.shape(), &map);
        for (axis, size) in [to.width, to.height].into_iter().enumerate() {
            // The ink lies strictly within `extent`, and has to stay strictly within -1 to size, from the middle.
            let half = (size as f64 + 1.0) / 2.0;
            let (least, most) = (-half - extent[axis][0], half - extent[axis][1]);
            let at = if least < most { least + (most - least) * places[axis] } else { (least + most) / 2.0 };
            map.translation[axis] = at;
        }
        transforms::affine(image, set.shape(), &map, canvas, to)?;
        Ok((label, map))
    }
}

/// The open box around all that the ink of an image can touch after `map`, per axis (x, y), from the middle.
fn ink_extent(image: &[u8], shape: ImageShape, map: &Affine) -> [[f64; 2]; 2] {
    let [x0, y0] = transforms::centre(shape);
    let mut extent = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
    for (at, _) in image.iter().enumerate().filter(|&(_, &pixel)| pixel > 0) {
        let (row, column) = (at % shape.plane() / shape.width, at % shape.width);
        let place = map.apply([column as f64 - x0, row as f64 - y0]);
        for ((range, place), row) in extent.iter_mut().zip(place).zip(map.matrix) {
            // Interpolation spreads a pixel over less than one pixel each way, before the map.
            let reach = row[0].abs() + row[1].abs();
            *range = [range[0].min(place - reach), range[1].max(place + reach)];
        }
    }
    if extent[0][0] > extent[0][1] {
        return [[0.0; 2]; 2]; // no ink at all
    }
    extent
}

fn grown(shape: ImageShape, margin: usize) -> ImageShape {
    ImageShape::new(shape.channels, shape.height + 2 * margin, shape.width + 2 * margin)
}

/// Image `index % len` of a set that is not empty.
fn cyclic(set: &ImageSet, index: u64) -> (&[u8], u8) {
    set.get((index % set.len() as u64) as usize).unwrap_or((&[], 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;
    use proptest::prelude::*;

    fn digits() -> ImageSet {
        synthetic::digits(&Default::default(), 1).unwrap().set(0..40).unwrap()
    }

    fn mass(image: &[u8]) -> f64 {
        image.iter().map(|&pixel| f64::from(pixel)).sum()
    }

    #[test]
    fn settings_out_of_range_are_named() {
        assert!(Placed::new(digits(), 65, 0).unwrap_err().to_string().starts_with("margin is 65"));
        assert!(Placed::new(digits().slice(0..0).unwrap(), 6, 0).is_err());
        for (field, config) in [
            ("margin", AffNistConfig { margin: 65, ..Default::default() }),
            ("degrees", AffNistConfig { degrees: f64::NAN, ..Default::default() }),
            ("shear", AffNistConfig { shear: -0.1, ..Default::default() }),
            ("least_scale", AffNistConfig { least_scale: 1.3, ..Default::default() }),
            ("most_scale", AffNistConfig { most_scale: 11.0, ..Default::default() }),
        ] {
            let message = AffNist::new(digits(), config, 0).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{field} is ")), "{message}");
        }
        assert!(AffNist::new(digits(), AffNistConfig::default(), 0).unwrap().write(0, &mut [0; 9]).is_err());
    }

    /// Draws 4,000 maps and checks the law of each parameter, recovered from the matrix.
    #[test]
    fn maps_follow_the_documented_laws() {
        let moved = AffNist::new(digits(), AffNistConfig::default(), 4).unwrap();
        let mut canvas = vec![0; 1600];
        let mut drawn: [Vec<f64>; 4] = Default::default();
        for index in 0..4000 {
            let [[a, b], [c, d]] = moved.write(index, &mut canvas).unwrap().1.matrix;
            let (turn, across) = (c.atan2(a), a.hypot(c));
            let down = (a * d - b * c) / across;
            let shear = (turn.cos() * b + turn.sin() * d) / down;
            drawn.iter_mut().zip([turn.to_degrees(), shear, across, down]).for_each(|(all, v)| all.push(v));
        }
        for (values, (least, most)) in
            drawn.iter_mut().zip([(-20.0, 20.0), (-0.2, 0.2), (0.8, 1.2), (0.8, 1.2)])
        {
            values.sort_by(f64::total_cmp);
            // Kolmogorov-Smirnov: the largest gap to the uniform law; 0.031 at a level of 0.1 %.
            let law = |v: f64| (v - least) / (most - least);
            let gap = values
                .iter()
                .enumerate()
                .map(|(i, &v)| (law(v) - i as f64 / 4000.0).abs())
                .fold(0.0, f64::max);
            assert!(gap < 0.031, "{gap} for {least} to {most}");
            assert!(values[0] >= least - 1e-9 && values[3999] <= most + 1e-9);
        }
    }

    #[test]
    fn ink_reaches_every_side_of_the_canvas() {
        let moved = AffNist::new(digits(), AffNistConfig::default(), 4).unwrap();
        let mut canvas = vec![0; 1600];
        let mut touched = [false; 4];
        for index in 0..4000 {
            moved.write(index, &mut canvas).unwrap();
            touched[0] |= canvas[..40].iter().any(|&pixel| pixel > 0);
            touched[1] |= canvas[1560..].iter().any(|&pixel| pixel > 0);
            touched[2] |= canvas.iter().step_by(40).any(|&pixel| pixel > 0);
            touched[3] |= canvas.iter().skip(39).step_by(40).any(|&pixel| pixel > 0);
        }
        assert_eq!(touched, [true; 4]);
    }

    #[test]
    fn ink_that_cannot_fit_stays_in_the_middle() {
        let white = ImageSet::new(ImageShape::new(1, 28, 28), 1, vec![255; 784], vec![0]).unwrap();
        let config = AffNistConfig { margin: 0, least_scale: 1.2, ..Default::default() };
        let moved = AffNist::new(white, config, 0).unwrap();
        let mut canvas = vec![0; 784];
        let map = moved.write(0, &mut canvas).unwrap().1;
        assert!(map.translation.iter().all(|by| by.abs() < 1e-9), "{map:?}");
        assert_eq!(canvas[14 * 28 + 14], 255);
        let black = ImageSet::new(ImageShape::new(1, 4, 4), 1, vec![0; 16], vec![0]).unwrap();
        let moved = AffNist::new(black, AffNistConfig::default(), 0).unwrap();
        moved.write(0, &mut [0; 256]).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn placements_move_the_whole_digit(index: u64, seed: u64, margin in 0usize..10) {
            let set = digits();
            let placed = Placed::new(&set, margin, seed).unwrap();
            let side = 28 + 2 * margin;
            let mut canvas = vec![7; side * side];
            let (label, (down, right)) = placed.write(index, &mut canvas).unwrap();
            let (image, class) = set.get((index % 40) as usize).unwrap();
            prop_assert_eq!((label, mass(&canvas)), (class, mass(image)));
            prop_assert!(down.unsigned_abs() as usize <= margin && right.unsigned_abs() as usize <= margin);
            let corner = (margin as i32 + down) as usize * side + (margin as i32 + right) as usize;
            prop_assert_eq!(&canvas[corner + 10 * side..][..28], &image[280..308]);
            let mut again = vec![0; side * side];
            placed.write(index, &mut again).unwrap();
            prop_assert_eq!(canvas, again);
        }

        #[test]
        fn no_ink_is_cut_off(index: u64, seed: u64) {
            let set = digits();
            let moved = AffNist::new(&set, AffNistConfig::default(), seed).unwrap();
            let mut canvas = vec![0; 1600];
            let (label, map) = moved.write(index, &mut canvas).unwrap();
            let (image, class) = set.get((index % 40) as usize).unwrap();
            prop_assert_eq!(label, class);
            // The same map on a canvas so large that nothing can be cut has the same ink in the middle and none else.
            let large = ImageShape::new(1, 80, 80);
            let mut whole = vec![0; large.pixels()];
            transforms::affine(image, set.shape(), &map, &mut whole, large).unwrap();
            prop_assert_eq!(mass(&whole), mass(&canvas));
            for row in 0..40 {
                prop_assert_eq!(&whole[(row + 20) * 80 + 20..][..40], &canvas[row * 40..][..40]);
            }
            let mut other = vec![0; 1600];
            moved.write(index, &mut other).unwrap();
            prop_assert_eq!(&canvas, &other);
            moved.write(index.wrapping_add(40), &mut other).unwrap();
            prop_assert_ne!(&canvas, &other);
        }
    }
}

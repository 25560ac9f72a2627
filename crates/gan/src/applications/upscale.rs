//! Twice the pixels: images of 14 x 14 to 28 x 28, by a generator and by two plain rules.

use shared::{
    device::Backend,
    dfdx::{prelude::*, tensor::Tape},
    nn::{Activation, Conv2d, ConvTranspose2d, Pass},
    ops::{conv_transpose2d::conv_transpose2d, residual::add_activate},
};

use crate::net::{Generator, Vectors};

shared::module! {
    /// 14 x 14 → W maps, two residual blocks of 3 x 3 convolutions → W2 maps of 28 x 28 → what is to be added to the nearest
    /// neighbours' image of 28 x 28. In a [`Translation`](super::Translation) with A = 196 it is SRGAN at small size, with
    /// the absolute difference in place of a distance of features.
    ///
    /// The last layer is small at the start if its weights are; with weights 0 it is the nearest neighbours' rule.
    ///
    /// # Reference
    /// Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", 2017.
    pub struct Upscaler28<E, D, const W: usize = 32, const W2: usize = 16> {
        /// The first layer.
        pub first: Conv2d<1, W, 14, 14, 3, 1, 1, E, D>,
        /// The first block.
        pub block1a: Conv2d<W, W, 14, 14, 3, 1, 1, E, D>,
        /// Its end.
        pub block1b: Conv2d<W, W, 14, 14, 3, 1, 1, E, D>,
        /// The second block.
        pub block2a: Conv2d<W, W, 14, 14, 3, 1, 1, E, D>,
        /// Its end.
        pub block2b: Conv2d<W, W, 14, 14, 3, 1, 1, E, D>,
        /// To 28 x 28.
        pub up: ConvTranspose2d<W, W2, 14, 28, 4, 2, 1, E, D>,
        /// What is to be added.
        pub last: Conv2d<W2, 1, 28, 28, 3, 1, 1, E, D>,
    }
}

impl<D: Backend, const W: usize, const W2: usize> Generator<196, 784, D> for Upscaler28<f32, D, W, W2> {
    fn generate<T: Tape<f32, D>>(
        &mut self,
        image: Vectors<196, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Vectors<784, D, T>, D::Err> {
        let rows = image.shape().0;
        let x = image.try_reshape_like(&(rows, Const::<1>, Const::<14>, Const::<14>))?;
        // each pixel four times: a transposed convolution with ones
        let ones: Tensor<Rank4<1, 1, 2, 2>, f32, D> = x.device().try_ones()?;
        let near = conv_transpose2d(
            x.with_empty_tape(),
            &ones,
            None,
            2,
            0,
            (Const::<28>, Const::<28>),
            Activation::Identity,
        )?;
        let mut h = self.first.forward(x, Activation::Relu)?;
        for (a, b) in [(&self.block1a, &self.block1b), (&self.block2a, &self.block2b)] {
            let (skip, tape) = h.split_tape();
            let inner = a.forward(skip.clone().put_tape(tape), Activation::Relu)?;
            h = add_activate(b.forward(inner, Activation::Identity)?, &skip, Activation::Relu)?;
        }
        let h = self.up.forward(h, Activation::Relu)?;
        let more = self.last.forward(h, Activation::Identity)?;
        more.try_add(near)?.try_reshape_like(&(rows, Const))
    }
}

/// Half the side: each pixel the mean of four.
///
/// # Panics
/// If the image does not have `side`² pixels, or `side` is odd: a bug of the caller.
#[must_use]
pub fn halve(image: &[f32], side: usize) -> Vec<f32> {
    assert!(image.len() == side * side && side.is_multiple_of(2), "halve: a square image of an even side");
    let half = side / 2;
    let mean = |i: usize| {
        let first = 2 * (i / half) * side + 2 * (i % half);
        0.25 * (image[first] + image[first + 1] + image[first + side] + image[first + side + 1])
    };
    (0..half * half).map(mean).collect()
}

/// Twice the side: each pixel four times.
///
/// # Panics
/// If the image does not have `side`² pixels: a bug of the caller.
#[must_use]
pub fn nearest(image: &[f32], side: usize) -> Vec<f32> {
    assert_eq!(image.len(), side * side, "nearest: pixels of a square image");
    let double = 2 * side;
    (0..double * double).map(|i| image[i / double / 2 * side + i % double / 2]).collect()
}

/// Twice the side: between the four pixels around, ¾ and ¼ of each axis; pixels beyond the border are those at it.
///
/// # Panics
/// If the image does not have `side`² pixels: a bug of the caller.
#[must_use]
pub fn bilinear(image: &[f32], side: usize) -> Vec<f32> {
    assert_eq!(image.len(), side * side, "bilinear: pixels of a square image");
    // the nearer pixel and the one on the other side
    let around = |at: usize| {
        let near = at / 2;
        let far = if at.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(side - 1) };
        [(near, 0.75), (far, 0.25)]
    };
    let double = 2 * side;
    let value = |i: usize| -> f32 {
        let (rows, cols) = (around(i / double), around(i % double));
        rows.iter()
            .flat_map(|(row, wr)| cols.iter().map(move |(col, wc)| wr * wc * image[row * side + col]))
            .sum()
    };
    (0..double * double).map(value).collect()
}

/// The peak signal-to-noise ratio, 10 log₁₀ (range² / mean (a − b)²), in decibels; infinite for equal images. `range` is the
/// distance of black and white.
///
/// # Panics
/// If the two differ in size: a bug of the caller.
///
/// # Example
/// ```
/// // a mean square of 0.01 in images from 0 to 1
/// assert!((gan::applications::psnr(&[0.5, 0.5], &[0.6, 0.4], 1.0) - 20.0).abs() < 1e-5);
/// ```
#[must_use]
pub fn psnr(a: &[f32], b: &[f32], range: f64) -> f64 {
    assert_eq!(a.len(), b.len(), "psnr: two images of one size");
    let squares: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    10.0 * (range * range * a.len().max(1) as f64 / squares).log10()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        adam,
        applications::{Translation, TranslationConfig},
        nets::MlpDiscriminator,
        Recipe,
    };
    use datasets::synthetic::{digits, DigitConfig};

    #[test]
    fn rules_by_hand() {
        let image = [0.0, 4.0, 8.0, 12.0];
        assert_eq!(nearest(&image, 2)[..8], [0.0, 0.0, 4.0, 4.0, 0.0, 0.0, 4.0, 4.0]);
        assert_eq!(halve(&nearest(&image, 2), 4), image);
        let smooth = bilinear(&image, 2);
        assert_eq!(smooth[..4], [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(smooth[4], 2.0);
        assert_eq!(bilinear(&[0.5; 9], 3), [0.5; 36]);
        assert_eq!(psnr(&[1.0], &[1.0], 2.0), f64::INFINITY);
        assert!((psnr(&[1.0, -1.0], &[0.0, 0.0], 2.0) - 20.0 * 2f64.log10()).abs() < 1e-12);
    }

    #[test]
    fn a_few_steps_beat_both_rules() {
        let dev = Cpu::seed_from_u64(1);
        let digits = digits(&DigitConfig::default(), 1).unwrap().set(0..96).unwrap();
        let large: Vec<f32> = digits.pixels().iter().map(|p| f32::from(*p) / 127.5 - 1.0).collect();
        let small: Vec<f32> = large.chunks(784).flat_map(|image| halve(image, 28)).collect();
        let pairs: Vec<f32> =
            small.chunks(196).zip(large.chunks(784)).flat_map(|(x, y)| [x, y].concat()).collect();
        let recipe = Recipe {
            generator: adam(3e-3, 0.9, 0.999),
            discriminator: adam(1e-3, 0.5, 0.999),
            ..Recipe::default()
        };
        // the weight of SRGAN: 1e-3 of the game
        let config = TranslationConfig { recipe, adversarial: 1e-3, l1: 1.0 };
        let nets: (Upscaler28<f32, Cpu, 8, 8>, MlpDiscriminator<f32, Cpu, 784, 32>) =
            (BuildModule::build(&dev), BuildModule::build(&dev));
        let mut game: Translation<_, _, _, 196, 784, 784, 32> =
            Translation::new(nets, dev, &config, 0).unwrap();
        let (train, _) = pairs.split_at(64 * 980);
        for _ in 0..40 {
            for batch in train.chunks(16 * 980) {
                let report = game.step(&[batch]).unwrap();
                assert!(report.critic.loss > 0.0);
            }
        }
        let (x, y) = (&small[64 * 196..], &large[64 * 784..]);
        let ours = psnr(&game.translate(x).unwrap(), y, 2.0);
        let by = |rule: fn(&[f32], usize) -> Vec<f32>| {
            psnr(&x.chunks(196).flat_map(|image| rule(image, 14)).collect::<Vec<_>>(), y, 2.0)
        };
        assert!(ours > by(nearest).max(by(bilinear)) + 0.5, "{ours} {} {}", by(nearest), by(bilinear));
    }
}

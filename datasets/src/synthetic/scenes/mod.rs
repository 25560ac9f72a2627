//! Scenes: 32 x 32 colour images of several textured objects, with many labels in a hierarchy, without end.

mod attributes;
mod config;
mod layout;
mod paint;
mod textures;
mod transfer;

pub use attributes::{FAMILIES, HELD_OUT, OUTLINES, PALETTES, SHADES, SIZES, TEXTURES};
pub use config::SceneConfig;
pub use transfer::Transfer;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::images::{check_length, ImageShape};
use crate::labels::Hierarchy;
use crate::stream::{permute, stream, word, Kind};
use crate::DatasetError;
use paint::PIXELS;

/// Scenes by index, without end; made by [`scenes`].
#[derive(Debug, Clone, PartialEq)]
pub struct Scenes {
    config: SceneConfig,
    seed: u64,
    hierarchy: Hierarchy,
    /// The leaves from the most frequent to the least.
    order: Vec<u32>,
}

/// Prepares the endless row of scenes of a seed.
///
/// Image `index` is a pure function of the settings, the seed and the index, so a set of any size N is the range
/// `0..N`, larger sets contain smaller ones, and nothing has to be stored. Images to measure on are a range that no
/// training set reaches, such as the indices from 2⁶³ on.
///
/// An image shows `least_objects` to `most_objects` objects before a patterned background with small discs. Each
/// object's leaf label is drawn on its own, and is a combination of attributes that must all be seen to tell it: the
/// outline, the texture, the palette, and, where the settings say so, whether it is deep or pale and small or large.
/// Place, turn, exact colours, direction and scale of the texture, brightness and contrast vary, nearer objects may hide a
/// part of others, and there is noise.
///
/// # The long tail
///
/// With L leaves and a `tail` of ρ, an object is the leaf of rank k = 0 to L − 1 with a chance proportional to
/// ρ^(−k / (L − 1)): the most frequent leaf is ρ times as frequent as the least. Which leaf has which rank is random
/// and depends on the seed, so sets that are to have the same frequent labels must have the same seed.
///
/// # The labels
///
/// Leaves are 0 to L − 1. The other labels follow: outlines with a texture, outlines, families of outlines; see
/// [`Scenes::hierarchy`] and [`Scenes::name`].
///
/// # Errors
///
/// [`DatasetError::InvalidConfig`] where a setting is out of its range.
///
/// # Complexity
///
/// O(labels); an image takes some 20 µs.
///
/// # Example
///
/// ```
/// use datasets::synthetic::{scenes, SceneConfig, Scenes};
///
/// let scenes = scenes(&SceneConfig::default(), 0)?;
/// let (mut pixels, mut labels) = ([0; Scenes::SHAPE.pixels()], vec![]);
/// scenes.write(1_000_000_000, &mut pixels, &mut labels)?;
/// for &leaf in &labels {
///     println!("it shows a {}", scenes.name(leaf).unwrap_or_default());
/// }
/// scenes.hierarchy().closure(&mut labels)?; // the outlines and families, too
/// assert!((4..=12).contains(&labels.len()));
/// # Ok::<(), datasets::DatasetError>(())
/// ```
pub fn scenes(config: &SceneConfig, seed: u64) -> Result<Scenes, DatasetError> {
    config.validate()?;
    let leaves = config.leaves() as u64;
    let key = word(Kind::SceneOrder, seed, 0);
    let order = (0..leaves).map(|rank| permute(key, leaves, rank) as u32).collect();
    Ok(Scenes { config: *config, seed, hierarchy: attributes::hierarchy(config)?, order })
}

impl Scenes {
    /// The size of every image.
    pub const SHAPE: ImageShape = ImageShape::new(3, paint::SIDE, paint::SIDE);

    /// The settings.
    pub fn config(&self) -> &SceneConfig {
        &self.config
    }

    /// All labels: three levels where a leaf is an outline with a texture, and else four.
    pub fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// What a label says, such as "red striped disc", "striped disc", "disc" or "round"; `None` where there is no
    /// such label.
    pub fn name(&self, label: u32) -> Option<String> {
        attributes::name(&self.config, label)
    }

    /// The chance of every leaf to be an object's label; the chances sum to 1.
    ///
    /// # Complexity
    ///
    /// O(leaves).
    pub fn shares(&self) -> Vec<f64> {
        let last = (self.order.len().max(2) - 1) as f64;
        let weight = |rank: usize| self.config.tail.powf(-(rank as f64) / last);
        let total: f64 = (0..self.order.len()).map(weight).sum();
        let mut shares = vec![0.0; self.order.len()];
        self.order.iter().enumerate().for_each(|(rank, &leaf)| shares[leaf as usize] = weight(rank) / total);
        shares
    }

    /// Writes image `index` into a buffer of the caller, and its true leaf labels, sorted and without repeats, in
    /// place of what `labels` held.
    ///
    /// Wrong and missing labels are made from these by [`LabelNoise`](crate::labels::LabelNoise), and the labels above
    /// by [`Hierarchy::closure`].
    ///
    /// # Shapes
    ///
    /// `pixels`: 3 · 32 · 32, planar; `labels`: 1 to 4 afterwards.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] for a buffer of another length.
    pub fn write(&self, index: u64, pixels: &mut [u8], labels: &mut Vec<u32>) -> Result<(), DatasetError> {
        check_length("a buffer for an image", PIXELS, pixels.len())?;
        self.draw(index, pixels, labels);
        Ok(())
    }

    /// Image `index`: its planar pixels and its true leaf labels.
    pub fn image(&self, index: u64) -> ([u8; PIXELS], Vec<u32>) {
        let (mut pixels, mut labels) = ([0; PIXELS], Vec::with_capacity(layout::MOST));
        self.draw(index, &mut pixels, &mut labels);
        (pixels, labels)
    }

    /// Images of single objects of other outlines, to measure what was learnt on.
    pub fn transfer(&self) -> Transfer {
        Transfer::new(&self.config, self.seed)
    }

    fn draw(&self, index: u64, pixels: &mut [u8], labels: &mut Vec<u32>) {
        let mut rng = stream(Kind::Scenes, self.seed, index);
        let (least, most) = (self.config.least_objects as u32, self.config.most_objects as u32);
        let objects = rng.gen_range(least..=most) as usize;
        labels.clear();
        labels.extend((0..objects).map(|_| self.leaf(&mut rng)));
        let mut looks = [attributes::look(&self.config, 0); layout::MOST];
        looks.iter_mut().zip(labels.iter()).for_each(|(look, &leaf)| {
            *look = attributes::look(&self.config, leaf);
        });
        layout::draw(&self.config, &looks[..labels.len()], &mut rng, pixels);
        labels.sort_unstable();
        labels.dedup();
    }

    /// A leaf, by the inverse of the geometric distribution function of the ranks.
    fn leaf(&self, rng: &mut ChaCha8Rng) -> u32 {
        let leaves = self.order.len();
        let point = rng.r#gen::<f64>();
        // Each rank is e^-decay times as frequent as the one before.
        let decay = self.config.tail.ln() / (leaves.max(2) - 1) as f64;
        let rank = if decay > 1e-12 {
            let all = -(-decay * leaves as f64).exp_m1();
            -(-point * all).ln_1p() / decay
        } else {
            point * leaves as f64
        };
        self.order[(rank as usize).min(leaves - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{LabelNoise, NoiseKind};
    use proptest::prelude::*;

    fn default(seed: u64) -> Scenes {
        scenes(&SceneConfig::default(), seed).unwrap()
    }

    #[test]
    fn leaves_come_as_often_as_their_shares_say() {
        for tail in [1.0, 100.0] {
            let config = SceneConfig { outlines: 4, textures: 3, palettes: 2, tail, ..Default::default() };
            let scenes = scenes(&config, 5).unwrap();
            let shares = scenes.shares();
            let most = shares.iter().copied().fold(0.0, f64::max);
            let least = shares.iter().copied().fold(1.0, f64::min);
            assert!(
                (most / least / tail - 1.0).abs() < 1e-9 && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-12
            );
            let mut counts = vec![0.0; shares.len()];
            let mut rng = stream(Kind::Scenes, 0, 0);
            let draws = 200_000.0;
            (0..draws as u64).for_each(|_| counts[scenes.leaf(&mut rng) as usize] += 1.0);
            for (count, share) in counts.iter().zip(&shares) {
                let (mean, deviation) = (draws * share, (draws * share).sqrt());
                assert!((count - mean).abs() < 4.5 * deviation, "{count} for {mean}, tail {tail}");
            }
        }
    }

    #[test]
    fn the_number_of_objects_is_uniform() {
        let config = SceneConfig {
            least_objects: 2,
            most_objects: 4,
            outlines: 16,
            textures: 8,
            ..Default::default()
        };
        let scenes = scenes(&config, 1).unwrap();
        let mut counts = [0; 5];
        (0..3000).for_each(|index| counts[scenes.image(index).1.len()] += 1);
        // 1000 each, standard deviation 26; in less than 1 % two of the 768 leaves are the same.
        assert_eq!(counts[0], 0);
        assert!(counts[1] < 10 && counts[2..].iter().all(|count| (890..1110).contains(count)), "{counts:?}");
    }

    /// Recorded results name a seed, so what a seed stands for must not drift unnoticed.
    #[test]
    fn the_scenes_of_seed_zero_stay_what_they_are() {
        let sum = |bytes: &[u8]| bytes.iter().zip(1u64..).map(|(&byte, i)| i * u64::from(byte)).sum::<u64>();
        let (scenes, mut sums) = (default(0), [0; 3]);
        for index in 0..50 {
            let (pixels, labels) = scenes.image(index);
            sums[0] += sum(&pixels);
            sums[1] += labels.iter().map(|&label| (index + 1) * u64::from(label)).sum::<u64>();
            sums[2] += sum(&scenes.transfer().image(index).0);
        }
        assert_eq!(sums, [28_519_884_902, 562_946, 28_920_730_803]);
    }

    #[test]
    fn buffers_are_checked_and_labels_are_replaced() {
        let scenes = default(3);
        let (mut pixels, mut labels) = ([7; PIXELS], vec![9; 9]);
        assert!(scenes.write(0, &mut pixels[1..], &mut labels).is_err());
        scenes.write(u64::MAX, &mut pixels, &mut labels).unwrap();
        assert_eq!((pixels, labels), scenes.image(u64::MAX));
        assert_ne!(scenes.image(0).0, default(4).image(0).0);
    }

    #[test]
    fn scenes_and_transfer_share_no_image() {
        let config = SceneConfig { most_objects: 1, ..Default::default() };
        let scenes = scenes(&config, 0).unwrap();
        let transfer = scenes.transfer();
        assert!((0..20).all(|index| transfer.image(index).0 != scenes.image(index).0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_settings_draw_something(
            (objects, outlines, textures) in (1usize..=4, 4usize..=16, 3usize..=8),
            (palettes, shades, sizes) in (1usize..=8, 1usize..=2, 1usize..=2),
            (tail, radius, degrees, distractors) in (1.0f64..=1e6, 6.0f64..=14.0, 0.0f64..=180.0, 0usize..=8),
            (brightness, contrast, clutter, noise) in (0.0f64..=1.0, 0.0f64..=2.0, 0.0f64..=1.0, 0.0f64..=1.0),
            seed: u64, index: u64,
        ) {
            let config = SceneConfig {
                least_objects: 1, most_objects: objects, outlines, textures, palettes, shades, sizes, tail,
                least_radius: 4.0, most_radius: radius, degrees, distractors, brightness, contrast, clutter, noise,
            };
            let scenes = scenes(&config, seed).unwrap();
            let (pixels, mut labels) = scenes.image(index);
            prop_assert_eq!((pixels, labels.clone()), scenes.image(index));
            prop_assert!((1..=objects).contains(&labels.len()));
            prop_assert!(labels.iter().all(|&label| (label as usize) < config.leaves()));
            prop_assert!(labels.windows(2).all(|pair| pair[0] < pair[1]));
            let kind = if seed % 2 == 0 { NoiseKind::Uniform } else { NoiseKind::Sibling };
            let wrong = LabelNoise { rate: 1.0, kind, ..Default::default() };
            wrong.apply(scenes.hierarchy(), seed, index, &mut labels).unwrap();
            prop_assert!(labels.iter().all(|&label| scenes.name(label).is_some()));
            let transfer = scenes.transfer();
            prop_assert_eq!(transfer.image(index), transfer.image(index));
            prop_assert!(usize::from(transfer.image(index).1) < transfer.classes());
        }

        #[test]
        fn an_image_is_a_function_of_seed_and_index(seed: u64, index in 0..u64::MAX) {
            let scenes = default(seed);
            prop_assert_eq!(scenes.image(index), scenes.image(index));
            prop_assert_ne!(scenes.image(index).0, scenes.image(index + 1).0);
        }
    }
}

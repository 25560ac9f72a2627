//! Settings of [`scenes`](super::scenes()).

use serde::{Deserialize, Serialize};

use crate::synthetic::{between, within};
use crate::DatasetError;

/// Settings of [`scenes`](super::scenes()): how many labels there are, and how hard they are to see.
///
/// A leaf label is an outline with a texture, and with a palette, a shade and a size where those have a count of
/// more than 1. An attribute whose count is 1 is no part of any label, and varies freely over its whole range.
///
/// | setting | leaves | labels |
/// |---|---|---|
/// | least: 4 outlines, 3 textures, 1, 1, 1 | 12 | 20 |
/// | default: 12, 6, 6, 1, 1 | 432 | 520 |
/// | most: 16, 8, 8, 2, 2 | 4,096 | 4,245 |
///
/// With O outlines of F families, T textures, P palettes, S shades and Z sizes there are L = O T P S Z leaves, and
/// L + O T + O + F labels; where P S Z = 1, a leaf is an outline with a texture, and there are L + O + F.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SceneConfig {
    /// Least number of objects; 1 to `most_objects`. Every number up to the most has the same chance.
    pub least_objects: usize,
    /// Largest number of objects; up to 4.
    pub most_objects: usize,
    /// How many of the 16 outlines there are, from the first of [`OUTLINES`](super::OUTLINES); 4 to 16.
    pub outlines: usize,
    /// How many of the [`TEXTURES`](super::TEXTURES); 3 to 8.
    pub textures: usize,
    /// How many of the [`PALETTES`](super::PALETTES); 1 to 8.
    pub palettes: usize,
    /// Whether a colour is deep or pale is a part of the label: 2, or is not: 1.
    pub shades: usize,
    /// Whether an object is small or large is a part of the label: 2, or is not: 1.
    pub sizes: usize,
    /// How much more often the most frequent leaf comes than the least frequent; 1 (all alike) to 1,000,000.
    pub tail: f64,
    /// Least distance from an object's centre to its outline's far points, in pixels; 4 to `most_radius`.
    pub least_radius: f64,
    /// Largest such distance; up to 14. With two sizes it is at least 1.5 times the least.
    pub most_radius: f64,
    /// Turns are uniform within ± so many degrees; 0 to 180.
    pub degrees: f64,
    /// Largest number of small discs that stand for nothing; 0 to 8.
    pub distractors: usize,
    /// Brightness moves uniformly within ± so much of white; 0 to 1.
    pub brightness: f64,
    /// Contrast is multiplied by e^x with x uniform within ± this; 0 to 2.
    pub contrast: f64,
    /// How strong a stripe or spot pattern the background has; 0 to 1.
    pub clutter: f64,
    /// Standard deviation of the noise on every channel, as a share of white; 0 to 1.
    pub noise: f64,
}

impl Default for SceneConfig {
    fn default() -> Self {
        Self {
            least_objects: 1,
            most_objects: 3,
            outlines: 12,
            textures: 6,
            palettes: 6,
            shades: 1,
            sizes: 1,
            tail: 1.0,
            least_radius: 5.5,
            most_radius: 9.0,
            degrees: 25.0,
            distractors: 3,
            brightness: 0.08,
            contrast: 0.15,
            clutter: 0.2,
            noise: 0.03,
        }
    }
}

impl SceneConfig {
    /// Checks every setting against its documented range.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] naming the first setting that is out of range.
    pub fn validate(&self) -> Result<(), DatasetError> {
        within("most_objects", self.most_objects, 1, 4)?;
        within("least_objects", self.least_objects, 1, self.most_objects)?;
        within("outlines", self.outlines, 4, 16)?;
        within("textures", self.textures, 3, 8)?;
        within("palettes", self.palettes, 1, 8)?;
        within("shades", self.shades, 1, 2)?;
        within("sizes", self.sizes, 1, 2)?;
        between("tail", self.tail, 1.0, 1e6)?;
        between("most_radius", self.most_radius, 4.0, 14.0)?;
        between("least_radius", self.least_radius, 4.0, self.most_radius)?;
        if self.sizes > 1 {
            between("least_radius", self.least_radius, 4.0, self.most_radius / 1.5)?;
        }
        between("degrees", self.degrees, 0.0, 180.0)?;
        within("distractors", self.distractors, 0, 8)?;
        between("brightness", self.brightness, 0.0, 1.0)?;
        between("contrast", self.contrast, 0.0, 2.0)?;
        between("clutter", self.clutter, 0.0, 1.0)?;
        between("noise", self.noise, 0.0, 1.0)
    }

    /// The number of leaves below an outline with a texture.
    pub(super) fn variants(&self) -> usize {
        self.palettes * self.shades * self.sizes
    }

    /// The number of leaves, L.
    pub fn leaves(&self) -> usize {
        self.outlines * self.textures * self.variants()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Edit = fn(&mut SceneConfig);

    #[test]
    fn settings_out_of_range_are_named() {
        let edits: [(&str, Edit); 17] = [
            ("most_objects", |c| c.most_objects = 5),
            ("least_objects", |c| c.least_objects = 0),
            ("outlines", |c| c.outlines = 17),
            ("textures", |c| c.textures = 2),
            ("palettes", |c| c.palettes = 9),
            ("shades", |c| c.shades = 0),
            ("sizes", |c| c.sizes = 3),
            ("tail", |c| c.tail = 0.5),
            ("most_radius", |c| c.most_radius = 15.0),
            ("least_radius", |c| c.least_radius = 3.0),
            ("least_radius", |c| (c.sizes, c.least_radius) = (2, 8.0)),
            ("degrees", |c| c.degrees = f64::NAN),
            ("distractors", |c| c.distractors = 9),
            ("brightness", |c| c.brightness = -0.1),
            ("contrast", |c| c.contrast = 2.1),
            ("clutter", |c| c.clutter = 1.5),
            ("noise", |c| c.noise = -1.0),
        ];
        for (field, edit) in edits {
            let mut config = SceneConfig::default();
            edit(&mut config);
            let message = super::super::scenes(&config, 0).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{field} is ")), "{message}");
        }
    }
}

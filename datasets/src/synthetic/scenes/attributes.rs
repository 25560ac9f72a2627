//! What objects are: outlines, textures, palettes, shades and sizes, and the labels that they make up.

use super::SceneConfig;
use crate::labels::Hierarchy;
use crate::synthetic::outlines::Outline;
use crate::DatasetError;

/// What the outlines of scenes are called, in the order in which settings take them.
pub const OUTLINES: [&str; 16] = [
    "disc",
    "square",
    "cross",
    "star",
    "ring",
    "triangle",
    "bar",
    "heart",
    "crescent",
    "hourglass",
    "corner",
    "drop",
    "frame",
    "horseshoe",
    "dumbbell",
    "pair of bars",
];

/// What the outlines are called that scenes never show, and that [`Transfer`](super::Transfer) is about.
pub const HELD_OUT: [&str; 4] = ["half disc", "diamond", "tee", "arrow"];

/// What the families of outlines are called. The held-out outlines are one of each of the first four.
pub const FAMILIES: [&str; 5] = ["round", "polygon", "stroke", "pointed", "compound"];

/// What the textures are called, in the order in which settings take them.
pub const TEXTURES: [&str; 8] =
    ["striped", "spotted", "plain", "checked", "ringed", "shaded", "rimmed", "rayed"];

/// What the palettes are called, in the order in which settings take them.
pub const PALETTES: [&str; 8] = ["red", "green", "blue", "yellow", "magenta", "cyan", "orange", "violet"];

/// What the shades are called.
pub const SHADES: [&str; 2] = ["deep", "pale"];

/// What the sizes are called.
pub const SIZES: [&str; 2] = ["small", "large"];

/// Every outline of scenes and the place of its family.
pub(super) const SHOWN: [(Outline, u8); 16] = [
    (Outline::Disc, 0),
    (Outline::Square, 1),
    (Outline::Cross, 2),
    (Outline::Star, 3),
    (Outline::Ring, 0),
    (Outline::Triangle, 1),
    (Outline::Bar, 2),
    (Outline::Heart, 3),
    (Outline::Crescent, 0),
    (Outline::Hourglass, 1),
    (Outline::Corner, 2),
    (Outline::Drop, 3),
    (Outline::Frame, 4),
    (Outline::Horseshoe, 2),
    (Outline::Dumbbell, 4),
    (Outline::Pair, 4),
];

/// Every held-out outline.
pub(super) const NEVER_SHOWN: [Outline; 4] =
    [Outline::HalfDisc, Outline::Diamond, Outline::Tee, Outline::Arrow];

/// What can be seen of an object; an attribute that is no part of the labels is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) outline: Outline,
    /// A place among [`TEXTURES`].
    pub(super) texture: usize,
    /// A place among [`PALETTES`].
    pub(super) palette: Option<usize>,
    /// A place among [`SHADES`].
    pub(super) shade: Option<usize>,
    /// A place among [`SIZES`].
    pub(super) size: Option<usize>,
}

/// The attributes of a leaf: the outline counts slowest, and the size fastest.
pub(super) fn leaf_places(config: &SceneConfig, leaf: u32) -> [usize; 5] {
    let mut left = leaf as usize;
    let mut places = [config.outlines, config.textures, config.palettes, config.shades, config.sizes];
    for place in places.iter_mut().rev() {
        let count = *place;
        *place = left % count;
        left /= count;
    }
    places
}

/// What a leaf's objects look like.
pub(super) fn look(config: &SceneConfig, leaf: u32) -> Attributes {
    let [outline, texture, palette, shade, size] = leaf_places(config, leaf);
    let labelled = |count: usize, place: usize| (count > 1).then_some(place);
    Attributes {
        outline: SHOWN[outline].0,
        texture,
        palette: labelled(config.palettes, palette),
        shade: labelled(config.shades, shade),
        size: labelled(config.sizes, size),
    }
}

/// Where each level's labels begin: outlines with a texture, outlines, families, and the end.
pub(super) fn levels(config: &SceneConfig) -> [usize; 4] {
    let leaves = config.leaves();
    let pairs = if config.variants() > 1 { config.outlines * config.textures } else { 0 };
    let outlines = leaves + pairs;
    let families = outlines + config.outlines;
    [leaves, outlines, families, families + families_shown(config)]
}

/// How many families have an outline; they are the first ones.
fn families_shown(config: &SceneConfig) -> usize {
    let last = SHOWN.iter().take(config.outlines).map(|&(_, family)| usize::from(family)).max();
    last.map_or(0, |last| last + 1)
}

/// The hierarchy: leaves, then outlines with a texture, then outlines, then families.
pub(super) fn hierarchy(config: &SceneConfig) -> Result<Hierarchy, DatasetError> {
    let [pairs, outlines, families, end] = levels(config);
    let mut parent = Vec::with_capacity(end);
    // Where there is one leaf for each outline with a texture, these are one level.
    if pairs < outlines {
        parent.extend((0..config.leaves()).map(|leaf| Some((pairs + leaf / config.variants()) as u32)));
    }
    let all_pairs = config.outlines * config.textures;
    parent.extend((0..all_pairs).map(|pair| Some((outlines + pair / config.textures) as u32)));
    let family = |&(_, family): &(Outline, u8)| Some(families as u32 + u32::from(family));
    parent.extend(SHOWN.iter().take(config.outlines).map(family));
    parent.resize(end, None);
    Hierarchy::new(parent)
}

/// What a label says, from size to outline, such as "small deep red striped disc".
pub(super) fn name(config: &SceneConfig, label: u32) -> Option<String> {
    let [pairs, outlines, families, end] = levels(config);
    let at = label as usize;
    let pair = |pair: usize| {
        let (outline, texture) = (pair / config.textures, pair % config.textures);
        format!("{} {}", TEXTURES[texture], OUTLINES[outline])
    };
    Some(match at {
        _ if at < pairs => {
            let [outline, texture, palette, shade, size] = leaf_places(config, label);
            let mut words = vec![];
            for (count, word) in [
                (config.sizes, SIZES[size]),
                (config.shades, SHADES[shade]),
                (config.palettes, PALETTES[palette]),
            ] {
                words.extend((count > 1).then_some(word));
            }
            let last = pair(outline * config.textures + texture);
            words.push(&last);
            words.join(" ")
        }
        _ if at < outlines => pair(at - pairs),
        _ if at < families => OUTLINES[at - outlines].into(),
        _ if at < end => FAMILIES[at - families].into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_labels_as_documented() {
        let small = SceneConfig { outlines: 4, textures: 3, palettes: 1, ..Default::default() };
        let large =
            SceneConfig { outlines: 16, textures: 8, palettes: 8, shades: 2, sizes: 2, ..Default::default() };
        for (config, leaves, labels, height) in
            [(small, 12, 20, 2), (SceneConfig::default(), 432, 520, 3), (large, 4096, 4245, 3)]
        {
            let tree = hierarchy(&config).unwrap();
            assert_eq!((config.leaves(), tree.len(), tree.height()), (leaves, labels, height));
            assert_eq!(tree.leaves().len(), leaves);
            assert!((0..leaves as u32).all(|leaf| tree.depth(leaf) == Some(height)));
            let names: std::collections::BTreeSet<_> =
                (0..labels as u32).map(|label| name(&config, label).unwrap()).collect();
            assert_eq!((names.len(), name(&config, labels as u32)), (labels, None));
            // A label's name ends in that of the label above, up to the outline.
            for label in 0..labels as u32 {
                let up = tree.parent(label).filter(|up| tree.parent(*up).is_some());
                let above = up.map(|up| name(&config, up).unwrap()).unwrap_or_default();
                assert!(name(&config, label).unwrap().ends_with(&above));
            }
        }
        assert_eq!(name(&large, 4095).unwrap(), "large pale violet rayed pair of bars");
        assert_eq!(hierarchy(&large).unwrap().ancestors(4095).collect::<Vec<_>>(), [4223, 4239, 4244]);
    }

    #[test]
    fn no_shown_outline_is_held_out() {
        for outline in NEVER_SHOWN {
            assert!(SHOWN.iter().all(|&(shown, _)| shown != outline));
        }
        assert!(HELD_OUT.iter().all(|name| !OUTLINES.contains(name)));
    }
}

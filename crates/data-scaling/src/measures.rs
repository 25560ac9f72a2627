//! How good scores for many labels are.

/// Measures of scores for many labels.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MultiLabelScores {
    /// The mean of labels' average precisions.
    pub map: f64,
    /// The same over an image's best hundred scores, weighted by how often labels come: mAP@100 of section 4.1.
    pub map_at_100: f64,
    /// The mean share of an image's labels among as many of its best scores.
    pub image_precision: f64,
}

/// The average precision of one label: the mean, over images that have it, of the share of such images among those with a score
/// at least as high, images in the order of their scores. Ties count in the order of images.
///
/// None where no image has it.
#[must_use]
pub fn average_precision(scores: &[f32], present: &[bool]) -> Option<f64> {
    precision_of(scores, present, |_| true)
}

/// [`average_precision`] where images that are not found come after all others, and count for nothing.
fn precision_of(scores: &[f32], present: &[bool], found: impl Fn(usize) -> bool) -> Option<f64> {
    let images = scores.len().min(present.len());
    let all = present[..images].iter().filter(|p| **p).count();
    let mut order: Vec<usize> = (0..images).filter(|at| found(*at)).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    let (mut hits, mut sum) = (0_usize, 0.0);
    for (rank, at) in order.into_iter().enumerate() {
        if present[at] {
            hits += 1;
            sum += hits as f64 / (rank + 1) as f64;
        }
    }
    (all > 0).then(|| sum / all as f64)
}

/// All measures of a set of images.
///
/// # Shapes
/// `scores`: images x labels, row by row; `sets`: the labels of each image.
///
/// Labels that no image has count in no mean. None where no image has a label, or sizes do not go together.
#[must_use]
pub fn multi_label_scores(scores: &[f32], labels: usize, sets: &[Vec<u32>]) -> Option<MultiLabelScores> {
    if labels == 0 || scores.len() != sets.len() * labels {
        return None;
    }
    let mut ranks: Vec<Vec<u32>> = Vec::with_capacity(sets.len());
    for row in scores.chunks_exact(labels) {
        let mut order: Vec<u32> = (0..labels as u32).collect();
        order.sort_by(|a, b| row[*b as usize].total_cmp(&row[*a as usize]).then(a.cmp(b)));
        ranks.push(order);
    }
    let (mut sum, mut count, mut weighted, mut weight) = (0.0, 0_usize, 0.0, 0.0);
    let mut column = vec![0.0; sets.len()];
    for label in 0..labels {
        let present: Vec<bool> = sets.iter().map(|set| set.contains(&(label as u32))).collect();
        for (value, row) in column.iter_mut().zip(scores.chunks_exact(labels)) {
            *value = row[label];
        }
        let Some(all) = average_precision(&column, &present) else { continue };
        sum += all;
        count += 1;
        // beyond an image's best hundred a label counts as not found
        let among = |at: usize| ranks[at].iter().take(100).any(|l| *l == label as u32);
        let cut = precision_of(&column, &present, among).unwrap_or(0.0);
        let images = present.iter().filter(|p| **p).count();
        weighted += images as f64 * cut;
        weight += images as f64;
    }
    if count == 0 {
        return None;
    }
    let (mut share, mut images) = (0.0, 0_usize);
    for (set, order) in sets.iter().zip(&ranks).filter(|(set, _)| !set.is_empty()) {
        let hits = order.iter().take(set.len()).filter(|label| set.contains(label)).count();
        share += hits as f64 / set.len() as f64;
        images += 1;
    }
    Some(MultiLabelScores {
        map: sum / count as f64,
        map_at_100: weighted / weight,
        image_precision: share / images.max(1) as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn average_precision_is_the_textbooks() {
        // ranks of the present: 1, 3, 6 of 6: (1/1 + 2/3 + 3/6) / 3
        let scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
        let present = [true, false, true, false, false, true];
        let found = average_precision(&scores, &present).unwrap();
        assert!((found - (1.0 + 2.0 / 3.0 + 0.5) / 3.0).abs() < 1e-12);
        assert_eq!(average_precision(&scores, &[false; 6]), None);
        assert_eq!(average_precision(&scores, &[true; 6]), Some(1.0));
    }

    #[test]
    fn all_measures_of_a_small_set() {
        let scores = [3.0, 2.0, 1.0, /* */ 1.0, 2.0, 3.0];
        let sets = [vec![0, 1], vec![0]];
        let found = multi_label_scores(&scores, 3, &sets).unwrap();
        // label 0: both images have it, 1; label 1: image 0 and 1 tie at 2.0, image 0 first, 1; label 2: nobody has it
        assert_eq!((found.map, found.map_at_100), (1.0, 1.0));
        assert_eq!(found.image_precision, 0.5);
        assert_eq!(multi_label_scores(&scores, 3, &[vec![], vec![]]), None);
        assert_eq!(multi_label_scores(&scores, 4, &sets), None);
    }

    proptest! {
        #[test]
        fn precision_is_a_share_and_does_not_depend_on_scale(
            scores in prop::collection::vec(-9f32..9.0, 2..40), seed: u64,
        ) {
            let present: Vec<bool> = (0..scores.len()).map(|at| (seed >> (at % 64)) & 1 == 1).collect();
            let found = average_precision(&scores, &present);
            prop_assert!(found.is_none_or(|p| p > 0.0 && p <= 1.0));
            let doubled: Vec<f32> = scores.iter().map(|s| 2.0 * s).collect();
            prop_assert_eq!(found, average_precision(&doubled, &present));
        }
    }
}

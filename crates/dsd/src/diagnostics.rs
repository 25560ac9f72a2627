//! What the phases do to weights: histograms, survivors against the reborn, the way between two sets of weights, and how
//! much each layer minds being pruned.

use serde::{Deserialize, Serialize};
use shared::nn::state::NamedTensor;

use crate::{layers::Layer, mask_of, survivors, DsdError, Selection};

/// Counts of values in equal bins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bins(pub Vec<u64>);

impl Bins {
    /// Counts `values` in `bins` equal bins of [−`limit`, `limit`]; what lies outside counts in the bin at its end, and what is
    /// no number nowhere.
    ///
    /// # Example
    /// ```
    /// use dsd::diagnostics::Bins;
    /// assert_eq!(Bins::count([-0.9, 0.0, 0.1, 7.0], 1.0, 3).0, [1, 2, 1]);
    /// ```
    #[must_use]
    pub fn count(values: impl IntoIterator<Item = f32>, limit: f32, bins: usize) -> Self {
        let mut counts = vec![0; bins.max(1)];
        for value in values.into_iter().filter(|v| !v.is_nan()) {
            let at = ((value / limit + 1.0) / 2.0 * bins as f32).floor();
            counts[(at.max(0.0) as usize).min(bins.max(1) - 1)] += 1;
        }
        Bins(counts)
    }
}

/// The weights of a pruned layer through the phases, in the numbers that Figure 2 speaks of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progression {
    /// λ: the least magnitude that survived the pruning.
    pub threshold: f64,
    /// Mean of |w| at the end of the dense, the sparse and the re-dense phase, pruned weights counted as 0.
    pub mean_abs: [f64; 3],
    /// The share of survivors with |w| < λ/2 at the end of the sparse phase: small where the histogram has two humps.
    pub near_zero: f64,
    /// Correlation of the survivors at the end of the sparse and of the re-dense phase.
    pub correlation: f64,
    /// Standard deviation of the survivors at the end of the re-dense phase.
    pub survivors_sd: f64,
    /// The same of the reborn: those that were pruned.
    pub reborn_sd: f64,
}

impl Progression {
    /// From a layer's weights at the end of each phase and its mask in the sparse one. The slices have one length.
    #[must_use]
    pub fn of(dense: &[f32], sparse: &[f32], redense: &[f32], mask: &[bool]) -> Self {
        let of = |values: &[f32], kept: bool| -> Vec<f64> {
            values.iter().zip(mask).filter(|(_, m)| **m == kept).map(|(w, _)| f64::from(*w)).collect()
        };
        let (survived, after_sparse, after_redense) = (of(dense, true), of(sparse, true), of(redense, true));
        let threshold = survived.iter().fold(f64::INFINITY, |least, w| least.min(w.abs()));
        let near = after_sparse.iter().filter(|w| w.abs() < threshold / 2.0).count();
        let mean_abs = |values: &[f32]| mean(&values.iter().map(|w| f64::from(w.abs())).collect::<Vec<_>>());
        Progression {
            threshold,
            mean_abs: [mean_abs(dense), mean_abs(sparse), mean_abs(redense)],
            near_zero: near as f64 / after_sparse.len().max(1) as f64,
            correlation: correlation(&after_sparse, &after_redense),
            survivors_sd: deviation(&after_redense),
            reborn_sd: deviation(&of(redense, false)),
        }
    }
}

/// `(1 − t) a + t b`, tensor by tensor: a point of the straight way between two sets of weights.
///
/// # Errors
/// [`DsdError::OtherModel`] where they are not of one model.
pub fn between(a: &[NamedTensor], b: &[NamedTensor], t: f32) -> Result<Vec<NamedTensor>, DsdError> {
    let of = |a: &NamedTensor| {
        let twin = b.iter().find(|b| b.name() == a.name() && b.shape() == a.shape());
        let other = || DsdError::OtherModel { name: a.name().into(), len: a.values().len() };
        let pairs = a.values().iter().zip(twin.ok_or_else(other)?.values());
        let values = pairs.map(|(a, b)| (1.0 - t) * a + t * b).collect();
        Ok(NamedTensor::new(a.name(), a.shape().to_vec(), values)?)
    };
    a.iter().map(of).collect()
}

/// The weights with one layer pruned by magnitude, and nothing trained after.
///
/// # Errors
/// [`DsdError::OtherModel`] where the layer is not among them.
pub fn with_pruned(
    weights: &[NamedTensor],
    layer: &Layer,
    sparsity: f64,
) -> Result<Vec<NamedTensor>, DsdError> {
    let mut weights = weights.to_vec();
    let at = weights.iter().position(|tensor| tensor.name() == layer.name);
    let at = at.ok_or_else(|| DsdError::OtherModel { name: layer.name.clone(), len: layer.len })?;
    let old = weights[at].values();
    let mask = mask_of(old, survivors(old.len(), sparsity), Selection::Magnitude, 0, 0);
    let held = old.iter().zip(mask).map(|(w, kept)| if kept { *w } else { 0.0 }).collect();
    weights[at] = NamedTensor::new(layer.name.clone(), weights[at].shape().to_vec(), held)?;
    Ok(weights)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The population's standard deviation.
fn deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    mean(&values.iter().map(|v| (v - centre).powi(2)).collect::<Vec<_>>()).sqrt()
}

/// Pearson's; 0 where either side is constant.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let covariance = mean(&a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).collect::<Vec<_>>());
    let scale = deviation(a) * deviation(b);
    if scale > 0.0 {
        covariance / scale
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn a_progression_is_told_in_its_numbers() {
        let mask = [true, true, true, false, false];
        let (dense, sparse) = ([1.0, -2.0, 0.5, 0.1, -0.2], [1.5, -2.0, 0.2, 0.0, 0.0]);
        let redense = [1.4, -2.1, 0.3, 0.05, -0.05];
        let found = Progression::of(&dense, &sparse, &redense, &mask);
        assert_relative_eq!(found.threshold, 0.5);
        assert_relative_eq!(found.mean_abs[0], 0.76, max_relative = 1e-6);
        assert_relative_eq!(found.mean_abs[1], 0.74, max_relative = 1e-6);
        assert_relative_eq!(found.near_zero, 1.0 / 3.0);
        // numpy: corrcoef([1.5, -2, .2], [1.4, -2.1, .3])[0, 1], std([1.4, -2.1, .3]), std([.05, -.05])
        assert_relative_eq!(found.correlation, 0.997_962, max_relative = 1e-5);
        assert_relative_eq!(found.survivors_sd, 1.461_354, max_relative = 1e-5);
        assert_relative_eq!(found.reborn_sd, 0.05, max_relative = 1e-6);
    }

    #[test]
    fn the_way_between_ends_at_both_ends() {
        let tensor =
            |values: &[f32]| vec![NamedTensor::new("w", vec![values.len()], values.to_vec()).unwrap()];
        let (a, b) = (tensor(&[1.0, 2.0]), tensor(&[3.0, -2.0]));
        assert_eq!(between(&a, &b, 0.0).unwrap(), a);
        assert_eq!(between(&a, &b, 1.0).unwrap(), b);
        assert_eq!(between(&a, &b, 0.5).unwrap()[0].values(), [2.0, 0.0]);
        assert!(between(&a, &tensor(&[1.0]), 0.5).is_err());
    }

    #[test]
    fn one_layer_alone_is_pruned() {
        let tensor = |name: &str, values: &[f32]| NamedTensor::new(name, vec![4], values.to_vec()).unwrap();
        let weights = vec![tensor("a", &[1.0, 2.0, 3.0, 4.0]), tensor("b", &[4.0, 3.0, 2.0, 1.0])];
        let layer = Layer { name: "b".into(), len: 4, sparsity: None };
        let pruned = with_pruned(&weights, &layer, 0.5).unwrap();
        assert_eq!(pruned[0], weights[0]);
        assert_eq!(pruned[1].values(), [4.0, 3.0, 0.0, 0.0]);
    }
}

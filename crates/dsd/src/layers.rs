//! Which tensors of a model are pruned, and how far.

use serde::{Deserialize, Serialize};
use shared::{nn::state::ParamInfo, optim::ParamFilter};

use crate::DsdError;

/// Names of embedding tables, as models usually give them.
const EMBEDDINGS: [&str; 3] = ["embedding.weight", "embed.weight", "embeddings.weight"];

/// The layers that are pruned: trainable tensors of two or more dimensions. That leaves out biases and the scales and shifts
/// of norms. The first convolution and embedding tables are left out too, as in the paper, unless asked for.
///
/// # Reference
/// Han et al. (2017), sections 4.1 (first convolution) and 4.4 (word embedding).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Layers {
    /// Whether the first tensor of four dimensions is pruned too; default false.
    pub first_conv: bool,
    /// Whether tensors called `embedding.weight`, `embeddings.weight` or `embed.weight` are pruned too; default false.
    pub embeddings: bool,
    /// Layers that are pruned; default all. Patterns are ends of names, such as `output.weight`.
    pub only: ParamFilter,
    /// Layers with a sparsity of their own, in place of the phase's: the first pattern that fits counts.
    pub sparsity: Vec<(String, f64)>,
}

/// A layer that is pruned.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name in the model.
    pub name: String,
    /// Its weights.
    pub len: usize,
    /// Its own sparsity, where it has one.
    pub sparsity: Option<f64>,
}

impl Layers {
    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// [`DsdError::Setting`].
    pub fn validate(&self) -> Result<(), DsdError> {
        self.sparsity.iter().try_for_each(|(_, sparsity)| check_sparsity(*sparsity))
    }

    /// The layers of a model that are pruned, in its order.
    ///
    /// # Errors
    /// [`DsdError::NothingToPrune`], and [`DsdError::NoLayer`] for a pattern that fits none.
    pub fn of(&self, outline: &[ParamInfo]) -> Result<Vec<Layer>, DsdError> {
        let trainable = || outline.iter().filter(|p| p.trainable && p.shape.len() >= 2);
        let first = trainable().find(|p| p.shape.len() == 4).filter(|_| !self.first_conv).map(|p| &p.name);
        let embeddings = ParamFilter::only(EMBEDDINGS);
        let candidates: Vec<&ParamInfo> = trainable()
            .filter(|p| Some(&p.name) != first)
            .filter(|p| self.embeddings || !embeddings.chooses(&p.name))
            .collect();
        if candidates.is_empty() {
            return Err(DsdError::NothingToPrune);
        }
        let patterns = match &self.only {
            ParamFilter::All => [].iter(),
            ParamFilter::Only(patterns) | ParamFilter::Except(patterns) => patterns.iter(),
        };
        for pattern in patterns.chain(self.sparsity.iter().map(|(pattern, _)| pattern)) {
            let filter = ParamFilter::only([pattern.as_str()]);
            if !outline.iter().any(|p| filter.chooses(&p.name)) {
                let layers: Vec<String> = candidates.iter().map(|p| format!("`{}`", p.name)).collect();
                return Err(DsdError::NoLayer { pattern: pattern.clone(), layers: layers.join(", ") });
            }
        }
        let own = |name: &str| {
            let fits = |(pattern, _): &&(String, f64)| ParamFilter::only([pattern.as_str()]).chooses(name);
            self.sparsity.iter().find(fits).map(|(_, sparsity)| *sparsity)
        };
        let chosen = candidates.into_iter().filter(|p| self.only.chooses(&p.name));
        let layers: Vec<Layer> =
            chosen.map(|p| Layer { name: p.name.clone(), len: p.numel(), sparsity: own(&p.name) }).collect();
        if layers.is_empty() {
            return Err(DsdError::NothingToPrune);
        }
        Ok(layers)
    }
}

pub(crate) fn check_sparsity(sparsity: f64) -> Result<(), DsdError> {
    if (0.0..1.0).contains(&sparsity) {
        return Ok(());
    }
    let value = sparsity.to_string();
    Err(DsdError::Setting { field: "sparsity", value, allowed: "at least 0 and below 1" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline() -> Vec<ParamInfo> {
        let tensor = |name: &str, shape: &[usize], trainable| ParamInfo {
            name: name.into(),
            shape: shape.into(),
            trainable,
        };
        vec![
            tensor("embedding.weight", &[9, 4], true),
            tensor("conv1.weight", &[8, 3, 3, 3], true),
            tensor("conv1.bias", &[8], true),
            tensor("norm.weight", &[8], true),
            tensor("norm.running_mean", &[8], false),
            tensor("conv2.weight", &[8, 8, 3, 3], true),
            tensor("output.weight", &[10, 8], true),
            tensor("output.bias", &[10], true),
        ]
    }

    fn names(layers: &Layers) -> Vec<String> {
        layers.of(&outline()).unwrap().into_iter().map(|layer| layer.name).collect()
    }

    #[test]
    fn biases_norms_embeddings_and_the_first_convolution_are_left_out() {
        assert_eq!(names(&Layers::default()), ["conv2.weight", "output.weight"]);
        let all = Layers { first_conv: true, embeddings: true, ..Layers::default() };
        assert_eq!(names(&all), ["embedding.weight", "conv1.weight", "conv2.weight", "output.weight"]);
        let except = Layers { only: ParamFilter::except(["output.weight"]), ..Layers::default() };
        assert_eq!(names(&except), ["conv2.weight"]);
    }

    #[test]
    fn layers_have_sparsities_of_their_own() {
        let own = Layers { sparsity: vec![("output.weight".into(), 0.5)], ..Layers::default() };
        let layers = own.of(&outline()).unwrap();
        assert_eq!([layers[0].sparsity, layers[1].sparsity], [None, Some(0.5)]);
        assert_eq!([layers[0].len, layers[1].len], [576, 80]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let none = Layers { sparsity: vec![("fc.weight".into(), 0.5)], ..Layers::default() };
        let said = none.of(&outline()).unwrap_err().to_string();
        assert!(said.contains("`fc.weight`") && said.contains("`output.weight`"), "{said}");
        assert!(matches!(Layers::default().of(&outline()[2..4]), Err(DsdError::NothingToPrune)));
        let bad = Layers { sparsity: vec![("output.weight".into(), 1.0)], ..Layers::default() };
        assert!(bad.validate().unwrap_err().to_string().contains("below 1"));
    }
}

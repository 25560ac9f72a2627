//! The classifier as users meet it: petgraph in, classes and probabilities out.

use std::path::Path;

use datasets::splits::Split;
use serde::{Deserialize, Serialize};
use shared::{
    device::DeviceKind,
    graph::{adjacency, Csr, ParallelEdges},
    nn::state::{load_safetensors, save_safetensors, NamedTensor},
    petgraph::visit::{IntoEdges, IntoNodeIdentifiers, NodeIndexable},
    train::{Fitted, Progress},
};

use crate::{
    config::Config,
    examples::{distinct_edges, Examples, Labels},
    network::build,
    trainer::{best_classes, train, RunOptions, Trained},
    DcnnError,
};

#[cfg(test)]
mod tests;

/// A trained diffusion-convolutional network, with the examples it was trained among.
///
/// # Example
/// ```
/// use dcnn::{Config, Dcnn};
/// use datasets::splits::Split;
/// use shared::{graph::Csr, petgraph::graph::UnGraph};
///
/// // Two triangles joined by an edge; a node's label is its triangle, and one word gives it away.
/// let graph = UnGraph::<(), ()>::from_edges([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]);
/// let features = Csr::new((6, 2), vec![0, 1, 1, 2, 3, 3, 4], vec![0, 0, 1, 1], vec![1.0; 4]);
/// let labels = [0, 0, 0, 1, 1, 1];
/// let split = Split { train: vec![0, 2, 3, 5], validation: vec![0, 3], test: vec![1, 4] };
///
/// let dcnn = Dcnn::fit(&graph, &features, &labels, &split, &Config::default())?;
/// assert_eq!(dcnn.predict(&split.test)?, [0, 1]);
/// # Ok::<(), dcnn::DcnnError>(())
/// ```
pub struct Dcnn {
    trained: Trained,
    examples: Examples,
    fitted: Fitted,
}

/// What the note of a weights file says.
#[derive(Serialize, Deserialize)]
struct ModelNote {
    config: Config,
    features: usize,
    classes: usize,
}

impl Dcnn {
    /// Trains a node classifier.
    ///
    /// All nodes, edges and features are seen; of the labels, those of `split.train` are learned from and those of
    /// `split.validation` decide when to stop.
    ///
    /// # Shapes
    /// features: (N, F) with one row a node of `graph`, labels: N classes from 0.
    ///
    /// # Errors
    /// [`DcnnError`], one sentence: a setting, a shape, an index, a weight of the graph that is not allowed.
    ///
    /// # Reference
    /// Section 2, node classification; section 4.
    pub fn fit<G>(
        graph: G,
        features: &Csr,
        labels: &[usize],
        split: &Split,
        config: &Config,
    ) -> Result<Self, DcnnError>
    where
        G: IntoEdges + IntoNodeIdentifiers + NodeIndexable,
    {
        let examples = Examples::nodes(&adjacency(graph, ParallelEdges::Merge)?, features, config)?;
        Self::fit_examples(examples, labels, split, config, &RunOptions::default(), &mut |_| {})
    }

    /// Trains a graph classifier: one label a graph.
    ///
    /// # Shapes
    /// Each graph with features (N_t, F).
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// # Reference
    /// Section 2, graph classification.
    pub fn fit_graphs<G>(
        graphs: impl IntoIterator<Item = (G, Csr)>,
        labels: &[usize],
        split: &Split,
        config: &Config,
    ) -> Result<Self, DcnnError>
    where
        G: IntoEdges + IntoNodeIdentifiers + NodeIndexable,
    {
        let graphs: Result<Vec<_>, DcnnError> =
            graphs.into_iter().map(|(g, x)| Ok((adjacency(g, ParallelEdges::Merge)?, x))).collect();
        let examples = Examples::graphs(&graphs?, config)?;
        Self::fit_examples(examples, labels, split, config, &RunOptions::default(), &mut |_| {})
    }

    /// Trains an edge classifier: one label an edge. Edges are taken as [`edges_of`](Self::edges_of) lists them.
    ///
    /// # Shapes
    /// features: (E, F).
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// # Reference
    /// Section 2, edge classification.
    pub fn fit_edges<G>(
        graph: G,
        features: &Csr,
        labels: &[usize],
        split: &Split,
        config: &Config,
    ) -> Result<Self, DcnnError>
    where
        G: IntoEdges + IntoNodeIdentifiers + NodeIndexable,
    {
        let a = adjacency(graph, ParallelEdges::Merge)?;
        let examples = Examples::edges(a.rows(), &distinct_edges(&a)?, features, config)?;
        Self::fit_examples(examples, labels, split, config, &RunOptions::default(), &mut |_| {})
    }

    /// The edges of a graph in the order that [`fit_edges`](Self::fit_edges) takes their features and labels.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn edges_of<G>(graph: G) -> Result<Vec<(u32, u32)>, DcnnError>
    where
        G: IntoEdges + IntoNodeIdentifiers + NodeIndexable,
    {
        distinct_edges(&adjacency(graph, ParallelEdges::Merge)?)
    }

    /// Trains on examples prepared before, on any device, kept on disk and resumed as `options` say.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and those of the device and of the files.
    pub fn fit_examples(
        examples: Examples,
        labels: &[usize],
        split: &Split,
        config: &Config,
        options: &RunOptions,
        tell: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, DcnnError> {
        let config = config.clone().validate()?;
        let (trained, fitted) = train(&examples, &Labels::new(labels), split, &config, options, tell)?;
        Ok(Dcnn { trained, examples, fitted })
    }

    /// The classes of examples, by their index among those it was trained among.
    ///
    /// # Errors
    /// [`DcnnError::Index`] for an example that does not exist.
    pub fn predict(&self, examples: &[usize]) -> Result<Vec<usize>, DcnnError> {
        self.predict_among(&self.examples, examples)
    }

    /// P(class | example) = softmax(f(scores)), row-major (examples, classes).
    ///
    /// With the hinge these only rank; train with [`Loss::CrossEntropy`](crate::Loss::CrossEntropy) and
    /// [`Activation::Identity`](shared::nn::Activation::Identity) for probabilities that mean something.
    ///
    /// # Errors
    /// [`DcnnError::Index`] for an example that does not exist.
    pub fn predict_proba(&self, examples: &[usize]) -> Result<Vec<f32>, DcnnError> {
        self.trained.probabilities(&self.examples, examples)
    }

    /// The classes of examples of another graph, never seen in training.
    ///
    /// # Errors
    /// [`DcnnError`] if that graph has other features, or for an example that does not exist.
    pub fn predict_among(&self, among: &Examples, examples: &[usize]) -> Result<Vec<usize>, DcnnError> {
        let scores = self.trained.scores(among, examples)?;
        Ok(best_classes(&scores, self.classes()).collect())
    }

    /// P(class | example) for examples of another graph, as [`predict_proba`](Self::predict_proba).
    ///
    /// # Errors
    /// As [`predict_among`](Self::predict_among).
    pub fn predict_proba_among(&self, among: &Examples, examples: &[usize]) -> Result<Vec<f32>, DcnnError> {
        self.trained.probabilities(among, examples)
    }

    /// The trained weights, under the names that [`save`](Self::save) writes.
    #[must_use]
    pub fn weights(&self) -> Vec<NamedTensor> {
        self.trained.network.weights()
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.trained.classes
    }

    /// How training went.
    #[must_use]
    pub fn fitted(&self) -> &Fitted {
        &self.fitted
    }

    /// The examples it was trained among.
    #[must_use]
    pub fn examples(&self) -> &Examples {
        &self.examples
    }

    /// Writes the weights as safetensors, named `conv.weight` (H + 1, F), `dense.weight` (C, (H + 1) F), `dense.bias`
    /// (C), with the settings in the file's note.
    ///
    /// # Errors
    /// [`DcnnError::State`] when the file system refuses.
    pub fn save(&self, file: &Path) -> Result<(), DcnnError> {
        let Trained { config, features, classes, .. } = &self.trained;
        let note = ModelNote { config: (**config).clone(), features: *features, classes: *classes };
        let note = serde_json::to_string(&note).map_err(|e| DcnnError::Training(e.to_string()))?;
        Ok(save_safetensors(file, &self.trained.network.weights(), Some(&note))?)
    }
}

/// Weights read from a file, to predict with.
pub struct SavedDcnn(Trained);

impl SavedDcnn {
    /// Reads what [`Dcnn::save`] wrote.
    ///
    /// # Errors
    /// One sentence naming the file, for one that is cut, damaged or not of this program.
    pub fn load(file: &Path, device: DeviceKind) -> Result<Self, DcnnError> {
        let saved = load_safetensors(file)?;
        let not_ours = |why: String| {
            DcnnError::Training(format!(
                "{} is not a network of this program ({why}): give the model.safetensors of a run it trained",
                file.display()
            ))
        };
        let note = saved.note.ok_or_else(|| not_ours("it has no settings".into()))?;
        let note: ModelNote = serde_json::from_str(&note).map_err(|e| not_ours(e.to_string()))?;
        let ModelNote { config, features, classes } = note;
        match Self::from_weights(config, features, classes, &saved.tensors, device) {
            Err(DcnnError::Weights) => Err(not_ours("its sizes do not fit its tensors".into())),
            other => other,
        }
    }

    /// A network with the weights that [`Dcnn::weights`] gave.
    ///
    /// # Errors
    /// [`DcnnError`] for settings that are not allowed, and for tensors that do not fit them.
    pub fn from_weights(
        config: Config,
        features: usize,
        classes: usize,
        weights: &[NamedTensor],
        device: DeviceKind,
    ) -> Result<Self, DcnnError> {
        let config = config.validate()?;
        // Sizes are claims until the tensors bear them out: nothing is allocated by them before.
        let found: usize = weights.iter().map(|t| t.values().len()).sum();
        let claimed = config
            .slices()
            .checked_mul(features)
            .and_then(|width| width.checked_mul(classes)?.checked_add(width)?.checked_add(classes));
        if claimed != Some(found) {
            return Err(DcnnError::Weights);
        }
        let mut network = build(device, &config, features, classes)?;
        network.load_weights(weights)?;
        Ok(SavedDcnn(Trained { network, config, features, classes }))
    }

    /// P(class | example), as [`Dcnn::predict_proba`].
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_proba(&self, among: &Examples, examples: &[usize]) -> Result<Vec<f32>, DcnnError> {
        self.0.probabilities(among, examples)
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.0.classes
    }

    /// The settings it was trained with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The classes of examples, which must be prepared with the same settings.
    ///
    /// # Errors
    /// [`DcnnError`] for other features or an example that does not exist.
    pub fn predict(&self, among: &Examples, examples: &[usize]) -> Result<Vec<usize>, DcnnError> {
        let scores = self.0.scores(among, examples)?;
        Ok(best_classes(&scores, self.0.classes).collect())
    }
}

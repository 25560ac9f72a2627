//! The classifier as users meet it: petgraph in, classes out, for nodes that were there and nodes that were not.

use std::path::Path;

use datasets::splits::Split;
use dcnn::{Dcnn, DcnnError, Examples, RunOptions, SavedDcnn};
use serde::{Deserialize, Serialize};
use shared::{
    device::DeviceKind,
    graph::{adjacency, DenseDiffused, Diffusion, ParallelEdges, PowerRows},
    nn::state::{load_safetensors, save_safetensors},
    petgraph::visit::{IntoEdges, IntoNodeIdentifiers, NodeIndexable},
    train::{Fitted, Progress},
};

use crate::{
    config::{CheckedConfig, Config},
    diffusion::{diffuse_checked, Features},
    graph::{Additions, Graph},
    SparseError,
};

#[cfg(test)]
mod tests;

/// A trained sparse DCNN, with the graph that it was trained on.
///
/// # Example
/// ```
/// use datasets::splits::Split;
/// use shared::{graph::Csr, petgraph::graph::UnGraph};
/// use sparse_dcnn::{Additions, Config, SparseDcnn, Threshold};
///
/// // Two triangles joined by an edge; a node's label is its triangle, and one word gives it away.
/// let graph = UnGraph::<(), ()>::from_edges([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (2, 3)]);
/// let features = Csr::new((6, 2), vec![0, 1, 1, 2, 3, 3, 4], vec![0, 0, 1, 1], vec![1.0; 4]);
/// let labels = [0, 0, 0, 1, 1, 1];
/// let split = Split { train: vec![0, 2, 3, 5], validation: vec![0, 3], test: vec![1, 4] };
///
/// let config = Config { sparsify: Threshold::Pre(0.3).into(), ..Config::default() };
/// let model = SparseDcnn::fit(&graph, &features, &labels, &split, &config)?;
/// assert_eq!(model.predict(&split.test)?, [0, 1]);
///
/// // A node that was not there: nothing but its own neighbourhood is looked at.
/// let newcomer = Additions { nodes: vec![vec![0.0, 0.0]], edges: vec![(6, 4, 1.0), (6, 5, 1.0)] };
/// assert_eq!(model.predict_with(&newcomer, &[6])?, [1]);
/// # Ok::<(), sparse_dcnn::SparseError>(())
/// ```
pub struct SparseDcnn {
    dcnn: Dcnn,
    graph: Graph,
    config: CheckedConfig,
}

/// What the note of a weights file says.
#[derive(Serialize, Deserialize)]
struct ModelNote {
    config: Config,
    features: usize,
    classes: usize,
}

impl SparseDcnn {
    /// Trains a node classifier with mini-batches of nodes.
    ///
    /// All nodes, edges and features are seen; of the labels, those of `split.train` are learned from and those of
    /// `split.validation` decide when to stop.
    ///
    /// # Shapes
    /// features: (N, F) with one row a node of `graph`, labels: N classes from 0.
    ///
    /// # Errors
    /// [`SparseError`], one sentence: a setting, a shape, an index, a weight of the graph that is not allowed.
    ///
    /// # Reference
    /// Section 2 of the paper; the network and its training are the DCNN paper's.
    pub fn fit<G>(
        graph: G,
        features: impl Into<Features>,
        labels: &[usize],
        split: &Split,
        config: &Config,
    ) -> Result<Self, SparseError>
    where
        G: IntoEdges + IntoNodeIdentifiers + NodeIndexable,
    {
        let config = config.clone().validate()?;
        let graph = Graph::new(adjacency(graph, ParallelEdges::Merge)?, &config)?;
        Self::fit_graph(graph, features.into(), labels, split, &config, &RunOptions::default(), &mut |_| {})
    }

    /// Trains on a graph prepared before, on any device, kept on disk and resumed as `options` say.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and those of the device and of the files.
    pub fn fit_graph(
        graph: Graph,
        features: Features,
        labels: &[usize],
        split: &Split,
        config: &CheckedConfig,
        options: &RunOptions,
        tell: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, SparseError> {
        let examples = examples(&graph, features, config)?;
        Self::fit_examples(graph, examples, labels, split, config, options, tell)
    }

    /// Trains on [`examples`] that were diffused before, with the graph that they are of.
    ///
    /// # Errors
    /// As [`fit_graph`](Self::fit_graph).
    pub fn fit_examples(
        graph: Graph,
        examples: Examples,
        labels: &[usize],
        split: &Split,
        config: &CheckedConfig,
        options: &RunOptions,
        tell: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, SparseError> {
        let (found, expected) = (examples.len(), graph.nodes());
        if found != expected {
            return Err(SparseError::Count { what: "examples", found, expected, why: "one a node" });
        }
        let dcnn = Dcnn::fit_examples(examples, labels, split, &config.network, options, tell)?;
        Ok(SparseDcnn { dcnn, graph, config: config.clone() })
    }

    /// The classes of nodes.
    ///
    /// # Errors
    /// [`SparseError`] for a node that does not exist.
    pub fn predict(&self, nodes: &[usize]) -> Result<Vec<usize>, SparseError> {
        Ok(self.dcnn.predict(nodes)?)
    }

    /// P(class | node) = softmax(f(scores)), row-major (nodes, classes).
    ///
    /// # Errors
    /// [`SparseError`] for a node that does not exist.
    pub fn predict_proba(&self, nodes: &[usize]) -> Result<Vec<f32>, SparseError> {
        Ok(self.dcnn.predict_proba(nodes)?)
    }

    /// The classes of nodes in the graph with additions: of new nodes, or of nodes near new edges.
    ///
    /// The network stays as it was trained. Of the graph, only the walks of H steps from the nodes asked for are
    /// followed; the diffusion of all other nodes is neither used nor computed again.
    ///
    /// # Errors
    /// [`SparseError`] for a node that does not exist, new features of another length, weights that are not above 0, or a
    /// normalization other than the random walk.
    ///
    /// # Complexity
    /// That of the rows of the nodes asked for, plus their workspace of N floats; not that of the graph.
    pub fn predict_with(&self, additions: &Additions, nodes: &[usize]) -> Result<Vec<usize>, SparseError> {
        let among = Examples::of_nodes(self.diffused_with(additions, nodes)?);
        let all: Vec<usize> = (0..nodes.len()).collect();
        Ok(self.dcnn.predict_among(&among, &all)?)
    }

    /// P(class | node) in the graph with additions, as [`predict_with`](Self::predict_with).
    ///
    /// # Errors
    /// As [`predict_with`](Self::predict_with).
    pub fn predict_proba_with(
        &self,
        additions: &Additions,
        nodes: &[usize],
    ) -> Result<Vec<f32>, SparseError> {
        let among = Examples::of_nodes(self.diffused_with(additions, nodes)?);
        let all: Vec<usize> = (0..nodes.len()).collect();
        Ok(self.dcnn.predict_proba_among(&among, &all)?)
    }

    /// The rows of P*X of nodes in the graph with additions.
    ///
    /// # Errors
    /// As [`predict_with`](Self::predict_with).
    pub fn diffused_with(
        &self,
        additions: &Additions,
        nodes: &[usize],
    ) -> Result<DenseDiffused, SparseError> {
        let powers = self.graph.powers_with(additions)?;
        let diffused = self.dcnn.examples().diffused();
        let (width, bias) = (diffused.features(), usize::from(self.config.network.bias_feature));
        for new in &additions.nodes {
            let (found, expected) = (new.len(), width - bias);
            if found != expected {
                let (what, why) = ("features of a new node", "as many as those that were trained on");
                return Err(SparseError::Count { what, found, expected, why });
            }
            if let Some(column) = new.iter().position(|v| !v.is_finite()) {
                return Err(DcnnError::Feature { row: self.graph.nodes(), column, value: new[column] }.into());
            }
        }
        let add = |node: usize, weight: f32, sum: &mut [f32]| match additions
            .nodes
            .get(node.wrapping_sub(self.graph.nodes()))
        {
            Some(new) => sum.iter_mut().zip(new.iter().chain(&[1.0])).for_each(|(s, x)| *s += weight * x),
            None => add_features(diffused, node, weight, sum),
        };
        let mut slices = vec![vec![0.0; nodes.len() * width]; powers.hops() + 1];
        let mut walk = powers.scratch();
        for (at, &node) in nodes.iter().enumerate() {
            if node >= powers.nodes() {
                return Err(SparseError::Node { index: node, nodes: powers.nodes() });
            }
            let span = at * width..(at + 1) * width;
            add(node, 1.0, &mut slices[0][span.clone()]);
            powers.rows(node, &mut walk, &mut |hop, columns, values| {
                let sum = &mut slices[hop][span.clone()];
                columns.iter().zip(values).for_each(|(&j, &p)| add(j as usize, p, sum));
            });
        }
        Ok(DenseDiffused::from_slices(slices, nodes.len(), width)?)
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.dcnn.classes()
    }

    /// How training went.
    #[must_use]
    pub fn fitted(&self) -> &Fitted {
        self.dcnn.fitted()
    }

    /// The diffusion that it was trained on.
    #[must_use]
    pub fn examples(&self) -> &Examples {
        self.dcnn.examples()
    }

    /// The graph that it was trained on.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Writes the weights as safetensors, named as dcnn's, with the settings in the file's note.
    ///
    /// # Errors
    /// [`SparseError`] when the file system refuses.
    pub fn save(&self, file: &Path) -> Result<(), SparseError> {
        let (features, classes) = (self.dcnn.examples().features(), self.classes());
        let note = ModelNote { config: (*self.config).clone(), features, classes };
        let note = serde_json::to_string(&note).map_err(|e| DcnnError::Training(e.to_string()))?;
        Ok(save_safetensors(file, &self.dcnn.weights(), Some(&note)).map_err(DcnnError::from)?)
    }
}

/// The examples of a network: the diffusion of every node.
///
/// # Shapes
/// features: (N, F).
///
/// # Errors
/// [`SparseError`] where graph and features do not fit.
pub fn examples(graph: &Graph, features: Features, config: &CheckedConfig) -> Result<Examples, SparseError> {
    features.check(graph.nodes())?;
    let features = if config.network.bias_feature { features.with_bias()? } else { features };
    Ok(Examples::of_nodes(diffuse_checked(&graph.powers(), features)?))
}

/// sum += weight · x, for row `node` of hop 0.
fn add_features(diffused: &Diffusion, node: usize, weight: f32, sum: &mut [f32]) {
    match diffused {
        Diffusion::Sparse(s) => {
            let (columns, values) = s.row_slice(node, 0);
            columns.iter().zip(values).for_each(|(&k, x)| sum[k as usize] += weight * x);
        }
        Diffusion::Dense(s) => {
            let row = s.row(node).next().unwrap_or(&[]);
            sum.iter_mut().zip(row).for_each(|(s, x)| *s += weight * x);
        }
    }
}

/// Weights read from a file, to predict with.
pub struct SavedSparseDcnn {
    network: SavedDcnn,
    config: CheckedConfig,
}

impl SavedSparseDcnn {
    /// Reads what [`SparseDcnn::save`] wrote.
    ///
    /// # Errors
    /// One sentence naming the file, for one that is cut, damaged or not of this program.
    pub fn load(file: &Path, device: DeviceKind) -> Result<Self, SparseError> {
        let saved = load_safetensors(file).map_err(DcnnError::from)?;
        let not_ours = |why: String| {
            SparseError::from(DcnnError::Training(format!(
                "{} is not a network of this program ({why}): give the model.safetensors of a run it trained",
                file.display()
            )))
        };
        let note = saved.note.ok_or_else(|| not_ours("it has no settings".into()))?;
        let note: ModelNote = serde_json::from_str(&note).map_err(|e| not_ours(e.to_string()))?;
        let config = note.config.validate()?;
        let network = config.network.clone();
        match SavedDcnn::from_weights(network, note.features, note.classes, &saved.tensors, device) {
            Ok(network) => Ok(SavedSparseDcnn { network, config }),
            Err(DcnnError::Weights) => Err(not_ours("its sizes do not fit its tensors".into())),
            Err(other) => Err(other.into()),
        }
    }

    /// The settings it was trained with.
    #[must_use]
    pub fn config(&self) -> &CheckedConfig {
        &self.config
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.network.classes()
    }

    /// The classes of nodes, whose [`examples`] must be prepared with the same settings.
    ///
    /// # Errors
    /// [`SparseError`] for other features or a node that does not exist.
    pub fn predict(&self, among: &Examples, nodes: &[usize]) -> Result<Vec<usize>, SparseError> {
        Ok(self.network.predict(among, nodes)?)
    }
}

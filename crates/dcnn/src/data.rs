//! Data sets as the network takes them.

use std::path::Path;

use datasets::{citation, synthetic, tu, CitationGraph, CsrFeatures, DatasetError, Folder, GraphSet};
use shared::graph::{from_edges, Csr};

use crate::DcnnError;

#[cfg(test)]
mod tests;

/// The name of the embedded sets.
pub const SYNTHETIC: &str = "synthetic";

/// Seed of the embedded sets: every run sees the same ones.
const SYNTHETIC_SEED: u64 = 0;

/// A graph whose nodes are to be classified.
#[derive(Clone, Debug)]
pub struct NodeData {
    /// Its name.
    pub name: String,
    /// A, (N, N).
    pub adjacency: Csr,
    /// X, (N, F).
    pub features: Csr,
    /// N classes from 0.
    pub labels: Vec<usize>,
    /// The number of classes.
    pub classes: usize,
}

/// Graphs that are to be classified.
#[derive(Clone, Debug)]
pub struct GraphData {
    /// Its name.
    pub name: String,
    /// (A, X) of each graph.
    pub graphs: Vec<(Csr, Csr)>,
    /// One class a graph.
    pub labels: Vec<usize>,
    /// The number of classes.
    pub classes: usize,
}

/// A citation network by name: `synthetic`, `cora`, `citeseer`, `pubmed`.
///
/// # Errors
/// The loader's sentence, naming file and line.
pub fn load_nodes(name: &str, data_dir: &Path) -> Result<NodeData, DcnnError> {
    let graph = match name {
        SYNTHETIC => synthetic::citation(&synthetic::CitationConfig::default(), SYNTHETIC_SEED)?,
        // CiteSeer cites papers that it does not hold
        "citeseer" => citation::load_with(data_dir, name, citation::UnknownIds::Skip)?,
        _ => citation::load(data_dir, name)?,
    };
    NodeData::try_from(graph)
}

/// A set of graphs by name: `synthetic` or a TU set such as `MUTAG`.
///
/// # Errors
/// The loader's sentence, naming file and line.
pub fn load_graphs(name: &str, data_dir: &Path) -> Result<GraphData, DcnnError> {
    let set = match name {
        SYNTHETIC => synthetic::molecules(&synthetic::MoleculeConfig::default(), SYNTHETIC_SEED)?,
        _ => tu::load(data_dir, name)?,
    };
    GraphData::try_from(set)
}

/// Where real data is looked for, and how it gets there.
#[derive(Clone, Debug, Default)]
pub struct Source(Folder);

impl Source {
    /// A folder, `data` where none is given; missing sets are fetched unless `offline`.
    #[must_use]
    pub fn new(folder: Option<&Path>, offline: bool) -> Self {
        Source(Folder::new(folder, offline))
    }

    /// [`load_nodes`], fetching a pinned set that is not there.
    ///
    /// # Errors
    /// As [`load_nodes`], and those of the download.
    pub fn nodes(&self, name: &str) -> Result<NodeData, DcnnError> {
        self.0.load(name, is_missing, |folder| load_nodes(name, folder))
    }

    /// [`load_graphs`], fetching a pinned set that is not there.
    pub(crate) fn graphs(&self, name: &str) -> Result<GraphData, DcnnError> {
        self.0.load(name, is_missing, |folder| load_graphs(name, folder))
    }
}

fn is_missing(error: &DcnnError) -> bool {
    matches!(error, DcnnError::Data(error) if error.is_missing())
}

impl TryFrom<CitationGraph> for NodeData {
    type Error = DcnnError;

    fn try_from(graph: CitationGraph) -> Result<Self, DcnnError> {
        Ok(NodeData {
            name: graph.name().to_owned(),
            adjacency: from_edges(graph.nodes(), graph.edges())?,
            features: csr(graph.features()),
            labels: graph.labels().to_vec(),
            classes: graph.classes(),
        })
    }
}

impl TryFrom<GraphSet> for GraphData {
    type Error = DcnnError;

    /// Node features are the node's label, one-hot; 1 where the set has none.
    fn try_from(set: GraphSet) -> Result<Self, DcnnError> {
        let width = set.node_label_values().len().max(1);
        let mut graphs = Vec::with_capacity(set.len());
        for graph in set.graphs() {
            let columns = match graph.node_labels.as_slice() {
                [] => vec![0; graph.nodes],
                labels => labels.iter().map(|l| *l as u32).collect(),
            };
            let features =
                Csr::new((graph.nodes, width), (0..=graph.nodes).collect(), columns, vec![1.0; graph.nodes]);
            graphs.push((from_edges(graph.nodes, &graph.edges)?, features));
        }
        let labels: Vec<usize> = set.graphs().iter().map(|g| g.label).collect();
        Ok(GraphData { name: set.name().to_owned(), graphs, labels, classes: set.classes() })
    }
}

fn csr(features: &CsrFeatures) -> Csr {
    Csr::new(
        (features.rows(), features.cols()),
        features.indptr().to_vec(),
        features.indices().to_vec(),
        features.values().to_vec(),
    )
}

impl From<DatasetError> for DcnnError {
    fn from(error: DatasetError) -> Self {
        DcnnError::Data(error)
    }
}

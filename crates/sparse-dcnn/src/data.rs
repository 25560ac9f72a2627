//! Graphs as the network takes them: embedded, by name, from files, or drawn at random.

use std::path::Path;

use datasets::{
    graph_file::{read_graph, Direction, ReadOptions},
    matrix_file::{read_features, read_labels, FeatureFile, FeatureShape},
    DatasetError,
};
use dcnn::{NodeData, Source};
use rand::Rng;
use shared::{graph::Csr, train::RunRng};

use crate::{powers::build, Bytes, Features, SparseError};

/// A graph whose nodes are to be classified.
#[derive(Clone, Debug)]
pub struct GraphData {
    /// Its name.
    pub name: String,
    /// A, (N, N).
    pub adjacency: Csr,
    /// X, (N, F).
    pub features: Features,
    /// N classes from 0.
    pub labels: Vec<usize>,
    /// The number of classes.
    pub classes: usize,
}

/// The files of a user's graph.
#[derive(Clone, Copy, Debug)]
pub struct GraphFiles<'a> {
    /// Edge list or Matrix Market.
    pub graph: &'a Path,
    /// Matrix Market; without it every node has the same one feature.
    pub features: Option<&'a Path>,
    /// Labels; without them all are 0.
    pub labels: Option<&'a Path>,
    /// Whether edges are taken in the direction in which they are written.
    pub directed: bool,
    /// The most bytes that the arrays of the graph and the features may take together.
    pub max_bytes: Option<u64>,
}

/// A citation network by name: `synthetic`, `cora`, `citeseer`, `pubmed`.
///
/// # Errors
/// The loader's sentence, naming file and line.
pub fn load_named(name: &str, source: &Source) -> Result<GraphData, SparseError> {
    let NodeData { name, adjacency, features, labels, classes } = source.nodes(name)?;
    Ok(GraphData { name, adjacency, features: features.into(), labels, classes })
}

/// The adjacency matrix in a file.
///
/// # Errors
/// One sentence with file and line: see [`datasets::graph_file`].
pub fn load_adjacency(files: &GraphFiles<'_>) -> Result<Csr, SparseError> {
    let direction = if files.directed { Direction::Directed } else { Direction::Undirected };
    let options = ReadOptions { direction, max_bytes: files.max_bytes, ..ReadOptions::default() };
    let graph = read_graph(files.graph, &options).map_err(|error| match error {
        DatasetError::Memory { needed, allowed, .. } => too_much("the graph", needed, allowed),
        other => other.into(),
    })?;
    let nodes = graph.nodes();
    let (indptr, columns, weights, _) = graph.into_parts();
    let weights = weights.unwrap_or_else(|| vec![1.0; columns.len()]);
    build((nodes, nodes), indptr, columns, weights)
}

/// A user's graph.
///
/// # Errors
/// One sentence with file and line: see [`datasets::graph_file`] and [`datasets::matrix_file`].
pub fn load_files(files: &GraphFiles<'_>) -> Result<GraphData, SparseError> {
    let adjacency = load_adjacency(files)?;
    let nodes = adjacency.rows();
    let features = match files.features {
        None => Features::Dense { values: vec![1.0; nodes], columns: 1 },
        Some(path) => match checked_features(path, files, &adjacency)? {
            FeatureFile::Dense { values, columns, .. } => Features::Dense { values, columns },
            FeatureFile::Sparse(x) => {
                let (rows, width, indptr, columns, values) = x.into_parts();
                build((rows, width), indptr, columns, values)?.into()
            }
        },
    };
    features.check(nodes)?;
    let labels = match files.labels {
        None => vec![0; nodes],
        Some(path) => read_labels(path, Some(nodes))?,
    };
    let classes = labels.iter().max().map_or(0, |m| m.saturating_add(1));
    let name = files.graph.display().to_string();
    Ok(GraphData { name, adjacency, features, labels, classes })
}

/// The features in a file, if they are those of the graph's nodes and fit beside it.
fn checked_features(path: &Path, files: &GraphFiles<'_>, a: &Csr) -> Result<FeatureFile, SparseError> {
    let shape = FeatureShape::read(path)?;
    let nodes = a.rows();
    if shape.rows != nodes as u64 {
        let (features, graph) = (path.display().to_string(), files.graph.display().to_string());
        return Err(SparseError::FeatureRows { features, rows: shape.rows, graph, nodes });
    }
    let graph = 8 * (a.nnz() as u64 + nodes as u64);
    let needed = shape.bytes().saturating_add(graph);
    match files.max_bytes.filter(|allowed| needed > *allowed) {
        Some(allowed) => Err(too_much("the graph with its features", needed, allowed)),
        None => Ok(read_features(path)?),
    }
}

fn too_much(what: &'static str, needed: u64, allowed: u64) -> SparseError {
    SparseError::Memory { what, needed: Bytes(needed).to_string(), allowed: Bytes(allowed).to_string() }
}

/// Edges of a random graph with `nodes` nodes, `degree` mean degree and `classes` equal blocks, one after another: node i
/// is in block i·C/N, and four of five edges stay inside a block. Nothing but the edge at hand is held.
///
/// The two ends of each edge are drawn independently, so some edges are drawn twice and some are self-loops: of 10⁶ nodes
/// of degree 8 about 30.
pub fn random_edges(
    nodes: usize,
    degree: usize,
    classes: usize,
    seed: u64,
) -> impl Iterator<Item = (u32, u32)> {
    let mut rng = RunRng::new(seed, 0);
    let classes = classes.clamp(1, nodes.max(1));
    let edges = if nodes == 0 { 0 } else { nodes * degree / 2 };
    (0..edges).map(move |_| {
        let a = rng.gen_range(0..nodes);
        let block = class_of(a, nodes, classes);
        let b = if rng.gen_bool(0.8) {
            let start = (block * nodes).div_ceil(classes);
            rng.gen_range(start..((block + 1) * nodes).div_ceil(classes))
        } else {
            rng.gen_range(0..nodes)
        };
        (a as u32, b as u32)
    })
}

/// The block of node i.
#[must_use]
pub fn class_of(i: usize, nodes: usize, classes: usize) -> usize {
    i * classes / nodes.max(1)
}

/// Dense features of the nodes of [`random_edges`], row-major: noise, and 1 more in the column of the node's class.
#[must_use]
pub fn random_features(nodes: usize, columns: usize, classes: usize, seed: u64) -> Vec<f32> {
    let mut rng = RunRng::new(seed, 1);
    let mut values = Vec::with_capacity(nodes * columns);
    for i in 0..nodes {
        let own = class_of(i, nodes, classes) % columns.max(1);
        values
            .extend((0..columns).map(|k| 2.0 * rng.r#gen::<f32>() - 1.0 + if k == own { 0.5 } else { 0.0 }));
    }
    values
}

//! Everything that can go wrong, as one sentence each.

use dcnn::{ConfigError, DcnnError};
use shared::graph::GraphError;

use crate::threshold::ThresholdError;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SparseError {
    /// A threshold that is not allowed.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// A graph or matrix that cannot be diffused.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The network, its data or its training.
    #[error(transparent)]
    Dcnn(#[from] DcnnError),
    /// A setting that is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file of a graph, of features or of labels.
    #[error(transparent)]
    Data(#[from] datasets::DatasetError),
    /// A matrix that breaks its own format.
    #[error(
        "the sparse matrix breaks the CSR format ({0}): rebuild it with sorted columns inside its shape"
    )]
    Structure(String),
    /// A value that is no transition probability.
    #[error("row {row} of the transition matrix holds {value}: entries must be finite and not negative, so mend that row")]
    Probability {
        /// The row.
        row: usize,
        /// The value.
        value: f32,
    },
    /// A row sum above 1, for which the theorems do not hold.
    #[error(
        "row {row} of the transition matrix sums to {sum}: the bounds hold for rows that sum to at most 1, so divide \
         each row by its degree (random-walk normalization)"
    )]
    NotStochastic {
        /// The row.
        row: usize,
        /// Its sum.
        sum: f64,
    },
    /// A node that the graph does not have.
    #[error("node {index} does not exist: they run from 0 to {nodes} - 1")]
    Node {
        /// The node.
        index: usize,
        /// How many there are.
        nodes: usize,
    },
    /// Two parts of the input that should be of one length are not.
    #[error("there are {found} {what}, and there should be {expected}, {why}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
        /// Why so many.
        why: &'static str,
    },
    /// A file of features for other nodes than the graph's.
    #[error(
        "{features} has {rows} rows and the graph {graph} has {nodes} nodes: give every node from 0 a row of features, \
         and no other"
    )]
    FeatureRows {
        /// The file of features.
        features: String,
        /// Its rows.
        rows: u64,
        /// The file of edges.
        graph: String,
        /// Its nodes.
        nodes: usize,
    },
    /// Weights whose sum no `f32` holds.
    #[error(
        "the edges of node {node} weigh more than 3.4e38 together: divide all weights by the same number, which changes \
         no transition probability"
    )]
    Degree {
        /// The node.
        node: usize,
    },
    /// Additions under a normalization that spreads a new edge over the whole graph.
    #[error(
        "nodes and edges can be added under random-walk normalization alone, where an edge changes the rows of its two \
         ends: train with it, or fit the larger graph"
    )]
    Inductive,
    /// More memory than was allowed.
    #[error(
        "{what} needs about {needed}, and {allowed} are allowed: raise the limit, or give fewer features, fewer hops or \
         a larger threshold"
    )]
    Memory {
        /// What would need it.
        what: &'static str,
        /// How much, with its unit.
        needed: String,
        /// How much is allowed, with its unit.
        allowed: String,
    },
    /// No threshold makes the series fit.
    #[error(
        "no threshold makes the series of {nodes} nodes and {hops} hops fit in {allowed}: its row pointers alone need \
         {least}, so raise the budget or lower the hops"
    )]
    Budget {
        /// N.
        nodes: usize,
        /// H.
        hops: usize,
        /// The budget, with its unit.
        allowed: String,
        /// What is needed at least, with its unit.
        least: String,
    },
    /// Shards that do not belong together, or a block that is missing or damaged.
    #[error("{0}")]
    Blocks(String),
    /// Numbers that have no interval.
    #[error(transparent)]
    Stats(#[from] shared::claims::stats::StatsError),
}

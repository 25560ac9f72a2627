//! Every way a graph computation can refuse its input.

use thiserror::Error;

/// Why a graph, a matrix or a parameter was refused.
///
/// Each message is one sentence: what was found, where, what is allowed, and what to do next.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Node indices are stored as `u32`.
    #[error(
        "the graph has {nodes} nodes but node indices are 32-bit, so at most {max} are allowed; split the graph",
        max = u32::MAX
    )]
    TooManyNodes {
        /// Number of nodes asked for.
        nodes: usize,
    },

    /// Columns of the concatenated diffusion are stored as `u32`.
    #[error(
        "{slices} slices of {features} features need more columns than 32-bit indices allow ({max}); lower the \
         hops or the features",
        max = u32::MAX
    )]
    TooManyColumns {
        /// Slices asked for, `hops + 1`.
        slices: usize,
        /// Features a slice, F.
        features: usize,
    },

    /// The number of hops is far beyond what a diffusion can mean.
    #[error("{hops} hops were asked for but at most {max} are allowed; ask for fewer hops")]
    TooManyHops {
        /// Hops asked for.
        hops: usize,
        /// Most hops allowed.
        max: usize,
    },

    /// A result would not fit in memory, or not below this module's stated bound.
    #[error("{what} would need {entries} entries but at most {max} fit; {hint}")]
    TooLarge {
        /// What was to be built.
        what: &'static str,
        /// Entries it would need.
        entries: u128,
        /// Entries allowed.
        max: u128,
        /// What to do instead.
        hint: &'static str,
    },

    /// An edge weight was negative, infinite or not a number.
    #[error(
        "the edge from node {source_node} to node {target_node} weighs {weight} but weights must be finite and not \
         negative; drop or rescale that edge"
    )]
    BadWeight {
        /// Node the edge leaves.
        source_node: usize,
        /// Node the edge enters.
        target_node: usize,
        /// The weight found.
        weight: f32,
    },

    /// An edge names a node that the graph does not have.
    #[error(
        "edge {edge} names node {node} but the graph has {nodes} nodes numbered from 0; fix the edge list"
    )]
    NodeOutOfRange {
        /// Position of the edge in the list.
        edge: usize,
        /// The node it names.
        node: usize,
        /// Nodes in the graph.
        nodes: usize,
    },

    /// A row index is beyond the matrix.
    #[error("row {row} was asked for but there are {rows} rows numbered from 0; ask for a row below {rows}")]
    RowOutOfRange {
        /// The row asked for.
        row: usize,
        /// Rows there are.
        rows: usize,
    },

    /// A matrix that must be square is not.
    #[error("{what} is {rows} x {cols} but must be square; pass one row and one column for every node")]
    NotSquare {
        /// Which argument.
        what: &'static str,
        /// Its rows.
        rows: usize,
        /// Its columns.
        cols: usize,
    },

    /// A matrix is stored by columns.
    #[error("{what} is stored by columns (CSC) but must be stored by rows; call `to_csr()` on it first")]
    NotCsr {
        /// Which argument.
        what: &'static str,
    },

    /// Two arguments disagree about a size.
    #[error("{what} has {found} entries but {expected} are expected, {why}; pass exactly {expected}")]
    SizeMismatch {
        /// Which argument.
        what: &'static str,
        /// Its size.
        found: usize,
        /// The size expected.
        expected: usize,
        /// Where the expectation comes from.
        why: &'static str,
    },

    /// A group of rows has no rows, so it has no mean.
    #[error("group {group} is empty so its mean does not exist; give every group at least one row")]
    EmptyGroup {
        /// Position of the group.
        group: usize,
    },

    /// A relabelling is not one-to-one.
    #[error("the relabelling sends two nodes to {target}, so it is no permutation; send every node to its own place")]
    NotAPermutation {
        /// The place named twice.
        target: usize,
    },

    /// A generator's parameter is outside its range.
    #[error("{generator} was given {parameter} = {value} but {allowed} is required; choose another value")]
    BadParameter {
        /// Which generator.
        generator: &'static str,
        /// Which parameter.
        parameter: &'static str,
        /// The value found, as text.
        value: String,
        /// The allowed range in words.
        allowed: &'static str,
    },

    /// A sparse matrix breaks its own format.
    #[error(
        "the sparse matrix breaks the CSR format ({reason}); rebuild it with sorted columns inside its shape"
    )]
    Structure {
        /// What sprs found.
        reason: String,
    },
}

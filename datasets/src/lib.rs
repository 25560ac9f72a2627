//! Loaders, verified downloads and synthetic twins.

pub mod citation;
mod citation_graph;
mod error;
mod features;
mod graph_set;
pub mod splits;
mod text;
pub mod tu;

pub use citation_graph::{CitationGraph, EdgeCounts};
pub use error::DatasetError;
pub use features::{CsrFeatures, MAX_DENSE_ENTRIES};
pub use graph_set::{ArcCounts, GraphSet, GraphSetTables, LabeledGraph};
pub use text::{MAX_LINES, MAX_LINE_BYTES, MAX_TEXT_BYTES};

//! Features and labels of the nodes of a graph, from files of their own.
//!
//! | function | reads |
//! |---|---|
//! | [`FeatureShape::read`] | the head of such a file alone: how large it is |
//! | [`read_features`] | a Matrix Market file: `coordinate` gives sparse features, `array` dense ones |
//! | [`read_labels`] | a class a line, or `node class` pairs |
//! | [`write_features`], [`write_labels`] | write them |
//!
//! Files may be plain or gzipped, which their first bytes tell and not their names. The graph itself is read by
//! [`graph_file`](crate::graph_file).
//!
//! # Reference
//!
//! R. F. Boisvert, R. Pozo and K. A. Remington, "The Matrix Market Exchange Formats: Initial Design", NISTIR 5935,
//! 1996.

mod features;
mod labels;

pub use features::{read_features, write_features, FeatureFile, FeatureShape};
pub use labels::{read_labels, write_labels, MAX_CLASSES};

//! Loaders, verified downloads and synthetic twins of the sets that the Eightfold papers use.
//!
//! Everything here is plain data: no tensors and no graph library, so that any model can be fed from it. What a
//! loader returns has been checked (lengths, ranges, finite numbers), and what cannot be read is an error of one
//! sentence that names the file, the line, what was expected, what was found and what to do next. Sizes are
//! bounded before memory is spent; see [`MAX_TEXT_BYTES`], [`MAX_LINE_BYTES`], [`MAX_LINES`],
//! [`MAX_IMAGE_BYTES`] and, for graphs of any size, [`graph_file::ReadOptions::max_bytes`].
//!
//! | module | gives | from |
//! |---|---|---|
//! | [`citation`] | [`CitationGraph`] | Cora, CiteSeer, PubMed (LINQS text) |
//! | [`tu`] | [`GraphSet`] | MUTAG, PTC_MR, NCI1, PROTEINS, ENZYMES and every other TU set |
//! | [`graph_file`] | [`graph_file::GraphFile`], rows of a graph of any size | edge lists and Matrix Market files |
//! | [`matrix_file`] | features and labels of nodes | Matrix Market files and text |
//! | [`idx`] | [`images::TrainTest`] | MNIST, Fashion-MNIST and other IDX files |
//! | [`cifar`] | [`images::TrainTest`] | CIFAR-10 and CIFAR-100, binary version |
//! | [`characters`] | an alphabet, symbols and pieces of them for a language model | any text in UTF-8 |
//! | [`synthetic`] | twins of all of these | nothing but a seed |
//! | [`overlap`] | MultiMNIST: pairs of overlapping digits | an [`images::ImageSet`] and a seed |
//! | [`affnist`] | digits at random places and under random affine maps | an [`images::ImageSet`] and a seed |
//! | [`duplicates`] | test images that nearly come again among training images | two image sets |
//! | [`pictures`] | floats, cut to a size and whitened | an [`images::ImageSet`] |
//! | [`labels`] | a hierarchy of labels, its closure, wrong and missing labels | nothing but a seed |
//! | [`transforms`] | shifted and distorted images | an image |
//! | [`splits`] | training, validation and test parts | a number of items and a seed |
#![cfg_attr(
    feature = "download",
    doc = "| [`download`] | the files of a set | HTTP, checked against pinned SHA-256 sums |"
)]
//!
//! # Features
//! `download` fetches the real sets over HTTP(S), checked against pinned sums; without it nothing here touches the network.
//!
//! # Example
//!
//! ```
//! use datasets::{citation, splits, synthetic, DatasetError};
//!
//! # fn main() -> Result<(), DatasetError> {
//! // The real set where its files are, a twin of it otherwise.
//! let folder = std::path::Path::new("data");
//! let graph = match citation::load(folder, "cora") {
//!     Err(DatasetError::Missing { .. }) => synthetic::citation(&synthetic::CitationConfig::default(), 0)?,
//!     other => other?,
//! };
//! let split = splits::random_thirds(graph.nodes(), 0)?;
//! assert!(split.train.iter().all(|&paper| graph.labels()[paper] < graph.classes()));
//! # Ok(())
//! # }
//! ```

pub mod affnist;
mod atomic;
mod binary;
pub mod characters;
pub mod cifar;
pub mod citation;
mod citation_graph;
#[cfg(feature = "download")]
pub mod download;
pub mod duplicates;
mod error;
mod features;
mod folder;
pub mod graph_file;
mod graph_set;
pub mod idx;
pub mod image_sets;
pub mod images;
pub mod labels;
mod market;
pub mod matrix_file;
pub mod overlap;
pub mod pictures;
mod scan;
pub mod splits;
mod stream;
pub mod synthetic;
mod text;
mod token;
pub mod transforms;
pub mod tu;
mod two_pass;

pub use binary::MAX_IMAGE_BYTES;
pub use citation_graph::{CitationGraph, EdgeCounts};
pub use error::DatasetError;
pub use features::{CsrFeatures, MAX_DENSE_ENTRIES};
pub use folder::Folder;
pub use graph_set::{ArcCounts, GraphSet, GraphSetTables, LabeledGraph};
pub use text::{MAX_LINES, MAX_LINE_BYTES, MAX_TEXT_BYTES};

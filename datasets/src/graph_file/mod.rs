//! Graphs of any size from files: edge lists and Matrix Market, streamed into compressed sparse rows.
//!
//! A graph of 10⁸ edges is some gigabytes of text. The readers here go over it twice and keep nothing of it but the
//! arrays of the result, so what fits in memory as rows can be read. Files may be plain or gzipped, which their first
//! bytes tell and not their names.
//!
//! | function | reads |
//! |---|---|
//! | [`read_edge_list`] | lines of `u v` or `u v weight` |
//! | [`read_matrix_market`] | `%%MatrixMarket matrix coordinate …` |
//! | [`read_graph`] | either, by content |
//! | [`write_edge_list`], [`write_matrix_market`] | write them |
//!
//! Features and labels of the nodes are read by [`matrix_file`](crate::matrix_file).
//!
//! # Reference
//!
//! R. F. Boisvert, R. Pozo and K. A. Remington, "The Matrix Market Exchange Formats: Initial Design", NISTIR 5935,
//! 1996.

mod edge_list;
mod graph;
mod matrix_market;
mod options;
mod write;

pub use edge_list::read_edge_list;
pub use graph::{Counts, GraphFile};
pub use matrix_market::{read_graph, read_matrix_market};
pub use options::{Direction, Ids, ReadOptions, Repeats};
pub use write::{write_edge_list, write_matrix_market};

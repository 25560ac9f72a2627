//! Graphs for diffusion: petgraph in; sparse matrices, transition matrices, diffusions, generators and statistics out.
//!
//! The way through the module, in the symbols of Atwood and Towsley's "Diffusion-Convolutional Neural Networks":
//!
//! | step | function | symbol |
//! |---|---|---|
//! | graph → adjacency matrix | [`adjacency()`], [`weighted_adjacency`], [`from_edges`] | A, N x N |
//! | adjacency → transition matrix | [`transition_matrix`] | P = D⁻¹A and three relatives |
//! | transition → power series | [`power_series`], [`power_series_dense`] | P* = {P⁰, …, P^H} |
//! | diffusion of the features | [`diffuse()`], [`diffuse_dense_slices`], by powers row by row [`diffuse_rows`], [`diffuse_dense_rows`] | S = P*X, N x ((H+1)·F) |
//! | one row a graph | [`disjoint_union`], [`Diffused::mean_rows`] | 1ᵀP*X / N |
//! | one row an edge | [`edge_augmented`], [`line_graph`] | A' |
//!
//! A layer needs S alone, so the power series is never formed on the way: [`diffuse()`] costs O(H·|E|·F) at most, where the
//! tensor P* costs O(H·N²). All results are the same bits at any number of threads.
//!
//! # Example
//! ```
//! use shared::graph::{adjacency, diffuse, identity, transition_matrix, Normalization, ParallelEdges};
//! use shared::petgraph::graph::UnGraph;
//! # fn main() -> Result<(), shared::graph::GraphError> {
//! let triangle_with_tail = UnGraph::<(), ()>::from_edges([(0, 1), (1, 2), (2, 0), (2, 3)]);
//! let a = adjacency(&triangle_with_tail, ParallelEdges::Merge)?;
//! let p = transition_matrix(&a, Normalization::RANDOM_WALK)?;
//! let s = diffuse(&p, &identity(4)?, 2)?; // one-hot features: slice j of row i is row i of P^j
//! assert_eq!((s.rows(), s.slices(), s.features()), (4, 3, 4));
//! let (_, walk) = s.row_slice(3, 2);
//! assert!((walk.iter().sum::<f32>() - 1.0).abs() < 1e-6);
//! # Ok(())
//! # }
//! ```

mod adjacency;
mod csr;
mod dense_rows;
mod diffuse;
mod diffuse_dense;
mod diffusion;
mod edges;
mod error;
mod generators;
mod gustavson;
mod layout;
mod power_series;
mod stats;
mod transition;

pub use adjacency::{adjacency, from_edges, weighted_adjacency, ParallelEdges};
pub use csr::{append_column, disjoint_union, identity, permute, permute_rows, Csr};
pub use diffuse::{diffuse, multiply, Diffused, MAX_HOPS};
pub use diffuse_dense::{diffuse_dense, diffuse_dense_rows, diffuse_dense_slices, DenseDiffused};
pub use diffusion::{diffuse_rows, Diffusion, PowerRows};
pub use edges::{edge_augmented, edge_list, line_graph};
pub use error::GraphError;
pub use generators::{barabasi_albert, erdos_renyi, BlockModel};
pub use layout::layout;
pub use power_series::{power_series, power_series_dense};
pub use stats::{
    average_clustering, component_sizes, components, degrees, edge_homophily, graph_stats, GraphStats,
};
pub use transition::{transition_matrix, Isolated, Normalization};

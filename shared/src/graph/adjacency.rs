//! Adjacency matrices A from petgraph graphs and from edge lists.

use petgraph::visit::{EdgeRef, IntoEdges, IntoNodeIdentifiers, NodeIndexable};
use serde::{Deserialize, Serialize};

use super::csr::{build, check_nodes, valid_weight, RowBuilder};
use super::{Csr, GraphError};

/// What several edges between the same two nodes become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParallelEdges {
    /// One entry holding the sum of the weights: a multigraph's adjacency matrix, as in networkx.
    Sum,
    /// One entry holding the largest weight: for unweighted edges, a plain 0/1 matrix.
    #[default]
    Merge,
}

/// The unweighted adjacency matrix: `A[i, j]` = 1 for an edge i → j (times its multiplicity under
/// [`ParallelEdges::Sum`]).
///
/// Takes any petgraph graph by reference: `Graph`, `StableGraph`, `GraphMap`, `MatrixGraph` or `Csr`, directed or not.
/// Row i is petgraph's index i; an index that a `StableGraph` has freed is an isolated node. An undirected edge fills
/// both `A[i, j]` and `A[j, i]`; a self-loop fills `A[i, i]` once, so it counts once in the degree.
///
/// # Shapes
/// N x N for a graph of N nodes.
///
/// # Errors
/// [`GraphError::TooManyNodes`] beyond `u32::MAX` nodes.
///
/// # Complexity
/// O(N + |E| log d) time, with d the largest degree; O(N + |E|) memory.
///
/// # Example
/// ```
/// use shared::graph::{adjacency, ParallelEdges};
/// use shared::petgraph::graph::UnGraph;
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let g = UnGraph::<(), ()>::from_edges([(0, 1), (1, 2), (2, 1)]);
/// let a = adjacency(&g, ParallelEdges::Merge)?;
/// assert_eq!((a.shape(), a.nnz()), ((3, 3), 4));
/// assert_eq!(adjacency(&g, ParallelEdges::Sum)?.get(2, 1), Some(&2.0));
/// # Ok(())
/// # }
/// ```
pub fn adjacency<G>(graph: G, parallel: ParallelEdges) -> Result<Csr, GraphError>
where
    G: IntoEdges + IntoNodeIdentifiers + NodeIndexable,
{
    weighted_adjacency(graph, parallel, |_| 1.0)
}

/// The weighted adjacency matrix: `A[i, j]` = `weight(edge)` for an edge i → j.
///
/// As [`adjacency`], with a weight read from each edge. A weight of 0 means no edge. On an undirected graph `weight`
/// sees each edge from both its ends and must answer the same.
///
/// # Errors
/// As [`adjacency`], and [`GraphError::BadWeight`] for a weight that is negative, infinite or not a number.
///
/// # Example
/// ```
/// use shared::graph::{weighted_adjacency, ParallelEdges};
/// use shared::petgraph::graph::DiGraph;
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let g = DiGraph::<(), f64>::from_edges([(0, 1, 0.5), (1, 0, 2.0)]);
/// let a = weighted_adjacency(&g, ParallelEdges::Sum, |&w| w as f32)?;
/// assert_eq!(a.data(), &[0.5, 2.0]);
/// # Ok(())
/// # }
/// ```
pub fn weighted_adjacency<G>(
    graph: G,
    parallel: ParallelEdges,
    weight: impl Fn(&G::EdgeWeight) -> f32,
) -> Result<Csr, GraphError>
where
    G: IntoEdges + IntoNodeIdentifiers + NodeIndexable,
{
    let n = graph.node_bound();
    check_nodes(n)?;
    // Edges are read node by node and not from `edge_references`, because an undirected petgraph `Csr` lists each
    // edge twice there and the other graphs list it once; `edges(i)` lists every neighbour once in all of them.
    let mut nodes: Vec<_> = graph.node_identifiers().collect();
    nodes.sort_unstable_by_key(|&node| graph.to_index(node));

    let mut out = RowBuilder::new((n, n), 0);
    let mut row: Vec<(u32, f32)> = Vec::new();
    let mut next_row = 0;
    for node in nodes {
        let i = graph.to_index(node);
        while next_row < i {
            out.end_row(); // an index without a node
            next_row += 1;
        }
        row.clear();
        for edge in graph.edges(node) {
            let j = graph.to_index(edge.target());
            let w = weight(edge.weight());
            if !valid_weight(w) {
                return Err(GraphError::BadWeight { source_node: i, target_node: j, weight: w });
            }
            if w > 0.0 {
                row.push((j as u32, w));
            }
        }
        // By column, then by weight: the sum of parallel edges does not depend on the order they were added in,
        // so both triangles of an undirected graph hold the same bits.
        row.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut entries = row.iter().copied();
        if let Some(mut entry) = entries.next() {
            for (j, w) in entries {
                if j != entry.0 {
                    out.push(entry.0, entry.1);
                    entry = (j, w);
                } else if parallel == ParallelEdges::Sum {
                    entry.1 += w;
                } else {
                    entry.1 = w; // the larger of the two, by the order above
                }
            }
            out.push(entry.0, entry.1);
        }
        out.end_row();
        next_row += 1;
    }
    while next_row < n {
        out.end_row();
        next_row += 1;
    }
    out.finish()
}

/// The 0/1 adjacency matrix of an undirected, unweighted graph given as pairs of nodes.
///
/// Pairs may come in either direction and more than once: each fills `A[i, j]` = `A[j, i]` = 1. A pair (i, i) is a
/// self-loop and fills `A[i, i]` once.
///
/// # Shapes
/// N x N for `n` = N.
///
/// # Errors
/// [`GraphError::TooManyNodes`] beyond `u32::MAX` nodes, [`GraphError::NodeOutOfRange`] for a pair naming a node ≥ n.
///
/// # Complexity
/// O(N + |E| log d) time, O(N + |E|) memory.
///
/// # Example
/// ```
/// use shared::graph::from_edges;
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let triangle_and_loner = from_edges(4, &[(0, 1), (1, 2), (2, 0), (0, 2)])?;
/// assert_eq!(triangle_and_loner.nnz(), 6);
/// # Ok(())
/// # }
/// ```
pub fn from_edges(n: usize, edges: &[(u32, u32)]) -> Result<Csr, GraphError> {
    check_nodes(n)?;
    let mut starts = vec![0usize; n + 1];
    for (e, &(i, j)) in edges.iter().enumerate() {
        if let Some(&node) = [i, j].iter().find(|&&node| node as usize >= n) {
            return Err(GraphError::NodeOutOfRange { edge: e, node: node as usize, nodes: n });
        }
        starts[i as usize + 1] += 1;
        starts[j as usize + 1] += usize::from(i != j);
    }
    for i in 0..n {
        starts[i + 1] += starts[i];
    }
    let mut next = starts.clone();
    let mut neighbours = vec![0u32; starts[n]];
    let mut put = |i: u32, j: u32| {
        neighbours[next[i as usize]] = j;
        next[i as usize] += 1;
    };
    for &(i, j) in edges {
        put(i, j);
        if i != j {
            put(j, i);
        }
    }

    // Sort each row and drop repeats, moving the rest down in place.
    let mut indptr = Vec::with_capacity(n + 1);
    indptr.push(0);
    let mut kept = 0;
    for i in 0..n {
        let row_start = kept;
        neighbours[starts[i]..starts[i + 1]].sort_unstable();
        for e in starts[i]..starts[i + 1] {
            if kept == row_start || neighbours[kept - 1] != neighbours[e] {
                neighbours[kept] = neighbours[e];
                kept += 1;
            }
        }
        indptr.push(kept);
    }
    neighbours.truncate(kept);
    let ones = vec![1.0; kept];
    build((n, n), indptr, neighbours, ones)
}

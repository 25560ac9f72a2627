//! Graphs in which edges are nodes: the edge-augmented graph and the line graph.

use petgraph::graph::{EdgeIndex, Graph, IndexType, NodeIndex};
use petgraph::visit::EdgeRef;
use petgraph::{Direction, EdgeType};

use super::csr::{check_nodes, check_square, CsrRows, RowBuilder, SparseRows};
use super::{Csr, GraphError};

/// The edge-augmented adjacency matrix A', which makes each listed edge a node wired to its two ends.
///
/// ```text
///      ┌ A   Bᵀ ┐
/// A' = │        │,    B_ei = B_ej = 1 for edge e = (i, j)
///      └ B   0  ┘
/// ```
///
/// Rows 0..N are the nodes, rows N..N+E the edges, in the order of `edges`. Diffusing over A' and reading the edge rows
/// classifies edges: their features sit in rows N.. of X, their ends' in rows ..N. A pair (i, i) fills `B[e, i]` once.
///
/// # Shapes
/// A: N x N; `edges`: E pairs; result: (N+E) x (N+E).
///
/// # Errors
/// A that is not square or not by rows; a pair naming a node ≥ N; N + E beyond 32 bits.
///
/// # Complexity
/// O(N + E + nnz(A)) time and memory.
///
/// # Reference
/// Atwood and Towsley, "Diffusion-Convolutional Neural Networks" (NIPS 2016), section 2, edge classification.
///
/// # Example
/// ```
/// use shared::graph::{edge_augmented, edge_list, from_edges};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let a = from_edges(3, &[(0, 1), (1, 2)])?;
/// let augmented = edge_augmented(&a, &edge_list(&a)?)?;
/// assert_eq!(augmented.shape(), (5, 5));
/// assert_eq!(augmented.get(3, 0), Some(&1.0)); // edge 0 touches node 0
/// # Ok(())
/// # }
/// ```
pub fn edge_augmented(adjacency: &Csr, edges: &[(u32, u32)]) -> Result<Csr, GraphError> {
    let n = check_square("the adjacency matrix", adjacency)?;
    let size = n.saturating_add(edges.len());
    check_nodes(size)?;
    for (e, &(i, j)) in edges.iter().enumerate() {
        if let Some(&node) = [i, j].iter().find(|&&node| node as usize >= n) {
            return Err(GraphError::NodeOutOfRange { edge: e, node: node as usize, nodes: n });
        }
    }

    // Bᵀ by counting: the edges at each node, in rising order of edge.
    let ends = || {
        edges.iter().enumerate().flat_map(|(e, &(i, j))| {
            let second = (i != j).then_some((j, e));
            std::iter::once((i, e)).chain(second)
        })
    };
    let mut starts = vec![0usize; n + 1];
    ends().for_each(|(node, _)| starts[node as usize + 1] += 1);
    for i in 0..n {
        starts[i + 1] += starts[i];
    }
    let mut next = starts.clone();
    let mut incident = vec![0u32; starts[n]];
    for (node, e) in ends() {
        incident[next[node as usize]] = (n + e) as u32;
        next[node as usize] += 1;
    }

    let rows = CsrRows::new(adjacency);
    let mut out = RowBuilder::new((size, size), adjacency.nnz() + 2 * incident.len());
    for i in 0..n {
        let (columns, values) = rows.row(i);
        columns.iter().zip(values).for_each(|(&j, &a)| out.push(j, a));
        incident[starts[i]..starts[i + 1]].iter().for_each(|&e| out.push(e, 1.0));
        out.end_row();
    }
    for &(i, j) in edges {
        out.push(i.min(j), 1.0);
        if i != j {
            out.push(i.max(j), 1.0);
        }
        out.end_row();
    }
    out.finish()
}

/// The edges (i, j) with i ≤ j of an undirected graph, in row order: the upper triangle of A.
///
/// # Errors
/// A matrix that is not square or not by rows.
///
/// # Complexity
/// O(N + |E|).
pub fn edge_list(adjacency: &Csr) -> Result<Vec<(u32, u32)>, GraphError> {
    let n = check_square("the adjacency matrix", adjacency)?;
    let rows = CsrRows::new(adjacency);
    let upper = |i: usize| {
        let columns = rows.row(i).0;
        let first = columns.partition_point(|&j| (j as usize) < i);
        columns[first..].iter().map(move |&j| (i as u32, j))
    };
    Ok((0..n).flat_map(upper).collect())
}

/// The line graph L(G): one node for each edge of G, holding that edge's index, in the same order.
///
/// Undirected: two edges are joined once where they share at least one end; nothing is joined to itself. Directed:
/// e → g where e ends at the node that g leaves, so a self-loop of G follows itself.
///
/// # Errors
/// [`GraphError::TooLarge`] where the line graph could have more edges than its 32-bit indices can number: a hub of
/// degree d alone brings d²/2.
///
/// # Complexity
/// O(Σ_i d_i²) time and memory (undirected: times log, to drop pairs that meet at both ends).
///
/// # Reference
/// Harary and Norman, "Some Properties of Line Digraphs" (1960).
///
/// # Example
/// ```
/// use shared::graph::line_graph;
/// use shared::petgraph::graph::UnGraph;
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let star = UnGraph::<(), ()>::from_edges([(0, 1), (0, 2), (0, 3)]);
/// let triangle = line_graph(&star)?;
/// assert_eq!((triangle.node_count(), triangle.edge_count()), (3, 3));
/// # Ok(())
/// # }
/// ```
pub fn line_graph<N, E, Ty, Ix>(
    graph: &Graph<N, E, Ty, Ix>,
) -> Result<Graph<EdgeIndex<Ix>, (), Ty>, GraphError>
where
    Ty: EdgeType,
    Ix: IndexType,
{
    check_nodes(graph.edge_count())?;
    let degree = |node, direction| graph.edges_directed(node, direction).count() as u128;
    let bound = |node| {
        let outgoing = degree(node, Direction::Outgoing);
        if graph.is_directed() {
            outgoing * degree(node, Direction::Incoming)
        } else {
            outgoing * outgoing.saturating_sub(1) / 2
        }
    };
    let entries: u128 = graph.node_indices().map(bound).sum();
    let max = u128::from(u32::MAX - 1);
    if entries > max {
        let hint = "drop the hubs of the graph, or use `edge_augmented`, which grows with the edges only";
        return Err(GraphError::TooLarge { what: "the line graph", entries, max, hint });
    }

    let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(entries as usize);
    let index = |edge: EdgeIndex<Ix>| edge.index() as u32;
    if graph.is_directed() {
        for edge in graph.edge_references() {
            let following = graph.edges_directed(edge.target(), Direction::Outgoing);
            let start = pairs.len();
            pairs.extend(following.map(|next| (index(edge.id()), index(next.id()))));
            pairs[start..].sort_unstable();
        }
    } else {
        for node in graph.node_indices() {
            let mut incident: Vec<u32> = graph.edges(node).map(|edge| index(edge.id())).collect();
            incident.sort_unstable();
            for (at, &e) in incident.iter().enumerate() {
                pairs.extend(incident[at + 1..].iter().map(|&g| (e, g)));
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
    }

    let mut line = Graph::with_capacity(graph.edge_count(), pairs.len());
    for edge in graph.edge_indices() {
        line.add_node(edge);
    }
    line.extend_with_edges(pairs.iter().map(|&(e, g)| (NodeIndex::from(e), NodeIndex::from(g))));
    Ok(line)
}

//! What a graph looks like: degrees, components, homophily, clustering.
//!
//! Degrees here count edges; weights do not matter. A graph is given by its adjacency matrix A, undirected unless said
//! otherwise: A symmetric, each edge stored in both directions, a self-loop once.

use super::csr::{check_square, CsrRows, SparseRows};
use super::{Csr, GraphError};

/// The figures of a graph that papers print in their tables of data sets.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphStats {
    /// Nodes, N.
    pub nodes: usize,
    /// Undirected edges, self-loops included.
    pub edges: usize,
    /// Edges from a node to itself.
    pub self_loops: usize,
    /// Nodes without any edge.
    pub isolated: usize,
    /// Mean degree, the stored entries of A over N; 0 for an empty graph.
    pub mean_degree: f64,
    /// Largest degree.
    pub max_degree: usize,
    /// Edges between two different nodes over N(N-1)/2; 0 for fewer than two nodes.
    pub density: f64,
    /// Sizes of the connected components, largest first.
    pub components: Vec<usize>,
}

/// Measures an undirected graph.
///
/// # Errors
/// A matrix that is not square or not by rows.
///
/// # Complexity
/// O((N + |E|) α(N)), in effect linear.
///
/// # Example
/// ```
/// use shared::graph::{from_edges, graph_stats};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let stats = graph_stats(&from_edges(4, &[(0, 1), (1, 2)])?)?;
/// assert_eq!((stats.edges, stats.isolated, stats.components), (2, 1, vec![3, 1]));
/// # Ok(())
/// # }
/// ```
pub fn graph_stats(adjacency: &Csr) -> Result<GraphStats, GraphError> {
    let degrees = degrees(adjacency)?;
    let nodes = degrees.len();
    let rows = CsrRows::new(adjacency);
    let self_loops = (0..nodes).filter(|&i| rows.row(i).0.binary_search(&(i as u32)).is_ok()).count();
    let arcs = adjacency.nnz() - self_loops;
    let ordered_pairs = nodes as f64 * (nodes as f64 - 1.0);
    Ok(GraphStats {
        nodes,
        edges: arcs / 2 + self_loops,
        self_loops,
        isolated: degrees.iter().filter(|&&d| d == 0).count(),
        mean_degree: if nodes > 0 { adjacency.nnz() as f64 / nodes as f64 } else { 0.0 },
        max_degree: degrees.iter().copied().max().unwrap_or(0),
        density: if nodes > 1 { arcs as f64 / ordered_pairs } else { 0.0 },
        components: component_sizes(&components(adjacency)?),
    })
}

/// The degree sequence: the number of stored neighbours of each node (of successors, on a directed graph).
///
/// # Errors
/// A matrix that is not square or not by rows.
pub fn degrees(adjacency: &Csr) -> Result<Vec<usize>, GraphError> {
    let n = check_square("the adjacency matrix", adjacency)?;
    let rows = CsrRows::new(adjacency);
    Ok((0..n).map(|i| rows.row(i).0.len()).collect())
}

/// The component of each node, numbered from 0 in the order of their first nodes; weak components on a directed graph.
///
/// # Errors
/// A matrix that is not square or not by rows.
///
/// # Complexity
/// O((N + |E|) α(N)) time by union-find, O(N) memory.
pub fn components(adjacency: &Csr) -> Result<Vec<usize>, GraphError> {
    let n = check_square("the adjacency matrix", adjacency)?;
    let rows = CsrRows::new(adjacency);
    let mut parent: Vec<u32> = (0..n as u32).collect();
    for i in 0..n {
        for &j in rows.row(i).0 {
            let (a, b) = (find(&mut parent, i as u32), find(&mut parent, j));
            // The smaller node becomes the root, so a component is named by its first node.
            parent[a.max(b) as usize] = a.min(b);
        }
    }
    let mut number = vec![0; n];
    let mut count = 0;
    for i in 0..n {
        let root = find(&mut parent, i as u32) as usize;
        if root == i {
            number[i] = count;
            count += 1;
        } else {
            number[i] = number[root];
        }
    }
    Ok(number)
}

/// Sizes of the components numbered by [`components`], largest first.
pub fn component_sizes(components: &[usize]) -> Vec<usize> {
    let mut sizes = vec![0; components.iter().max().map_or(0, |&last| last + 1)];
    components.iter().for_each(|&c| sizes[c] += 1);
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes
}

/// Edge homophily: the share of edges whose two ends have the same label; `None` for a graph without edges between
/// different nodes.
///
/// # Shapes
/// `labels`: N.
///
/// # Errors
/// A matrix that is not square or not by rows; another number of labels than nodes.
///
/// # Reference
/// Zhu et al., "Beyond Homophily in Graph Neural Networks" (NeurIPS 2020), definition 1.
///
/// # Example
/// ```
/// use shared::graph::{edge_homophily, from_edges};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let path = from_edges(3, &[(0, 1), (1, 2)])?;
/// assert_eq!(edge_homophily(&path, &["a", "a", "b"])?, Some(0.5));
/// # Ok(())
/// # }
/// ```
pub fn edge_homophily<L: PartialEq>(adjacency: &Csr, labels: &[L]) -> Result<Option<f64>, GraphError> {
    let n = check_square("the adjacency matrix", adjacency)?;
    if labels.len() != n {
        let why = "one for every node";
        return Err(GraphError::SizeMismatch {
            what: "the list of labels",
            found: labels.len(),
            expected: n,
            why,
        });
    }
    let rows = CsrRows::new(adjacency);
    let (mut same, mut all) = (0u64, 0u64);
    for i in 0..n {
        for &j in rows.row(i).0.iter().filter(|&&j| j as usize != i) {
            same += u64::from(labels[i] == labels[j as usize]);
            all += 1;
        }
    }
    Ok((all > 0).then(|| same as f64 / all as f64))
}

/// The mean local clustering coefficient: over the nodes, the share of pairs of neighbours that are joined themselves.
///
/// ```text
/// C = 1/N Σ_i 2 t_i / (d_i (d_i - 1)),    t_i triangles at i; nodes with d_i < 2 count as 0
/// ```
///
/// Self-loops are ignored. An empty graph has 0.
///
/// # Errors
/// A matrix that is not square or not by rows.
///
/// # Complexity
/// O(Σ over edges (i, j) of d_j) = O(Σ_i d_i²) time, O(N) memory.
///
/// # Reference
/// Watts and Strogatz, "Collective dynamics of 'small-world' networks" (Nature 1998).
pub fn average_clustering(adjacency: &Csr) -> Result<f64, GraphError> {
    let n = check_square("the adjacency matrix", adjacency)?;
    if n == 0 {
        return Ok(0.0);
    }
    let rows = CsrRows::new(adjacency);
    // `seen_by[l] == i + 1` says that l is a neighbour of i.
    let mut seen_by = vec![0usize; n];
    let mut total = 0.0;
    for i in 0..n {
        let neighbours = || rows.row(i).0.iter().map(|&j| j as usize).filter(|&j| j != i);
        neighbours().for_each(|j| seen_by[j] = i + 1);
        let degree = neighbours().count();
        if degree < 2 {
            continue;
        }
        let closed = |j: usize| {
            let others = rows.row(j).0.iter().map(|&l| l as usize);
            others.filter(|&l| l != j && seen_by[l] == i + 1).count()
        };
        let twice_triangles: usize = neighbours().map(closed).sum();
        total += twice_triangles as f64 / (degree as f64 * (degree as f64 - 1.0));
    }
    Ok(total / n as f64)
}

/// The root of i's tree, halving the path to it.
fn find(parent: &mut [u32], mut i: u32) -> u32 {
    while parent[i as usize] != i {
        parent[i as usize] = parent[parent[i as usize] as usize];
        i = parent[i as usize];
    }
    i
}

//! A graph as the network sees it: transition probabilities, what is kept of them, and room for additions.

use std::collections::BTreeMap;

use shared::graph::{transition_matrix, Csr, Isolated, Normalization};

use crate::{
    config::CheckedConfig,
    powers::{pre_threshold_of, Powers, Sparsify},
    SparseError,
};

/// P of a graph and, for Pre, P̄.
///
/// The adjacency matrix is taken by value and turned into P in its own memory.
///
/// # Example
/// ```
/// use shared::graph::from_edges;
/// use sparse_dcnn::{Config, Graph};
/// let config = Config::default().validate()?;
/// let graph = Graph::new(from_edges(3, &[(0, 1), (1, 2)])?, &config)?;
/// assert_eq!((graph.nodes(), graph.transition().data()), (3, &[1.0, 0.5, 0.5, 1.0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    p: Csr,
    /// P̄ for Pre.
    kept: Option<Csr>,
    /// Row sums of A; empty unless P = D⁻¹A.
    degrees: Vec<f32>,
    sparsify: Sparsify,
    hops: usize,
    normalization: Normalization,
}

/// Nodes and edges that a graph did not have when its network was trained.
///
/// # Example
/// ```
/// use sparse_dcnn::Additions;
/// // one node with two features, tied to node 4 of a graph of 10 nodes, where it is node 10
/// let additions = Additions { nodes: vec![vec![1.0, 0.0]], edges: vec![(10, 4, 1.0)] };
/// # let _ = additions;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Additions {
    /// The features of each new node, without the constant one. New nodes are numbered on from N.
    pub nodes: Vec<Vec<f32>>,
    /// New edges as (node, node, weight), each in both directions; a self-loop once. An edge that was there already has
    /// the larger of both weights afterwards.
    pub edges: Vec<(u32, u32, f32)>,
}

impl Graph {
    /// The graph of an adjacency matrix, with the settings' normalization and threshold.
    ///
    /// # Shapes
    /// A: (N, N).
    ///
    /// # Errors
    /// [`SparseError::Graph`] for weights that are negative or no numbers, or a matrix that is not square;
    /// [`SparseError::Degree`] for weights whose sum overflows.
    ///
    /// # Complexity
    /// O(N + |E|); for P = D⁻¹A without a second copy of the matrix.
    pub fn new(adjacency: Csr, config: &CheckedConfig) -> Result<Self, SparseError> {
        let (normalization, sparsify) = (config.network.normalization, config.sparsify);
        let random_walk = matches!(normalization, Normalization::RandomWalk { .. });
        let degrees = if random_walk { row_sums(&adjacency) } else { Vec::new() };
        let in_place = normalization == Normalization::RandomWalk { isolated: Isolated::ZeroRow }
            && adjacency.is_csr()
            && adjacency.rows() == adjacency.cols()
            && adjacency.data().iter().all(|w| w.is_finite() && *w > 0.0);
        let p = if in_place {
            if let Some(node) = degrees.iter().position(|d| !d.is_finite()) {
                return Err(SparseError::Degree { node });
            }
            divided(adjacency)
        } else {
            transition_matrix(&adjacency, normalization)?
        };
        let kept = pre_threshold_of(&p, sparsify)?;
        Ok(Graph { p, kept, degrees, sparsify, hops: config.network.hops, normalization })
    }

    /// N.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.p.rows()
    }

    /// P, before any threshold.
    #[must_use]
    pub fn transition(&self) -> &Csr {
        &self.p
    }

    /// The powers as the threshold keeps them.
    #[must_use]
    pub fn powers(&self) -> Powers<'_> {
        Powers::kept(self.kept.as_ref().unwrap_or(&self.p), self.sparsify, self.hops)
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let matrix = |m: &Csr| 8 * m.nnz() + 8 * (m.rows() + 1);
        matrix(&self.p) + self.kept.as_ref().map_or(0, matrix) + 4 * self.degrees.len()
    }

    /// The powers of the graph with additions. Only the rows of nodes with new edges are others.
    ///
    /// # Errors
    /// [`SparseError`] for a node that does not exist, a weight that is not above 0, or a normalization under which an
    /// edge changes more than the rows of its ends.
    ///
    /// # Complexity
    /// O(Σ degree) over the ends of the new edges.
    pub fn powers_with(&self, additions: &Additions) -> Result<Powers<'_>, SparseError> {
        let Normalization::RandomWalk { isolated } = self.normalization else {
            return Err(SparseError::Inductive);
        };
        let nodes = self.nodes() + additions.nodes.len();
        let mut rows: BTreeMap<u32, BTreeMap<u32, f32>> = BTreeMap::new();
        for &(a, b, weight) in &additions.edges {
            if let Some(index) = [a, b].into_iter().map(|n| n as usize).find(|n| *n >= nodes) {
                return Err(SparseError::Node { index, nodes });
            }
            if !(weight.is_finite() && weight > 0.0) {
                let (source_node, target_node) = (a as usize, b as usize);
                return Err(shared::graph::GraphError::BadWeight { source_node, target_node, weight }.into());
            }
            for (from, to) in [(a, b), (b, a)] {
                let row = rows.entry(from).or_insert_with(|| self.weights(from as usize));
                let entry = row.entry(to).or_insert(weight);
                *entry = entry.max(weight);
            }
        }
        for new in self.nodes()..nodes {
            rows.entry(new as u32).or_default();
        }
        let rows = rows.into_iter().map(|(i, row)| {
            let degree: f64 = row.values().map(|w| f64::from(*w)).sum();
            match (row.is_empty(), isolated) {
                (true, Isolated::SelfLoop) => (i, vec![i], vec![1.0]),
                _ => (
                    i,
                    row.keys().copied().collect(),
                    row.values().map(|w| (f64::from(*w) / degree) as f32).collect(),
                ),
            }
        });
        self.powers().with_rows(nodes, rows)
    }

    /// Row i of A.
    fn weights(&self, i: usize) -> BTreeMap<u32, f32> {
        match self.degrees.get(i) {
            Some(degree) if *degree > 0.0 => {
                let span = self.p.indptr().outer_inds_sz(i);
                let entries = self.p.indices()[span.clone()].iter().zip(&self.p.data()[span]);
                entries.map(|(j, p)| (*j, p * degree)).collect()
            }
            _ => BTreeMap::new(),
        }
    }
}

fn row_sums(a: &Csr) -> Vec<f32> {
    if !a.is_csr() {
        return Vec::new();
    }
    let starts = a.proper_indptr();
    let sum = |span: &[usize]| a.data()[span[0]..span[1]].iter().map(|w| f64::from(*w)).sum::<f64>() as f32;
    starts.windows(2).map(sum).collect()
}

/// D⁻¹A in the memory of A, entry for entry what [`transition_matrix`] gives.
fn divided(mut a: Csr) -> Csr {
    let starts = a.proper_indptr().into_owned();
    let values = a.data_mut();
    for span in starts.windows(2) {
        let row = &mut values[span[0]..span[1]];
        let degree: f64 = row.iter().map(|w| f64::from(*w)).sum();
        row.iter_mut().for_each(|w| *w = (f64::from(*w) / degree) as f32);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn weighted(values: Vec<f32>) -> Csr {
        Csr::new((3, 3), vec![0, 2, 4, 6], vec![1, 2, 0, 2, 0, 1], values)
    }

    #[test]
    fn dividing_in_place_gives_the_transition_matrix_bit_for_bit() {
        let config = Config::default().validate().unwrap();
        // sums that no f32 holds exactly
        let a = weighted(vec![0.1, 16_777_216.0, 1e-7, 0.3, 3.0, 1.0 / 3.0]);
        let p = transition_matrix(&a, Normalization::RANDOM_WALK).unwrap();
        assert_eq!(Graph::new(a, &config).unwrap().transition(), &p);
    }

    #[test]
    fn weights_whose_sum_overflows_are_refused() {
        let config = Config::default().validate().unwrap();
        let error = Graph::new(weighted(vec![1.0, 1.0, 3e38, 3e38, 1.0, 1.0]), &config).unwrap_err();
        assert!(error.to_string().starts_with("the edges of node 1 weigh more than 3.4e38"), "{error}");
        assert!(Graph::new(weighted(vec![1.0, 1.0, 1e38, 2e38, 1.0, 1.0]), &config).is_ok());
    }
}

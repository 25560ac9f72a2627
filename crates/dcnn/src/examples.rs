//! What a network is trained on: one diffused row and one label an example, whatever the examples are.

use std::ops::Range;

use shared::{
    graph::{
        append_column, diffuse, disjoint_union, edge_augmented, edge_list, from_edges, transition_matrix,
        Csr, Diffused, Diffusion, GraphError,
    },
    ops::{diffusion::SparseRows, targets::Targets},
};

use crate::{
    config::{Config, Pooling},
    DcnnError,
};

#[cfg(test)]
mod tests;

/// Rows of P*X: of nodes, of graphs (their mean), or of edges.
#[derive(Clone, Debug)]
pub struct Examples {
    diffused: Diffusion,
    /// What one example is, for messages.
    kind: &'static str,
}

impl Examples {
    /// One example a node.
    ///
    /// # Shapes
    /// adjacency: (N, N), features: (N, F).
    ///
    /// # Errors
    /// [`DcnnError::Graph`] where the two do not fit or hold what cannot be diffused.
    ///
    /// # Complexity
    /// O(H |E| F) time at most, no N x N matrix.
    ///
    /// # Reference
    /// Equation 3.
    pub fn nodes(adjacency: &Csr, features: &Csr, config: &Config) -> Result<Self, DcnnError> {
        Ok(Self::of_nodes(diffuse_with(adjacency, features, config)?))
    }

    /// One example a row of a diffusion made elsewhere, such as one by thresholded powers.
    ///
    /// # Shapes
    /// N rows of H + 1 slices.
    #[must_use]
    pub fn of_nodes(diffused: impl Into<Diffusion>) -> Self {
        Examples { diffused: diffused.into(), kind: "node" }
    }

    /// One example a graph: the mean or the sum over its nodes.
    ///
    /// # Shapes
    /// Each graph: adjacency (N_t, N_t) and features (N_t, F).
    ///
    /// # Errors
    /// As [`nodes`](Self::nodes), and for a graph without nodes.
    ///
    /// # Reference
    /// Equation 5, 1ᵀ P* X / N.
    pub fn graphs(graphs: &[(Csr, Csr)], config: &Config) -> Result<Self, DcnnError> {
        let (adjacency, spans) = union(graphs)?;
        let mut features = with_bias(&stack(graphs)?, config)?;
        if config.pooling == Pooling::Sum {
            // N times the features, so that the mean over N nodes is their sum
            let starts = features.indptr().into_raw_storage().to_vec();
            let values = features.data_mut();
            for span in &spans {
                let scale = span.len() as f32;
                values[starts[span.start]..starts[span.end]].iter_mut().for_each(|x| *x *= scale);
            }
        }
        let p = transition_matrix(&adjacency, config.normalization)?;
        let diffused = diffuse(&p, &features, config.hops)?.mean_rows(&spans)?;
        Ok(Examples { diffused: diffused.into(), kind: "graph" })
    }

    /// One example an edge, in the order of `edges`: each edge becomes a node between its two ends.
    ///
    /// # Shapes
    /// edges: E pairs of nodes below `nodes`, features: (E, F). Node rows of X are zero, as in the authors' program.
    ///
    /// # Errors
    /// As [`nodes`](Self::nodes).
    ///
    /// # Reference
    /// Section 2, edge classification: A' = [[A, Bᵀ], [B, 0]].
    pub fn edges(
        nodes: usize,
        edges: &[(u32, u32)],
        features: &Csr,
        config: &Config,
    ) -> Result<Self, DcnnError> {
        let adjacency = from_edges(nodes, edges)?;
        if features.rows() != edges.len() {
            let (found, expected) = (features.rows(), edges.len());
            return Err(DcnnError::Count { what: "feature rows", found, expected, why: "one an edge" });
        }
        let augmented = edge_augmented(&adjacency, edges)?;
        let none = Csr::new((nodes, features.cols()), vec![0; nodes + 1], vec![], vec![]);
        let x = stack_rows(&[&none, features])?;
        let diffused = diffuse_with(&augmented, &x, config)?;
        let rows: Vec<usize> = (nodes..nodes + edges.len()).collect();
        Ok(Examples { diffused: diffused.select_rows(&rows)?.into(), kind: "edge" })
    }

    /// The number of examples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.diffused.rows()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of features F, the constant one included.
    #[must_use]
    pub fn features(&self) -> usize {
        self.diffused.features()
    }

    /// P*X.
    #[must_use]
    pub fn diffused(&self) -> &Diffusion {
        &self.diffused
    }

    /// The rows of a batch.
    ///
    /// # Errors
    /// [`DcnnError::Index`] for an example that does not exist.
    pub(crate) fn batch(&self, examples: &[usize]) -> Result<SparseRows, DcnnError> {
        let count = self.len();
        if let Some(index) = examples.iter().copied().find(|e| *e >= count) {
            return Err(DcnnError::Index { what: self.kind, index, count });
        }
        let mut indptr = Vec::with_capacity(examples.len() + 1);
        let (mut indices, mut values) = (Vec::new(), Vec::new());
        indptr.push(0);
        for example in examples {
            self.diffused.append_row(*example, &mut indices, &mut values);
            indptr.push(indices.len());
        }
        Ok(SparseRows::new(self.diffused.width(), indptr, indices, values)?)
    }
}

/// The labels of examples, with the number of classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    labels: Vec<usize>,
    classes: usize,
}

impl Labels {
    /// Labels from 0; there are as many classes as the largest label says.
    #[must_use]
    pub fn new(labels: &[usize]) -> Self {
        Labels { classes: labels.iter().max().map_or(0, |m| m.saturating_add(1)), labels: labels.to_vec() }
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The number of labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The labels of a batch.
    pub(crate) fn targets(&self, examples: &[usize]) -> Result<Targets, DcnnError> {
        let count = self.len();
        let labels = examples.iter().map(|index| {
            let index = *index;
            self.labels.get(index).copied().ok_or(DcnnError::Index { what: "label", index, count })
        });
        Ok(Targets::new(labels.collect::<Result<_, _>>()?, self.classes)?)
    }
}

fn diffuse_with(adjacency: &Csr, features: &Csr, config: &Config) -> Result<Diffused, DcnnError> {
    let p = transition_matrix(adjacency, config.normalization)?;
    Ok(diffuse(&p, &with_bias(features, config)?, config.hops)?)
}

/// The features with the constant one, once they are found to be numbers.
fn with_bias(features: &Csr, config: &Config) -> Result<Csr, DcnnError> {
    check_features(features)?;
    Ok(if config.bias_feature { append_column(features, 1.0)? } else { features.clone() })
}

fn check_features(features: &Csr) -> Result<(), DcnnError> {
    if !features.is_csr() {
        return Err(GraphError::NotCsr { what: "the feature matrix" }.into());
    }
    for (row, entries) in features.outer_iterator().enumerate() {
        if let Some((column, value)) = entries.iter().find(|(_, x)| !x.is_finite()) {
            return Err(DcnnError::Feature { row, column, value: *value });
        }
    }
    Ok(())
}

/// All graphs as one, and the nodes of each in it.
fn union(graphs: &[(Csr, Csr)]) -> Result<(Csr, Vec<Range<usize>>), DcnnError> {
    let parts: Vec<Csr> = graphs.iter().map(|(a, _)| a.clone()).collect();
    let mut start = 0;
    let spans = parts.iter().map(|a| {
        start += a.rows();
        start - a.rows()..start
    });
    let spans = spans.collect();
    Ok((disjoint_union(&parts)?, spans))
}

fn stack(graphs: &[(Csr, Csr)]) -> Result<Csr, DcnnError> {
    for (a, x) in graphs {
        if a.rows() != x.rows() {
            let (found, expected) = (x.rows(), a.rows());
            return Err(DcnnError::Count {
                what: "feature rows of a graph",
                found,
                expected,
                why: "one a node",
            });
        }
    }
    stack_rows(&graphs.iter().map(|(_, x)| x).collect::<Vec<_>>())
}

/// Rows of several matrices under one another.
fn stack_rows(parts: &[&Csr]) -> Result<Csr, DcnnError> {
    let cols = parts.first().map_or(0, |x| x.cols());
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for x in parts {
        check_features(x)?;
        if x.cols() != cols {
            let (found, expected) = (x.cols(), cols);
            return Err(DcnnError::Count {
                what: "features",
                found,
                expected,
                why: "as many as the first graph has",
            });
        }
        for row in x.outer_iterator() {
            indices.extend_from_slice(row.indices());
            values.extend_from_slice(row.data());
            indptr.push(indices.len());
        }
    }
    Ok(Csr::new((indptr.len() - 1, cols), indptr, indices, values))
}

/// The distinct edges of a petgraph graph, each once.
pub(crate) fn distinct_edges(adjacency: &Csr) -> Result<Vec<(u32, u32)>, DcnnError> {
    Ok(edge_list(adjacency)?)
}

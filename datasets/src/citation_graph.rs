//! A citation network: papers with sparse word features, a class each, and undirected links.

use std::collections::HashSet;

use crate::error::quote;
use crate::{CsrFeatures, DatasetError};

/// One graph whose nodes are papers, whose edges are citations and whose classes are topics.
///
/// Direction is dropped: `edges` holds each linked pair once, as `(i, j)` with `i < j`, in rising order, without
/// self-loops. [`EdgeCounts`] says what became of the raw citations. Node `i` has row `i` of the features and
/// class `labels()[i]`; all of this is checked when the graph is built.
///
/// # Example
///
/// ```
/// use datasets::{CitationGraph, CsrFeatures};
///
/// let ids = ["a", "b", "c"].map(String::from).to_vec();
/// let words = CsrFeatures::new(3, 2, vec![0, 1, 2, 3], vec![0, 0, 1], vec![1.0; 3])?;
/// let topics = ["ants", "bees"].map(String::from).to_vec();
/// let graph = CitationGraph::new("tiny", ids, words, vec![0, 0, 1], topics, [(1, 0), (0, 1), (2, 2)])?;
/// assert_eq!(graph.edges(), [(0, 1)]);
/// assert_eq!((graph.counts().duplicates, graph.counts().self_loops), (1, 1));
/// # Ok::<(), datasets::DatasetError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CitationGraph {
    name: String,
    node_ids: Vec<String>,
    features: CsrFeatures,
    labels: Vec<usize>,
    class_names: Vec<String>,
    edges: Vec<(u32, u32)>,
    counts: EdgeCounts,
}

/// How raw citations became undirected edges: `citations = edges + self_loops + duplicates + unknown`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EdgeCounts {
    /// Citations as listed.
    pub citations: usize,
    /// Citations of a paper by itself, dropped.
    pub self_loops: usize,
    /// Citations of a pair that is already linked, in either direction, dropped.
    pub duplicates: usize,
    /// Citations that name a paper without features, dropped (only with
    /// [`UnknownIds::Skip`](crate::citation::UnknownIds::Skip)).
    pub unknown: usize,
}

impl CitationGraph {
    /// Builds the graph from its papers and its raw directed citations.
    ///
    /// # Shapes
    ///
    /// `node_ids: n`, `features: n × words`, `labels: n`, each below `class_names.len()`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] where there is no paper, the lengths differ, an id or class name occurs
    /// twice, or a label or citation points outside.
    ///
    /// # Complexity
    ///
    /// O(n + nnz + m log m) for m citations.
    pub fn new(
        name: impl Into<String>,
        node_ids: Vec<String>,
        features: CsrFeatures,
        labels: Vec<usize>,
        class_names: Vec<String>,
        citations: impl IntoIterator<Item = (u32, u32)>,
    ) -> Result<Self, DatasetError> {
        let n = node_ids.len();
        let bad =
            |expected: &str, found: String| DatasetError::inconsistent("CitationGraph", expected, found);
        if n == 0 || u32::try_from(n).is_err() {
            return Err(bad("1 to 2^32 - 1 papers", n.to_string()));
        }
        if features.rows() != n || labels.len() != n {
            let found = format!("{n} ids, {} rows and {} labels", features.rows(), labels.len());
            return Err(bad("one feature row and one label for each id", found));
        }
        if let Some(id) = first_repeated(&node_ids) {
            return Err(bad("distinct ids", format!("{} twice", quote(id))));
        }
        if let Some(class) = first_repeated(&class_names) {
            return Err(bad("distinct class names", format!("{} twice", quote(class))));
        }
        if let Some(label) = labels.iter().find(|&&label| label >= class_names.len()) {
            return Err(bad(
                "labels below the number of classes",
                format!("{label} of {}", class_names.len()),
            ));
        }

        let mut counts = EdgeCounts::default();
        let mut edges = Vec::new();
        for (citing, cited) in citations {
            counts.citations += 1;
            let (i, j) = (citing.min(cited), citing.max(cited));
            if j as usize >= n {
                return Err(bad("citations among the papers", format!("paper {j} of {n}")));
            }
            if i == j {
                counts.self_loops += 1;
            } else {
                edges.push((i, j));
            }
        }
        let listed = edges.len();
        edges.sort_unstable();
        edges.dedup();
        counts.duplicates = listed - edges.len();
        Ok(Self { name: name.into(), node_ids, features, labels, class_names, edges, counts })
    }

    /// The set's name, such as `cora`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of papers, n.
    pub fn nodes(&self) -> usize {
        self.node_ids.len()
    }

    /// Each paper's id as the files give it.
    pub fn node_ids(&self) -> &[String] {
        &self.node_ids
    }

    /// The papers' word features, `n × words`.
    pub fn features(&self) -> &CsrFeatures {
        &self.features
    }

    /// Each paper's class, an index into [`class_names`](Self::class_names).
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The classes' names; the loaders put them in alphabetical order.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// The number of papers of each class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes()];
        for &label in &self.labels {
            counts[label] += 1;
        }
        counts
    }

    /// The distinct undirected edges `(i, j)` with `i < j`, in rising order.
    pub fn edges(&self) -> &[(u32, u32)] {
        &self.edges
    }

    /// What became of the raw citations.
    pub fn counts(&self) -> EdgeCounts {
        self.counts
    }

    /// The number of neighbours of each paper.
    pub fn degrees(&self) -> Vec<usize> {
        let mut degrees = vec![0; self.nodes()];
        for &(i, j) in &self.edges {
            degrees[i as usize] += 1;
            degrees[j as usize] += 1;
        }
        degrees
    }

    /// The share of edges that join two papers of one class; 0 for a graph without edges.
    pub fn edge_homophily(&self) -> f64 {
        let same =
            self.edges.iter().filter(|&&(i, j)| self.labels[i as usize] == self.labels[j as usize]).count();
        same as f64 / self.edges.len().max(1) as f64
    }

    /// Adds citations that were dropped because they name unknown papers.
    pub(crate) fn with_unknown(mut self, unknown: usize) -> Self {
        self.counts.unknown += unknown;
        self.counts.citations += unknown;
        self
    }
}

/// The first string that has occurred before.
pub(crate) fn first_repeated(strings: &[String]) -> Option<&String> {
    let mut seen = HashSet::with_capacity(strings.len());
    strings.iter().find(|string| !seen.insert(string.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny(
        labels: &[usize],
        classes: &[&str],
        ids: &[&str],
        citations: &[(u32, u32)],
    ) -> Result<CitationGraph, DatasetError> {
        let features = CsrFeatures::new(3, 1, vec![0; 4], vec![], vec![])?;
        let own = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        CitationGraph::new(
            "tiny",
            own(ids),
            features,
            labels.to_vec(),
            own(classes),
            citations.iter().copied(),
        )
    }

    #[test]
    fn citations_become_distinct_undirected_edges_and_all_are_accounted_for() {
        let raw = [(2, 1), (1, 2), (0, 0), (0, 2), (2, 1)];
        let graph = tiny(&[0, 1, 1], &["x", "y"], &["a", "b", "c"], &raw).unwrap().with_unknown(4);
        assert_eq!(graph.edges(), [(0, 2), (1, 2)]);
        assert_eq!(graph.counts(), EdgeCounts { citations: 9, self_loops: 1, duplicates: 2, unknown: 4 });
        assert_eq!(graph.degrees(), [1, 1, 2]);
        assert_eq!(graph.class_counts(), [1, 2]);
        assert_eq!(graph.edge_homophily(), 0.5);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let ids = ["a", "b", "c"];
        for (bad, why) in [
            (tiny(&[0, 0, 2], &["x", "y"], &ids, &[]), "labels below"),
            (tiny(&[0, 0], &["x"], &ids, &[]), "one label for each"),
            (tiny(&[0, 0, 0], &["x"], &["a", "b", "a"], &[]), "distinct ids"),
            (tiny(&[0, 0, 0], &["x", "x"], &ids, &[]), "distinct class names"),
            (tiny(&[0, 0, 0], &["x"], &ids, &[(0, 3)]), "paper 3 of 3"),
        ] {
            let message = bad.unwrap_err().to_string();
            assert!(message.contains(why), "{message}");
        }
    }
}

//! A set of small labelled graphs, one class a graph.

use crate::citation_graph::first_repeated;
use crate::error::quote;
use crate::DatasetError;

/// One graph of a [`GraphSet`]; nodes are numbered from 0 within the graph.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LabeledGraph {
    /// The number of nodes, at least 1.
    pub nodes: usize,
    /// The distinct undirected edges `(i, j)` with `i < j`, in rising order.
    pub edges: Vec<(u32, u32)>,
    /// One label a node, an index into [`GraphSet::node_label_values`]; empty where the set has no node labels.
    pub node_labels: Vec<usize>,
    /// One label an edge, in the order of `edges`, an index into [`GraphSet::edge_label_values`]; empty where the
    /// set has no edge labels.
    pub edge_labels: Vec<usize>,
    /// Real attributes of the nodes, `nodes × width` row after row, where the set has them.
    pub node_attributes: Option<Vec<f32>>,
    /// The graph's class, an index into [`GraphSet::class_names`].
    pub label: usize,
}

/// Graphs with one class each, such as molecules that are toxic or not.
///
/// All graphs share the tables that their labels point into; the constructor checks every one of them.
///
/// # Example
///
/// ```
/// use datasets::{GraphSet, GraphSetTables, LabeledGraph};
///
/// let edge = LabeledGraph { nodes: 2, edges: vec![(0, 1)], node_labels: vec![0, 1], ..Default::default() };
/// let tables = GraphSetTables {
///     class_names: vec!["inert".into(), "active".into()],
///     node_label_values: vec![6, 8],
///     ..Default::default()
/// };
/// let set = GraphSet::new("tiny", vec![edge], tables)?;
/// assert_eq!((set.len(), set.classes(), set.total_edges()), (1, 2, 1));
/// # Ok::<(), datasets::DatasetError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GraphSet {
    name: String,
    graphs: Vec<LabeledGraph>,
    tables: GraphSetTables,
    counts: ArcCounts,
}

/// What the labels and attributes of a [`GraphSet`] stand for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GraphSetTables {
    /// The classes' names; the loader puts them in numerical order.
    pub class_names: Vec<String>,
    /// The node labels as the files give them, in rising order; empty where the set has none.
    pub node_label_values: Vec<i64>,
    /// The edge labels as the files give them, in rising order; empty where the set has none.
    pub edge_label_values: Vec<i64>,
    /// The number of real attributes of each node; 0 where the set has none.
    pub attribute_width: usize,
}

/// How listed arcs became undirected edges: `arcs = 2 * edges - one_way + self_loops + duplicates`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArcCounts {
    /// Arcs as listed.
    pub arcs: usize,
    /// Arcs from a node to itself, dropped.
    pub self_loops: usize,
    /// Arcs listed before in the same direction, dropped.
    pub duplicates: usize,
    /// Edges listed in one direction only, kept.
    pub one_way: usize,
    /// Edges whose arcs carry different labels; the first listed label is kept.
    pub label_conflicts: usize,
}

impl GraphSet {
    /// Builds the set from its graphs and the tables that their labels point into.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] where there is no graph, a graph has no node, its edges are not distinct
    /// rising pairs `i < j` of its nodes, or a label or attribute does not fit the tables.
    ///
    /// # Complexity
    ///
    /// O(nodes + edges), without a copy.
    pub fn new(
        name: impl Into<String>,
        graphs: Vec<LabeledGraph>,
        tables: GraphSetTables,
    ) -> Result<Self, DatasetError> {
        let bad = |expected: &str, found: String| DatasetError::inconsistent("GraphSet", expected, found);
        if graphs.is_empty() {
            return Err(bad("at least one graph", "none".into()));
        }
        if let Some(class) = first_repeated(&tables.class_names) {
            return Err(bad("distinct class names", format!("{} twice", quote(class))));
        }
        for (number, graph) in graphs.iter().enumerate() {
            graph.check(&tables).map_err(|(want, found)| bad(want, format!("{found} in graph {number}")))?;
        }
        let edges: usize = graphs.iter().map(|graph| graph.edges.len()).sum();
        let counts = ArcCounts { arcs: 2 * edges, ..Default::default() };
        Ok(Self { name: name.into(), graphs, tables, counts })
    }

    /// The set's name, such as `MUTAG`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of graphs.
    pub fn len(&self) -> usize {
        self.graphs.len()
    }

    /// Always false: the constructor refuses an empty set.
    pub fn is_empty(&self) -> bool {
        self.graphs.is_empty()
    }

    /// The graphs.
    pub fn graphs(&self) -> &[LabeledGraph] {
        &self.graphs
    }

    /// Each graph's class.
    pub fn labels(&self) -> Vec<usize> {
        self.graphs.iter().map(|graph| graph.label).collect()
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.tables.class_names.len()
    }

    /// The classes' names; the loader puts them in numerical order.
    pub fn class_names(&self) -> &[String] {
        &self.tables.class_names
    }

    /// The number of graphs of each class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes()];
        for graph in &self.graphs {
            counts[graph.label] += 1;
        }
        counts
    }

    /// The values that node labels stand for; empty where the set has none.
    pub fn node_label_values(&self) -> &[i64] {
        &self.tables.node_label_values
    }

    /// The values that edge labels stand for; empty where the set has none.
    pub fn edge_label_values(&self) -> &[i64] {
        &self.tables.edge_label_values
    }

    /// The number of real attributes of each node; 0 where the set has none.
    pub fn attribute_width(&self) -> usize {
        self.tables.attribute_width
    }

    /// The number of nodes of all graphs together.
    pub fn total_nodes(&self) -> usize {
        self.graphs.iter().map(|graph| graph.nodes).sum()
    }

    /// The number of undirected edges of all graphs together.
    pub fn total_edges(&self) -> usize {
        self.graphs.iter().map(|graph| graph.edges.len()).sum()
    }

    /// What became of the listed arcs.
    pub fn counts(&self) -> ArcCounts {
        self.counts
    }

    pub(crate) fn with_counts(mut self, counts: ArcCounts) -> Self {
        self.counts = counts;
        self
    }
}

impl LabeledGraph {
    /// The error is (expected, found).
    fn check(&self, tables: &GraphSetTables) -> Result<(), (&'static str, String)> {
        let ensure =
            |holds: bool, expected: &'static str, found: String| holds.then_some(()).ok_or((expected, found));
        ensure(self.nodes > 0, "at least one node", "none".into())?;
        let wild = self.edges.iter().find(|&&(i, j)| i >= j || j as usize >= self.nodes);
        ensure(wild.is_none(), "edges (i, j) of its nodes with i < j", format!("{wild:?}"))?;
        let unordered = self.edges.windows(2).find(|pair| pair[0] >= pair[1]);
        ensure(unordered.is_none(), "distinct edges in rising order", format!("{unordered:?}"))?;
        ensure(
            self.label < tables.class_names.len(),
            "a label below the number of classes",
            self.label.to_string(),
        )?;
        check_labels(&self.node_labels, self.nodes, tables.node_label_values.len())
            .map_err(|found| ("one node label of the table for each node", found))?;
        check_labels(&self.edge_labels, self.edges.len(), tables.edge_label_values.len())
            .map_err(|found| ("one edge label of the table for each edge", found))?;
        let attributes = self.node_attributes.as_deref().unwrap_or_default();
        let fits = self.nodes.checked_mul(tables.attribute_width) == Some(attributes.len());
        ensure(fits, "nodes times attribute_width attributes", attributes.len().to_string())?;
        let finite = attributes.iter().all(|value| value.is_finite());
        ensure(finite, "finite attributes", "one that is not".into())
    }
}

/// With an empty table there may be no labels; otherwise one for each of `count` items.
fn check_labels(labels: &[usize], count: usize, values: usize) -> Result<(), String> {
    let wanted = if values == 0 { 0 } else { count };
    if labels.len() != wanted {
        return Err(format!("{} labels", labels.len()));
    }
    labels
        .iter()
        .find(|&&label| label >= values)
        .map_or(Ok(()), |label| Err(format!("label {label} of {values}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> (LabeledGraph, GraphSetTables) {
        let graph = LabeledGraph {
            nodes: 3,
            edges: vec![(0, 1), (1, 2)],
            node_labels: vec![0, 1, 0],
            edge_labels: vec![0, 0],
            node_attributes: Some(vec![0.5; 6]),
            label: 1,
        };
        let tables = GraphSetTables {
            class_names: vec!["a".into(), "b".into()],
            node_label_values: vec![6, 7],
            edge_label_values: vec![1],
            attribute_width: 2,
        };
        (graph, tables)
    }

    #[test]
    fn a_fitting_set_is_taken_as_it_is() {
        let (graph, tables) = path();
        let set = GraphSet::new("p", vec![graph.clone(), graph.clone()], tables).unwrap();
        assert_eq!(set.graphs()[1], graph);
        assert_eq!((set.len(), set.total_nodes(), set.total_edges()), (2, 6, 4));
        assert_eq!((set.class_counts(), set.labels()), (vec![0, 2], vec![1, 1]));
        assert_eq!(set.counts().arcs, 8);
    }

    #[test]
    fn graphs_that_do_not_fit_are_refused_by_number() {
        let change = |edit: fn(&mut LabeledGraph)| {
            let (good, tables) = path();
            let mut bad = good.clone();
            edit(&mut bad);
            GraphSet::new("p", vec![good, bad], tables)
        };
        for (set, why) in [
            (change(|g| g.nodes = 0), "at least one node"),
            (change(|g| g.edges[1] = (2, 1)), "i < j"),
            (change(|g| g.edges[1] = (1, 3)), "i < j"),
            (change(|g| g.edges[1] = (0, 1)), "rising order"),
            (change(|g| g.label = 2), "number of classes"),
            (change(|g| g.node_labels[2] = 2), "node label"),
            (change(|g| g.node_labels.clear()), "node label"),
            (change(|g| g.edge_labels.push(0)), "edge label"),
            (change(|g| g.node_attributes = None), "attribute_width"),
            (change(|g| g.node_attributes = Some(vec![f32::INFINITY; 6])), "finite"),
        ] {
            let message = set.unwrap_err().to_string();
            assert!(message.contains(why) && message.contains("graph 1"), "{message}");
        }
        assert!(GraphSet::new("p", vec![], path().1).is_err());
    }
}

//! Loader for the TU graph sets (MUTAG, PTC_MR, NCI1, PROTEINS, ENZYMES and every other set of that format).
//!
//! A set `NAME` is a folder of text files, each plain or gzipped, with `\n` or `\r\n` line ends:
//!
//! | file | a line | number of lines |
//! |---|---|---|
//! | `NAME_A.txt` | an arc `i, j` between two nodes, counted from 1 over all graphs | arcs |
//! | `NAME_graph_indicator.txt` | the graph of a node, counted from 1 | nodes |
//! | `NAME_graph_labels.txt` | the class of a graph | graphs |
//! | `NAME_node_labels.txt` (optional) | a label of a node | nodes |
//! | `NAME_edge_labels.txt` (optional) | a label of an arc | arcs |
//! | `NAME_node_attributes.txt` (optional) | real numbers of a node, separated by commas | nodes |
//!
//! The files are looked for in `dir/tu/NAME/`, `dir/NAME/` and `dir` itself. Nodes keep their order within their
//! graph; classes and labels are numbered in rising order of their values; arcs lose their direction. Text is
//! bounded by [`MAX_TEXT_BYTES`](crate::MAX_TEXT_BYTES) per file after decompression.
//!
//! # Reference
//!
//! C. Morris, N. M. Kriege, F. Bause, K. Kersting, P. Mutzel and M. Neumann, "TUDataset: A collection of benchmark
//! datasets for learning with graphs", ICML 2020 workshop GRL+.

use std::path::{Path, PathBuf};

use crate::error::quote;
use crate::graph_set::{ArcCounts, GraphSetTables};
use crate::text::{self, At, Lines};
use crate::{DatasetError, GraphSet, LabeledGraph};

/// Most attributes of one node: 65,536.
pub const MAX_ATTRIBUTES: usize = 1 << 16;

/// Most graphs in a set: 2,097,152.
pub const MAX_GRAPHS: usize = 2 << 20;

/// Loads the set `name` found under `dir`.
///
/// # Errors
///
/// [`DatasetError::Missing`] where one of the three required files is not there, [`DatasetError::Malformed`] for
/// a line that does not fit (also a node, graph or line count that does not agree with the other files, an arc
/// between two graphs and a graph without nodes), [`DatasetError::TooLarge`] and [`DatasetError::Io`].
///
/// # Complexity
///
/// O(nodes + arcs log arcs) time, O(nodes + arcs) memory.
///
/// # Example
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let write = |end: &str, text: &str| std::fs::write(folder.path().join(format!("PAIR_{end}.txt")), text);
/// write("A", "1, 2\n2, 1\n3, 4\n4, 3\n")?;
/// write("graph_indicator", "1\n1\n2\n2\n")?;
/// write("graph_labels", "1\n-1\n")?;
/// let set = datasets::tu::load(folder.path(), "PAIR")?;
/// assert_eq!((set.len(), set.class_names()), (2, &["-1".to_string(), "1".to_string()][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(dir: &Path, name: &str) -> Result<GraphSet, DatasetError> {
    text::check_name(name)?;
    let files = Files { dir, name };
    let graph_labels = read_integers(&files.require("graph_labels")?, "the class of a graph")?;
    if graph_labels.values.len() > MAX_GRAPHS {
        let place = graph_labels.file.display().to_string();
        return Err(DatasetError::TooLarge { place, what: "the number of graphs", limit: MAX_GRAPHS as u64 });
    }
    let mut graphs = vec![LabeledGraph::default(); graph_labels.values.len()];

    let nodes = read_nodes(&files.require("graph_indicator")?, &mut graphs)?;
    if let Some(empty) = graphs.iter().position(|graph| graph.nodes == 0) {
        let expected = format!("a node of each of {} graphs in the graph indicator", graphs.len());
        return Err(malformed(
            &graph_labels.file,
            graph_labels.last,
            expected,
            format!("none of graph {}", empty + 1),
        ));
    }
    let arcs = read_arcs(&files.require("A")?, &nodes)?;
    let mut tables = GraphSetTables::default();

    let (classes, labels) = number(&graph_labels.values);
    tables.class_names = classes.iter().map(i64::to_string).collect();
    graphs.iter_mut().zip(labels).for_each(|(graph, label)| graph.label = label);

    if let Some(file) = files.find("node_labels") {
        let labels = read_integers(&file, "the label of a node")?;
        labels.expect_count(nodes.len(), "nodes in the graph indicator")?;
        let (values, labels) = number(&labels.values);
        tables.node_label_values = values;
        for (node, label) in nodes.iter().zip(labels) {
            graphs[node.graph as usize].node_labels.push(label);
        }
    }
    if let Some(file) = files.find("node_attributes") {
        tables.attribute_width = read_attributes(&file, &nodes, &mut graphs)?;
    }
    let mut arc_labels = None;
    if let Some(file) = files.find("edge_labels") {
        let labels = read_integers(&file, "the label of an arc")?;
        labels.expect_count(arcs.len(), "arcs in the A file")?;
        let (values, labels) = number(&labels.values);
        tables.edge_label_values = values;
        arc_labels = Some(labels);
    }
    let counts = join_arcs(arcs, arc_labels.as_deref(), &mut graphs);
    Ok(GraphSet::new(name, graphs, tables)?.with_counts(counts))
}

/// The places where a set's files may lie.
struct Files<'a> {
    dir: &'a Path,
    name: &'a str,
}

impl Files<'_> {
    fn candidates(&self, end: &str) -> [String; 3] {
        let (name, file) = (self.name, format!("{}_{end}.txt", self.name));
        [format!("tu/{name}/{file}"), format!("{name}/{file}"), file]
    }

    fn require(&self, end: &str) -> Result<PathBuf, DatasetError> {
        text::require(self.dir, &self.candidates(end), format!("{} ({end})", self.name))
    }

    fn find(&self, end: &str) -> Option<PathBuf> {
        text::find(self.dir, &self.candidates(end))
    }
}

/// Which graph a node belongs to, and its number there.
#[derive(Debug, Clone, Copy)]
struct Node {
    graph: u32,
    local: u32,
}

/// An arc within one graph, as an edge `low < high` and a direction; `line` keeps the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Arc {
    graph: u32,
    low: u32,
    high: u32,
    line: u32,
    falling: bool,
}

/// One whole number a line, and where the last of them stands.
struct Integers {
    file: PathBuf,
    values: Vec<i64>,
    last: At,
}

impl Integers {
    fn expect_count(&self, count: usize, of: &str) -> Result<(), DatasetError> {
        if self.values.len() == count {
            return Ok(());
        }
        let expected = format!("one line for each of {count} {of}");
        Err(malformed(&self.file, self.last, expected, format!("{} lines", self.values.len())))
    }
}

const FETCH_AGAIN: &str = "fetch the set again, it may be cut or mixed with another";

fn malformed(file: &Path, at: At, expected: String, found: String) -> DatasetError {
    let (file, At { line, offset }) = (file.to_path_buf(), at);
    DatasetError::Malformed { file, line, offset, expected, found, hint: FETCH_AGAIN }
}

fn read_integers(file: &Path, what: &str) -> Result<Integers, DatasetError> {
    let mut lines = Lines::open(file)?;
    let (mut values, mut last) = (Vec::new(), lines.position());
    while let Some((at, line)) = lines.next_line()? {
        last = at;
        match text::integer(line) {
            Ok(value) => values.push(value),
            Err(found) => {
                return Err(lines.malformed(at, format!("{what}, a whole number"), found, FETCH_AGAIN))
            }
        }
    }
    if values.is_empty() {
        return Err(lines.ended(what));
    }
    Ok(Integers { file: file.to_path_buf(), values, last })
}

/// Reads the graph indicator: places each node in its graph and counts the nodes there.
fn read_nodes(file: &Path, graphs: &mut [LabeledGraph]) -> Result<Vec<Node>, DatasetError> {
    let mut lines = Lines::open(file)?;
    let mut nodes = Vec::new();
    while let Some((at, line)) = lines.next_line()? {
        let number = text::integer(line).ok().and_then(|number| u32::try_from(number).ok()?.checked_sub(1));
        let graph = number.and_then(|graph| graphs.get_mut(graph as usize).map(|found| (graph, found)));
        let Some((graph, found)) = graph else {
            let (expected, found) = (format!("a graph from 1 to {}", graphs.len()), quote(line));
            return Err(lines.malformed(at, expected, found, FETCH_AGAIN));
        };
        nodes.push(Node { graph, local: found.nodes as u32 });
        found.nodes += 1;
    }
    if nodes.is_empty() {
        return Err(lines.ended("the graph of a node"));
    }
    Ok(nodes)
}

/// Reads the arcs, self-loops included (as `low == high`); a set without edges has an empty file.
fn read_arcs(file: &Path, nodes: &[Node]) -> Result<Vec<Arc>, DatasetError> {
    let mut lines = Lines::open(file)?;
    let mut arcs: Vec<Arc> = Vec::new();
    while let Some((at, line)) = lines.next_line()? {
        let node = |text: &str| {
            let number =
                text::integer(text).ok().and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
            number.and_then(|number| nodes.get(number).copied())
        };
        let ends = line.split_once(',').and_then(|(from, to)| Some((node(from)?, node(to)?)));
        let Some((from, to)) = ends else {
            let (expected, found) = (format!("two nodes from 1 to {} as `i, j`", nodes.len()), quote(line));
            return Err(lines.malformed(at, expected, found, FETCH_AGAIN));
        };
        if from.graph != to.graph {
            let found = format!("one from graph {} to graph {}", from.graph + 1, to.graph + 1);
            return Err(lines.malformed(at, "an arc within one graph", found, FETCH_AGAIN));
        }
        let (low, high) = (from.local.min(to.local), from.local.max(to.local));
        let falling = from.local > to.local;
        arcs.push(Arc { graph: from.graph, low, high, line: arcs.len() as u32, falling });
    }
    Ok(arcs)
}

/// Reads the node attributes into their graphs and returns their width.
fn read_attributes(file: &Path, nodes: &[Node], graphs: &mut [LabeledGraph]) -> Result<usize, DatasetError> {
    let mut lines = Lines::open(file)?;
    let (mut width, mut read, mut row) = (0, 0, Vec::new());
    while let Some((at, line)) = lines.next_line()? {
        row.clear();
        let parse =
            |text: &str| text.trim().parse::<f32>().ok().filter(|value| value.is_finite()).ok_or(quote(text));
        for value in line.split(',').take(MAX_ATTRIBUTES + 1).map(parse) {
            match value {
                Ok(value) => row.push(value),
                Err(found) => {
                    return Err(lines.malformed(at, "finite numbers between commas", found, FETCH_AGAIN))
                }
            }
        }
        if read == 0 {
            width = row.len();
        }
        if row.len() != width || width > MAX_ATTRIBUTES {
            let (expected, found) = (format!("{} numbers", width.min(MAX_ATTRIBUTES)), row.len().to_string());
            return Err(lines.malformed(at, expected, found, FETCH_AGAIN));
        }
        let Some(node) = nodes.get(read) else {
            let expected = format!("one line for each of {} nodes in the graph indicator", nodes.len());
            return Err(lines.malformed(at, expected, "one more", FETCH_AGAIN));
        };
        graphs[node.graph as usize].node_attributes.get_or_insert_default().extend_from_slice(&row);
        read += 1;
    }
    if read != nodes.len() {
        return Err(lines.ended(format!("one line for each of {} nodes in the graph indicator", nodes.len())));
    }
    Ok(width)
}

/// Joins the arcs of each pair of nodes to one edge and puts it into its graph, in rising order.
fn join_arcs(mut arcs: Vec<Arc>, labels: Option<&[usize]>, graphs: &mut [LabeledGraph]) -> ArcCounts {
    let mut counts = ArcCounts { arcs: arcs.len(), ..Default::default() };
    arcs.sort_unstable();
    for pair in arcs.chunk_by(|a, b| (a.graph, a.low, a.high) == (b.graph, b.low, b.high)) {
        let first = pair[0];
        if first.low == first.high {
            counts.self_loops += pair.len();
            continue;
        }
        let both = pair.iter().any(|arc| arc.falling != first.falling);
        counts.one_way += usize::from(!both);
        counts.duplicates += pair.len() - 1 - usize::from(both);
        let graph = &mut graphs[first.graph as usize];
        graph.edges.push((first.low, first.high));
        if let Some(labels) = labels {
            let label = labels[first.line as usize];
            counts.label_conflicts += usize::from(pair.iter().any(|arc| labels[arc.line as usize] != label));
            graph.edge_labels.push(label);
        }
    }
    counts
}

/// The distinct values in rising order, and each value's index among them.
fn number(values: &[i64]) -> (Vec<i64>, Vec<usize>) {
    let mut distinct = values.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    // Every value is among the distinct ones, so the search never misses.
    let indices = values.iter().map(|value| distinct.partition_point(|other| other < value)).collect();
    (distinct, indices)
}

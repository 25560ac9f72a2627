//! The graph that was read.

use crate::two_pass::Csr;
use crate::DatasetError;

/// What was seen while a graph was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines that name an edge, whatever became of it.
    pub lines: u64,
    /// Of these, lines of weight 0, which give no edge.
    pub zeros: u64,
    /// Of the others, lines that lead from a node to itself.
    pub self_loops: u64,
    /// Lines whose edge another line names too, in either direction where edges have none.
    pub repeated: u64,
    /// Nodes without any edge, to them or from them.
    pub isolated: usize,
}

/// A graph in compressed sparse row (CSR) form, with or without weights.
///
/// The neighbours of node `u` are `columns[indptr[u]..indptr[u + 1]]`, rising and without repeats. An undirected
/// graph holds each edge in both rows, a self-loop once.
///
/// # Example
///
/// ```
/// use datasets::graph_file::GraphFile;
///
/// let graph = GraphFile::new(vec![0, 1, 2, 2], vec![1, 0], None)?;
/// assert_eq!((graph.nodes(), graph.counts().isolated), (3, 1));
/// assert_eq!(graph.edges().collect::<Vec<_>>(), [(0, 1, None)]);
/// # Ok::<(), datasets::DatasetError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GraphFile {
    indptr: Vec<usize>,
    columns: Vec<u32>,
    weights: Option<Vec<f32>>,
    ids: Option<Vec<u64>>,
    counts: Counts,
}

impl GraphFile {
    /// Builds a graph from its parts, for writing.
    ///
    /// # Shapes
    ///
    /// `indptr: nodes + 1`, `columns: entries`, `weights: entries`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] where `indptr` does not start at 0, falls or does not end at the number of
    /// entries, where the columns of a row do not rise strictly below the number of nodes, where there are more than
    /// `u32::MAX` nodes, or where weights are not one for each entry, finite and above 0.
    ///
    /// # Complexity
    ///
    /// O(nodes + entries).
    pub fn new(
        indptr: Vec<usize>,
        columns: Vec<u32>,
        weights: Option<Vec<f32>>,
    ) -> Result<Self, DatasetError> {
        let bad =
            |expected: String, found: String| Err(DatasetError::inconsistent("GraphFile", expected, found));
        if indptr.first() != Some(&0) || indptr.last() != Some(&columns.len()) || !indptr.is_sorted() {
            let found = format!("{:?} to {:?} or a fall between", indptr.first(), indptr.last());
            return bad(format!("indptr that rises from 0 to {}", columns.len()), found);
        }
        let nodes = indptr.len() - 1;
        if u32::try_from(nodes).is_err() {
            return bad(format!("at most {} nodes", u32::MAX), nodes.to_string());
        }
        for (row, bounds) in indptr.windows(2).enumerate() {
            let row_columns = &columns[bounds[0]..bounds[1]];
            if row_columns.windows(2).any(|pair| pair[0] >= pair[1])
                || row_columns.last().is_some_and(|&last| last as usize >= nodes)
            {
                let expected = format!("columns that rise strictly below {nodes} in each row");
                return bad(expected, format!("others in row {row}"));
            }
        }
        if let Some(weights) = &weights {
            if weights.len() != columns.len() {
                return bad(
                    format!("one weight for each of {} entries", columns.len()),
                    weights.len().to_string(),
                );
            }
            if let Some(at) = weights.iter().position(|&weight| !(weight.is_finite() && weight > 0.0)) {
                return bad("weights that are finite and above 0".into(), format!("{} at {at}", weights[at]));
            }
        }
        let isolated = isolated(&indptr, &columns);
        let counts = Counts { lines: columns.len() as u64, isolated, ..Counts::default() };
        let mut graph = Self { indptr, columns, weights, ids: None, counts };
        graph.counts.self_loops = graph.arcs().filter(|&(from, to, _)| from == to).count() as u64;
        Ok(graph)
    }

    /// Takes what a reader made, whose rows are in order.
    pub(super) fn read(csr: Csr, both_ways: bool) -> Self {
        let Csr { indptr, columns, weights, ids, seen } = csr;
        let isolated = if both_ways {
            indptr.windows(2).filter(|bounds| bounds[0] == bounds[1]).count()
        } else {
            isolated(&indptr, &columns)
        };
        let (lines, zeros, self_loops, repeated) = (seen.lines, seen.zeros, seen.loops, seen.repeated);
        let counts = Counts { lines, zeros, self_loops, repeated, isolated };
        Self { indptr, columns, weights, ids, counts }
    }

    /// The number of nodes.
    pub fn nodes(&self) -> usize {
        self.indptr.len() - 1
    }

    /// The number of stored entries; an undirected edge between two nodes has two.
    pub fn entries(&self) -> usize {
        self.columns.len()
    }

    /// Where each row starts in [`columns`](Self::columns); `nodes + 1` entries.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// The neighbours of every node, row after row.
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// The weights of the entries, all above 0; `None` for a graph without weights.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// The file's id of each node, rising, where [`Ids::Compact`](super::Ids::Compact) was asked for.
    pub fn ids(&self) -> Option<&[u64]> {
        self.ids.as_deref()
    }

    /// What was seen in the file.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The neighbours of `node` and the weights of its edges, or `None` where there is no such node.
    pub fn row(&self, node: usize) -> Option<(&[u32], Option<&[f32]>)> {
        let (start, end) = (*self.indptr.get(node)?, *self.indptr.get(node.checked_add(1)?)?);
        let weights = self.weights.as_ref().and_then(|weights| weights.get(start..end));
        Some((self.columns.get(start..end)?, weights))
    }

    /// Every entry as `(row, column, weight)`, row after row.
    pub fn arcs(&self) -> impl Iterator<Item = (u32, u32, Option<f32>)> + '_ {
        (0u32..).zip(self.indptr.windows(2)).flat_map(move |(row, bounds)| {
            (bounds[0]..bounds[1]).map(move |at| {
                let weight = self.weights.as_ref().map(|weights| weights[at]);
                (row, self.columns[at], weight)
            })
        })
    }

    /// The entries whose column is not below their row: in an undirected graph, every edge once.
    pub fn edges(&self) -> impl Iterator<Item = (u32, u32, Option<f32>)> + '_ {
        self.arcs().filter(|&(row, column, _)| row <= column)
    }

    /// Takes the graph apart into `(indptr, columns, weights, ids)`, without a copy.
    pub fn into_parts(self) -> (Vec<usize>, Vec<u32>, Option<Vec<f32>>, Option<Vec<u64>>) {
        (self.indptr, self.columns, self.weights, self.ids)
    }
}

/// Nodes that are neither a row with entries nor a column; a bit a node is all the memory it takes.
fn isolated(indptr: &[usize], columns: &[u32]) -> usize {
    let nodes = indptr.len() - 1;
    let mut reached = vec![0u64; nodes.div_ceil(64)];
    for &column in columns {
        reached[column as usize / 64] |= 1 << (column % 64);
    }
    let lonely = |node: usize| indptr[node] == indptr[node + 1] && reached[node / 64] >> (node % 64) & 1 == 0;
    (0..nodes).filter(|&node| lonely(node)).count()
}

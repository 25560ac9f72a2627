//! How a graph file is to be read.

use crate::two_pass::{Plan, Rows};
use crate::DatasetError;

const USE_COMPACT: &str = "number the nodes that have edges from 0, as Ids::Compact does";

/// Whether an edge leads both ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// Every line stands for both directions.
    #[default]
    Undirected,
    /// A line `u v` leads from `u` to `v` only. The exception is a *symmetric* Matrix Market file, which by its own
    /// words stands for both directions.
    Directed,
}

/// What ids mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ids {
    /// Node `i` is row `i`; ids that do not occur are isolated nodes.
    #[default]
    AsIs,
    /// The ids that occur are numbered from 0 in rising order. They may be any of 64 bits.
    Compact,
}

/// What becomes of an edge that is listed more than once, in either direction where edges have none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Repeats {
    /// It is one edge, with the largest of the weights.
    #[default]
    Merge,
    /// It is one edge, with the sum of the weights. An edge without a weight counts 1, so the result has weights
    /// even where the file has none: how often each edge is listed. A file that lists both directions of its edges
    /// should then be read as [`Direction::Directed`].
    Sum,
}

/// How [`read_edge_list`](super::read_edge_list) and its siblings read a file.
///
/// # Example
///
/// ```
/// use datasets::graph_file::{Ids, ReadOptions};
///
/// let options = ReadOptions { ids: Ids::Compact, max_bytes: Some(8 << 30), ..ReadOptions::default() };
/// assert_eq!(options.nodes, None);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Whether edges lead both ways.
    pub direction: Direction,
    /// What ids mean.
    pub ids: Ids,
    /// What becomes of repeats.
    pub repeats: Repeats,
    /// The number of nodes, where it is known; without it, one more than the largest id. Not for [`Ids::Compact`].
    pub nodes: Option<usize>,
    /// The most bytes that the finished arrays may take, repeats included; `None` for no bound.
    pub max_bytes: Option<u64>,
}

impl ReadOptions {
    pub(super) fn plan(&self, rows: Rows) -> Plan {
        let (compact, sum) = (self.ids == Ids::Compact, self.repeats == Repeats::Sum);
        Plan { rows, compact, sum, max_bytes: self.max_bytes, too_many_rows: USE_COMPACT }
    }

    pub(super) fn check(&self) -> Result<(), DatasetError> {
        let Some(nodes) = self.nodes else { return Ok(()) };
        if self.ids == Ids::Compact {
            return Err(DatasetError::config(
                "nodes",
                nodes,
                "left out with Ids::Compact, which counts the ids",
            ));
        }
        if u32::try_from(nodes).is_err() {
            return Err(DatasetError::config("nodes", nodes, format!("at most {}", u32::MAX)));
        }
        Ok(())
    }
}

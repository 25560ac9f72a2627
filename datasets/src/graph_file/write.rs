//! Writers of both formats.

use std::io::{self, Write};
use std::path::Path;

use super::{Direction, GraphFile};
use crate::{atomic, DatasetError};

/// Writes lines of `u v` or `u v weight`, in the order in which they come and without holding them.
///
/// [`GraphFile::edges`] gives the edges of an undirected graph, [`GraphFile::arcs`] those of a directed one; a
/// generator may give its own. Isolated nodes at the end are not in the file: read it with
/// [`nodes`](super::ReadOptions::nodes) to have them. Weights are written with the digits that give the same `f32`
/// again. The file takes its place at once when it is whole.
///
/// # Errors
///
/// [`DatasetError::Io`]; the file that was there before is then untouched.
///
/// # Complexity
///
/// O(edges).
///
/// # Example
///
/// ```
/// use datasets::graph_file::{read_edge_list, write_edge_list, ReadOptions};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("star.txt");
/// write_edge_list(&path, (1..4).map(|leaf| (0, leaf, None)))?;
/// let star = read_edge_list(&path, &ReadOptions::default())?;
/// assert_eq!(star.columns(), [1, 2, 3, 0, 0, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_edge_list(
    path: &Path,
    edges: impl IntoIterator<Item = (u32, u32, Option<f32>)>,
) -> Result<(), DatasetError> {
    atomic::write(path, |file| {
        writeln!(file, "# u v [weight], nodes counted from 0")?;
        edges.into_iter().try_for_each(|(from, to, weight)| line(file, from, to, weight))
    })
}

/// Writes a Matrix Market file, `pattern` without weights and `real` with them: `symmetric` (each edge once) for
/// [`Direction::Undirected`], `general` for [`Direction::Directed`].
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] where the graph is to be undirected and lacks the mirror image of an entry or has
/// it with another weight; [`DatasetError::Io`], which leaves the file that was there before untouched.
///
/// # Complexity
///
/// O(entries), for a symmetric file times the logarithm of the longest row.
///
/// # Example
///
/// ```
/// use datasets::graph_file::{read_graph, write_matrix_market, Direction, GraphFile, ReadOptions};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("edge.mtx");
/// let graph = GraphFile::new(vec![0, 1, 2], vec![1, 0], Some(vec![0.5, 0.5]))?;
/// write_matrix_market(&path, &graph, Direction::Undirected)?;
/// assert_eq!(read_graph(&path, &ReadOptions::default())?.weights(), graph.weights());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_matrix_market(path: &Path, graph: &GraphFile, direction: Direction) -> Result<(), DatasetError> {
    let symmetric = direction == Direction::Undirected;
    if symmetric {
        check_symmetric(graph)?;
    }
    let kept = |&(row, column, _): &(u32, u32, Option<f32>)| !symmetric || column <= row;
    let field = if graph.weights().is_some() { "real" } else { "pattern" };
    let symmetry = if symmetric { "symmetric" } else { "general" };
    let (nodes, entries) = (graph.nodes(), graph.arcs().filter(kept).count());
    atomic::write(path, |file| {
        writeln!(file, "%%MatrixMarket matrix coordinate {field} {symmetry}\n{nodes} {nodes} {entries}")?;
        // Counted from 1, which 32 bits still hold: there are at most `u32::MAX` nodes.
        let mut arcs = graph.arcs().filter(kept);
        arcs.try_for_each(|(row, column, weight)| line(file, row + 1, column + 1, weight))
    })
}

fn line(file: &mut dyn Write, from: u32, to: u32, weight: Option<f32>) -> io::Result<()> {
    match weight {
        None => writeln!(file, "{from} {to}"),
        Some(weight) => writeln!(file, "{from} {to} {weight}"),
    }
}

fn check_symmetric(graph: &GraphFile) -> Result<(), DatasetError> {
    let mirrored = |&(row, column, weight): &(u32, u32, Option<f32>)| {
        let (columns, weights) = graph.row(column as usize)?;
        let at = columns.binary_search(&row).ok()?;
        (weights.map(|weights| weights[at]) == weight).then_some(())
    };
    match graph.arcs().find(|arc| mirrored(arc).is_none()) {
        None => Ok(()),
        Some((row, column, _)) => {
            let expected = "each entry of an undirected graph in both directions, with one weight";
            let found = format!("others for nodes {row} and {column}");
            Err(DatasetError::inconsistent("write_matrix_market", expected, found))
        }
    }
}

//! Graphs in Matrix Market files, and the choice between formats.

use std::path::Path;

use super::{read_edge_list, Direction, GraphFile, Ids, ReadOptions};
use crate::market::{self, Coordinates};
use crate::scan::{scan, Bad};
use crate::two_pass::{self, Rows};
use crate::DatasetError;

/// Reads a graph from a square Matrix Market file in coordinate form: an entry in row `u` and column `v` is an edge
/// from `u` to `v`, and nodes are counted from 0 in the result, from 1 in the file.
///
/// A `pattern` file gives no weights, a `real` or `integer` file gives its values as weights. One rule decides about
/// directions: with [`Direction::Undirected`], the default, every entry stands for both directions, also in a
/// `general` file; with [`Direction::Directed`] a `general` file is read as written. A `symmetric` file stands for
/// both directions always. All other options are those of edge lists; [`nodes`](ReadOptions::nodes), where given,
/// must be the size of the matrix.
///
/// # Errors
///
/// Those of [`read_edge_list`], and [`DatasetError::Malformed`] for `array`, `complex`, `skew-symmetric` and
/// `hermitian` files, a matrix that is not square, an entry outside it, and more or fewer entries than announced.
///
/// # Complexity
///
/// As [`read_edge_list`].
///
/// # Example
///
/// ```
/// use datasets::graph_file::{read_matrix_market, ReadOptions};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("path.mtx");
/// std::fs::write(&path, "%%MatrixMarket matrix coordinate real symmetric\n3 3 2\n2 1 0.5\n3 2 2\n")?;
/// let graph = read_matrix_market(&path, &ReadOptions::default())?;
/// assert_eq!(graph.row(1), Some((&[0, 2][..], Some(&[0.5, 2.0][..]))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_matrix_market(path: &Path, options: &ReadOptions) -> Result<GraphFile, DatasetError> {
    options.check()?;
    let head = market::read_head(path)?;
    let bad =
        |expected: String, found: String, hint| Err(Bad::new(expected, found, hint).place(path, head.at));
    if head.array {
        let (expected, found) = ("a graph in coordinate form".to_string(), "an array".to_string());
        return bad(
            expected,
            found,
            "write the matrix in coordinate form, so that only its edges are listed",
        );
    }
    if head.rows != head.columns {
        let found = format!("{} x {}", head.rows, head.columns);
        return bad("a square matrix of nodes by nodes".into(), found, "check that this file is a graph");
    }
    if let Some(given) = options.nodes.filter(|&given| given as u64 != head.rows) {
        let expected = format!("{given} nodes, as the options say");
        return bad(expected, head.rows.to_string(), "leave nodes out of the options for this format");
    }
    let rows = match (options.ids, u32::try_from(head.rows), options.nodes) {
        (Ids::Compact, ..) => Rows::Seen,
        (_, _, Some(given)) => Rows::Given(given),
        (_, Ok(nodes), _) => Rows::Claimed(nodes as usize, head.at),
        (_, Err(_), _) => {
            let (expected, found) = (format!("at most {} nodes", u32::MAX), head.rows.to_string());
            return bad(expected, found, "number the nodes that have edges from 0, as Ids::Compact does");
        }
    };
    let both_ways = head.symmetric || options.direction == Direction::Undirected;
    let file = Coordinates { file: path.to_path_buf(), head, both_ways, graph: true };
    Ok(GraphFile::read(two_pass::read(&file, options.plan(rows))?, both_ways))
}

/// Reads a graph in either format: Matrix Market where the first line says `%%MatrixMarket`, else an edge list. The
/// file's name has no say.
///
/// # Errors
///
/// Those of [`read_matrix_market`] and [`read_edge_list`].
///
/// # Complexity
///
/// As [`read_edge_list`].
///
/// # Example
///
/// ```
/// use datasets::graph_file::{read_graph, ReadOptions};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("graph");
/// for text in ["%%MatrixMarket matrix coordinate pattern symmetric\n2 2 1\n2 1\n", "1,0\n"] {
///     std::fs::write(&path, text)?;
///     assert_eq!(read_graph(&path, &ReadOptions::default())?.columns(), [1, 0]);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_graph(path: &Path, options: &ReadOptions) -> Result<GraphFile, DatasetError> {
    let mut first = None;
    // The first line is all that is wanted; the error that stops the scan after it is dropped.
    let result = scan(path, |rest, _| {
        first =
            Some(rest.get(..market::BANNER.len()).is_some_and(|r| r.eq_ignore_ascii_case(market::BANNER)));
        Err(Bad::new("", "", ""))
    });
    match first {
        Some(true) => read_matrix_market(path, options),
        Some(false) => read_edge_list(path, options),
        // Without a line, an edge list: it says that the file is empty.
        None => result.and_then(|_| read_edge_list(path, options)),
    }
}

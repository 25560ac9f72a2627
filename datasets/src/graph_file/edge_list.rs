//! Edge lists: a line for each edge.

use std::path::{Path, PathBuf};

use super::{Direction, GraphFile, ReadOptions};
use crate::market;
use crate::scan::{line_length, scan, Bad};
use crate::text::At;
use crate::token::Fields;
use crate::two_pass::{self, Entries, Entry, Rows};
use crate::DatasetError;

const FORM: &str = "`u v` or `u v weight`";
const COMMENT: &str = "correct the line, or make it a comment with #";

/// Reads a graph from lines of `u v` or `u v weight`.
///
/// Fields are separated by blanks, tabs or one comma; ids are whole numbers from 0; lines that start with `#` or `%`
/// are comments; blank lines are skipped, lines may end in `\r\n`, and the file may be gzipped, whatever its name.
/// A line without a weight among lines with one has weight 1. A weight of 0 says that there is no edge, though its
/// ends are still nodes.
///
/// The file is read twice: the first pass counts the edges of each node, the second puts them in their places.
///
/// # Errors
///
/// [`DatasetError::Malformed`] for a line that does not fit, for ids too large for [`Ids::AsIs`](super::Ids::AsIs)
/// (past 32 bits, or more than 64 nodes an edge and 2²⁰), for a file without edges unless
/// [`nodes`](ReadOptions::nodes) is given, and for a file that changes while it is read;
/// [`DatasetError::Memory`] past [`max_bytes`](ReadOptions::max_bytes); [`DatasetError::InvalidConfig`] for options
/// that contradict each other; [`DatasetError::TooLarge`] for a line longer than
/// [`MAX_LINE_BYTES`](crate::MAX_LINE_BYTES); [`DatasetError::Io`], also for a cut `.gz` file and for what is no
/// regular file.
///
/// # Complexity
///
/// O(bytes of text + the sorting of each row). The arrays of the result, with repeats still in, are all that is in
/// memory beside one block of text: 8 bytes a node and 4 an entry, 8 with weights. [`Ids::Compact`](super::Ids::Compact)
/// adds some 40 bytes an id until the end.
///
/// # Example
///
/// ```
/// use datasets::graph_file::{read_edge_list, ReadOptions};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("ring.txt");
/// std::fs::write(&path, "# a ring\n0 1\n1 2\n2 3\n3 0\n")?;
/// let graph = read_edge_list(&path, &ReadOptions::default())?;
/// assert_eq!((graph.nodes(), graph.entries()), (4, 8));
/// assert_eq!(graph.row(0), Some((&[1, 3][..], None)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_edge_list(path: &Path, options: &ReadOptions) -> Result<GraphFile, DatasetError> {
    options.check()?;
    let file = EdgeList {
        file: path.to_path_buf(),
        both_ways: options.direction == Direction::Undirected,
        may_be_empty: options.nodes.is_some(),
    };
    let csr = two_pass::read(&file, options.plan(options.nodes.map_or(Rows::Seen, Rows::Given)))?;
    Ok(GraphFile::read(csr, file.both_ways))
}

struct EdgeList {
    file: PathBuf,
    both_ways: bool,
    /// Whether comments alone are a graph, one of isolated nodes.
    may_be_empty: bool,
}

impl Entries for EdgeList {
    fn file(&self) -> &Path {
        &self.file
    }

    fn both_ways(&self) -> bool {
        self.both_ways
    }

    fn pass(&self, mut each: impl FnMut(Entry, At) -> Result<(), Box<Bad>>) -> Result<At, DatasetError> {
        let mut any = false;
        let end = scan(&self.file, |rest, at| {
            let mut fields = Fields::new(rest);
            match fields.peek() {
                b'\n' => return Ok(fields.length()),
                b'#' | b'%' => return comment(rest, at),
                _ => {}
            }
            any = true;
            let entry = edge(&mut fields)?;
            each(entry, at)?;
            Ok(fields.length())
        })?;
        let empty = end.offset == 0;
        if !any && (empty || !self.may_be_empty) {
            let found = if empty { "an empty file" } else { "comments and blank lines alone" };
            let hint = "check that this is the intended file, it may be cut";
            return Err(Bad::new(format!("lines of {FORM}"), found, hint).place(&self.file, end));
        }
        Ok(end)
    }
}

/// Skips a comment, unless it says that the file has another format.
#[cold]
fn comment(rest: &[u8], at: At) -> Result<usize, Box<Bad>> {
    if at.line == 1 && rest.starts_with(market::BANNER) {
        let hint = "read it with read_matrix_market or read_graph";
        return Err(Bad::new("an edge list", "a Matrix Market file", hint));
    }
    Ok(line_length(rest))
}

/// Reads the fields of one line and stops at its end.
#[inline]
fn edge(fields: &mut Fields<'_>) -> Result<Entry, Box<Bad>> {
    let row = id(fields)?;
    if !fields.next_field()? {
        return Err(Bad::new(FORM, "one field", COMMENT));
    }
    let column = id(fields)?;
    let mut weight = None;
    if fields.next_field()? {
        weight = Some(market::value(fields, false)?);
        if fields.next_field()? {
            return Err(Bad::new(FORM, format!("{} as a fourth field", fields.quoted()), COMMENT));
        }
    }
    Ok(Entry { row, column, weight })
}

#[inline]
fn id(fields: &mut Fields<'_>) -> Result<u64, Box<Bad>> {
    fields.whole().ok_or_else(|| {
        Bad::new("a node id, a whole number from 0 of at most 64 bits", fields.quoted(), COMMENT)
    })
}

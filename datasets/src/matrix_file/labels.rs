//! Classes of nodes in text files.

use std::path::Path;

use crate::scan::{line_length, scan, Bad};
use crate::text::At;
use crate::token::Fields;
use crate::{atomic, DatasetError};

/// Most classes that labels may name: 1,048,576. A larger label is a mistake, such as a column of ids.
pub const MAX_CLASSES: u64 = 1 << 20;

const FORM: &str = "`label` or `node label`, as on the first line";
const CORRECT: &str = "correct the line, or make it a comment with #";
const NUMBER_THEM: &str = "number the classes from 0, and give every node one";
const EVERY_NODE: &str = "give every node from 0 a label, and no other";

/// Reads the class of every node: one `label` a line in the order of nodes, or `node label` pairs in any order.
///
/// Fields are separated by blanks, tabs or one comma; nodes and labels are whole numbers from 0; `#` and `%` start
/// comments and blank lines are skipped. The first line decides between the two forms. `nodes`, where given, is the
/// number of labels that there must be.
///
/// # Errors
///
/// [`DatasetError::Malformed`] for a line that does not fit, a label of [`MAX_CLASSES`] or more, a node without a
/// label (told at the line that names a node past the number of labels) or with two, a file without labels, and a
/// count that is not `nodes`; [`DatasetError::Io`].
///
/// # Complexity
///
/// O(bytes of text), in two passes with the result alone in memory.
///
/// # Example
///
/// ```
/// use datasets::matrix_file::read_labels;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("labels.txt");
/// for text in ["2\n0\n1\n", "1 0\n0 2\n2 1\n"] {
///     std::fs::write(&path, text)?;
///     assert_eq!(read_labels(&path, Some(3))?, [2, 0, 1]);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_labels(path: &Path, nodes: Option<usize>) -> Result<Vec<usize>, DatasetError> {
    let (mut count, mut pairs) = (0, None);
    let end = pass(path, &mut pairs, |_, _, _| {
        count += 1;
        Ok(())
    })?;
    if count == 0 {
        let hint = "check that this is the intended file, it may be cut";
        return Err(Bad::new("a label for each node", "no label", hint).place(path, end));
    }
    if let Some(nodes) = nodes.filter(|&nodes| nodes != count) {
        let expected = format!("{nodes} labels, one for each node");
        return Err(Bad::new(expected, count.to_string(), EVERY_NODE).place(path, end));
    }

    // As many lines as nodes, none twice and none past the end: then none is missing.
    const NONE: usize = usize::MAX;
    let (mut labels, mut read) = (vec![NONE; count], 0);
    let end = pass(path, &mut pairs, |node, label, _| {
        let node = node.unwrap_or(read);
        read += 1;
        match usize::try_from(node).ok().and_then(|node| labels.get_mut(node)) {
            Some(place) if *place == NONE => *place = label,
            Some(_) => {
                let found = format!("a second one for node {node}");
                return Err(Bad::new("one label for each node", found, EVERY_NODE));
            }
            None => {
                let expected = format!("a node below {count}, the number of labels");
                return Err(Bad::new(expected, node.to_string(), EVERY_NODE));
            }
        }
        Ok(())
    })?;
    if labels.contains(&NONE) {
        let hint = "the file was changed meanwhile, so read it again when nothing writes to it";
        return Err(Bad::new(format!("{count} labels, as at first"), read.to_string(), hint).place(path, end));
    }
    Ok(labels)
}

/// Reads every line as the node, where it names one, and its label.
fn pass(
    path: &Path,
    pairs: &mut Option<bool>,
    mut each: impl FnMut(Option<u64>, usize, At) -> Result<(), Box<Bad>>,
) -> Result<At, DatasetError> {
    scan(path, |rest, at| {
        let mut fields = Fields::new(rest);
        match fields.peek() {
            b'\n' => return Ok(fields.length()),
            b'#' | b'%' => return Ok(line_length(rest)),
            _ => {}
        }
        let mut start = fields;
        let first = whole(&mut fields)?;
        let second = if fields.next_field()? {
            start = fields;
            Some(whole(&mut fields)?)
        } else {
            None
        };
        if second.is_some() && fields.next_field()? {
            return Err(Bad::new(FORM, format!("{} as a third field", fields.quoted()), CORRECT));
        }
        if *pairs.get_or_insert(second.is_some()) != second.is_some() {
            let found = if second.is_some() { "two fields" } else { "one field" };
            return Err(Bad::new(FORM, found, CORRECT));
        }
        let (node, label) = second.map_or((None, first), |second| (Some(first), second));
        if label >= MAX_CLASSES {
            return Err(Bad::new(format!("a label below {MAX_CLASSES}"), start.quoted(), NUMBER_THEM));
        }
        each(node, label as usize, at)?;
        Ok(fields.length())
    })
}

fn whole(fields: &mut Fields<'_>) -> Result<u64, Box<Bad>> {
    let expected = "a whole number from 0";
    fields.whole().ok_or_else(|| Bad::new(expected, fields.quoted(), NUMBER_THEM))
}

/// Writes one label a line, in the order of nodes; the file takes its place at once when it is whole.
///
/// # Errors
///
/// [`DatasetError::Inconsistent`] for a label of [`MAX_CLASSES`] or more; [`DatasetError::Io`], which leaves the file
/// that was there before untouched.
///
/// # Complexity
///
/// O(nodes).
///
/// # Example
///
/// ```
/// use datasets::matrix_file::{read_labels, write_labels};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("labels.txt");
/// write_labels(&path, &[1, 0, 2])?;
/// assert_eq!(read_labels(&path, None)?, [1, 0, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_labels(path: &Path, labels: &[usize]) -> Result<(), DatasetError> {
    if let Some(label) = labels.iter().find(|&&label| label as u64 >= MAX_CLASSES) {
        let expected = format!("labels below {MAX_CLASSES}");
        return Err(DatasetError::inconsistent("write_labels", expected, label.to_string()));
    }
    atomic::write(path, |file| labels.iter().try_for_each(|label| writeln!(file, "{label}")))
}

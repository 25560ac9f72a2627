//! Compressed sparse rows from a file of entries, in two passes over it and without a list of the entries.
//!
//! The first pass counts the entries of each row. Their running sum says where each row starts; the second pass puts
//! every column in its place and moves the start of its row on, so that the starts end up as the ends and no second
//! array of places is needed. Rows are then sorted and joined where they lie.

mod compact;
mod count;
mod fill;
mod rows;

use std::collections::TryReserveError;
use std::path::Path;

use crate::scan::Bad;
use crate::text::At;
use crate::DatasetError;

use compact::Compact;
use count::AsIs;
use fill::{changed, Fill};

/// One entry, counted from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) row: u64,
    pub(crate) column: u64,
    /// `None` where the line holds no third field.
    pub(crate) weight: Option<f32>,
}

/// A file that lists entries.
pub(crate) trait Entries {
    /// The file.
    fn file(&self) -> &Path;

    /// Whether each entry also stands for its mirror image.
    fn both_ways(&self) -> bool;

    /// Whether columns are nodes as rows are. Other columns are below `u32::MAX` already.
    fn square(&self) -> bool {
        true
    }

    /// Whether entries have weights even where there are no entries.
    fn weighted(&self) -> bool {
        false
    }

    /// Reads the file from front to end and returns the place after its last line.
    fn pass(&self, each: impl FnMut(Entry, At) -> Result<(), Box<Bad>>) -> Result<At, DatasetError>;
}

/// How many rows there are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows {
    /// One more than the largest id.
    Seen,
    /// As the caller says, who is believed.
    Given(usize),
    /// As line `.1` of the file says, which is not believed when it is out of all proportion to its entries.
    Claimed(usize, At),
}

/// The settings of [`read`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rows: Rows,
    pub(crate) compact: bool,
    /// Repeats are added; otherwise the largest of them stays.
    pub(crate) sum: bool,
    pub(crate) max_bytes: Option<u64>,
    /// What to do about more rows than the entries bear out.
    pub(crate) too_many_rows: &'static str,
}

/// What was read: rows sorted by column, without repeats and without zeros.
#[derive(Debug)]
pub(crate) struct Csr {
    pub(crate) indptr: Vec<usize>,
    pub(crate) columns: Vec<u32>,
    pub(crate) weights: Option<Vec<f32>>,
    pub(crate) ids: Option<Vec<u64>>,
    pub(crate) seen: Seen,
}

/// What the passes came across.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Lines with an entry.
    pub(crate) lines: u64,
    /// Of these, those of weight zero, which give no entry.
    pub(crate) zeros: u64,
    /// Of the others, those from a node to itself.
    pub(crate) loops: u64,
    /// Entries that were joined with another; a mirrored pair counts once.
    pub(crate) repeated: u64,
    weighted: bool,
    /// A sum over all entries in order, equal for equal files.
    digest: u64,
}

impl Seen {
    #[inline]
    fn note(&mut self, entry: Entry) {
        self.lines += 1;
        let zero = entry.weight == Some(0.0);
        self.zeros += u64::from(zero);
        self.loops += u64::from(!zero && entry.row == entry.column);
        self.weighted |= entry.weight.is_some();
        let weight = entry.weight.map_or(u64::MAX, |weight| u64::from(weight.to_bits()));
        for word in [entry.row, entry.column, weight] {
            self.digest = (self.digest.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    /// Entries of all rows, repeats included.
    fn entries(&self, both_ways: bool) -> usize {
        let once = self.lines - self.zeros;
        // More than the address space holds is refused when memory is asked for.
        usize::try_from(if both_ways { 2 * once - self.loops } else { once }).unwrap_or(usize::MAX)
    }
}

/// How ids become rows.
trait Numbering {
    /// Notes `by` entries in the row of `id`.
    fn count(&mut self, id: u64, by: usize, at: At) -> Result<(), Box<Bad>>;

    /// The number of rows, once all is counted.
    fn rows(&self, file: &Path, lines: u64) -> Result<usize, DatasetError>;

    /// The counts, one a row and with room for one more; afterwards rows are known for good.
    fn finish(&mut self, rows: usize) -> Result<Vec<usize>, TryReserveError>;

    /// The row of `id`, after [`finish`](Self::finish).
    fn row(&self, id: u64) -> Option<u32>;

    /// The id of each row, where it is not the row itself.
    fn into_ids(self) -> Option<Vec<u64>>;
}

/// Bytes of the finished arrays before repeats are joined.
fn bytes_needed(rows: usize, entries: usize, weighted: bool, ids: bool) -> u64 {
    let a_row = if ids { 16 } else { 8 };
    let an_entry = if weighted { 8 } else { 4 };
    let (rows, entries) = (rows as u64, entries as u64);
    rows.saturating_mul(a_row).saturating_add(entries.saturating_mul(an_entry)).saturating_add(8)
}

/// Reads the entries of `source` into compressed sparse rows.
///
/// # Complexity
///
/// O(bytes of text + sorting each row), with the arrays of [`Csr`] in memory, repeats included until the end, and for
/// compact ids a table of them.
pub(crate) fn read(source: &impl Entries, plan: Plan) -> Result<Csr, DatasetError> {
    if plan.compact {
        read_with(source, plan, Compact::new(plan))
    } else {
        read_with(source, plan, AsIs::new(plan))
    }
}

fn read_with<N: Numbering>(source: &impl Entries, plan: Plan, mut numbering: N) -> Result<Csr, DatasetError> {
    let file = source.file();
    let (both_ways, square) = (source.both_ways(), source.square());
    let mut seen = Seen::default();
    source.pass(|entry, at| {
        seen.note(entry);
        let by = usize::from(entry.weight != Some(0.0));
        numbering.count(entry.row, by, at)?;
        if square && entry.row != entry.column {
            numbering.count(entry.column, if both_ways { by } else { 0 }, at)?;
        }
        Ok(())
    })?;

    let rows = numbering.rows(file, seen.lines)?;
    let entries = seen.entries(both_ways);
    let weighted = seen.weighted || source.weighted() || plan.sum;
    let needed = bytes_needed(rows, entries, weighted, plan.compact);
    if let Some(allowed) = plan.max_bytes.filter(|&allowed| needed > allowed) {
        return Err(DatasetError::Memory { file: file.to_path_buf(), needed, allowed });
    }
    let no_room =
        |_| DatasetError::io("find memory for", file, std::io::Error::from(std::io::ErrorKind::OutOfMemory));
    let mut indptr = numbering.finish(rows).map_err(no_room)?;
    shift_sum(&mut indptr);
    let mut fill = Fill::new(indptr, entries, weighted, (both_ways, square)).map_err(no_room)?;

    let mut again = Seen::default();
    let end = source.pass(|entry, _| {
        again.note(entry);
        if entry.weight == Some(0.0) {
            return Ok(());
        }
        fill.push(entry, &numbering)
    })?;
    // Equal files fill every row to its end; that this is checked as well is for files made to deceive the digest.
    let csr = fill.finish(&numbering, seen).filter(|_| again == seen);
    let mut csr = csr.ok_or_else(|| changed().place(file, end))?;
    rows::tidy(&mut csr, both_ways, plan.sum)
        .map_err(|(row, column)| overflow(row, column).place(file, end))?;
    csr.ids = numbering.into_ids();
    Ok(csr)
}

#[cold]
fn overflow(row: usize, column: u32) -> Box<Bad> {
    let found = format!("an infinite one for row {row} and column {column}, counted from 0");
    Bad::new("repeats with a finite sum", found, "scale the values down, or list each entry once")
}

/// Turns `c_0 … c_{n-1}` into `0, 0, c_0, c_0 + c_1, …`: at `i + 1` stands where row `i` starts.
fn shift_sum(counts: &mut Vec<usize>) {
    counts.push(0);
    let (mut sum, mut before) = (0, 0);
    for slot in counts.iter_mut() {
        let count = std::mem::replace(slot, sum);
        sum += before;
        before = count;
    }
}

#[cfg(test)]
mod tests;

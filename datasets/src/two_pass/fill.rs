//! The second pass: entries go to their places in batches.
//!
//! In a large graph nearly every place is far from the last one, so each costs a wait for memory. A batch finds all
//! its rows, then all its places, then writes all its columns: within each of these short loops the waits overlap,
//! which they cannot when a line is parsed between two of them.

use std::collections::TryReserveError;

use super::{Csr, Entry, Numbering, Seen};
use crate::scan::Bad;

/// Entries of a batch: enough to overlap waits, and few enough to stay near.
const BATCH: usize = 1024;

/// Rows that are being filled.
pub(super) struct Fill {
    /// At `i + 1` stands the next free place of row `i`.
    next: Vec<usize>,
    columns: Vec<u32>,
    weights: Option<Vec<f32>>,
    both_ways: bool,
    /// Whether columns are numbered as rows are.
    square: bool,
    waiting: Vec<Entry>,
    /// Scratch space of [`flush`](Self::flush): row, column and weight of each place.
    found: Vec<(u32, u32, f32)>,
    places: Vec<usize>,
}

impl Fill {
    /// Makes room for `entries` entries in the rows that start at `starts`, one place on.
    pub(super) fn new(
        starts: Vec<usize>,
        entries: usize,
        weighted: bool,
        (both_ways, square): (bool, bool),
    ) -> Result<Self, TryReserveError> {
        let columns = zeros(entries)?;
        let weights = if weighted { Some(zeros(entries)?) } else { None };
        let waiting = Vec::with_capacity(BATCH);
        let (found, places) = (Vec::with_capacity(2 * BATCH), Vec::with_capacity(2 * BATCH));
        Ok(Self { next: starts, columns, weights, both_ways, square, waiting, found, places })
    }

    /// Adds an entry that is not zero.
    #[inline]
    pub(super) fn push(&mut self, entry: Entry, numbering: &impl Numbering) -> Result<(), Box<Bad>> {
        self.waiting.push(entry);
        if self.waiting.len() == BATCH {
            self.flush(numbering).ok_or_else(changed)
        } else {
            Ok(())
        }
    }

    /// Puts what waits in its places; `None` for an entry that the first pass did not count.
    fn flush(&mut self, numbering: &impl Numbering) -> Option<()> {
        self.found.clear();
        for entry in self.waiting.drain(..) {
            let row = numbering.row(entry.row)?;
            let column =
                if self.square { numbering.row(entry.column)? } else { u32::try_from(entry.column).ok()? };
            let weight = entry.weight.unwrap_or(1.0);
            self.found.push((row, column, weight));
            if self.both_ways && row != column {
                self.found.push((column, row, weight));
            }
        }
        self.places.clear();
        for &(row, ..) in &self.found {
            let next = self.next.get_mut(row as usize + 1)?;
            self.places.push(*next);
            *next += 1;
        }
        for (&(_, column, _), &place) in self.found.iter().zip(&self.places) {
            *self.columns.get_mut(place)? = column;
        }
        if let Some(weights) = &mut self.weights {
            for (&(.., weight), &place) in self.found.iter().zip(&self.places) {
                *weights.get_mut(place)? = weight;
            }
        }
        Some(())
    }

    /// The rows, each filled to its end, or `None` where one is not.
    pub(super) fn finish(mut self, numbering: &impl Numbering, seen: Seen) -> Option<Csr> {
        self.flush(numbering)?;
        let Self { next: indptr, columns, weights, .. } = self;
        let filled = indptr.last() == Some(&columns.len()) && indptr.is_sorted();
        filled.then_some(Csr { indptr, columns, weights, ids: None, seen })
    }
}

fn zeros<T: Copy + Default>(count: usize) -> Result<Vec<T>, TryReserveError> {
    let mut values = Vec::new();
    values.try_reserve_exact(count)?;
    values.resize(count, T::default());
    Ok(values)
}

/// An entry, or the lack of one, that the first pass did not see.
#[cold]
pub(super) fn changed() -> Box<Bad> {
    let expected = "the entries that were there when the file was read first";
    Bad::new(expected, "others", "the file was changed meanwhile, so read it again when nothing writes to it")
}

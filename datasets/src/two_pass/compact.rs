//! Ids that are numbered in rising order, whatever they are.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, TryReserveError};
use std::hash::{BuildHasher, Hasher};
use std::path::Path;

use super::{bytes_needed, Numbering, Plan};
use crate::scan::Bad;
use crate::stream::mix;
use crate::text::At;
use crate::DatasetError;

pub(super) struct Compact {
    plan: Plan,
    /// The row of each id: until `finish` in the order in which ids came, then in their rising order.
    rows: HashMap<u64, u32, Keyed>,
    ids: Vec<u64>,
    counts: Vec<usize>,
}

impl Compact {
    pub(super) fn new(plan: Plan) -> Self {
        Self { plan, rows: HashMap::with_hasher(Keyed::new()), ids: Vec::new(), counts: Vec::new() }
    }
}

impl Numbering for Compact {
    #[inline]
    fn count(&mut self, id: u64, by: usize, _: At) -> Result<(), Box<Bad>> {
        match self.rows.entry(id) {
            Entry::Occupied(row) => self.counts[*row.get() as usize] += by,
            Entry::Vacant(place) => {
                let row = self.ids.len();
                // One row past the bound is enough to be refused for it; no more are kept.
                let needed = bytes_needed(row, 0, false, true);
                if self.plan.max_bytes.is_some_and(|allowed| needed > allowed) {
                    return Ok(());
                }
                let row = u32::try_from(row).ok().filter(|&row| row < u32::MAX).ok_or_else(|| {
                    let (expected, found) = (format!("at most {} ids", u32::MAX), "one more");
                    Bad::new(expected, found, "split the graph, because columns are numbers of 32 bits")
                })?;
                place.insert(row);
                self.ids.push(id);
                self.counts.push(by);
            }
        }
        Ok(())
    }

    fn rows(&self, _: &Path, _: u64) -> Result<usize, DatasetError> {
        Ok(self.ids.len())
    }

    fn finish(&mut self, rows: usize) -> Result<Vec<usize>, TryReserveError> {
        let came = std::mem::take(&mut self.counts);
        self.ids.sort_unstable();
        let mut counts = Vec::new();
        counts.try_reserve_exact(rows + 1)?;
        for (row, id) in (0u32..).zip(&self.ids) {
            if let Some(place) = self.rows.get_mut(id) {
                counts.push(came[std::mem::replace(place, row) as usize]);
            }
        }
        Ok(counts)
    }

    #[inline]
    fn row(&self, id: u64) -> Option<u32> {
        self.rows.get(&id).copied()
    }

    fn into_ids(self) -> Option<Vec<u64>> {
        let mut ids = self.ids;
        ids.shrink_to_fit();
        Some(ids)
    }
}

/// A quick hash with a random key, so that no file can be made for which it is slow. No result depends on the key,
/// because rows follow the order of ids and never that of the table.
#[derive(Debug, Clone, Copy)]
struct Keyed(u64);

impl Keyed {
    fn new() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for Keyed {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher(self.0)
    }
}

struct KeyedHasher(u64);

impl Hasher for KeyedHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0 ^ mix(word ^ self.0.rotate_left(32)));
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

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

/// No row: more than there may be.
const NONE: u32 = u32::MAX;

/// Ids below this are looked up in a plain table, 4 bytes an id, which is no more than the columns of `lines` edges.
fn near(lines: u64) -> u64 {
    lines.saturating_add(1 << 20)
}

pub(super) struct Compact {
    plan: Plan,
    /// The row of each id: until `finish` in the order in which ids came, then in their rising order. Small ids are in
    /// the first table, or `NONE` there; all others, and those that were not small yet, in the second.
    small: Vec<u32>,
    large: HashMap<u64, u32, Keyed>,
    ids: Vec<u64>,
    counts: Vec<usize>,
}

impl Compact {
    pub(super) fn new(plan: Plan) -> Self {
        let large = HashMap::with_hasher(Keyed::new());
        Self { plan, small: Vec::new(), large, ids: Vec::new(), counts: Vec::new() }
    }

    #[inline]
    fn small_row(&self, id: u64) -> Option<u32> {
        let row = *self.small.get(usize::try_from(id).ok()?)?;
        (row != NONE).then_some(row)
    }

    /// As `count`, for an id that is not in the table of small ones.
    fn count_other(&mut self, id: u64, by: usize, at: At) -> Result<(), Box<Bad>> {
        let next = self.ids.len();
        // One row past the bound is enough to be refused for it; no more are kept.
        let full = self.plan.max_bytes.is_some_and(|allowed| bytes_needed(next, 0, false, true) > allowed);
        let too_many = || {
            let (expected, found) = (format!("at most {NONE} ids"), "one more");
            Bad::new(expected, found, "split the graph, because columns are numbers of 32 bits")
        };
        let row = || u32::try_from(next).ok().filter(|&row| row < NONE).ok_or_else(too_many);
        if id >= near(at.line) || self.large.contains_key(&id) {
            match self.large.entry(id) {
                Entry::Occupied(row) => {
                    self.counts[*row.get() as usize] += by;
                    return Ok(());
                }
                Entry::Vacant(_) if full => return Ok(()),
                Entry::Vacant(place) => place.insert(row()?),
            };
        } else if full {
            return Ok(());
        } else {
            let place = id as usize;
            if place >= self.small.len() {
                self.small.resize(place + 1, NONE);
            }
            self.small[place] = row()?;
        }
        self.ids.push(id);
        self.counts.push(by);
        Ok(())
    }
}

impl Numbering for Compact {
    #[inline]
    fn count(&mut self, id: u64, by: usize, at: At) -> Result<(), Box<Bad>> {
        match self.small_row(id) {
            Some(row) => self.counts[row as usize] += by,
            None => self.count_other(id, by, at)?,
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
            let small = usize::try_from(*id).ok().and_then(|id| self.small.get_mut(id));
            let place = small.filter(|row| **row != NONE).or_else(|| self.large.get_mut(id));
            if let Some(place) = place {
                counts.push(came[std::mem::replace(place, row) as usize]);
            }
        }
        Ok(counts)
    }

    #[inline]
    fn row(&self, id: u64) -> Option<u32> {
        self.small_row(id).or_else(|| self.large.get(&id).copied())
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
        self.0 = mix(self.0 ^ word);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

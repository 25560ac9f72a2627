//! Ids that are rows as they are: the counts grow with the largest id, as far as the number of lines speaks for it.

use std::collections::TryReserveError;
use std::path::Path;

use super::{bytes_needed, Numbering, Plan, Rows};
use crate::scan::Bad;
use crate::text::At;
use crate::DatasetError;

/// Ids up to here are believed of a file of `lines` lines; past it the file is refused.
fn believed(lines: u64) -> u64 {
    lines.saturating_mul(64).saturating_add(1 << 20)
}

pub(super) struct AsIs {
    plan: Plan,
    counts: Vec<usize>,
    /// Ids that were past what was believed when they came, once for each entry. Those of a file that is read in the
    /// end take at most a 32nd as many places as it has nodes.
    late: Vec<u32>,
    largest: Option<(u64, At)>,
    /// Rows that are known for good.
    rows: usize,
}

impl AsIs {
    pub(super) fn new(plan: Plan) -> Self {
        Self { plan, counts: Vec::new(), late: Vec::new(), largest: None, rows: 0 }
    }

    /// As `count`, for an id that has no place yet.
    #[cold]
    fn count_new(&mut self, id: u64, by: usize, at: At) -> Result<(), Box<Bad>> {
        if let Rows::Given(rows) = self.plan.rows
            && id >= rows as u64
        {
            let hint = "raise the declared number of nodes, or correct the line";
            let expected = format!("node ids below {rows}, the declared number of nodes");
            return Err(Bad::new(expected, id.to_string(), hint));
        }
        if id >= u64::from(u32::MAX) {
            return Err(Bad::new(
                format!("node ids below {}", u32::MAX),
                id.to_string(),
                self.plan.too_many_rows,
            ));
        }
        if self.largest.is_none_or(|(largest, _)| id > largest) {
            self.largest = Some((id, at));
        }
        let (place, id) = (id as usize, id as u32);
        let needed = bytes_needed(place + 1, 0, false, false);
        if self.plan.max_bytes.is_some_and(|allowed| needed > allowed) {
            // To be refused when all is known; nothing is kept for it.
            return Ok(());
        }
        if matches!(self.plan.rows, Rows::Given(_)) || u64::from(id) < believed(at.line) {
            let no_room = |_| {
                let found = format!("{id}, for which there is no memory");
                Bad::new("node ids that fit in memory", found, self.plan.too_many_rows)
            };
            self.counts.try_reserve(place + 1 - self.counts.len()).map_err(no_room)?;
            self.counts.resize(place + 1, 0);
            self.counts[place] = by;
        } else if by > 0 {
            self.late.push(id);
        }
        Ok(())
    }
}

impl Numbering for AsIs {
    #[inline]
    fn count(&mut self, id: u64, by: usize, at: At) -> Result<(), Box<Bad>> {
        match usize::try_from(id).ok().and_then(|id| self.counts.get_mut(id)) {
            Some(count) => *count += by,
            None => self.count_new(id, by, at)?,
        }
        Ok(())
    }

    fn rows(&self, file: &Path, lines: u64) -> Result<usize, DatasetError> {
        let believed = believed(lines);
        let refuse = |rows: u64, at: At| {
            let expected = format!("at most {believed} nodes in a file of {lines} entries");
            Err(Bad::new(expected, rows.to_string(), self.plan.too_many_rows).place(file, at))
        };
        match (self.plan.rows, self.largest) {
            (Rows::Given(rows), _) => Ok(rows),
            (Rows::Claimed(rows, at), _) if rows as u64 > believed => refuse(rows as u64, at),
            (Rows::Claimed(rows, _), _) => Ok(rows),
            (Rows::Seen, Some((largest, at))) if largest >= believed => refuse(largest + 1, at),
            (Rows::Seen, largest) => Ok(largest.map_or(0, |(largest, _)| largest as usize + 1)),
        }
    }

    fn finish(&mut self, rows: usize) -> Result<Vec<usize>, TryReserveError> {
        let mut counts = std::mem::take(&mut self.counts);
        counts.shrink_to_fit();
        counts.try_reserve_exact((rows + 1).saturating_sub(counts.len()))?;
        counts.resize(rows, 0);
        for id in std::mem::take(&mut self.late) {
            // Every id is below `rows`.
            if let Some(count) = counts.get_mut(id as usize) {
                *count += 1;
            }
        }
        self.rows = rows;
        Ok(counts)
    }

    #[inline]
    fn row(&self, id: u64) -> Option<u32> {
        (id < self.rows as u64).then_some(id as u32)
    }

    fn into_ids(self) -> Option<Vec<u64>> {
        None
    }
}

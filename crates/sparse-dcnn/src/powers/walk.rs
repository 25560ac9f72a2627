//! One row of all powers: sums, and what is kept of them.

use super::Sparsify;
use crate::threshold::{edge, Threshold};

/// What one thread needs for a row.
#[derive(Clone, Debug)]
pub struct Walk {
    /// A dense row of sums, zero but for the columns in `reached`.
    sums: Vec<f32>,
    /// Columns that the current power reaches, in the order in which they were first reached.
    reached: Vec<u32>,
    /// The row of the power before.
    columns: Vec<u32>,
    values: Vec<f32>,
    /// The row as it is given.
    kept: Vec<(u32, f32)>,
    pub(super) kept_columns: Vec<u32>,
    pub(super) kept_values: Vec<f32>,
}

impl Walk {
    /// A workspace for rows of `nodes` columns; 0 where power 1 is all that is asked for.
    pub(super) fn new(nodes: usize) -> Self {
        Walk {
            sums: vec![0.0; nodes],
            reached: Vec::new(),
            columns: Vec::new(),
            values: Vec::new(),
            kept: Vec::new(),
            kept_columns: Vec::new(),
            kept_values: Vec::new(),
        }
    }

    /// Power 1: the row of the matrix itself.
    pub(super) fn start(&mut self, sparsify: Sparsify, (columns, values): (&[u32], &[f32])) {
        // A zero that is stored is no entry, here as in every further power.
        let entries = columns.iter().copied().zip(values.iter().copied());
        self.keep(sparsify, entries.filter(|(_, value)| *value > 0.0));
        self.columns.clear();
        self.columns.extend_from_slice(columns);
        self.values.clear();
        self.values.extend_from_slice(values);
    }

    /// sums ← row · P, over the row's entries in their order; `row_of` gives the rows of P.
    pub(super) fn step<'p>(&mut self, row_of: impl Fn(usize) -> (&'p [u32], &'p [f32])) {
        let Walk { sums, reached, columns, values, .. } = self;
        for (&j, &weight) in columns.iter().zip(values.iter()) {
            let (next, chances) = row_of(j as usize);
            for (&l, &p) in next.iter().zip(chances) {
                let sum = &mut sums[l as usize];
                if *sum == 0.0 {
                    reached.push(l);
                }
                *sum += weight * p;
            }
        }
    }

    /// The row of the last power of Post, of which only what is kept is ever listed.
    ///
    /// Most of what a walk of several steps reaches is below σ. So the columns that it reaches are not listed while they
    /// are summed up; the same rows of P are gone through once more, and what is large enough is taken.
    pub(super) fn last_step<'p>(
        &mut self,
        sparsify: Sparsify,
        sigma: f64,
        row_of: impl Fn(usize) -> (&'p [u32], &'p [f32]),
    ) {
        let Walk { sums, columns, values, kept, .. } = self;
        for (&j, &weight) in columns.iter().zip(values.iter()) {
            let (next, chances) = row_of(j as usize);
            for (&l, &p) in next.iter().zip(chances) {
                sums[l as usize] += weight * p;
            }
        }
        let at_least = edge(sigma);
        let mut whole = 0.0f64;
        kept.clear();
        for &j in columns.iter() {
            for &l in row_of(j as usize).0 {
                let value = std::mem::take(&mut sums[l as usize]);
                if value >= at_least {
                    kept.push((l, value));
                }
                if sparsify.renormalize {
                    whole += f64::from(value);
                }
            }
        }
        self.order_kept(sparsify, whole);
    }

    /// Empties the sums into the kept row, and into the whole row where a further power needs it.
    pub(super) fn take_row(&mut self, sparsify: Sparsify, further: bool) {
        let mut reached = std::mem::take(&mut self.reached);
        if further {
            self.columns.clear();
            self.values.clear();
            for &l in &reached {
                let value = std::mem::take(&mut self.sums[l as usize]);
                // A product too small for f32 reaches a column with 0, and perhaps again later.
                if value > 0.0 {
                    self.columns.push(l);
                    self.values.push(value);
                }
            }
            let (columns, values) = (std::mem::take(&mut self.columns), std::mem::take(&mut self.values));
            self.keep(sparsify, columns.iter().copied().zip(values.iter().copied()));
            (self.columns, self.values) = (columns, values);
        } else {
            let mut sums = std::mem::take(&mut self.sums);
            let entries = reached.iter().map(|&l| (l, std::mem::take(&mut sums[l as usize])));
            self.keep(sparsify, entries.filter(|(_, value)| *value > 0.0));
            self.sums = sums;
        }
        reached.clear();
        self.reached = reached;
    }

    /// The entries of a row that are kept, by column.
    fn keep(&mut self, sparsify: Sparsify, entries: impl Iterator<Item = (u32, f32)>) {
        let kept = &mut self.kept;
        kept.clear();
        let mut whole = 0.0f64;
        let entries = entries.inspect(|(_, value)| whole += f64::from(*value));
        match sparsify.threshold {
            Threshold::Post(sigma) => {
                let at_least = edge(sigma);
                kept.extend(entries.filter(|(_, value)| *value >= at_least));
            }
            Threshold::TopK(k) => {
                kept.extend(entries);
                if kept.len() > k {
                    let larger_first =
                        |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
                    kept.select_nth_unstable_by(k - 1, larger_first);
                    kept.truncate(k);
                }
            }
            Threshold::None | Threshold::Pre(_) => kept.extend(entries),
        }
        self.order_kept(sparsify, whole);
    }

    /// Brings what was kept into order, and to the sum `whole` where that is asked for.
    fn order_kept(&mut self, sparsify: Sparsify, whole: f64) {
        let kept = &mut self.kept;
        kept.sort_unstable_by_key(|(column, _)| *column);
        self.kept_columns.clear();
        self.kept_columns.extend(kept.iter().map(|(column, _)| *column));
        self.kept_values.clear();
        self.kept_values.extend(kept.iter().map(|(_, value)| *value));
        if sparsify.renormalize && sparsify.threshold.needs_rows() {
            scale_to(&mut self.kept_values, whole);
        }
    }
}

/// The sum of a row, in the order of its entries.
pub(super) fn sum_of(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum()
}

/// Scales values so that they sum to `whole`, if there are any. A row that is whole already keeps its bits.
pub(super) fn scale_to(values: &mut [f32], whole: f64) {
    let sum = sum_of(values);
    if sum > 0.0 {
        let scale = (whole / sum) as f32;
        values.iter_mut().for_each(|v| *v *= scale);
    }
}

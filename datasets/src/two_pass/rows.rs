//! Sorting the rows and joining repeats, where they lie.

use super::Csr;

/// Sorts every row by column and joins entries of the same column, into their sum or the largest of them.
///
/// Weights are added in rising order of their bits, so a sum depends neither on the order of the file nor on the
/// direction of an edge. `mirrored` says that every joined pair has a mirror image, which is then not counted.
///
/// # Errors
///
/// The row and column of a sum that no `f32` holds.
pub(super) fn tidy(csr: &mut Csr, mirrored: bool, sum: bool) -> Result<(), (usize, u32)> {
    let Csr { indptr, columns, weights, seen, .. } = csr;
    let (mut start, mut end_of_tidy) = (0, 0);
    let mut scratch = Vec::new();
    for row in 0..indptr.len() - 1 {
        let end = indptr[row + 1];
        let tidy = match weights {
            None => tidy_columns(columns, start..end, end_of_tidy, row, mirrored, &mut seen.repeated),
            Some(weights) => {
                let mut joined =
                    Joined { columns, weights, at: end_of_tidy, row, mirrored, repeated: &mut seen.repeated };
                joined.tidy(start..end, sum, &mut scratch)?
            }
        };
        (start, end_of_tidy) = (end, tidy);
        indptr[row + 1] = tidy;
    }
    columns.truncate(end_of_tidy);
    columns.shrink_to_fit();
    if let Some(weights) = weights {
        weights.truncate(end_of_tidy);
        weights.shrink_to_fit();
    }
    Ok(())
}

/// Moves a row without weights to `at` and returns where it ends.
fn tidy_columns(
    columns: &mut [u32],
    from: std::ops::Range<usize>,
    mut at: usize,
    row: usize,
    mirrored: bool,
    repeated: &mut u64,
) -> usize {
    columns[from.clone()].sort_unstable();
    let start = at;
    for place in from {
        let column = columns[place];
        if at > start && columns[at - 1] == column {
            *repeated += u64::from(!mirrored || column as usize >= row);
        } else {
            columns[at] = column;
            at += 1;
        }
    }
    at
}

/// Where the next row with weights goes.
struct Joined<'a> {
    columns: &'a mut [u32],
    weights: &'a mut [f32],
    at: usize,
    row: usize,
    mirrored: bool,
    repeated: &'a mut u64,
}

impl Joined<'_> {
    /// Moves the row to its place and returns where it ends; `scratch` holds each column above its weight's bits.
    fn tidy(
        &mut self,
        from: std::ops::Range<usize>,
        sum: bool,
        scratch: &mut Vec<u64>,
    ) -> Result<usize, (usize, u32)> {
        scratch.clear();
        let pairs = self.columns[from.clone()].iter().zip(&self.weights[from]);
        scratch.extend(pairs.map(|(&column, weight)| u64::from(column) << 32 | u64::from(weight.to_bits())));
        scratch.sort_unstable();
        let parts = |word: u64| ((word >> 32) as u32, f32::from_bits(word as u32));
        for equal in scratch.chunk_by(|a, b| a >> 32 == b >> 32) {
            let (column, mut weight) = parts(equal[0]);
            for &word in &equal[1..] {
                let next = parts(word).1;
                weight = if sum { weight + next } else { weight.max(next) };
            }
            if !weight.is_finite() {
                return Err((self.row, column));
            }
            if !self.mirrored || column as usize >= self.row {
                *self.repeated += equal.len() as u64 - 1;
            }
            (self.columns[self.at], self.weights[self.at]) = (column, weight);
            self.at += 1;
        }
        Ok(self.at)
    }
}

//! The thresholded power series, stored, for those who want the kernel itself.

use std::ops::Range;

use rayon::prelude::*;
use shared::graph::{Csr, PowerRows};

use crate::{
    powers::{build, Powers, Sparsify},
    SparseError,
};

/// Rows that one task computes.
const TASK_ROWS: usize = 256;
/// Tasks whose rows are held beside the series until they are appended to it.
const TASKS: usize = 64;

/// Rows of the thresholded powers P¹ to P^H, stored as sparse matrices. P⁰ is the identity and is not stored.
///
/// # Shapes
/// H matrices of R x N, for R of the N rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    nodes: usize,
    rows: Range<usize>,
    powers: Vec<Csr>,
}

/// The whole thresholded power series of a transition matrix.
///
/// Use [`diffuse`](crate::diffuse()) where only P*X is wanted: it stores no power at all.
///
/// # Shapes
/// P: (N, N), result: H matrices of N x N.
///
/// # Errors
/// As [`Powers::new`].
///
/// # Complexity
/// The time of [`Powers`] for every row, in parallel; memory 8 bytes an entry that is kept and 8 a row and power, and a
/// row of N a thread.
///
/// # Reference
/// Section 2 of the paper; theorem 1 (Pre) and its counterpart for Post bound the entries: see [`crate::bounds`].
///
/// # Example
/// ```
/// use shared::graph::{from_edges, transition_matrix, Normalization};
/// use sparse_dcnn::{power_series, Threshold};
/// let p = transition_matrix(&from_edges(4, &[(0, 1), (0, 2), (0, 3)])?, Normalization::RANDOM_WALK)?;
/// let exact = power_series(&p, Threshold::None, 2)?;
/// let pre = power_series(&p, Threshold::Pre(0.5), 2)?;
/// assert_eq!((exact.nnz(1), exact.nnz(2)), (6, 10));
/// assert_eq!((pre.nnz(1), pre.nnz(2)), (3, 0)); // all walks lead through the hub, whose row is gone
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn power_series(p: &Csr, sparsify: impl Into<Sparsify>, hops: usize) -> Result<Series, SparseError> {
    let powers = Powers::new(p, sparsify, hops)?;
    power_series_rows(&powers, 0..p.rows())
}

/// Some rows of the thresholded power series: a shard of it. Rows do not depend on one another, so shards computed
/// anywhere [join](Series::join) to the same bits as the whole computed in one place.
///
/// # Errors
/// [`SparseError::Node`] for a range that leaves the matrix.
///
/// # Complexity
/// As [`power_series`], for these rows.
pub fn power_series_rows(powers: &Powers<'_>, rows: Range<usize>) -> Result<Series, SparseError> {
    let (nodes, hops) = (powers.nodes(), powers.hops());
    check_rows(&rows, nodes)?;
    let mut parts: Vec<Part> = (0..hops).map(|_| Part::with_rows(rows.len())).collect();
    let tasks: Vec<Range<usize>> = cut(rows.clone(), TASK_ROWS);
    for group in tasks.chunks(TASKS) {
        let done: Vec<Vec<Part>> = group
            .par_iter()
            .map_init(|| powers.scratch(), |walk, rows| compute(powers, rows.clone(), walk))
            .collect();
        for task in done {
            parts.iter_mut().zip(task).for_each(|(whole, part)| whole.append(&part));
        }
    }
    let shape = (rows.len(), nodes);
    let powers: Result<Vec<Csr>, SparseError> = parts.into_iter().map(|part| part.finish(shape)).collect();
    Ok(Series { nodes, rows, powers: powers? })
}

/// How many entries each thresholded power has in these rows, without storing any.
///
/// # Errors
/// As [`power_series_rows`].
pub fn count_entries(powers: &Powers<'_>, rows: Range<usize>) -> Result<Vec<u64>, SparseError> {
    let (nodes, hops) = (powers.nodes(), powers.hops());
    check_rows(&rows, nodes)?;
    let count = |walk: &mut <Powers<'_> as PowerRows>::Scratch, rows: &Range<usize>| {
        let mut counts = vec![0u64; hops];
        for i in rows.clone() {
            powers.rows(i, walk, &mut |hop, columns, _| counts[hop - 1] += columns.len() as u64);
        }
        counts
    };
    let add = |mut a: Vec<u64>, b: Vec<u64>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    Ok(cut(rows, TASK_ROWS).par_iter().map_init(|| powers.scratch(), count).reduce(|| vec![0; hops], add))
}

/// Refuses a range that leaves the matrix.
fn check_rows(rows: &Range<usize>, nodes: usize) -> Result<(), SparseError> {
    match rows.end.max(rows.start) {
        end if end > nodes => Err(SparseError::Node { index: end - 1, nodes }),
        _ => Ok(()),
    }
}

/// Consecutive ranges of at most `rows` rows.
pub(crate) fn cut(whole: Range<usize>, rows: usize) -> Vec<Range<usize>> {
    let end = whole.end;
    whole.step_by(rows.max(1)).map(|start| start..(start + rows.max(1)).min(end)).collect()
}

fn compute(
    powers: &Powers<'_>,
    rows: Range<usize>,
    walk: &mut <Powers<'_> as PowerRows>::Scratch,
) -> Vec<Part> {
    let mut parts: Vec<Part> = (0..powers.hops()).map(|_| Part::with_rows(rows.len())).collect();
    for i in rows {
        powers.rows(i, walk, &mut |hop, columns, values| parts[hop - 1].push_row(columns, values));
    }
    parts
}

impl Series {
    /// N, the columns of every power.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// H, the number of powers.
    #[must_use]
    pub fn hops(&self) -> usize {
        self.powers.len()
    }

    /// The rows of the whole series that are in this one.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// The rows of power `hop`, from 1 to H; `None` for any other.
    #[must_use]
    pub fn power(&self, hop: usize) -> Option<&Csr> {
        self.powers.get(hop.checked_sub(1)?)
    }

    /// Entries of power `hop`, 0 for a power that is not there.
    #[must_use]
    pub fn nnz(&self, hop: usize) -> usize {
        self.power(hop).map_or(0, Csr::nnz)
    }

    /// Bytes on the heap: 8 an entry and 8 a row and power.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.powers.iter().map(|p| 8 * p.nnz() + 8 * (p.rows() + 1)).sum()
    }

    /// A series of parts that were read back.
    pub(crate) fn from_powers(nodes: usize, rows: Range<usize>, powers: Vec<Csr>) -> Self {
        Series { nodes, rows, powers }
    }

    /// Joins shards, in any order, to the series whose rows they are.
    ///
    /// # Errors
    /// [`SparseError::Blocks`] for shards that overlap, leave a gap, or are of different sizes.
    pub fn join(shards: impl IntoIterator<Item = Series>) -> Result<Series, SparseError> {
        let mut shards: Vec<Series> = shards.into_iter().collect();
        shards.sort_by_key(|shard| (shard.rows.start, shard.rows.end));
        let first = shards
            .first()
            .ok_or_else(|| SparseError::Blocks("there are no shards to join: give at least one".into()))?;
        let (nodes, hops, start) = (first.nodes, first.hops(), first.rows.start);
        let count: usize = shards.iter().map(|shard| shard.rows.len()).sum();
        let mut parts: Vec<Part> = (0..hops).map(|_| Part::with_rows(count)).collect();
        let mut next = start;
        for shard in shards {
            if (shard.nodes, shard.hops()) != (nodes, hops) {
                return Err(SparseError::Blocks(format!(
                    "the shard of rows {} to {} has {} nodes and {} hops where the first has {nodes} and {hops}: join \
                     shards of one series",
                    shard.rows.start, shard.rows.end, shard.nodes, shard.hops()
                )));
            }
            if shard.rows.start != next {
                return Err(SparseError::Blocks(format!(
                    "after row {next} comes a shard that starts at row {}: compute the shards that are missing, and give \
                     each once",
                    shard.rows.start
                )));
            }
            next = shard.rows.end;
            parts.iter_mut().zip(&shard.powers).for_each(|(part, power)| part.append_csr(power));
        }
        let powers: Result<Vec<Csr>, SparseError> =
            parts.into_iter().map(|part| part.finish((count, nodes))).collect();
        Ok(Series { nodes, rows: start..next, powers: powers? })
    }
}

impl PowerRows for Series {
    type Scratch = ();

    fn nodes(&self) -> usize {
        self.nodes
    }

    fn hops(&self) -> usize {
        self.powers.len()
    }

    fn scratch(&self) {}

    /// Rows that are not in this shard have no entries.
    fn rows(&self, i: usize, (): &mut (), give: &mut dyn FnMut(usize, &[u32], &[f32])) {
        for (k, power) in self.powers.iter().enumerate() {
            let row = self.rows.contains(&i).then(|| power.indptr().outer_inds_sz(i - self.rows.start));
            let span = row.unwrap_or(0..0);
            give(k + 1, &power.indices()[span.clone()], &power.data()[span]);
        }
    }
}

/// A matrix under construction, row after row.
struct Part {
    indptr: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Part {
    fn with_rows(rows: usize) -> Self {
        let mut indptr = Vec::with_capacity(rows + 1);
        indptr.push(0);
        Part { indptr, columns: Vec::new(), values: Vec::new() }
    }

    fn push_row(&mut self, columns: &[u32], values: &[f32]) {
        self.columns.extend_from_slice(columns);
        self.values.extend_from_slice(values);
        self.indptr.push(self.columns.len());
    }

    fn append(&mut self, other: &Part) {
        let start = self.columns.len();
        self.indptr.extend(other.indptr[1..].iter().map(|end| start + end));
        self.columns.extend_from_slice(&other.columns);
        self.values.extend_from_slice(&other.values);
    }

    fn append_csr(&mut self, other: &Csr) {
        let start = self.columns.len();
        self.indptr.extend(other.proper_indptr()[1..].iter().map(|end| start + end));
        self.columns.extend_from_slice(other.indices());
        self.values.extend_from_slice(other.data());
    }

    fn finish(mut self, shape: (usize, usize)) -> Result<Csr, SparseError> {
        self.columns.shrink_to_fit();
        self.values.shrink_to_fit();
        build(shape, self.indptr, self.columns, self.values)
    }
}

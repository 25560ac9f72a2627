//! Rows of thresholded powers, one at a time.

use std::{borrow::Cow, collections::BTreeMap};

use rayon::prelude::*;
use shared::graph::{Csr, PowerRows, MAX_HOPS};

use crate::{
    threshold::{edge, Threshold},
    SparseError,
};

mod walk;

pub use walk::Walk;
use walk::{scale_to, sum_of};

/// How a transition matrix is made sparse.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sparsify {
    /// Which entries are kept. Default all.
    pub threshold: Threshold,
    /// Whether what is kept of a row is scaled up to the sum of the whole row. Default no, as in the paper.
    pub renormalize: bool,
}

impl From<Threshold> for Sparsify {
    fn from(threshold: Threshold) -> Self {
        Sparsify { threshold, renormalize: false }
    }
}

/// P̄: the entries of P that are at least σ, up to the [tolerance](crate::TOLERANCE).
///
/// # Shapes
/// P: (N, N), result the same with no more entries.
///
/// # Errors
/// [`SparseError`] for σ that is not allowed or a matrix that is not square or not by rows.
///
/// # Reference
/// Section 2, pre-thresholding.
///
/// # Example
/// ```
/// use shared::graph::{from_edges, transition_matrix, Normalization};
/// // node 0 has three neighbours, the others one
/// let p = transition_matrix(&from_edges(4, &[(0, 1), (0, 2), (0, 3)])?, Normalization::RANDOM_WALK)?;
/// let kept = sparse_dcnn::pre_threshold(&p, 0.5)?;
/// assert_eq!(kept.nnz(), 3); // the row of the hub is gone
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn pre_threshold(p: &Csr, sigma: f64) -> Result<Csr, SparseError> {
    Threshold::Pre(sigma).check()?;
    let at_least = edge(sigma);
    keep_entries(p, |_, _, value| value >= at_least)
}

/// The entries of P that `keep(row, column, value)` says, rows in parallel.
///
/// # Errors
/// [`SparseError`] for a matrix that is not square or not by rows.
pub fn keep_entries(p: &Csr, keep: impl Fn(usize, u32, f32) -> bool + Sync) -> Result<Csr, SparseError> {
    check_transition(p)?;
    let starts = p.proper_indptr();
    let span = |i: usize| starts[i]..starts[i + 1];
    let kept_of = |i: usize| {
        let (columns, values) = (&p.indices()[span(i)], &p.data()[span(i)]);
        columns.iter().zip(values).filter(|&(&j, &v)| keep(i, j, v)).count()
    };
    let counts: Vec<usize> = (0..p.rows()).into_par_iter().with_min_len(1024).map(kept_of).collect();
    let mut indptr = Vec::with_capacity(p.rows() + 1);
    let mut total = 0;
    indptr.push(0);
    for count in counts {
        total += count;
        indptr.push(total);
    }
    let (mut columns, mut values) = (Vec::with_capacity(total), Vec::with_capacity(total));
    for i in 0..p.rows() {
        if indptr[i + 1] - indptr[i] == span(i).len() {
            columns.extend_from_slice(&p.indices()[span(i)]);
            values.extend_from_slice(&p.data()[span(i)]);
            continue;
        }
        for e in span(i) {
            let (j, v) = (p.indices()[e], p.data()[e]);
            if keep(i, j, v) {
                columns.push(j);
                values.push(v);
            }
        }
    }
    build(p.shape(), indptr, columns, values)
}

/// A checked matrix from its three arrays.
pub(crate) fn build(
    shape: (usize, usize),
    indptr: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
) -> Result<Csr, SparseError> {
    Csr::try_new(shape, indptr, columns, values)
        .map_err(|(_, _, _, why)| SparseError::Structure(why.to_string()))
}

/// The rows of thresholded powers of a transition matrix, computed when they are asked for.
///
/// Row i of P^k is row i of P^(k−1) times P: it needs that one row and no other row of any power. So the powers of a
/// graph of any size are available, a row at a time, in the memory of P and of one row.
///
/// # Shapes
/// Rows of N columns, for the powers 1 to H.
///
/// # Complexity
/// A row of power k costs one term for each entry of row i of P^(k−1) and each entry of the rows of P that these name.
///
/// # Reference
/// Section 2 of the paper; for Pre, P̄^k = P̄^(k−1) P̄ and not P̄^(k−1) P as in the authors' code.
///
/// # Example
/// ```
/// use shared::graph::{from_edges, transition_matrix, Normalization, PowerRows};
/// use sparse_dcnn::{Powers, Threshold};
/// let p = transition_matrix(&from_edges(3, &[(0, 1), (1, 2)])?, Normalization::RANDOM_WALK)?;
/// let powers = Powers::new(&p, Threshold::Post(0.6), 2)?;
/// let mut seen = Vec::new();
/// powers.rows(0, &mut powers.scratch(), &mut |hop, columns, values| {
///     seen.push((hop, columns.to_vec(), values.to_vec()));
/// });
/// // a step to node 1 for sure; two steps go to 0 or 2 with 0.5 each, which is below 0.6
/// assert_eq!(seen, [(1, vec![1], vec![1.0]), (2, vec![], vec![])]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Powers<'p> {
    /// P, or P̄ for Pre.
    p: Cow<'p, Csr>,
    /// Rows that stand in place of those of `p`; see [`with_rows`](Self::with_rows).
    overlay: BTreeMap<u32, (Vec<u32>, Vec<f32>)>,
    nodes: usize,
    hops: usize,
    sparsify: Sparsify,
}

impl<'p> Powers<'p> {
    /// The powers 1 to `hops` of P, as `sparsify` keeps them. For Pre, P̄ is computed here.
    ///
    /// # Errors
    /// [`SparseError`] for a threshold that is not allowed, too many hops, or a matrix that is not square, not by rows,
    /// or holds a value that is no number or below 0.
    pub fn new(p: &'p Csr, sparsify: impl Into<Sparsify>, hops: usize) -> Result<Self, SparseError> {
        let sparsify = sparsify.into();
        check_transition(p)?;
        sparsify.threshold.check()?;
        if hops > MAX_HOPS {
            return Err(shared::graph::GraphError::TooManyHops { hops, max: MAX_HOPS }.into());
        }
        let powers = Self::kept(p, sparsify, hops);
        Ok(match pre_threshold_of(p, sparsify)? {
            Some(kept) => Powers { p: Cow::Owned(kept), ..powers },
            None => powers,
        })
    }

    /// The powers of a matrix to which Pre has been applied where that is asked for.
    pub(crate) fn kept(p: &'p Csr, sparsify: Sparsify, hops: usize) -> Self {
        Powers { p: Cow::Borrowed(p), overlay: BTreeMap::new(), nodes: p.rows(), hops, sparsify }
    }

    /// The matrix whose powers are taken: P̄ for Pre, else P. Rows from [`with_rows`](Self::with_rows) are not in it.
    #[must_use]
    pub fn matrix(&self) -> &Csr {
        &self.p
    }

    /// What is kept.
    #[must_use]
    pub fn sparsify(&self) -> Sparsify {
        self.sparsify
    }

    /// The same powers of a graph in which some rows of P are others: those of nodes with new edges, and those of new
    /// nodes, N and up. P itself is not copied.
    ///
    /// `rows` are rows of P before thresholding, with rising columns below `nodes`, the new number of nodes.
    ///
    /// # Errors
    /// [`SparseError`] for a row or column beyond `nodes`, columns that do not rise, or values that are no numbers.
    pub fn with_rows(
        mut self,
        nodes: usize,
        rows: impl IntoIterator<Item = (u32, Vec<u32>, Vec<f32>)>,
    ) -> Result<Self, SparseError> {
        let nodes = nodes.max(self.nodes);
        for (row, mut columns, mut values) in rows {
            let below = |j: u32| (j as usize) < nodes;
            if !below(row) || !columns.iter().all(|j| below(*j)) {
                let index = columns.iter().copied().chain([row]).find(|j| !below(*j)).unwrap_or(row) as usize;
                return Err(SparseError::Node { index, nodes });
            }
            if columns.len() != values.len() {
                let (columns, values) = (columns.len(), values.len());
                return Err(SparseError::Structure(format!(
                    "row {row} has {columns} columns and {values} values"
                )));
            }
            if columns.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(SparseError::Structure(format!("row {row} has columns that do not rise")));
            }
            check_values(row as usize, &values)?;
            if let Threshold::Pre(sigma) = self.sparsify.threshold {
                let (whole, at_least) = (sum_of(&values), edge(sigma));
                (columns, values) = columns.into_iter().zip(values).filter(|(_, v)| *v >= at_least).unzip();
                if self.sparsify.renormalize {
                    scale_to(&mut values, whole);
                }
            }
            self.overlay.insert(row, (columns, values));
        }
        Ok(Powers { nodes, ..self })
    }

    /// Whether [`with_rows`](Self::with_rows) changed or added rows.
    #[inline]
    fn is_grown(&self) -> bool {
        !self.overlay.is_empty() || self.nodes > self.p.rows()
    }

    /// The matrix whose powers are taken, with the rows of [`with_rows`](Self::with_rows); a copy only if there are any.
    pub(crate) fn whole_matrix(&self) -> Result<Cow<'_, Csr>, SparseError> {
        if !self.is_grown() {
            return Ok(Cow::Borrowed(&*self.p));
        }
        let (mut indptr, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for i in 0..self.nodes {
            let (from, row) = self.row(i);
            columns.extend_from_slice(from);
            values.extend_from_slice(row);
            indptr.push(columns.len());
        }
        build((self.nodes, self.nodes), indptr, columns, values).map(Cow::Owned)
    }

    /// Row i of the matrix whose powers are taken.
    #[inline]
    pub(crate) fn row(&self, i: usize) -> (&[u32], &[f32]) {
        if self.is_grown() {
            if let Some((columns, values)) = self.overlay.get(&(i as u32)) {
                return (columns, values);
            }
            if (self.p.rows()..self.nodes).contains(&i) {
                return (&[], &[]);
            }
        }
        // `outer_view` would count the rows' offset each time; P is never a part of a larger matrix here.
        let starts = self.p.indptr();
        let span = starts.outer_inds_sz(i);
        (&self.p.indices()[span.clone()], &self.p.data()[span])
    }
}

impl PowerRows for Powers<'_> {
    type Scratch = Walk;

    fn nodes(&self) -> usize {
        self.nodes
    }

    fn hops(&self) -> usize {
        self.hops
    }

    fn scratch(&self) -> Walk {
        Walk::new(if self.hops > 1 { self.nodes } else { 0 })
    }

    fn rows(&self, i: usize, walk: &mut Walk, give: &mut dyn FnMut(usize, &[u32], &[f32])) {
        if self.hops == 0 {
            return;
        }
        walk.start(self.sparsify, self.row(i));
        give(1, &walk.kept_columns, &walk.kept_values);
        for hop in 2..=self.hops {
            match self.sparsify.threshold {
                Threshold::Post(sigma) if hop == self.hops => {
                    walk.last_step(self.sparsify, sigma, |j| self.row(j));
                }
                _ => {
                    walk.step(|j| self.row(j));
                    walk.take_row(self.sparsify, hop < self.hops);
                }
            }
            give(hop, &walk.kept_columns, &walk.kept_values);
        }
    }
}

/// P̄ for Pre, its rows rescaled where that is asked for; nothing for any other threshold.
pub(crate) fn pre_threshold_of(p: &Csr, sparsify: Sparsify) -> Result<Option<Csr>, SparseError> {
    let Threshold::Pre(sigma) = sparsify.threshold else { return Ok(None) };
    let mut kept = pre_threshold(p, sigma)?;
    if sparsify.renormalize {
        scale_rows_to(&mut kept, p);
    }
    Ok(Some(kept))
}

/// Scales every row of `kept` to the sum of the same row of `p`.
fn scale_rows_to(kept: &mut Csr, p: &Csr) {
    let (starts, whole) = (kept.proper_indptr().into_owned(), p.proper_indptr());
    let values = kept.data_mut();
    for i in 0..p.rows() {
        scale_to(&mut values[starts[i]..starts[i + 1]], sum_of(&p.data()[whole[i]..whole[i + 1]]));
    }
}

/// Refuses a matrix that cannot hold transition probabilities.
pub(crate) fn check_transition(p: &Csr) -> Result<(), SparseError> {
    use shared::graph::GraphError;
    let what = "the transition matrix";
    if !p.is_csr() {
        return Err(GraphError::NotCsr { what }.into());
    }
    let (rows, cols) = p.shape();
    if rows != cols {
        return Err(GraphError::NotSquare { what, rows, cols }.into());
    }
    if let Some(e) = p.data().iter().position(|v| !(v.is_finite() && *v >= 0.0)) {
        let starts = p.proper_indptr();
        let row = starts.partition_point(|start| *start <= e).saturating_sub(1);
        return check_values(row, &p.data()[e..=e]);
    }
    Ok(())
}

fn check_values(row: usize, values: &[f32]) -> Result<(), SparseError> {
    match values.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
        Some(value) => Err(SparseError::Probability { row, value: *value }),
        None => Ok(()),
    }
}

//! Multinomial logistic regression with an L1 or an L2 penalty.

use super::error::BaselineError;
use super::matrix::{add_scaled, argmax, checked_entries, Matrix};
use super::owlqn::{minimise, Stop};
use super::{check, Csr};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Which norm of the weights is penalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Penalty {
    /// R(W) = sum of |w|: few features are used.
    L1,
    /// R(W) = half the sum of w².
    L2,
}

/// When a fit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogisticOptions {
    /// The fit stops once the minimum-norm subgradient of the objective has no entry larger in
    /// size than this share of the largest entry at W = 0, b = 0. Above 0; 1e-5 by default.
    pub tolerance: f64,
    /// Steps after which the fit stops all the same; [`Logistic::converged`] tells. 2000 by default.
    pub max_iterations: usize,
}

impl Default for LogisticOptions {
    fn default() -> Self {
        LogisticOptions { tolerance: 1e-5, max_iterations: 2000 }
    }
}

/// A fitted softmax classifier.
///
/// P(y = k | x) = exp(b_k + w_k · x) / sum_c exp(b_c + w_c · x), with W and b minimising
///
/// (1/n) sum_i -log P(y_i | x_i) + R(W) / (n C).
///
/// This is scikit-learn's objective divided by n C, so C means the same: large C, weak penalty. The
/// bias b is not penalised.
///
/// # Shapes
/// Features are a sparse N x F matrix of one row a sample: node features, or for graph
/// classification the mean node features of each graph. W is F x K for K classes.
///
/// # Reference
/// The baselines `l1logistic` and `l2logistic` of the paper's experiments.
///
/// # Example
/// ```
/// use dcnn::baselines::{Csr, Logistic, LogisticOptions, Penalty};
/// // four samples; feature 0 marks class 0, feature 1 class 1
/// let x = Csr::new((4, 2), vec![0, 1, 2, 3, 4], vec![0, 1, 0, 1], vec![1.0, 1.0, 2.0, 2.0]);
/// let labels = [0, 1, 0, 1];
/// let model = Logistic::fit(&x, &[0, 1], &labels, 2, Penalty::L2, 10.0, &LogisticOptions::default())?;
/// assert_eq!(model.predict(&x, &[2, 3])?, [0, 1]);
/// # Ok::<(), dcnn::baselines::BaselineError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    /// W by feature, then b: entry (f, k) at `f * classes + k`.
    parameters: Vec<f64>,
    features: usize,
    classes: usize,
    objective: f64,
    iterations: usize,
    converged: bool,
}

impl Logistic {
    /// Fits on `rows` of `x`; `labels` has one entry for every row of `x`, and only those of `rows`
    /// are read.
    ///
    /// # Errors
    /// An index, label, value or setting outside its range; see [`BaselineError`].
    ///
    /// # Complexity
    /// O(nonzeros x K + F K) a step, and some tens to hundreds of steps. The result does not depend
    /// on the number of threads.
    pub fn fit(
        x: &Csr,
        rows: &[usize],
        labels: &[usize],
        classes: usize,
        penalty: Penalty,
        strength: f64,
        options: &LogisticOptions,
    ) -> Result<Self, BaselineError> {
        let mut path = Self::fit_path(x, rows, labels, classes, penalty, &[strength], options)?;
        path.pop().ok_or(BaselineError::Grid { name: "strengths" })
    }

    /// Fits once for each C of `strengths`, in increasing order, each fit starting from the one
    /// before: as [`Logistic::fit`], but quicker over a grid.
    ///
    /// # Errors
    /// As [`Logistic::fit`], and [`BaselineError::Grid`] if `strengths` does not increase.
    pub fn fit_path(
        x: &Csr,
        rows: &[usize],
        labels: &[usize],
        classes: usize,
        penalty: Penalty,
        strengths: &[f64],
        options: &LogisticOptions,
    ) -> Result<Vec<Self>, BaselineError> {
        check::csr("feature", x)?;
        check::labelled_rows("training row", rows, x.rows(), labels, classes)?;
        check::grid("strengths", strengths)?;
        check::positive("tolerance", options.tolerance)?;
        let features = x.cols();
        let size = checked_entries("logistic model", features.saturating_add(1), classes)?;
        checked_entries("class probability table", rows.len(), classes)?;
        let problem = Problem::new(x, rows, labels, classes);
        let mut scratch = vec![0.0; rows.len() * classes];
        let mut parameters = vec![0.0; size];

        let mut gradient = vec![0.0; size];
        problem.loss(&parameters, &mut gradient, &mut scratch);
        let largest = gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
        let stop = Stop { subgradient: options.tolerance * largest, max_iterations: options.max_iterations };
        let mut path = Vec::with_capacity(strengths.len());
        for strength in strengths {
            let scale = 1.0 / (strength * rows.len() as f64);
            let (l1_scale, l2_scale) = match penalty {
                Penalty::L1 => (scale, 0.0),
                Penalty::L2 => (0.0, scale),
            };
            let weights = features * classes;
            let mut l1 = vec![l1_scale; size];
            l1[weights..].fill(0.0);
            let smooth = |parameters: &[f64], gradient: &mut [f64]| {
                let loss = problem.loss(parameters, gradient, &mut scratch);
                let (w, g) = (&parameters[..weights], &mut gradient[..weights]);
                add_scaled(g, l2_scale, w);
                loss + 0.5 * l2_scale * w.iter().map(|w| w * w).sum::<f64>()
            };
            let outcome = minimise(&mut parameters, &l1, smooth, stop);
            path.push(Logistic {
                parameters: parameters.clone(),
                features,
                classes,
                objective: outcome.objective,
                iterations: outcome.iterations,
                converged: outcome.subgradient <= stop.subgradient,
            });
        }
        Ok(path)
    }

    /// The most probable class of each of `rows`, the lowest of equals.
    ///
    /// # Errors
    /// [`BaselineError::FeatureCount`] if `x` has another number of columns, and errors for an
    /// empty or out-of-range row list.
    pub fn predict(&self, x: &Csr, rows: &[usize]) -> Result<Vec<usize>, BaselineError> {
        let scores = self.scores(x, rows)?;
        Ok((0..scores.rows()).map(|i| argmax(scores.row(i))).collect())
    }

    /// P(class | features) for each of `rows`.
    ///
    /// # Shapes
    /// rows x K, each row summing to 1.
    ///
    /// # Errors
    /// As [`Logistic::predict`].
    pub fn predict_proba(&self, x: &Csr, rows: &[usize]) -> Result<Matrix, BaselineError> {
        let mut scores = self.scores(x, rows)?;
        for row in scores.as_mut_slice().chunks_mut(self.classes) {
            softmax(row);
        }
        Ok(scores)
    }

    /// The objective's value at the end of the fit.
    pub fn objective(&self) -> f64 {
        self.objective
    }

    /// Whether the fit met its tolerance.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// Steps the fit took.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// How many entries of W are not zero.
    pub fn nonzero_weights(&self) -> usize {
        self.parameters[..self.features * self.classes].iter().filter(|w| **w != 0.0).count()
    }

    fn scores(&self, x: &Csr, rows: &[usize]) -> Result<Matrix, BaselineError> {
        if !x.is_csr() {
            return Err(BaselineError::NotCsr { what: "feature" });
        }
        if x.cols() != self.features {
            return Err(BaselineError::FeatureCount { got: x.cols(), expected: self.features });
        }
        check::row_indices("row", rows, x.rows())?;
        let mut scores = Matrix::zeros(rows.len(), self.classes)?;
        let samples = Rows::gather(x, rows);
        for (i, out) in scores.as_mut_slice().chunks_mut(self.classes).enumerate() {
            samples.scores(i, &self.parameters, out);
        }
        Ok(scores)
    }
}

/// The training rows, by sample for the scores and by feature for the gradient.
struct Problem {
    by_sample: Rows,
    by_feature: Rows,
    labels: Vec<usize>,
    classes: usize,
}

/// Samples, or features, that one task handles: fixed, so that no sum depends on the thread count.
const CHUNK: usize = 256;

impl Problem {
    fn new(x: &Csr, rows: &[usize], labels: &[usize], classes: usize) -> Self {
        let by_sample = Rows::gather(x, rows);
        let by_feature = by_sample.transpose(x.cols());
        let labels = rows.iter().map(|&row| labels[row]).collect();
        Problem { by_sample, by_feature, labels, classes }
    }

    /// Mean negative log-likelihood; writes its gradient. `residuals` is scratch, samples x K.
    fn loss(&self, parameters: &[f64], gradient: &mut [f64], residuals: &mut [f64]) -> f64 {
        let (k, n) = (self.classes, self.labels.len());
        let mut losses = vec![0.0; n];
        let chunks = residuals.par_chunks_mut(CHUNK * k).zip(losses.par_chunks_mut(CHUNK)).enumerate();
        chunks.for_each(|(chunk, (residuals, losses))| {
            for (i, (row, loss)) in residuals.chunks_mut(k).zip(losses).enumerate() {
                let sample = chunk * CHUNK + i;
                self.by_sample.scores(sample, parameters, row);
                let label = self.labels[sample];
                let score = row[label];
                *loss = softmax(row) - score;
                // d loss / d score = P(class) - [class = label]
                row[label] -= 1.0;
            }
        });
        let mean = 1.0 / n as f64;
        let residuals = &*residuals;
        let (weights, bias) = gradient.split_at_mut(parameters.len() - k);
        weights.par_chunks_mut(CHUNK * k).enumerate().for_each(|(chunk, gradient)| {
            for (f, row) in gradient.chunks_mut(k).enumerate() {
                row.fill(0.0);
                for (sample, value) in self.by_feature.row(chunk * CHUNK + f) {
                    add_scaled(row, mean * value, &residuals[sample * k..(sample + 1) * k]);
                }
            }
        });
        bias.fill(0.0);
        for row in residuals.chunks(k) {
            add_scaled(bias, mean, row);
        }
        mean * losses.iter().sum::<f64>()
    }
}

/// Sparse rows in f64, packed.
struct Rows {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f64>,
}

impl Rows {
    /// The listed rows, which must be there.
    fn gather(x: &Csr, rows: &[usize]) -> Self {
        let mut packed = Rows { starts: vec![0], columns: Vec::new(), values: Vec::new() };
        for &row in rows {
            if let Some(entries) = x.outer_view(row) {
                packed.columns.extend_from_slice(entries.indices());
                packed.values.extend(entries.data().iter().map(|&value| f64::from(value)));
            }
            packed.starts.push(packed.columns.len());
        }
        packed
    }

    fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[i]..self.starts[i + 1];
        let columns = self.columns[range.clone()].iter().map(|&column| column as usize);
        columns.zip(self.values[range].iter().copied())
    }

    /// b + W x of row `i`.
    fn scores(&self, i: usize, parameters: &[f64], out: &mut [f64]) {
        let k = out.len();
        out.copy_from_slice(&parameters[parameters.len() - k..]);
        for (feature, value) in self.row(i) {
            add_scaled(out, value, &parameters[feature * k..(feature + 1) * k]);
        }
    }

    /// The same entries by column, in order of row within each.
    fn transpose(&self, columns: usize) -> Self {
        let mut starts = vec![0; columns + 1];
        for &column in &self.columns {
            starts[column as usize + 1] += 1;
        }
        for column in 0..columns {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let (mut rows, mut values) = (vec![0; self.columns.len()], vec![0.0; self.columns.len()]);
        for row in 0..self.starts.len() - 1 {
            for (column, value) in self.row(row) {
                // sample counts were bounded when the probability table was
                rows[next[column]] = row as u32;
                values[next[column]] = value;
                next[column] += 1;
            }
        }
        Rows { starts, columns: rows, values }
    }
}

/// Turns scores into probabilities; returns log sum exp of the scores.
fn softmax(row: &mut [f64]) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in row.iter_mut() {
        *value = (*value - largest).exp();
        sum += *value;
    }
    row.iter_mut().for_each(|value| *value /= sum);
    largest + sum.ln()
}

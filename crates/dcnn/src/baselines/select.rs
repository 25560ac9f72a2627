//! Model selection: every baseline tuned on validation data, then tested once.

use super::error::BaselineError;
use super::kernels::{GraphKernel, KernelKind, Normalisation};
use super::logistic::{Logistic, LogisticOptions, Penalty};
use super::svm::{LinearSvm, SvmOptions};
use super::Scores;
use super::{check, Csr};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Which rows train a model, which choose its settings and which test it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split<'a> {
    /// Rows whose labels a model is fitted to.
    pub train: &'a [usize],
    /// Rows whose labels choose the settings.
    pub validation: &'a [usize],
    /// Rows whose labels are read once, for the scores.
    pub test: &'a [usize],
}

/// The labels of a data set and its split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task<'a> {
    /// One label a row, each below `classes`.
    pub labels: &'a [usize],
    /// Number of classes.
    pub classes: usize,
    /// The split.
    pub split: Split<'a>,
}

/// The settings that are tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// C of logistic regression with either penalty, in increasing order.
    pub logistic_strengths: Vec<f64>,
    /// C of the SVM, in increasing order.
    pub svm_strengths: Vec<f64>,
    /// alpha of KED.
    pub exponential_alphas: Doubling,
    /// alpha of KLED.
    pub laplacian_alphas: Doubling,
    /// How kernel rows are scaled.
    pub normalisations: Vec<Normalisation>,
    /// When a logistic fit stops.
    pub logistic: LogisticOptions,
    /// When an SVM fit stops.
    pub svm: SvmOptions,
}

/// The values first, 2 first, 4 first, ...
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Doubling {
    /// The smallest value.
    pub first: f64,
    /// How many values.
    pub count: usize,
}

/// How a baseline did, and with which settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineResult {
    /// Scores on the test rows.
    pub test: Scores,
    /// Accuracy on the validation rows, which the settings were chosen by.
    pub validation_accuracy: f64,
    /// The settings chosen.
    pub chosen: Chosen,
    /// Settings chosen at an end of their grid; a wider grid might do better.
    pub at_grid_edge: Vec<Setting>,
    /// Whether the chosen model's fit met its tolerance.
    pub converged: bool,
    /// How many settings were tried.
    pub candidates: usize,
}

/// The settings of a tuned baseline; those that it does not have are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// C.
    pub strength: Option<f64>,
    /// alpha of the graph kernel.
    pub alpha: Option<f64>,
    /// Scaling of kernel rows.
    pub normalisation: Option<Normalisation>,
}

/// A setting that is tuned over a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setting {
    /// C.
    Strength,
    /// alpha.
    Alpha,
}

impl Grid {
    /// The grid that the paper's claims are measured with: about 40 seconds for all baselines on one
    /// split of Cora, on one core.
    pub fn full() -> Self {
        Grid {
            logistic_strengths: half_decades(-2, 4),
            svm_strengths: (-3..=4).map(|exponent| 10f64.powi(exponent)).collect(),
            exponential_alphas: Doubling { first: 1.0 / 16.0, count: 6 },
            laplacian_alphas: Doubling { first: 0.25, count: 8 },
            normalisations: vec![Normalisation::Global, Normalisation::Cosine],
            logistic: LogisticOptions::default(),
            svm: SvmOptions::default(),
        }
    }

    /// A coarse grid: about a second for all baselines on a graph of a thousand nodes.
    pub fn quick() -> Self {
        Grid {
            logistic_strengths: vec![0.01, 0.1, 1.0, 10.0, 100.0],
            svm_strengths: vec![0.01, 0.1, 1.0, 10.0, 100.0],
            exponential_alphas: Doubling { first: 1.0 / 8.0, count: 4 },
            laplacian_alphas: Doubling { first: 0.5, count: 5 },
            normalisations: vec![Normalisation::Cosine],
            logistic: LogisticOptions { tolerance: 1e-3, ..LogisticOptions::default() },
            svm: SvmOptions { tolerance: 1e-2, ..SvmOptions::default() },
        }
    }
}

impl Default for Grid {
    fn default() -> Self {
        Grid::full()
    }
}

/// Logistic regression on sparse features: `l1logistic` and `l2logistic` of the paper. For graph
/// classification, give the mean node features of each graph as its row.
///
/// Every C of the grid is fitted on the training rows; the best on validation, the smallest C of
/// equals, predicts the test rows. It is not refitted on the validation rows, as the DCNN is not.
///
/// # Errors
/// Rows, labels or a grid out of range, or parts of the split that overlap.
///
/// # Example
/// ```
/// use dcnn::baselines::{logistic_fit_and_test, Csr, Grid, Penalty, Split, Task};
/// // feature 0 marks class 0, feature 1 class 1
/// let rows = 12;
/// let x = Csr::new((rows, 2), (0..=rows).collect(), (0..rows as u32).map(|i| i % 2).collect(), vec![1.0; rows]);
/// let labels: Vec<usize> = (0..rows).map(|i| i % 2).collect();
/// let split = Split { train: &[0, 1, 2, 3], validation: &[4, 5, 6, 7], test: &[8, 9, 10, 11] };
/// let task = Task { labels: &labels, classes: 2, split };
/// let result = logistic_fit_and_test(&x, &task, Penalty::L2, &Grid::quick())?;
/// assert_eq!(result.test.accuracy, 1.0);
/// # Ok::<(), dcnn::baselines::BaselineError>(())
/// ```
pub fn logistic_fit_and_test(
    features: &Csr,
    task: &Task<'_>,
    penalty: Penalty,
    grid: &Grid,
) -> Result<BaselineResult, BaselineError> {
    task.check(features.rows())?;
    let Task { labels, classes, split } = *task;
    let strengths = &grid.logistic_strengths;
    let path =
        Logistic::fit_path(features, split.train, labels, classes, penalty, strengths, &grid.logistic)?;
    let mut best: Option<Candidate> = None;
    for (model, &strength) in path.iter().zip(strengths) {
        let validated = task.validate(&model.predict(features, split.validation)?)?;
        if best.as_ref().is_none_or(|best| best.loses_to(validated, strength)) {
            best = Some(Candidate {
                validation_accuracy: validated,
                chosen: Chosen { strength: Some(strength), alpha: None, normalisation: None },
                converged: model.converged(),
                test: model.predict(features, split.test)?,
            });
        }
    }
    let edges = [(Setting::Strength, strengths.as_slice())];
    best.ok_or(BaselineError::Grid { name: "logistic_strengths" })?.finish(task, &edges, path.len())
}

/// A linear SVM on the rows of a graph kernel, for each of several splits of one graph: KED and KLED
/// of the paper. The kernels of the grid are computed once for all splits. Features of node i are
/// K_ij over all nodes j of the graph; only training labels are fitted to.
///
/// Every alpha, scaling and C of the grid is fitted on the training rows; the best on validation
/// (of equals the smallest C, then the smallest alpha, then the scaling listed first) predicts the
/// test rows.
///
/// # Errors
/// Rows, labels or a grid out of range, parts of the split that overlap, or a graph without this
/// kernel, as [`GraphKernel::new`] says.
///
/// # Complexity
/// For each alpha N³ operations to square the kernel, and n² N for the Gram matrix of each split and
/// scaling, N being the nodes and n the training rows; memory for three N x N matrices.
pub fn kernel_fit_and_test(
    adjacency: &Csr,
    tasks: &[Task<'_>],
    kind: KernelKind,
    grid: &Grid,
) -> Result<Vec<BaselineResult>, BaselineError> {
    for task in tasks {
        task.check(adjacency.rows())?;
    }
    let (name, doubling) = match kind {
        KernelKind::Exponential => ("exponential_alphas", grid.exponential_alphas),
        KernelKind::LaplacianExponential => ("laplacian_alphas", grid.laplacian_alphas),
    };
    let alphas = doubling.values(name)?;
    let mut kernel: Option<GraphKernel> = None;
    let mut best: Vec<Option<Candidate>> = tasks.iter().map(|_| None).collect();
    for &alpha in &alphas {
        let current = match kernel.take() {
            None => GraphKernel::new(adjacency, kind, alpha)?,
            Some(last) => last.doubled()?,
        };
        // The kernel is the graph's; each split is then on its own.
        best = tasks
            .par_iter()
            .zip(best)
            .with_max_len(1)
            .map(|(task, best)| better_of_kernel(&current, task, grid, best))
            .collect::<Result<_, _>>()?;
        kernel = Some(current);
    }
    let strengths = grid.svm_strengths.as_slice();
    let edges = [(Setting::Strength, strengths), (Setting::Alpha, alphas.as_slice())];
    let candidates = alphas.len() * grid.normalisations.len() * strengths.len();
    let finish = |(task, best): (&Task<'_>, Option<Candidate>)| {
        best.ok_or(BaselineError::Grid { name: "normalisations" })?.finish(task, &edges, candidates)
    };
    tasks.iter().zip(best).map(finish).collect()
}

/// The best of what was found before and of every scaling and C with this kernel.
fn better_of_kernel(
    kernel: &GraphKernel,
    task: &Task<'_>,
    grid: &Grid,
    mut best: Option<Candidate>,
) -> Result<Option<Candidate>, BaselineError> {
    let Task { labels, classes, split } = *task;
    let train_labels: Vec<usize> = split.train.iter().map(|&row| labels[row]).collect();
    for &normalisation in &grid.normalisations {
        let train = kernel.features(split.train, normalisation)?;
        let path = LinearSvm::fit_path(&train, &train_labels, classes, &grid.svm_strengths, &grid.svm)?;
        let validation = kernel.features(split.validation, normalisation)?;
        for (model, &strength) in path.iter().zip(&grid.svm_strengths) {
            let validated = task.validate(&model.predict(&validation)?)?;
            if best.as_ref().is_none_or(|best| best.loses_to(validated, strength)) {
                let test = kernel.features(split.test, normalisation)?;
                best = Some(Candidate {
                    validation_accuracy: validated,
                    chosen: Chosen {
                        strength: Some(strength),
                        alpha: Some(kernel.alpha()),
                        normalisation: Some(normalisation),
                    },
                    converged: model.converged(),
                    test: model.predict(&test)?,
                });
            }
        }
    }
    Ok(best)
}

/// Predicts the most frequent training class, the lowest of equals, for every row.
///
/// # Errors
/// Rows or labels out of range, or parts of the split that overlap.
pub fn majority_fit_and_test(task: &Task<'_>) -> Result<BaselineResult, BaselineError> {
    task.check(task.labels.len())?;
    let mut counts = vec![0usize; task.classes];
    for &row in task.split.train {
        counts[task.labels[row]] += 1;
    }
    let largest = counts.iter().copied().max().unwrap_or(0);
    let class = counts.iter().position(|&count| count == largest).unwrap_or(0);
    let best = Candidate {
        validation_accuracy: task.validate(&vec![class; task.split.validation.len()])?,
        chosen: Chosen { strength: None, alpha: None, normalisation: None },
        converged: true,
        test: vec![class; task.split.test.len()],
    };
    best.finish(task, &[], 1)
}

/// The best settings so far. Test rows are predicted, but their labels not yet read.
struct Candidate {
    validation_accuracy: f64,
    chosen: Chosen,
    converged: bool,
    test: Vec<usize>,
}

impl Candidate {
    /// Whether a later candidate is better on validation, or as good with a stronger penalty.
    fn loses_to(&self, validation_accuracy: f64, strength: f64) -> bool {
        validation_accuracy > self.validation_accuracy
            || (validation_accuracy == self.validation_accuracy
                && self.chosen.strength.is_some_and(|chosen| strength < chosen))
    }

    fn finish(
        self,
        task: &Task<'_>,
        grids: &[(Setting, &[f64])],
        candidates: usize,
    ) -> Result<BaselineResult, BaselineError> {
        let at_edge = |&&(setting, values): &&(Setting, &[f64])| {
            let value = match setting {
                Setting::Strength => self.chosen.strength,
                Setting::Alpha => self.chosen.alpha,
            };
            value.is_some() && (value == values.first().copied() || value == values.last().copied())
        };
        Ok(BaselineResult {
            test: task.score(task.split.test, &self.test)?,
            validation_accuracy: self.validation_accuracy,
            chosen: self.chosen,
            at_grid_edge: grids.iter().filter(at_edge).map(|&(setting, _)| setting).collect(),
            converged: self.converged,
            candidates,
        })
    }
}

impl Task<'_> {
    fn check(&self, rows: usize) -> Result<(), BaselineError> {
        let Split { train, validation, test } = self.split;
        let mut listed: Vec<Option<&'static str>> = vec![None; rows];
        for (part, indices) in [("train", train), ("validation", validation), ("test", test)] {
            check::labelled_rows(part, indices, rows, self.labels, self.classes)?;
            for &row in indices {
                if let Some(first) = listed[row].replace(part) {
                    return Err(BaselineError::Overlap { row, first, second: part });
                }
            }
        }
        Ok(())
    }

    fn validate(&self, predicted: &[usize]) -> Result<f64, BaselineError> {
        Ok(self.score(self.split.validation, predicted)?.accuracy)
    }

    fn score(&self, rows: &[usize], predicted: &[usize]) -> Result<Scores, BaselineError> {
        let truth: Vec<usize> = rows.iter().map(|&row| self.labels[row]).collect();
        Ok(Scores::of(predicted, &truth, self.classes)?)
    }
}

impl Doubling {
    fn values(&self, name: &'static str) -> Result<Vec<f64>, BaselineError> {
        check::positive(name, self.first)?;
        if self.count == 0 || self.count > MAX_DOUBLINGS {
            return Err(BaselineError::Setting {
                name,
                value: self.count as f64,
                allowed: "a count from 1 to 64",
            });
        }
        let values: Vec<f64> = (0..self.count as i32).map(|step| self.first * 2f64.powi(step)).collect();
        check::grid(name, &values)?;
        Ok(values)
    }
}

const MAX_DOUBLINGS: usize = 64;

/// 10^from to 10^to, two values a decade.
fn half_decades(from: i32, to: i32) -> Vec<f64> {
    (2 * from..=2 * to).map(|half| 10f64.powf(f64::from(half) / 2.0)).collect()
}

//! A linear support vector machine, one class against the rest.

use super::error::BaselineError;
use super::matrix::{add_scaled, argmax, checked_entries, dot, Matrix};
use super::{check, newton};
use rand::seq::SliceRandom;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// When a fit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SvmOptions {
    /// The fit of a class stops once its duality gap is at most this share of its objective. Above
    /// 0; 1e-3 by default.
    pub tolerance: f64,
    /// Passes of coordinate descent over the samples, after which Newton steps finish a class that
    /// has not met the tolerance. 50 by default.
    pub max_epochs: usize,
    /// Newton steps after which the fit stops all the same; [`LinearSvm::converged`] tells. 50 by
    /// default.
    pub max_newton_steps: usize,
    /// Seeds the order in which samples are visited. 0 by default.
    pub seed: u64,
}

impl Default for SvmOptions {
    fn default() -> Self {
        SvmOptions { tolerance: 1e-3, max_epochs: 50, max_newton_steps: 50, seed: 0 }
    }
}

/// A fitted one-vs-rest linear SVM with squared hinge loss.
///
/// For class k, with y_i = 1 on its samples and -1 on all others, w and b minimise
///
/// (|w|² + b²) / 2 + C sum_i max(0, 1 - y_i (w · x_i + b))²
///
/// and a sample gets the class of the largest w · x + b. This is the objective of LIBLINEAR's solver
/// 1 with a bias feature of 1 (scikit-learn's `LinearSVC`). It is solved by dual coordinate descent on the Gram matrix
/// G_ij = x_i · x_j + 1 of the training samples, worked out once for all classes and every C: the
/// dual is min over a >= 0 of (1/2) a' (Q + I/(2C)) a - sum a, with Q_ij = y_i y_j G_ij. At large C,
/// where coordinate descent would need thousands of passes, Newton steps on the support vectors
/// finish the fit.
///
/// # Shapes
/// Features are a dense n x F matrix; W is K x F.
///
/// # Reference
/// Hsieh, Chang, Lin, Keerthi and Sundararajan, "A dual coordinate descent method for large-scale
/// linear SVM", ICML 2008; Chapelle, "Training a support vector machine in the primal", 2007.
///
/// # Example
/// ```
/// use dcnn::baselines::{LinearSvm, Matrix, SvmOptions};
/// let x = Matrix::from_vec(4, 1, vec![-2.0, -1.0, 1.0, 2.0])?;
/// let svm = LinearSvm::fit(&x, &[0, 0, 1, 1], 2, 1.0, &SvmOptions::default())?;
/// assert_eq!(svm.predict(&x)?, [0, 0, 1, 1]);
/// # Ok::<(), dcnn::baselines::BaselineError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LinearSvm {
    weights: Matrix,
    bias: Vec<f64>,
    objective: f64,
    converged: bool,
}

impl LinearSvm {
    /// Fits on all rows of `x`, whose classes are `labels`.
    ///
    /// # Errors
    /// A label, value or setting outside its range; see [`BaselineError`].
    ///
    /// # Complexity
    /// n² F operations for the Gram matrix, n² an epoch and class at most, and s³/3 a Newton step on
    /// s support vectors; O(n²) memory for each class in work at once. The result does not depend on
    /// the number of threads.
    pub fn fit(
        x: &Matrix,
        labels: &[usize],
        classes: usize,
        strength: f64,
        options: &SvmOptions,
    ) -> Result<Self, BaselineError> {
        let mut path = Self::fit_path(x, labels, classes, &[strength], options)?;
        path.pop().ok_or(BaselineError::Grid { name: "strengths" })
    }

    /// Fits once for each C of `strengths`, in increasing order, each fit starting from the one
    /// before, all on one Gram matrix.
    ///
    /// # Errors
    /// As [`LinearSvm::fit`], and [`BaselineError::Grid`] if `strengths` does not increase.
    pub fn fit_path(
        x: &Matrix,
        labels: &[usize],
        classes: usize,
        strengths: &[f64],
        options: &SvmOptions,
    ) -> Result<Vec<Self>, BaselineError> {
        let rows: Vec<usize> = (0..x.rows()).collect();
        check::labelled_rows("training row", &rows, x.rows(), labels, classes)?;
        check::grid("strengths", strengths)?;
        check::positive("tolerance", options.tolerance)?;
        checked_entries("SVM", classes, x.cols().max(x.rows()))?;
        for row in rows {
            if let Some(&value) = x.row(row).iter().find(|value| !value.is_finite()) {
                return Err(BaselineError::NotFinite { what: "feature", row, value });
            }
        }
        let mut gram = x.gram()?;
        gram.as_mut_slice().iter_mut().for_each(|g| *g += 1.0);
        let by_class: Vec<Vec<Solution>> = (0..classes)
            .into_par_iter()
            .map(|class| {
                let mut machine = Dual::new(&gram, labels, class);
                strengths.iter().map(|&strength| machine.solve(strength, options)).collect()
            })
            .collect();
        (0..strengths.len())
            .map(|step| {
                let mut weights = Matrix::zeros(classes, x.cols())?;
                let solutions: Vec<&Solution> = by_class.iter().map(|path| &path[step]).collect();
                weights.as_mut_slice().par_chunks_mut(x.cols().max(1)).zip(&solutions).for_each(
                    |(weights, solution)| {
                        for (i, &coefficient) in solution.coefficients.iter().enumerate() {
                            if coefficient != 0.0 {
                                add_scaled(weights, coefficient, x.row(i));
                            }
                        }
                    },
                );
                Ok(LinearSvm {
                    weights,
                    bias: solutions.iter().map(|solution| solution.coefficients.iter().sum()).collect(),
                    objective: solutions.iter().map(|solution| solution.objective).sum(),
                    converged: solutions.iter().all(|solution| solution.converged),
                })
            })
            .collect()
    }

    /// The class of each row of `x`, the lowest of equals.
    ///
    /// # Errors
    /// [`BaselineError::FeatureCount`] if `x` has another number of columns.
    pub fn predict(&self, x: &Matrix) -> Result<Vec<usize>, BaselineError> {
        let scores = self.decision_function(x)?;
        Ok((0..x.rows()).map(|i| argmax(scores.row(i))).collect())
    }

    /// w_k · x + b_k for each row of `x` and each class.
    ///
    /// # Shapes
    /// n x K.
    ///
    /// # Errors
    /// As [`LinearSvm::predict`].
    pub fn decision_function(&self, x: &Matrix) -> Result<Matrix, BaselineError> {
        if x.cols() != self.weights.cols() {
            return Err(BaselineError::FeatureCount { got: x.cols(), expected: self.weights.cols() });
        }
        let mut scores = x.times_transpose(&self.weights)?;
        for row in scores.as_mut_slice().chunks_mut(self.bias.len()) {
            add_scaled(row, 1.0, &self.bias);
        }
        Ok(scores)
    }

    /// The objective's value, summed over classes.
    pub fn objective(&self) -> f64 {
        self.objective
    }

    /// Whether every class met the tolerance.
    pub fn converged(&self) -> bool {
        self.converged
    }
}

/// One class against the rest at one C.
struct Solution {
    /// y_i a_i, so that w = sum_i coefficient_i x_i.
    coefficients: Vec<f64>,
    objective: f64,
    converged: bool,
}

/// The dual problem of one class, kept between values of C so that each starts from the last.
struct Dual<'a> {
    gram: &'a Matrix,
    /// y: 1 on the class, -1 off it.
    signs: Vec<f64>,
    /// a >= 0.
    duals: Vec<f64>,
    /// w · x_i + b = sum_j G_ij y_j a_j, kept up to date.
    scores: Vec<f64>,
}

impl<'a> Dual<'a> {
    fn new(gram: &'a Matrix, labels: &[usize], class: usize) -> Self {
        let signs = labels.iter().map(|&label| if label == class { 1.0 } else { -1.0 }).collect();
        Dual { gram, signs, duals: vec![0.0; labels.len()], scores: vec![0.0; labels.len()] }
    }

    fn solve(&mut self, strength: f64, options: &SvmOptions) -> Solution {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let mut order: Vec<usize> = (0..self.duals.len()).collect();
        let ridge = 0.5 / strength;
        let (mut primal, mut dual) = self.objectives(strength);
        let mut epochs = 0;
        while primal - dual > options.tolerance * primal && epochs < options.max_epochs {
            order.shuffle(&mut rng);
            for &i in &order {
                let gradient = self.signs[i] * self.scores[i] - 1.0 + ridge * self.duals[i];
                let curvature = self.gram.row(i)[i] + ridge;
                let updated = (self.duals[i] - gradient / curvature).max(0.0);
                let change = updated - self.duals[i];
                if change != 0.0 {
                    self.duals[i] = updated;
                    add_scaled(&mut self.scores, self.signs[i] * change, self.gram.row(i));
                }
            }
            (primal, dual) = self.objectives(strength);
            epochs += 1;
        }
        if primal - dual > options.tolerance * primal {
            let steps = options.max_newton_steps;
            newton::minimise(self.gram, &self.signs, strength, steps, &mut self.duals, &mut self.scores);
            (primal, dual) = self.objectives(strength);
        }
        let coefficients = self.signs.iter().zip(&self.duals).map(|(y, a)| y * a).collect();
        Solution { coefficients, objective: primal, converged: primal - dual <= options.tolerance * primal }
    }

    /// The primal and the dual objective at the current point.
    fn objectives(&self, strength: f64) -> (f64, f64) {
        let (mut norm, mut losses, mut sum) = (0.0, 0.0, 0.0);
        for ((y, a), score) in self.signs.iter().zip(&self.duals).zip(&self.scores) {
            norm += y * a * score;
            losses += (1.0 - y * score).max(0.0).powi(2);
            sum += a;
        }
        let ridge = 0.5 / strength * dot(&self.duals, &self.duals);
        (0.5 * norm + strength * losses, sum - 0.5 * (norm + ridge))
    }
}

//! SGD on a linear model, and the curvature at its minima.
//!
//! w_{t+1} = w_t − η_t e_t x_{i_t},  e_t = <w_t, x_{i_t}> − y_{i_t}
//!
//! is SGD on ½ e². Every step is a multiple of a row, so from w_0 = 0 the weights stay in the span of the data, and
//! the only interpolant there is that of least norm; from another w_0 the part of it outside the span never changes.

use rand::Rng;
use shared::train::RunRng;

use super::{
    error::{finite, length, rows, some_outputs, TheoryError},
    min_norm::norm,
};

/// The stream of a seed that the order of the rows is drawn from.
const STREAM: u64 = 0x7468_1001;

/// η_t.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum StepSize {
    /// One rate for all steps. It converges on a sample that can be interpolated if it is below 2 / max ‖x_i‖².
    Constant(f64),
    /// ω / ‖x_i‖² with 0 < ω < 2; ω = 1 makes the row's error zero at once (randomized Kaczmarz, Strohmer and
    /// Vershynin 2009).
    Relative(f64),
}

/// SGD one row at a time, rows drawn uniformly with replacement.
///
/// # Reference
/// Zhang et al. 2017, section 5.
///
/// # Example
/// ```
/// use rethinking_generalization::theory::{LinearSgd, MinNorm};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (x, y) = ([1., 2., 0., 0., 1., -1.], [3., 1.]);
/// let least = MinNorm::fit(&x, 3, &y, 1, 0.0)?;
/// let run = LinearSgd::default().from(&[0.; 3], &x, 3, &y, 1)?;
/// assert!(run.converged);
/// for (w, star) in run.weights.iter().zip(least.weights()) {
///     assert!((w - star).abs() < 1e-11);
/// }
/// // from elsewhere it ends elsewhere, on an interpolant of larger norm
/// let other = LinearSgd::default().from(&[1., 0., 0.], &x, 3, &y, 1)?;
/// assert!(other.converged && other.norm() > run.norm() + 0.01);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LinearSgd {
    /// η_t.
    pub step: StepSize,
    /// The most steps.
    pub steps: u64,
    /// Stop when max |X W − Y| is at most this times max |y| + max ‖x_i‖ · ‖W‖, the size of what is subtracted. It is
    /// looked at once every n steps.
    pub tolerance: f64,
    /// The seed of the order of the rows.
    pub seed: u64,
}

impl Default for LinearSgd {
    /// A relative step of 1, at most a million steps, to 1e-13.
    fn default() -> Self {
        LinearSgd { step: StepSize::Relative(1.0), steps: 1_000_000, tolerance: 1e-13, seed: 0 }
    }
}

/// Where SGD ended.
#[derive(Clone, Debug, PartialEq)]
pub struct SgdRun {
    /// W, d · k row-major.
    pub weights: Vec<f64>,
    /// Steps taken.
    pub steps: u64,
    /// max |X W − Y|.
    pub residual: f64,
    /// Whether the residual came within the tolerance.
    pub converged: bool,
}

impl SgdRun {
    /// ‖W‖, over all outputs.
    #[must_use]
    pub fn norm(&self) -> f64 {
        norm(&self.weights)
    }
}

impl LinearSgd {
    /// SGD from `w0`.
    ///
    /// # Shapes
    /// w0: d · k, x: n · d, y: n · k, all row-major.
    ///
    /// # Errors
    /// Lengths that do not fit, numbers that are not finite, a step size or tolerance outside its range, or weights
    /// that diverge.
    ///
    /// # Complexity
    /// O(d k) a step, and O(n d k) once every n steps to look at the residual.
    pub fn from(
        &self,
        w0: &[f64],
        x: &[f64],
        d: usize,
        y: &[f64],
        outputs: usize,
    ) -> Result<SgdRun, TheoryError> {
        let n = rows("x", x, d)?;
        some_outputs(outputs)?;
        length("w0", w0.len(), d * outputs, "one row of outputs for each column of x")?;
        length("y", y.len(), n * outputs, "one row of targets for each row of x")?;
        finite("w0", w0)?;
        finite("y", y)?;
        self.check()?;

        let rates: Vec<f64> = x.chunks_exact(d).map(|row| self.rate(row)).collect();
        let largest = |of: &[f64]| of.iter().fold(0.0f64, |most, v| most.max(v.abs()));
        let (label, row) = (largest(y), x.chunks_exact(d).map(norm).fold(0.0, f64::max));
        let mut rng = RunRng::new(self.seed, STREAM);
        let mut run = SgdRun { weights: w0.to_vec(), steps: 0, residual: f64::INFINITY, converged: false };
        let mut errors = vec![0.0; outputs];
        loop {
            run.residual = 0.0;
            for (row, targets) in x.chunks_exact(d).zip(y.chunks_exact(outputs)) {
                miss(&run.weights, row, targets, &mut errors);
                run.residual = errors.iter().fold(run.residual, |most, e| most.max(e.abs()));
            }
            // an infinite scale would pass for convergence
            let scale = label + row * run.norm();
            if !scale.is_finite() || !run.residual.is_finite() {
                return Err(TheoryError::Overflow { what: "a weight of SGD (take a smaller step size)" });
            }
            run.converged = run.residual <= self.tolerance * scale;
            if run.converged || run.steps >= self.steps {
                return Ok(run);
            }
            for _ in 0..(n as u64).min(self.steps - run.steps) {
                let i = rng.gen_range(0..n);
                let row = &x[i * d..][..d];
                miss(&run.weights, row, &y[i * outputs..][..outputs], &mut errors);
                for (weights, x) in run.weights.chunks_exact_mut(outputs).zip(row) {
                    for (w, e) in weights.iter_mut().zip(&errors) {
                        *w -= rates[i] * e * x;
                    }
                }
                run.steps += 1;
            }
        }
    }

    fn check(&self) -> Result<(), TheoryError> {
        let (what, value, allowed, good) = match self.step {
            StepSize::Constant(rate) => ("the step size", rate, "a rate is above 0", rate > 0.0),
            StepSize::Relative(omega) => {
                ("the relative step size", omega, "it is between 0 and 2", omega > 0.0 && omega < 2.0)
            }
        };
        if !(good && value.is_finite()) {
            return Err(TheoryError::Setting { what, value, allowed });
        }
        if self.tolerance < 0.0 || self.tolerance.is_nan() {
            let allowed = "a tolerance is 0 or above";
            return Err(TheoryError::Setting { what: "the tolerance", value: self.tolerance, allowed });
        }
        Ok(())
    }

    /// η for this row; 0 for a row of zeros, whose gradient is 0 too.
    fn rate(&self, row: &[f64]) -> f64 {
        match self.step {
            StepSize::Constant(rate) => rate,
            StepSize::Relative(omega) => match row.iter().map(|v| v * v).sum::<f64>() {
                0.0 => 0.0,
                square => omega / square,
            },
        }
    }
}

/// The Hessian in w of the mean loss (1/n) Σ_i ℓ(<w, x_i>, y_i) of a linear model with one output.
///
/// H = (1/n) Xᵀ diag(β) X,  β_i = ∂²ℓ(z, y_i)/∂z² at z = <w, x_i>
///
/// At a global minimum of an over-parameterised model z = y_i for every i, whichever minimum it is: so all minima have
/// one Hessian, of rank at most n, and curvature cannot tell which of them generalizes.
///
/// # Shapes
/// x: n · d, y: n, w: d; the result d · d, row-major. `second(z, y)` is ∂²ℓ/∂z².
///
/// # Errors
/// Lengths that do not fit, or numbers that are not finite.
///
/// # Complexity
/// O(n d²).
///
/// # Reference
/// Zhang et al. 2017, section 5.
///
/// # Example
/// ```
/// use rethinking_generalization::theory::linear_sgd::hessian;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // log cosh(z − y), whose curvature is 1 at z = y alone; w = (3, 0) and w = (0, 3) both fit
/// let second = |z: f64, y: f64| (z - y).cosh().powi(-2);
/// let at_one = hessian(&[1., 1.], 2, &[3.], &[3., 0.], second)?;
/// assert_eq!(at_one, hessian(&[1., 1.], 2, &[3.], &[0., 3.], second)?);
/// assert!(at_one[0] > hessian(&[1., 1.], 2, &[3.], &[0., 0.], second)?[0]);
/// # Ok(())
/// # }
/// ```
pub fn hessian(
    x: &[f64],
    d: usize,
    y: &[f64],
    w: &[f64],
    second: impl Fn(f64, f64) -> f64,
) -> Result<Vec<f64>, TheoryError> {
    let n = rows("x", x, d)?;
    length("y", y.len(), n, "one label for each row")?;
    length("w", w.len(), d, "one weight for each column of x")?;
    finite("y", y)?;
    finite("w", w)?;
    let mut h = vec![0.0; d * d];
    for (row, y) in x.chunks_exact(d).zip(y) {
        let z: f64 = row.iter().zip(w).map(|(x, w)| x * w).sum();
        let beta = second(z, *y) / n as f64;
        for (h, x) in h.chunks_exact_mut(d).zip(row) {
            h.iter_mut().zip(row).for_each(|(h, other)| *h += beta * x * other);
        }
    }
    finite("the curvature", &h).map(|()| h)
}

/// e = Wᵀ x − y.
fn miss(weights: &[f64], row: &[f64], targets: &[f64], errors: &mut [f64]) {
    errors.iter_mut().zip(targets).for_each(|(e, y)| *e = -y);
    for (weights, x) in weights.chunks_exact(errors.len()).zip(row) {
        errors.iter_mut().zip(weights).for_each(|(e, w)| *e += w * x);
    }
}

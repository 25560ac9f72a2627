//! The gradient noise scale, which predicts where larger minibatches stop to pay.

use crate::StepOutcome;

/// An estimate of the simple noise scale B = tr(Σ) / |G|², from the gradients that data-parallel training has at hand anyway:
///
/// ```text
/// |G|² ≈ (kn |g_kn|² − n |g_n|²) / (kn − n)
/// tr(Σ) ≈ (|g_n|² − |g_kn|²) / (1/n − 1/kn)
/// ```
///
/// Both are unbiased, and are averaged over steps before they are divided. Minibatches far below B save steps in proportion to
/// their size; far above it they save none.
///
/// # Reference
/// McCandlish, Kaplan, Amodei et al., "An Empirical Model of Large-Batch Training", 2018, appendix A.1.
///
/// # Example
/// ```
/// use large_batch::{NoiseScale, StepOutcome};
/// let mut noise = NoiseScale::new(32);
/// // |G|² = 1 and tr(Σ) = 640: E|g_n|² = 1 + 640 / n
/// noise.add(&StepOutcome { loss: 0.0, square: 1.0 + 640.0 / 128.0, worker_square: 1.0 + 640.0 / 32.0, workers: 4 });
/// assert!((noise.value().unwrap() - 640.0).abs() < 1e-9);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct NoiseScale {
    per_worker: f64,
    /// Sums of the estimates of |G|² and tr(Σ).
    signal: f64,
    noise: f64,
    steps: u64,
}

impl NoiseScale {
    /// Nothing yet, for workers of `per_worker` examples.
    #[must_use]
    pub fn new(per_worker: usize) -> Self {
        NoiseScale { per_worker: per_worker as f64, signal: 0.0, noise: 0.0, steps: 0 }
    }

    /// Takes a step in. One of a single worker says nothing and is left out, as is one whose gradient is not finite.
    pub fn add(&mut self, step: &StepOutcome) {
        if step.workers < 2 || !(step.square.is_finite() && step.worker_square.is_finite()) {
            return;
        }
        let (n, kn) = (self.per_worker, self.per_worker * step.workers as f64);
        self.signal += (kn * step.square - n * step.worker_square) / (kn - n);
        self.noise += (step.worker_square - step.square) / (1.0 / n - 1.0 / kn);
        self.steps += 1;
    }

    /// B, in examples; `None` before a step of two workers, and where noise hides the gradient so well that its estimate is not
    /// positive.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        (self.steps > 0 && self.signal > 0.0).then(|| self.noise / self.signal)
    }
}

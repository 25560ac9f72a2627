//! Section 2.2: labels that are coin tosses, and examples that are exchanged.

use rand::Rng;
use shared::{ops::targets::Targets, train::RunRng, zoo::ImageNetwork};

use crate::{randomization_test, Corruption, Examples, LabError, Layout, Plan};

/// Stream of the coin tosses of a seed.
const SIGNS: u64 = 0xA8 << 56;

/// The first inputs of a data set with labels of ±1 that are tossed: class 1 for +1, class 0 for −1.
pub struct Signs<'a> {
    base: &'a dyn Examples,
    labels: Vec<usize>,
}

impl<'a> Signs<'a> {
    /// Tosses for the first `count` inputs.
    ///
    /// # Errors
    /// [`LabError::Count`] where there are fewer.
    pub fn new(base: &'a dyn Examples, count: usize, seed: u64) -> Result<Self, LabError> {
        if count == 0 || count > base.len() {
            return Err(LabError::Count {
                what: "examples",
                found: base.len(),
                expected: count.max(1),
                why: "the number of labels to be tossed, at least 1",
            });
        }
        let mut rng = RunRng::new(seed, SIGNS);
        Ok(Signs { base, labels: (0..count).map(|_| usize::from(rng.r#gen::<bool>())).collect() })
    }
}

impl Examples for Signs<'_> {
    fn len(&self) -> usize {
        self.labels.len()
    }
    fn layout(&self) -> Layout {
        self.base.layout()
    }
    fn classes(&self) -> usize {
        2
    }
    fn label(&self, i: usize) -> usize {
        self.labels[i]
    }
    fn write(&self, i: usize, pass: Option<u64>, out: &mut [f32]) -> Result<(), LabError> {
        self.base.write(i, pass, out)
    }
}

/// A lower bound of the empirical Rademacher complexity, a draw at a time:
///
/// R_n(H) = E_σ sup_{h ∈ H} (1/n) Σ σᵢ h(xᵢ), with h(x) = ±1 the class with the higher score.
///
/// Training stands for the supremum, so each value is what training reached, 2 · (share of the tosses fitted) − 1: the true
/// supremum is at least that. 1 means that any labels of these inputs are fitted, and that bounds made of R_n say nothing.
///
/// `network` makes a fresh network of two classes from a seed. Give each draw a seed of its own.
///
/// # Errors
/// The network's and the data set's.
///
/// # Reference
/// Zhang et al. (2017), section 2.2.
pub fn rademacher_draw(
    network: impl FnOnce(u64) -> Result<Box<dyn ImageNetwork>, LabError>,
    inputs: &dyn Examples,
    count: usize,
    plan: &Plan,
) -> Result<f64, LabError> {
    let signs = Signs::new(inputs, count, plan.seed)?;
    let mut network = network(plan.seed)?;
    let trial = randomization_test(&mut *network, (&signs, &signs), Corruption::True, plan, &mut |_| {})?;
    Ok(2.0 * trial.train_accuracy - 1.0)
}

/// A data set in which one example is another.
pub struct Exchanged<'a> {
    base: &'a dyn Examples,
    at: usize,
    with: &'a dyn Examples,
    other: usize,
}

impl<'a> Exchanged<'a> {
    /// `base` with example `at` exchanged for example `other` of `with`.
    ///
    /// # Errors
    /// [`LabError::Count`] where one of them does not exist, or the two sets are of different layout.
    pub fn new(
        base: &'a dyn Examples,
        at: usize,
        with: &'a dyn Examples,
        other: usize,
    ) -> Result<Self, LabError> {
        let of = |what, found, expected, why| Err(LabError::Count { what, found, expected, why });
        if at >= base.len() || other >= with.len() {
            let (found, expected) = if at >= base.len() { (base.len(), at) } else { (with.len(), other) };
            return of("examples", found, expected + 1, "because one of that number is to be exchanged");
        }
        if base.layout() != with.layout() {
            let (found, expected) = (with.layout().values(), base.layout().values());
            return of("values an input", found, expected, "as in the set that it goes to");
        }
        Ok(Exchanged { base, at, with, other })
    }
}

impl Examples for Exchanged<'_> {
    fn len(&self) -> usize {
        self.base.len()
    }
    fn layout(&self) -> Layout {
        self.base.layout()
    }
    fn classes(&self) -> usize {
        self.base.classes()
    }
    fn label(&self, i: usize) -> usize {
        if i == self.at {
            self.with.label(self.other)
        } else {
            self.base.label(i)
        }
    }
    fn write(&self, i: usize, pass: Option<u64>, out: &mut [f32]) -> Result<(), LabError> {
        if i == self.at {
            self.with.write(self.other, pass, out)
        } else {
            self.base.write(i, pass, out)
        }
    }
}

/// How far two networks of one architecture lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Apart {
    /// ‖w − w'‖ / ‖w‖ over all weights.
    pub weights: f64,
    /// The mean over some inputs of |p(x) − p'(x)|, p being the probability of the labelled class: a mean in place of the
    /// supremum of uniform stability, over a loss that is bounded.
    pub outputs: f64,
}

/// Compares two networks on the first `count` of some examples.
///
/// # Errors
/// The networks' and the data set's.
pub fn apart(
    left: &dyn ImageNetwork,
    right: &dyn ImageNetwork,
    examples: &dyn Examples,
    count: usize,
) -> Result<Apart, LabError> {
    let (mut distance, mut norm) = (0.0, 0.0);
    for (a, b) in left.weights().iter().zip(&right.weights()) {
        for (a, b) in a.values().iter().zip(b.values()) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            distance += (a - b) * (a - b);
            norm += a * a;
        }
    }
    let members: Vec<usize> = (0..count.min(examples.len())).collect();
    let (inputs, labels) = examples.batch(&members, None)?;
    let targets = Targets::new(labels, examples.classes())?;
    let of = |network: &dyn ImageNetwork| -> Result<Vec<f64>, LabError> {
        let scores = network.scores(&inputs)?;
        let rows = targets.iter().zip(scores.chunks_exact(network.classes()));
        Ok(rows.map(|((_, class), row)| probability(row, class)).collect())
    };
    let sum: f64 = of(left)?.iter().zip(&of(right)?).map(|(a, b)| (a - b).abs()).sum();
    Ok(Apart { weights: (distance / norm).sqrt(), outputs: sum / members.len().max(1) as f64 })
}

/// softmax(scores)[class].
fn probability(scores: &[f32], class: usize) -> f64 {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = scores.iter().map(|s| f64::from(s - most).exp());
    let sum: f64 = powers.clone().sum();
    powers.clone().nth(class).unwrap_or(0.0) / sum
}

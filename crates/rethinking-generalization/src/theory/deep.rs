//! The corollary: for every depth k >= 2 there is such a network of width O(n/k) with O(n + d) weights.
//!
//! Let t = <a, x> + τ with τ such that every t_i lies in [S, 2S], S twice the range of the projections. The n points,
//! sorted, are cut into k − 1 consecutive blocks of at most m = ⌈n / (k − 1)⌉ points, one for each hidden layer. Block
//! l from point s to point e has its own piecewise linear function
//!
//! g_l: 0 up to t_{s−1},  y_i at t_i for s <= i <= e,  0 from t_{e+1} on
//!
//! which is Σ_j w_j max(t − β_j, 0) with the thresholds t_{s−1}, .., t_e, t_{e+1}: m units and two more that close it.
//! (The last block is not closed, and the first starts at 0, where t itself is the unit.) Between two blocks one falls
//! to 0 while the next rises from 0, so Σ_l g_l is the linear spline through all points: the network of Theorem 1 with
//! one other straight piece, left of t_1. Hidden layer l passes three numbers on beside its units:
//!
//! t = max(t, 0),  p⁺ = max(p, 0),  p⁻ = max(−p, 0),  p = g_1 + .. + g_{l−1} from the layer before
//!
//! and the output is p⁺ − p⁻ + g_{k−1}. The carried sum is never larger than the labels, since blocks are closed.
//!
//! # Sizes
//! Depth k (k − 1 hidden layers and the output), width at most m + 5, and at most 4n + 13 (k − 1) + d + 1 weights and
//! biases that are not zero; for k <= n + 1 that is at most 17n + d + 1. As in Theorem 1 the d weights of a are
//! counted once, though all units of the first layer use them.
//!
//! # Rounding
//! As 2 t_1 >= t_n every t_i − t_j is exact in `f64` (Sterbenz), so hidden units carry no error; weights are solved for
//! against the rounded ones before them, as in [`finite_sample`](super::finite_sample), and each unit's sum is taken in
//! twice the precision and rounded once.
//!
//! # Reference
//! Zhang et al. 2017, section 4, the corollary to Theorem 1. The paper sketches the blocks; the two closing units, the
//! carried pair and τ are this construction's.

use rayon::prelude::*;

use super::{
    direction::{projection, separate, Direction, Separated},
    double::Double,
    error::{length, rows, TheoryError},
    finite_sample::Spline,
};

/// A ReLU network of depth k that represents a function on a sample.
///
/// # Example
/// ```
/// use rethinking_generalization::theory::{DeepNet, Direction};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let x: Vec<f64> = (0..24).map(|i| f64::from(i * i % 17)).collect();
/// let y = [1., 0., 0., 1., 1., 1., 0., 1.];
/// let net = DeepNet::fit(&x, 3, &y, 5, &Direction::random(0))?;
/// assert_eq!(net.depth(), 5);
/// assert!(net.width() <= 8 / 4 + 5);
/// assert!(net.weights() <= 4 * 8 + 13 * 4 + 3 + 1);
/// assert!(net.residual(&x, &y)? < 1e-13);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DeepNet {
    a: Vec<f64>,
    shift: f64,
    layers: Vec<Layer>,
}

/// One layer: a sparse matrix by rows, biases, and whether max(·, 0) follows.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Layer {
    units: Vec<Unit>,
    rectified: bool,
}

/// One unit: Σ weight · input + bias over the inputs that it has.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Unit {
    /// Input and weight, no weight zero.
    pub terms: Vec<(usize, f64)>,
    /// The bias.
    pub bias: f64,
}

impl DeepNet {
    /// The network of depth `depth` that has the value `y[i]` at row i of `x`.
    ///
    /// A depth above n + 1 is allowed: layers without points carry t and p on.
    ///
    /// # Shapes
    /// x: n · d, row-major; y: n.
    ///
    /// # Errors
    /// A depth below 2, and those of [`FiniteSampleNet::fit`](super::FiniteSampleNet::fit).
    ///
    /// # Complexity
    /// O(n d + n log n) a direction tried, and O(n + depth) for the layers.
    pub fn fit(
        x: &[f64],
        d: usize,
        y: &[f64],
        depth: usize,
        direction: &Direction,
    ) -> Result<Self, TheoryError> {
        if depth < 2 {
            let allowed = "a network has at least one hidden layer and an output, depth 2";
            return Err(TheoryError::Setting { what: "the depth", value: depth as f64, allowed });
        }
        let Separated { a, z, y, row } = separate(x, d, y, direction)?;
        let range = z[z.len() - 1] - z[0];
        let least = if z.len() > 1 { 2.0 * range } else { z[0].abs().max(1.0) };
        let shift = least - z[0];
        let t: Vec<f64> = z.iter().map(|z| z + shift).collect();
        if let Some(i) = t.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(TheoryError::NotSeparated { first: row[i], second: row[i + 1], tries: 1 });
        }
        let layers = layers(&blocks(&t, &y, depth - 1));
        let numbers = || layers.iter().flat_map(|l| &l.units).flat_map(|u| u.terms.iter().map(|term| term.1));
        if !shift.is_finite() || t.iter().copied().chain(numbers()).any(|v| !v.is_finite()) {
            return Err(TheoryError::Overflow { what: "a weight (a label over a gap of the projections)" });
        }
        Ok(DeepNet { a, shift, layers })
    }

    /// The network at each row of `x`, layer by layer; a sum is taken in twice the precision and rounded once.
    ///
    /// # Shapes
    /// m · d to m.
    ///
    /// # Errors
    /// Rows that are not of d finite numbers.
    ///
    /// # Complexity
    /// O(m · weights).
    pub fn predict(&self, x: &[f64]) -> Result<Vec<f64>, TheoryError> {
        rows("x", x, self.inputs())?;
        Ok(x.par_chunks_exact(self.inputs()).map(|row| self.value(row)).collect())
    }

    /// max_i |predict(x_i) − y_i|.
    ///
    /// # Errors
    /// Rows that are not of d finite numbers, or another number of labels.
    pub fn residual(&self, x: &[f64], y: &[f64]) -> Result<f64, TheoryError> {
        let values = self.predict(x)?;
        length("y", y.len(), values.len(), "one label for each row")?;
        Ok(values.iter().zip(y).map(|(value, y)| (value - y).abs()).fold(0.0, f64::max))
    }

    /// k: the hidden layers and the output.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// The most units of a hidden layer.
    #[must_use]
    pub fn width(&self) -> usize {
        self.layers.iter().filter(|layer| layer.rectified).map(|layer| layer.units.len()).max().unwrap_or(0)
    }

    /// How many weights and biases are not zero: those of the projection, once, and those of all layers.
    #[must_use]
    pub fn weights(&self) -> usize {
        let projection = self.a.len() + usize::from(self.shift != 0.0);
        let unit = |unit: &Unit| unit.terms.len() + usize::from(unit.bias != 0.0);
        projection + self.layers.iter().flat_map(|layer| &layer.units).map(unit).sum::<usize>()
    }

    /// The dimension d.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.a.len()
    }

    /// a and τ: the first layer's input is <a, x> + τ.
    #[must_use]
    pub fn projection(&self) -> (&[f64], f64) {
        (&self.a, self.shift)
    }

    /// The layers, the output last.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    fn value(&self, row: &[f64]) -> f64 {
        let mut activity = vec![projection(&self.a, row) + self.shift];
        for layer in &self.layers {
            activity = layer.forward(&activity);
        }
        activity[0]
    }
}

impl Layer {
    /// The units.
    #[must_use]
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// Whether max(·, 0) follows: on every layer but the output.
    #[must_use]
    pub fn rectified(&self) -> bool {
        self.rectified
    }

    fn forward(&self, inputs: &[f64]) -> Vec<f64> {
        let sum = |unit: &Unit| {
            let bias = Double::from(unit.bias);
            let add = |sum: Double, (j, w): &(usize, f64)| sum.plus(Double::from(inputs[*j]).times(*w));
            unit.terms.iter().fold(bias, add).round()
        };
        let rectify = |value: f64| if self.rectified { value.max(0.0) } else { value };
        self.units.iter().map(|unit| rectify(sum(unit))).collect()
    }
}

/// g_l: thresholds β and weights w.
type Block = Vec<(f64, f64)>;

/// g_1 .. g_blocks.
///
/// `total` is the exact sum of all units so far, and each new weight brings it to the next label, so that what the
/// rounded weights of one block leave behind (its slope after closing is zero only up to rounding) is made good by
/// the next.
fn blocks(t: &[f64], y: &[f64], blocks: usize) -> Vec<Block> {
    let n = t.len();
    let mut total = Spline::new();
    // the unit that ends the block before, at the first point of this one
    let mut closing: Option<(f64, f64)> = None;
    let mut all = Vec::with_capacity(blocks);
    for l in 0..blocks {
        let mut own = Spline::new();
        let mut block = Block::new();
        let end = share(n, l + 1, blocks);
        for i in share(n, l, blocks)..end {
            let beta = if i == 0 { 0.0 } else { t[i - 1] };
            let w = total.reach(beta, t[i], y[i]);
            own.bend(beta, w);
            block.push((beta, w));
            if let Some((beta, w)) = closing.take() {
                total.bend(beta, w);
            }
        }
        if !block.is_empty() && end < n {
            let fall = own.reach(t[end - 1], t[end], 0.0);
            total.bend(t[end - 1], fall);
            let level = -own.slope().round();
            closing = Some((t[end], level));
            block.extend([(t[end - 1], fall), (t[end], level)]);
        }
        all.push(block);
    }
    all
}

/// ⌊n l / parts⌋: where part l begins.
fn share(n: usize, l: usize, parts: usize) -> usize {
    // n and parts are lengths in memory or depths, and their product fits 128 bits
    (n as u128 * l as u128 / parts as u128) as usize
}

/// The layers of Σ_l g_l.
fn layers(blocks: &[Block]) -> Vec<Layer> {
    let mut layers = Vec::with_capacity(blocks.len() + 1);
    // how the layer before gives p + g: inputs and weights
    let mut readout: Vec<(usize, f64)> = Vec::new();
    for (l, block) in blocks.iter().enumerate() {
        let (first, last) = (l == 0, l + 1 == blocks.len());
        let mut units = Vec::with_capacity(block.len() + 3);
        if first || !last {
            units.push(Unit { terms: vec![(0, 1.0)], bias: 0.0 });
        }
        let mut next: Vec<(usize, f64)> = Vec::with_capacity(block.len() + 2);
        if !first {
            next.extend([(units.len(), 1.0), (units.len() + 1, -1.0)]);
            let negative = readout.iter().map(|(j, w)| (*j, -w)).collect();
            units.push(Unit { terms: std::mem::take(&mut readout), bias: 0.0 });
            units.push(Unit { terms: negative, bias: 0.0 });
        }
        for (beta, w) in block.iter().filter(|(_, w)| *w != 0.0) {
            if first && *beta == 0.0 {
                next.push((0, *w));
                continue;
            }
            next.push((units.len(), *w));
            units.push(Unit { terms: vec![(0, 1.0)], bias: -beta });
        }
        readout = next;
        layers.push(Layer { units, rectified: true });
    }
    layers.push(Layer { units: vec![Unit { terms: readout, bias: 0.0 }], rectified: false });
    layers
}

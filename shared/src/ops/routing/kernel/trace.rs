//! What routing does, to be looked at. Plain and slow.

use super::RoutingSizes;
use crate::ops::routing::{Coupling, Routing};

/// The passes of a routing, in double precision and in the order of the formulas: for diagnosis, and a second opinion
/// on the kernel in tests.
#[derive(Clone, Debug, PartialEq)]
pub struct RoutingTrace {
    /// c of each pass, (B, I, J) row-major.
    pub couplings: Vec<Vec<f64>>,
    /// v of each pass, (B, J, N) row-major.
    pub capsules: Vec<Vec<f64>>,
    /// The mean of |Δb| after each pass, the one that the last pass would have made included.
    pub changes: Vec<f64>,
}

impl RoutingTrace {
    /// Routes `u` (B, I, M) with W (I, J, N, M) and an optional bias (J, N), and keeps everything.
    ///
    /// # Panics
    /// If a slice is not as long as the sizes say: a bug of the caller.
    ///
    /// # Complexity
    /// As [`route`](crate::ops::routing::route), on one thread and without SIMD.
    #[must_use]
    pub fn of(sizes: &RoutingSizes, u: &[f32], w: &[f32], bias: Option<&[f32]>, routing: Routing) -> Self {
        let RoutingSizes { batch, children, length, parents, width } = *sizes;
        let outputs = parents * width;
        assert_eq!(u.len(), batch * children * length, "children");
        assert_eq!(w.len(), children * outputs * length, "weights");
        let passes = routing.iterations;
        let mut trace = RoutingTrace {
            couplings: vec![Vec::new(); passes],
            capsules: vec![Vec::new(); passes],
            changes: vec![0.0; passes],
        };
        for u in u.chunks_exact((children * length).max(1)) {
            let predictions: Vec<f64> = w
                .chunks_exact(length.max(1))
                .enumerate()
                .map(|(row, w)| {
                    let u = &u[row / outputs.max(1) * length..][..length];
                    w.iter().zip(u).map(|(w, u)| f64::from(*w) * f64::from(*u)).sum()
                })
                .collect();
            let mut logits = vec![0.0; children * parents];
            for pass in 0..passes {
                let c = couple(&logits, parents, routing.coupling);
                let mut s: Vec<f64> =
                    bias.map_or(vec![0.0; outputs], |b| b.iter().map(|b| f64::from(*b)).collect());
                for (at, p) in predictions.iter().enumerate() {
                    s[at % outputs] += c[at / width] * p;
                }
                let v: Vec<f64> = s.chunks_exact(width).flat_map(squashed).collect();
                for (at, logit) in logits.iter_mut().enumerate() {
                    let p = &predictions[at * width..(at + 1) * width];
                    let v = &v[at % parents * width..][..width];
                    let change: f64 = p.iter().zip(v).map(|(p, v)| p * v).sum();
                    trace.changes[pass] += change.abs() / (batch * children * parents) as f64;
                    *logit += change;
                }
                trace.couplings[pass].extend(c);
                trace.capsules[pass].extend(v);
            }
        }
        trace
    }
}

fn couple(logits: &[f64], parents: usize, coupling: Coupling) -> Vec<f64> {
    let mut c: Vec<f64> = logits.iter().map(|b| b.exp()).collect();
    if coupling == Coupling::Children {
        for parent in 0..parents {
            let total: f64 = c.iter().skip(parent).step_by(parents).sum();
            c.iter_mut().skip(parent).step_by(parents).for_each(|c| *c /= total);
        }
    } else {
        let leak = if coupling == Coupling::Leaky { 1.0 } else { 0.0 };
        for c in c.chunks_exact_mut(parents.max(1)) {
            let total = leak + c.iter().sum::<f64>();
            c.iter_mut().for_each(|c| *c /= total);
        }
    }
    c
}

fn squashed(s: &[f64]) -> Vec<f64> {
    let squares: f64 = s.iter().map(|s| s * s).sum();
    let factor = squares / ((1.0 + squares) * (squares + crate::ops::squash::EPSILON).sqrt());
    s.iter().map(|s| factor * s).collect()
}

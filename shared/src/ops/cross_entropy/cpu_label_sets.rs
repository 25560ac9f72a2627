//! The kernel of the cross-entropy against label sets.

use dfdx::{
    shapes::{Dim, HasShape, Rank0},
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::{
    device::{host_op, zeros, HostTensor},
    ops::{
        math::{by_lanes, exp, vectorised},
        targets::LabelSets,
    },
};

/// Gradients that one task of the backward pass takes.
const CHUNK: usize = 1 << 14;

pub(super) fn label_set_cross_entropy<B: Dim, C: Dim, T: Tape<f32, Cpu>>(
    scores: Tensor<(B, C), f32, Cpu, T>,
    labels: &LabelSets,
) -> Result<Tensor<Rank0, f32, Cpu, T>, CpuError> {
    let device = scores.device().clone();
    let classes = labels.checked_against(scores.shape().0.size(), scores.shape().1.size());
    let rows = labels.len().max(1) as f64;
    let (scores, tape) = HostTensor::read(scores)?;
    host_op(
        &device,
        tape,
        [scores],
        (),
        |[scores]| {
            // The gradient is a by-product of the loss, so forward leaves it for backward.
            let mut gradient = zeros(scores.len());
            let rows_of = gradient.par_chunks_mut(classes.max(1)).zip(scores.par_chunks(classes.max(1)));
            let losses = rows_of.enumerate().map(|(row, (gradient, scores))| {
                Arch::new().dispatch(Row { scores, labels: labels.row(row), gradient })
            });
            let losses: Vec<f64> = losses.collect();
            (vec![(losses.iter().sum::<f64>() / rows) as f32], gradient)
        },
        move |_, _, gradient, dy, [dx]| {
            let scale = (f64::from(dy[0]) / rows) as f32;
            let chunks = dx.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
            chunks.for_each(|(dx, gradient)| {
                vectorised(|| dx.iter_mut().zip(gradient).for_each(|(dx, g)| *dx += scale * g));
            });
        },
    )
}

/// The loss of one row; its gradient is written to `gradient`.
///
/// A type and not a closure, which as long a one is not always inlined into the code for a wide instruction set.
struct Row<'a> {
    scores: &'a [f32],
    labels: &'a [usize],
    gradient: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Row { scores, labels, gradient } = self;
        let log_sum = softmax(scores, gradient);
        if labels.is_empty() {
            // products, so that a NaN is not hidden
            gradient.iter_mut().for_each(|g| *g *= 0.0);
            return 0.0 * log_sum;
        }
        let share = 1.0 / labels.len() as f64;
        let mut loss = log_sum;
        for label in labels {
            loss -= share * f64::from(scores[*label]);
            gradient[*label] -= share as f32;
        }
        loss
    }
}

/// Writes the probabilities of scores and returns log Σ eᵒ, shifted by the row's maximum so that nothing overflows.
#[inline(always)]
fn softmax(scores: &[f32], probabilities: &mut [f32]) -> f64 {
    let larger = |a: f32, b: f32| if a < b { b } else { a };
    let max = by_lanes(scores, f32::NEG_INFINITY, larger).into_iter().fold(f32::NEG_INFINITY, larger);
    probabilities.iter_mut().zip(scores).for_each(|(p, o)| *p = exp(o - max));
    let sum: f64 = by_lanes(probabilities, 0.0, |sum, p| sum + f64::from(p)).into_iter().sum();
    let inverse = (1.0 / sum) as f32;
    probabilities.iter_mut().for_each(|p| *p *= inverse);
    f64::from(max) + sum.ln()
}

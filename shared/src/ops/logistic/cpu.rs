use dfdx::{
    prelude::*,
    shapes::{Dim, Rank0},
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{LabelReduction, LogisticKernel};
use crate::{
    device::{host_op, zeros, HostTensor},
    ops::{
        math::{by_lanes, exp, sigmoid, vectorised},
        targets::LabelSets,
    },
};

/// Scores whose factors 1 + e^−|z| are multiplied before a logarithm is taken. A factor is 2 at most, so a block's product
/// is 2⁹⁶⁰ at most, which `f64` holds.
const BLOCK: usize = 960;

/// Gradients that one task of the backward pass takes.
const CHUNK: usize = 1 << 14;

impl LogisticKernel for Cpu {
    fn multi_label_logistic_loss<B: Dim, C: Dim, T: Tape<f32, Self>>(
        scores: Tensor<(B, C), f32, Self, T>,
        labels: &LabelSets,
        over: LabelReduction,
    ) -> Result<Tensor<Rank0, f32, Self, T>, CpuError> {
        let device = scores.device().clone();
        let classes = labels.checked_against(scores.shape().0.size(), scores.shape().1.size());
        let divisor = over.divisor(labels.len(), classes);
        let (scores, tape) = HostTensor::read(scores)?;
        host_op(
            &device,
            tape,
            [scores],
            (),
            |[scores]| {
                // The gradient is a by-product of the loss, so forward leaves it for backward.
                let mut gradient = zeros(scores.len());
                let rows = gradient.par_chunks_mut(classes.max(1)).zip(scores.par_chunks(classes.max(1)));
                let losses = rows.enumerate().map(|(row, (gradient, scores))| {
                    Arch::new().dispatch(Row { scores, labels: labels.row(row), gradient })
                });
                let losses: Vec<f64> = losses.collect();
                (vec![(losses.iter().sum::<f64>() / divisor) as f32], gradient)
            },
            move |_, _, gradient, dy, [dx]| {
                let scale = (f64::from(dy[0]) / divisor) as f32;
                let chunks = dx.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
                chunks.for_each(|(dx, gradient)| {
                    vectorised(|| dx.iter_mut().zip(gradient).for_each(|(dx, g)| *dx += scale * g));
                });
            },
        )
    }
}

/// The loss of one row, summed over its classes; its gradient σ(z) − y is written to `gradient`.
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
        // First as if there were no labels, which most classes are not.
        let (mut linear, mut logs) = (0.0, 0.0);
        for (scores, gradient) in scores.chunks(BLOCK).zip(gradient.chunks_mut(BLOCK)) {
            let block = block_sums(scores, gradient);
            linear += block.0;
            logs += block.1;
        }
        for label in labels {
            let z = scores[*label];
            linear -= f64::from(z);
            gradient[*label] = -sigmoid(-z);
        }
        // Added last: the large scores of labels have cancelled by now, and the logarithms may be small.
        linear + logs
    }
}

/// Σ max(0, z) and log Π (1 + e^−|z|) over at most [`BLOCK`] scores; σ(z) is written to `sigmoids`.
#[inline(always)]
fn block_sums(scores: &[f32], sigmoids: &mut [f32]) -> (f64, f64) {
    let mut powers = [0.0; BLOCK];
    let powers = &mut powers[..scores.len()];
    for ((z, sigmoid), power) in scores.iter().zip(sigmoids).zip(powers.iter_mut()) {
        let e = exp(-z.abs());
        let inverse = 1.0 / (1.0 + e);
        *sigmoid = if *z < 0.0 { e * inverse } else { inverse };
        *power = e;
    }
    // not `max`, which would turn a NaN into a 0 and hide it from the loss
    let linear = by_lanes(scores, 0.0, |sum, z| sum + f64::from(if z < 0.0 { 0.0 } else { z }));
    let excess = by_lanes(powers, 0.0, |excess, e| with_factor(excess, f64::from(e)));
    (linear.into_iter().sum(), excess.into_iter().fold(0.0, with_factor).ln_1p())
}

/// (1 + a) (1 + b) − 1: a product of factors close to 1 by what they have beyond 1, so that small ones keep their digits.
#[inline(always)]
fn with_factor(a: f64, b: f64) -> f64 {
    a + (b + a * b)
}

use dfdx::{
    prelude::*,
    shapes::{Dim, Rank0},
    tensor::{Cpu, CpuError, Tape, Tensor},
};

use super::{cpu_label_sets, CrossEntropyKernel};
use crate::{
    device::{host_op, HostTensor},
    ops::{
        math::{exp, vectorised},
        targets::{LabelSets, Targets},
    },
};

impl CrossEntropyKernel for Cpu {
    fn softmax_cross_entropy<B: Dim, C: Dim, T: Tape<f32, Self>>(
        scores: Tensor<(B, C), f32, Self, T>,
        targets: &Targets,
    ) -> Result<Tensor<Rank0, f32, Self, T>, CpuError> {
        let device = scores.device().clone();
        let classes = targets.checked_against(scores.shape().0.size(), scores.shape().1.size());
        let (scores, tape) = HostTensor::read(scores)?;
        let (forward_targets, targets) = (targets.clone(), targets.clone());
        host_op(
            &device,
            tape,
            [scores],
            (),
            move |[scores]| {
                let mut probabilities = scores.to_vec();
                let mut loss = 0.0f64;
                for (row, (i, target)) in
                    probabilities.chunks_exact_mut(classes.max(1)).zip(forward_targets.iter())
                {
                    let log_sum = softmax_in_place(row);
                    let score = f64::from(scores[i * classes + target]);
                    loss += log_sum - score;
                }
                let mean = loss / forward_targets.len().max(1) as f64;
                (vec![mean as f32], probabilities)
            },
            move |_, _, probabilities, dy, [dx]| {
                let scale = dy[0] / targets.len().max(1) as f32;
                dx.iter_mut().zip(&probabilities).for_each(|(dx, p)| *dx += scale * p);
                for (row, target) in targets.iter() {
                    dx[row * classes + target] -= scale;
                }
            },
        )
    }

    fn label_set_cross_entropy<B: Dim, C: Dim, T: Tape<f32, Self>>(
        scores: Tensor<(B, C), f32, Self, T>,
        labels: &LabelSets,
    ) -> Result<Tensor<Rank0, f32, Self, T>, CpuError> {
        cpu_label_sets::label_set_cross_entropy(scores, labels)
    }
}

/// Turns scores into probabilities and returns log Σ eᵒ, shifted by the row's maximum so that nothing overflows.
fn softmax_in_place(row: &mut [f32]) -> f64 {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    vectorised(|| row.iter_mut().for_each(|o| *o = exp(*o - max)));
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|p| *p /= sum);
    f64::from(max) + f64::from(sum).ln()
}

use dfdx::{
    prelude::*,
    shapes::{Dim, Rank0},
    tensor::{Cpu, CpuError, Tape, Tensor},
};

use super::{Hinge, HingeKernel};
use crate::{
    device::{host_op, HostTensor},
    ops::targets::Targets,
};

impl HingeKernel for Cpu {
    fn multiclass_hinge<B: Dim, C: Dim, T: Tape<f32, Self>>(
        scores: Tensor<(B, C), f32, Self, T>,
        targets: &Targets,
        hinge: Hinge,
    ) -> Result<Tensor<Rank0, f32, Self, T>, CpuError> {
        let device = scores.device().clone();
        let classes = targets.checked_against(scores.shape().0.size(), scores.shape().1.size());
        let (scores, tape) = HostTensor::read(scores)?;
        let targets = targets.clone();
        host_op(
            &device,
            tape,
            [scores],
            (),
            move |[scores]| {
                // The gradient is a by-product of the loss, so forward leaves it for backward.
                let mut gradient = vec![0.0; scores.len()];
                let mut loss = 0.0f64;
                for (row, target) in targets.iter() {
                    let span = row * classes..(row + 1) * classes;
                    loss += hinge_row(&scores[span.clone()], target, hinge, &mut gradient[span]);
                }
                let mean = loss / targets.len().max(1) as f64;
                (vec![mean as f32], (gradient, targets.len()))
            },
            |_, _, (gradient, rows), dy, [dx]| {
                let scale = dy[0] / rows.max(1) as f32;
                dx.iter_mut().zip(&gradient).for_each(|(dx, g)| *dx += scale * g);
            },
        )
    }
}

/// The loss of one row; its gradient is added to `gradient`.
fn hinge_row(scores: &[f32], target: usize, hinge: Hinge, gradient: &mut [f32]) -> f64 {
    let own = scores[target];
    let rivals = scores.iter().enumerate().filter(|(k, _)| *k != target);
    match hinge {
        Hinge::CrammerSinger => {
            // NaN must reach the loss, so compare in a way that keeps it
            let rival = rivals.fold(None, |best: Option<(usize, f32)>, (k, o)| match best {
                Some((_, b)) if !(*o > b || o.is_nan()) => best,
                _ => Some((k, *o)),
            });
            let Some((rival, score)) = rival else { return 0.0 };
            let violation = 1.0 + score - own;
            if violation <= 0.0 {
                return 0.0;
            }
            gradient[rival] += 1.0;
            gradient[target] -= 1.0;
            f64::from(violation)
        }
        Hinge::WestonWatkins => {
            let share = 1.0 / scores.len() as f32;
            let mut loss = 0.0;
            for (k, o) in rivals {
                let violation = 1.0 + o - own;
                if violation <= 0.0 {
                    continue;
                }
                gradient[k] += share;
                gradient[target] -= share;
                loss += f64::from(violation);
            }
            loss / scores.len() as f64
        }
    }
}

use dfdx::{
    prelude::*,
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use rand::RngCore;
use rayon::prelude::*;

use super::{DropRate, DropoutKernel};
use crate::{
    device::{host_op, HostTensor},
    train::RunRng,
};

/// Values that one task takes; the generator can be addressed by word, so any task can begin where its values do.
const CHUNK: usize = 1 << 14;

impl DropoutKernel for Cpu {
    fn dropout<S: Shape, T: Tape<f32, Self>>(
        x: Tensor<S, f32, Self, T>,
        rate: DropRate,
        rng: &mut RunRng,
    ) -> Result<Tensor<S, f32, Self, T>, CpuError> {
        let (device, shape) = (x.device().clone(), *x.shape());
        let [seed, stream, word] = rng.position();
        *rng = RunRng::at([seed, stream, word + shape.num_elements() as u64]);
        let (threshold, scale) = (rate.threshold(), rate.scale() as f32);
        let (x, tape) = HostTensor::read(x)?;
        host_op(
            &device,
            tape,
            [x],
            shape,
            move |[x]| {
                let mut y = x.to_vec();
                let mut kept = vec![false; x.len()];
                let chunks = y.par_chunks_mut(CHUNK).zip(kept.par_chunks_mut(CHUNK)).enumerate();
                chunks.for_each(|(chunk, (y, kept))| {
                    let mut rng = RunRng::at([seed, stream, word + (chunk * CHUNK) as u64]);
                    for (y, kept) in y.iter_mut().zip(kept) {
                        *kept = rng.next_u32() >= threshold;
                        // a product, so that a NaN is not hidden by the mask
                        *y *= if *kept { scale } else { 0.0 };
                    }
                });
                (y, kept)
            },
            move |_, _, kept, dy, [dx]| {
                let chunks = dx.par_chunks_mut(CHUNK).zip(dy.par_chunks(CHUNK)).zip(kept.par_chunks(CHUNK));
                chunks.for_each(|((dx, dy), kept)| {
                    for ((dx, dy), kept) in dx.iter_mut().zip(dy).zip(kept) {
                        *dx += dy * if *kept { scale } else { 0.0 };
                    }
                });
            },
        )
    }
}

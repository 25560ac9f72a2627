use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, CpuError, Tape, Tensor},
};

use super::{EmbeddingKernel, Symbols};
use crate::device::{host_op, HostTensor};

impl EmbeddingKernel for Cpu {
    fn embedding<T: Tape<f32, Self>>(
        table: &Tensor<(usize, usize), f32, Self>,
        symbols: &Symbols,
        tape: T,
    ) -> Result<Tensor<(usize, usize), f32, Self, T>, CpuError> {
        let (device, width) = (table.device().clone(), table.shape().1);
        let (table, tape_w) = HostTensor::read_weight::<_, T>(table)?;
        let again = symbols.clone();
        host_op(
            &device,
            tape.merge(tape_w),
            [table],
            (symbols.len(), width),
            |[table]| {
                let mut rows = Vec::with_capacity(symbols.len() * width);
                let each = symbols.indices().iter();
                each.for_each(|symbol| rows.extend_from_slice(&table[symbol * width..][..width]));
                (rows, ())
            },
            move |_, _, (), dy, [dtable]| {
                if dtable.is_empty() {
                    return;
                }
                for (symbol, dy) in again.indices().iter().zip(dy.chunks_exact(width)) {
                    let row = &mut dtable[symbol * width..][..width];
                    row.iter_mut().zip(dy).for_each(|(total, dy)| *total += dy);
                }
            },
        )
    }
}

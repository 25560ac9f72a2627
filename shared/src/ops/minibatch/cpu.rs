use dfdx::{
    shapes::{Dim, HasShape},
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use rayon::prelude::*;

use super::MinibatchKernel;
use crate::{
    device::{host_op, zeros, HostTensor},
    ops::math::{exp, vectorised},
};

/// Partial sums of a row; their number is fixed, and with it the order of every sum.
const LANES: usize = 16;

impl MinibatchKernel for Cpu {
    fn closeness<B: Dim, N: Dim, M: Dim, T: Tape<f32, Self>>(
        m: Tensor<(B, N, M), f32, Self, T>,
    ) -> Result<Tensor<(B, N), f32, Self, T>, CpuError> {
        let (device, (b, n, width)) = (m.device().clone(), *m.shape());
        let sizes = Sizes { rows: b.size(), kernels: n.size(), width: width.size() };
        let (m, tape) = HostTensor::read(m)?;
        host_op(
            &device,
            tape,
            [m],
            (b, n),
            move |[m]| {
                let columns = transposed(m, sizes.rows);
                let mut o = zeros(sizes.rows * sizes.kernels);
                let each = o.par_chunks_mut(sizes.kernels.max(1)).enumerate();
                each.for_each_init(
                    || zeros(sizes.padded()),
                    |close, (i, o)| vectorised(|| sizes.forward(&columns, i, close, o)),
                );
                (o, columns)
            },
            move |_, _, columns, dy, [dm]| {
                let dy = transposed(dy, sizes.rows);
                let each = dm.par_chunks_mut((sizes.kernels * sizes.width).max(1)).enumerate();
                each.for_each_init(
                    || zeros(sizes.padded()),
                    |close, (i, dm)| vectorised(|| sizes.backward(&columns, &dy, i, close, dm)),
                );
            },
        )
    }
}

/// Columns one after the other, each filled up with zeros to a whole number of lanes.
fn transposed(rows: &[f32], count: usize) -> Vec<f32> {
    let width = rows.len() / count.max(1);
    let padded = count.next_multiple_of(LANES);
    let mut columns = zeros(width * padded);
    for (i, row) in rows.chunks_exact(width.max(1)).enumerate() {
        row.iter().enumerate().for_each(|(c, value)| columns[c * padded + i] = *value);
    }
    columns
}

#[derive(Clone, Copy)]
struct Sizes {
    /// B.
    rows: usize,
    /// N.
    kernels: usize,
    /// M.
    width: usize,
}

impl Sizes {
    fn padded(self) -> usize {
        self.rows.next_multiple_of(LANES)
    }

    /// exp(−‖mᵢ − mⱼ‖₁) for all j, and 0 for i and the padding.
    #[inline(always)]
    fn closeness(self, columns: &[f32], i: usize, close: &mut [f32]) {
        close.fill(0.0);
        for column in columns.chunks_exact(self.padded()) {
            let own = column[i];
            close.iter_mut().zip(column).for_each(|(d, other)| *d += (own - other).abs());
        }
        close.iter_mut().for_each(|d| *d = exp(-*d));
        close[i] = 0.0;
        close[self.rows..].fill(0.0);
    }

    #[inline(always)]
    fn forward(self, columns: &[f32], i: usize, close: &mut [f32], o: &mut [f32]) {
        for (kernel, o) in o.iter_mut().enumerate() {
            self.closeness(self.of(columns, kernel), i, close);
            let mut sums = [0.0; LANES];
            for close in close.chunks_exact(LANES) {
                sums.iter_mut().zip(close).for_each(|(sum, c)| *sum += c);
            }
            *o = sums.iter().sum();
        }
    }

    /// Row i stands in its own sum and in each other row's: dmᵢ = −Σⱼ (dyᵢ + dyⱼ) cᵢⱼ sign(mᵢ − mⱼ).
    #[inline(always)]
    fn backward(self, columns: &[f32], dy: &[f32], i: usize, close: &mut [f32], dm: &mut [f32]) {
        for (kernel, dm) in dm.chunks_exact_mut(self.width).enumerate() {
            let columns = self.of(columns, kernel);
            self.closeness(columns, i, close);
            let dy = &dy[kernel * self.padded()..][..self.padded()];
            close.iter_mut().zip(dy).for_each(|(c, other)| *c *= dy[i] + other);
            for (dm, column) in dm.iter_mut().zip(columns.chunks_exact(self.padded())) {
                let (own, mut sums) = (column[i], [0.0; LANES]);
                for (close, column) in close.chunks_exact(LANES).zip(column.chunks_exact(LANES)) {
                    for ((sum, c), other) in sums.iter_mut().zip(close).zip(column) {
                        let sign = f32::from(u8::from(own > *other)) - f32::from(u8::from(own < *other));
                        *sum += c * sign;
                    }
                }
                *dm -= sums.iter().sum::<f32>();
            }
        }
    }

    /// The columns of one kernel.
    #[inline(always)]
    fn of(self, columns: &[f32], kernel: usize) -> &[f32] {
        let size = self.width * self.padded();
        &columns[kernel * size..][..size]
    }
}

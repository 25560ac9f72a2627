use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use rayon::prelude::*;

use super::{DiffusionKernel, SparseRows};
use crate::{
    device::{host_op, HostTensor},
    ops::{
        linear::Activation,
        math::{tanh, vectorised},
    },
};

/// Classes are padded to whole groups of this many, so that a row of weights is whole SIMD registers.
const LANES: usize = 8;

/// Below this many entries a chunk of the backward pass is not worth an accumulator of its own.
const ENTRIES_A_CHUNK: usize = 1 << 16;

/// Chunks of the backward pass at most, whatever the number of threads: their sums are added in order.
const CHUNKS: usize = 8;

impl DiffusionKernel for Cpu {
    fn diffusion_conv<B: Dim, H: Dim, F: Dim, T: Tape<f32, Self>>(
        diffused: Tensor<(B, H, F), f32, Self, T>,
        weight: &Tensor<(H, F), f32, Self>,
    ) -> Result<Tensor<(B, H, F), f32, Self, T>, CpuError> {
        let (device, shape) = (diffused.device().clone(), *diffused.shape());
        let (s, tape) = HostTensor::read(diffused)?;
        let (w, tape_w) = HostTensor::read_param::<_, T>(weight)?;
        let columns = (shape.1.size() * shape.2.size()).max(1);
        host_op(
            &device,
            tape.merge(tape_w),
            [s, w],
            shape,
            move |[s, w]| {
                let mut z = s.to_vec();
                vectorised(|| {
                    for row in z.chunks_exact_mut(columns) {
                        row.iter_mut().zip(w).for_each(|(z, w)| *z = tanh(*z * w));
                    }
                });
                (z, ())
            },
            move |[s, w], z, (), dz, [ds, dw]| {
                vectorised(|| {
                    for (i, ds) in ds.chunks_exact_mut(columns).enumerate() {
                        let span = i * columns..(i + 1) * columns;
                        let (s, z, dz) = (&s[span.clone()], &z[span.clone()], &dz[span]);
                        for k in 0..columns {
                            let da = dz[k] * (1.0 - z[k] * z[k]);
                            ds[k] += da * w[k];
                            dw[k] += da * s[k];
                        }
                    }
                });
            },
        )
    }

    fn diffusion_classifier<H: Dim, F: Dim, K: Dim, C: Dim, T: Tape<f32, Self>>(
        diffused: &SparseRows,
        conv: Tensor<(H, F), f32, Self, T>,
        weight: &Tensor<(C, K), f32, Self>,
        bias: &Tensor<(C,), f32, Self>,
        activation: Activation,
    ) -> Result<Tensor<(usize, C), f32, Self, T>, CpuError> {
        let (device, classes) = (conv.device().clone(), bias.shape().0);
        let (conv, tape) = HostTensor::read(conv)?;
        let (weight, tape_w) = HostTensor::read_param::<_, T>(weight)?;
        let (bias, tape_b) = HostTensor::read_param::<_, T>(bias)?;
        let (rows, rows_back) = (diffused.clone(), diffused.clone());
        let c = classes.size();
        host_op(
            &device,
            tape.merge(tape_w).merge(tape_b),
            [conv, weight, bias],
            (diffused.rows(), classes),
            move |[conv, weight, bias]| {
                let weight = ColumnMajor::from_rows(weight, c, rows.cols());
                let z = activations(&rows, conv);
                let mut out = vec![0.0; rows.rows() * c];
                scores(&rows, &z, &weight, bias, &mut out);
                activate(&mut out, activation);
                (out, (z, weight))
            },
            move |[conv, ..], y, (z, weight), dy, [dconv, dweight, dbias]| {
                let da = padded_output_gradient(dy, y, c, weight.width, activation);
                for row in da.chunks_exact(weight.width.max(1)) {
                    dbias.iter_mut().zip(row).for_each(|(db, da)| *db += da);
                }
                let total = backward(&rows_back, &z, &weight, &da);
                // d/dw tanh(w s) = (1 - z²) s was left without w in it, so nothing of `conv` is needed
                debug_assert_eq!(conv.len(), total.conv.len());
                dconv.iter_mut().zip(&total.conv).for_each(|(d, t)| *d += t);
                total.weight.add_to_rows(dweight);
            },
        )
    }
}

/// A (C, K) matrix stored column after column, each padded to whole groups of [`LANES`].
struct ColumnMajor {
    values: Vec<f32>,
    classes: usize,
    width: usize,
}

impl ColumnMajor {
    fn zeros(classes: usize, columns: usize) -> Self {
        let width = classes.next_multiple_of(LANES);
        ColumnMajor { values: vec![0.0; columns * width], classes, width }
    }

    fn from_rows(rows: &[f32], classes: usize, columns: usize) -> Self {
        let mut out = Self::zeros(classes, columns);
        for (class, row) in rows.chunks_exact(columns.max(1)).enumerate() {
            for (column, value) in row.iter().enumerate() {
                out.values[column * out.width + class] = *value;
            }
        }
        out
    }

    fn add_to_rows(&self, rows: &mut [f32]) {
        if self.classes == 0 {
            return;
        }
        let columns = rows.len() / self.classes;
        for (class, row) in rows.chunks_exact_mut(columns.max(1)).enumerate() {
            for (column, value) in row.iter_mut().enumerate() {
                *value += self.values[column * self.width + class];
            }
        }
    }

    fn add(&mut self, other: &ColumnMajor) {
        self.values.iter_mut().zip(&other.values).for_each(|(a, b)| *a += b);
    }
}

/// z = tanh(w s) for each stored entry.
fn activations(rows: &SparseRows, conv: &[f32]) -> Vec<f32> {
    let mut z: Vec<f32> =
        rows.indices().iter().zip(rows.values()).map(|(k, s)| conv[*k as usize] * s).collect();
    z.par_chunks_mut(ENTRIES_A_CHUNK).for_each(|z| vectorised(|| z.iter_mut().for_each(|z| *z = tanh(*z))));
    z
}

fn scores(rows: &SparseRows, z: &[f32], weight: &ColumnMajor, bias: &[f32], out: &mut [f32]) {
    let (c, indptr) = (weight.classes, rows.indptr());
    // Each row is summed on its own, so rows may go to any thread.
    out.par_chunks_mut(c.max(1)).with_min_len(16).enumerate().for_each(|(row, out)| {
        let span = indptr[row]..indptr[row + 1];
        let (indices, z) = (&rows.indices()[span.clone()], &z[span]);
        vectorised(|| {
            for group in 0..weight.width / LANES {
                let mut sum = [0.0f32; LANES];
                for (k, z) in indices.iter().zip(z) {
                    let at = *k as usize * weight.width + group * LANES;
                    let w = &weight.values[at..at + LANES];
                    for lane in 0..LANES {
                        sum[lane] += z * w[lane];
                    }
                }
                for (class, sum) in (group * LANES..c).zip(sum) {
                    out[class] = sum + bias[class];
                }
            }
        });
    });
}

fn activate(out: &mut [f32], activation: Activation) {
    match activation {
        Activation::Identity => {}
        Activation::Relu => out.iter_mut().for_each(|a| *a = a.max(0.0)),
        Activation::Tanh => vectorised(|| out.iter_mut().for_each(|a| *a = tanh(*a))),
        Activation::Sigmoid => out.iter_mut().for_each(|a| *a = crate::ops::math::sigmoid(*a)),
    }
}

/// dy f'(a), each row padded with zeros to `width`.
fn padded_output_gradient(dy: &[f32], y: &[f32], c: usize, width: usize, f: Activation) -> Vec<f32> {
    let rows = dy.len() / c.max(1);
    let mut da = vec![0.0; rows * width];
    for (row, da) in da.chunks_exact_mut(width.max(1)).enumerate() {
        for class in 0..c {
            let (dy, y) = (dy[row * c + class], y[row * c + class]);
            da[class] = dy * f.derivative_from_output(y);
        }
    }
    da
}

/// Gradients of one chunk of rows.
struct Gradient {
    conv: Vec<f32>,
    weight: ColumnMajor,
}

fn backward(rows: &SparseRows, z: &[f32], weight: &ColumnMajor, da: &[f32]) -> Gradient {
    let chunks = (rows.nnz() / ENTRIES_A_CHUNK).clamp(1, CHUNKS);
    let size = rows.rows().div_ceil(chunks).max(1);
    let starts: Vec<usize> = (0..rows.rows().max(1)).step_by(size).collect();
    let parts: Vec<Gradient> = starts
        .into_par_iter()
        .map(|start| backward_rows(rows, start..(start + size).min(rows.rows()), z, weight, da))
        .collect();
    let mut parts = parts.into_iter();
    let empty = || Gradient { conv: Vec::new(), weight: ColumnMajor::zeros(weight.classes, 0) };
    let mut total = parts.next().unwrap_or_else(empty);
    for part in parts {
        total.conv.iter_mut().zip(&part.conv).for_each(|(a, b)| *a += b);
        total.weight.add(&part.weight);
    }
    total
}

fn backward_rows(
    rows: &SparseRows,
    span: std::ops::Range<usize>,
    z: &[f32],
    weight: &ColumnMajor,
    da: &[f32],
) -> Gradient {
    let width = weight.width;
    let mut conv = vec![0.0f32; rows.cols()];
    let mut dweight = ColumnMajor::zeros(weight.classes, rows.cols());
    vectorised(|| {
        for row in span {
            let da = &da[row * width..(row + 1) * width];
            for entry in rows.indptr()[row]..rows.indptr()[row + 1] {
                let (k, s, z) = (rows.indices()[entry] as usize, rows.values()[entry], z[entry]);
                let (w, dw) =
                    (&weight.values[k * width..][..width], &mut dweight.values[k * width..][..width]);
                let mut dz = 0.0f32;
                for group in (0..width).step_by(LANES) {
                    let (da, w, dw) =
                        (&da[group..][..LANES], &w[group..][..LANES], &mut dw[group..][..LANES]);
                    let mut product = [0.0f32; LANES];
                    for lane in 0..LANES {
                        dw[lane] += z * da[lane];
                        product[lane] = w[lane] * da[lane];
                    }
                    let [a, b, c, d, e, f, g, h] = product;
                    dz += ((a + e) + (c + g)) + ((b + f) + (d + h));
                }
                conv[k] += dz * (1.0 - z * z) * s;
            }
        }
    });
    Gradient { conv, weight: dweight }
}

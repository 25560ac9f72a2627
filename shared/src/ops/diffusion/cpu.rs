use std::ops::Range;

use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{DiffusionKernel, SparseRows};
use crate::{
    device::{host_op, HostTensor},
    ops::{
        linear::{Activation, LEAK},
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
            move |_, y, (z, weight), dy, [dconv, dweight, dbias]| {
                let da = padded_output_gradient(dy, y, c, weight.width, activation);
                for row in da.chunks_exact(weight.width.max(1)) {
                    dbias.iter_mut().zip(row).for_each(|(db, da)| *db += da);
                }
                // d/dw tanh(w s) = (1 - z²) s has no w in it, so nothing of W^c is needed
                backward(&rows_back, &z, &da, weight.width / LANES).add_to(&weight, dconv, dweight);
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
    fn from_rows(rows: &[f32], classes: usize, columns: usize) -> Self {
        let width = classes.next_multiple_of(LANES);
        let mut out = ColumnMajor { values: vec![0.0; columns * width], classes, width };
        for (class, row) in rows.chunks_exact(columns.max(1)).enumerate() {
            for (column, value) in row.iter().enumerate() {
                out.values[column * out.width + class] = *value;
            }
        }
        out
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
        Arch::new().dispatch(RowScores { indices, z, weight, bias, out });
    });
}

/// The scores of one row. A type and not a closure, because only this is sure to be compiled for the machine's SIMD.
struct RowScores<'a> {
    indices: &'a [u32],
    z: &'a [f32],
    weight: &'a ColumnMajor,
    bias: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for RowScores<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let groups = self.weight.width / LANES;
        let (weight, _) = self.weight.values.as_chunks::<LANES>();
        for group in 0..groups {
            let mut sum = [0.0f32; LANES];
            for (k, z) in self.indices.iter().zip(self.z) {
                let w = &weight[*k as usize * groups + group];
                for lane in 0..LANES {
                    sum[lane] += z * w[lane];
                }
            }
            let first = group * LANES;
            let classes = self.out[first..].iter_mut().zip(&self.bias[first..]);
            classes.zip(sum).for_each(|((out, bias), sum)| *out = sum + bias);
        }
    }
}

fn activate(out: &mut [f32], activation: Activation) {
    match activation {
        Activation::Identity => {}
        // not `max`, which would turn a NaN into a 0 and hide it from the loss
        Activation::Relu => out.iter_mut().for_each(|a| *a = if *a < 0.0 { 0.0 } else { *a }),
        Activation::LeakyRelu => out.iter_mut().for_each(|a| *a = if *a > 0.0 { *a } else { LEAK * *a }),
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

/// What the backward pass adds up, for each column k of S: Σ z da, which is dW^d's column, then Σ (1 − z²) s da, whose
/// product with W^d's column is dW^c. So one entry costs two multiply-adds a class and no sum across classes.
struct ColumnSums {
    /// Column after column, each `groups` times Σ z da and then `groups` times Σ (1 − z²) s da.
    values: Vec<[f32; LANES]>,
    groups: usize,
}

impl ColumnSums {
    fn of_rows(rows: &SparseRows, span: Range<usize>, z: &[f32], da: &[f32], groups: usize) -> Self {
        let mut sums = ColumnSums { values: vec![[0.0; LANES]; rows.cols() * 2 * groups], groups };
        let (da, _) = da.as_chunks::<LANES>();
        Arch::new().dispatch(AddRows { rows, span, z, da, sums: &mut sums });
        sums
    }

    fn add(&mut self, other: &ColumnSums) {
        for (a, b) in self.values.iter_mut().zip(&other.values) {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        }
    }

    /// Adds the gradients of W^c and, row-major, of W^d.
    fn add_to(&self, weight: &ColumnMajor, dconv: &mut [f32], dweight: &mut [f32]) {
        let (columns, groups) = (dconv.len(), self.groups);
        let (weight, _) = weight.values.as_chunks::<LANES>();
        for (k, dconv) in dconv.iter_mut().enumerate() {
            let by_conv = &self.values[(2 * k + 1) * groups..(2 * k + 2) * groups];
            for (w, sum) in weight[k * groups..(k + 1) * groups].iter().zip(by_conv) {
                *dconv += w.iter().zip(sum).map(|(w, sum)| w * sum).sum::<f32>();
            }
        }
        for (class, row) in dweight.chunks_exact_mut(columns.max(1)).enumerate() {
            let (group, lane) = (class / LANES, class % LANES);
            for (k, dw) in row.iter_mut().enumerate() {
                *dw += self.values[2 * k * groups + group][lane];
            }
        }
    }
}

/// Adds rows to the sums; a type for the same reason as [`RowScores`].
struct AddRows<'a> {
    rows: &'a SparseRows,
    span: Range<usize>,
    z: &'a [f32],
    /// `groups` a row.
    da: &'a [[f32; LANES]],
    sums: &'a mut ColumnSums,
}

impl WithSimd for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (rows, groups) = (self.rows, self.sums.groups);
        for row in self.span {
            let da = &self.da[row * groups..(row + 1) * groups];
            let entries = rows.indptr()[row]..rows.indptr()[row + 1];
            let (indices, s) = (&rows.indices()[entries.clone()], &rows.values()[entries.clone()]);
            for ((k, s), z) in indices.iter().zip(s).zip(&self.z[entries]) {
                let at = *k as usize * 2 * groups;
                let (by_weight, by_conv) = self.sums.values[at..at + 2 * groups].split_at_mut(groups);
                let slope = (1.0 - z * z) * s;
                for ((da, by_weight), by_conv) in da.iter().zip(by_weight).zip(by_conv) {
                    // on copies, so that nothing is feared to overlap
                    let (da, mut dw, mut dc) = (*da, *by_weight, *by_conv);
                    for lane in 0..LANES {
                        dw[lane] += z * da[lane];
                        dc[lane] += slope * da[lane];
                    }
                    (*by_weight, *by_conv) = (dw, dc);
                }
            }
        }
    }
}

fn backward(rows: &SparseRows, z: &[f32], da: &[f32], groups: usize) -> ColumnSums {
    let chunks = (rows.nnz() / ENTRIES_A_CHUNK).clamp(1, CHUNKS);
    let size = rows.rows().div_ceil(chunks).max(1);
    let starts: Vec<usize> = (0..rows.rows()).step_by(size).collect();
    let parts: Vec<ColumnSums> = starts
        .into_par_iter()
        .map(|start| ColumnSums::of_rows(rows, start..(start + size).min(rows.rows()), z, da, groups))
        .collect();
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_else(|| ColumnSums::of_rows(rows, 0..0, z, da, groups));
    parts.for_each(|part| total.add(&part));
    total
}

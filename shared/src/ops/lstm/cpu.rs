use dfdx::{
    prelude::*,
    tensor::{Cpu, CpuError, Tape},
};
use rayon::prelude::*;

use super::{LstmKernel, LstmPass, LstmState, LstmWeights, Sequence};
use crate::{
    device::{host_op, zeros, HostTensor},
    ops::{
        columns::add_column_sums,
        math::{sigmoid, tanh, vectorised},
        matmul::{matmul, Accumulate, Mat},
    },
};

/// Gate values that one task takes, about; a step with fewer is not handed out.
const CHUNK: usize = 1 << 15;

impl LstmKernel for Cpu {
    fn lstm<T: Tape<f32, Self>>(
        x: Sequence<f32, Self, T>,
        weights: LstmWeights<'_, usize, usize, usize, f32, Self>,
        state: &LstmState<usize, usize, f32, Self>,
    ) -> Result<LstmPass<usize, usize, usize, f32, Self, T>, CpuError> {
        let (device, (steps, batch, inputs)) = (x.device().clone(), *x.shape());
        let hidden = state.hidden.shape().1;
        let sizes = Sizes { steps, batch, inputs, hidden };
        let (x, tape) = HostTensor::read(x)?;
        let (w, tape_w) = HostTensor::read_weight::<_, T>(weights.weight_ih)?;
        let (u, tape_u) = HostTensor::read_weight::<_, T>(weights.weight_hh)?;
        let (b_w, tape_b_w) = HostTensor::read_weight::<_, T>(weights.bias_ih)?;
        let (b_u, tape_b_u) = HostTensor::read_weight::<_, T>(weights.bias_hh)?;
        let (h0, tape_h) = HostTensor::read_param::<_, T>(&state.hidden)?;
        let (c0, tape_c) = HostTensor::read_param::<_, T>(&state.cell)?;
        let tape = tape.merge(tape_w).merge(tape_u).merge(tape_b_w).merge(tape_b_u);

        let mut last = (Vec::new(), Vec::new());
        let y = host_op(
            &device,
            tape.merge(tape_h).merge(tape_c),
            [x, w, u, b_w, b_u, h0, c0],
            (steps, batch, hidden),
            |given| {
                let (y, saved) = sizes.forward(given);
                last.0 = sizes.last(&y, given[5]).to_vec();
                last.1 = sizes.last(&saved.cells, given[6]).to_vec();
                (y, saved)
            },
            move |given, y, saved, dy, grads| sizes.backward(given, y, saved, dy, grads),
        )?;
        let last = LstmState {
            hidden: device.try_tensor_from_vec(last.0, (batch, hidden))?,
            cell: device.try_tensor_from_vec(last.1, (batch, hidden))?,
        };
        Ok((y, last))
    }
}

/// What the backward pass needs besides inputs and outputs.
struct Saved {
    /// i, f, g and o of each step: (S, B, 4 H).
    gates: Vec<f32>,
    /// c after each step: (S, B, H).
    cells: Vec<f32>,
}

#[derive(Clone, Copy)]
struct Sizes {
    /// S.
    steps: usize,
    /// B.
    batch: usize,
    /// I.
    inputs: usize,
    /// H.
    hidden: usize,
}

impl Sizes {
    /// 4 H.
    fn width(self) -> usize {
        4 * self.hidden
    }

    /// Values of a state.
    fn state(self) -> usize {
        self.batch * self.hidden
    }

    /// Gate values of a step.
    fn step(self) -> usize {
        self.batch * self.width()
    }

    /// The state after the last step; the first one where there are no steps.
    fn last<'a>(self, all: &'a [f32], first: &'a [f32]) -> &'a [f32] {
        self.before(all, self.steps, first)
    }

    /// The state before step t.
    fn before<'a>(self, all: &'a [f32], t: usize, first: &'a [f32]) -> &'a [f32] {
        match t {
            0 => first,
            _ => &all[(t - 1) * self.state()..t * self.state()],
        }
    }

    fn forward(self, [x, w, u, b_w, b_u, h0, c0]: [&[f32]; 7]) -> (Vec<f32>, Saved) {
        let (rows, width, state) = (self.steps * self.batch, self.width(), self.state());
        let bias: Vec<f32> = b_w.iter().zip(b_u).map(|(a, b)| a + b).collect();
        let mut gates = zeros(rows * width);
        let all = Mat::new(&mut gates[..], rows, width);
        matmul(
            Mat::new(x, rows, self.inputs),
            Mat::new(w, width, self.inputs).t(),
            all,
            Accumulate::Overwrite,
        );
        // turned once, or the matrix product would turn it in every step
        let turned = transposed(u, self.hidden);
        let (mut y, mut cells) = (zeros(rows * self.hidden), zeros(rows * self.hidden));
        for t in 0..self.steps {
            let (h_done, h) = y.split_at_mut(t * state);
            let (c_done, c) = cells.split_at_mut(t * state);
            let (before_h, before_c) = (self.before(h_done, t, h0), self.before(c_done, t, c0));
            let a = &mut gates[t * self.step()..][..self.step()];
            let u = Mat::new(&turned[..], self.hidden, width);
            let sums = Mat::new(&mut *a, self.batch, width);
            matmul(Mat::new(before_h, self.batch, self.hidden), u, sums, Accumulate::Add);
            self.gates_forward(&bias, a, before_c, &mut c[..state], &mut h[..state]);
        }
        (y, Saved { gates, cells })
    }

    fn backward(
        self,
        [x, w, u, _, _, h0, c0]: [&[f32]; 7],
        y: &[f32],
        saved: Saved,
        dy: &[f32],
        [dx, dw, du, db_w, db_u, dh0, dc0]: [&mut [f32]; 7],
    ) {
        let (rows, width, state) = (self.steps * self.batch, self.width(), self.state());
        // From step to step backwards, the gates give way to the gradients of what went into them.
        let Saved { mut gates, cells } = saved;
        let (mut dh, mut dc) = (zeros(state), zeros(state));
        for t in (0..self.steps).rev() {
            let a = &mut gates[t * self.step()..][..self.step()];
            let (c, before) = (self.before(&cells, t + 1, c0), self.before(&cells, t, c0));
            let out = dy[t * state..][..state].iter().zip(&mut dh);
            out.for_each(|(dy, dh)| *dh += dy);
            self.gates_backward(a, c, before, &dh, &mut dc);
            let (a, u) = (Mat::new(&*a, self.batch, width), Mat::new(u, width, self.hidden));
            matmul(a, u, Mat::new(&mut dh, self.batch, self.hidden), Accumulate::Overwrite);
        }
        for (total, part) in [(dh0, &dh), (dc0, &dc)] {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        }

        let da = Mat::new(&gates[..], rows, width);
        if !dx.is_empty() {
            let dx = Mat::new(dx, rows, self.inputs);
            matmul(da, Mat::new(w, width, self.inputs), dx, Accumulate::Add);
        }
        if !dw.is_empty() {
            let dw = Mat::new(dw, width, self.inputs);
            matmul(da.t(), Mat::new(x, rows, self.inputs), dw, Accumulate::Add);
        }
        if !du.is_empty() && rows > 0 {
            let (first, rest) = gates.split_at(self.step());
            let (d, h) = (Mat::new(first, self.batch, width), Mat::new(h0, self.batch, self.hidden));
            matmul(d.t(), h, Mat::new(&mut *du, width, self.hidden), Accumulate::Add);
            let later = rows - self.batch;
            if later > 0 {
                let h = Mat::new(&y[..later * self.hidden], later, self.hidden);
                matmul(
                    Mat::new(rest, later, width).t(),
                    h,
                    Mat::new(du, width, self.hidden),
                    Accumulate::Add,
                );
            }
        }
        let mut db = zeros(width);
        add_column_sums(&gates, &mut db);
        for total in [db_w, db_u] {
            total.iter_mut().zip(&db).for_each(|(total, part)| *total += part);
        }
    }

    /// Rows of the batch that one task takes in a pass over the gates.
    fn rows_a_task(self) -> usize {
        (CHUNK / self.width().max(1)).max(1)
    }

    /// Sums into gates, then c and h of a step.
    fn gates_forward(self, bias: &[f32], a: &mut [f32], before: &[f32], c: &mut [f32], h: &mut [f32]) {
        let (rows, hidden) = (self.rows_a_task(), self.hidden);
        if hidden == 0 || self.batch <= rows {
            return vectorised(|| rows_forward(hidden, bias, a, before, c, h));
        }
        let states = before.par_chunks(rows * hidden).zip(c.par_chunks_mut(rows * hidden));
        let states = states.zip(h.par_chunks_mut(rows * hidden));
        a.par_chunks_mut(rows * self.width()).zip(states).for_each(|(a, ((before, c), h))| {
            vectorised(|| rows_forward(hidden, bias, a, before, c, h));
        });
    }

    /// Gates into the gradients of their sums; dc from after a step to before it.
    fn gates_backward(self, a: &mut [f32], c: &[f32], before: &[f32], dh: &[f32], dc: &mut [f32]) {
        let (rows, hidden) = (self.rows_a_task(), self.hidden);
        if hidden == 0 || self.batch <= rows {
            return vectorised(|| rows_backward(hidden, a, c, before, dh, dc));
        }
        let states = c.par_chunks(rows * hidden).zip(before.par_chunks(rows * hidden));
        let states = states.zip(dh.par_chunks(rows * hidden)).zip(dc.par_chunks_mut(rows * hidden));
        a.par_chunks_mut(rows * self.width()).zip(states).for_each(|(a, (((c, before), dh), dc))| {
            vectorised(|| rows_backward(hidden, a, c, before, dh, dc));
        });
    }
}

/// The columns of a matrix of `width` columns, one after the other.
fn transposed(matrix: &[f32], width: usize) -> Vec<f32> {
    /// Rows and columns that are turned together, so that both stay in the cache.
    const TILE: usize = 16;
    let rows = matrix.len() / width.max(1);
    let mut columns = zeros(matrix.len());
    for top in (0..rows).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for row in top..rows.min(top + TILE) {
                for column in left..width.min(left + TILE) {
                    columns[column * rows + row] = matrix[row * width + column];
                }
            }
        }
    }
    columns
}

/// The four gates in a row.
#[inline(always)]
fn gates_of(row: &mut [f32], hidden: usize) -> [&mut [f32]; 4] {
    let (i, row) = row.split_at_mut(hidden);
    let (f, row) = row.split_at_mut(hidden);
    let (g, o) = row.split_at_mut(hidden);
    [i, f, g, &mut o[..hidden]]
}

// Several short loops a row and not one long one: compilers turn a loop into SIMD code only where few slices are in it,
// and a row stays in the first cache.

#[inline(always)]
fn rows_forward(hidden: usize, bias: &[f32], a: &mut [f32], before: &[f32], c: &mut [f32], h: &mut [f32]) {
    for (row, a) in a.chunks_exact_mut((4 * hidden).max(1)).enumerate() {
        let at = row * hidden;
        let before = &before[at..][..hidden];
        let (c, h) = (&mut c[at..][..hidden], &mut h[at..][..hidden]);
        let (inward, out) = a.split_at_mut(3 * hidden);
        let (b_inward, b_out) = bias.split_at(3 * hidden);
        let (gates, candidate) = inward.split_at_mut(2 * hidden);
        let (b_gates, b_candidate) = b_inward.split_at(2 * hidden);
        gates.iter_mut().zip(b_gates).for_each(|(a, b)| *a = sigmoid(*a + b));
        candidate.iter_mut().zip(b_candidate).for_each(|(a, b)| *a = tanh(*a + b));
        out.iter_mut().zip(b_out).for_each(|(a, b)| *a = sigmoid(*a + b));

        let [i, f, g, o] = gates_of(a, hidden);
        for k in 0..hidden {
            c[k] = f[k] * before[k] + i[k] * g[k];
        }
        for k in 0..hidden {
            h[k] = o[k] * tanh(c[k]);
        }
    }
}

#[inline(always)]
fn rows_backward(hidden: usize, a: &mut [f32], c: &[f32], before: &[f32], dh: &[f32], dc: &mut [f32]) {
    for (row, a) in a.chunks_exact_mut((4 * hidden).max(1)).enumerate() {
        let [i, f, g, o] = gates_of(a, hidden);
        let at = row * hidden;
        let (c, before) = (&c[at..][..hidden], &before[at..][..hidden]);
        let (dh, dc) = (&dh[at..][..hidden], &mut dc[at..][..hidden]);
        for k in 0..hidden {
            let (o_k, tanh_c) = (o[k], tanh(c[k]));
            dc[k] += dh[k] * o_k * (1.0 - tanh_c * tanh_c);
            o[k] = dh[k] * tanh_c * o_k * (1.0 - o_k);
        }
        for k in 0..hidden {
            let (i_k, g_k) = (i[k], g[k]);
            i[k] = dc[k] * g_k * i_k * (1.0 - i_k);
            g[k] = dc[k] * i_k * (1.0 - g_k * g_k);
        }
        for k in 0..hidden {
            let (f_k, dc_k) = (f[k], dc[k]);
            f[k] = dc_k * before[k] * f_k * (1.0 - f_k);
            dc[k] = dc_k * f_k;
        }
    }
}

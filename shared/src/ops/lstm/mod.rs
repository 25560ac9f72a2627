//! A layer of long short-term memory over a whole sequence, in one op.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Axes2, Axis, Dim, Dtype},
    tensor::{NoneTape, Storage, Tape, Tensor},
    tensor_ops::Device,
};

use super::erased::erased;
use crate::device::kernel_or;

/// The weights of [`lstm`], under PyTorch's names and in its order of gates: the rows of input gate i, forget gate f,
/// candidate g and output gate o, H of each.
#[derive(Debug)]
pub struct LstmWeights<'a, G: Dim, I: Dim, H: Dim, E: Dtype, D: Storage<E>> {
    /// W: (4 H, I).
    pub weight_ih: &'a Tensor<(G, I), E, D>,
    /// U: (4 H, H).
    pub weight_hh: &'a Tensor<(G, H), E, D>,
    /// b, added beside W x: (4 H).
    pub bias_ih: &'a Tensor<(G,), E, D>,
    /// b', added beside U h: (4 H).
    pub bias_hh: &'a Tensor<(G,), E, D>,
}

/// What a layer of long short-term memory knows between two steps.
#[derive(Clone, Debug)]
pub struct LstmState<B: Dim, H: Dim, E: Dtype, D: Storage<E>> {
    /// h, the last output: (B, H).
    pub hidden: Tensor<(B, H), E, D>,
    /// c, the memory cells: (B, H).
    pub cell: Tensor<(B, H), E, D>,
}

impl<B: Dim, H: Dim, E: Dtype, D: Device<E>> LstmState<B, H, E, D> {
    /// h = c = 0, with which a sequence begins.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn zeros(device: &D, batch: B, hidden: H) -> Result<Self, D::Err> {
        let zeros = || device.try_zeros_like(&(batch, hidden));
        Ok(LstmState { hidden: zeros()?, cell: zeros()? })
    }
}

/// The outputs of a sequence, and the state after its last step.
pub type LstmPass<S, B, H, E, D, T> = (Tensor<(S, B, H), E, D, T>, LstmState<B, H, E, D>);

/// The outputs h₁ .. h_S of a layer of long short-term memory on x₁ .. x_S, and the state after the last step:
///
/// ```text
/// i_t = σ(Wᵢ x_t + bᵢ + Uᵢ h_{t−1} + b'ᵢ)        f_t, o_t likewise
/// g_t = tanh(W_g x_t + b_g + U_g h_{t−1} + b'_g)
/// c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t
/// h_t = o_t ⊙ tanh c_t
/// ```
///
/// The state comes back as values without a tape: handed to the next piece of a long sequence, no gradient crosses the
/// border between the two, which is truncated backpropagation through time. Gradients do reach the given state, for who
/// learns it.
///
/// # Shapes
/// x: (S, B, I), time first; weights: as [`LstmWeights`] says; state: (B, H) twice; outputs: (S, B, H).
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// 8 S B H (I + H) operations forward, twice as many backward. On the CPU the products with x and those of the weights'
/// gradients are one each for the whole sequence; a step forward or backward is one product with U and one pass over the
/// gates. 5 S B H numbers are kept for the backward pass.
///
/// # Panics
/// If the shapes do not fit: like dfdx's run-time shapes, a bug of the caller.
///
/// # Reference
/// Hochreiter and Schmidhuber, "Long short-term memory", 1997, with the forget gates of Gers et al. (2000); the form and
/// the names are those of `torch.nn.LSTM`.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::lstm::{lstm, LstmState, LstmWeights}};
/// let dev = Cpu::default();
/// // gates wide open by their biases, g = tanh x: the cell adds up what comes in
/// let (open, zero): (Tensor<Rank1<4>, f32, _>, Tensor<Rank1<4>, f32, _>) =
///     (dev.tensor([50.0, 50.0, 0.0, 50.0]), dev.zeros());
/// let w: Tensor<Rank2<4, 1>, f32, _> = dev.tensor([[0.0], [0.0], [1.0], [0.0]]);
/// let u: Tensor<Rank2<4, 1>, f32, _> = dev.zeros();
/// let weights = LstmWeights { weight_ih: &w, weight_hh: &u, bias_ih: &open, bias_hh: &zero };
/// let x: Tensor<Rank3<2, 1, 1>, f32, _> = dev.tensor([[[0.5]], [[0.25]]]);
/// let (h, state) = lstm(x, weights, &LstmState::zeros(&dev, Const::<1>, Const::<1>)?)?;
/// let sum = 0.5f32.tanh() + 0.25f32.tanh();
/// assert!((state.cell.array()[0][0] - sum).abs() < 1e-6);
/// assert!((h.array()[1][0][0] - sum.tanh()).abs() < 1e-6);
/// # Ok::<(), CpuError>(())
/// ```
#[allow(clippy::type_complexity)]
pub fn lstm<S: Dim, B: Dim, I: Dim, G: Dim, H: Dim, D: LstmKernel, T: Tape<f32, D>>(
    x: Tensor<(S, B, I), f32, D, T>,
    weights: LstmWeights<'_, G, I, H, f32, D>,
    state: &LstmState<B, H, f32, D>,
) -> Result<LstmPass<S, B, H, f32, D, T>, D::Err> {
    let ((s, b, i), h) = (*x.shape(), state.hidden.shape().1);
    let g = weights.weight_ih.shape().0.size();
    let (steps, batch, inputs, hidden) = (s.size(), b.size(), i.size(), h.size());
    let given = (weights.weight_hh.shape().0.size(), state.hidden.shape().0.size());
    assert_eq!((g, given), (4 * hidden, (g, batch)), "lstm: rows of the weights, rows of the state");
    let (x, tape) = x.try_reshape_like(&(steps, batch, inputs))?.split_tape();
    let (weight_ih, tape) = erased(weights.weight_ih, (g, inputs), tape)?;
    let (weight_hh, tape) = erased(weights.weight_hh, (g, hidden), tape)?;
    let (bias_ih, tape) = erased(weights.bias_ih, (g,), tape)?;
    let (bias_hh, tape) = erased(weights.bias_hh, (g,), tape)?;
    let (h0, tape) = erased(&state.hidden, (batch, hidden), tape)?;
    let (c0, tape) = erased(&state.cell, (batch, hidden), tape)?;
    let weights =
        LstmWeights { weight_ih: &weight_ih, weight_hh: &weight_hh, bias_ih: &bias_ih, bias_hh: &bias_hh };
    let (x, state) = (x.put_tape(tape), LstmState { hidden: h0, cell: c0 });
    let (y, last) = kernel_or!(D::lstm(x, weights, &state), composed(x, weights, &state))?;
    let last = LstmState {
        hidden: last.hidden.try_reshape_like(&(b, h))?,
        cell: last.cell.try_reshape_like(&(b, h))?,
    };
    Ok((y.try_reshape_like(&(s, b, h))?, last))
}

/// Sequences with their sizes as numbers.
pub type Sequence<E, D, T = NoneTape> = Tensor<(usize, usize, usize), E, D, T>;

/// [`lstm`] on a device. The provided method is the composition of dfdx ops.
pub trait LstmKernel: Device<f32> {
    /// See [`lstm`].
    ///
    /// # Errors
    /// The device's.
    #[allow(clippy::type_complexity)]
    fn lstm<T: Tape<f32, Self>>(
        x: Sequence<f32, Self, T>,
        weights: LstmWeights<'_, usize, usize, usize, f32, Self>,
        state: &LstmState<usize, usize, f32, Self>,
    ) -> Result<LstmPass<usize, usize, usize, f32, Self, T>, Self::Err> {
        composed(x, weights, state)
    }
}

/// The oracle: [`lstm`] from dfdx's own ops, for any device and float type.
///
/// # Errors
/// The device's.
#[allow(clippy::type_complexity)]
pub fn composed<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: Sequence<E, D, T>,
    weights: LstmWeights<'_, usize, usize, usize, E, D>,
    state: &LstmState<usize, usize, E, D>,
) -> Result<LstmPass<usize, usize, usize, E, D, T>, D::Err> {
    let (device, (steps, batch, inputs)) = (x.device().clone(), *x.shape());
    let hidden = state.hidden.shape().1;
    if steps == 0 {
        let (_, tape) = x.split_tape();
        return Ok((device.try_zeros_like(&(0, batch, hidden))?.put_tape(tape), state.clone()));
    }
    let bias = weights.bias_ih.retaped::<T>().try_add(weights.bias_hh.retaped::<T>())?;
    let bias = bias.try_broadcast_like::<_, Axis<0>>(&(steps * batch, 4 * hidden))?;
    let w = weights.weight_ih.retaped::<T>().try_permute::<_, Axes2<1, 0>>()?;
    let x = x.try_reshape_like(&(steps * batch, inputs))?;
    let (from_x, mut tape) = x.try_matmul(w)?.try_add(bias)?.split_tape();

    let (mut h, mut c) = (state.hidden.retaped::<T>(), state.cell.retaped::<T>());
    let mut outputs = Vec::with_capacity(steps);
    for t in 0..steps {
        let u = weights.weight_hh.retaped::<T>().try_permute::<_, Axes2<1, 0>>()?;
        let a = from_x.retaped::<T>().try_slice((t * batch..(t + 1) * batch, ..))?;
        let (a, own) = a.try_add(h.try_matmul(u)?)?.split_tape();
        tape = tape.merge(own);
        let gate = |k: usize| a.retaped::<T>().try_slice((.., k * hidden..(k + 1) * hidden));
        let (i, f) = (gate(0)?.try_sigmoid()?, gate(1)?.try_sigmoid()?);
        let (g, o) = (gate(2)?.try_tanh()?, gate(3)?.try_sigmoid()?);
        c = f.try_mul(c)?.try_add(i.try_mul(g)?)?;
        h = o.try_mul(c.with_empty_tape().try_tanh()?)?;
        outputs.push(h.with_empty_tape());
    }
    let ((h, tape_h), (c, tape_c)) = (h.split_tape(), c.split_tape());
    let (y, tape_y) = outputs.try_stack()?.split_tape();
    let y = y.put_tape(tape.merge(tape_h).merge(tape_c).merge(tape_y));
    // tensors of their own: no gradient of a later piece comes back through them
    Ok((y, LstmState { hidden: h.try_mul(E::ONE)?, cell: c.try_mul(E::ONE)? }))
}

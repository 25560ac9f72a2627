//! A recurrent language model on the characters of a text.

#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::Const,
    tensor::{Gradients, OwnedTape, Tape, Tensor},
};

use crate::{
    device::Backend,
    nn::{Activation, Embedding, Linear, Lstm},
    ops::{
        embedding::{SymbolError, Symbols},
        lstm::LstmState,
    },
};

crate::module! {
    /// Embedding → long short-term memory → linear: for each symbol of a text the logits of the one that follows it.
    ///
    /// The sizes are V symbols in vectors of M numbers and H cells. Parameters are named as PyTorch would name them:
    /// `embedding.weight`, `lstm.weight_ih_l0`, `lstm.weight_hh_l0`, `lstm.bias_ih_l0`, `lstm.bias_hh_l0`,
    /// `output.weight`, `output.bias`.
    ///
    /// # Reference
    /// Karpathy, Johnson and Fei-Fei, "Visualizing and understanding recurrent networks", 2015, with one layer.
    ///
    /// # Example
    /// ```
    /// use shared::{dfdx::prelude::*, ops::{cross_entropy::softmax_cross_entropy, targets::Targets}, zoo::CharLstm};
    /// let dev = Cpu::seed_from_u64(0);
    /// let model: CharLstm<f32, Cpu, 3, 8, 16> = BuildModule::try_build(&dev)?;
    /// let start = model.start(2)?;
    /// // two streams, 0 1 2 0 and 1 2 0 1, side by side in each step
    /// let (logits, state) = model.forward(&[0, 1, 1, 2, 2, 0], &start, NoneTape)?;
    /// let loss = softmax_cross_entropy(logits, &Targets::new(vec![1, 2, 2, 0, 0, 1], 3)?)?;
    /// assert!((loss.array() - 3f32.ln()).abs() < 0.3);
    /// let (logits, _) = model.forward(&[0, 1], &state, NoneTape)?; // and on
    /// assert_eq!(logits.shape(), &(2, Const::<3>));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub struct CharLstm<E, D, const V: usize = 256, const M: usize = 64, const H: usize = 256> {
        /// Symbols into vectors.
        pub embedding: Embedding<V, M, E, D>,
        /// The memory.
        pub lstm: Lstm<M, H, E, D>,
        /// The logits.
        pub output: Linear<H, V, E, D>,
    }
}

/// What a [`CharLstm`] gives: a row of V logits for each symbol, and the state after the last step.
pub type CharPass<const V: usize, const H: usize, D, T> =
    (Tensor<(usize, Const<V>), f32, D, T>, LstmState<usize, Const<H>, f32, D>);

/// Why a [`CharLstm`] gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CharLstmError {
    /// A symbol is not in the vocabulary.
    #[error(transparent)]
    Symbol(#[from] SymbolError),
    /// The streams are not of one length.
    #[error(
        "{symbols} symbols do not make whole steps of {streams} streams: give each step one symbol a stream"
    )]
    Ragged {
        /// How many symbols there are.
        symbols: usize,
        /// The streams of the state.
        streams: usize,
    },
    /// The device failed.
    #[error("the device could not compute the model ({0}): use smaller batches or shorter pieces")]
    Compute(String),
}

impl CharLstmError {
    fn compute(error: impl std::fmt::Debug) -> Self {
        CharLstmError::Compute(format!("{error:?}"))
    }
}

impl<const V: usize, const M: usize, const H: usize, D: Backend> CharLstm<f32, D, V, M, H> {
    /// The state at the start of a text, for so many streams.
    ///
    /// # Errors
    /// [`CharLstmError::Compute`]: out of memory.
    pub fn start(&self, streams: usize) -> Result<LstmState<usize, Const<H>, f32, D>, CharLstmError> {
        LstmState::zeros(self.embedding.weight.device(), streams, Const).map_err(CharLstmError::compute)
    }

    /// A tape that collects in `grads`, such as those of `alloc_grads` or of the step before.
    pub fn tape(&self, grads: Gradients<f32, D>) -> OwnedTape<f32, D> {
        self.output.bias.trace(grads).split_tape().1
    }

    /// The logits of the symbols that follow `symbols`, which go on from `state`; `tape` records them.
    ///
    /// No gradient comes back through the state: train on one piece of the text after the other, each with the state
    /// that the last one gave, which is truncated backpropagation through time.
    ///
    /// # Shapes
    /// `symbols`: S B of them, those of a step beside each other, B being the streams of `state`; logits: (S B, V), rows
    /// in the order of the symbols.
    ///
    /// # Errors
    /// [`CharLstmError::Symbol`] for a symbol of V or more, [`CharLstmError::Ragged`] where their number is no multiple of
    /// B, [`CharLstmError::Compute`]: out of memory.
    #[allow(clippy::type_complexity)]
    pub fn forward<T: Tape<f32, D>>(
        &self,
        symbols: &[usize],
        state: &LstmState<usize, Const<H>, f32, D>,
        tape: T,
    ) -> Result<CharPass<V, H, D, T>, CharLstmError> {
        let (count, streams) = (symbols.len(), state.hidden.shape().0);
        if streams == 0 || !count.is_multiple_of(streams) {
            return Err(CharLstmError::Ragged { symbols: count, streams });
        }
        let symbols = Symbols::new(symbols, V)?;
        self.logits(&symbols, state, tape).map_err(CharLstmError::compute)
    }

    #[allow(clippy::type_complexity)]
    fn logits<T: Tape<f32, D>>(
        &self,
        symbols: &Symbols,
        state: &LstmState<usize, Const<H>, f32, D>,
        tape: T,
    ) -> Result<CharPass<V, H, D, T>, D::Err> {
        let (count, streams) = (symbols.len(), state.hidden.shape().0);
        let x: Tensor<(usize, Const<M>), _, _, _> = self.embedding.forward(symbols, tape)?;
        let x = x.try_reshape_like(&(count / streams, streams, Const::<M>))?;
        let (h, state) = self.lstm.forward(x, state)?;
        let h = h.try_reshape_like(&(count, Const::<H>))?;
        Ok((self.output.forward(h, Activation::Identity)?, state))
    }
}

//! Rows of a table, picked by symbols.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod symbols;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::erased::erased;
use crate::device::kernel_or;

pub use symbols::{SymbolError, Symbols};

/// Row aₙ of table W for each symbol aₙ; `tape` records it.
///
/// The gradient of a row is the sum over the places where its symbol stands, in their order, so its bits do not depend on
/// the number of threads.
///
/// # Shapes
/// W: (V, M), result: (N, M) for N symbols.
///
/// # Errors
/// The device's: out of memory. A symbol that the table lacks is refused before, by [`Symbols::new`].
///
/// # Complexity
/// N M each way.
///
/// # Panics
/// If the symbols' vocabulary is not V: like dfdx's run-time shapes, a bug of the caller.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::embedding::{embedding, Symbols}};
/// let dev = Cpu::default();
/// let table = dev.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
/// let symbols = Symbols::new(vec![2, 0, 2], 3)?;
/// let rows = embedding(&table, &symbols, OwnedTape::default())?;
/// assert_eq!(rows.as_vec(), [5.0, 6.0, 1.0, 2.0, 5.0, 6.0]);
/// assert_eq!(rows.sum::<Rank0, _>().backward().get(&table).array(), [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn embedding<V: Dim, M: Dim, D: EmbeddingKernel, T: Tape<f32, D>>(
    table: &Tensor<(V, M), f32, D>,
    symbols: &Symbols,
    tape: T,
) -> Result<Tensor<(usize, M), f32, D, T>, D::Err> {
    let (v, m) = *table.shape();
    assert_eq!(symbols.vocabulary(), v.size(), "embedding: the symbols' vocabulary against the table's rows");
    let (table, tape) = erased(table, (v.size(), m.size()), tape)?;
    kernel_or!(D::embedding(&table, symbols, tape), composed(&table, symbols, tape))?
        .try_reshape_like(&(symbols.len(), m))
}

/// [`embedding`] on a device. The provided method is the composition of dfdx ops.
pub trait EmbeddingKernel: Device<f32> {
    /// See [`embedding`].
    ///
    /// # Errors
    /// The device's.
    fn embedding<T: Tape<f32, Self>>(
        table: &Tensor<(usize, usize), f32, Self>,
        symbols: &Symbols,
        tape: T,
    ) -> Result<Tensor<(usize, usize), f32, Self, T>, Self::Err> {
        composed(table, symbols, tape)
    }
}

/// The oracle: [`embedding`] from dfdx's own ops, for any device and float type.
///
/// # Errors
/// The device's.
pub fn composed<E: Dtype, D: Device<E>, T: Tape<E, D>>(
    table: &Tensor<(usize, usize), E, D>,
    symbols: &Symbols,
    tape: T,
) -> Result<Tensor<(usize, usize), E, D, T>, D::Err> {
    let index = table.device().try_tensor_from_vec(symbols.indices().to_vec(), (symbols.len(),))?;
    table.clone().put_tape(tape).try_gather(index)
}

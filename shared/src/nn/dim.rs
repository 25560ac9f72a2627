//! A size known at run time only, where dfdx wants one known at compile time.

use dfdx::shapes::{ConstDim, Dim};

/// A dimension whose size comes with the data, for parameters of a `TensorCollection`.
///
/// dfdx lets a module hold only tensors whose shape has a default, because it can then build the module out of
/// nothing. The sizes of some layers (features and classes of a graph) are not known until the data is read.
/// `RunTime` is such a size: its default is 0, so a module built out of nothing is empty, and the layer's own
/// constructor makes it with the right size. Everything that walks over *existing* tensors (gradients,
/// optimisers, state files, moves between devices) then works as for any other module.
///
/// ```
/// use shared::{dfdx::prelude::*, nn::RunTime};
/// let dev = Cpu::default();
/// let weight: Tensor<(Const<3>, RunTime), f32, _> = dev.zeros_like(&(Const, RunTime(1433)));
/// assert_eq!(weight.shape().num_elements(), 3 * 1433);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunTime(pub usize);

impl Dim for RunTime {
    fn size(&self) -> usize {
        self.0
    }
    fn from_size(size: usize) -> Option<Self> {
        Some(RunTime(size))
    }
}

impl ConstDim for RunTime {
    const SIZE: usize = 0;
}

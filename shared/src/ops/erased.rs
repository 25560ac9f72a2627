//! Sizes as numbers, so that a kernel is compiled once and not once for every shape of every layer of every model.

use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

/// The sizes of a batch of images.
pub(crate) type Sizes4 = (usize, usize, usize, usize);

/// The sizes of four dimensions.
pub(crate) fn sizes4<A: Dim, B: Dim, C: Dim, H: Dim>(shape: &(A, B, C, H)) -> Sizes4 {
    (shape.0.size(), shape.1.size(), shape.2.size(), shape.3.size())
}

/// `tensor` with `sizes` for its shape, and `tape` with what that took: nothing moves, unless it was not contiguous.
pub(crate) fn erased<S: Shape, N: Shape, D: Device<f32>, T: Tape<f32, D>>(
    tensor: &Tensor<S, f32, D>,
    sizes: N,
    tape: T,
) -> Result<(Tensor<N, f32, D>, T), D::Err> {
    let (tensor, own) = tensor.retaped::<T>().try_reshape_like(&sizes)?.split_tape();
    Ok((tensor, tape.merge(own)))
}

/// [`erased`] for a tensor that may be absent.
#[allow(clippy::type_complexity)]
pub(crate) fn erased_option<S: Shape, N: Shape, D: Device<f32>, T: Tape<f32, D>>(
    tensor: Option<&Tensor<S, f32, D>>,
    sizes: N,
    tape: T,
) -> Result<(Option<Tensor<N, f32, D>>, T), D::Err> {
    match tensor {
        Some(tensor) => erased(tensor, sizes, tape).map(|(tensor, tape)| (Some(tensor), tape)),
        None => Ok((None, tape)),
    }
}

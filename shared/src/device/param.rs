//! How a device lends a parameter and its gradient to an optimiser. The one part that knows about devices.

use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, Gradients, Storage, Tensor};
use dfdx::tensor_ops::Device;
use rayon::prelude::*;

use super::values::values_mut;
use crate::nn::state::layout;

/// Elements that one task zeroes.
const CHUNK: usize = 1 << 16;

/// Why a device could not lend a parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParamError(pub String);

/// What an update does with a parameter: weights to change, gradient to read, both in logical
/// row-major order and of one length.
pub type Update<'a> = dyn FnMut(&mut [f32], &[f32]) + 'a;

/// A device whose parameters an optimiser can update.
///
/// The default copies weights and gradient to the host and the weights back, which is right on any device; `Cpu`
/// lends the storage of both instead.
pub trait ParamStore: Device<f32> {
    /// Whether [`update_param`](Self::update_param) lends the memory of the device itself, so that an update by slices
    /// copies nothing. Elsewhere an optimiser updates tensors by the device's own ops.
    fn lends() -> bool {
        false
    }

    /// Whether [`lends`](Self::lends) may say no, so that an update by the device's own ops has to be compiled at all: it is
    /// some thousand lines of machine code for every shape of a parameter.
    const MAY_KEEP: bool = true;

    /// Lends `tensor` and its gradient to `update`, writes the weights back and zeroes the gradient.
    ///
    /// A tensor without a gradient gets one of zeros first.
    ///
    /// # Errors
    /// Where the device refuses, or where the tensor's elements share memory.
    fn update_param<S: Shape>(
        &self,
        tensor: &mut Tensor<S, f32, Self>,
        grads: &mut Gradients<f32, Self>,
        update: &mut Update<'_>,
    ) -> Result<(), ParamError> {
        update_by_copies(self, tensor, grads, update)
    }
}

impl ParamStore for Cpu {
    const MAY_KEEP: bool = cfg!(any(test, feature = "testing"));

    fn lends() -> bool {
        !super::kernels_are_off()
    }

    fn update_param<S: Shape>(
        &self,
        tensor: &mut Tensor<S, f32, Self>,
        grads: &mut Gradients<f32, Self>,
        update: &mut Update<'_>,
    ) -> Result<(), ParamError> {
        if !layout::is_contiguous(tensor).map_err(refused)? {
            return update_by_copies(self, tensor, grads, update);
        }
        // Out of the map, so that no copy is needed; back in it below, zeroed.
        let mut gradient = std::mem::take(&mut **grads.get_or_alloc_mut(tensor).map_err(refused)?);
        update(values_mut(tensor), &gradient);
        zero(&mut gradient);
        **grads.get_or_alloc_mut(tensor).map_err(refused)? = gradient;
        Ok(())
    }
}

fn update_by_copies<S: Shape, D: Device<f32>>(
    device: &D,
    tensor: &mut Tensor<S, f32, D>,
    grads: &mut Gradients<f32, D>,
    update: &mut Update<'_>,
) -> Result<(), ParamError> {
    layout::physical_order(tensor).map_err(ParamError)?;
    grads.try_alloc_for(tensor).map_err(refused)?;
    let gradient = super::read_back(&grads.get(tensor));
    let mut weights = layout::read(tensor);
    update(&mut weights, &gradient);
    layout::write(tensor, &weights).map_err(ParamError)?;
    let slot = grads.get_or_alloc_mut(tensor).map_err(refused)?;
    *slot = <D as Storage<f32>>::try_alloc_grad(device, slot).map_err(refused)?;
    Ok(())
}

fn zero(values: &mut [f32]) {
    values.par_chunks_mut(CHUNK).for_each(|chunk| chunk.fill(0.0));
}

fn refused(error: impl std::fmt::Display) -> ParamError {
    ParamError(error.to_string())
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;

    type Matrix = Tensor<Rank2<2, 3>, f32, Cpu>;

    /// Twice the weight less the gradient, in whatever way `update` is run.
    fn run(mut tensor: Matrix, by_copies: bool) -> ([[f32; 3]; 2], [[f32; 3]; 2]) {
        let dev = Cpu::default();
        let factor: Matrix = dev.tensor([[1., 2., 3.], [4., 5., 6.]]);
        let mut grads = (tensor.leaky_trace() * factor).sum().backward();
        let mut update = |w: &mut [f32], g: &[f32]| {
            w.iter_mut().zip(g).for_each(|(w, g)| *w = 2.0 * *w - g);
        };
        if by_copies {
            update_by_copies(&dev, &mut tensor, &mut grads, &mut update).unwrap();
        } else {
            dev.update_param(&mut tensor, &mut grads, &mut update).unwrap();
        }
        (tensor.array(), grads.get(&tensor).array())
    }

    #[test]
    fn both_ways_and_both_layouts_agree_and_zero_the_gradient() {
        let dev = Cpu::default();
        let straight: Matrix = dev.tensor([[10., 20., 30.], [40., 50., 60.]]);
        let permuted: Tensor<Rank2<3, 2>, f32, Cpu> = dev.tensor([[10., 40.], [20., 50.], [30., 60.]]);
        let expected = [[19., 38., 57.], [76., 95., 114.]];
        for by_copies in [false, true] {
            for tensor in [straight.clone(), permuted.clone().permute()] {
                assert_eq!(run(tensor, by_copies), (expected, [[0.0; 3]; 2]), "by copies: {by_copies}");
            }
        }
    }

    #[test]
    fn a_broadcast_tensor_is_refused() {
        let dev = Cpu::default();
        let row: Tensor<Rank1<3>, f32, Cpu> = dev.tensor([1., 2., 3.]);
        let mut tensor: Matrix = row.broadcast();
        let mut grads = Gradients::leaky();
        let outcome = dev.update_param(&mut tensor, &mut grads, &mut |_, _| {});
        assert!(outcome.is_err());
    }
}

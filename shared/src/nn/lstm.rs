//! The layer of long short-term memory.

use dfdx::{
    prelude::*,
    shapes::{Const, ConstDim, Dim, Dtype},
    tensor::{Storage, Tape, Tensor},
};
use num_traits::Float;
use rand_distr::{uniform::SampleUniform, Uniform};

use super::Checked;
use crate::{
    device::Backend,
    ops::lstm::{lstm, LstmPass, LstmState, LstmWeights},
};

/// A dimension of 4 H: the four gates of H cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gates<const H: usize>;

impl<const H: usize> Dim for Gates<H> {
    fn size(&self) -> usize {
        4 * H
    }
    fn from_size(size: usize) -> Option<Self> {
        (size == 4 * H).then_some(Gates)
    }
}

impl<const H: usize> ConstDim for Gates<H> {
    const SIZE: usize = 4 * H;
}

/// [Long short-term memory](mod@crate::ops::lstm) of H cells over sequences of I numbers, time first.
///
/// Parameters have the names, the shapes and the order of gates of a `torch.nn.LSTM` of one layer, so that its
/// state files can be read. Built with all of them drawn from U(−1/√H, 1/√H), PyTorch's default.
///
/// # Shapes
/// x: (S, B, I), state: (B, H) twice, outputs: (S, B, H).
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, nn::Lstm, ops::lstm::LstmState};
/// let dev = Cpu::seed_from_u64(0);
/// let layer: Lstm<3, 5, f32, Cpu> = BuildModule::try_build(&dev)?;
/// let x: Tensor<(usize, usize, Const<3>), f32, _> = dev.sample_normal_like(&(7, 2, Const));
/// let start = LstmState::zeros(&dev, 2, Const::<5>)?;
/// let (outputs, state) = layer.forward(x, &start)?;
/// assert_eq!(outputs.shape(), &(7, 2, Const::<5>));
/// assert_eq!(state.hidden.as_vec(), outputs.as_vec()[6 * 2 * 5..]);
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lstm<const I: usize, const H: usize, E: Dtype, D: Storage<E>> {
    /// W, from the inputs to the gates.
    pub weight_ih_l0: Tensor<(Gates<H>, Const<I>), E, D>,
    /// U, from the last outputs to the gates.
    pub weight_hh_l0: Tensor<(Gates<H>, Const<H>), E, D>,
    /// b, beside W.
    pub bias_ih_l0: Tensor<(Gates<H>,), E, D>,
    /// b', beside U.
    pub bias_hh_l0: Tensor<(Gates<H>,), E, D>,
}

impl<const I: usize, const H: usize, D: Backend> Lstm<I, H, f32, D> {
    /// The outputs of a sequence that goes on from `state`, and the state after it, as values: no gradient comes back
    /// through it.
    ///
    /// # Errors
    /// The device's: out of memory.
    ///
    /// # Panics
    /// If x and `state` are of different batches: like dfdx's run-time shapes, a bug of the caller.
    #[allow(clippy::type_complexity)]
    pub fn forward<S: Dim, B: Dim, T: Tape<f32, D>>(
        &self,
        x: Tensor<(S, B, Const<I>), f32, D, T>,
        state: &LstmState<B, Const<H>, f32, D>,
    ) -> Result<LstmPass<S, B, Const<H>, f32, D, T>, D::Err> {
        let weights = LstmWeights {
            weight_ih: &self.weight_ih_l0,
            weight_hh: &self.weight_hh_l0,
            bias_ih: &self.bias_ih_l0,
            bias_hh: &self.bias_hh_l0,
        };
        lstm(x, weights, state)
    }
}

impl<const I: usize, const H: usize, E: Dtype, D: Storage<E>> Checked for Lstm<I, H, E, D> {}

impl<const I: usize, const H: usize, E, D> TensorCollection<E, D> for Lstm<I, H, E, D>
where
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Lstm<I, H, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor(
                    "weight_ih_l0",
                    |s| &s.weight_ih_l0,
                    |s| &mut s.weight_ih_l0,
                    TensorOptions::reset_with(|t| t.try_fill_with_distr(default_range::<H, E>())),
                ),
                Self::tensor(
                    "weight_hh_l0",
                    |s| &s.weight_hh_l0,
                    |s| &mut s.weight_hh_l0,
                    TensorOptions::reset_with(|t| t.try_fill_with_distr(default_range::<H, E>())),
                ),
                Self::tensor(
                    "bias_ih_l0",
                    |s| &s.bias_ih_l0,
                    |s| &mut s.bias_ih_l0,
                    TensorOptions::reset_with(|t| t.try_fill_with_distr(default_range::<H, E>())),
                ),
                Self::tensor(
                    "bias_hh_l0",
                    |s| &s.bias_hh_l0,
                    |s| &mut s.bias_hh_l0,
                    TensorOptions::reset_with(|t| t.try_fill_with_distr(default_range::<H, E>())),
                ),
            ),
            |(weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0)| Lstm {
                weight_ih_l0,
                weight_hh_l0,
                bias_ih_l0,
                bias_hh_l0,
            },
        )
    }
}

fn default_range<const H: usize, E: Dtype + Float + SampleUniform>() -> Uniform<E> {
    let bound = E::from_f64(1.0 / (H.max(1) as f64).sqrt()).unwrap_or(E::ONE);
    Uniform::new_inclusive(-bound, bound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::state::{load_state_dict, parameters, state_dict, NamedTensor};

    #[test]
    fn parameters_are_named_shaped_and_drawn_as_pytorchs() {
        let dev = Cpu::seed_from_u64(2);
        let layer: Lstm<3, 25, f32, Cpu> = BuildModule::build(&dev);
        let outline: Vec<_> = parameters(&layer).into_iter().map(|p| (p.name, p.shape)).collect();
        let expected = [
            ("weight_ih_l0", vec![100, 3]),
            ("weight_hh_l0", vec![100, 25]),
            ("bias_ih_l0", vec![100]),
            ("bias_hh_l0", vec![100]),
        ];
        assert_eq!(outline, expected.map(|(name, shape)| (name.to_string(), shape)));
        for tensor in state_dict(&layer) {
            let most = tensor.values().iter().fold(0f32, |most, v| most.max(v.abs()));
            assert!((0.18..=0.2).contains(&most), "{}: {most}", tensor.name());
        }
    }

    #[test]
    fn a_state_dictionary_goes_round_and_another_width_is_refused() {
        let dev = Cpu::seed_from_u64(3);
        let (a, mut b): (Lstm<2, 4, f32, Cpu>, Lstm<2, 4, f32, Cpu>) =
            (BuildModule::build(&dev), BuildModule::build(&dev));
        let saved = state_dict(&a);
        assert_ne!(state_dict(&b), saved);
        load_state_dict(&mut b, &saved).unwrap();
        assert_eq!(state_dict(&b), saved);
        let mut wrong = saved;
        wrong[1] = NamedTensor::new("weight_hh_l0", vec![4, 16], vec![0.0; 64]).unwrap();
        assert!(load_state_dict(&mut b, &wrong).is_err());
    }
}

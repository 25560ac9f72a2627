//! Theorem 1's network as a dfdx model.

use shared::dfdx::{
    nn::modules::{Linear, ReLU},
    prelude::{Const, Cpu, TensorFromVec},
};

use super::{error::TheoryError, finite_sample::FiniteSampleNet};

/// A dfdx network of D inputs and N hidden units, in `f64`.
pub type DenseNet<const D: usize, const N: usize> = (Linear<D, N, f64, Cpu>, ReLU, Linear<N, 1, f64, Cpu>);

/// The dfdx model that computes the same function.
///
/// W₁ = 1 aᵀ, bias −b, ReLU, W₂ = wᵀ, bias 0
///
/// Every row of W₁ is a, so the model holds N · D + 2 N + 1 numbers though only 2 N + D of them are free. Training it
/// frees them all. dfdx takes sums in another order and in plain `f64`, so its values differ from
/// [`FiniteSampleNet::predict`] by roundings that the slopes of the network blow up: see
/// [`FitReport::condition`](super::FitReport::condition).
///
/// # Shapes
/// W₁: N × D, W₂: 1 × N. D and N are known at compile time because dfdx's modules carry them in their types.
///
/// # Errors
/// D and N that are not the sizes of `net`, or no memory.
///
/// # Complexity
/// O(N D).
///
/// # Reference
/// Zhang et al. 2017, section 4, Theorem 1.
///
/// # Example
/// ```
/// use rethinking_generalization::theory::{export::export, Direction, FiniteSampleNet};
/// use shared::dfdx::prelude::*;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fitted = FiniteSampleNet::fit(&[0., 0., 0., 1., 1., 0.], 2, &[5., 0., 1.], &Direction::random(0))?;
/// let model = export::<2, 3>(&fitted.net)?;
/// let x: Tensor<Rank2<3, 2>, f64, _> = Cpu::default().tensor([[0., 0.], [0., 1.], [1., 0.]]);
/// let y = model.forward(x).array();
/// assert!((y[0][0] - 5.).abs() < 1e-12 && y[1][0].abs() < 1e-12 && (y[2][0] - 1.).abs() < 1e-12);
///
/// let error = export::<2, 4>(&fitted.net).unwrap_err().to_string();
/// assert!(error.contains("N = 4 hidden units and the network has 2 and 3"), "{error}");
/// # Ok(())
/// # }
/// ```
pub fn export<const D: usize, const N: usize>(net: &FiniteSampleNet) -> Result<DenseNet<D, N>, TheoryError> {
    let (inputs, hidden) = (net.inputs(), net.hidden());
    if (D, N) != (inputs, hidden) {
        return Err(TheoryError::Sizes { asked_inputs: D, asked_hidden: N, inputs, hidden });
    }
    let dev = Cpu::default();
    let thresholds = net.thresholds().iter().map(|b| -b).collect();
    let first = Linear {
        weight: dev
            .try_tensor_from_vec(net.direction().repeat(N), (Const::<N>, Const::<D>))
            .map_err(refused)?,
        bias: dev.try_tensor_from_vec(thresholds, (Const::<N>,)).map_err(refused)?,
    };
    let second = Linear {
        weight: dev.try_tensor_from_vec(net.weights().to_vec(), (Const::<1>, Const::<N>)).map_err(refused)?,
        bias: dev.try_tensor_from_vec(vec![0.0], (Const::<1>,)).map_err(refused)?,
    };
    Ok((first, ReLU, second))
}

fn refused(error: impl std::fmt::Debug) -> TheoryError {
    TheoryError::Tensor(format!("{error:?}"))
}

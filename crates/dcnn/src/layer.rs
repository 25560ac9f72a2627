//! The diffusion-convolution as a layer for any dfdx model.

use rand::Rng;
use rand_distr::Normal;
use shared::{
    device::Backend,
    dfdx::{
        prelude::*,
        shapes::{Const, ConstDim, Dim, Dtype},
        tensor::{Storage, Tape},
    },
    nn::{init, Checked, RunTime},
    num_traits::Float,
    ops::diffusion::diffusion_conv,
    rand_distr::uniform::SampleUniform,
};

/// The number of slices P⁰X .. P^H X that a diffusion of `hops` hops has, for use as a const argument:
/// `DiffusionConv<{ slices(2) }>`.
#[must_use]
pub const fn slices(hops: usize) -> usize {
    hops + 1
}

/// Z = tanh(W^c ⊙ P*X): one weight for each hop and feature, shared by all nodes.
///
/// The number of slices is part of the type; the number of features `F` may be ([`Const`]) or may come with the
/// data ([`RunTime`], the default). P*X has no weights, so it is computed once with [`shared::graph::diffuse`].
///
/// # Shapes
/// S = P*X: (B, H + 1, F), W^c: (H + 1, F), Z: (B, H + 1, F). A wrong number of hops is a compile error:
///
/// ```compile_fail,E0308
/// # use dcnn::{slices, DiffusionConv};
/// # use shared::{dfdx::prelude::*, nn::RunTime};
/// fn wrong(layer: &DiffusionConv<{ slices(2) }>, s: Tensor<(usize, Const<4>, RunTime), f32, Cpu>) {
///     let _ = layer.forward(s);
/// }
/// ```
///
/// # Reference
/// Equations 2 to 5. f is applied after the mean over nodes for graphs, so average S first.
///
/// # Example
/// ```
/// use dcnn::{slices, DiffusionConv};
/// use shared::{dfdx::prelude::*, nn::RunTime};
///
/// let dev = Cpu::default();
/// let layer = DiffusionConv::<{ slices(1) }>::new(&dev, 2, 0.1, &mut rand::thread_rng())?;
/// let s = dev.tensor_from_vec(vec![1.0, 0.0, 0.5, 0.5], (1, Const, RunTime(2)));
/// let z = layer.forward(s)?;
/// assert_eq!(z.shape(), &(1, Const::<2>, RunTime(2)));
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Debug)]
pub struct DiffusionConv<const SLICES: usize, F: Dim = RunTime, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// W^c.
    pub weight: Tensor<(Const<SLICES>, F), E, D>,
}

impl<const SLICES: usize, D: Backend> DiffusionConv<SLICES, RunTime, f32, D> {
    /// A layer for `features` features, its weights from N(0, `std`²).
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn new(device: &D, features: usize, std: f32, rng: &mut impl Rng) -> Result<Self, D::Err> {
        let mut weight = device.try_zeros_like(&(Const, RunTime(features)))?;
        if let Ok(normal) = Normal::new(0.0f32, std) {
            init::fill(&mut weight, rng, normal);
        }
        Ok(DiffusionConv { weight })
    }
}

impl<const SLICES: usize, F: Dim, D: Backend> DiffusionConv<SLICES, F, f32, D> {
    /// Z = tanh(W^c ⊙ S).
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<B: Dim, T: Tape<f32, D>>(
        &self,
        diffused: Tensor<(B, Const<SLICES>, F), f32, D, T>,
    ) -> Result<Tensor<(B, Const<SLICES>, F), f32, D, T>, D::Err> {
        diffusion_conv(diffused, &self.weight)
    }
}

impl<const SLICES: usize, F: Dim, E: Dtype, D: Storage<E>> Checked for DiffusionConv<SLICES, F, E, D> {}

impl<const SLICES: usize, F, E, D> TensorCollection<E, D> for DiffusionConv<SLICES, F, E, D>
where
    F: ConstDim,
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = DiffusionConv<SLICES, F, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let weight = Self::tensor(
            "weight",
            |s| &s.weight,
            |s| &mut s.weight,
            // U(-0.1 √3, 0.1 √3) has the paper's variance of 0.01
            TensorOptions::reset_with(|t| {
                let bound = E::from_f64(0.1 * 3f64.sqrt()).unwrap_or_default();
                t.try_fill_with_distr(rand_distr::Uniform::new_inclusive(-bound, bound))
            }),
        );
        visitor.visit_fields((weight,), |(weight,)| DiffusionConv { weight })
    }
}

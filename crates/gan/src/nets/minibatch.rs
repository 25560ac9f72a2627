//! Minibatch discrimination: a discriminator that sees how close an example lies to the others of its batch.

use shared::{
    device::Backend,
    dfdx::{
        nn::tensor_collection::{ModuleVisitor, TensorCollection},
        prelude::*,
        shapes::Dtype,
        tensor::{Storage, Tape},
    },
    nn::{Activation, Checked, Linear, Pass},
    num_traits::Float,
    ops::{concat::concat_vectors, linear::linear, minibatch::closeness},
    rand_distr::{uniform::SampleUniform, Uniform},
};

use crate::net::{Discriminator, Vectors};

/// Any discriminator C with N more features a row: f | o, where mᵢ = f(xᵢ) T falls into N vectors of M numbers and
/// oᵢₙ = Σ_{j ≠ i} exp(−‖mᵢₙ − mⱼₙ‖₁).
///
/// Samples that are all alike have large o, whatever they look like, so a generator that collapses is found out. Real and
/// generated examples must pass in batches of their own, which they do in [`Critic`](crate::Critic). C's own score is not
/// used; its weights stay as they were.
///
/// Built with T drawn from U(−1/√F, 1/√F).
///
/// # Shapes
/// x: (B, X), features: (B, FN), score: (B, 1); NM = N M and FN = F + N, or it does not compile.
///
/// # Reference
/// Salimans et al., "Improved Techniques for Training GANs", 2016, section 3.2.
///
/// # Example
/// ```
/// use gan::{nets::{MinibatchDiscriminator, MlpDiscriminator}, Discriminator};
/// use shared::{dfdx::prelude::*, nn::Pass};
/// type Inner = MlpDiscriminator<f32, Cpu, 2, 16>;
/// let dev = Cpu::seed_from_u64(0);
/// let mut net: MinibatchDiscriminator<Inner, f32, Cpu, 16, 8, 4, 32, 24> = BuildModule::try_build(&dev)?;
/// let f = net.features(dev.zeros_like(&(5, Const)), &mut Pass::Eval)?;
/// // five rows, all the same: each has four neighbours at no distance
/// assert_eq!(f.as_vec()[16..24], [4.0; 8]);
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MinibatchDiscriminator<
    C,
    E: Dtype,
    D: Storage<E>,
    const F: usize,
    const N: usize,
    const M: usize,
    const NM: usize,
    const FN: usize,
> {
    /// The discriminator whose features are looked at.
    pub inner: C,
    /// Tᵀ: (NM, F).
    pub kernels: Kernels<F, NM, E, D>,
    /// The score.
    pub last: Linear<FN, 1, E, D>,
}

impl<
        C: Checked,
        E: Dtype,
        D: Storage<E>,
        const F: usize,
        const N: usize,
        const M: usize,
        const NM: usize,
        const FN: usize,
    > Checked for MinibatchDiscriminator<C, E, D, F, N, M, NM, FN>
{
    const FITS: () = {
        let () = C::FITS;
        assert!(NM == N * M, "MinibatchDiscriminator: NM must be N times M");
        assert!(FN == F + N, "MinibatchDiscriminator: FN must be F plus N");
    };
}

impl<
        C: Discriminator<X, F, D> + Checked,
        D: Backend,
        const X: usize,
        const F: usize,
        const N: usize,
        const M: usize,
        const NM: usize,
        const FN: usize,
    > Discriminator<X, FN, D> for MinibatchDiscriminator<C, f32, D, F, N, M, NM, FN>
where
    C::To<f32, D>: Clone,
    Self: TensorCollection<f32, D>,
{
    fn features<T: Tape<f32, D>>(
        &mut self,
        x: Vectors<X, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<FN, D, T>, D::Err> {
        let () = <Self as Checked>::FITS;
        let f = self.inner.features(x, pass)?;
        let m = self.kernels.forward(f.with_empty_tape())?;
        let rows = m.shape().0;
        let o: Vectors<N, D, T> = closeness(m.try_reshape_like(&(rows, Const::<N>, Const::<M>))?)?;
        concat_vectors(f, o, Const)
    }

    fn score<T: Tape<f32, D>>(
        &mut self,
        features: Vectors<FN, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Vectors<1, D, T>, D::Err> {
        self.last.forward(features, Activation::Identity)
    }
}

impl<
        C: TensorCollection<E, D>,
        E: Dtype + Float + SampleUniform,
        D: Device<E>,
        const F: usize,
        const N: usize,
        const M: usize,
        const NM: usize,
        const FN: usize,
    > TensorCollection<E, D> for MinibatchDiscriminator<C, E, D, F, N, M, NM, FN>
{
    type To<E2: Dtype, D2: Device<E2>> = MinibatchDiscriminator<C::To<E2, D2>, E2, D2, F, N, M, NM, FN>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("inner", |s| &s.inner, |s| &mut s.inner),
                Self::module("kernels", |s| &s.kernels, |s| &mut s.kernels),
                Self::module("last", |s| &s.last, |s| &mut s.last),
            ),
            |(inner, kernels, last)| MinibatchDiscriminator { inner, kernels, last },
        )
    }
}

/// f T, a linear map without a bias: differences of rows would not show one.
#[derive(Clone, Debug)]
pub struct Kernels<const F: usize, const NM: usize, E: Dtype, D: Storage<E>> {
    /// Tᵀ.
    pub weight: Tensor<(Const<NM>, Const<F>), E, D>,
}

impl<const F: usize, const NM: usize, D: Backend> Kernels<F, NM, f32, D> {
    /// f T.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<T: Tape<f32, D>>(&self, f: Vectors<F, D, T>) -> Result<Vectors<NM, D, T>, D::Err> {
        let none = f.device().try_zeros()?;
        linear(f, &self.weight, &none, Activation::Identity)
    }
}

impl<const F: usize, const NM: usize, E: Dtype, D: Storage<E>> Checked for Kernels<F, NM, E, D> {}

impl<const F: usize, const NM: usize, E: Dtype + Float + SampleUniform, D: Device<E>> TensorCollection<E, D>
    for Kernels<F, NM, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = Kernels<F, NM, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let options = TensorOptions::reset_with(|t: &mut Tensor<_, E, D>| {
            let bound = E::from_f64(1.0 / (F.max(1) as f64).sqrt()).unwrap_or(E::ONE);
            t.try_fill_with_distr(Uniform::new_inclusive(-bound, bound))
        });
        visitor.visit_fields(Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, options), |weight| {
            Kernels { weight }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{nets::MlpDiscriminator, Critic, Recipe};

    type Net = MinibatchDiscriminator<MlpDiscriminator<f32, Cpu, 2, 8>, f32, Cpu, 8, 4, 3, 12, 12>;

    fn net(dev: &Cpu) -> Net {
        BuildModule::build(dev)
    }

    #[test]
    fn a_row_alone_has_no_neighbours_and_others_change_it() {
        let dev = Cpu::seed_from_u64(1);
        let mut net: Net = BuildModule::build(&dev);
        let alone = net.features(dev.tensor_from_vec(vec![0.5, -1.0], (1, Const)), &mut Pass::Eval).unwrap();
        assert_eq!(alone.as_vec()[8..], [0.0; 4]);
        let near = dev.tensor_from_vec(vec![0.5, -1.0, 0.5, -0.9], (2, Const));
        let far = dev.tensor_from_vec(vec![0.5, -1.0, -5.0, 9.0], (2, Const));
        let near = net.features(near, &mut Pass::Eval).unwrap().as_vec();
        let far = net.features(far, &mut Pass::Eval).unwrap().as_vec();
        assert_eq!(near[..8], alone.as_vec()[..8]);
        assert!((8..12).all(|i| near[i] > far[i] && near[i] < 1.0 && far[i] > 0.0), "{near:?} {far:?}");
    }

    /// Real points spread, generated ones sit on one of the real points: single examples cannot tell where the batch does.
    #[test]
    fn it_learns_to_tell_a_collapsed_batch() {
        let dev = Cpu::seed_from_u64(2);
        let recipe = Recipe { discriminator: crate::adam(5e-3, 0.5, 0.999), ..Recipe::default() };
        let mut critic = Critic::new(net(&dev), &recipe, 0).unwrap();
        let before = critic.player.net.clone();
        let mut last = crate::CriticReport::default();
        for step in 0..150 {
            let real: Vectors<2, Cpu> = dev.sample_normal_like(&(32, Const));
            let one: Vec<f32> = real.as_vec()[..2].repeat(32);
            last = critic.learn(&recipe, step, &real, &dev.tensor_from_vec(one, (32, Const))).unwrap();
        }
        assert!(last.accuracy > 0.95, "{last:?}");
        let after = &critic.player.net;
        assert_ne!(before.kernels.weight.as_vec(), after.kernels.weight.as_vec());
        assert_ne!(before.inner.first.weight.as_vec(), after.inner.first.weight.as_vec());
        assert_eq!(before.inner.last.weight.as_vec(), after.inner.last.weight.as_vec());
    }

    #[test]
    fn a_generator_gets_gradients_through_it() {
        let dev = Cpu::seed_from_u64(3);
        let recipe = Recipe::default();
        let mut critic = Critic::new(net(&dev), &recipe, 0).unwrap();
        let x: Vectors<2, Cpu> = dev.sample_normal_like(&(8, Const));
        let loss = critic.look(&recipe, 0, &x, x.leaky_trace()).unwrap();
        assert!(loss.backward().get(&x).as_vec().iter().all(|g| g.is_finite() && *g != 0.0));
    }
}

//! Virtual batch normalisation: statistics of a batch that never changes, and of the example itself.

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
    rand_distr::{uniform::SampleUniform, Uniform},
    train::RunRng,
};

use crate::{
    config::Prior,
    latent,
    net::{Generator, Vectors},
};

/// γ (x − μ) / √(σ² + ε) + β, where μ and σ² are the mean and the variance of n reference rows and x itself, each with the
/// weight 1 / (n + 1). Reference rows are normalised by their own statistics.
///
/// With the reference's mean m and variance v and with δ = x − m, x − μ = n / (n + 1) δ and
/// σ² = n / (n + 1) v + n / (n + 1)² δ²: differences of squares are not formed. Gradients go through the reference too.
/// Built with γ = 1 and β = 0; there are no running statistics, and training and use are the same.
///
/// # Shapes
/// Reference: (n, C), x: (B, C), results: the same.
///
/// # Reference
/// Salimans et al., "Improved Techniques for Training GANs", 2016, section 3.4.
///
/// # Example
/// ```
/// use gan::nets::VirtualBatchNorm;
/// use shared::{dfdx::prelude::*, nn::Activation};
/// let dev = Cpu::default();
/// let norm: VirtualBatchNorm<1, f32, Cpu> = BuildModule::try_build(&dev)?;
/// let reference = dev.tensor_from_vec(vec![-1.0, 1.0], (2, Const));
/// let (_, y) = norm.forward(reference, dev.tensor_from_vec(vec![2.0], (1, Const)), Activation::Identity)?;
/// // of −1, 1 and 2 the mean is 2/3 and the variance 14/9
/// assert!((y.as_vec()[0] - (2.0 - 2.0 / 3.0) / (14.0f32 / 9.0).sqrt()).abs() < 1e-5);
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Debug)]
pub struct VirtualBatchNorm<const C: usize, E: Dtype, D: Storage<E>> {
    /// γ.
    pub weight: Tensor<(Const<C>,), E, D>,
    /// β.
    pub bias: Tensor<(Const<C>,), E, D>,
}

/// ε of the variances.
const EPSILON: f32 = 1e-5;

impl<const C: usize, D: Backend> VirtualBatchNorm<C, f32, D> {
    /// The reference and x, normalised; the tapes of both go on with x.
    ///
    /// # Errors
    /// The device's: out of memory.
    #[allow(clippy::type_complexity)]
    pub fn forward<T: Tape<f32, D>>(
        &self,
        reference: Vectors<C, D, T>,
        x: Vectors<C, D, T>,
        activation: Activation,
    ) -> Result<(Vectors<C, D, T>, Vectors<C, D, T>), D::Err> {
        let (count, rows) = (*reference.shape(), *x.shape());
        let n = count.0 as f32;
        let mean: Tensor<(Const<C>,), f32, D, T> = reference.with_empty_tape().try_mean::<_, Axis<0>>()?;
        let (mean, tape) = mean.split_tape();
        let around = |x: Vectors<C, D, T>, shape: &(usize, Const<C>)| {
            x.try_sub(mean.retaped::<T>().try_broadcast_like::<_, Axis<0>>(shape)?)
        };
        let (deviation, back) = around(reference, &count)?.split_tape();
        let deviation = deviation.put_tape(back.merge(tape));
        let delta = around(x, &rows)?;
        let variance: Tensor<(Const<C>,), f32, D, T> =
            deviation.with_empty_tape().try_square()?.try_mean::<_, Axis<0>>()?;

        let scale = variance.with_empty_tape().try_add(EPSILON)?.try_sqrt()?;
        let reference = deviation.try_div(scale.try_broadcast_like::<_, Axis<0>>(&count)?)?;

        let own = delta.with_empty_tape().try_square()?.try_mul(n / (n + 1.0).powi(2))?;
        let shared = variance.try_mul(n / (n + 1.0))?.try_add(EPSILON)?;
        let scale = own.try_add(shared.try_broadcast_like::<_, Axis<0>>(&rows)?)?.try_sqrt()?;
        let x = delta.try_mul(n / (n + 1.0))?.try_div(scale)?;
        // what has been recorded goes with x, so that nothing is lost where the reference is needed no more
        let (reference, recorded) = self.stretch(reference, activation)?.split_tape();
        let (x, tape) = self.stretch(x, activation)?.split_tape();
        Ok((reference.put_tape(T::default()), x.put_tape(tape.merge(recorded))))
    }

    /// f(γ x̂ + β).
    fn stretch<T: Tape<f32, D>>(
        &self,
        x: Vectors<C, D, T>,
        activation: Activation,
    ) -> Result<Vectors<C, D, T>, D::Err> {
        let shape = *x.shape();
        let x = x.try_mul(self.weight.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?)?;
        let x = x.try_add(self.bias.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?)?;
        match activation {
            Activation::Identity => Ok(x),
            Activation::Relu => x.try_relu(),
            Activation::LeakyRelu => x.try_prelu(shared::ops::linear::LEAK),
            Activation::Tanh => x.try_tanh(),
            Activation::Sigmoid => x.try_sigmoid(),
        }
    }
}

impl<const C: usize, E: Dtype, D: Storage<E>> Checked for VirtualBatchNorm<C, E, D> {}

impl<const C: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for VirtualBatchNorm<C, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = VirtualBatchNorm<C, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_to_ones()),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
            ),
            |(weight, bias)| VirtualBatchNorm { weight, bias },
        )
    }
}

/// R rows of N numbers that no optimiser touches, kept with the weights.
///
/// Built uniform with mean 0 and variance 1, from the device's generator; see [`VbnGenerator::draw_reference`].
#[derive(Clone, Debug)]
pub struct ReferenceBatch<const R: usize, const N: usize, E: Dtype, D: Storage<E>> {
    /// The rows.
    pub rows: Tensor<(Const<R>, Const<N>), E, D>,
}

impl<const R: usize, const N: usize, E: Dtype, D: Storage<E>> Checked for ReferenceBatch<R, N, E, D> {
    const FITS: () = assert!(R > 1, "ReferenceBatch: one row has no variance, R must be 2 or more");
}

impl<const R: usize, const N: usize, E: Dtype + Float + SampleUniform, D: Device<E>> TensorCollection<E, D>
    for ReferenceBatch<R, N, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = ReferenceBatch<R, N, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let options = TensorOptions::detached(|t: &mut Tensor<_, E, D>| {
            let bound = E::from_f64(3f64.sqrt()).unwrap_or(E::ONE);
            t.try_fill_with_distr(Uniform::new_inclusive(-bound, bound))
        });
        visitor.visit_fields(Self::tensor("rows", |s| &s.rows, |s| &mut s.rows, options), |rows| {
            ReferenceBatch { rows }
        })
    }
}

shared::module! {
    /// z → H → H → x with virtual batch normalisation and ReLU after the hidden layers, and tanh at the end where BOUNDED
    /// is 1: the generator of Salimans et al. with fully connected layers. R reference latents pass with every batch, so
    /// a pass costs (B + R) / B of a plain one, and a sample depends on its own z alone.
    pub struct VbnGenerator<E, D, const Z: usize = 2, const H: usize = 128, const X: usize = 2, const R: usize = 64, const BOUNDED: usize = 0> {
        /// The reference latents.
        pub reference: ReferenceBatch<R, Z, E, D>,
        /// The first layer.
        pub first: Linear<Z, H, E, D>,
        /// After it.
        pub norm1: VirtualBatchNorm<H, E, D>,
        /// The second.
        pub second: Linear<H, H, E, D>,
        /// After it.
        pub norm2: VirtualBatchNorm<H, E, D>,
        /// The last.
        pub last: Linear<H, X, E, D>,
    }
}

impl<D: Backend, const Z: usize, const H: usize, const X: usize, const R: usize, const BOUNDED: usize>
    VbnGenerator<f32, D, Z, H, X, R, BOUNDED>
{
    /// Draws the reference latents anew: once, before training.
    pub fn draw_reference(&mut self, prior: Prior, rng: &mut RunRng) {
        self.reference.rows.copy_from(&latent::draw(prior, R, Z, rng));
    }
}

impl<D: Backend, const Z: usize, const H: usize, const X: usize, const R: usize, const BOUNDED: usize>
    Generator<Z, X, D> for VbnGenerator<f32, D, Z, H, X, R, BOUNDED>
{
    fn generate<T: Tape<f32, D>>(
        &mut self,
        z: Vectors<Z, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Vectors<X, D, T>, D::Err> {
        let rows: Vectors<Z, D> = self.reference.rows.clone().try_reshape_like(&(R, Const))?;
        let reference = self.first.forward_data(rows, T::default(), Activation::Identity)?;
        let h = self.first.forward(z, Activation::Identity)?;
        let (reference, h) = self.norm1.forward(reference, h, Activation::Relu)?;
        let reference = self.second.forward(reference, Activation::Identity)?;
        let h = self.second.forward(h, Activation::Identity)?;
        let (_, h) = self.norm2.forward(reference, h, Activation::Relu)?;
        let end = if BOUNDED == 1 { Activation::Tanh } else { Activation::Identity };
        self.last.forward(h, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::applications::NormGenerator;
    use shared::{nn::Training, testing::finite_differences};

    type Net = VbnGenerator<f32, Cpu, 3, 8, 2, 16>;

    fn first_row(net: &mut impl Generator<3, 2, Cpu>, other: f32) -> Vec<f32> {
        let dev = Cpu::default();
        let z = dev.tensor_from_vec(vec![0.5, -0.5, 1.0, other, other, -other, 0.1, 0.2, 0.3], (3, Const));
        let mut training = Training::new(RunRng::new(0, 0));
        net.generate(z, &mut Pass::Train(&mut training)).unwrap().as_vec()[..2].to_vec()
    }

    #[test]
    fn a_sample_does_not_depend_on_the_others_of_its_batch() {
        let dev = Cpu::seed_from_u64(1);
        let mut net: Net = BuildModule::build(&dev);
        assert_eq!(first_row(&mut net, 0.3), first_row(&mut net, -9.0));
        let mut plain: NormGenerator<f32, Cpu, 3, 8, 2> = BuildModule::build(&dev);
        assert_ne!(first_row(&mut plain, 0.3), first_row(&mut plain, -9.0));
        let before = first_row(&mut net, 0.3);
        net.draw_reference(Prior::Normal, &mut RunRng::new(3, 0));
        assert_ne!(before, first_row(&mut net, 0.3));
    }

    /// Mean and variance of the n + 1 numbers, as they are defined.
    fn by_definition(reference: &[f64], x: f64) -> f64 {
        let all: Vec<f64> = reference.iter().copied().chain([x]).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
        (x - mean) / (variance + f64::from(EPSILON)).sqrt()
    }

    #[test]
    fn values_and_gradients_are_those_of_the_definition() {
        let dev = Cpu::default();
        let norm: VirtualBatchNorm<1, f32, Cpu> = BuildModule::build(&dev);
        let (reference, x) = (vec![0.5, -1.0, 2.0, 0.25], vec![1.5, -0.75]);
        let loss = |v: &[Vec<f64>]| -> f64 { v[1].iter().map(|x| by_definition(&v[0], *x).powi(3)).sum() };
        let expected = finite_differences(loss, &[reference.clone(), x.clone()], 1e-5);
        let narrow = |v: &[f64]| v.iter().map(|v| *v as f32).collect::<Vec<f32>>();
        let r: Vectors<1, Cpu> = dev.tensor_from_vec(narrow(&reference), (4, Const));
        let t: Vectors<1, Cpu> = dev.tensor_from_vec(narrow(&x), (2, Const));
        let (_, y) = norm.forward(r.leaky_trace(), t.leaky_trace(), Activation::Identity).unwrap();
        for (y, x) in y.as_vec().iter().zip(&x) {
            assert!((f64::from(*y) - by_definition(&reference, *x)).abs() < 1e-6);
        }
        let grads = (y.with_empty_tape().square() * y).sum::<(), _>().backward();
        shared::testing::assert_close("reference", &grads.get(&r).as_vec(), &expected[0], 1e-5);
        shared::testing::assert_close("x", &grads.get(&t).as_vec(), &expected[1], 1e-5);
    }

    #[test]
    fn the_reference_is_kept_with_the_weights_and_is_not_trained() {
        use crate::{Player, PlayerConfig};
        let dev = Cpu::seed_from_u64(2);
        let net: Net = BuildModule::build(&dev);
        let mut player =
            Player::new(net.clone(), PlayerConfig::new(crate::adam(1e-2, 0.5, 0.999)), 0, 0).unwrap();
        let grads = player.take_grads().unwrap();
        let z: Vectors<3, Cpu> = dev.sample_normal_like(&(4, Const));
        let (model, mut pass) = player.train_pass();
        let loss = model.generate(z.traced(grads), &mut pass).unwrap().square().sum::<(), _>();
        player.update(loss.backward(), 1.0).unwrap();
        assert_eq!(net.reference.rows.as_vec(), player.net.reference.rows.as_vec());
        for (before, after) in
            [(&net.norm1.weight, &player.net.norm1.weight), (&net.norm2.bias, &player.net.norm2.bias)]
        {
            assert_ne!(before.as_vec(), after.as_vec());
        }
        assert_ne!(net.first.weight.as_vec(), player.net.first.weight.as_vec());
        let names: Vec<_> = shared::nn::state::state_dict(&net).iter().map(|t| t.name().to_owned()).collect();
        assert!(names.contains(&"reference.rows".to_owned()), "{names:?}");
    }
}

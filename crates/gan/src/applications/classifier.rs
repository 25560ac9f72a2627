//! A discriminator that is a classifier, and networks for digits with few labels.

use rand::Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use shared::{
    device::Backend,
    dfdx::{
        nn::tensor_collection::{ModuleVisitor, TensorCollection},
        prelude::*,
        shapes::Dtype,
        tensor::{Storage, Tape},
    },
    nn::{Activation, BatchNorm1d, Checked, Linear, Pass},
    num_traits::Float,
    rand_distr::uniform::SampleUniform,
    train::RunRng,
};

use crate::net::{Discriminator, Generator, Vectors};

/// K class scores lₖ on the features of any discriminator C; the score of "x is real" is log Z with Z = Σₖ exp lₖ.
///
/// Generated examples are class K + 1, whose score is tied to 0: a softmax over K + 1 classes has one score too many. So
/// D(x) = Z / (Z + 1) = σ(log Z), and the classifier is a discriminator like any other. C's own score is not used.
///
/// # Shapes
/// x: (B, X), features: (B, F), class scores: (B, K), score: (B, 1).
///
/// # Reference
/// Salimans et al., "Improved Techniques for Training GANs", 2016, section 5.
#[derive(Clone, Debug)]
pub struct Classifier<C, E: Dtype, D: Storage<E>, const F: usize, const K: usize> {
    /// What makes features of examples.
    pub trunk: C,
    /// Class scores of features.
    pub head: Linear<F, K, E, D>,
}

impl<C, D: Backend, const F: usize, const K: usize> Classifier<C, f32, D, F, K> {
    /// l, the class scores.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn class_scores<const X: usize, T: Tape<f32, D>>(
        &mut self,
        x: Vectors<X, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<K, D, T>, D::Err>
    where
        C: Discriminator<X, F, D>,
    {
        self.head.forward(self.trunk.features(x, pass)?, Activation::Identity)
    }
}

/// log Z = log Σₖ exp lₖ, shifted by the row's maximum so that nothing overflows.
pub(crate) fn log_partition<D: Backend, T: Tape<f32, D>, const K: usize>(
    class_scores: Vectors<K, D, T>,
) -> Result<Vectors<1, D, T>, D::Err> {
    let rows = class_scores.shape().0;
    class_scores.try_logsumexp::<(usize,), Axis<1>>()?.try_reshape_like(&(rows, Const))
}

impl<C, D: Backend, const X: usize, const F: usize, const K: usize> Discriminator<X, F, D>
    for Classifier<C, f32, D, F, K>
where
    C: Discriminator<X, F, D>,
{
    fn features<T: Tape<f32, D>>(
        &mut self,
        x: Vectors<X, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<F, D, T>, D::Err> {
        self.trunk.features(x, pass)
    }

    fn score<T: Tape<f32, D>>(
        &mut self,
        features: Vectors<F, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Vectors<1, D, T>, D::Err> {
        log_partition(self.head.forward(features, Activation::Identity)?)
    }
}

impl<C: Checked, E: Dtype, D: Storage<E>, const F: usize, const K: usize> Checked
    for Classifier<C, E, D, F, K>
{
    const FITS: () = C::FITS;
}

impl<C, E, D, const F: usize, const K: usize> TensorCollection<E, D> for Classifier<C, E, D, F, K>
where
    C: TensorCollection<E, D>,
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Classifier<C::To<E2, D2>, E2, D2, F, K>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("trunk", |s| &s.trunk, |s| &mut s.trunk),
                Self::module("head", |s| &s.head, |s| &mut s.head),
            ),
            |(trunk, head)| Classifier { trunk, head },
        )
    }
}

shared::module! {
    /// x → H1 → H2 → F, ReLU after each: a discriminator that a handful of labels can train, for pixels in [0, 1]. In
    /// training N(0, 0.3²) is added to x and N(0, (NOISE / 100)²) to each hidden layer's values.
    ///
    /// Salimans et al. had 784-1000-500-250-250-250 with weight normalisation and σ = 0.5 in the hidden layers; this is a
    /// smaller one, for minutes on two cores.
    pub struct NoisyMlp<E, D, const X: usize = 784, const H1: usize = 500, const H2: usize = 250, const F: usize = 250, const NOISE: usize = 30> {
        /// The first layer.
        pub first: Linear<X, H1, E, D>,
        /// The second.
        pub second: Linear<H1, H2, E, D>,
        /// The features.
        pub third: Linear<H2, F, E, D>,
        /// The score, where it is a discriminator and no classifier.
        pub last: Linear<F, 1, E, D>,
    }
}

shared::module! {
    /// z → H → H → x in [0, 1], with batch normalisation and ReLU after the hidden layers and the logistic function at the
    /// end.
    pub struct NormGenerator<E, D, const Z: usize = 100, const H: usize = 500, const X: usize = 784> {
        /// The first layer.
        pub first: Linear<Z, H, E, D>,
        /// After it.
        pub norm1: BatchNorm1d<H, E, D>,
        /// The second.
        pub second: Linear<H, H, E, D>,
        /// After it.
        pub norm2: BatchNorm1d<H, E, D>,
        /// The pixels.
        pub last: Linear<H, X, E, D>,
    }
}

/// σ of the noise on a [`NoisyMlp`]'s input.
const INPUT_NOISE: f32 = 0.3;

impl<D: Backend, const X: usize, const H1: usize, const H2: usize, const F: usize, const NOISE: usize>
    Discriminator<X, F, D> for NoisyMlp<f32, D, X, H1, H2, F, NOISE>
{
    fn features<T: Tape<f32, D>>(
        &mut self,
        x: Vectors<X, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<F, D, T>, D::Err> {
        let noise = NOISE as f32 / 100.0;
        let h = self.first.forward(jitter(x, INPUT_NOISE, pass)?, Activation::Relu)?;
        let h = self.second.forward(jitter(h, noise, pass)?, Activation::Relu)?;
        let h = self.third.forward(jitter(h, noise, pass)?, Activation::Relu)?;
        jitter(h, noise, pass)
    }

    fn score<T: Tape<f32, D>>(
        &mut self,
        features: Vectors<F, D, T>,
        _: &mut Pass<'_>,
    ) -> Result<Vectors<1, D, T>, D::Err> {
        self.last.forward(features, Activation::Identity)
    }
}

impl<D: Backend, const Z: usize, const H: usize, const X: usize> Generator<Z, X, D>
    for NormGenerator<f32, D, Z, H, X>
{
    fn generate<T: Tape<f32, D>>(
        &mut self,
        z: Vectors<Z, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<X, D, T>, D::Err> {
        let h = self.first.forward(z, Activation::Identity)?;
        let h = self.norm1.forward_vectors(h, Activation::Relu, pass)?;
        let h = self.second.forward(h, Activation::Identity)?;
        let h = self.norm2.forward_vectors(h, Activation::Relu, pass)?;
        self.last.forward(h, Activation::Sigmoid)
    }
}

/// Values that one task draws, and the generator's words that are kept free for each; a draw takes two, rarely more.
const CHUNK: usize = 1 << 12;
const WORDS: usize = 4;

/// x + N(0, σ²) in training, x in use. The noise comes from the pass's generator, and is the same for any number of threads.
///
/// # Errors
/// The device's: out of memory.
pub fn jitter<const X: usize, D: Backend, T: Tape<f32, D>>(
    x: Vectors<X, D, T>,
    sigma: f32,
    pass: &mut Pass<'_>,
) -> Result<Vectors<X, D, T>, D::Err> {
    let Pass::Train(training) = pass else { return Ok(x) };
    let (device, shape) = (x.device().clone(), *x.shape());
    let [seed, stream, word] = training.dropout.position();
    let mut noise = vec![0.0; shape.num_elements()];
    training.dropout = RunRng::at([seed, stream, word + (noise.len() * WORDS) as u64]);
    noise.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, noise)| {
        let mut rng = RunRng::at([seed, stream, word + (chunk * CHUNK * WORDS) as u64]);
        noise.iter_mut().for_each(|n| *n = sigma * rng.sample::<f32, _>(StandardNormal));
    });
    x.try_add(device.try_tensor_from_vec(noise, shape)?)
}

//! A discriminator that also tells classes or codes from its features.

use shared::{
    device::Backend,
    dfdx::{
        nn::tensor_collection::{ModuleVisitor, TensorCollection},
        prelude::*,
        shapes::Dtype,
        tensor::{Storage, Tape},
        tensor_ops::Device,
    },
    nn::{Activation, Linear, Pass},
    num_traits::Float,
    ops::{cross_entropy::softmax_cross_entropy, targets::Targets},
    rand_distr::uniform::SampleUniform,
};

use super::{half_distance, Loss, Tracked};
use crate::net::{Discriminator, Vectors};

/// What the last numbers of z mean, and who is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Coding {
    /// AC-GAN: they are the class, and the class is told apart on real and on generated examples, with weight 1.
    AuxiliaryClassifier,
    /// InfoGAN: they are codes without a meaning, told apart on generated examples alone.
    ///
    /// Both weights 0 make the control: no network hears of the codes, and the heads keep their first weights. Such a head
    /// still cuts the data along random lines of trained features, so that after the best matching it is right more often
    /// than one in K.
    Information {
        /// λ of the one-hot code; 1 in the paper.
        weight_classes: f64,
        /// λ of the codes in [−1, 1]; 0.1 in the paper's code.
        weight_values: f64,
    },
}

/// A discriminator C with two heads on its features: K class logits and U values.
///
/// The logits go into the cross-entropy as they are: a softmax before it would flatten the signal.
///
/// # Shapes
/// features: (B, F), class logits: (B, K), values: (B, U).
///
/// # Reference
/// Odena et al. 2017 (AC-GAN); Chen et al. 2016 (InfoGAN), where Q shares D's layers but the last.
#[derive(Clone, Debug)]
pub struct Coded<C, E: Dtype, D: Storage<E>, const F: usize, const K: usize, const U: usize> {
    /// What tells real from generated.
    pub base: C,
    /// The class head.
    pub classes: Linear<F, K, E, D>,
    /// The value head: the means of a Gaussian of fixed variance.
    pub values: Linear<F, U, E, D>,
}

impl<C, D: Backend, const F: usize, const K: usize, const U: usize> Coded<C, f32, D, F, K, U> {
    /// Puts heads on a discriminator, with weights that the device draws.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn new(base: C, device: &D) -> Result<Self, D::Err> {
        let (classes, values) = (BuildModule::try_build(device)?, BuildModule::try_build(device)?);
        Ok(Coded { base, classes, values })
    }

    /// λ_K (−log softmax(logits)ₖ) + λ_U ½ ‖u − values‖², as a mean over the batch, or nothing where no weight is above 0.
    ///
    /// Up to a constant it is −log Q(code | x), so that it lowers a bound: I(code; x) ≥ H(code) − E[−log Q].
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn code_loss(
        &self,
        features: Tracked<F, D>,
        wanted: &Targets,
        values: &Vectors<U, D>,
        (weight_classes, weight_values): (f64, f64),
    ) -> Result<Option<Loss<D>>, D::Err> {
        let for_values = features.with_empty_tape();
        let classes = match weight_classes > 0.0 {
            true => {
                let logits = self.classes.forward(features, Activation::Identity)?;
                Some(softmax_cross_entropy(logits, wanted)?.try_mul(weight_classes as f32)?)
            }
            false => None,
        };
        if U == 0 || weight_values <= 0.0 {
            return Ok(classes);
        }
        let found = self.values.forward(for_values, Activation::Identity)?;
        let loss = half_distance(found, values.clone())?.try_mul(weight_values as f32)?;
        Ok(Some(match classes {
            Some(classes) => loss.try_add(classes)?,
            None => loss,
        }))
    }
}

impl<C, E, D, const F: usize, const K: usize, const U: usize> TensorCollection<E, D>
    for Coded<C, E, D, F, K, U>
where
    C: TensorCollection<E, D>,
    E: Dtype + Float + SampleUniform,
    D: Device<E>,
{
    type To<E2: Dtype, D2: Device<E2>> = Coded<C::To<E2, D2>, E2, D2, F, K, U>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("base", |s| &s.base, |s| &mut s.base),
                Self::module("classes", |s| &s.classes, |s| &mut s.classes),
                Self::module("values", |s| &s.values, |s| &mut s.values),
            ),
            |(base, classes, values)| Coded { base, classes, values },
        )
    }
}

impl<C, D: Backend, const X: usize, const F: usize, const K: usize, const U: usize> Discriminator<X, F, D>
    for Coded<C, f32, D, F, K, U>
where
    C: Discriminator<X, F, D>,
{
    fn features<T: Tape<f32, D>>(
        &mut self,
        x: Vectors<X, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<F, D, T>, D::Err> {
        self.base.features(x, pass)
    }

    fn score<T: Tape<f32, D>>(
        &mut self,
        features: Vectors<F, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Vectors<1, D, T>, D::Err> {
        self.base.score(features, pass)
    }
}

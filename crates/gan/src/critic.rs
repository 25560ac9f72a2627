//! The discriminator as a learner, and as what a generator learns from: one place for every family of models.

use rand::Rng;
use rand_distr::StandardNormal;
use shared::{
    device::{frozen, read_back, read_number, Backend},
    dfdx::{prelude::*, tensor::OwnedTape},
    train::{RunRng, State},
};

use crate::{
    config::{Aim, Penalty, Recipe},
    error::compute,
    net::{Discriminator, Vectors},
    player::{Player, PlayerConfig},
    GanError,
};

#[cfg(test)]
mod tests;

/// Streams of the seed.
const DROPOUT_STREAM: u64 = 11;
const NOISE_STREAM: u64 = 12;

/// ε of the differences that stand for a derivative along the gradient, times the root mean square of the inputs.
const STEP: f64 = 1e-2;

/// What one step of the discriminator saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CriticReport {
    /// L_D, the penalty included.
    pub loss: f64,
    /// The penalty.
    pub penalty: f64,
    /// The mean score of real examples.
    pub real_score: f64,
    /// The mean score of generated examples.
    pub fake_score: f64,
    /// The share of examples on their own side of 0 (of ½ for least squares).
    pub accuracy: f64,
    /// ‖∇θ L_D‖.
    pub grad_norm: f64,
}

/// A discriminator that learns by a recipe.
#[derive(Debug)]
pub struct Critic<C, D: Backend, const X: usize, const F: usize> {
    /// The network and its optimiser.
    pub player: Player<C, D>,
    /// Draws instance noise and the points of the penalty.
    noise: RunRng,
}

/// A loss of a discriminator besides that of its scores.
pub type Also<'a, C, D, const F: usize> = dyn FnMut(
        &mut C,
        Vectors<F, D, OwnedTape<f32, D>>,
        bool,
    ) -> Result<Option<Tensor<(), f32, D, OwnedTape<f32, D>>>, GanError>
    + 'a;

type Tracked<const N: usize, D> = Vectors<N, D, OwnedTape<f32, D>>;

impl<D: Backend, C: Discriminator<X, F, D>, const X: usize, const F: usize> Critic<C, D, X, F> {
    /// A discriminator; `seed` fixes its noise.
    ///
    /// # Errors
    /// [`GanError::Optim`].
    pub fn new(net: C, recipe: &Recipe, seed: u64) -> Result<Self, GanError> {
        let optimizer = recipe.discriminator.clone();
        let config = PlayerConfig { optimizer, clip: recipe.clip, history: recipe.history, average: 0.0 };
        let player = Player::new(net, config, seed, DROPOUT_STREAM)?;
        Ok(Critic { player, noise: RunRng::new(seed, NOISE_STREAM) })
    }

    /// One step: lowers φᵣ on real and φ_f on generated examples, and the penalty.
    ///
    /// Real and generated examples pass separately, so that no batch normalisation mixes them.
    ///
    /// # Errors
    /// [`GanError`].
    pub fn learn(
        &mut self,
        recipe: &Recipe,
        step: usize,
        real: &Vectors<X, D>,
        fake: &Vectors<X, D>,
    ) -> Result<CriticReport, GanError> {
        self.learn_with(recipe, step, real, fake, &mut |_, _, _| Ok(None))
    }

    /// [`learn`](Self::learn) with something more to lower: `also` is given the network, its features of the real or of the
    /// generated examples, and whether they are the real ones, and returns a loss on their tape.
    ///
    /// # Errors
    /// [`GanError`].
    pub fn learn_with(
        &mut self,
        recipe: &Recipe,
        step: usize,
        real: &Vectors<X, D>,
        fake: &Vectors<X, D>,
        also: &mut Also<'_, C, D, F>,
    ) -> Result<CriticReport, GanError> {
        let mut grads = self.player.take_grads()?;
        let mut report = CriticReport::default();
        // read when the whole step is under way, so that no device waits for the host between the passes
        let mut held = Vec::new();
        for (x, is_real) in [(real, true), (fake, false)] {
            let x = self.noisy(recipe.noise_at(step), x.clone())?;
            let (net, mut pass) = self.player.train_pass();
            let features = net.features(x.traced(grads), &mut pass).map_err(compute)?;
            let more = also(net, features.with_empty_tape(), is_real)?;
            let scores = net.score(features, &mut pass).map_err(compute)?;
            let told = scores.retaped::<NoneTape>();
            let loss = if is_real {
                recipe.formulation.on_real(scores, recipe.real_target)
            } else {
                recipe.formulation.on_fake(scores, recipe.fake_target)
            }
            .map_err(compute)?;
            let loss = match more {
                Some(more) => loss.try_add(more).map_err(compute)?,
                None => loss,
            };
            held.push((told, loss.retaped::<NoneTape>(), is_real));
            grads = loss.try_backward().map_err(compute)?;
        }
        let weight = match recipe.penalty {
            Penalty::None => 0.0,
            Penalty::Lipschitz(weight) | Penalty::ZeroCentred(weight) => weight,
        };
        if weight > 0.0 {
            let at = match recipe.penalty {
                Penalty::Lipschitz(_) => self.between(real, fake)?,
                _ => real.clone(),
            };
            let (value, back) = self.penalty(recipe.penalty, &at, grads)?;
            grads = back;
            report.penalty = value;
        }
        self.player.update(grads, recipe.rate_at(step))?;
        report.grad_norm = self.player.grad_norm;
        let middle = if recipe.formulation == crate::Formulation::LeastSquares { 0.5 } else { 0.0 };
        for (scores, loss, is_real) in held {
            let values = read_back(&scores);
            let count = values.len().max(1) as f64;
            let mean = values.iter().map(|a| f64::from(*a)).sum::<f64>() / count;
            let right = values.iter().filter(|a| (f64::from(**a) > middle) == is_real).count() as f64;
            report.accuracy += 0.5 * right / count;
            *(if is_real { &mut report.real_score } else { &mut report.fake_score }) = mean;
            report.loss += read_number(&loss);
        }
        report.loss += report.penalty;
        Ok(report)
    }

    /// The generator's loss on its samples: gradients go through the discriminator to `fake`, and none to its weights.
    ///
    /// # Errors
    /// [`GanError`].
    pub fn look(
        &mut self,
        recipe: &Recipe,
        step: usize,
        real: &Vectors<X, D>,
        fake: Tracked<X, D>,
    ) -> Result<Tensor<(), f32, D, OwnedTape<f32, D>>, GanError> {
        match recipe.aim {
            Aim::Scores => {
                let (_, scores) = self.through(recipe, step, fake)?;
                recipe.formulation.for_generator(scores).map_err(compute)
            }
            Aim::Features => {
                let sigma = recipe.noise_at(step);
                let fake = self.noisy(sigma, fake)?;
                let real = self.noisy(sigma, real.clone())?;
                let (net, mut pass) = self.player.train_pass();
                let wanted = net.features(real, &mut pass).map_err(compute)?;
                let found = frozen(|| net.features(fake, &mut pass)).map_err(compute)?;
                feature_distance(found, wanted).map_err(compute)
            }
        }
    }

    /// Features and scores of examples as the discriminator sees them in training: gradients go through it to `x`, and none
    /// to its weights. The features start a tape of their own; a loss of theirs that is added to one of the scores joins it.
    ///
    /// # Errors
    /// [`GanError`].
    #[allow(clippy::type_complexity)]
    pub fn through<T: Tape<f32, D>>(
        &mut self,
        recipe: &Recipe,
        step: usize,
        x: Vectors<X, D, T>,
    ) -> Result<(Vectors<F, D, T>, Vectors<1, D, T>), GanError> {
        let x = self.noisy(recipe.noise_at(step), x)?;
        let (net, mut pass) = self.player.train_pass();
        let seen: Result<_, D::Err> = frozen(|| {
            let features = net.features(x, &mut pass)?;
            Ok((features.with_empty_tape(), net.score(features, &mut pass)?))
        });
        seen.map_err(compute)
    }

    /// Scores without training.
    ///
    /// # Errors
    /// [`GanError`].
    pub fn scores(&mut self, x: &Vectors<X, D>) -> Result<Vec<f32>, GanError> {
        let mut pass = shared::nn::Pass::Eval;
        let features = self.player.net.features(x.clone(), &mut pass).map_err(compute)?;
        Ok(read_back(&self.player.net.score(features, &mut pass).map_err(compute)?))
    }

    /// x + N(0, σ²).
    fn noisy<T: Tape<f32, D>>(
        &mut self,
        sigma: f64,
        x: Vectors<X, D, T>,
    ) -> Result<Vectors<X, D, T>, GanError> {
        if sigma == 0.0 {
            return Ok(x);
        }
        let (device, shape) = (x.device().clone(), *x.shape());
        let normal = |rng: &mut RunRng| sigma as f32 * rng.sample::<f32, _>(StandardNormal);
        let noise = (0..shape.num_elements()).map(|_| normal(&mut self.noise)).collect();
        let noise = device.try_tensor_from_vec(noise, shape).map_err(compute)?;
        x.try_add(noise).map_err(compute)
    }

    /// Random points between pairs of real and generated examples, one ε a pair.
    fn between(&mut self, real: &Vectors<X, D>, fake: &Vectors<X, D>) -> Result<Vectors<X, D>, GanError> {
        let (a, b) = (read_back(real), read_back(fake));
        let rows = a.len().min(b.len()) / X.max(1);
        let mut points = Vec::with_capacity(rows * X);
        for (a, b) in a.chunks_exact(X).zip(b.chunks_exact(X)) {
            let share: f32 = self.noise.r#gen();
            points.extend(a.iter().zip(b).map(|(a, b)| share * a + (1.0 - share) * b));
        }
        real.device().try_tensor_from_vec(points, (rows, Const)).map_err(compute)
    }

    /// The penalty at `x` and its gradient with respect to the weights, without a second derivative by autodiff.
    ///
    /// With n = ‖∇ₓ D(x)‖ and u = ∇ₓ D(x) / n, both found by one backward pass, the penalty p(n) has the gradient
    /// p′(n) ∂n/∂θ, and ∂n/∂θ = ∂/∂θ (u · ∇ₓ D) with u held: the gradient is a unit vector, so its own change is orthogonal
    /// to it and does not count. That derivative along u is taken as (D(x + ε u) − D(x − ε u)) / 2ε, which two plain passes
    /// differentiate. It is exact up to ε² (and to the corners of piecewise linear networks).
    fn penalty(
        &mut self,
        penalty: Penalty,
        x: &Vectors<X, D>,
        grads: shared::dfdx::tensor::Gradients<f32, D>,
    ) -> Result<(f64, shared::dfdx::tensor::Gradients<f32, D>), GanError> {
        let device = x.device().clone();
        let rows = x.shape().0;
        let (net, mut pass) = self.player.train_pass();
        let scores = frozen(|| {
            let features = net.features(x.leaky_trace(), &mut pass)?;
            net.score(features, &mut pass)
        });
        let sum: Tensor<(), f32, D, _> = scores.and_then(|s| s.try_sum()).map_err(compute)?;
        let slope = read_back(&sum.try_backward().map_err(compute)?.get(x));
        let values = read_back(x);
        let size = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / values.len().max(1) as f64;
        let eps = STEP * size.sqrt().max(1e-3) * (X as f64).sqrt();
        let (mut value, mut pulls) = (0.0, Vec::with_capacity(rows));
        let (mut ahead, mut behind) = (values.clone(), values);
        for (row, slope) in slope.chunks_exact(X.max(1)).enumerate() {
            let norm = slope.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            let (p, pull) = match penalty {
                Penalty::None => (0.0, 0.0),
                Penalty::Lipschitz(weight) => (weight * (norm - 1.0).powi(2), 2.0 * weight * (norm - 1.0)),
                Penalty::ZeroCentred(weight) => (0.5 * weight * norm * norm, weight * norm),
            };
            value += p / rows as f64;
            pulls.push((pull / (2.0 * eps * rows as f64)) as f32);
            let scale = (eps / norm.max(1e-12)) as f32;
            for (i, g) in slope.iter().enumerate() {
                ahead[row * X + i] += scale * g;
                behind[row * X + i] -= scale * g;
            }
        }
        let mut grads = grads;
        for (points, sign) in [(ahead, 1.0), (behind, -1.0)] {
            let x: Vectors<X, D> = device.try_tensor_from_vec(points, (rows, Const)).map_err(compute)?;
            let pulls = pulls.iter().map(|p| sign * p).collect();
            let pulls: Vectors<1, D> = device.try_tensor_from_vec(pulls, (rows, Const)).map_err(compute)?;
            let features = net.features(x.traced(grads), &mut pass).map_err(compute)?;
            let scores = net.score(features, &mut pass).map_err(compute)?;
            let sum: Tensor<(), f32, D, _> =
                scores.try_mul(pulls).and_then(|s| s.try_sum()).map_err(compute)?;
            grads = sum.try_backward().map_err(compute)?;
        }
        Ok((value, grads))
    }

    /// Puts the network, its optimiser and the noise under `prefix`.
    ///
    /// # Errors
    /// [`GanError::Checkpoint`].
    pub fn save(&self, prefix: &str, state: &mut State) -> Result<(), GanError> {
        self.player.save(prefix, state)?;
        Ok(state.put(&format!("{prefix}-noise"), &self.noise.position())?)
    }

    /// Takes back what [`save`](Self::save) put there.
    ///
    /// # Errors
    /// [`GanError`].
    pub fn load(&mut self, prefix: &str, state: &State) -> Result<(), GanError> {
        let noise = RunRng::at(state.get(&format!("{prefix}-noise"))?);
        self.player.load(prefix, state)?;
        self.noise = noise;
        Ok(())
    }
}

/// ‖E f − E f′‖², the aim of feature matching.
pub(crate) fn feature_distance<const F: usize, D: Backend, T: Tape<f32, D>>(
    found: Vectors<F, D, T>,
    wanted: Vectors<F, D>,
) -> Result<Tensor<(), f32, D, T>, D::Err> {
    let wanted: Tensor<(Const<F>,), f32, D> = wanted.try_mean::<_, Axis<0>>()?;
    let found: Tensor<(Const<F>,), f32, D, T> = found.try_mean::<_, Axis<0>>()?;
    found.try_sub(wanted)?.try_square()?.try_sum()
}

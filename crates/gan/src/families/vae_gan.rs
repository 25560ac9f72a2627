//! The variational autoencoder whose error is measured in a discriminator's features: VAE-GAN.

use rand::Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};
use shared::{
    device::{frozen, read_back, Backend},
    dfdx::{prelude::*, tensor::Tape},
    ops::concat::concat_vectors,
    train::{RunRng, State},
};

use super::{
    apply, half_distance, maker, validate, value, vectors, Loss, Tracked, DROPOUT_STREAM,
    ENCODER_DROPOUT_STREAM, LATENT_STREAM, NOISE_STREAM,
};
use crate::{
    config::{Prior, Recipe, RecipeError},
    critic::{Critic, CriticReport},
    error::compute,
    gan::{neighbours, Batch, StepReport, SAMPLE_STREAM},
    latent,
    net::{Discriminator, Generator, Vectors},
    player::Player,
    trainer::Game,
    GanError,
};

/// The weights of a VAE-GAN's terms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Balance {
    /// Of KL(q(z | x) ‖ p(z)) in the encoder's loss.
    pub kl: f64,
    /// γ, of the distance of features in the decoder's loss, where L_GAN has the weight 1.
    pub gamma: f64,
}

impl Default for Balance {
    fn default() -> Self {
        Balance { kl: 1.0, gamma: 1.0 }
    }
}

/// A variational autoencoder and a GAN that share a network: the decoder is the generator.
///
/// With q(z | x) = N(μ, diag e^s), (μ, s) = E(x), z = μ + e^{s/2} ε, x̃ = Dec(z), x̂ = Dec(ε′), and f the discriminator's
/// features:
///
/// - E lowers `kl` · KL(q(z | x) ‖ N(0, I)) + ½ E ‖f(x) − f(x̃)‖²,
/// - Dec lowers γ ½ E ‖f(x) − f(x̃)‖² + ½ L_G(x̃) + ½ L_G(x̂),
/// - D lowers φᵣ on x and φ_f on the x̃ and x̂ together, so that real and generated examples weigh the same.
///
/// D takes its step first, on the values that the others made; then E and Dec take theirs, and D stays. E follows no L_GAN,
/// and D no distance of its own features.
///
/// # Shapes
/// x: (B, X), E(x): (B, ZZ) with ZZ = 2 Z, first μ and then s; z: (B, Z), features: (B, F). Another ZZ does not compile:
///
/// ```compile_fail,E0080
/// # use gan::{families::VaeGan, nets::{MlpDiscriminator, MlpGenerator}};
/// # use shared::dfdx::prelude::Cpu;
/// type Wrong = VaeGan<
///     MlpGenerator<f32, Cpu, 4, 16, 3>,
///     MlpGenerator<f32, Cpu, 2, 16, 4>,
///     MlpDiscriminator<f32, Cpu, 4, 16>,
///     Cpu, 4, 2, 3, 16,
/// >;
/// const _: () = Wrong::FITS; // 3 is not 2 · 2
/// ```
///
/// # Reference
/// Survey, section III.E; Larsen et al. 2016, algorithm 1.
///
/// # Example
/// ```
/// use gan::{families::{Balance, VaeGan}, nets::{MlpDiscriminator, MlpGenerator}, Batch, Game, Recipe};
/// use shared::dfdx::prelude::*;
/// let dev = Cpu::seed_from_u64(0);
/// let e: MlpGenerator<f32, Cpu, 4, 16, 4> = BuildModule::try_build(&dev)?;
/// let dec: MlpGenerator<f32, Cpu, 2, 16, 4> = BuildModule::try_build(&dev)?;
/// let d: MlpDiscriminator<f32, Cpu, 4, 16> = BuildModule::try_build(&dev)?;
/// let nets = (e, dec, d);
/// let mut game: VaeGan<_, _, _, _, 4, 2, 4, 16> = VaeGan::new(nets, dev, &Recipe::default(), Balance::default(), 1)?;
/// let x = [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0];
/// game.turn(&[Batch { values: &x, labels: &[] }])?;
/// assert_eq!(game.encode(&x)?.len(), 2 * 2);
/// assert_eq!(game.draw(3, &[], 7)?.len(), 3 * 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct VaeGan<E, G, C, D: Backend, const X: usize, const Z: usize, const ZZ: usize, const F: usize> {
    /// E: x → (μ, s).
    pub encoder: Player<E, D>,
    /// Dec: z → x.
    pub decoder: Player<G, D>,
    /// The discriminator.
    pub critic: Critic<C, D, X, F>,
    recipe: Recipe,
    balance: Balance,
    /// Draws z of the prior, and ε.
    latent: RunRng,
    noise: RunRng,
    steps: usize,
    device: D,
}

impl<E, G, C, D: Backend, const X: usize, const Z: usize, const ZZ: usize, const F: usize>
    VaeGan<E, G, C, D, X, Z, ZZ, F>
{
    /// Asserts that the encoder gives a mean and a log-variance a latent number.
    pub const FITS: () = assert!(ZZ == 2 * Z, "VaeGan needs ZZ = 2 Z");
}

impl<E, G, C, D: Backend, const X: usize, const Z: usize, const ZZ: usize, const F: usize>
    VaeGan<E, G, C, D, X, Z, ZZ, F>
where
    E: Generator<X, ZZ, D>,
    G: Generator<Z, X, D>,
    C: Discriminator<X, F, D>,
{
    /// Puts encoder, decoder and discriminator together; `seed` fixes draws and noise, not their weights. The recipe's
    /// settings of the generator are the encoder's too.
    ///
    /// # Errors
    /// [`GanError::Recipe`] for settings out of their range, and for a prior that is not normal: KL is that to N(0, I).
    pub fn new(
        (encoder, decoder, discriminator): (E, G, C),
        device: D,
        recipe: &Recipe,
        balance: Balance,
        seed: u64,
    ) -> Result<Self, GanError> {
        let () = Self::FITS;
        validate(recipe)?;
        let weights = [("the weight of KL", balance.kl), ("γ of a VAE-GAN", balance.gamma)];
        if let Some((setting, weight)) = weights.into_iter().find(|(_, w)| !(w.is_finite() && *w >= 0.0)) {
            let allowed = "it takes a number of at least 0";
            return Err(RecipeError { setting, value: weight.to_string(), allowed }.into());
        }
        if recipe.prior != Prior::Normal {
            let (setting, value) = ("the prior of a VAE-GAN", format!("{:?}", recipe.prior));
            return Err(RecipeError { setting, value, allowed: "it is normal" }.into());
        }
        Ok(VaeGan {
            encoder: Player::new(encoder, maker(recipe), seed, ENCODER_DROPOUT_STREAM)?,
            decoder: Player::new(decoder, maker(recipe), seed, DROPOUT_STREAM)?,
            critic: Critic::new(discriminator, recipe, seed)?,
            recipe: recipe.clone(),
            balance,
            latent: RunRng::new(seed, LATENT_STREAM),
            noise: RunRng::new(seed, NOISE_STREAM),
            steps: 0,
            device,
        })
    }

    /// Draws of the prior, and ε, for a batch.
    fn draws(&mut self, rows: usize) -> Result<(Vectors<Z, D>, Vectors<Z, D>), GanError> {
        let z = latent::draw(Prior::Normal, rows, Z, &mut self.latent);
        let eps: Vec<f32> = (0..rows * Z).map(|_| self.noise.sample(StandardNormal)).collect();
        Ok((vectors(&self.device, "latent vectors", &z)?, vectors(&self.device, "noise", &eps)?))
    }

    /// One step of the discriminator on what the others made.
    fn learn(
        &mut self,
        x: &Vectors<X, D>,
        again: Vectors<X, D>,
        made: Vectors<X, D>,
    ) -> Result<CriticReport, GanError> {
        let rows = x.shape().0;
        // one batch after the other is one vector after the other
        let flat = |x: Vectors<X, D>| x.try_reshape_like(&(1, rows * X));
        let both = flat(again).and_then(|a| concat_vectors(a, flat(made)?, 2 * rows * X));
        let both = both.and_then(|b| b.try_reshape_like(&(2 * rows, Const))).map_err(compute)?;
        self.critic.learn(&self.recipe, self.steps, x, &both)
    }

    fn decode<T: Tape<f32, D>>(&mut self, z: Vectors<Z, D, T>) -> Result<Vectors<X, D, T>, GanError> {
        let (net, mut pass) = self.decoder.train_pass();
        net.generate(z, &mut pass).map_err(compute)
    }

    /// ½ E ‖f(x) − f(x̃)‖² and the scores of x̃, joined: both are on the tape of x̃.
    fn judge(
        &mut self,
        again: Tracked<X, D>,
        wanted: Vectors<F, D>,
    ) -> Result<(Loss<D>, Tracked<1, D>), GanError> {
        let (features, scores) = self.critic.through(&self.recipe, self.steps, again)?;
        Ok((half_distance(features, wanted).map_err(compute)?, scores))
    }

    /// The means μ of examples' codes, by the averaged encoder with running statistics.
    ///
    /// # Errors
    /// [`GanError::Values`] where there are no whole examples.
    pub fn encode(&self, x: &[f32]) -> Result<Vec<f32>, GanError> {
        let told = apply(&mut self.encoder.averaged()?, &self.device, "examples", x)?;
        Ok(told.chunks_exact(ZZ).flat_map(|told| told[..Z].to_vec()).collect())
    }

    /// Dec(z) of codes, by the averaged decoder with running statistics.
    ///
    /// # Errors
    /// [`GanError::Values`] where there are no whole codes.
    pub fn generate(&self, z: &[f32]) -> Result<Vec<f32>, GanError> {
        apply(&mut self.decoder.averaged()?, &self.device, "codes", z)
    }

    /// Dec(μ).
    ///
    /// # Errors
    /// [`GanError::Values`] where there are no whole examples.
    pub fn reconstruct(&self, x: &[f32]) -> Result<Vec<f32>, GanError> {
        self.generate(&self.encode(x)?)
    }
}

impl<E, G, C, D: Backend, const X: usize, const Z: usize, const ZZ: usize, const F: usize> Game
    for VaeGan<E, G, C, D, X, Z, ZZ, F>
where
    E: Generator<X, ZZ, D>,
    G: Generator<Z, X, D>,
    C: Discriminator<X, F, D>,
{
    fn width(&self) -> usize {
        X
    }

    fn critic_steps(&self) -> usize {
        self.recipe.critic_steps
    }

    /// The report's generator loss is the encoder's and the decoder's together, its gradient's norm the decoder's.
    fn turn(&mut self, batches: &[Batch<'_>]) -> Result<StepReport, GanError> {
        let mut report = StepReport::default();
        let Some((last, first)) = batches.split_last() else { return Ok(report) };
        for batch in first {
            let x: Vectors<X, D> = vectors(&self.device, "real examples", batch.values)?;
            let (prior, eps) = self.draws(x.shape().0)?;
            let (net, mut pass) = self.encoder.train_pass();
            let told = net.generate(x.clone(), &mut pass).map_err(compute)?;
            let (z, _) = posterior(told, eps).map_err(compute)?;
            let (again, made) = (self.decode(z)?, self.decode(prior)?);
            self.learn(&x, again, made)?;
        }
        let x: Vectors<X, D> = vectors(&self.device, "real examples", last.values)?;
        let (prior, eps) = self.draws(x.shape().0)?;
        let grads = self.encoder.take_grads()?;
        let (net, mut pass) = self.encoder.train_pass();
        let told = net.generate(x.clone().traced(grads), &mut pass).map_err(compute)?;
        let (z, kl) = posterior(told, eps).map_err(compute)?;
        let (z, tape) = z.split_tape();

        let grads = self.decoder.take_grads()?;
        let again = self.decode(z.clone().traced(grads))?;
        let (again, decoder_tape) = again.split_tape();
        let made = self.decode(prior.leaky_traced())?;
        let (made, made_tape) = made.split_tape();
        report.critic = self.learn(&x, again.clone(), made.clone())?;
        report.spread = neighbours(&read_back(&made), X) / neighbours(last.values, X).max(f64::MIN_POSITIVE);

        let (wanted, _) = self.critic.through(&self.recipe, self.steps, x)?;
        // the encoder, through the decoder as it is
        let seen = frozen(|| self.decode(z.put_tape(tape)))?;
        let (distance, scores) = self.judge(seen, wanted.clone())?;
        // the way from the features to x̃ is on the tape of the scores, which themselves count nothing here
        let (distance, features_tape) = distance.split_tape();
        let (_, tape) = scores.split_tape();
        let kl = kl.try_mul(self.balance.kl as f32).map_err(compute)?;
        let encoding = distance.put_tape(tape.merge(features_tape)).try_add(kl).map_err(compute)?;

        let (distance, scores) = self.judge(again.put_tape(decoder_tape), wanted)?;
        let fooling = self.recipe.formulation.for_generator(scores).map_err(compute)?;
        let (_, scores) = self.critic.through(&self.recipe, self.steps, made.put_tape(made_tape))?;
        let more = self.recipe.formulation.for_generator(scores).map_err(compute)?;
        let decoding = fooling
            .try_add(more)
            .and_then(|both| both.try_mul(0.5))
            .and_then(|both| both.try_add(distance.try_mul(self.balance.gamma as f32)?))
            .map_err(compute)?;

        report.generator_loss = value(&encoding) + value(&decoding);
        let rate = self.recipe.rate_at(self.steps);
        self.encoder.update(encoding.try_backward().map_err(compute)?, rate)?;
        self.decoder.update(decoding.try_backward().map_err(compute)?, rate)?;
        report.generator_grad_norm = self.decoder.grad_norm;
        self.steps += 1;
        Ok(report)
    }

    /// Decoded draws of N(0, I).
    fn draw(&self, count: usize, _: &[usize], seed: u64) -> Result<Vec<f32>, GanError> {
        self.generate(&latent::draw(Prior::Normal, count, Z, &mut RunRng::new(seed, SAMPLE_STREAM)))
    }

    fn keep(&self) -> Result<State, GanError> {
        let mut state = State::default();
        self.encoder.save("encoder", &mut state)?;
        self.decoder.save("decoder", &mut state)?;
        self.critic.save("discriminator", &mut state)?;
        state.put("latent", &[self.latent.position(), self.noise.position()])?;
        state.put("steps", &self.steps)?;
        Ok(state)
    }

    fn bring(&mut self, state: &State) -> Result<(), GanError> {
        let ([latent, noise], steps): ([[u64; 3]; 2], _) = (state.get("latent")?, state.get("steps")?);
        self.encoder.load("encoder", state)?;
        self.decoder.load("decoder", state)?;
        self.critic.load("discriminator", state)?;
        (self.latent, self.noise, self.steps) = (RunRng::at(latent), RunRng::at(noise), steps);
        Ok(())
    }
}

/// z = μ + e^{s/2} ε, and KL(N(μ, diag e^s) ‖ N(0, I)) = ½ Σ (μ² + e^s − s − 1) as a mean over the batch.
///
/// Each has a part of the way back to `told` on its tape: what is lowered must be a sum with both in it.
#[allow(clippy::type_complexity)]
pub(super) fn posterior<const ZZ: usize, const Z: usize, D: Backend, T: Tape<f32, D>>(
    told: Vectors<ZZ, D, T>,
    eps: Vectors<Z, D>,
) -> Result<(Vectors<Z, D, T>, Tensor<(), f32, D, T>), D::Err> {
    let rows = told.shape().0;
    let copy = told.with_empty_tape();
    let s: Vectors<Z, D, T> = copy.try_slice((.., Z..ZZ))?.try_reshape_like(&(rows, Const))?;
    let mean: Vectors<Z, D, T> = told.try_slice((.., 0..Z))?.try_reshape_like(&(rows, Const))?;
    let spread = s.with_empty_tape().try_mul(0.5)?.try_exp()?.try_mul(eps)?;
    let square = mean.with_empty_tape().try_square()?;
    let variance = s.with_empty_tape().try_exp()?;
    let sum = square.try_add(variance)?.try_sub(s)?.try_sub(1.0)?;
    let kl: Tensor<(), f32, D, T> = sum.try_mean()?;
    let kl = kl.try_mul(0.5 * Z as f32)?;
    Ok((mean.try_add(spread)?, kl))
}

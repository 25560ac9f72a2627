//! The adversarial autoencoder: a game about codes, beside an autoencoder.

use shared::{
    device::{read_back, Backend},
    dfdx::prelude::*,
    optim::{AnyOptimizer, OptimScalars, OptimState, OptimizerConfig},
    train::{RunRng, State},
};

use super::{
    apply, maker, validate, value, vectors, Loss, DROPOUT_STREAM, ENCODER_DROPOUT_STREAM, LATENT_STREAM,
};
use crate::{
    config::Recipe,
    critic::Critic,
    error::compute,
    gan::{neighbours, Batch, StepReport, SAMPLE_STREAM},
    latent,
    net::{Discriminator, Generator, Vectors},
    player::{Player, PlayerConfig},
    trainer::Game,
    GanError,
};

/// Where the state keeps the encoder's second optimiser.
const FOOLING: &str = "encoder-fooling";

/// An autoencoder whose codes a discriminator holds to a prior.
///
/// Three phases a turn, each with an optimiser of its own:
///
/// 1. reconstruction: E and Dec lower E ‖x − Dec(E(x))‖² / X,
/// 2. discrimination: D lowers L_D, with draws z of the prior as real and codes E(x) as generated examples,
/// 3. fooling: E lowers L_G of D(E(x)), non-saturating by default; D stays.
///
/// So the aggregated posterior q(z) = ∫ q(z | x) p(x) dx comes to the prior, and Dec makes samples of the prior's draws.
///
/// # Shapes
/// x: (B, X), z: (B, Z), features: (B, F); the discriminator sees codes.
///
/// # Reference
/// Survey, section III.E; Makhzani et al. 2016, with a deterministic encoder.
///
/// # Example
/// ```
/// use gan::{adam, families::Aae, nets::{MlpDiscriminator, MlpGenerator}, Batch, Game, Recipe};
/// use shared::dfdx::prelude::*;
/// let dev = Cpu::seed_from_u64(0);
/// let e: MlpGenerator<f32, Cpu, 4, 16, 2> = BuildModule::try_build(&dev)?;
/// let dec: MlpGenerator<f32, Cpu, 2, 16, 4> = BuildModule::try_build(&dev)?;
/// let d: MlpDiscriminator<f32, Cpu, 2, 16> = BuildModule::try_build(&dev)?;
/// let nets = (e, dec, d);
/// let mut game: Aae<_, _, _, _, 4, 2, 16> = Aae::new(nets, dev, &Recipe::default(), &adam(1e-3, 0.9, 0.999), 1)?;
/// let x = [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0];
/// game.turn(&[Batch { values: &x, labels: &[] }])?;
/// assert_eq!(game.encode(&x)?.len(), 2 * 2);
/// assert_eq!(game.draw(3, &[], 7)?.len(), 3 * 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Aae<E, G, C, D: Backend, const X: usize, const Z: usize, const F: usize> {
    /// E: x → z, with the optimiser of the reconstruction.
    pub encoder: Player<E, D>,
    /// Dec: z → x.
    pub decoder: Player<G, D>,
    /// The discriminator of codes.
    pub critic: Critic<C, D, Z, F>,
    /// The encoder's optimiser in the third phase, and its rate.
    fooling: (AnyOptimizer, f64),
    recipe: Recipe,
    latent: RunRng,
    steps: usize,
    device: D,
}

impl<E, G, C, D: Backend, const X: usize, const Z: usize, const F: usize> Aae<E, G, C, D, X, Z, F>
where
    E: Generator<X, Z, D>,
    G: Generator<Z, X, D>,
    C: Discriminator<Z, F, D>,
{
    /// Puts encoder, decoder and discriminator together; `seed` fixes draws and noise, not their weights. The recipe's
    /// optimiser of the generator is that of the third phase; `reconstruction` is that of the first.
    ///
    /// # Errors
    /// [`GanError::Recipe`] and [`GanError::Optim`] for settings out of their range.
    pub fn new(
        (encoder, decoder, discriminator): (E, G, C),
        device: D,
        recipe: &Recipe,
        reconstruction: &OptimizerConfig,
        seed: u64,
    ) -> Result<Self, GanError> {
        validate(recipe)?;
        let fooling = AnyOptimizer::new(recipe.generator.clone())?;
        let config = PlayerConfig { optimizer: reconstruction.clone(), ..maker(recipe) };
        Ok(Aae {
            encoder: Player::new(encoder, config.clone(), seed, ENCODER_DROPOUT_STREAM)?,
            decoder: Player::new(decoder, config, seed, DROPOUT_STREAM)?,
            critic: Critic::new(discriminator, recipe, seed)?,
            fooling: (fooling.clone(), fooling.lr()),
            recipe: recipe.clone(),
            latent: RunRng::new(seed, LATENT_STREAM),
            steps: 0,
            device,
        })
    }

    fn prior(&mut self, rows: usize) -> Result<Vectors<Z, D>, GanError> {
        let z = latent::draw(self.recipe.prior, rows, Z, &mut self.latent);
        vectors(&self.device, "latent vectors", &z)
    }

    /// The first phase; the mean squared error before it.
    fn autoencode(&mut self, x: &Vectors<X, D>, rate: f64) -> Result<f64, GanError> {
        let (grads, more) = (self.encoder.take_grads()?, self.decoder.take_grads()?);
        let (net, mut pass) = self.encoder.train_pass();
        let code = net.generate(x.clone().traced(grads), &mut pass).map_err(compute)?;
        // one tape for both networks, and one set of gradients
        let (code, tape) = code.split_tape();
        let (code, own) = code.traced(more).split_tape();
        let (net, mut pass) = self.decoder.train_pass();
        let made = net.generate(code.put_tape(tape.merge(own)), &mut pass).map_err(compute)?;
        let loss: Result<Loss<D>, _> =
            made.try_sub(x.clone()).and_then(|d| d.try_square()).and_then(|d| d.try_mean());
        let loss = loss.map_err(compute)?;
        let error = value(&loss);
        self.encoder.update(loss.try_backward().map_err(compute)?, rate)?;
        let grads = self.encoder.take_grads()?;
        self.decoder.update(grads, rate)?;
        Ok(error)
    }

    /// E(x) of examples, by the averaged encoder with running statistics.
    ///
    /// # Errors
    /// [`GanError::Values`] where there are no whole examples.
    pub fn encode(&self, x: &[f32]) -> Result<Vec<f32>, GanError> {
        apply(&mut self.encoder.averaged()?, &self.device, "examples", x)
    }

    /// Dec(z) of codes, by the averaged decoder with running statistics.
    ///
    /// # Errors
    /// [`GanError::Values`] where there are no whole codes.
    pub fn decode(&self, z: &[f32]) -> Result<Vec<f32>, GanError> {
        apply(&mut self.decoder.averaged()?, &self.device, "codes", z)
    }

    /// Dec(E(x)).
    ///
    /// # Errors
    /// [`GanError::Values`] where there are no whole examples.
    pub fn reconstruct(&self, x: &[f32]) -> Result<Vec<f32>, GanError> {
        self.decode(&self.encode(x)?)
    }
}

impl<E, G, C, D: Backend, const X: usize, const Z: usize, const F: usize> Game for Aae<E, G, C, D, X, Z, F>
where
    E: Generator<X, Z, D>,
    G: Generator<Z, X, D>,
    C: Discriminator<Z, F, D>,
{
    fn width(&self) -> usize {
        X
    }

    fn critic_steps(&self) -> usize {
        self.recipe.critic_steps
    }

    /// The report's generator loss is the squared error and the fooling loss together; its spread and its gradient's norm are
    /// of the codes and of the third phase.
    fn turn(&mut self, batches: &[Batch<'_>]) -> Result<StepReport, GanError> {
        let mut report = StepReport::default();
        let Some((last, first)) = batches.split_last() else { return Ok(report) };
        for batch in first {
            let x: Vectors<X, D> = vectors(&self.device, "real examples", batch.values)?;
            let z = self.prior(x.shape().0)?;
            let (net, mut pass) = self.encoder.train_pass();
            let code = net.generate(x, &mut pass).map_err(compute)?;
            self.critic.learn(&self.recipe, self.steps, &z, &code)?;
        }
        let x: Vectors<X, D> = vectors(&self.device, "real examples", last.values)?;
        let rate = self.recipe.rate_at(self.steps);
        let error = self.autoencode(&x, rate)?;

        let z = self.prior(x.shape().0)?;
        let grads = self.encoder.take_grads()?;
        let (net, mut pass) = self.encoder.train_pass();
        let (code, tape) = net.generate(x.traced(grads), &mut pass).map_err(compute)?.split_tape();
        report.critic = self.critic.learn(&self.recipe, self.steps, &z, &code)?;
        report.spread =
            neighbours(&read_back(&code), Z) / neighbours(&read_back(&z), Z).max(f64::MIN_POSITIVE);

        let (_, scores) = self.critic.through(&self.recipe, self.steps, code.put_tape(tape))?;
        let loss = self.recipe.formulation.for_generator(scores).map_err(compute)?;
        report.generator_loss = error + value(&loss);
        let grads = loss.try_backward().map_err(compute)?;
        let (optimizer, lr) = (&mut self.fooling.0, self.fooling.1);
        self.encoder.update_by(optimizer, lr, grads, rate)?;
        report.generator_grad_norm = self.encoder.grad_norm;
        self.steps += 1;
        Ok(report)
    }

    /// Decoded draws of the prior.
    fn draw(&self, count: usize, _: &[usize], seed: u64) -> Result<Vec<f32>, GanError> {
        let mut rng = RunRng::new(seed, SAMPLE_STREAM);
        self.decode(&latent::draw(self.recipe.prior, count, Z, &mut rng))
    }

    fn keep(&self) -> Result<State, GanError> {
        let mut state = State::default();
        self.encoder.save("encoder", &mut state)?;
        self.decoder.save("decoder", &mut state)?;
        self.critic.save("discriminator", &mut state)?;
        let OptimState { scalars, tensors } = self.fooling.0.export_state();
        state.put_tensors(FOOLING, tensors)?;
        state.put(FOOLING, &scalars)?;
        state.put("latent", &self.latent.position())?;
        state.put("steps", &self.steps)?;
        Ok(state)
    }

    fn bring(&mut self, state: &State) -> Result<(), GanError> {
        let (latent, steps) = (RunRng::at(state.get("latent")?), state.get("steps")?);
        let scalars: OptimScalars = state.get(FOOLING)?;
        let tensors = state.take_tensors(FOOLING)?;
        self.fooling.0.import_state(&self.encoder.net, &OptimState { scalars, tensors })?;
        self.encoder.load("encoder", state)?;
        self.decoder.load("decoder", state)?;
        self.critic.load("discriminator", state)?;
        (self.latent, self.steps) = (latent, steps);
        Ok(())
    }
}

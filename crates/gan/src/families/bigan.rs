//! A game about pairs, by which an encoder is learned beside the generator: ALI and BiGAN.

use shared::{
    device::{read_back, Backend},
    dfdx::{prelude::*, tensor::Tape},
    ops::concat::concat_vectors,
    train::{RunRng, State},
};

use super::{
    apply, maker, validate, value, vectors, Loss, Tracked, DROPOUT_STREAM, ENCODER_DROPOUT_STREAM,
    LATENT_STREAM,
};
use crate::{
    config::Recipe,
    critic::{Critic, CriticReport},
    error::compute,
    gan::{neighbours, Batch, StepReport, SAMPLE_STREAM},
    latent,
    losses::Formulation,
    net::{Discriminator, Generator, Vectors},
    player::Player,
    trainer::Game,
    GanError,
};

/// An encoder E and a generator G against a discriminator of pairs.
///
/// max over D, min over G and E of E_x log D(x, E(x)) + E_z log(1 − D(G(z), z))
///
/// The best D is p_xE / (p_xE + p_Gz), the value is then 2 JSD(p_xE ‖ p_Gz) − log 4, and where both joint distributions are
/// the same, E inverts G almost everywhere. G and E each lower their own term with the labels swapped, so that their
/// gradients do not fade: −log D(G(z), z) and −log(1 − D(x, E(x))) in the default formulation. Both terms are of the same
/// discriminator, and both take one step a turn.
///
/// # Shapes
/// x: (B, X), z: (B, Z), pairs: (B, XZ) with XZ = X + Z, features: (B, F). Another XZ does not compile:
///
/// ```compile_fail,E0080
/// # use gan::{families::Bigan, nets::{MlpDiscriminator, MlpGenerator}};
/// # use shared::dfdx::prelude::Cpu;
/// type Wrong = Bigan<
///     MlpGenerator<f32, Cpu, 8, 16, 2>,
///     MlpGenerator<f32, Cpu, 2, 16, 8>,
///     MlpDiscriminator<f32, Cpu, 9, 16>,
///     Cpu, 8, 2, 9, 16,
/// >;
/// const _: () = Wrong::FITS; // 8 + 2 is not 9
/// ```
///
/// # Reference
/// Survey, section III.D and figure 4; Dumoulin et al. 2017 (ALI); Donahue et al. 2017 (BiGAN, whose E is a function, as
/// here).
///
/// # Example
/// ```
/// use gan::{families::Bigan, nets::{MlpDiscriminator, MlpGenerator}, Batch, Game, Recipe};
/// use shared::dfdx::prelude::*;
/// let dev = Cpu::seed_from_u64(0);
/// let e: MlpGenerator<f32, Cpu, 4, 16, 2> = BuildModule::try_build(&dev)?; // x → z
/// let g: MlpGenerator<f32, Cpu, 2, 16, 4> = BuildModule::try_build(&dev)?; // z → x
/// let d: MlpDiscriminator<f32, Cpu, 6, 16> = BuildModule::try_build(&dev)?;
/// let mut game: Bigan<_, _, _, _, 4, 2, 6, 16> = Bigan::new((e, g, d), dev, &Recipe::default(), 1)?;
/// let x = [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0];
/// game.turn(&[Batch { values: &x, labels: &[] }])?;
/// assert_eq!(game.encode(&x)?.len(), 2 * 2);
/// assert_eq!(game.reconstruct(&x)?.len(), 2 * 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Bigan<E, G, C, D: Backend, const X: usize, const Z: usize, const XZ: usize, const F: usize> {
    /// E: x → z.
    pub encoder: Player<E, D>,
    /// G: z → x.
    pub generator: Player<G, D>,
    /// The discriminator of pairs.
    pub critic: Critic<C, D, XZ, F>,
    recipe: Recipe,
    latent: RunRng,
    steps: usize,
    device: D,
}

impl<E, G, C, D: Backend, const X: usize, const Z: usize, const XZ: usize, const F: usize>
    Bigan<E, G, C, D, X, Z, XZ, F>
{
    /// Asserts that a pair is an example and a latent vector.
    pub const FITS: () = assert!(XZ == X + Z, "Bigan needs XZ = X + Z");
}

impl<E, G, C, D: Backend, const X: usize, const Z: usize, const XZ: usize, const F: usize>
    Bigan<E, G, C, D, X, Z, XZ, F>
where
    E: Generator<X, Z, D>,
    G: Generator<Z, X, D>,
    C: Discriminator<XZ, F, D>,
{
    /// Puts encoder, generator and discriminator together; `seed` fixes z and noise, not their weights. The recipe's settings
    /// of the generator are the encoder's too.
    ///
    /// # Errors
    /// [`GanError::Recipe`] for settings out of their range.
    pub fn new(
        (encoder, generator, discriminator): (E, G, C),
        device: D,
        recipe: &Recipe,
        seed: u64,
    ) -> Result<Self, GanError> {
        let () = Self::FITS;
        validate(recipe)?;
        Ok(Bigan {
            encoder: Player::new(encoder, maker(recipe), seed, ENCODER_DROPOUT_STREAM)?,
            generator: Player::new(generator, maker(recipe), seed, DROPOUT_STREAM)?,
            critic: Critic::new(discriminator, recipe, seed)?,
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

    fn learn(
        &mut self,
        (x, code): (&Vectors<X, D>, &Vectors<Z, D>),
        (made, z): (&Vectors<X, D>, &Vectors<Z, D>),
    ) -> Result<CriticReport, GanError> {
        let (real, fake) = (pair(x.clone(), code.clone())?, pair(made.clone(), z.clone())?);
        self.critic.learn(&self.recipe, self.steps, &real, &fake)
    }

    /// E(x) of examples, by the averaged encoder with running statistics.
    ///
    /// # Errors
    /// [`GanError::Values`] where there are no whole examples.
    pub fn encode(&self, x: &[f32]) -> Result<Vec<f32>, GanError> {
        apply(&mut self.encoder.averaged()?, &self.device, "examples", x)
    }

    /// G(z) of latent vectors, by the averaged generator with running statistics.
    ///
    /// # Errors
    /// [`GanError::Values`] where there are no whole vectors.
    pub fn generate(&self, z: &[f32]) -> Result<Vec<f32>, GanError> {
        apply(&mut self.generator.averaged()?, &self.device, "latent vectors", z)
    }

    /// G(E(x)). No term of the game asks for x; it comes as near as both joint distributions come.
    ///
    /// # Errors
    /// [`GanError::Values`] where there are no whole examples.
    pub fn reconstruct(&self, x: &[f32]) -> Result<Vec<f32>, GanError> {
        self.generate(&self.encode(x)?)
    }
}

impl<E, G, C, D: Backend, const X: usize, const Z: usize, const XZ: usize, const F: usize> Game
    for Bigan<E, G, C, D, X, Z, XZ, F>
where
    E: Generator<X, Z, D>,
    G: Generator<Z, X, D>,
    C: Discriminator<XZ, F, D>,
{
    fn width(&self) -> usize {
        X
    }

    fn critic_steps(&self) -> usize {
        self.recipe.critic_steps
    }

    /// The report's generator loss is the sum of both terms, its gradient's norm that over both networks.
    fn turn(&mut self, batches: &[Batch<'_>]) -> Result<StepReport, GanError> {
        let mut report = StepReport::default();
        let Some((last, first)) = batches.split_last() else { return Ok(report) };
        for batch in first {
            let x: Vectors<X, D> = vectors(&self.device, "real examples", batch.values)?;
            let z = self.prior(x.shape().0)?;
            let (net, mut pass) = self.encoder.train_pass();
            let code = net.generate(x.clone(), &mut pass).map_err(compute)?;
            let (net, mut pass) = self.generator.train_pass();
            let made = net.generate(z.clone(), &mut pass).map_err(compute)?;
            self.learn((&x, &code), (&made, &z))?;
        }
        let x: Vectors<X, D> = vectors(&self.device, "real examples", last.values)?;
        let z = self.prior(x.shape().0)?;
        let grads = self.encoder.take_grads()?;
        let (net, mut pass) = self.encoder.train_pass();
        let code = net.generate(x.clone().traced(grads), &mut pass).map_err(compute)?;
        let (code, code_tape) = code.split_tape();
        let grads = self.generator.take_grads()?;
        let (net, mut pass) = self.generator.train_pass();
        let made = net.generate(z.clone().traced(grads), &mut pass).map_err(compute)?;
        let (made, made_tape) = made.split_tape();
        report.critic = self.learn((&x, &code), (&made, &z))?;
        report.spread = neighbours(&read_back(&made), X) / neighbours(last.values, X).max(f64::MIN_POSITIVE);

        let shown = pair(x.leaky_traced(), code.put_tape(code_tape))?;
        let (_, scores) = self.critic.through(&self.recipe, self.steps, shown)?;
        let encoding = for_encoder(self.recipe.formulation, scores).map_err(compute)?;
        let shown = pair(made.put_tape(made_tape), z)?;
        let (_, scores) = self.critic.through(&self.recipe, self.steps, shown)?;
        let making = self.recipe.formulation.for_generator(scores).map_err(compute)?;
        report.generator_loss = value(&encoding) + value(&making);
        let rate = self.recipe.rate_at(self.steps);
        self.encoder.update(encoding.try_backward().map_err(compute)?, rate)?;
        self.generator.update(making.try_backward().map_err(compute)?, rate)?;
        report.generator_grad_norm = self.encoder.grad_norm.hypot(self.generator.grad_norm);
        self.steps += 1;
        Ok(report)
    }

    fn draw(&self, count: usize, _: &[usize], seed: u64) -> Result<Vec<f32>, GanError> {
        let mut rng = RunRng::new(seed, SAMPLE_STREAM);
        self.generate(&latent::draw(self.recipe.prior, count, Z, &mut rng))
    }

    fn keep(&self) -> Result<State, GanError> {
        let mut state = State::default();
        self.encoder.save("encoder", &mut state)?;
        self.generator.save("generator", &mut state)?;
        self.critic.save("discriminator", &mut state)?;
        state.put("latent", &self.latent.position())?;
        state.put("steps", &self.steps)?;
        Ok(state)
    }

    fn bring(&mut self, state: &State) -> Result<(), GanError> {
        let (latent, steps) = (RunRng::at(state.get("latent")?), state.get("steps")?);
        self.encoder.load("encoder", state)?;
        self.generator.load("generator", state)?;
        self.critic.load("discriminator", state)?;
        (self.latent, self.steps) = (latent, steps);
        Ok(())
    }
}

/// x | z.
fn pair<const X: usize, const Z: usize, const XZ: usize, D: Backend, T, R>(
    x: Vectors<X, D, T>,
    z: Vectors<Z, D, R>,
) -> Result<Vectors<XZ, D, T>, GanError>
where
    T: Tape<f32, D> + Merge<R>,
    R: Tape<f32, D>,
{
    concat_vectors(x, z, Const).map_err(compute)
}

/// What an encoder lowers, from the scores of (x, E(x)): the mirror of what a generator lowers.
///
/// −log(1 − σ(a)), ½ a² and a where the generator has −log σ(a), ½ (a − 1)² and −a; where the generator lowers the game's
/// value itself, so does the encoder.
fn for_encoder<D: Backend>(formulation: Formulation, a: Tracked<1, D>) -> Result<Loss<D>, D::Err> {
    match formulation {
        Formulation::NonSaturating | Formulation::LeastSquares => formulation.on_fake(a, 0.0),
        Formulation::Wasserstein | Formulation::Hinge => a.try_mean(),
        Formulation::Minimax | Formulation::FDivergence(_) => formulation.on_real(a, 1.0)?.try_negate(),
    }
}

//! Games whose latent vector says what to make: AC-GAN and InfoGAN.

use rand::Rng;
use shared::{
    device::{frozen, read_back, Backend},
    dfdx::prelude::*,
    nn::{Activation, Pass},
    ops::targets::Targets,
    train::{RunRng, State},
};

use super::{apply, maker, targets, validate, value, vectors, Coded, Coding, DROPOUT_STREAM, LATENT_STREAM};
use crate::{
    config::{Prior, Recipe, RecipeError},
    critic::Critic,
    error::compute,
    gan::{neighbours, rows_of, Batch, StepReport, SAMPLE_BATCH, SAMPLE_STREAM},
    latent,
    net::{Discriminator, Generator, Vectors},
    player::Player,
    trainer::Game,
    GanError,
};

/// A generator that is told what to make, and a discriminator that tells what was made.
///
/// z = noise | one-hot k | u, with k one of K classes or codes and u ~ U[−1, 1]^U.
///
/// | | AC-GAN | InfoGAN |
/// |---|---|---|
/// | D lowers | L_D − log p(class \| x) − log p(k \| G(z)) | L_D + λ L(k, u \| G(z)) |
/// | G lowers | L_G − log p(k \| G(z)) | L_G + λ L(k, u \| G(z)) |
/// | k | the classes of the batch | uniform |
///
/// L is [`Coded::code_loss`]. The generator's part goes through the discriminator and leaves its weights alone.
///
/// # Shapes
/// z: (B, Z) with Z > K + U, x: (B, X), features: (B, F).
///
/// # Reference
/// Survey, section III.C; Odena et al. 2017; Chen et al. 2016.
///
/// # Example
/// ```
/// use gan::{families::{Coded, CodedGan, Coding}, nets::{MlpDiscriminator, MlpGenerator}, Batch, Game, Recipe};
/// use shared::dfdx::prelude::*;
/// let dev = Cpu::seed_from_u64(0);
/// let g: MlpGenerator<f32, Cpu, 6, 16, 2> = BuildModule::try_build(&dev)?;
/// let d: MlpDiscriminator<f32, Cpu, 2, 16> = BuildModule::try_build(&dev)?;
/// let d: Coded<_, f32, _, 16, 3, 1> = Coded::new(d, &dev)?; // three codes and a value
/// let coding = Coding::Information { weight_classes: 1.0, weight_values: 0.1 };
/// let mut game: CodedGan<_, _, _, 6, 2, 16, 3, 1> = CodedGan::new((g, d), dev, &Recipe::default(), coding, 1)?;
/// game.turn(&[Batch { values: &[0.0, 1.0, 1.0, 0.0], labels: &[] }])?;
/// assert_eq!(game.draw(2, &[0, 2], 7)?.len(), 2 * 2);
/// assert!(game.classes_of(&[0.5, 0.5])?[0] < 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CodedGan<
    G,
    C,
    D: Backend,
    const Z: usize,
    const X: usize,
    const F: usize,
    const K: usize,
    const U: usize,
> {
    /// The generator.
    pub generator: Player<G, D>,
    /// The discriminator with its heads.
    pub critic: Critic<Coded<C, f32, D, F, K, U>, D, X, F>,
    recipe: Recipe,
    coding: Coding,
    latent: RunRng,
    steps: usize,
    code_loss: f64,
    device: D,
}

impl<G, C, D: Backend, const Z: usize, const X: usize, const F: usize, const K: usize, const U: usize>
    CodedGan<G, C, D, Z, X, F, K, U>
where
    G: Generator<Z, X, D>,
    C: Discriminator<X, F, D>,
{
    /// Asserts that z has room for its codes and for noise.
    pub const FITS: () = assert!(Z > K + U && K > 0, "CodedGan needs Z > K + U and K > 0");

    /// Puts the networks together; `seed` fixes z and noise, not their weights.
    ///
    /// # Errors
    /// [`GanError::Recipe`] for settings out of their range, [`GanError::Unsupported`] for an AC-GAN with values.
    pub fn new(
        (generator, discriminator): (G, Coded<C, f32, D, F, K, U>),
        device: D,
        recipe: &Recipe,
        coding: Coding,
        seed: u64,
    ) -> Result<Self, GanError> {
        let () = Self::FITS;
        validate(recipe)?;
        if let Coding::Information { weight_classes, weight_values } = coding {
            for weight in [weight_classes, weight_values] {
                if !(weight.is_finite() && weight >= 0.0) {
                    let allowed = "it takes a number of at least 0";
                    return Err(RecipeError {
                        setting: "the weight of a code",
                        value: weight.to_string(),
                        allowed,
                    }
                    .into());
                }
            }
        }
        if coding == Coding::AuxiliaryClassifier && U > 0 {
            return Err(GanError::Unsupported {
                what: "values that it could learn",
                model: format!("an AC-GAN with U = {U}"),
                instead: "take U = 0, or an InfoGAN",
            });
        }
        Ok(CodedGan {
            generator: Player::new(generator, maker(recipe), seed, DROPOUT_STREAM)?,
            critic: Critic::new(discriminator, recipe, seed)?,
            recipe: recipe.clone(),
            coding,
            latent: RunRng::new(seed, LATENT_STREAM),
            steps: 0,
            code_loss: 0.0,
            device,
        })
    }

    /// The weighted loss of the codes, or of the classes, in the generator's last step.
    ///
    /// For an InfoGAN of weight 1 and U = 0, log K less this bounds the information between code and sample from below.
    #[must_use]
    pub fn code_loss(&self) -> f64 {
        self.code_loss
    }

    fn weights(&self) -> (f64, f64) {
        match self.coding {
            Coding::AuxiliaryClassifier => (1.0, 0.0),
            Coding::Information { weight_classes, weight_values } => (weight_classes, weight_values),
        }
    }

    /// z and the codes in it; `labels` are AC-GAN's classes.
    fn told(&mut self, rows: usize, labels: &[usize]) -> Result<Told<Z, U, D>, GanError> {
        let labels = match self.coding {
            Coding::AuxiliaryClassifier => labels.to_vec(),
            Coding::Information { .. } => (0..rows).map(|_| self.latent.gen_range(0..K)).collect(),
        };
        let wanted = targets(&labels, K, rows)?;
        let z = draw::<K, U>(self.recipe.prior, Z, &labels, &mut self.latent);
        let values = z.chunks_exact(Z).flat_map(|z| z[Z - U..].to_vec()).collect();
        let values = self.device.try_tensor_from_vec(values, (rows, Const)).map_err(compute)?;
        Ok(Told { z: vectors(&self.device, "latent vectors", &z)?, wanted, values })
    }

    fn learn(
        &mut self,
        real: &Vectors<X, D>,
        fake: &Vectors<X, D>,
        told: &Told<Z, U, D>,
    ) -> Result<crate::CriticReport, GanError> {
        // an AC-GAN makes the classes of its batch, so that they are the same for both
        let (weights, both) = (self.weights(), self.coding == Coding::AuxiliaryClassifier);
        self.critic.learn_with(&self.recipe, self.steps, real, fake, &mut |net, features, is_real| {
            match is_real && !both {
                true => Ok(None),
                false => net.code_loss(features, &told.wanted, &told.values, weights).map_err(compute),
            }
        })
    }

    /// The likeliest class or code of examples, by the class head.
    ///
    /// # Errors
    /// [`GanError::Values`] where there are no whole examples.
    pub fn classes_of(&self, x: &[f32]) -> Result<Vec<usize>, GanError> {
        let logits = self
            .heads(x, |net, features| Ok(read_back(&net.classes.forward(features, Activation::Identity)?)))?;
        let best = |row: &[f32]| (0..K).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0);
        Ok(logits.chunks_exact(K).map(best).collect())
    }

    /// The values that the value head tells of examples, U each.
    ///
    /// # Errors
    /// [`GanError::Values`] where there are no whole examples.
    pub fn values_of(&self, x: &[f32]) -> Result<Vec<f32>, GanError> {
        self.heads(x, |net, features| Ok(read_back(&net.values.forward(features, Activation::Identity)?)))
    }

    #[allow(clippy::type_complexity)]
    fn heads(
        &self,
        x: &[f32],
        head: impl Fn(&Coded<C, f32, D, F, K, U>, Vectors<F, D>) -> Result<Vec<f32>, D::Err>,
    ) -> Result<Vec<f32>, GanError> {
        rows_of("examples", x, X)?;
        let mut net = self.critic.player.net.clone();
        let mut told = Vec::new();
        for x in x.chunks(SAMPLE_BATCH * X) {
            let x = vectors(&self.device, "examples", x)?;
            let features = net.features(x, &mut Pass::Eval).map_err(compute)?;
            told.extend(head(&net, features).map_err(compute)?);
        }
        Ok(told)
    }

    /// Latent vectors with these codes, noise and values drawn by `seed`. The last U numbers of each are its values, to be
    /// set at will.
    ///
    /// # Errors
    /// [`GanError::Values`] for codes that there are not.
    pub fn latents(&self, codes: &[usize], seed: u64) -> Result<Vec<f32>, GanError> {
        targets(codes, K, codes.len())?;
        Ok(draw::<K, U>(self.recipe.prior, Z, codes, &mut RunRng::new(seed, SAMPLE_STREAM)))
    }

    /// Samples of latent vectors, by the averaged generator with running statistics.
    ///
    /// # Errors
    /// [`GanError::Values`] where `z` does not hold whole vectors.
    pub fn generate(&self, z: &[f32]) -> Result<Vec<f32>, GanError> {
        apply(&mut self.generator.averaged()?, &self.device, "latent vectors", z)
    }
}

impl<G, C, D: Backend, const Z: usize, const X: usize, const F: usize, const K: usize, const U: usize> Game
    for CodedGan<G, C, D, Z, X, F, K, U>
where
    G: Generator<Z, X, D>,
    C: Discriminator<X, F, D>,
{
    fn width(&self) -> usize {
        X
    }

    fn critic_steps(&self) -> usize {
        self.recipe.critic_steps
    }

    fn turn(&mut self, batches: &[Batch<'_>]) -> Result<StepReport, GanError> {
        let mut report = StepReport::default();
        let Some((last, first)) = batches.split_last() else { return Ok(report) };
        for batch in first {
            let real: Vectors<X, D> = vectors(&self.device, "real examples", batch.values)?;
            let told = self.told(real.shape().0, batch.labels)?;
            let (net, mut pass) = self.generator.train_pass();
            let fake = net.generate(told.z.clone(), &mut pass).map_err(compute)?;
            self.learn(&real, &fake, &told)?;
        }
        let real: Vectors<X, D> = vectors(&self.device, "real examples", last.values)?;
        let told = self.told(real.shape().0, last.labels)?;
        let grads = self.generator.take_grads()?;
        let (net, mut pass) = self.generator.train_pass();
        let fake = net.generate(told.z.clone().traced(grads), &mut pass).map_err(compute)?;
        let (fake, tape) = fake.split_tape();
        report.critic = self.learn(&real, &fake, &told)?;
        report.spread = neighbours(&read_back(&fake), X) / neighbours(last.values, X).max(f64::MIN_POSITIVE);

        let (features, scores) = self.critic.through(&self.recipe, self.steps, fake.put_tape(tape))?;
        let loss = self.recipe.formulation.for_generator(scores).map_err(compute)?;
        let net = &self.critic.player.net;
        let code = frozen(|| net.code_loss(features, &told.wanted, &told.values, self.weights()));
        let loss = match code.map_err(compute)? {
            Some(code) => {
                self.code_loss = value(&code);
                loss.try_add(code).map_err(compute)?
            }
            None => loss,
        };
        report.generator_loss = value(&loss);
        let grads = loss.try_backward().map_err(compute)?;
        self.generator.update(grads, self.recipe.rate_at(self.steps))?;
        report.generator_grad_norm = self.generator.grad_norm;
        self.steps += 1;
        Ok(report)
    }

    /// `labels` are the codes, or none to have them drawn.
    fn draw(&self, count: usize, labels: &[usize], seed: u64) -> Result<Vec<f32>, GanError> {
        let mut rng = RunRng::new(seed, SAMPLE_STREAM + 1);
        let codes: Vec<usize> = match labels.is_empty() {
            true => (0..count).map(|_| rng.gen_range(0..K)).collect(),
            false => labels.to_vec(),
        };
        targets(&codes, K, count)?;
        self.generate(&self.latents(&codes, seed)?)
    }

    fn keep(&self) -> Result<State, GanError> {
        let mut state = State::default();
        self.generator.save("generator", &mut state)?;
        self.critic.save("discriminator", &mut state)?;
        state.put("latent", &self.latent.position())?;
        state.put("steps", &self.steps)?;
        Ok(state)
    }

    fn bring(&mut self, state: &State) -> Result<(), GanError> {
        let (latent, steps) = (RunRng::at(state.get("latent")?), state.get("steps")?);
        self.generator.load("generator", state)?;
        self.critic.load("discriminator", state)?;
        (self.latent, self.steps) = (latent, steps);
        Ok(())
    }
}

/// A batch of latent vectors and what they ask for.
struct Told<const Z: usize, const U: usize, D: Backend> {
    z: Vectors<Z, D>,
    wanted: Targets,
    values: Vectors<U, D>,
}

/// noise | one-hot code | values, one after the other.
fn draw<const K: usize, const U: usize>(
    prior: Prior,
    width: usize,
    codes: &[usize],
    rng: &mut RunRng,
) -> Vec<f32> {
    let (rows, free) = (codes.len(), width - K - U);
    let noise = latent::draw(prior, rows, free, rng);
    let values = latent::draw(Prior::Uniform, rows, U, rng);
    let mut z = vec![0.0; rows * width];
    for (row, (z, code)) in z.chunks_exact_mut(width).zip(codes).enumerate() {
        z[..free].copy_from_slice(&noise[row * free..][..free]);
        z[free + code] = 1.0;
        z[width - U..].copy_from_slice(&values[row * U..][..U]);
    }
    z
}

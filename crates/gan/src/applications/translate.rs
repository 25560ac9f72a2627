//! Translation of images by pairs: a generator that is given an image, and a discriminator that sees both.

use shared::{
    device::{read_back, read_number, Backend},
    dfdx::{prelude::*, tensor::Tape},
    nn::Pass,
    ops::concat::concat_vectors,
    train::State,
};

use crate::{
    config::{Recipe, RecipeError},
    critic::Critic,
    error::compute,
    gan::{rows_of, Batch, StepReport},
    net::{Discriminator, Generator, Vectors},
    player::{Player, PlayerConfig},
    trainer::Game,
    GanError,
};

#[cfg(test)]
mod tests;

/// The stream of the generator's dropout.
const GENERATOR_STREAM: u64 = 26;
/// Images translated at a time.
const BATCH: usize = 256;

/// Settings of a [`Translation`].
#[derive(Clone, Debug, PartialEq)]
pub struct TranslationConfig {
    /// The game; its prior and unrolled steps are not used.
    pub recipe: Recipe,
    /// Weight of the game in the generator's loss; with 0 there is none, and the discriminator stays as it is.
    pub adversarial: f64,
    /// Weight λ of the mean absolute difference.
    pub l1: f64,
}

impl Default for TranslationConfig {
    /// pix2pix: λ = 100 to a game of weight 1, both of means.
    fn default() -> Self {
        TranslationConfig { recipe: Recipe::default(), adversarial: 1.0, l1: 100.0 }
    }
}

/// A generator that turns an image x of A values into an image of X values, learnt from pairs (x, y).
///
/// The generator minimises w E ψ(D(x, G(x))) + λ mean |y − G(x)|, the mean going over pixels and examples and ψ being the
/// formulation's; the discriminator tells (x, y) from (x, G(x)). Where CX is X it sees y and G(x) alone, as in SRGAN.
///
/// In the shared loop ([`play`](crate::play)) an example is a pair, x and after it y: A + X values. Samples without an input
/// cannot be drawn.
///
/// # Shapes
/// x: (B, A), y: (B, X), what the discriminator sees: (B, CX), CX = A + X or CX = X.
///
/// # Reference
/// Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017, section 3.1.
#[derive(Debug)]
pub struct Translation<G, C, D: Backend, const A: usize, const X: usize, const CX: usize, const F: usize> {
    /// The generator.
    pub generator: Player<G, D>,
    /// The discriminator.
    pub critic: Critic<C, D, CX, F>,
    config: TranslationConfig,
    steps: usize,
    device: D,
}

impl<G, C, D: Backend, const A: usize, const X: usize, const CX: usize, const F: usize>
    Translation<G, C, D, A, X, CX, F>
where
    G: Generator<A, X, D>,
    C: Discriminator<CX, F, D>,
{
    /// Puts two networks together; `seed` fixes noise and dropout, not their weights.
    ///
    /// # Errors
    /// [`GanError::Recipe`] for settings out of their range, [`GanError::Unsupported`] where CX is neither A + X nor X.
    pub fn new(
        (generator, discriminator): (G, C),
        device: D,
        config: &TranslationConfig,
        seed: u64,
    ) -> Result<Self, GanError> {
        config.recipe.validate()?;
        let weights =
            [("the weight of the game", config.adversarial), ("the weight of the difference", config.l1)];
        for (setting, value) in weights {
            if !(value >= 0.0 && value.is_finite()) {
                let allowed = "it takes a number of at least 0";
                Err(RecipeError { setting, value: value.to_string(), allowed })?;
            }
        }
        if CX != A + X && CX != X {
            return Err(GanError::Unsupported {
                what: "room for its images",
                model: format!("a translation with A = {A}, X = {X} and CX = {CX}"),
                instead: "CX is A + X for a discriminator that sees both images, and X for one that sees the output",
            });
        }
        let recipe = &config.recipe;
        let of_generator = PlayerConfig {
            history: recipe.history,
            average: recipe.average,
            ..PlayerConfig::new(recipe.generator.clone())
        };
        Ok(Translation {
            generator: Player::new(generator, of_generator, seed, GENERATOR_STREAM)?,
            critic: Critic::new(discriminator, recipe, seed)?,
            config: config.clone(),
            steps: 0,
            device,
        })
    }

    /// One turn: the discriminator takes a step on each batch of pairs, the generator one on the last.
    ///
    /// # Errors
    /// [`GanError::Values`] where a batch does not hold whole pairs, else the device's.
    pub fn step(&mut self, batches: &[&[f32]]) -> Result<StepReport, GanError> {
        let mut report = StepReport::default();
        let Some((last, first)) = batches.split_last() else { return Ok(report) };
        let plays = self.config.adversarial > 0.0;
        for pairs in first.iter().filter(|_| plays) {
            let (x, y) = self.pairs(pairs)?;
            let (net, mut pass) = self.generator.train_pass();
            let fake = net.generate(x.clone(), &mut pass).map_err(compute)?;
            let (real, fake) = (seen(&x, y)?, seen(&x, fake)?);
            self.critic.learn(&self.config.recipe, self.steps, &real, &fake)?;
        }
        let (x, y) = self.pairs(last)?;
        let grads = self.generator.take_grads()?;
        let (net, mut pass) = self.generator.train_pass();
        let fake = net.generate(x.clone().traced(grads), &mut pass).map_err(compute)?;
        let difference = |found: Vectors<X, D, _>| found.try_sub(y.clone())?.try_abs()?.try_mean::<(), _>();
        let far = difference(fake.with_empty_tape()).and_then(|l| l.try_mul(self.config.l1 as f32));
        let far = far.map_err(compute)?;
        let loss = if plays {
            let (fake, tape) = fake.split_tape();
            let (real, shown) = (seen(&x, y.clone())?, seen(&x, fake.clone())?);
            report.critic = self.critic.learn(&self.config.recipe, self.steps, &real, &shown)?;
            let shown = seen(&x, fake.put_tape(tape))?;
            let game = self.critic.look(&self.config.recipe, self.steps, &real, shown)?;
            let game = game.try_mul(self.config.adversarial as f32).map_err(compute)?;
            game.try_add(far).map_err(compute)?
        } else {
            let (_, tape) = fake.split_tape();
            let (far, own) = far.split_tape();
            far.put_tape(tape.merge(own))
        };
        report.generator_loss = read_number(&loss);
        let grads = loss.try_backward().map_err(compute)?;
        self.generator.update(grads, self.config.recipe.rate_at(self.steps))?;
        report.generator_grad_norm = self.generator.grad_norm;
        self.steps += 1;
        Ok(report)
    }

    /// Images of images, by the averaged generator with running statistics.
    ///
    /// # Errors
    /// [`GanError::Values`] where `images` does not hold whole ones.
    pub fn translate(&self, images: &[f32]) -> Result<Vec<f32>, GanError> {
        rows_of("images to translate", images, A)?;
        let mut net = self.generator.averaged()?;
        let mut found = Vec::with_capacity(images.len() / A.max(1) * X);
        for part in images.chunks(BATCH * A.max(1)) {
            let x =
                self.device.try_tensor_from_vec(part.to_vec(), (part.len() / A, Const)).map_err(compute)?;
            found.extend(read_back(&net.generate(x, &mut Pass::Eval).map_err(compute)?));
        }
        Ok(found)
    }

    /// Everything that the next step depends on.
    ///
    /// # Errors
    /// [`GanError::Checkpoint`].
    pub fn save(&self) -> Result<State, GanError> {
        let mut state = State::default();
        self.generator.save("generator", &mut state)?;
        self.critic.save("discriminator", &mut state)?;
        state.put("steps", &self.steps)?;
        Ok(state)
    }

    /// Takes back what [`save`](Self::save) gave.
    ///
    /// # Errors
    /// [`GanError`] where it is another game's.
    pub fn load(&mut self, state: &State) -> Result<(), GanError> {
        let steps = state.get("steps")?;
        self.generator.load("generator", state)?;
        self.critic.load("discriminator", state)?;
        self.steps = steps;
        Ok(())
    }

    fn pairs(&self, pairs: &[f32]) -> Result<(Vectors<A, D>, Vectors<X, D>), GanError> {
        let rows = rows_of("pairs of images", pairs, A + X)?;
        let (mut x, mut y) = (Vec::with_capacity(rows * A), Vec::with_capacity(rows * X));
        for pair in pairs.chunks_exact(A + X) {
            x.extend_from_slice(&pair[..A]);
            y.extend_from_slice(&pair[A..]);
        }
        let x = self.device.try_tensor_from_vec(x, (rows, Const)).map_err(compute)?;
        Ok((x, self.device.try_tensor_from_vec(y, (rows, Const)).map_err(compute)?))
    }
}

/// What the discriminator is shown of an input and an output.
fn seen<const A: usize, const X: usize, const CX: usize, D: Backend, T: Tape<f32, D>>(
    x: &Vectors<A, D>,
    y: Vectors<X, D, T>,
) -> Result<Vectors<CX, D, T>, GanError> {
    let rows = x.shape().0;
    if CX == X {
        return y.try_reshape_like(&(rows, Const)).map_err(compute);
    }
    concat_vectors(x.retaped::<T>(), y, Const).map_err(compute)
}

impl<G, C, D: Backend, const A: usize, const X: usize, const CX: usize, const F: usize> Game
    for Translation<G, C, D, A, X, CX, F>
where
    G: Generator<A, X, D>,
    C: Discriminator<CX, F, D>,
{
    fn width(&self) -> usize {
        A + X
    }
    fn critic_steps(&self) -> usize {
        self.config.recipe.critic_steps
    }
    fn turn(&mut self, batches: &[Batch<'_>]) -> Result<StepReport, GanError> {
        self.step(&batches.iter().map(|batch| batch.values).collect::<Vec<_>>())
    }
    fn draw(&self, _: usize, _: &[usize], _: u64) -> Result<Vec<f32>, GanError> {
        Err(GanError::Unsupported {
            what: "samples without an input",
            model: "a translation".to_owned(),
            instead: "give images to `translate`",
        })
    }
    fn keep(&self) -> Result<State, GanError> {
        self.save()
    }
    fn bring(&mut self, state: &State) -> Result<(), GanError> {
        self.load(state)
    }
}

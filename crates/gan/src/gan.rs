//! The game: a generator against a discriminator, with or without classes.

use shared::{
    device::{read_back, read_number, Backend},
    dfdx::prelude::*,
    nn::{
        state::{state_dict, NamedTensor},
        Pass,
    },
    ops::concat::concat_vectors,
    train::{RunRng, State},
};

use crate::{
    config::Recipe,
    critic::{Critic, CriticReport},
    error::compute,
    latent,
    net::{Discriminator, Generator, Vectors},
    player::{Player, PlayerConfig},
    trainer::Game,
    Formulation, GanError,
};

/// Streams of the seed.
const DROPOUT_STREAM: u64 = 1;
const LATENT_STREAM: u64 = 2;
/// Streams from here on are of samples that are drawn to be looked at.
pub(crate) const SAMPLE_STREAM: u64 = 1 << 40;

/// Samples made at a time.
pub(crate) const SAMPLE_BATCH: usize = 256;

/// Examples with their classes, which only games with classes look at.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Example after example.
    pub values: &'a [f32],
    /// The class of each; may be empty without classes.
    pub labels: &'a [usize],
}

/// What one step of the game saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StepReport {
    /// The discriminator's last step.
    pub critic: CriticReport,
    /// L_G.
    pub generator_loss: f64,
    /// ‖∇θ L_G‖.
    pub generator_grad_norm: f64,
    /// The mean distance of two samples over that of two real examples.
    pub spread: f64,
}

/// A generator and a discriminator at play.
///
/// With `classes` classes the game is conditional (Mirza and Osindero 2014): the last `classes` numbers of z are the class as
/// a one-hot vector, and the discriminator's input is the example followed by its class: CX = X + classes for vectors, or
/// CX = X + classes · X / channels for images, where each class is a plane. Without, CX = X.
///
/// # Shapes
/// z: (B, Z), x: (B, X), what the discriminator sees: (B, CX), its features: (B, F).
///
/// # Reference
/// Survey, figure 5: k steps of the discriminator, one of the generator.
#[derive(Debug)]
pub struct Gan<G, C, D: Backend, const Z: usize, const X: usize, const CX: usize, const F: usize> {
    /// The generator.
    pub generator: Player<G, D>,
    /// The discriminator.
    pub critic: Critic<C, D, CX, F>,
    recipe: Recipe,
    classes: usize,
    latent: RunRng,
    steps: usize,
    device: D,
}

impl<G, C, D: Backend, const Z: usize, const X: usize, const CX: usize, const F: usize>
    Gan<G, C, D, Z, X, CX, F>
where
    G: Generator<Z, X, D>,
    C: Discriminator<CX, F, D>,
{
    /// Puts two networks together; `seed` fixes z and noise, not their weights.
    ///
    /// # Errors
    /// [`GanError::Recipe`] for settings out of their range, [`GanError::Unsupported`] where CX does not go with the classes.
    pub fn new(
        (generator, discriminator): (G, C),
        device: D,
        recipe: &Recipe,
        classes: usize,
        seed: u64,
    ) -> Result<Self, GanError> {
        recipe.validate()?;
        let fits = match classes {
            0 => CX == X,
            k => k < Z && CX > X && (CX - X).is_multiple_of(k),
        };
        if !fits {
            return Err(GanError::Unsupported {
                what: "room for its classes",
                model: format!("a game of {classes} classes with Z = {Z}, X = {X} and CX = {CX}"),
                instead: "CX is X without classes, and X + classes times a whole number with them; Z has one number a \
                          class and one or more besides",
            });
        }
        let optimizer = recipe.generator.clone();
        let config = PlayerConfig { optimizer, clip: None, history: recipe.history, average: recipe.average };
        Ok(Gan {
            generator: Player::new(generator, config, seed, DROPOUT_STREAM)?,
            critic: Critic::new(discriminator, recipe, seed)?,
            recipe: recipe.clone(),
            classes,
            latent: RunRng::new(seed, LATENT_STREAM),
            steps: 0,
            device,
        })
    }

    /// The settings.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Generator steps taken.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// One turn: the discriminator takes a step on each batch, the generator one at the end.
    ///
    /// # Errors
    /// [`GanError::Values`] where a batch does not hold whole examples or lacks classes, else the device's.
    pub fn step(&mut self, batches: &[Batch<'_>]) -> Result<StepReport, GanError> {
        let mut report = StepReport::default();
        let Some((last, first)) = batches.split_last() else { return Ok(report) };
        for batch in first {
            let (real, classes) = self.real(batch)?;
            let z = self.latent(real.shape().0, batch.labels)?;
            let (net, mut pass) = self.generator.train_pass();
            let fake = net.generate(z, &mut pass).map_err(compute)?;
            let fake = self.with_classes(fake, classes)?;
            self.critic.learn(&self.recipe, self.steps, &real, &fake)?;
        }
        let (real, classes) = self.real(last)?;
        let z = self.latent(real.shape().0, last.labels)?;
        let grads = self.generator.take_grads()?;
        let (net, mut pass) = self.generator.train_pass();
        let (fake, tape) = net.generate(z.traced(grads), &mut pass).map_err(compute)?.split_tape();
        let shown = self.with_classes(fake.clone(), classes.clone())?;
        report.critic = self.critic.learn(&self.recipe, self.steps, &real, &shown)?;

        let ahead = (self.recipe.unroll > 0).then(|| self.critic.player.snapshot());
        for _ in 0..self.recipe.unroll {
            self.critic.learn(&self.recipe, self.steps, &real, &shown)?;
        }
        let made = fake.clone();
        let shown = self.with_classes(fake.put_tape(tape), classes)?;
        let loss = self.critic.look(&self.recipe, self.steps, &real, shown)?;
        if let Some(before) = ahead {
            self.critic.player.restore(before)?;
        }
        let told = loss.retaped::<NoneTape>();
        let grads = loss.try_backward().map_err(compute)?;
        self.generator.update(grads, self.recipe.rate_at(self.steps))?;
        report.generator_loss = read_number(&told);
        report.spread = neighbours(&read_back(&made), X) / neighbours(last.values, X).max(f64::MIN_POSITIVE);
        report.generator_grad_norm = self.generator.grad_norm;
        self.steps += 1;
        Ok(report)
    }

    /// A batch as the discriminator sees it, and its classes' part alone.
    fn real(&self, batch: &Batch<'_>) -> Result<(Vectors<CX, D>, Option<Planes<D>>), GanError> {
        let rows = rows_of("real examples", batch.values, X)?;
        let real = self.device.try_tensor_from_vec(batch.values.to_vec(), (rows, Const)).map_err(compute)?;
        let classes = self.planes(batch.labels, rows)?;
        Ok((self.with_classes(real, classes.clone())?, classes))
    }

    /// One-hot classes, each number repeated to fill the room behind X.
    fn planes(&self, labels: &[usize], rows: usize) -> Result<Option<Planes<D>>, GanError> {
        if self.classes == 0 {
            return Ok(None);
        }
        one_hot_fits(labels, self.classes, rows)?;
        let repeat = (CX - X) / self.classes;
        let mut planes = vec![0.0; rows * (CX - X)];
        for (plane, label) in planes.chunks_exact_mut(CX - X).zip(labels) {
            plane[label * repeat..(label + 1) * repeat].fill(1.0);
        }
        self.device.try_tensor_from_vec(planes, (rows, CX - X)).map(Some).map_err(compute)
    }

    fn with_classes<T: Tape<f32, D>>(
        &self,
        x: Vectors<X, D, T>,
        classes: Option<Planes<D>>,
    ) -> Result<Vectors<CX, D, T>, GanError> {
        let rows = x.shape().0;
        match classes {
            // the same values: CX is X
            None => x.try_reshape_like(&(rows, Const)).map_err(compute),
            Some(classes) => concat_vectors(x, classes, Const).map_err(compute),
        }
    }

    fn latent(&mut self, rows: usize, labels: &[usize]) -> Result<Vectors<Z, D>, GanError> {
        let z = draw(self.recipe.prior, (rows, Z), labels, self.classes, &mut self.latent)?;
        self.device.try_tensor_from_vec(z, (rows, Const)).map_err(compute)
    }

    /// Images of latent vectors, one after the other, by the averaged generator with running statistics.
    ///
    /// # Errors
    /// [`GanError::Values`] where `z` does not hold whole vectors.
    pub fn generate(&self, z: &[f32]) -> Result<Vec<f32>, GanError> {
        rows_of("latent vectors", z, Z)?;
        let mut net = self.generator.averaged()?;
        let mut samples = Vec::with_capacity(z.len() / Z * X);
        for z in z.chunks(SAMPLE_BATCH * Z) {
            let z = self.device.try_tensor_from_vec(z.to_vec(), (z.len() / Z, Const)).map_err(compute)?;
            samples.extend(read_back(&net.generate(z, &mut Pass::Eval).map_err(compute)?));
        }
        Ok(samples)
    }

    /// `count` samples, the same for the same seed and weights; with classes, `labels` names each one's.
    ///
    /// # Errors
    /// [`GanError`].
    pub fn samples(&self, count: usize, labels: &[usize], seed: u64) -> Result<Vec<f32>, GanError> {
        let mut rng = RunRng::new(seed, SAMPLE_STREAM);
        self.generate(&draw(self.recipe.prior, (count, Z), labels, self.classes, &mut rng)?)
    }

    /// Everything that the next step depends on.
    ///
    /// # Errors
    /// [`GanError::Checkpoint`].
    pub fn save(&self) -> Result<State, GanError> {
        let mut state = State::default();
        self.generator.save("generator", &mut state)?;
        self.critic.save("discriminator", &mut state)?;
        state.put("latent", &self.latent.position())?;
        state.put("steps", &self.steps)?;
        Ok(state)
    }

    /// Takes back what [`save`](Self::save) gave.
    ///
    /// # Errors
    /// [`GanError`] where it is another game's.
    pub fn load(&mut self, state: &State) -> Result<(), GanError> {
        let latent = RunRng::at(state.get("latent")?);
        let steps = state.get("steps")?;
        self.generator.load("generator", state)?;
        self.critic.load("discriminator", state)?;
        (self.latent, self.steps) = (latent, steps);
        Ok(())
    }
}

impl<G, C, D: Backend, const Z: usize, const X: usize, const CX: usize, const F: usize> Game
    for Gan<G, C, D, Z, X, CX, F>
where
    G: Generator<Z, X, D>,
    C: Discriminator<CX, F, D>,
{
    fn width(&self) -> usize {
        X
    }
    fn critic_steps(&self) -> usize {
        self.recipe.critic_steps
    }
    fn turn(&mut self, batches: &[Batch<'_>]) -> Result<StepReport, GanError> {
        self.step(batches)
    }
    fn draw(&self, count: usize, labels: &[usize], seed: u64) -> Result<Vec<f32>, GanError> {
        self.samples(count, labels, seed)
    }
    fn teach(&mut self, batch: &Batch<'_>) -> Result<CriticReport, GanError> {
        let (real, classes) = self.real(batch)?;
        let z = self.latent(real.shape().0, batch.labels)?;
        let (net, mut pass) = self.generator.train_pass();
        let fake = net.generate(z, &mut pass).map_err(compute)?;
        let shown = self.with_classes(fake, classes)?;
        self.critic.learn(&self.recipe, self.steps, &real, &shown)
    }
    fn pull(&mut self, formulation: Formulation, batch: &Batch<'_>) -> Result<f64, GanError> {
        let (real, classes) = self.real(batch)?;
        let z = self.latent(real.shape().0, batch.labels)?;
        let grads = self.generator.take_grads()?;
        let (net, mut pass) = self.generator.train_pass();
        let fake = net.generate(z.traced(grads), &mut pass).map_err(compute)?;
        let shown = self.with_classes(fake, classes)?;
        let recipe = Recipe { formulation, ..self.recipe.clone() };
        let loss = self.critic.look(&recipe, self.steps, &real, shown)?;
        self.generator.norm_of(loss.try_backward().map_err(compute)?)
    }
    fn decode(&self, z: &[f32]) -> Result<Vec<f32>, GanError> {
        self.generate(z)
    }
    fn weights(&self) -> Result<Vec<NamedTensor>, GanError> {
        Ok(state_dict(&self.generator.averaged()?))
    }
    fn take_weights(&mut self, weights: &[NamedTensor]) -> Result<(), GanError> {
        self.generator.take_weights(weights)
    }
    fn keep(&self) -> Result<State, GanError> {
        self.save()
    }
    fn bring(&mut self, state: &State) -> Result<(), GanError> {
        self.load(state)
    }
}

/// The mean distance of an example and the one after it.
pub(crate) fn neighbours(values: &[f32], width: usize) -> f64 {
    let rows: Vec<&[f32]> = values.chunks_exact(width.max(1)).collect();
    let distance = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
    };
    rows.windows(2).map(|pair| distance(pair[0], pair[1])).sum::<f64>() / (rows.len().max(2) - 1) as f64
}

/// Classes as the discriminator sees them.
type Planes<D> = Tensor<(usize, usize), f32, D>;

/// How many rows of `width` there are.
pub(crate) fn rows_of(what: &'static str, values: &[f32], width: usize) -> Result<usize, GanError> {
    let (found, examples) = (values.len(), values.len().div_ceil(width.max(1)).max(1));
    if found != examples * width {
        return Err(GanError::Values { what, found, examples, width, expected: examples * width });
    }
    Ok(examples)
}

fn one_hot_fits(labels: &[usize], classes: usize, rows: usize) -> Result<(), GanError> {
    let good = labels.iter().filter(|label| **label < classes).count();
    if labels.len() == rows && good == rows {
        return Ok(());
    }
    let what = "classes that there are";
    Err(GanError::Values { what, found: good, examples: rows, width: 1, expected: rows })
}

/// Latent vectors; the last numbers of each are its class, if there are classes.
pub(crate) fn draw(
    prior: crate::Prior,
    (rows, width): (usize, usize),
    labels: &[usize],
    classes: usize,
    rng: &mut RunRng,
) -> Result<Vec<f32>, GanError> {
    if classes == 0 {
        return Ok(latent::draw(prior, rows, width, rng));
    }
    one_hot_fits(labels, classes, rows)?;
    let noise = latent::draw(prior, rows, width - classes, rng);
    let mut z = vec![0.0; rows * width];
    for ((z, noise), label) in z.chunks_exact_mut(width).zip(noise.chunks_exact(width - classes)).zip(labels)
    {
        z[..width - classes].copy_from_slice(noise);
        z[width - classes + label] = 1.0;
    }
    Ok(z)
}

//! A classifier that learns from few labels and many examples without one, as the discriminator of a game.

use shared::{
    device::{frozen, read_back, read_number, Backend},
    dfdx::prelude::*,
    nn::Pass,
    ops::{cross_entropy::softmax_cross_entropy, targets::Targets},
    optim::OptimizerConfig,
    train::{RunRng, State},
};

use super::classifier::{log_partition, Classifier};
use crate::{
    config::{adam, Prior, RecipeError},
    critic::feature_distance,
    error::compute,
    gan::{rows_of, Batch},
    latent,
    losses::softplus,
    net::{Discriminator, Generator, Vectors},
    player::{Player, PlayerConfig},
    GanError,
};

#[cfg(test)]
mod tests;

/// Streams of the seed.
const GENERATOR_STREAM: u64 = 21;
const DISCRIMINATOR_STREAM: u64 = 22;
const LATENT_STREAM: u64 = 23;
/// Examples classified at a time.
const CLASSIFY_BATCH: usize = 500;

/// Settings of [`SemiSupervised`].
#[derive(Clone, Debug, PartialEq)]
pub struct SemiConfig {
    /// Weight λ of the unsupervised part; with 0 only the labels are learnt from, and the generator stays as it is.
    pub unsupervised: f64,
    /// The generator's optimiser.
    pub generator: OptimizerConfig,
    /// The classifier's.
    pub discriminator: OptimizerConfig,
    /// Steps over which both learning rates fall linearly to 0; 0 keeps them.
    pub anneal: usize,
    /// Decay of the exponential mean of the classifier's weights that it classifies with; 0 takes the weights themselves.
    pub average: f64,
    /// Where z comes from.
    pub prior: Prior,
}

impl Default for SemiConfig {
    /// λ = 1 and, as in the paper, uniform z and Adam at 3e-3 with β₁ = 0.5.
    fn default() -> Self {
        let adam = adam(3e-3, 0.5, 0.999);
        SemiConfig {
            unsupervised: 1.0,
            generator: adam.clone(),
            discriminator: adam,
            anneal: 0,
            average: 0.0,
            prior: Prior::Uniform,
        }
    }
}

impl SemiConfig {
    /// Whether every number is in its range.
    ///
    /// # Errors
    /// [`RecipeError`] for the first that is not.
    pub fn validate(&self) -> Result<(), RecipeError> {
        let refuse =
            |setting, value: f64, allowed| Err(RecipeError { setting, value: value.to_string(), allowed });
        if !(self.unsupervised >= 0.0 && self.unsupervised.is_finite()) {
            let allowed = "it takes a number of at least 0";
            return refuse("the weight of the unsupervised part", self.unsupervised, allowed);
        }
        if !(0.0..1.0).contains(&self.average) {
            return refuse("the decay of averaged weights", self.average, "it lies in [0, 1)");
        }
        Ok(())
    }

    fn rate_at(&self, step: usize) -> f64 {
        match self.anneal {
            0 => 1.0,
            steps => (1.0 - step as f64 / steps as f64).max(0.0),
        }
    }
}

/// What one step saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SemiReport {
    /// The cross-entropy of the labelled examples.
    pub supervised: f64,
    /// −log D on unlabelled and −log(1 − D) on generated examples, without λ.
    pub unsupervised: f64,
    /// The distance of mean features.
    pub generator_loss: f64,
    /// The mean of D on unlabelled examples.
    pub real: f64,
    /// The mean of D on generated examples.
    pub fake: f64,
}

/// K classes and one of generated examples (Salimans et al. 2016, section 5).
///
/// With class scores l and Z = Σₖ exp lₖ, the classifier minimises
///
/// −log softmax(l(x))ᵧ + λ (softplus(−log Z(u)) + softplus(log Z(G(z)))),
///
/// x being labelled, u unlabelled: the last two are −log D and −log(1 − D) for D = Z / (Z + 1). The generator minimises
/// ‖E f(u) − E f(G(z))‖², f being the trunk's features.
///
/// # Shapes
/// z: (B, Z), x: (B, X), features: (B, F), class scores: (B, K).
#[derive(Debug)]
pub struct SemiSupervised<G, C, D: Backend, const Z: usize, const X: usize, const F: usize, const K: usize>
where
    C: TensorCollection<f32, D>,
{
    /// The generator.
    pub generator: Player<G, D>,
    /// The classifier.
    pub discriminator: Player<Classifier<C, f32, D, F, K>, D>,
    config: SemiConfig,
    latent: RunRng,
    steps: usize,
    device: D,
}

impl<G, C, D: Backend, const Z: usize, const X: usize, const F: usize, const K: usize>
    SemiSupervised<G, C, D, Z, X, F, K>
where
    G: Generator<Z, X, D>,
    C: Discriminator<X, F, D>,
{
    /// Puts two networks together; `seed` fixes z, dropout and noise, not their weights.
    ///
    /// # Errors
    /// [`GanError::Recipe`] for settings out of their range, [`GanError::Optim`] for those of an optimiser.
    pub fn new(
        (generator, classifier): (G, Classifier<C, f32, D, F, K>),
        device: D,
        config: &SemiConfig,
        seed: u64,
    ) -> Result<Self, GanError> {
        config.validate()?;
        let of_classifier =
            PlayerConfig { average: config.average, ..PlayerConfig::new(config.discriminator.clone()) };
        Ok(SemiSupervised {
            generator: Player::new(
                generator,
                PlayerConfig::new(config.generator.clone()),
                seed,
                GENERATOR_STREAM,
            )?,
            discriminator: Player::new(classifier, of_classifier, seed, DISCRIMINATOR_STREAM)?,
            config: config.clone(),
            latent: RunRng::new(seed, LATENT_STREAM),
            steps: 0,
            device,
        })
    }

    /// One step of the classifier and, unless λ is 0, one of the generator.
    ///
    /// # Errors
    /// [`GanError::Values`] where a batch does not hold whole examples or lacks classes, else the device's.
    pub fn step(&mut self, labelled: Batch<'_>, unlabelled: &[f32]) -> Result<SemiReport, GanError> {
        let mut report = SemiReport::default();
        let rate = self.config.rate_at(self.steps);
        let grads = self.discriminator.take_grads()?;
        let x = self.examples("labelled examples", labelled.values)?;
        let targets = targets_of::<K>(labelled.labels, x.shape().0)?;
        let (net, mut pass) = self.discriminator.train_pass();
        let scores = net.class_scores(x.traced(grads), &mut pass).map_err(compute)?;
        let loss = softmax_cross_entropy(scores, &targets).map_err(compute)?;
        report.supervised = read_number(&loss);
        let mut grads = loss.try_backward().map_err(compute)?;
        if self.config.unsupervised == 0.0 {
            self.discriminator.update(grads, rate)?;
            self.steps += 1;
            return Ok(report);
        }

        let real = self.examples("unlabelled examples", unlabelled)?;
        let z = latent::draw(self.config.prior, real.shape().0, Z, &mut self.latent);
        let z: Vectors<Z, D> =
            self.device.try_tensor_from_vec(z, (real.shape().0, Const)).map_err(compute)?;
        let generator_grads = self.generator.take_grads()?;
        let (net, mut pass) = self.generator.train_pass();
        let (fake, tape) = net.generate(z.traced(generator_grads), &mut pass).map_err(compute)?.split_tape();
        for (x, is_real) in [(&real, true), (&fake, false)] {
            let (net, mut pass) = self.discriminator.train_pass();
            let scores = net.class_scores(x.clone().traced(grads), &mut pass).map_err(compute)?;
            let log_z = log_partition(scores).map_err(compute)?;
            let values = read_back(&log_z);
            let mean = values.iter().map(|a| 1.0 / (1.0 + (-f64::from(*a)).exp())).sum::<f64>()
                / values.len() as f64;
            *(if is_real { &mut report.real } else { &mut report.fake }) = mean;
            let wrong = if is_real { log_z.try_negate() } else { Ok(log_z) }.map_err(compute)?;
            let loss = softplus(wrong).and_then(|l| l.try_mean::<(), _>()).map_err(compute)?;
            report.unsupervised += read_number(&loss);
            let weight = self.config.unsupervised as f32;
            grads = loss.try_mul(weight).and_then(|l| l.try_backward()).map_err(compute)?;
        }
        self.discriminator.update(grads, rate)?;

        let (net, mut pass) = self.discriminator.train_pass();
        let wanted = net.features(real, &mut pass).map_err(compute)?;
        let found = frozen(|| net.features(fake.put_tape(tape), &mut pass)).map_err(compute)?;
        let loss = feature_distance(found, wanted).map_err(compute)?;
        report.generator_loss = read_number(&loss);
        let grads = loss.try_backward().map_err(compute)?;
        self.generator.update(grads, rate)?;
        self.steps += 1;
        Ok(report)
    }

    /// The class of each example, by the averaged classifier without noise.
    ///
    /// # Errors
    /// [`GanError::Values`] where `examples` does not hold whole examples.
    pub fn classify(&self, examples: &[f32]) -> Result<Vec<usize>, GanError> {
        rows_of("examples to classify", examples, X)?;
        let mut net = self.discriminator.averaged()?;
        let mut classes = Vec::with_capacity(examples.len() / X.max(1));
        for part in examples.chunks(CLASSIFY_BATCH * X.max(1)) {
            let x = self.examples("examples to classify", part)?;
            let scores = read_back(&net.class_scores(x, &mut Pass::Eval).map_err(compute)?);
            let best = |row: &[f32]| (0..K).fold(0, |best, k| if row[k] > row[best] { k } else { best });
            classes.extend(scores.chunks_exact(K.max(1)).map(best));
        }
        Ok(classes)
    }

    /// The share of examples that [`classify`](Self::classify) gets wrong.
    ///
    /// # Errors
    /// As there, and where there is not one label an example.
    pub fn error_rate(&self, examples: &[f32], labels: &[usize]) -> Result<f64, GanError> {
        let rows = rows_of("examples to classify", examples, X)?;
        targets_of::<K>(labels, rows)?;
        let wrong =
            self.classify(examples)?.iter().zip(labels).filter(|(ours, theirs)| ours != theirs).count();
        Ok(wrong as f64 / rows as f64)
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Everything that the next step depends on.
    ///
    /// # Errors
    /// [`GanError::Checkpoint`].
    pub fn save(&self) -> Result<State, GanError> {
        let mut state = State::default();
        self.generator.save("generator", &mut state)?;
        self.discriminator.save("discriminator", &mut state)?;
        state.put("latent", &self.latent.position())?;
        state.put("steps", &self.steps)?;
        Ok(state)
    }

    /// Takes back what [`save`](Self::save) gave.
    ///
    /// # Errors
    /// [`GanError`] where it is another game's.
    pub fn load(&mut self, state: &State) -> Result<(), GanError> {
        let (latent, steps) = (RunRng::at(state.get("latent")?), state.get("steps")?);
        self.generator.load("generator", state)?;
        self.discriminator.load("discriminator", state)?;
        (self.latent, self.steps) = (latent, steps);
        Ok(())
    }

    fn examples(&self, what: &'static str, values: &[f32]) -> Result<Vectors<X, D>, GanError> {
        let rows = rows_of(what, values, X)?;
        self.device.try_tensor_from_vec(values.to_vec(), (rows, Const)).map_err(compute)
    }
}

fn targets_of<const K: usize>(labels: &[usize], rows: usize) -> Result<Targets, GanError> {
    let found = labels.iter().filter(|label| **label < K).count();
    match Targets::new(labels.to_vec(), K) {
        Ok(targets) if labels.len() == rows => Ok(targets),
        _ => Err(GanError::Values {
            what: "classes that there are",
            found,
            examples: rows,
            width: 1,
            expected: rows,
        }),
    }
}

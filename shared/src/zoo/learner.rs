//! A classifier in the training loop.

use super::{ImageNetwork, ZooError};
use crate::{
    ops::targets::Targets,
    train::{Learner, State},
};

/// Images scored at a time.
const SCORE_BATCH: usize = 256;

/// Images in memory with their classes.
#[derive(Clone, Copy, Debug)]
pub struct LabelledImages<'a> {
    /// Image after image, channel after channel, row after row.
    pub pixels: &'a [f32],
    /// The class of each.
    pub labels: &'a [usize],
}

impl LabelledImages<'_> {
    /// Whether a network can learn from the set.
    ///
    /// # Errors
    /// [`ZooError::Images`] or [`ZooError::Target`] where the set does not fit it.
    pub fn check(&self, network: &dyn ImageNetwork) -> Result<(), ZooError> {
        let (image, classes) = (network.image_len(), network.classes());
        let (values, images) = (self.pixels.len(), self.labels.len());
        if images == 0 || values != images * image {
            return Err(ZooError::Images { values, images, classes, image, expected: classes });
        }
        Targets::new(self.labels.to_vec(), classes)?;
        Ok(())
    }

    /// One step of `network` on some examples; their mean loss before it.
    ///
    /// # Errors
    /// [`ZooError`].
    ///
    /// # Panics
    /// For an example that the set does not have.
    pub fn step(&self, network: &mut dyn ImageNetwork, examples: &[usize]) -> Result<f64, ZooError> {
        let (pixels, targets) = self.batch(network, examples)?;
        network.step(&pixels, &targets)
    }

    /// Some examples as `network` takes them: their pixels, image after image, and their classes.
    ///
    /// # Errors
    /// [`ZooError::Target`] for a class that the network does not have.
    ///
    /// # Panics
    /// For an example that the set does not have.
    pub fn batch(
        &self,
        network: &dyn ImageNetwork,
        examples: &[usize],
    ) -> Result<(Vec<f32>, Targets), ZooError> {
        let image = network.image_len();
        let mut pixels = Vec::with_capacity(examples.len() * image);
        for example in examples {
            pixels.extend_from_slice(&self.pixels[example * image..(example + 1) * image]);
        }
        let labels = examples.iter().map(|example| self.labels[*example]).collect();
        Ok((pixels, Targets::new(labels, network.classes())?))
    }

    /// Mean loss and accuracy of `network` on the set.
    ///
    /// # Errors
    /// [`ZooError`].
    pub fn score(&self, network: &dyn ImageNetwork) -> Result<(f64, f64), ZooError> {
        let (mut loss, mut right) = (0.0, 0);
        let image = network.image_len();
        for (pixels, labels) in self.pixels.chunks(SCORE_BATCH * image).zip(self.labels.chunks(SCORE_BATCH)) {
            let targets = Targets::new(labels.to_vec(), network.classes())?;
            let (mean, hits) = network.evaluate(pixels, &targets)?;
            loss += mean * labels.len() as f64;
            right += hits;
        }
        let count = self.labels.len().max(1) as f64;
        Ok((loss / count, right as f64 / count))
    }
}

/// A network with the images that it learns from and those that it is validated on: what
/// [`fit`](crate::train::fit) trains.
///
/// # Example
/// ```
/// use shared::{device::DeviceKind, optim::{OptimizerConfig, SgdConfig}, train::{fit, FitPlan}};
/// use shared::zoo::{ImageLearner, LabelledImages, ZooModel, ZooOptions};
/// let sgd = OptimizerConfig::Sgd(SgdConfig { lr: 0.02, ..SgdConfig::default() });
/// let network = ZooModel::Mlp1.build(DeviceKind::Cpu, &ZooOptions::new(sgd, 1))?;
/// let pixels: Vec<f32> = (0..8 * 2352).map(|i| (i % 7 + i / 2352) as f32 / 7.0).collect();
/// let labels = [0, 1, 2, 3, 4, 5, 6, 7];
/// let images = LabelledImages { pixels: &pixels, labels: &labels };
/// let mut learner = ImageLearner::new(network, images, None)?;
/// let plan = FitPlan { epochs: 3, batch_size: 4, seed: 1, ..FitPlan::default() };
/// let fitted = fit(&mut learner, images.labels.len(), &plan, &mut |_| {})?;
/// assert!(fitted.epochs[2].train_loss < fitted.epochs[0].train_loss);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ImageLearner<'a> {
    /// The network.
    pub network: Box<dyn ImageNetwork>,
    train: LabelledImages<'a>,
    validation: Option<LabelledImages<'a>>,
}

impl<'a> ImageLearner<'a> {
    /// Puts them together.
    ///
    /// # Errors
    /// [`ZooError::Images`] or [`ZooError::Target`] where a set does not fit the network.
    pub fn new(
        network: Box<dyn ImageNetwork>,
        train: LabelledImages<'a>,
        validation: Option<LabelledImages<'a>>,
    ) -> Result<Self, ZooError> {
        std::iter::once(&train).chain(&validation).try_for_each(|set| set.check(&*network))?;
        Ok(ImageLearner { network, train, validation })
    }

    /// Mean loss and accuracy on a set.
    ///
    /// # Errors
    /// [`ZooError`].
    pub fn score(&self, set: LabelledImages<'_>) -> Result<(f64, f64), ZooError> {
        set.score(&*self.network)
    }
}

impl Learner for ImageLearner<'_> {
    type Error = ZooError;

    fn step(&mut self, examples: &[usize]) -> Result<f64, ZooError> {
        self.train.step(&mut *self.network, examples)
    }

    fn validate(&mut self) -> Result<Option<(f64, f64)>, ZooError> {
        self.validation.map(|set| self.score(set)).transpose()
    }

    fn save(&self) -> Result<State, ZooError> {
        self.network.save()
    }

    fn load(&mut self, state: &State) -> Result<(), ZooError> {
        self.network.load(state)
    }
}

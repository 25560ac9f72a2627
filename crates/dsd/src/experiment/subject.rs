//! What is trained and measured: a network with its data.

use std::sync::Arc;

use datasets::pictures::Pictures;
use serde::{Deserialize, Serialize};
use shared::{
    nn::state::{NamedTensor, ParamInfo},
    train::State,
    zoo::{ImageNetwork, LabelledImages},
};

use crate::{target::Masked, DsdError, Target};

/// Which examples are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those that are trained on.
    Train,
    /// Those that are not.
    Test,
}

/// Mean loss, and the share that is told wrongly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// Share of images, or of next symbols, whose highest score is another's.
    pub error: f64,
}

/// A network that trains on examples by number, and can be measured: what an experiment needs of one.
pub trait Subject: Target {
    /// Examples to train on.
    fn examples(&self) -> usize;
    /// One step on these examples; their mean loss before it.
    ///
    /// # Errors
    /// The network's.
    fn step(&mut self, members: &[usize]) -> Result<f64, DsdError>;
    /// Loss and error on a part.
    ///
    /// # Errors
    /// The network's.
    fn score(&self, part: Part) -> Result<Score, DsdError>;
    /// All that the next step depends on.
    ///
    /// # Errors
    /// If it cannot be written down.
    fn save(&self) -> Result<State, DsdError>;
    /// Takes what [`save`](Self::save) gave.
    ///
    /// # Errors
    /// A state of another network.
    fn load(&mut self, state: &State) -> Result<(), DsdError>;
}

fn images(pictures: &Pictures) -> LabelledImages<'_> {
    LabelledImages { pixels: &pictures.pixels, labels: &pictures.labels }
}

/// A classifier of images, or of any rows, with its sets.
pub struct Classes {
    network: Box<dyn ImageNetwork>,
    train: Arc<Pictures>,
    test: Arc<Pictures>,
}

impl Classes {
    /// Puts them together; copies share the sets.
    ///
    /// # Errors
    /// [`DsdError::Network`] where a set does not fit the network.
    pub fn new(
        network: Box<dyn ImageNetwork>,
        train: impl Into<Arc<Pictures>>,
        test: impl Into<Arc<Pictures>>,
    ) -> Result<Self, DsdError> {
        let (train, test) = (train.into(), test.into());
        images(&train).check(&*network)?;
        images(&test).check(&*network)?;
        Ok(Classes { network, train, test })
    }
}

impl Target for Classes {
    fn outline(&self) -> Vec<ParamInfo> {
        self.network.outline()
    }
    fn weights(&self) -> Vec<NamedTensor> {
        Target::weights(&self.network)
    }
    fn set_weights(&mut self, weights: &[NamedTensor]) -> Result<(), DsdError> {
        self.network.set_weights(weights)
    }
    fn optimizer(&self) -> &dyn Masked {
        Target::optimizer(&self.network)
    }
    fn optimizer_mut(&mut self) -> &mut dyn Masked {
        Target::optimizer_mut(&mut self.network)
    }
}

impl Subject for Classes {
    fn examples(&self) -> usize {
        self.train.labels.len()
    }

    fn step(&mut self, members: &[usize]) -> Result<f64, DsdError> {
        Ok(images(&self.train).step(&mut *self.network, members)?)
    }

    fn score(&self, part: Part) -> Result<Score, DsdError> {
        let set = match part {
            Part::Train => &self.train,
            Part::Test => &self.test,
        };
        let (loss, accuracy) = images(set).score(&*self.network)?;
        Ok(Score { loss, error: 1.0 - accuracy })
    }

    fn save(&self) -> Result<State, DsdError> {
        Ok(self.network.save()?)
    }

    fn load(&mut self, state: &State) -> Result<(), DsdError> {
        Ok(self.network.load(state)?)
    }
}

//! One pre-training run and what it is judged by.

use datasets::{labels::LabelNoise, synthetic::SceneConfig};
use serde::{Deserialize, Serialize};

use crate::{DataScalingError, Length, Pretraining, Transferring, Width};

/// Which labels of scenes there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// All of them.
    #[default]
    All,
    /// The leaves: an outline, a texture and a palette.
    Leaves,
    /// The outlines and their families.
    Coarse,
}

/// Scenes and what was recorded of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SceneData {
    /// What scenes show.
    pub config: SceneConfig,
    /// Wrong and missing labels.
    pub noise: LabelNoise,
    /// Whether ancestors of recorded labels are left as recorded: no closure.
    pub open: bool,
    /// Which labels there are.
    pub kept: Kept,
}

/// What is pre-trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Data {
    /// Scenes, without end.
    Scenes(SceneData),
    /// Some classes of a set of real images; the others are the task.
    Real,
}

/// How large the task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSize {
    /// Images to learn it from.
    pub train: usize,
    /// Images to measure on.
    pub test: usize,
    /// Images of the source: test images that are near-duplicates of one of them are left out. 0 looks for none.
    pub apart_from: u64,
}

/// A first pre-training, on few clean images, that the run begins from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clean {
    /// Images that there are.
    pub images: u64,
    /// Images that are shown.
    pub shown: u64,
}

/// Everything that a run's result depends on, besides real images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What is pre-trained on.
    pub data: Data,
    /// The encoder.
    pub width: Width,
    /// Whether biases of the last layer begin at the labels' frequencies.
    pub prior: bool,
    /// A pre-training before it.
    pub first: Option<Clean>,
    /// How; its seed is that of the network, too.
    pub pretraining: Pretraining,
    /// Whether there is any pre-training: else the task is learnt from scratch.
    pub scratch: bool,
    /// What it is judged by.
    pub task: TaskSize,
    /// How the task is learnt.
    pub transferring: Transferring,
    /// Held-out scenes with true labels that scores are measured on; 0 for none.
    pub held_out: usize,
}

impl Trial {
    /// On scenes: the experiments' own setting.
    #[must_use]
    pub fn scenes(images: u64, shown: u64, seed: u64) -> Self {
        Trial {
            data: Data::Scenes(SceneData::default()),
            width: Width::Whole,
            prior: true,
            first: None,
            pretraining: Pretraining {
                images,
                length: Length::Images(shown),
                seed,
                ..Pretraining::default()
            },
            scratch: false,
            task: TaskSize { train: 480, test: 1_200, apart_from: 0 },
            transferring: Transferring { seed, ..Transferring::default() },
            held_out: 500,
        }
    }

    /// The same with another seed.
    #[must_use]
    pub fn of_seed(&self, seed: u64) -> Self {
        let mut trial = self.clone();
        (trial.pretraining.seed, trial.transferring.seed) = (seed, seed);
        trial
    }

    /// The same with the scenes' settings changed.
    #[must_use]
    pub fn with_scenes(mut self, change: impl FnOnce(&mut SceneData)) -> Self {
        if let Data::Scenes(data) = &mut self.data {
            change(data);
        }
        self
    }

    /// What it is called in files.
    #[must_use]
    pub fn name(&self) -> String {
        let kind = match (&self.data, self.scratch) {
            (_, true) => "scratch",
            (Data::Scenes(_), _) => "scenes",
            (Data::Real, _) => "real",
        };
        format!("{kind}-{}-{}-seed{}", self.width.name(), self.pretraining.images, self.pretraining.seed)
    }

    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// [`DataScalingError::Setting`], [`DataScalingError::Data`].
    pub fn validate(&self) -> Result<(), DataScalingError> {
        for (field, value) in
            [("images of the task", self.task.train), ("test images of the task", self.task.test)]
        {
            if !(1..=50_000).contains(&value) {
                let value = value.to_string();
                return Err(DataScalingError::Setting { field, value, allowed: "between 1 and 50,000" });
            }
        }
        if self.held_out > 50_000 {
            let (field, value) = ("held-out images", self.held_out.to_string());
            return Err(DataScalingError::Setting { field, value, allowed: "at most 50,000" });
        }
        if let Data::Scenes(data) = &self.data {
            data.config.validate()?;
            data.noise.validate()?;
        }
        self.transferring.validate()?;
        self.pretraining.validate()
    }
}

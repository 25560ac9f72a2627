//! The paper's experiments: networks trained with one thing changed, a cell for each.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use datasets::{
    image_sets::{load_from, Sets, SYNTHETIC},
    Folder,
};
use serde::{Deserialize, Serialize};
use shared::{
    claims::{Cells, Context},
    device::DeviceKind,
    parallel::side_by_side,
    train::{Progress, Storage, CHECKPOINT_FILE},
    zoo::ZooModel,
};

use crate::{randomization_test, trial::Told, Config, Images, LabError, Preparation, Trial};

/// Everything that a cell's result depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Key {
    version: String,
    dataset: String,
    digest: String,
    device: String,
    config: Config,
}

/// A cell: settings, and what came of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The settings.
    pub config: Config,
    /// What was found.
    pub trial: Trial,
}

/// Experiments on one image set.
pub struct Lab {
    sets: Sets,
    /// Whether the short form is measured.
    pub quick: bool,
    device: DeviceKind,
    cells: Option<Cells>,
}

/// What to do about a cell that another process works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    Skip,
    Wait,
}

/// Cells of this process, by all that they depend on: claims share them.
static DONE: Mutex<BTreeMap<String, Arc<Cell>>> = Mutex::new(BTreeMap::new());

impl Lab {
    /// On the set that the context names: else the embedded shapes for the short form, CIFAR-10 for the full one.
    ///
    /// # Errors
    /// [`LabError::Data`] for a set that cannot be read.
    pub fn open(context: &Context<'_>) -> Result<Self, LabError> {
        let default = if context.quick { SYNTHETIC } else { "cifar10" };
        let name = context.dataset.as_deref().unwrap_or(default);
        let sets = load_from(&Folder::new(context.data_dir.as_deref(), context.offline), name)?;
        Ok(Lab::new(sets, context))
    }

    /// On a set.
    #[must_use]
    pub fn new(sets: Sets, context: &Context<'_>) -> Self {
        let cells = context.cells.as_deref().map(Cells::new);
        Lab { sets, quick: context.quick, device: context.device, cells }
    }

    /// The images.
    #[must_use]
    pub fn sets(&self) -> &Sets {
        &self.sets
    }

    /// Trains and measures a network for each of the settings, side by side. Cells that this process, or an earlier one with the
    /// same folder of cells, has made are not made again; one that was stopped goes on from its checkpoint.
    ///
    /// # Errors
    /// The first error of a cell.
    pub fn cells(&self, context: &Context<'_>, configs: &[Config]) -> Result<Vec<Arc<Cell>>, LabError> {
        configs.iter().try_for_each(Config::validate)?;
        // Cells that another process works on come last: meanwhile there are others to do.
        let first = side_by_side(configs, |config| self.cell(context, config, Busy::Skip))?;
        let all: Vec<_> = configs.iter().zip(first).collect();
        side_by_side(&all, |(config, found)| match found {
            Some(cell) => Ok(cell.clone()),
            None => self.cell(context, config, Busy::Wait)?.ok_or_else(|| {
                LabError::Training(format!("the cell {} could not be waited for", cell_name(config)))
            }),
        })
    }

    fn key(&self, config: &Config) -> Key {
        Key {
            version: env!("CARGO_PKG_VERSION").into(),
            dataset: self.sets.name.clone(),
            digest: self.sets.digest.clone(),
            device: self.device.to_string(),
            config: config.clone(),
        }
    }

    /// `None` where another process works on it, and it is to be skipped then.
    fn cell(
        &self,
        context: &Context<'_>,
        config: &Config,
        busy: Busy,
    ) -> Result<Option<Arc<Cell>>, LabError> {
        let key = self.key(config);
        let text = format!("{key:?}");
        if let Some(cell) = DONE.lock().unwrap_or_else(PoisonError::into_inner).get(&text) {
            return Ok(Some(cell.clone()));
        }
        let name = cell_name(config);
        let work = |folder: &Path| self.run(context, config, Some(folder));
        let trial = match (&self.cells, busy) {
            (None, _) => Some(self.run(context, config, None)?),
            (Some(cells), Busy::Skip) => cells.get_unless_busy(&name, &key, work)?,
            (Some(cells), Busy::Wait) => Some(cells.get(&name, &key, work)?),
        };
        let Some(trial) = trial else { return Ok(None) };
        context.progress.advance(1);
        let cell = Arc::new(Cell { config: config.clone(), trial });
        DONE.lock().unwrap_or_else(PoisonError::into_inner).insert(text, cell.clone());
        Ok(Some(cell))
    }

    fn run(&self, context: &Context<'_>, config: &Config, folder: Option<&Path>) -> Result<Trial, LabError> {
        let mut network = config.build(self.device)?;
        let (train, test) = self.views(config)?;
        let storage = match folder {
            None => None,
            Some(folder) => Some(Storage {
                folder: folder.into(),
                every_steps: 0,
                resume: folder.join(CHECKPOINT_FILE).is_file(),
                config: serde_json::to_value(config).map_err(|e| LabError::Training(e.to_string()))?,
            }),
        };
        let plan = crate::Plan { storage, ..config.plan() };
        let name = cell_name(config);
        let mut tell = |told: Told<'_>| {
            if let Told::Loop(Progress::Resumed(at)) = told {
                context.progress.note(&format!("{name}: goes on after epoch {}", at.epoch));
            }
        };
        let trial = randomization_test(&mut *network, (&train, &test), config.corruption, &plan, &mut tell)?;
        context.progress.note(&format!(
            "{name}: {} steps, training accuracy {:.4}, test accuracy {:.4}",
            trial.steps(),
            trial.train_accuracy,
            trial.test_accuracy
        ));
        Ok(trial)
    }

    /// The training and test images as a model takes them.
    ///
    /// # Errors
    /// [`LabError::Data`] for images that cannot be shown to it.
    pub fn views(&self, config: &Config) -> Result<(Images, Images), LabError> {
        let Config { images, regularizers, seed, model, .. } = config;
        let count = images.unwrap_or(usize::MAX).min(self.sets.train.len());
        let train = match count == self.sets.train.len() {
            true => self.sets.train.clone(),
            false => Arc::new(self.sets.train.slice(0..count)?),
        };
        let plain = Preparation { side: model.side(), crop: false, flip: false, seed: *seed };
        let augmented = Preparation { crop: regularizers.crop, flip: regularizers.flip, ..plain };
        Ok((Images::new(train, augmented)?, Images::new(self.sets.test.clone(), plain)?))
    }
}

/// What a cell is called in files and messages.
#[must_use]
pub fn cell_name(config: &Config) -> String {
    let corruption = config.corruption.to_string().replace([':', '.'], "-");
    let images = config.images.map_or(String::from("all"), |n| n.to_string());
    format!("{}-{corruption}-{images}-seed{}", config.model, config.seed)
}

/// The settings of every model, corruption and seed, in that order.
#[must_use]
pub fn grid(base: &[Config], corruptions: &[crate::Corruption], seeds: &[u64]) -> Vec<Config> {
    let of_model = |config: &Config| -> Vec<Config> {
        let with = |corruption: &crate::Corruption| {
            let corruption = *corruption;
            seeds.iter().map(move |seed| (corruption, *seed)).collect::<Vec<_>>()
        };
        let pairs = corruptions.iter().flat_map(with);
        pairs.map(|(corruption, seed)| Config { corruption, seed, ..config.clone() }).collect()
    };
    base.iter().flat_map(of_model).collect()
}

/// The cells of one model and corruption, in the order of their seeds.
#[must_use]
pub fn of(cells: &[Arc<Cell>], model: ZooModel, corruption: crate::Corruption) -> Vec<Arc<Cell>> {
    let wanted = |cell: &&Arc<Cell>| cell.config.model == model && cell.config.corruption == corruption;
    cells.iter().filter(wanted).cloned().collect()
}

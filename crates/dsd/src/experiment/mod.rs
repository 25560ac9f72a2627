//! The experiments: a dense network for every seed, and arms that all go on from it.

mod arm;
mod compare;
mod setting;
mod subject;
mod text;
mod way;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc, Mutex, PoisonError,
    },
};

use datasets::{image_sets::Sets, Folder};
use serde::Serialize;
use shared::{
    claims::{Cells, Context},
    device::DeviceKind,
    nn::state::{load_safetensors, save_safetensors},
    parallel::side_by_side,
    train::{Progress, State, Storage, CHECKPOINT_FILE},
};

use crate::{model::sgd, DsdConfig, DsdError};

use arm::{train, Ended, Plan};

pub use arm::{PhaseEnd, Run, Weights, BINS};
pub use compare::Comparison;
pub use datasets::pictures::Pictures;
pub use setting::Setting;
pub use subject::{Classes, Part, Score, Subject};
pub use text::{is_text, Texts, BRACKETS, LENGTH, SYMBOLS};
pub use way::WayPoint;

/// Added to a seed for the order of examples after the dense phase.
const LATER_ORDER: u64 = 0xD5D5 << 32;

/// Everything that a result depends on.
#[derive(Serialize)]
struct Key<'a> {
    version: &'static str,
    dataset: &'a str,
    digest: &'a str,
    device: String,
    setting: &'a Setting,
    seed: u64,
    arm: Option<&'a DsdConfig>,
}

/// A trained dense network, where arms branch.
#[derive(Clone)]
pub struct Dense {
    /// What it came to.
    pub run: Run,
    /// Weights and optimiser.
    state: State,
}

/// Experiments with one network on one data set.
pub struct Lab {
    setting: Setting,
    dataset: String,
    digest: String,
    data: Data,
    device: DeviceKind,
    cells: Option<Cells>,
}

/// What a lab trains on.
enum Data {
    Images { train: Arc<Pictures>, test: Arc<Pictures> },
    Text(Texts),
    Own(Make),
}

/// Makes a fresh network, with its data, of a seed.
type Make = Box<dyn Fn(u64) -> Result<Box<dyn Subject>, DsdError> + Sync>;

/// Results of this process by all that they depend on: claims share them.
static DENSE: Mutex<BTreeMap<String, Arc<Dense>>> = Mutex::new(BTreeMap::new());
static RUNS: Mutex<BTreeMap<String, Arc<Run>>> = Mutex::new(BTreeMap::new());

impl Lab {
    /// Experiments on the data set of that name.
    ///
    /// # Errors
    /// [`DsdError::Data`] for a set that cannot be read, [`DsdError::Setting`].
    pub fn open(context: &Context<'_>, setting: Setting, dataset: &str) -> Result<Self, DsdError> {
        setting.validate()?;
        let folder = Folder::new(context.data_dir.as_deref(), context.offline);
        let (data, digest) = match (setting.model.image(), is_text(dataset)) {
            (Some((channels, side)), false) => {
                let Sets { train, test, digest, .. } = datasets::image_sets::load_from(&folder, dataset)?;
                let train = Arc::new(Pictures::of(&train, setting.train, channels, side)?);
                let test = Arc::new(Pictures::of(&test, setting.test, channels, side)?);
                (Data::Images { train, test }, digest)
            }
            (None, true) => {
                let (texts, digest) = text::load(dataset, &folder, setting.train, setting.test)?;
                (Data::Text(texts), digest)
            }
            (image, _) => {
                let allowed = match image {
                    Some(_) => "lstm for a text, and another for images",
                    None => "mlp, conv-net or resnet20 for images, and lstm for a text",
                };
                let (field, value) = ("the model", format!("{} on {dataset}", setting.model));
                return Err(DsdError::Setting { field, value, allowed });
            }
        };
        let (dataset, device) = (dataset.to_owned(), context.device);
        let cells = context.cells.as_deref().map(Cells::new);
        Ok(Lab { setting, dataset, digest, data, device, cells })
    }

    /// Experiments with a network of your own, on data of your own. `make` gives a fresh one for a seed, such as
    /// [`Classes::new`] of a model of dfdx's layers in a [`Stock`](shared::zoo::Stock).
    ///
    /// Nothing is kept in files, and nothing is shared with another laboratory. The settings' model is not looked at.
    ///
    /// # Errors
    /// [`DsdError::Setting`].
    ///
    /// # Example
    /// ```
    /// use dsd::{experiment::{Classes, Lab, Pictures, Setting}, Model};
    /// use shared::{claims::Context, dfdx::{nn::builders::{Linear, ReLU}, prelude::*}};
    /// use shared::{optim::{OptimizerConfig, SgdConfig}, zoo::Stock};
    /// let rows = |from: usize| Pictures {
    ///     pixels: (from..from + 320).map(|v| ((v * v) as f32).sin()).collect(),
    ///     labels: (0..40).map(|i| i % 2).collect(),
    /// };
    /// let setting = Setting {
    ///     model: Model::Mlp, train: 40, test: 40, epochs: [4, 2, 2], batch: 8, lr: 0.1, weight_decay: 0.0, sparsity: 0.5,
    /// };
    /// let lab = Lab::own("my data", setting, Box::new(move |seed| {
    ///     let dev = Cpu::seed_from_u64(seed);
    ///     let model = dev.build_module::<(Linear<8, 16>, ReLU, Linear<16, 2>), f32>();
    ///     let sgd = OptimizerConfig::Sgd(SgdConfig::default());
    ///     let network = Stock::<_, (usize, Const<8>), 2, _>::new(model, dev, sgd)?;
    ///     Ok(Box::new(Classes::new(Box::new(network), rows(0), rows(320))?))
    /// }))?;
    /// let worth = lab.compare(&Context::quiet(true), &[0, 1, 2])?;
    /// println!("{worth}");
    /// assert_eq!((worth.dsd.len(), worth.test.degrees), (3, 2));
    /// # Ok::<(), dsd::DsdError>(())
    /// ```
    pub fn own(
        name: &str,
        setting: Setting,
        make: Box<dyn Fn(u64) -> Result<Box<dyn Subject>, DsdError> + Sync>,
    ) -> Result<Self, DsdError> {
        setting.validate()?;
        static MADE: AtomicU64 = AtomicU64::new(0);
        let digest = format!("own {}", MADE.fetch_add(1, Ordering::Relaxed));
        let (dataset, data) = (name.to_owned(), Data::Own(make));
        Ok(Lab { setting, dataset, digest, data, device: DeviceKind::Cpu, cells: None })
    }

    /// The number that runs are compared by: the share of test examples told wrongly or, of text, bits a symbol.
    #[must_use]
    pub fn score(&self, end: &PhaseEnd) -> f64 {
        match self.data {
            Data::Text(_) => end.test.loss / std::f64::consts::LN_2,
            _ => end.test.error,
        }
    }

    /// What [`score`](Self::score) is.
    #[must_use]
    pub fn score_name(&self) -> &'static str {
        match self.data {
            Data::Text(_) => "test bits a symbol",
            _ => "test error",
        }
    }

    /// The settings.
    #[must_use]
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// The data set's name.
    #[must_use]
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// A fresh network with its data.
    ///
    /// # Errors
    /// The device's.
    pub fn subject(&self, seed: u64) -> Result<Box<dyn Subject + '_>, DsdError> {
        let Setting { model, lr, weight_decay, .. } = self.setting;
        let optimizer = sgd(lr, weight_decay);
        match &self.data {
            Data::Images { train, test } => {
                let network = model.classifier(self.device, optimizer, seed)?;
                Ok(Box::new(Classes::new(network, train.clone(), test.clone())?))
            }
            Data::Own(make) => make(seed),
            Data::Text(texts) => text::Build { texts, optimizer }.on(self.device, seed),
        }
    }

    /// The network of a seed at the end of its dense phase.
    ///
    /// # Errors
    /// Those of training.
    pub fn trained(&self, context: &Context<'_>, seed: u64) -> Result<Box<dyn Subject + '_>, DsdError> {
        let dense = self.dense(context, seed)?;
        let mut subject = self.subject(seed)?;
        subject.load(&dense.state)?;
        Ok(subject)
    }

    /// The dense phase of a seed: trained once in a process, and once in a folder of cells.
    ///
    /// # Errors
    /// Those of training.
    pub fn dense(&self, context: &Context<'_>, seed: u64) -> Result<Arc<Dense>, DsdError> {
        let key = self.key(seed, None);
        let text = text_of(&key)?;
        if let Some(dense) = DENSE.lock().unwrap_or_else(PoisonError::into_inner).get(&text) {
            return Ok(dense.clone());
        }
        let name = format!("dense-{}-seed{seed}", self.setting.model);
        let run = |folder: Option<&Path>| {
            self.train(context, &name, seed, self.subject(seed)?, self.setting.dense(), folder)
        };
        let dense = match &self.cells {
            None => run(None)?.into(),
            Some(cells) => {
                let kept: (Run, String) = cells.get(&name, &key, |folder| {
                    let Ended { run, state } = run(Some(folder))?;
                    let file = folder.with_extension("safetensors");
                    let note = text_of(&state.values)?;
                    save_safetensors(&file, &state.tensors, Some(&note))?;
                    let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    Ok::<_, DsdError>((run, file))
                })?;
                let file = context.cells.as_deref().unwrap_or(Path::new("")).join(&kept.1);
                match read_state(&file) {
                    Some(state) => Dense { run: kept.0, state },
                    // the weights have gone: they are made again, to the same bits
                    None => run(None)?.into(),
                }
            }
        };
        let dense = Arc::new(dense);
        DENSE.lock().unwrap_or_else(PoisonError::into_inner).insert(text, dense.clone());
        Ok(dense)
    }

    /// Every arm of every seed, side by side: `runs[arm][seed]`. Arms begin with the state that the dense phase of their seed
    /// ended with, and see the same examples in the same order.
    ///
    /// # Errors
    /// The first error of a run.
    pub fn runs(
        &self,
        context: &Context<'_>,
        arms: &[DsdConfig],
        seeds: &[u64],
    ) -> Result<Vec<Vec<Arc<Run>>>, DsdError> {
        arms.iter().try_for_each(DsdConfig::validate)?;
        side_by_side(seeds, |seed| self.dense(context, *seed).map(|_| context.progress.advance(1)))?;
        let pairs: Vec<(usize, u64)> =
            (0..arms.len()).flat_map(|arm| seeds.iter().map(move |seed| (arm, *seed))).collect();
        let found = side_by_side(&pairs, |(arm, seed)| self.run(context, &arms[*arm], *seed))?;
        Ok(found.chunks(seeds.len().max(1)).map(<[_]>::to_vec).collect())
    }

    /// The network of a seed at the end of an arm, trained anew.
    ///
    /// # Errors
    /// Those of training.
    pub fn arm(
        &self,
        context: &Context<'_>,
        arm: &DsdConfig,
        seed: u64,
    ) -> Result<Box<dyn Subject + '_>, DsdError> {
        let arm = DsdConfig { seed, ..arm.clone() };
        let order = seed.wrapping_add(LATER_ORDER);
        let ended = self.train(context, "arm", order, self.trained(context, seed)?, arm, None)?;
        let mut subject = self.subject(seed)?;
        subject.load(&ended.state)?;
        Ok(subject)
    }

    fn run(&self, context: &Context<'_>, arm: &DsdConfig, seed: u64) -> Result<Arc<Run>, DsdError> {
        let arm = DsdConfig { seed, ..arm.clone() };
        let key = self.key(seed, Some(&arm));
        let text = text_of(&key)?;
        if let Some(run) = RUNS.lock().unwrap_or_else(PoisonError::into_inner).get(&text) {
            return Ok(run.clone());
        }
        let name = format!("arm-{}-seed{seed}", self.setting.model);
        let work = |folder: Option<&Path>| {
            let subject = self.trained(context, seed)?;
            Ok::<_, DsdError>(
                self.train(context, &name, seed.wrapping_add(LATER_ORDER), subject, arm.clone(), folder)?.run,
            )
        };
        let run = match &self.cells {
            None => work(None)?,
            Some(cells) => cells.get(&name, &key, |folder| work(Some(folder)))?,
        };
        context.progress.advance(1);
        let run = Arc::new(run);
        RUNS.lock().unwrap_or_else(PoisonError::into_inner).insert(text, run.clone());
        Ok(run)
    }

    /// Trains a fresh network through all of these phases, as the program's `train` does.
    ///
    /// # Errors
    /// Those of training. The last checkpoint stays.
    pub fn train_all(
        &self,
        config: &DsdConfig,
        storage: Storage,
        tell: &mut dyn FnMut(Progress<'_>),
        step: &mut dyn FnMut(),
    ) -> Result<(Run, Box<dyn Subject + '_>), DsdError> {
        let plan = Plan { batch: self.setting.batch, order: config.seed, storage: Some(storage) };
        let ended = train(self.subject(config.seed)?, config.clone(), plan, tell, step)?;
        let mut subject = self.subject(config.seed)?;
        subject.load(&ended.state)?;
        Ok((ended.run, subject))
    }

    fn train(
        &self,
        context: &Context<'_>,
        name: &str,
        order: u64,
        subject: Box<dyn Subject + '_>,
        config: DsdConfig,
        folder: Option<&Path>,
    ) -> Result<Ended, DsdError> {
        let storage = match folder {
            None => None,
            Some(folder) => Some(Storage {
                folder: folder.into(),
                every_steps: 0,
                resume: folder.join(CHECKPOINT_FILE).is_file(),
                config: serde_json::to_value(&config).map_err(|e| DsdError::Training(e.to_string()))?,
            }),
        };
        let plan = Plan { batch: self.setting.batch, order, storage };
        let mut tell = |told: Progress<'_>| {
            if let Progress::Resumed(at) = told {
                context.progress.note(&format!("{name}: goes on after epoch {}", at.epoch));
            }
        };
        train(subject, config, plan, &mut tell, &mut || {})
    }

    fn key<'a>(&'a self, seed: u64, arm: Option<&'a DsdConfig>) -> Key<'a> {
        Key {
            version: env!("CARGO_PKG_VERSION"),
            dataset: &self.dataset,
            digest: &self.digest,
            device: self.device.to_string(),
            setting: &self.setting,
            seed,
            arm,
        }
    }
}

impl From<Ended> for Dense {
    fn from(Ended { run, state }: Ended) -> Self {
        Dense { run, state }
    }
}

fn text_of(value: &impl Serialize) -> Result<String, DsdError> {
    serde_json::to_string(value).map_err(|e| DsdError::Training(e.to_string()))
}

fn read_state(file: &Path) -> Option<State> {
    let saved = load_safetensors(file).ok()?;
    let values = serde_json::from_str(&saved.note?).ok()?;
    Some(State { tensors: saved.tensors, values })
}

//! The experiments: runs with one thing changed, workers emulated by accumulation.

mod run;
mod trial;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use datasets::{
    image_sets::{load_from, Sets, SYNTHETIC},
    pictures::Pictures,
    Folder,
};
use shared::{
    claims::{once, Cells, Context},
    device::DeviceKind,
    parallel::side_by_side,
};

use crate::LargeBatchError;

pub use run::{network, picked, Part};
pub use trial::{Form, Outcome, Sampling, Transfer, Trial};

/// Images to train on, and to measure on.
pub type Parts = (Pictures, Pictures);

/// Experiments on one image set.
pub struct Lab {
    /// Whether the short form is measured.
    pub quick: bool,
    sets: Sets,
    /// Images to train and to measure on, at most.
    counts: (usize, usize),
    /// By pixels a side.
    pictures: Mutex<BTreeMap<usize, Arc<Parts>>>,
    device: DeviceKind,
    cells: Option<Cells>,
}

impl Lab {
    /// On the set that the context names: else the embedded shapes for the short form, CIFAR-10 for the full one. Up to `train`
    /// and `test` images of it are kept in memory.
    ///
    /// # Errors
    /// [`LargeBatchError::Data`] for a set that cannot be read.
    pub fn open(context: &Context<'_>, train: usize, test: usize) -> Result<Self, LargeBatchError> {
        let default = if context.quick { SYNTHETIC } else { "cifar10" };
        let name = context.dataset.as_deref().unwrap_or(default);
        Lab::on(context, name, (train, test))
    }

    /// On the set of that name; as many images to train and to measure on as are asked for, at most.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn on(context: &Context<'_>, name: &str, counts: (usize, usize)) -> Result<Self, LargeBatchError> {
        let sets = load_from(&Folder::new(context.data_dir.as_deref(), context.offline), name)?;
        Ok(Lab {
            quick: context.quick,
            sets,
            counts,
            pictures: Mutex::default(),
            device: context.device,
            cells: context.cells.as_deref().map(Cells::new),
        })
    }

    /// The name of the set.
    #[must_use]
    pub fn dataset(&self) -> &str {
        &self.sets.name
    }

    /// The images to train and to measure on, cut to `side` pixels a side.
    ///
    /// # Errors
    /// [`LargeBatchError::Data`] for images of neither 1 nor 3 channels.
    pub fn pictures(&self, side: usize) -> Result<Arc<Parts>, LargeBatchError> {
        let mut kept = self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parts) = kept.get(&side) {
            return Ok(parts.clone());
        }
        let train = Pictures::of(&self.sets.train, self.counts.0, 3, side)?;
        let parts = Arc::new((train, Pictures::of(&self.sets.test, self.counts.1, 3, side)?));
        kept.insert(side, parts.clone());
        Ok(parts)
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> DeviceKind {
        self.device
    }

    /// Runs every trial, as many at a time as there are threads, and gives back what came of them in their order. Trials that
    /// this process, or an earlier one with the same folder of cells, has run are not run again.
    ///
    /// # Errors
    /// The first that is not a divergence, which is a result.
    pub fn runs(&self, context: &Context<'_>, trials: &[Trial]) -> Result<Vec<Outcome>, LargeBatchError> {
        trials.iter().try_for_each(Trial::validate)?;
        side_by_side(trials, |trial| {
            let key = (env!("CARGO_PKG_VERSION"), self.device.to_string(), &self.sets.digest, trial);
            let outcome = once(self.cells.as_ref(), &name(trial), &key, |_| run::outcome(self, trial))?;
            context.progress.advance(1);
            Ok(outcome)
        })
    }
}

/// What a trial is called in files.
fn name(trial: &Trial) -> String {
    format!("{}-{}x{}-seed{}", trial.model, trial.workers, trial.per_worker, trial.seed)
}

//! The experiments: runs with one thing changed, workers emulated by accumulation.

mod run;
mod trial;

use std::sync::Arc;

use datasets::{
    image_sets::{load_from, SYNTHETIC},
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

/// Experiments on one image set.
pub struct Lab {
    /// Whether the short form is measured.
    pub quick: bool,
    name: String,
    digest: String,
    train: Arc<Pictures>,
    test: Arc<Pictures>,
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
        Lab::on(context, name, (train, test), 32)
    }

    /// On the set of that name, with images of `side` pixels a side; as many to train and to measure on as are asked for.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn on(
        context: &Context<'_>,
        name: &str,
        (train, test): (usize, usize),
        side: usize,
    ) -> Result<Self, LargeBatchError> {
        let sets = load_from(&Folder::new(context.data_dir.as_deref(), context.offline), name)?;
        Ok(Lab {
            quick: context.quick,
            name: sets.name.clone(),
            digest: sets.digest.clone(),
            train: Arc::new(Pictures::of(&sets.train, train, 3, side)?),
            test: Arc::new(Pictures::of(&sets.test, test, 3, side)?),
            device: context.device,
            cells: context.cells.as_deref().map(Cells::new),
        })
    }

    /// The name of the set.
    #[must_use]
    pub fn dataset(&self) -> &str {
        &self.name
    }

    /// The images to train and to measure on.
    #[must_use]
    pub fn pictures(&self) -> (&Pictures, &Pictures) {
        (&self.train, &self.test)
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
            let key = (env!("CARGO_PKG_VERSION"), self.device.to_string(), &self.digest, trial);
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

//! The experiments: pre-training runs with one thing changed, each judged by a task that it never saw.

mod real;
mod run;
mod trial;

use std::sync::{Arc, Mutex, PoisonError};

use datasets::Folder;
use shared::{
    claims::{once, Cells, Context},
    device::DeviceKind,
    parallel::side_by_side,
};

use crate::{source::Task, DataScalingError, Outcome};

pub use real::{RealImages, TRANSFER_CLASSES};
pub use run::{network_of, outcome, run_trial, source_of, task_of, TrialSource};
pub use trial::{Clean, Data, Kept, SceneData, TaskSize, Trial};

/// What the embedded source is called.
pub const SCENES: &str = "synthetic";

/// A place to run trials.
pub struct Lab {
    /// Whether the short form is measured.
    pub quick: bool,
    device: DeviceKind,
    cells: Option<Cells>,
    real: Option<RealImages>,
    /// Tasks that were drawn, by what tells them apart.
    tasks: Mutex<Vec<(String, Arc<Task>)>>,
}

impl Lab {
    /// On scenes alone.
    #[must_use]
    pub fn open(context: &Context<'_>) -> Self {
        Lab {
            quick: context.quick,
            device: context.device,
            cells: context.cells.as_deref().map(Cells::new),
            real: None,
            tasks: Mutex::default(),
        }
    }

    /// On a set of real images.
    ///
    /// # Errors
    /// [`DataScalingError::Data`] for a set that cannot be read.
    pub fn on(context: &Context<'_>, name: &str) -> Result<Self, DataScalingError> {
        let real = RealImages::load(&Folder::new(context.data_dir.as_deref(), context.offline), name)?;
        Ok(Lab { real: Some(real), ..Lab::open(context) })
    }

    /// The real images, where there are some.
    #[must_use]
    pub fn real(&self) -> Option<&RealImages> {
        self.real.as_ref()
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> DeviceKind {
        self.device
    }

    /// The task of a trial, drawn once.
    ///
    /// # Errors
    /// [`DataScalingError::Data`].
    pub fn task(&self, trial: &Trial) -> Result<Arc<Task>, DataScalingError> {
        let key = serde_json::to_string(&(&trial.data, &trial.task))
            .map_err(|why| DataScalingError::Training(why.to_string()))?;
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, task)) = tasks.iter().find(|(of, _)| *of == key) {
            return Ok(task.clone());
        }
        let task = Arc::new(task_of(trial, self.real())?);
        tasks.push((key, task.clone()));
        Ok(task)
    }

    /// Runs every trial, as many at a time as there are threads, and gives back what came of them in their order. Trials that
    /// this process, or an earlier one with the same folder of cells, has run are not run again.
    ///
    /// # Errors
    /// The first.
    pub fn runs(&self, context: &Context<'_>, trials: &[Trial]) -> Result<Vec<Outcome>, DataScalingError> {
        trials.iter().try_for_each(Trial::validate)?;
        context.progress.start("runs", trials.len() as u64);
        side_by_side(trials, |trial| {
            let digest = self.real().map(RealImages::digest);
            let key = (env!("CARGO_PKG_VERSION"), self.device.to_string(), digest, trial);
            let outcome = once(self.cells.as_ref(), &trial.name(), &key, |_| outcome(self, trial))?;
            context.progress.advance(1);
            Ok(outcome)
        })
    }
}

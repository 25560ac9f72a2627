//! A trial, run.

use datasets::{duplicates::NearDuplicates, synthetic::scenes};
use serde_json::Value;
use shared::optim::{AdamConfig, OptimizerConfig};

use super::{Data, Kept, Lab, RealImages, SceneData, Trial};
use crate::{
    conv_network, pretrain, scene_task,
    source::{ClassedImages, LabelledScenes, Source, Task},
    ConvOptions, DataScalingError, Judge, Length, Network, Outcome, Pretraining, SHAPE, TEST_START,
};

/// Every experiment sees the same endless row of scenes: seeds are those of networks and of orders.
const SCENE_SEED: u64 = 0;

/// Images that the labels' frequencies are taken from.
const PRIOR_IMAGES: u64 = 2_000;

/// The scenes of a setting.
fn labelled_scenes(data: &SceneData) -> Result<LabelledScenes, DataScalingError> {
    let scenes = scenes(&data.config, SCENE_SEED)?;
    let hierarchy = scenes.hierarchy().clone();
    let leaves = data.config.leaves() as u32;
    let of = LabelledScenes::new(scenes, SCENE_SEED).with_noise(data.noise)?.with_closure(!data.open);
    match data.kept {
        Kept::All => Ok(of),
        Kept::Leaves => of.with_labels(&(0..leaves).collect::<Vec<u32>>()),
        Kept::Coarse => {
            // the two levels from the roots on
            let near = |label: &u32| hierarchy.depth(*label).is_some_and(|depth| depth <= 1);
            of.with_labels(&(0..hierarchy.len() as u32).filter(near).collect::<Vec<u32>>())
        }
    }
}

/// The task of a trial.
///
/// # Errors
/// [`DataScalingError::Data`]; [`DataScalingError::Setting`] where real images are asked for and none are given.
pub fn task_of(trial: &Trial, real: Option<&RealImages>) -> Result<Task, DataScalingError> {
    match &trial.data {
        Data::Scenes(data) => {
            let scenes = scenes(&data.config, SCENE_SEED)?;
            let key = serde_json::to_value(data.config).unwrap_or(Value::Null);
            let mut task = scene_task(&scenes.transfer(), trial.task.train, trial.task.test, key)?;
            if trial.task.apart_from > 0 {
                let transfer = scenes.transfer();
                let tests = (0..trial.task.test as u64).map(|at| transfer.image(TEST_START + at).0);
                let train = (0..trial.task.apart_from).map(|at| scenes.image(at).0);
                let found = NearDuplicates::of(SHAPE, tests)?.scan(train)?;
                task.test = task.test.kept(&found.iter().map(Option::is_none).collect::<Vec<bool>>());
                task.key = serde_json::json!([task.key, trial.task]);
            }
            Ok(task)
        }
        Data::Real => given(real)?.task(trial.task),
    }
}

fn given(real: Option<&RealImages>) -> Result<&RealImages, DataScalingError> {
    let none = || DataScalingError::Training("there are no real images: give a set with --dataset".into());
    real.ok_or_else(none)
}

/// The source of a trial.
pub enum TrialSource {
    /// Scenes.
    Scenes(Box<LabelledScenes>),
    /// Real images.
    Real(Box<ClassedImages>),
}

impl TrialSource {
    /// Whichever it is.
    #[must_use]
    pub fn as_source(&self) -> &dyn Source {
        match self {
            TrialSource::Scenes(scenes) => &**scenes,
            TrialSource::Real(images) => &**images,
        }
    }

    /// The same with true labels.
    #[must_use]
    pub fn clean(&self) -> Box<dyn Source> {
        match self {
            TrialSource::Scenes(scenes) => Box::new(scenes.clean()),
            TrialSource::Real(images) => images.clone(),
        }
    }
}

/// The source of a trial.
///
/// # Errors
/// [`DataScalingError::Data`]; [`DataScalingError::Training`] where real images are asked for and none are given.
pub fn source_of(trial: &Trial, real: Option<&RealImages>) -> Result<TrialSource, DataScalingError> {
    Ok(match &trial.data {
        Data::Scenes(data) => TrialSource::Scenes(Box::new(labelled_scenes(data)?)),
        Data::Real => TrialSource::Real(Box::new(given(real)?.source(trial.pretraining.images as usize)?)),
    })
}

/// The fresh network of a trial.
///
/// # Errors
/// [`DataScalingError`].
pub fn network_of(
    trial: &Trial,
    source: &TrialSource,
    device: shared::device::DeviceKind,
) -> Result<Box<dyn Network>, DataScalingError> {
    let prior = match source {
        TrialSource::Scenes(scenes) if trial.prior => {
            Some(scenes.prior(PRIOR_IMAGES.min(trial.pretraining.images))?)
        }
        _ => None,
    };
    let adam = AdamConfig { lr: trial.pretraining.lr, ..AdamConfig::default() };
    let options = ConvOptions {
        width: trial.width,
        outputs: source.as_source().labels(),
        prior: prior.as_deref(),
        optimizer: OptimizerConfig::Adam(adam),
        seed: trial.pretraining.seed,
    };
    conv_network(device, &options)
}

/// Runs a trial of a lab to its end.
///
/// # Errors
/// [`DataScalingError`].
pub fn outcome(lab: &Lab, trial: &Trial) -> Result<Outcome, DataScalingError> {
    let task = lab.task(trial)?;
    run_trial(trial, lab.real(), &task, lab.device(), &mut |_| {}).map(|(outcome, _)| outcome)
}

/// Runs a trial; `tell` hears of each part that is done. Gives back the network, too.
///
/// # Errors
/// [`DataScalingError`].
pub fn run_trial(
    trial: &Trial,
    real: Option<&RealImages>,
    task: &Task,
    device: shared::device::DeviceKind,
    tell: &mut dyn FnMut(usize),
) -> Result<(Outcome, Box<dyn Network>), DataScalingError> {
    let of = source_of(trial, real)?;
    let mut network = network_of(trial, &of, device)?;
    let clean = of.clean();
    let judge = Judge { task, transferring: &trial.transferring, held_out: Some((&*clean, trial.held_out)) };
    if trial.scratch {
        let outcome = Judge { held_out: None, ..judge }.judge(&*network)?;
        return Ok((outcome, network));
    }
    if let Some(first) = trial.first {
        let plan = Pretraining {
            images: first.images,
            length: Length::Images(first.shown),
            parts: 1,
            ..trial.pretraining.clone()
        };
        pretrain(&mut *network, &*clean, &plan, None, &mut |_, _| Ok(()))?;
    }
    let outcome = judge.pretrain(&mut *network, of.as_source(), &trial.pretraining, tell)?;
    Ok((outcome, network))
}

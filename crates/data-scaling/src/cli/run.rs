//! `train` and `eval`.

use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    claims::number,
    cli::{CliError, Job, Summary},
    nn::state::{load_safetensors, save_safetensors, SavedTensors},
    train::Storage,
};

use super::TrainArgs;
use crate::{
    experiment::{network_of, source_of, task_of, RealImages, Trial, SCENES},
    pretrain, DataScalingError, Judge, Network,
};
use datasets::Folder;

/// The weights in a run's folder.
const MODEL_FILE: &str = "model.safetensors";

/// What `eval` needs to know of a run, and what a checkpoint must share to be resumed. It is kept beside the weights, in the same
/// file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RunNote {
    dataset: String,
    trial: Trial,
}

fn real(job: &Job<'_>, dataset: &str) -> Result<Option<RealImages>, DataScalingError> {
    let folder = Folder::new(job.context.data_dir.as_deref(), job.context.offline);
    (dataset != SCENES).then(|| RealImages::load(&folder, dataset)).transpose()
}

pub(super) fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let context = &job.context;
    let dataset = context.dataset.clone().unwrap_or_else(|| SCENES.into());
    // cheap mistakes are found before data is read
    let trial = args.setting.trial(&dataset, args.images, args.parts, context.seed)?;
    let real = real(job, &dataset)?;
    let source = source_of(&trial, real.as_ref())?;
    let note = RunNote { dataset, trial };
    let mut network = network_of(&note.trial, &source, context.device)?;
    let storage = Storage {
        folder: job.out.clone(),
        every_steps: args.checkpoint_every,
        resume: job.resume,
        config: serde_json::to_value(&note)?,
    };
    context.progress.start(&format!("parts on {}", note.dataset), note.trial.pretraining.parts as u64);
    let mut look = |_: usize, _: &dyn Network| {
        context.progress.advance(1);
        Ok(())
    };
    pretrain(&mut *network, source.as_source(), &note.trial.pretraining, Some(storage), &mut look)?;
    let model = job.out.join(MODEL_FILE);
    save_safetensors(&model, &network.weights(), Some(&serde_json::to_string(&note)?))?;
    let mut summary = judged(&note, real.as_ref(), &*network)?;
    summary
        .lines
        .push(format!("in {}: {MODEL_FILE}, checkpoint.safetensors, record.jsonl", job.out.display()));
    Ok(summary)
}

pub(super) fn eval(job: &Job<'_>) -> Result<Summary, CliError> {
    let file = job.out.join(MODEL_FILE);
    let again = "give with --out the folder of a finished `train`";
    if !file.is_file() {
        return Err(format!("{} does not exist: {again}", file.display()).into());
    }
    let SavedTensors { tensors: weights, note } = load_safetensors(&file)?;
    let note: RunNote = note
        .and_then(|note| serde_json::from_str(&note).ok())
        .ok_or_else(|| format!("{} does not say which run it is of: {again}", file.display()))?;
    let of_file = |why: String| format!("{}: {why}", file.display());
    note.trial.validate().map_err(|why| of_file(why.to_string()))?;
    let real = real(job, &note.dataset)?;
    let source = source_of(&note.trial, real.as_ref())?;
    let mut network = network_of(&note.trial, &source, job.context.device)?;
    network.load_weights(&weights).map_err(|why| of_file(why.to_string()))?;
    judged(&note, real.as_ref(), &*network)
}

/// What a pre-trained network is worth.
fn judged(note: &RunNote, real: Option<&RealImages>, network: &dyn Network) -> Result<Summary, CliError> {
    let trial = &note.trial;
    let task = task_of(trial, real)?;
    let source = source_of(trial, real)?.clean();
    let held_out = Some((&*source, trial.held_out));
    let found = Judge { task: &task, transferring: &trial.transferring, held_out }.judge(network)?;
    let (fixed, tuned) = (found.last_frozen(), found.last_tuned());
    let mut lines = vec![format!(
        "{}, {} images, {} shown, {} epochs: accuracy on {} classes that pre-training never saw {:.2} % frozen, {:.2} % fine-tuned",
        note.dataset,
        trial.pretraining.images,
        trial.pretraining.shown(),
        number(trial.pretraining.shown() as f64 / trial.pretraining.images as f64),
        task.classes,
        100.0 * fixed,
        100.0 * tuned
    )];
    if let Some(scores) = found.held_out {
        lines.push(format!(
            "held-out scenes: mAP {}, mAP@100 by frequency {}, precision an image {}",
            number(scores.map),
            number(scores.map_at_100),
            number(scores.image_precision)
        ));
    }
    Ok(Summary {
        lines,
        json: json!({
            "dataset": note.dataset, "trial": trial, "frozen": fixed, "fine_tuned": tuned, "held_out": found.held_out,
        }),
    })
}

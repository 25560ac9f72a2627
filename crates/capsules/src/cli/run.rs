//! `train` and `eval`.

use datasets::Folder;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    claims::Context,
    cli::{CliError, Job, Summary},
    nn::state::{load_safetensors, save_safetensors, SavedTensors},
    train::{Progress, Storage},
};

use super::{EvalArgs, PartArg, TrainArgs};
use crate::{
    data::{load_from, Limits, Sets, SYNTHETIC},
    trainer::Told,
    Config, RunOptions, Task, Trained,
};

/// The weights in a run's folder.
const MODEL_FILE: &str = "model.safetensors";

/// What `eval` needs to know of a run, and what a checkpoint must share to be resumed. It is kept beside the weights, in
/// the same file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RunNote {
    dataset: String,
    task: Task,
    limits: Limits,
    config: Config,
}

fn load(context: &Context<'_>, name: &str, limits: Limits) -> Result<Sets, CliError> {
    Ok(load_from(&Folder::new(context.data_dir.as_deref(), context.offline), name, limits)?)
}

pub(super) fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let context = &job.context;
    let name = context.dataset.clone().unwrap_or_else(|| SYNTHETIC.into());
    // Cheap mistakes are found before the data is read.
    let config = args.config(context.seed)?;
    if let Some(epoch) = args.snapshots.iter().find(|epoch| !(1..=config.epochs).contains(epoch)) {
        let epochs = config.epochs;
        return Err(format!("--snapshots has {epoch}: it takes epochs of this run, 1 to {epochs}").into());
    }
    let limits = Limits { train: args.limit, ..Limits::default() };
    let task = args.task.into();
    let sets = load(context, &name, limits)?;
    let parts = task_parts(task, &sets, &config)?;
    let note = RunNote { dataset: name.clone(), task, limits, config: config.clone() };
    let noted = serde_json::to_string(&note)?;
    let storage = Storage {
        folder: job.out.clone(),
        every_steps: args.checkpoint_every,
        resume: job.resume,
        config: serde_json::to_value(&note)?,
    };
    let options = RunOptions { device: context.device, storage: Some(storage), validate: true };
    let steps = parts.train.len().div_ceil(config.batch_size);
    context.progress.start(&format!("steps on {name}"), config.epochs.saturating_mul(steps) as u64);
    let mut failed = None;
    let mut tell = |told: Told<'_>| match told {
        Told::Loop(Progress::Resumed(at)) => {
            context.progress.note(&format!("resumed after epoch {} at step {}", at.epoch, at.step));
            context.progress.advance(at.step as u64);
        }
        Told::Loop(Progress::Epoch(line)) => {
            let error = line.validation_accuracy.map_or(f64::NAN, |a| 100.0 * (1.0 - a));
            let (epoch, loss) = (line.epoch, line.train_loss);
            context.progress.note(&format!("epoch {epoch}: loss {loss:.5}, validation error {error:.2} %"));
        }
        Told::Step(_) => context.progress.advance(1),
        Told::Weights(epoch, weights) => {
            if args.snapshots.contains(&epoch) {
                let file = job.out.join(snapshot(epoch));
                failed = failed.take().or(save_safetensors(&file, &weights(), Some(&noted)).err());
            }
        }
    };
    let started = std::time::Instant::now();
    let trained = Trained::fit(&parts, &config.clone().validate()?, &options, &mut tell)?;
    if let Some(failed) = failed {
        return Err(failed.into());
    }
    let seconds = started.elapsed().as_secs_f64();
    save_safetensors(job.out.join(MODEL_FILE), &trained.weights(), Some(&noted))?;
    let epochs = trained.fitted().map(|f| f.epochs.clone()).unwrap_or_default();
    let error = trained.score(&*parts.validation)?.error();
    Ok(Summary {
        lines: vec![
            format!("{name}: {} epochs of {} images", config.epochs, parts.train.len()),
            format!("validation error {:.2} % of {} images", 100.0 * error, parts.validation.len()),
            format!("in {}: {MODEL_FILE}, checkpoint.safetensors, record.jsonl", job.out.display()),
            "the test part has not been read: run `eval` with the same --out".into(),
        ],
        json: json!({
            "dataset": name,
            "task": task,
            "images": parts.train.len(),
            "validation_error": error,
            "epochs": epochs,
            "wall_s": seconds,
            "threads": context.threads,
            "out": job.out,
            "config": config,
        }),
    })
}

pub(super) fn eval(args: &EvalArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let file = job.out.join(args.snapshot.map_or(MODEL_FILE.into(), snapshot));
    let again = match args.snapshot {
        Some(_) => "give with --out the folder of a `train` that had this epoch among its --snapshots",
        None => "give with --out the folder of a finished `train`",
    };
    if !file.is_file() {
        return Err(format!("{} does not exist: {again}", file.display()).into());
    }
    let SavedTensors { tensors: weights, note } = load_safetensors(&file)?;
    let note: RunNote = note
        .and_then(|note| serde_json::from_str(&note).ok())
        .ok_or_else(|| format!("{} does not say which run it is of: {again}", file.display()))?;
    let of_file = |why: String| format!("{}: {why}", file.display());
    let config = note.config.clone().validate().map_err(|why| of_file(why.to_string()))?;
    let trained = Trained::with_weights(&weights, &config, note.task.side(), job.context.device)
        .map_err(|why| of_file(why.to_string()))?;
    let sets = load(&job.context, &note.dataset, note.limits)?;
    let parts = task_parts(note.task, &sets, &note.config)?;
    let (part, source) = match args.part {
        PartArg::Validation => ("validation", parts.validation),
        PartArg::Test => ("test", parts.test),
        PartArg::Affine => match parts.affine {
            Some(affine) => ("affine", affine),
            None => return Err("the run is not of `--task aff-nist`, so there are no affine images".into()),
        },
    };
    let score = trained.score(&*source)?;
    Ok(Summary {
        lines: vec![format!(
            "{}: {part} error {:.2} %, {} of {} images wrong",
            note.dataset,
            100.0 * score.error(),
            score.wrong.len(),
            score.images
        )],
        json: json!({
            "dataset": note.dataset,
            "task": note.task,
            "part": args.part,
            "snapshot": args.snapshot,
            "error": score.error(),
            "wrong": score.wrong.len(),
            "images": score.images,
            "config": note.config,
        }),
    })
}

fn snapshot(epoch: usize) -> String {
    format!("model-epoch-{epoch}.safetensors")
}

fn task_parts(task: Task, sets: &Sets, config: &Config) -> Result<crate::Parts, CliError> {
    let shape = sets.train.shape();
    if (shape.channels, shape.height, shape.width) != (1, 28, 28) {
        return Err(format!(
            "{} has images of {shape}, and this program's networks take 1 x 28 x 28",
            sets.name
        )
        .into());
    }
    if sets.train.classes() != 10 {
        let (name, classes) = (&sets.name, sets.train.classes());
        return Err(format!("{name} has {classes} classes, and this program's networks tell 10 apart").into());
    }
    Ok(task.parts(sets, config.seed)?)
}

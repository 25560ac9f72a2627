//! `train` and `eval`.

use datasets::{
    image_sets::{load_from, SYNTHETIC},
    Folder,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    claims::Context,
    cli::{CliError, Job, Summary},
    nn::state::{load_safetensors, save_safetensors, SavedTensors},
    train::{Progress, Storage},
};

use super::{EvalArgs, TrainArgs};
use crate::{
    experiment::Lab,
    randomization_test,
    trial::{score, Told},
    Config, Corrupted, Part, Plan, TestLabels,
};

/// The weights in a run's folder.
const MODEL_FILE: &str = "model.safetensors";

/// What `eval` needs to know of a run, and what a checkpoint must share to be resumed. It is kept beside the weights, in
/// the same file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RunNote {
    dataset: String,
    config: Config,
}

fn lab(context: &Context<'_>, name: &str) -> Result<Lab, CliError> {
    let sets = load_from(&Folder::new(context.data_dir.as_deref(), context.offline), name)?;
    Ok(Lab::new(sets, context))
}

pub(super) fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let context = &job.context;
    let name = context.dataset.clone().unwrap_or_else(|| SYNTHETIC.into());
    // Cheap mistakes are found before the data is read.
    let config = args.settings.config(args.model, args.corruption, context.seed)?;
    let lab = lab(context, &name)?;
    let (train, test) = lab.views(&config)?;
    let note = RunNote { dataset: name.clone(), config: config.clone() };
    let storage = Storage {
        folder: job.out.clone(),
        every_steps: args.checkpoint_every,
        resume: job.resume,
        config: serde_json::to_value(&note)?,
    };
    let plan = Plan { storage: Some(storage), ..config.plan() };
    let mut network = config.build(context.device)?;
    let steps = crate::Examples::len(&train).div_ceil(config.batch_size).saturating_mul(config.epochs);
    context.progress.start(&format!("steps on {name}"), steps as u64);
    let mut tell = |told: Told<'_>| match told {
        Told::Loop(Progress::Resumed(at)) => {
            context.progress.note(&format!("resumed after epoch {} at step {}", at.epoch, at.step));
            context.progress.advance(at.step as u64);
        }
        Told::Loop(Progress::Epoch(line)) => {
            context.progress.note(&format!("epoch {}: loss {:.5}", line.epoch, line.train_loss));
        }
        Told::Step => context.progress.advance(1),
    };
    let started = std::time::Instant::now();
    let trial = randomization_test(&mut *network, (&train, &test), config.corruption, &plan, &mut tell)?;
    let seconds = started.elapsed().as_secs_f64();
    save_safetensors(job.out.join(MODEL_FILE), &network.weights(), Some(&serde_json::to_string(&note)?))?;
    job.write_json("trial.json", &trial)?;
    let fitted = match trial.steps_to_fit() {
        Some(steps) => format!("99 % of the training set fitted after {steps} steps"),
        None => "99 % of the training set were not fitted".into(),
    };
    Ok(Summary {
        lines: vec![
            format!("{} on {name}, {}, {} images", config.model, config.corruption.title(), trial.examples),
            format!(
                "training accuracy {:.2} % (as labelled), test accuracy {:.2} %",
                100.0 * trial.train_accuracy,
                100.0 * trial.test_accuracy
            ),
            format!("{fitted}; {} steps, {} epochs in all", trial.steps(), trial.curve.len()),
            format!(
                "in {}: {MODEL_FILE}, trial.json, checkpoint.safetensors, record.jsonl",
                job.out.display()
            ),
        ],
        json: json!({
            "dataset": name,
            "config": config,
            "trial": trial,
            "wall_s": seconds,
            "threads": context.threads,
            "out": job.out,
        }),
    })
}

pub(super) fn eval(args: &EvalArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let file = job.out.join(MODEL_FILE);
    let again = "give with --out the folder of a finished `train`";
    if !file.is_file() {
        return Err(format!("{} does not exist: {again}", file.display()).into());
    }
    let SavedTensors { tensors: weights, note } = load_safetensors(&file)?;
    let note: RunNote = note
        .and_then(|note| serde_json::from_str(&note).ok())
        .ok_or_else(|| format!("{} does not say which run it is of: {again}", file.display()))?;
    let config = note.config;
    let of_file = |why: String| format!("{}: {why}", file.display());
    config.validate().map_err(|why| of_file(why.to_string()))?;
    let mut network = config.build(job.context.device)?;
    network.load_weights(&weights).map_err(|why| of_file(why.to_string()))?;
    let (train, test) = lab(&job.context, &note.dataset)?.views(&config)?;
    let labels = if args.corrupted { TestLabels::Corrupted } else { TestLabels::Clean };
    let train = Corrupted::new(&train, config.corruption, Part::Train, config.seed)?;
    let test = train.test_of(&test, labels);
    let images = crate::Examples::len(&test);
    let (loss, accuracy) = score(&*network, &test, images)?;
    let kind = if args.corrupted { "corrupted" } else { "clean" };
    Ok(Summary {
        lines: vec![format!(
            "{}: test accuracy {:.2} % of {images} images, {kind} labels",
            note.dataset,
            100.0 * accuracy
        )],
        json: json!({
            "dataset": note.dataset,
            "test_labels": labels,
            "accuracy": accuracy,
            "loss": loss,
            "images": images,
            "config": config,
        }),
    })
}

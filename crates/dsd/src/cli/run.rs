//! `train` and `eval`.

use datasets::image_sets::SYNTHETIC;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    cli::{CliError, Job, Summary},
    nn::state::{load_safetensors, save_safetensors, SavedTensors},
    train::{Progress, Storage},
};

use super::TrainArgs;
use crate::{
    experiment::{Lab, Part, Setting, BRACKETS},
    DsdConfig, Kind, Model,
};

/// The weights in a run's folder.
const MODEL_FILE: &str = "model.safetensors";

/// What `eval` needs to know of a run, and what a checkpoint must share to be resumed. It is kept beside the weights, in
/// the same file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RunNote {
    dataset: String,
    setting: Setting,
    config: DsdConfig,
}

pub(super) fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let context = &job.context;
    // cheap mistakes are found before the data is read
    let (setting, config) = (args.setting(), args.config(context.seed)?);
    let dataset = dataset(args, context.dataset.as_deref().unwrap_or(SYNTHETIC))?;
    let lab = Lab::open(context, setting.clone(), &dataset)?;
    let note = RunNote { dataset: dataset.clone(), setting: setting.clone(), config: config.clone() };
    let storage = Storage {
        folder: job.out.clone(),
        every_steps: args.checkpoint_every,
        resume: job.resume,
        config: serde_json::to_value(&note)?,
    };
    let steps = lab.subject(context.seed)?.examples().div_ceil(setting.batch).saturating_mul(config.epochs());
    context.progress.start(&format!("steps on {dataset}"), steps as u64);
    let mut tell = |told: Progress<'_>| match told {
        Progress::Resumed(at) => {
            context.progress.note(&format!("resumed after epoch {} at step {}", at.epoch, at.step));
            context.progress.advance(at.step as u64);
        }
        Progress::Epoch(line) => {
            context.progress.note(&format!("epoch {}: loss {:.5}", line.epoch, line.train_loss));
        }
    };
    let started = std::time::Instant::now();
    let (run, subject) = lab.train_all(&config, storage, &mut tell, &mut || context.progress.advance(1))?;
    let seconds = started.elapsed().as_secs_f64();
    save_safetensors(job.out.join(MODEL_FILE), &subject.weights(), Some(&serde_json::to_string(&note)?))?;
    job.write_json("run.json", &run)?;
    let mut lines = vec![format!("{} on {dataset}, {} examples", setting.model, subject.examples())];
    for (phase, end) in config.phases.iter().zip(&run.phases) {
        let kind = match phase.kind {
            Kind::Dense => "dense".to_owned(),
            Kind::Sparse(_) => format!("sparse, {:.1} % of weights 0", 100.0 * end.achieved.sparsity()),
        };
        lines.push(format!(
            "{} epochs {kind}: training loss {:.4}, test loss {:.4}, test error {:.2} %",
            phase.epochs,
            end.train.loss,
            end.test.loss,
            100.0 * end.test.error
        ));
    }
    lines.push(format!(
        "in {}: {MODEL_FILE}, run.json, checkpoint.safetensors, record.jsonl",
        job.out.display()
    ));
    Ok(Summary {
        lines,
        json: json!({
            "dataset": dataset,
            "setting": setting,
            "config": config,
            "run": run,
            "wall_s": seconds,
            "threads": context.threads,
            "out": job.out,
        }),
    })
}

/// The data set that the flags name: a file's whole path for a text, and brackets where the lstm is given nothing.
fn dataset(args: &TrainArgs, named: &str) -> Result<String, CliError> {
    match &args.text {
        Some(_) if named != SYNTHETIC => {
            Err(format!("both --text and --dataset {named} are given: leave one of them out").into())
        }
        Some(file) => {
            let whole =
                std::path::absolute(file).map_err(|why| format!("--text {}: {why}", file.display()))?;
            Ok(whole.to_string_lossy().into_owned())
        }
        None if args.model == Model::Lstm && named == SYNTHETIC => Ok(BRACKETS.into()),
        None => Ok(named.into()),
    }
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
    note.setting.validate().map_err(|why| of_file(why.to_string()))?;
    let lab = Lab::open(&job.context, note.setting, &note.dataset)?;
    let mut subject = lab.subject(note.config.seed)?;
    subject.set_weights(&weights).map_err(|why| of_file(why.to_string()))?;
    let score = subject.score(Part::Test)?;
    let zeros: usize = weights.iter().map(|t| t.values().iter().filter(|w| **w == 0.0).count()).sum();
    let all: usize = weights.iter().map(|t| t.values().len()).sum();
    Ok(Summary {
        lines: vec![format!(
            "{} on {}: test loss {:.4}, test error {:.2} %; {zeros} of {all} numbers are 0",
            lab.setting().model,
            note.dataset,
            score.loss,
            100.0 * score.error
        )],
        json: json!({
            "dataset": note.dataset,
            "model": lab.setting().model,
            "loss": score.loss,
            "error": score.error,
            "zeros": zeros,
            "numbers": all,
        }),
    })
}

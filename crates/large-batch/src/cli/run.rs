//! `train` and `eval`.

#[cfg(feature = "mpi")]
use std::io::Write;

use datasets::{image_sets::SYNTHETIC, pictures::Pictures};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    cli::{CliError, Job, Summary},
    nn::state::{load_safetensors, save_safetensors, NamedTensor, SavedTensors},
    train::{FitPlan, Progress, Record, Storage, RECORD_FILE},
    zoo::LabelledImages,
};

use super::TrainArgs;
use crate::{
    collective::{run_ranks, Collective},
    experiment::{network, Lab, Trial},
    DataParallel, ImageReplica, LargeBatchError, Reduction, StepOutcome, Watch,
};

/// The weights in a run's folder.
const MODEL_FILE: &str = "model.safetensors";

/// What `eval` needs to know of a run, and what a checkpoint must share to be resumed, whatever the number of ranks. It is kept
/// beside the weights, in the same file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RunNote {
    dataset: String,
    trial: Trial,
    drop_last: bool,
    reduction: Reduction,
}

/// What a rank ends with.
struct Ended {
    rank: usize,
    ranks: usize,
    weights: Vec<NamedTensor>,
    steps: usize,
    noise_scale: Option<f64>,
    /// Mean loss and accuracy on the test images; of rank 0.
    score: Option<(f64, f64)>,
}

/// Trains on the threads of this process.
pub(super) fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    // what a run is comes before who shares it out
    args.trial(job.context.seed)?;
    let ranks = args.ranks(job.context.threads)?;
    train_on(args, job, |work| Ok(run_ranks(ranks, args.group.options(), work)?.swap_remove(0)))
}

/// Trains as one rank of the MPI job that this process belongs to.
#[cfg(feature = "mpi")]
pub(super) fn train_mpi(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    if args.ranks.is_some() {
        return Err(
            "--ranks is for threads: the ranks of an MPI job are its processes, as `mpirun -n` has them"
                .into(),
        );
    }
    let tell = |sentence: &str| {
        // nobody is left to tell where even this fails
        let _ = writeln!(std::io::stderr(), "error: {sentence}");
    };
    train_on(args, job, |work| crate::collective::mpi::run(args.group.options(), work, tell))
}

/// What every rank does.
type Work<'a> = &'a (dyn Fn(&mut dyn Collective) -> Result<Ended, LargeBatchError> + Sync);

fn train_on(
    args: &TrainArgs,
    job: &Job<'_>,
    launch: impl FnOnce(Work<'_>) -> Result<Ended, LargeBatchError>,
) -> Result<Summary, CliError> {
    let context = &job.context;
    // cheap mistakes are found before the data is read
    let trial = args.trial(context.seed)?;
    let name = context.dataset.clone().unwrap_or_else(|| SYNTHETIC.into());
    let lab = Lab::on(context, &name, (trial.train, trial.test))?;
    let examples = lab.pictures(trial.model.side())?.0.labels.len();
    let note = RunNote {
        dataset: name.clone(),
        trial: trial.clone(),
        drop_last: args.drop_last,
        reduction: args.reduction,
    };
    let steps = match args.drop_last {
        true => (examples / trial.batch()).max(1),
        false => trial.steps(examples),
    };
    context.progress.start(&format!("steps on {name}"), steps.saturating_mul(trial.epochs) as u64);
    let started = std::time::Instant::now();
    let ended = launch(&|group: &mut dyn Collective| rank(group, args, job, &lab, &note, steps))?;
    let seconds = started.elapsed().as_secs_f64();
    let Ended { rank, ranks, weights, steps, noise_scale, score } = ended;
    if rank != 0 {
        // rank 0 tells for all
        return Ok(Summary { lines: Vec::new(), json: json!({ "rank": rank, "ranks": ranks }) });
    }
    save_safetensors(job.out.join(MODEL_FILE), &weights, Some(&serde_json::to_string(&note)?))?;
    // of the whole run, and not only of what came after a resume
    let epochs = Record::read(&job.out.join(RECORD_FILE))?;
    let last = epochs.last().map_or(String::new(), |line| format!("training loss {:.4}, ", line.train_loss));
    let (loss, accuracy) = score.unwrap_or((f64::NAN, f64::NAN));
    let noise = noise_scale.map_or(String::from("not found"), |b| format!("{b:.0} images"));
    Ok(Summary {
        lines: vec![
            format!(
                "{} on {name}, {examples} images; {} workers of {} on {ranks} ranks: kn = {}",
                trial.model,
                trial.workers,
                trial.per_worker,
                trial.batch()
            ),
            format!(
                "{} epochs, {steps} steps: {last}test loss {loss:.4}, test error {:.2} %",
                trial.epochs,
                100.0 * (1.0 - accuracy)
            ),
            format!("gradient noise scale {noise}: far larger minibatches than that save no steps"),
            format!("in {}: {MODEL_FILE}, checkpoint.safetensors, record.jsonl", job.out.display()),
        ],
        json: json!({
            "dataset": name,
            "trial": trial,
            "ranks": ranks,
            "epochs": epochs,
            "steps": steps,
            "noise_scale": noise_scale,
            "test_loss": loss,
            "test_error": 1.0 - accuracy,
            "wall_s": seconds,
            "threads": context.threads,
            "out": job.out,
        }),
    })
}

/// One rank's part.
fn rank(
    group: &mut dyn Collective,
    args: &TrainArgs,
    job: &Job<'_>,
    lab: &Lab,
    note: &RunNote,
    steps: usize,
) -> Result<Ended, LargeBatchError> {
    let trial = &note.trial;
    let parts = lab.pictures(trial.model.side())?;
    let (train, test) = (&parts.0, &parts.1);
    let replica = ImageReplica { network: network(trial, lab.device())?, images: labelled(train) };
    labelled(train).check(&*replica.network)?;
    labelled(test).check(&*replica.network)?;
    let mut parallel = DataParallel::new(replica, trial.per_worker, note.reduction)?;
    let config = serde_json::to_value(note).map_err(|why| LargeBatchError::Training(why.to_string()))?;
    let settings = config.to_string();
    let storage =
        Storage { folder: job.out.clone(), every_steps: args.checkpoint_every, resume: job.resume, config };
    let first = group.rank() == 0;
    let plan = FitPlan {
        epochs: trial.epochs,
        batch_size: trial.batch(),
        drop_last: note.drop_last,
        seed: trial.seed,
        storage: Some(storage),
        follows: !first,
        ..FitPlan::default()
    };
    let schedule = trial.scaling.schedule(trial.batch(), steps)?;
    let progress = job.context.progress;
    let mut tell = |told: Progress<'_>| match told {
        _ if !first => {}
        Progress::Resumed(at) => {
            progress.note(&format!("resumed after epoch {} at step {}", at.epoch, at.step));
            progress.advance(at.step as u64);
        }
        Progress::Epoch(line) => {
            progress.note(&format!("epoch {}: loss {:.5}", line.epoch, line.train_loss));
        }
    };
    let mut watch = Count { first, job };
    let examples = train.labels.len();
    let (fitted, noise) =
        crate::train(&mut parallel, group, examples, &plan, &schedule, &settings, &mut watch, &mut tell)?;
    let network = &*parallel.replica.network;
    let score = if first { Some(labelled(test).score(network)?) } else { None };
    Ok(Ended {
        rank: group.rank(),
        ranks: group.size(),
        weights: network.weights(),
        steps: fitted.cursor.step,
        noise_scale: noise.value().filter(|b| b.is_finite()),
        score,
    })
}

fn labelled(pictures: &Pictures) -> LabelledImages<'_> {
    LabelledImages { pixels: &pictures.pixels, labels: &pictures.labels }
}

/// Moves the bar, on rank 0.
struct Count<'a> {
    first: bool,
    job: &'a Job<'a>,
}

impl<R> Watch<R> for Count<'_> {
    fn step(&mut self, _: usize, _: f64, _: &StepOutcome) -> Result<(), LargeBatchError> {
        if self.first {
            self.job.context.progress.advance(1);
        }
        Ok(())
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
    let trial = &note.trial;
    trial.validate().map_err(|why| of_file(why.to_string()))?;
    let lab = Lab::on(&job.context, &note.dataset, (trial.train, trial.test))?;
    let mut network = network(trial, job.context.device)?;
    network.load_weights(&weights).map_err(|why| of_file(why.to_string()))?;
    let (loss, accuracy) = labelled(&lab.pictures(trial.model.side())?.1).score(&*network)?;
    Ok(Summary {
        lines: vec![format!(
            "{} on {}, kn = {}: test loss {loss:.4}, test error {:.2} %",
            trial.model,
            note.dataset,
            trial.batch(),
            100.0 * (1.0 - accuracy)
        )],
        json: json!({
            "dataset": note.dataset,
            "trial": trial,
            "test_loss": loss,
            "test_error": 1.0 - accuracy,
        }),
    })
}

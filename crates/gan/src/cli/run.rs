//! `train` and `eval`.

use datasets::Folder;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use shared::{
    claims::{Context, ImageSheet},
    cli::{write_png, CliError, Job, Summary},
    nn::state::{load_safetensors, save_safetensors, SavedTensors},
    train::{Progress, Storage},
};

use super::{EvalArgs, TrainArgs};
use crate::{
    data::{load_from, Sets, SYNTHETIC},
    experiment::recogniser_of,
    play,
    scores::{image_scores, toy_coverage},
    Examples, Game, Networks, Plan, Recipe, Told,
};

/// The weights in a run's folder.
const MODEL_FILE: &str = "model.safetensors";
/// Samples in a run's folder.
const SAMPLES_FILE: &str = "samples.png";
/// Samples on that sheet, in rows of ten.
const SHOWN: usize = 100;

/// What `eval` needs to know of a run, and what a checkpoint must share to be resumed. It is kept beside the weights, in
/// the same file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RunNote {
    dataset: String,
    limit: Option<usize>,
    networks: Networks,
    recipe: Recipe,
    batch: usize,
    turns: usize,
    seed: u64,
}

fn load(context: &Context<'_>, name: &str) -> Result<Sets, CliError> {
    Ok(load_from(&Folder::new(context.data_dir.as_deref(), context.offline), name)?)
}

/// The networks asked for, or those that fit the examples.
fn networks(asked: Option<Networks>, sets: &Sets) -> Result<Networks, CliError> {
    let (name, width) = (&sets.name, sets.train.width);
    match asked.or_else(|| Networks::for_examples(sets.image)) {
        Some(networks) if networks.width() == width => Ok(networks),
        Some(networks) => Err(format!(
            "the networks {networks} make examples of {} values, and those of {name} have {width}: choose others with \
             --networks, or another --dataset",
            networks.width()
        )
        .into()),
        None => Err(format!(
            "{name} has examples of {width} values, and this program has networks for points, 1 x 28 x 28 and \
             3 x 32 x 32: choose another --dataset"
        )
        .into()),
    }
}

pub(super) fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let context = &job.context;
    let name = context.dataset.clone().unwrap_or_else(|| SYNTHETIC.into());
    // Cheap mistakes are found before the data is read.
    args.recipe(args.networks.unwrap_or_default())?;
    let epochs = args.epochs.unwrap_or(1);
    for (flag, value) in [("--turns", args.turns), ("--batch-size", args.batch_size), ("--epochs", epochs)] {
        if value == 0 {
            return Err(format!("{flag} is 0: it must be at least 1").into());
        }
    }
    if args.limit == Some(0) {
        return Err("--limit is 0: it must be at least 1".into());
    }
    let sets = load(context, &name)?;
    let networks = networks(args.networks, &sets)?;
    let recipe = args.recipe(networks)?;
    let part = args.limit.map_or_else(|| sets.train.clone(), |limit| sets.train.first(limit));
    let turns = match args.epochs {
        None => args.turns,
        Some(epochs) => {
            epochs.saturating_mul(part.len().div_ceil(args.batch_size.saturating_mul(recipe.critic_steps)))
        }
    };
    let note = RunNote {
        dataset: name.clone(),
        limit: args.limit,
        networks,
        recipe: recipe.clone(),
        batch: args.batch_size,
        turns,
        seed: context.seed,
    };
    let storage = Storage {
        folder: job.out.clone(),
        every_steps: args.checkpoint_every,
        resume: job.resume,
        config: serde_json::to_value(&note)?,
    };
    let plan = Plan {
        steps: turns,
        batch: args.batch_size,
        seed: context.seed,
        watch: args.watch,
        storage: Some(storage),
    };
    let mut game = networks.game(context.device, &recipe, context.seed)?;
    context.progress.start(&format!("turns on {name}"), turns as u64);
    let mut warnings = 0;
    let mut tell = |told: Told<'_>| {
        match told {
            Told::Loop(Progress::Resumed(at)) => {
                context.progress.note(&format!("resumed after epoch {} at turn {}", at.epoch, at.step));
                context.progress.advance(at.step as u64);
            }
            Told::Loop(Progress::Epoch(line)) => {
                let (epoch, loss) = (line.epoch, line.train_loss);
                context.progress.note(&format!("epoch {epoch}: loss of the discriminator {loss:.5}"));
            }
            Told::Turn(..) => context.progress.advance(1),
            Told::Warning(turn, warning) => {
                warnings += 1;
                context.progress.note(&format!("turn {turn}: {warning}"));
            }
        }
        Ok(())
    };
    let started = std::time::Instant::now();
    let examples = Examples { values: &part.values, labels: &part.labels };
    let fitted = play(&mut *game, &examples, &plan, &mut tell)?;
    let seconds = started.elapsed().as_secs_f64();
    save_safetensors(job.out.join(MODEL_FILE), &game.weights()?, Some(&serde_json::to_string(&note)?))?;
    let mut files = vec![MODEL_FILE, "checkpoint.safetensors", "record.jsonl"];
    if let Some(sheet) = samples_sheet(&*game, &sets, networks)? {
        write_png(&job.out.join(SAMPLES_FILE), &sheet, 2)?;
        files.push(SAMPLES_FILE);
    }
    Ok(Summary {
        lines: vec![
            format!(
                "{networks} on {name}: {} turns, {} epochs of {} examples",
                fitted.cursor.step,
                fitted.cursor.epoch,
                part.len()
            ),
            format!("{warnings} warnings of collapse, saturation or divergence"),
            format!("in {}: {}", job.out.display(), files.join(", ")),
            "the test part has not been read: run `eval` with the same --out".into(),
        ],
        json: json!({
            "dataset": name,
            "networks": networks,
            "recipe": recipe,
            "turns": fitted.cursor.step,
            "epochs": fitted.epochs,
            "warnings": warnings,
            "wall_s": seconds,
            "threads": context.threads,
            "out": job.out,
        }),
    })
}

/// Samples in rows of ten, each column a class where there are classes.
fn samples_sheet(game: &dyn Game, sets: &Sets, networks: Networks) -> Result<Option<ImageSheet>, CliError> {
    let Some((channels, side)) = sets.image else { return Ok(None) };
    let labels: Vec<usize> = (0..SHOWN).map(|i| i % networks.classes().max(1)).collect();
    let samples = game.draw(SHOWN, &labels, 0)?;
    let unit: Vec<f32> = samples.iter().map(|v| 0.5 * (v + 1.0)).collect();
    let columns: Vec<String> =
        (0..10).map(|k| if networks.classes() > 0 { k.to_string() } else { String::new() }).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let title = format!("samples of {networks} on {}", sets.name);
    let mut sheet = match channels {
        3 => ImageSheet::rgb(&title, side, side, &columns)?,
        _ => ImageSheet::grey(&title, side, side, &columns)?,
    };
    for row in unit.chunks(10 * channels * side * side) {
        sheet = sheet.unit_row("", row)?;
    }
    Ok(Some(sheet))
}

pub(super) fn eval(args: &EvalArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let file = job.out.join(MODEL_FILE);
    let again = "give with --out the folder of a finished `train`";
    if !file.is_file() {
        return Err(format!("{} does not exist: {again}", file.display()).into());
    }
    if !(100..=100_000).contains(&args.samples) {
        return Err(format!("--samples is {}: it takes 100 to 100000", args.samples).into());
    }
    let SavedTensors { tensors: weights, note } = load_safetensors(&file)?;
    let note: RunNote = note
        .and_then(|note| serde_json::from_str(&note).ok())
        .ok_or_else(|| format!("{} does not say which run it is of: {again}", file.display()))?;
    let of_file = |why: String| format!("{}: {why}", file.display());
    note.recipe.validate().map_err(|why| of_file(why.to_string()))?;
    let mut game = note.networks.game(job.context.device, &note.recipe, note.seed)?;
    game.take_weights(&weights).map_err(|why| of_file(why.to_string()))?;
    let sets = load(&job.context, &note.dataset)?;
    networks(Some(note.networks), &sets)?;
    let classes = note.networks.classes();
    let labels: Vec<usize> = (0..args.samples).map(|i| i % classes.max(1)).collect();
    let samples = game.draw(args.samples, &labels, 1)?;
    let count = args.samples;
    let (lines, found): (Vec<String>, Value) = match (toy_coverage(&sets, &samples)?, sets.image) {
        (Some(c), _) => {
            let modes = c.counts.len();
            let share = 100.0 * c.high_quality;
            let lines = vec![
                format!(
                    "{count} samples: {} of {modes} modes, {} with at least 20 samples",
                    c.modes_1, c.modes_20
                ),
                format!("{share:.1} % within three deviations of a mode; reverse KL {:.4}", c.reverse_kl),
            ];
            (lines, serde_json::to_value(&c)?)
        }
        (None, Some((1, 28))) => {
            let recogniser = recogniser_of(&sets, 3)?;
            let scores = image_scores(&recogniser, &sets.test, &samples)?;
            let mut lines = vec![
                format!(
                    "{count} samples: Fréchet distance {:.2}, classifier score {:.2} of 10",
                    scores.frechet, scores.classifier_score
                ),
                format!(
                    "precision {:.3}, recall {:.3}, kernel distance {:.4}",
                    scores.precision, scores.recall, scores.kernel
                ),
            ];
            let mut found = serde_json::to_value(scores)?;
            if classes > 0 {
                let told = recogniser.look(&samples)?.classes();
                let right = told.iter().zip(&labels).filter(|(a, b)| a == b).count();
                let share = right as f64 / count as f64;
                lines.push(format!("{:.2} % are of the class asked for", 100.0 * share));
                found["as_asked"] = json!(share);
            }
            (lines, found)
        }
        (None, _) => return Err("images of 32 x 32 have no measure here yet: look at samples.png".into()),
    };
    Ok(Summary {
        lines: lines.into_iter().map(|line| format!("{}: {line}", note.dataset)).collect(),
        json: json!({ "dataset": note.dataset, "networks": note.networks, "samples": count, "found": found, "recipe": note.recipe }),
    })
}

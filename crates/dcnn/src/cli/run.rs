//! `train` and `eval`.

use datasets::splits::{random_thirds, Split};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    claims::{atomic_write, Context},
    cli::{CliError, Job, Summary},
    train::{Progress, Storage},
};

use super::{EvalArgs, PartArg, TrainArgs};
use crate::{
    baselines::Scores, data::Source, Config, Dcnn, DcnnError, Examples, RunOptions, SavedDcnn, SYNTHETIC,
};

/// The weights in a run's folder.
const MODEL_FILE: &str = "model.safetensors";
/// What the run was, for `eval`.
const RUN_FILE: &str = "run.json";

/// What `eval` needs to know of a run, and what a checkpoint must share to be resumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RunNote {
    dataset: String,
    config: Config,
}

/// Examples with their labels, before any setting is applied.
enum Data {
    Nodes(crate::NodeData),
    Graphs(crate::GraphData),
}

impl Data {
    fn load(name: &str, context: &Context<'_>) -> Result<Self, DcnnError> {
        let source = Source::new(context.data_dir.as_deref(), context.offline);
        match name.strip_prefix("tu:") {
            Some(set) => source.graphs(set).map(Data::Graphs),
            None => source.nodes(name).map(Data::Nodes),
        }
    }

    fn labels(&self) -> &[usize] {
        match self {
            Data::Nodes(nodes) => &nodes.labels,
            Data::Graphs(graphs) => &graphs.labels,
        }
    }

    fn classes(&self) -> usize {
        match self {
            Data::Nodes(nodes) => nodes.classes,
            Data::Graphs(graphs) => graphs.classes,
        }
    }

    fn preset(&self, split: &Split) -> Config {
        match self {
            Data::Nodes(_) => Config::default(),
            Data::Graphs(_) => Config::graphs(split.train.len()),
        }
    }

    fn examples(&self, config: &Config) -> Result<Examples, DcnnError> {
        match self {
            Data::Nodes(nodes) => Examples::nodes(&nodes.adjacency, &nodes.features, config),
            Data::Graphs(graphs) => Examples::graphs(&graphs.graphs, config),
        }
    }
}

pub(super) fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let context = &job.context;
    let name = context.dataset.clone().unwrap_or_else(|| SYNTHETIC.into());
    // Cheap mistakes are found before the data is read.
    args.config(Config::default(), context.seed)?;
    let data = Data::load(&name, context)?;
    let split = random_thirds(data.labels().len(), context.seed)?;
    let config = args.config(data.preset(&split), context.seed)?;
    let note = RunNote { dataset: name.clone(), config: config.clone() };
    let storage = Storage {
        folder: job.out.clone(),
        every_steps: args.checkpoint_every,
        resume: job.resume,
        config: serde_json::to_value(&note)?,
    };
    let examples = data.examples(&config)?;
    let options = RunOptions { device: context.device, storage: Some(storage) };
    context.progress.start(&format!("epochs on {name}"), config.epochs as u64);
    let mut tell = |progress: Progress<'_>| match progress {
        Progress::Resumed(at) => {
            context.progress.note(&format!("resumed after epoch {} at step {}", at.epoch, at.step));
            context.progress.advance(at.epoch as u64);
        }
        Progress::Epoch(_) => context.progress.advance(1),
    };
    let dcnn = Dcnn::fit_examples(examples, data.labels(), &split, &config, &options, &mut tell)?;
    dcnn.save(&job.out.join(MODEL_FILE))?;
    atomic_write(&job.out.join(RUN_FILE), &serde_json::to_vec_pretty(&note)?)?;
    let predicted = dcnn.predict(&split.validation)?;
    let validation = score(&predicted, &split.validation, &data)?;
    let epochs = dcnn.fitted().cursor.epoch;
    let stopped = if dcnn.fitted().stopped_early { " (stopped early)" } else { "" };
    Ok(Summary {
        lines: vec![
            format!("{name}: {epochs} epochs{stopped}, {} steps", dcnn.fitted().cursor.step),
            format!("validation accuracy {:.4}, macro-F1 {:.4}", validation.accuracy, validation.macro_f1),
            format!(
                "in {}: {MODEL_FILE}, checkpoint.safetensors, record.jsonl, {RUN_FILE}",
                job.out.display()
            ),
            "the test part has not been read: run `eval` with the same --out".into(),
        ],
        json: json!({
            "dataset": name,
            "epochs": epochs,
            "steps": dcnn.fitted().cursor.step,
            "stopped_early": dcnn.fitted().stopped_early,
            "validation": validation,
            "out": job.out,
            "config": config,
        }),
    })
}

pub(super) fn eval(args: &EvalArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let file = job.out.join(RUN_FILE);
    let text = std::fs::read_to_string(&file).map_err(|why| {
        format!("cannot read {} ({why}): give with --out the folder of a finished `train`", file.display())
    })?;
    let note: RunNote = serde_json::from_str(&text).map_err(|why| {
        format!(
            "{} is not a run of this program ({why}): give with --out the folder of a finished `train`",
            file.display()
        )
    })?;
    let model = SavedDcnn::load(&job.out.join(MODEL_FILE), job.context.device)?;
    if *model.config() != note.config {
        // A `train` over an older run that was killed between the two files.
        let (out, resume) = (job.out.display(), "run the same `train` again with --resume");
        return Err(format!("{MODEL_FILE} and {RUN_FILE} in {out} are of different runs: {resume}").into());
    }
    let data = Data::load(&note.dataset, &job.context)?;
    let split = random_thirds(data.labels().len(), note.config.seed)?;
    let (part, members) = match args.part {
        PartArg::Train => ("training", &split.train),
        PartArg::Validation => ("validation", &split.validation),
        PartArg::Test => ("test", &split.test),
    };
    let predicted = model.predict(&data.examples(model.config())?, members)?;
    let scores = score(&predicted, members, &data)?;
    Ok(Summary {
        lines: vec![format!(
            "{}: {part} accuracy {:.4}, micro-F1 {:.4}, macro-F1 {:.4} on {} examples",
            note.dataset,
            scores.accuracy,
            scores.micro_f1,
            scores.macro_f1,
            members.len()
        )],
        json: json!({
            "dataset": note.dataset,
            "part": args.part,
            "examples": members.len(),
            "scores": scores,
            "config": note.config,
        }),
    })
}

fn score(predicted: &[usize], members: &[usize], data: &Data) -> Result<Scores, DcnnError> {
    let truth: Vec<usize> = members.iter().map(|e| data.labels()[*e]).collect();
    Ok(Scores::of(predicted, &truth, data.classes())?)
}

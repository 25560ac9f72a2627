//! `train`, `eval` and `generate`.

use std::{path::Path, time::Instant};

use datasets::{
    graph_file::write_edge_list,
    matrix_file::{write_features, write_labels, FeatureFile},
    splits::random_thirds,
    MAX_DENSE_ENTRIES,
};
use dcnn::{baselines::Scores, RunOptions, Source};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    claims::{atomic_write, Context},
    cli::{CliError, Job, Summary},
    device::memory::peak_bytes,
    train::{Progress, Storage},
};

use super::{EvalArgs, FileArgs, GenerateArgs, PartArg, TrainArgs};
use crate::{
    data::{load_files, load_named, random_edges, random_features, GraphData, GraphFiles},
    estimate_sparse, examples, plan, Bytes, CheckedConfig, Config, Features, Graph, MemoryPlan,
    SavedSparseDcnn, Sizes, SparseDcnn, SparseError,
};

/// The weights in a run's folder.
const MODEL_FILE: &str = "model.safetensors";
/// What the run was, for `eval`.
const RUN_FILE: &str = "run.json";
/// Rows by which the entries of a sparse diffusion are estimated.
const SAMPLES: usize = 2000;

/// What `eval` needs to know of a run, and what a checkpoint must share to be resumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RunNote {
    dataset: String,
    files: FileArgs,
    config: Config,
}

impl FileArgs {
    /// The files of a graph, if one was given.
    pub(super) fn files(&self, max_bytes: Option<u64>) -> Option<GraphFiles<'_>> {
        self.graph.as_deref().map(|graph| GraphFiles {
            graph,
            features: self.features.as_deref(),
            labels: self.labels.as_deref(),
            directed: self.directed,
            max_bytes,
        })
    }

    /// Every file that was given.
    fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.graph, &self.features, &self.labels].into_iter().filter_map(|path| path.as_deref())
    }
}

pub(super) fn source(context: &Context<'_>) -> Source {
    Source::new(context.data_dir.as_deref(), context.offline)
}

fn load(
    files: &FileArgs,
    name: &str,
    context: &Context<'_>,
    max: Option<u64>,
) -> Result<GraphData, SparseError> {
    match files.files(max) {
        Some(files) => load_files(&files),
        None => load_named(name, &source(context)),
    }
}

/// Where the graph of a run comes from, as its files and messages name it.
pub(super) fn dataset_name(files: &FileArgs, context: &Context<'_>) -> Result<String, CliError> {
    let set = context.dataset.as_deref().unwrap_or(dcnn::SYNTHETIC);
    let Some(graph) = &files.graph else { return Ok(set.into()) };
    let graph = graph.display().to_string();
    // The embedded set is what the flag says when it was not given.
    if set != dcnn::SYNTHETIC {
        return Err(format!("--graph {graph} and --dataset {set} are two graphs: give one of them").into());
    }
    Ok(graph)
}

/// Makes the folder of a verb that does not own it.
pub(super) fn make_folder(folder: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).map_err(|why| {
        let folder = folder.display();
        format!("cannot make folder {folder} ({why}): pass an --out that can be written to").into()
    })
}

pub(super) fn train(args: &TrainArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let context = &job.context;
    let name = dataset_name(&args.files, context)?;
    if args.files.graph.is_some() && args.files.labels.is_none() && !args.dry_run {
        return Err(
            "a graph of your own needs labels to train on: give --labels FILE, one label a line".into()
        );
    }
    let config = args.config(context.seed)?;
    let note = RunNote { dataset: name.clone(), files: args.files.clone(), config: config.clone() };
    let storage = Storage {
        folder: job.out.clone(),
        every_steps: args.checkpoint_every,
        resume: job.resume,
        config: serde_json::to_value(&note)?,
    };
    let config = config.validate()?;
    let allowed = args.max_memory.map(|bytes| bytes.0);

    let mut clock = Clock::start();
    let GraphData { adjacency, features, labels, classes, .. } = load(&args.files, &name, context, allowed)?;
    clock.lap("load");
    let entries = adjacency.nnz() as u64;
    let graph = Graph::new(adjacency, &config)?;
    let planned = plan(&sizes(&graph, entries, &features, &config, context.threads));
    if args.dry_run {
        return Ok(dry_run(&name, &graph, entries, &planned, &config));
    }
    planned.check(allowed)?;
    let split = random_thirds(labels.len(), context.seed)?;
    clock.lap("prepare");
    let options = RunOptions { device: context.device, storage: Some(storage) };
    context.progress.start(&format!("epochs on {name}"), config.network.epochs as u64);
    let mut tell = |progress: Progress<'_>| match progress {
        Progress::Resumed(at) => {
            context.progress.note(&format!("resumed after epoch {} at step {}", at.epoch, at.step));
            context.progress.advance(at.epoch as u64);
        }
        Progress::Epoch(_) => context.progress.advance(1),
    };
    let examples = examples(&graph, features, &config)?;
    clock.lap("diffuse");
    let nnz = examples.diffused().nnz();
    let model = SparseDcnn::fit_examples(graph, examples, &labels, &split, &config, &options, &mut tell)?;
    clock.lap("train");
    model.save(&job.out.join(MODEL_FILE))?;
    atomic_write(&job.out.join(RUN_FILE), &serde_json::to_vec_pretty(&note)?)?;
    let predicted = model.predict(&split.validation)?;
    clock.lap("predict");
    let validation = score(&predicted, &split.validation, &labels, classes)?;
    let fitted = model.fitted();
    let stopped = if fitted.stopped_early { " (stopped early)" } else { "" };
    let peak = peak_bytes();
    let told = |bytes: Option<u64>| bytes.map_or("unknown here".into(), |b| Bytes(b).to_string());
    Ok(Summary {
        lines: vec![
            format!("{name}: {} epochs{stopped}, {} steps", fitted.cursor.epoch, fitted.cursor.step),
            format!("validation accuracy {:.4}, macro-F1 {:.4}", validation.accuracy, validation.macro_f1),
            format!("memory: planned {}, peak {}", Bytes(planned.total()), told(peak)),
            format!(
                "in {}: {MODEL_FILE}, checkpoint.safetensors, record.jsonl, {RUN_FILE}",
                job.out.display()
            ),
            "the test part has not been read: run `eval` with the same --out".into(),
        ],
        json: json!({
            "dataset": name,
            "nodes": labels.len(),
            "entries": entries,
            "diffused_entries": nnz,
            "epochs": fitted.cursor.epoch,
            "steps": fitted.cursor.step,
            "stopped_early": fitted.stopped_early,
            "validation": validation,
            "memory": { "planned_bytes": planned.total(), "peak_bytes": peak, "plan": planned },
            "seconds": clock.laps,
            "threads": context.threads,
            "out": job.out,
            "config": &*config,
        }),
    })
}

/// The sizes of a run on this graph.
fn sizes(graph: &Graph, entries: u64, features: &Features, config: &CheckedConfig, threads: usize) -> Sizes {
    let bias = config.network.bias_feature;
    let sparse = match features {
        Features::Sparse(x) if x.rows() == graph.nodes() => {
            Some(estimate_sparse(&graph.powers(), x, bias, SAMPLES))
        }
        _ => None,
    };
    Sizes {
        nodes: graph.nodes(),
        entries,
        hops: config.network.hops,
        threshold: config.sparsify.threshold,
        features: features.columns(),
        sparse,
        threads,
    }
}

fn dry_run(name: &str, graph: &Graph, entries: u64, planned: &MemoryPlan, config: &CheckedConfig) -> Summary {
    let mut lines = vec![format!(
        "{name}: {} nodes, {entries} entries of the adjacency matrix, {} hops, threshold {}",
        graph.nodes(),
        config.network.hops,
        config.sparsify.threshold
    )];
    lines.extend(planned.parts().map(|(part, bytes)| format!("{:>12}  {part}", Bytes(bytes).to_string())));
    lines.push(format!("{:>12}  in all; nothing was trained", Bytes(planned.total()).to_string()));
    let json = json!({
        "dataset": name,
        "nodes": graph.nodes(),
        "entries": entries,
        "memory": { "planned_bytes": planned.total(), "plan": planned },
        "config": &**config,
    });
    Summary { lines, json }
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
    if let Some(gone) = note.files.paths().find(|path| !path.exists()) {
        return Err(format!(
            "{} was trained on {}, which is not there: put it back, or start in the folder in which `train` started",
            job.out.display(),
            gone.display()
        )
        .into());
    }
    let model = SavedSparseDcnn::load(&job.out.join(MODEL_FILE), job.context.device)?;
    if **model.config() != note.config {
        // A `train` over an older run that was killed between the two files.
        let (out, resume) = (job.out.display(), "run the same `train` again with --resume");
        return Err(format!("{MODEL_FILE} and {RUN_FILE} in {out} are of different runs: {resume}").into());
    }
    let GraphData { adjacency, features, labels, classes, .. } =
        load(&note.files, &note.dataset, &job.context, None)?;
    let split = random_thirds(labels.len(), note.config.network.seed)?;
    let (part, members) = match args.part {
        PartArg::Train => ("training", &split.train),
        PartArg::Validation => ("validation", &split.validation),
        PartArg::Test => ("test", &split.test),
    };
    let graph = Graph::new(adjacency, model.config())?;
    let predicted = model.predict(&examples(&graph, features, model.config())?, members)?;
    let scores = score(&predicted, members, &labels, classes)?;
    Ok(Summary {
        lines: vec![format!(
            "{}: {part} accuracy {:.4}, micro-F1 {:.4}, macro-F1 {:.4} on {} nodes",
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

fn score(
    predicted: &[usize],
    members: &[usize],
    labels: &[usize],
    classes: usize,
) -> Result<Scores, SparseError> {
    let truth: Vec<usize> = members.iter().map(|e| labels[*e]).collect();
    Ok(Scores::of(predicted, &truth, classes).map_err(dcnn::DcnnError::from)?)
}

pub(super) fn generate(args: &GenerateArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let GenerateArgs { nodes, degree, features, classes } = *args;
    let limits = [
        ("--nodes", nodes, 1, u32::MAX as usize - 1),
        ("--degree", degree, 1, 1 << 16),
        ("--features", features, 1, 1 << 16),
        ("--classes", classes, 1, nodes),
    ];
    for (flag, value, low, high) in limits {
        if !(low..=high).contains(&value) {
            return Err(format!("{flag} is {value}: it must be from {low} to {high}").into());
        }
    }
    if nodes * features > MAX_DENSE_ENTRIES {
        return Err(format!(
            "--nodes {nodes} with --features {features} are {} values, and `train` reads at most {MAX_DENSE_ENTRIES}: \
             give fewer features",
            nodes * features
        )
        .into());
    }
    let seed = job.context.seed;
    make_folder(&job.out)?;
    let file = |name: &str| job.out.join(name);
    job.context.progress.start("files", 3);
    write_edge_list(
        &file("graph.txt"),
        random_edges(nodes, degree, classes, seed).map(|(a, b)| (a, b, None)),
    )?;
    job.context.progress.advance(1);
    let values = random_features(nodes, features, classes, seed);
    write_features(&file("features.mtx"), &FeatureFile::Dense { rows: nodes, columns: features, values })?;
    job.context.progress.advance(1);
    let labels: Vec<usize> = (0..nodes).map(|i| crate::data::class_of(i, nodes, classes)).collect();
    write_labels(&file("labels.txt"), &labels)?;
    job.context.progress.advance(1);
    let command = |out: &Path| {
        let path = |name: &str| out.join(name).display().to_string();
        format!(
            "train --graph {} --features {} --labels {}",
            path("graph.txt"),
            path("features.mtx"),
            path("labels.txt")
        )
    };
    Ok(Summary::new(&json!({
        "nodes": nodes, "degree": degree, "features": features, "classes": classes, "seed": seed, "out": job.out,
    }))?
    .line(format!("{nodes} nodes in {}: graph.txt, features.mtx, labels.txt", job.out.display()))
    .line(format!("next: {}", command(&job.out))))
}

/// How long each part of a run took.
struct Clock {
    last: Instant,
    laps: serde_json::Map<String, serde_json::Value>,
}

impl Clock {
    fn start() -> Self {
        Clock { last: Instant::now(), laps: serde_json::Map::new() }
    }

    fn lap(&mut self, name: &str) {
        let seconds = (self.last.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        self.laps.insert(name.into(), seconds.into());
        self.last = Instant::now();
    }
}

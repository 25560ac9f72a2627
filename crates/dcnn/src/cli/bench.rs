//! The workload that stands beside shared/benches/peers.py.

use std::time::Instant;

use rand::{seq::SliceRandom, Rng};
use shared::{
    cli::{BenchOptions, BenchResult, CliError, Workload},
    graph::{from_edges, Csr},
    nn::Activation,
    train::RunRng,
};

use crate::{network::build, Config, DcnnError, Examples, Init, Labels, Loss};

pub(super) const WORKLOADS: &[Workload] = &[Workload {
    name: "dcnn",
    about: "one epoch over 902 of 2708 nodes with 1433 features, 2 hops, batches of 100, AdaGrad",
    run: dcnn,
}];

const NODES: usize = 2708;
const FEATURES: usize = 1433;
const CLASSES: usize = 7;
const BATCH: usize = 100;
const MEAN_DEGREE: usize = 4;
const WORDS: f64 = 18.0;

fn dcnn(options: &BenchOptions) -> Result<BenchResult, CliError> {
    let mut rng = RunRng::new(options.seed, 0);
    let (adjacency, features) = (skewed_graph(&mut rng)?, words(&mut rng));
    let labels: Vec<usize> = (0..NODES).map(|_| rng.gen_range(0..CLASSES)).collect();
    let mut train: Vec<usize> = (0..NODES).collect();
    train.shuffle(&mut rng);
    train.truncate(NODES / 3);

    // The peer has no bias feature, an untouched output and PyTorch's multi_margin_loss.
    let config = Config {
        bias_feature: false,
        output: Activation::Identity,
        loss: Loss::HingeAll,
        init: Init::Paper,
        seed: options.seed,
        ..Config::default()
    };
    let mut times = Vec::new();
    let mut examples = Examples::nodes(&adjacency, &features, &config)?;
    for _ in 0..options.steps.max(1) {
        let start = Instant::now();
        examples = Examples::nodes(&adjacency, &features, &config)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let diffusion_ms = times[times.len() / 2];

    let labels = Labels::new(&labels);
    let mut network = build(options.device, &config.validate()?, FEATURES, CLASSES)?;
    let result = BenchResult::measure("dcnn", train.len(), options.steps, options.warmup, || {
        for batch in train.chunks(BATCH) {
            network.step(&examples.batch(batch)?, &labels.targets(batch)?)?;
        }
        Ok::<(), DcnnError>(())
    })?;
    let rounded = (diffusion_ms * 100.0).round() / 100.0;
    Ok(result.extra("diffusion_ms", rounded).extra("nnz", examples.diffused().nnz()))
}

/// The peer's graph: uniform sources, targets with a density that falls like 1/√u, so that few nodes have many edges.
fn skewed_graph(rng: &mut RunRng) -> Result<Csr, DcnnError> {
    let edges: Vec<(u32, u32)> = (0..NODES * MEAN_DEGREE / 2)
        .map(|_| {
            let source = rng.gen_range(0..NODES as u32);
            let target = (NODES as f64 * rng.r#gen::<f64>().powi(2)) as u32;
            (source, target.min(NODES as u32 - 1))
        })
        .filter(|(a, b)| a != b)
        .collect();
    Ok(from_edges(NODES, &edges)?)
}

/// The peer's features: each word with the same small chance.
fn words(rng: &mut RunRng) -> Csr {
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    for _ in 0..NODES {
        indices.extend((0..FEATURES as u32).filter(|_| rng.gen_bool(WORDS / FEATURES as f64)));
        indptr.push(indices.len());
    }
    let values = vec![1.0; indices.len()];
    Csr::new((NODES, FEATURES), indptr, indices, values)
}

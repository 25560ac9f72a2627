//! The workloads that stand beside shared/benches/peers.py.

use rand::Rng;
use shared::{
    cli::{BenchOptions, BenchResult, CliError, Workload},
    graph::{from_edges, transition_matrix, Csr, Diffusion, Normalization},
    train::RunRng,
};

use crate::{diffuse, Features, Powers, SparseError, Threshold};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "sparse-dcnn-pre",
        about: "threshold P, then X, PX, P²X of 50,000 nodes of mean degree 8 with 128 features",
        run: |options| run("sparse-dcnn-pre", Threshold::Pre(SIGMA), options),
    },
    Workload {
        name: "sparse-dcnn-post",
        about: "the same by P and P², each thresholded",
        run: |options| run("sparse-dcnn-post", Threshold::Post(SIGMA), options),
    },
    Workload {
        name: "sparse-dcnn-exact",
        about: "the same without a threshold",
        run: |options| run("sparse-dcnn-exact", Threshold::None, options),
    },
];

const NODES: usize = 50_000;
const MEAN_DEGREE: usize = 8;
const FEATURES: usize = 128;
const HOPS: usize = 2;
const SIGMA: f64 = 0.05;

fn run(name: &str, threshold: Threshold, options: &BenchOptions) -> Result<BenchResult, CliError> {
    let mut rng = RunRng::new(options.seed, 0);
    let p = transition_matrix(&skewed_graph(&mut rng)?, Normalization::RANDOM_WALK)?;
    let mut x: Vec<f32> = (0..NODES * FEATURES).map(|_| rng.r#gen()).collect();
    let result = BenchResult::measure(name, NODES, options.steps, options.warmup, || {
        let powers = Powers::new(&p, threshold, HOPS)?;
        let features = Features::Dense { values: std::mem::take(&mut x), columns: FEATURES };
        if let Diffusion::Dense(s) = diffuse(&powers, features)? {
            x = s.into_slices().swap_remove(0);
        }
        Ok::<(), SparseError>(())
    })?;
    let powers = Powers::new(&p, threshold, HOPS)?;
    Ok(result.extra("nnz", crate::count_entries(&powers, 0..NODES)?))
}

/// The peer's graph: uniform sources, targets with a density that falls like 1/√u, so that few nodes have many edges.
fn skewed_graph(rng: &mut RunRng) -> Result<Csr, CliError> {
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

//! Claims that are identities of the method, with no training in them.

use rand::seq::SliceRandom;
use shared::{
    claims::{judge::at_least, judge::at_most, ClaimError, Context, Measured, Table},
    graph::{from_edges, power_series, transition_matrix, Csr},
    train::RunRng,
};

use super::{measured_on, nodes};
use crate::{experiment::isomorphism_error, Config, Examples};

/// The stream of the seed that permutations are drawn from.
const PERMUTATION_STREAM: u64 = 7;

/// A hexagon and two triangles with a constant feature differ as graphs and not as random walks.
pub(super) fn isomorphism(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let data = nodes(context)?;
    let config = Config { hops: 3, ..Config::default() };
    let seeds = context.seeds(3, 5);
    context.progress.start("permutations", seeds.len() as u64);
    let mut worst = 0.0f64;
    for seed in &seeds {
        let mut to: Vec<usize> = (0..data.labels.len()).collect();
        to.shuffle(&mut RunRng::new(*seed, PERMUTATION_STREAM));
        worst = worst.max(isomorphism_error(&data.adjacency, &data.features, &to, &config)?);
        context.progress.advance(1);
    }
    let hexagon = from_edges(6, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)])?;
    let triangles = from_edges(6, &[(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)])?;
    let ones = Csr::new((6, 1), (0..=6).collect(), vec![0; 6], vec![1.0; 6]);
    let graphs = Examples::graphs(&[(hexagon, ones.clone()), (triangles, ones)], &config)?;
    let (a, b) = (graphs.diffused().to_dense_rows(&[0])?, graphs.diffused().to_dense_rows(&[1])?);
    let apart = a.iter().zip(&b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
    Ok(Measured::new(seeds)
        .check(at_most("largest difference after renaming", worst, 1e-6))
        .note(format!(
            "The converse is false: a hexagon and two triangles with equal features get activations {apart} apart."
        ))
        .note(measured_on(&data.name))
        .config(&config)?)
}

pub(super) fn exact_diffusion(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let data = nodes(context)?;
    let config = Config::default();
    let examples = Examples::nodes(&data.adjacency, &data.features, &config)?;
    let p = transition_matrix(&data.adjacency, config.normalization)?;
    let powers = power_series(&p, config.hops)?;
    let x = shared::graph::append_column(&data.features, 1.0)?;
    let mut worst = 0.0f64;
    context.progress.start("rows", data.labels.len() as u64);
    for node in 0..data.labels.len() {
        let ours = examples.diffused().to_dense_rows(&[node])?;
        for (slice, power) in powers.iter().enumerate() {
            let mut exact = vec![0.0f64; x.cols()];
            if let Some(row) = power.outer_view(node) {
                for (l, weight) in row.iter() {
                    if let Some(features) = x.outer_view(l) {
                        for (k, value) in features.iter() {
                            exact[k] += f64::from(*weight) * f64::from(*value);
                        }
                    }
                }
            }
            let ours = &ours[slice * x.cols()..(slice + 1) * x.cols()];
            for (o, e) in ours.iter().zip(&exact) {
                worst = worst.max((f64::from(*o) - e).abs());
            }
        }
        context.progress.advance(1);
    }
    let n = data.labels.len();
    let dense = (n * n * (config.hops + 1) * size_of::<f32>()) as f64;
    let ours = examples.diffused().memory_bytes() as f64;
    let mib = |bytes: f64| format!("{:.1}", bytes / f64::from(1 << 20));
    let table = Table::new("Memory", &["held", "MiB"])
        .row([format!("dense P*, {n} x {} x {n}", config.hops + 1), mib(dense)])
        .row(["P*X, non-zeros only".to_owned(), mib(ours)]);
    Ok(Measured::new(vec![])
        .check(at_most("largest difference from P* times X", worst, 1e-5))
        .check(at_least("times less memory", dense / ours, 2.0))
        .table(table)
        .note(measured_on(&data.name))
        .config(&config)?)
}

//! Claims that a theorem makes, and one that none does.

use shared::{
    claims::{
        judge::{at_least, at_most, every},
        number, ClaimError, Context, Measured, Table,
    },
    graph::Csr,
};

use super::{data, measured_on, SIGMAS};
use crate::{
    bounds::{error_bound, power_bound},
    count_entries, dense_bytes, diffuse,
    experiment::{config, delete_hubs, random_walk, Family},
    pre_threshold, Features, Powers, SparseError, Sparsify, Threshold,
};

const HOPS: usize = 3;

/// The graph asked for and random ones, as transition matrices.
fn matrices(context: &Context<'_>) -> Result<Vec<(String, Csr)>, SparseError> {
    let data = data(context)?;
    let nodes = if context.quick { 2000 } else { 20_000 };
    let mut all = vec![(data.name.clone(), random_walk(&data.adjacency)?)];
    for family in Family::ALL {
        let a = family.adjacency(nodes, 8, context.seed)?;
        all.push((format!("{}, {nodes} nodes", family.name()), random_walk(&a)?));
    }
    Ok(all)
}

pub(super) fn bounds(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let matrices = matrices(context)?;
    context.progress.start("graphs", matrices.len() as u64);
    let mut table = Table::new(
        "Largest share of the bound that is reached",
        &["graph", "pre", "post", "worst excess of an error over its bound"],
    );
    let mut worst = [0.0f64; 3];
    for (name, p) in &matrices {
        let mut reached = [0.0f64; 3];
        for sigma in SIGMAS {
            for (side, threshold) in [Threshold::Pre(sigma), Threshold::Post(sigma)].into_iter().enumerate() {
                let counts = count_entries(&Powers::new(p, threshold, HOPS)?, 0..p.rows())?;
                for (k, nnz) in counts.iter().enumerate() {
                    let bound = power_bound(p.rows(), threshold, k + 1);
                    let share = if *nnz == 0 { 0.0 } else { *nnz as f64 / bound as f64 };
                    reached[side] = reached[side].max(share);
                }
            }
        }
        for threshold in [Threshold::Pre(0.1), Threshold::Post(0.1), Threshold::TopK(5)] {
            reached[2] = reached[2].max(excess(p, threshold)?);
        }
        context.progress.advance(1);
        table = table.row([name.clone(), number(reached[0]), number(reached[1]), number(reached[2])]);
        worst.iter_mut().zip(reached).for_each(|(w, r)| *w = w.max(r));
    }
    Ok(Measured::new(vec![])
        .check(at_most("share of N ⌊1/σ⌋^k reached by pre", worst[0], 1.0))
        .check(at_most("share of N ⌊1/σ⌋ reached by post", worst[1], 1.0))
        .check(at_most("excess of an error over its bound", worst[2], 1e-5))
        .table(table)
        .note(format!("σ from {} to {}, powers 1 to {HOPS}.", SIGMAS[0], SIGMAS[SIGMAS.len() - 1]))
        .config(&config(Sparsify::default(), HOPS))?)
}

/// By how much the error of any node exceeds its bound, for one feature of ±1.
fn excess(p: &Csr, threshold: Threshold) -> Result<f64, SparseError> {
    let n = p.rows();
    let x: Vec<f32> = (0..n).map(|i| if (i * 7919) % 13 < 6 { 1.0 } else { -1.0 }).collect();
    let diffused = |threshold| {
        diffuse(&Powers::new(p, threshold, HOPS)?, Features::Dense { values: x.clone(), columns: 1 })
    };
    let all: Vec<usize> = (0..n).collect();
    let exact = diffused(Threshold::None)?.to_dense_rows(&all)?;
    let kept = diffused(threshold)?.to_dense_rows(&all)?;
    let bound = error_bound(p, threshold, HOPS)?;
    let mut worst = 0.0f64;
    for i in 0..n {
        for (k, bound) in bound.iter().enumerate() {
            let at = i * (HOPS + 1) + k + 1;
            worst = worst.max(f64::from((exact[at] - kept[at]).abs() - bound[i]));
        }
    }
    Ok(worst)
}

pub(super) fn no_threshold(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let data = data(context)?;
    let p = random_walk(&data.adjacency)?;
    let n = p.rows();
    context.progress.start("diffusions", 3);
    let config = config(Sparsify::default(), 2);
    let checked = config.clone().validate()?;
    let graph = crate::Graph::new(data.adjacency.clone(), &checked)?;
    let exact = crate::examples(&graph, data.features.clone(), &checked)?;
    context.progress.advance(1);
    // The same through the stored powers, which is how the paper's formula reads.
    let series = crate::power_series(&p, Threshold::None, 2)?;
    let by_series = match data.features.clone().with_bias()? {
        Features::Sparse(x) => shared::graph::Diffusion::from(shared::graph::diffuse_rows(&series, &x)?),
        Features::Dense { values, columns } => {
            shared::graph::diffuse_dense_rows(&series, values, columns)?.into()
        }
    };
    context.progress.advance(1);
    // And dcnn's own, of the first paper.
    let theirs = match &data.features {
        Features::Sparse(x) => Some(dcnn::Examples::nodes(&data.adjacency, x, &config.network)?),
        Features::Dense { .. } => None,
    };
    let (mut from_series, mut from_dcnn) = (0.0f64, 0.0f64);
    for i in 0..n {
        let ours = exact.diffused().to_dense_rows(&[i])?;
        let apart =
            |other: &[f32]| ours.iter().zip(other).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        from_series = from_series.max(apart(&by_series.to_dense_rows(&[i])?));
        if let Some(theirs) = &theirs {
            from_dcnn = from_dcnn.max(apart(&theirs.diffused().to_dense_rows(&[i])?));
        }
    }
    context.progress.advance(1);
    let mib = |bytes: f64| number(bytes / f64::from(1 << 20));
    let (dense, stored) = (dense_bytes(n, 2) as f64, series.memory_bytes() as f64);
    let exact_bytes = 8.0 * (p.nnz() + n + 1) as f64;
    let table = Table::new("Memory of what is multiplied with the features", &["form", "MiB"])
        .row(["dense P*, with or without zeros".to_owned(), mib(dense)])
        .row(["all powers as they are, sparse, no threshold".to_owned(), mib(stored)])
        .row(["P alone: the exact path".to_owned(), mib(exact_bytes)]);
    Ok(Measured::new(vec![])
        .check(at_most("largest difference from the product with stored powers", from_series, 1e-5))
        .check(at_most("largest difference from dcnn's P*X", from_dcnn, 1e-5))
        .check(at_least("times less memory than the stored powers", stored / exact_bytes, 1.0))
        .table(table)
        .note("S_k = P S_(k-1) needs no power of P, so no threshold is needed where |E| is O(N). One is needed where the powers themselves must be stored, or where the graph is dense.")
        .note(measured_on(&data.name))
        .config(&config)?)
}

pub(super) fn post_smaller(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let matrices = matrices(context)?;
    context.progress.start("graphs", matrices.len() as u64);
    let mut table = Table::new(
        "Entries of P² and P³, before and after",
        &["graph", "σ", "pre P²", "post P²", "pre P³", "post P³"],
    );
    let mut holds = Vec::new();
    for (name, p) in &matrices {
        for sigma in SIGMAS {
            let count = |threshold| -> Result<Vec<u64>, ClaimError> {
                Ok(count_entries(&Powers::new(p, threshold, HOPS)?, 0..p.rows())?)
            };
            let (pre, post) = (count(Threshold::Pre(sigma))?, count(Threshold::Post(sigma))?);
            holds.extend([post[1] <= pre[1], post[2] <= pre[2]]);
            let cells = [pre[1], post[1], pre[2], post[2]].map(|c| c.to_string());
            table = table.row([name.clone(), number(sigma)].into_iter().chain(cells));
        }
        context.progress.advance(1);
    }
    let mut check = every("post keeps at most as many as pre", &holds);
    check.rule = "so for every graph, σ and power".into();
    check.found = check.found.replace("seeds", "cases");
    Ok(Measured::new(vec![]).check(check).table(table).config(&config(Sparsify::default(), HOPS))?)
}

pub(super) fn hubs(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let matrices = matrices(context)?;
    context.progress.start("graphs", matrices.len() as u64);
    let mut differing = 0usize;
    for (_, p) in &matrices {
        for sigma in SIGMAS {
            let (by_hand, by_sigma) = (delete_hubs(p, sigma)?, pre_threshold(p, sigma)?);
            differing += usize::from(by_hand != by_sigma);
        }
        context.progress.advance(1);
    }
    let cases = matrices.len() * SIGMAS.len();
    Ok(Measured::new(vec![])
        .check(at_most("matrices that differ in any bit", differing as f64, 0.0))
        .note(format!("{cases} cases: {} graphs and {} values of σ.", matrices.len(), SIGMAS.len()))
        .config(&config(Sparsify::default(), 1))?)
}

//! Claims about memory and time against the size of a graph.

use std::{hint::black_box, time::Instant};

use shared::{
    claims::{
        judge::{above_by, at_least, at_most, stays_below},
        number,
        stats::interval95,
        Axis, ClaimError, Context, Figure, Kind, Measured, Series, Table,
    },
    graph::power_series_dense,
};

use super::row;
use crate::{
    data::random_features,
    diffuse,
    experiment::{config, entries_by_rows, log_log_slope, random_walk, Family},
    power_series, Bytes, Features, Powers, SparseError, Sparsify, Threshold,
};

const DEGREE: usize = 8;
const SIGMA: f64 = 0.05;
const FEATURES: usize = 16;
/// Rows from which the entries of a power are estimated.
const ROWS: usize = 1000;

pub(super) fn growth(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let seeds = context.seeds(3, 5);
    let largest = if context.quick { 15 } else { 17 };
    let sizes: Vec<usize> = (10..=largest).map(|power| 1usize << power).collect();
    let rules =
        [("no threshold", Threshold::None), ("pre", Threshold::Pre(SIGMA)), ("post", Threshold::Post(SIGMA))];
    context.progress.start("graphs", (Family::ALL.len() * sizes.len() * seeds.len()) as u64);
    let mut measured = Measured::new(seeds.clone());
    let mut figure = Figure::new(
        "Entries of P³ against the number of nodes, Barabási–Albert",
        Axis::log("nodes"),
        Axis::log("entries"),
    );
    for family in Family::ALL {
        // points[rule][seed][hop] of (nodes, entries)
        let mut points = vec![vec![[Vec::new(), Vec::new()]; seeds.len()]; rules.len()];
        for &n in &sizes {
            for (s, seed) in seeds.iter().enumerate() {
                let p = random_walk(&family.adjacency(n, DEGREE, *seed)?)?;
                for (rule, (_, threshold)) in points.iter_mut().zip(rules) {
                    let entries = entries_by_rows(&p, threshold, 3, ROWS)?;
                    rule[s][0].push((n as f64, entries[1]));
                    rule[s][1].push((n as f64, entries[2]));
                }
                context.progress.advance(1);
            }
        }
        for ((name, threshold), rule) in rules.iter().zip(&points) {
            for hop in 0..2 {
                let slopes: Vec<f64> = rule.iter().map(|seed| log_log_slope(&seed[hop])).collect();
                let label = format!("{}, {name}, P{}", family.name(), ["²", "³"][hop]);
                let slopes = row(&format!("exponent of N: {label}"), &slopes)?;
                if *threshold != Threshold::None {
                    measured = measured.check(stays_below(&label, &slopes.interval, 1.0, 0.05));
                } else if family == Family::BarabasiAlbert && hop == 1 {
                    measured = measured.check(above_by(
                        &format!("{label} above 1.1"),
                        &{
                            let above: Vec<f64> = slopes.values.iter().map(|s| s - 1.1).collect();
                            interval95(&above)?
                        },
                        0.0,
                    ));
                }
                measured = measured.row(slopes);
            }
            if family == Family::BarabasiAlbert {
                figure = figure.series(Series::new(name, Kind::Line, rule[0][1].iter().copied()));
            }
        }
    }
    Ok(measured
        .figure(figure)
        .note(format!(
            "Mean degree {DEGREE}, σ = {SIGMA}, {} to {} nodes; entries from {ROWS} evenly spaced rows.",
            sizes[0],
            sizes[sizes.len() - 1]
        ))
        .config(&config(Threshold::Pre(SIGMA).into(), 3))?)
}

/// What a form of the diffusion holds, measured while it is computed.
type Form = (&'static str, fn(&shared::graph::Csr, usize) -> Result<(), SparseError>);

fn dense(p: &shared::graph::Csr, n: usize) -> Result<(), SparseError> {
    let powers = power_series_dense(p, 2)?;
    let x = random_features(n, FEATURES, 4, 0);
    let mut s = vec![0.0f32; n * 3 * FEATURES];
    for (row, out) in powers.chunks_exact(n).zip(s.chunks_exact_mut(FEATURES)) {
        for (weight, x) in row.iter().zip(x.chunks_exact(FEATURES)) {
            if *weight != 0.0 {
                out.iter_mut().zip(x).for_each(|(o, x)| *o += weight * x);
            }
        }
    }
    black_box((powers, s));
    Ok(())
}

fn stored(p: &shared::graph::Csr, n: usize, threshold: Threshold) -> Result<(), SparseError> {
    let series = power_series(p, threshold, 2)?;
    let x = random_features(n, FEATURES, 4, 0);
    let s = shared::graph::diffuse_dense_rows(&series, x, FEATURES)?;
    black_box((series, s));
    Ok(())
}

fn exact(p: &shared::graph::Csr, n: usize) -> Result<(), SparseError> {
    let values = random_features(n, FEATURES, 4, 0);
    black_box(diffuse(&Powers::new(p, Threshold::None, 2)?, Features::Dense { values, columns: FEATURES })?);
    Ok(())
}

const FORMS: [Form; 4] = [
    ("dense P*", dense),
    ("pre, stored", |p, n| stored(p, n, Threshold::Pre(SIGMA))),
    ("post, stored", |p, n| stored(p, n, Threshold::Post(SIGMA))),
    ("exact, nothing stored", exact),
];

/// The hidden verb by which a process of its own measures one form.
#[cfg(feature = "cli")]
const MEASURE_VERB: &str = "measure-memory";

/// The most memory that a form holds beside the matrix, in bytes, measured in this very process.
///
/// Memory that was used and freed before would be used again unseen, so this is for a fresh process.
#[cfg(feature = "cli")]
pub(crate) fn form_bytes(form: usize, n: usize, seed: u64) -> Result<u64, ClaimError> {
    use shared::device::memory;
    let (_, form) = FORMS.get(form).ok_or("there is no such form")?;
    let p = random_walk(&Family::ErdosRenyi.adjacency(n, DEGREE, seed)?)?;
    let before =
        memory::restart_peak().ok_or("this system does not tell how much memory a process holds at most")?;
    form(&p, n)?;
    Ok(memory::peak_bytes().unwrap_or(0).saturating_sub(before))
}

/// [`form_bytes`] in a process of its own; `None` where this program cannot be started again.
#[cfg(feature = "cli")]
fn form_bytes_apart(form: usize, n: usize, context: &Context<'_>) -> Option<u64> {
    let output = shared::cli::start_again("sparse-dcnn")
        .ok()?
        .args([MEASURE_VERB, "--json", "--form", &form.to_string(), "--nodes", &n.to_string()])
        .args(["--seed", &context.seed.to_string(), "--threads", &context.threads.to_string()])
        .output()
        .ok()?;
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    json["bytes"].as_u64()
}

/// A library has no program that could be started again.
#[cfg(not(feature = "cli"))]
fn form_bytes_apart(_: usize, _: usize, _: &Context<'_>) -> Option<u64> {
    None
}

pub(super) fn memory(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let sparse: &[usize] =
        if context.quick { &[20_000, 40_000, 80_000] } else { &[50_000, 100_000, 200_000, 400_000, 800_000] };
    let full: &[usize] = if context.quick { &[1000, 2000, 4000] } else { &[1000, 2000, 4000, 8000] };
    let per_form = |form: usize| if form == 0 { full } else { sparse };
    context.progress.start("sizes", (0..4).map(|f| per_form(f).len() as u64).sum());
    let mut table = Table::new("Peak memory beside the transition matrix", &["form", "nodes", "peak"]);
    let mut figure = Figure::new("Memory against the number of nodes", Axis::log("nodes"), Axis::log("MiB"));
    let (mut slopes, mut largest) = (Vec::new(), Vec::new());
    for (f, (name, _)) in FORMS.iter().enumerate() {
        let mut points = Vec::new();
        for &n in per_form(f) {
            let Some(bytes) = form_bytes_apart(f, n, context) else {
                return Ok(Measured::not_run("peak memory is measured in processes of this program on Linux: run it there, as a program"));
            };
            points.push((n as f64, bytes as f64));
            table = table.row([(*name).to_owned(), n.to_string(), Bytes(bytes).to_string()]);
            context.progress.advance(1);
        }
        slopes.push(log_log_slope(&points));
        largest.push(points.last().map_or(f64::NAN, |p| p.1));
        let mib = points.iter().map(|(n, bytes)| (*n, bytes / f64::from(1 << 20)));
        figure = figure.series(Series::new(name, Kind::Line, mib));
    }
    Ok(Measured::new(vec![])
        .check(at_least("exponent of N, dense P*", slopes[0], 1.8))
        .check(at_most("exponent of N, pre", slopes[1], 1.1))
        .check(at_most("exponent of N, post", slopes[2], 1.1))
        .check(at_most("exponent of N, exact", slopes[3], 1.1))
        .check(at_most("exact as a share of pre", largest[3] / largest[1], 1.0))
        .check(at_most("exact as a share of post", largest[3] / largest[2], 1.0))
        .table(table)
        .figure(figure)
        .note(format!("Erdős–Rényi graphs of mean degree {DEGREE}, 2 hops, {FEATURES} features, σ = {SIGMA}; each size in a process of its own. X and P*X are counted, P is not."))
        .config(&config(Sparsify::default(), 2))?)
}

pub(super) fn speed(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let sizes: &[usize] =
        if context.quick { &[125, 250, 500, 1000, 2000] } else { &[125, 250, 500, 1000, 2000, 4000, 8000] };
    context.progress.start("sizes", sizes.len() as u64);
    let mut table = Table::new(
        "Milliseconds of a diffusion, median of 3",
        &["nodes", FORMS[0].0, FORMS[1].0, FORMS[2].0, FORMS[3].0],
    );
    let mut series: [Vec<(f64, f64)>; 4] = Default::default();
    let mut crossover = None;
    let mut last = [0.0; 4];
    for &n in sizes {
        let p = random_walk(&Family::ErdosRenyi.adjacency(n, DEGREE, context.seed)?)?;
        for ((_, form), (series, last)) in FORMS.iter().zip(series.iter_mut().zip(&mut last)) {
            let mut times = Vec::new();
            for _ in 0..3 {
                let start = Instant::now();
                form(&p, n)?;
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            *last = times[1];
            series.push((n as f64, times[1]));
        }
        if crossover.is_none() && last[3] < last[0] {
            crossover = Some(n);
        }
        table = table.row([n.to_string()].into_iter().chain(last.map(number)));
        context.progress.advance(1);
    }
    let mut figure =
        Figure::new("Time of a diffusion against the number of nodes", Axis::log("nodes"), Axis::log("ms"));
    for ((name, _), points) in FORMS.iter().zip(series) {
        figure = figure.series(Series::new(name, Kind::Line, points));
    }
    let first = crossover.map_or("at no size measured".to_owned(), |n| format!("from {n} nodes on"));
    Ok(Measured::new(vec![])
        .check(at_most("exact over dense, at the largest size", last[3] / last[0], 1.0))
        .check(at_most("pre over dense, at the largest size", last[1] / last[0], 1.0))
        .check(at_most("post over dense, at the largest size", last[2] / last[0], 1.0))
        .table(table)
        .figure(figure)
        .note(format!("The exact path is faster than the dense tensor {first}."))
        .note("Wall time on the machine at hand, features drawn within the time.")
        .config(&config(Sparsify::default(), 2))?)
}

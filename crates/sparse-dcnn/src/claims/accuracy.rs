//! Claims about accuracy.

use shared::claims::{
    judge::{above_by, equivalent},
    number,
    stats::{differences, interval95, paired},
    Axis, ClaimError, Context, Figure, Kind, Measured, Series, Table,
};

use super::{data, measured_on, row, thirds, SIGMAS};
use crate::{
    count_entries,
    experiment::{
        accuracies, accuracies_by, authors_pre, config, degrees, delete_random_rows, largest_kept_degree,
        random_walk,
    },
    pre_threshold, Powers, Sparsify, Threshold,
};

const HOPS: usize = 2;
/// The difference in accuracy that counts: one point.
const MARGIN: f64 = 0.01;
/// σ of the authors' program.
const DEFAULT_SIGMA: f64 = 0.05;

pub(super) fn sweep(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let data = data(context)?;
    let seeds = context.seeds(10, 20);
    let splits = thirds(data.labels.len(), &seeds)?;
    let p = random_walk(&data.adjacency)?;
    let n = p.rows();
    context.progress.start("thresholds", 1 + 2 * SIGMAS.len() as u64);
    let exact = accuracies(&data, Threshold::None, HOPS, &splits, context.device)?;
    context.progress.advance(1);
    let columns = [
        "σ",
        "nodes of degree > 1/σ",
        "pre, entries of P², P³",
        "post, entries of P², P³",
        "accuracy pre",
        "accuracy post",
    ];
    let counts = |threshold| -> Result<Vec<u64>, ClaimError> {
        Ok(count_entries(&Powers::new(&p, threshold, 3)?, 0..n)?)
    };
    let told = |c: &[u64]| format!("{}: {}, {}", c[0], c[1], c[2]);
    let all = counts(Threshold::None)?;
    let mean = |values: &[f64]| -> Result<String, ClaimError> { Ok(number(interval95(values)?.mean)) };
    let mut table = Table::new("Entries of P, then of P² and P³, and test accuracy of 2 hops", &columns)
        .row(["0".to_owned(), "0".into(), told(&all), told(&all), mean(&exact)?, mean(&exact)?]);
    let mut measured = Measured::new(seeds).row(row("no threshold", &exact)?);
    let mut curves = [Vec::new(), Vec::new()];
    for sigma in SIGMAS {
        let mut cells = vec![number(sigma), hubs(&p, sigma).to_string()];
        let mut scores = Vec::new();
        for (side, curve) in [Threshold::Pre(sigma), Threshold::Post(sigma)].into_iter().zip(&mut curves) {
            cells.push(told(&counts(side)?));
            let accuracy = accuracies(&data, side, HOPS, &splits, context.device)?;
            context.progress.advance(1);
            scores.push(mean(&accuracy)?);
            curve.push((sigma, interval95(&accuracy)?));
            measured = measured.row(row(&side.to_string(), &accuracy)?);
            if sigma == DEFAULT_SIGMA {
                let label = format!("{side} against no threshold");
                measured = measured.check(equivalent(&label, &differences(&accuracy, &exact)?, MARGIN)?);
            } else if sigma <= 0.3 {
                let loss = paired(&exact, &accuracy, 0.95)?;
                measured = measured.note(format!(
                    "{side} loses {} [{}, {}] against no threshold.",
                    number(loss.mean),
                    number(loss.lo),
                    number(loss.hi)
                ));
            }
        }
        cells.extend(scores);
        table = table.row(cells);
    }
    let [pre, post] = curves;
    let figure = Figure::new("Accuracy against the threshold", Axis::log("σ"), Axis::linear("test accuracy"))
        .series(Series::intervals("pre", Kind::Line, pre))
        .series(Series::intervals("post", Kind::Line, post))
        .mark("no threshold", interval95(&exact)?.mean);
    Ok(measured
        .table(table)
        .figure(figure)
        .note(measured_on(&data.name))
        .note("Holds at σ = 0.05, the authors' default; the notes above show from which σ on a threshold hurts.")
        .config(&config(Sparsify::default(), HOPS))?)
}

/// Nodes whose row a threshold before the powers deletes.
fn hubs(p: &shared::graph::Csr, sigma: f64) -> usize {
    let most = largest_kept_degree(sigma);
    degrees(p).into_iter().filter(|degree| *degree > most).count()
}

pub(super) fn pre_post(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let data = data(context)?;
    let seeds = context.seeds(10, 20);
    let splits = thirds(data.labels.len(), &seeds)?;
    let sigmas = [0.02, 0.05, 0.1, 0.2];
    context.progress.start("thresholds", 2 * sigmas.len() as u64);
    let mut measured = Measured::new(seeds);
    let mut kept = Vec::new();
    for sigma in sigmas {
        let pre = accuracies(&data, Threshold::Pre(sigma), HOPS, &splits, context.device)?;
        let post = accuracies(&data, Threshold::Post(sigma), HOPS, &splits, context.device)?;
        context.progress.advance(2);
        measured = measured
            .row(row(&format!("pre:{sigma}"), &pre)?)
            .row(row(&format!("post:{sigma}"), &post)?)
            .check(equivalent(&format!("pre against post at {sigma}"), &differences(&pre, &post)?, MARGIN)?);
        kept.push((pre, post));
    }
    // Post at 0.05 keeps fewer entries than Pre at 0.1.
    let fewer = paired(&kept[1].1, &kept[2].0, 0.95)?;
    let p = random_walk(&data.adjacency)?;
    let total = |threshold| -> Result<u64, ClaimError> {
        Ok(count_entries(&Powers::new(&p, threshold, HOPS)?, 0..p.rows())?.iter().sum())
    };
    let (post, pre) = (total(Threshold::Post(0.05))?, total(Threshold::Pre(0.1))?);
    Ok(measured
        .note(format!(
            "At about equal counts: post:0.05 has {post} entries and pre:0.1 has {pre}; post is better by {} [{}, {}].",
            number(fewer.mean),
            number(fewer.lo),
            number(fewer.hi)
        ))
        .note(measured_on(&data.name))
        .config(&config(Sparsify::default(), HOPS))?)
}

pub(super) fn large_sigma(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let data = data(context)?;
    let seeds = context.seeds(10, 20);
    let splits = thirds(data.labels.len(), &seeds)?;
    context.progress.start("networks", 3);
    let features = accuracies(&data, Threshold::None, 0, &splits, context.device)?;
    context.progress.advance(1);
    let mut measured = Measured::new(seeds).row(row("0 hops", &features)?);
    for side in [Threshold::Pre(1.5), Threshold::Post(1.5)] {
        let accuracy = accuracies(&data, side, HOPS, &splits, context.device)?;
        context.progress.advance(1);
        let label = format!("{side} against 0 hops");
        measured = measured.row(row(&side.to_string(), &accuracy)?).check(equivalent(
            &label,
            &differences(&accuracy, &features)?,
            MARGIN,
        )?);
    }
    Ok(measured.note(measured_on(&data.name)).config(&config(Sparsify::default(), HOPS))?)
}

pub(super) fn what_to_drop(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let data = data(context)?;
    let seeds = context.seeds(10, 20);
    let splits = thirds(data.labels.len(), &seeds)?;
    let p = random_walk(&data.adjacency)?;
    let sigmas = [0.1, 0.2];
    context.progress.start("networks", 5 * sigmas.len() as u64);
    let mut measured = Measured::new(seeds.clone());
    for sigma in sigmas {
        let pre = accuracies(&data, Threshold::Pre(sigma), HOPS, &splits, context.device)?;
        context.progress.advance(1);
        let gone = p.nnz() - pre_threshold(&p, sigma)?.nnz();
        // Another draw of rows for each split.
        let mut random = Vec::new();
        for split in splits.chunks(1) {
            let control = delete_random_rows(&p, gone, split[0].0)?;
            let powers = Powers::new(&control, Threshold::None, HOPS)?;
            random.extend(accuracies_by(&data, &powers, split, context.device)?);
        }
        context.progress.advance(1);
        let label = format!("pre:{sigma}");
        measured = measured
            .row(row(&label, &pre)?)
            .row(row(&format!("{gone} entries in random rows"), &random)?)
            .check(above_by(&format!("{label} above random rows"), &paired(&pre, &random, 0.95)?, 0.0));
        let renormalized = Sparsify { threshold: Threshold::Post(sigma), renormalize: true };
        let k = (1.0 / sigma) as usize;
        for (label, rule) in [
            (format!("post:{sigma}"), Threshold::Post(sigma).into()),
            (format!("post:{sigma}, rows rescaled"), renormalized),
            (format!("top:{k}"), Threshold::TopK(k).into()),
        ] {
            let accuracy = accuracies(&data, rule, HOPS, &splits, context.device)?;
            context.progress.advance(1);
            measured = measured.row(row(&label, &accuracy)?);
        }
    }
    Ok(measured
        .note("The control deletes whole rows in random order until as many entries are gone as σ drops, drawn anew for each split.")
        .note(measured_on(&data.name))
        .config(&config(Sparsify::default(), HOPS))?)
}

pub(super) fn authors_code(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let data = data(context)?;
    let seeds = context.seeds(10, 20);
    let splits = thirds(data.labels.len(), &seeds)?;
    let p = random_walk(&data.adjacency)?;
    context.progress.start("networks", 2);
    let hops = 3;
    let ours = accuracies(&data, Threshold::Pre(DEFAULT_SIGMA), hops, &splits, context.device)?;
    context.progress.advance(1);
    let series = authors_pre(&p, DEFAULT_SIGMA, hops)?;
    let theirs = accuracies_by(&data, &series, &splits, context.device)?;
    context.progress.advance(1);
    let counts = count_entries(&Powers::new(&p, Threshold::Pre(DEFAULT_SIGMA), hops)?, 0..p.rows())?;
    let mut table = Table::new("Entries of each power at σ = 0.05", &["hop", "the text", "the code"]);
    for hop in 1..=hops {
        table = table.row([hop.to_string(), counts[hop - 1].to_string(), series.nnz(hop).to_string()]);
    }
    Ok(Measured::new(seeds)
        .row(row("all powers of the thresholded matrix", &ours)?)
        .row(row("only the first thresholded", &theirs)?)
        .check(above_by("ours above the code's, less a point", &paired(&ours, &theirs, 0.95)?, -MARGIN))
        .table(table)
        .note(measured_on(&data.name))
        .config(&config(Threshold::Pre(DEFAULT_SIGMA).into(), hops))?)
}

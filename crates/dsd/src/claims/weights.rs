//! What happens to the weights, and what the result costs.

use std::sync::Arc;
use std::time::Instant;

use shared::claims::{
    judge, stats::interval95, Axis, ClaimError, Context, Figure, Kind as Mark, Measured, Row, Series, Table,
};

use super::design::{lab, labs, name, one, row, runs, seeds};
use crate::{
    diagnostics::with_pruned,
    experiment::{Part, Run, BINS},
    Layers, Model,
};

/// What the five histograms show.
const STAGES: [&str; 5] = ["dense", "pruned", "after the sparse phase", "let go", "after the re-dense phase"];

/// Adds the histograms of the first seed's run: Figure 2.
pub(super) fn histograms(measured: Measured, pair: &str, runs: &[Arc<Run>]) -> Measured {
    let Some(weights) = runs.first().and_then(|run| run.weights.as_ref()) else { return measured };
    let title = format!("Weights of {}, {pair}", weights.layer);
    let mut figure = Figure::new(&title, Axis::linear("weight"), Axis::log("weights in a bin"));
    let width = 2.0 * weights.limit / BINS as f64;
    for (stage, bins) in STAGES.iter().zip(&weights.histograms) {
        let centre = |at: usize| (at as f64 + 0.5) * width - weights.limit;
        let filled = bins.0.iter().enumerate().filter(|(_, count)| **count > 0);
        let points = filled.map(|(at, count)| (centre(at), *count as f64));
        figure = figure.series(Series::new(stage, Mark::Points, points));
    }
    measured.figure(figure)
}

/// Claim `distribution`.
pub(super) fn distribution(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let mut measured = Measured::new(seeds(context));
    for lab in labs(context)? {
        let (pair, seeds) = (name(&lab), seeds(context));
        let found = runs(&lab, context, &[lab.setting().dsd()], &seeds)?;
        let weights: Vec<_> = found[0].iter().filter_map(|run| run.weights.as_ref()).collect();
        let of = |value: fn(&crate::diagnostics::Progression) -> f64| -> Vec<f64> {
            weights.iter().map(|w| value(&w.progression)).collect()
        };
        let near = of(|p| p.near_zero);
        let correlation = of(|p| p.correlation);
        let spread = of(|p| p.reborn_sd / p.survivors_sd);
        let fall = of(|p| 1.0 - p.mean_abs[2] / p.mean_abs[0]);
        measured = measured
            .check(judge::stays_below(
                &format!("survivors below half the threshold, {pair}"),
                &interval95(&near)?,
                0.1,
                0.0,
            ))
            .check(judge::reaches(
                &format!("correlation of survivors, {pair}"),
                &interval95(&correlation)?,
                0.95,
                0.0,
            ))
            .check(judge::stays_below(
                &format!("spread of the reborn over the survivors', {pair}"),
                &interval95(&spread)?,
                1.0,
                0.0,
            ))
            .check(judge::above_by(&format!("fall of mean |w|, {pair}"), &interval95(&fall)?, 0.0));
        measured = row(measured, &format!("share of survivors below half the threshold, {pair}"), near)?;
        measured = row(
            measured,
            &format!("correlation of survivors before and after re-dense, {pair}"),
            correlation,
        )?;
        measured = row(measured, &format!("deviation of the reborn over the survivors', {pair}"), spread)?;
        measured = row(measured, &format!("fall of mean |w| from dense to re-dense, {pair}"), fall)?;
        measured = histograms(measured, &pair, &found[0]);
    }
    Ok(measured)
}

/// Claim `first-layer`.
pub(super) fn first_layer(context: &Context<'_>) -> Result<Measured, ClaimError> {
    const SPARSITY: f64 = 0.3;
    let seeds = seeds(context);
    let lab = lab(context, Model::ConvNet)?;
    let layers = Layers { first_conv: true, ..Layers::default() };
    let mut losses: Vec<(String, usize, Vec<f64>, Vec<f64>)> = Vec::new();
    context.progress.start("networks", seeds.len() as u64);
    for seed in &seeds {
        let mut subject = lab.trained(context, *seed)?;
        let weights = subject.weights();
        let before = subject.score(Part::Train)?;
        for (at, layer) in layers.of(&subject.outline())?.iter().enumerate() {
            subject.set_weights(&with_pruned(&weights, layer, SPARSITY)?)?;
            let after = subject.score(Part::Train)?;
            if losses.len() <= at {
                losses.push((layer.name.clone(), layer.len, Vec::new(), Vec::new()));
            }
            let pruned = (layer.len as f64 * SPARSITY).round().max(1.0);
            losses[at].2.push(after.loss - before.loss);
            losses[at].3.push(1e6 * (after.loss - before.loss) / pruned);
        }
        context.progress.advance(1);
    }
    let mut measured = Measured::new(seeds);
    let mut table = Table::new(
        "30 % of one layer pruned, nothing trained after",
        &["layer", "weights", "rise of the training loss"],
    );
    for (name, len, rise, _) in &losses {
        table = table.row([name.clone(), len.to_string(), shared::claims::cell(rise)?]);
    }
    for (name, _, rise, each) in &losses {
        measured = measured
            .row(Row::new(&format!("rise of the loss for a million weights pruned, {name}"), each.clone())?);
        measured = row(measured, &format!("rise of the training loss, {name}"), rise.clone())?;
    }
    if let Some(((first, _, rise, each), others)) = losses.split_first() {
        for (name, _, other_rise, other_each) in others {
            let more = shared::claims::stats::paired(each, other_each, shared::claims::stats::LEVEL)?;
            measured = measured.check(judge::above_by(
                &format!("for a weight, {first} minds more than {name}"),
                &more,
                0.0,
            ));
            let whole = shared::claims::stats::paired(rise, other_rise, shared::claims::stats::LEVEL)?;
            measured = row(
                measured,
                &format!("rise of {first} over that of {name}, whole layers"),
                vec![whole.mean],
            )?;
        }
    }
    Ok(measured.table(table))
}

/// Claim `cost`.
pub(super) fn cost(context: &Context<'_>) -> Result<Measured, ClaimError> {
    const ROUNDS: usize = 30;
    let (seeds, lab) = (context.seeds(1, 3), one(context)?);
    let mut measured = Measured::new(seeds.clone());
    let (mut same, mut ratios) = (Vec::new(), Vec::new());
    context.progress.start("networks", seeds.len() as u64);
    for seed in &seeds {
        let before = lab.trained(context, *seed)?;
        let after = lab.arm(context, &lab.setting().dsd(), *seed)?;
        same.push(before.outline() == after.outline());
        // in turn, so that both meet the same machine
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS + 1 {
            for (subject, times) in [&before, &after].into_iter().zip(&mut times) {
                let start = Instant::now();
                subject.score(Part::Test)?;
                if round > 0 {
                    times.push(start.elapsed().as_secs_f64());
                }
            }
        }
        // the least of each: whatever else the machine does only adds to a time
        let [before, after] = times.map(|times| times.into_iter().fold(f64::INFINITY, f64::min));
        ratios.push(after / before);
        context.progress.advance(1);
    }
    measured = measured.check(judge::every("names, shapes and number of tensors are the same", &same)).check(
        judge::at_most(
            &format!(
                "time to score the test set, after over before (least of {ROUNDS} in turn), {}",
                name(&lab)
            ),
            ratios.iter().copied().fold(0.0, f64::max),
            1.05,
        ),
    );
    row(measured, "time to score the test set, after over before", ratios)
}

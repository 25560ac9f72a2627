//! Claims on the error against the minibatch.

use shared::claims::{
    cell,
    judge::{above_by, at_least, at_most, equivalent, reaches, stays_below},
    number,
    stats::{differences, interval95, mean, paired, sample_sd, spearman, LEVEL},
    Axis, ClaimError, Context, Figure, Kind, Measured, Row, Series, Table,
};

use super::design::{errors, runs, with_warmup, Grid};
use crate::{experiment::Outcome, WarmupRule};

/// Claim `linear-scaling`: the figure.
pub(super) fn linear_scaling(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let grid = Grid::measure(context)?;
    let base = super::design::base(context.quick);
    let n = base.per_worker;
    let elbow = grid.elbow()?;
    let mut measured = Measured::new(grid.seeds.clone());
    let columns = ["k", "kn", "learning rate", "steps an epoch", "error, gradual warmup", "error, no warmup"];
    let mut table = Table::new("Test error against the minibatch", &columns);
    for (at, k) in grid.workers.iter().enumerate() {
        let trial = base.of_workers(*k);
        table = table.row([
            k.to_string(),
            (k * n).to_string(),
            number(trial.scaling.lr(k * n)),
            trial.steps(trial.train).to_string(),
            cell(&errors(&grid.gradual[at]))?,
            cell(&errors(&grid.none[at]))?,
        ]);
        measured = measured
            .row(Row::new(&format!("test error, k = {k}, kn = {}", k * n), errors(&grid.gradual[at]))?);
    }
    let series = |label: &str, of: &[Vec<Outcome>]| -> Result<Series, ClaimError> {
        let mut points = Vec::new();
        for (k, outcomes) in grid.workers.iter().zip(of) {
            points.push(((k * n) as f64, interval95(&errors(outcomes))?));
        }
        Ok(Series::intervals(label, Kind::Line, points))
    };
    let figure = Figure::new(
        &format!("Test error against the minibatch, {} on {}", base.model, grid.lab.dataset()),
        Axis::log("images a minibatch (kn)"),
        Axis::linear("test error"),
    )
    .series(series("gradual warmup", &grid.gradual)?)
    .series(series("no warmup", &grid.none)?);
    let label = "largest k with the error of one worker";
    Ok(elbow
        .rows(measured, label)?
        .check(at_least(label, elbow.k as f64, 8.0))
        // where nothing is learnt every k is as good as one
        .check(stays_below("error of one worker", &interval95(&errors(&grid.gradual[0]))?, 0.8, 0.0))
        .figure(figure)
        .table(table)
        .note(
            "The largest k is that up to which every mean error is at most two pooled standard deviations above that of k = 1; its \
             interval is over resamples of the seeds.",
        )
        .config(&base)?)
}

/// Claim `breaking-point`.
pub(super) fn breaking_point(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let grid = Grid::measure(context)?;
    let last = grid.largest()?;
    let (one, most) = (errors(&grid.gradual[0]), grid.workers.len() - 1);
    let end = errors(&grid.gradual[most]);
    let ks: Vec<f64> = (last..=most).map(|at| at as f64).collect();
    let means = grid.gradual[last..].iter().map(|o| mean(&errors(o))).collect::<Result<Vec<f64>, _>>()?;
    let order = if ks.len() > 1 { spearman(&ks, &means)?.unwrap_or(0.0) } else { 0.0 };
    let label = format!("error of k = {} less that of one worker", grid.workers[most]);
    Ok(Measured::new(grid.seeds.clone())
        .row(Row::new("error, k = 1", one.clone())?)
        .row(Row::new(&format!("error, k = {}", grid.workers[most]), end.clone())?)
        .check(above_by(&label, &paired(&end, &one, LEVEL)?, 0.0))
        .check(at_least("rank correlation of k and mean error from the largest good k on", order, 1.0))
        .note(format!("The largest good k is {}.", grid.workers[last])))
}

/// The largest distance of two courses of the training loss, over epochs from `from`, in units of the pooled deviation of the
/// seeds there.
fn apart(one: &[Outcome], other: &[Outcome], from: usize) -> Result<f64, ClaimError> {
    let epochs = one.iter().chain(other).map(|o| o.train_loss.len()).min().unwrap_or(0);
    let mut worst = 0.0f64;
    for epoch in from..epochs {
        let at = |of: &[Outcome]| -> Vec<f64> { of.iter().map(|o| o.train_loss[epoch]).collect() };
        let (a, b) = (at(one), at(other));
        let pooled = ((sample_sd(&a)?.powi(2) + sample_sd(&b)?.powi(2)) / 2.0).sqrt();
        worst = worst.max((mean(&b)? - mean(&a)?) / pooled.max(1e-9));
    }
    Ok(worst)
}

/// Claim `curves`.
pub(super) fn curves(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let grid = Grid::measure(context)?;
    let base = super::design::base(context.quick);
    // the first milestone ends the part in which a warmup that takes a fixed number of epochs lags behind
    let from = base.scaling.milestones[0];
    let last = grid.largest()?;
    let most = grid.workers.len() - 1;
    let near = apart(&grid.gradual[0], &grid.gradual[last], from)?;
    let far = apart(&grid.gradual[0], &grid.gradual[most], from)?;
    let mut figure = Figure::new(
        "Training loss, gradual warmup, first seed",
        Axis::linear("epoch"),
        Axis::linear("mean training loss of the epoch"),
    );
    for (k, outcomes) in grid.workers.iter().zip(&grid.gradual) {
        let course = outcomes.first().map_or(&[][..], |o| &o.train_loss);
        let points = course.iter().enumerate().map(|(at, loss)| ((at + 1) as f64, *loss));
        figure = figure.series(Series::new(&format!("k = {k}"), Kind::Line, points));
    }
    let label = |k: usize| format!("largest distance of the training loss of k = {k}, in deviations");
    Ok(Measured::new(grid.seeds.clone())
        .row(Row::new(&label(grid.workers[last]), vec![near])?)
        .row(Row::new(&label(grid.workers[most]), vec![far])?)
        .check(at_most(&label(grid.workers[last]), near, 2.0))
        .check(at_least(&label(grid.workers[most]), far, 2.0))
        .figure(figure)
        .note(format!(
            "Mean loss of an epoch above that of one worker, over the pooled standard deviation of the seeds, from epoch {} on.",
            from + 1
        )))
}

/// Claim `variance`.
pub(super) fn variance(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let grid = Grid::measure(context)?;
    let mut spread = Vec::new();
    for outcomes in &grid.gradual {
        spread.push(sample_sd(&errors(outcomes))?);
    }
    let last = grid.largest()?;
    let (within, beyond) = (mean(&spread[..=last])?, spread[spread.len() - 1]);
    let mut measured = Measured::new(grid.seeds.clone());
    for (k, sd) in grid.workers.iter().zip(&spread) {
        measured = measured.row(Row::new(&format!("standard deviation of the error, k = {k}"), vec![*sd])?);
    }
    Ok(measured
        .check(at_least(
            &format!("deviation at k = {} over the mean one of good k", grid.workers[grid.workers.len() - 1]),
            beyond / within.max(1e-12),
            2.0,
        ))
        .note("A standard deviation of so few seeds is itself uncertain by half: read it as a hint."))
}

/// Claim `warmup`: three ways to begin, at the largest good k and at twice it.
pub(super) fn warmup(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let grid = Grid::measure(context)?;
    let base = super::design::base(context.quick);
    let last = grid.largest()?.max(1);
    let places: Vec<usize> = [last, last + 1].into_iter().filter(|at| *at < grid.workers.len()).collect();
    let constant: Vec<_> = places
        .iter()
        .map(|at| with_warmup(&base.of_workers(grid.workers[*at]), WarmupRule::Constant))
        .collect();
    let constant = runs(&grid.lab, context, &constant, &grid.seeds)?;
    let mut measured = Measured::new(grid.seeds.clone());
    let mut table =
        Table::new("Test error of three warmups", &["k", "one worker", "none", "constant", "gradual"]);
    for (at, constant) in places.iter().zip(&constant) {
        let k = grid.workers[*at];
        let (gradual, none, constant) =
            (errors(&grid.gradual[*at]), errors(&grid.none[*at]), errors(constant));
        let one = errors(&grid.gradual[0]);
        table = table.row([k.to_string(), cell(&one)?, cell(&none)?, cell(&constant)?, cell(&gradual)?]);
        measured = measured
            .row(Row::new(&format!("error, k = {k}, no warmup"), none.clone())?)
            .row(Row::new(&format!("error, k = {k}, constant warmup"), constant.clone())?)
            .row(Row::new(&format!("error, k = {k}, gradual warmup"), gradual.clone())?)
            .check(above_by(
                &format!("k = {k}: error without warmup less with gradual"),
                &paired(&none, &gradual, LEVEL)?,
                0.0,
            ))
            .check(above_by(
                &format!("k = {k}: error with constant warmup less with gradual"),
                &paired(&constant, &gradual, LEVEL)?,
                0.0,
            ));
    }
    Ok(measured.table(table).note("The paper's numbers are at k = 32 of n = 32 x 8 images."))
}

/// Claim `noise-scale`: whether it tells where the elbow is.
pub(super) fn noise_scale(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let grid = Grid::measure(context)?;
    let n = super::design::base(context.quick).per_worker;
    let last = grid.largest()?;
    let of = |at: usize| -> Vec<f64> { grid.gradual[at].iter().filter_map(|o| o.noise_scale).collect() };
    let mut measured = Measured::new(grid.seeds.clone());
    for (at, k) in grid.workers.iter().enumerate().skip(1) {
        let found = of(at);
        if !found.is_empty() {
            measured = measured.row(Row::new(&format!("noise scale in images, k = {k}"), found)?);
        }
    }
    let at_elbow = of(last.max(1));
    let ratio: Vec<f64> = at_elbow.iter().map(|b| b / (grid.workers[last.max(1)] * n) as f64).collect();
    if ratio.len() < 2 {
        return Ok(measured.note(
            "The gradient is hidden in its noise at the elbow: no estimate of its scale is positive.",
        ));
    }
    Ok(measured
        .check(stays_below("noise scale over the largest good kn", &interval95(&ratio)?, 10.0, 0.0))
        .check(reaches("the same", &interval95(&ratio)?, 0.1, 0.0))
        .note("McCandlish et al. (2018), over the second half of training; within ten times of the elbow counts as told."))
}

/// Claim `resnet20`: the same question with a network of three blocks a stage, at three sizes.
pub(super) fn resnet20(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (super::design::lab(context)?, super::design::seeds(context));
    let mut base = super::design::residual(context.quick);
    base.model = shared::zoo::ZooModel::Resnet20;
    if context.quick {
        (base.train, base.test, base.epochs) = (64, 100, 2);
        base.scaling.milestones = vec![1];
    }
    let ks: &[usize] = if context.quick { &[1, 2] } else { &[1, 8, 32] };
    let trials: Vec<_> = ks.iter().map(|k| base.of_workers(*k)).collect();
    let found = runs(&lab, context, &trials, &seeds)?;
    let one = errors(&found[0]);
    let mut measured = Measured::new(seeds);
    for (k, outcomes) in ks.iter().zip(&found) {
        measured = measured
            .row(Row::new(&format!("test error, k = {k}, kn = {}", k * base.per_worker), errors(outcomes))?);
    }
    let good = differences(&errors(&found[1]), &one)?;
    measured =
        measured.check(equivalent(&format!("error of k = {} less that of one worker", ks[1]), &good, 0.02)?);
    if let Some(most) = found.get(2) {
        let label = format!("error of k = {} less that of one worker", ks[2]);
        measured = measured.check(above_by(&label, &paired(&errors(most), &one, LEVEL)?, 0.0));
    }
    Ok(measured.note("ResNet-20 with the settings of the other runs."))
}

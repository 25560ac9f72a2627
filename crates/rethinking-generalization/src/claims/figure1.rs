//! Figure 1: how long it takes to fit what was randomized, and what comes of it.

use shared::claims::{
    judge::{above_by, every, stays_below, within},
    stats::{interval95, paired},
    Axis, ClaimError, Context, Figure, Kind, Measured, Series,
};

use super::design::{
    base, convolutional, each, main_model, measured_on, near_chance, of, perceptron, row, row_and_interval,
    seeds, steps, test_error, train_accuracy,
};
use crate::{
    experiment::{grid, Lab},
    Corruption,
};

/// The shares of redrawn labels of figures 1b and 1c.
const SHARES: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// The corruption that redraws a share; both ends are what figure 1a trains on too, so that no cell is trained twice.
pub(super) fn redrawn(share: f64) -> Corruption {
    match share {
        0.0 => Corruption::True,
        1.0 => Corruption::RandomLabels,
        share => Corruption::Partial(share),
    }
}

/// Figure 1a: the order in which the five variants are fitted.
pub(super) fn order(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    let model = convolutional(&lab);
    let configs = grid(&[base(&lab, model)], &Corruption::FIGURE_1A, &seeds);
    context.progress.start("networks", configs.len() as u64);
    let cells = lab.cells(context, &configs)?;

    let mut measured = Measured::new(seeds.clone());
    let mut figure = Figure::new(
        &format!("Figure 1a: {model}, mean loss while training"),
        Axis::linear("steps"),
        Axis::linear("mean loss of the epoch"),
    );
    let fitted: Vec<bool> = cells.iter().map(|cell| train_accuracy(cell) >= crate::trial::FITTED).collect();
    let log_steps = |corruption| each(&of(&cells, corruption), |cell| steps(cell).max(1.0).ln());
    for corruption in Corruption::FIGURE_1A {
        let of_it = of(&cells, corruption);
        measured = measured.row(row(&format!("steps, {}", corruption.title()), &each(&of_it, steps))?);
        if let Some(first) = of_it.first() {
            let points = first.trial.curve.iter().map(|point| (point.step as f64, point.loss));
            figure = figure.series(Series::new(&corruption.title(), Kind::Line, points));
        }
    }
    let relative = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).exp()).collect::<Vec<_>>();
    let truth = log_steps(Corruption::True);
    for corruption in &Corruption::FIGURE_1A[1..] {
        let times = relative(&log_steps(*corruption), &truth);
        measured =
            measured.row(row(&format!("times as many as for true labels, {}", corruption.title()), &times)?);
    }
    for (sooner, later) in [
        (Corruption::True, Corruption::ShuffledPixels),
        (Corruption::ShuffledPixels, Corruption::Gaussian),
        (Corruption::ShuffledPixels, Corruption::RandomPixels),
        (Corruption::Gaussian, Corruption::RandomLabels),
        (Corruption::RandomPixels, Corruption::RandomLabels),
    ] {
        let label = format!("ln steps of {} less those of {}", later.title(), sooner.title());
        let difference = paired(&log_steps(later), &log_steps(sooner), 0.95)?;
        measured = measured.check(above_by(&label, &difference, 0.0));
    }
    measured = measured
        .check(every("99 % of the training set fitted, all variants", &fitted))
        .figure(figure)
        .note("Steps until the mean loss of an epoch is at most 0.1; seed 0 is drawn.");
    Ok(measured_on(&lab, &cells, measured).config(&base(&lab, model))?)
}

/// Figure 1b: the slowdown against the share of redrawn labels.
pub(super) fn slowdown(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    let model = main_model(&lab);
    let configs = grid(&[base(&lab, model)], &SHARES.map(redrawn), &seeds);
    context.progress.start("networks", configs.len() as u64);
    let cells = lab.cells(context, &configs)?;

    let mut measured = Measured::new(seeds.clone());
    let truth = each(&of(&cells, Corruption::True), steps);
    let mut curve = Vec::new();
    let mut rows = Vec::new();
    for share in SHARES {
        let taken = each(&of(&cells, redrawn(share)), steps);
        let times: Vec<f64> = taken.iter().zip(&truth).map(|(a, b)| a / b).collect();
        curve.push((share, interval95(&times)?));
        rows.push((share, times));
    }
    let (last, first) = (&rows[SHARES.len() - 1].1, &rows[0].1);
    measured = measured.row(row("times as many steps at p = 1", last)?);
    for (share, times) in &rows[1..SHARES.len() - 1] {
        measured = measured.row(row(&format!("times as many steps at p = {share}"), times)?);
    }
    measured = measured
        .check(above_by("slowdown at p = 1", &paired(last, first, 0.95)?, 0.0))
        .check(stays_below("slowdown at p = 1", &interval95(last)?, 10.0, 0.0))
        .figure(
            Figure::new(
                &format!("Figure 1b: {model}, steps against those for true labels"),
                Axis::linear("p, the share of redrawn labels"),
                Axis::linear("times as many steps"),
            )
            .series(Series::intervals(&model.to_string(), Kind::Line, curve)),
        )
        .note("Steps until the mean loss of an epoch is at most 0.1. The bound of 10 is ours, for 'a small constant'.");
    Ok(measured_on(&lab, &cells, measured).config(&base(&lab, model))?)
}

/// Figure 1c: test error against the share of redrawn labels.
pub(super) fn deterioration(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    let model = main_model(&lab);
    let configs = grid(&[base(&lab, model)], &SHARES.map(redrawn), &seeds);
    context.progress.start("networks", configs.len() as u64);
    let cells = lab.cells(context, &configs)?;

    let mut measured = Measured::new(seeds.clone());
    let (mut curve, mut all) = (Vec::new(), Vec::new());
    for share in SHARES {
        let errors = each(&of(&cells, redrawn(share)), test_error);
        let (row, interval) = row_and_interval(&format!("test error at p = {share}"), &errors)?;
        measured = measured.row(row);
        curve.push((share, interval));
        all.push(errors);
    }
    for (at, pair) in SHARES.windows(2).enumerate() {
        let label = format!("test error at p = {} less that at {}", pair[1], pair[0]);
        measured = measured.check(above_by(&label, &paired(&all[at + 1], &all[at], 0.95)?, 0.0));
    }
    let chance = 1.0 - 1.0 / lab.sets().test.classes() as f64;
    let fitted: Vec<bool> = cells.iter().map(|cell| train_accuracy(cell) >= crate::trial::FITTED).collect();
    measured = measured
        .check(within("test error at p = 1", &interval95(&all[SHARES.len() - 1])?, chance, near_chance(&lab)))
        .check(every("99 % of the training set fitted at every p", &fitted))
        .figure(
            Figure::new(
                &format!("Figure 1c: {model}, test error on clean labels"),
                Axis::linear("p, the share of redrawn labels"),
                Axis::linear("test error"),
            )
            .series(Series::intervals(&model.to_string(), Kind::Line, curve))
            .mark("chance", chance),
        );
    Ok(measured_on(&lab, &cells, measured).config(&base(&lab, model))?)
}

/// The three ways to randomize inputs: all are fitted, and what is left of the test accuracy.
pub(super) fn inputs(context: &Context<'_>) -> Result<Measured, ClaimError> {
    const OF_INPUTS: [Corruption; 4] =
        [Corruption::True, Corruption::ShuffledPixels, Corruption::RandomPixels, Corruption::Gaussian];
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    let model = perceptron(&lab);
    let configs = grid(&[base(&lab, model)], &OF_INPUTS, &seeds);
    context.progress.start("networks", configs.len() as u64);
    let cells = lab.cells(context, &configs)?;
    let accuracy = |corruption| each(&of(&cells, corruption), |cell| cell.trial.test_accuracy);
    let mut measured = Measured::new(seeds.clone());
    for corruption in OF_INPUTS {
        measured =
            measured.row(row(&format!("test accuracy, {}", corruption.title()), &accuracy(corruption))?);
    }
    let chance = 1.0 / lab.sets().test.classes() as f64;
    let (shuffled, noise) = (accuracy(Corruption::ShuffledPixels), accuracy(Corruption::Gaussian));
    let over_noise = paired(&shuffled, &noise, 0.95)?;
    let lost = paired(&accuracy(Corruption::True), &shuffled, 0.95)?;
    let fitted: Vec<bool> = cells.iter().map(|cell| train_accuracy(cell) >= crate::trial::FITTED).collect();
    measured = measured
        .check(every("99 % of the training set fitted", &fitted))
        .check(within("test accuracy, Gaussian inputs", &interval95(&noise)?, chance, near_chance(&lab)))
        .check(above_by("test accuracy of shuffled pixels less that of Gaussian inputs", &over_noise, 0.05))
        .check(within("test accuracy that an MLP loses to shuffled pixels", &lost, 0.0, near_chance(&lab)))
        .note("Random pixels may stay above chance: the histogram of an image survives. An MLP has no notion of neighbours, so one permutation of all images costs it nothing.");
    Ok(measured_on(&lab, &cells, measured).config(&base(&lab, model))?)
}

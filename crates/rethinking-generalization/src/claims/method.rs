//! Two choices that public versions of the experiment make otherwise, and what they do.

use shared::{
    claims::{
        judge::{above_by, within},
        stats::{interval95, paired},
        ClaimError, Context, Measured,
    },
    zoo::ZooModel,
};

use super::{
    design::{base, each, measured_on, row, seeds, test_error, train_accuracy},
    figure1::redrawn,
};
use crate::{
    experiment::{grid, Lab},
    Config, Corruption, TestLabels,
};

/// What measuring on corrupted test labels does, as a well-known port of the experiment does.
pub(super) fn test_labels(context: &Context<'_>) -> Result<Measured, ClaimError> {
    const SHARE: f64 = 0.4;
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    // a small set: the labels that are measured on do not change the training
    let small = Config { images: Some(500), ..base(&lab, shared::zoo::ZooModel::Mlp1) };
    let of_labels = |test_labels| grid(&[Config { test_labels, ..small.clone() }], &[redrawn(SHARE)], &seeds);
    context.progress.start("networks", 2 * seeds.len() as u64);
    let clean = lab.cells(context, &of_labels(TestLabels::Clean))?;
    let corrupted = lab.cells(context, &of_labels(TestLabels::Corrupted))?;
    let (on_clean, on_corrupted) = (each(&clean, test_error), each(&corrupted, test_error));
    let classes = lab.sets().test.classes() as f64;
    let predicted: Vec<f64> =
        on_clean.iter().map(|e| 1.0 - (1.0 - e) * (1.0 - SHARE) - SHARE / classes).collect();
    let gap: Vec<f64> = on_corrupted.iter().zip(&predicted).map(|(a, b)| a - b).collect();
    let measured = Measured::new(seeds)
        .row(row("test error on clean labels, p = 0.4", &on_clean)?)
        .row(row("test error on corrupted labels", &on_corrupted)?)
        .row(row("what 1 - a (1 - p) - p / K makes of the first", &predicted)?)
        .check(above_by(
            "error on corrupted less error on clean",
            &paired(&on_corrupted, &on_clean, 0.95)?,
            0.0,
        ))
        .check(within("error on corrupted less what is predicted", &interval95(&gap)?, 0.0, 0.03))
        .note("The same networks: only the labels that they are measured on differ.");
    Ok(measured_on(&lab, &clean, measured).config(&small)?)
}

/// A rate that falls every epoch starves a small set of steps at a high rate; one that falls every 391 steps does not.
pub(super) fn decay(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    let images = 500;
    let small = Config { images: Some(images), lr: 0.01, epochs: 150, ..base(&lab, ZooModel::SmallCnn) };
    let by_steps = grid(std::slice::from_ref(&small), &[Corruption::RandomLabels], &seeds);
    let steps = images.div_ceil(small.batch_size);
    let by_epochs =
        grid(&[Config { decay_steps: steps, ..small.clone() }], &[Corruption::RandomLabels], &seeds);
    context.progress.start("networks", 2 * seeds.len() as u64);
    let (with, without) = (lab.cells(context, &by_steps)?, lab.cells(context, &by_epochs)?);
    let (fitted, starved) = (each(&with, train_accuracy), each(&without, train_accuracy));
    let lost = paired(&fitted, &starved, 0.95)?;
    let measured = Measured::new(seeds)
        .row(row("training accuracy, 5 % every 391 steps", &fitted)?)
        .row(row("training accuracy, 5 % every epoch of 4 steps", &starved)?)
        .check(above_by("what the fall by epochs loses", &lost, 0.0))
        .note("Random labels, 150 epochs at most, first rate 0.01.");
    Ok(measured_on(&lab, &with, measured).config(&small)?)
}

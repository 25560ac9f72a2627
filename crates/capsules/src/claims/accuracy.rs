//! Claims about errors: what routing and reconstruction are worth, and how a convolutional network does.

use shared::claims::{
    judge::{above_by, at_least},
    stats::{interval95, paired},
    Axis, ClaimError, Context, Figure, Kind, Measured, Series,
};

use super::{measured_on, row, RECONSTRUCTION_OF_CODE};
use crate::{
    experiment::{each, Lab, Run},
    Config, Task, RECONSTRUCTION,
};

/// Table 1: test error on MNIST.
pub(super) const PAPER_DIGITS: [(&str, f64); 4] = [
    ("r = 1, no reconstruction", 0.0034),
    ("r = 1, reconstruction", 0.0029),
    ("r = 3, no reconstruction", 0.0035),
    ("r = 3, reconstruction", 0.0025),
];

/// Runs of the short form and of the full one.
pub(super) fn seeds(context: &Context<'_>) -> Vec<u64> {
    context.seeds(3, 3)
}

fn set(config: &mut Config, iterations: usize, reconstruction: f64) {
    config.routing.iterations = iterations;
    config.reconstruction = reconstruction;
}

pub(super) fn reconstruction(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", 3 * seeds.len() as u64);
    let errors = |weight: f64| -> Result<Vec<f64>, ClaimError> {
        let runs = lab.runs(context, Task::Digits, &seeds, |c| set(c, 3, weight))?;
        Ok(each(&runs, |run| run.error))
    };
    let with = errors(RECONSTRUCTION)?;
    let without = errors(0.0)?;
    let strong = errors(RECONSTRUCTION_OF_CODE)?;
    let sheet = super::capsules::reconstructions(&lab, context, &seeds)?;
    Ok(Measured::new(seeds)
        .row(row("error with reconstruction", &with)?.paper(PAPER_DIGITS[3].1))
        .row(row("error without", &without)?.paper(PAPER_DIGITS[2].1))
        .row(row("error with the weight that the authors' code comes to, 0.01", &strong)?)
        .check(above_by("error without less error with", &paired(&without, &with, 0.95)?, 0.0))
        .check(above_by("error without less error with 0.01", &paired(&without, &strong, 0.95)?, 0.0))
        .sheet(sheet)
        .note(measured_on(&lab))
        .config(&lab.config(Task::Digits))?)
}

pub(super) fn routing(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", 4 * seeds.len() as u64);
    let mut measured = Measured::new(seeds.clone());
    let mut all = Vec::new();
    for (iterations, weight) in [(3, RECONSTRUCTION), (1, RECONSTRUCTION), (3, 0.0), (1, 0.0)] {
        let runs = lab.runs(context, Task::Digits, &seeds, |c| set(c, iterations, weight))?;
        let with = if weight > 0.0 { "reconstruction" } else { "no reconstruction" };
        let label = format!("r = {iterations}, {with}");
        let errors = each(&runs, |run| run.error);
        let paper = PAPER_DIGITS.iter().find(|(name, _)| *name == label).map_or(f64::NAN, |(_, v)| *v);
        measured = measured.row(row(&format!("error, {label}"), &errors)?.paper(paper));
        all.push(errors);
    }
    Ok(measured
        .check(above_by("error of r = 1 less that of r = 3", &paired(&all[1], &all[0], 0.95)?, 0.0))
        .note("r = 1 is the control without routing: every coupling coefficient is 1 / 10. The paper's own table \
               has r = 3 no better than r = 1 without reconstruction.")
        .note(measured_on(&lab))
        .config(&lab.config(Task::Digits))?)
}

pub(super) fn overlap(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", 4 * seeds.len() as u64);
    let errors = |task, iterations| -> Result<Vec<f64>, ClaimError> {
        let runs = lab.runs(context, task, &seeds, |c| set(c, iterations, RECONSTRUCTION))?;
        Ok(each(&runs, |run| run.error))
    };
    let (routed, uniform) = (errors(Task::MultiMnist, 3)?, errors(Task::MultiMnist, 1)?);
    let (plain, plain_uniform) = (errors(Task::Digits, 3)?, errors(Task::Digits, 1)?);
    let gain = |with: &[f64], without: &[f64]| -> Vec<f64> {
        with.iter().zip(without).map(|(w, o)| if *o > 0.0 { 1.0 - w / o } else { 0.0 }).collect()
    };
    let (of_pairs, of_digits) = (gain(&routed, &uniform), gain(&plain, &plain_uniform));
    Ok(Measured::new(seeds)
        .row(row("error on pairs, r = 3", &routed)?.paper(0.052))
        .row(row("error on pairs, r = 1", &uniform)?.paper(0.075))
        .row(row("share of the error on pairs that routing takes away", &of_pairs)?.paper(1.0 - 5.2 / 7.5))
        .row(row("share of the error on digits", &of_digits)?.paper(1.0 - 0.25 / 0.29))
        .check(above_by("error on pairs of r = 1 less that of r = 3", &paired(&uniform, &routed, 0.95)?, 0.0))
        .check(above_by("share on pairs less share on digits", &paired(&of_pairs, &of_digits, 0.95)?, 0.0))
        .note("An error unless both digits are found, and no other.")
        .note(measured_on(&lab))
        .config(&lab.config(Task::MultiMnist))?)
}

pub(super) fn multi_mnist(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", 2 * seeds.len() as u64);
    let capsules = lab.runs(context, Task::MultiMnist, &seeds, |c| set(c, 3, RECONSTRUCTION))?;
    let cnn = lab.runs(context, Task::MultiMnist, &seeds, Lab::convolutional)?;
    let weights = |run: &Run| run.weight_count() as f64;
    let (ours, theirs) = (each(&capsules, |run| run.error), each(&cnn, |run| run.error));
    Ok(Measured::new(seeds)
        .row(row("error of the CapsNet", &ours)?.paper(0.052))
        .row(row("error of the convolutional network", &theirs)?.paper(0.081))
        .row(row("weights of the CapsNet", &each(&capsules, weights))?.paper(11.36e6))
        .row(row("weights of the convolutional network", &each(&cnn, weights))?.paper(24.56e6))
        .check(above_by("error of the convolutional network less ours", &paired(&theirs, &ours, 0.95)?, 0.0))
        .note("Both see the same pairs in the same order, equally often. An error unless both digits are found, and no other.")
        .note(measured_on(&lab))
        .config(&lab.config(Task::MultiMnist))?)
}

pub(super) fn affine(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", 2 * seeds.len() as u64);
    let capsules = lab.runs(context, Task::AffNist, &seeds, |c| set(c, 3, RECONSTRUCTION))?;
    let cnn = lab.runs(context, Task::AffNist, &seeds, Lab::convolutional)?;
    let right = |run: &Run| 1.0 - run.error;
    let affine = |run: &Run| 1.0 - run.affine_error.unwrap_or(f64::NAN);
    let drop = |run: &Run| right(run) - affine(run);
    let (ours, theirs) = (each(&capsules, drop), each(&cnn, drop));
    Ok(Measured::new(seeds)
        .row(row("affine accuracy of the CapsNet", &each(&capsules, affine))?.paper(0.79))
        .row(row("affine accuracy of the convolutional network", &each(&cnn, affine))?.paper(0.66))
        .row(row("accuracy of the CapsNet on digits that were only placed", &each(&capsules, right))?.paper(0.9923))
        .row(row("the same of the convolutional network", &each(&cnn, right))?.paper(0.9922))
        .row(row("points that the CapsNet loses", &ours)?)
        .row(row("points that the convolutional network loses", &theirs)?)
        .check(above_by("what the convolutional network loses less what we lose", &paired(&theirs, &ours, 0.95)?, 0.03))
        .note("affNIST's own images are not at hand: the test digits are turned by up to 20 degrees, sheared by up to \
               0.2 and scaled by 0.8 to 1.2. Both networks are trained equally long, not to equal accuracy.")
        .note(measured_on(&lab))
        .config(&lab.config(Task::AffNist))?)
}

pub(super) fn fewer_weights(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", 2 * seeds.len() as u64);
    let capsules = lab.runs(context, Task::Digits, &seeds, |c| set(c, 3, RECONSTRUCTION))?;
    let cnn = lab.runs(context, Task::Digits, &seeds, Lab::convolutional)?;
    let (ours, theirs) = (each(&capsules, |run| run.error), each(&cnn, |run| run.error));
    let share = cnn[0].weight_count() as f64 / capsules[0].weight_count().max(1) as f64;
    let slack = if context.quick { 0.01 } else { 0.001 };
    Ok(Measured::new(seeds)
        .row(row("error of the CapsNet", &ours)?.paper(0.0025))
        .row(row("error of the convolutional network", &theirs)?.paper(0.0039))
        .check(above_by("error of the convolutional network less ours", &paired(&theirs, &ours, 0.95)?, -slack))
        .check(at_least("weights of the convolutional network over ours", share, 0.98))
        .note("The paper's convolutional network has 35.4 million weights to the CapsNet's 8.2; here both have about as many.")
        .note(measured_on(&lab))
        .config(&lab.config(Task::Digits))?)
}

pub(super) fn convergence(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", 2 * seeds.len() as u64);
    let mut figure = Figure::new("Training loss", Axis::linear("epoch"), Axis::log("mean loss of the epoch"));
    let mut last = Vec::new();
    for iterations in [3, 1] {
        let runs = lab.runs(context, Task::MultiMnist, &seeds, |c| set(c, iterations, RECONSTRUCTION))?;
        let epochs = runs.iter().map(|run| run.losses.len()).min().unwrap_or(0);
        let mut points = Vec::new();
        for epoch in 0..epochs {
            points.push(((epoch + 1) as f64, interval95(&each(&runs, |run| run.losses[epoch]))?));
        }
        figure = figure.series(Series::intervals(&format!("r = {iterations}"), Kind::Line, points));
        last.push(each(&runs, |run| run.losses.last().copied().unwrap_or(f64::NAN)));
    }
    Ok(Measured::new(seeds)
        .row(row("loss of the last epoch, r = 3", &last[0])?)
        .row(row("loss of the last epoch, r = 1", &last[1])?)
        .check(above_by("loss of r = 1 less that of r = 3", &paired(&last[1], &last[0], 0.95)?, 0.0))
        .figure(figure)
        .note("The paper shows this on CIFAR-10; here it is on pairs of digits.")
        .note(measured_on(&lab))
        .config(&lab.config(Task::MultiMnist))?)
}

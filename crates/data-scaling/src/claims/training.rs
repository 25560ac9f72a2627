//! Claims on networks and on training.

use datasets::labels::LabelNoise;
use shared::claims::{
    judge::{above_by, at_least},
    stats::{differences, mean, paired, spearman, LEVEL},
    Axis, ClaimError, Context, Figure, Kind, Measured, Row, Series,
};

use super::{
    design::{middle, more_seeds, runs, seeds, Way},
    labels::named,
};
use crate::{
    experiment::{Clean, Lab, Trial},
    Length, Outcome, Width,
};

/// Claim `capacity`: the gain from sixteen times the images, for three widths; for two in the short form.
pub(super) fn capacity(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds, base) = (Lab::open(context), seeds(context), middle(context.quick));
    let few = base.pretraining.images / 16;
    let widths = if context.quick { &Width::ALL[..2] } else { &Width::ALL[..] };
    let mut trials = Vec::new();
    for width in widths.iter().copied() {
        for images in [few, base.pretraining.images] {
            let mut trial = Trial { width, ..base.clone() };
            trial.pretraining.images = images;
            trials.push(trial);
        }
    }
    let found = runs(&lab, context, &trials, &seeds)?;
    let mut measured = Measured::new(seeds);
    for way in Way::BOTH {
        let mut gains = Vec::new();
        for (at, width) in widths.iter().enumerate() {
            let gain = differences(&way.of(&found[2 * at + 1]), &way.of(&found[2 * at]))?;
            let label = format!("{}: gain from sixteen times the images, {} width", way.name(), width.name());
            measured = measured.row(Row::new(&label, gain.clone())?);
            gains.push(gain);
        }
        measured = measured.check(above_by(
            &format!("{}: gain at {} width less at half", way.name(), widths[widths.len() - 1].name()),
            &paired(&gains[gains.len() - 1], &gains[0], LEVEL)?,
            0.0,
        ));
    }
    Ok(measured.config(&base)?)
}

/// The accuracy of a way after each part, a row a seed.
fn parts(outcomes: &[Outcome], way: Way) -> Vec<Vec<f64>> {
    let of = |outcome: &Outcome| match way {
        Way::Frozen => outcome.frozen.clone(),
        Way::Tuned => outcome.fine_tuned.clone(),
    };
    outcomes.iter().map(of).collect()
}

/// The accuracy of every seed after a part.
fn after(outcomes: &[Outcome], way: Way, part: usize) -> Vec<f64> {
    parts(outcomes, way).iter().filter_map(|of| of.get(part).copied()).collect()
}

/// Claim `longer`: a third, two thirds and all of the schedule.
pub(super) fn longer(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), seeds(context));
    let mut trial = middle(context.quick);
    trial.pretraining.parts = 3;
    let found = runs(&lab, context, &[trial.clone()], &seeds)?;
    let mut measured = Measured::new(seeds);
    for way in Way::BOTH {
        let mut means = Vec::new();
        for (part, name) in ["a third", "two thirds", "all"].iter().enumerate() {
            let scores = after(&found[0], way, part);
            means.push(mean(&scores)?);
            measured =
                measured.row(Row::new(&format!("{}: after {name} of the schedule", way.name()), scores)?);
        }
        let gain = paired(&after(&found[0], way, 2), &after(&found[0], way, 0), LEVEL)?;
        measured = measured
            .check(above_by(&format!("{}: accuracy after all less after a third", way.name()), &gain, 0.0))
            .check(at_least(
                &format!("{}: rank correlation of length and mean accuracy", way.name()),
                spearman(&[1.0, 2.0, 3.0], &means)?.unwrap_or(0.0),
                1.0,
            ));
    }
    Ok(measured
        .config(&trial)?
        .note("Looked at on the way, with the rate that the schedule has there, as the paper did."))
}

/// A run on many noisy images, from scratch and after a pre-training on few clean ones.
fn begun(quick: bool) -> [Trial; 2] {
    let mut noisy = middle(quick).with_scenes(|data| {
        data.noise = LabelNoise { rate: 0.2, missing: 0.2, ..LabelNoise::default() };
    });
    noisy.pretraining.parts = 4;
    let images = noisy.pretraining.images / 5;
    let shown = noisy_shown(&noisy) / 2;
    [noisy.clone(), Trial { first: Some(Clean { images, shown }), ..noisy }]
}

fn noisy_shown(trial: &Trial) -> u64 {
    match trial.pretraining.length {
        Length::Images(shown) => shown,
        Length::Passes(passes) => passes * trial.pretraining.images,
    }
}

/// Claim `clean-first`.
pub(super) fn clean_first(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let [noisy, first] = begun(context.quick);
    let trials = [("many noisy images", noisy), ("few clean ones, then many noisy ones", first)];
    let (mut measured, found) = named(context, &more_seeds(context), &trials)?;
    for way in Way::BOTH {
        let gain = paired(&way.of(&found[1]), &way.of(&found[0]), LEVEL)?;
        measured = measured.check(above_by(
            &format!("{}: accuracy with clean images first less without", way.name()),
            &gain,
            -0.01,
        ));
    }
    Ok(measured.note("A fifth of the labels of noisy images is wrong and a fifth is missing."))
}

/// Claim `head-start`.
pub(super) fn head_start(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), more_seeds(context));
    let trials = begun(context.quick);
    let found = runs(&lab, context, &trials, &seeds)?;
    let mut measured = Measured::new(seeds);
    for way in Way::BOTH {
        let lead = |part: usize| differences(&after(&found[1], way, part), &after(&found[0], way, part));
        let (early, late) = (lead(0)?, lead(3)?);
        measured = measured
            .row(Row::new(&format!("{}: lead after a quarter", way.name()), early.clone())?)
            .row(Row::new(&format!("{}: lead at the end", way.name()), late.clone())?)
            .check(above_by(
                &format!("{}: lead after a quarter less at the end", way.name()),
                &paired(&early, &late, LEVEL)?,
                0.0,
            ));
    }
    let mut figure = Figure::new(
        "A head start, frozen features",
        Axis::linear("quarters of the schedule on noisy images"),
        Axis::linear("accuracy on the task"),
    );
    for (name, outcomes) in [("from scratch", &found[0]), ("from few clean images", &found[1])] {
        let mut points = Vec::new();
        for part in 0..4 {
            points.push((
                (part + 1) as f64,
                shared::claims::stats::interval95(&after(outcomes, Way::Frozen, part))?,
            ));
        }
        figure = figure.series(Series::intervals(name, Kind::Line, points));
    }
    Ok(measured.figure(figure))
}

/// Claim `all-labels`: ten times the images of the task.
pub(super) fn all_labels(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let base = middle(context.quick);
    let large = |trial: Trial| {
        let mut trial = trial;
        trial.task.train *= 10;
        if context.quick {
            trial.transferring.tuned_passes /= 2;
        }
        trial
    };
    let scratch = Trial { scratch: true, ..base.clone() };
    let trials = [
        ("few labels, from scratch", scratch.clone()),
        ("few labels, pre-trained", base.clone()),
        ("ten times the labels, from scratch", large(scratch)),
        ("ten times the labels, pre-trained", large(base)),
    ];
    let (measured, found) = named(context, &more_seeds(context), &trials)?;
    let of = |at: usize| Way::Tuned.of(&found[at]);
    let (few, many) = (differences(&of(1), &of(0))?, differences(&of(3), &of(2))?);
    Ok(measured
        .row(Row::new("gain of pre-training, few labels", few.clone())?)
        .row(Row::new("gain of pre-training, ten times the labels", many.clone())?)
        .check(above_by(
            "fine-tuned: gain of pre-training with ten times the labels",
            &paired(&of(3), &of(2), LEVEL)?,
            0.0,
        ))
        .check(above_by("gain with few labels less with ten times", &paired(&few, &many, LEVEL)?, 0.0)))
}

//! Claims on labels: how many, how wrong, how rare.

use datasets::labels::{LabelNoise, NoiseKind};
use shared::claims::{
    cell,
    judge::{above_by, equivalent, stays_below},
    stats::{differences, paired, LEVEL},
    ClaimError, Context, Measured, Row, Table,
};

use super::design::{middle, more_seeds, runs, seeds, Way};
use crate::{
    experiment::{Kept, Lab, Trial},
    Objective, Outcome,
};

/// Accuracy that counts as the same: two points.
const MARGIN: f64 = 0.02;

/// A gain that is little: five points. The paper's is 0.7.
const LITTLE: f64 = 0.05;

/// Runs trials that have names, and makes a row and a line of a table of each.
pub(super) fn named(
    context: &Context<'_>,
    seeds: &[u64],
    trials: &[(&str, Trial)],
) -> Result<(Measured, Vec<Vec<Outcome>>), ClaimError> {
    let all: Vec<Trial> = trials.iter().map(|(_, trial)| trial.clone()).collect();
    let found = runs(&Lab::open(context), context, &all, seeds)?;
    let mut measured = Measured::new(seeds.to_vec());
    let mut table = Table::new(
        "Accuracy on the task",
        &["pre-training", "frozen", "fine-tuned", "mAP of held-out scenes"],
    );
    for ((name, _), outcomes) in trials.iter().zip(&found) {
        let maps: Vec<f64> = outcomes.iter().filter_map(|o| o.held_out.map(|h| h.map)).collect();
        let maps = if maps.is_empty() { "–".into() } else { cell(&maps)? };
        table = table.row([
            (*name).to_owned(),
            cell(&Way::Frozen.of(outcomes))?,
            cell(&Way::Tuned.of(outcomes))?,
            maps,
        ]);
        measured = measured.row(Row::new(&format!("frozen, {name}"), Way::Frozen.of(outcomes))?);
    }
    for ((name, _), outcomes) in trials.iter().zip(&found) {
        measured = measured.row(Row::new(&format!("fine-tuned, {name}"), Way::Tuned.of(outcomes))?);
    }
    Ok((measured.table(table), found))
}

/// Claim `classes`: few labels, many, or both, on the same images.
pub(super) fn classes(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let base = middle(context.quick);
    let of = |kept| base.clone().with_scenes(|data| data.kept = kept);
    let trials = [
        ("outlines and families alone", of(Kept::Coarse)),
        ("leaves alone", of(Kept::Leaves)),
        ("all labels", of(Kept::All)),
    ];
    let (mut measured, found) = named(context, &seeds(context), &trials)?;
    for way in Way::BOTH {
        let gain = paired(&way.of(&found[2]), &way.of(&found[0]), LEVEL)?;
        measured = measured
            .check(above_by(
                &format!("{}: accuracy with all labels less with few", way.name()),
                &gain,
                -MARGIN,
            ))
            .check(stays_below(
                &format!("{}: the same, which is to be little", way.name()),
                &gain,
                LITTLE,
                0.0,
            ));
    }
    Ok(measured
        .note("A label that was left out is unknown, not absent: the last layer has no output for it."))
}

/// Claim `label-noise`.
pub(super) fn label_noise(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let base = middle(context.quick);
    let noisy = |kind| {
        base.clone().with_scenes(|data| data.noise = LabelNoise { rate: 0.2, kind, ..LabelNoise::default() })
    };
    let mut half = base.clone();
    half.pretraining.images /= 2;
    let trials = [
        ("all images, true labels", base.clone()),
        ("half of the images", half),
        ("a fifth wrong, any other leaf", noisy(NoiseKind::Uniform)),
        ("a fifth wrong, a sibling", noisy(NoiseKind::Sibling)),
    ];
    let (mut measured, found) = named(context, &more_seeds(context), &trials)?;
    for way in Way::BOTH {
        let of = |at: usize| way.of(&found[at]);
        for (at, kind) in [(2, "any other leaf"), (3, "a sibling")] {
            let label =
                format!("{}: accuracy with a fifth wrong ({kind}) less with half of the images", way.name());
            measured = measured.check(above_by(&label, &paired(&of(at), &of(1), LEVEL)?, 0.0));
        }
    }
    Ok(measured)
}

/// Claim `closure`.
pub(super) fn closure(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let base = middle(context.quick);
    let missing = |open| {
        base.clone().with_scenes(|data| {
            data.noise = LabelNoise { missing_parents: 0.5, ..LabelNoise::default() };
            data.open = open;
        })
    };
    let trials =
        [("half of the labels above missing", missing(true)), ("added from the hierarchy", missing(false))];
    let (mut measured, found) = named(context, &more_seeds(context), &trials)?;
    for way in Way::BOTH {
        let gain = paired(&way.of(&found[1]), &way.of(&found[0]), LEVEL)?;
        measured = measured.check(above_by(
            &format!("{}: accuracy with the closure less without", way.name()),
            &gain,
            0.0,
        ));
    }
    let map =
        |at: usize| -> Vec<f64> { found[at].iter().filter_map(|o| o.held_out.map(|h| h.map)).collect() };
    Ok(measured.check(above_by(
        "mAP of held-out scenes with the closure less without",
        &paired(&map(1), &map(0), LEVEL)?,
        0.0,
    )))
}

/// Claim `logistic`.
pub(super) fn logistic(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let base = middle(context.quick);
    let of = |objects: [usize; 2], objective| {
        let mut trial = base.clone().with_scenes(|data| {
            // one label an object, so that softmax has its due
            (data.config.least_objects, data.config.most_objects) = (objects[0], objects[1]);
            (data.kept, data.open) = (Kept::Leaves, true);
        });
        trial.pretraining.objective = objective;
        trial.prior = objective != Objective::Softmax;
        trial
    };
    let trials = [
        ("one object, logistic", of([1, 1], Objective::Logistic)),
        ("one object, softmax", of([1, 1], Objective::Softmax)),
        ("two to four objects, logistic", of([2, 4], Objective::Logistic)),
        ("two to four objects, softmax", of([2, 4], Objective::Softmax)),
    ];
    let (mut measured, found) = named(context, &seeds(context), &trials)?;
    for way in Way::BOTH {
        let of = |at: usize| way.of(&found[at]);
        let same = differences(&of(0), &of(1))?;
        measured = measured
            .check(equivalent(&format!("{}: one object, logistic less softmax", way.name()), &same, MARGIN)?)
            .check(above_by(
                &format!("{}: several objects, logistic less softmax", way.name()),
                &paired(&of(2), &of(3), LEVEL)?,
                0.0,
            ));
    }
    Ok(measured)
}

/// Claim `long-tail`.
pub(super) fn long_tail(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let base = middle(context.quick);
    let trials = [
        ("all leaves alike", base.clone()),
        ("the rarest leaf a hundred times as rare", base.with_scenes(|data| data.config.tail = 100.0)),
    ];
    let (mut measured, found) = named(context, &more_seeds(context), &trials)?;
    for way in Way::BOTH {
        let gain = paired(&way.of(&found[1]), &way.of(&found[0]), LEVEL)?;
        measured = measured.check(above_by(
            &format!("{}: accuracy with the tail less without", way.name()),
            &gain,
            -MARGIN,
        ));
    }
    Ok(measured)
}

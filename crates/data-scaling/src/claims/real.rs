//! Claims on real images, and on what is in both sets.

use shared::claims::{
    judge::{above_by, at_least, equivalent},
    stats::{differences, paired, sample_sd, LEVEL},
    ClaimError, Context, Measured, Row, Table,
};

use super::{
    design::{middle, runs, seeds, study, Way},
    trend::{figure, rises},
};
use crate::{
    curve::{told, Law},
    experiment::{Data, Lab, Trial, SCENES},
    Length,
};

/// The set that the full form is made on, unless another is named.
const SET: &str = "cifar10";

/// The lab on the set of real images; on the embedded shapes for the short form.
fn lab(context: &Context<'_>) -> Result<Lab, ClaimError> {
    let default = if context.quick { SCENES } else { SET };
    Ok(Lab::on(context, context.dataset.as_deref().unwrap_or(default))?)
}

fn trial(quick: bool, images: u64) -> Trial {
    let mut trial = super::design::trial(quick, images);
    (trial.data, trial.held_out) = (Data::Real, 0);
    trial.task.train = if quick { 80 } else { 200 };
    trial.task.test = if quick { 300 } else { 2_000 };
    trial.pretraining.length = Length::Images(if quick { 3_000 } else { 60_000 });
    trial
}

/// Claim `real-images`.
pub(super) fn real_images(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (lab(context)?, seeds(context));
    let sizes: Vec<u64> =
        if context.quick { vec![30, 300, 3_000] } else { vec![30, 100, 300, 1_000, 3_000, 10_000, 30_000] };
    let mut trials: Vec<Trial> = sizes.iter().map(|n| trial(context.quick, *n)).collect();
    trials.push(Trial { scratch: true, ..trial(context.quick, 1) });
    let mut found = runs(&lab, context, &trials, &seeds)?;
    let scratch = found.pop().unwrap_or_default();
    let name = lab.real().map_or("", |real| real.name()).to_owned();
    let mut measured = Measured::new(seeds);
    for way in Way::BOTH {
        for (n, outcomes) in sizes.iter().zip(&found) {
            measured = measured.row(Row::new(&format!("{}, N = {n}", way.name()), way.of(outcomes))?);
        }
    }
    measured = rises(measured, &sizes, &found)?;
    for way in Way::BOTH {
        let study = study(&sizes, &found, way)?;
        if let Some(line) = study.fits.iter().find(|fit| fit.law == Law::LogLinear) {
            measured =
                measured.check(at_least(&format!("{}: R² of the log-linear law", way.name()), line.r2, 0.97));
        }
        for line in told(&study, &[], &[])?.into_iter().filter(|line| line.ends_with('.')) {
            measured = measured.note(format!("{}: {line}", way.name()));
        }
    }
    Ok(measured
        .figure(figure(
            &format!("Accuracy on four classes of {name}, against N of the other six"),
            &sizes,
            &found,
            &scratch,
        )?)
        .config(&trial(context.quick, sizes[0]))?)
}

/// Claim `duplicates`.
pub(super) fn duplicates(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (lab(context)?, seeds(context));
    let images = middle(context.quick).pretraining.images;
    let all = trial(context.quick, images);
    let mut apart = all.clone();
    apart.task.apart_from = images;
    let tests = |trial: &Trial| -> Result<usize, ClaimError> { Ok(lab.task(trial)?.test.classes.len()) };
    let (before, after) = (tests(&all)?, tests(&apart)?);
    // what data gains where no test image was seen: the same test images, a thirty-second of the images to pre-train on
    let fewer = images / 32;
    let mut few = apart.clone();
    few.pretraining.images = fewer;
    let found = runs(&lab, context, &[all, apart, few], &seeds)?;
    let mut measured = Measured::new(seeds).row(Row::new(
        "share of test images with a near-duplicate",
        vec![(before - after) as f64 / before as f64],
    )?);
    let mut table = Table::new("Accuracy on the task", &["N", "test images", "frozen", "fine-tuned"]);
    for ((n, count), outcomes) in [(images, before), (images, after), (fewer, after)].into_iter().zip(&found)
    {
        let cells = Way::BOTH.map(|way| shared::claims::cell(&way.of(outcomes)));
        let [frozen, tuned] = cells;
        table = table.row([n.to_string(), count.to_string(), frozen?, tuned?]);
    }
    for way in Way::BOTH {
        let (with, without) = (way.of(&found[0]), way.of(&found[1]));
        let margin = sample_sd(&with)?.max(0.005);
        let change = differences(&without, &with)?;
        let few = way.of(&found[2]);
        let gain = format!("{}: gain from 32 times the images without them", way.name());
        measured = measured
            .row(Row::new(&format!("{}: change without them", way.name()), change.clone())?)
            .row(Row::new(&gain, differences(&without, &few)?)?)
            .check(equivalent(
                &format!("{}: change of the accuracy without them", way.name()),
                &change,
                margin,
            )?)
            .check(above_by(&gain, &paired(&without, &few, LEVEL)?, 0.0));
    }
    Ok(measured.table(table).note(
        "Counted as the same within a standard deviation of the seeds, or half a point where that is less. Near-duplicates are images \
         of the task's test set that look like one of the images to pre-train on.",
    ))
}

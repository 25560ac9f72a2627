//! Claims about what routing does inside a trained network.

use shared::claims::{
    judge::{above_by, at_most, every, stays_below},
    stats::{interval95, paired},
    Axis, ClaimError, Context, Figure, ImageSheet, Kind, Measured, Series,
};

use super::{accuracy::seeds, measured_on, row};
use crate::{
    data::View,
    experiment::{each, Lab},
    Task,
};

/// Images that are looked at.
const IMAGES: usize = 64;

/// Passes that are looked at.
const PASSES: usize = 10;

pub(super) fn entropy(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", seeds.len() as u64);
    let runs = lab.runs(context, Task::Digits, &seeds, |_| {})?;
    let (mut means, mut sheet) = (Vec::new(), None);
    for run in &runs {
        let trained = lab.trained(run)?;
        let parts = lab.parts(Task::Digits, run.seed)?;
        let members: Vec<usize> = (0..IMAGES.min(parts.test.len())).collect();
        let batch = parts.test.batch(&members, View::Fixed)?;
        let trace = trained.network.trace(&batch.images, 3)?;
        let parents = batch.layout.classes;
        let couplings = trace.couplings.last().map(Vec::as_slice).unwrap_or_default();
        let entropies = couplings
            .chunks_exact(parents)
            .map(|c| -c.iter().filter(|c| **c > 0.0).map(|c| c * c.ln()).sum::<f64>());
        means.push(entropies.sum::<f64>() / (couplings.len() / parents).max(1) as f64);
        if let (None, Some(sizes)) = (&sheet, trained.network.sizes()) {
            let side = ((sizes.children / sizes.types) as f64).sqrt() as usize;
            sheet = Some(coupling_sheet(couplings, parents, sizes.types, side, batch.labels[0])?);
        }
    }
    let uniform = 10f64.ln();
    let mut measured = Measured::new(seeds)
        .row(row("mean entropy of the coupling coefficients of a child", &means)?.unit("nats"))
        .check(stays_below("entropy", &interval95(&means)?, 0.98 * uniform, 0.0))
        .note(format!(
            "Uniform coefficients, c = 1 / 10, have {uniform:.4} nats; within 2 % of that nothing is routed."
        ))
        .note(measured_on(&lab))
        .config(&lab.config(Task::Digits))?;
    if let Some(sheet) = sheet {
        measured = measured.sheet(sheet);
    }
    Ok(measured)
}

/// c of one image: a row for each kind of child, a column for each class, white where c is largest.
fn coupling_sheet(
    couplings: &[f64],
    parents: usize,
    types: usize,
    side: usize,
    label: usize,
) -> Result<ImageSheet, ClaimError> {
    let columns: Vec<String> = (0..parents).map(|k| k.to_string()).collect();
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let of_image = &couplings[..types * side * side * parents];
    let most = of_image.iter().copied().fold(0.0, f64::max).max(1e-9);
    let mut sheet = ImageSheet::grey("Coupling coefficients of one image", side, side, &names)?;
    for kind in 0..types {
        let mut pixels = Vec::with_capacity(parents * side * side);
        for parent in 0..parents {
            for at in 0..side * side {
                pixels.push((of_image[(kind * side * side + at) * parents + parent] / most) as f32);
            }
        }
        sheet = sheet.unit_row(&format!("kind {kind}"), &pixels)?;
    }
    Ok(sheet.alt(&format!(
        "Where the capsules of each kind send their output, after three passes, for an image of a {label}; white is {most:.2}."
    )))
}

pub(super) fn changes(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", seeds.len() as u64);
    let runs = lab.runs(context, Task::Digits, &seeds, |_| {})?;
    let mut all = Vec::new();
    for run in &runs {
        let parts = lab.parts(Task::Digits, run.seed)?;
        let members: Vec<usize> = (0..IMAGES.min(parts.test.len())).collect();
        let batch = parts.test.batch(&members, View::Fixed)?;
        all.push(lab.trained(run)?.network.trace(&batch.images, PASSES)?.changes);
    }
    let of_pass = |pass: usize| -> Vec<f64> { all.iter().map(|changes| changes[pass - 1]).collect() };
    let mut points = Vec::new();
    for pass in 1..=PASSES {
        points.push((pass as f64, interval95(&of_pass(pass))?));
    }
    let falls: Vec<bool> = all.iter().map(|c| c[1..5].windows(2).all(|pair| pair[1] < pair[0])).collect();
    let shares: Vec<f64> = all.iter().map(|c| c[4] / c[1].max(1e-30)).collect();
    let figure =
        Figure::new("Mean change of the logits", Axis::linear("pass"), Axis::log("mean |Δb| after the pass"))
            .series(Series::intervals("trained network", Kind::Line, points));
    let worst = shares.iter().copied().fold(0.0, f64::max);
    Ok(Measured::new(seeds)
        .row(row("mean |Δb| of pass 2", &of_pass(2))?.paper(0.007))
        .row(row("mean |Δb| of pass 5", &of_pass(5))?.paper(1e-5))
        .row(row("pass 5 over pass 2", &shares)?)
        .check(every("falls from pass to pass, 2 to 5", &falls))
        .check(at_most("pass 5 over pass 2, the largest of the seeds", worst, 0.1))
        .figure(figure)
        .note("The paper's numbers are those after 500 epochs.")
        .note(measured_on(&lab))
        .config(&lab.config(Task::Digits))?)
}

/// The code's and the public versions' variants of the digits network, each against the default.
pub(super) fn variants(
    context: &Context<'_>,
    variants: &[(&str, fn(&mut crate::Config))],
    what: &str,
    margin: f64,
) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", (1 + variants.len()) as u64 * seeds.len() as u64);
    let base = each(&lab.runs(context, Task::Digits, &seeds, |_| {})?, |run| run.error);
    let mut measured = Measured::new(seeds.clone()).row(row("error, as in the paper's text", &base)?);
    for (name, change) in variants {
        let runs = lab.runs(context, Task::Digits, &seeds, change)?;
        let errors = each(&runs, |run| run.error);
        let check = above_by(&format!("{name}: {what}"), &paired(&errors, &base, 0.95)?, margin);
        measured = measured.row(row(&format!("error, {name}"), &errors)?).check(check);
    }
    Ok(measured.note(measured_on(&lab)).config(&lab.config(Task::Digits))?)
}

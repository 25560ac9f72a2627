//! The method's choices, one changed at a time.

use shared::claims::{
    judge, stats::interval95, Axis, ClaimError, Context, Figure, Kind as Mark, Measured, Series,
};

use super::design::{last, name, one, row, runs, seeds, Gain};
use crate::{DsdConfig, Restore, Scope, Selection, StatePolicy};

/// The sparsities of the sweep.
const SPARSITIES: [f64; 7] = [0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9];

/// Claim `sparsity`.
pub(super) fn sparsity(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (seeds, lab) = (seeds(context), one(context)?);
    let mut arms: Vec<DsdConfig> = SPARSITIES.iter().map(|s| lab.setting().at_sparsity(*s)).collect();
    arms.push(lab.setting().control());
    let found = runs(&lab, context, &arms, &seeds)?;
    let control = &found[SPARSITIES.len()];
    // every loss and error of both phases, to the last bit
    let twin = |(none, control): (&std::sync::Arc<_>, &std::sync::Arc<crate::experiment::Run>)| {
        let ends = |run: &crate::experiment::Run| -> Vec<_> {
            run.phases.iter().map(|p| (p.train, p.test)).collect()
        };
        ends(none) == ends(control)
    };
    let equal: Vec<bool> = found[0].iter().zip(control).map(twin).collect();
    let scores: Vec<Vec<f64>> = found.iter().map(|runs| last(&lab, runs)).collect();
    let mut measured = Measured::new(seeds);
    let mut points = Vec::new();
    let mut best: Option<(f64, f64)> = None;
    for (s, values) in SPARSITIES.iter().zip(&scores) {
        let found = interval95(values)?;
        points.push((*s, found));
        if best.is_none_or(|(_, least)| found.mean < least) {
            best = Some((*s, found.mean));
        }
        measured = row(measured, &format!("{} at a sparsity of {s}", lab.score_name()), values.clone())?;
    }
    let best = best.map_or(f64::NAN, |(s, _)| s);
    let swept = Series::intervals("DSD", Mark::Line, points);
    let figure =
        Figure::new("What sparsity is best", Axis::linear("sparsity"), Axis::linear(lab.score_name()))
            .series(swept)
            .mark("matched control", interval95(&scores[SPARSITIES.len()])?.mean);
    let at = |s: f64| SPARSITIES.iter().position(|x| *x == s).unwrap_or(0);
    let gain = |s: f64, over: f64| Gain::new(&scores[at(s)], &scores[at(over)]);
    Ok(measured
        .figure(figure)
        .check(judge::every("a sparsity of 0 is bit-equal to the control", &equal))
        .check(judge::at_least(&format!("sparsity of the least mean {}", lab.score_name()), best, 0.25))
        .check(judge::at_most(&format!("the same, {}", name(&lab)), best, 0.5))
        .check(gain(0.3, 0.0)?.check("a sparsity of 0.3 below one of 0"))
        .check(gain(0.3, 0.9)?.check("a sparsity of 0.3 below one of 0.9"))
        .config(&arms)?)
}

/// Claim `selection`.
pub(super) fn selection(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (seeds, lab) = (seeds(context), one(context)?);
    let base = lab.setting().dsd();
    let with = |selection| DsdConfig { selection, ..base.clone() };
    let arms = [
        ("magnitude", base.clone()),
        ("random", with(Selection::Random)),
        ("smallest survive", with(Selection::Smallest)),
        ("all layers in one ranking", DsdConfig { scope: Scope::Global, ..base.clone() }),
        ("strictly above the k-th", with(Selection::StrictMagnitude)),
    ];
    let found = runs(&lab, context, &arms.clone().map(|(_, arm)| arm), &seeds)?;
    let scores: Vec<Vec<f64>> = found.iter().map(|runs| last(&lab, runs)).collect();
    let sparse: Vec<Vec<f64>> = found.iter().map(|runs| super::design::scores(&lab, runs, 0)).collect();
    let mut measured = Measured::new(seeds);
    let random = Gain::new(&scores[0], &scores[1])?;
    measured = measured
        .check(random.check(&format!("{} by magnitude below random, {}", lab.score_name(), name(&lab))))
        .check(Gain::new(&sparse[0], &sparse[1])?.check("the same at the end of the sparse phase"))
        .check(Gain::new(&scores[0], &scores[2])?.check("by magnitude below pruning the largest"));
    measured = row(measured, "gain of magnitude over random", random.values)?;
    for ((name, _), values) in arms.iter().zip(scores) {
        measured = row(measured, &format!("{}, {name}", lab.score_name()), values)?;
    }
    for ((name, _), values) in arms.iter().zip(sparse) {
        measured = row(measured, &format!("{} after the sparse phase, {name}", lab.score_name()), values)?;
    }
    Ok(measured)
}

/// Claim `restore`.
pub(super) fn restore(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let base = |context: &Context<'_>| one(context).map(|lab| lab.setting().dsd());
    let with = |restore| Ok::<_, ClaimError>(DsdConfig { restore, ..base(context)? });
    let others = [("old values", with(Restore::Old)?), ("Gaussian", with(Restore::Gaussian)?)];
    no_better(context, ("0", base(context)?), &others)
}

/// Claim `buffers`.
pub(super) fn buffers(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let base = |context: &Context<'_>| one(context).map(|lab| lab.setting().dsd());
    let with = |state| Ok::<_, ClaimError>(DsdConfig { state, ..base(context)? });
    let others = [
        ("forgotten at changes", with(StatePolicy::Reset)?),
        ("kept under the mask", with(StatePolicy::Keep)?),
    ];
    no_better(context, ("held at 0 under the mask", base(context)?), &others)
}

/// Whether no other choice is shown to be better than ours.
fn no_better(
    context: &Context<'_>,
    ours: (&str, DsdConfig),
    others: &[(&str, DsdConfig)],
) -> Result<Measured, ClaimError> {
    let (seeds, lab) = (seeds(context), one(context)?);
    let arms: Vec<DsdConfig> = std::iter::once(&ours).chain(others).map(|(_, arm)| arm.clone()).collect();
    let found = runs(&lab, context, &arms, &seeds)?;
    let best = last(&lab, &found[0]);
    let mut measured = row(Measured::new(seeds), &format!("{}, {}", lab.score_name(), ours.0), best.clone())?;
    for ((name, _), runs) in others.iter().zip(&found[1..]) {
        let values = last(&lab, runs);
        let gain = Gain::new(&values, &best)?;
        measured = measured.check(gain.not_shown(&format!("gain of {name}, not shown to be one")));
        measured = row(measured, &format!("{}, {name}", lab.score_name()), values)?;
        measured = row(measured, &format!("gain of {name}"), gain.values)?;
    }
    Ok(measured)
}

/// Claim `redense-rate`.
pub(super) fn redense_rate(context: &Context<'_>) -> Result<Measured, ClaimError> {
    const RATES: [f64; 4] = [1.0, 0.3, 0.1, 0.01];
    let (seeds, lab) = (seeds(context), one(context)?);
    let with = |rate: f64| {
        let mut arm = lab.setting().dsd();
        arm.phases[1].lr = rate * lab.setting().lr;
        arm
    };
    let found = runs(&lab, context, &RATES.map(with), &seeds)?;
    let scores: Vec<Vec<f64>> = found.iter().map(|runs| last(&lab, runs)).collect();
    let mut measured = Measured::new(seeds);
    for (rate, values) in RATES.iter().zip(&scores) {
        measured = row(measured, &format!("{}, {rate} of the first rate", lab.score_name()), values.clone())?;
    }
    for (rate, values) in RATES.iter().zip(&scores).filter(|(rate, _)| **rate != 0.1) {
        let gain = Gain::new(values, &scores[2])?;
        measured = measured.check(gain.not_shown(&format!("gain of {rate} over 0.1, not shown to be one")));
    }
    Ok(measured.check(Gain::new(&scores[2], &scores[0])?.check("a tenth below the full rate")))
}

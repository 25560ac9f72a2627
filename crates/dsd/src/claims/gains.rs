//! What DSD gains, over what.

use shared::claims::{
    cell, number, Axis, ClaimError, Context, Figure, Kind as Mark, Measured, Series, Table,
};

use super::{
    design::{dense, lab, labs, last, name, one, row, runs, scores, seeds, Gain},
    weights,
};
use crate::{
    experiment::{Comparison, Lab, WayPoint},
    DsdConfig, Kind, Model, Phase,
};

/// Claim `baseline`.
pub(super) fn baseline(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let mut measured = Measured::new(seeds(context));
    for lab in labs(context)? {
        let (pair, seeds) = (name(&lab), seeds(context));
        let found = runs(&lab, context, &[lab.setting().dsd()], &seeds)?;
        let (before, after) = (dense(&lab, context, &seeds)?, last(&lab, &found[0]));
        let gain = Gain::new(&after, &before)?;
        measured =
            row(measured, &format!("gain of DSD over its dense network, {pair}"), gain.values.clone())?
                .check(gain.check(&format!("{} of DSD below its dense network, {pair}", lab.score_name())));
        measured = row(measured, &format!("{}, dense, {pair}", lab.score_name()), before)?;
        measured = row(measured, &format!("{}, DSD, {pair}", lab.score_name()), after)?;
    }
    Ok(measured.note(
        "The dense network has had fewer epochs: this comparison is the one that most reports make, and would come out so if \
         pruning did nothing. The claim `control` is the fair one.",
    ))
}

/// Claim `control`: the table, and the histograms of the first pair.
pub(super) fn control(context: &Context<'_>) -> Result<Measured, ClaimError> {
    beside_control(context, &labs(context)?, seeds(context))
}

/// Claim `resnet20`: the same with the paper's own network, and fewer seeds because it takes longer.
pub(super) fn resnet20(context: &Context<'_>) -> Result<Measured, ClaimError> {
    beside_control(context, &[lab(context, Model::Resnet20)?], context.seeds(3, 5))
}

fn beside_control(context: &Context<'_>, labs: &[Lab], seeds: Vec<u64>) -> Result<Measured, ClaimError> {
    let mut measured = Measured::new(seeds.clone());
    let columns =
        ["network and data", "score", "dense", "sparse", "DSD", "matched control", "gain over control", "p"];
    let mut table = Table::new("DSD beside the control that most reports leave out", &columns);
    let mut settings = Vec::new();
    for (at, lab) in labs.iter().enumerate() {
        let pair = name(lab);
        let found = runs(lab, context, &[lab.setting().dsd(), lab.setting().control()], &seeds)?;
        let Comparison { score, dense, sparse, dsd, control, gain, test } = lab.compare(context, &seeds)?;
        table = table.row([
            pair.clone(),
            score.clone(),
            cell(&dense)?,
            cell(&sparse)?,
            cell(&dsd)?,
            cell(&control)?,
            format!("{} [{}, {}]", number(gain.mean), number(gain.lo), number(gain.hi)),
            number(test.p),
        ]);
        let gain = Gain::new(&dsd, &control)?;
        measured = measured.check(gain.check(&format!("{score} of DSD below the control, {pair}")));
        measured = row(measured, &format!("gain of DSD over the control, {pair}"), gain.values)?;
        measured = row(measured, &format!("{score}, DSD, {pair}"), dsd)?;
        measured = row(measured, &format!("{score}, matched control, {pair}"), control)?;
        if at == 0 {
            measured = weights::histograms(measured, &pair, &found[0]);
        }
        settings.push(lab.setting().clone());
    }
    Ok(measured.table(table).config(&settings)?)
}

/// Claim `sparse`.
pub(super) fn sparse(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let mut measured = Measured::new(seeds(context));
    for lab in labs(context)? {
        let (pair, seeds) = (name(&lab), seeds(context));
        let found = runs(&lab, context, &[lab.setting().dsd(), lab.setting().control()], &seeds)?;
        let (sparse, as_long) = (scores(&lab, &found[0], 0), scores(&lab, &found[1], 0));
        let over_dense = Gain::new(&sparse, &dense(&lab, context, &seeds)?)?;
        let over_control = Gain::new(&sparse, &as_long)?;
        measured = measured
            .check(over_dense.check(&format!("sparse below the dense network, {pair}")))
            .check(over_control.check(&format!("sparse below dense training as long, {pair}")));
        measured = row(measured, &format!("gain over dense training as long, {pair}"), over_control.values)?;
        measured = row(measured, &format!("gain over the dense network, {pair}"), over_dense.values)?;
    }
    Ok(measured)
}

/// Claim `redense`.
pub(super) fn redense(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let mut measured = Measured::new(seeds(context));
    for lab in labs(context)? {
        let (pair, seeds) = (name(&lab), seeds(context));
        let dsd = lab.setting().dsd();
        let mut masked = dsd.clone();
        masked.phases[1].kind = masked.phases[0].kind;
        let found = runs(&lab, context, &[dsd, masked], &seeds)?;
        let gain = Gain::new(&last(&lab, &found[0]), &last(&lab, &found[1]))?;
        measured = measured.check(gain.check(&format!("re-dense below training on with the mask, {pair}")));
        measured = row(measured, &format!("gain over training on with the mask, {pair}"), gain.values)?;
    }
    Ok(measured)
}

/// Claim `iterated`: D-S-D-S-D beside D-S-D, with the same rate in every epoch.
pub(super) fn iterated(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let seeds = seeds(context);
    let lab = one(context)?;
    let arms = rounds(&lab);
    let found = runs(&lab, context, &arms, &seeds)?;
    let [twice, once, control] = [0, 1, 2].map(|arm| last(&lab, &found[arm]));
    let gain = Gain::new(&twice, &once)?;
    let mut measured = Measured::new(seeds).check(gain.check(&format!(
        "{} of two rounds below one, {}",
        lab.score_name(),
        name(&lab)
    )));
    measured = row(measured, "gain of two rounds over one", gain.values)?;
    measured = row(measured, &format!("{}, D-S-D-S-D", lab.score_name()), twice)?;
    measured = row(measured, &format!("{}, D-S-D of the same length", lab.score_name()), once)?;
    Ok(row(measured, &format!("{}, matched control", lab.score_name()), control)?.config(&arms)?)
}

/// Two rounds, one, and none, after the dense phase; the second round prunes half as much, as the paper's speech models do.
fn rounds(lab: &Lab) -> [DsdConfig; 3] {
    let setting = lab.setting();
    let [_, sparse, dense] = setting.epochs;
    let (lr, s) = (setting.lr, setting.sparsity);
    let phases = |kinds: [Kind; 4]| {
        let lengths = [sparse, dense, sparse, dense];
        let rates = [lr / 10.0, lr / 10.0, lr / 100.0, lr / 500.0];
        let phases = kinds.into_iter().zip(lengths).zip(rates);
        DsdConfig::new(phases.map(|((kind, epochs), lr)| Phase::new(kind, epochs, lr)).collect())
    };
    let [d, first, second] = [Kind::Dense, Kind::Sparse(s), Kind::Sparse(s / 2.0)];
    [phases([first, d, second, d]), phases([first, d, d, d]), phases([d, d, d, d])]
}

/// Claim `both-losses`.
pub(super) fn both_losses(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let mut measured = Measured::new(seeds(context));
    for lab in labs(context)? {
        let (pair, seeds) = (name(&lab), seeds(context));
        let found = runs(&lab, context, &[lab.setting().dsd(), lab.setting().control()], &seeds)?;
        let mut before = [Vec::new(), Vec::new()];
        for seed in &seeds {
            if let Some(end) = lab.dense(context, *seed)?.run.last() {
                before[0].push(end.train.loss);
                before[1].push(end.test.loss);
            }
        }
        let after = |arm: usize| {
            let ends = || found[arm].iter().filter_map(|run| run.last());
            [ends().map(|end| end.train.loss).collect::<Vec<_>>(), ends().map(|end| end.test.loss).collect()]
        };
        let (dsd, control) = (after(0), after(1));
        for (part, what) in ["training", "test"].into_iter().enumerate() {
            let fell = Gain::new(&dsd[part], &before[part])?;
            let over = Gain::new(&dsd[part], &control[part])?;
            measured = measured.check(fell.check(&format!("{what} loss falls, {pair}")));
            measured = row(measured, &format!("fall of the {what} loss, {pair}"), fell.values)?;
            measured =
                row(measured, &format!("{what} loss below the control's, {pair}"), over.values.clone())?;
            if part == 0 {
                // higher than the control's by more than chance would be a regulariser's mark
                let rise = Gain::new(&control[0], &dsd[0])?;
                let label = format!("training loss above the control's, not shown to be, {pair}");
                measured = measured.check(rise.not_shown(&label));
            }
        }
    }
    let pair = one(context)?;
    let way = pair.path(context, context.seed, 10)?;
    let points = |of: fn(&WayPoint) -> f64| way.iter().map(|point| (point.at, of(point))).collect::<Vec<_>>();
    let figure = Figure::new(
        &format!("Loss on the way, {}", name(&pair)),
        Axis::linear("0 dense, 1 end of the sparse phase, 2 end of DSD"),
        Axis::log("loss"),
    );
    Ok(measured.figure(
        figure
            .series(Series::new("training", Mark::Line, points(|point| point.train.loss)))
            .series(Series::new("test", Mark::Line, points(|point| point.test.loss))),
    ))
}

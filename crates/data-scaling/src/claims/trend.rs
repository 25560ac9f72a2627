//! Claims on the score against N.

use shared::claims::{
    cell,
    judge::{above_by, at_least, every},
    number,
    stats::{interval95, mean, paired, spearman, LEVEL},
    Axis, ClaimError, Context, Figure, Kind, Measured, Row, Series, Table,
};

use super::design::{runs, seeds, shown, sizes, study, trial, Way};
use crate::{
    curve::{CurveStudy, Law},
    experiment::{Lab, Trial},
    Length, Outcome,
};

/// Runs at every N, at equal iterations, and networks that learn the task from scratch.
pub(super) struct Grid {
    pub(super) seeds: Vec<u64>,
    pub(super) sizes: Vec<u64>,
    pub(super) found: Vec<Vec<Outcome>>,
    pub(super) scratch: Vec<Outcome>,
}

impl Grid {
    /// Runs it, or finds it run.
    pub(super) fn measure(context: &Context<'_>) -> Result<Self, ClaimError> {
        let (lab, seeds, sizes) = (Lab::open(context), seeds(context), sizes(context.quick));
        let mut trials: Vec<Trial> = sizes.iter().map(|n| trial(context.quick, *n)).collect();
        trials.push(Trial { scratch: true, ..trial(context.quick, 1) });
        let mut found = runs(&lab, context, &trials, &seeds)?;
        let scratch = found.pop().unwrap_or_default();
        Ok(Grid { seeds, sizes, found, scratch })
    }

    /// The accuracies of a way at every N, in the order of seeds.
    pub(super) fn scores(&self, way: Way) -> Vec<Vec<f64>> {
        self.found.iter().map(|outcomes| way.of(outcomes)).collect()
    }

    pub(super) fn study(&self, way: Way) -> Result<CurveStudy, ClaimError> {
        study(&self.sizes, &self.found, way)
    }
}

/// The scores of both ways against N, with the best law of each drawn through them.
pub(super) fn figure(
    title: &str,
    sizes: &[u64],
    found: &[Vec<Outcome>],
    scratch: &[Outcome],
) -> Result<Figure, ClaimError> {
    let mut figure =
        Figure::new(title, Axis::log("images to pre-train on (N)"), Axis::linear("accuracy on the task"));
    for way in Way::BOTH {
        let mut points = Vec::new();
        for (n, outcomes) in sizes.iter().zip(found) {
            points.push((*n as f64, interval95(&way.of(outcomes))?));
        }
        figure = figure.series(Series::intervals(way.name(), Kind::Points, points));
        let study = study(sizes, found, way)?;
        if let (Some(best), Some(first), Some(last)) = (study.fits.first(), sizes.first(), sizes.last()) {
            let steps = 40;
            let at = |i: u32| {
                let share = f64::from(i) / f64::from(steps);
                let n = (*first as f64).powf(1.0 - share) * (*last as f64).powf(share);
                (n, best.law.value(&best.parameters, n))
            };
            let label = format!("{}, {}", way.name(), best.law.formula());
            figure = figure.series(Series::new(&label, Kind::Line, (0..=steps).map(at)));
        }
    }
    if !scratch.is_empty() {
        figure = figure.mark("fine-tuned from scratch", mean(&Way::Tuned.of(scratch))?);
    }
    Ok(figure)
}

/// Checks that scores rise with N: the order of the means, and the ends.
pub(super) fn rises(
    mut measured: Measured,
    sizes: &[u64],
    found: &[Vec<Outcome>],
) -> Result<Measured, ClaimError> {
    for way in Way::BOTH {
        let scores: Vec<Vec<f64>> = found.iter().map(|outcomes| way.of(outcomes)).collect();
        let means = scores.iter().map(|of| mean(of)).collect::<Result<Vec<f64>, _>>()?;
        let ns: Vec<f64> = sizes.iter().map(|n| *n as f64).collect();
        let order = spearman(&ns, &means)?.unwrap_or(0.0);
        let gain = paired(&scores[scores.len() - 1], &scores[0], LEVEL)?;
        measured = measured
            .check(above_by(
                &format!("{}: accuracy at the largest N less at the smallest", way.name()),
                &gain,
                0.0,
            ))
            .check(at_least(&format!("{}: rank correlation of N and mean accuracy", way.name()), order, 1.0));
    }
    Ok(measured)
}

fn table(grid: &Grid) -> Result<Table, ClaimError> {
    let columns = [
        "N",
        "times each was shown",
        "frozen",
        "fine-tuned",
        "mAP of held-out scenes",
        "loss of the last part",
    ];
    let mut table = Table::new("Accuracy on the task against N, at equal iterations", &columns);
    for (n, outcomes) in grid.sizes.iter().zip(&grid.found) {
        let maps: Vec<f64> = outcomes.iter().filter_map(|o| o.held_out.map(|h| h.map)).collect();
        let losses: Vec<f64> = outcomes.iter().filter_map(|o| o.losses.last().copied()).collect();
        let shown = shown(grid.sizes.len() < 7) as f64 / *n as f64;
        table = table.row([
            n.to_string(),
            number(shown),
            cell(&Way::Frozen.of(outcomes))?,
            cell(&Way::Tuned.of(outcomes))?,
            cell(&maps)?,
            cell(&losses)?,
        ]);
    }
    Ok(table.row([
        "0".to_owned(),
        "0".into(),
        cell(&Way::Frozen.of(&grid.scratch))?,
        cell(&Way::Tuned.of(&grid.scratch))?,
        "–".into(),
        "–".into(),
    ]))
}

/// Claim `trend`.
pub(super) fn trend(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let grid = Grid::measure(context)?;
    let mut measured = Measured::new(grid.seeds.clone());
    for way in Way::BOTH {
        for (n, scores) in grid.sizes.iter().zip(grid.scores(way)) {
            measured = measured.row(Row::new(&format!("{}, N = {n}", way.name()), scores)?);
        }
    }
    measured = rises(measured, &grid.sizes, &grid.found)?;
    // the same Ns once more, each image shown once: where small sets are also trained shortly
    let once: Vec<Trial> = grid
        .sizes
        .iter()
        .map(|n| {
            let mut trial = trial(context.quick, *n);
            trial.pretraining.length = Length::Passes(1);
            trial
        })
        .collect();
    let once = runs(&Lab::open(context), context, &once, &grid.seeds)?;
    let mut equal =
        Table::new("The same at equal epochs: every image is shown once", &["N", "frozen", "fine-tuned"]);
    for (n, outcomes) in grid.sizes.iter().zip(&once) {
        equal = equal.row([n.to_string(), cell(&Way::Frozen.of(outcomes))?, cell(&Way::Tuned.of(outcomes))?]);
    }
    Ok(measured
        .figure(figure("Accuracy on the task against N", &grid.sizes, &grid.found, &grid.scratch)?)
        .table(table(&grid)?)
        .table(equal)
        .config(&trial(context.quick, grid.sizes[0]))?)
}

/// Claim `law`: whether a straight line on a logarithmic axis is what the points support.
pub(super) fn law(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let grid = Grid::measure(context)?;
    let mut measured = Measured::new(grid.seeds.clone());
    for way in Way::BOTH {
        let study = grid.study(way)?;
        let line = study.fits.iter().find(|fit| fit.law == Law::LogLinear);
        let Some((line, best)) = line.zip(study.fits.first()) else { continue };
        let behind = line.aicc - best.aicc;
        measured = measured
            .row(Row::new(
                &format!("{}: gain for ten times the images, log-linear law", way.name()),
                vec![line.parameters[1]],
            )?)
            .row(Row::new(&format!("{}: R² of the log-linear law", way.name()), vec![line.r2])?)
            .check(at_least(&format!("{}: R² of the log-linear law", way.name()), line.r2, 0.97))
            .check(shared::claims::judge::at_most(
                &format!("{}: AICc of the log-linear law less the least", way.name()),
                behind,
                crate::curve::SUPPORTED,
            ));
        let title = format!("Laws of accuracy, {}", way.name());
        let mut table =
            Table::new(&title, &["law", "parameters, 95 % interval", "R²", "AICc", "left-one-out error"]);
        for fit in &study.fits {
            let named = fit.law.parameters().iter().zip(fit.estimates());
            let text: Vec<String> = named
                .map(|(name, e)| format!("{name} = {} [{}, {}]", number(e.value), number(e.lo), number(e.hi)))
                .collect();
            table = table.row([
                fit.law.formula().to_owned(),
                text.join(", "),
                number(fit.r2),
                number(fit.aicc),
                fit.left_out.map_or("–".into(), number),
            ]);
        }
        measured = measured.table(table);
        for line in crate::curve::told(&study, &[], &[])?.into_iter().filter(|line| line.ends_with('.')) {
            measured = measured.note(format!("{}: {line}", way.name()));
        }
    }
    Ok(measured.figure(figure("Accuracy on the task and its laws", &grid.sizes, &grid.found, &[])?))
}

/// Claim `no-saturation`.
pub(super) fn no_saturation(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let grid = Grid::measure(context)?;
    let mut measured = Measured::new(grid.seeds.clone());
    let last = grid.sizes.len() - 1;
    let decades = |from: usize, to: usize| (grid.sizes[to] as f64 / grid.sizes[from] as f64).log10();
    for way in Way::BOTH {
        let scores = grid.scores(way);
        let slope = |from: usize, to: usize| -> Vec<f64> {
            scores[to].iter().zip(&scores[from]).map(|(b, a)| (b - a) / decades(from, to)).collect()
        };
        let (end, all) = (slope(last - 1, last), slope(0, last));
        let half: Vec<f64> = all.iter().map(|s| 0.5 * s).collect();
        measured = measured
            .row(Row::new(&format!("{}: gain a decade, last increase", way.name()), end.clone())?)
            .row(Row::new(&format!("{}: gain a decade, all", way.name()), all)?)
            .check(above_by(
                &format!("{}: gain a decade of the last increase less half of the mean one", way.name()),
                &paired(&end, &half, LEVEL)?,
                0.0,
            ));
    }
    Ok(measured)
}

/// Claim `frozen-and-tuned`.
pub(super) fn frozen_and_tuned(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let grid = Grid::measure(context)?;
    let (frozen, tuned) = (grid.scores(Way::Frozen), grid.scores(Way::Tuned));
    let mut measured = Measured::new(grid.seeds.clone());
    let mut above = Vec::new();
    for ((n, frozen), tuned) in grid.sizes.iter().zip(&frozen).zip(&tuned) {
        let gain = shared::claims::stats::differences(tuned, frozen)?;
        above.push(mean(&gain)? > 0.0);
        measured = measured.row(Row::new(&format!("fine-tuned less frozen, N = {n}"), gain)?);
    }
    let count = above.iter().filter(|a| **a).count();
    let at_end = paired(&tuned[tuned.len() - 1], &frozen[frozen.len() - 1], LEVEL)?;
    Ok(measured
        .check(at_least(
            "sizes at which the mean of fine-tuned is above frozen",
            count as f64,
            above.len() as f64,
        ))
        .check(above_by("fine-tuned less frozen at the largest N", &at_end, 0.0))
        .check(every("frozen features gain from N in every seed", &gains(&frozen)))
        .check(every("fine-tuning gains from N in every seed", &gains(&tuned))))
}

/// Whether the largest N is above the smallest, for every seed.
fn gains(scores: &[Vec<f64>]) -> Vec<bool> {
    scores[scores.len() - 1].iter().zip(&scores[0]).map(|(b, a)| b > a).collect()
}

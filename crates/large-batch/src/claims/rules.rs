//! Claims on the recipe: rates, γ, batch normalisation, momentum, sampling, transfer, size of the data.

use shared::{
    claims::{
        cell,
        judge::{above_by, at_most, equivalent},
        stats::{differences, mean, paired, LEVEL},
        Axis, ClaimError, Context, Figure, Kind, Measured, Row, Series, Table,
    },
    optim::HeavyBallForm,
};

use super::design::{base, errors, lab, residual, runs, seeds, with_warmup, Elbow, Grid};
use crate::{
    arithmetic::momentum_gap,
    experiment::{Form, Lab, Outcome, Sampling, Transfer, Trial},
    RateRule, WarmupRule,
};

/// The grid, its largest good k, and at least 4, so that rules have something to differ in, and the seeds of what is compared there.
fn many(context: &Context<'_>) -> Result<(Grid, usize, Vec<u64>), ClaimError> {
    let grid = Grid::measure(context)?;
    let k = grid.workers[grid.largest()?].max(4);
    Ok((grid, k, seeds(context)))
}

/// Runs trials and makes a row of each.
fn rows(
    mut measured: Measured,
    named: &[(String, Trial)],
    found: &[Vec<Outcome>],
) -> Result<Measured, ClaimError> {
    let mut table = Table::new("Test errors", &["run", "test error", "diverged"]);
    for ((name, _), outcomes) in named.iter().zip(found) {
        let diverged = outcomes.iter().filter(|o| o.diverged).count();
        table =
            table.row([name.clone(), cell(&errors(outcomes))?, format!("{diverged} of {}", outcomes.len())]);
        measured = measured.row(Row::new(&format!("test error, {name}"), errors(outcomes))?);
    }
    Ok(measured.table(table))
}

fn trials(named: &[(String, Trial)]) -> Vec<Trial> {
    named.iter().map(|(_, trial)| trial.clone()).collect()
}

/// Claim `rate-rules`.
pub(super) fn rate_rules(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (grid, k, seeds) = many(context)?;
    let of = |name: &str, rule| {
        let mut trial = base(context.quick).of_workers(k);
        trial.scaling.rule = rule;
        (format!("{name}, k = {k}"), trial)
    };
    let named =
        [of("linear", RateRule::Linear), of("square root", RateRule::Sqrt), of("fixed", RateRule::Fixed)];
    let found = runs(&grid.lab, context, &trials(&named), &seeds)?;
    let [linear, root, fixed] = [0, 1, 2].map(|at| errors(&found[at]));
    let measured = rows(Measured::new(seeds), &named, &found)?;
    Ok(measured
        .check(above_by("error of the square root rule less linear", &paired(&root, &linear, LEVEL)?, 0.0))
        .check(above_by("error of the fixed rate less linear", &paired(&fixed, &linear, LEVEL)?, 0.0)))
}

/// Claim `rate-optimum`: half, once and twice the rate, at one worker and at the largest good k.
pub(super) fn rate_optimum(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (grid, k, seeds) = many(context)?;
    let mut named = Vec::new();
    for workers in [1, k] {
        for factor in [0.5, 1.0, 2.0] {
            let mut trial = base(context.quick).of_workers(workers);
            trial.scaling.base_lr *= factor;
            named.push((format!("{factor} x the rate, k = {workers}"), trial));
        }
    }
    let found = runs(&grid.lab, context, &trials(&named), &seeds)?;
    let all: Vec<Vec<f64>> = found.iter().map(|o| errors(o)).collect();
    let mut measured = rows(Measured::new(seeds), &named, &found)?;
    let mut spread = Vec::new();
    for (workers, at) in [(1, 0), (k, 3)] {
        let once = &all[at + 1];
        for (name, other) in [("half", &all[at]), ("twice", &all[at + 2])] {
            measured = measured.check(above_by(
                &format!("k = {workers}: error at {name} the rate less at the rate"),
                &paired(other, once, LEVEL)?,
                0.0,
            ));
        }
        let means: Vec<f64> = all[at..at + 3].iter().map(|e| mean(e)).collect::<Result<_, _>>()?;
        let (lo, hi) = means.iter().fold((f64::MAX, f64::MIN), |(lo, hi), m| (lo.min(*m), hi.max(*m)));
        spread.push(hi - lo);
    }
    Ok(measured.check(at_most(
        "spread of mean errors at one worker less at many",
        spread[0] - spread[1],
        0.0,
    )))
}

/// Claim `zero-gamma`.
pub(super) fn zero_gamma(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (grid, k, _) = many(context)?;
    let seeds = context.seeds(2, 5);
    let of = |workers: usize, zero_gamma: bool| {
        let name = format!("γ = {}, k = {workers}", u8::from(!zero_gamma));
        (name, Trial { zero_gamma, ..residual(context.quick).of_workers(workers) })
    };
    let named = [of(1, true), of(1, false), of(k, true), of(k, false)];
    let found = runs(&grid.lab, context, &trials(&named), &seeds)?;
    let [one_zero, one, many_zero, many] = [0, 1, 2, 3].map(|at| errors(&found[at]));
    let (gain_one, gain_many) = (differences(&one, &one_zero)?, differences(&many, &many_zero)?);
    let measured = rows(Measured::new(seeds), &named, &found)?;
    Ok(measured
        .check(above_by(
            "one worker: error with γ = 1 less with γ = 0",
            &paired(&one, &one_zero, LEVEL)?,
            0.0,
        ))
        .check(above_by(
            &format!("k = {k}: error with γ = 1 less with γ = 0"),
            &paired(&many, &many_zero, LEVEL)?,
            0.0,
        ))
        .check(above_by("gain at many workers less at one", &paired(&gain_many, &gain_one, LEVEL)?, 0.0)))
}

/// Claim `worker-batch`: n at the same kn, and k at the same n.
pub(super) fn worker_batch(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (lab(context)?, seeds(context));
    let base = residual(context.quick);
    let kn = base.per_worker * 4;
    let of = |n: usize| {
        let trial = Trial { per_worker: n, ..base.of_workers(kn / n) };
        (format!("n = {n}, k = {}", kn / n), trial)
    };
    let mut named = vec![of(base.per_worker / 8), of(base.per_worker), of(kn)];
    named.push((format!("n = {}, k = 2", base.per_worker), base.of_workers(2)));
    let found = runs(&lab, context, &trials(&named), &seeds)?;
    let [few, own, sync, other] = [0, 1, 2, 3].map(|at| errors(&found[at]));
    let measured = rows(Measured::new(seeds), &named, &found)?;
    let few_label = format!("error of n = {} less n = {}, at one kn", base.per_worker / 8, base.per_worker);
    Ok(measured
        .check(above_by(&few_label, &paired(&few, &own, LEVEL)?, 0.0))
        .check(equivalent("error of k = 4 less k = 2, at one n", &differences(&own, &other)?, 0.02)?)
        .row(Row::new(
            "error of statistics over the whole minibatch less over n",
            differences(&sync, &own)?,
        )?))
}

/// Claim `momentum-correction`.
pub(super) fn momentum(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (grid, k, seeds) = many(context)?;
    let of = |name: &str, form| {
        let trial = with_warmup(&base(context.quick).of_workers(k), WarmupRule::Constant);
        (name.to_owned(), Trial { form, ..trial })
    };
    let named = [
        of("equation 9", Form::Outside),
        of("equation 10, corrected", Form::Corrected),
        of("equation 10, uncorrected", Form::Inside),
    ];
    let found = runs(&grid.lab, context, &trials(&named), &seeds)?;
    let [outside, _, inside] = [0, 1, 2].map(|at| errors(&found[at]));
    let corrected = momentum_gap(HeavyBallForm::RateInsideCorrected)?;
    let plain = momentum_gap(HeavyBallForm::RateInside)?;
    let measured = rows(Measured::new(seeds), &named, &found)?;
    Ok(measured
        .row(Row::new(
            "relative distance from equation 9 through changes of the rate, corrected",
            vec![corrected],
        )?)
        .row(Row::new("the same, uncorrected", vec![plain])?)
        .check(at_most("relative distance of the corrected form from equation 9", corrected, 1e-5))
        .check(shared::claims::judge::at_least("relative distance of the uncorrected form", plain, 1e-2))
        .check(above_by(
            "error of the uncorrected form less equation 9, constant warmup",
            &paired(&inside, &outside, LEVEL)?,
            0.0,
        )))
}

/// Claim `shuffle`.
pub(super) fn shuffle(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (grid, k, seeds) = many(context)?;
    let base = base(context.quick).of_workers(k);
    let named = [
        ("one permutation an epoch".to_owned(), base.clone()),
        ("each worker with replacement".to_owned(), Trial { sampling: Sampling::Replacement, ..base }),
    ];
    let found = runs(&grid.lab, context, &trials(&named), &seeds)?;
    let (permuted, drawn) = (errors(&found[0]), errors(&found[1]));
    let whole = f64::from(u8::from(crate::arithmetic::shards_are_a_permutation()));
    Ok(rows(Measured::new(seeds), &named, &found)?
        .check(shared::claims::judge::at_least(
            "the shards of an epoch are each example once (1 = yes)",
            whole,
            1.0,
        ))
        .check(above_by(
            "error with replacement less with one permutation",
            &paired(&drawn, &permuted, LEVEL)?,
            -0.02,
        )))
}

/// Claim `transfer`.
pub(super) fn transfer(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (grid, seeds) = (Grid::measure(context)?, seeds(context));
    let last = grid.largest()?;
    let most = grid.workers.len() - 1;
    let places: Vec<usize> = std::collections::BTreeSet::from([0, last, most]).into_iter().collect();
    let base = base(context.quick);
    let transfer = Transfer { epochs: 5, train: base.train / 5 };
    let of = |at: &usize| Trial {
        transfer: Some(transfer),
        train: base.train / 2,
        ..base.of_workers(grid.workers[*at])
    };
    let all: Vec<Trial> = places.iter().map(of).collect();
    let found = runs(&grid.lab, context, &all, &seeds)?;
    let moved = |at: usize| -> Vec<f64> { found[at].iter().filter_map(|o| o.transfer_error).collect() };
    let mut measured = Measured::new(seeds);
    for (place, outcomes) in places.iter().zip(&found) {
        let k = grid.workers[*place];
        measured = measured.row(Row::new(&format!("source error, k = {k}"), errors(outcomes))?);
    }
    for (at, place) in places.iter().enumerate() {
        let k = grid.workers[*place];
        measured = measured.row(Row::new(&format!("error on the other classes, k = {k}"), moved(at))?);
    }
    if last > 0 {
        let k = grid.workers[last];
        let apart = differences(&moved(1), &moved(0))?;
        measured =
            measured.check(equivalent(&format!("error of k = {k} less that of one worker"), &apart, 0.02)?);
    }
    Ok(measured.note(
        "Trained on classes 0 to 4 of the set, then fine-tuned, with a fresh last layer, on few images of classes 5 to 9 with the base \
         minibatch at a tenth of the base rate.",
    ))
}

/// Claim `data-size`: the elbow with a quarter and with all of the images, at equal epochs.
pub(super) fn data_size(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (base, seeds) = (base(context.quick), seeds(context));
    // the full form has four times the images of the other claims, the short one a quarter as many beside them
    let sizes = if context.quick { [base.train / 4, base.train] } else { [base.train, base.train * 4] };
    let ks: &[usize] = if context.quick { &[1, 8] } else { &[1, 4, 8, 16, 32] };
    // k = 16; the largest in the short form
    let far = if context.quick { 1 } else { 3 };
    let lab = Lab::open(context, sizes[1], base.test)?;
    let mut named = Vec::new();
    for size in sizes {
        for k in ks {
            named.push((format!("{size} images, k = {k}"), Trial { train: size, ..base.of_workers(*k) }));
        }
    }
    let found = runs(&lab, context, &trials(&named), &seeds)?;
    let mut measured = rows(Measured::new(seeds), &named, &found)?;
    let mut figure = Figure::new(
        &format!("Rise of the test error with the minibatch, {} on {}", base.model, lab.dataset()),
        Axis::log("images a minibatch (kn)"),
        Axis::linear("test error less that of one worker"),
    );
    let mut table =
        Table::new("The elbow", &["images", "largest good k", "its minibatch (kn)", "its steps an epoch"]);
    let (mut elbows, mut rises) = (Vec::new(), Vec::new());
    for (size, found) in sizes.iter().zip(found.chunks(ks.len())) {
        let all: Vec<Vec<f64>> = found.iter().map(|o| errors(o)).collect();
        let elbow = Elbow::of(ks, &all)?;
        measured = elbow.rows(measured, &format!("largest k with the error of one worker, {size} images"))?;
        let at = Trial { train: *size, ..base.of_workers(elbow.k) };
        let cells = [*size, elbow.k, at.batch(), at.steps(*size)];
        table = table.row(cells.map(|cell| cell.to_string()));
        let mut points = Vec::new();
        for (k, of_k) in ks.iter().zip(&all).skip(1) {
            points.push(((k * base.per_worker) as f64, paired(of_k, &all[0], LEVEL)?));
        }
        figure = figure.series(Series::intervals(&format!("{size} images"), Kind::Line, points));
        elbows.push(elbow.k as f64);
        rises.push(differences(&all[far], &all[0])?);
    }
    let label =
        format!("rise of the error from one worker to {}, {} images less {}", ks[far], sizes[0], sizes[1]);
    let moved = (elbows[1] / elbows[0]).log2().abs();
    Ok(measured
        .check(equivalent(&label, &differences(&rises[0], &rises[1])?, 0.02)?)
        .check(at_most("doublings of the minibatch between the elbows", moved, 1.0))
        .figure(figure)
        .table(table)
        .note(
            "At equal epochs, so that a small set has few steps. The paper compares 1.3 with 6.8 million images, which take 156 and 830 \
             steps an epoch at its elbow of 8k.",
        ))
}

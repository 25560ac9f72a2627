//! Claims on rings and grids, where lost modes can be counted.

use shared::claims::{
    judge::{above_by, at_least, reaches},
    stats::{interval95, paired, LEVEL},
    Axis, ClaimError, Context, Figure, Kind, Measured, Row, Series, Table,
};

use super::recipes::{clipped, cure, grid_cure, tricks, vanilla, wasserstein, CLIP};
use crate::{
    adam,
    experiment::{mixture, Lab, Played, Run},
    Batch, Formulation, Networks, Penalty, Recipe,
};

/// Points a step.
const BATCH: usize = 128;

/// Turns of a pass over a toy set.
const PASS: usize = 400;

/// On the grid, where a mode has a twenty-fifth of them.
const GRID_BATCH: usize = 512;

fn turns(context: &Context<'_>) -> usize {
    if context.quick {
        250
    } else {
        20_000
    }
}

/// Turns of the games whose modes are counted.
fn ring_turns(context: &Context<'_>) -> usize {
    if context.quick {
        3_000
    } else {
        20_000
    }
}

/// One game with every seed.
fn runs(dataset: &str, networks: Networks, recipe: &Recipe, turns: usize, seeds: &[u64]) -> Vec<Run> {
    let run = |seed: &u64| Run {
        dataset: dataset.into(),
        // a game plays whole passes: a short one has a set of its own length
        limit: (turns < PASS).then_some(turns * BATCH),
        networks,
        recipe: recipe.clone(),
        turns,
        batch: BATCH,
        seed: *seed,
        looks: 0,
    };
    seeds.iter().map(run).collect()
}

fn modes(played: &Played) -> f64 {
    played.coverage.as_ref().map_or(0.0, |c| c.modes_20 as f64)
}

fn quality(played: &Played) -> f64 {
    played.coverage.as_ref().map_or(0.0, |c| c.high_quality)
}

/// Whether modes were lost: fewer than all with 20 good samples each.
fn collapsed(played: &Played) -> f64 {
    let all = played.coverage.as_ref().map_or(1, |c| c.counts.len());
    f64::from(u8::from(modes(played) < all as f64))
}

fn each(played: &[Played], f: fn(&Played) -> f64) -> Vec<f64> {
    played.iter().map(f).collect()
}

/// Samples of two recipes side by side, as points of the plane.
fn side_by_side(title: &str, dataset: &str, shown: &[(&str, &Played)]) -> Figure {
    let pairs = |values: &[f32]| -> Vec<(f64, f64)> {
        values.chunks_exact(2).take(150).map(|p| (f64::from(p[0]), f64::from(p[1]))).collect()
    };
    let centres = mixture(dataset).centres().iter().map(|c| (c[0], c[1])).collect::<Vec<_>>();
    let mut figure = Figure::new(title, Axis::linear("x"), Axis::linear("y")).series(Series::new(
        "modes",
        Kind::Points,
        centres.clone(),
    ));
    let width = centres.iter().fold(0.0f64, |w, c| w.max(c.0.abs())) * 2.0 + 2.0;
    for (at, (name, played)) in shown.iter().enumerate() {
        // side by side: each panel lies one width to the right of the one before it
        let shift = (at + 1) as f64 * width;
        let points = pairs(&played.samples).into_iter().map(|(x, y)| (x + shift, y));
        figure = figure.series(Series::new(name, Kind::Points, points.collect::<Vec<_>>()));
    }
    figure
}

pub(super) fn saturation(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(3, 5));
    let lessons = if context.quick { 400 } else { 1_000 };
    let values = mixture("ring").sample(0..(BATCH as u64) * 64, 0);
    let batch = |i: usize| {
        let at = i % 64 * 2 * BATCH;
        Batch { values: &values[at..at + 2 * BATCH], labels: &[] }
    };
    let (mut minimax, mut other) = (Vec::new(), Vec::new());
    for seed in &seeds {
        let pulls: (f64, f64) = lab.cell("saturation", &(*seed, lessons), || {
            let mut game = Networks::Toy.game(lab.device(), &vanilla(), *seed)?;
            for lesson in 0..lessons {
                game.teach(&batch(lesson))?;
            }
            Ok((
                game.pull(Formulation::Minimax, &batch(0))?,
                game.pull(Formulation::NonSaturating, &batch(0))?,
            ))
        })?;
        minimax.push(pulls.0);
        other.push(pulls.1);
    }
    let ratio: Vec<f64> =
        other.iter().zip(&minimax).map(|(o, m)| (o / m.max(f64::MIN_POSITIVE)).log10()).collect();
    let budget = if context.quick { 500 } else { 10_000 };
    let played = |formulation| {
        lab.play(context, &runs("ring", Networks::Toy, &Recipe { formulation, ..vanilla() }, budget, &seeds))
    };
    let (of_minimax, of_other) = (played(Formulation::Minimax)?, played(Formulation::NonSaturating)?);
    let gain = paired(&each(&of_other, quality), &each(&of_minimax, quality), LEVEL)?;
    Ok(Measured::new(seeds)
        .row(Row::new(
            "log10 of non-saturating over minimax ‖∇_G‖, against a taught discriminator",
            ratio.clone(),
        )?)
        .row(Row::new("‖∇_G‖, minimax", minimax)?)
        .row(Row::new("‖∇_G‖, non-saturating", other)?)
        .row(Row::new("high-quality share after equal turns, minimax", each(&of_minimax, quality))?)
        .row(Row::new("the same, non-saturating", each(&of_other, quality))?)
        .check(reaches("log10 of the ratio of gradients", &interval95(&ratio)?, 1.0, 0.0))
        .check(above_by("high-quality share, non-saturating less minimax", &gain, 0.0))
        .note(format!("The discriminator is taught for {lessons} steps on a generator that does not learn.")))
}

pub(super) fn collapse(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds, turns) = (Lab::open(context), context.seeds(2, 5), turns(context));
    let all = tricks(turns);
    context.progress.start("games", (all.len() * seeds.len()) as u64);
    let jobs: Vec<Run> =
        all.iter().flat_map(|(_, n, recipe)| runs("ring", *n, recipe, turns, &seeds)).collect();
    let played = lab.play(context, &jobs)?;
    let groups: Vec<(&str, &[Played])> =
        all.iter().map(|(name, ..)| *name).zip(played.chunks(seeds.len())).collect();
    let of = |wanted: &str| groups.iter().find(|(name, _)| *name == wanted).map_or(&[][..], |(_, g)| *g);
    let mut table = Table {
        title: format!("Tricks on the ring, {turns} turns, means of {} seeds", seeds.len()),
        columns: [
            "recipe",
            "modes (≥ 1)",
            "modes (≥ 20)",
            "high quality",
            "reverse KL",
            "lost modes",
            "diverged",
        ]
        .map(String::from)
        .into(),
        rows: Vec::new(),
    };
    for (name, group) in &groups {
        let mean = |f: &dyn Fn(&Played) -> f64| group.iter().map(f).sum::<f64>() / group.len().max(1) as f64;
        let covered = |f: fn(&crate::measures::Coverage) -> f64| {
            mean(&|p: &Played| p.coverage.as_ref().map_or(f64::NAN, f))
        };
        table.rows.push(vec![
            (*name).into(),
            format!("{:.1}", covered(|c| c.modes_1 as f64)),
            format!("{:.1}", covered(|c| c.modes_20 as f64)),
            format!("{:.3}", covered(|c| c.high_quality)),
            format!("{:.3}", covered(|c| c.reverse_kl)),
            format!("{:.0} %", 100.0 * mean(&collapsed)),
            format!("{:.0} %", 100.0 * mean(&|p: &Played| f64::from(u8::from(p.diverged.is_some())))),
        ]);
    }
    let base = each(of("vanilla"), modes);
    let mut measured = Measured::new(seeds.clone())
        .row(Row::new("modes with at least 20 good samples, vanilla", base.clone())?)
        .row(Row::new("lost modes, vanilla (1 = yes)", each(of("vanilla"), collapsed))?);
    for name in ["minibatch discrimination", "unrolled, 5 steps, first order", "cure"] {
        let found = each(of(name), modes);
        let gain = paired(&found, &base, LEVEL)?;
        measured = measured.row(Row::new(&format!("modes, {name}"), found)?).check(above_by(
            &format!("modes, {name} less vanilla"),
            &gain,
            0.0,
        ));
    }
    // the short form's table is of games too short to be cured: the figure is of those that are counted
    let shown = ring_turns(context);
    let one = |recipe: &Recipe| runs("ring", Networks::Toy, recipe, shown, &seeds[..seeds.len().min(1)]);
    let both = lab.play(context, &[one(&vanilla()), one(&cure(shown))].concat())?;
    if let [first, last] = both.as_slice() {
        measured = measured.figure(side_by_side(
            &format!("The ring after {shown} turns, vanilla samples, and samples of the cure"),
            "ring",
            &[("vanilla", first), ("cure", last)],
        ));
    }
    Ok(measured.table(table).note(
        "Vanilla is Adam at 1e-3 with β₁ = 0.9. The cure has β₁ = 0.5, instance noise and rates that fall, averaged weights. \
         Unrolling is of first order: the generator sees the discriminator five steps ahead, and no gradient goes through \
         those steps, which is what made the paper's unrolling cover modes.",
    ))
}

pub(super) fn covered(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(2, 10));
    let turns = ring_turns(context);
    let on_grid = if context.quick { 100 } else { 40_000 };
    let mut measured = Measured::new(seeds.clone());
    for (dataset, turns, batch, recipe, share) in
        [("ring", turns, BATCH, cure(turns), 0.95), ("grid", on_grid, GRID_BATCH, grid_cure(on_grid), 0.9)]
    {
        let play = |recipe: &Recipe| {
            let mut jobs = runs(dataset, Networks::Toy, recipe, turns, &seeds);
            jobs.iter_mut().for_each(|run| run.batch = batch);
            lab.play(context, &jobs)
        };
        let (vanilla, played) = (play(&vanilla())?, play(&recipe)?);
        let all = mixture(dataset).centres().len() as f64;
        let good: Vec<f64> = played
            .iter()
            .map(|p| {
                let covered = p.coverage.as_ref().map_or(0, |c| c.modes_1) as f64;
                f64::from(u8::from(covered == all && quality(p) >= share))
            })
            .collect();
        let rate = good.iter().sum::<f64>() / good.len().max(1) as f64;
        let label = format!("{dataset}: share of seeds with all {all} modes and {share} of high quality");
        measured = measured
            .row(Row::new(&label, good)?)
            .row(Row::new(
                &format!("{dataset}: modes with at least 20 good samples, cure"),
                each(&played, modes),
            )?)
            .row(Row::new(&format!("{dataset}: high-quality share, cure"), each(&played, quality))?)
            .row(Row::new(
                &format!("{dataset}: modes with at least 20 good samples, vanilla"),
                each(&vanilla, modes),
            )?)
            .row(Row::new(&format!("{dataset}: high-quality share, vanilla"), each(&vanilla, quality))?)
            .row(Row::new(&format!("{dataset}: lost modes, vanilla (1 = yes)"), each(&vanilla, collapsed))?)
            .check(at_least(&label, rate, 0.9));
        if let (Some(first), Some(last)) = (vanilla.first(), played.first()) {
            let title = format!("The {dataset}, vanilla samples, and samples of the cure");
            measured = measured.figure(side_by_side(&title, dataset, &[("vanilla", first), ("cure", last)]));
        }
        measured = measured.note(format!("{dataset}: {turns} turns of {batch} points, 2,500 samples."));
    }
    Ok(measured)
}

pub(super) fn stabilisers(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(3, 10));
    let turns = if context.quick { 400 } else { 10_000 };
    let adam = adam(5e-3, 0.9, 0.999);
    let hot = Recipe { generator: adam.clone(), discriminator: adam, ..Recipe::default() };
    let failed = |recipe: &Recipe| -> Result<Vec<f64>, ClaimError> {
        let played = lab.play(context, &runs("ring", Networks::Toy, recipe, turns, &seeds))?;
        Ok(each(&played, |p| f64::from(u8::from(p.diverged.is_some() || modes(p) < 8.0))))
    };
    let plain = failed(&hot)?;
    let noise = failed(&Recipe { instance_noise: 0.5, noise_steps: turns / 2, ..hot.clone() })?;
    let one = failed(&Recipe { real_target: 0.9, ..hot.clone() })?;
    let two = failed(&Recipe { real_target: 0.9, fake_target: 0.1, ..hot })?;
    let less = |a: &[f64], b: &[f64]| paired(a, b, LEVEL);
    Ok(Measured::new(seeds.clone())
        .row(Row::new("failed seeds, plain", plain.clone())?)
        .row(Row::new("failed seeds, instance noise", noise.clone())?)
        .row(Row::new("failed seeds, one-sided smoothing", one.clone())?)
        .row(Row::new("failed seeds, two-sided smoothing", two.clone())?)
        .check(above_by("failures, plain less instance noise", &less(&plain, &noise)?, 0.0))
        .check(above_by("failures, plain less one-sided smoothing", &less(&plain, &one)?, 0.0))
        .check(above_by("failures, two-sided less one-sided", &less(&two, &one)?, 0.0))
        .note(format!(
            "Adam at 5e-3 on the ring for {turns} turns; a seed fails that diverges or has fewer than 8 modes with 20 good \
             samples."
        )))
}

pub(super) fn tracks_quality(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(3, 5));
    let turns = if context.quick { 300 } else { 8_000 };
    let ranks = |recipe: &Recipe| -> Result<(Vec<f64>, Vec<Played>), ClaimError> {
        let mut jobs = runs("ring", Networks::Toy, recipe, turns, &seeds);
        jobs.iter_mut().for_each(|run| run.looks = 20);
        let played = lab.play(context, &jobs)?;
        let mut all = Vec::new();
        for p in &played {
            // a critic's loss is minus its estimate of the distance
            let estimates: Vec<f64> = p.course.iter().map(|look| -look.1).collect();
            let distances: Vec<f64> = p.course.iter().map(|look| look.2).collect();
            all.push(shared::claims::stats::spearman(&estimates, &distances)?.unwrap_or(0.0));
        }
        Ok((all, played))
    };
    let (critic, shown) = ranks(&wasserstein(5))?;
    let calm = adam(1e-3, 0.5, 0.999);
    let (other, _) = ranks(&Recipe { generator: calm.clone(), discriminator: calm, ..Recipe::default() })?;
    let ahead = paired(&critic, &other, LEVEL)?;
    let mut measured = Measured::new(seeds)
        .row(Row::new(
            "rank correlation of the critic's estimate with sliced W₂, Wasserstein",
            critic.clone(),
        )?)
        .row(Row::new("the same of the discriminator's loss, non-saturating", other)?)
        .check(reaches("the rank correlation, Wasserstein", &interval95(&critic)?, 0.7, 0.0))
        .check(above_by("Wasserstein less non-saturating", &ahead, 0.0));
    if let Some(first) = shown.first() {
        let of = |f: fn(&(usize, f64, f64)) -> f64| -> Vec<(f64, f64)> {
            first.course.iter().map(|look| (look.0 as f64, f(look))).collect()
        };
        measured = measured.figure(
            Figure::new("A Wasserstein game on the ring", Axis::linear("turn"), Axis::linear("distance"))
                .series(Series::new("the critic's estimate", Kind::Line, of(|look| -look.1)))
                .series(Series::new("sliced W₂", Kind::Line, of(|look| look.2))),
        );
    }
    Ok(measured
        .note("Twenty looks at equal distances over the run; the loss is the mean since the look before."))
}

pub(super) fn robust(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(2, 5));
    let turns = if context.quick { 300 } else { 20_000 };
    let hot = |recipe: Recipe| {
        let adam = adam(4e-3, 0.9, 0.999);
        Recipe { generator: adam.clone(), discriminator: adam, ..recipe }
    };
    let wgan = Recipe { penalty: Penalty::Lipschitz(0.1), ..wasserstein(1) };
    let configs = [
        ("ReLU", Networks::Toy, vanilla(), wgan.clone()),
        ("tanh", Networks::ToyTanh, vanilla(), wgan.clone()),
        ("ReLU, hot", Networks::Toy, hot(vanilla()), hot(wgan)),
    ];
    let (mut plain, mut critic) = (vec![0.0; seeds.len()], vec![0.0; seeds.len()]);
    let mut table = Table {
        title: format!("Modes of 25 with at least 20 good samples after {turns} turns, means"),
        columns: ["configuration", "plain", "Wasserstein with penalty"].map(String::from).into(),
        rows: Vec::new(),
    };
    for (name, networks, first, second) in configs {
        let mut cells = vec![name.to_owned()];
        for (recipe, sum) in [(first, &mut plain), (second, &mut critic)] {
            let played = lab.play(context, &runs("grid", networks, &recipe, turns, &seeds))?;
            let some = |p: &Played| p.coverage.as_ref().map_or(0.0, |c| c.modes_1 as f64);
            cells.push(format!("{:.1}", played.iter().map(some).sum::<f64>() / seeds.len().max(1) as f64));
            sum.iter_mut().zip(&played).for_each(|(s, p)| *s += f64::from(u8::from(some(p) >= 20.0)) / 3.0);
        }
        table.rows.push(cells);
    }
    let ahead = paired(&critic, &plain, LEVEL)?;
    Ok(Measured::new(seeds)
        .row(Row::new(
            "share of three configurations that reach 20 of 25 modes, Wasserstein with penalty",
            critic,
        )?)
        .row(Row::new("the same, plain", plain)?)
        .check(above_by("Wasserstein less plain", &ahead, 0.0))
        .table(table))
}

pub(super) fn extremes(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(2, 5));
    let turns = if context.quick { 200 } else { 5_000 };
    let values = mixture("ring").sample(0..51_200, 0);
    let share = |recipe: &Recipe, at: Option<f64>, seed: u64| -> Result<f64, crate::GanError> {
        lab.cell("extremes", &(recipe, turns, seed), || {
            let mut game = Networks::Toy.game(lab.device(), recipe, seed)?;
            let examples = crate::Examples { values: &values, labels: &[] };
            let plan = crate::Plan { steps: turns, batch: BATCH, seed, watch: 0, storage: None };
            crate::play(&mut *game, &examples, &plan, &mut |_| Ok(()))?;
            let weights: Vec<f32> = game
                .keep()?
                .take_tensors("discriminator")?
                .iter()
                .filter(|t| t.name().ends_with("weight"))
                .flat_map(|t| t.values().to_vec())
                .collect();
            let largest = weights.iter().fold(0.0f32, |m, w| m.max(w.abs()));
            let bound = 0.95 * at.map_or(largest, |c| c as f32);
            Ok(weights.iter().filter(|w| w.abs() >= bound).count() as f64 / weights.len().max(1) as f64)
        })
    };
    let clip = shared::parallel::side_by_side(&seeds, |seed| share(&clipped(CLIP), Some(CLIP), *seed))?;
    let penalty = shared::parallel::side_by_side(&seeds, |seed| share(&wasserstein(5), None, *seed))?;
    Ok(Measured::new(seeds)
        .row(Row::new("share of the critic's weights within 5 % of ±c, clipped", clip.clone())?)
        .row(Row::new("share within 5 % of its largest weight, penalty", penalty.clone())?)
        .check(reaches("the share at ±c, clipped", &interval95(&clip)?, 0.5, 0.0))
        .check(shared::claims::judge::stays_below(
            "the share at the largest, penalty",
            &interval95(&penalty)?,
            0.1,
            0.0,
        ))
        .note(format!("c = {CLIP}, RMSProp at 5e-4, {turns} turns of five critic steps on the ring.")))
}

//! Claims on images of digits.

use shared::claims::{
    judge::{above_by, at_most, every, reaches, stays_below},
    stats::{interval95, paired, LEVEL},
    ClaimError, Context, ImageSheet, Measured, Row, Table,
};

use crate::{
    adam,
    experiment::{recogniser_of, Lab, Played, Run},
    latent,
    measures::{log_spaced, parzen, Points},
    scores::{image_scores, ImageScores},
    Examples, Networks, Plan, Prior, Recipe,
};

/// Images a step.
const BATCH: usize = 64;

/// Turns of a pass over the embedded digits.
const PASS: usize = 62;

fn turns(context: &Context<'_>) -> usize {
    if context.quick {
        186
    } else {
        4_690
    }
}

/// The recipe for digits: DCGAN's, with averaged weights; the short form has no time for its learning rate and takes five
/// times as large a one.
fn recipe(quick: bool) -> Recipe {
    let adam = adam(if quick { 1e-3 } else { 2e-4 }, 0.5, 0.999);
    Recipe {
        generator: adam.clone(),
        discriminator: adam,
        average: if quick { 0.97 } else { 0.99 },
        ..Recipe::default()
    }
}

/// The recipe for digits of a class asked for: the full form has twice the turns, with rates that fall to nothing over them and
/// a longer average, so that it ends where the game does not swing any more.
fn conditional_recipe(quick: bool) -> (Recipe, usize) {
    const TURNS: usize = 9_380;
    match quick {
        true => (recipe(true), 62),
        false => (Recipe { anneal: TURNS, average: 0.999, ..recipe(false) }, TURNS),
    }
}

fn runs(lab: &Lab, networks: Networks, turns: usize, seeds: &[u64]) -> Vec<Run> {
    let run = |seed: &u64| Run {
        dataset: lab.digits_name().into(),
        // a game plays whole passes: a short one has a set of its own length
        limit: (turns < PASS).then_some(turns * BATCH),
        networks,
        recipe: recipe(lab.quick),
        turns,
        batch: BATCH,
        seed: *seed,
        looks: 0,
    };
    seeds.iter().map(run).collect()
}

fn each(played: &[Played], f: fn(&ImageScores) -> f64) -> Vec<f64> {
    played.iter().map(|p| p.scores.as_ref().map_or(f64::NAN, f)).collect()
}

fn unit(values: &[f32]) -> Vec<f32> {
    values.iter().map(|v| 0.5 * (v + 1.0)).collect()
}

/// Rows of ten samples.
fn sheet(title: &str, rows: &[(&str, &[f32])]) -> Result<ImageSheet, ClaimError> {
    let mut sheet = ImageSheet::grey(title, 28, 28, &[""; 10])?;
    for (name, values) in rows {
        for (at, row) in unit(values).chunks_exact(10 * 784).enumerate() {
            sheet = sheet.unit_row(if at == 0 { name } else { "" }, row)?;
        }
    }
    Ok(sheet)
}

pub(super) fn dcgan(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(2, 3));
    context.progress.start("games", seeds.len() as u64);
    let played = lab.play(context, &runs(&lab, Networks::SmallDcgan28, turns(context), &seeds))?;
    let sets = lab.digits()?;
    let recogniser = recogniser_of(&sets, if context.quick { 4 } else { 3 })?;
    // the same measure for real images, and for the mean image's noise: where the scale begins and ends
    let half = sets.train.first(1_000.min(sets.test.len()));
    let floor = image_scores(&recogniser, &sets.test, &half.values)?;
    let mut rng = shared::train::RunRng::new(0, 0);
    let noise = latent::draw(Prior::Uniform, half.len(), 784, &mut rng);
    let ceiling = image_scores(&recogniser, &sets.test, &noise)?;
    let frechet = each(&played, |s| s.frechet);
    let share: Vec<f64> = frechet.iter().map(|f| f / ceiling.frechet).collect();
    let score = each(&played, |s| s.classifier_score);
    let real_score = floor.classifier_score;
    let samples = played.first().map_or(&[][..], |p| &p.samples);
    Ok(Measured::new(seeds)
        .row(Row::new("Fréchet distance of features", frechet)?)
        .row(Row::new("classifier score, of 10", score.clone())?)
        .row(Row::new("kernel distance", each(&played, |s| s.kernel))?)
        .row(Row::new("precision", each(&played, |s| s.precision))?)
        .row(Row::new("recall", each(&played, |s| s.recall))?)
        .row(Row::new("classes with at least 1 % of samples", each(&played, |s| s.classes as f64))?)
        .row(Row::new("Fréchet distance of training images", vec![floor.frechet])?)
        .row(Row::new("classifier score of training images", vec![real_score])?)
        .row(Row::new("Fréchet distance of noise", vec![ceiling.frechet])?)
        .check(stays_below("Fréchet distance over that of noise", &interval95(&share)?, 0.1, 0.0))
        .check(reaches("classifier score", &interval95(&score)?, 0.85 * real_score, 0.0))
        .check(every("all ten classes are there", &played.iter().map(|p| p.scores.is_some_and(|s| s.classes == 10)).collect::<Vec<_>>()))
        .sheet(sheet(&format!("samples after {} turns on {}", turns(context), lab.digits_name()), &[("", samples)])?)
        .note(format!(
            "Features and classes are those of our own classifier ({:.2} % of {} test images right), not Inception's: \
             distances cannot be compared with those of other papers.",
            100.0 * recogniser.accuracy(&sets.test)?,
            sets.test.len()
        ))
        .config(&recipe(context.quick))?)
}

pub(super) fn conditional(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(2, 3));
    context.progress.start("games", seeds.len() as u64);
    let (recipe, turns) = conditional_recipe(context.quick);
    let run = |run: Run| Run { recipe: recipe.clone(), ..run };
    let jobs: Vec<Run> = runs(&lab, Networks::Conditional28, turns, &seeds).into_iter().map(run).collect();
    let played = lab.play(context, &jobs)?;
    let asked: Vec<f64> = played.iter().map(|p| p.as_asked.unwrap_or(0.0)).collect();
    let samples = played.first().map_or(&[][..], |p| &p.samples);
    let wanted = if context.quick { 0.8 } else { 0.97 };
    Ok(Measured::new(seeds)
        .row(Row::new("samples of the class asked for", asked.clone())?)
        .row(Row::new("Fréchet distance of features", each(&played, |s| s.frechet))?)
        .row(Row::new("classifier score, of 10", each(&played, |s| s.classifier_score))?)
        .check(reaches("the share of the class asked for", &interval95(&asked)?, wanted, 0.0))
        .sheet(sheet(&format!("samples asked for as 0 to 9, on {}", lab.digits_name()), &[("", samples)])?)
        .note(if context.quick {
            "The short form asks for 0.8, after 62 turns in place of the 9,380 of the full one, which asks for 0.97."
        } else {
            "As told by our own classifier."
        })
        .config(&recipe)?)
}

pub(super) fn rules(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(2, 3));
    let turns = if context.quick { 10 } else { 1_876 };
    let kinds = [
        ("all rules", Networks::SmallDcgan28),
        ("without batch normalisation", Networks::Plain28),
        ("ReLU in the discriminator", Networks::Relu28),
        ("pooling in the discriminator", Networks::Pooled28),
    ];
    context.progress.start("games", (kinds.len() * seeds.len()) as u64);
    let jobs: Vec<Run> =
        kinds.iter().flat_map(|(_, networks)| runs(&lab, *networks, turns, &seeds)).collect();
    let played = lab.play(context, &jobs)?;
    let groups: Vec<&[Played]> = played.chunks(seeds.len()).collect();
    // a game that diverged is as bad as can be
    let frechet = |group: &[Played]| -> Vec<f64> {
        group.iter().map(|p| p.scores.as_ref().map_or(1e6, |s| s.frechet)).collect()
    };
    let base = frechet(groups[0]);
    let mut measured =
        Measured::new(seeds.clone()).row(Row::new("Fréchet distance, all rules", base.clone())?);
    let mut rows = vec![("all rules", groups[0].first().map_or(&[][..], |p| &p.samples[..10 * 784]))];
    for ((name, _), group) in kinds.iter().zip(&groups).skip(1) {
        let found = frechet(group);
        measured = measured
            .check(above_by(
                &format!("Fréchet distance, {name} less all rules"),
                &paired(&found, &base, LEVEL)?,
                0.0,
            ))
            .row(Row::new(&format!("Fréchet distance, {name}"), found)?);
        if let Some(samples) = group.first().map(|p| &p.samples).filter(|s| s.len() >= 10 * 784) {
            rows.push((name, &samples[..10 * 784]));
        }
    }
    Ok(measured
        .sheet(sheet(&format!("samples after {turns} turns on {}", lab.digits_name()), &rows)?)
        .note(format!("{turns} turns of {BATCH} images.")))
}

/// A game on digits that is kept, to look into its latent space.
fn kept(lab: &Lab, context: &Context<'_>, seed: u64) -> Result<Box<dyn crate::Game>, ClaimError> {
    let sets = lab.digits()?;
    let turns = if context.quick { 60 } else { 1_876 };
    let networks = Networks::SmallDcgan28;
    let train = || -> Result<Vec<(String, Vec<usize>, Vec<f32>)>, crate::GanError> {
        let mut game = networks.game(lab.device(), &recipe(lab.quick), seed)?;
        let plan = Plan { steps: turns, batch: BATCH, seed, watch: 0, storage: None };
        let examples = Examples { values: &sets.train.values, labels: &[] };
        crate::play(&mut *game, &examples, &plan, &mut |_| Ok(()))?;
        let weights = game.weights()?;
        Ok(weights.into_iter().map(|t| (t.name().to_owned(), t.shape().to_vec(), t.into_values())).collect())
    };
    let weights = lab.cell("latent", &(lab.digits_name(), turns, seed, recipe(lab.quick)), train)?;
    let mut named = Vec::new();
    for (name, shape, values) in weights {
        named.push(shared::nn::state::NamedTensor::new(name, shape, values)?);
    }
    let mut game = networks.game(lab.device(), &recipe(lab.quick), seed)?;
    game.take_weights(&named)?;
    Ok(game)
}

/// Numbers of z of the games whose latent space is looked into.
const WIDTH: usize = 50;

/// The mean of `ways` great circles' largest step over their median one, 32 images each.
fn jumps(game: &dyn crate::Game, points: &[&[f32]], ways: usize) -> Result<f64, crate::GanError> {
    let mut worst = Vec::new();
    for pair in points.chunks_exact(2).take(ways) {
        let images = game.decode(&latent::path(pair[0], pair[1], 32, latent::slerp).concat())?;
        let frames: Vec<&[f32]> = images.chunks_exact(784).collect();
        let apart = |w: &[&[f32]]| w[0].iter().zip(w[1]).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        let mut steps: Vec<f64> = frames.windows(2).map(|w| apart(w).sqrt()).collect();
        steps.sort_by(f64::total_cmp);
        worst.push(steps[steps.len() - 1] / steps[steps.len() / 2].max(1e-9));
    }
    Ok(worst.iter().sum::<f64>() / worst.len().max(1) as f64)
}

/// Arithmetic on mean vectors.
struct Moved {
    /// Samples of the commonest class told to be of the second after z − 2 z̄ₐ + 2 z̄_b.
    share: f64,
    /// The second class's share of all samples.
    chance: f64,
    /// Ten latent vectors of the first class, and the same moved.
    shown: [Vec<f32>; 2],
}

fn moved(
    game: &dyn crate::Game,
    recogniser: &crate::Recogniser,
    points: &[&[f32]],
) -> Result<Moved, crate::GanError> {
    let told = recogniser.look(&game.decode(&points.concat())?)?.classes();
    let mut counts = [0usize; 10];
    told.iter().for_each(|class| counts[*class] += 1);
    let mut order: Vec<usize> = (0..10).collect();
    order.sort_by_key(|class| std::cmp::Reverse(counts[*class]));
    let (from, to) = (order[0], order[1]);
    let of = |class: usize| points.iter().zip(&told).filter(move |(_, t)| **t == class).map(|(p, _)| *p);
    let (away, toward) = (latent::mean(of(from), WIDTH), latent::mean(of(to), WIDTH));
    let step = |p: &[f32]| -> Vec<f32> {
        p.iter().zip(away.iter().zip(&toward)).map(|(z, (a, b))| z - 2.0 * a + 2.0 * b).collect()
    };
    let sums: Vec<f32> = of(from).flat_map(step).collect();
    let after = recogniser.look(&game.decode(&sums)?)?.classes();
    Ok(Moved {
        share: after.iter().filter(|class| **class == to).count() as f64 / after.len().max(1) as f64,
        chance: counts[to] as f64 / points.len().max(1) as f64,
        shown: [of(from).take(10).flatten().copied().collect(), sums.into_iter().take(10 * WIDTH).collect()],
    })
}

pub(super) fn latent_space(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(2, 3));
    let sets = lab.digits()?;
    let recogniser = recogniser_of(&sets, if context.quick { 4 } else { 3 })?;
    shared::parallel::side_by_side(&seeds, |seed| kept(&lab, context, *seed).map(|_| ()))?;
    let (mut steps, mut share, mut chance) = (Vec::new(), Vec::new(), Vec::new());
    let mut sheets = Vec::new();
    for seed in &seeds {
        let game = kept(&lab, context, *seed)?;
        let mut rng = shared::train::RunRng::new(*seed, 77);
        let z = latent::draw(Prior::Normal, 1_000, WIDTH, &mut rng);
        let points: Vec<&[f32]> = z.chunks_exact(WIDTH).collect();
        steps.push(jumps(&*game, &points, 20)?);
        let arithmetic = moved(&*game, &recogniser, &points)?;
        share.push(arithmetic.share);
        chance.push(arithmetic.chance);
        if sheets.is_empty() {
            let line = |way: fn(&[f32], &[f32], f32) -> Vec<f32>, pair: &[&[f32]]| {
                game.decode(&latent::path(pair[0], pair[1], 9, way).concat())
            };
            let mut rows = Vec::new();
            for pair in points.chunks_exact(2).take(3) {
                rows.push(("great circle", line(latent::slerp, pair)?));
                rows.push(("straight", line(latent::lerp, pair)?));
            }
            let rows: Vec<(&str, &[f32])> = rows.iter().map(|(n, v)| (*n, v.as_slice())).collect();
            sheets.push(sheet("ways between two points of the latent space", &rows)?);
            let [before, after] = arithmetic.shown;
            let (before, after) = (game.decode(&before)?, game.decode(&after)?);
            if before.len() == 10 * 784 {
                let rows: [(&str, &[f32]); 2] = [("z", &before), ("z − 2 z̄ₐ + 2 z̄_b", &after)];
                sheets.push(sheet("arithmetic: samples of a class, moved to another", &rows)?);
            }
        }
    }
    let gain = paired(&share, &chance, LEVEL)?;
    let mut measured = Measured::new(seeds)
        .row(Row::new("largest over median step along a way, mean of 20 ways", steps.clone())?)
        .row(Row::new("samples of one class told to be another after z − 2 z̄ₐ + 2 z̄_b", share)?)
        .row(Row::new("share of that other class among all samples", chance)?)
        .check(stays_below("largest over median step", &interval95(&steps)?, 3.0, 0.0))
        .check(above_by("share moved less share among all", &gain, 0.0));
    for sheet in sheets {
        measured = measured.sheet(sheet);
    }
    Ok(measured.note("z̄ is the mean latent vector of the samples that the classifier takes for a class."))
}

pub(super) fn disagree(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let lab = Lab::open(context);
    let sets = lab.digits()?;
    let recogniser = recogniser_of(&sets, if context.quick { 4 } else { 3 })?;
    let count = 1_000.min(sets.test.len());
    let part = |at: usize, count: usize| &sets.train.values[at * 784..(at + count) * 784];
    // a generator that knows one image of each class
    let seen = recogniser.look(part(0, 2_000))?;
    let ten: Vec<f32> = (0..10)
        .flat_map(|class| {
            let sure = |i: &usize| seen.probabilities[i * 10 + class];
            let best = (0..2_000).max_by(|a, b| sure(a).total_cmp(&sure(b))).unwrap_or(0);
            part(best, 1).to_vec()
        })
        .collect();
    let copies: Vec<f32> = (0..count).flat_map(|i| ten[i % 10 * 784..][..784].to_vec()).collect();
    let few = image_scores(&recogniser, &sets.test, &copies)?;
    let real = image_scores(&recogniser, &sets.test, part(0, count))?;
    // Parzen: centres of k means against real images
    let (k, n) = if context.quick { (100, 1_000) } else { (200, 4_000) };
    let centres = k_means(part(0, n), k, 8);
    let repeated: Vec<f32> = centres.clone();
    let grid = log_spaced(0.5, 8.0, 9)?;
    let held = |at: usize, count: usize| Points::new(&sets.test.values[at * 784..(at + count) * 784], 784);
    let (validation, test) = (held(0, 200)?, held(200, 600)?);
    let of_centres = parzen(&Points::new(&repeated, 784)?, &validation, &test, &grid)?;
    let of_real = parzen(&Points::new(part(n, k), 784)?, &validation, &test, &grid)?;
    let table = Table {
        title: "What each measure says".into(),
        columns: ["samples", "classifier score", "Fréchet", "precision", "recall"].map(String::from).into(),
        rows: [("ten images, repeated", &few), ("training images", &real)]
            .map(|(name, s)| {
                vec![
                    name.to_owned(),
                    format!("{:.3}", s.classifier_score),
                    format!("{:.2}", s.frechet),
                    format!("{:.3}", s.precision),
                    format!("{:.3}", s.recall),
                ]
            })
            .into(),
    };
    Ok(Measured::new(vec![0])
        .row(Row::new("classifier score, ten images repeated", vec![few.classifier_score])?)
        .row(Row::new("classifier score, training images", vec![real.classifier_score])?)
        .row(Row::new("Fréchet distance, ten images repeated", vec![few.frechet])?)
        .row(Row::new("Fréchet distance, training images", vec![real.frechet])?)
        .row(Row::new("recall, ten images repeated", vec![few.recall])?)
        .row(Row::new("Parzen log-likelihood, centres of k means", vec![of_centres.mean])?)
        .row(Row::new("Parzen log-likelihood, as many training images", vec![of_real.mean])?)
        .check(at_most(
            "classifier score of training images less that of ten",
            real.classifier_score - few.classifier_score,
            0.0,
        ))
        .check(at_most(
            "Fréchet distance of training images over that of ten",
            real.frechet / few.frechet,
            0.2,
        ))
        .check(at_most("recall of ten images", few.recall, 0.1))
        .check(at_most("Parzen: training images less centres", of_real.mean - of_centres.mean, 0.0))
        .table(table)
        .note(format!(
            "{k} centres of {n} training images, against {k} training images; nats, images in [−1, 1]."
        )))
}

/// Lloyd's algorithm, begun at the first `k` points.
fn k_means(points: &[f32], k: usize, rounds: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = points.chunks_exact(784).collect();
    let mut centres = points[..k * 784].to_vec();
    for _ in 0..rounds {
        let (mut sums, mut counts) = (vec![0.0f64; k * 784], vec![0usize; k]);
        for row in &rows {
            let apart = |c: &[f32]| c.iter().zip(*row).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
            let near = (0..k).map(|c| (c, apart(&centres[c * 784..][..784])));
            let (near, _) =
                near.fold((0, f32::INFINITY), |best, next| if next.1 < best.1 { next } else { best });
            counts[near] += 1;
            sums[near * 784..][..784].iter_mut().zip(*row).for_each(|(s, v)| *s += f64::from(*v));
        }
        for ((centre, sum), count) in centres.chunks_exact_mut(784).zip(sums.chunks_exact(784)).zip(&counts) {
            if *count > 0 {
                centre.iter_mut().zip(sum).for_each(|(c, s)| *c = (s / *count as f64) as f32);
            }
        }
    }
    centres
}

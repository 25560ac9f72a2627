//! Tables 1 and 4, and what the paper draws from them: every architecture fits random labels, and regularizers are not why
//! the same architectures generalize on true ones.

use std::sync::Arc;

use shared::{
    claims::{
        judge::{above_by, every, within},
        stats::{interval95, paired},
        Axis, ClaimError, Context, Figure, Kind, Measured, Series,
    },
    zoo::ZooModel,
};

use super::design::{base, each, measured_on, near_chance, of, row, seeds, test_accuracy, train_accuracy};
use crate::{
    experiment::{self, grid, Cell, Lab},
    trial::FITTED,
    Config, Corruption, Regularizers, WEIGHT_DECAY,
};

/// Test accuracies of table 1 without regularizers, on true labels.
const PAPER: [(ZooModel, f64); 5] = [
    (ZooModel::Inception, 0.8575),
    (ZooModel::InceptionPlain, 0.82),
    (ZooModel::AlexNet, 0.7607),
    (ZooModel::Mlp3, 0.5239),
    (ZooModel::Mlp1, 0.5051),
];

/// The architectures of the short form and of the full one.
fn models(lab: &Lab) -> Vec<ZooModel> {
    match lab.quick {
        true => vec![ZooModel::SmallCnn, ZooModel::Mlp3, ZooModel::Mlp1],
        false => PAPER.iter().map(|(model, _)| *model).collect(),
    }
}

fn paper(model: ZooModel) -> f64 {
    PAPER.iter().find(|(known, _)| *known == model).map_or(f64::NAN, |(_, accuracy)| *accuracy)
}

/// Table 1, rows without regularizers: random labels are fitted, at chance on the test set.
pub(super) fn random_labels(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    let models = models(&lab);
    let bases: Vec<Config> = models.iter().map(|model| base(&lab, *model)).collect();
    let configs = grid(&bases, &[Corruption::True, Corruption::RandomLabels], &seeds);
    context.progress.start("networks", configs.len() as u64);
    let cells = lab.cells(context, &configs)?;

    let chance = 1.0 / lab.sets().test.classes() as f64;
    let mut measured = Measured::new(seeds);
    for model in &models {
        let random = experiment::of(&cells, *model, Corruption::RandomLabels);
        let truth = experiment::of(&cells, *model, Corruption::True);
        let accuracies = each(&random, test_accuracy);
        let fitted: Vec<bool> = random.iter().map(|cell| train_accuracy(cell) >= FITTED).collect();
        measured = measured
            .row(row(&format!("training accuracy, random labels, {model}"), &each(&random, train_accuracy))?)
            .row(row(&format!("test accuracy, random labels, {model}"), &accuracies)?)
            .row(row(&format!("training accuracy, true labels, {model}"), &each(&truth, train_accuracy))?)
            .row(
                row(&format!("test accuracy, true labels, {model}"), &each(&truth, test_accuracy))?
                    .paper(paper(*model)),
            )
            .check(every(&format!("99 % of random labels fitted, {model}"), &fitted))
            .check(within(
                &format!("test accuracy, random labels, {model}"),
                &interval95(&accuracies)?,
                chance,
                near_chance(&lab),
            ));
    }
    measured = measured.note(
        "The paper's test accuracies are of 50,000 images; those of networks that see fewer here are not to be compared with them.",
    );
    Ok(measured_on(&lab, &cells, measured).config(&bases)?)
}

/// The images and passes of the grid of regularizers: training goes on for all of them, as augmented images are never all
/// fitted.
fn grid_base(lab: &Lab) -> Config {
    let (model, images, epochs) =
        if lab.quick { (ZooModel::SmallCnn, 500, 30) } else { (ZooModel::AlexNet, 2000, 40) };
    Config { images: Some(images), epochs, target: 1.1, ..base(lab, model) }
}

/// The four corners of crop x weight decay, on true labels.
fn corners(
    lab: &Lab,
    context: &Context<'_>,
    seeds: &[u64],
) -> Result<Vec<(&'static str, Vec<Arc<Cell>>)>, ClaimError> {
    let both = [
        (
            "crop and weight decay",
            Regularizers { crop: true, weight_decay: WEIGHT_DECAY, ..Regularizers::default() },
        ),
        ("crop", Regularizers { crop: true, ..Regularizers::default() }),
        ("weight decay", Regularizers { weight_decay: WEIGHT_DECAY, ..Regularizers::default() }),
        ("neither", Regularizers::default()),
    ];
    context.progress.start("networks", (both.len() * seeds.len()) as u64);
    let configs: Vec<Config> = both
        .iter()
        .flat_map(|(_, regularizers)| {
            grid(&[Config { regularizers: *regularizers, ..grid_base(lab) }], &[Corruption::True], seeds)
        })
        .collect();
    let cells = lab.cells(context, &configs)?;
    Ok(both.iter().map(|(name, _)| *name).zip(cells.chunks(seeds.len()).map(<[_]>::to_vec)).collect())
}

/// Table 1, rows of true labels: most of the accuracy stays when all explicit regularizers go.
pub(super) fn regularizers_off(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    let corners = corners(&lab, context, &seeds)?;
    let chance = 1.0 / lab.sets().test.classes() as f64;
    let paper = [0.8122, 0.7966, 0.7736, 0.7607];
    let mut measured = Measured::new(seeds);
    for ((name, cells), paper) in corners.iter().zip(paper) {
        measured =
            measured.row(row(&format!("test accuracy, {name}"), &each(cells, test_accuracy))?.paper(paper));
    }
    let (all, none) = (each(&corners[0].1, test_accuracy), each(&corners[3].1, test_accuracy));
    // what is left above chance, less half of what there was with all
    let left: Vec<f64> = all.iter().zip(&none).map(|(all, none)| (none - chance) / (all - chance)).collect();
    measured = measured
        .row(row("share of the accuracy above chance that stays without any", &left)?)
        .check(above_by("that share", &interval95(&left)?, 0.5));
    Ok(measured_on(&lab, &corners[3].1, measured).config(&grid_base(&lab))?)
}

/// Table 1: augmentation is worth more than weight decay.
pub(super) fn augmentation(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    let corners = corners(&lab, context, &seeds)?;
    let accuracy = |at: usize| each(&corners[at].1, test_accuracy);
    let gain =
        |with: usize| -> Vec<f64> { accuracy(with).iter().zip(&accuracy(3)).map(|(a, b)| a - b).collect() };
    let (crop, decay) = (gain(1), gain(2));
    let measured = Measured::new(seeds)
        .row(row("gain of random crops", &crop)?.paper(0.7966 - 0.7607))
        .row(row("gain of weight decay", &decay)?.paper(0.7736 - 0.7607))
        .check(above_by("gain of crops less that of weight decay", &paired(&crop, &decay, 0.95)?, 0.0));
    Ok(measured_on(&lab, &corners[3].1, measured).config(&grid_base(&lab))?)
}

/// Table 4: explicit regularizers at the usual strength do not keep random labels from being fitted.
pub(super) fn explicit(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    let model = super::design::perceptron(&lab);
    let with = |weight_decay, dropout| Regularizers { weight_decay, dropout, ..Regularizers::default() };
    let variants = [
        ("none", with(0.0, 0.0), true),
        ("weight decay 0.0005", with(WEIGHT_DECAY, 0.0), true),
        ("dropout 0.2", with(0.0, 0.2), true),
        ("weight decay 0.005", with(10.0 * WEIGHT_DECAY, 0.0), false),
    ];
    context.progress.start("networks", (variants.len() * seeds.len()) as u64);
    let configs: Vec<Config> = variants
        .iter()
        .flat_map(|(_, regularizers, _)| {
            let images = if lab.quick { 500 } else { 10_000 };
            let config = Config { regularizers: *regularizers, images: Some(images), ..base(&lab, model) };
            grid(&[config], &[Corruption::RandomLabels], &seeds)
        })
        .collect();
    let cells = lab.cells(context, &configs)?;
    let mut measured = Measured::new(seeds.clone());
    for ((name, _, usual), of_it) in variants.iter().zip(cells.chunks(seeds.len())) {
        measured = measured
            .row(row(&format!("training accuracy, random labels, {name}"), &each(of_it, train_accuracy))?);
        if *usual {
            let fitted: Vec<bool> = of_it.iter().map(|cell| train_accuracy(cell) >= FITTED).collect();
            measured = measured.check(every(&format!("99 % fitted, {name}"), &fitted));
        }
    }
    measured = measured.note(
        "The strong weight decay shows where memorization ends; no check rests on it. The paper has 1 for Inception and the MLP 3x512 with weight decay, and an AlexNet that did not converge.",
    );
    Ok(measured_on(&lab, &cells, measured).config(&base(&lab, model))?)
}

/// Batch normalisation is worth a few points.
pub(super) fn batch_norm(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    if lab.quick {
        return Ok(Measured::not_run(
            "it takes two trainings of the small Inception: run `reproduce batch-norm` with CIFAR-10",
        ));
    }
    let of_model = |model| grid(&[base(&lab, model)], &[Corruption::True], &seeds);
    context.progress.start("networks", 2 * seeds.len() as u64);
    let with = lab.cells(context, &of_model(ZooModel::Inception))?;
    let without = lab.cells(context, &of_model(ZooModel::InceptionPlain))?;
    let (a, b) = (each(&with, test_accuracy), each(&without, test_accuracy));
    let fitted: Vec<bool> = with.iter().chain(&without).map(|cell| train_accuracy(cell) >= FITTED).collect();
    let measured = Measured::new(seeds)
        .row(row("test accuracy with batch normalisation", &a)?.paper(0.8575))
        .row(row("test accuracy without", &b)?.paper(0.82))
        .check(within("accuracy with less accuracy without", &paired(&a, &b, 0.95)?, 0.0, 0.06))
        .check(every("99 % of the training set fitted by both", &fitted));
    Ok(measured_on(&lab, &with, measured).config(&base(&lab, ZooModel::Inception))?)
}

/// Early stopping gains nothing on true labels; with redrawn ones it does.
pub(super) fn early_stopping(context: &Context<'_>) -> Result<Measured, ClaimError> {
    const SHARE: f64 = 0.4;
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    let tracked = lab.sets().test.len();
    let model = super::design::main_model(&lab);
    let images = if lab.quick { 500 } else { 10_000 };
    let config = Config { tracked, images: Some(images), ..base(&lab, model) };
    let corruptions = [Corruption::True, Corruption::Partial(SHARE)];
    let configs = grid(std::slice::from_ref(&config), &corruptions, &seeds);
    context.progress.start("networks", configs.len() as u64);
    let cells = lab.cells(context, &configs)?;
    let mut measured = Measured::new(seeds.clone());
    let mut figure = Figure::new(
        &format!("{model}: test accuracy while training"),
        Axis::linear("steps"),
        Axis::linear("test accuracy, clean labels"),
    );
    let mut gains = Vec::new();
    for corruption in corruptions {
        let of_it = of(&cells, corruption);
        let best = each(&of_it, |cell| cell.trial.best_test_accuracy().unwrap_or(f64::NAN));
        let last = each(&of_it, test_accuracy);
        let gain: Vec<f64> = best.iter().zip(&last).map(|(best, last)| best - last).collect();
        measured = measured
            .row(row(&format!("best accuracy over time less the last, {}", corruption.title()), &gain)?)
            .row(row(&format!("last test accuracy, {}", corruption.title()), &last)?);
        gains.push(gain);
        if let Some(first) = of_it.first() {
            let points = first.trial.curve.iter().filter_map(|p| Some((p.step as f64, p.test_accuracy?)));
            figure = figure.series(Series::new(&corruption.title(), Kind::Line, points));
        }
    }
    let larger = paired(&gains[1], &gains[0], 0.95)?;
    measured = measured
        .check(shared::claims::judge::stays_below("gain on true labels", &interval95(&gains[0])?, if lab.quick { 0.05 } else { 0.02 }, 0.0))
        .check(above_by("gain with 40 % redrawn less that on true labels", &larger, 0.0))
        .figure(figure)
        .note("The best is chosen by the test accuracy itself, so this is the most that stopping could gain, and a part of it is the luck of the best of many epochs. The second check is not the paper's: later work found that stopping helps where labels are wrong.");
    Ok(measured_on(&lab, &cells, measured).config(&config)?)
}

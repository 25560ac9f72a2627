//! Claims about the class capsules: what their lengths say, what their numbers mean, what is decoded from them.

use std::sync::Arc;

use shared::{
    claims::{
        judge::reaches,
        stats::{auc, interval95, spearman},
        ClaimError, Context, ImageSheet, Measured,
    },
    train::metrics::psnr,
};

use super::{accuracy::seeds, measured_on, row, RECONSTRUCTION_OF_CODE};
use crate::{
    capsnet::CapsSizes,
    data::{Batch, Source, View},
    experiment::{Lab, Run},
    factors::Factors,
    CapsError, Config, Task, Trained,
};

/// Pairs that are looked at.
const PAIRS: usize = 500;

/// Images of each class whose capsules are changed.
const IMAGES_OF_CLASS: usize = 8;

/// What is added to a number of a capsule: the paper's.
const STEPS: [f32; 11] = [-0.25, -0.2, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25];

/// Columns of the sheets that show images.
const SHOWN: usize = 10;

/// How many times longer the network is trained whose images are shown.
const LONGER: usize = 10;

/// Said of every picture.
const OF_CODE: &str =
    "The reconstruction loss has the weight 0.01 here, which the authors' code comes to: the paper's \
                       pictures were made with it.";

/// Names of columns.
const NUMBERS: [&str; SHOWN] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];

fn first(source: &dyn Source, count: usize) -> Result<Batch, CapsError> {
    let members: Vec<usize> = (0..count.min(source.len())).collect();
    Ok(source.batch(&members, View::Fixed)?)
}

fn sizes(trained: &Trained) -> Result<CapsSizes, CapsError> {
    trained.network.sizes().ok_or(CapsError::Unsupported {
        what: "capsules",
        of: "a convolutional network",
        instead: "take a CapsNet",
    })
}

/// The capsules of each image with all but that of one class zeroed.
fn masked(capsules: &[f32], classes: &[usize], sizes: &CapsSizes) -> Vec<f32> {
    let mut masked = vec![0.0; capsules.len()];
    let one = sizes.classes * sizes.width;
    for (image, class) in classes.iter().enumerate() {
        let at = image * one + class * sizes.width;
        masked[at..at + sizes.width].copy_from_slice(&capsules[at..at + sizes.width]);
    }
    masked
}

/// Test digits, one of each class as far as there are, and what is decoded from their capsules.
pub(super) fn reconstructions(
    lab: &Lab,
    context: &Context<'_>,
    seeds: &[u64],
) -> Result<ImageSheet, ClaimError> {
    let run = &picture_run(lab, context, seeds)?;
    let (trained, parts) = (lab.trained(run)?, lab.parts(Task::Digits, run.seed)?);
    let all = first(&*parts.test, 200)?;
    let members: Vec<usize> =
        (0..SHOWN).filter_map(|class| (0..all.len()).find(|i| all.labels_of(*i) == [class])).collect();
    let batch = parts.test.batch(&members, View::Fixed)?;
    let (sizes, side) = (sizes(&trained)?, batch.layout.side);
    let capsules = trained.network.capsules(&batch.images)?;
    // as at test time: of the longest capsule
    let scores = trained.network.scores(&batch.images)?;
    let chosen: Vec<usize> = scores.chunks_exact(sizes.classes).map(highest).collect();
    let decoded = trained.network.decode(&masked(&capsules, &chosen, &sizes))?;
    let names: Vec<String> = chosen.iter().map(|class| format!("read as {class}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(ImageSheet::grey("Test digits and what is decoded from their capsules", side, side, &names)?
        .unit_row("image", &batch.images)?
        .unit_row("decoded", &decoded)?
        .alt("A row of test digits, and below each the image that the decoder makes of its longest capsule."))
}

/// The network whose images are shown: trained for longer than those that are compared, so that there is something to
/// be seen.
fn picture_run(lab: &Lab, context: &Context<'_>, seeds: &[u64]) -> Result<Arc<Run>, CapsError> {
    let mut runs = lab.runs(context, Task::Digits, &seeds[..1], |c| {
        drawing(c);
        c.epochs *= LONGER;
        c.decay_steps *= LONGER as u32;
    })?;
    Ok(runs.remove(0))
}

/// Gives the reconstruction the weight that it had where the paper's pictures were made: in the authors' code.
fn drawing(config: &mut Config) {
    config.reconstruction = RECONSTRUCTION_OF_CODE;
}

fn highest(scores: &[f32]) -> usize {
    (0..scores.len()).fold(0, |best, k| if scores[k] > scores[best] { k } else { best })
}

pub(super) fn presence(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", seeds.len() as u64);
    let (mut areas, mut both, mut absent_long) = (Vec::new(), Vec::new(), Vec::new());
    for run in lab.runs(context, Task::MultiMnist, &seeds, |_| {})? {
        let (trained, parts) = (lab.trained(&run)?, lab.parts(Task::MultiMnist, run.seed)?);
        let batch = first(&*parts.test, PAIRS)?;
        let lengths = trained.network.scores(&batch.images)?;
        let (mut present, mut absent, mut pairs) = (Vec::new(), Vec::new(), 0usize);
        for (image, lengths) in lengths.chunks_exact(batch.layout.classes).enumerate() {
            let labels = batch.labels_of(image);
            pairs += usize::from(labels.iter().all(|label| lengths[*label] > 0.5));
            for (class, length) in lengths.iter().enumerate() {
                let list = if labels.contains(&class) { &mut present } else { &mut absent };
                list.push(f64::from(*length));
            }
        }
        areas.push(auc(&present, &absent)?);
        both.push(pairs as f64 / batch.len() as f64);
        absent_long.push(absent.iter().filter(|l| **l > 0.5).count() as f64 / absent.len().max(1) as f64);
    }
    let bound = if context.quick { 0.8 } else { 0.95 };
    Ok(Measured::new(seeds)
        .row(row("area under the curve, present against absent classes by length", &areas)?)
        .row(row("pairs whose two capsules both are longer than 0.5", &both)?)
        .row(row("absent classes whose capsule is longer than 0.5", &absent_long)?)
        .check(reaches("area under the curve", &interval95(&areas)?, bound, 0.0))
        .note(measured_on(&lab))
        .config(&lab.config(Task::MultiMnist))?)
}

pub(super) fn decomposition(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", seeds.len() as u64);
    let (mut shares, mut own, mut other, mut sheet) = (Vec::new(), Vec::new(), Vec::new(), None);
    for run in lab.runs(context, Task::MultiMnist, &seeds, drawing)? {
        let (trained, parts) = (lab.trained(&run)?, lab.parts(Task::MultiMnist, run.seed)?);
        let batch = first(&*parts.test, PAIRS)?;
        let (sizes, pixels) = (sizes(&trained)?, batch.layout.pixels());
        let capsules = trained.network.capsules(&batch.images)?;
        let mut decoded = Vec::new();
        for digit in 0..2 {
            let labels: Vec<usize> = (0..batch.len()).map(|i| batch.labels_of(i)[digit]).collect();
            decoded.push(trained.network.decode(&masked(&capsules, &labels, &sizes))?);
        }
        let (mut right, mut to_own, mut to_other) = (0usize, 0.0, 0.0);
        for image in 0..batch.len() {
            let ratio = |made: usize, source: usize| {
                psnr(&decoded[made][image * pixels..(image + 1) * pixels], batch.target(image, source), 1.0)
            };
            let mine = [ratio(0, 0)?, ratio(1, 1)?];
            let others = [ratio(0, 1)?, ratio(1, 0)?];
            right += usize::from(mine[0] > others[0] && mine[1] > others[1]);
            to_own += (mine[0] + mine[1]) / 2.0;
            to_other += (others[0] + others[1]) / 2.0;
        }
        let count = batch.len() as f64;
        shares.push(right as f64 / count);
        own.push(to_own / count);
        other.push(to_other / count);
        if sheet.is_none() {
            let of = |digit: usize| -> Vec<f32> {
                (0..SHOWN.min(batch.len())).flat_map(|i| batch.target(i, digit)).copied().collect()
            };
            let end = SHOWN.min(batch.len()) * pixels;
            let side = batch.layout.side;
            sheet = Some(
                ImageSheet::grey(
                    "Pairs of digits taken apart",
                    side,
                    side,
                    &NUMBERS[..SHOWN.min(batch.len())],
                )?
                .unit_row("both", &batch.images[..end])?
                .unit_row("first", &of(0))?
                .unit_row("decoded", &decoded[0][..end])?
                .unit_row("second", &of(1))?
                .unit_row("decoded again", &decoded[1][..end])?
                .alt("Pairs of overlapping digits, each digit alone, and what is decoded from its capsule."),
            );
        }
    }
    let mut measured = Measured::new(seeds)
        .row(row("pairs of which both decoded digits are nearer to their own source", &shares)?)
        .row(row("decoded digit against its own source", &own)?.unit("dB"))
        .row(row("decoded digit against the other source", &other)?.unit("dB"))
        .check(reaches("share of pairs", &interval95(&shares)?, 0.9, 0.0))
        .note(
            "Every pair counts, those that are read wrongly too; the labels say which capsules are decoded.",
        )
        .note(measured_on(&lab))
        .config(&lab.config(Task::MultiMnist))?;
    if let Some(sheet) = sheet {
        measured = measured.sheet(sheet);
    }
    Ok(measured)
}

pub(super) fn dimensions(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    context.progress.start("networks", seeds.len() as u64);
    let (mut shares, mut untrained_shares, mut sheet) = (Vec::new(), Vec::new(), None);
    for run in lab.runs(context, Task::Digits, &seeds, drawing)? {
        let trained = lab.trained(&run)?;
        let parts = lab.parts(Task::Digits, run.seed)?;
        let batch = first(&*parts.test, 1000)?;
        let fresh = fresh(&lab, &trained)?;
        shares.push(classes_with_a_meaning(&trained, &batch)?);
        untrained_shares.push(classes_with_a_meaning(&fresh, &batch)?);
        if sheet.is_none() {
            let shown = lab.trained(&*picture_run(&lab, context, &seeds)?)?;
            sheet = Some(perturbations(&shown, &batch)?);
        }
    }
    let mut measured = Measured::new(seeds)
        .row(row("classes with a number that moves one factor of the image", &shares)?)
        .row(row("the same of a network that was not trained", &untrained_shares)?)
        .check(reaches("share of classes", &interval95(&shares)?, 0.5, 0.0))
        .note(OF_CODE)
        .note(format!(
            "A number counts if the rank correlation between what is added to it and one of the factors ({}), averaged \
             with its sign over {IMAGES_OF_CLASS} images of the class, is beyond ±0.9. A decoder is smooth, so that a \
             network that was not trained may pass as well: the second row says how far this is evidence.",
            Factors::NAMES.join(", ")
        ))
        .note(measured_on(&lab))
        .config(&lab.config(Task::Digits))?;
    if let Some(sheet) = sheet {
        measured = measured.sheet(sheet);
    }
    Ok(measured)
}

/// The network as it was before training.
fn fresh(lab: &Lab, trained: &Trained) -> Result<Trained, CapsError> {
    let network = crate::network::build(lab.device(), trained.config(), trained.side())?;
    Trained::with_weights(&network.weights(), trained.config(), trained.side(), lab.device())
}

/// The images that come of adding each of [`STEPS`] to each number of one capsule of an image: (N, steps, pixels).
fn perturbed(
    trained: &Trained,
    capsules: &[f32],
    class: usize,
    sizes: &CapsSizes,
) -> Result<Vec<f32>, CapsError> {
    let mut all = Vec::with_capacity(sizes.width * STEPS.len() * capsules.len());
    let one = masked(capsules, &[class], sizes);
    for number in 0..sizes.width {
        for step in STEPS {
            let start = all.len();
            all.extend_from_slice(&one);
            all[start + class * sizes.width + number] += step;
        }
    }
    trained.network.decode(&all)
}

fn classes_with_a_meaning(trained: &Trained, batch: &Batch) -> Result<f64, ClaimError> {
    let (sizes, pixels) = (sizes(trained)?, batch.layout.pixels());
    let steps: Vec<f64> = STEPS.iter().map(|s| f64::from(*s)).collect();
    let (mut classes, mut with_meaning) = (0usize, 0usize);
    for class in 0..sizes.classes {
        let members = (0..batch.len()).filter(|i| batch.labels_of(*i) == [class]).take(IMAGES_OF_CLASS);
        let mut sums = vec![0.0; sizes.width * Factors::COUNT];
        let mut images = 0usize;
        for member in members {
            let capsules = trained.network.capsules(batch.image(member))?;
            let decoded = perturbed(trained, &capsules, class, &sizes)?;
            for (number, images) in decoded.chunks_exact(STEPS.len() * pixels).enumerate() {
                // an image without ink has no factors
                let factors: Result<Vec<_>, _> =
                    images.chunks_exact(pixels).map(|image| Factors::of(image, batch.layout.side)).collect();
                let Ok(factors) = factors else { continue };
                for factor in 0..Factors::COUNT {
                    let values: Vec<f64> = factors.iter().map(|f| f.values()[factor]).collect();
                    sums[number * Factors::COUNT + factor] += spearman(&steps, &values)?.unwrap_or(0.0);
                }
            }
            images += 1;
        }
        if images > 0 {
            classes += 1;
            with_meaning += usize::from(sums.iter().any(|sum| (sum / images as f64).abs() > 0.9));
        }
    }
    Ok(with_meaning as f64 / classes.max(1) as f64)
}

fn perturbations(trained: &Trained, batch: &Batch) -> Result<ImageSheet, ClaimError> {
    let (sizes, pixels) = (sizes(trained)?, batch.layout.pixels());
    let class = batch.labels[0];
    let capsules = trained.network.capsules(batch.image(0))?;
    let decoded = perturbed(trained, &capsules, class, &sizes)?;
    let columns: Vec<String> = STEPS.iter().map(|step| format!("{step:+.2}")).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let title = format!("One number of the capsule of a {class} at a time");
    let mut sheet = ImageSheet::grey(&title, batch.layout.side, batch.layout.side, &columns)?;
    for (number, images) in decoded.chunks_exact(STEPS.len() * pixels).enumerate() {
        sheet = sheet.unit_row(&format!("number {}", number + 1), images)?;
    }
    Ok(sheet.alt("A row for each of the 16 numbers of a digit's capsule: the decoded image as the number goes from 0.25 below to 0.25 above its value."))
}

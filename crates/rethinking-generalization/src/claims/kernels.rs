//! Section 5: kernels with zero regularization, and what norms predict.

use datasets::{
    idx,
    images::{ImageSet, TrainTest},
    synthetic, DatasetError, Folder,
};
use shared::{
    claims::{
        judge::{at_least, at_most},
        Axis, ClaimError, Context, Figure, Kind, Measured, Series, Table,
    },
    device::memory::available_bytes,
};

use super::design::row;
use crate::kernel::{
    choose_bandwidth, estimate, gram_accumulate, one_hot, ConvFeatures, ConvOptions, FitOptions, Kernel,
    KernelMachine, LabelledRows, Preprocess, TrainingSet, TILE,
};
use datasets::image_sets::{load_from, SYNTHETIC};

/// The bandwidth on colour pixels in [0, 1], not tuned: about half of the median distance of two images.
const PIXEL_BANDWIDTH: f64 = 8.0;

/// A share of the free memory that a kernel matrix may take.
const MEMORY_SHARE: f64 = 0.9;

/// Grey images, and the sizes of the short form or the full one.
struct Digits {
    name: String,
    parts: TrainTest,
    /// Training images of the trend; the largest that fit into memory are kept.
    sizes: Vec<usize>,
    /// Images that bandwidths are tried on, and as many of the last of the training set that judge them.
    tuning: usize,
}

/// The embedded digits for the short form, else MNIST or the set of IDX files that is named.
fn digits(context: &Context<'_>) -> Result<Digits, ClaimError> {
    if context.quick {
        let digits = synthetic::digits(&synthetic::DigitConfig::default(), 0)?;
        let parts = TrainTest { train: digits.set(0..2500)?, test: digits.set(1 << 40..(1 << 40) + 1000)? };
        let (name, sizes) = ("synthetic digits".into(), vec![500, 1000, 2000]);
        return Ok(Digits { name, parts, sizes, tuning: 500 });
    }
    let name = context.dataset.as_deref().filter(|name| name.contains("mnist")).unwrap_or("mnist");
    let folder = Folder::new(context.data_dir.as_deref(), context.offline);
    let parts = folder.load(name, DatasetError::is_missing, |path| idx::load(path, name))?;
    let sizes = vec![5_000, 10_000, 20_000, 40_000, 60_000];
    Ok(Digits { name: name.into(), parts, sizes, tuning: 5_000 })
}

impl Digits {
    /// The sizes up to `most` that there are images and memory for.
    fn sizes(&self, most: usize) -> Result<Vec<usize>, ClaimError> {
        let (images, values) = (self.parts.train.len(), self.parts.train.shape().pixels());
        let free = available_bytes().map_or(u64::MAX, |bytes| (bytes as f64 * MEMORY_SHARE) as u64);
        let mut fit = Vec::new();
        for size in self.sizes.iter().copied().filter(|size| *size <= most.min(images)) {
            if estimate(size, values, 10, TILE)?.total() <= free {
                fit.push(size);
            }
        }
        Ok(fit)
    }
}

/// Images as rows that a kernel compares.
fn rows(preprocess: Preprocess, set: &ImageSet) -> Result<Vec<f64>, ClaimError> {
    let mut rows: Vec<f64> = set.pixels().iter().map(|byte| f64::from(*byte) / 255.0).collect();
    preprocess.apply(&mut rows, set.shape())?;
    Ok(rows)
}

/// A name for tables.
fn title(preprocess: Preprocess) -> &'static str {
    match preprocess {
        Preprocess { deskew: true, .. } => "deskewed, unit norm",
        Preprocess { blur, .. } if blur > 0.0 => "blurred, unit norm",
        Preprocess { unit_norm: true, .. } => "unit norm",
        _ => "pixels",
    }
}

/// A preparation of the images, with what was tried for it.
struct Trend {
    preprocess: Preprocess,
    bandwidth: f64,
    /// Training images, test error, training error, norm.
    points: Vec<(usize, f64, f64, f64)>,
    /// Bandwidth, validation error and norm of what was tried.
    tried: Vec<(f64, f64, f64)>,
}

fn trend(
    digits: &Digits,
    preprocess: Preprocess,
    candidates: &[f64],
    most: usize,
    context: &Context<'_>,
) -> Result<Trend, ClaimError> {
    let (train, test) = (&digits.parts.train, &digits.parts.test);
    let (rows, test_rows) = (rows(preprocess, train)?, rows(preprocess, test)?);
    let dim = train.shape().pixels();
    let (tuned, held) = (digits.tuning, train.len() - digits.tuning);
    let options = FitOptions::default();
    let choice = choose_bandwidth(
        LabelledRows { rows: &rows[..tuned * dim], labels: &train.labels()[..tuned] },
        LabelledRows { rows: &rows[held * dim..], labels: &train.labels()[held..] },
        (dim, train.classes()),
        Kernel::gaussian,
        candidates,
        &options,
        &|_, _| {},
    )?;
    let sizes = digits.sizes(most)?;
    let targets = one_hot(train.labels(), train.classes())?;
    let set = TrainingSet { rows: &rows, dim, targets: &targets, classes: train.classes() };
    let kernel = Kernel::gaussian(choice.bandwidth);
    let tell = |done: usize, all: usize| {
        if done == 1 {
            context.progress.start(&format!("tiles, {}", title(preprocess)), all as u64);
        }
        context.progress.advance(1);
    };
    let machines = KernelMachine::fit_prefixes(&set, kernel, &sizes, &options, &tell)?;
    let mut points = Vec::new();
    for (size, machine) in sizes.iter().zip(&machines) {
        let residual = machine.training_residual(&targets[..size * train.classes()])?;
        points.push((*size, machine.error(&test_rows, test.labels())?, residual.error, machine.norm()));
    }
    let tried = choice.trials.iter().filter_map(|t| Some((t.bandwidth, t.error?, t.norm?))).collect();
    Ok(Trend { preprocess, bandwidth: choice.bandwidth, points, tried })
}

/// The three preparations; the largest sizes are left to the last.
fn trends(digits: &Digits, context: &Context<'_>) -> Result<Vec<Trend>, ClaimError> {
    let unit = [0.3, 0.4, 0.5, 0.6];
    Ok(vec![
        trend(digits, Preprocess::RAW, &[3.0, 4.0, 5.0, 6.0], 20_000, context)?,
        trend(digits, Preprocess::BLURRED, &unit, 20_000, context)?,
        trend(digits, Preprocess::DESKEWED, &unit, usize::MAX, context)?,
    ])
}

fn missing(error: &ClaimError) -> bool {
    error.downcast_ref::<DatasetError>().is_some_and(DatasetError::is_missing)
}

fn without_data() -> Measured {
    Measured::not_run("it needs MNIST: give its folder with --data-dir or EIGHTFOLD_DATA")
}

/// Table 3: MNIST with a Gaussian kernel, all training images interpolated.
pub(super) fn mnist(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let digits = match digits(context) {
        Err(error) if missing(&error) => return Ok(without_data()),
        other => other?,
    };
    let trends = trends(&digits, context)?;
    let mut measured = Measured::new(Vec::new());
    let mut figure = Figure::new(
        &format!("Table 3: {}, Gaussian kernel, nothing regularized", digits.name),
        Axis::log("training images"),
        Axis::linear("test error"),
    );
    let mut table = Table::new(
        "Every training image interpolated",
        &["images as", "bandwidth", "training images", "test error", "training error", "norm"],
    );
    for trend in &trends {
        let title = title(trend.preprocess).to_owned();
        for (size, error, training, norm) in &trend.points {
            let mut of_it = row(&format!("test error, n = {size}, {title}"), &[*error])?;
            if *size == 60_000 && digits.name == "mnist" {
                of_it = of_it.paper(0.012);
            }
            measured = measured.row(of_it);
            table = table.row([
                title.clone(),
                trend.bandwidth.to_string(),
                size.to_string(),
                format!("{error:.4}"),
                format!("{training:.4}"),
                format!("{norm:.1}"),
            ]);
        }
        let points = trend.points.iter().map(|(size, error, ..)| (*size as f64, *error));
        figure = figure.series(Series::new(&title, Kind::Line, points));
    }
    let bound_at = if context.quick { 2000 } else { 20_000 };
    let at_bound = trends.iter().flat_map(|t| &t.points).filter(|point| point.0 == bound_at);
    let best = at_bound.map(|point| point.1).fold(1.0, f64::min);
    let training = trends.iter().flat_map(|t| &t.points).map(|point| point.2).fold(0.0, f64::max);
    let bound = if context.quick { 0.05 } else { 0.016 };
    let rising =
        trends.iter().flat_map(|t| t.points.windows(2)).map(|w| w[1].1 - w[0].1).fold(-1.0, f64::max);
    let gain = ridge_gain(&digits)?;
    let mut measured = measured
        .check(at_most(&format!("test error, n = {bound_at}, best preparation"), best, bound))
        .check(at_most("training error of all", training, 0.0))
        .check(at_most("largest rise of the test error with more images", rising, 0.0))
        .check(at_most("test error that the best of three ridges takes away", gain, 0.002))
        .table(table)
        .figure(figure)
        .note(format!(
            "Bandwidths were chosen on {} training images and judged on the last {} of the training set; test images chose nothing.",
            digits.tuning, digits.tuning
        ))
        .note("All sizes of a line come from one factorization.");
    if digits.sizes(usize::MAX)?.len() < digits.sizes.len() {
        measured =
            measured.note("The largest sizes were left out: free memory, or the set, is too small for them.");
    }
    Ok(measured)
}

/// What a ridge takes off the test error, at most, on the smallest size.
fn ridge_gain(digits: &Digits) -> Result<f64, ClaimError> {
    let (train, test) = (&digits.parts.train, &digits.parts.test);
    let count = digits.sizes[0].min(train.len());
    let rows_of_it = rows(Preprocess::DESKEWED, &train.slice(0..count)?)?;
    let test_rows = rows(Preprocess::DESKEWED, test)?;
    let targets = one_hot(&train.labels()[..count], train.classes())?;
    let set = TrainingSet {
        rows: &rows_of_it,
        dim: train.shape().pixels(),
        targets: &targets,
        classes: train.classes(),
    };
    let error = |ridge: f64| -> Result<f64, ClaimError> {
        let options = FitOptions { ridge, ..FitOptions::default() };
        let machine = KernelMachine::fit(&set, Kernel::gaussian(0.4), &options, &|_, _| {})?;
        Ok(machine.error(&test_rows, test.labels())?)
    };
    let plain = error(0.0)?;
    let best = [1e-3, 1e-2, 1e-1].into_iter().map(error).collect::<Result<Vec<_>, _>>()?;
    Ok(plain - best.into_iter().fold(1.0, f64::min))
}

/// A larger norm can go with a lower error.
pub(super) fn norms(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let digits = match digits(context) {
        Err(error) if missing(&error) => return Ok(without_data()),
        other => other?,
    };
    let unit = [0.2, 0.3, 0.4, 0.5, 0.6];
    let small = digits.sizes[0];
    let found = [
        trend(&digits, Preprocess::UNIT, &unit, small, context)?,
        trend(&digits, Preprocess::BLURRED, &unit, small, context)?,
        trend(&digits, Preprocess::DESKEWED, &unit, small, context)?,
    ];
    let all: Vec<(String, f64, f64)> = found
        .iter()
        .flat_map(|t| {
            t.tried.iter().map(|(s, error, norm)| (format!("{}, {s}", title(t.preprocess)), *error, *norm))
        })
        .collect();
    let pairs = || all.iter().enumerate().flat_map(|(i, a)| all[i + 1..].iter().map(move |b| (a, b)));
    // the one with the larger norm has the lower error
    let against = pairs().filter(|(a, b)| (a.2 - b.2) * (a.1 - b.1) < 0.0).count();
    let share = against as f64 / pairs().count().max(1) as f64;
    let clear = pairs()
        .map(|(a, b)| if a.2 > b.2 { (a, b) } else { (b, a) })
        .filter(|(large, small)| large.2 > 1.1 * small.2 && large.1 < 0.9 * small.1)
        .count();
    let mut table = Table::new("Interpolants", &["images as, bandwidth", "validation error", "norm"]);
    let mut figure = Figure::new(
        &format!("{}: error against norm of interpolants", digits.name),
        Axis::log("norm"),
        Axis::linear("validation error"),
    );
    for trend in &found {
        let points = trend.tried.iter().map(|(_, error, norm)| (*norm, *error));
        figure = figure.series(Series::new(title(trend.preprocess), Kind::Points, points));
    }
    for (name, error, norm) in &all {
        table = table.row([name.clone(), format!("{error:.4}"), format!("{norm:.1}")]);
    }
    Ok(Measured::new(Vec::new())
        .row(row("share of pairs in which the larger norm has the lower error", &[share])?)
        .check(at_least(
            "pairs with a norm larger by a tenth and an error lower by a tenth",
            clear as f64,
            1.0,
        ))
        .check(at_least("share of pairs that a rule 'smaller norm, lower error' gets wrong", share, 0.1))
        .table(table)
        .figure(figure)
        .note(format!(
            "{} training images; norms are the root of the sum over classes of alpha' K alpha.",
            small
        )))
}

/// Table 3: CIFAR-10, pixels under a Gaussian kernel against random convolutional features.
pub(super) fn colour(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let default = if context.quick { SYNTHETIC } else { "cifar10" };
    let name = context.dataset.as_deref().filter(|name| !name.contains("mnist")).unwrap_or(default);
    let sets = load_from(&Folder::new(context.data_dir.as_deref(), context.offline), name)?;
    let (images, tests, filters): (usize, usize, &[usize]) =
        if context.quick { (500, 500, &[100, 400]) } else { (5_000, 2_000, &[1_000, 4_000, 16_000]) };
    let (train, test) =
        (sets.train.slice(0..images.min(sets.train.len()))?, sets.test.slice(0..tests.min(sets.test.len()))?);
    let classes = train.classes();
    let targets = one_hot(train.labels(), classes)?;
    let pixels =
        |set: &ImageSet| -> Vec<f32> { set.pixels().iter().map(|byte| f32::from(*byte) / 255.0).collect() };
    let (ours, theirs) = (pixels(&train), pixels(&test));

    let set = TrainingSet { rows: &ours, dim: train.shape().pixels(), targets: &targets, classes };
    let machine =
        KernelMachine::fit(&set, Kernel::gaussian(PIXEL_BANDWIDTH), &FitOptions::default(), &|_, _| {})?;
    let gaussian = machine.error(&theirs, test.labels())?;
    let mut measured =
        Measured::new(Vec::new()).row(row("test error, Gaussian kernel on pixels", &[gaussian])?.paper(0.46));
    let mut table =
        Table::new("Every training image interpolated", &["features", "test error", "norm"]).row([
            "Gaussian kernel on pixels".to_owned(),
            format!("{gaussian:.4}"),
            format!("{:.1}", machine.norm()),
        ]);
    let mut points = Vec::new();
    for count in filters {
        let options = ConvOptions { filters: *count, grid: 4, ..ConvOptions::default() };
        let features = ConvFeatures::new(&ours, train.shape(), &options)?;
        let gram = gram_accumulate(&features, &ours, &theirs, 250, None, &|_, _| {})?;
        let machine = gram.fit(&targets, classes, 0.0, &|_, _| {})?;
        let error = machine.error(test.labels())?;
        measured = measured.row(row(&format!("test error, {count} random convolutional filters"), &[error])?);
        table =
            table.row([format!("{count} filters"), format!("{error:.4}"), format!("{:.1}", machine.norm())]);
        points.push((*count as f64, error));
    }
    let best = points.last().map_or(1.0, |(_, error)| *error);
    Ok(measured
        .check(at_least("error on pixels less error of convolutional features", gaussian - best, 0.05))
        .table(table)
        .figure(
            Figure::new("Random convolutional features", Axis::log("filters"), Axis::linear("test error"))
                .series(Series::new("interpolated, no ridge", Kind::Line, points))
                .mark("Gaussian kernel on pixels", gaussian),
        )
        .note(format!(
            "{}: the first {} training and {} test images. The paper has 50,000 images: 0.46 on pixels and 0.17 with 32,000 filters. Jitter added to the kernel on pixels: {:e}.",
            sets.name,
            train.len(),
            test.len(),
            machine.jitter()
        )))
}

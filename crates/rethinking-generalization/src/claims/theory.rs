//! Section 2.2, 4 and 5: what the classical measures say, what a network can express, and what least norm means.

use rand_distr::{Distribution, StandardNormal};
use shared::{
    claims::{
        judge::{above_by, at_least, at_most, every, stays_below},
        stats::{interval95, paired},
        Axis, ClaimError, Context, Figure, Kind, Measured, Series,
    },
    device::{Backend, DeviceTask},
    dfdx::{
        nn::modules::{Linear, ReLU},
        prelude::{BuildModule, Const},
    },
    optim::{HeavyBallForm, Momentum, OptimizerConfig, Schedule, SgdConfig},
    parallel::side_by_side,
    train::RunRng,
    zoo::{ImageNetwork, Stock, ZooError, ZooModel},
};

use super::design::{base, row, seeds};
use crate::{
    experiment::Lab,
    probe::{apart, rademacher_draw, Exchanged},
    randomization_test,
    theory::{
        linear_sgd::hessian, min_norm::nearest_interpolant, DeepNet, Direction, FiniteSampleNet, LinearSgd,
        MinNorm,
    },
    Config, Corruption, Examples, LabError, Plan, Table,
};

/// Features of the inputs of the Rademacher probe.
const WIDTH: usize = 64;

/// A network of two classes on rows of [`WIDTH`] features.
struct Build {
    hidden: bool,
}

impl DeviceTask for Build {
    type Output = Result<Box<dyn ImageNetwork>, ZooError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        let momentum = Momentum::HeavyBall { mu: 0.9, form: HeavyBallForm::RateOutside };
        let sgd = OptimizerConfig::Sgd(SgdConfig { lr: 0.1, momentum, ..SgdConfig::default() });
        let memory = |error: D::Err| ZooError::Compute(format!("{error:?}"));
        Ok(if self.hidden {
            let model: (Linear<WIDTH, 512, f32, D>, ReLU, Linear<512, 2, f32, D>) =
                BuildModule::try_build(&device).map_err(memory)?;
            Box::new(Stock::<_, (usize, Const<WIDTH>), 2, _>::new(model, device, sgd)?)
        } else {
            let model: Linear<WIDTH, 2, f32, D> = BuildModule::try_build(&device).map_err(memory)?;
            Box::new(Stock::<_, (usize, Const<WIDTH>), 2, _>::new(model, device, sgd)?)
        })
    }
}

fn gaussian_rows(count: usize, width: usize, seed: u64) -> Vec<f64> {
    let mut rng = RunRng::new(seed, 0xA9 << 56);
    (0..count * width).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// Coin tosses fitted, against n: all of them by a network, and few by a linear model once n is well above d.
pub(super) fn rademacher(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let draws = context.seeds(5, 20);
    let sizes: &[usize] = if context.quick { &[32, 128, 512] } else { &[32, 64, 128, 256, 512, 1024, 2048] };
    let rows = gaussian_rows(sizes[sizes.len() - 1], WIDTH, context.seed).iter().map(|v| *v as f32).collect();
    let inputs = Table::new(rows, vec![0; sizes[sizes.len() - 1]], 2)?;
    let jobs: Vec<(bool, usize, u64)> = [true, false]
        .into_iter()
        .flat_map(|hidden| sizes.iter().flat_map(move |n| [(hidden, *n)]))
        .flat_map(|(hidden, n)| draws.iter().map(move |seed| (hidden, n, *seed)))
        .collect();
    context.progress.start("draws", jobs.len() as u64);
    let schedule = Schedule::constant(0.1);
    let values = side_by_side(&jobs, |(hidden, n, seed)| -> Result<f64, LabError> {
        let plan = Plan {
            epochs: 200,
            batch_size: 64,
            schedule: schedule.clone(),
            target: 1.0,
            seed: *seed,
            ..Plan::paper(0.1)
        };
        let network = |seed| -> Result<Box<dyn ImageNetwork>, LabError> {
            let built = context.device.launch(seed, Build { hidden: *hidden }).map_err(ZooError::from)?;
            Ok(built?)
        };
        let value = rademacher_draw(network, &inputs, *n, &plan)?;
        context.progress.advance(1);
        Ok(value)
    })?;
    let (network, linear) = values.split_at(values.len() / 2);
    let mut measured = Measured::new(draws.clone());
    let mut curves = [Vec::new(), Vec::new()];
    for (name, values, curve) in [("network", network, 0), ("linear", linear, 1)] {
        for (n, values) in sizes.iter().zip(values.chunks(draws.len())) {
            let row = row(&format!("{name}, n = {n}"), values)?;
            curves[curve].push((*n as f64, row.interval));
            measured = measured.row(row);
        }
    }
    let last = |values: &[f64]| values[values.len() - draws.len()..].to_vec();
    let most = sizes[sizes.len() - 1];
    let [network_curve, linear_curve] = curves;
    // a linear map of d features explains about sqrt(2 d / (pi n)) of tosses; twice that leaves room for its best fit
    let bound = 2.0 * (2.0 * WIDTH as f64 / (std::f64::consts::PI * most as f64)).sqrt();
    Ok(measured
        .check(at_least("least value of the network over all draws", network.iter().copied().fold(1.0, f64::min), 0.99))
        .check(stays_below(&format!("linear model, n = {most}"), &interval95(&last(linear))?, bound, 0.0))
        .figure(
            Figure::new(
                "Coin tosses fitted by training",
                Axis::log("n, rows of 64 Gaussian features"),
                Axis::linear("2 (share fitted) - 1"),
            )
            .series(Series::intervals("512 hidden units", Kind::Line, network_curve))
            .series(Series::intervals("linear", Kind::Line, linear_curve)),
        )
        .note("Training stands for the supremum, so these are lower bounds. The bound of the linear model is 2 sqrt(2 d / (pi n))."))
}

/// Exchanging one example moves the trained network as much with random labels as with true ones.
pub(super) fn stability(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context)?, seeds(context));
    let images = if context.quick { 300 } else { 1000 };
    let config = Config { images: Some(images), epochs: 60, target: 1.1, ..base(&lab, ZooModel::Mlp1) };
    let jobs: Vec<(Corruption, u64)> = [Corruption::True, Corruption::RandomLabels]
        .into_iter()
        .flat_map(|corruption| seeds.iter().map(move |seed| (corruption, *seed)))
        .collect();
    context.progress.start("pairs of networks", jobs.len() as u64);
    let found = side_by_side(&jobs, |(corruption, seed)| -> Result<_, LabError> {
        let config = Config { corruption: *corruption, seed: *seed, ..config.clone() };
        let (train, test) = lab.views(&config)?;
        let exchanged = Exchanged::new(&train, 0, &test, 0)?;
        let fit = |examples: &dyn Examples| -> Result<_, LabError> {
            let mut network = config.build(context.device)?;
            let trial = randomization_test(
                &mut *network,
                (examples, &test),
                *corruption,
                &config.plan(),
                &mut |_| {},
            )?;
            Ok((network, trial.train_accuracy - trial.test_accuracy))
        };
        let ((one, gap), (other, _)) = (fit(&train)?, fit(&exchanged)?);
        let apart = apart(&*one, &*other, &test, 1000)?;
        context.progress.advance(1);
        Ok((apart.weights, apart.outputs, gap))
    })?;
    let (truth, random) = found.split_at(seeds.len());
    let of = |cells: &[(f64, f64, f64)], pick: fn(&(f64, f64, f64)) -> f64| {
        cells.iter().map(pick).collect::<Vec<f64>>()
    };
    let ratio = |pick: fn(&(f64, f64, f64)) -> f64| -> Vec<f64> {
        of(random, pick).iter().zip(&of(truth, pick)).map(|(a, b)| a / b).collect()
    };
    let (weights, outputs) = (ratio(|c| c.0), ratio(|c| c.1));
    Ok(Measured::new(seeds)
        .row(row("change of the weights, true labels", &of(truth, |c| c.0))?)
        .row(row("change of the weights, random labels", &of(random, |c| c.0))?)
        .row(row("change of the outputs, true labels", &of(truth, |c| c.1))?)
        .row(row("change of the outputs, random labels", &of(random, |c| c.1))?)
        .row(row("training less test accuracy, true labels", &of(truth, |c| c.2))?)
        .row(row("training less test accuracy, random labels", &of(random, |c| c.2))?)
        .check(stays_below("change of the weights, random over true", &interval95(&weights)?, 1.5, 0.0))
        .check(stays_below("change of the outputs, random over true", &interval95(&outputs)?, 1.5, 0.0))
        .check(above_by("gap with random labels less that with true", &paired(&of(random, |c| c.2), &of(truth, |c| c.2), 0.95)?, 0.1))
        .note("One example of the training set is exchanged for one of the test set; seed, order and initial weights stay. Uniform stability is a supremum over sets and examples; this is one exchange a seed.")
        .config(&config)?)
}

/// Theorem 1 and its corollary.
pub(super) fn theorem(context: &Context<'_>) -> Result<Measured, ClaimError> {
    const WIDTH: usize = 64;
    let seeds = context.seeds(3, 10);
    let sizes: &[usize] = if context.quick { &[100, 1000] } else { &[100, 1000, 10_000, 100_000] };
    context.progress.start("samples", (sizes.len() * seeds.len()) as u64);
    let mut measured = Measured::new(seeds.clone());
    let (mut worst, mut single, mut exact, mut deep_ok) = (0.0_f64, 0.0_f64, true, true);
    for n in sizes {
        let mut residuals = Vec::new();
        for seed in &seeds {
            let x = gaussian_rows(*n, WIDTH, *seed);
            let y: Vec<f64> = {
                let mut rng = RunRng::new(*seed, 0xAA << 56);
                (0..*n).map(|_| f64::from(u8::from(rand::Rng::r#gen::<bool>(&mut rng))) * 2.0 - 1.0).collect()
            };
            let fitted = FiniteSampleNet::fit(&x, WIDTH, &y, &Direction::random(*seed))?;
            let miss = |values: &[f64]| values.iter().zip(&y).map(|(c, y)| (c - y).abs()).fold(0.0, f64::max);
            residuals.push(miss(&fitted.net.sorted().predict(&x)?));
            exact &= fitted.net.parameters() == 2 * n + WIDTH;
            // by definition and layer by layer costs n² sums
            if *n <= 1000 {
                worst = worst.max(miss(&fitted.net.predict(&x)?));
                for depth in [2, 4, 8] {
                    let net = DeepNet::fit(&x, WIDTH, &y, depth, &Direction::random(*seed))?;
                    deep_ok &= net.depth() == depth
                        && net.residual(&x, &y)? < 1e-3
                        && net.width() <= n.div_ceil(depth - 1) + 5
                        && net.weights() <= 4 * n + 13 * (depth - 1) + WIDTH + 1;
                }
            }
            if *n == 1000 {
                let in_single: Vec<f64> =
                    fitted.net.to_f32().predict(&x)?.iter().map(|v| f64::from(*v)).collect();
                single = single.max(miss(&in_single));
            }
            context.progress.advance(1);
        }
        worst = residuals.iter().copied().fold(worst, f64::max);
        measured = measured.row(row(&format!("largest error, n = {n}, d = {WIDTH}"), &residuals)?);
    }
    Ok(measured
        .check(at_most("largest error of all samples", worst, 1e-3))
        .check(every("exactly 2 n + d numbers", &[exact]))
        .check(every(
            "depth 2, 4 and 8: fitted, width at most n / (k - 1) + 5, weights at most 4 n + 13 (k - 1) + d + 1",
            &[deep_ok],
        ))
        .check(at_least("largest error in single precision, n = 1000", single, 0.1))
        .note("Labels of +-1 tossed for Gaussian points; depths up to n = 1000. The last check is that double precision is needed."))
}

/// SGD from 0 ends at the solution of least norm.
pub(super) fn min_norm(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let seeds = context.seeds(5, 20);
    let (n, d) = (50, 200);
    context.progress.start("systems", seeds.len() as u64);
    let (mut distances, mut larger, mut elsewhere, mut curvature) =
        (Vec::new(), Vec::new(), Vec::new(), 0.0_f64);
    for seed in &seeds {
        let x: Vec<f64> = gaussian_rows(n, d, *seed);
        let y = gaussian_rows(n, 1, seed.wrapping_add(1 << 32));
        let w0 = gaussian_rows(d, 1, seed.wrapping_add(1 << 33));
        let least = MinNorm::fit(&x, d, &y, 1, 0.0)?;
        let sgd = LinearSgd { seed: *seed, ..LinearSgd::default() };
        let (from_zero, from_w0) = (sgd.from(&vec![0.0; d], &x, d, &y, 1)?, sgd.from(&w0, &x, d, &y, 1)?);
        let distance =
            |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        distances.push(distance(&from_zero.weights, least.weights()) / least.norm());
        let nearest = nearest_interpolant(&x, d, &y, 1, &w0)?;
        elsewhere.push(distance(&from_w0.weights, &nearest) / least.norm());
        larger.push(from_w0.norm() / least.norm());
        // log cosh of the error: its curvature depends on the error, and is 1 at both minima
        let second = |z: f64, y: f64| (z - y).cosh().powi(-2);
        let (one, other) =
            (hessian(&x, d, &y, least.weights(), second)?, hessian(&x, d, &y, &from_w0.weights, second)?);
        curvature = curvature.max(distance(&one, &other));
        context.progress.advance(1);
    }
    let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    Ok(Measured::new(seeds)
        .row(row("distance of SGD from 0 to the least norm, relative", &distances)?)
        .row(row("distance of SGD from elsewhere to the interpolant nearest to its start", &elsewhere)?)
        .row(row("norm of the latter over the least", &larger)?)
        .check(at_most("largest distance from the least norm", most(&distances), 1e-8))
        .check(at_most("largest distance from the nearest interpolant", most(&elsewhere), 1e-8))
        .check(above_by(
            "norm from elsewhere over the least, less 1",
            &interval95(&larger.iter().map(|l| l - 1.0).collect::<Vec<_>>())?,
            0.0,
        ))
        .check(at_most("difference of the Hessians at the two minima", curvature, 1e-8))
        .note(format!("{n} rows of {d} Gaussian features, Gaussian targets.")))
}

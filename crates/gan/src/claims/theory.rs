//! Claims that are theorems, or nearly: the optimal discriminator, the game's value, density ratios, a bilinear game.

use shared::claims::{
    judge::{at_least, at_most, every, reaches, stays_below},
    stats::interval95,
    Axis, ClaimError, Context, Figure, Kind, Measured, Row, Series,
};

use crate::theory::{
    central, correlation, Discrimination, Divergence, Dynamics, Gaussian2, GaussianMixture, Labels, LogRatio,
    QuadraticGame, SplineConfig, SplineDiscriminator,
};

/// Data and a generator that is wrong in place, width and number of modes.
fn densities() -> Result<(GaussianMixture, GaussianMixture), ClaimError> {
    Ok((GaussianMixture::new(&[(0.5, -1.5, 0.6), (0.5, 1.5, 0.6)])?, GaussianMixture::normal(0.5, 1.2)?))
}

pub(super) fn optimal_discriminator(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let seeds = context.seeds(3, 10);
    let count = if context.quick { 40_000 } else { 100_000 };
    let (data, model) = densities()?;
    context.progress.start("discriminators", 2 * seeds.len() as u64);
    let mut measured = Measured::new(seeds.clone());
    let mut figure = None;
    for (labels, name) in [(Labels::HARD, "plain labels"), (Labels::new(0.9, 0.1)?, "labels 0.9 and 0.1")] {
        let mut errors = Vec::new();
        for seed in &seeds {
            let samples = [data.sample(count, 2 * seed), model.sample(count, 2 * seed + 1)];
            let config = SplineConfig { labels, ..SplineConfig::default() };
            let learnt = SplineDiscriminator::fit(&samples[0], &samples[1], &config)?;
            let problem = Discrimination::new(&data, &model).with_labels(labels);
            let bulk = central([&samples[0], &samples[1]], 0.95)?;
            errors.push(learnt.largest_error(&problem, bulk));
            if figure.is_none() {
                let points = |d: &dyn Fn(f64) -> f64| {
                    let at = |i: i32| bulk[0] + (bulk[1] - bulk[0]) * f64::from(i) / 80.0;
                    (0..=80).map(|i| (at(i), d(at(i)))).collect::<Vec<_>>()
                };
                figure = Some(
                    Figure::new("The discriminator and its optimum", Axis::linear("x"), Axis::linear("D(x)"))
                        .series(Series::new("learnt", Kind::Points, points(&|x| learnt.discriminate(x))))
                        .series(Series::new("p / (p + q)", Kind::Line, points(&|x| problem.optimal(x)))),
                );
            }
            context.progress.advance(1);
        }
        let label = format!("largest |D − D*| in the middle 95 %, {name}");
        measured = measured
            .check(stays_below(&label, &interval95(&errors)?, 0.03, 0.0))
            .row(Row::new(&label, errors)?);
    }
    if let Some(figure) = figure {
        measured = measured.figure(figure);
    }
    Ok(measured.note(format!(
        "Densities on the line, {count} samples of each; the discriminator is a cubic spline trained to convergence."
    )))
}

pub(super) fn value(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let seeds = context.seeds(3, 10);
    let count = if context.quick { 200_000 } else { 1_000_000 };
    let (data, model) = densities()?;
    let problem = Discrimination::new(&data, &model);
    let theorem = problem.value_by_theorem();
    let mut off = Vec::new();
    for seed in &seeds {
        let sampled = problem.sampled_value(|x| problem.optimal_logit(x), count, *seed)?;
        off.push((sampled.mean - theorem).abs());
    }
    let same = Discrimination::new(&data, &data);
    let mut bounds = Vec::new();
    for divergence in Divergence::ALL {
        let exact = divergence.between(&data, &model);
        let best = |x: f64| divergence.optimal_output(problem.log_ratio(x));
        let reached = divergence.lower_bound(&data, &model, best)?;
        let blurred = divergence.lower_bound(&data, &model, |x| 0.8 * best(x))?;
        bounds.push((divergence, exact, reached, blurred));
    }
    let worst = bounds.iter().map(|(_, exact, reached, _)| (exact - reached).abs()).fold(0.0, f64::max);
    let below: Vec<bool> = bounds.iter().map(|(_, exact, _, blurred)| blurred < exact).collect();
    let table = shared::claims::Table {
        title: "Divergences and what a discriminator reaches of them".into(),
        columns: ["divergence", "by quadrature", "best discriminator", "0.8 times its output"]
            .map(String::from)
            .into(),
        rows: bounds
            .iter()
            .map(|(d, exact, reached, blurred)| {
                vec![d.name().into(), format!("{exact:.6}"), format!("{reached:.6}"), format!("{blurred:.6}")]
            })
            .collect(),
    };
    Ok(Measured::new(seeds)
        .row(Row::new("|V(D*) by samples − (2 JSD − log 4)|", off.clone())?)
        .check(stays_below("the distance by samples", &interval95(&off)?, 0.02, 0.0))
        .check(at_most("the distance by quadrature", (problem.optimal_value() - theorem).abs(), 1e-9))
        .check(at_most("V(D*) + log 4 where p_g = p_data", (same.optimal_value() + 4f64.ln()).abs(), 1e-9))
        .check(at_most("largest distance of an f-divergence from its reached bound", worst, 1e-6))
        .check(every("bounds of another discriminator lie below", &below))
        .table(table))
}

pub(super) fn density_ratio(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let seeds = context.seeds(5, 20);
    let count = if context.quick { 4_000 } else { 20_000 };
    let (data, model) =
        (Gaussian2::new([0.0, 0.0], [1.0, 0.3, 0.8])?, Gaussian2::new([0.7, -0.4], [1.4, -0.2, 1.0])?);
    let mut correlations = Vec::new();
    for seed in &seeds {
        let learnt = LogRatio::fit(&data.sample(count, 4 * seed), &model.sample(count, 4 * seed + 1), 1e-6)?;
        let held_out = [data.sample(2_000, 4 * seed + 2), model.sample(2_000, 4 * seed + 3)].concat();
        let (mut told, mut truth) = (Vec::new(), Vec::new());
        for x in held_out.chunks_exact(2) {
            let x = [x[0], x[1]];
            told.push(learnt.at(x));
            truth.push(data.log_pdf(x) - model.log_pdf(x));
        }
        correlations.push(correlation(&told, &truth)?);
    }
    Ok(Measured::new(seeds)
        .row(Row::new("correlation of the logit with log p / q, on new points", correlations.clone())?)
        .check(reaches("the correlation", &interval95(&correlations)?, 0.95, 0.0))
        .note("Two Gaussians in the plane; logistic regression on the squares and products of coordinates, so that the \
               true ratio can be learnt."))
}

pub(super) fn bilinear(_: &Context<'_>) -> Result<Measured, ClaimError> {
    let (game, eta, steps) = (QuadraticGame::BILINEAR, 0.1, 2_000);
    let run = |dynamics| game.play(dynamics, eta, [1.0, 0.0], steps);
    let (out, around) = (run(Dynamics::Simultaneous)?, run(Dynamics::Alternating)?);
    let (unrolled, ahead) = (run(Dynamics::Unrolled { steps: 5 })?, run(Dynamics::Extragradient)?);
    let consensus = run(Dynamics::Consensus { weight: 1.0 })?;
    let factor = (1.0 + eta * eta).sqrt();
    let radii = out.radii();
    let off = radii.windows(2).map(|r| (r[1] / r[0] - factor).abs()).fold(0.0, f64::max);
    let wander = around.radii();
    let (least, most) = wander.iter().fold((f64::INFINITY, 0.0f64), |(a, b), r| (a.min(*r), b.max(*r)));
    let end = |t: &crate::theory::Trajectory| t.radii().last().copied().unwrap_or(f64::NAN);
    let averaged = around.average_radii().last().copied().unwrap_or(f64::NAN);
    let series = |name: &str, radii: &[f64]| {
        let shown = radii.iter().enumerate().step_by(20).take(60).map(|(i, r)| (i as f64, *r));
        Series::new(name, Kind::Line, shown.collect::<Vec<_>>())
    };
    let figure = Figure::new(
        "Distance from the saddle of min_x max_y x y",
        Axis::linear("step"),
        Axis::log("distance"),
    )
    .series(series("simultaneous", &radii))
    .series(series("alternating", &wander))
    .series(series("alternating, averaged", &around.average_radii()))
    .series(series("unrolled, 5 steps", &unrolled.radii()))
    .series(series("extragradient", &ahead.radii()));
    let modulus = game.step_jacobian(Dynamics::Simultaneous, eta).spectral_radius();
    Ok(Measured::new(vec![0])
        .row(Row::new("growth of the distance in a simultaneous step", vec![radii[1] / radii[0]])?.paper(factor))
        .row(Row::new("the same by the eigenvalues of its Jacobian", vec![modulus])?.paper(factor))
        .row(Row::new("least distance of alternating steps", vec![least])?)
        .row(Row::new("largest distance of alternating steps", vec![most])?)
        .row(Row::new("last distance, averaged alternating steps", vec![averaged])?)
        .row(Row::new("last distance, unrolled", vec![end(&unrolled)])?)
        .row(Row::new("last distance, extragradient", vec![end(&ahead)])?)
        .row(Row::new("last distance, consensus", vec![end(&consensus)])?)
        .check(at_most("simultaneous steps: distance of the growth from √(1 + η²)", off, 1e-12))
        .check(at_most("eigenvalues: distance of their size from √(1 + η²)", (modulus - factor).abs(), 1e-12))
        .check(at_least("alternating steps: least distance", least, 0.8))
        .check(at_most("alternating steps: largest distance", most, 1.2))
        .check(at_most("averaged alternating steps: last distance", averaged, 0.02))
        .check(at_most("unrolled steps: last distance", end(&unrolled), 1e-3))
        .figure(figure)
        .note("The averages of simultaneous steps leave the saddle too; those of alternating ones come nearer as 1 / t."))
}

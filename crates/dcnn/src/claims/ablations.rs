//! What the paper's text and its programs leave open, measured by changing one setting.

use shared::{
    claims::{judge::above_by, stats::paired, ClaimError, Context, Measured},
    graph::Normalization,
};

use super::{accuracies, measured_on, node_networks, nodes, row, thirds};
use crate::{Config, Init};

/// Settings to compare on the same splits, the default first.
type Variants = Vec<(&'static str, Config)>;

/// Accuracies of each variant, row by row, and the measurement that holds them.
fn compare(context: &Context<'_>, variants: &Variants) -> Result<(Measured, Vec<Vec<f64>>), ClaimError> {
    let data = nodes(context)?;
    let seeds = context.seeds(12, 20);
    let splits = thirds(data.labels.len(), &seeds)?;
    context.progress.start("variants", variants.len() as u64);
    let (mut measured, mut all) = (Measured::new(seeds).note(measured_on(&data.name)), Vec::new());
    for (label, config) in variants {
        let outcomes = node_networks(context, &data, &splits, config)?;
        let epochs = outcomes.iter().map(|o| o.epochs as f64).sum::<f64>() / outcomes.len().max(1) as f64;
        let accuracy = accuracies(&outcomes);
        measured =
            measured.row(row(label, &accuracy)?).note(format!("{label}: {epochs:.1} epochs on average."));
        all.push(accuracy);
    }
    Ok((measured.config(&Config::default())?, all))
}

/// Not worse than the first variant's rival by a point or more.
fn departure_costs_nothing(measured: Measured, all: &[Vec<f64>]) -> Result<Measured, ClaimError> {
    let difference = paired(&all[0], &all[1], 0.95)?;
    Ok(measured.check(above_by("ours above the other, less a point", &difference, -0.01)))
}

pub(super) fn initial_weights(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let variants = vec![
        ("the program's", Config::default()),
        ("the text's, variance 0.01", Config { init: Init::Paper, ..Config::default() }),
    ];
    let (measured, all) = compare(context, &variants)?;
    departure_costs_nothing(measured, &all)
}

pub(super) fn normalization(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let with = |normalization| Config { normalization, ..Config::default() };
    let variants = vec![
        ("D⁻¹A", Config::default()),
        ("A / (degree + 1), by columns", with(Normalization::DegreePlusOneColumns)),
        ("with self-loops", with(Normalization::SelfLoops)),
        ("symmetric", with(Normalization::Symmetric)),
    ];
    let (measured, all) = compare(context, &variants)?;
    departure_costs_nothing(measured, &all)
}

pub(super) fn leak(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let variants = vec![
        ("clean", Config::default()),
        ("validation trained on", Config { leak_validation: true, ..Config::default() }),
    ];
    let (measured, all) = compare(context, &variants)?;
    departure_costs_nothing(measured, &all)
}

pub(super) fn diffusion_weights(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let variants = vec![
        ("W^c trained", Config::default()),
        ("W^c = 1, only the dense layer trained", Config { train_diffusion: false, ..Config::default() }),
    ];
    let (measured, all) = compare(context, &variants)?;
    Ok(measured
        .check(above_by("trained above fixed", &paired(&all[0], &all[1], 0.95)?, 0.0))
        .note("If the fixed weights do as well, the diffusion weights are not what the accuracy comes from."))
}

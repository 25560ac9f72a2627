//! How large each experiment is, and what its numbers are made of.

use std::sync::Arc;

use datasets::image_sets::SYNTHETIC;
use shared::{
    claims::{stats::Interval, ClaimError, Context, Measured, Row},
    zoo::ZooModel,
};

use crate::{
    experiment::{Cell, Lab},
    Config, Corruption,
};

/// Runs of the short form and of the full one.
pub(super) fn seeds(context: &Context<'_>) -> Vec<u64> {
    context.seeds(3, 3)
}

/// The settings of a model at the size of the short or the full form: the paper's, without regularizers.
///
/// The MLPs take all 50,000 images of CIFAR-10. The convolutional networks take as many as five trainings in a few hours on two
/// cores allow.
pub(super) fn base(lab: &Lab, model: ZooModel) -> Config {
    let paper = Config::new(model);
    let (images, epochs) = match (lab.quick, model) {
        (true, ZooModel::SmallCnn) => (Some(2000), 100),
        (true, _) => (Some(500), 150),
        (false, ZooModel::Mlp1 | ZooModel::Mlp3) => (None, 150),
        (false, ZooModel::AlexNet) => (Some(5000), 150),
        // random labels are learnt slowly without batch normalisation: after 150 epochs two of three seeds were on their way
        (false, ZooModel::InceptionPlain) => (Some(1000), 400),
        (false, _) => (Some(2000), 150),
    };
    let lr = match (lab.quick, model) {
        // at 0.01 it had 98.3 % of random labels when the rate had fallen to nothing
        (false, ZooModel::Mlp1) => 0.02,
        _ => paper.lr,
    };
    Config { images, epochs, lr, ..paper }
}

/// Half of the band around chance that a test accuracy must lie in: a small test set has a wide one.
pub(super) fn near_chance(lab: &Lab) -> f64 {
    if lab.quick {
        0.05
    } else {
        0.02
    }
}

/// The model that trains on every image.
pub(super) fn main_model(lab: &Lab) -> ZooModel {
    if lab.quick {
        ZooModel::SmallCnn
    } else {
        ZooModel::Mlp3
    }
}

/// The model that has no notion of neighbouring pixels.
pub(super) fn perceptron(lab: &Lab) -> ZooModel {
    if lab.quick {
        ZooModel::Mlp1
    } else {
        ZooModel::Mlp3
    }
}

/// The convolutional model of figure 1a: to a perceptron, shuffled pixels are as good as true ones.
pub(super) fn convolutional(lab: &Lab) -> ZooModel {
    if lab.quick {
        ZooModel::SmallCnn
    } else {
        ZooModel::AlexNet
    }
}

/// The cells of one corruption.
pub(super) fn of(cells: &[Arc<Cell>], corruption: Corruption) -> Vec<Arc<Cell>> {
    cells.iter().filter(|cell| cell.config.corruption == corruption).cloned().collect()
}

/// One number of each cell.
pub(super) fn each(cells: &[Arc<Cell>], number: impl Fn(&Cell) -> f64) -> Vec<f64> {
    cells.iter().map(|cell| number(cell)).collect()
}

/// Steps to converge. A run that did not counts with all its steps, which is less than it would take.
pub(super) fn steps(cell: &Cell) -> f64 {
    cell.trial.steps_to_converge().unwrap_or(cell.trial.steps()) as f64
}

pub(super) fn train_accuracy(cell: &Cell) -> f64 {
    cell.trial.train_accuracy
}

pub(super) fn test_accuracy(cell: &Cell) -> f64 {
    cell.trial.test_accuracy
}

pub(super) fn test_error(cell: &Cell) -> f64 {
    1.0 - cell.trial.test_accuracy
}

pub(super) fn row(label: &str, values: &[f64]) -> Result<Row, ClaimError> {
    Ok(Row::new(label, values.to_vec())?)
}

/// A row, and its interval.
pub(super) fn row_and_interval(label: &str, values: &[f64]) -> Result<(Row, Interval), ClaimError> {
    let row = row(label, values)?;
    let interval = row.interval;
    Ok((row, interval))
}

/// Which data the numbers are of, and how long it took.
pub(super) fn measured_on(lab: &Lab, cells: &[Arc<Cell>], measured: Measured) -> Measured {
    let sets = lab.sets();
    let sizes: std::collections::BTreeSet<(String, usize)> =
        cells.iter().map(|cell| (cell.config.model.to_string(), cell.trial.examples)).collect();
    let sizes: Vec<String> =
        sizes.into_iter().map(|(model, images)| format!("{model} on {images}")).collect();
    let unfinished = cells.iter().filter(|c| c.trial.steps_to_converge().is_none()).count();
    let mut measured = measured.note(format!(
        "{}: training images {}; {} test images.",
        sets.name,
        sizes.join(", "),
        sets.test.len()
    ));
    if sets.name == SYNTHETIC {
        measured = measured
            .note("Shapes drawn by code: the paper's numbers are not comparable, its statements are.");
    }
    if unfinished > 0 {
        measured = measured.note(format!(
            "{unfinished} of {} runs did not come to a mean loss of {} in their epochs and count with all their steps.",
            cells.len(),
            crate::trial::CONVERGED
        ));
    }
    measured
}

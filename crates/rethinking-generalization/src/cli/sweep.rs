//! `sweep`: every model on every corruption with every seed.

use datasets::{
    image_sets::{load_from, SYNTHETIC},
    Folder,
};
use serde_json::json;
use shared::{
    claims::{stats::interval95, Context},
    cli::{CliError, Job, Summary},
};

use super::SweepArgs;
use crate::experiment::{grid, of, Cell, Lab};

/// The folder of finished cells, the same as that of `reproduce`.
const CELLS: &str = "cells";

pub(super) fn run(args: &SweepArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    if !(1..=1_000).contains(&args.seeds) {
        return Err(format!("--seeds is {}: it must be between 1 and 1,000", args.seeds).into());
    }
    let context = Context { cells: Some(job.out.join(CELLS)), ..job.context.clone() };
    let name = context.dataset.as_deref().unwrap_or(SYNTHETIC);
    let seeds: Vec<u64> = (0..args.seeds).map(|i| context.seed.wrapping_add(i)).collect();
    let base =
        args.models.iter().map(|model| args.settings.config(*model, crate::Corruption::True, context.seed));
    let base = base.collect::<Result<Vec<_>, _>>()?;
    let configs = grid(&base, &args.corruptions, &seeds);
    let sets = load_from(&Folder::new(context.data_dir.as_deref(), context.offline), name)?;
    let lab = Lab::new(sets, &context);
    context.progress.start("cells", configs.len() as u64);
    let cells = lab.cells(&context, &configs)?;
    let mut lines = vec![format!(
        "{:<16} {:<18} {:>9} {:>9} {:>9} {:>9}",
        "model", "corruption", "steps", "to 99 %", "train", "test"
    )];
    for model in &args.models {
        for corruption in &args.corruptions {
            let cells = of(&cells, *model, *corruption);
            let mean = |number: &dyn Fn(&Cell) -> f64| -> Result<f64, CliError> {
                Ok(interval95(&cells.iter().map(|cell| number(cell)).collect::<Vec<_>>())?.mean)
            };
            let fitted: Vec<f64> =
                cells.iter().filter_map(|c| c.trial.steps_to_fit()).map(|s| s as f64).collect();
            let fit = match fitted.len() == cells.len() {
                true => format!("{:.0}", interval95(&fitted)?.mean),
                false => format!("{} of {}", fitted.len(), cells.len()),
            };
            lines.push(format!(
                "{model:<16} {corruption:<18} {:>9.0} {fit:>9} {:>9.4} {:>9.4}",
                mean(&|c| c.trial.steps() as f64)?,
                mean(&|c| c.trial.train_accuracy)?,
                mean(&|c| c.trial.test_accuracy)?,
                model = model.to_string(),
                corruption = corruption.to_string(),
            ));
        }
    }
    lines.push(format!(
        "means over {} seeds; every cell is in {}",
        seeds.len(),
        job.out.join(CELLS).display()
    ));
    let cells: Vec<&Cell> = cells.iter().map(|cell| &**cell).collect();
    Ok(Summary { lines, json: json!({ "dataset": name, "cells": cells }) })
}

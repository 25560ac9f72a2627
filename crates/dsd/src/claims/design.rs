//! How large each experiment is, and what its numbers are made of.

use std::sync::Arc;

use shared::claims::{
    judge, number,
    stats::{differences, paired, t_test, Interval, LEVEL},
    Check, ClaimError, Context, Measured, Row,
};

use crate::{
    experiment::{is_text, Lab, Run, Setting, BRACKETS},
    DsdConfig, DsdError, Model,
};

/// Ten paired seeds, or five in the short form.
pub(super) fn seeds(context: &Context<'_>) -> Vec<u64> {
    context.seeds(5, 10)
}

/// The size of a model's experiment in the short and in the full form.
///
/// Rates are of the usual size for these networks, looked at in dense training alone and tuned for no arm. The sparsities are the paper's: 30 % for
/// image networks, 50 % for recurrent layers.
pub(super) fn setting(model: Model, quick: bool) -> Setting {
    let (sparsity, weight_decay) = if model == Model::Lstm { (0.5, 0.0) } else { (0.3, 1e-4) };
    let (train, test, epochs, batch, lr) = match (model, quick) {
        (Model::Mlp, true) => (2_000, 1_000, [8, 4, 4], 50, 0.05),
        (Model::Mlp, false) => (10_000, 10_000, [20, 10, 10], 64, 0.05),
        (Model::ConvNet, true) => (1_000, 1_000, [8, 4, 4], 50, 0.05),
        (Model::ConvNet, false) => (10_000, 10_000, [20, 10, 10], 64, 0.02),
        (Model::Resnet20, true) => (200, 200, [2, 1, 1], 50, 0.1),
        (Model::Resnet20, false) => (2_000, 5_000, [12, 6, 6], 64, 0.1),
        (Model::Lstm, true) => (20_000, 10_000, [8, 4, 4], 20, 0.5),
        (Model::Lstm, false) => (100_000, 50_000, [20, 10, 10], 20, 0.5),
    };
    Setting { model, train, test, epochs, batch, lr, weight_decay, sparsity }
}

/// The laboratory of a model, on the set that the context names where the model can read it.
pub(super) fn lab(context: &Context<'_>, model: Model) -> Result<Lab, DsdError> {
    let asked = context.dataset.as_deref().filter(|name| is_text(name) == (model == Model::Lstm));
    let own = match (model, context.quick) {
        (Model::Lstm, _) => BRACKETS,
        (_, true) => datasets::image_sets::SYNTHETIC,
        (Model::Mlp, false) => "mnist",
        (_, false) => "cifar10",
    };
    Lab::open(context, setting(model, context.quick), asked.unwrap_or(own))
}

/// The pairs of model and data that gains are measured on.
pub(super) fn labs(context: &Context<'_>) -> Result<Vec<Lab>, DsdError> {
    let text = context.dataset.as_deref().is_some_and(is_text);
    let models: &[Model] = match text {
        true => &[Model::Lstm],
        false => &[Model::Mlp, Model::ConvNet, Model::Lstm],
    };
    models.iter().map(|model| lab(context, *model)).collect()
}

/// The pair that choices are measured on.
pub(super) fn one(context: &Context<'_>) -> Result<Lab, DsdError> {
    let text = context.dataset.as_deref().is_some_and(is_text);
    lab(context, if text { Model::Lstm } else { Model::Mlp })
}

/// What a pair is called in rows.
pub(super) fn name(lab: &Lab) -> String {
    format!("{} on {}", lab.setting().model, lab.dataset())
}

/// The score of a phase, from 0, of each seed.
pub(super) fn scores(lab: &Lab, runs: &[Arc<Run>], phase: usize) -> Vec<f64> {
    runs.iter().filter_map(|run| run.phases.get(phase)).map(|end| lab.score(end)).collect()
}

/// The score at the end of each seed's run.
pub(super) fn last(lab: &Lab, runs: &[Arc<Run>]) -> Vec<f64> {
    runs.iter().filter_map(|run| run.last()).map(|end| lab.score(end)).collect()
}

/// The score of each seed's dense network.
pub(super) fn dense(lab: &Lab, context: &Context<'_>, seeds: &[u64]) -> Result<Vec<f64>, DsdError> {
    let of = |seed: &u64| Ok(lab.dense(context, *seed)?.run.last().map_or(f64::NAN, |end| lab.score(end)));
    seeds.iter().map(of).collect()
}

/// Runs arms and tells how many there are.
pub(super) fn runs(
    lab: &Lab,
    context: &Context<'_>,
    arms: &[DsdConfig],
    seeds: &[u64],
) -> Result<Vec<Vec<Arc<Run>>>, DsdError> {
    let total = (arms.len() + 1) * seeds.len();
    context.progress.start(&format!("runs, {}", name(lab)), total as u64);
    lab.runs(context, arms, seeds)
}

/// How much lower one side is than the other, seed by seed.
pub(super) struct Gain {
    pub(super) values: Vec<f64>,
    pub(super) interval: Interval,
    /// Of the two-sided paired t test.
    pub(super) p: f64,
}

impl Gain {
    /// `of` over `over`: positive where `of` has the lower score.
    pub(super) fn new(of: &[f64], over: &[f64]) -> Result<Self, ClaimError> {
        let values = differences(over, of)?;
        let (interval, p) = (paired(over, of, LEVEL)?, t_test(&values)?.p);
        Ok(Gain { values, interval, p })
    }

    /// Whether the gain is not shown to be above 0.
    pub(super) fn not_shown(&self, label: &str) -> Check {
        let mut check = judge::at_most(label, self.interval.lo, 0.0);
        check.rule = "lower end of the 95 % interval of the gain at most 0".into();
        check.found = format!(
            "{} [{}, {}]",
            number(self.interval.mean),
            number(self.interval.lo),
            number(self.interval.hi)
        );
        check
    }

    /// Whether the gain is above 0.
    pub(super) fn check(&self, label: &str) -> Check {
        let mut check = judge::above_by(label, &self.interval, 0.0);
        check.found = format!("{}, p = {}", check.found, number(self.p));
        check
    }
}

/// Adds a row, and a gain's row.
pub(super) fn row(measured: Measured, label: &str, values: Vec<f64>) -> Result<Measured, ClaimError> {
    Ok(measured.row(Row::new(label, values)?))
}

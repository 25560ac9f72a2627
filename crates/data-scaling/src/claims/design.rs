//! How large each experiment is, and what is made of its runs.

use shared::claims::{ClaimError, Context};

use crate::{
    curve::{CurveOptions, CurveStudy, Point, Points},
    experiment::{Lab, Trial},
    Length, Outcome, Width,
};

/// Images that are shown to a network, whatever N: equal iterations.
pub(super) fn shown(quick: bool) -> u64 {
    if quick {
        16_000
    } else {
        96_000
    }
}

/// Ns: seven over three decades, or five over two.
pub(super) fn sizes(quick: bool) -> Vec<u64> {
    if quick {
        vec![160, 500, 1_600, 5_000, 16_000]
    } else {
        vec![96, 300, 960, 3_000, 9_600, 30_000, 96_000]
    }
}

/// Two seeds, or three.
pub(super) fn seeds(context: &Context<'_>) -> Vec<u64> {
    context.seeds(2, 3)
}

/// As many seeds as tell a point or two of accuracy apart.
pub(super) fn more_seeds(context: &Context<'_>) -> Vec<u64> {
    context.seeds(2, 8)
}

/// A run of the short or the full form on N scenes.
pub(super) fn trial(quick: bool, images: u64) -> Trial {
    let mut trial = Trial::scenes(images, shown(quick), 0);
    if quick {
        (trial.task.train, trial.task.test, trial.held_out) = (240, 480, 200);
        trial.transferring.frozen_steps = 100;
        trial.transferring.tuned_passes = 6;
        // a quarter of the work an image, for four times the images: fewer teach nothing that transfers
        (trial.width, trial.pretraining.lr) = (Width::Half, 4e-3);
    }
    trial
}

/// N of the runs in which something else than N is changed, and how many images they are shown.
pub(super) fn middle(quick: bool) -> Trial {
    let mut trial = trial(quick, if quick { 1_600 } else { 9_600 });
    trial.pretraining.length = Length::Images(if quick { 4_800 } else { 48_000 });
    trial
}

/// Runs every trial with every seed, and gives back the outcomes of each trial in the order of seeds.
pub(super) fn runs(
    lab: &Lab,
    context: &Context<'_>,
    trials: &[Trial],
    seeds: &[u64],
) -> Result<Vec<Vec<Outcome>>, ClaimError> {
    let all: Vec<Trial> = trials.iter().flat_map(|t| seeds.iter().map(|seed| t.of_seed(*seed))).collect();
    let outcomes = lab.runs(context, &all)?;
    Ok(outcomes.chunks(seeds.len().max(1)).map(<[Outcome]>::to_vec).collect())
}

/// A way of transfer.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// With frozen features.
    Frozen,
    /// With fine-tuning.
    Tuned,
}

impl Way {
    pub(super) const BOTH: [Way; 2] = [Way::Frozen, Way::Tuned];

    pub(super) fn name(self) -> &'static str {
        match self {
            Way::Frozen => "frozen",
            Way::Tuned => "fine-tuned",
        }
    }

    /// The accuracy of each seed at the end.
    pub(super) fn of(self, outcomes: &[Outcome]) -> Vec<f64> {
        let score = match self {
            Way::Frozen => Outcome::last_frozen,
            Way::Tuned => Outcome::last_tuned,
        };
        outcomes.iter().map(score).collect()
    }
}

/// The laws on a way's accuracies.
pub(super) fn study(sizes: &[u64], found: &[Vec<Outcome>], way: Way) -> Result<CurveStudy, ClaimError> {
    let mut points = Vec::new();
    for (n, outcomes) in sizes.iter().zip(found) {
        points.extend(way.of(outcomes).into_iter().map(|score| Point { n: *n as f64, score }));
    }
    Ok(CurveStudy::of(&Points::new(&points)?, &CurveOptions::default())?)
}

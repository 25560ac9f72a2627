//! How large each experiment is, and what is made of its runs.

use rand::Rng;
use shared::{
    claims::{
        stats::{mean, sample_sd},
        ClaimError, Context, Measured, Row,
    },
    train::RunRng,
    zoo::ZooModel,
};

use crate::{
    experiment::{Form, Lab, Outcome, Sampling, Trial},
    LargeBatchError, LinearScaling, RateRule, WarmupRule,
};

/// Resamples of the seeds.
const RESAMPLES: u64 = 2_000;

/// Images that are kept in memory: as many as any experiment trains or measures on.
fn images(quick: bool) -> (usize, usize) {
    if quick {
        (1_600, 500)
    } else {
        (6_000, 2_000)
    }
}

/// Where the experiments are made.
pub(super) fn lab(context: &Context<'_>) -> Result<Lab, LargeBatchError> {
    let (train, test) = images(context.quick);
    Lab::open(context, train, test)
}

/// Two seeds, or three.
pub(super) fn seeds(context: &Context<'_>) -> Vec<u64> {
    context.seeds(2, 3)
}

/// One worker with the base minibatch; rates fall at about a third, two thirds and eight ninths of training, as in the paper.
///
/// A residual network of three blocks; in the short form a small convolutional network, which learns ten times as fast.
pub(super) fn base(quick: bool) -> Trial {
    let scaling = |base_lr, milestones| LinearScaling {
        base_lr,
        base_batch: 16,
        rule: RateRule::Linear,
        warmup: WarmupRule::Gradual,
        warmup_epochs: 1,
        milestones,
        gamma: 0.1,
    };
    let full = Trial {
        model: ZooModel::Resnet8,
        train: 3_000,
        test: 2_000,
        per_worker: 16,
        workers: 1,
        scaling: scaling(0.05, vec![3, 7, 9]),
        epochs: 10,
        form: Form::Nesterov,
        weight_decay: 1e-4,
        zero_gamma: true,
        sampling: Sampling::Permutation,
        transfer: None,
        seed: 0,
    };
    if !quick {
        return full;
    }
    let (model, scaling) = (ZooModel::SmallCnn, scaling(0.025, vec![3, 5]));
    Trial { model, train: 1_600, test: 500, scaling, epochs: 6, ..full }
}

/// [`base`], or in the short form something that the claims on residual blocks and normalisation need: a residual network, on
/// few images.
pub(super) fn residual(quick: bool) -> Trial {
    let base = base(quick);
    if !quick {
        return base;
    }
    let mut small = Trial { model: ZooModel::Resnet8, train: 400, test: 200, epochs: 5, ..base };
    (small.scaling.base_lr, small.scaling.milestones) = (0.05, vec![3]);
    small
}

/// The numbers of workers that the error is measured for.
pub(super) fn workers(quick: bool) -> Vec<usize> {
    if quick {
        vec![1, 2, 4, 8, 16]
    } else {
        vec![1, 2, 4, 8, 16, 32, 64]
    }
}

/// A trial with another warmup.
pub(super) fn with_warmup(trial: &Trial, warmup: WarmupRule) -> Trial {
    let mut trial = trial.clone();
    trial.scaling.warmup = warmup;
    trial
}

/// Runs every trial with every seed, and gives back the outcomes of each trial in the order of seeds.
pub(super) fn runs(
    lab: &Lab,
    context: &Context<'_>,
    trials: &[Trial],
    seeds: &[u64],
) -> Result<Vec<Vec<Outcome>>, LargeBatchError> {
    let all: Vec<Trial> =
        trials.iter().flat_map(|t| seeds.iter().map(|seed| Trial { seed: *seed, ..t.clone() })).collect();
    context.progress.start("runs", all.len() as u64);
    let outcomes = lab.runs(context, &all)?;
    Ok(outcomes.chunks(seeds.len().max(1)).map(<[Outcome]>::to_vec).collect())
}

/// The error of each seed.
pub(super) fn errors(outcomes: &[Outcome]) -> Vec<f64> {
    outcomes.iter().map(Outcome::error).collect()
}

/// Errors against the number of workers, with gradual warmup and with none.
pub(super) struct Grid {
    pub(super) lab: Lab,
    pub(super) seeds: Vec<u64>,
    pub(super) workers: Vec<usize>,
    pub(super) gradual: Vec<Vec<Outcome>>,
    pub(super) none: Vec<Vec<Outcome>>,
}

impl Grid {
    /// Runs it, or finds it run.
    pub(super) fn measure(context: &Context<'_>) -> Result<Self, ClaimError> {
        // more than other claims have: k_max wants an interval
        let (lab, seeds, workers) = (lab(context)?, context.seeds(2, 5), workers(context.quick));
        let base = base(context.quick);
        let of =
            |warmup| workers.iter().map(|k| with_warmup(&base.of_workers(*k), warmup)).collect::<Vec<_>>();
        // one worker has no warmup: the same trial
        let mut plain = of(WarmupRule::None);
        plain[0] = base.clone();
        let mut found = runs(&lab, context, &[of(WarmupRule::Gradual), plain].concat(), &seeds)?;
        let none = found.split_off(workers.len());
        Ok(Grid { lab, seeds, workers, gradual: found, none })
    }

    /// The errors of each number of workers with gradual warmup, in the order of seeds.
    fn errors(&self) -> Vec<Vec<f64>> {
        self.gradual.iter().map(|o| errors(o)).collect()
    }

    /// The place of the largest number of workers up to which every one's mean error is at most two pooled standard deviations
    /// above that of one worker.
    pub(super) fn largest(&self) -> Result<usize, ClaimError> {
        largest(&self.errors())
    }

    /// The same, with its interval.
    pub(super) fn elbow(&self) -> Result<Elbow, ClaimError> {
        Elbow::of(&self.workers, &self.errors())
    }
}

/// The largest number of workers that costs no accuracy, and 2.5 % and 97.5 % of it over resamples of the seeds.
pub(super) struct Elbow {
    /// k_max.
    pub(super) k: usize,
    low: usize,
    high: usize,
}

impl Elbow {
    /// Of the errors of each number of workers, in the order of seeds.
    pub(super) fn of(workers: &[usize], errors: &[Vec<f64>]) -> Result<Self, ClaimError> {
        let n = errors.first().map_or(0, Vec::len);
        let k = workers[largest(errors)?];
        let mut found = Vec::new();
        let mut rng = RunRng::new(0, RESAMPLES);
        for _ in 0..RESAMPLES {
            let picks: Vec<usize> = (0..n).map(|_| rng.gen_range(0..n)).collect();
            // a resample of one seed alone has no spread to judge by
            if picks.iter().all(|pick| *pick == picks[0]) {
                continue;
            }
            let resampled: Vec<Vec<f64>> =
                errors.iter().map(|of_k| picks.iter().map(|pick| of_k[*pick]).collect()).collect();
            found.push(workers[largest(&resampled)?]);
        }
        found.sort_unstable();
        let at = |share: f64| found.get((share * found.len().saturating_sub(1) as f64).round() as usize);
        Ok(Elbow { k, low: at(0.025).copied().unwrap_or(k), high: at(0.975).copied().unwrap_or(k) })
    }

    /// Adds k_max and both ends of its interval to what was measured.
    pub(super) fn rows(&self, measured: Measured, label: &str) -> Result<Measured, ClaimError> {
        let ends = [("", self.k), (", lower end of 95 %", self.low), (", upper end of 95 %", self.high)];
        ends.into_iter().try_fold(measured, |measured, (end, k)| {
            Ok(measured.row(Row::new(&format!("{label}{end}"), vec![k as f64])?))
        })
    }
}

/// See [`Grid::largest`]; errors of each k, in the order of seeds.
fn largest(errors: &[Vec<f64>]) -> Result<usize, ClaimError> {
    let mut last = 0;
    for (at, of_k) in errors.iter().enumerate().skip(1) {
        let pooled = ((sample_sd(&errors[0])?.powi(2) + sample_sd(of_k)?.powi(2)) / 2.0).sqrt();
        if mean(of_k)? - mean(&errors[0])? > 2.0 * pooled {
            break;
        }
        last = at;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_k_is_the_last_before_the_first_rise() {
        let errors = [vec![0.20, 0.22], vec![0.21, 0.21], vec![0.23, 0.25], vec![0.5, 0.52], vec![0.2, 0.2]];
        assert_eq!(largest(&errors).unwrap(), 1);
        let flat = vec![vec![0.2, 0.22]; 3];
        assert_eq!(largest(&flat).unwrap(), 2);
    }

    #[test]
    fn an_elbow_is_as_uncertain_as_its_seeds() {
        let sure = Elbow::of(&[1, 2, 4], &vec![vec![0.2, 0.22, 0.21]; 3]).unwrap();
        assert_eq!((sure.low, sure.k, sure.high), (4, 4, 4));
        // two seeds of five rise a little at k = 4, and all of them much at k = 8
        let one = vec![0.20, 0.22, 0.21, 0.20, 0.22];
        let some = vec![0.20, 0.26, 0.26, 0.21, 0.22];
        let much = vec![0.50, 0.52, 0.51, 0.50, 0.52];
        let unsure = Elbow::of(&[1, 4, 8], &[one.clone(), some, much]).unwrap();
        assert_eq!(unsure.k, 4);
        assert!(unsure.low < unsure.k && unsure.high == unsure.k, "{} to {}", unsure.low, unsure.high);
        // one seed tells nothing of its spread
        let alone = Elbow::of(&[1, 2], &[vec![0.2], vec![0.2]]);
        assert!(alone.map_or(true, |elbow| elbow.low == elbow.high));
        let measured = unsure.rows(Measured::new(vec![0]), "largest k").unwrap();
        let told: Vec<(&str, f64)> = measured.rows.iter().map(|r| (&*r.label, r.values[0])).collect();
        assert_eq!(told[1], ("largest k, lower end of 95 %", unsure.low as f64));
    }
}

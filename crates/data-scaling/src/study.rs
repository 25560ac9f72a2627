//! A study: nested subsets, several seeds, both ways of transfer.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shared::{claims::Cells, parallel::side_by_side};

use crate::{
    curve::{CurveError, Point, Points},
    judge::{Judge, Outcome},
    network::Network,
    pretrain::Pretraining,
    source::{Source, Task},
    transfer::Transferring,
    DataScalingError,
};

/// What a study runs.
#[derive(Clone, Debug)]
pub struct StudyPlan {
    /// Ns.
    pub sizes: Vec<u64>,
    /// Seeds, of the network and of the order of images. Every N has the same ones.
    pub seeds: Vec<u64>,
    /// How networks are pre-trained; its `images` and `seed` are set to each cell's.
    pub pretraining: Pretraining,
    /// How they are judged; its `seed` is set to each cell's.
    pub transferring: Transferring,
    /// Images of the source, from 2⁶³ on, that pre-training is measured on; 0 for none. A source with an end has none there.
    pub held_out: usize,
    /// What tells this model from any other, for the keys of cells.
    pub model: String,
    /// Where finished cells are kept, so that a study that was stopped goes on; none keeps them in memory alone.
    pub cells: Option<PathBuf>,
    /// The part (i, n) of the cells that this process works on: those whose number, counted by sizes and then seeds, leaves i when
    /// divided by n. None for all.
    pub shard: Option<(usize, usize)>,
}

/// What came of one size and seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// N.
    pub images: u64,
    /// The seed.
    pub seed: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// Pre-trains a network of `model` on the first N images of `source` for every N and seed of the plan, judges each by `task`, and
/// gives back the cells in the order of sizes and then seeds; `tell` hears of each as it is done.
///
/// `model` is given the seed. It must be a pure function of it, and `plan.model` its name.
///
/// # Errors
/// [`DataScalingError`]: the first that a cell comes to, after which no other is begun.
pub fn scaling_study(
    model: &(dyn Fn(u64) -> Result<Box<dyn Network>, DataScalingError> + Sync),
    source: &dyn Source,
    task: &Task,
    plan: &StudyPlan,
    tell: &(dyn Fn(&Cell) + Sync),
) -> Result<Vec<Cell>, DataScalingError> {
    plan.validate()?;
    let all: Vec<(u64, u64)> =
        plan.sizes.iter().flat_map(|n| plan.seeds.iter().map(|seed| (*n, *seed))).collect();
    let ours = |at: usize| plan.shard.is_none_or(|(i, n)| at % n == i);
    let ours: Vec<(u64, u64)> =
        all.into_iter().enumerate().filter(|(at, _)| ours(*at)).map(|(_, cell)| cell).collect();
    let cells = plan.cells.as_deref().map(Cells::new);
    side_by_side(&ours, |(images, seed)| {
        let pretraining = Pretraining { images: *images, seed: *seed, ..plan.pretraining.clone() };
        let transferring = Transferring { seed: *seed, ..plan.transferring.clone() };
        let key = (&plan.model, source.key(), &task.key, &pretraining, &transferring, plan.held_out);
        let work = || -> Result<Cell, DataScalingError> {
            let mut network = model(*seed)?;
            let judge = Judge { task, transferring: &transferring, held_out: Some((source, plan.held_out)) };
            let outcome = judge.pretrain(&mut *network, source, &pretraining, &mut |_| {})?;
            Ok(Cell { images: *images, seed: *seed, outcome })
        };
        let cell = match &cells {
            None => work()?,
            Some(cells) => cells.get(&format!("{images}-seed{seed}"), &key, |_| work())?,
        };
        tell(&cell);
        Ok(cell)
    })
}

impl StudyPlan {
    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// [`DataScalingError::Setting`], [`DataScalingError::Optim`].
    pub fn validate(&self) -> Result<(), DataScalingError> {
        let none = |field| DataScalingError::Setting {
            field,
            value: "empty".into(),
            allowed: "at least one number",
        };
        if self.sizes.is_empty() {
            return Err(none("the list of sizes"));
        }
        if self.seeds.is_empty() {
            return Err(none("the list of seeds"));
        }
        if let Some((i, n)) = self.shard
            && i >= n
        {
            let (field, value) = ("the shard", format!("{i}/{n}"));
            return Err(DataScalingError::Setting { field, value, allowed: "i/n with i from 0 to n - 1" });
        }
        self.transferring.validate()?;
        for images in &self.sizes {
            Pretraining { images: *images, ..self.pretraining.clone() }.validate()?;
        }
        Ok(())
    }
}

/// The points of a study for [`CurveStudy`](crate::curve::CurveStudy): a score of every cell by its N, such as [`Outcome::last_frozen`].
///
/// # Errors
/// [`CurveError`], such as for cells of one size alone.
pub fn points(cells: &[Cell], score: impl Fn(&Outcome) -> f64) -> Result<Points, CurveError> {
    let runs: Vec<Point> =
        cells.iter().map(|cell| Point { n: cell.images as f64, score: score(&cell.outcome) }).collect();
    Points::new(&runs)
}

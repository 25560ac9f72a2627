//! The experiments behind the claims: games that are played with one thing changed, over seeds.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use datasets::{synthetic::Mixture, Folder};
use serde::{de::DeserializeOwned, Deserialize, Serialize};
use shared::{
    claims::{once, Cells, Context, FileError},
    device::DeviceKind,
    parallel::side_by_side,
};

use crate::{
    data::{load_from, Sets, SYNTHETIC},
    measures::{sliced_wasserstein, Coverage, Points},
    play,
    scores::{image_scores, toy_coverage, ImageScores},
    Examples, Game, GanError, Networks, Plan, Recipe, Recogniser, Told,
};

/// Samples that a coverage is counted on, as in the papers that count modes.
pub const TOY_SAMPLES: usize = 2_500;

/// A game on a toy set or on digits, with all that its result depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The set.
    pub dataset: String,
    /// Examples of it at most.
    pub limit: Option<usize>,
    /// The networks.
    pub networks: Networks,
    /// The settings.
    pub recipe: Recipe,
    /// Turns.
    pub turns: usize,
    /// Examples a step.
    pub batch: usize,
    /// Fixes weights, order and noise.
    pub seed: u64,
    /// Points of the run at which losses and distances are noted.
    pub looks: usize,
}

/// What came of a game.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Played {
    /// Of a toy set.
    pub coverage: Option<Coverage>,
    /// Of digits.
    pub scores: Option<ImageScores>,
    /// The share of conditional samples that the classifier takes for the class asked for.
    pub as_asked: Option<f64>,
    /// Why it ended early, if it did.
    pub diverged: Option<String>,
    /// Looks: turn, mean loss of the discriminator since the last look, sliced W₂ of samples and examples.
    pub course: Vec<(usize, f64, f64)>,
    /// A few samples, for sheets.
    pub samples: Vec<f32>,
}

/// Classifiers of this process by the set they were trained on.
static RECOGNISERS: Mutex<BTreeMap<String, Arc<Recogniser>>> = Mutex::new(BTreeMap::new());

/// Where games are played.
pub struct Lab {
    /// Whether the short form is measured.
    pub quick: bool,
    device: DeviceKind,
    folder: Folder,
    cells: Option<Cells>,
    digits: String,
}

impl Lab {
    /// By the context: digits are the set that it names, else the embedded ones for the short form and MNIST for the full one.
    #[must_use]
    pub fn open(context: &Context<'_>) -> Self {
        let default = if context.quick { SYNTHETIC } else { "mnist" };
        let images = |name: &&str| !matches!(*name, "ring" | "grid");
        Lab {
            quick: context.quick,
            device: context.device,
            folder: Folder::new(context.data_dir.as_deref(), context.offline),
            cells: context.cells.as_deref().map(Cells::new),
            digits: context.dataset.as_deref().filter(images).unwrap_or(default).into(),
        }
    }

    /// The name of the digits.
    #[must_use]
    pub fn digits_name(&self) -> &str {
        &self.digits
    }

    /// The digits.
    ///
    /// # Errors
    /// [`GanError::Data`] where they cannot be read, or are not 28 x 28.
    pub fn digits(&self) -> Result<Sets, GanError> {
        let sets = load_from(&self.folder, &self.digits)?;
        if sets.image != Some((1, 28)) {
            return Err(GanError::Unsupported {
                what: "experiment for images of this size",
                model: format!("the set {}", sets.name),
                instead: "take a set of 1 x 28 x 28, such as mnist or synthetic",
            });
        }
        Ok(sets)
    }

    /// The device asked for.
    #[must_use]
    pub fn device(&self) -> DeviceKind {
        self.device
    }

    /// Plays every game, as many at a time as there are threads. Games that this process, or an earlier one with the same
    /// folder of cells, has played are not played again.
    ///
    /// # Errors
    /// The first that is not a divergence, which is a result.
    pub fn play(&self, context: &Context<'_>, runs: &[Run]) -> Result<Vec<Played>, GanError> {
        let sets = match runs.first() {
            Some(run) if run.networks.width() != 2 => Some(self.digits()?),
            _ => None,
        };
        side_by_side(runs, |run| {
            let played = self.cell(&run_name(run), run, || self.one(run, sets.as_ref()))?;
            context.progress.advance(1);
            Ok(played)
        })
    }

    /// A value that is worked out once for everything that `key` says.
    ///
    /// # Errors
    /// Those of `work`, and of the folder of cells.
    pub fn cell<V: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        key: &impl Serialize,
        work: impl FnOnce() -> Result<V, GanError>,
    ) -> Result<V, GanError> {
        let key = (env!("CARGO_PKG_VERSION"), self.device.to_string(), key);
        Ok(once(self.cells.as_ref(), name, &key, |_| work().map_err(Failed))?)
    }

    fn one(&self, run: &Run, digits: Option<&Sets>) -> Result<Played, GanError> {
        let toy;
        let sets = match digits {
            Some(digits) => digits,
            None => {
                toy = crate::data::load(&run.dataset, std::path::Path::new("."))?;
                &toy
            }
        };
        let mut game = run.networks.game(self.device, &run.recipe, run.seed)?;
        let (course, diverged) = course(&mut *game, run, sets)?;
        let mut played =
            Played { coverage: None, scores: None, as_asked: None, diverged, course, samples: Vec::new() };
        if played.diverged.is_some() {
            return Ok(played);
        }
        if sets.mixture.is_some() {
            let samples = game.draw(TOY_SAMPLES, &[], 1)?;
            played.coverage = toy_coverage(sets, &samples)?;
            played.samples = samples[..2 * 1000].to_vec();
            return Ok(played);
        }
        let recogniser = recogniser_of(sets, if self.quick { 4 } else { 3 })?;
        let count = if self.quick { 1_000 } else { 5_000 };
        let classes = run.networks.classes();
        let labels: Vec<usize> = (0..count).map(|i| i % classes.max(1)).collect();
        let samples = game.draw(count, &labels, 1)?;
        played.scores = Some(image_scores(&recogniser, &sets.test, &samples)?);
        if classes > 0 {
            let told = recogniser.look(&samples)?.classes();
            let right = told.iter().zip(&labels).filter(|(a, b)| a == b).count();
            played.as_asked = Some(right as f64 / count as f64);
        }
        played.samples = samples[..40 * sets.train.width].to_vec();
        Ok(played)
    }
}

/// An error of ours in a cell, whose folder has errors too.
struct Failed(GanError);

impl From<FileError> for Failed {
    fn from(error: FileError) -> Self {
        Failed(GanError::Training(error.to_string()))
    }
}

impl From<Failed> for GanError {
    fn from(failed: Failed) -> Self {
        failed.0
    }
}

/// Looks of a run: turn, mean loss of the discriminator, sliced W₂.
type Course = Vec<(usize, f64, f64)>;

/// Plays a game and notes its course; a divergence is a result.
fn course(game: &mut dyn Game, run: &Run, sets: &Sets) -> Result<(Course, Option<String>), GanError> {
    let part = match run.limit {
        Some(limit) => sets.train.first(limit),
        None => sets.train.clone(),
    };
    let plan = Plan { steps: run.turns, batch: run.batch, seed: run.seed, watch: 0, storage: None };
    let every = run.turns.checked_div(run.looks).map_or(usize::MAX, |every| every.max(1));
    let (mut course, mut sum) = (Vec::new(), (0.0, 0usize));
    let played = play(game, &Examples { values: &part.values, labels: &part.labels }, &plan, &mut |told| {
        let Told::Turn(turn, report, draw) = told else { return Ok(()) };
        sum = (sum.0 + report.critic.loss, sum.1 + 1);
        if turn.is_multiple_of(every) && report.critic.loss.is_finite() {
            let samples = draw(1000)?;
            let real = sets.test.first(1000).values;
            let (a, b) = (Points::new(&samples, sets.test.width), Points::new(&real, sets.test.width));
            // samples that are no numbers end the run at the next step
            if let (Ok(a), Ok(b)) = (a, b) {
                let apart =
                    sliced_wasserstein(&a, &b, 64, 0).map_err(|e| GanError::Training(e.to_string()))?;
                course.push((turn, sum.0 / sum.1 as f64, apart));
            }
            sum = (0.0, 0);
        }
        Ok(())
    });
    match played {
        Ok(_) => Ok((course, None)),
        Err(GanError::Training(why)) => Ok((course, Some(why))),
        Err(other) => Err(other),
    }
}

/// The classifier of a set, trained once a process.
///
/// # Errors
/// As [`Recogniser::train`].
pub fn recogniser_of(sets: &Sets, epochs: usize) -> Result<Arc<Recogniser>, GanError> {
    // held while it trains, so that others wait and do not train it too
    let mut known = RECOGNISERS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = format!("{} {epochs}", sets.name);
    if let Some(found) = known.get(&key) {
        return Ok(found.clone());
    }
    let trained = Arc::new(Recogniser::train(&sets.train, epochs, 0)?);
    known.insert(key, trained.clone());
    Ok(trained)
}

/// What a run is called in files.
fn run_name(run: &Run) -> String {
    format!("{}-{}-{}-seed{}", run.dataset, run.networks, run.recipe.formulation, run.seed)
}

/// The mixture of a toy set by name.
#[must_use]
pub fn mixture(name: &str) -> Mixture {
    match name {
        "grid" => Mixture::grid(),
        _ => Mixture::ring(),
    }
}

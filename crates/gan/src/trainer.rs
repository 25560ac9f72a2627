//! A game in the shared training loop: checkpoints, resuming, divergence.

use shared::{
    nn::state::NamedTensor,
    train::{fit, FitPlan, Fitted, Learner, Progress, State, Storage},
};

use crate::{
    critic::CriticReport,
    diagnostics::{Warning, Watch},
    gan::{Batch, StepReport},
    Formulation, GanError,
};

/// Any game whose networks were chosen at run time.
pub trait Game {
    /// Values an example.
    fn width(&self) -> usize;
    /// Discriminator steps a turn.
    fn critic_steps(&self) -> usize;
    /// One turn; see [`Gan::step`](crate::Gan::step).
    ///
    /// # Errors
    /// [`GanError`].
    fn turn(&mut self, batches: &[Batch<'_>]) -> Result<StepReport, GanError>;
    /// Samples, the same for the same seed and weights; `labels` are looked at by games with classes.
    ///
    /// # Errors
    /// [`GanError`].
    fn draw(&self, count: usize, labels: &[usize], seed: u64) -> Result<Vec<f32>, GanError>;
    /// One step of the discriminator alone.
    ///
    /// # Errors
    /// [`GanError::Unsupported`] where the game has no such step.
    fn teach(&mut self, _batch: &Batch<'_>) -> Result<CriticReport, GanError> {
        Err(GanError::Unsupported {
            what: "step of its discriminator alone",
            model: "this game".into(),
            instead: "play whole turns",
        })
    }
    /// ‖∇θ L_G‖ that a formulation would have now, with no step taken.
    ///
    /// # Errors
    /// [`GanError::Unsupported`] where the game does not tell.
    fn pull(&mut self, _formulation: Formulation, _batch: &Batch<'_>) -> Result<f64, GanError> {
        Err(GanError::Unsupported {
            what: "gradient to be looked at",
            model: "this game".into(),
            instead: "look at the reports of its turns",
        })
    }
    /// Samples of latent vectors, one after the other.
    ///
    /// # Errors
    /// [`GanError::Unsupported`] where the game does not make them so.
    fn decode(&self, _z: &[f32]) -> Result<Vec<f32>, GanError> {
        Err(GanError::Unsupported {
            what: "latent vectors from outside",
            model: "this game".into(),
            instead: "draw samples",
        })
    }
    /// The weights that samples are drawn with, by name.
    ///
    /// # Errors
    /// [`GanError::Unsupported`] where the game is only kept whole.
    fn weights(&self) -> Result<Vec<NamedTensor>, GanError> {
        Err(kept_whole())
    }
    /// Takes what [`weights`](Self::weights) gave, to draw samples.
    ///
    /// # Errors
    /// [`GanError::State`] where it is another game's, [`GanError::Unsupported`] where the game is only kept whole.
    fn take_weights(&mut self, _weights: &[NamedTensor]) -> Result<(), GanError> {
        Err(kept_whole())
    }
    /// Everything that the next turn depends on.
    ///
    /// # Errors
    /// [`GanError::Checkpoint`].
    fn keep(&self) -> Result<State, GanError>;
    /// Takes back what [`keep`](Self::keep) gave.
    ///
    /// # Errors
    /// [`GanError`] where it is another game's.
    fn bring(&mut self, state: &State) -> Result<(), GanError>;
}

fn kept_whole() -> GanError {
    GanError::Unsupported {
        what: "weights apart from its whole state",
        model: "this game".into(),
        instead: "keep it, and bring it back",
    }
}

/// What a game is trained on.
#[derive(Clone, Debug)]
pub struct Examples<'a> {
    /// Example after example.
    pub values: &'a [f32],
    /// The class of each; may be empty for games without classes.
    pub labels: &'a [usize],
}

/// How long, and what to keep.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Turns in all; whole passes over the examples, so that it may be some more.
    pub steps: usize,
    /// Examples a step of either player.
    pub batch: usize,
    /// Fixes the order of the examples.
    pub seed: u64,
    /// Turns between looks for failures; 0 does not look.
    pub watch: usize,
    /// The run's folder.
    pub storage: Option<Storage>,
}

/// What training says while it runs.
pub enum Told<'a> {
    /// What the loop says.
    Loop(Progress<'a>),
    /// A turn is done: its number from 1, what it saw, and the game.
    Turn(usize, &'a StepReport, &'a dyn Fn(usize) -> Result<Vec<f32>, GanError>),
    /// A failure is seen.
    Warning(usize, Warning),
}

/// Plays a game on examples.
///
/// # Errors
/// [`GanError::Values`] for examples of another width, [`GanError::Training`] where it diverges (the last good checkpoint
/// stays), else the game's.
pub fn play(
    game: &mut dyn Game,
    examples: &Examples<'_>,
    plan: &Plan,
    tell: &mut dyn FnMut(Told<'_>) -> Result<(), GanError>,
) -> Result<Fitted, GanError> {
    let rows = crate::gan::rows_of("examples", examples.values, game.width())?;
    if !examples.labels.is_empty() && examples.labels.len() != rows {
        let (found, what) = (examples.labels.len(), "classes of the examples");
        return Err(GanError::Values { what, found, examples: rows, width: 1, expected: rows });
    }
    let batch_size = plan.batch.max(1).saturating_mul(game.critic_steps());
    let turns = rows.div_ceil(batch_size).max(1);
    let fit_plan = FitPlan {
        epochs: plan.steps.div_ceil(turns),
        batch_size,
        seed: plan.seed,
        storage: plan.storage.clone(),
        ..FitPlan::default()
    };
    let tell = std::cell::RefCell::new(tell);
    let failed = std::cell::RefCell::new(None);
    let watch = (plan.watch > 0).then(|| Watch::new(plan.watch));
    let mut session =
        Session { game, examples, batch: plan.batch.clamp(1, rows.max(1)), steps: 0, watch, tell: &tell };
    let fitted = fit(&mut session, rows, &fit_plan, &mut |progress| {
        if let Err(error) = (tell.borrow_mut())(Told::Loop(progress)) {
            failed.borrow_mut().get_or_insert(error);
        }
    })?;
    match failed.into_inner() {
        Some(error) => Err(error),
        None => Ok(fitted),
    }
}

type Tell<'t> = dyn FnMut(Told<'_>) -> Result<(), GanError> + 't;

struct Session<'a, 't> {
    game: &'a mut dyn Game,
    examples: &'a Examples<'a>,
    batch: usize,
    steps: usize,
    watch: Option<Watch>,
    tell: &'a std::cell::RefCell<&'t mut Tell<'t>>,
}

impl Learner for Session<'_, '_> {
    type Error = GanError;

    fn step(&mut self, members: &[usize]) -> Result<f64, GanError> {
        let width = self.game.width();
        let (mut values, mut labels) = (Vec::with_capacity(members.len() * width), Vec::new());
        for member in members {
            values.extend_from_slice(&self.examples.values[member * width..(member + 1) * width]);
            labels.extend(self.examples.labels.get(*member));
        }
        let each = self.batch;
        let batches: Vec<Batch<'_>> = values
            .chunks(each * width)
            .enumerate()
            .map(|(i, values)| Batch {
                values,
                labels: labels.get(i * each..(i * each + values.len() / width)).unwrap_or(&[]),
            })
            .collect();
        let report = self.game.turn(&batches)?;
        self.steps += 1;
        let game = &*self.game;
        (self.tell.borrow_mut())(Told::Turn(self.steps, &report, &|count| game.draw(count, &[], 0)))?;
        for warning in self.watch.iter_mut().flat_map(|watch| watch.look(&report)) {
            (self.tell.borrow_mut())(Told::Warning(self.steps, warning))?;
        }
        // a loss that is no number ends the run, whichever player's it is
        Ok(if report.generator_loss.is_finite() { report.critic.loss } else { report.generator_loss })
    }

    fn validate(&mut self) -> Result<Option<(f64, f64)>, GanError> {
        Ok(None)
    }

    fn save(&self) -> Result<State, GanError> {
        let mut state = self.game.keep()?;
        state.put("turns", &self.steps)?;
        state.put("watch", &self.watch)?;
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<(), GanError> {
        let (steps, watch) = (state.get("turns")?, state.get("watch")?);
        self.game.bring(state)?;
        (self.steps, self.watch) = (steps, watch);
        Ok(())
    }
}

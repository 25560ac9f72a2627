//! What a network is judged by, and what comes of a run.

use serde::{Deserialize, Serialize};
use shared::ops::targets::LabelSets;

use crate::{
    measures::{multi_label_scores, MultiLabelScores},
    network::Network,
    pretrain::{pretrain, Pretraining},
    source::{Source, Task, TEST_START},
    transfer::{fine_tuned, frozen, Transferring},
    DataScalingError,
};

/// Images whose scores are worked out at a time.
const AT_ONCE: usize = 256;

/// What a network is judged by: a task that pre-training never saw, and held-out images of the source.
#[derive(Clone, Copy)]
pub struct Judge<'a> {
    /// The task.
    pub task: &'a Task,
    /// How it is learnt, on frozen features and with fine-tuning.
    pub transferring: &'a Transferring,
    /// A source and how many of its images, from 2⁶³ on, scores are measured on; None, or a source with an end, for none.
    pub held_out: Option<(&'a dyn Source, usize)>,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Accuracy on the task with frozen features, after each part of pre-training.
    pub frozen: Vec<f64>,
    /// Accuracy after fine-tuning, likewise.
    pub fine_tuned: Vec<f64>,
    /// How good the scores are for held-out images, at the end; none where there are none.
    pub held_out: Option<MultiLabelScores>,
    /// The mean loss of each part.
    pub losses: Vec<f64>,
}

impl Outcome {
    /// Accuracy with frozen features at the end.
    #[must_use]
    pub fn last_frozen(&self) -> f64 {
        self.frozen.last().copied().unwrap_or(f64::NAN)
    }

    /// Accuracy after fine-tuning at the end.
    #[must_use]
    pub fn last_tuned(&self) -> f64 {
        self.fine_tuned.last().copied().unwrap_or(f64::NAN)
    }
}

impl Judge<'_> {
    /// What a network is worth as it is. The network does not change.
    ///
    /// # Errors
    /// [`DataScalingError`].
    pub fn judge(&self, network: &dyn Network) -> Result<Outcome, DataScalingError> {
        let mut outcome = Outcome::default();
        self.look(network, &mut outcome)?;
        self.finish(network, outcome)
    }

    /// Pre-trains a network, and judges it after every part; `tell` hears of each that is done.
    ///
    /// # Errors
    /// [`DataScalingError`].
    pub fn pretrain(
        &self,
        network: &mut dyn Network,
        source: &dyn Source,
        plan: &Pretraining,
        tell: &mut dyn FnMut(usize),
    ) -> Result<Outcome, DataScalingError> {
        let mut outcome = Outcome::default();
        let mut look = |part: usize, network: &dyn Network| {
            self.look(network, &mut outcome)?;
            tell(part);
            Ok(())
        };
        let losses = pretrain(network, source, plan, None, &mut look)?;
        self.finish(network, Outcome { losses, ..outcome })
    }

    fn look(&self, network: &dyn Network, outcome: &mut Outcome) -> Result<(), DataScalingError> {
        outcome.frozen.push(frozen(network, self.task, self.transferring)?);
        outcome.fine_tuned.push(fine_tuned(network, self.task, self.transferring)?);
        Ok(())
    }

    fn finish(&self, network: &dyn Network, outcome: Outcome) -> Result<Outcome, DataScalingError> {
        let held_out = match self.held_out {
            Some((source, count)) => held_out(network, source, count)?,
            None => None,
        };
        Ok(Outcome { held_out, ..outcome })
    }
}

/// The measures of a network's scores for `count` images of a source without end that no training set reaches.
///
/// # Errors
/// [`DataScalingError`].
pub fn held_out(
    network: &dyn Network,
    source: &dyn Source,
    count: usize,
) -> Result<Option<MultiLabelScores>, DataScalingError> {
    if count == 0 || source.len().is_some() {
        return Ok(None);
    }
    let image = source.image_len();
    let (mut scores, mut sets) = (Vec::new(), Vec::with_capacity(count));
    let mut pixels = vec![0.0; AT_ONCE.min(count) * image];
    for from in (0..count).step_by(AT_ONCE) {
        let rows = AT_ONCE.min(count - from);
        for (at, out) in pixels.chunks_exact_mut(image).take(rows).enumerate() {
            let mut labels = Vec::new();
            source.write(TEST_START + (from + at) as u64, out, &mut labels)?;
            sets.push(labels);
        }
        scores.extend(network.scores(&pixels[..rows * image])?);
    }
    // every label must exist, or the measures would be of other labels
    LabelSets::new(sets.iter().map(|set| set.iter().map(|l| *l as usize)), source.labels())?;
    Ok(multi_label_scores(&scores, source.labels(), &sets))
}

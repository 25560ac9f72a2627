//! Synchronous SGD over the ranks of a group (sections 2.3, 2.4 and 3 of the paper).

use sha2::{Digest, Sha256};

use crate::{collective::Collective, shards, LargeBatchError, Replica};

/// In what order the workers' gradients are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// ((g₀ + g₁) + g₂) + …, worker by worker: the same bits on any number of ranks, where the group's own sums go by rank. A
    /// rank with m workers takes part in m sums a step.
    #[default]
    Ordered,
    /// Each rank adds up its own workers first, and takes part in one sum a step.
    Local,
}

/// Data-parallel training: k workers of n examples each, shared out over the ranks of a group, that together take one step of
/// kn examples.
///
/// ```text
/// w ← w − η̂ Σ_j Σ_{x in B_j} ∇l(x, w) / kn        equation 4, with momentum and decay as the optimiser has them
/// ```
///
/// Worker j has the j-th n examples of the minibatch, and rank r has the workers r, r + p, r + 2p, … of p ranks. Each worker's
/// mean gradient counts by its share of the minibatch, which is 1/k where all are whole (Remark 3): sums need no division,
/// the rate needs none either, and a ragged end is the exact mean.
///
/// Batch normalisation takes the statistics of each worker's n examples alone (section 2.3). Running statistics, of which the
/// paper does not speak, begin a step the same for every worker and end it as the mean of what the workers make of them, so
/// that they too are those of k workers on any number of ranks.
///
/// With [`Reduction::Ordered`] and a group that adds up in the order of ranks, weights after any number of steps are the
/// same bits whether one rank accumulates all k gradients, or each of k ranks has its own.
#[derive(Debug)]
pub struct DataParallel<R> {
    /// This rank's model.
    pub replica: R,
    per_worker: usize,
    reduction: Reduction,
    elements: usize,
    /// What this rank gives to a sum, and what came of the sums so far; kept from step to step.
    row: Vec<f32>,
    total: Vec<f32>,
}

/// What one step of all workers came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepOutcome {
    /// The mean loss of the minibatch before the step, in single precision.
    pub loss: f64,
    /// |g|² of the minibatch's gradient.
    pub square: f64,
    /// The mean over workers, by their share of the minibatch, of |g_j|² of each worker's own gradient.
    pub worker_square: f64,
    /// Workers that had examples.
    pub workers: usize,
}

/// Numbers behind a gradient and its statistics in a row: loss and the worker's |g|².
const EXTRAS: usize = 2;

impl<R: Replica> DataParallel<R> {
    /// A rank's part. `per_worker` is n, the examples of a worker.
    ///
    /// # Errors
    /// [`LargeBatchError::Setting`] where n is 0.
    pub fn new(replica: R, per_worker: usize, reduction: Reduction) -> Result<Self, LargeBatchError> {
        if per_worker == 0 {
            let (field, value) = ("the examples of a worker", "0".into());
            return Err(LargeBatchError::Setting { field, value, allowed: "at least 1" });
        }
        let elements = replica.elements();
        Ok(DataParallel { replica, per_worker, reduction, elements, row: Vec::new(), total: Vec::new() })
    }

    /// n, the examples of a worker.
    #[must_use]
    pub fn per_worker(&self) -> usize {
        self.per_worker
    }

    /// Makes sure that every rank is about to train the same: one version of this crate, `settings` as text, and the same state
    /// of the replica to the bit. Every rank calls it, before the first step and after a resume.
    ///
    /// # Errors
    /// [`LargeBatchError::OtherRank`], on every rank, naming the first that differs from rank 0.
    pub fn agree(&self, group: &mut dyn Collective, settings: &str) -> Result<(), LargeBatchError> {
        let state = self.replica.save()?;
        let mut digest = Sha256::new();
        for tensor in &state.tensors {
            digest.update(tensor.name());
            tensor.values().iter().for_each(|value| digest.update(value.to_le_bytes()));
        }
        digest.update(format!("{:?}", state.values));
        let digest = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
        let mine = [env!("CARGO_PKG_VERSION"), settings, &digest];
        let text = mine.map(|part| part.replace('\0', " ")).join("\0");
        let all = group.all_gather(text.as_bytes())?;
        let all: Vec<Vec<String>> = all
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes).split('\0').map(str::to_owned).collect())
            .collect();
        let names = ["a version of the program", "settings", "weights or optimiser state"];
        for (rank, theirs) in all.iter().enumerate() {
            for (at, what) in names.iter().enumerate() {
                let (theirs, ours) = (theirs.get(at), all[0].get(at));
                if theirs != ours {
                    let [theirs, ours] = [theirs, ours].map(|part| part.cloned().unwrap_or_default());
                    return Err(LargeBatchError::OtherRank { rank, what: (*what).into(), theirs, ours });
                }
            }
        }
        Ok(())
    }

    /// One step at the rate `lr` on a minibatch, given whole to every rank: kn positions of examples.
    ///
    /// # Errors
    /// [`LargeBatchError::Collective`] where a rank is lost; the replica's. Where the first happens, no rank has taken the step.
    pub fn step(
        &mut self,
        group: &mut dyn Collective,
        minibatch: &[usize],
        lr: f64,
    ) -> Result<StepOutcome, LargeBatchError> {
        let before = self.replica.buffers();
        let length = self.elements + before.len() + EXTRAS;
        let workers = shards(minibatch, self.per_worker).len();
        let (rank, ranks) = (group.rank(), group.size());
        self.total.clear();
        let rounds = workers.div_ceil(ranks.max(1));
        for round in 0..rounds {
            self.row.clear();
            if let Some(shard) = shards(minibatch, self.per_worker).nth(round * ranks + rank) {
                self.work(shard, minibatch.len(), &before, round > 0)?;
            }
            // x + −0 is x to the bit, whatever x is
            self.row.resize(length, -0.0);
            // what is there already comes first in the order of sums, and so with rank 0
            let carries = self.reduction == Reduction::Local || rank == 0;
            if carries && !self.total.is_empty() {
                self.row.iter_mut().zip(&self.total).for_each(|(new, sum)| *new += sum);
            }
            if self.reduction == Reduction::Ordered || round + 1 == rounds {
                group.all_reduce(&mut self.row)?;
            }
            std::mem::swap(&mut self.row, &mut self.total);
        }
        let (gradient, rest) = self.total.split_at(self.elements.min(self.total.len()));
        let (drift, extras) = rest.split_at(before.len().min(rest.len()));
        let after: Vec<f32> = before.iter().zip(drift).map(|(old, drift)| old + drift).collect();
        if !after.is_empty() {
            self.replica.set_buffers(&after)?;
        }
        let square = gradient.iter().map(|g| f64::from(*g).powi(2)).sum();
        self.replica.apply(gradient, lr)?;
        let [loss, worker_square] = [0, 1].map(|at| f64::from(extras.get(at).copied().unwrap_or(0.0)));
        Ok(StepOutcome { loss, square, worker_square, workers })
    }

    /// One worker's row: its gradient, how its running statistics moved, its loss and |g|², each by its share.
    fn work(
        &mut self,
        shard: &[usize],
        all: usize,
        before: &[f32],
        moved: bool,
    ) -> Result<(), LargeBatchError> {
        if moved && !before.is_empty() {
            self.replica.set_buffers(before)?;
        }
        let share = shard.len() as f64 / all as f64;
        let loss = self.replica.gradient(shard, share as f32, &mut self.row)?;
        let square: f64 = self.row.iter().map(|g| f64::from(*g).powi(2)).sum();
        let after = self.replica.buffers();
        self.row.extend(after.iter().zip(before).map(|(new, old)| (new - old) * share as f32));
        self.row.push((loss * share) as f32);
        self.row.push((square / share) as f32);
        Ok(())
    }
}

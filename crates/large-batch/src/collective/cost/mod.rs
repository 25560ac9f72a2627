//! How long an all-reduce takes, by a model of the network (section 4 of the paper).
//!
//! A message of b bytes takes alpha + b beta seconds, and adding up b bytes takes b gamma. A rank sends and receives at once.

use super::{Algorithm, Then};

mod fit;

pub use fit::{CostError, Measured};

/// What the network and the cores cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CostModel {
    /// Seconds a message, whatever its length.
    pub alpha: f64,
    /// Seconds a byte that is sent.
    pub beta: f64,
    /// Seconds a byte that is added to another.
    pub gamma: f64,
}

/// How much of each there is on the longest way through an all-reduce.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Terms {
    /// Messages, one after the other.
    pub messages: f64,
    /// Bytes sent, one after the other.
    pub bytes: f64,
    /// Bytes added.
    pub added: f64,
}

/// An all-reduce as the model's clock saw it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Replay {
    /// Seconds until the last rank has the sum.
    pub seconds: f64,
    /// The most steps that a rank took part in.
    pub steps: u64,
    /// Messages of all ranks.
    pub messages: u64,
    /// The most bytes that a rank sent.
    pub bytes: u64,
}

impl Terms {
    /// Those of `algorithm` for `size` ranks and `len` values of 4 bytes: with b = 4 len,
    ///
    /// - ring and ordered: 2(p - 1) messages, 2(p - 1)/p b bytes, (p - 1)/p b added;
    /// - halving/doubling: 2 log2 p messages and the same bytes. Where p is not a power of two, with p' the greatest
    ///   below it, 2 log2 p' + 2 messages, (2(p' - 1)/p' + 2) b bytes, ((p' - 1)/p' + 1) b added.
    pub fn of(algorithm: Algorithm, size: usize, len: usize) -> Self {
        if size < 2 {
            return Self::default();
        }
        let b = 4.0 * len as f64;
        let share = |p: usize| (p - 1) as f64 / p as f64;
        let messages = algorithm.steps(size) as f64;
        if algorithm != Algorithm::HalvingDoubling || size.is_power_of_two() {
            return Self { messages, bytes: 2.0 * share(size) * b, added: share(size) * b };
        }
        let core = share(1 << size.ilog2());
        Self { messages, bytes: (2.0 * core + 2.0) * b, added: (core + 1.0) * b }
    }
}

impl CostModel {
    /// Seconds for `terms`: messages alpha + bytes beta + added gamma.
    pub fn seconds(&self, terms: Terms) -> f64 {
        terms.messages * self.alpha + terms.bytes * self.beta + terms.added * self.gamma
    }

    /// Seconds of an all-reduce by the closed formula of [`Terms::of`].
    pub fn formula(&self, algorithm: Algorithm, size: usize, len: usize) -> f64 {
        self.seconds(Terms::of(algorithm, size, len))
    }

    /// Runs a clock for every rank over the very schedule of messages that a group carries out.
    ///
    /// A rank begins a step when it has ended the one before; its message arrives alpha + b beta later, and the step ends
    /// when its own message is out and the one that it awaits is there, and added.
    ///
    /// # Example
    /// ```
    /// use large_batch::collective::{cost::CostModel, Algorithm};
    /// let model = CostModel { alpha: 1e-5, beta: 1e-9, gamma: 1e-10 };
    /// let ring = model.replay(Algorithm::Ring, 32, 1 << 10);
    /// let halving = model.replay(Algorithm::HalvingDoubling, 32, 1 << 10);
    /// assert_eq!((ring.steps, halving.steps), (62, 10));
    /// assert!(halving.seconds < ring.seconds / 5.0);
    /// ```
    pub fn replay(&self, algorithm: Algorithm, size: usize, len: usize) -> Replay {
        let mut clocks = vec![0.0_f64; size];
        let (mut steps, mut bytes) = (vec![0_u64; size], vec![0_u64; size]);
        let (mut next, mut messages) = (clocks.clone(), 0);
        for at in 0..algorithm.steps(size) {
            for rank in 0..size {
                let step = algorithm.step(size, rank, len, at);
                let takes = |values: usize| self.alpha + 4.0 * values as f64 * self.beta;
                let mut end = clocks[rank];
                if let Some((_, range)) = &step.send {
                    end = end.max(clocks[rank] + takes(range.len()));
                    messages += 1;
                    bytes[rank] += 4 * range.len() as u64;
                }
                let mut added = 0;
                if let Some((from, range, then)) = &step.receive {
                    end = end.max(clocks[*from] + takes(range.len()));
                    added += if *then == Then::Add { range.len() } else { 0 };
                }
                added += step.sum.as_ref().map_or(0, |range| range.len() * (size - 1));
                steps[rank] += u64::from(step.send.is_some() || step.receive.is_some());
                next[rank] = end + 4.0 * added as f64 * self.gamma;
            }
            std::mem::swap(&mut clocks, &mut next);
        }
        Replay {
            seconds: clocks.into_iter().fold(0.0, f64::max),
            steps: steps.into_iter().max().unwrap_or(0),
            messages,
            bytes: bytes.into_iter().max().unwrap_or(0),
        }
    }
}
